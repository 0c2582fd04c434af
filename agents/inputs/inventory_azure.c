/*
 * inventory_azure: secrets, keys and certificates of a Key Vault (REST API 7.4: Get Secrets, Get
 * Keys, Get Certificates; none of these answers has a value). A task is what is listed, or the link
 * to the next page of it, which is followed only to the same vault.
 */
#include "agents/inputs/inventory_store.h"
#include "core/event/secret_id.h"

static void begin(const struct inv_in *in, struct inv_out *out)
{
    (void)in;
    out->task(out, KT_STR("secrets"));
    out->task(out, KT_STR("keys"));
    out->task(out, KT_STR("certificates"));
}

static bool is_link(struct kt_str task)
{
    return kt_str_find(task, KT_STR("://"), 0) >= 0;
}

static void request(const struct inv_in *in, struct inv_request *ret)
{
    struct kt_str url = kt_arena_fmt(in->arena, KT_STR_FMT "/" KT_STR_FMT "?api-version=7.4",
                                     KT_STR_ARG(in->url), KT_STR_ARG(in->task));
    *ret = (struct inv_request){ .url = is_link(in->task) ? in->task : url };
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

/* A link is a task only when it is the same vault's, and such as may stand in a request. */
static bool is_ours(const struct inv_in *in, struct kt_str link)
{
    struct kt_str rest = kt_str_from_index(link, in->url.len);
    for (size_t i = 0; i < link.len; i++)
        if (link.at[i] <= ' ' || link.at[i] > '~')
            return false;
    return kt_str_starts(link, in->url) && kt_str_starts(rest, KT_STR("/"));
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
    if (!is_ours(in, next))
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
