/*
 * auditd_paths: the files of an event, with their whole names.
 *
 * Owns:  nothing.
 * Calls: core/base, core/event.
 */
#include "agents/sources/auditd.h"

#define MODE_TYPE     0170000u
#define MODE_FOLDER   0040000u
#define AT_FDCWD_TAIL "ffffff9c"

/* `//`, `/./` and a final `/` are folded, `..` is resolved by its text. */
static struct kt_str folded(struct kt_arena *a, struct kt_str path)
{
    char *to = kt_arena_alloc(a, path.len + 1);
    size_t n = 0;
    struct kt_str rest = path, part;
    if (to == NULL)
        return KT_STR_NONE;
    while (kt_str_split(&rest, '/', &part)) {
        if (part.len == 0 || kt_str_is(part, "."))
            continue;
        if (kt_str_is(part, "..")) {
            while (n > 0 && to[--n] != '/')
                ;
            continue;
        }
        to[n++] = '/';
        memcpy(to + n, part.at, part.len);
        n += part.len;
    }
    if (n == 0)
        to[n++] = '/';
    return kt_str_from(to, n);
}

bool kt_auditd_number(struct kt_str s, unsigned base, unsigned *ret)
{
    uint64_t v = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        unsigned d = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                     : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                     : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10)
                                            : base;
        if (d >= base)
            return false;
        v = (v * base + d) & UINT32_MAX; /* of a wider register the lower half counts */
    }
    *ret = (unsigned)v;
    return s.len > 0;
}

/* A relative name is below the folder that the call names, which only AT_FDCWD says is cwd. */
static bool below_cwd(const struct auditd_event *x, const struct auditd_call *call)
{
    bool at = call != NULL && kt_str_ends(kt_str_of(call->name), KT_STR("at"));
    return x->cwd.len > 0 && (!at || kt_str_ends(kt_auditd_field(x, "a0"), KT_STR(AT_FDCWD_TAIL)));
}

static struct auditd_path path_of(const struct auditd_event *x, const struct auditd_call *call,
                                  struct kt_jval record)
{
    struct kt_arena *a = x->in->arena;
    struct auditd_path p = { .record = record, .role = kt_json_str_at(record, "nametype") };
    struct kt_str name = kt_auditd_text(x->in, kt_json_get(record, KT_STR("name")));
    unsigned mode = 0;
    p.folder = kt_auditd_number(kt_json_str_at(record, "mode"), 8, &mode) &&
               (mode & MODE_TYPE) == MODE_FOLDER;
    if (name.len == 0)
        return p;
    bool relative = name.at[0] != '/';
    p.guess = relative && !below_cwd(x, call);
    if (relative)
        name = kt_arena_cat3(a, x->cwd, KT_STR("/"), name);
    p.name = folded(a, name);
    return p;
}

/* A relay that writes each line twice makes no second file. */
static bool is_repeated(const struct auditd_path *paths, unsigned n, struct kt_jval record)
{
    struct kt_str item = kt_json_str_at(record, "item");
    for (unsigned i = 0; item.len > 0 && i < n; i++)
        if (kt_str_eq(kt_json_str_at(paths[i].record, "item"), item))
            return true;
    return false;
}

unsigned kt_auditd_paths(const struct auditd_event *x, const struct auditd_call *call,
                         struct auditd_path *ret)
{
    struct kt_json_iter it = kt_json_iter(kt_json_get(x->in->root, KT_STR("records")));
    struct kt_str unused;
    struct kt_jval item;
    struct auditd_path folder = { .folder = false };
    unsigned n = 0;
    bool have_folder = false;
    while (n < AUDITD_PATHS_MAX && kt_json_next(&it, &unused, &item)) {
        if (!kt_str_is(kt_json_str_at(item, "type"), "PATH") || is_repeated(ret, n, item))
            continue;
        struct auditd_path p = path_of(x, call, item);
        if (kt_str_is(p.role, "PARENT")) {
            folder = p;
            have_folder = true;
        } else {
            ret[n++] = p;
        }
    }
    if (n == 0 && have_folder)
        ret[n++] = folder;
    return n;
}
