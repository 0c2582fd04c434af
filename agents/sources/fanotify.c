/*
 * fanotify: what the kernel told the input of that name about files -> events (SOURCES §8.2). One
 * record: what one process did with one file in a moment.
 *
 * Owns:  nothing.
 * Calls: core/base, core/event, agents/sources/host. No I/O, no clock.
 * Holds: secret ids, actors and agents are those of auditd: a host is the same host whoever tells.
 *        Words of command lines are looked at and never kept.
 */
#include "agents/source.h"
#include "agents/sources/host.h"
#include "core/base/enc.h"
#include "core/event/line.h"
#include "core/event/secret_id.h"

#define TEXT_MAX         512u
#define PATH_LENGTH_MAX  4096u
#define CONTAINER_DIGITS 64u /* of the name of a container */

struct mask {
    bool open, exec, read, write, overflow; /* read: closed without having been open to write */
};

static struct mask mask_of(struct kt_jval root)
{
    struct mask m = { .open = false };
    const struct {
        const char *word;
        bool *to;
    } words[] = {
        { "open", &m.open },    { "open_exec", &m.exec },    { "close_nowrite", &m.read },
        { "modify", &m.write }, { "close_write", &m.write }, { "overflow", &m.overflow },
    };
    struct kt_json_iter it = kt_json_iter(kt_json_get(root, KT_STR("mask")));
    struct kt_str unused;
    for (struct kt_jval item; kt_json_next(&it, &unused, &item);)
        for (size_t i = 0; i < KT_ARRAY_LEN(words); i++)
            if (kt_str_is(kt_json_str(item), words[i].word))
                *words[i].to = true;
    return m;
}

/* ---- who ---- */

static struct kt_host_program program_of(struct kt_jval v)
{
    struct kt_host_program p = { .exe = kt_json_str_at(v, "exe"),
                                 .comm = kt_json_str_at(v, "comm") };
    struct kt_json_iter it = kt_json_iter(kt_json_get(v, KT_STR("words")));
    struct kt_str unused;
    struct kt_jval word;
    while (p.n_words < KT_ARRAY_LEN(p.words) && kt_json_next(&it, &unused, &word))
        p.words[p.n_words++] = kt_json_str(word);
    return p;
}

/* Its own, or that of the nearest process it comes from. */
static struct kt_str agent_of(struct kt_jval root)
{
    struct kt_host_program p = program_of(root);
    const char *agent = kt_host_agent(&p);
    struct kt_json_iter it = kt_json_iter(kt_json_get(root, KT_STR("ancestors")));
    struct kt_str unused;
    for (struct kt_jval item; agent == NULL && kt_json_next(&it, &unused, &item);) {
        p = program_of(item);
        agent = kt_host_agent(&p);
    }
    return kt_str_of(agent);
}

static void who(const struct kt_decode_in *in, struct kt_event *ev)
{
    const struct kt_host_user u = {
        .host = in->cluster,
        .login = kt_json_str_at(in->root, "auid"),
        .login_name = kt_json_str_at(in->root, "login"),
        .id = kt_json_str_at(in->root, "uid"),
        .name = kt_json_str_at(in->root, "user"),
        .agent = agent_of(in->root),
        .session = kt_json_str_at(in->root, "ses"),
    };
    kt_host_who(in->arena, &u, ev);
    if (ev->actor.len == 0) /* it was gone before it could be asked */
        ev->actor = kt_arena_cat3(in->arena, KT_STR("unknown@"), in->cluster, KT_STR_NONE);
}

/* ---- what is kept ---- */

static void keep(struct kt_buf *out, const char *name, struct kt_str text)
{
    if (text.len == 0)
        return;
    kt_buf_addf(out, "%s\"%s\":", out->len > 1 ? "," : "", name);
    kt_json_quote(out, kt_utf8_cut(text, TEXT_MAX));
}

/* Docker, containerd, CRI-O and Podman name the cgroup of a container by its id. */
static struct kt_str container_of(struct kt_str cgroup)
{
    size_t n = 0;
    for (size_t i = cgroup.len; i > 0; i--) {
        char c = cgroup.at[i - 1];
        bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        n = hex ? n + 1 : 0;
        if (n == CONTAINER_DIGITS)
            return kt_str_sub(cgroup, i - 1, n);
    }
    return KT_STR_NONE;
}

static void keep_ancestors(struct kt_buf *out, struct kt_jval root)
{
    struct kt_json_iter it = kt_json_iter(kt_json_get(root, KT_STR("ancestors")));
    struct kt_str unused;
    bool any = false;
    for (struct kt_jval item; kt_json_next(&it, &unused, &item); any = true) {
        struct kt_str exe = kt_json_str_at(item, "exe");
        kt_buf_addz(out, any ? "," : ",\"ancestors\":[");
        kt_json_quote(out, kt_utf8_cut(exe.len > 0 ? exe : kt_json_str_at(item, "comm"), TEXT_MAX));
    }
    kt_buf_addz(out, any ? "]" : "");
}

static void write_raw(const struct kt_decode_in *in)
{
    static const char *const members[] = { "pid", "ppid", "uid", "euid", "auid", "comm", "cwd" };
    struct kt_buf *out = in->raw;
    kt_buf_reset(out);
    kt_buf_addz(out, "{");
    for (size_t i = 0; i < KT_ARRAY_LEN(members); i++)
        keep(out, members[i], kt_json_str_at(in->root, members[i]));
    keep(out, "container", container_of(kt_json_str_at(in->root, "cgroup")));
    if (out->len > 1)
        keep_ancestors(out, in->root);
    kt_buf_byte(out, '}');
}

/* ---- the events ---- */

static struct kt_str path_of(const struct kt_decode_in *in)
{
    struct kt_str hex = kt_json_str_at(in->root, "path_hex");
    if (hex.len == 0)
        return kt_json_str_at(in->root, "path");
    char *at = kt_arena_alloc(in->arena, hex.len / 2);
    bool ok = at != NULL && hex.len % 2 == 0 && kt_hex_decode(hex, at, hex.len / 2);
    return ok ? kt_str_from(at, hex.len / 2) : KT_STR_NONE;
}

static void complete(const struct kt_decode_in *in, struct kt_event *ev)
{
    ev->kind = KT_KIND_ACCESS;
    if (kt_time_parse(kt_json_str_at(in->root, "time"), &ev->time, NULL) != KT_OK)
        ev->time = 0;
    ev->native_id = kt_json_str_at(in->root, "id");
    ev->scope = ev->host = in->cluster;
    ev->raw = kt_buf_str(in->raw);
}

static void give_file(const struct kt_decode_in *in, struct kt_str path, enum kt_action action,
                      const char *operation, unsigned part, struct kt_emit *to)
{
    struct kt_event ev = {
        .action = action, .operation = kt_str_of(operation), .part = part, .outcome = KT_OUT_SUCCESS
    };
    struct kt_str host = in->cluster;
    complete(in, &ev);
    who(in, &ev);
    ev.secret_native = kt_str_sub(path, 0, PATH_LENGTH_MAX);
    ev.secret = kt_secret_id(in->arena, "file", &host, 1, ev.secret_native, action == KT_ACT_LIST);
    ev.user_agent = kt_host_program_name(in->arena, kt_json_str_at(in->root, "exe"),
                                         kt_json_str_at(in->root, "comm"));
    to->event(to, &ev);
}

/* Events were dropped because there was no room: from here on, up to now, we were blind. */
static void give_overflow(const struct kt_decode_in *in, struct kt_emit *to)
{
    struct kt_event ev = { .action = KT_ACT_CONFIG,
                           .operation = KT_STR("overflow"),
                           .outcome = KT_OUT_UNKNOWN,
                           .actor_kind = KT_ACTOR_SERVICE };
    complete(in, &ev);
    ev.actor = kt_arena_cat(in->arena, KT_STR("fanotify@"), in->cluster);
    to->event(to, &ev);
    to->finding(to, "fanotify.lost",
                "the kernel had no room for all events and dropped some: accesses are missing; "
                "name fewer folders in 'paths'");
}

static enum kt_status decode(const struct kt_decode_in *in, struct kt_jval first,
                             struct kt_emit *to, struct kt_error *err)
{
    (void)first;
    struct mask m = mask_of(in->root);
    struct kt_str path = path_of(in);
    bool folder = kt_json_bool(kt_json_get(in->root, KT_STR("folder")), false);
    unsigned part = 0;
    write_raw(in);
    if (m.overflow) {
        give_overflow(in, to);
        return KT_OK;
    }
    if (path.len == 0)
        return kt_fail(err, KT_E_INPUT, "'path' is missing or no path");
    /* opened, and not (only) to write */
    if ((m.open || m.exec) && (m.read || !m.write))
        give_file(in, path, folder ? KT_ACT_LIST : KT_ACT_READ, m.exec ? "open_exec" : "open",
                  part++, to);
    if (m.write)
        give_file(in, path, KT_ACT_WRITE, "write", part++, to);
    if (part == 0)
        to->skip(to, "nothing was opened or written");
    return KT_OK;
}

static const char *const known_keys[] = {
    "id",     "time",      "mask", "folder", "pid",   "path", "path_hex",
    "exe",    "comm",      "ppid", "uid",    "euid",  "auid", "ses",
    "cgroup", "ancestors", "user", "login",  "words", "cwd",  NULL,
};

const struct kt_source kt_source_fanotify = {
    .name = "fanotify",
    .summary = "Linux files without an audit daemon: reads of .env and key files",
    .version = 2,
    .split = KT_SPLIT_LINES,
    .decode = decode,
    .salvage_id = "id",
    .salvage_action = "mask",
    .salvage_time = "time",
    .known_keys = known_keys,
    .lateness = KT_NS_MIN,
};
