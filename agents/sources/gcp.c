/*
 * gcp: Cloud Audit Logs of Secret Manager, and of what makes them blind -> events (SOURCES §6).
 * LogEntry objects, one a line or in a list, answers of entries.list, messages of Pub/Sub.
 *
 * Owns:  nothing; numbers of projects are remembered by the engine.
 * Calls: core/base, core/event. No I/O, no clock.
 * Holds: of request and response nothing but names is ever looked at.
 */
#include "agents/sources/gcp.h"

#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/event/keep.h"

#define USER_AGENT_MAX 512u
#define REASON_MAX     256u

/* ---- what is kept (THREATS, table R) ----
 * Method, resource, principal, key, address, agent, code and reason have columns of their own. */
static const struct kt_keep keep_oauth[] = {
    KT_KEEP("oauthClientId"),
    KT_KEEP_END,
};
static const struct kt_keep keep_authentication[] = {
    KT_KEEP_IN("oauthInfo", keep_oauth),
    KT_DROP("principalEmail"),
    KT_DROP("principalSubject"),
    KT_DROP("serviceAccountKeyName"),
    KT_DROP("serviceAccountDelegationInfo"),
    KT_DROP("thirdPartyPrincipal"),
    KT_DROP("authoritySelector"),
    KT_KEEP_END,
};
static const struct kt_keep keep_authorization[] = {
    KT_KEEP("permission"),         KT_KEEP("granted"),
    KT_KEEP("resource"),           KT_KEEP("permissionType"),
    KT_DROP("resourceAttributes"), KT_KEEP_END,
};
static const struct kt_keep keep_metadata[] = {
    KT_KEEP("callerNetwork"),
    KT_DROP("callerIp"),
    KT_DROP("callerIP"),
    KT_DROP("callerSuppliedUserAgent"),
    KT_DROP("requestAttributes"),
    KT_DROP("destinationAttributes"),
    KT_KEEP_END,
};
static const struct kt_keep keep_delta[] = {
    KT_KEEP("action"),  KT_KEEP("role"),           KT_KEEP("member"),    KT_KEEP("service"),
    KT_KEEP("logType"), KT_KEEP("exemptedMember"), KT_DROP("condition"), KT_KEEP_END,
};
static const struct kt_keep keep_policy_delta[] = {
    KT_KEEP_IN("bindingDeltas", keep_delta),
    KT_KEEP_IN("auditConfigDeltas", keep_delta),
    KT_KEEP_END,
};
static const struct kt_keep keep_service_data[] = {
    KT_DROP("@type"),
    KT_KEEP_IN("policyDelta", keep_policy_delta),
    KT_KEEP_END,
};
static const struct kt_keep keep_payload[] = {
    KT_KEEP("serviceName"),
    KT_KEEP_IN("authenticationInfo", keep_authentication),
    KT_KEEP_IN("authorizationInfo", keep_authorization),
    KT_KEEP_IN("requestMetadata", keep_metadata),
    KT_KEEP_IN("serviceData", keep_service_data),
    KT_DROP("@type"),
    KT_DROP("at_sign_type"),
    KT_DROP("methodName"),
    KT_DROP("resourceName"),
    KT_DROP("resourceLocation"),
    KT_DROP("status"),
    KT_DROP("request"),
    KT_DROP("response"),
    KT_DROP("metadata"),
    KT_DROP("numResponseItems"),
    KT_DROP("policyViolationInfo"),
    KT_KEEP_END,
};
static const struct kt_keep keep_labels[] = {
    KT_KEEP("project_id"), KT_KEEP("location"), KT_DROP("method"), KT_DROP("service"), KT_KEEP_END,
};
static const struct kt_keep keep_resource[] = {
    KT_KEEP("type"),
    KT_KEEP_IN("labels", keep_labels),
    KT_KEEP_END,
};
static const struct kt_keep keep_operation[] = {
    KT_KEEP("id"), KT_KEEP("first"), KT_KEEP("last"), KT_DROP("producer"), KT_KEEP_END,
};
static const struct kt_keep keep_root[] = {
    KT_KEEP_IN("protoPayload", keep_payload),
    KT_KEEP_IN("resource", keep_resource),
    KT_KEEP_IN("operation", keep_operation),
    KT_KEEP("receiveTimestamp"),
    KT_DROP("timestamp"),
    KT_DROP("insertId"),
    KT_DROP("logName"),
    KT_DROP("severity"),
    KT_DROP("labels"),
    KT_DROP("trace"),
    KT_DROP("spanId"),
    KT_KEEP_END,
};

/* ---- taking the record apart ---- */

static bool is_there(struct kt_jval v)
{
    return kt_json_type(v) != KT_JSON_NONE && kt_json_type(v) != KT_JSON_NULL;
}

struct kt_jval kt_gc_get(const struct gc_record *r, const char *path)
{
    struct kt_jval own = kt_json_at(r->payload, path);
    return is_there(own) ? own : kt_json_at(r->first, path);
}

struct kt_str kt_gc_str(const struct gc_record *r, const char *path)
{
    return kt_json_str(kt_gc_get(r, path));
}

static struct gc_record take_apart(const struct kt_decode_in *in, struct kt_jval first)
{
    struct gc_record r = { .in = in,
                           .payload = kt_json_get(in->root, KT_STR("protoPayload")),
                           .first = kt_json_get(first, KT_STR("protoPayload")) };
    r.method = kt_gc_str(&r, "methodName");
    r.resource = kt_gc_str(&r, "resourceName");
    if (!kt_json_i64(kt_json_at(r.payload, "status.code"), &r.code))
        r.code = 0;
    return r;
}

static bool is_set(struct kt_jval root, const char *path)
{
    return kt_json_bool(kt_json_at(root, path), false);
}

static bool is_half(struct kt_jval root)
{
    return kt_json_str_at(root, "operation.id").len > 0 &&
           is_set(root, "operation.first") != is_set(root, "operation.last");
}

/* ---- when, where, how it ended ---- */

static void when(const struct gc_record *r, struct kt_event *ev)
{
    static const char *const names[] = { "timestamp", "receiveTimestamp" };
    for (size_t i = 0; i < KT_ARRAY_LEN(names) && ev->time == 0; i++)
        if (kt_time_parse_loose(kt_json_str_at(r->in->root, names[i]), &ev->time, &ev->precision,
                                NULL) != KT_OK)
            ev->time = 0;
}

/* Calls between services of Google, and from machines without an address that it tells. */
static bool is_inside(struct kt_str ip)
{
    return kt_str_is(ip, "private") || kt_str_is(ip, "gce-internal-ip");
}

static void where(const struct gc_record *r, struct kt_event *ev)
{
    struct kt_str ip = kt_gc_str(r, "requestMetadata.callerIp");
    if (ip.len == 0)
        ip = kt_gc_str(r, "requestMetadata.callerIP");
    ev->has_ip = kt_ip_parse(ip, &ev->ip);
    ev->ip_trust = ev->has_ip ? KT_TRUST_EDGE : is_inside(ip) ? KT_TRUST_SERVICE : KT_TRUST_NONE;
    if (!ev->has_ip)
        ev->ip_raw = ip;
    ev->user_agent =
        kt_utf8_cut(kt_gc_str(r, "requestMetadata.callerSuppliedUserAgent"), USER_AGENT_MAX);
    ev->reason = kt_utf8_cut(kt_gc_str(r, "requestMetadata.requestAttributes.reason"), REASON_MAX);
}

/* google.rpc.Code; what is not here went wrong in another way. */
static const struct {
    int64_t code;
    const char *word;
    enum kt_outcome outcome;
} codes[] = {
    { 0, "", KT_OUT_SUCCESS },
    { 5, "NOT_FOUND", KT_OUT_NOT_FOUND },
    { 7, "PERMISSION_DENIED", KT_OUT_DENIED },
    { 16, "UNAUTHENTICATED", KT_OUT_DENIED },
    { 3, "INVALID_ARGUMENT", KT_OUT_FAILURE },
    { 6, "ALREADY_EXISTS", KT_OUT_FAILURE },
    { 8, "RESOURCE_EXHAUSTED", KT_OUT_FAILURE },
    { 9, "FAILED_PRECONDITION", KT_OUT_FAILURE },
    { 10, "ABORTED", KT_OUT_FAILURE },
    { 13, "INTERNAL", KT_OUT_FAILURE },
    { 14, "UNAVAILABLE", KT_OUT_FAILURE },
};

/* The text of a status may repeat what was sent and is not kept. */
static void outcome(const struct gc_record *r, struct kt_event *ev)
{
    bool unfinished = is_half(r->in->root) && is_set(r->in->root, "operation.first");
    size_t i = 0;
    while (i < KT_ARRAY_LEN(codes) && codes[i].code != r->code)
        i++;
    bool known = i < KT_ARRAY_LEN(codes);
    ev->outcome = known ? codes[i].outcome : KT_OUT_FAILURE;
    ev->code =
        known ? kt_str_of(codes[i].word) : kt_json_text(kt_json_at(r->payload, "status.code"));
    if (unfinished && ev->outcome == KT_OUT_SUCCESS)
        ev->outcome = KT_OUT_UNKNOWN;
}

/* ---- the two entries of a long operation ---- */

static struct kt_str digest_of(const struct kt_decode_in *in, const struct kt_str *parts, size_t n)
{
    uint8_t digest[16];
    char text[KT_ID_TEXT];
    kt_blake2b(parts, n, digest, sizeof digest);
    return kt_arena_str(in->arena, kt_str_of(kt_id_format(digest, text)));
}

static bool fold_key(const struct kt_decode_in *in, struct kt_str *ret_key, bool *ret_first)
{
    struct kt_str parts[] = { kt_json_str_at(in->root, "logName"), KT_STR("\n"),
                              kt_json_str_at(in->root, "operation.id") };
    if (!is_half(in->root))
        return false;
    *ret_key = digest_of(in, parts, KT_ARRAY_LEN(parts));
    *ret_first = is_set(in->root, "operation.first");
    return true;
}

/* ---- the event ---- */

static void name_it(const struct gc_record *r, struct kt_event *ev)
{
    struct kt_jval root = r->in->root;
    struct kt_str when = kt_json_str_at(root, "timestamp");
    struct kt_str id = kt_json_str_at(root, "insertId");
    ev->scope = kt_json_str_at(root, "logName");
    ev->request_id = id;
    if (is_half(root)) {
        ev->native_id = kt_json_str_at(root, "operation.id");
        return;
    }
    if (id.len > 0) {
        ev->native_id = kt_arena_cat3(r->in->arena, id, KT_STR("@"), when);
        return;
    }
    struct kt_str ip = ev->has_ip ? kt_str_from(ev->ip.at, sizeof ev->ip.at) : ev->ip_raw;
    struct kt_str parts[] = { kt_buf_str(r->in->raw), when, r->method, r->resource,
                              ev->actor_native,       ip };
    ev->native_id = digest_of(r->in, parts, KT_ARRAY_LEN(parts));
    ev->scope = r->in->instance;
}

static void amend(const struct gc_record *r, struct kt_event *ev)
{
    struct kt_event original = { .source = KT_STR("gcp"),
                                 .scope = ev->scope,
                                 .native_id = ev->native_id };
    uint8_t id[16];
    char text[KT_ID_TEXT];
    kt_event_id(&original, id);
    ev->kind = KT_KIND_AMEND;
    ev->amends = kt_arena_str(r->in->arena, kt_str_of(kt_id_format(id, text)));
}

static void run(const struct kt_decode_in *in, struct kt_jval first, bool late, struct kt_emit *to)
{
    struct gc_record r = take_apart(in, first);
    const struct gc_verb *verb = kt_gc_verb_of(&r);
    struct kt_event ev = { .kind = KT_KIND_ACCESS };
    if (verb == NULL) {
        bool entry = kt_json_type(r.payload) == KT_JSON_OBJECT;
        to->skip(to, entry ? "not about secrets" : "no audit log entry");
        return;
    }
    kt_kept_whole(in->root, keep_root, in->raw, in->unknown_fields, &ev);
    when(&r, &ev);
    where(&r, &ev);
    outcome(&r, &ev);
    kt_gc_what(&r, verb, &ev);
    kt_gc_who(&r, &ev);
    name_it(&r, &ev);
    if (late)
        amend(&r, &ev);
    to->event(to, &ev);
}

static enum kt_status decode(const struct kt_decode_in *in, struct kt_jval first,
                             struct kt_emit *to, struct kt_error *err)
{
    (void)err;
    run(in, first, false, to);
    return KT_OK;
}

static enum kt_status decode_alone(const struct kt_decode_in *in, bool late, struct kt_emit *to,
                                   struct kt_error *err)
{
    (void)err;
    run(in, (struct kt_jval){ NULL }, late, to);
    return KT_OK;
}

static const char *const needles[] = {
    "\"google.cloud.secretmanager.",
    "\"secretmanager.googleapis.com",
    "\"google.logging.v2.ConfigServiceV2.",
    "\"google.iam.admin.v1.",
    "\"iamcredentials.googleapis.com",
    "\"auditConfigDeltas",
    NULL,
};
static const char *const arrays[] = { "receivedMessages", "entries", NULL };
static const char *const members[] = { "message", NULL };
static const char *const coded[] = { "data", NULL };

static const char *const known_keys[] = {
    "protoPayload",
    "logName",
    "insertId",
    "timestamp",
    "receiveTimestamp",
    "severity",
    "resource",
    "labels",
    "serviceName",
    "methodName",
    "resourceName",
    "status",
    "code",
    "operation",
    "authenticationInfo",
    "principalEmail",
    "principalSubject",
    "authorizationInfo",
    "requestMetadata",
    "callerIp",
    "request",
    "response",
    NULL,
};

const struct kt_source kt_source_gcp = {
    .name = "gcp",
    .summary = "Google Cloud Audit Logs: Secret Manager, log sinks, service account keys",
    .version = 2,
    .split = KT_SPLIT_OBJECTS,
    .needles = needles,
    .wrap_arrays = arrays,
    .wrap_members = members,
    .wrap_base64 = coded,
    .fold_key = fold_key,
    .fold_timeout = 90 * KT_NS_S,
    .decode = decode,
    .decode_alone = decode_alone,
    .salvage_id = "insertId",
    .salvage_action = "methodName",
    .salvage_time = "timestamp",
    .known_keys = known_keys,
    .lateness = 10 * KT_NS_MIN,
    .no_reads = "no read of a secret has come: Google Cloud logs them only where Data Access logs "
                "(DATA_READ) of secretmanager.googleapis.com are on",
};
