/*
 * inventory_gcp: secrets of projects (Secret Manager REST v1, projects.secrets.list). A task is
 * "PROJECT TOKEN", parted by a tab.
 */
#include "agents/inputs/inventory_store.h"
#include "core/event/secret_id.h"

static void begin(const struct inv_in *in, struct inv_out *out)
{
    for (unsigned i = 0; i < in->within->n; i++)
        out->task(out, kt_arena_cat(in->arena, kt_str_of(in->within->at[i]), KT_STR("\t")));
}

static void request(const struct inv_in *in, struct inv_request *ret)
{
    struct kt_arena *a = in->arena;
    struct kt_str token = in->task, project = KT_STR_NONE;
    (void)kt_str_split(&token, '\t', &project);
    struct kt_str more =
        token.len > 0 ? kt_arena_cat(a, KT_STR("&pageToken="), inv_escape(a, token)) : KT_STR_NONE;
    project = inv_escape(a, project);
    *ret = (struct inv_request){
        .url = kt_arena_fmt(
            a, KT_STR_FMT "/v1/projects/" KT_STR_FMT "/secrets?pageSize=500" KT_STR_FMT,
            KT_STR_ARG(in->url), KT_STR_ARG(project), KT_STR_ARG(more)),
    };
}

static bool is_number(struct kt_str s)
{
    uint64_t n;
    return kt_str_u64(s, &n);
}

/* projects/NUMBER/secrets/NAME: the answer has the number, as audit entries do. */
static void add_secret(const struct inv_in *in, struct kt_jval v, struct inv_out *out)
{
    struct kt_arena *a = in->arena;
    struct kt_str native = kt_json_str_at(v, "name"), rest = native, part, project, name;
    struct kt_jval tag;
    if (!kt_str_split(&rest, '/', &part) || !kt_str_split(&rest, '/', &project) ||
        !kt_str_split(&rest, '/', &part) || !kt_str_is(part, "secrets") || rest.len == 0)
        return;
    const struct kt_str fixed[] = { project, KT_STR("global") };
    struct inv_secret s = { .id = kt_secret_id(a, "gcp-sm", fixed, 2, rest, false),
                            .native = native,
                            .guess = !is_number(project) };
    s.created = inv_date(a, kt_json_get(v, KT_STR("createTime")));
    s.expires = inv_date(a, kt_json_get(v, KT_STR("expireTime")));
    s.next_rotation = inv_date(a, kt_json_at(v, "rotation.nextRotationTime"));
    s.rotation_period = kt_json_str_at(v, "rotation.rotationPeriod");
    s.rotation_enabled = s.next_rotation.len > 0 ? 1 : -1;
    s.owner = kt_json_str_at(v, "labels.owner");
    for (struct kt_json_iter it = kt_json_iter(kt_json_get(v, KT_STR("labels")));
         kt_json_next(&it, &name, &tag);)
        inv_add_tag(&s, name);
    out->secret(out, &s);
}

static const char *hear(const struct inv_in *in, int status, struct kt_jval root,
                        struct inv_out *out)
{
    struct kt_str name, token = in->task, project = KT_STR_NONE;
    struct kt_jval v;
    if (status == 404)
        return "there is no such project: check 'within'";
    if (kt_json_type(root) != KT_JSON_OBJECT)
        return "the answer is not one of Secret Manager: check url";
    struct kt_json_iter it = kt_json_iter(kt_json_get(root, KT_STR("secrets")));
    while (kt_json_next(&it, &name, &v))
        add_secret(in, v, out);
    (void)kt_str_split(&token, '\t', &project);
    token = kt_json_str_at(root, "nextPageToken");
    if (token.len > 0)
        out->task(out, kt_arena_cat3(in->arena, project, KT_STR("\t"), token));
    return NULL;
}

const struct inv_store inv_store_gcp = {
    .name = "gcp",
    .summary = "Google Cloud Secret Manager: secrets of projects",
    .auth = INV_GOOGLE,
    .url = "https://secretmanager.googleapis.com",
    .within = "projects",
    .denied = "the account needs roles/secretmanager.viewer on the project, and no "
              "secretmanager.versions.access",
    .begin = begin,
    .request = request,
    .hear = hear,
};
