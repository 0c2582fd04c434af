/*
 * inventory_github: names of secrets of Actions, its environments, Dependabot and Codespaces (REST
 * API 2022-11-28; GitHub gives out no value). A task is "PATH PAGE" or "PATH PAGE ENVIRONMENT",
 * parted by tabs: PATH "orgs/acme/actions", "repos/acme/pay/dependabot";
 * "repos/acme/pay/environments" alone lists the environments.
 */
#include "agents/inputs/inventory_store.h"
#include "core/event/secret_id.h"

#define PER_PAGE 100
#define PAGE_MAX 1000

#define ENVIRONMENTS "environments"

/* Organizations have all but the last. */
static const char *const kinds[] = { "actions", "dependabot", "codespaces", ENVIRONMENTS };

struct task {
    struct kt_str path, page, environment;
};

static struct task task_of(struct kt_str text)
{
    struct task t = { 0 };
    (void)(kt_str_split(&text, '\t', &t.path) && kt_str_split(&text, '\t', &t.page));
    t.environment = text;
    return t;
}

/* An organization, or owner/repository. */
static void begin(const struct inv_in *in, struct inv_out *out)
{
    for (unsigned i = 0; i < in->within->n; i++) {
        const char *at = in->within->at[i];
        bool repo = kt_str_find_byte(kt_str_of(at), '/', 0) >= 0;
        for (size_t k = 0; k < KT_ARRAY_LEN(kinds) - (repo ? 0 : 1); k++)
            out->task(
                out, kt_arena_fmt(in->arena, "%s/%s/%s\t1", repo ? "repos" : "orgs", at, kinds[k]));
    }
}

static bool is_list_of_environments(const struct task *t)
{
    return t->environment.len == 0 && kt_str_ends(t->path, KT_STR("/" ENVIRONMENTS));
}

static void request(const struct inv_in *in, struct inv_request *ret)
{
    struct task t = task_of(in->task);
    struct kt_str path = t.path, part, encoded = KT_STR_NONE;
    while (path.len > 0 && kt_str_split(&path, '/', &part))
        encoded = kt_arena_cat3(in->arena, encoded, KT_STR("/"), inv_escape(in->arena, part));
    if (t.environment.len > 0)
        encoded =
            kt_arena_cat3(in->arena, encoded, KT_STR("/"), inv_escape(in->arena, t.environment));
    *ret = (struct inv_request){
        .url = kt_arena_fmt(in->arena, KT_STR_FMT KT_STR_FMT "%s?per_page=%d&page=" KT_STR_FMT,
                            KT_STR_ARG(in->url), KT_STR_ARG(encoded),
                            is_list_of_environments(&t) ? "" : "/secrets", PER_PAGE,
                            KT_STR_ARG(t.page)),
        .header = { KT_STR("Accept: application/vnd.github+json"),
                    KT_STR("X-GitHub-Api-Version: 2022-11-28") },
    };
}

/* Secrets of an environment are Actions' too, as the audit log has them (agents/sources/github.c).
 */
static void add_secret(const struct inv_in *in, const struct task *t, const struct kt_str fixed[3],
                       struct kt_jval v, struct inv_out *out)
{
    struct kt_arena *a = in->arena;
    struct inv_secret s = { .native = kt_json_str_at(v, "name") };
    if (s.native.len == 0)
        return;
    struct kt_str name =
        t->environment.len > 0 ? kt_arena_cat3(a, t->environment, KT_STR("/"), s.native) : s.native;
    s.id = kt_secret_id(a, "github", fixed, 3, name, false);
    s.created = inv_date(a, kt_json_get(v, KT_STR("created_at")));
    s.last_changed = inv_date(a, kt_json_get(v, KT_STR("updated_at")));
    out->secret(out, &s);
}

static void next_page(const struct inv_in *in, const struct task *t, struct inv_out *out)
{
    int64_t n;
    if (kt_str_i64(t->page, &n) && n > 0 && n < PAGE_MAX)
        out->task(out,
                  kt_arena_fmt(in->arena, KT_STR_FMT "\t%lld\t" KT_STR_FMT, KT_STR_ARG(t->path),
                               (long long)n + 1, KT_STR_ARG(t->environment)));
}

static const char *hear(const struct inv_in *in, int status, struct kt_jval root,
                        struct inv_out *out)
{
    struct kt_arena *a = in->arena;
    struct task t = task_of(in->task);
    struct kt_str rest = t.path, form, owner, repo = KT_STR_NONE, name;
    bool environments = is_list_of_environments(&t);
    struct kt_jval v, list = kt_json_get(root, kt_str_of(environments ? ENVIRONMENTS : "secrets"));
    if (!kt_str_split(&rest, '/', &form) || !kt_str_split(&rest, '/', &owner) ||
        (kt_str_is(form, "repos") && !kt_str_split(&rest, '/', &repo)))
        return "'within' takes an organization, or owner/repository";
    if (status == 404 || kt_json_type(list) != KT_JSON_ARRAY)
        return "there is no such organization or repository, or the token does not see it";
    const struct kt_str fixed[] = { owner, repo, t.environment.len > 0 ? KT_STR("actions") : rest };
    for (struct kt_json_iter it = kt_json_iter(list); kt_json_next(&it, &name, &v);) {
        name = kt_json_str_at(v, "name");
        if (!environments)
            add_secret(in, &t, fixed, v, out);
        else if (name.len > 0)
            out->task(out, kt_arena_cat3(a, t.path, KT_STR("\t1\t"), name));
    }
    if (kt_json_count(list) == PER_PAGE)
        next_page(in, &t, out);
    return NULL;
}

const struct inv_store inv_store_github = {
    .name = "github",
    .summary = "GitHub: names of secrets of Actions, environments, Dependabot and Codespaces",
    .auth = INV_TOKEN,
    .token_header = "Authorization: Bearer ",
    .url = "https://api.github.com",
    .within = "organizations, or owner/repository",
    .denied = "the token needs read access to secrets of Actions, Dependabot and Codespaces; of a "
              "repository also to actions and environments",
    .begin = begin,
    .request = request,
    .hear = hear,
};
