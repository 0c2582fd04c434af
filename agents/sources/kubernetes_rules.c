/*
 * kubernetes_rules: verb and resource -> what was done to which secret, and how it ended
 * (SOURCES §5).
 *
 * Owns:  the rule tables.
 * Calls: core/base, core/event (secret_id).
 */
#include "agents/sources/kubernetes.h"
#include "core/event/secret_id.h"

enum verb {
    GET = 1,
    LIST = 2, /* list, watch: every value leaves */
    CREATE = 4,
    CHANGE = 8, /* update, patch */
    DELETE = 16,
    OTHER = 32,
    WRITE = CREATE | CHANGE,
    ANY = 63,
};
static const struct {
    const char *word;
    enum verb verb;
} verbs[] = {
    { "get", GET },       { "list", LIST },    { "watch", LIST },    { "create", CREATE },
    { "update", CHANGE }, { "patch", CHANGE }, { "delete", DELETE }, { "deletecollection", DELETE },
};

#define RBAC   "rbac.authorization.k8s.io"
#define ESO    "external-secrets.io"
#define ESOGEN "generators.external-secrets.io"

/* First match wins. What no rule has is not about secrets. */
static const struct k8s_rule rules[] = {
    { "", "secrets", "*", GET, KT_ACT_READ, K8S_SECRET },
    { "", "secrets", "*", LIST, KT_ACT_EXPORT, K8S_SECRET },
    { "", "secrets", "*", WRITE, KT_ACT_WRITE, K8S_SECRET },
    { "", "secrets", "*", DELETE, KT_ACT_DELETE, K8S_SECRET },
    { "", "secrets", "*", OTHER, KT_ACT_OTHER, K8S_SECRET },
    { "", "serviceaccounts", "token", CREATE, KT_ACT_ISSUE, K8S_TOKEN },
    { "", "serviceaccounts", "token", ANY, KT_ACT_OTHER, K8S_TOKEN },
    { "authentication.k8s.io", "tokenreviews", "", CREATE, KT_ACT_USE, K8S_TOKEN },
    /* a pod reads its secrets through its kubelet; who enters it reads them unseen */
    { "", "pods", "exec", ANY, KT_ACT_OTHER, K8S_NOTHING },
    { "", "pods", "attach", ANY, KT_ACT_OTHER, K8S_NOTHING },
    { "", "pods", "ephemeralcontainers", WRITE, KT_ACT_OTHER, K8S_NOTHING },
    { RBAC, "roles", "", WRITE, KT_ACT_GRANT, K8S_NOTHING },
    { RBAC, "roles", "", DELETE, KT_ACT_REVOKE, K8S_NOTHING },
    { RBAC, "rolebindings", "", WRITE, KT_ACT_GRANT, K8S_NOTHING },
    { RBAC, "rolebindings", "", DELETE, KT_ACT_REVOKE, K8S_NOTHING },
    { RBAC, "clusterroles", "", WRITE, KT_ACT_GRANT, K8S_NOTHING },
    { RBAC, "clusterroles", "", DELETE, KT_ACT_REVOKE, K8S_NOTHING },
    { RBAC, "clusterrolebindings", "", WRITE, KT_ACT_GRANT, K8S_NOTHING },
    { RBAC, "clusterrolebindings", "", DELETE, KT_ACT_REVOKE, K8S_NOTHING },
    { ESO, "*", "", WRITE | DELETE, KT_ACT_CONFIG, K8S_NOTHING },
    { ESOGEN, "*", "", WRITE | DELETE, KT_ACT_CONFIG, K8S_NOTHING },
};

static enum verb verb_of(struct kt_str word)
{
    for (size_t i = 0; i < KT_ARRAY_LEN(verbs); i++)
        if (kt_str_is(word, verbs[i].word))
            return verbs[i].verb;
    return OTHER;
}

static bool is_word(const char *want, struct kt_str word)
{
    return want[0] == '*' || kt_str_is(word, want);
}

/* Copies may have lost the group of a resource whose name says enough. */
static bool is_group(const struct k8s_rule *r, struct kt_str group)
{
    return kt_str_is(group, r->group) || (group.len == 0 && r->resource[0] != '*');
}

const struct k8s_rule *kt_k8s_rule_of(const struct k8s_access *x)
{
    enum verb verb = verb_of(x->verb);
    for (size_t i = 0; i < KT_ARRAY_LEN(rules); i++)
        if ((rules[i].verbs & verb) != 0 && is_group(&rules[i], x->group) &&
            is_word(rules[i].resource, x->resource) &&
            is_word(rules[i].subresource, x->subresource))
            return &rules[i];
    return NULL;
}

/* A list or watch with fieldSelector=metadata.name=x reads that one: kubelets do so. */
enum kt_action kt_k8s_action_of(const struct k8s_access *x, const struct k8s_rule *rule)
{
    return rule->action == KT_ACT_EXPORT && x->name.len > 0 ? KT_ACT_READ : rule->action;
}

struct kt_str kt_k8s_operation(const struct k8s_access *x)
{
    struct kt_str op = kt_arena_cat3(x->in->arena, x->verb, KT_STR(" "), x->resource);
    return x->subresource.len == 0 ? op
                                   : kt_arena_cat3(x->in->arena, op, KT_STR("/"), x->subresource);
}

/* "pay/secrets/db", "clusterrolebindings/admin", "pay/serviceaccounts/ci/token". */
static struct kt_str native(const struct k8s_access *x)
{
    static const struct kt_str slash = KT_STR_INIT("/");
    struct kt_str parts[] = { x->ns, x->resource, x->name, x->subresource };
    struct kt_str path = KT_STR_NONE;
    for (size_t i = 0; i < KT_ARRAY_LEN(parts); i++)
        if (parts[i].len > 0)
            path = path.len == 0 ? parts[i] : kt_arena_cat3(x->in->arena, path, slash, parts[i]);
    return path;
}

void kt_k8s_what(const struct k8s_access *x, const struct k8s_rule *rule, struct kt_event *ev)
{
    ev->action = kt_k8s_action_of(x, rule);
    ev->operation = kt_k8s_operation(x);
    ev->secret_native = native(x);
    if (rule->subject != K8S_SECRET)
        return;
    bool all = x->name.len == 0;
    struct kt_str fixed[2] = { x->cluster, x->ns };
    if (all && x->ns.len == 0)
        fixed[1] = KT_STR("*");
    ev->secret = kt_secret_id(x->in->arena, "k8s", fixed, 2, x->name, all);
    /* the server made the name up (generateName): one secret of the namespace, unknown which */
    ev->secret_guess = all && kt_str_is(x->verb, "create");
}

/* ---- outcome ---- */

static const struct {
    const char *reason; /* of a status without a code */
    int64_t code;
} reasons[] = {
    { "Success", 200 },  { "Unauthorized", 401 }, { "Forbidden", 403 },
    { "NotFound", 404 }, { "Failure", 500 },
};

static int64_t code_of(const struct k8s_access *x)
{
    if (x->code != 0)
        return x->code;
    for (size_t i = 0; i < KT_ARRAY_LEN(reasons); i++)
        if (kt_str_is(x->status, reasons[i].reason))
            return reasons[i].code;
    return x->status.len > 0 ? 500 : 0;
}

void kt_k8s_outcome(const struct k8s_access *x, struct kt_event *ev)
{
    static const struct kt_str cut = KT_STR_INIT("Connection closed early");
    int64_t code = code_of(x);
    bool allowed = kt_str_is(x->decision, "allow");

    ev->reason = x->reason;
    if (code >= 400)
        ev->code = kt_arena_fmt(x->in->arena, "%lld", (long long)code);
    if (kt_str_is(x->decision, "forbid") || code == 401)
        ev->outcome = KT_OUT_DENIED;
    else if (code == 403) /* allowed by a role, yet refused: admission or quota */
        ev->outcome = allowed ? KT_OUT_FAILURE : KT_OUT_DENIED;
    else if (code == 404)
        ev->outcome = KT_OUT_NOT_FOUND;
    else if (code >= 400)
        ev->outcome = KT_OUT_FAILURE;
    else if (code == 0)
        ev->outcome = KT_OUT_UNKNOWN;
    else if (kt_str_eq(x->message, cut)) { /* a 200 that the server made up */
        ev->outcome = KT_OUT_UNKNOWN;
        ev->code = cut;
    } else
        ev->outcome = KT_OUT_SUCCESS;
}
