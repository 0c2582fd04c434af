/*
 * cloudtrail_lookup: the last 90 days of CloudTrail, asked of its LookupEvents API: nothing has to
 * be set up. [S: CloudTrail API Reference, "LookupEvents"]
 *
 * Owns:  the streams (region and event source) and their places, one request at a time for all.
 * Calls: core, aws_client, one pipeline. Time comes in.
 * Holds: pages come newest first, so a round goes from the stream's place in windows to now, and
 *        the place moves when a window's last page was given out: a crash asks for one window
 * again. Events show late: the place stays behind now, and the collector drops what comes twice.
 */
#include "agents/input.h"
#include "agents/inputs/aws_client.h"
#include "agents/inputs/counts.h"
#include "core/base/alloc.h"
#include "core/base/circle.h"
#include "core/event/line.h"
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define STREAMS_MAX 128u
#define REPLY_MAX   (8u << 20) /* what a JSON text may have */
#define TOKEN_MAX   (32u << 10)
#define PAGE        50u /* events, as many as it gives */
#define REACH       (90 * KT_NS_DAY)
#define LATE        (20 * KT_NS_MIN) /* events show up to so long after they happened */
#define SPAN_FIRST  (6 * KT_NS_HOUR)
#define SPAN_LEAST  (5 * KT_NS_MIN)
#define SPAN_MOST   (7 * KT_NS_DAY)
#define FEW_PAGES   2u            /* of a window: the next may be longer */
#define MANY_PAGES  40u           /* a crash would repeat them all: it is begun anew, shorter */
#define CALLS_APART (KT_NS_S / 2) /* the service takes two a second, of an account and region */
#define DENIED_WAIT KT_NS_MIN

struct options {
    struct kt_strings regions, event_sources;
    kt_time_ns since, every;
    struct aws_client_options aws;
};
#define AT(field) offsetof(struct options, field)
static const struct kt_option options[] = {
    /* beside the keys of every source entry */
    { "regions", KT_OPT_LIST, NULL, AT(regions), "whose events are asked for", false, false },
    { "event_sources", KT_OPT_LIST, "secretsmanager", AT(event_sources),
      "services whose events are asked for: secretsmanager, ssm, kms …", false, false },
    { "since", KT_OPT_DURATION, "90d", AT(since), "how far back the first time, at most 90d", false,
      false },
    { "every", KT_OPT_DURATION, "5m", AT(every), "time between two rounds", false, false },
    AWS_CLIENT_OPTIONS(struct options, aws),
    KT_OPTIONS_END,
};
#undef AT

struct stream {
    const char *region;
    char *event_source, *name; /* "secretsmanager.amazonaws.com", "eu-central-1 secretsmanager…" */
    struct aws_pace *pace;     /* of the region */
    kt_time_ns from;           /* the place: everything before it was given out */
    bool changed;
    kt_time_ns at;       /* of the round: everything before it was asked for; 0 = none is begun */
    kt_time_ns to, span; /* the window ends there, 0 = none is open; so long it may be */
    bool last;           /* it reached to now when it was opened */
    struct kt_buf token; /* of its next page */
    struct kt_circle circle;
    unsigned pages, page_size;
    kt_time_ns due; /* of the next round */
    char problem[200];
};
struct kt_input {
    struct kt_input_env env;
    struct options o;
    struct aws_client aws;
    struct kt_pipeline *pipeline;
    struct stream *stream;
    struct aws_pace *pace; /* of each region */
    unsigned n, turn, asked;
    uint64_t bytes, answers;
    uint64_t fed;
};

/* ---- life ---- */

static enum kt_status check(struct options *o, struct kt_error *err)
{
    if (o->regions.n == 0 || o->event_sources.n == 0)
        return kt_fail(err, KT_E_CONFIG, "regions or event_sources is empty");
    if (o->regions.n > STREAMS_MAX || o->regions.n * o->event_sources.n > STREAMS_MAX)
        return kt_fail(err, KT_E_CONFIG, "more than %u regions times event_sources", STREAMS_MAX);
    for (unsigned i = 0; i < o->regions.n; i++)
        if (!aws_plain(kt_str_of(o->regions.at[i])))
            return kt_fail(err, KT_E_CONFIG, "'%s' is no region", o->regions.at[i]);
    if (o->every < KT_NS_S || o->since <= 0)
        return kt_fail(err, KT_E_CONFIG, "every and since must be at least 1s");
    o->since = o->since > REACH ? REACH : o->since;
    return aws_client_check(&o->aws, err);
}

static void open_stream(struct kt_input *in, struct stream *s, unsigned region, const char *service)
{
    struct kt_buf source = { 0 }, name = { 0 };
    int64_t place;
    kt_buf_addf(&source, strchr(service, '.') != NULL ? "%s" : "%s.amazonaws.com", service);
    kt_buf_addf(&name, "%s %s", in->o.regions.at[region], kt_buf_z(&source));
    *s = (struct stream){ .region = in->o.regions.at[region],
                          .pace = &in->pace[region],
                          .span = SPAN_FIRST,
                          .page_size = PAGE };
    (void)kt_buf_z(&name);
    s->event_source = source.at;
    s->name = name.at;
    if (kt_str_i64(in->env.position(in->env.self, kt_str_of(s->name)), &place) && place > 0)
        s->from = place;
}

static enum kt_status open_lookup(const struct kt_input_env *env, struct kt_input **ret,
                                  struct kt_error *err)
{
    struct options o = { 0 };
    enum kt_status st = env->yaml == NULL || env->conf->node == NULL
                            ? kt_fail(err, KT_E_CONFIG, "regions is missing")
                            : kt_options_fill(env->yaml, env->conf->node, options, &o, err);
    if (st != KT_OK || check(&o, err) != KT_OK)
        return kt_wrap(err, "cloudtrail_lookup");
    struct kt_input *in = kt_alloc(sizeof *in);
    in->env = *env;
    in->o = o;
    aws_client_open(&in->aws, &in->o.aws, o.regions.at[0]);
    in->pipeline = env->pipeline(env->self);
    in->pace = kt_alloc_array(o.regions.n, sizeof *in->pace);
    in->stream = kt_alloc_array(o.regions.n * o.event_sources.n, sizeof *in->stream);
    for (unsigned i = 0; i < o.event_sources.n; i++)
        for (unsigned r = 0; r < o.regions.n; r++)
            open_stream(in, &in->stream[in->n++], r, o.event_sources.at[i]);
    *ret = in;
    return KT_OK;
}

static void close_lookup(struct kt_input *in)
{
    for (unsigned i = 0; i < in->n; i++) {
        kt_free(in->stream[i].event_source);
        kt_free(in->stream[i].name);
        kt_buf_done(&in->stream[i].token);
        kt_circle_done(&in->stream[i].circle);
    }
    kt_free(in->stream);
    kt_free(in->pace);
    aws_client_done(&in->aws);
    kt_pipeline_free(in->pipeline);
    kt_free(in);
}

/* ---- asking ---- */

static void open_window(const struct kt_input *in, struct stream *s)
{
    kt_time_ns now = in->aws.now, oldest = now - in->o.since;
    if (s->from < now - REACH)
        s->from = s->from == 0 ? oldest : now - REACH; /* older ones are not to be had */
    if (s->at < s->from || s->at > now)                /* none is begun, or the clock was set */
        s->at = s->from;
    s->last = s->at + s->span >= now;
    s->to = s->last ? now : s->at + s->span;
    s->pages = 0;
    kt_buf_reset(&s->token);
    kt_circle_reset(&s->circle);
}

static void ask(struct kt_input *in, struct stream *s)
{
    struct kt_buf *b = &in->aws.body;
    if (s->to == 0)
        open_window(in, s);
    kt_buf_reset(b);
    kt_buf_addz(b, "{\"LookupAttributes\":[{\"AttributeKey\":\"EventSource\",\"AttributeValue\":");
    kt_json_quote(b, kt_str_of(s->event_source));
    kt_buf_addf(b, "}],\"StartTime\":%lld,\"EndTime\":%lld,\"MaxResults\":%u",
                (long long)(s->at / KT_NS_S), (long long)((s->to + KT_NS_S - 1) / KT_NS_S),
                s->page_size);
    if (s->token.len > 0) {
        kt_buf_addz(b, ",\"NextToken\":");
        kt_json_quote(b, kt_buf_str(&s->token));
    }
    kt_buf_byte(b, '}');
    s->pace->at = in->aws.now + CALLS_APART;
    in->asked = (unsigned)(s - in->stream);
    aws_client_base(&in->aws, in->o.aws.endpoint, "cloudtrail", s->region);
    aws_client_call(&in->aws, "cloudtrail", s->region, "application/x-amz-json-1.1",
                    KT_STR("com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents"),
                    REPLY_MAX);
}

/* ---- answers ---- */

static void say(struct stream *s, const char *help)
{
    (void)snprintf(s->problem, sizeof s->problem, "%.80s: %.110s", s->name, help);
}

/* From its newest page again. */
static void begin_anew(struct stream *s)
{
    s->to = 0;
    s->span = s->span / 4 > SPAN_LEAST ? s->span / 4 : SPAN_LEAST;
}

static void refused(struct kt_input *in, struct stream *s, const struct kt_http_answer *a)
{
    static const struct {
        const char *code, *help;
    } gone[] = {
        { "InvalidNextTokenException", "the page is gone; the window is asked for anew" },
        { "ExpiredNextTokenException", "the page is gone; the window is asked for anew" },
        { "InvalidTimeRangeException", "the window is asked for anew" },
    };
    struct kt_str code = aws_client_code(&in->aws, a);
    const char *help;
    char text[120];
    enum aws_wrong wrong = aws_client_wrong(code, &help);
    if (help == NULL && wrong == AWS_WRONG_RIGHT)
        help = "the role needs cloudtrail:LookupEvents";
    for (size_t i = 0; i < KT_ARRAY_LEN(gone); i++)
        if (kt_str_is(code, gone[i].code)) {
            help = gone[i].help;
            begin_anew(s);
        }
    (void)snprintf(text, sizeof text, "%d " KT_STR_FMT ": it is asked again later", a->status,
                   KT_STR_ARG(code));
    say(s, help != NULL ? help : text);
    bool stays = wrong == AWS_WRONG_RIGHT || wrong == AWS_WRONG_SIGN; /* until somebody mends it */
    kt_time_ns wait = stays ? DENIED_WAIT : 0;
    aws_pace_later(s->pace, in->aws.now, wait > a->retry_after ? wait : a->retry_after);
}

/* Every page of the window was given out. */
static void end_window(struct kt_input *in, struct stream *s)
{
    kt_time_ns now = in->aws.now, safe = s->to < now - LATE ? s->to : now - LATE;
    if (safe > s->from) {
        s->from = safe;
        s->changed = true;
    }
    if (s->pages <= FEW_PAGES && s->span < SPAN_MOST)
        s->span = 2 * s->span < SPAN_MOST ? 2 * s->span : SPAN_MOST;
    else if (s->pages > MANY_PAGES / 2 && s->span > SPAN_LEAST)
        s->span = s->span / 2 > SPAN_LEAST ? s->span / 2 : SPAN_LEAST;
    s->at = s->last ? 0 : s->to;
    s->due = s->last ? now + in->o.every : now;
    s->to = 0;
}

static enum kt_status hear(struct kt_input *in, struct stream *s, const struct kt_http_answer *a,
                           struct kt_error *err)
{
    struct kt_str body = kt_buf_str(&a->body);
    struct kt_jval root;
    unsigned repaired;
    if (kt_json_parse(in->aws.json, body, &root, &repaired, NULL) != KT_OK ||
        kt_json_type(kt_json_at(root, "Events")) != KT_JSON_ARRAY) {
        say(s, "the answer is not one of LookupEvents: check endpoint");
        aws_pace_later(s->pace, in->aws.now, 0);
        return KT_OK;
    }
    struct kt_str token = kt_json_str_at(root, "NextToken");
    if (token.len > TOKEN_MAX || (token.len > 0 && kt_circle_closes(&s->circle, token))) {
        say(s, "its pages lead nowhere; the window is asked for anew");
        begin_anew(s);
        aws_pace_later(s->pace, in->aws.now, 0);
        return KT_OK;
    }
    kt_pipeline_restart(in->pipeline, in->fed);
    if (kt_pipeline_feed(in->pipeline, body, in->fed, kt_str_of(s->name), in->aws.now, err) !=
            KT_OK ||
        kt_pipeline_end(in->pipeline, in->aws.now, err) != KT_OK ||
        kt_pipeline_expire(in->pipeline, in->aws.now, true, err) != KT_OK)
        return kt_wrap(err, "cloudtrail_lookup: %s", s->name);
    in->fed += body.len;
    in->bytes += body.len;
    in->answers++;
    s->pages++;
    s->pace->failures = 0;
    s->problem[0] = '\0';
    aws_client_good(&in->aws);
    kt_buf_reset(&s->token);
    kt_buf_add(&s->token, token);
    if (token.len == 0)
        end_window(in, s);
    else if (s->pages == MANY_PAGES && s->span > SPAN_LEAST)
        begin_anew(s);
    return KT_OK;
}

static enum kt_status answered(struct kt_input *in, struct kt_error *err)
{
    struct kt_http_answer a;
    struct stream *s = &in->stream[in->asked];
    enum kt_status st = KT_OK;
    enum aws_heard heard = aws_client_take(&in->aws, &a);
    if (heard == AWS_NOTHING)
        return KT_OK;
    if (heard == AWS_FAILED && a.status == 200 && s->page_size > 1) { /* longer than may be */
        s->page_size /= 2;
        begin_anew(s);
    } else if (heard == AWS_FAILED) {
        aws_pace_later(s->pace, in->aws.now, a.retry_after);
    } else if (a.status != 200) {
        refused(in, s, &a);
    } else {
        st = hear(in, s, &a, err);
    }
    kt_http_answer_done(&a);
    return st;
}

/* ---- the input ---- */

static struct stream *due(struct kt_input *in)
{
    kt_time_ns now = in->aws.now;
    for (unsigned i = 0; i < in->n; i++) {
        in->turn = in->turn + 1 < in->n ? in->turn + 1 : 0;
        struct stream *s = &in->stream[in->turn];
        if (s->pace->at > now + 2 * KT_NS_HOUR || s->due > now + in->o.every)
            s->pace->at = s->due = now; /* the clock was set back */
        if (s->pace->at <= now && (s->to != 0 || s->due <= now))
            return s;
    }
    return NULL;
}

static enum kt_status step(struct kt_input *in, kt_time_ns now, size_t budget, bool *ret_more,
                           struct kt_error *err)
{
    *ret_more = false;
    aws_client_turn(&in->aws, now);
    if (budget == 0)
        return KT_OK; /* what it says waits at the service, or in the answer */
    enum kt_status st = answered(in, err);
    if (st != KT_OK)
        return st;
    struct stream *s = kt_fetch_busy(in->aws.fetch) ? NULL : due(in);
    if (s != NULL && aws_client_ready(&in->aws))
        ask(in, s);
    return KT_OK;
}

static int wait_ms(struct kt_input *in)
{
    kt_time_ns least = KT_NS_S;
    for (unsigned i = 0; i < in->n && !kt_fetch_busy(in->aws.fetch); i++) {
        const struct stream *s = &in->stream[i];
        kt_time_ns at = s->to == 0 && s->due > s->pace->at ? s->due : s->pace->at;
        at = at > in->aws.pace.at ? at : in->aws.pace.at;
        least = at - in->aws.now < least ? at - in->aws.now : least;
    }
    return least > 0 ? (int)(least / KT_NS_MS) + 1 : 1;
}

static void positions(struct kt_input *in, bool changed_only,
                      void (*each)(void *self, struct kt_str key, struct kt_str value), void *self)
{
    for (unsigned i = 0; i < in->n; i++) {
        struct stream *s = &in->stream[i];
        KT_CLEANUP(kt_buf_done) struct kt_buf value = { 0 };
        if (s->from == 0 || (changed_only && !s->changed))
            continue;
        kt_buf_i64_dec(&value, s->from);
        each(self, kt_str_of(s->name), kt_buf_str(&value));
        s->changed = false;
    }
}

static int fd(struct kt_input *in)
{
    return kt_fetch_fd(in->aws.fetch);
}

static void status(struct kt_input *in, struct kt_input_status *ret)
{
    char until[KT_TIME_TEXT_MAX] = "its beginning";
    const char *problem = in->aws.problem;
    kt_time_ns oldest = in->stream[0].from;
    for (unsigned i = 0; i < in->n && problem[0] == '\0'; i++)
        problem = in->stream[i].problem;
    for (unsigned i = 0; i < in->n; i++)
        oldest = in->stream[i].from < oldest ? in->stream[i].from : oldest;
    if (oldest > 0)
        (void)kt_time_format_short(oldest, until);
    ret->bytes = in->bytes;
    ret->files = in->n;
    (void)snprintf(ret->position, sizeof ret->position,
                   "%u streams (region and service), %llu answers, all read up to %s", in->n,
                   (unsigned long long)in->answers, until);
    (void)snprintf(ret->problem, sizeof ret->problem, "%s", problem);
}

static void counts(struct kt_input *in, struct kt_pipeline_counts *ret)
{
    kt_counts_add(ret, kt_pipeline_counts(in->pipeline));
}

const struct kt_input_type kt_input_cloudtrail_lookup = {
    .name = "cloudtrail_lookup",
    .summary = "The last 90 days of CloudTrail, asked of its LookupEvents API",
    .options = options,
    .open = open_lookup,
    .step = step,
    .positions = positions,
    .wait_ms = wait_ms,
    .fd = fd,
    .status = status,
    .counts = counts,
    .close = close_lookup,
};
