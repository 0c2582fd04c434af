/*
 * inventory_github: names of secrets of Actions, Dependabot and Codespaces (REST API 2022-11-28;
 * GitHub gives out no value). A task is "PATH PAGE", parted by a tab: PATH "orgs/acme/actions",
 * "repos/acme/pay/dependabot".
 */
#include "agents/inputs/inventory_store.h"
#include "core/event/secret_id.h"

#define PER_PAGE 100
#define PAGE_MAX 1000

static const char *const kinds[] = { "actions", "dependabot", "codespaces" };

/* An organization, or owner/repository. */
static void begin(const struct inv_in *in, struct inv_out *out)
{
    for (unsigned i = 0; i < in->within->n; i++)
        for (size_t k = 0; k < KT_ARRAY_LEN(kinds); k++) {
            const char *at = in->within->at[i];
            bool repo = kt_str_find_byte(kt_str_of(at), '/', 0) >= 0;
            out->task(
                out, kt_arena_fmt(in->arena, "%s/%s/%s\t1", repo ? "repos" : "orgs", at, kinds[k]));
        }
}

static void request(const struct inv_in *in, struct inv_request *ret)
{
    struct kt_str page = in->task, path = KT_STR_NONE, part, encoded = KT_STR_NONE;
    (void)kt_str_split(&page, '\t', &path);
    while (path.len > 0 && kt_str_split(&path, '/', &part))
        encoded = kt_arena_cat3(in->arena, encoded, KT_STR("/"), inv_escape(in->arena, part));
    *ret = (struct inv_request){
        .url =
            kt_arena_fmt(in->arena, KT_STR_FMT KT_STR_FMT "/secrets?per_page=%d&page=" KT_STR_FMT,
                         KT_STR_ARG(in->url), KT_STR_ARG(encoded), PER_PAGE, KT_STR_ARG(page)),
        .header = { KT_STR("Accept: application/vnd.github+json"),
                    KT_STR("X-GitHub-Api-Version: 2022-11-28") },
    };
}

static const char *hear(const struct inv_in *in, int status, struct kt_jval root,
                        struct inv_out *out)
{
    struct kt_arena *a = in->arena;
    struct kt_str page = in->task, path = KT_STR_NONE, rest, form, owner, repo = KT_STR_NONE, name;
    struct kt_jval list = kt_json_get(root, KT_STR("secrets")), v;
    int64_t n = 0;
    (void)kt_str_split(&page, '\t', &path);
    rest = path;
    if (!kt_str_split(&rest, '/', &form) || !kt_str_split(&rest, '/', &owner) ||
        (kt_str_is(form, "repos") && !kt_str_split(&rest, '/', &repo)))
        return "'within' takes an organization, or owner/repository";
    if (status == 404 || kt_json_type(list) != KT_JSON_ARRAY)
        return "there is no such organization or repository, or the token does not see it";
    for (struct kt_json_iter it = kt_json_iter(list); kt_json_next(&it, &name, &v);) {
        const struct kt_str fixed[] = { owner, repo, rest };
        struct inv_secret s = { .native = kt_json_str_at(v, "name") };
        if (s.native.len == 0)
            continue;
        s.id = kt_secret_id(a, "github", fixed, 3, s.native, false);
        s.created = inv_date(a, kt_json_get(v, KT_STR("created_at")));
        s.last_changed = inv_date(a, kt_json_get(v, KT_STR("updated_at")));
        out->secret(out, &s);
    }
    if (kt_json_count(list) == PER_PAGE && kt_str_i64(page, &n) && n > 0 && n < PAGE_MAX)
        out->task(out, kt_arena_fmt(a, KT_STR_FMT "\t%lld", KT_STR_ARG(path), (long long)n + 1));
    return NULL;
}

const struct inv_store inv_store_github = {
    .name = "github",
    .summary = "GitHub: names of secrets of Actions, Dependabot and Codespaces",
    .auth = INV_TOKEN,
    .token_header = "Authorization: Bearer ",
    .url = "https://api.github.com",
    .within = "organizations, or owner/repository",
    .denied = "the token needs read access to the organization's secrets (fine-grained: "
              "Organization secrets, Dependabot secrets, Codespaces secrets: read; for "
              "repositories the same of the repository)",
    .begin = begin,
    .request = request,
    .hear = hear,
};
