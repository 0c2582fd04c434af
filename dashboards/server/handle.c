/*
 * handle: one request: its head judged, its body gathered, who asks, and then a worker, a file or
 * an answer at once.
 *
 * Owns:  requests, until nobody holds them any more.
 * Calls: libmicrohttpd; auth, routes, request, the pools, assets, events, ready.
 * Holds: who may not ask is told so before a byte of a body is kept; a GET changes nothing (W3).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/hash.h"
#include "dashboards/server/events.h"
#include "dashboards/server/ready.h"
#include "dashboards/server/server_int.h"

#define HEADERS_MAX 64u
#define DRAIN_MAX   (1u << 20) /* of a body that is refused, read before the connection ends */

/* ---- life of a request ---- */

void *kt_web_first_line(void *self, const char *target, struct MHD_Connection *c)
{
    struct kt_web_server *s = self;
    struct kt_web_req *r = kt_alloc(sizeof *r);
    const union MHD_ConnectionInfo *i =
        MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    r->s = s;
    r->c = c;
    r->refs = 1;
    r->conn = i != NULL ? i->socket_context : NULL;
    kt_buf_addz(&r->target, target);
    pthread_condattr_t steady; /* a clock that is set does not change how long somebody waits */
    (void)pthread_condattr_init(&steady);
    (void)pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&r->moved, &steady);
    (void)pthread_condattr_destroy(&steady);
    kt_web_conn_phase(s, r->conn, KT_WEB_HEAD);
    return r;
}

void kt_web_req_drop(struct kt_web_req *r)
{
    if (--r->refs > 0)
        return;
    if (r->body.at != NULL)
        kt_wipe(r->body.at, r->body.len); /* a password may be in it */
    if (r->params.arena.mem != NULL && r->route != NULL && r->route->kind == KT_WEB_LOGIN)
        kt_wipe(r->params.arena.mem, r->params.arena.used);
    kt_web_params_done(&r->params);
    kt_buf_done(&r->target);
    kt_buf_done(&r->body);
    kt_buf_done(&r->pipe);
    kt_buf_done(&r->api.out);
    kt_buf_done(&r->cookie);
    kt_buf_done(&r->forwarded);
    (void)pthread_cond_destroy(&r->moved);
    kt_free(r);
}

void kt_web_completed(void *self, struct MHD_Connection *c, void **of_req,
                      enum MHD_RequestTerminationCode why)
{
    struct kt_web_server *s = self;
    struct kt_web_req *r = *of_req;
    (void)c;
    (void)why;
    if (r == NULL)
        return;
    *of_req = NULL;
    kt_web_conn_phase(s, r->conn, KT_WEB_IDLE);
    kt_web_login_forget(r);
    (void)pthread_mutex_lock(&s->lock);
    __atomic_store_n(&r->gone, true, __ATOMIC_RELAXED);
    r->suspended = false;
    (void)pthread_cond_broadcast(&r->moved);
    kt_web_req_drop(r);
    (void)pthread_mutex_unlock(&s->lock);
}

/* ---- the head ---- */

static void join(struct kt_buf *to, const char *between, const char *value)
{
    kt_buf_addz(to, to->len > 0 ? between : "");
    kt_buf_addz(to, value);
}

static enum MHD_Result take_field(void *self, enum MHD_ValueKind kind, const char *key,
                                  const char *value)
{
    struct kt_web_req *r = self;
    struct kt_str name = kt_str_of(key), proxy = kt_str_of(r->s->o.proxy_header);
    (void)kind;
    value = value != NULL ? value : "";
    r->fields++;
    r->hosts += kt_str_eq_nocase(name, KT_STR("Host"));
    r->lengths += kt_str_eq_nocase(name, KT_STR("Content-Length")) ||
                  kt_str_eq_nocase(name, KT_STR("Transfer-Encoding"));
    r->proxies += proxy.len > 0 && kt_str_eq_nocase(name, proxy);
    if (kt_str_eq_nocase(name, KT_STR("Cookie")))
        join(&r->cookie, "; ", value);
    if (kt_str_eq_nocase(name, KT_STR("X-Forwarded-For")))
        join(&r->forwarded, ", ", value);
    return MHD_YES;
}

struct refusal {
    unsigned status; /* 0: fine */
    const char *sentence;
};
#define FINE ((struct refusal){ 0, NULL })

static struct refusal judge_head(struct kt_web_req *r, const char *method, struct kt_error *err)
{
    bool other = false;
    struct kt_str host = kt_web_header(r, "Host");
    if (r->conn == NULL)
        return (struct refusal){ 503, "too many connections" };
    if (r->target.len > KT_WEB_URL_MAX)
        return (struct refusal){ 414, "the URL is longer than 16 KiB" };
    (void)MHD_get_connection_values(r->c, MHD_HEADER_KIND, take_field, r);
    if (r->fields > HEADERS_MAX)
        return (struct refusal){ 431, "more than 64 header fields" };
    if (r->hosts != 1 || r->lengths > 1 || r->proxies > 1) /* others may read them otherwise */
        return (struct refusal){ 400, "a field that a request has once is not there, or twice" };
    if (!kt_web_host_ok(host, r->s->o.hosts))
        return (struct refusal){ 421,
                                 "this name is not one of the page's: list it in dashboard.hosts" };
    if (kt_web_target(kt_buf_str(&r->target), &r->path, &r->query, err) != KT_OK)
        return (struct refusal){ 400, err->text };
    bool get = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    r->method = get ? KT_WEB_GET : KT_WEB_POST;
    r->route = kt_web_route(r->path, r->method, &other);
    if (r->route == NULL)
        return (struct refusal){ 404, "there is no such call: docs/api.md lists them" };
    if (other || (!get && strcmp(method, "POST") != 0))
        return (struct refusal){ 405, "not with this method" };
    return FINE;
}

static struct refusal judge_body(const struct kt_web_req *r)
{
    struct kt_str type = kt_web_header(r, "Content-Type"), length;
    uint64_t n;
    length = kt_web_header(r, "Content-Length");
    if (length.len > 0 && kt_str_u64(length, &n) && n > KT_API_BODY_MAX)
        return (struct refusal){ 413, "the body is larger than 64 KiB" };
    if (r->method == KT_WEB_POST && !kt_str_starts_nocase(type, KT_STR("application/json")))
        return (struct refusal){ 415, "a POST carries application/json" };
    return FINE;
}

struct kt_web_request kt_web_request_of(const struct kt_web_req *r)
{
    return (struct kt_web_request){
        .change = r->method == KT_WEB_POST,
        .by_itself = r->method == KT_WEB_GET && !kt_str_is(kt_web_header(r, "X-Person"), "1"),
        .unix_socket = r->conn->is_unix,
        .peer = r->conn->ip,
        .forwarded_for = kt_buf_str(&r->forwarded),
        .cookie = kt_buf_str(&r->cookie),
        .csrf = kt_web_header(r, "X-CSRF-Token"),
        .origin = kt_web_header(r, "Origin"),
        .site = kt_web_header(r, "Sec-Fetch-Site"),
        .host = kt_web_header(r, "Host"),
        .proxy_user =
            r->s->o.proxy_header != NULL ? kt_web_header(r, r->s->o.proxy_header) : KT_STR_NONE,
    };
}

/* Files of the page are for everybody: they say nothing of the log. */
static bool for_everybody(const struct kt_web_route *route)
{
    return route->kind == KT_WEB_FILE || route->kind == KT_WEB_LOGIN ||
           route->kind == KT_WEB_HEALTH || route->kind == KT_WEB_READY ||
           route->kind == KT_WEB_METRICS;
}

static struct refusal judge_who(struct kt_web_req *r, struct kt_error *err)
{
    bool known = false;
    const struct kt_web_request q = kt_web_request_of(r);
    r->from = kt_web_peer(r->s->o.auth, &q);
    if (for_everybody(r->route))
        return FINE;
    if (kt_web_who(r->s->o.auth, &q, kt_web_wall(r->s), &r->who, &known, err) != KT_OK)
        return (struct refusal){ known ? 403 : 401, err->text };
    if (r->who.role < r->route->role)
        return (struct refusal){ 403, "your role may not do this" };
    const char *no = r->who.scope[0] != '\0' ? kt_web_unscoped(r->route) : NULL;
    return no != NULL ? (struct refusal){ 403, no } : FINE;
}

static enum MHD_Result refuse_head(struct kt_web_req *r)
{
    struct kt_buf body = { 0 };
    const char *allow = r->refused != 405 ? NULL : r->method == KT_WEB_GET ? "POST" : "GET, HEAD";
    kt_web_error(&body, r->err.text);
    return kt_web_reply(r,
                        &(struct kt_web_reply){ .status = r->refused,
                                                .allow = allow,
                                                .retry_s = r->refused == 503 ? 2 : 0 },
                        &body);
}

/* After an answer before its body a connection ends. Where there is none, and who asks has only to
 * log in, say, it need not. */
static bool may_go_on(const struct kt_web_req *r)
{
    return r->method == KT_WEB_GET &&
           (r->refused == 401 || r->refused == 403 || r->refused == 404) &&
           kt_web_header(r, "Content-Length").len == 0 &&
           kt_web_header(r, "Transfer-Encoding").len == 0;
}

static enum MHD_Result begin(struct kt_web_req *r, const char *method)
{
    struct kt_error err = { 0 };
    r->judged = true;
    struct refusal no = judge_head(r, method, &err);
    if (no.status == 0)
        no = judge_body(r);
    if (no.status == 0)
        no = judge_who(r, &err);
    r->refused = no.status;
    kt_str_copyz(r->err.text, sizeof r->err.text, kt_str_of(no.sentence));
    if (no.status != 0 && !may_go_on(r))
        return refuse_head(r);
    kt_web_conn_phase(r->s, r->conn, KT_WEB_BODY);
    return MHD_YES;
}

/* ---- answers at once ---- */

static bool accepts_gzip(const struct kt_web_req *r)
{
    struct kt_str rest = kt_web_header(r, "Accept-Encoding"), part;
    while (rest.len > 0 && kt_str_split(&rest, ',', &part)) {
        struct kt_str word = kt_str_trim(part);
        ptrdiff_t semicolon = kt_str_find_byte(word, ';', 0);
        struct kt_str name =
            kt_str_trim(semicolon < 0 ? word : kt_str_sub(word, 0, (size_t)semicolon));
        struct kt_str q = semicolon < 0
                              ? KT_STR_NONE
                              : kt_str_trim(kt_str_from_index(word, (size_t)semicolon + 1));
        bool none = kt_str_is(q, "q=0") || kt_str_starts(q, KT_STR("q=0.0"));
        if (kt_str_eq_nocase(name, KT_STR("gzip")))
            return !none;
    }
    return false;
}

static enum MHD_Result answer_file(struct kt_web_req *r)
{
    const struct kt_asset *a = kt_assets_find(r->s->assets, r->path);
    if (a == NULL)
        return kt_web_refuse(r, 404, "there is no such page");
    struct kt_web_reply how = { .status = 200,
                                .type = a->type,
                                .etag = a->etag,
                                .cache = a->immutable ? "public, max-age=31536000, immutable"
                                                      : "no-cache" };
    if (kt_str_has(kt_web_header(r, "If-None-Match"), kt_str_of(a->etag))) {
        how.status = 304;
        return kt_web_reply_static(r, &how, KT_STR(""));
    }
    struct kt_buf bytes = { 0 };
    if (r->gzip) {
        how.encoding = "gzip";
        if (r->s->o.assets == NULL)
            return kt_web_reply_static(r, &how, a->packed);
        kt_buf_add(&bytes, a->packed);
    } else {
        kt_asset_plain(a, &bytes);
    }
    return kt_web_reply(r, &how, &bytes);
}

static enum MHD_Result answer_health(struct kt_web_req *r)
{
    struct kt_buf out = { 0 };
    unsigned status = (unsigned)kt_healthz(&out);
    return kt_web_reply(r, &(struct kt_web_reply){ .status = status, .type = "text/plain" }, &out);
}

/* Who has the token; without one whoever is on this host, and not behind a proxy of it. */
static bool may_see_metrics(const struct kt_web_req *r)
{
    struct kt_str want = r->s->o.metrics_token, given = kt_web_header(r, "Authorization");
    if (want.len > 0)
        return kt_str_starts_nocase(given, KT_STR("Bearer ")) && given.len == want.len + 7 &&
               kt_equal_secret(given.at + 7, want.at, want.len);
    return !r->conn->is_unix && kt_ip_class(r->conn->ip) == KT_IP_LOOPBACK &&
           r->s->o.proxy_header == NULL && kt_web_header(r, "X-Forwarded-For").len == 0 &&
           kt_web_header(r, "Forwarded").len == 0;
}

/* ---- calls ---- */

static enum MHD_Result refuse_params(struct kt_web_req *r, const struct kt_error *err)
{
    struct kt_buf body = { 0 };
    kt_web_error(&body, err->text);
    return kt_web_reply(r, &(struct kt_web_reply){ .status = 400 }, &body);
}

static enum kt_status read_params(struct kt_web_req *r, struct kt_error *err)
{
    kt_web_params_init(&r->params);
    if (kt_web_query(&r->params, r->query, err) != KT_OK)
        return err->code;
    return r->method == KT_WEB_POST ? kt_web_body(&r->params, kt_buf_str(&r->body), err) : KT_OK;
}

static enum MHD_Result ask(struct kt_web_req *r)
{
    bool download = r->route->kind == KT_WEB_DOWNLOAD;
    if (kt_web_pool_put(download ? &r->s->downloads : &r->s->calls, r))
        return MHD_YES;
    struct kt_web_reply said;
    struct kt_buf text = { 0 };
    if (kt_web_said(r, &said, &text))
        return kt_web_reply(r, &said, &text);
    return kt_web_refuse(r, 503,
                         download
                             ? "a download of yours runs already, or four of others: wait for it"
                             : "busy: too many questions wait");
}

static enum MHD_Result dispatch(struct kt_web_req *r)
{
    struct kt_error err = { 0 };
    if (r->refused != 0)
        return refuse_head(r);
    r->gzip = accepts_gzip(r);
    r->form = kt_metrics_form_of(kt_web_header(r, "Accept"));
    if (r->body.len > KT_API_BODY_MAX)
        return kt_web_refuse(r, 413, "the body is larger than 64 KiB");
    if (r->route->kind != KT_WEB_FILE && read_params(r, &err) != KT_OK)
        return refuse_params(r, &err);
    switch (r->route->kind) {
    case KT_WEB_CALL:
    case KT_WEB_DOWNLOAD:
        return ask(r);
    case KT_WEB_ME:
        return kt_web_answer_me(r);
    case KT_WEB_LOGIN:
        return kt_web_login_first(r);
    case KT_WEB_LOGOUT:
        return kt_web_log_out(r);
    case KT_WEB_LIVE:
        return kt_events_answer(r->s->events, r);
    case KT_WEB_METRICS:
        return may_see_metrics(r) ? ask(r)
                                  : kt_web_refuse(r, 403,
                                                  "metrics are for this host alone, or for whoever "
                                                  "has the token of dashboard.metrics_token_file");
    case KT_WEB_READY:
        return ask(r);
    case KT_WEB_HEALTH:
        return answer_health(r);
    case KT_WEB_FILE:
        return answer_file(r);
    }
    return MHD_NO;
}

/* The worker is done. */
static enum MHD_Result answer(struct kt_web_req *r)
{
    struct kt_api *a = &r->api;
    if (r->route->kind == KT_WEB_LOGIN)
        return kt_web_login_second(r);
    struct kt_web_reply how = { .status = r->result != KT_OK ? kt_web_status_of(r->result)
                                          : a->status != 0   ? (unsigned)a->status
                                                             : 200,
                                .encoding = r->packed ? "gzip" : NULL };
    if (r->result == KT_OK) {
        how.type = a->type;
        how.policy = a->policy;
        how.file = a->file;
    }
    how.retry_s = how.status == 503 ? 2 : 0;
    return kt_web_reply(r, &how, &a->out);
}

/* Called with the head, with each piece of the body, at its end, and after a wait. */
enum MHD_Result kt_web_handle(void *self, struct MHD_Connection *c, const char *url,
                              const char *method, const char *version, const char *piece,
                              size_t *size, void **of_req)
{
    struct kt_web_server *s = self;
    struct kt_web_req *r = *of_req;
    (void)c;
    (void)url;
    (void)version;
    if (r == NULL)
        return MHD_NO;
    if (!r->judged)
        return begin(r, method);
    if (*size > 0) {
        if (r->body.len + *size > DRAIN_MAX)
            return MHD_NO;
        kt_buf_add_bytes(&r->body, piece, *size);
        *size = 0;
        return MHD_YES;
    }
    (void)pthread_mutex_lock(&s->lock);
    enum kt_web_state state = r->state;
    (void)pthread_mutex_unlock(&s->lock);
    if (state == KT_WEB_STREAMS)
        return kt_web_pipe(r);
    return state == KT_WEB_DONE ? answer(r) : dispatch(r);
}
