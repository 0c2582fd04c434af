/*
 * vault_actor: auth -> who (SOURCES §2.4, DETECTION §2.1). One person is one actor: by e-mail where
 * there is one, else by user name and cluster, whichever way the login went.
 *
 * Owns:  nothing.
 * Calls: core/base, agents/sources/actor.
 */
#include "agents/sources/actor.h"
#include "agents/sources/vault.h"

/* Auth methods by the first word of their display names. */
static const struct {
    struct kt_str word;
    enum kt_actor_kind kind;
} methods[] = {
    { KT_STR_INIT("userpass"), KT_ACTOR_HUMAN },     { KT_STR_INIT("ldap"), KT_ACTOR_HUMAN },
    { KT_STR_INIT("oidc"), KT_ACTOR_HUMAN },         { KT_STR_INIT("okta"), KT_ACTOR_HUMAN },
    { KT_STR_INIT("github"), KT_ACTOR_HUMAN },       { KT_STR_INIT("saml"), KT_ACTOR_HUMAN },
    { KT_STR_INIT("radius"), KT_ACTOR_HUMAN },       { KT_STR_INIT("approle"), KT_ACTOR_SERVICE },
    { KT_STR_INIT("kubernetes"), KT_ACTOR_SERVICE }, { KT_STR_INIT("aws"), KT_ACTOR_SERVICE },
    { KT_STR_INIT("gcp"), KT_ACTOR_SERVICE },        { KT_STR_INIT("azure"), KT_ACTOR_SERVICE },
    { KT_STR_INIT("cert"), KT_ACTOR_SERVICE },       { KT_STR_INIT("jwt"), KT_ACTOR_SERVICE },
    { KT_STR_INIT("kerberos"), KT_ACTOR_HUMAN },     { KT_STR_INIT("alicloud"), KT_ACTOR_SERVICE },
};

static enum kt_actor_kind kind_of(struct kt_str display)
{
    for (size_t i = 0; i < KT_ARRAY_LEN(methods); i++)
        if (kt_str_starts(display, methods[i].word))
            return methods[i].kind;
    return KT_ACTOR_UNKNOWN;
}

/* Is there any '@' in the strings of the object? Then it is worth asking for them by name. */
static bool has_at(struct kt_jval object)
{
    struct kt_json_iter it = kt_json_iter(object);
    struct kt_str name;
    struct kt_jval item;
    while (kt_json_next(&it, &name, &item))
        if (kt_str_find_byte(kt_json_str(item), '@', 0) >= 0)
            return true;
    return false;
}

static struct kt_str email_in(struct kt_jval metadata, struct kt_str display)
{
    static const char *const names[] = { "email",    "mail", "upn",  "preferred_username",
                                         "username", "name", "user", "service_account_email",
                                         "sub" };
    for (size_t i = has_at(metadata) ? 0 : KT_ARRAY_LEN(names); i < KT_ARRAY_LEN(names); i++) {
        struct kt_str s = kt_json_str(kt_json_get(metadata, kt_str_of(names[i])));
        if (kt_actor_is_email(s))
            return s;
    }
    ptrdiff_t dash = kt_str_find_byte(display, '-', 0);
    struct kt_str rest = kt_str_from_index(display, (size_t)(dash + 1));
    return dash > 0 && kt_actor_is_email(rest) ? rest : KT_STR_NONE;
}

/* arn:aws:iam::111122223333:role/ci-deploy -> ci-deploy@111122223333, as CloudTrail's actor. */
static struct kt_str aws_actor(struct kt_arena *a, struct kt_jval metadata)
{
    struct kt_str arn = kt_json_str_at(metadata, "canonical_arn"), rest = arn, part, account;
    for (unsigned i = 0; i < 4; i++)
        if (!kt_str_split(&rest, ':', &part))
            return KT_STR_NONE;
    if (!kt_str_split(&rest, ':', &account))
        return KT_STR_NONE;
    ptrdiff_t slash = kt_str_rfind_byte(rest, '/');
    return slash < 0 ? KT_STR_NONE
                     : kt_actor_at(a, kt_str_from_index(rest, (size_t)slash + 1), account);
}

/* The name that the auth method vouches for; empty when only the token's own name is left. */
static struct kt_str vouched(const struct kt_decode_in *in, struct kt_jval metadata,
                             struct kt_str display)
{
    struct kt_arena *a = in->arena;
    struct kt_str account = kt_json_str_at(metadata, "service_account_name");
    if (account.len > 0)
        return kt_actor_k8s(a, kt_json_str_at(metadata, "service_account_namespace"), account);
    struct kt_str email = email_in(metadata, display);
    if (email.len > 0)
        return kt_actor_lower(a, email);
    struct kt_str aws = aws_actor(a, metadata);
    if (aws.len > 0)
        return aws;
    struct kt_str user = kt_actor_lower(a, kt_json_str_at(metadata, "username"));
    struct kt_str shown = kt_actor_lower(a, display);
    if (user.len > 0 && (kt_str_ends(shown, user) /* as most do */ || kt_str_has(shown, user)))
        return kt_actor_at(a, user, in->cluster);
    struct kt_str role = kt_json_str_at(metadata, "role_name");
    if (role.len > 0)
        return kt_actor_at(a, kt_arena_cat3(a, display, KT_STR("/"), role), in->cluster);
    return KT_STR_NONE;
}

/* auth/userpass/login/alice: who tried, though nobody vouched for it. */
static struct kt_str tried(const struct kt_decode_in *in, struct kt_str path)
{
    struct kt_str mark = KT_STR("/login/");
    ptrdiff_t at = kt_str_find(path, mark, 0);
    if (at < 0)
        return KT_STR_NONE;
    struct kt_str name = kt_str_from_index(path, (size_t)at + mark.len);
    return kt_actor_at(in->arena, kt_actor_lower(in->arena, name), in->cluster);
}

/* Policies as groups, as many as there is room for; whether root is one of all. */
static bool groups(struct kt_jval policies, struct kt_list *ret)
{
    struct kt_json_iter it = kt_json_iter(policies);
    struct kt_str name;
    struct kt_jval item;
    bool root = false;
    while (kt_json_next(&it, &name, &item)) {
        const struct kt_str policy = kt_json_str(item);
        root = root || kt_str_is(policy, "root");
        if (policy.len > 0 && ret->n < KT_LIST_MAX)
            ret->at[ret->n++] = policy;
    }
    return root;
}

static void nobody(const struct kt_decode_in *in, bool login, struct kt_str path,
                   struct kt_event *ev)
{
    ev->actor_kind = KT_ACTOR_ANONYMOUS;
    if (login)
        ev->actor = tried(in, path);
    if (ev->actor.len == 0)
        ev->actor = kt_actor_at(in->arena, KT_STR("anonymous"), in->cluster);
}

/* Names of tokens are chosen by whoever makes them, and so is their metadata: neither proves
 * anything, but the entity behind the token does. */
static void token(const struct kt_decode_in *in, struct kt_str display, struct kt_str entity,
                  struct kt_event *ev)
{
    struct kt_str name =
        entity.len > 0 ? kt_arena_cat(in->arena, KT_STR("entity/"), entity) : display;
    ev->actor = kt_actor_at(in->arena, name, in->cluster);
}

/* The accessor; a batch token has none, and is known by its own hash (SOURCES §2.4). */
static struct kt_str credential(struct kt_jval auth)
{
    struct kt_str accessor = kt_json_str_at(auth, "accessor");
    if (accessor.len > 0 || !kt_str_is(kt_json_str_at(auth, "token_type"), "batch"))
        return accessor;
    struct kt_str hash = kt_json_str_at(auth, "client_token");
    return kt_str_starts(hash, KT_STR("hmac-sha256:")) ? hash : accessor;
}

void kt_vt_who(const struct kt_decode_in *in, struct kt_jval auth, enum vt_login login,
               struct kt_str path, bool raw_device, struct kt_event *ev)
{
    struct kt_str display = kt_json_str_at(auth, "display_name");
    struct kt_str entity = kt_json_str_at(auth, "entity_id");
    struct kt_jval metadata = kt_json_get(auth, KT_STR("metadata"));

    bool named = login == VT_LOGIN_TRIED && tried(in, path).len > 0;
    if (named || (display.len == 0 && entity.len == 0)) {
        nobody(in, login != VT_LOGIN_NO, path, ev);
        return;
    }
    const bool root = groups(kt_json_get(auth, KT_STR("policies")), &ev->groups);
    ev->actor_native = entity.len > 0 ? entity : display;
    ev->actor_name = display;
    ev->role = kt_json_str_at(metadata, "role");
    if (kt_actor_is_external_secrets(kt_json_str_at(metadata, "service_account_name")))
        ev->via = KT_STR("external-secrets"); /* it copies what it reads into its cluster */
    if (!raw_device)
        ev->credential = credential(auth);
    if (root) {
        ev->actor_kind = KT_ACTOR_ROOT;
        ev->actor = kt_actor_at(in->arena, KT_STR("root"), in->cluster);
        return;
    }
    if (display.len == 0 || kt_str_starts(display, KT_STR("token"))) {
        token(in, display, entity, ev);
        return;
    }
    ev->actor_kind = kind_of(display);
    ev->actor = vouched(in, metadata, display);
    if (kt_actor_is_email(ev->actor) && !kt_str_starts(display, KT_STR("gcp")))
        ev->actor_kind = KT_ACTOR_HUMAN;
    if (ev->actor.len == 0)
        ev->actor = kt_actor_at(in->arena, display, in->cluster);
}
