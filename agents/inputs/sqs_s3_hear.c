/*
 * sqs_s3_hear: what is made of the answers: messages at hand, pieces of objects, and what is wrong.
 *
 * Owns:  nothing. Calls: core, aws_creds, aws_notice, the pipeline.
 * Holds: a message that cannot be worked off is given back to the queue, never deleted.
 */
#include "agents/inputs/sqs_s3_int.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include <stdio.h>
#include <string.h>

/* ---- messages ---- */

struct telling {
    const struct kt_input *in;
    struct message *m;
    bool foreign; /* it names a bucket that is none of ours */
};

static bool is_wanted(struct kt_str key)
{
    return !kt_str_has(key, KT_STR("/CloudTrail-Digest/")) &&
           !kt_str_has(key, KT_STR("/CloudTrail-Insight/"));
}

/* Letters, digits and '-': what goes into a header, or into the name of a host, unchanged. */
static bool is_plain(struct kt_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              c == '-'))
            return false;
    }
    return s.len > 0 && s.len <= 80;
}

/* Whoever may write to the queue could else name a bucket of their own, with records they made up.
 */
static bool is_ours(const struct kt_input *in, struct kt_str bucket)
{
    for (unsigned i = 0; i < in->o.buckets.n; i++)
        if (kt_str_is(bucket, in->o.buckets.at[i]))
            return true;
    return in->o.buckets.n == 0;
}

static void add_object(void *self, const struct aws_object *o)
{
    struct telling *t = self;
    struct message *m = t->m;
    if (!is_wanted(o->key))
        return;
    if (!is_ours(t->in, o->bucket)) {
        t->foreign = true;
        return;
    }
    struct kt_str etag = is_plain(o->etag) ? o->etag : KT_STR_NONE;
    m->object = kt_realloc_array(m->object, m->n + 1, sizeof *m->object);
    m->object[m->n++] =
        (struct object){ kt_str_dup(o->bucket), kt_str_dup(o->key), kt_str_dup(etag) };
}

static void take_message(struct kt_input *in, struct kt_jval v)
{
    struct message *m = &in->message[in->n];
    struct telling t = { .in = in, .m = m };
    *m = (struct message){ .id = kt_str_dup(kt_json_str_at(v, "MessageId")),
                           .receipt = kt_str_dup(kt_json_str_at(v, "ReceiptHandle")),
                           .hidden = in->now };
    KT_CLEANUP(kt_free_ptr) char *body = kt_str_dup(kt_json_str_at(v, "Body"));
    enum aws_notice n = aws_notice_read(in->notices, kt_str_of(body), add_object, &t);
    if (n == AWS_NOTICE_UNKNOWN || t.foreign) {
        sqs_say_for_long(in, t.foreign ? "a message in the queue names a bucket that is not in "
                                         "'buckets': it is left there"
                                       : "a message in the queue tells of no object: it is left "
                                         "there; give it a dead-letter queue, and this queue to "
                                         "nobody else");
        sqs_message_free(m);
        return;
    }
    m->finished = m->n == 0;
    in->n++;
}

static void hear_messages(struct kt_input *in, struct kt_str body)
{
    struct kt_jval root, v;
    struct kt_str name;
    unsigned repaired;
    if (kt_json_parse(in->json, body, &root, &repaired, NULL) != KT_OK) {
        sqs_say(in, "the queue's answer is no JSON: check queue_url");
        sqs_again_later(in, 0);
        return;
    }
    if (in->now >= in->said_until)
        in->problem[0] = '\0';
    in->failures = 0;
    in->heard = in->now;
    struct kt_jval messages = kt_json_at(root, "Messages");
    in->backlog = kt_json_count(messages) >= AT_ONCE;
    struct kt_json_iter it = kt_json_iter(messages);
    while (in->n < MESSAGES_MAX && kt_json_next(&it, &name, &v))
        take_message(in, v);
}

/* ---- objects ---- */

struct message *sqs_current(struct kt_input *in)
{
    for (unsigned i = 0; i < in->n; i++)
        if (!in->message[i].finished)
            return &in->message[i];
    return NULL;
}

static void to_next(struct message *m)
{
    m->next++;
    m->finished = m->next == m->n;
}

static void end_object(struct kt_input *in)
{
    kt_gunzip_free(in->gunzip);
    in->gunzip = NULL;
    kt_buf_reset(&in->piece);
    in->piece_at = 0;
    in->offset = 0;
}

/* What was begun of it ends in the middle of a record. */
static void leave_object(struct kt_input *in)
{
    if (in->gunzip != NULL)
        kt_pipeline_restart(in->pipeline, in->fed);
    end_object(in);
}

/* The message goes back to the queue: it is handed out again after a while. */
static void give_back(struct kt_input *in, struct message *m)
{
    leave_object(in);
    sqs_drop_messages(in, (unsigned)(m - in->message), 1);
}

static enum kt_status feed(void *self, struct kt_str piece, struct kt_error *err)
{
    struct kt_input *in = self;
    enum kt_status st =
        kt_pipeline_feed(in->pipeline, piece, in->fed, kt_str_of(in->last), in->now, err);
    in->fed += piece.len;
    in->inflated += piece.len;
    return st;
}

static enum kt_status object_is_read(struct kt_input *in, const struct kt_error *broken,
                                     struct kt_error *err)
{
    struct message *m = sqs_current(in);
    KT_CLEANUP(kt_buf_done) struct kt_buf what = { 0 };
    in->objects++;
    if (broken != NULL) {
        in->broken++;
        kt_buf_addf(&what, "'%.90s' is broken at byte %llu; the rest was taken", in->last,
                    (unsigned long long)in->offset);
        sqs_say_for_long(in, kt_buf_z(&what));
    }
    end_object(in);
    /* A first half whose partner is not here is given out: a message that is deleted brings it no
     * second time. */
    if (kt_pipeline_end(in->pipeline, in->now, err) != KT_OK ||
        kt_pipeline_expire(in->pipeline, in->now, true, err) != KT_OK)
        return kt_wrap(err, "'%s'", in->last);
    to_next(m);
    m->end = in->fed;
    return KT_OK;
}

/* Works off what is at hand of an object, about `budget` bytes of it inflated. */
enum kt_status sqs_work_off(struct kt_input *in, size_t budget, bool *ret_more,
                            struct kt_error *err)
{
    struct kt_error why = { 0 };
    in->inflated = 0;
    while (in->gunzip != NULL && in->piece_at < in->piece.len && in->inflated < budget) {
        struct kt_str rest = kt_str_from_index(kt_buf_str(&in->piece), in->piece_at);
        rest = kt_str_sub(rest, 0, FEED);
        in->piece_at += rest.len;
        enum kt_status st = kt_gunzip_feed(in->gunzip, rest, feed, in, &why);
        if (st == KT_E_INPUT)
            return object_is_read(in, &why, err);
        if (st != KT_OK)
            return kt_fail(err, st, "'%s': %s", in->last, why.text);
    }
    *ret_more = in->gunzip != NULL && in->piece_at < in->piece.len;
    if (in->gunzip == NULL || *ret_more || !in->last_piece)
        return KT_OK;
    enum kt_status st = kt_gunzip_end(in->gunzip, &why);
    return object_is_read(in, st != KT_OK ? &why : NULL, err);
}

/* A bucket elsewhere says where it is: asked there from then on. */
static bool other_region(struct kt_input *in, struct kt_str body)
{
    struct kt_str region = aws_xml(body, "Region");
    if (!is_plain(region) || region.len >= sizeof in->bucket_region ||
        kt_str_is(region, in->bucket_region))
        return false;
    kt_str_copyz(in->bucket_region, sizeof in->bucket_region, region);
    return true;
}

static const char *help_for(int status, struct kt_str code)
{
    static const struct {
        const char *code, *help;
    } known[] = {
        { "RequestTimeTooSkewed", "the clock of this machine is wrong" },
        { "SignatureDoesNotMatch", "the secret key is not the one of the key id" },
        { "NoSuchBucket", "there is no such bucket" },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(known); i++)
        if (kt_str_is(code, known[i].code))
            return known[i].help;
    return status == 403   ? "the role needs s3:GetObject there (and kms:Decrypt)"
           : status == 301 ? "the bucket is in another region: set bucket_region"
           : status == 412 ? "the object was changed meanwhile"
                           : "it is asked for again";
}

static void object_refused(struct kt_input *in, const struct kt_http_answer *a, struct message *m)
{
    struct kt_str code = aws_xml(kt_buf_str(&a->body), "Code");
    char text[200];
    if (other_region(in, kt_buf_str(&a->body)))
        return;
    const char *help = help_for(a->status, code);
    code = kt_str_sub(code, 0, 40);
    (void)snprintf(text, sizeof text, "bucket '%.60s': %d " KT_STR_FMT ": %s",
                   m->object[m->next].bucket, a->status, KT_STR_ARG(code), help);
    sqs_say_for_long(in, text);
    give_back(in, m);
    sqs_again_later(in, 0);
}

/* A piece of the object that is read, or why there is none. */
static void hear_object(struct kt_input *in, struct kt_http_answer *a)
{
    struct message *m = sqs_current(in);
    if (m == NULL)
        return;
    bool end = a->status == 416 && in->offset > 0; /* the piece before was the last, and full */
    struct kt_str code = aws_xml(kt_buf_str(&a->body), "Code");
    bool gone =
        a->status == 404 && (kt_str_is(code, "NoSuchKey") || kt_str_is(code, "NoSuchVersion"));
    if (gone || (a->status == 416 && !end)) {
        in->gone++; /* nothing to be read: removed again, or empty */
        to_next(m);
        leave_object(in);
        return;
    }
    if (a->status != 200 && a->status != 206 && !end) {
        object_refused(in, a, m);
        return;
    }
    if (in->gunzip == NULL)
        in->gunzip = kt_gunzip_new();
    kt_buf_done(&in->piece);
    if (!end) {
        in->piece = a->body;
        a->body = (struct kt_buf){ 0 };
    }
    in->piece_at = 0;
    in->offset += in->piece.len;
    in->bytes += in->piece.len;
    in->last_piece = end || a->status == 200 || in->piece.len < PIECE;
    in->failures = 0;
}

/* ---- answers ---- */

/* "com.amazonaws.sqs#QueueDoesNotExist" */
static void queue_refused(struct kt_input *in, const struct kt_http_answer *a)
{
    struct kt_jval root = { 0 };
    unsigned repaired;
    char text[200];
    if (kt_json_parse(in->json, kt_buf_str(&a->body), &root, &repaired, NULL) != KT_OK)
        root = (struct kt_jval){ 0 };
    struct kt_str type = kt_json_str_at(root, "__type");
    ptrdiff_t hash = kt_str_find_byte(type, '#', 0);
    type = kt_str_sub(kt_str_from_index(type, hash < 0 ? 0 : (size_t)hash + 1), 0, 60);
    const char *help = a->status == 403
                           ? "the role needs sqs:ReceiveMessage, sqs:DeleteMessage and "
                             "sqs:ChangeMessageVisibility on it"
                       : kt_str_has(type, KT_STR("DoesNotExist")) ? "check queue_url and region"
                                                                  : "it is asked again later";
    (void)snprintf(text, sizeof text, "queue: %d " KT_STR_FMT ": %s", a->status, KT_STR_ARG(type),
                   help);
    sqs_say(in, text);
    sqs_again_later(in, a->retry_after);
}

static bool keys_are_old(struct kt_input *in, const struct kt_http_answer *a)
{
    static const char *const words[] = { "ExpiredToken", "InvalidClientTokenId", "InvalidToken",
                                         "InvalidAccessKeyId", "UnrecognizedClientException" };
    struct kt_jval root = { 0 };
    unsigned repaired;
    struct kt_str code = aws_xml(kt_buf_str(&a->body), "Code");
    if (a->status < 400)
        return false;
    if (code.len == 0 &&
        kt_json_parse(in->json, kt_buf_str(&a->body), &root, &repaired, NULL) == KT_OK) {
        code = kt_json_str_at(root, "__type");
        ptrdiff_t hash = kt_str_find_byte(code, '#', 0);
        code = kt_str_from_index(code, hash < 0 ? 0 : (size_t)hash + 1);
    }
    for (size_t i = 0; i < KT_ARRAY_LEN(words); i++)
        if (kt_str_is(code, words[i]))
            return true;
    return false;
}

static void hear_keys(struct kt_input *in, struct kt_http_answer *a)
{
    struct kt_error err = { 0 };
    struct aws_keys keys;
    bool heard = a->status != 0 && a->error[0] == '\0';
    enum kt_status st =
        heard ? aws_creds_answer(in->creds, a->status, kt_buf_str(&a->body), in->now, &err)
              : KT_E_IO;
    kt_wipe(a->body.at, a->body.cap);
    if (st == KT_OK)
        return;
    in->keys_at = in->now + KT_NS_MIN;
    sqs_say(in, heard ? err.text : a->error);
    if (!aws_creds_keys(in->creds, in->now, &keys))
        sqs_again_later(in, 0);
}

void sqs_answered(struct kt_input *in, struct kt_http_answer *a)
{
    enum asking what = in->asking;
    in->asking = ASK_NOTHING;
    if (what == ASK_KEYS) {
        hear_keys(in, a);
        return;
    }
    if (a->status == 0 || a->error[0] != '\0' || a->status == 429 || a->status >= 500) {
        char text[64];
        (void)snprintf(text, sizeof text, "AWS answers %d and is asked again later", a->status);
        sqs_say(in, a->error[0] != '\0' ? a->error : text);
        sqs_again_later(in, a->retry_after);
        return;
    }
    if (keys_are_old(in, a)) {
        aws_creds_forget(in->creds);
        sqs_say(in, "the keys are refused: new ones are looked for");
        sqs_again_later(in, 0);
        return;
    }
    if (what == ASK_OBJECT)
        hear_object(in, a);
    else if (a->status != 200)
        queue_refused(in, a);
    else if (what == ASK_MESSAGES)
        hear_messages(in, kt_buf_str(&a->body));
    else if (what == ASK_DELETE)
        sqs_drop_messages(in, 0, in->deleting); /* what was not deleted comes again */
}
