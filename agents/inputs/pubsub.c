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
#include "agents/inputs/counts.h"
#include "agents/inputs/pubsub_int.h"
#include "core/base/alloc.h"
#include "core/base/aws.h"
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#define FEED (64u << 10) /* in one piece */

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

/* ---- life ---- */

static const char *real_env(void *self, const char *name)
{
    (void)self;
    return getenv(name);
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
    if (pubsub_given(o->proxy) != NULL && kt_http_check_proxy(kt_str_of(o->proxy), err) != KT_OK)
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
                                         .file = pubsub_given(o.credentials_file),
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
    kt_aws_encode(kt_str_of(o.subscription), true, &in->base);
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

/* ---- the input ---- */

/* Feeds about `budget` bytes of the answer at hand. */
static enum kt_status work_off(struct kt_input *in, size_t budget, bool *ret_more,
                               struct kt_error *err)
{
    size_t fed = 0;
    while (pubsub_at_hand(in) && in->page_at < in->page.len && fed < budget) {
        struct kt_str piece = kt_str_sub(kt_buf_str(&in->page), in->page_at, FEED);
        if (kt_pipeline_feed(in->pipeline, piece, in->fed, kt_str_of(in->o.subscription), in->now,
                             err) != KT_OK)
            return err->code;
        in->page_at += piece.len;
        in->fed += piece.len;
        fed += piece.len;
    }
    *ret_more = in->page_at < in->page.len;
    if (!pubsub_at_hand(in) || *ret_more || in->read)
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
        pubsub_answered(in, &a);
        kt_buf_done(&a.body);
    }
    if (room && work_off(in, budget, ret_more, err) != KT_OK)
        return kt_wrap(err, "pubsub");
    if (in->asking == ASK_NOTHING && now >= in->at)
        pubsub_ask(in, room);
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
    in->kept = is_given(in);
    if (in->kept)
        pubsub_ask_ack(in);
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
