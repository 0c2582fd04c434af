/*
 * inventory_azure: secrets, keys and certificates of a Key Vault (REST API 7.4: Get Secrets, Get
 * Keys, Get Certificates; none of these answers has a value). A task is what is asked for at
 * the vault: "/secrets?api-version=7.4", or path and query of the link to the next page, which is
 * followed only to the same vault.
 */
#include "agents/inputs/inventory_store.h"
#include "core/event/secret_id.h"

static void begin(const struct inv_in *in, struct inv_out *out)
{
    (void)in;
    out->task(out, KT_STR("/secrets?api-version=7.4"));
    out->task(out, KT_STR("/keys?api-version=7.4"));
    out->task(out, KT_STR("/certificates?api-version=7.4"));
}

static void request(const struct inv_in *in, struct inv_request *ret)
{
    *ret = (struct inv_request){ .url = kt_arena_cat(in->arena, in->url, in->task) };
}

/* https://HOST/COLLECTION/NAME; keys call it kid. */
static void add_object(const struct inv_in *in, struct kt_jval v, struct inv_out *out)
{
    struct kt_arena *a = in->arena;
    struct kt_str native = kt_json_str_at(v, "id"), rest, host, collection, name;
    struct kt_jval attributes = kt_json_get(v, KT_STR("attributes")), tag;
    native = native.len > 0 ? native : kt_json_str_at(v, "kid");
    ptrdiff_t at = kt_str_find(native, KT_STR("://"), 0);
    rest = kt_str_from_index(native, at < 0 ? native.len : (size_t)at + 3);
    if (!kt_str_split(&rest, '/', &host) || !kt_str_split(&rest, '/', &collection) ||
        !kt_str_split(&rest, '/', &name) || name.len == 0)
        return;
    const struct kt_str fixed[] = { host, collection };
    struct inv_secret s = { .id = kt_secret_id(a, "az-kv", fixed, 2, name, false),
                            .native = native };
    s.created = inv_date(a, kt_json_get(attributes, KT_STR("created")));
    s.last_changed = inv_date(a, kt_json_get(attributes, KT_STR("updated")));
    s.expires = inv_date(a, kt_json_get(attributes, KT_STR("exp")));
    s.owner = kt_json_str_at(v, "tags.owner");
    for (struct kt_json_iter it = kt_json_iter(kt_json_get(v, KT_STR("tags")));
         kt_json_next(&it, &name, &tag);)
        inv_add_tag(&s, name);
    out->secret(out, &s);
}

struct place {
    struct kt_str scheme, host, port, path;
};

/* SCHEME://HOST[:PORT]/path; the port that the scheme has is left out, as when it is not written.
 */
static struct place place_of(struct kt_str url)
{
    struct place p = { 0 };
    ptrdiff_t at = kt_str_find(url, KT_STR("://"), 0);
    if (at < 0)
        return p;
    p.scheme = kt_str_sub(url, 0, (size_t)at);
    url = kt_str_from_index(url, (size_t)at + 3);
    at = kt_str_find_byte(url, '/', 0);
    p.host = kt_str_sub(url, 0, at < 0 ? url.len : (size_t)at);
    p.path = kt_str_from_index(url, p.host.len);
    at = kt_str_rfind_byte(p.host, ':');
    if (at >= 0 && kt_str_find_byte(p.host, ']', (size_t)at) < 0) {
        p.port = kt_str_from_index(p.host, (size_t)at + 1);
        p.host.len = (size_t)at;
    }
    if (kt_str_is(p.port, kt_str_eq_nocase(p.scheme, KT_STR("https")) ? "443" : "80"))
        p.port = KT_STR_NONE;
    return p;
}

/* Path and query of a link to the same vault, which may be written in another way (Key Vault names
 * the port); empty when it leads elsewhere, or has what may not stand in a request. */
static struct kt_str task_of(const struct inv_in *in, struct kt_str link)
{
    struct place ours = place_of(in->url), p = place_of(link);
    struct kt_str task = kt_str_from_index(p.path, ours.path.len);
    for (size_t i = 0; i < link.len; i++)
        if (link.at[i] <= ' ' || link.at[i] > '~')
            return KT_STR_NONE;
    return kt_str_eq_nocase(p.scheme, ours.scheme) && kt_str_eq_nocase(p.host, ours.host) &&
                   kt_str_eq(p.port, ours.port) && kt_str_starts(p.path, ours.path) &&
                   kt_str_starts(task, KT_STR("/"))
               ? task
               : KT_STR_NONE;
}

static const char *hear(const struct inv_in *in, int status, struct kt_jval root,
                        struct inv_out *out)
{
    struct kt_jval list = kt_json_get(root, KT_STR("value")), v;
    struct kt_str name, next = kt_json_str_at(root, "nextLink");
    if (status != 200 || kt_json_type(list) != KT_JSON_ARRAY)
        return "the answer is not one of a Key Vault: check url";
    for (struct kt_json_iter it = kt_json_iter(list); kt_json_next(&it, &name, &v);)
        add_object(in, v, out);
    if (next.len == 0)
        return NULL;
    next = task_of(in, next);
    if (next.len == 0)
        return "the next page is said to be at another address: it is not asked";
    out->task(out, next);
    return NULL;
}

const struct inv_store inv_store_azure = {
    .name = "azure",
    .summary = "Azure Key Vault: secrets, keys and certificates",
    .auth = INV_AZURE,
    .denied = "the identity needs the role Key Vault Reader on the vault, and not Secrets User",
    .begin = begin,
    .request = request,
    .hear = hear,
};
