/*
 * azure_actor: claims -> who (SOURCES §7, DETECTION §2.1).
 *
 * Owns:  nothing.
 * Calls: core/base, agents/sources/actor.
 */
#include "agents/sources/actor.h"
#include "agents/sources/azure.h"

static const char *const upn_names[] = {
    "upn",         "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn",
    "unique_name", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
    NULL,
};
const char *const kt_az_oid[] = {
    "oid",
    "http://schemas.microsoft.com/identity/claims/objectidentifier",
    NULL,
};
static const char *const app_names[] = { "appid", "azp", NULL };
static const char *const method_names[] = {
    "amr",
    "http://schemas.microsoft.com/claims/authnmethodsreferences",
    NULL,
};

struct kt_str kt_az_claim(const struct az_record *r, const char *const *names)
{
    struct kt_str s = KT_STR_NONE;
    for (; s.len == 0 && *names != NULL; names++)
        s = kt_json_str(kt_json_get(r->claims, kt_str_of(*names)));
    return s;
}

bool kt_az_is_anonymous(const struct az_record *r)
{
    return kt_az_claim(r, upn_names).len == 0 && kt_az_claim(r, app_names).len == 0 &&
           kt_az_claim(r, kt_az_oid).len == 0;
}

/* "alice_example.com#EXT#@acme.onmicrosoft.com" and "live.com#alice@example.com" are guests:
 * alice@example.com. */
static struct kt_str person(struct kt_arena *a, struct kt_str upn)
{
    ptrdiff_t hash = kt_str_rfind_byte(upn, '#');
    if (kt_actor_is_email(kt_str_from_index(upn, (size_t)(hash + 1))))
        upn = kt_str_from_index(upn, (size_t)(hash + 1));
    ptrdiff_t guest = kt_str_find(upn, KT_STR("#EXT#"), 0);
    struct kt_str head = kt_str_sub(upn, 0, guest < 0 ? 0 : (size_t)guest);
    ptrdiff_t at = kt_str_rfind_byte(head, '_');
    if (at > 0)
        upn = kt_arena_cat3(a, kt_str_sub(head, 0, (size_t)at), KT_STR("@"),
                            kt_str_from_index(head, (size_t)at + 1));
    return kt_actor_at(a, upn, KT_STR("azure"));
}

static bool is_mfa(struct kt_jval methods)
{
    struct kt_json_iter it = kt_json_iter(methods);
    struct kt_str unused;
    struct kt_jval item;
    if (kt_json_type(methods) != KT_JSON_ARRAY)
        return kt_str_has(kt_json_str(methods), KT_STR("mfa"));
    while (kt_json_next(&it, &unused, &item))
        if (kt_str_is(kt_json_str(item), "mfa"))
            return true;
    return false;
}

static int mfa_of(const struct az_record *r)
{
    for (const char *const *n = method_names; *n != NULL; n++) {
        struct kt_jval methods = kt_json_get(r->claims, kt_str_of(*n));
        if (kt_json_type(methods) != KT_JSON_NONE)
            return is_mfa(methods) ? 1 : -1;
    }
    return 0;
}

/* The resource of a managed identity: its last word is the name that people gave it. */
static struct kt_str identity_name(const struct az_record *r)
{
    struct kt_str path = kt_json_str(kt_json_get(r->claims, KT_STR("xms_mirid")));
    ptrdiff_t at = kt_str_rfind_byte(path, '/');
    return kt_str_from_index(path, (size_t)(at + 1));
}

static void nobody(const struct az_record *r, struct kt_event *ev)
{
    if (kt_str_ends(r->operation, KT_STR("EventGridNotification"))) {
        ev->actor = KT_STR("vault.azure.net"); /* Key Vault itself */
        ev->actor_kind = KT_ACTOR_SERVICE;
    } else if (r->status == 401) {
        ev->actor = KT_STR("anonymous@azure");
        ev->actor_kind = KT_ACTOR_ANONYMOUS;
    }
}

void kt_az_who(const struct az_record *r, struct kt_event *ev)
{
    struct kt_arena *a = r->in->arena;
    struct kt_str upn = kt_az_claim(r, upn_names);
    struct kt_str app = kt_az_claim(r, app_names), oid = kt_az_claim(r, kt_az_oid);

    if (kt_az_is_anonymous(r)) {
        nobody(r, ev);
        return;
    }
    ev->actor_native = oid.len > 0 ? oid : upn.len > 0 ? upn : app;
    if (upn.len > 0) {
        ev->actor = person(a, upn);
        ev->actor_kind = KT_ACTOR_HUMAN;
        ev->via = app;
        ev->mfa = mfa_of(r);
        return;
    }
    ev->actor = kt_actor_at(a, app.len > 0 ? app : oid, KT_STR("azure"));
    ev->actor_kind = KT_ACTOR_SERVICE;
    ev->actor_name = identity_name(r);
}
