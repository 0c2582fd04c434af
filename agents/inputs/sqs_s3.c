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
#include "agents/inputs/counts.h"
#include "agents/inputs/sqs_s3_int.h"
#include "core/base/alloc.h"
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    { "buckets", KT_OPT_LIST, "", AT(buckets), "names of the only buckets that are read", false,
      false },
    { "endpoint", KT_OPT_STRING, "", AT(endpoint), "another S3 than that of AWS", false, false },
    { "proxy", KT_OPT_STRING, "", AT(proxy), "http://host:port", false, false },
    { "ca_file", KT_OPT_PATH, "", AT(ca_file), "certificates instead of the system's", false,
      false },
    { "allow_private", KT_OPT_BOOL, "false", AT(allow_private),
      "private addresses, and http to this host", false, false },
    KT_OPTIONS_END,
};
#undef AT

/* ---- life ---- */

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
    if (sqs_given(in->o.queue_url_file) != NULL &&
        kt_fs_read_secret(in->o.queue_url_file, URL_MAX - 1, &file, err) != KT_OK)
        return kt_wrap(err, "queue_url_file");
    if (file.len == 0 && sqs_given(in->o.queue_url) != NULL)
        kt_buf_addz(&file, in->o.queue_url);
    struct kt_str url = kt_str_trim(kt_buf_str(&file));
    if (url.len == 0 || url.len >= URL_MAX)
        return kt_fail(err, KT_E_CONFIG, "queue_url or queue_url_file is missing");
    kt_str_copyz(in->queue_url, sizeof in->queue_url, url);
    if (kt_http_check_url(url, in->o.allow_private, err) != KT_OK)
        return kt_wrap(err, "queue_url");
    if (sqs_given(in->o.endpoint) != NULL &&
        kt_http_check_url(kt_str_of(in->o.endpoint), in->o.allow_private, err) != KT_OK)
        return kt_wrap(err, "endpoint");
    if (sqs_given(in->o.proxy) != NULL && kt_http_check_proxy(kt_str_of(in->o.proxy), err) != KT_OK)
        return KT_E_CONFIG;
    region_of(in->queue_url, in->region, sizeof in->region);
    if (sqs_given(in->o.region) != NULL)
        kt_str_copyz(in->region, sizeof in->region, kt_str_of(in->o.region));
    const char *bucket = sqs_given(in->o.bucket_region);
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
                                          .file = sqs_given(in->o.credentials_file),
                                          .profile = sqs_given(in->o.profile),
                                          .region = in->region };
    in->fetch = kt_fetch_new();
    in->creds = aws_creds_new(&co);
    in->notices = aws_notices_new();
    in->json = kt_json_new(KT_JSON_SIMDJSON);
    in->pipeline = env->pipeline(env->self);
    kt_pipeline_restart(in->pipeline, 0);
    *ret = in;
    return KT_OK;
}

void sqs_message_free(struct message *m)
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
void sqs_drop_messages(struct kt_input *in, unsigned from, unsigned n)
{
    for (unsigned i = from; i < from + n; i++)
        sqs_message_free(&in->message[i]);
    memmove(&in->message[from], &in->message[from + n], (in->n - from - n) * sizeof in->message[0]);
    in->n -= n;
}

static void close_sqs(struct kt_input *in)
{
    sqs_drop_messages(in, 0, in->n);
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

void sqs_again_later(struct kt_input *in, kt_time_ns at_least)
{
    kt_time_ns wait = RETRY_FIRST << (in->failures < 8 ? in->failures : 8);
    in->failures++;
    wait = wait > RETRY_MOST ? RETRY_MOST : wait;
    in->at = in->now + (wait > at_least ? wait : at_least);
}

void sqs_say(struct kt_input *in, const char *what)
{
    (void)snprintf(in->problem, sizeof in->problem, "%.190s", what);
    in->said_until = 0; /* the next good answer */
}

/* What no good answer to another question mends. */
void sqs_say_for_long(struct kt_input *in, const char *what)
{
    sqs_say(in, what);
    in->said_until = in->now + SAID_NS;
}

/* ---- the order of things ---- */

/* Messages whose objects are read, and given out to the last line. */
static void settle(struct kt_input *in)
{
    uint64_t low = kt_pipeline_low_water(in->pipeline);
    for (unsigned i = 0; i < in->n; i++)
        if (in->message[i].finished && in->message[i].end <= low)
            in->message[i].given = true;
}

static void kept(struct kt_input *in)
{
    for (unsigned i = 0; i < in->n; i++)
        in->message[i].kept = in->message[i].given;
}

/* How many messages, from the first, may be deleted. */
static unsigned deletable(const struct kt_input *in)
{
    unsigned n = 0;
    while (n < in->n && n < AT_ONCE && in->message[n].kept)
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
    bool have = aws_creds_keys(in->creds, in->now, &keys);
    /* While good keys last they are renewed once a minute at most, so that objects are read too. */
    if (!have || (aws_creds_due(in->creds, in->now) &&
                  (in->now >= in->keys_at || in->keys_at > in->now + 2 * KT_NS_MIN)))
        sqs_ask_keys(in);
    if (in->asking != ASK_NOTHING || !aws_creds_keys(in->creds, in->now, &keys))
        return;
    if ((m = ours_not_long(in)) != NULL)
        sqs_ask_longer(in, &keys, m);
    else if ((n = deletable(in)) > 0)
        sqs_ask_delete(in, &keys, n);
    else if ((m = sqs_current(in)) != NULL)
        sqs_ask_object(in, &keys, &m->object[m->next]);
    else if (in->n == 0 || (in->backlog && in->n + AT_ONCE <= MESSAGES_MAX))
        sqs_ask_messages(in, &keys);
}

static enum kt_status step(struct kt_input *in, kt_time_ns now, size_t budget, bool *ret_more,
                           struct kt_error *err)
{
    struct kt_http_answer a;
    in->now = now;
    if (in->at > now + 2 * KT_NS_HOUR)
        in->at = now; /* the clock was set back */
    *ret_more = false;
    if (budget == 0)
        return KT_OK;
    if (in->asking != ASK_NOTHING && kt_fetch_take(in->fetch, &a)) {
        sqs_answered(in, &a);
        kt_buf_done(&a.body);
    }
    struct message *m = sqs_current(in);
    if (m != NULL)
        (void)snprintf(in->last, sizeof in->last, "%.60s/%.130s", m->object[m->next].bucket,
                       m->object[m->next].key);
    if (sqs_work_off(in, budget, ret_more, err) != KT_OK)
        return kt_wrap(err, "sqs_s3");
    settle(in);
    bool idle = in->asking == ASK_NOTHING && !*ret_more && now >= in->at;
    if (idle)
        ask(in);
    return kt_pipeline_expire(in->pipeline, now, false, err);
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
    .kept = kept,
    .fd = fd,
    .status = status,
    .counts = counts,
    .close = close_sqs,
};
