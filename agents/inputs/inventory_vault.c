/*
 * inventory_vault: metadata of a KV store of version 2, and static roles of a database (HashiCorp's
 * API documentation: kv-v2, databases, internal/ui/mounts; OpenBao has the same). Tasks: "V MOUNT"
 * which version it has, "L MOUNT PATH" a folder, "M MOUNT PATH" one secret, "R MOUNT" the roles,
 * "S MOUNT NAME" one role; parted by tabs.
 *
 * Holds: nothing below MOUNT/metadata is asked for before the version is known to be 2: in version
 * 1 it is a folder as any other, in which a read gives values, and an empty one looks like an empty
 * store.
 */
#include "agents/inputs/inventory_store.h"
#include "core/event/secret_id.h"

#define ROLES KT_STR("/static-roles")

struct task {
    char what;
    struct kt_str mount, path;
};

static struct task task_of(struct kt_str text)
{
    struct task t = { .what = text.len > 0 ? text.at[0] : '?' };
    struct kt_str part;
    if (kt_str_split(&text, '\t', &part) && kt_str_split(&text, '\t', &t.mount))
        t.path = text;
    return t;
}

static struct kt_str text_of(struct kt_arena *a, char what, struct kt_str mount, struct kt_str path)
{
    return kt_arena_fmt(a, "%c\t" KT_STR_FMT "\t" KT_STR_FMT, what, KT_STR_ARG(mount),
                        KT_STR_ARG(path));
}

/* A mount, or a mount with /static-roles. */
static void begin(const struct inv_in *in, struct inv_out *out)
{
    for (unsigned i = 0; i < in->within->n; i++) {
        struct kt_str mount = kt_str_of(in->within->at[i]);
        bool roles = kt_str_ends(mount, ROLES);
        while (kt_str_ends(mount, KT_STR("/")))
            mount.len--;
        if (roles)
            mount.len -= ROLES.len;
        out->task(out, text_of(in->arena, roles ? 'R' : 'V', mount, KT_STR("")));
    }
}

/* Encoded, with its slashes. */
static struct kt_str path_of(struct kt_arena *a, struct kt_str path)
{
    struct kt_str out = KT_STR_NONE, part;
    while (path.len > 0 && kt_str_split(&path, '/', &part))
        out = kt_arena_cat3(a, out, KT_STR("/"), inv_escape(a, part));
    return out;
}

static void request(const struct inv_in *in, struct inv_request *ret)
{
    struct task t = task_of(in->task);
    struct kt_arena *a = in->arena;
    struct kt_str mount = path_of(a, t.mount), path = path_of(a, t.path), url;
    if (t.what == 'V') {
        url = kt_arena_cat3(a, in->url, KT_STR("/v1/sys/internal/ui/mounts"), mount);
    } else {
        bool list = t.what == 'L' || t.what == 'R', kv = t.what == 'L' || t.what == 'M';
        url = kt_arena_fmt(a, KT_STR_FMT "/v1" KT_STR_FMT "/%s" KT_STR_FMT "%s",
                           KT_STR_ARG(in->url), KT_STR_ARG(mount), kv ? "metadata" : "static-roles",
                           KT_STR_ARG(path), list ? "?list=true" : "");
    }
    *ret = (struct inv_request){
        .url = url,
        .header = { in->namespace.len > 0
                        ? kt_arena_cat(a, KT_STR("X-Vault-Namespace: "), in->namespace)
                        : KT_STR_NONE },
    };
}

static struct kt_str id_of(const struct inv_in *in, const struct task *t)
{
    const struct kt_str fixed[] = { in->cluster, in->namespace, t->mount };
    struct kt_str path =
        t->what == 'S' ? kt_arena_cat(in->arena, KT_STR("static-creds/"), t->path) : t->path;
    return kt_secret_id(in->arena, "vault", fixed, 3, path, false);
}

static void add_keys(const struct inv_in *in, const struct task *t, struct kt_jval keys,
                     struct inv_out *out)
{
    struct kt_str name, key;
    struct kt_jval v;
    for (struct kt_json_iter it = kt_json_iter(keys); kt_json_next(&it, &name, &v);) {
        key = kt_json_str(v);
        bool folder = t->what == 'L' && kt_str_ends(key, KT_STR("/"));
        bool plain = kt_str_find_byte(key, '\t', 0) < 0 && key.len > 0;
        struct kt_str path =
            t->path.len > 0 ? kt_arena_cat3(in->arena, t->path, KT_STR("/"), key) : key;
        if (folder)
            path.len--;
        if (plain)
            out->task(out, text_of(in->arena,
                                   folder           ? 'L'
                                   : t->what == 'L' ? 'M'
                                                    : 'S',
                                   t->mount, path));
    }
}

/* custom_metadata may say who owns the secret and how often it is to be rotated. */
static void add_custom(struct kt_jval custom, struct inv_secret *s)
{
    struct kt_str name;
    struct kt_jval v;
    s->owner = kt_json_str_at(custom, "owner");
    s->rotation_period = kt_json_str_at(custom, "rotation_period");
    for (struct kt_json_iter it = kt_json_iter(custom); kt_json_next(&it, &name, &v);)
        inv_add_tag(s, name);
}

/* With delete_version_after the time of deletion is set when the version is made. When a version
 * was destroyed is not said: it was before now. */
static void add_end(const struct inv_in *in, struct kt_jval version, struct inv_secret *s)
{
    char now[KT_TIME_TEXT_MAX];
    kt_time_ns t;
    struct kt_str when = inv_date(in->arena, kt_json_get(version, KT_STR("deletion_time")));
    if (when.len > 0 && kt_time_parse(when, &t, NULL) == KT_OK && t > in->now)
        s->expires = when;
    else
        s->deleted = when;
    if (s->deleted.len == 0 && kt_json_bool(kt_json_get(version, KT_STR("destroyed")), false))
        s->deleted = kt_arena_str(in->arena, kt_str_of(kt_time_format(in->now, now)));
}

static void add_secret(const struct inv_in *in, const struct task *t, struct kt_jval data,
                       struct inv_out *out)
{
    struct kt_arena *a = in->arena;
    struct kt_str number = kt_json_text(kt_json_get(data, KT_STR("current_version")));
    struct kt_jval current = kt_json_get(kt_json_get(data, KT_STR("versions")), number);
    struct inv_secret s = { .id = id_of(in, t),
                            .native = kt_arena_cat3(a, t->mount, KT_STR("/"), t->path),
                            .version = number };
    s.created = inv_date(a, kt_json_get(data, KT_STR("created_time")));
    s.last_changed = inv_date(a, kt_json_get(current, KT_STR("created_time")));
    if (s.last_changed.len == 0)
        s.last_changed = inv_date(a, kt_json_get(data, KT_STR("updated_time")));
    add_end(in, current, &s);
    add_custom(kt_json_get(data, KT_STR("custom_metadata")), &s);
    out->secret(out, &s);
}

static void add_role(const struct inv_in *in, const struct task *t, struct kt_jval data,
                     struct inv_out *out)
{
    struct kt_arena *a = in->arena;
    struct inv_secret s = { .id = id_of(in, t),
                            .native = kt_arena_cat3(a, t->mount, KT_STR("/static-roles/"), t->path),
                            .rotation_enabled = 1 };
    int64_t seconds;
    s.last_rotated = inv_date(a, kt_json_get(data, KT_STR("last_vault_rotation")));
    s.last_changed = s.last_rotated;
    s.owner = kt_json_str_at(data, "username");
    if (kt_json_i64(kt_json_get(data, KT_STR("rotation_period")), &seconds) && seconds > 0)
        s.rotation_period = kt_arena_fmt(a, "%llds", (long long)seconds);
    else
        s.rotation_period = kt_json_str_at(data, "rotation_schedule");
    out->secret(out, &s);
}

static const char *hear_version(const struct inv_in *in, const struct task *t, struct kt_jval data,
                                struct inv_out *out)
{
    if (!kt_str_is(kt_json_str_at(data, "options.version"), "2"))
        return "a mount is KV version 1, which has no metadata, or no KV store: check 'within'";
    out->task(out, text_of(in->arena, 'L', t->mount, KT_STR("")));
    return NULL;
}

static const char *hear(const struct inv_in *in, int status, struct kt_jval root,
                        struct inv_out *out)
{
    struct task t = task_of(in->task);
    struct kt_jval data = kt_json_get(root, KT_STR("data"));
    if (status == 404) /* an empty folder; a secret that went meanwhile */
        return t.what != 'V' &&
                       (t.path.len > 0 || kt_json_count(kt_json_get(root, KT_STR("errors"))) == 0)
                   ? NULL
                   : "there is no such mount: check 'within'";
    if (kt_json_type(data) != KT_JSON_OBJECT)
        return "the answer is not one of Vault: check url";
    if (t.what == 'V')
        return hear_version(in, &t, data, out);
    if (t.what == 'L' || t.what == 'R')
        add_keys(in, &t, kt_json_get(data, KT_STR("keys")), out);
    else if (t.what == 'M')
        add_secret(in, &t, data, out);
    else
        add_role(in, &t, data, out);
    return NULL;
}

const struct inv_store inv_store_vault = {
    .name = "vault",
    .summary = "Vault and OpenBao: metadata of KV version 2, static roles of databases",
    .auth = INV_TOKEN,
    .token_header = "X-Vault-Token: ",
    .within = "mounts, such as secret or database/static-roles",
    .denied = "the token needs a policy with list and read on MOUNT/metadata/* (and "
              "MOUNT/static-roles/*), and nothing on MOUNT/data/*",
    .begin = begin,
    .request = request,
    .hear = hear,
};
