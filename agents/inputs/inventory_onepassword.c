/*
 * inventory_onepassword: items of the vaults that a Connect server may see (1Password Connect API
 * 1.7: GET /v1/vaults, /v1/vaults/{id}/items; neither answer has a field of an item). A task is
 * empty, or the id of a vault.
 */
#include "agents/inputs/inventory_store.h"
#include "core/event/secret_id.h"

static void begin(const struct inv_in *in, struct inv_out *out)
{
    (void)in;
    out->task(out, KT_STR_NONE);
}

static void request(const struct inv_in *in, struct inv_request *ret)
{
    struct kt_str of = in->task.len == 0
                           ? KT_STR_NONE
                           : kt_arena_cat3(in->arena, KT_STR("/"), inv_escape(in->arena, in->task),
                                           KT_STR("/items"));
    *ret = (struct inv_request){
        .url = kt_arena_cat3(in->arena, in->url, KT_STR("/v1/vaults"), of),
        .header = { KT_STR("Accept: application/json") },
    };
}

/* As the source onepassword names it: the account is what the configuration says. */
static void add_item(const struct inv_in *in, struct kt_jval v, struct inv_out *out)
{
    struct kt_arena *a = in->arena;
    struct kt_str name, id = kt_json_str_at(v, "id"), vault = kt_json_str_at(v, "vault.id");
    struct kt_jval tag;
    bool known = in->cluster.len == 26;
    const struct kt_str fixed[] = { known ? in->cluster : KT_STR_NONE,
                                    vault.len > 0 ? vault : in->task };
    struct inv_secret s = { .id = kt_secret_id(a, "op", fixed, 2, id, false), .guess = !known };
    if (id.len == 0)
        return;
    s.native = kt_arena_cat3(a, fixed[1], KT_STR("/"), id);
    s.version = kt_json_text(kt_json_get(v, KT_STR("version")));
    s.created = inv_date(a, kt_json_get(v, KT_STR("createdAt")));
    s.last_changed = inv_date(a, kt_json_get(v, KT_STR("updatedAt")));
    s.changed_by = kt_json_str_at(v, "lastEditedBy");
    if (kt_str_is(kt_json_str_at(v, "state"), "DELETED"))
        s.deleted = s.last_changed;
    for (struct kt_json_iter it = kt_json_iter(kt_json_get(v, KT_STR("tags")));
         kt_json_next(&it, &name, &tag);)
        inv_add_tag(&s, kt_json_str(tag));
    out->secret(out, &s);
}

static const char *hear(const struct inv_in *in, int status, struct kt_jval root,
                        struct inv_out *out)
{
    struct kt_str name;
    struct kt_jval v;
    if (status != 200 || kt_json_type(root) != KT_JSON_ARRAY)
        return "the answer is not one of a Connect server: check url";
    for (struct kt_json_iter it = kt_json_iter(root); kt_json_next(&it, &name, &v);) {
        if (in->task.len > 0)
            add_item(in, v, out);
        else if (kt_json_str_at(v, "id").len > 0)
            out->task(out, kt_json_str_at(v, "id"));
    }
    return NULL;
}

const struct inv_store inv_store_onepassword = {
    .name = "onepassword",
    .summary = "1Password Connect: items of its vaults, without their fields",
    .auth = INV_TOKEN,
    .token_header = "Authorization: Bearer ",
    .denied = "the token must be one of this Connect server, with read access to the vaults; one "
              "of the Events API, or of a service account, cannot",
    .begin = begin,
    .request = request,
    .hear = hear,
};
