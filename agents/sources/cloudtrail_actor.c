/*
 * cloudtrail_actor: userIdentity -> who (SOURCES §1.4, DETECTION §2.1).
 *
 * Owns:  nothing.
 * Calls: core/base, agents/sources/actor.
 */
#include "agents/sources/actor.h"
#include "agents/sources/cloudtrail.h"

#define HIDDEN "HIDDEN_DUE_TO_SECURITY_REASONS"

static struct kt_str last_part(struct kt_str s, char sep)
{
    ptrdiff_t at = kt_str_rfind_byte(s, sep);
    return at < 0 ? s : kt_str_from_index(s, (size_t)at + 1);
}

static struct kt_str before(struct kt_str s, char sep)
{
    ptrdiff_t at = kt_str_find_byte(s, sep, 0);
    return at < 0 ? s : kt_str_sub(s, 0, (size_t)at);
}

static void who_role(const struct ct_record *r, struct kt_event *ev)
{
    struct kt_arena *a = r->in->arena;
    struct kt_str arn = kt_json_str_at(r->identity, "arn");
    struct kt_str role = KT_STR_NONE, session = KT_STR_NONE;

    kt_actor_assumed_role(arn, &role, &session);
    struct kt_jval issuer = kt_json_get(r->session, KT_STR("sessionIssuer"));
    if (kt_json_str_at(issuer, "userName").len > 0)
        role = kt_json_str_at(issuer, "userName");
    struct kt_str principal = kt_json_str_at(r->identity, "principalId");
    if (session.len == 0 && kt_str_find_byte(principal, ':', 0) >= 0)
        session = last_part(principal, ':');
    if (role.len == 0)
        role = before(principal, ':');
    struct kt_str set = kt_actor_permission_set(role);
    ev->session = session;
    ev->issuer = kt_json_str_at(issuer, "arn");
    ev->role = set.len > 0 ? set : role;
    ev->actor_kind = KT_ACTOR_SERVICE;
    if (kt_actor_is_email(session) || set.len > 0) {
        ev->actor = kt_actor_at(a, session.len > 0 ? session : role, KT_STR("sso"));
        ev->actor_kind = KT_ACTOR_HUMAN;
        return;
    }
    ev->actor = kt_actor_at(a, role, r->home);
}

static void who_user(const struct ct_record *r, struct kt_event *ev)
{
    struct kt_str name = kt_json_str_at(r->identity, "userName");
    ev->actor_kind = KT_ACTOR_HUMAN;
    if (kt_str_is(name, HIDDEN)) {
        ev->actor_kind = KT_ACTOR_ANONYMOUS;
        name = KT_STR("hidden-user");
    }
    if (name.len == 0)
        name = last_part(kt_json_str_at(r->identity, "arn"), '/');
    if (name.len == 0)
        name = kt_json_str_at(r->identity, "principalId");
    ev->actor = kt_actor_at(r->in->arena, name, r->home);
}

static void who_root(const struct ct_record *r, struct kt_event *ev)
{
    ev->actor_kind = KT_ACTOR_ROOT;
    ev->actor = kt_actor_at(r->in->arena, KT_STR("root"), r->home);
}

static void who_service(const struct ct_record *r, struct kt_event *ev)
{
    ev->actor_kind = KT_ACTOR_SERVICE;
    ev->actor = kt_json_str_at(r->identity, "invokedBy");
    if (ev->actor.len == 0)
        ev->actor = kt_json_str_at(r->identity, "userName");
}

/* Whoever comes with a token of somebody else's: SAML, OIDC. */
static void who_federated(const struct ct_record *r, struct kt_event *ev)
{
    struct kt_str name = kt_json_str_at(r->identity, "userName");
    struct kt_str account = kt_actor_k8s_account(r->in->arena, name);
    if (account.len > 0) {
        ev->actor = account;
        ev->actor_kind = KT_ACTOR_SERVICE;
        return;
    }
    if (name.len == 0)
        name = last_part(kt_json_str_at(r->identity, "principalId"), ':');
    bool saml = kt_str_is(kt_json_str_at(r->identity, "type"), "SAMLUser");
    ev->actor_kind = kt_actor_is_email(name) || saml ? KT_ACTOR_HUMAN : KT_ACTOR_SERVICE;
    struct kt_str provider = last_part(kt_json_str_at(r->identity, "identityProvider"), '/');
    ev->actor = kt_actor_at(r->in->arena, name, provider);
}

static void who_center(const struct ct_record *r, struct kt_event *ev)
{
    struct kt_str name = kt_json_str_at(r->identity, "userName");
    if (name.len == 0)
        name = kt_json_str_at(r->identity, "onBehalfOf.userId");
    ev->actor_kind = KT_ACTOR_HUMAN;
    ev->actor = kt_actor_at(r->in->arena, name, KT_STR("sso"));
}

static void who_other(const struct ct_record *r, struct kt_event *ev)
{
    struct kt_str name = kt_json_str_at(r->identity, "userName");
    if (name.len == 0)
        name = before(kt_json_str_at(r->identity, "principalId"), ':');
    if (name.len == 0)
        name = last_part(kt_json_str_at(r->identity, "arn"), '/');
    ev->actor = kt_actor_at(r->in->arena, name, r->home);
}

static const struct {
    const char *type;
    void (*who)(const struct ct_record *r, struct kt_event *ev);
} kinds[] = {
    { "AssumedRole", who_role },
    { "Role", who_role },
    { "IAMUser", who_user },
    { "FederatedUser", who_user },
    { "Directory", who_user },
    { "Root", who_root },
    { "AWSService", who_service },
    { "SAMLUser", who_federated },
    { "WebIdentityUser", who_federated },
    { "IdentityCenterUser", who_center },
};

static int mfa_of(const struct ct_record *r)
{
    struct kt_str used = kt_json_str_at(r->extra, "MFAUsed");
    if (used.len > 0)
        return kt_str_is(used, "Yes") ? 1 : -1;
    struct kt_jval flag = kt_json_at(r->session, "attributes.mfaAuthenticated");
    if (kt_json_type(flag) == KT_JSON_NONE)
        return 0;
    return kt_json_bool(flag, false) ? 1 : -1;
}

/* The role session of a Kubernetes account names only the role; who asked for it was seen at the
 * AssumeRoleWithWebIdentity that made the key. */
static void name_by_key(const struct ct_record *r, struct kt_event *ev)
{
    if (!kt_str_starts(ev->credential, KT_STR("ASIA")))
        return;
    struct kt_str seen =
        kt_source_recall(r->in->memory, kt_arena_cat(r->in->arena, KT_STR("key "), ev->credential));
    if (seen.len > 0)
        ev->actor_name = kt_arena_str(r->in->arena, seen);
}

/* "AROA…:session" is the role; before the ':' of other forms stands an account or a provider, which
 * many share. */
static struct kt_str principal(const struct ct_record *r)
{
    struct kt_str id = kt_json_str_at(r->identity, "principalId");
    bool role = kt_str_ends(kt_json_str_at(r->identity, "type"), KT_STR("Role"));
    return role || kt_str_starts(id, KT_STR("AROA")) ? before(id, ':') : id;
}

void kt_ct_who(const struct ct_record *r, struct kt_event *ev)
{
    struct kt_str type = kt_json_str_at(r->identity, "type");
    struct kt_str invoked_by = kt_json_str_at(r->identity, "invokedBy");
    size_t i = 0;

    while (i < KT_ARRAY_LEN(kinds) && !kt_str_is(type, kinds[i].type))
        i++;
    if (i < KT_ARRAY_LEN(kinds))
        kinds[i].who(r, ev);
    else if (type.len == 0 && invoked_by.len > 0)
        who_service(r, ev);
    else
        who_other(r, ev);
    ev->actor_native = principal(r);
    if (ev->actor_native.len == 0)
        ev->actor_native = kt_json_str_at(r->identity, "arn");
    ev->credential = kt_json_str_at(r->identity, "accessKeyId");
    if (type.len > 0 && !kt_str_is(type, "AWSService"))
        ev->via = invoked_by;
    ev->actor_name = kt_json_str_at(r->session, "sourceIdentity");
    ev->mfa = mfa_of(r);
    name_by_key(r, ev);
}
