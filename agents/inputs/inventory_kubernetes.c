/*
 * inventory_kubernetes: secrets' metadata, as PartialObjectMetadataList (Kubernetes API concepts,
 * "Metadata-only fetches"): a plain list would hold every value. A task is "NAMESPACE TOKEN",
 * parted by a tab; no namespace is all of them.
 */
#include "agents/inputs/inventory_store.h"
#include "core/event/secret_id.h"

static void begin(const struct inv_in *in, struct inv_out *out)
{
    if (in->within->n == 0)
        out->task(out, KT_STR("\t"));
    for (unsigned i = 0; i < in->within->n; i++)
        out->task(out, kt_arena_cat(in->arena, kt_str_of(in->within->at[i]), KT_STR("\t")));
}

static void request(const struct inv_in *in, struct inv_request *ret)
{
    struct kt_arena *a = in->arena;
    struct kt_str token = in->task, namespace = KT_STR_NONE;
    (void)kt_str_split(&token, '\t', &namespace);
    struct kt_str place = namespace.len > 0 ? kt_arena_cat3(a, KT_STR("/namespaces/"),
                                                            inv_escape(a, namespace), KT_STR(""))
                                            : KT_STR_NONE;
    struct kt_str more =
        token.len > 0 ? kt_arena_cat(a, KT_STR("&continue="), inv_escape(a, token)) : KT_STR_NONE;
    *ret = (struct inv_request){
        .url = kt_arena_fmt(a, KT_STR_FMT "/api/v1" KT_STR_FMT "/secrets?limit=500" KT_STR_FMT,
                            KT_STR_ARG(in->url), KT_STR_ARG(place), KT_STR_ARG(more)),
        .header = { KT_STR(
            "Accept: application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1") },
    };
}

/* Who wrote last, and when. */
static void add_writer(const struct inv_in *in, struct kt_jval fields, struct inv_secret *s)
{
    struct kt_str name, when;
    struct kt_jval v;
    for (struct kt_json_iter it = kt_json_iter(fields); kt_json_next(&it, &name, &v);) {
        when = inv_date(in->arena, kt_json_get(v, KT_STR("time")));
        if (when.len == 0 || kt_str_cmp(when, s->last_changed) < 0)
            continue; /* all of them end in Z and have whole seconds: as text they sort by time */
        s->last_changed = when;
        s->changed_by = kt_json_str_at(v, "manager");
    }
}

static void add_secret(const struct inv_in *in, struct kt_jval meta, struct inv_out *out)
{
    struct kt_str name, namespace = kt_json_str_at(meta, "namespace");
    const struct kt_str fixed[] = { in->cluster, namespace };
    struct kt_jval v;
    struct inv_secret s = { .native = kt_json_str_at(meta, "uid"),
                            .version = kt_json_str_at(meta, "resourceVersion") };
    if (kt_json_str_at(meta, "name").len == 0 || namespace.len == 0)
        return;
    s.id = kt_secret_id(in->arena, "k8s", fixed, 2, kt_json_str_at(meta, "name"), false);
    s.created = inv_date(in->arena, kt_json_get(meta, KT_STR("creationTimestamp")));
    s.last_changed = s.created;
    s.deleted = inv_date(in->arena, kt_json_get(meta, KT_STR("deletionTimestamp")));
    add_writer(in, kt_json_get(meta, KT_STR("managedFields")), &s);
    struct kt_json_iter it = kt_json_iter(kt_json_get(meta, KT_STR("ownerReferences")));
    if (kt_json_next(&it, &name, &v))
        s.owner = kt_arena_cat3(in->arena, kt_json_str_at(v, "kind"), KT_STR("/"),
                                kt_json_str_at(v, "name"));
    it = kt_json_iter(kt_json_get(meta, KT_STR("labels")));
    while (kt_json_next(&it, &name, &v))
        inv_add_tag(&s, name);
    out->secret(out, &s);
}

static const char *hear(const struct inv_in *in, int status, struct kt_jval root,
                        struct inv_out *out)
{
    struct kt_str name, token = in->task, namespace = KT_STR_NONE;
    struct kt_jval v;
    if (status != 200 || !kt_str_is(kt_json_str_at(root, "kind"), "PartialObjectMetadataList"))
        return "the answer is no list of metadata alone: it is not looked at; check url";
    struct kt_json_iter it = kt_json_iter(kt_json_get(root, KT_STR("items")));
    while (kt_json_next(&it, &name, &v))
        add_secret(in, kt_json_get(v, KT_STR("metadata")), out);
    (void)kt_str_split(&token, '\t', &namespace);
    token = kt_json_str_at(root, "metadata.continue");
    if (token.len > 0)
        out->task(out, kt_arena_cat3(in->arena, namespace, KT_STR("\t"), token));
    return NULL;
}

const struct inv_store inv_store_kubernetes = {
    .name = "kubernetes",
    .summary = "Kubernetes: metadata of secrets, without their data",
    .auth = INV_TOKEN,
    .token_header = "Authorization: Bearer ",
    .mounted_token = true,
    .url = "https://kubernetes.default.svc",
    .denied = "the account needs a ClusterRole with verbs [list] on resources [secrets]; it could "
              "read values with it, so give it to this agent alone",
    .begin = begin,
    .request = request,
    .hear = hear,
};
