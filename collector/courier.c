/*
 * courier: one alert target as the outbox sees it.
 *
 * Owns:  the target's options, the contents of its key files, its rate and its circuit.
 * Calls: exporters/alerts, core (config, http's structs, key files). Time comes in.
 * Holds: keys and URLs leave it only inside a request.
 */
#include "collector/courier.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/base/limits.h"
#include "core/config/tree.h"
#include "core/sys/fs.h"
#include "exporters/alerts/ack.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BURST         5.0
#define FAILURES_OPEN 5u
#define PROBE_EVERY   KT_NS_MIN
#define FLYING_MAX    4u
#define SLOW_DOWN     (30 * KT_NS_S) /* a 429 that does not say how long */
#define KEY_FILE_MAX  8192u

/* ---- opening ---- */

static enum kt_status read_key(const char *path, struct kt_buf *ret, struct kt_error *err)
{
    if (path == NULL || path[0] == '\0')
        return KT_OK;
    enum kt_status st = kt_fs_read_secret(path, KEY_FILE_MAX, ret, err);
    if (st == KT_OK)
        return KT_OK;
    /* A missing key file is the configuration's fault, whatever the cause below. */
    if (err != NULL)
        err->code = KT_E_CONFIG;
    return kt_wrap(err, "key file");
}

static enum kt_status load(struct kt_courier *c, struct kt_error *err)
{
    const struct kt_target_files *o = c->options;
    if (read_key(o->url_file, &c->url, err) != KT_OK ||
        read_key(o->key_file, &c->key, err) != KT_OK ||
        read_key(o->key_previous_file, &c->key_previous, err) != KT_OK ||
        read_key(o->answers_file, &c->answers, err) != KT_OK)
        return KT_E_CONFIG;
    struct kt_str url = kt_str_trim(kt_buf_str(&c->url));
    if (url.len == 0)
        url = kt_str_of(o->server != NULL ? o->server : c->target->url_default);
    enum kt_status st = c->target->by_mail
                            ? kt_mail_check_url(url, c->conf->allow_private, o->no_tls, err)
                            : kt_http_check_url(url, c->conf->allow_private, err);
    if (st != KT_OK)
        return kt_wrap(err, "url");
    const char *refused = c->target->url_refused == NULL ? NULL : c->target->url_refused(url);
    if (refused != NULL)
        return kt_fail(err, KT_E_CONFIG, "url: %s", refused);
    const struct kt_buf *keys[] = { &c->key, &c->key_previous };
    for (size_t i = 0; c->target->sign_standard && i < KT_ARRAY_LEN(keys); i++)
        if (keys[i]->len > 0 && kt_hook_keys_read(kt_buf_str(keys[i]), &c->hook, err) != KT_OK)
            return KT_E_CONFIG;
    return c->whole->link_ack == NULL
               ? KT_OK
               : kt_link_key_read(c->whole->link_ack_key_file, c->link_seed, err);
}

static enum kt_status no_type(const struct kt_conf *conf, const struct kt_conf_target *t,
                              struct kt_error *err)
{
    struct kt_near near = kt_near_of(kt_str_of(t->type));
    for (unsigned i = 0; kt_targets[i] != NULL; i++)
        kt_near_try(&near, kt_targets[i]->name);
    return kt_key_fail(conf->yaml, t->node, err, "target '%s': there is no type '%s'%s%s%s",
                       t->name, t->type, near.name != NULL ? ", did you mean '" : "",
                       near.name != NULL ? near.name : "", near.name != NULL ? "'?" : "");
}

/* The target with its options, without the files that they name. */
static enum kt_status begin(const struct kt_conf *conf, const struct kt_conf_target *t,
                            struct kt_courier *c, struct kt_error *err)
{
    *c = (struct kt_courier){ .whole = conf,
                              .conf = t,
                              .target = kt_target_find(kt_str_of(t->type)) };
    if (c->target == NULL)
        return no_type(conf, t, err);
    c->options = kt_alloc(c->target->options_size);
    c->tokens = BURST;
    if (t->proxy != NULL && t->proxy[0] != '\0' &&
        kt_http_check_proxy(kt_str_of(t->proxy), err) != KT_OK)
        return kt_wrap(err, "target '%s'", t->name);
    if (kt_options_fill(conf->yaml, t->node, c->target->options, c->options, err) != KT_OK ||
        (c->target->check != NULL && c->target->check(c->options, err) != KT_OK))
        return kt_wrap(err, "target '%s'", t->name);
    return KT_OK;
}

enum kt_status kt_courier_check(const struct kt_conf *conf, const struct kt_conf_target *t,
                                struct kt_error *err)
{
    struct kt_courier c;
    enum kt_status st = begin(conf, t, &c, err);
    kt_courier_done(&c);
    return st;
}

enum kt_status kt_courier_open(const struct kt_conf *conf, const struct kt_conf_target *t,
                               struct kt_courier *ret, struct kt_error *err)
{
    struct kt_courier c;
    enum kt_status st = begin(conf, t, &c, err);
    if (st == KT_OK && load(&c, err) != KT_OK)
        st = kt_wrap(err, "target '%s'", t->name);
    if (st != KT_OK) {
        kt_courier_done(&c);
        return st;
    }
    *ret = c;
    return KT_OK;
}

static void wipe(struct kt_buf *b)
{
    if (b->at != NULL)
        kt_wipe(b->at, b->cap);
    kt_buf_done(b);
}

void kt_courier_done(struct kt_courier *c)
{
    wipe(&c->url);
    wipe(&c->key);
    wipe(&c->key_previous);
    wipe(&c->answers);
    kt_wipe(&c->hook, sizeof c->hook);
    kt_wipe(c->link_seed, sizeof c->link_seed);
    kt_free(c->options);
    *c = (struct kt_courier){ 0 };
}

/* ---- when ---- */

kt_time_ns kt_courier_ready_at(struct kt_courier *c, kt_time_ns mono)
{
    if (c->disabled || c->flying >= FLYING_MAX || (c->open && c->flying > 0))
        return INT64_MAX;
    if (mono < c->not_before)
        return c->not_before;
    if (c->open)
        return c->probe_at;
    if (c->refilled != 0)
        c->tokens += (double)(mono - c->refilled) / (double)KT_NS_S * c->target->per_second;
    c->refilled = mono;
    if (c->tokens > BURST)
        c->tokens = BURST;
    if (c->tokens >= 1)
        return mono;
    return mono + 1 + (kt_time_ns)((1 - c->tokens) / c->target->per_second * (double)KT_NS_S);
}

void kt_courier_revive(struct kt_courier *c)
{
    c->disabled = c->open = false;
    c->failures = 0;
    c->not_before = 0;
}

void kt_courier_started(struct kt_courier *c, kt_time_ns mono)
{
    c->flying++;
    c->probe_at = mono + PROBE_EVERY;
    c->tokens -= c->tokens >= 1 ? 1 : 0;
}

static void failed(struct kt_courier *c, kt_time_ns mono)
{
    c->failures++;
    if (c->failures < FAILURES_OPEN)
        return;
    if (!c->open)
        c->open_since = mono;
    c->open = true;
    c->probe_at = mono + PROBE_EVERY;
}

enum kt_verdict kt_courier_answered(struct kt_courier *c, const struct kt_http_answer *a,
                                    kt_time_ns mono, kt_time_ns wall, struct kt_target_ruling *ret,
                                    char *word)
{
    struct kt_target_reply reply = { .status = a->status, .body = kt_buf_str(&a->body) };
    *ret = (struct kt_target_ruling){ .verdict = KT_RETRY };
    if (a->status != 0)
        c->target->judge(&reply, ret);
    enum kt_verdict v = ret->verdict;
    (void)snprintf(word, sizeof c->last_error, "%s", a->status != 0 ? ret->word : a->error);
    c->flying--;
    c->last_code = a->status;
    if (a->retry_after > 0 && (a->status == 429 || a->status == 503))
        c->not_before = mono + a->retry_after;
    c->disabled = c->disabled || v == KT_DISABLED;
    if (v == KT_DELIVERED) {
        c->failures = 0;
        c->open = false;
        c->last_success = wall;
        c->last_error[0] = '\0';
        return v;
    }
    (void)snprintf(c->last_error, sizeof c->last_error, "%s", word);
    if (v == KT_RETRY && a->status != 429) /* "slower" is no failure of the target */
        failed(c, mono);
    return v;
}

kt_time_ns kt_courier_wait(const struct kt_rng *rng, uint32_t attempts,
                           const struct kt_http_answer *a)
{
    static const kt_time_ns ladder[] = {
        1 * KT_NS_S,     5 * KT_NS_S,     30 * KT_NS_S,    2 * KT_NS_MIN,
        10 * KT_NS_MIN,  30 * KT_NS_MIN,  2 * KT_NS_HOUR,  5 * KT_NS_HOUR,
        10 * KT_NS_HOUR, 14 * KT_NS_HOUR, 20 * KT_NS_HOUR, 24 * KT_NS_HOUR,
    };
    if (attempts == 0 || attempts > KT_ARRAY_LEN(ladder))
        return 0;
    kt_time_ns rung = ladder[attempts - 1], spread = rung / 5;
    kt_time_ns wait = rung - spread + (kt_time_ns)kt_rng_below(rng, (uint64_t)(2 * spread) + 1);
    if (a->status == 429 && a->retry_after == 0 && wait < SLOW_DOWN)
        return SLOW_DOWN;
    bool told = a->status == 429 || a->status == 503;
    return told && a->retry_after > wait ? a->retry_after : wait;
}

/* ---- what ---- */

static void sign(const struct kt_courier *c, const struct kt_outbox_row *row, kt_time_ns wall,
                 struct kt_arena *arena, struct kt_target_request *r)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf signature = { 0 };
    int64_t now_s = wall / KT_NS_S;
    struct kt_str id = kt_arena_fmt(arena, "%s-%" PRId64, row->alert, row->row);
    kt_hook_sign(&c->hook, id, now_s, kt_buf_str(&r->body), &signature);
    r->headers[r->n_headers++] = kt_arena_cat(arena, KT_STR("webhook-id: "), id);
    r->headers[r->n_headers++] = kt_arena_fmt(arena, "webhook-timestamp: %" PRId64, now_s);
    r->headers[r->n_headers++] =
        kt_arena_cat(arena, KT_STR("webhook-signature: "), kt_buf_str(&signature));
}

static struct kt_str link(struct kt_arena *arena, const char *form, const struct kt_alert *a)
{
    return form == NULL || a->test ? KT_STR_NONE : kt_alert_link(arena, form, a);
}

static void set_links(const struct kt_courier *c, struct kt_arena *arena,
                      struct kt_target_turn *turn)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf ack = { 0 };
    if (!turn->alert->group)
        turn->alert_url = link(arena, c->whole->link_alert, turn->alert);
    turn->runbook_url = link(arena, c->whole->link_runbook, turn->alert);
    turn->asks = turn->send == KT_SEND_TEST || kt_ack_asks(turn->alert, turn->send);
    if (turn->asks && c->whole->link_ack != NULL)
        kt_ack_link_write(c->whole->link_ack, c->link_seed, turn->alert, c->conf->name, turn->now,
                          &ack);
    turn->ack_url = kt_arena_str(arena, kt_buf_str(&ack));
}

enum kt_status kt_courier_render(const struct kt_courier *c, const struct kt_outbox_row *row,
                                 struct kt_str alert, bool plain, kt_time_ns wall,
                                 struct kt_arena *arena, struct kt_target_request *ret,
                                 struct kt_error *err)
{
    struct kt_alert a;
    struct kt_target_secrets secrets = {
        .url = kt_str_trim(kt_buf_str(&c->url)),
        .key = kt_str_trim(kt_buf_str(&c->key)),
        .key_previous = kt_str_trim(kt_buf_str(&c->key_previous)),
    };
    struct kt_target_turn turn = { .alert = &a,
                                   .send = kt_send_of(kt_str_of(row->action)),
                                   .plain = plain,
                                   .handle = kt_str_of(row->handle),
                                   .row = row->row,
                                   .now = wall,
                                   .deployment = c->whole->deployment };
    struct kt_buf body = ret->body;
    *ret = (struct kt_target_request){ .body = body };
    kt_buf_reset(&ret->body);
    if (turn.send == KT_SEND_COUNT)
        return kt_fail(err, KT_E_INPUT, "no target knows the action '%s'", row->action);
    if (kt_alert_read(alert, arena, &a, err) != KT_OK)
        return kt_wrap(err, "the stored alert");
    set_links(c, arena, &turn);
    if (c->target->render(c->options, &secrets, &turn, arena, ret, err) != KT_OK)
        return kt_wrap(err, "%s", c->target->name);
    if (c->target->sign_standard)
        sign(c, row, wall, arena, ret);
    return arena->full ? kt_fail(err, KT_E_LIMIT, "the alert does not fit") : KT_OK;
}

void kt_courier_request(const struct kt_courier *c, const struct kt_target_request *r, uint64_t tag,
                        struct kt_http_request *ret)
{
    const char *ca = c->conf->ca_file, *proxy = c->conf->proxy;
    *ret = (struct kt_http_request){ .url = r->url,
                                     .body = kt_buf_str(&r->body),
                                     .headers = r->headers,
                                     .n_headers = r->n_headers,
                                     .ca_file = ca != NULL && ca[0] != '\0' ? ca : NULL,
                                     .proxy = proxy != NULL && proxy[0] != '\0' ? proxy : NULL,
                                     .allow_private = c->conf->allow_private,
                                     .mail = r->mail.from != NULL ? &r->mail : NULL,
                                     .tag = tag };
}
