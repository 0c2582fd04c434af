/*
 * s3: the log files of a trail, found by listing its bucket: CloudTrail's way to whoever has no
 * queue (sqs_s3).
 *
 * Owns:  the page of keys at hand, the memory of the objects that are done with.
 * Calls: core, aws_client, s3_reader, s3_list, files_done, one pipeline for all objects. Time comes
 *        in.
 * Holds: an object is done with no earlier than every line of it was given out, and is noted so in
 *        the spool with or after these lines; after a crash it is read again, and the collector
 *        drops what it has. Lists overlap: a file that sorts before others delivered in the same
 *        minute, or comes late, is found by the next one.
 */
#include "agents/inputs/counts.h"
#include "agents/inputs/s3_int.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/event/line.h"
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define LOOK_EVERY KT_NS_HOUR       /* for new accounts and regions */
#define FORGET_NS  (3 * KT_NS_HOUR) /* objects that no list has shown for so long */

#define AT(field) offsetof(struct options, field)
static const struct kt_option options[] = {
    /* beside the keys of every source entry */
    { "bucket", KT_OPT_STRING, NULL, AT(bucket), "of the trail", false, false },
    { "prefix", KT_OPT_STRING, "", AT(prefix), "of the trail: what stands before AWSLogs/", false,
      false },
    { "region", KT_OPT_STRING, "us-east-1", AT(region),
      "of the bucket; one elsewhere says where, and is asked there", false, false },
    { "accounts", KT_OPT_LIST, "", AT(accounts), "the only accounts that are read", false, false },
    { "regions", KT_OPT_LIST, "", AT(regions), "the only regions that are read", false, false },
    { "since", KT_OPT_DURATION, "1d", AT(since), "how far back the first time", false, false },
    { "every", KT_OPT_DURATION, "2m", AT(every), "time between two lists of the same place", false,
      false },
    { "digests", KT_OPT_BOOL, "false", AT(digests),
      "digest files are verified, and log files by them", false, false },
    { "cloudtrail_endpoint", KT_OPT_STRING, "", AT(cloudtrail_endpoint),
      "another address than that of AWS, for the keys that digests are verified with", false,
      false },
    AWS_CLIENT_OPTIONS(struct options, aws),
    KT_OPTIONS_END,
};
#undef AT

/* ---- life ---- */

static enum kt_status check(const struct options *o, struct kt_error *err)
{
    if (aws_given(o->bucket) == NULL || !aws_plain(kt_str_of(o->region)))
        return kt_fail(err, KT_E_CONFIG, "bucket or region is not a name");
    if (o->every < KT_NS_S || o->since < 0)
        return kt_fail(err, KT_E_CONFIG, "every must be at least 1s");
    if (aws_client_check_endpoint(&o->aws, "cloudtrail_endpoint", o->cloudtrail_endpoint, err) !=
        KT_OK)
        return err->code;
    return aws_client_check(&o->aws, err);
}

static enum kt_status open_s3(const struct kt_input_env *env, struct kt_input **ret,
                              struct kt_error *err)
{
    struct options o = { 0 };
    enum kt_status st = env->yaml == NULL || env->conf->node == NULL
                            ? kt_fail(err, KT_E_CONFIG, "bucket is missing")
                            : kt_options_fill(env->yaml, env->conf->node, options, &o, err);
    if (st != KT_OK || check(&o, err) != KT_OK)
        return kt_wrap(err, "s3");
    struct kt_input *in = kt_alloc(sizeof *in);
    in->env = *env;
    in->o = o;
    aws_client_open(&in->aws, &in->o.aws, in->o.region);
    s3_reader_open(&in->reader, &in->aws, in->o.region);
    in->take = (struct s3_take){ &in->reader,
                                 o.digests ? s3_digests_new(env, &in->reader, o.cloudtrail_endpoint)
                                           : NULL };
    in->done = files_done_new();
    in->tried = s3_tried_new();
    in->pipeline = in->reader.pipeline = env->pipeline(env->self);
    kt_pipeline_restart(in->pipeline, 0);
    *ret = in;
    return KT_OK;
}

static void drop_page(struct kt_input *in)
{
    for (unsigned i = 0; i < in->n_page; i++)
        s3_object_done(&in->page[i]);
    in->n_page = in->next = 0;
    in->waiting = 0;
}

static void close_s3(struct kt_input *in)
{
    drop_page(in);
    s3_roots_free(in);
    s3_digests_free(in->take.digests);
    s3_reader_done(&in->reader);
    aws_client_done(&in->aws);
    files_done_free(in->done);
    s3_tried_free(in->tried);
    kt_pipeline_free(in->pipeline);
    kt_buf_done(&in->token);
    kt_circle_done(&in->circle);
    kt_free(in);
}

static void load(void *self, struct kt_str key, struct kt_str value)
{
    struct kt_input *in = self;
    files_done_load(in->done, key, value, in->aws.now);
}

/* ---- lists ---- */

static void listed(void *self, const struct s3_listed *l)
{
    struct kt_input *in = self;
    const struct kt_str parts[] = { kt_str_of(in->o.bucket), l->key, l->etag };
    if (aws_trail_kind(l->key) != in->root[in->turn].kind || l->size == 0 || in->n_page == PAGE_MAX)
        return;
    struct files_print p = files_print_of(parts, KT_ARRAY_LEN(parts));
    if (files_done_has(in->done, &p, in->aws.now))
        return;
    in->print[in->n_page] = p;
    in->size[in->n_page] = l->size;
    in->waiting += l->size;
    in->page[in->n_page++] =
        s3_object_of(parts[0], l->key, aws_plain(l->etag) ? l->etag : KT_STR_NONE);
}

/* Another list is asked for next, or this one anew. */
static void first_page(struct kt_input *in)
{
    kt_buf_reset(&in->token);
    kt_circle_reset(&in->circle);
}

static void drop_branch(struct kt_input *in)
{
    kt_free(in->branch[0].prefix);
    memmove(in->branch, in->branch + 1, --in->n_branches * sizeof *in->branch);
    first_page(in);
}

static void end_day(struct kt_input *in, bool got)
{
    drop_page(in);
    first_page(in);
    in->listing = in->more_pages = false;
    in->refused = 0;
    s3_roots_day_end(in, got);
}

/* The list could not be had: this place, or this look for places, is given up for now. */
static void give_up_list(struct kt_input *in, kt_time_ns at_least)
{
    aws_pace_later(&in->aws.pace, in->aws.now, at_least);
    if (in->asking == ASK_PAGE) {
        end_day(in, false);
        return;
    }
    while (in->n_branches > 0)
        drop_branch(in);
    in->looked = 0; /* begun anew after the pause */
}

static void hear_list(struct kt_input *in, const struct kt_http_answer *a)
{
    struct kt_error why = { 0 };
    const struct s3_list_to to = { in->asking == ASK_PAGE ? listed : NULL,
                                   in->asking == ASK_BRANCH ? s3_roots_found : NULL, in };
    KT_CLEANUP(kt_buf_done) struct kt_buf token = { 0 };
    bool more = false;
    if (a->status != 200) {
        if (s3_reader_moved(&in->reader, a))
            return;
        s3_reader_explain(&in->reader, a, in->o.bucket, "s3:ListBucket there");
        give_up_list(in, a->retry_after);
        return;
    }
    if (s3_list_read(kt_buf_str(&a->body), &to, &token, &more, &why) != KT_OK) {
        aws_client_say(&in->aws, why.text);
        give_up_list(in, 0);
        return;
    }
    if (more && kt_circle_closes(&in->circle, kt_buf_str(&token))) {
        aws_client_say(&in->aws, "its pages lead nowhere; the list is asked for anew");
        give_up_list(in, 0);
        return;
    }
    aws_client_good(&in->aws);
    in->reader.moves = 0;
    struct kt_buf before = in->token;
    in->token = token;
    token = before;
    if (in->asking == ASK_PAGE)
        in->more_pages = more;
    else if (!more)
        drop_branch(in);
}

/* ---- objects ---- */

/* It holds up its place no longer; a person is told. */
static void pass_over(struct kt_input *in)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf id = { 0 }, text = { 0 }, raw = { 0 };
    const struct s3_object *o = &in->page[in->next];
    const struct files_print *p = &in->print[in->next];
    kt_buf_addz(&id, "trail.unread/");
    kt_hex_add(&id, p->at, sizeof p->at);
    kt_buf_addf(&text, "an object could not be read for a day and is passed over: %s", o->key);
    kt_buf_addz(&raw, "{\"bucket\":");
    kt_json_quote(&raw, kt_str_of(o->bucket));
    kt_buf_addz(&raw, ",\"object\":");
    kt_json_quote(&raw, kt_str_of(o->key));
    kt_buf_byte(&raw, '}');
    const struct kt_input_report r = { .operation = KT_STR("trail.unread"),
                                       .message = kt_buf_str(&text),
                                       .native_id = kt_buf_str(&id),
                                       .scope = kt_str_of(in->env.conf->id),
                                       .time = in->aws.now,
                                       .raw = kt_buf_str(&raw) };
    in->env.report(in->env.self, &r);
}

static void object_done(struct kt_input *in, bool whole)
{
    if (whole) {
        in->root[in->turn].read = true;
    } else if (s3_roots_refused(in)) {
        pass_over(in);
        whole = true;
    }
    if (whole && !files_done_add(in->done, &in->print[in->next], in->aws.now))
        aws_client_say_for_long(&in->aws, "more objects in three hours than can be remembered: "
                                          "name accounts or regions, the others in another source");
    in->waiting -= in->size[in->next];
    in->refused = whole ? 0 : in->refused + 1;
    in->next++;
}

static void object_is(struct kt_input *in, enum s3_heard what, kt_time_ns wait)
{
    if (what == S3_GOING)
        return;
    object_done(in, what == S3_GONE);
    if (in->refused < REFUSED_MAX) /* one alone is passed over; the next round comes by again */
        return;
    aws_pace_later(&in->aws.pace, in->aws.now, wait);
    end_day(in, false);
}

/* ---- the order of things ---- */

static void ask(struct kt_input *in)
{
    if (in->next < in->n_page) {
        in->asking = ASK_OBJECT;
        s3_take_ask(&in->take, &in->page[in->next]);
        return;
    }
    drop_page(in);
    if (in->listing && !in->more_pages)
        end_day(in, true);
    bool look =
        in->looked == 0 || in->aws.now - in->looked >= LOOK_EVERY || in->looked > in->aws.now;
    if (!in->listing && in->n_branches == 0 && look) {
        s3_roots_look(in);
        files_done_prune(in->done, in->aws.now - FORGET_NS);
    }
    if (!in->listing && in->n_branches > 0) {
        s3_ask_branch(in);
        return;
    }
    struct root *r = in->listing ? &in->root[in->turn] : s3_roots_due(in);
    in->listing = r != NULL;
    if (r != NULL)
        s3_ask_page(in, r);
}

static void hear(struct kt_input *in)
{
    struct kt_http_answer a;
    enum aws_heard heard = aws_client_take(&in->aws, &a);
    if (heard == AWS_NOTHING)
        return;
    if (in->asking == ASK_OBJECT)
        object_is(in, s3_take_hear(&in->take, heard, &a), a.retry_after);
    else if (heard == AWS_FAILED) /* asked again, the same */
        aws_pace_later(&in->aws.pace, in->aws.now, a.retry_after);
    else
        hear_list(in, &a);
    kt_http_answer_done(&a);
}

static enum kt_status step(struct kt_input *in, kt_time_ns now, size_t budget, bool *ret_more,
                           struct kt_error *err)
{
    bool first = in->aws.now == 0;
    enum s3_heard what;
    aws_client_turn(&in->aws, now);
    if (first) /* what was done before, now that the time is known */
        in->env.each_position(in->env.self, load, in);
    *ret_more = false;
    if (budget == 0)
        return KT_OK;
    hear(in);
    if (s3_take_work(&in->take, budget, ret_more, &what, err) != KT_OK)
        return kt_wrap(err, "s3");
    object_is(in, what, 0);
    if (!*ret_more && aws_client_ready(&in->aws))
        ask(in);
    return kt_pipeline_expire(in->pipeline, now, false, err);
}

/* ---- telling ---- */

static void positions(struct kt_input *in, bool changed_only,
                      void (*each)(void *self, struct kt_str key, struct kt_str value), void *self)
{
    files_done_positions(in->done, changed_only, each, self);
    s3_roots_positions(in, changed_only, each, self);
    s3_digests_positions(in->take.digests, changed_only, each, self);
}

static int fd(struct kt_input *in)
{
    return kt_fetch_fd(in->aws.fetch);
}

static void status(struct kt_input *in, struct kt_input_status *ret)
{
    char ago[KT_TIME_TEXT_MAX] = "never";
    kt_time_ns oldest = in->n_roots > 0 ? in->root[0].listed_at : 0;
    for (unsigned i = 0; i < in->n_roots; i++)
        oldest = in->root[i].listed_at < oldest ? in->root[i].listed_at : oldest;
    if (oldest > 0)
        (void)kt_time_format_short(oldest, ago);
    ret->bytes = in->reader.bytes;
    ret->lag_bytes = in->waiting;
    ret->files = in->reader.objects;
    ret->gone = in->reader.gone;
    ret->broken = in->reader.broken;
    KT_CLEANUP(kt_buf_done) struct kt_buf place = { 0 };
    kt_buf_addf(&place, "%llu objects, %u places (account and region), each listed since %s",
                (unsigned long long)in->reader.objects, in->n_roots, ago);
    s3_digests_status(in->take.digests, &place);
    kt_str_copyz(ret->position, sizeof ret->position, kt_buf_str(&place));
    s3_take_problem(&in->take, ret->problem, sizeof ret->problem);
    if (in->aws.problem[0] == '\0' && in->looked != 0 && in->n_roots == 0 && in->n_branches == 0)
        (void)snprintf(ret->problem, sizeof ret->problem,
                       "bucket '%.60s' has no log files in AWSLogs/ below '%.60s': check prefix, "
                       "accounts and regions",
                       in->o.bucket, aws_given(in->o.prefix) != NULL ? in->o.prefix : "");
}

static void counts(struct kt_input *in, struct kt_pipeline_counts *ret)
{
    kt_counts_add(ret, kt_pipeline_counts(in->pipeline));
}

const struct kt_input_type kt_input_s3 = {
    .name = "s3",
    .summary = "Log files of a trail, found by listing its S3 bucket",
    .options = options,
    .open = open_s3,
    .step = step,
    .positions = positions,
    .fd = fd,
    .status = status,
    .counts = counts,
    .close = close_s3,
};
