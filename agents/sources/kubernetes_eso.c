/*
 * kubernetes_eso: External Secrets Operator copies secrets of a store into the cluster. Which of
 * the store's a Secret is a copy of stands in its ExternalSecret; an event on the Secret says it,
 * so that one can go from the copy to the original (SOURCES §5).
 *
 * Owns:  nothing; what is a copy of what is remembered by the engine.
 * Calls: core/base, core/event.
 * Holds: of an ExternalSecret only names and keys are looked at; it holds no values. Its body is in
 *        the log only where the policy says RequestResponse or Request for it.
 */
#include "agents/sources/kubernetes.h"

#define SHARED_MAX 240u /* of what is remembered */

static struct kt_str copy_key(const struct k8s_access *x, struct kt_str name)
{
    return kt_arena_fmt(x->in->arena, "copy %.*s %.*s/%.*s", KT_STR_ARG(x->cluster),
                        KT_STR_ARG(x->ns), KT_STR_ARG(name));
}

/* The whole object: what the server answered, else what was sent. */
static struct kt_jval body(struct kt_jval root)
{
    struct kt_jval answer = kt_json_get(root, KT_STR("responseObject"));
    return kt_json_type(kt_json_get(answer, KT_STR("spec"))) == KT_JSON_OBJECT
               ? answer
               : kt_json_get(root, KT_STR("requestObject"));
}

/* Is id one of those between commas? */
static bool is_among(struct kt_str ids, struct kt_str id)
{
    for (struct kt_str one; ids.len > 0 && kt_str_split(&ids, ',', &one);)
        if (kt_str_eq(one, id))
            return true;
    return kt_str_eq(ids, id);
}

/* Appends one of the store's secrets, by the id that the store's own source gives it where the
 * configuration tells that. */
static void add_original(const struct k8s_access *x, struct kt_str store, struct kt_str key,
                         struct kt_str *ids)
{
    struct kt_arena *a = x->in->arena;
    struct kt_str prefix = kt_k8s_store_prefix(x->in->settings, store);
    struct kt_str id = kt_arena_cat3(a, prefix.len > 0 ? prefix : store, KT_STR("/"), key);
    if (key.len == 0 || ids->len + id.len + 1 > SHARED_MAX || is_among(*ids, id))
        return;
    *ids = ids->len == 0 ? id : kt_arena_cat3(a, *ids, KT_STR(","), id);
}

/* spec.data[].remoteRef.key and spec.dataFrom[].extract.key; each may name a store of its own. */
static struct kt_str originals(const struct k8s_access *x, struct kt_jval spec)
{
    static const struct {
        const char *list, *key;
    } places[] = { { "data", "remoteRef.key" }, { "dataFrom", "extract.key" } };
    struct kt_str ids = KT_STR_NONE, unused;
    struct kt_str store = kt_json_str_at(spec, "secretStoreRef.name");
    for (size_t i = 0; i < KT_ARRAY_LEN(places); i++) {
        struct kt_json_iter it = kt_json_iter(kt_json_get(spec, kt_str_of(places[i].list)));
        for (struct kt_jval item; kt_json_next(&it, &unused, &item);) {
            struct kt_str own = kt_json_str_at(item, "sourceRef.storeRef.name");
            add_original(x, own.len > 0 ? own : store, kt_json_str_at(item, places[i].key), &ids);
        }
    }
    return ids;
}

void kt_k8s_learn_copy(const struct k8s_access *x)
{
    struct kt_jval object = body(x->in->root);
    struct kt_jval spec = kt_json_get(object, KT_STR("spec"));
    struct kt_str name = kt_json_str_at(spec, "target.name");
    if (!kt_str_is(x->resource, "externalsecrets") || x->stage != K8S_COMPLETE || x->code >= 400 ||
        kt_json_type(spec) != KT_JSON_OBJECT)
        return;
    if (name.len == 0)
        name = kt_json_str_at(object, "metadata.name");
    struct kt_str ids = originals(x, spec);
    if (ids.len > 0 && name.len > 0)
        kt_source_remember(x->in->memory, copy_key(x, name), ids);
}

struct kt_str kt_k8s_original(const struct k8s_access *x)
{
    if (x->name.len == 0 || !kt_str_is(x->resource, "secrets"))
        return KT_STR_NONE;
    return kt_arena_str(x->in->arena, kt_source_recall(x->in->memory, copy_key(x, x->name)));
}
