/*
 * kubernetes_gke: a request to an API server as Google Cloud logs it, a LogEntry of service k8s.io
 * (SOURCES §5).
 *
 * Owns:  nothing.
 * Calls: core/base, core/event.
 */
#include "agents/sources/kubernetes.h"
#include "core/event/keep.h"

#define USER_AGENT_MAX 512u

/* Method, resource name, caller, agent, labels of the decision have columns of their own. */
static const struct kt_keep keep_authorization[] = {
    KT_KEEP("permission"),
    KT_KEEP("resource"),
    KT_KEEP("granted"),
    KT_KEEP_END,
};
static const struct kt_keep keep_labels[] = {
    KT_KEEP("project_id"),
    KT_KEEP("cluster_name"),
    KT_KEEP("location"),
    KT_KEEP_END,
};
static const struct kt_keep keep_payload[] = {
    KT_KEEP_IN("authorizationInfo", keep_authorization),
    KT_KEEP_END,
};
static const struct kt_keep keep_resource[] = {
    KT_KEEP_IN("labels", keep_labels),
    KT_KEEP_END,
};

/* google.rpc.Code -> HTTP; what is not here went wrong in another way. */
static const struct {
    int64_t rpc, http;
} codes[] = { { 0, 200 }, { 5, 404 }, { 7, 403 }, { 16, 401 } };

static struct kt_jval payload(const struct k8s_access *x)
{
    return kt_json_get(x->in->root, KT_STR("protoPayload"));
}

bool kt_k8s_is_gke(struct kt_jval root)
{
    return kt_str_is(kt_json_str_at(root, "protoPayload.serviceName"), "k8s.io");
}

static struct kt_str take(struct kt_str *rest)
{
    struct kt_str part = KT_STR_NONE;
    (void)kt_str_split(rest, '/', &part);
    return part;
}

/* "core/v1/namespaces/pay/secrets/db", "rbac.authorization.k8s.io/v1/clusterroles/admin" */
static void resource_of(struct kt_str path, struct k8s_access *x)
{
    x->group = take(&path);
    if (kt_str_is(x->group, "core"))
        x->group = KT_STR_NONE;
    (void)take(&path); /* version */
    x->resource = take(&path);
    x->name = take(&path);
    struct kt_str below = take(&path);
    if (kt_str_is(x->resource, "namespaces") && below.len > 0) {
        x->ns = x->name;
        x->resource = below;
        x->name = take(&path);
        below = take(&path);
    }
    x->subresource = below;
}

static struct kt_str last_word(struct kt_str method)
{
    ptrdiff_t dot = kt_str_rfind_byte(method, '.');
    return kt_str_from_index(method, (size_t)(dot + 1));
}

static bool is_set(struct kt_jval root, const char *path)
{
    return kt_json_bool(kt_json_at(root, path), false);
}

static int64_t rpc_code(struct kt_jval root)
{
    int64_t code = 0;
    return kt_json_i64(kt_json_at(root, "protoPayload.status.code"), &code) ? code : 0;
}

static int64_t http_code(int64_t rpc)
{
    for (size_t i = 0; i < KT_ARRAY_LEN(codes); i++)
        if (codes[i].rpc == rpc)
            return codes[i].http;
    return 500;
}

struct k8s_access kt_k8s_gke(const struct kt_decode_in *in)
{
    struct kt_jval root = in->root, labels = kt_json_get(root, KT_STR("labels"));
    bool first = is_set(root, "operation.first"), last = is_set(root, "operation.last");
    struct k8s_access x = {
        .in = in,
        .gke = true,
        .stage = first && !last ? K8S_STARTED : K8S_COMPLETE,
        .verb = last_word(kt_json_str_at(root, "protoPayload.methodName")),
        .cluster = kt_json_str_at(root, "resource.labels.cluster_name"),
        .who = kt_json_at(root, "protoPayload.authenticationInfo"),
        .decision = kt_json_str(kt_json_get(labels, KT_STR("authorization.k8s.io/decision"))),
        .reason = kt_json_str(kt_json_get(labels, KT_STR("authorization.k8s.io/reason"))),
        .code = http_code(rpc_code(root)),
    };
    if (first != last) /* of a request that goes on: two entries with one operation */
        x.join = kt_json_str_at(root, "operation.id");
    if (x.cluster.len == 0)
        x.cluster = in->cluster;
    x.user = kt_json_str_at(x.who, "principalEmail");
    resource_of(kt_json_str_at(root, "protoPayload.resourceName"), &x);
    return x;
}

static void where(const struct k8s_access *x, struct kt_event *ev)
{
    struct kt_jval from = kt_json_get(payload(x), KT_STR("requestMetadata"));
    struct kt_str ip = kt_json_str_at(from, "callerIp");
    if (ip.len == 0)
        ip = kt_json_str_at(from, "callerIP");
    ev->has_ip = kt_ip_parse(ip, &ev->ip);
    ev->ip_trust = ev->has_ip ? KT_TRUST_EDGE : KT_TRUST_NONE;
    if (!ev->has_ip)
        ev->ip_raw = ip;
    ev->user_agent = kt_utf8_cut(kt_json_str_at(from, "callerSuppliedUserAgent"), USER_AGENT_MAX);
    ev->region = kt_json_str_at(x->in->root, "resource.labels.location");
}

static void write_raw(const struct k8s_access *x)
{
    struct kt_buf *out = x->in->raw;
    kt_buf_addz(out, "{\"form\":\"gke\"");
    kt_keep_member(KT_STR("protoPayload"), payload(x), keep_payload, out, NULL);
    kt_keep_member(KT_STR("resource"), kt_json_get(x->in->root, KT_STR("resource")), keep_resource,
                   out, NULL);
    kt_buf_byte(out, '}');
}

void kt_k8s_gke_rest(const struct k8s_access *x, struct kt_event *ev)
{
    struct kt_jval root = x->in->root;
    struct kt_str when = kt_json_str_at(root, "timestamp");
    if (kt_time_parse_loose(when, &ev->time, &ev->precision, NULL) != KT_OK)
        ev->time = 0;
    if (rpc_code(root) != 0)
        ev->code = kt_json_text(kt_json_at(root, "protoPayload.status.code"));
    where(x, ev);
    write_raw(x);
    ev->scope = kt_json_str_at(root, "logName");
    ev->native_id = kt_json_str_at(root, "insertId");
    if (ev->native_id.len == 0)
        kt_k8s_name_by_content(x, ev);
    else
        ev->native_id = kt_arena_cat3(x->in->arena, ev->native_id, KT_STR("@"), when);
}
