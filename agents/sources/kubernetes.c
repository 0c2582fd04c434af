/*
 * kubernetes: audit events of the API server -> one event a request (SOURCES §5). Lines of the log
 * file, EventList of the webhook, the wrapped forms of EKS and AKS; GKE is in kubernetes_gke.c.
 *
 * Owns:  nothing; requests that were counted at their start are remembered by the engine.
 * Calls: core/base, core/event. No I/O, no clock.
 * Holds: of requestObject and responseObject nothing but metadata.name is ever looked at, and of an
 *        ExternalSecret what it copies (kubernetes_eso.c).
 */
#include "agents/sources/kubernetes.h"

#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/event/keep.h"
#include "core/event/line.h"

#define USER_AGENT_MAX 512u
#define SOURCE_IPS_MAX 16u

/* ---- what is kept (THREATS, table R) ----
 * Verb, resource, user name, groups, agent, address, code and reason have columns of their own. */
static const struct kt_keep keep_extra[] = {
    KT_KEEP("authentication.kubernetes.io/pod-uid"),
    KT_KEEP_END,
};
static const struct kt_keep keep_user[] = {
    KT_KEEP("uid"),
    KT_KEEP_IN("extra", keep_extra),
    KT_KEEP_END,
};
static const struct kt_keep keep_impersonated[] = {
    KT_KEEP("username"),
    KT_KEEP("uid"),
    KT_KEEP("groups"),
    KT_KEEP_END,
};
static const struct kt_keep keep_ref[] = {
    KT_KEEP("uid"), KT_KEEP("apiGroup"), KT_KEEP("apiVersion"), KT_KEEP("resourceVersion"),
    KT_KEEP_END,
};
static const struct kt_keep keep_status[] = {
    KT_KEEP("code"),
    KT_KEEP_END,
};
static const struct kt_keep keep_annotations[] = {
    KT_KEEP("authorization.k8s.io/decision"),
    KT_KEEP("audit.k8s.io/truncated"),
    KT_KEEP_END,
};

/* The whole list: all but the last may be forged, and still be the truth. */
static void keep_addresses(struct kt_jval list, struct kt_buf *out)
{
    struct kt_json_iter it = kt_json_iter(list);
    struct kt_str unused;
    struct kt_jval item;
    if (kt_json_type(list) != KT_JSON_ARRAY || kt_json_count(list) < 2)
        return;
    kt_buf_addz(out, ",\"sourceIPs\":[");
    for (unsigned n = 0; n < SOURCE_IPS_MAX && kt_json_next(&it, &unused, &item); n++) {
        kt_buf_addz(out, n > 0 ? "," : "");
        kt_json_quote(out, kt_utf8_cut(kt_json_str(item), KT_IP_TEXT_MAX));
    }
    kt_buf_byte(out, ']');
}

/* Names of extras and annotations are anybody's: they count as no unknown fields. */
static void write_raw(const struct k8s_access *x)
{
    struct kt_buf *out = x->in->raw;
    struct kt_jval root = x->in->root;
    kt_buf_addz(out, "{\"stage\":");
    kt_json_quote(out, kt_json_str_at(root, "stage"));
    kt_buf_addz(out, ",\"level\":");
    kt_json_quote(out, kt_json_str_at(root, "level"));
    kt_keep_member(KT_STR("user"), x->who, keep_user, out, NULL);
    kt_keep_member(KT_STR("impersonatedUser"), kt_json_get(root, KT_STR("impersonatedUser")),
                   keep_impersonated, out, NULL);
    keep_addresses(kt_json_get(root, KT_STR("sourceIPs")), out);
    kt_keep_member(KT_STR("objectRef"), kt_json_get(root, KT_STR("objectRef")), keep_ref, out,
                   NULL);
    kt_keep_member(KT_STR("responseStatus"), kt_json_get(root, KT_STR("responseStatus")),
                   keep_status, out, NULL);
    kt_keep_member(KT_STR("annotations"), kt_json_get(root, KT_STR("annotations")),
                   keep_annotations, out, NULL);
    kt_buf_byte(out, '}');
}

/* ---- taking the record apart ---- */

static enum k8s_stage stage_of(struct kt_str word)
{
    if (kt_str_is(word, "RequestReceived"))
        return K8S_RECEIVED;
    if (kt_str_is(word, "ResponseStarted"))
        return K8S_STARTED;
    return K8S_COMPLETE; /* ResponseComplete, Panic; copies have none */
}

/* A client may choose its Audit-ID, so that alone is not unique. What the server fills in between
 * the stages (the name of a new object, the impersonated user) is no part. */
static struct kt_str join_of(const struct k8s_access *x)
{
    static const struct kt_str sep = KT_STR_INIT("\n");
    struct kt_str id = kt_json_str_at(x->in->root, "auditID");
    bool named = !kt_str_is(x->verb, "create");
    struct kt_str parts[] = { id,
                              sep,
                              x->user,
                              sep,
                              kt_json_str_at(x->in->root, "requestReceivedTimestamp"),
                              sep,
                              x->verb,
                              sep,
                              x->group,
                              sep,
                              x->resource,
                              sep,
                              x->subresource,
                              sep,
                              x->ns,
                              sep,
                              named ? x->name : KT_STR_NONE };
    uint8_t digest[16];
    char text[KT_ID_TEXT];
    if (id.len == 0)
        return KT_STR_NONE;
    kt_blake2b(parts, KT_ARRAY_LEN(parts), digest, sizeof digest);
    return kt_arena_str(x->in->arena, kt_str_of(kt_id_format(digest, text)));
}

/* A new object may be named only by itself. */
static struct kt_str name_of(struct kt_jval root, struct kt_jval ref, struct kt_str verb)
{
    static const char *const places[] = { "responseObject.metadata.name",
                                          "requestObject.metadata.name" };
    struct kt_str name = kt_json_str_at(ref, "name");
    bool made = kt_str_is(verb, "create") && kt_json_str_at(ref, "subresource").len == 0;
    for (size_t i = 0; made && name.len == 0 && i < KT_ARRAY_LEN(places); i++)
        name = kt_json_str_at(root, places[i]);
    return name;
}

static struct k8s_access audit_event(const struct kt_decode_in *in)
{
    struct kt_jval root = in->root, ref = kt_json_get(root, KT_STR("objectRef"));
    struct kt_jval annotations = kt_json_get(root, KT_STR("annotations"));
    struct kt_jval status = kt_json_get(root, KT_STR("responseStatus"));
    struct k8s_access x = {
        .in = in,
        .stage = stage_of(kt_json_str_at(root, "stage")),
        .verb = kt_json_str_at(root, "verb"),
        .group = kt_json_str_at(ref, "apiGroup"),
        .resource = kt_json_str_at(ref, "resource"),
        .subresource = kt_json_str_at(ref, "subresource"),
        .ns = kt_json_str_at(ref, "namespace"),
        .cluster = in->cluster,
        .who = kt_json_get(root, KT_STR("user")),
        .decision = kt_json_str(kt_json_get(annotations, KT_STR("authorization.k8s.io/decision"))),
        .reason = kt_json_str(kt_json_get(annotations, KT_STR("authorization.k8s.io/reason"))),
        .status = kt_json_str_at(status, "reason"),
        .message = kt_json_str_at(status, "message"),
    };
    x.name = name_of(root, ref, x.verb);
    x.user = kt_json_str_at(x.who, "username");
    if (x.status.len == 0)
        x.status = kt_json_str_at(status, "status");
    if (!kt_json_i64(kt_json_get(status, KT_STR("code")), &x.code))
        x.code = 0;
    x.join = join_of(&x);
    return x;
}

static struct k8s_access take_apart(const struct kt_decode_in *in)
{
    return kt_k8s_is_gke(in->root) ? kt_k8s_gke(in) : audit_event(in);
}

/* ---- when, where ---- */

static void when(const struct k8s_access *x, struct kt_event *ev)
{
    static const char *const names[] = { "requestReceivedTimestamp", "stageTimestamp",
                                         "timestamp" };
    kt_time_ns stage = 0;
    ev->time = 0;
    for (size_t i = 0; i < KT_ARRAY_LEN(names) && ev->time == 0; i++)
        if (kt_time_parse_loose(kt_json_str_at(x->in->root, names[i]), &ev->time, &ev->precision,
                                NULL) != KT_OK)
            ev->time = 0;
    if (kt_time_parse_loose(kt_json_str_at(x->in->root, "stageTimestamp"), &stage, NULL, NULL) ==
            KT_OK &&
        ev->time != 0 && stage > ev->time)
        ev->duration = stage - ev->time;
}

/* What clients and proxies say stands in front; the last is the peer that the server saw. What one
 * of the configured proxies says of its own peer is as good: from the end on, the first that is
 * none of them. */
static struct kt_str trusted_address(const struct k8s_options *o, struct kt_jval list)
{
    struct kt_json_iter it = kt_json_iter(list);
    struct kt_str unused, found = KT_STR_NONE, last = KT_STR_NONE;
    struct kt_jval item;
    while (kt_json_next(&it, &unused, &item)) {
        last = kt_json_str(item);
        if (!kt_k8s_is_proxy(o, last))
            found = last;
    }
    return found.len > 0 ? found : last;
}

static void where(const struct k8s_access *x, struct kt_event *ev)
{
    struct kt_str ip =
        trusted_address(x->in->settings, kt_json_get(x->in->root, KT_STR("sourceIPs")));
    ev->has_ip = kt_ip_parse(ip, &ev->ip);
    ev->ip_trust = ev->has_ip ? KT_TRUST_EDGE : KT_TRUST_NONE;
    if (!ev->has_ip)
        ev->ip_raw = ip;
    ev->user_agent = kt_utf8_cut(kt_json_str_at(x->in->root, "userAgent"), USER_AGENT_MAX);
}

/* ---- the event ---- */

void kt_k8s_name_by_content(const struct k8s_access *x, struct kt_event *ev)
{
    uint8_t digest[16];
    char text[KT_ID_TEXT];
    struct kt_str ip = ev->has_ip ? kt_str_from(ev->ip.at, sizeof ev->ip.at) : ev->ip_raw;
    struct kt_str time = kt_arena_fmt(x->in->arena, "%lld", (long long)ev->time);
    struct kt_str parts[] = {
        kt_buf_str(x->in->raw), ev->operation, ev->secret_native, x->user, time, ip
    };
    kt_blake2b(parts, KT_ARRAY_LEN(parts), digest, sizeof digest);
    ev->native_id = kt_arena_str(x->in->arena, kt_str_of(kt_id_format(digest, text)));
    ev->scope = x->in->instance;
}

static void audit_rest(const struct k8s_access *x, struct kt_event *ev)
{
    when(x, ev);
    where(x, ev);
    write_raw(x);
    ev->request_id = kt_json_str_at(x->in->root, "auditID");
    ev->native_id = x->join;
    if (x->join.len == 0)
        kt_k8s_name_by_content(x, ev);
}

static void amend(const struct k8s_access *x, struct kt_event *ev)
{
    struct kt_event original = { .source = KT_STR("kubernetes"), .native_id = ev->native_id };
    uint8_t id[16];
    char text[KT_ID_TEXT];
    kt_event_id(&original, id);
    ev->kind = KT_KIND_AMEND;
    ev->amends = kt_arena_str(x->in->arena, kt_str_of(kt_id_format(id, text)));
}

/* Above Metadata the bodies of requests and answers are in the log. */
static void guard(const struct k8s_access *x, const struct k8s_rule *rule, struct kt_event *ev,
                  struct kt_emit *to)
{
    struct kt_str level = kt_json_str_at(x->in->root, "level");
    if (rule->subject == K8S_NOTHING || !kt_str_starts(level, KT_STR("Request")))
        return;
    ev->flags |= KT_FLAG(RAW_DEVICE);
    to->finding(to, "kubernetes.level",
                "the audit policy logs secrets above level Metadata: their values are in the log "
                "of the API server in the clear; set Metadata for secrets, serviceaccounts/token "
                "and tokenreviews, and rotate what was read");
}

static struct kt_str started_key(const struct k8s_access *x)
{
    return kt_arena_cat(x->in->arena, KT_STR("started "), x->join);
}

/* A watch or an exec counts when it starts: its end may come hours later. */
static bool was_counted(const struct k8s_access *x)
{
    if (x->join.len == 0 || x->stage == K8S_RECEIVED)
        return false;
    if (x->stage == K8S_COMPLETE)
        return kt_source_recall(x->in->memory, started_key(x)).len > 0;
    kt_source_remember(x->in->memory, started_key(x), KT_STR("1"));
    return false;
}

static void emit(const struct k8s_access *x, const struct k8s_rule *rule, bool late,
                 struct kt_emit *to)
{
    struct kt_event ev = { .kind = KT_KIND_ACCESS };
    kt_k8s_what(x, rule, &ev);
    kt_k8s_outcome(x, &ev);
    kt_k8s_who(x, &ev);
    guard(x, rule, &ev, to);
    ev.shared_id = kt_k8s_original(x);
    if (x->gke)
        kt_k8s_gke_rest(x, &ev);
    else
        audit_rest(x, &ev);
    ev.raw = kt_buf_str(x->in->raw);
    if (late)
        amend(x, &ev);
    to->event(to, &ev);
}

static void run(const struct kt_decode_in *in, bool late, struct kt_emit *to)
{
    struct k8s_access x = take_apart(in);
    const struct k8s_rule *rule = kt_k8s_rule_of(&x);
    kt_k8s_learn_copy(&x);
    if (x.verb.len == 0)
        to->skip(to, "no audit event");
    else if (rule == NULL)
        to->skip(to, "not about secrets");
    else if (was_counted(&x))
        to->skip(to, "end of a request that was counted at its start");
    else
        emit(&x, rule, late, to);
}

static bool fold_key(const struct kt_decode_in *in, struct kt_str *ret_key, bool *ret_first)
{
    struct k8s_access x = take_apart(in);
    if (x.gke || kt_k8s_rule_of(&x) == NULL)
        return false;
    *ret_key = x.join;
    *ret_first = x.stage == K8S_RECEIVED;
    return true;
}

/* Each later stage says all that the first one did. */
static enum kt_status decode(const struct kt_decode_in *in, struct kt_jval first,
                             struct kt_emit *to, struct kt_error *err)
{
    (void)first;
    (void)err;
    run(in, false, to);
    return KT_OK;
}

static enum kt_status decode_alone(const struct kt_decode_in *in, bool late, struct kt_emit *to,
                                   struct kt_error *err)
{
    (void)err;
    run(in, late, to);
    return KT_OK;
}

static const char *const needles[] = {
    "\"secrets",
    "\"serviceaccounts",
    "\"tokenreviews",
    "\"exec",
    "\"attach",
    "\"ephemeralcontainers",
    "\"roles",
    "\"rolebindings",
    "\"clusterroles",
    "\"clusterrolebindings",
    "\"external-secrets.io",
    "\"generators.external-secrets.io",
    "\"io.k8s.",
    "\"io.external-secrets",
    NULL,
};
/* An EventList; a subscription of CloudWatch Logs (EKS); a diagnostic record (AKS); entries.list
 * and Pub/Sub (GKE). */
static const char *const arrays[] = { "items",   "logEvents",        "records",
                                      "entries", "receivedMessages", NULL };
static const char *const members[] = { "message", "properties", "log", NULL };
static const char *const coded[] = { "data", NULL };

static const char *const known_keys[] = {
    "kind",
    "apiVersion",
    "level",
    "auditID",
    "stage",
    "requestURI",
    "verb",
    "user",
    "username",
    "groups",
    "impersonatedUser",
    "sourceIPs",
    "userAgent",
    "objectRef",
    "resource",
    "subresource",
    "namespace",
    "name",
    "apiGroup",
    "responseStatus",
    "code",
    "requestObject",
    "responseObject",
    "requestReceivedTimestamp",
    "stageTimestamp",
    "annotations",
    "protoPayload",
    NULL,
};

static const char *const limits[] = {
    "reads from a controller's cache, of a mounted file or of etcd itself do not pass the API "
    "server",
    NULL,
};

const struct kt_source kt_source_kubernetes = {
    .name = "kubernetes",
    .summary = "Kubernetes API server audit log, also of EKS, AKS and GKE",
    .version = 3,
    .split = KT_SPLIT_OBJECTS,
    .needles = needles,
    .wrap_arrays = arrays,
    .wrap_members = members,
    .wrap_base64 = coded,
    .fold_key = fold_key,
    .fold_timeout = 90 * KT_NS_S,
    .second_is_whole = true,
    .decode = decode,
    .decode_alone = decode_alone,
    .salvage_id = "auditID",
    .salvage_action = "verb",
    .salvage_time = "requestReceivedTimestamp",
    .known_keys = known_keys,
    .lateness = 2 * KT_NS_MIN,
    .options = kt_k8s_options,
    .options_size = sizeof(struct k8s_options),
    .check = kt_k8s_check,
    .limits = limits,
    .no_reads = "no read of a secret has come: the audit policy may leave them out; its first rule "
                "should be - {level: Metadata, resources: [{group: \"\", resources: [secrets, "
                "serviceaccounts/token]}]}",
};
