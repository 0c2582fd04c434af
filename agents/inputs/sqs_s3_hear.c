/*
 * sqs_s3_hear: what is made of the answers: messages at hand, objects, and what is wrong.
 *
 * Owns:  nothing. Calls: core, aws_client, s3_reader, aws_notice.
 * Holds: a message that cannot be worked off is given back to the queue, never deleted.
 */
#include "agents/inputs/sqs_s3_int.h"
#include "core/base/alloc.h"
#include <stdio.h>
#include <string.h>

/* ---- messages ---- */

struct telling {
    const struct kt_input *in;
    struct message *m;
    bool foreign; /* it names a bucket that is none of ours */
};

static bool is_wanted(const struct kt_input *in, struct kt_str key)
{
    enum aws_trail_kind kind = aws_trail_kind(key);
    return kind == AWS_TRAIL_LOG || (kind == AWS_TRAIL_DIGEST && in->o.digests);
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
    if (!is_wanted(t->in, o->key))
        return;
    if (!is_ours(t->in, o->bucket)) {
        t->foreign = true;
        return;
    }
    struct kt_str etag = aws_plain(o->etag) ? o->etag : KT_STR_NONE;
    m->object = kt_realloc_array(m->object, m->n + 1, sizeof *m->object);
    m->object[m->n++] = s3_object_of(o->bucket, o->key, etag);
}

static void take_message(struct kt_input *in, struct kt_jval v)
{
    struct message *m = &in->message[in->n];
    struct telling t = { .in = in, .m = m };
    *m = (struct message){ .id = kt_str_dup(kt_json_str_at(v, "MessageId")),
                           .receipt = kt_str_dup(kt_json_str_at(v, "ReceiptHandle")),
                           .hidden = in->aws.now };
    if (in->o.records) {
        struct kt_buf text = { 0 };
        kt_buf_add(&text, kt_json_str_at(v, "Body"));
        kt_buf_addz(&text, "\n");
        (void)kt_buf_z(&text);
        m->body = text.at;
        in->n++;
        return;
    }
    KT_CLEANUP(kt_free_ptr) char *body = kt_str_dup(kt_json_str_at(v, "Body"));
    enum aws_notice n = aws_notice_read(in->notices, kt_str_of(body), add_object, &t);
    if (n == AWS_NOTICE_UNKNOWN || t.foreign) {
        aws_client_say_for_long(&in->aws,
                                t.foreign ? "a message in the queue names a bucket that is not in "
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
    if (kt_json_parse(in->aws.json, body, &root, &repaired, NULL) != KT_OK) {
        aws_client_say(&in->aws, "the queue's answer is no JSON: check queue_url");
        aws_pace_later(&in->aws.pace, in->aws.now, 0);
        return;
    }
    aws_client_good(&in->aws);
    in->heard = in->aws.now;
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

void sqs_object_is(struct kt_input *in, enum s3_heard what)
{
    struct message *m = sqs_current(in);
    switch (what) {
    case S3_GOING:
        break;
    case S3_GONE:
        m->next++;
        m->finished = m->next == m->n;
        m->end = in->reader.fed;
        break;
    case S3_REFUSED: /* back to the queue, which hands it out again after a while */
        sqs_drop_messages(in, (unsigned)(m - in->message), 1);
        aws_pace_later(&in->aws.pace, in->aws.now, 0);
        break;
    }
}

/* ---- answers ---- */

static const char *help_for(int status, struct kt_str code)
{
    const char *help;
    enum aws_wrong wrong = aws_client_wrong(code, &help);
    if (help != NULL)
        return help;
    if (kt_str_has(code, KT_STR("DoesNotExist")))
        return "check queue_url and region";
    return wrong == AWS_WRONG_RIGHT || status == 403
               ? "the role needs sqs:ReceiveMessage, sqs:DeleteMessage and "
                 "sqs:ChangeMessageVisibility on it"
               : "it is asked again later";
}

static void queue_refused(struct kt_input *in, const struct kt_http_answer *a)
{
    char text[200];
    struct kt_str code = aws_client_code(&in->aws, a);
    (void)snprintf(text, sizeof text, "queue: %d " KT_STR_FMT ": %s", a->status, KT_STR_ARG(code),
                   help_for(a->status, code));
    aws_client_say(&in->aws, text);
    aws_pace_later(&in->aws.pace, in->aws.now, a->retry_after);
}

void sqs_answered(struct kt_input *in, enum aws_heard heard, struct kt_http_answer *a)
{
    if (in->asking == ASK_OBJECT)
        sqs_object_is(in, s3_take_hear(&in->take, heard, a));
    else if (heard == AWS_FAILED)
        aws_pace_later(&in->aws.pace, in->aws.now, a->retry_after);
    else if (a->status != 200)
        queue_refused(in, a);
    else if (in->asking == ASK_MESSAGES)
        hear_messages(in, kt_buf_str(&a->body));
    else if (in->asking == ASK_DELETE)
        sqs_drop_messages(in, 0, in->deleting); /* what was not deleted comes again */
}
