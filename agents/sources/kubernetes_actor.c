/*
 * kubernetes_actor: user -> who (SOURCES §5, DETECTION §2.1).
 *
 * Owns:  nothing.
 * Calls: core/base, agents/sources/actor.
 */
#include "agents/sources/actor.h"
#include "agents/sources/kubernetes.h"

#define AUTHN "authentication.kubernetes.io/"

static struct kt_str behind(struct kt_str s, struct kt_str prefix)
{
    return kt_str_starts(s, prefix) ? kt_str_from_index(s, prefix.len) : KT_STR_NONE;
}

/* First value of user.extra[name]. */
static struct kt_str extra(const struct k8s_access *x, const char *name)
{
    struct kt_jval all = kt_json_get(x->who, KT_STR("extra"));
    struct kt_json_iter it = kt_json_iter(kt_json_get(all, kt_str_of(name)));
    struct kt_str unused;
    struct kt_jval item;
    return kt_json_next(&it, &unused, &item) ? kt_json_str(item) : KT_STR_NONE;
}

/* "oidc:alice@example.com", and "https://issuer.example#alice@example.com", which an API server
 * writes that was told no prefix: the person is the e-mail. */
static struct kt_str without_issuer(struct kt_str user)
{
    /* '#' may stand in an address too: it ends an issuer's URL, and nothing else */
    bool url = kt_str_starts(user, KT_STR("https://"));
    ptrdiff_t at = kt_str_find_byte(user, url ? '#' : ':', 0);
    struct kt_str rest = kt_str_from_index(user, (size_t)(at + 1));
    bool whole = kt_str_find_byte(rest, '#', 0) < 0 || !url;
    return at > 0 && whole && kt_actor_is_email(rest) ? rest : user;
}

struct kt_str kt_k8s_name(const struct k8s_access *x, struct kt_str user,
                          enum kt_actor_kind *ret_kind)
{
    struct kt_arena *a = x->in->arena;
    struct kt_str account = kt_actor_k8s_account(a, user);
    *ret_kind = KT_ACTOR_SERVICE;
    if (account.len > 0)
        return account;
    if (user.len == 0 || kt_str_is(user, "system:anonymous")) {
        *ret_kind = KT_ACTOR_ANONYMOUS;
        return kt_actor_at(a, KT_STR("anonymous"), x->cluster);
    }
    if (!kt_str_starts(user, KT_STR("system:")))
        *ret_kind = KT_ACTOR_HUMAN;
    return kt_actor_at(a, without_issuer(user), x->cluster);
}

static bool is_operator(struct kt_str user)
{
    size_t colon = (size_t)(kt_str_rfind_byte(user, ':') + 1);
    return kt_str_starts(user, KT_STR("system:serviceaccount:")) &&
           kt_actor_is_external_secrets(kt_str_from_index(user, colon));
}

/* EKS tells the AWS identity behind a user: then the actor is the one that CloudTrail names. An
 * access entry without a name of its own makes the ARN the name, and copies lose what is extra. */
static bool aws(const struct k8s_access *x, struct kt_event *ev)
{
    struct kt_str arn = extra(x, "arn");
    struct kt_actor_aws who;
    if (kt_str_starts(x->user, KT_STR("system:")) ||
        !kt_actor_aws(x->in->arena, arn.len > 0 ? arn : x->user, &who))
        return false;
    ev->actor = who.actor;
    ev->actor_kind = who.is_root ? KT_ACTOR_ROOT : who.is_human ? KT_ACTOR_HUMAN : KT_ACTOR_SERVICE;
    ev->role = who.role;
    ev->session = who.session;
    ev->credential = extra(x, "accessKeyId");
    return true;
}

static void groups(struct kt_jval list, struct kt_list *ret)
{
    struct kt_json_iter it = kt_json_iter(list);
    struct kt_str name;
    struct kt_jval item;
    while (ret->n < KT_LIST_MAX && kt_json_next(&it, &name, &item))
        if (kt_json_str(item).len > 0)
            ret->at[ret->n++] = kt_json_str(item);
}

void kt_k8s_who(const struct k8s_access *x, struct kt_event *ev)
{
    struct kt_str as = kt_json_str_at(x->in->root, "impersonatedUser.username");
    enum kt_actor_kind unused;

    groups(kt_json_get(x->who, KT_STR("groups")), &ev->groups);
    ev->actor_native = x->user;
    if (as.len > 0)
        ev->via = kt_k8s_name(x, as, &unused);
    if (x->user.len == 0 && x->code != 401)
        return; /* a copy that lost it: nobody said that it was anonymous */
    if (aws(x, ev))
        return;
    ev->actor = kt_k8s_name(x, x->user, &ev->actor_kind);
    ev->session = extra(x, AUTHN "pod-name");
    ev->credential = extra(x, AUTHN "credential-id");
    ev->host = behind(x->user, KT_STR("system:node:"));
    if (ev->host.len == 0)
        ev->host = extra(x, AUTHN "node-name");
    if (!is_operator(x->user))
        return;
    ev->actor_name = KT_STR("External Secrets Operator");
    if (ev->via.len == 0)
        ev->via = KT_STR("external-secrets");
}
