/*
 * sqs_s3: objects of a bucket, as messages of a queue tell of them: CloudTrail's way to whoever
 * reads it.
 *
 * Owns:  the messages at hand.
 * Calls: core, aws_client, s3_reader, aws_notice, one pipeline for all objects. Time comes in.
 * Holds: a message is deleted no earlier than every line of its objects is in the spool; after a
 *        crash the queue hands it out again, and the collector drops what it has.
 */
#include "agents/inputs/counts.h"
#include "agents/inputs/sqs_s3_int.h"
#include "core/base/alloc.h"
#include <stddef.h>
#include <stdio.h>
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
    { "buckets", KT_OPT_LIST, "", AT(buckets), "names of the only buckets that are read", false,
      false },
    { "digests", KT_OPT_BOOL, "false", AT(digests),
      "digest files are verified, and log files by them", false, false },
    { "records", KT_OPT_BOOL, "false", AT(records),
      "the messages are the records themselves, as Doppler's log stream sends them", false, false },
    { "cloudtrail_endpoint", KT_OPT_STRING, "", AT(cloudtrail_endpoint),
      "another address than that of AWS, for the keys that digests are verified with", false,
      false },
    AWS_CLIENT_OPTIONS(struct options, aws),
    KT_OPTIONS_END,
};
#undef AT

/* ---- life ---- */

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
    if (aws_given(in->o.queue_url_file) != NULL &&
        kt_fs_read_secret(in->o.queue_url_file, URL_MAX - 1, &file, err) != KT_OK)
        return kt_wrap(err, "queue_url_file");
    if (file.len == 0 && aws_given(in->o.queue_url) != NULL)
        kt_buf_addz(&file, in->o.queue_url);
    struct kt_str url = kt_str_trim(kt_buf_str(&file));
    if (url.len == 0 || url.len >= URL_MAX)
        return kt_fail(err, KT_E_CONFIG, "queue_url or queue_url_file is missing");
    kt_str_copyz(in->queue_url, sizeof in->queue_url, url);
    if (kt_http_check_url(url, in->o.aws.allow_private, err) != KT_OK)
        return kt_wrap(err, "queue_url");
    region_of(in->queue_url, in->region, sizeof in->region);
    if (aws_given(in->o.region) != NULL)
        kt_str_copyz(in->region, sizeof in->region, kt_str_of(in->o.region));
    if (in->region[0] == '\0')
        return kt_fail(err, KT_E_CONFIG, "region is missing: the queue's URL does not name it");
    if (aws_client_check_endpoint(&in->o.aws, "cloudtrail_endpoint", in->o.cloudtrail_endpoint,
                                  err) != KT_OK)
        return err->code;
    return aws_client_check(&in->o.aws, err);
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
    const char *bucket_region = aws_given(in->o.bucket_region);
    aws_client_open(&in->aws, &in->o.aws, in->region);
    s3_reader_open(&in->reader, &in->aws, bucket_region != NULL ? bucket_region : in->region);
    in->take = (struct s3_take){ &in->reader,
                                 in->o.digests
                                     ? s3_digests_new(env, &in->reader, in->o.cloudtrail_endpoint)
                                     : NULL };
    in->notices = aws_notices_new();
    in->pipeline = in->reader.pipeline = env->pipeline(env->self);
    kt_pipeline_restart(in->pipeline, 0);
    *ret = in;
    return KT_OK;
}

void sqs_message_free(struct message *m)
{
    for (unsigned i = 0; i < m->n; i++)
        s3_object_done(&m->object[i]);
    kt_free(m->object);
    kt_free(m->body);
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
    s3_digests_free(in->take.digests);
    s3_reader_done(&in->reader);
    aws_client_done(&in->aws);
    aws_notices_free(in->notices);
    kt_pipeline_free(in->pipeline);
    kt_free(in);
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
    for (unsigned i = 0; i < in->n && !in->env.probe; i++)
        if (in->aws.now - in->message[i].hidden > LONGER_NS)
            return &in->message[i];
    return NULL;
}

/* Whoever only looks receives once: what is given back at once would else come again and again, up
 * to the count that makes it a dead letter. */
static bool wants_messages(const struct kt_input *in)
{
    if (in->env.probe)
        return in->heard == 0;
    return in->n == 0 || (in->backlog && in->n + AT_ONCE <= MESSAGES_MAX);
}

static void ask(struct kt_input *in)
{
    struct message *m;
    unsigned n;
    if ((m = ours_not_long(in)) != NULL) {
        sqs_ask_longer(in, m);
    } else if ((n = deletable(in)) > 0) {
        sqs_ask_delete(in, n);
    } else if ((m = sqs_current(in)) != NULL) {
        in->asking = ASK_OBJECT;
        s3_take_ask(&in->take, &m->object[m->next]);
    } else if (wants_messages(in)) {
        sqs_ask_messages(in);
    }
}

/* Messages that are records, each to its end. */
static enum kt_status take_records(struct kt_input *in, struct kt_error *err)
{
    struct message *m;
    while ((m = sqs_current(in)) != NULL && m->body != NULL) {
        const struct kt_str text = kt_str_of(m->body);
        enum kt_status st =
            kt_pipeline_feed(in->pipeline, text, in->reader.fed, KT_STR("queue"), in->aws.now, err);
        if (st != KT_OK)
            return st;
        in->reader.fed += text.len;
        in->reader.bytes += text.len;
        m->end = in->reader.fed;
        m->finished = true;
    }
    return KT_OK;
}

static enum kt_status step(struct kt_input *in, kt_time_ns now, size_t budget, bool *ret_more,
                           struct kt_error *err)
{
    struct kt_http_answer a;
    enum s3_heard what;
    aws_client_turn(&in->aws, now);
    *ret_more = false;
    if (budget == 0)
        return KT_OK;
    enum aws_heard heard = aws_client_take(&in->aws, &a);
    if (heard != AWS_NOTHING) {
        sqs_answered(in, heard, &a);
        kt_http_answer_done(&a);
    }
    if (s3_take_work(&in->take, budget, ret_more, &what, err) != KT_OK)
        return kt_wrap(err, "sqs_s3");
    sqs_object_is(in, what);
    if (take_records(in, err) != KT_OK)
        return kt_wrap(err, "sqs_s3");
    settle(in);
    if (!*ret_more && aws_client_ready(&in->aws))
        ask(in);
    return kt_pipeline_expire(in->pipeline, now, false, err);
}

static int fd(struct kt_input *in)
{
    return kt_fetch_fd(in->aws.fetch);
}

static void status(struct kt_input *in, struct kt_input_status *ret)
{
    char ago[KT_TIME_TEXT_MAX] = "never";
    if (in->heard > 0)
        (void)kt_time_format_short(in->heard, ago);
    ret->bytes = in->reader.bytes;
    ret->files = in->reader.objects;
    ret->gone = in->reader.gone;
    ret->broken = in->reader.broken;
    KT_CLEANUP(kt_buf_done) struct kt_buf place = { 0 };
    kt_buf_addf(&place, "%llu objects, %u messages at hand, queue answered %s",
                (unsigned long long)in->reader.objects, in->n, ago);
    s3_digests_status(in->take.digests, &place);
    kt_str_copyz(ret->position, sizeof ret->position, kt_buf_str(&place));
    s3_take_problem(&in->take, ret->problem, sizeof ret->problem);
}

static void positions(struct kt_input *in, bool changed_only,
                      void (*each)(void *self, struct kt_str key, struct kt_str value), void *self)
{
    s3_digests_positions(in->take.digests, changed_only, each, self);
}

static void counts(struct kt_input *in, struct kt_pipeline_counts *ret)
{
    kt_counts_add(ret, kt_pipeline_counts(in->pipeline));
}

const struct kt_input_type kt_input_sqs_s3 = {
    .name = "sqs_s3",
    .summary = "Objects of an S3 bucket, as an SQS queue tells of them; or its messages",
    .options = options,
    .open = open_sqs,
    .step = step,
    .positions = positions,
    .kept = kept,
    .fd = fd,
    .status = status,
    .counts = counts,
    .close = close_sqs,
};
