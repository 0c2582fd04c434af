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
