/*
 * outside_make: what goes to a webhook, to S3 and to a witness, and what their answers mean.
 *
 * Owns:  nothing.
 * Calls: hook, exporters/streams/s3_object.h, core. No I/O, no clock.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "collector/outside_int.h"
#include "core/base/aws.h"
#include "core/base/enc.h"
#include "core/event/line.h"
#include "exporters/streams/s3_object.h"

static void log_hex(const struct kt_outside *o, char ret[33])
{
    kt_hex(ret, o->o.log_id, sizeof o->o.log_id);
}

/* ---- webhook (Standard Webhooks 1.0.0) ---- */

static void hook_body(const struct kt_outside *o, const struct copy *c, struct kt_buf *b)
{
    char log[33], root[65], when[KT_TIME_TEXT_MAX];
    log_hex(o, log);
    kt_hex(root, c->out.head.root, 32);
    kt_buf_addf(b,
                "{\"type\":\"checkpoint.published\",\"timestamp\":\"%s\",\"data\":{\"log\":\"%s\","
                "\"records\":%" PRIu64 ",\"root\":\"%s\",\"note\":",
                kt_time_format(c->out.at, when), log, c->out.head.size, root);
    kt_json_quote(b, kt_buf_str(&c->out.note));
    kt_buf_addz(b, "}}");
}

static enum kt_status hook_request(const struct kt_outside *o, const struct copy *c, kt_time_ns now,
                                   struct kt_arena *arena, struct kt_str *headers,
                                   struct kt_http_request *ret, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf body = { 0 }, signature = { 0 };
    char log[33];
    (void)err;
    log_hex(o, log);
    hook_body(o, c, &body);
    struct kt_str id = kt_arena_fmt(arena, "checkpoint_%.16s_%" PRIu64, log, c->out.head.size);
    kt_hook_sign(&c->hook, id, now / KT_NS_S, kt_buf_str(&body), &signature);
    ret->url = kt_buf_str(&c->url);
    ret->method = KT_HTTP_POST;
    ret->body = kt_arena_str(arena, kt_buf_str(&body));
    headers[0] = KT_STR("Content-Type: application/json");
    headers[1] = kt_arena_cat(arena, KT_STR("webhook-id: "), id);
    headers[2] = kt_arena_fmt(arena, "webhook-timestamp: %" PRId64, now / KT_NS_S);
    headers[3] = kt_arena_cat(arena, KT_STR("webhook-signature: "), kt_buf_str(&signature));
    ret->n_headers = 4;
    return KT_OK;
}

/* ---- S3 ---- */

static enum kt_status s3_request(const struct kt_outside *o, const struct copy *c, kt_time_ns now,
                                 struct kt_arena *arena, struct kt_str *headers,
                                 struct kt_http_request *ret, struct kt_error *err)
{
    char log[33];
    log_hex(o, log);
    const struct kt_s3_object r = {
        .url = kt_buf_str(&c->url),
        .credentials = kt_buf_str(&c->key),
        .region = c->conf->region,
        .name = kt_arena_fmt(arena, "%s/checkpoints/log=%s/%012" PRIu64 ".note", c->conf->prefix,
                             log, c->out.head.size),
        .body = kt_buf_str(&c->out.note),
        .lock_mode = c->conf->lock_mode,
        .locked_until = now + c->conf->retain,
        .encryption = "none",
        .now = now,
    };
    ret->method = KT_HTTP_PUT;
    ret->body = r.body;
    return kt_s3_request(&r, arena, &ret->url, headers, OUTSIDE_HEADERS, &ret->n_headers, err);
}

/* ---- witness (C2SP tlog-witness, add-checkpoint) ---- */

static enum kt_status witness_request(const struct kt_outside *o, const struct copy *c,
                                      kt_time_ns now, struct kt_arena *arena,
                                      struct kt_str *headers, struct kt_http_request *ret,
                                      struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf body = { 0 };
    (void)o;
    (void)now;
    (void)headers;
    (void)err;
    kt_buf_addf(&body, "old %" PRIu64 "\n", c->out.from);
    for (size_t i = 0; i + 32 <= c->out.proof.len; i += 32) {
        kt_base64_add(&body, kt_str_from(c->out.proof.at + i, 32));
        kt_buf_byte(&body, '\n');
    }
    kt_buf_byte(&body, '\n');
    kt_buf_add(&body, kt_buf_str(&c->out.note));
    ret->method = KT_HTTP_POST;
    ret->url = kt_arena_cat(arena, kt_buf_str(&c->url), KT_STR("/add-checkpoint"));
    ret->body = kt_arena_str(arena, kt_buf_str(&body));
    return KT_OK;
}

enum kt_status outside_request(const struct kt_outside *o, const struct copy *c, kt_time_ns now,
                               struct kt_arena *arena, struct kt_str headers[OUTSIDE_HEADERS],
                               struct kt_http_request *ret, struct kt_error *err)
{
    static enum kt_status (*const make[])(const struct kt_outside *, const struct copy *,
                                          kt_time_ns, struct kt_arena *, struct kt_str *,
                                          struct kt_http_request *, struct kt_error *) = {
        [KT_COPY_WEBHOOK] = hook_request,
        [KT_COPY_S3] = s3_request,
        [KT_COPY_WITNESS] = witness_request,
    };
    *ret = (struct kt_http_request){ .headers = headers,
                                     .ca_file = c->conf->ca_file,
                                     .proxy = c->conf->proxy,
                                     .allow_private = c->conf->allow_private };
    enum kt_status st = make[c->conf->type](o, c, now, arena, headers, ret, err);
    if (st == KT_OK && arena->full)
        st = kt_fail(err, KT_E_LIMIT, "the request is too long");
    return st;
}

/* ---- answers ---- */

static void rule(struct outside_ruling *r, enum outside_verdict v, const char *fmt, ...)
    KT_PRINTF(3, 4);
static void rule(struct outside_ruling *r, enum outside_verdict v, const char *fmt, ...)
{
    va_list args;
    r->verdict = v;
    va_start(args, fmt);
    (void)vsnprintf(r->word, sizeof r->word, fmt, args);
    va_end(args);
}

static bool is_passing(int status)
{
    return status == 408 || status == 425 || status == 429 || status >= 500;
}

/* 409: its size, as the whole answer. */
static void judge_conflict(const struct copy *c, const struct kt_http_answer *a,
                           struct outside_ruling *r)
{
    uint64_t size;
    if (!kt_str_u64(kt_str_trim(kt_buf_str(&a->body)), &size))
        rule(r, OUTSIDE_AGAIN, "409 without a size");
    else if (size > c->out.head.size)
        rule(r, OUTSIDE_TOO_OLD,
             "it has seen %" PRIu64 " records of this log, and there are %" PRIu64, size,
             c->out.head.size);
    else if (size == c->out.from)
        rule(r, OUTSIDE_AGAIN, "409 with the size that it was told");
    else
        rule(r, OUTSIDE_FROM, "it knows %" PRIu64 " records", size);
    r->from = size;
}

static void judge_witness(const struct copy *c, const struct kt_http_answer *a,
                          struct outside_ruling *r)
{
    switch (a->status) {
    case 200:
        rule(r, OUTSIDE_TAKEN, "200");
        break;
    case 409:
        judge_conflict(c, a, r);
        break;
    case 404:
        rule(r, OUTSIDE_REFUSED, "404: it does not know this log; give it the log's vkey");
        break;
    case 403:
        rule(r, OUTSIDE_REFUSED, "403: it does not know the log's key; give it the new vkey");
        break;
    case 422:
        rule(r, OUTSIDE_TOO_OLD, "422: what it has seen of this log is not contained in it");
        break;
    default:
        rule(r, is_passing(a->status) ? OUTSIDE_AGAIN : OUTSIDE_REFUSED, "HTTP %d", a->status);
    }
}

/* 412: an object of this size is there; it was written before. */
static void judge_other(const struct copy *c, const struct kt_http_answer *a,
                        struct outside_ruling *r)
{
    bool taken =
        (a->status >= 200 && a->status < 300) || (c->conf->type == KT_COPY_S3 && a->status == 412);
    struct kt_str code =
        c->conf->type == KT_COPY_S3 ? kt_aws_xml(kt_buf_str(&a->body), "Code") : KT_STR_NONE;
    rule(r,
         taken                   ? OUTSIDE_TAKEN
         : is_passing(a->status) ? OUTSIDE_AGAIN
                                 : OUTSIDE_REFUSED,
         "HTTP %d %.*s", a->status, (int)(code.len > 64 ? 64 : code.len), code.at);
}

void outside_judge(const struct copy *c, const struct kt_http_answer *a, struct outside_ruling *ret)
{
    *ret = (struct outside_ruling){ 0 };
    if (a->status == 0)
        rule(ret, OUTSIDE_AGAIN, "%s", a->error);
    else if (c->conf->type == KT_COPY_WITNESS)
        judge_witness(c, a, ret);
    else
        judge_other(c, a, ret);
}
