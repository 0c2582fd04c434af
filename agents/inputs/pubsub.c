/*
 * pubsub: messages of a Pub/Sub subscription, pulled: Google Cloud's way to whoever reads its audit
 * logs.
 *
 * Owns:  the answer at hand, one request at a time.
 * Calls: core, fetch, gcp_auth, pubsub_answer, one pipeline for all messages. Time comes in.
 * Holds: a message is acknowledged no earlier than every line of the answer it came in is in the
 *        spool; while that takes long, its deadline is moved. After a crash Pub/Sub hands it out
 *        again, and the collector drops what it has. Messages go to the source as they came: which
 *        member holds a record is what the source says (wrap_base64).
 */
#include "agents/input.h"
#include "agents/inputs/aws_sign.h"
#include "agents/inputs/counts.h"
#include "agents/inputs/fetch.h"
#include "agents/inputs/gcp_auth.h"
#include "agents/inputs/pubsub_answer.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGES     500u            /* asked for at once */
#define FEWER        8u              /* times fewer, when they are too long for one answer */
#define REPLY_MAX    (8u << 20)      /* what a JSON text may have */
#define FEED         (64u << 10)     /* in one piece */
#define PULL_TOTAL   (100 * KT_NS_S) /* an empty subscription answers late */
#define CALL_TOTAL   (15 * KT_NS_S)
#define DEADLINE_S   60            /* of messages that wait for the spool */
#define LONGER_FIRST (5 * KT_NS_S) /* the shortest deadline of a subscription is 10 s */
#define LONGER_EVERY (40 * KT_NS_S)
#define EMPTY_WAIT   KT_NS_S
#define RETRY_FIRST  (2 * KT_NS_S)
#define RETRY_MOST   (5 * KT_NS_MIN)

struct options {
    const char *subscription, *credentials_file, *endpoint, *proxy, *ca_file;
    bool allow_private;
};
#define AT(field) offsetof(struct options, field)
static const struct kt_option options[] = {
    /* beside the keys of every source entry */
    { "subscription", KT_OPT_STRING, NULL, AT(subscription), "projects/PROJECT/subscriptions/NAME",
      false, false },
    { "credentials_file", KT_OPT_SECRET_FILE, "", AT(credentials_file),
      "key of a service account, mode 0600; default: as Google's tools look for it", false, false },
    { "endpoint", KT_OPT_STRING, "https://pubsub.googleapis.com", AT(endpoint),
      "where Pub/Sub is; a region's: https://europe-west3-pubsub.googleapis.com", false, false },
    { "proxy", KT_OPT_STRING, "", AT(proxy), "http://host:port", false, false },
    { "ca_file", KT_OPT_PATH, "", AT(ca_file), "certificates instead of the system's", false,
      false },
    { "allow_private", KT_OPT_BOOL, "false", AT(allow_private),
      "private addresses, and http to this host", false, false },
    KT_OPTIONS_END,
};
#undef AT

enum asking { ASK_NOTHING, ASK_TOKEN, ASK_PULL, ASK_ACK, ASK_LONGER };
struct kt_input {
    struct kt_input_env env;
    struct options o;
    struct kt_fetch *fetch;
    struct gcp_auth *auth;
    struct kt_json *json;
    struct kt_pipeline *pipeline;
    struct kt_buf base, url, body;
    enum asking asking;
    struct pubsub_acks acks; /* of the answer at hand; none: there is no such answer */
    unsigned acked, acking;  /* of them: done, and in the request */
    struct kt_buf page;      /* the answer, worked off up to page_at */
    size_t page_at;
    bool read, kept;   /* every byte of it is in the pipeline; every line of it in the spool */
    uint64_t fed, end; /* bytes of all answers; where the one at hand ends among them */
    unsigned want;     /* messages to be asked for */
    uint64_t messages, bytes;
    kt_time_ns now, at, heard; /* at: nothing is asked before */
    kt_time_ns longer_at;      /* the messages at hand need more time then */
    kt_time_ns token_at;       /* no token is asked before, while one lasts */
    unsigned failures;
    char problem[200];
};

/* ---- life ---- */

static const char *real_env(void *self, const char *name)
{
    (void)self;
    return getenv(name);
}

static const char *given(const char *s)
{
    return s != NULL && s[0] != '\0' ? s : NULL;
}

/* "projects/P/subscriptions/S", which becomes a part of a URL. */
static bool is_subscription(struct kt_str s)
{
    static const char *const want[] = { "projects", NULL, "subscriptions", NULL };
    struct kt_str part;
    size_t n = 0;
    bool good = s.len < 512;
    for (; good && s.len > 0 && kt_str_split(&s, '/', &part); n++)
        good =
            n < KT_ARRAY_LEN(want) && part.len > 0 && (want[n] == NULL || kt_str_is(part, want[n]));
    return good && n == KT_ARRAY_LEN(want);
}

static enum kt_status check(const struct kt_input_env *env, const struct options *o,
                            struct kt_error *err)
{
    if (env->source->wrap_base64 == NULL)
        return kt_fail(err, KT_E_CONFIG, "%s does not come through Pub/Sub", env->source->name);
    if (!is_subscription(kt_str_of(o->subscription)))
        return kt_fail(err, KT_E_CONFIG, "subscription: write projects/PROJECT/subscriptions/NAME");
    if (kt_http_check_url(kt_str_of(o->endpoint), o->allow_private, err) != KT_OK)
        return kt_wrap(err, "endpoint");
    if (given(o->proxy) != NULL && kt_http_check_proxy(kt_str_of(o->proxy), err) != KT_OK)
        return KT_E_CONFIG;
    return KT_OK;
}

static enum kt_status open_pubsub(const struct kt_input_env *env, struct kt_input **ret,
                                  struct kt_error *err)
{
    struct options o = { 0 };
    if (env->yaml == NULL || env->conf->node == NULL)
        return kt_fail(err, KT_E_CONFIG, "pubsub: subscription is missing");
    if (kt_options_fill(env->yaml, env->conf->node, options, &o, err) != KT_OK ||
        check(env, &o, err) != KT_OK)
        return kt_wrap(err, "pubsub");
    const struct gcp_auth_options ao = { .env = real_env,
                                         .file = given(o.credentials_file),
                                         .scope = "https://www.googleapis.com/auth/pubsub",
                                         .allow_private = o.allow_private };
    struct kt_input *in = kt_alloc(sizeof *in);
    in->env = *env;
    in->o = o;
    in->want = MESSAGES;
    in->fetch = kt_fetch_new();
    in->auth = gcp_auth_new(&ao);
    in->json = kt_json_new(KT_JSON_SIMDJSON);
    in->pipeline = env->pipeline(env->self);
    kt_pipeline_restart(in->pipeline, 0);
    struct kt_str endpoint = kt_str_of(o.endpoint);
    kt_buf_add(&in->base, kt_str_ends(endpoint, KT_STR("/"))
                              ? kt_str_sub(endpoint, 0, endpoint.len - 1)
                              : endpoint);
    kt_buf_addz(&in->base, "/v1/");
    aws_encode(kt_str_of(o.subscription), true, &in->base);
    *ret = in;
    return KT_OK;
}

static void close_pubsub(struct kt_input *in)
{
    kt_fetch_free(in->fetch);
    gcp_auth_free(in->auth);
    pubsub_acks_done(&in->acks);
    kt_json_free(in->json);
    kt_pipeline_free(in->pipeline);
    kt_buf_done(&in->base);
    kt_buf_done(&in->url);
    kt_buf_done(&in->body);
    kt_buf_done(&in->page);
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

/* Until the next good answer. */
static void say(struct kt_input *in, const char *what)
{
    (void)snprintf(in->problem, sizeof in->problem, "%.190s", what);
}

/* ---- asking ---- */

static void call(struct kt_input *in, enum asking what, const char *verb, struct kt_str token)
{
    const struct kt_str headers[] = { KT_STR("Content-Type: application/json"), token };
    kt_buf_reset(&in->url);
    kt_buf_add(&in->url, kt_buf_str(&in->base));
    kt_buf_addf(&in->url, ":%s", verb);
    const struct kt_http_request r = {
        .method = KT_HTTP_POST,
        .url = kt_buf_str(&in->url),
        .body = kt_buf_str(&in->body),
        .headers = headers,
        .n_headers = KT_ARRAY_LEN(headers),
        .ca_file = given(in->o.ca_file),
        .proxy = given(in->o.proxy),
        .allow_private = in->o.allow_private,
        .reply_max = what == ASK_PULL ? REPLY_MAX : 0,
        .total = what == ASK_PULL ? PULL_TOTAL : CALL_TOTAL,
    };
    in->asking = what;
    kt_fetch_start(in->fetch, &r);
}

static void ask_token(struct kt_input *in)
{
    struct kt_error err = { 0 };
    struct kt_http_request r;
    in->token_at = in->now + KT_NS_MIN;
    if (gcp_auth_request(in->auth, in->now, &r, &err) != KT_OK) {
        say(in, err.text);
        again_later(in, 0);
        return;
    }
    if (!r.metadata) { /* the token service is reached as everything else is */
        r.proxy = given(in->o.proxy);
        r.ca_file = given(in->o.ca_file);
    }
    in->asking = ASK_TOKEN;
    kt_fetch_start(in->fetch, &r);
}

static void ask_pull(struct kt_input *in, struct kt_str token)
{
    kt_buf_reset(&in->body);
    kt_buf_addf(&in->body, "{\"maxMessages\":%u}", in->want);
    call(in, ASK_PULL, "pull", token);
}

static void ask_ack(struct kt_input *in, struct kt_str token)
{
    kt_buf_reset(&in->body);
    in->acking = pubsub_acks_write(&in->acks, in->acked, &in->body);
    kt_buf_byte(&in->body, '}');
    call(in, ASK_ACK, "acknowledge", token);
}

/* `acking` goes through the messages in as many requests as they need; then they are ours again. */
static void ask_longer(struct kt_input *in, struct kt_str token)
{
    kt_buf_reset(&in->body);
    in->acking += pubsub_acks_write(&in->acks, in->acking, &in->body);
    kt_buf_addf(&in->body, ",\"ackDeadlineSeconds\":%d}", DEADLINE_S);
    call(in, ASK_LONGER, "modifyAckDeadline", token);
}

static bool at_hand(const struct kt_input *in)
{
    return in->acks.n > 0;
}

static void ask(struct kt_input *in, bool room)
{
    struct kt_str token;
    bool have = gcp_auth_header(in->auth, in->now, &token);
    /* A token that still lasts is renewed once a minute at most, so that messages are read too. */
    if (gcp_auth_due(in->auth, in->now) &&
        (!have || in->now >= in->token_at || in->token_at > in->now + 2 * KT_NS_MIN)) {
        ask_token(in);
        return;
    }
    if (!have)
        return;
    if (at_hand(in) && in->kept)
        ask_ack(in, token);
    else if (at_hand(in) && (in->acking > 0 || in->now >= in->longer_at))
        ask_longer(in, token);
    else if (!at_hand(in) && room)
        ask_pull(in, token);
}

/* ---- answers ---- */

static void drop_page(struct kt_input *in)
{
    pubsub_acks_done(&in->acks);
    kt_buf_done(&in->page);
    in->page_at = 0;
    in->acked = in->acking = 0;
    in->read = in->kept = false;
}

/* Fewer messages fit; of one alone that does not there is no more to be had. */
static void too_long(struct kt_input *in)
{
    if (in->want == 1) {
        say(in, "a message is longer than 8 MiB and stays in the subscription: give it a "
                "dead-letter topic");
        again_later(in, 0);
    }
    in->want = in->want > FEWER ? in->want / FEWER : 1;
}

static void hear_page(struct kt_input *in, struct kt_http_answer *a)
{
    struct kt_error err = { 0 };
    if (pubsub_acks_read(in->json, kt_buf_str(&a->body), &in->acks, &err) != KT_OK) {
        say(in, err.text);
        again_later(in, 0);
        return;
    }
    in->problem[0] = '\0';
    in->failures = 0;
    in->heard = in->now;
    in->longer_at = in->now + LONGER_FIRST;
    if (in->acks.n >= in->want)
        in->want = 2 * in->want < MESSAGES ? 2 * in->want : MESSAGES;
    if (!at_hand(in)) {
        pubsub_acks_done(&in->acks);
        in->at = in->now + EMPTY_WAIT;
        return;
    }
    in->page = a->body;
    a->body = (struct kt_buf){ 0 };
    in->bytes += in->page.len;
    in->messages += in->acks.n;
}

static void hear_token(struct kt_input *in, struct kt_http_answer *a)
{
    struct kt_error err = { 0 };
    struct kt_str token;
    bool heard = a->status != 0 && a->error[0] == '\0';
    enum kt_status st =
        heard ? gcp_auth_answer(in->auth, a->status, kt_buf_str(&a->body), in->now, &err) : KT_E_IO;
    kt_wipe(a->body.at, a->body.cap);
    if (st == KT_OK)
        return;
    char text[200];
    (void)snprintf(text, sizeof text, "token: %.180s", heard ? err.text : a->error);
    say(in, text);
    if (!gcp_auth_header(in->auth, in->now, &token))
        again_later(in, a->retry_after);
}

static void refused(struct kt_input *in, const struct kt_http_answer *a)
{
    static const struct {
        int status;
        const char *help;
    } known[] = {
        { 400, "check 'subscription' and 'endpoint'" },
        { 401, "the token is refused, a new one is asked for" },
        { 403, "the account needs roles/pubsub.subscriber on the subscription" },
        { 404, "there is no such subscription: check 'subscription' and its project" },
    };
    char word[40], text[200];
    const char *help = "it is asked again later";
    for (size_t i = 0; i < KT_ARRAY_LEN(known); i++)
        if (known[i].status == a->status)
            help = known[i].help;
    pubsub_error(in->json, kt_buf_str(&a->body), word, sizeof word);
    (void)snprintf(text, sizeof text, "Pub/Sub answers %d%s%s: %s", a->status,
                   word[0] != '\0' ? " " : "", word, help);
    say(in, a->error[0] != '\0' ? a->error : text);
    if (a->status == 401)
        gcp_auth_forget(in->auth);
    again_later(in, a->retry_after);
}

static void answered(struct kt_input *in, struct kt_http_answer *a)
{
    enum asking what = in->asking;
    bool whole = a->error[0] == '\0';
    in->asking = ASK_NOTHING;
    if (what == ASK_TOKEN) {
        hear_token(in, a);
    } else if (what == ASK_PULL && a->status == 200) {
        if (whole)
            hear_page(in, a);
        else
            too_long(in);
    } else if (what == ASK_PULL && a->status == 504) {
        in->at = in->now + EMPTY_WAIT; /* nothing came as long as it waited */
    } else if (what == ASK_LONGER && (a->status == 200 || a->status == 400)) {
        if (in->acking == in->acks.n) {
            in->acking = 0;
            in->longer_at = in->now + LONGER_EVERY;
        }
    } else if (what == ASK_ACK && (a->status == 200 || a->status == 400)) {
        in->acked += in->acking; /* refused: they are no longer ours, and come again */
        in->acking = 0;
        in->failures = 0;
        if (in->acked == in->acks.n)
            drop_page(in);
    } else {
        in->acking = 0;
        refused(in, a);
    }
}

/* ---- the input ---- */

/* Feeds about `budget` bytes of the answer at hand. */
static enum kt_status work_off(struct kt_input *in, size_t budget, bool *ret_more,
                               struct kt_error *err)
{
    size_t fed = 0;
    while (at_hand(in) && in->page_at < in->page.len && fed < budget) {
        struct kt_str piece = kt_str_sub(kt_buf_str(&in->page), in->page_at, FEED);
        if (kt_pipeline_feed(in->pipeline, piece, in->fed, kt_str_of(in->o.subscription), in->now,
                             err) != KT_OK)
            return err->code;
        in->page_at += piece.len;
        in->fed += piece.len;
        fed += piece.len;
    }
    *ret_more = in->page_at < in->page.len;
    if (!at_hand(in) || *ret_more || in->read)
        return KT_OK;
    /* A first half whose partner is not here is given out: once it is acknowledged it comes no
     * second time. */
    in->read = true;
    in->end = in->fed;
    kt_buf_done(&in->page);
    in->page_at = 0;
    if (kt_pipeline_end(in->pipeline, in->now, err) != KT_OK)
        return err->code;
    return kt_pipeline_expire(in->pipeline, in->now, true, err);
}

static enum kt_status step(struct kt_input *in, kt_time_ns now, size_t budget, bool *ret_more,
                           struct kt_error *err)
{
    struct kt_http_answer a;
    in->now = now;
    if (in->at > now + 2 * KT_NS_HOUR)
        in->at = now; /* the clock was set back */
    if (in->longer_at > now + KT_NS_MIN)
        in->longer_at = now;
    *ret_more = false;
    bool room = budget > 0; /* without it only what is at hand is looked after */
    if (in->asking != ASK_NOTHING && (room || in->asking != ASK_PULL) &&
        kt_fetch_take(in->fetch, &a)) {
        answered(in, &a);
        kt_buf_done(&a.body);
    }
    if (room && work_off(in, budget, ret_more, err) != KT_OK)
        return kt_wrap(err, "pubsub");
    if (in->asking == ASK_NOTHING && now >= in->at)
        ask(in, room);
    return KT_OK;
}

static bool is_given(const struct kt_input *in)
{
    return in->read && in->end <= kt_pipeline_low_water(in->pipeline);
}

static bool waits(struct kt_input *in)
{
    return is_given(in) && !in->kept;
}

static void kept(struct kt_input *in)
{
    struct kt_str token;
    in->kept = is_given(in);
    if (in->kept && in->asking == ASK_NOTHING && in->now >= in->at &&
        gcp_auth_header(in->auth, in->now, &token))
        ask_ack(in, token);
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
    (void)snprintf(ret->position, sizeof ret->position,
                   "%llu messages, %u at hand, Pub/Sub answered %s",
                   (unsigned long long)in->messages, in->acks.n - in->acked, ago);
    (void)snprintf(ret->problem, sizeof ret->problem, "%s", in->problem);
}

static void counts(struct kt_input *in, struct kt_pipeline_counts *ret)
{
    kt_counts_add(ret, kt_pipeline_counts(in->pipeline));
}

const struct kt_input_type kt_input_pubsub = {
    .name = "pubsub",
    .summary = "Messages of a Google Cloud Pub/Sub subscription",
    .options = options,
    .open = open_pubsub,
    .step = step,
    .waits = waits,
    .kept = kept,
    .fd = fd,
    .status = status,
    .counts = counts,
    .close = close_pubsub,
};
