/*
 * http_poll: the API of a service, asked page by page (agents/poll.h says how for each source).
 *
 * Owns:  the streams and their places, one request at a time for all of them.
 * Calls: core, fetch, one pipeline a stream. Time comes in with each step; the token is read anew
 *        for each request, so that it can be changed under way.
 * Holds: a place is told no earlier than every line before it was given out; after a crash a page
 *        is asked for again. What the service refuses is asked again ever more slowly.
 */
#include "agents/input.h"
#include "agents/inputs/counts.h"
#include "agents/inputs/fetch.h"
#include "agents/poll.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define STREAMS_MAX 8u
#define REPLY_MAX   (8u << 20) /* what a JSON text may have */
#define TOTAL       KT_NS_MIN
#define TOKEN_MAX   16384u
#define PLACE_MAX   (32u << 10)
#define ARENA_BYTES (64u << 10)
#define RETRY_FIRST (2 * KT_NS_S)
#define RETRY_MOST  (10 * KT_NS_MIN)
#define PROBE_SINCE KT_NS_DAY
#define DENIED_WAIT (5 * KT_NS_MIN)

struct options {
    const char *url, *token_file, *ca_file, *proxy;
    kt_time_ns since, every;
    bool allow_private;
};
#define AT(field) offsetof(struct options, field)
static const struct kt_option options[] = {
    /* beside the keys of every source entry */
    { "token_file", KT_OPT_SECRET_FILE, NULL, AT(token_file), "file with the API token, mode 0600",
      false, false },
    { "url", KT_OPT_STRING, "", AT(url), "where the API is; default: the service's own", false,
      false },
    { "since", KT_OPT_DURATION, "", AT(since),
      "how far back the first time; default: what the service remembers", false, false },
    { "every", KT_OPT_DURATION, "", AT(every), "time between two rounds", false, false },
    { "proxy", KT_OPT_STRING, "", AT(proxy), "http://host:port", false, false },
    { "ca_file", KT_OPT_PATH, "", AT(ca_file), "certificates instead of the system's", false,
      false },
    { "allow_private", KT_OPT_BOOL, "false", AT(allow_private),
      "private addresses, and http to this host", false, false },
    KT_OPTIONS_END,
};
#undef AT

struct stream {
    const char *name;
    char *place; /* NULL: begin */
    bool changed;
    kt_time_ns at, good; /* of the next request, of the last good answer */
    unsigned failures;
    struct kt_pipeline *pipeline;
    struct kt_circle circle; /* of the pages that are asked one after the other */
    char problem[200];
};
struct kt_input {
    struct kt_input_env env;
    struct options o;
    const struct kt_poll *poll;
    struct kt_fetch *fetch;
    struct kt_json *json;
    struct kt_arena arena;
    struct kt_buf token;
    struct stream stream[STREAMS_MAX];
    unsigned n, asked; /* asked: whose answer is awaited */
    uint64_t bytes;
};

/* ---- life ---- */

static const char *given(const char *s)
{
    return s != NULL && s[0] != '\0' ? s : NULL;
}

static enum kt_status check(const struct options *o, struct kt_error *err)
{
    if (given(o->url) != NULL &&
        kt_http_check_url(kt_str_of(o->url), o->allow_private, err) != KT_OK)
        return kt_wrap(err, "http_poll");
    if (given(o->proxy) != NULL && kt_http_check_proxy(kt_str_of(o->proxy), err) != KT_OK)
        return kt_wrap(err, "http_poll");
    if (o->every < KT_NS_S)
        return kt_fail(err, KT_E_CONFIG, "http_poll: every must be at least 1s");
    return KT_OK;
}

static enum kt_status open_poll(const struct kt_input_env *env, struct kt_input **ret,
                                struct kt_error *err)
{
    const struct kt_poll *poll = env->source->poll;
    if (poll == NULL)
        return kt_fail(err, KT_E_CONFIG, "http_poll: %s has no API that can be asked",
                       env->source->name);
    struct options o = { 0 };
    if (env->yaml == NULL || env->conf->node == NULL)
        return kt_fail(err, KT_E_CONFIG, "http_poll: token_file is missing");
    if (kt_options_fill(env->yaml, env->conf->node, options, &o, err) != KT_OK)
        return kt_wrap(err, "http_poll");
    o.since = o.since > 0 ? o.since : poll->reach;
    if (env->probe && o.since > PROBE_SINCE)
        o.since = PROBE_SINCE;
    o.every = o.every > 0 ? o.every : poll->every;
    if (check(&o, err) != KT_OK)
        return KT_E_CONFIG;
    struct kt_input *in = kt_alloc(sizeof *in);
    in->env = *env;
    in->o = o;
    in->poll = poll;
    in->fetch = kt_fetch_new();
    in->json = kt_json_new(KT_JSON_SIMDJSON);
    in->arena = kt_arena_new(ARENA_BYTES);
    for (; poll->streams[in->n] != NULL && in->n < STREAMS_MAX; in->n++) {
        struct stream *s = &in->stream[in->n];
        struct kt_str place = env->position(env->self, kt_str_of(poll->streams[in->n]));
        s->name = poll->streams[in->n];
        s->place = place.len > 0 ? kt_str_dup(place) : NULL;
        s->pipeline = env->pipeline(env->self);
    }
    *ret = in;
    return KT_OK;
}

static void close_poll(struct kt_input *in)
{
    kt_fetch_free(in->fetch);
    for (unsigned i = 0; i < in->n; i++) {
        kt_free(in->stream[i].place);
        kt_circle_done(&in->stream[i].circle);
        kt_pipeline_free(in->stream[i].pipeline);
    }
    kt_wipe(in->token.at, in->token.cap);
    kt_buf_done(&in->token);
    kt_json_free(in->json);
    kt_arena_done(&in->arena);
    kt_free(in);
}

/* ---- what is wrong ---- */

static void say(struct stream *s, const char *sentence)
{
    (void)snprintf(s->problem, sizeof s->problem, "%s: %.180s", s->name, sentence);
}

/* Twice as long each time, and not all agents at the same moment. */
static void again_later(struct stream *s, kt_time_ns now, kt_time_ns at_least)
{
    kt_time_ns wait = RETRY_FIRST << (s->failures < 9 ? s->failures : 9);
    uint64_t chance = kt_hash64(kt_str_from(&now, sizeof now), 0) % 1024;
    s->failures++;
    wait = wait > RETRY_MOST ? RETRY_MOST : wait;
    wait += wait / 4 * (kt_time_ns)chance / 1024;
    s->at = now + (wait > at_least ? wait : at_least);
}

/* ---- asking ---- */

static struct kt_poll_in about(struct kt_input *in, struct stream *s, kt_time_ns now)
{
    const char *url = given(in->o.url) != NULL ? in->o.url : in->poll->url;
    kt_arena_reset(&in->arena);
    return (struct kt_poll_in){
        .stream = kt_str_of(s->name),
        .url = kt_str_of(url),
        .token = kt_buf_str(&in->token),
        .place = kt_str_of(s->place),
        .now = now,
        .since = now - in->o.since,
        .arena = &in->arena,
        .json = in->json,
        .circle = &s->circle,
    };
}

static void send_request(struct kt_input *in, const struct kt_poll_request *r)
{
    struct kt_str headers[KT_ARRAY_LEN(r->header)];
    struct kt_http_request http = {
        .method = r->get ? KT_HTTP_GET : KT_HTTP_POST,
        .url = r->url,
        .body = r->body,
        .headers = headers,
        .ca_file = given(in->o.ca_file),
        .proxy = given(in->o.proxy),
        .allow_private = in->o.allow_private,
        .keep_headers = KT_FETCH_LATER_HEADERS,
        .reply_max = REPLY_MAX,
        .total = TOTAL,
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(r->header); i++)
        if (r->header[i].len > 0)
            headers[http.n_headers++] = r->header[i];
    kt_fetch_start(in->fetch, &http);
}

/* A header holds it: what is no visible ASCII would end it, or the request. */
static enum kt_status read_token(struct kt_input *in, struct kt_error *err)
{
    kt_wipe(in->token.at, in->token.cap);
    kt_buf_reset(&in->token);
    enum kt_status st = kt_fs_read_secret(in->o.token_file, TOKEN_MAX, &in->token, err);
    for (size_t i = 0; st == KT_OK && i < in->token.len; i++)
        if (in->token.at[i] <= ' ' || in->token.at[i] > '~')
            return kt_fail(err, KT_E_CONFIG, "'%s' must hold one line, the token",
                           in->o.token_file);
    if (st == KT_OK && in->token.len == 0)
        return kt_fail(err, KT_E_CONFIG, "'%s' is empty", in->o.token_file);
    return st;
}

static void ask(struct kt_input *in, struct stream *s, kt_time_ns now)
{
    struct kt_error err = { 0 };
    struct kt_poll_request r = { 0 };
    enum kt_status st = read_token(in, &err);
    if (st == KT_OK) {
        struct kt_poll_in pi = about(in, s, now);
        st = in->poll->request(&pi, &r, &err);
    }
    if (st == KT_OK && in->arena.full)
        st = kt_fail(&err, KT_E_LIMIT, "the request is longer than it may be");
    if (st != KT_OK) {
        say(s, err.text);
        again_later(s, now, DENIED_WAIT);
        return;
    }
    in->asked = (unsigned)(s - in->stream);
    send_request(in, &r);
}

/* ---- the answer ---- */

static enum kt_status decode(struct kt_input *in, struct stream *s, struct kt_str body,
                             kt_time_ns now, struct kt_error *err)
{
    kt_pipeline_restart(s->pipeline, 0);
    in->bytes += body.len;
    if (kt_pipeline_feed(s->pipeline, body, 0, kt_str_of(s->name), now, err) != KT_OK ||
        kt_pipeline_end(s->pipeline, now, err) != KT_OK)
        return kt_wrap(err, "%s", s->name);
    return KT_OK;
}

static void move(struct stream *s, const struct kt_poll_verdict *v)
{
    if (!v->begin_anew && v->place.len == 0)
        return;
    char *before = s->place; /* the new one may borrow from it */
    s->place = v->begin_anew ? NULL : kt_str_dup(v->place);
    kt_free(before);
    s->changed = true;
}

/* The service has answered in its own words: the source says what they mean. */
static enum kt_status judge(struct kt_input *in, struct stream *s, const struct kt_http_answer *a,
                            kt_time_ns now, struct kt_error *err)
{
    struct kt_poll_answer answer = { .status = a->status };
    struct kt_poll_verdict v = { 0 };
    struct kt_poll_in pi = about(in, s, now);
    unsigned repaired;
    if (kt_json_parse(in->json, kt_buf_str(&a->body), &answer.root, &repaired, NULL) != KT_OK)
        answer.root = (struct kt_jval){ 0 };
    in->poll->judge(&pi, &answer, &v);
    if (in->arena.full || v.place.len > PLACE_MAX)
        v = (struct kt_poll_verdict){ .problem = "the answer's cursor is longer than can be kept" };
    if (v.problem != NULL)
        say(s, v.problem);
    if (v.records && decode(in, s, kt_buf_str(&a->body), now, err) != KT_OK)
        return kt_wrap(err, "http_poll");
    move(s, &v);
    if (!v.more)
        kt_circle_reset(&s->circle);
    if (!v.records) {
        again_later(s, now, 0);
        return KT_OK;
    }
    s->failures = 0;
    s->good = now;
    s->at = v.more ? now : now + in->o.every;
    if (v.problem == NULL)
        s->problem[0] = '\0';
    return KT_OK;
}

static enum kt_status answered(struct kt_input *in, struct kt_http_answer *a, kt_time_ns now,
                               struct kt_error *err)
{
    struct stream *s = &in->stream[in->asked];
    char text[128];
    if (kt_fetch_is_later(a, now)) {
        (void)snprintf(text, sizeof text,
                       a->status == 429 || a->status == 403
                           ? "it says that it is asked too often (%d)"
                           : "it answers %d and is asked again later",
                       a->status);
        say(s, a->error[0] != '\0' ? a->error : text);
        again_later(s, now, a->retry_after);
        return KT_OK;
    }
    if (a->status == 401 || a->status == 403) {
        say(s, in->poll->denied);
        again_later(s, now, DENIED_WAIT);
        return KT_OK;
    }
    return judge(in, s, a, now, err);
}

/* ---- the input ---- */

static struct stream *due(struct kt_input *in, kt_time_ns now)
{
    struct stream *first = NULL;
    for (unsigned i = 0; i < in->n; i++) {
        struct stream *s = &in->stream[i];
        if (s->at > now + 2 * KT_NS_HOUR + in->o.every)
            s->at = now; /* the clock was set back */
        if (s->at <= now && (first == NULL || s->at < first->at))
            first = s;
    }
    return first;
}

static enum kt_status step(struct kt_input *in, kt_time_ns now, size_t budget, bool *ret_more,
                           struct kt_error *err)
{
    struct kt_http_answer a;
    *ret_more = false;
    if (budget == 0)
        return KT_OK; /* what it says waits at the service, or in the answer */
    if (kt_fetch_take(in->fetch, &a)) {
        enum kt_status st = answered(in, &a, now, err);
        kt_http_answer_done(&a);
        if (st != KT_OK)
            return st;
    }
    struct stream *s = kt_fetch_busy(in->fetch) ? NULL : due(in, now);
    if (s != NULL)
        ask(in, s, now);
    return KT_OK;
}

static void positions(struct kt_input *in, bool changed_only,
                      void (*each)(void *self, struct kt_str key, struct kt_str value), void *self)
{
    for (unsigned i = 0; i < in->n; i++) {
        struct stream *s = &in->stream[i];
        if (s->changed || !changed_only)
            each(self, kt_str_of(s->name), kt_str_of(s->place));
        s->changed = false;
    }
}

static int fd(struct kt_input *in)
{
    return kt_fetch_fd(in->fetch);
}

static void status(struct kt_input *in, struct kt_input_status *ret)
{
    const struct stream *oldest = NULL, *sick = NULL;
    char text[KT_TIME_TEXT_MAX];
    for (unsigned i = 0; i < in->n; i++) {
        const struct stream *s = &in->stream[i];
        oldest = oldest == NULL || s->good < oldest->good ? s : oldest;
        sick = sick == NULL && s->problem[0] != '\0' ? s : sick;
    }
    ret->bytes = in->bytes;
    ret->files = in->n;
    if (oldest != NULL && oldest->good > 0)
        (void)snprintf(ret->position, sizeof ret->position, "%u streams, each answered since %s",
                       in->n, kt_time_format_short(oldest->good, text));
    else
        (void)snprintf(ret->position, sizeof ret->position, "%u streams, not all answered yet",
                       in->n);
    if (sick != NULL)
        (void)snprintf(ret->problem, sizeof ret->problem, "%s", sick->problem);
}

static void counts(struct kt_input *in, struct kt_pipeline_counts *ret)
{
    for (unsigned i = 0; i < in->n; i++)
        kt_counts_add(ret, kt_pipeline_counts(in->stream[i].pipeline));
}

const struct kt_input_type kt_input_http_poll = {
    .name = "http_poll",
    .summary = "The API of a service, asked page by page",
    .options = options,
    .open = open_poll,
    .step = step,
    .positions = positions,
    .fd = fd,
    .status = status,
    .counts = counts,
    .close = close_poll,
};
