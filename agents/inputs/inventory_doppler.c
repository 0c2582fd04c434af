/*
 * inventory_doppler: names of secrets in every config (Doppler API v3: projects, configs,
 * configs/config/secrets/names). It tells no dates of secrets. Tasks, parted by tabs: "P PAGE"
 * projects, "C PROJECT PAGE" configs, "N PROJECT CONFIG" names.
 */
#include "agents/inputs/inventory_store.h"
#include "core/event/secret_id.h"

#define PER_PAGE 100
#define PAGE_MAX 10000

struct task {
    char what;
    struct kt_str first, second;
};

static struct task task_of(struct kt_str text)
{
    struct task t = { .what = text.len > 0 ? text.at[0] : '?' };
    struct kt_str part;
    if (kt_str_split(&text, '\t', &part) && kt_str_split(&text, '\t', &t.first))
        t.second = text;
    return t;
}

static struct kt_str join(struct kt_arena *a, char what, struct kt_str x, struct kt_str y)
{
    return kt_arena_fmt(a, "%c\t" KT_STR_FMT "\t" KT_STR_FMT, what, KT_STR_ARG(x), KT_STR_ARG(y));
}

static void begin(const struct inv_in *in, struct inv_out *out)
{
    for (unsigned i = 0; i < in->within->n; i++)
        out->task(out, join(in->arena, 'C', kt_str_of(in->within->at[i]), KT_STR("1")));
    if (in->within->n == 0)
        out->task(out, join(in->arena, 'P', KT_STR("1"), KT_STR("")));
}

static void request(const struct inv_in *in, struct inv_request *ret)
{
    struct kt_arena *a = in->arena;
    struct task t = task_of(in->task);
    struct kt_str first = inv_escape(a, t.first), second = inv_escape(a, t.second), of;
    if (t.what == 'P')
        of = kt_arena_fmt(a, "projects?page=" KT_STR_FMT "&per_page=%d", KT_STR_ARG(first),
                          PER_PAGE);
    else if (t.what == 'C')
        of = kt_arena_fmt(a, "configs?project=" KT_STR_FMT "&page=" KT_STR_FMT "&per_page=%d",
                          KT_STR_ARG(first), KT_STR_ARG(second), PER_PAGE);
    else
        of = kt_arena_fmt(a,
                          "configs/config/secrets/names?project=" KT_STR_FMT "&config=" KT_STR_FMT
                          "&include_dynamic_secrets=false",
                          KT_STR_ARG(first), KT_STR_ARG(second));
    *ret = (struct inv_request){
        .url = kt_arena_cat3(a, in->url, KT_STR("/v3/"), of),
        .header = { KT_STR("Accept: application/json") },
    };
}

/* A full page has perhaps another behind it. */
static struct kt_str next_page(struct kt_arena *a, size_t count, struct kt_str page)
{
    int64_t n;
    if (count < PER_PAGE || !kt_str_i64(page, &n) || n < 1 || n >= PAGE_MAX)
        return KT_STR_NONE;
    return kt_arena_fmt(a, "%lld", (long long)n + 1);
}

static void add_name(const struct inv_in *in, const struct task *t, struct kt_str name,
                     struct inv_out *out)
{
    const struct kt_str fixed[] = { in->cluster, t->first, t->second };
    struct inv_secret s = { .id = kt_secret_id(in->arena, "doppler", fixed, 3, name, false) };
    s.native = kt_arena_fmt(in->arena, KT_STR_FMT "/" KT_STR_FMT "/" KT_STR_FMT,
                            KT_STR_ARG(t->first), KT_STR_ARG(t->second), KT_STR_ARG(name));
    out->secret(out, &s);
}

static const char *hear(const struct inv_in *in, int status, struct kt_jval root,
                        struct inv_out *out)
{
    struct kt_arena *a = in->arena;
    struct task t = task_of(in->task);
    const char *member = t.what == 'P' ? "projects" : t.what == 'C' ? "configs" : "names";
    struct kt_jval list = kt_json_get(root, kt_str_of(member)), v;
    struct kt_str name, page, what;
    if (status != 200 || kt_json_type(list) != KT_JSON_ARRAY)
        return "the answer is not one of Doppler's API: check url and 'within'";
    for (struct kt_json_iter it = kt_json_iter(list); kt_json_next(&it, &name, &v);) {
        what = t.what == 'N'   ? kt_json_str(v)
               : t.what == 'C' ? kt_json_str_at(v, "name")
                               : kt_json_str_at(v, "slug");
        if (what.len == 0 || kt_str_find_byte(what, '\t', 0) >= 0)
            continue;
        if (t.what == 'N')
            add_name(in, &t, what, out);
        else
            out->task(out, t.what == 'P' ? join(a, 'C', what, KT_STR("1"))
                                         : join(a, 'N', t.first, what));
    }
    page = next_page(a, kt_json_count(list), t.what == 'P' ? t.first : t.second);
    if (t.what != 'N' && page.len > 0)
        out->task(out,
                  t.what == 'P' ? join(a, 'P', page, KT_STR("")) : join(a, 'C', t.first, page));
    return NULL;
}

const struct inv_store inv_store_doppler = {
    .name = "doppler",
    .summary = "Doppler: names of secrets in every config",
    .auth = INV_TOKEN,
    .token_header = "Authorization: Bearer ",
    .url = "https://api.doppler.com",
    .denied = "the token must be one of a service account (or a person) that may list projects and "
              "configs; a service token sees one config",
    .begin = begin,
    .request = request,
    .hear = hear,
};
