/*
 * vault: a request and its response in the audit log of Vault or OpenBao -> one event (SOURCES §2).
 *
 * Owns:  nothing; mounts, KV versions and wrapping tokens are remembered by the engine.
 * Calls: core/base, core/event. No I/O, no clock.
 * Holds: nothing below request.data, response.data but names, numbers and what Vault hashed is ever
 *        looked at.
 */
#include "agents/sources/vault.h"

#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/event/keep.h"
#include "core/event/line.h"
#include "core/event/scan.h"
#include "core/event/secret_id.h"

#define HASHED "hmac-sha256:"

/* What is known of one access: the record and, when it waited, the other half. */
struct record {
    const struct kt_decode_in *in;
    struct kt_jval request, auth, response, data;
    struct kt_str type, id, path, operation, error;
    kt_time_ns time, request_time, precision;
    enum vt_login login;
    enum vt_op op;
    bool raw_device, has_response;
};

/* ---- what is kept (THREATS, table R) ----
 * Name, entity, policies, id, operation, path and address have columns of their own. Rows are in
 * the order in which Vault writes members, which is how they are found at once. */
static const struct kt_keep keep_metadata[] = {
    KT_KEEP("role"),
    KT_KEEP("role_name"),
    KT_KEEP("username"),
    KT_KEEP("email"),
    KT_KEEP("service_account_name"),
    KT_KEEP("service_account_namespace"),
    KT_KEEP("service_account_uid"),
    KT_KEEP("account_id"),
    KT_KEEP("canonical_arn"),
    KT_KEEP_END,
};
static const struct kt_keep keep_results[] = {
    KT_KEEP("allowed"),
    KT_DROP("granting_policies"),
    KT_KEEP_END,
};
static const struct kt_keep keep_auth[] = {
    KT_DROP("client_token"),
    KT_DROP("accessor"),
    KT_DROP("display_name"),
    KT_DROP("policies"),
    KT_DROP("token_policies"),
    KT_DROP("identity_policies"),
    KT_DROP("external_namespace_policies"),
    KT_DROP("no_default_policy"),
    KT_KEEP_IN("policy_results", keep_results),
    KT_KEEP_IN("metadata", keep_metadata),
    KT_DROP("num_uses"),
    KT_DROP("remaining_uses"),
    KT_DROP("entity_id"),
    KT_KEEP("entity_created"),
    KT_KEEP("token_type"),
    KT_DROP("token_ttl"),
    KT_DROP("token_issue_time"),
    KT_KEEP_END,
};
static const struct kt_keep keep_namespace[] = {
    KT_KEEP("id"),
    KT_KEEP("path"),
    KT_KEEP_END,
};
static const struct kt_keep keep_request[] = {
    KT_DROP("id"),
    KT_KEEP("replication_cluster"),
    KT_DROP("client_id"),
    KT_DROP("operation"),
    KT_KEEP("mount_point"),
    KT_KEEP("mount_type"),
    KT_KEEP("mount_accessor"),
    KT_DROP("mount_running_version"),
    KT_DROP("mount_running_sha256"),
    KT_DROP("mount_is_external_plugin"),
    KT_KEEP("mount_class"),
    KT_DROP("client_token"),
    KT_DROP("client_token_accessor"),
    KT_KEEP_IN("namespace", keep_namespace),
    KT_DROP("path"), /* may hold a token: kt_vt_safe_path() */
    KT_DROP("data"),
    KT_DROP("policy_override"),
    KT_DROP("remote_address"),
    KT_KEEP("remote_port"),
    KT_KEEP("wrap_ttl"),
    KT_DROP("headers"),
    KT_DROP("client_certificate_serial_number"),
    KT_KEEP_END,
};

static void write_raw(const struct record *r, struct kt_event *ev)
{
    uint64_t *unknown = r->in->unknown_fields;
    char text[KT_TIME_TEXT_MAX];
    struct kt_kept raw;
    kt_kept_open(&raw, r->in->raw);
    kt_kept_text(&raw, KT_STR("type"), r->type);
    if (r->has_response && r->request_time != 0)
        kt_kept_text(&raw, KT_STR("request_time"),
                     kt_str_of(kt_time_format(r->request_time, text)));
    kt_kept_member(&raw, KT_STR("auth"), r->auth, keep_auth, unknown);
    kt_kept_member(&raw, KT_STR("request"), r->request, keep_request, unknown);
    kt_kept_close(&raw, ev);
}

/* ---- taking the record apart ---- */

/* xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx, by sixteen bytes, the last of which overlap. */
static bool is_uuid(struct kt_str s)
{
    return s.len == 36 && s.at[8] == '-' && s.at[13] == '-' && s.at[18] == '-' && s.at[23] == '-' &&
           kt_scan_hex16(s.at) == 0xDEFF && kt_scan_hex16(s.at + 16) == 0xFF7B &&
           kt_scan_hex16(s.at + 20) == 0xFFF7;
}

KT_JSON_INLINE struct kt_jval either(struct kt_jval a, struct kt_jval b, const char *name)
{
    struct kt_jval v = kt_json_get(a, kt_str_of(name));
    enum kt_json_type t = kt_json_type(v);
    return t == KT_JSON_NONE || t == KT_JSON_NULL ? kt_json_get(b, kt_str_of(name)) : v;
}

KT_JSON_INLINE bool is_clear(struct kt_jval of, const char *name)
{
    struct kt_str token = kt_json_str(kt_json_get(of, kt_str_of(name)));
    return token.len > 0 && !kt_str_starts(token, KT_STR(HASHED));
}

/* A device with log_raw writes tokens and values as they are. */
static bool is_raw(const struct record *r)
{
    return is_clear(kt_json_get(r->in->root, KT_STR("auth")), "client_token") ||
           is_clear(r->request, "client_token") ||
           is_clear(kt_json_get(r->response, KT_STR("auth")), "client_token") ||
           is_clear(kt_json_get(r->response, KT_STR("wrap_info")), "token");
}

static void times(struct record *r, struct kt_jval first)
{
    kt_time_ns other = 0;
    if (kt_time_parse_loose(kt_json_str_at(r->in->root, "time"), &r->time, &r->precision, NULL) !=
        KT_OK)
        r->time = 0;
    if (kt_time_parse_loose(kt_json_str_at(first, "time"), &other, NULL, NULL) == KT_OK)
        r->request_time = other;
    else if (!r->has_response)
        r->request_time = r->time;
}

static struct record take_apart(const struct kt_decode_in *in, struct kt_jval first)
{
    struct record r = { .in = in };
    struct kt_jval first_request = kt_json_get(first, KT_STR("request"));
    struct kt_jval own = kt_json_get(in->root, KT_STR("request"));
    r.type = kt_json_str_at(in->root, "type");
    r.request = kt_json_type(own) == KT_JSON_OBJECT ? own : first_request;
    r.response = kt_json_get(in->root, KT_STR("response"));
    r.has_response = kt_str_ends(r.type, KT_STR("response"));
    r.data = kt_json_get(r.response, KT_STR("data"));
    r.id = kt_json_str(either(own, first_request, "id"));
    r.path = kt_json_str(either(own, first_request, "path"));
    r.operation = kt_json_str(either(own, first_request, "operation"));
    r.error = kt_json_str(either(in->root, first, "error"));
    r.op = kt_vt_op_of(r.operation);
    bool login = kt_vt_is_login(r.op, r.path);
    r.raw_device = is_raw(&r) || is_clear(first_request, "client_token");
    r.auth = either(in->root, first, "auth");
    struct kt_jval made = kt_json_get(r.response, KT_STR("auth"));
    bool done = login && kt_json_type(made) == KT_JSON_OBJECT;
    r.login = done ? VT_LOGIN_DONE : login ? VT_LOGIN_TRIED : VT_LOGIN_NO;
    if (done)
        r.auth = made;
    times(&r, first);
    return r;
}

/* ---- outcome ---- */

static const struct {
    const char *text;
    enum kt_outcome outcome;
} errors[] = {
    { "permission denied", KT_OUT_DENIED },
    { "invalid credentials", KT_OUT_DENIED },
    { "invalid username or password", KT_OUT_DENIED },
    { "request needs further approval", KT_OUT_UNKNOWN },
    { "invalid request", KT_OUT_FAILURE },
    { "unsupported path", KT_OUT_FAILURE },
    { "upstream rate limited", KT_OUT_FAILURE },
    { "rate limit quota exceeded", KT_OUT_FAILURE },
    { "lease count quota exceeded", KT_OUT_FAILURE },
    { "locked namespace", KT_OUT_FAILURE },
    { "unsupported operation", KT_OUT_FAILURE },
    { "missing client token", KT_OUT_FAILURE },
    { "please forward to the active node", KT_OUT_FAILURE },
    { "internal error", KT_OUT_FAILURE },
};

/* The class of an error; its text may hold what was sent and is not kept. */
static enum kt_outcome error_class(struct kt_str error, struct kt_str *ret_code)
{
    for (size_t i = 0; i < KT_ARRAY_LEN(errors); i++) {
        if (kt_str_has(error, kt_str_of(errors[i].text))) {
            *ret_code = kt_str_of(errors[i].text);
            return errors[i].outcome;
        }
    }
    *ret_code = KT_STR("error");
    return KT_OUT_FAILURE;
}

/* Refused by a limit before anybody looked at what was sent. Any other error of a login may hold
 * what was sent, as a name that reads like this one: it has to be all that was said of the path. */
static bool is_throttled(struct kt_str error)
{
    static const char *const limits[] = { "upstream rate limited", "rate limit quota exceeded",
                                          "lease count quota exceeded" };
    struct kt_str text = kt_str_trim(error);
    for (size_t i = 0; i < KT_ARRAY_LEN(limits); i++) {
        struct kt_str limit = kt_str_of(limits[i]);
        if (!kt_str_ends(text, limit))
            continue;
        struct kt_str before = kt_str_sub(text, 0, text.len - limit.len);
        return before.len == 0 || kt_str_ends(before, KT_STR("* ")) ||
               kt_str_ends(before, KT_STR("\": "));
    }
    return false;
}

KT_JSON_INLINE bool has(struct kt_jval v, const char *name)
{
    enum kt_json_type t = kt_json_type(kt_json_get(v, kt_str_of(name)));
    return t != KT_JSON_NONE && t != KT_JSON_NULL;
}

static bool is_empty(struct kt_jval response)
{
    return !has(response, "data") && !has(response, "secret") && !has(response, "auth") &&
           !has(response, "wrap_info") && !has(response, "redirect");
}

static enum kt_outcome outcome_of(const struct record *r, bool plain_fields, struct kt_str *code)
{
    enum kt_outcome by_error = KT_OUT_SUCCESS;
    struct kt_jval allowed = kt_json_at(r->auth, "policy_results.allowed");
    int64_t status = 0;

    if (r->error.len > 0)
        by_error = error_class(r->error, code);
    if (by_error == KT_OUT_DENIED)
        return KT_OUT_DENIED;
    if (kt_json_type(allowed) == KT_JSON_BOOL && !kt_json_bool(allowed, true))
        return KT_OUT_DENIED;
    bool refused = !plain_fields && has(r->data, "error");
    if (r->login != VT_LOGIN_NO && !is_throttled(r->error) && (r->error.len > 0 || refused))
        return KT_OUT_DENIED;
    if (by_error != KT_OUT_SUCCESS)
        return by_error;
    if (!r->has_response)
        return KT_OUT_UNKNOWN;
    if (refused)
        return KT_OUT_FAILURE;
    if (!plain_fields && kt_json_i64(kt_json_get(r->data, KT_STR("http_status_code")), &status) &&
        status >= 400)
        return status == 404 ? KT_OUT_NOT_FOUND : KT_OUT_FAILURE;
    if ((r->op == VT_READ || r->op == VT_LIST) && kt_json_type(r->response) == KT_JSON_OBJECT &&
        is_empty(r->response))
        return KT_OUT_NOT_FOUND;
    return KT_OUT_SUCCESS;
}

/* ---- what ---- */

static void add_names(struct kt_jval object, struct kt_list *ret)
{
    struct kt_json_iter it = kt_json_iter(object);
    struct kt_str name;
    struct kt_jval item;
    if (kt_json_type(object) != KT_JSON_OBJECT)
        return;
    while (ret->n < KT_LIST_MAX && kt_json_next(&it, &name, &item))
        ret->at[ret->n++] = name;
}

/* Names of the fields inside a secret, never their values. */
static void fields(const struct record *r, const struct vt_target *t, struct kt_event *ev)
{
    struct kt_jval sent = kt_json_get(r->request, KT_STR("data"));
    if (!t->kv || ev->outcome != KT_OUT_SUCCESS)
        return;
    if (ev->action == KT_ACT_READ)
        add_names(t->kv_plain ? r->data : kt_json_get(r->data, KT_STR("data")), &ev->fields);
    else if (ev->action == KT_ACT_WRITE)
        add_names(t->kv_plain ? sent : kt_json_get(sent, KT_STR("data")), &ev->fields);
}

static void version(const struct record *r, const struct vt_target *t, struct kt_event *ev)
{
    if (!t->kv || t->kv_plain)
        return;
    struct kt_jval v = kt_json_at(r->data, "metadata.version");
    if (kt_json_type(v) != KT_JSON_NUMBER)
        v = kt_json_get(r->data, KT_STR("version"));
    if (kt_json_type(v) == KT_JSON_NUMBER)
        ev->version = kt_json_text(v);
}

/* How many names a list showed; with elided lists the count stands in place of the names. */
static void count(const struct record *r, struct kt_event *ev)
{
    struct kt_jval keys = kt_json_get(r->data, KT_STR("keys"));
    int64_t n = 0;
    if (kt_json_type(keys) == KT_JSON_ARRAY)
        n = (int64_t)kt_json_count(keys);
    else if (!kt_json_i64(keys, &n))
        n = 0;
    ev->count = n > 0 && n < UINT32_MAX ? (uint32_t)n : 0;
}

static struct kt_str wrap_key(const struct record *r, struct kt_str token)
{
    return kt_arena_cat(r->in->arena, KT_STR("wrap "), token);
}

/* An answer that was wrapped is read by whoever unwraps it: remembers which secret that will be. */
static void wrapped(const struct record *r, const struct kt_event *ev)
{
    struct kt_str token = kt_json_str_at(r->response, "wrap_info.token");
    if (ev->secret.len > 0 && kt_str_starts(token, KT_STR(HASHED)))
        kt_source_remember(r->in->memory, wrap_key(r, token), ev->secret);
}

static void unwrapped(const struct record *r, struct kt_event *ev)
{
    struct kt_str token = kt_json_str_at(r->request, "data.token");
    if (!kt_str_is(r->path, "sys/wrapping/unwrap"))
        return;
    if (!kt_str_starts(token, KT_STR(HASHED)))
        token = kt_json_str_at(r->request, "client_token");
    struct kt_str seen = kt_source_recall(r->in->memory, wrap_key(r, token));
    ev->secret = kt_arena_str(r->in->arena, seen);
    add_names(kt_json_get(r->data, KT_STR("data")), &ev->fields);
}

/* A login is for no secret that would say of which Vault and namespace its mount is. */
static struct kt_str store_of(const struct vt_request *q)
{
    return kt_secret_id(q->in->arena, "vault", &q->in->cluster, 1, q->ns, false);
}

static void what(const struct record *r, struct kt_event *ev)
{
    struct vt_request q = { .in = r->in,
                            .op = r->op,
                            .path = r->path,
                            .ns = kt_json_str_at(r->request, "namespace.path"),
                            .mount = kt_json_str_at(r->request, "mount_point"),
                            .type = kt_json_str_at(r->request, "mount_type"),
                            .accessor = kt_json_str_at(r->request, "mount_accessor"),
                            .response = r->response,
                            .success = r->has_response && r->error.len == 0 };
    if (q.type.len == 0)
        q.type = kt_json_str_at(r->response, "mount_type");
    while (kt_str_ends(q.ns, KT_STR("/")))
        q.ns.len--;
    while (kt_str_ends(q.mount, KT_STR("/")))
        q.mount.len--;
    struct vt_target t = kt_vt_target_of(&q);
    ev->action = t.action;
    ev->secret = t.secret;
    ev->secret_guess = t.guess && t.secret.len > 0;
    ev->secret_native = kt_vt_safe_path(r->in->arena, r->path);
    if (ev->action == KT_ACT_LOGIN)
        ev->store = store_of(&q);
    ev->outcome = outcome_of(r, t.kv_plain && q.op == VT_READ, &ev->code);
    version(r, &t, ev);
    fields(r, &t, ev);
    if (q.op == VT_LIST)
        count(r, ev);
    unwrapped(r, ev);
    wrapped(r, ev);
}

/* ---- where, why ---- */

/* KMIP writes ip:port. */
static struct kt_str without_port(struct kt_str s)
{
    ptrdiff_t colon = kt_str_rfind_byte(s, ':');
    if (colon < 0)
        return s;
    struct kt_str host = kt_str_sub(s, 0, (size_t)colon);
    if (kt_str_starts(host, KT_STR("[")) && kt_str_ends(host, KT_STR("]")))
        return kt_str_sub(host, 1, host.len - 2);
    return kt_str_find_byte(host, ':', 0) < 0 ? host : s;
}

/* The first value of a header that an operator chose to audit in the clear. */
static struct kt_str header(const struct record *r, struct kt_jval values)
{
    struct kt_json_iter it = kt_json_iter(values);
    struct kt_str unused, value = KT_STR_NONE;
    struct kt_jval item;
    if (!r->raw_device && kt_json_next(&it, &unused, &item))
        value = kt_json_str(item);
    return kt_str_starts(value, KT_STR(HASHED)) ? KT_STR_NONE : kt_utf8_cut(value, 256);
}

static void where(const struct record *r, struct kt_event *ev)
{
    struct kt_str address = kt_json_str_at(r->request, "remote_address");
    ev->has_ip = kt_ip_parse(without_port(address), &ev->ip);
    ev->ip_trust = ev->has_ip ? KT_TRUST_EDGE : KT_TRUST_NONE;
    if (!ev->has_ip)
        ev->ip_raw = address;
    struct kt_jval headers = kt_json_get(r->request, KT_STR("headers"));
    ev->user_agent = header(r, kt_json_at(headers, "user-agent"));
    ev->ticket = header(r, kt_json_at(headers, "x-correlation-id"));
    if (ev->ticket.len == 0)
        ev->ticket = header(r, kt_json_at(headers, "correlation-id"));
}

/* ---- the event ---- */

/* The answer's time when there is one: an answer that is read again without its request, as after a
 * crash amid interleaved requests, is then the same access and no conflict. */
static void when(const struct record *r, struct kt_event *ev)
{
    ev->time = r->time != 0 ? r->time : r->request_time;
    ev->precision = r->precision;
    if (r->has_response && r->request_time != 0 && r->time > r->request_time)
        ev->duration = r->time - r->request_time;
}

/* Which secret_id an AppRole was refused with: a stale client repeats one, whoever guesses has
 * many. Of the value only Vault's HMAC is there, and of that a hash is kept. */
static void refused_with(const struct record *r, struct kt_event *ev)
{
    uint8_t digest[16];
    char text[2 * sizeof digest + 1];
    if (r->login != VT_LOGIN_TRIED || ev->outcome != KT_OUT_DENIED || r->raw_device ||
        ev->credential.len > 0)
        return;
    struct kt_str hmac = kt_json_str_at(r->request, "data.secret_id");
    if (hmac.len != sizeof HASHED - 1 + 64 || !kt_str_starts(hmac, KT_STR(HASHED)))
        return;
    kt_blake2b(&hmac, 1, digest, sizeof digest);
    kt_hex(text, digest, sizeof digest); /* nothing that looks like a secret */
    ev->credential = kt_arena_cat(r->in->arena, KT_STR("secret_id/"), kt_str_of(text));
}

/* Without an id a record is known by what is kept of it. */
static void name_it(const struct record *r, struct kt_event *ev)
{
    ev->native_id = r->id;
    if (is_uuid(r->id))
        return;
    uint8_t digest[16];
    char text[KT_ID_TEXT];
    struct kt_str parts[] = { kt_buf_str(r->in->raw), kt_json_str_at(r->in->root, "time"),
                              ev->operation, ev->secret_native, ev->actor_native };
    kt_blake2b(parts, KT_ARRAY_LEN(parts), digest, sizeof digest);
    ev->native_id = kt_arena_str(r->in->arena, kt_str_of(kt_id_format(digest, text)));
    ev->scope = r->in->instance;
}

static void amend(const struct record *r, struct kt_event *ev)
{
    struct kt_event original = { .source = KT_STR("vault"), .native_id = ev->native_id };
    uint8_t id[16];
    char text[KT_ID_TEXT];
    kt_event_id(&original, id);
    ev->kind = KT_KIND_AMEND;
    ev->amends = kt_arena_str(r->in->arena, kt_str_of(kt_id_format(id, text)));
}

static void emit(const struct record *r, bool late, struct kt_emit *to)
{
    struct kt_event ev;
    kt_event_clear(&ev);
    ev.kind = KT_KIND_ACCESS;
    ev.operation = r->operation;
    if (r->raw_device) {
        ev.flags |= KT_FLAG(RAW_DEVICE);
        to->finding(to, "vault.log_raw",
                    "this audit device runs with log_raw=true: tokens and secret values are in its "
                    "file in the clear; enable it again without log_raw and rotate what was read");
    }
    what(r, &ev);
    kt_vt_who(r->in, r->auth, r->login, r->path, r->raw_device, &ev);
    refused_with(r, &ev);
    where(r, &ev);
    when(r, &ev);
    write_raw(r, &ev);
    name_it(r, &ev);
    if (late)
        amend(r, &ev);
    to->event(to, &ev);
    kt_vt_look_for_proxy(r->in, &ev, to);
}

/* Enabling a device writes one request that nobody made. */
static bool is_self_test(struct kt_jval request)
{
    return kt_str_is(kt_json_str_at(request, "path"), "sys/audit/test") &&
           kt_json_str_at(request, "remote_address").len == 0 &&
           kt_json_str_at(request, "client_token").len == 0;
}

static bool is_request(struct kt_jval root)
{
    return kt_str_ends(kt_json_str_at(root, "type"), KT_STR("request"));
}

static bool fold_key(const struct kt_decode_in *in, struct kt_str *ret_key, bool *ret_first)
{
    struct kt_jval request = kt_json_get(in->root, KT_STR("request"));
    struct kt_str id = kt_json_str_at(request, "id"), type = kt_json_str_at(in->root, "type");
    if (!is_uuid(id) || is_self_test(request))
        return false;
    *ret_key = id;
    *ret_first = kt_str_ends(type, KT_STR("request"));
    return *ret_first || kt_str_ends(type, KT_STR("response"));
}

static enum kt_status decode(const struct kt_decode_in *in, struct kt_jval first,
                             struct kt_emit *to, struct kt_error *err)
{
    (void)err;
    struct kt_jval request = kt_json_get(in->root, KT_STR("request"));
    if (kt_json_type(request) != KT_JSON_OBJECT && kt_json_type(first) == KT_JSON_NONE) {
        to->skip(to, "no audit record");
        return KT_OK;
    }
    if (is_self_test(request)) {
        to->skip(to, "self-test of an audit device");
        return KT_OK;
    }
    if (is_request(in->root) && !is_uuid(kt_json_str_at(request, "id"))) {
        to->skip(to, "request without an id: its response is counted");
        return KT_OK;
    }
    struct record r = take_apart(in, first);
    emit(&r, false, to);
    return KT_OK;
}

static enum kt_status decode_alone(const struct kt_decode_in *in, bool late, struct kt_emit *to,
                                   struct kt_error *err)
{
    (void)err;
    struct record r = take_apart(in, (struct kt_jval){ NULL });
    emit(&r, late, to);
    return KT_OK;
}

static const char *const known_keys[] = {
    "time",      "type",     "auth",      "request",        "response",
    "error",     "id",       "operation", "mount_point",    "mount_type",
    "namespace", "path",     "data",      "display_name",   "entity_id",
    "policies",  "metadata", "accessor",  "remote_address", "token_type",
    "wrap_info", NULL,
};

static const char *const limits[] = {
    "lease expiry, automatic rotation, seal and unseal are not audited by Vault",
    NULL,
};

const struct kt_source kt_source_vault = {
    .name = "vault",
    .summary = "HashiCorp Vault and OpenBao audit log",
    .version = 2,
    .split = KT_SPLIT_LINES,
    .fold_key = fold_key,
    .fold_timeout = 90 * KT_NS_S,
    .second_is_whole = true,
    .decode = decode,
    .decode_alone = decode_alone,
    .salvage_id = "id",
    .salvage_action = "operation",
    .salvage_time = "time",
    .known_keys = known_keys,
    .lateness = KT_NS_MIN,
    .limits = limits,
};
