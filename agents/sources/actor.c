/*
 * actor: the spelling of actors, shared by the sources.
 *
 * Owns:  nothing.
 * Calls: core/base.
 */
#include "agents/sources/actor.h"

bool kt_actor_is_email(struct kt_str s)
{
    ptrdiff_t at = kt_str_find_byte(s, '@', 0);
    if (at <= 0 || kt_str_find_byte(s, '@', (size_t)at + 1) >= 0)
        return false;
    struct kt_str host = kt_str_from_index(s, (size_t)at + 1);
    ptrdiff_t dot = kt_str_rfind_byte(host, '.');
    if (dot <= 0 || (size_t)dot + 1 >= host.len)
        return false;
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.at[i] <= ' ' || s.at[i] == '/' || s.at[i] == ':')
            return false;
    return true;
}

struct kt_str kt_actor_lower(struct kt_arena *a, struct kt_str s)
{
    size_t i = 0;
    while (i < s.len && (s.at[i] < 'A' || s.at[i] > 'Z'))
        i++;
    if (i == s.len)
        return s;
    char *copy = kt_arena_alloc(a, s.len);
    if (copy == NULL)
        return s;
    for (i = 0; i < s.len; i++) {
        char c = s.at[i];
        copy[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
    }
    return kt_str_from(copy, s.len);
}

struct kt_str kt_actor_at(struct kt_arena *a, struct kt_str name, struct kt_str where)
{
    if (name.len == 0)
        return KT_STR_NONE;
    if (kt_actor_is_email(name))
        return kt_actor_lower(a, name);
    return kt_arena_cat3(a, name, KT_STR("@"), where.len > 0 ? where : KT_STR("-"));
}

struct kt_str kt_actor_k8s(struct kt_arena *a, struct kt_str ns, struct kt_str account)
{
    return kt_arena_cat3(a, ns, KT_STR("/"), kt_actor_at(a, account, KT_STR("k8s")));
}

struct kt_str kt_actor_k8s_account(struct kt_arena *a, struct kt_str user)
{
    static const struct kt_str prefix = KT_STR_INIT("system:serviceaccount:");
    struct kt_str account = kt_str_from_index(user, prefix.len), ns;
    if (!kt_str_starts(user, prefix) || kt_str_find_byte(account, ':', 0) <= 0 ||
        !kt_str_split(&account, ':', &ns))
        return KT_STR_NONE;
    return kt_actor_k8s(a, ns, account);
}

bool kt_actor_is_external_secrets(struct kt_str account)
{
    return kt_str_is(account, "external-secrets") ||
           kt_str_ends(account, KT_STR("-external-secrets"));
}

static struct kt_str last_part(struct kt_str s)
{
    ptrdiff_t at = kt_str_rfind_byte(s, '/');
    return at < 0 ? s : kt_str_from_index(s, (size_t)at + 1);
}

struct kt_str kt_actor_permission_set(struct kt_str role)
{
    struct kt_str prefix = KT_STR("AWSReservedSSO_");
    if (!kt_str_starts(role, prefix))
        return KT_STR_NONE;
    struct kt_str set = kt_str_from_index(role, prefix.len);
    ptrdiff_t at = kt_str_rfind_byte(set, '_');
    return at > 0 ? kt_str_sub(set, 0, (size_t)at) : set;
}

void kt_actor_assumed_role(struct kt_str arn, struct kt_str *ret_role, struct kt_str *ret_session)
{
    ptrdiff_t at = kt_str_find(arn, KT_STR("assumed-role/"), 0);
    if (at < 0)
        return;
    struct kt_str rest = kt_str_from_index(arn, (size_t)at + 13);
    *ret_session = last_part(rest);
    ptrdiff_t slash = kt_str_rfind_byte(rest, '/');
    *ret_role = slash < 0 ? rest : last_part(kt_str_sub(rest, 0, (size_t)slash));
}

/* arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE */
static bool arn_parts(struct kt_str arn, struct kt_str *ret_account, struct kt_str *ret_resource)
{
    struct kt_str rest = arn, part;
    if (!kt_str_starts(arn, KT_STR("arn:")))
        return false;
    for (unsigned i = 0; i < 4; i++)
        if (!kt_str_split(&rest, ':', &part))
            return false;
    if (!kt_str_split(&rest, ':', ret_account))
        return false;
    *ret_resource = rest;
    return true;
}

bool kt_actor_aws(struct kt_arena *a, struct kt_str arn, struct kt_actor_aws *ret)
{
    struct kt_str account, resource;
    struct kt_actor_aws who = { .is_human = false };
    if (!arn_parts(arn, &account, &resource))
        return false;
    who.is_root = kt_str_is(resource, "root");
    bool user = kt_str_starts(resource, KT_STR("user/"));
    kt_actor_assumed_role(arn, &who.role, &who.session);
    if (kt_str_starts(resource, KT_STR("role/")))
        who.role = last_part(resource);
    if (!who.is_root && !user && who.role.len == 0)
        return false;
    struct kt_str set = kt_actor_permission_set(who.role);
    who.is_human = user || set.len > 0 || kt_actor_is_email(who.session);
    if (who.is_root || user)
        who.actor = kt_actor_at(a, last_part(resource), account);
    else if (who.is_human)
        who.actor = kt_actor_at(a, who.session.len > 0 ? who.session : who.role, KT_STR("sso"));
    else
        who.actor = kt_actor_at(a, who.role, account);
    if (set.len > 0)
        who.role = set;
    *ret = who;
    return true;
}
