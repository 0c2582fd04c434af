/*
 * sqs_s3: objects of a bucket, as messages of a queue tell of them: CloudTrail's way to whoever
 * reads it.
 *
 * Owns:  the messages at hand, the object being read, one request at a time.
 * Calls: core, fetch, aws_sign, aws_creds, aws_notice, one pipeline for all objects. Time comes in.
 * Holds: a message is deleted no earlier than every line of its objects is in the spool; after a
 *        crash the queue hands it out again, and the collector drops what it has. Objects are read
 *        in pieces, so that none is ever whole in memory.
 */
#include "agents/input.h"
#include "agents/inputs/aws_creds.h"
#include "agents/inputs/aws_notice.h"
#include "agents/inputs/aws_sign.h"
#include "agents/inputs/counts.h"
#include "agents/inputs/fetch.h"
#include "core/base/alloc.h"
#include "core/base/zip.h"
#include "core/event/line.h"
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGES_MAX 40u         /* at hand, most of them waiting for the spool */
#define AT_ONCE      10u         /* what the queue's calls take */
#define PIECE        (4u << 20)  /* of an object, in one request */
#define FEED         (16u << 10) /* may inflate a thousandfold */
#define REPLY_MAX    (PIECE + (1u << 20))
#define HIDDEN_S     300 /* seconds a message stays ours */
#define LONGER_NS    (200 * KT_NS_S)
#define POLL_S       20
#define TOTAL        KT_NS_MIN
#define RETRY_FIRST  (2 * KT_NS_S)
#define RETRY_MOST   (5 * KT_NS_MIN)
#define SAID_NS      (10 * KT_NS_MIN)
#define DONE_KEY     "done" /* position: how many messages' lines were given out */
#define URL_MAX      2048u

struct options {
    const char *queue_url, *queue_url_file, *region, *bucket_region, *endpoint, *credentials_file,
        *profile, *proxy, *ca_file;
    bool allow_private;
};
#define AT(field) offsetof(struct options, field)
static const struct kt_option options[] = {
    /* beside the keys of every source entry */
    { "queue_url", KT_OPT_STRING, "", AT(queue_url), "of the SQS queue", false, false },
    { "queue_url_file", KT_OPT_SECRET_FILE, "", AT(queue_url_file), "file that holds it", false,
      false },
    { "region", KT_OPT_STRING, "", AT(region), "default: the one in the queue's URL", false,
      false },
    { "bucket_region", KT_OPT_STRING, "", AT(bucket_region), "default: the queue's", false, false },
    { "credentials_file", KT_OPT_SECRET_FILE, "", AT(credentials_file),
      "AWS credentials file, mode 0600; default: as the AWS tools look for them", false, false },
    { "profile", KT_OPT_STRING, "", AT(profile), "its section; default: default", false, false },
    { "endpoint", KT_OPT_STRING, "", AT(endpoint), "another S3 than that of AWS", false, false },
    { "proxy", KT_OPT_STRING, "", AT(proxy), "http://host:port", false, false },
    { "ca_file", KT_OPT_PATH, "", AT(ca_file), "certificates instead of the system's", false,
      false },
    { "allow_private", KT_OPT_BOOL, "false", AT(allow_private),
      "private addresses, and http to this host", false, false },
    KT_OPTIONS_END,
};
#undef AT

struct object {
    char *bucket, *key, *etag;
};
struct message {
    char *id, *receipt;
    struct object *object;
    unsigned n, next;   /* next: the object to be read */
    kt_time_ns hidden;  /* since when it is ours */
    uint64_t end, mark; /* of its last byte in the pipeline; 0 = not given out yet */
    bool finished;      /* every object is read, or nothing is to be read */
};
enum asking { ASK_NOTHING, ASK_KEYS, ASK_MESSAGES, ASK_OBJECT, ASK_DELETE, ASK_LONGER };
struct kt_input {
    struct kt_input_env env;
    struct options o;
    char queue_url[URL_MAX], region[64], bucket_region[64];
    struct kt_fetch *fetch;
    struct aws_creds *creds;
    struct aws_notices *notices;
    struct kt_json *json;
    struct kt_pipeline *pipeline;
    struct kt_buf url, body, headers;
    enum asking asking;
    struct message message[MESSAGES_MAX];
    unsigned n, deleting;     /* deleting: how many, from the first, are in the request */
    struct kt_gunzip *gunzip; /* of the object being read; NULL: none is */
    uint64_t offset;
    struct kt_buf piece; /* of it, worked off up to piece_at */
    size_t piece_at;
    bool last_piece;
    uint64_t fed, given, objects, gone, broken, bytes;
    size_t inflated;
    bool changed, backlog;     /* backlog: the queue gave as many as it could */
    kt_time_ns said_until;     /* the problem stays so long */
    kt_time_ns now, at, heard; /* at: nothing is asked before */
    unsigned failures;
    char problem[200], last[200];
};

/* ---- life ---- */

static const char *given(const char *s)
{
    return s != NULL && s[0] != '\0' ? s : NULL;
}

static const char *real_env(void *self, const char *name)
{
    (void)self;
    return getenv(name);
}

/* "https://sqs.eu-central-1.amazonaws.com/…" */
static void region_of(const char *url, char *to, size_t size)
{
    struct kt_str rest = kt_str_of(url), part;
    ptrdiff_t sqs = kt_str_find(rest, KT_STR("://sqs."), 0);
    if (sqs < 0)
        return;
    rest = kt_str_from_index(rest, (size_t)sqs + 7);
    if (kt_str_split(&rest, '.', &part))
        kt_str_copyz(to, size, part);
}

static enum kt_status take_options(struct kt_input *in, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf file = { 0 };
    if (given(in->o.queue_url_file) != NULL &&
        kt_fs_read_secret(in->o.queue_url_file, URL_MAX - 1, &file, err) != KT_OK)
        return kt_wrap(err, "queue_url_file");
    if (file.len == 0 && given(in->o.queue_url) != NULL)
        kt_buf_addz(&file, in->o.queue_url);
    struct kt_str url = kt_str_trim(kt_buf_str(&file));
    if (url.len == 0 || url.len >= URL_MAX)
        return kt_fail(err, KT_E_CONFIG, "queue_url or queue_url_file is missing");
    kt_str_copyz(in->queue_url, sizeof in->queue_url, url);
    if (kt_http_check_url(url, in->o.allow_private, err) != KT_OK)
        return kt_wrap(err, "queue_url");
    if (given(in->o.endpoint) != NULL &&
        kt_http_check_url(kt_str_of(in->o.endpoint), in->o.allow_private, err) != KT_OK)
        return kt_wrap(err, "endpoint");
    if (given(in->o.proxy) != NULL && kt_http_check_proxy(kt_str_of(in->o.proxy), err) != KT_OK)
        return KT_E_CONFIG;
    region_of(in->queue_url, in->region, sizeof in->region);
    if (given(in->o.region) != NULL)
        kt_str_copyz(in->region, sizeof in->region, kt_str_of(in->o.region));
    const char *bucket = given(in->o.bucket_region);
    kt_str_copyz(in->bucket_region, sizeof in->bucket_region,
                 kt_str_of(bucket != NULL ? bucket : in->region));
    if (in->region[0] == '\0')
        return kt_fail(err, KT_E_CONFIG, "region is missing: the queue's URL does not name it");
    return KT_OK;
}

static enum kt_status open_sqs(const struct kt_input_env *env, struct kt_input **ret,
                               struct kt_error *err)
{
    struct kt_input *in = kt_alloc(sizeof *in);
    in->env = *env;
    enum kt_status st = env->yaml == NULL || env->conf->node == NULL
                            ? kt_fail(err, KT_E_CONFIG, "queue_url is missing")
                            : kt_options_fill(env->yaml, env->conf->node, options, &in->o, err);
    if (st == KT_OK)
        st = take_options(in, err);
    if (st != KT_OK) {
        kt_free(in);
        return kt_wrap(err, "sqs_s3");
    }
    const struct aws_creds_options co = { .env = real_env,
                                          .file = given(in->o.credentials_file),
                                          .profile = given(in->o.profile),
                                          .region = in->region };
    in->fetch = kt_fetch_new();
    in->creds = aws_creds_new(&co);
    in->notices = aws_notices_new();
    in->json = kt_json_new(KT_JSON_SIMDJSON);
    in->pipeline = env->pipeline(env->self);
    kt_pipeline_restart(in->pipeline, 0);
    (void)kt_str_u64(env->position(env->self, KT_STR(DONE_KEY)), &in->given);
    *ret = in;
    return KT_OK;
}

static void message_free(struct message *m)
{
    for (unsigned i = 0; i < m->n; i++) {
        kt_free(m->object[i].bucket);
        kt_free(m->object[i].key);
        kt_free(m->object[i].etag);
    }
    kt_free(m->object);
    kt_free(m->id);
    kt_free(m->receipt);
    *m = (struct message){ 0 };
}

/* The first n messages are no longer ours to think of. */
static void drop_messages(struct kt_input *in, unsigned from, unsigned n)
{
    for (unsigned i = from; i < from + n; i++)
        message_free(&in->message[i]);
    memmove(&in->message[from], &in->message[from + n], (in->n - from - n) * sizeof in->message[0]);
    in->n -= n;
}

static void close_sqs(struct kt_input *in)
{
    drop_messages(in, 0, in->n);
    kt_fetch_free(in->fetch);
    aws_creds_free(in->creds);
    aws_notices_free(in->notices);
    kt_json_free(in->json);
    kt_pipeline_free(in->pipeline);
    kt_gunzip_free(in->gunzip);
    kt_buf_done(&in->url);
    kt_buf_done(&in->body);
    kt_buf_done(&in->headers);
    kt_buf_done(&in->piece);
    kt_free(in);
}

/* ---- what is wrong ---- */

static void again_later(struct kt_input *in, kt_time_ns at_least)
{
    kt_time_ns wait = RETRY_FIRST << (in->failures < 8 ? in->failures : 8);
    in->failures++;
    wait = wait > RETRY_MOST ? RETRY_MOST : wait;
    in->at = in->now + (wait > at_least ? wait : at_least);
}

static void say(struct kt_input *in, const char *what)
{
    (void)snprintf(in->problem, sizeof in->problem, "%.190s", what);
    in->said_until = 0; /* the next good answer */
}

/* What no good answer to another question mends. */
static void say_for_long(struct kt_input *in, const char *what)
{
    say(in, what);
    in->said_until = in->now + SAID_NS;
}

/* ---- asking ---- */

static struct kt_str host_of(struct kt_str url)
{
    ptrdiff_t from = kt_str_find(url, KT_STR("://"), 0);
    struct kt_str host = kt_str_from_index(url, from < 0 ? 0 : (size_t)from + 3);
    ptrdiff_t slash = kt_str_find_byte(host, '/', 0);
    return slash < 0 ? host : kt_str_sub(host, 0, (size_t)slash);
}

/* Signs r (host and path are taken from in->url) and sends it. */
static void send_signed(struct kt_input *in, struct aws_request *r, const struct aws_keys *keys,
                        struct kt_http_request *http)
{
    struct kt_str lines[AWS_HEADERS_MAX + 4], rest;
    struct kt_str url = kt_buf_str(&in->url);
    r->host = host_of(url);
    r->path = kt_str_from_index(url, (size_t)(r->host.at - url.at) + r->host.len);
    r->now = in->now;
    r->body = kt_buf_str(&in->body);
    kt_buf_reset(&in->headers);
    aws_sign(keys, r, &in->headers);
    rest = kt_buf_str(&in->headers);
    while (rest.len > 0 && http->n_headers < KT_ARRAY_LEN(lines) &&
           kt_str_split(&rest, '\n', &lines[http->n_headers]))
        http->n_headers++;
    http->url = url;
    http->body = r->body;
    http->headers = lines;
    http->proxy = given(in->o.proxy);
    http->ca_file = given(in->o.ca_file);
    http->allow_private = in->o.allow_private;
    http->total = TOTAL;
    http->reply_max = REPLY_MAX;
    kt_fetch_start(in->fetch, http);
}

/* One call of the queue's JSON protocol; its body stands in in->body. */
static void call_queue(struct kt_input *in, const struct aws_keys *keys, struct kt_str action,
                       enum asking what)
{
    const struct aws_pair h[] = { { KT_STR("content-type"), KT_STR("application/x-amz-json-1.0") },
                                  { KT_STR("x-amz-target"), action } };
    struct aws_request r = { .method = "POST",
                             .header = h,
                             .n_header = KT_ARRAY_LEN(h),
                             .region = in->region,
                             .service = "sqs" };
    struct kt_http_request http = { .method = KT_HTTP_POST };
    struct kt_str url = kt_str_of(in->queue_url), host = host_of(url);
    kt_buf_reset(&in->url);
    kt_buf_add(&in->url, kt_str_sub(url, 0, (size_t)(host.at - url.at) + host.len));
    kt_buf_byte(&in->url, '/');
    in->asking = what;
    send_signed(in, &r, keys, &http);
}

static void begin_body(struct kt_input *in)
{
    kt_buf_reset(&in->body);
    kt_buf_addz(&in->body, "{\"QueueUrl\":");
    kt_json_quote(&in->body, kt_str_of(in->queue_url));
}

static void ask_messages(struct kt_input *in, const struct aws_keys *keys)
{
    begin_body(in);
    kt_buf_addf(&in->body,
                ",\"MaxNumberOfMessages\":%u,\"WaitTimeSeconds\":%d,\"VisibilityTimeout\":%d}",
                AT_ONCE, in->n == 0 ? POLL_S : 0, HIDDEN_S);
    call_queue(in, keys, KT_STR("AmazonSQS.ReceiveMessage"), ASK_MESSAGES);
}

static void ask_delete(struct kt_input *in, const struct aws_keys *keys, unsigned n)
{
    begin_body(in);
    kt_buf_addz(&in->body, ",\"Entries\":[");
    for (unsigned i = 0; i < n; i++) {
        kt_buf_addf(&in->body, "%s{\"Id\":\"m%u\",\"ReceiptHandle\":", i > 0 ? "," : "", i);
        kt_json_quote(&in->body, kt_str_of(in->message[i].receipt));
        kt_buf_byte(&in->body, '}');
    }
    kt_buf_addz(&in->body, "]}");
    in->deleting = n;
    call_queue(in, keys, KT_STR("AmazonSQS.DeleteMessageBatch"), ASK_DELETE);
}

static void ask_longer(struct kt_input *in, const struct aws_keys *keys, struct message *m)
{
    begin_body(in);
    kt_buf_addz(&in->body, ",\"ReceiptHandle\":");
    kt_json_quote(&in->body, kt_str_of(m->receipt));
    kt_buf_addf(&in->body, ",\"VisibilityTimeout\":%d}", HIDDEN_S);
    m->hidden = in->now;
    call_queue(in, keys, KT_STR("AmazonSQS.ChangeMessageVisibility"), ASK_LONGER);
}

static void ask_object(struct kt_input *in, const struct aws_keys *keys, const struct object *o)
{
    char range[64];
    struct aws_pair h[2] = { { KT_STR("range"), KT_STR_NONE } };
    struct aws_request r = {
        .method = "GET", .header = h, .n_header = 1, .region = in->bucket_region, .service = "s3"
    };
    struct kt_http_request http = { .method = KT_HTTP_GET, .raw = true };
    (void)snprintf(range, sizeof range, "bytes=%llu-%llu", (unsigned long long)in->offset,
                   (unsigned long long)in->offset + PIECE - 1);
    h[0].value = kt_str_of(range);
    KT_CLEANUP(kt_buf_done) struct kt_buf etag = { 0 };
    if (o->etag != NULL && o->etag[0] != '\0') { /* the same bytes in every piece */
        kt_buf_addf(&etag, "\"%s\"", o->etag);
        h[r.n_header++] = (struct aws_pair){ KT_STR("if-match"), kt_buf_str(&etag) };
    }
    kt_buf_reset(&in->body);
    kt_buf_reset(&in->url);
    if (given(in->o.endpoint) != NULL)
        kt_buf_addz(&in->url, in->o.endpoint);
    else
        kt_buf_addf(&in->url, "https://s3.%s.amazonaws.com%s", in->bucket_region,
                    strncmp(in->bucket_region, "cn-", 3) == 0 ? ".cn" : "");
    if (in->url.at[in->url.len - 1] == '/')
        in->url.len--;
    kt_buf_byte(&in->url, '/');
    aws_encode(kt_str_of(o->bucket), false, &in->url);
    kt_buf_byte(&in->url, '/');
    aws_encode(kt_str_of(o->key), true, &in->url);
    in->asking = ASK_OBJECT;
    send_signed(in, &r, keys, &http);
}

static void ask_keys(struct kt_input *in)
{
    struct kt_error err = { 0 };
    struct kt_http_request http;
    enum kt_status st = aws_creds_request(in->creds, in->now, &http, &err);
    if (st == KT_E_AGAIN)
        return; /* they were in a file */
    if (st != KT_OK) {
        say(in, err.text);
        again_later(in, 0);
        return;
    }
    in->asking = ASK_KEYS;
    kt_fetch_start(in->fetch, &http);
}

/* ---- messages ---- */

struct telling {
    struct message *m;
};

static bool is_wanted(struct kt_str key)
{
    return !kt_str_has(key, KT_STR("/CloudTrail-Digest/")) &&
           !kt_str_has(key, KT_STR("/CloudTrail-Insight/"));
}

static void add_object(void *self, const struct aws_object *o)
{
    struct message *m = ((struct telling *)self)->m;
    if (!is_wanted(o->key))
        return;
    m->object = kt_realloc_array(m->object, m->n + 1, sizeof *m->object);
    m->object[m->n++] =
        (struct object){ kt_str_dup(o->bucket), kt_str_dup(o->key), kt_str_dup(o->etag) };
}

static void take_message(struct kt_input *in, struct kt_jval v)
{
    struct message *m = &in->message[in->n];
    struct telling t = { m };
    *m = (struct message){ .id = kt_str_dup(kt_json_str_at(v, "MessageId")),
                           .receipt = kt_str_dup(kt_json_str_at(v, "ReceiptHandle")),
                           .hidden = in->now };
    KT_CLEANUP(kt_free_ptr) char *body = kt_str_dup(kt_json_str_at(v, "Body"));
    enum aws_notice n = aws_notice_read(in->notices, kt_str_of(body), add_object, &t);
    if (n == AWS_NOTICE_UNKNOWN) {
        say_for_long(
            in,
            "a message in the queue tells of no object: it is left there; give it a dead-letter "
            "queue, and this queue to nobody else");
        message_free(m);
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
        say(in, "the queue's answer is no JSON: check queue_url");
        again_later(in, 0);
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

static struct message *current(struct kt_input *in)
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

/* The message goes back to the queue: it is handed out again after a while. */
static void give_back(struct kt_input *in, struct message *m)
{
    end_object(in);
    drop_messages(in, (unsigned)(m - in->message), 1);
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
    struct message *m = current(in);
    KT_CLEANUP(kt_buf_done) struct kt_buf what = { 0 };
    in->objects++;
    if (broken != NULL) {
        in->broken++;
        kt_buf_addf(&what, "'%.90s' is broken at byte %llu; the rest was taken", in->last,
                    (unsigned long long)in->offset);
        say_for_long(in, kt_buf_z(&what));
    }
    end_object(in);
    if (kt_pipeline_end(in->pipeline, in->now, err) != KT_OK)
        return kt_wrap(err, "'%s'", in->last);
    to_next(m);
    m->end = in->fed;
    return KT_OK;
}

/* Works off what is at hand of an object, about `budget` bytes of it inflated. */
static enum kt_status work_off(struct kt_input *in, size_t budget, bool *ret_more,
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

static struct kt_str xml_value(struct kt_str text, struct kt_str open, struct kt_str close)
{
    ptrdiff_t from = kt_str_find(text, open, 0);
    ptrdiff_t to = from < 0 ? -1 : kt_str_find(text, close, (size_t)from + open.len);
    if (to < 0)
        return KT_STR_NONE;
    return kt_str_sub(text, (size_t)from + open.len, (size_t)to - (size_t)from - open.len);
}

/* A bucket elsewhere says where it is: asked there from then on. */
static bool other_region(struct kt_input *in, struct kt_str body)
{
    struct kt_str region = xml_value(body, KT_STR("<Region>"), KT_STR("</Region>"));
    if (region.len == 0 || region.len >= sizeof in->bucket_region ||
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
    struct kt_str code = xml_value(kt_buf_str(&a->body), KT_STR("<Code>"), KT_STR("</Code>"));
    char text[200];
    if (other_region(in, kt_buf_str(&a->body)))
        return;
    const char *help = help_for(a->status, code);
    code = kt_str_sub(code, 0, 40);
    (void)snprintf(text, sizeof text, "bucket '%.60s': %d " KT_STR_FMT ": %s",
                   m->object[m->next].bucket, a->status, KT_STR_ARG(code), help);
    say_for_long(in, text);
    give_back(in, m);
    again_later(in, 0);
}

/* A piece of the object that is read, or why there is none. */
static void hear_object(struct kt_input *in, struct kt_http_answer *a)
{
    struct message *m = current(in);
    if (m == NULL)
        return;
    bool end = a->status == 416 && in->offset > 0; /* the piece before was the last, and full */
    if (a->status == 404 || (a->status == 416 && !end)) {
        in->gone++; /* nothing to be read: removed again, or empty */
        to_next(m);
        end_object(in);
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
    say(in, text);
    again_later(in, a->retry_after);
}

static bool keys_are_old(const struct kt_http_answer *a)
{
    static const char *const words[] = { "ExpiredToken", "InvalidClientTokenId",
                                         "InvalidAccessKeyId", "UnrecognizedClient" };
    for (size_t i = 0; i < KT_ARRAY_LEN(words) && a->status >= 400 && a->status < 500; i++)
        if (kt_str_has(kt_buf_str(&a->body), kt_str_of(words[i])))
            return true;
    return false;
}

static void hear_keys(struct kt_input *in, const struct kt_http_answer *a)
{
    struct kt_error err = { 0 };
    if (a->error[0] == '\0' &&
        aws_creds_answer(in->creds, a->status, kt_buf_str(&a->body), in->now, &err) == KT_OK)
        return;
    say(in, a->error[0] != '\0' && a->status == 0 ? a->error : err.text);
    again_later(in, 0);
}

static void answered(struct kt_input *in, struct kt_http_answer *a)
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
        say(in, a->error[0] != '\0' ? a->error : text);
        again_later(in, a->retry_after);
        return;
    }
    if (keys_are_old(a)) {
        aws_creds_forget(in->creds);
        say(in, "the keys are refused: new ones are looked for");
        again_later(in, 0);
        return;
    }
    if (what == ASK_OBJECT)
        hear_object(in, a);
    else if (a->status != 200)
        queue_refused(in, a);
    else if (what == ASK_MESSAGES)
        hear_messages(in, kt_buf_str(&a->body));
    else if (what == ASK_DELETE)
        drop_messages(in, 0, in->deleting); /* what was not deleted comes again */
}

/* ---- the order of things ---- */

/* Messages whose objects are read get a mark; it is durable once their lines are. */
static void settle(struct kt_input *in)
{
    uint64_t low = kt_pipeline_low_water(in->pipeline);
    for (unsigned i = 0; i < in->n; i++) {
        struct message *m = &in->message[i];
        if (m->finished && m->mark == 0 && m->end <= low) {
            m->mark = ++in->given;
            in->changed = true;
        }
    }
}

/* How many messages, from the first, may be deleted. */
static unsigned deletable(struct kt_input *in)
{
    uint64_t durable = 0;
    unsigned n = 0;
    (void)kt_str_u64(in->env.position(in->env.self, KT_STR(DONE_KEY)), &durable);
    while (n < in->n && n < AT_ONCE && in->message[n].mark != 0 && in->message[n].mark <= durable)
        n++;
    return n;
}

static struct message *ours_not_long(struct kt_input *in)
{
    for (unsigned i = 0; i < in->n; i++)
        if (in->now - in->message[i].hidden > LONGER_NS)
            return &in->message[i];
    return NULL;
}

static void ask(struct kt_input *in)
{
    struct aws_keys keys;
    struct message *m;
    unsigned n;
    if (aws_creds_due(in->creds, in->now) || !aws_creds_keys(in->creds, in->now, &keys))
        ask_keys(in);
    if (in->asking != ASK_NOTHING || !aws_creds_keys(in->creds, in->now, &keys))
        return;
    if ((m = ours_not_long(in)) != NULL)
        ask_longer(in, &keys, m);
    else if ((n = deletable(in)) > 0)
        ask_delete(in, &keys, n);
    else if ((m = current(in)) != NULL)
        ask_object(in, &keys, &m->object[m->next]);
    else if (in->n == 0 || (in->backlog && in->n + AT_ONCE <= MESSAGES_MAX))
        ask_messages(in, &keys);
}

static enum kt_status step(struct kt_input *in, kt_time_ns now, size_t budget, bool *ret_more,
                           struct kt_error *err)
{
    struct kt_http_answer a;
    in->now = now;
    if (in->at > now + 2 * RETRY_MOST)
        in->at = now; /* the clock was set back */
    *ret_more = false;
    if (budget == 0)
        return KT_OK;
    if (in->asking != ASK_NOTHING && kt_fetch_take(in->fetch, &a)) {
        answered(in, &a);
        kt_buf_done(&a.body);
    }
    struct message *m = current(in);
    if (m != NULL)
        (void)snprintf(in->last, sizeof in->last, "%.60s/%.130s", m->object[m->next].bucket,
                       m->object[m->next].key);
    if (work_off(in, budget, ret_more, err) != KT_OK)
        return kt_wrap(err, "sqs_s3");
    settle(in);
    bool idle = in->asking == ASK_NOTHING && !*ret_more && now >= in->at;
    if (idle)
        ask(in);
    return kt_pipeline_expire(in->pipeline, now, false, err);
}

static void positions(struct kt_input *in, bool changed_only,
                      void (*each)(void *self, struct kt_str key, struct kt_str value), void *self)
{
    char text[24];
    if (!in->changed && changed_only)
        return;
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)in->given);
    each(self, KT_STR(DONE_KEY), kt_str_of(text));
    in->changed = false;
}

static int fd(struct kt_input *in)
{
    return kt_fetch_fd(in->fetch);
}

static void status(struct kt_input *in, struct kt_input_status *ret)
{
    char ago[KT_TIME_TEXT_MAX] = "never";
    if (in->heard > 0)
        (void)kt_time_format_short(in->heard, ago);
    ret->bytes = in->bytes;
    ret->files = in->objects;
    ret->gone = in->gone;
    ret->broken = in->broken;
    (void)snprintf(ret->position, sizeof ret->position,
                   "%llu objects, %u messages at hand, queue answered %s",
                   (unsigned long long)in->objects, in->n, ago);
    (void)snprintf(ret->problem, sizeof ret->problem, "%s", in->problem);
}

static void counts(struct kt_input *in, struct kt_pipeline_counts *ret)
{
    kt_counts_add(ret, kt_pipeline_counts(in->pipeline));
}

const struct kt_input_type kt_input_sqs_s3 = {
    .name = "sqs_s3",
    .summary = "Objects of an S3 bucket, as an SQS queue tells of them",
    .options = options,
    .open = open_sqs,
    .step = step,
    .positions = positions,
    .fd = fd,
    .status = status,
    .counts = counts,
    .close = close_sqs,
};
