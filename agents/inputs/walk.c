/*
 * walk: finds the files of a pattern.
 *
 * Owns:  the limits on depth and number of names.
 * Calls: core/base, the fs it is given.
 * Holds: folders that are links are entered after all others, so that a file that several ways lead
 *        to is known by the way without links, whatever links come and go.
 */
#include "agents/inputs/walk.h"
#include "core/base/alloc.h"
#include "core/base/map.h"
#include <string.h>

#define NAMES_MAX 300000u
#define DEPTH_MAX 32u

struct state {
    const struct kt_walk *w;
    struct kt_str pattern;
    unsigned names;
    bool once;              /* below `**` the way to a folder does not tell which files match */
    struct kt_map *entered; /* folders below `**`, by device and inode: fewer than names */
    struct later *later;
    size_t n_later, cap_later;
};
/* A folder that is walked, and the one it was entered from. */
struct place {
    const struct place *up;
    uint64_t dev, ino;
};
/* A folder that is a link, to be entered after all others. */
struct later {
    char *path;
    struct place at;
    unsigned depth;
    bool deep;
};
struct names {
    char **at;
    size_t n, cap;
};

static void keep_name(void *arg, const char *name)
{
    struct names *all = arg;

    if (all->n == all->cap) {
        all->cap = all->cap == 0 ? 64 : 2 * all->cap;
        all->at = kt_realloc_array(all->at, all->cap, sizeof *all->at);
    }
    all->at[all->n++] = kt_strdup(name);
}

static void names_done(struct names *all)
{
    for (size_t i = 0; i < all->n; i++)
        kt_free(all->at[i]);
    kt_free(all->at);
}

/* Part i of the pattern between slashes; the whole rest when it holds `**`. */
static struct kt_str part_of(struct kt_str pattern, unsigned i, bool *ret_last)
{
    struct kt_str part = { 0 }, rest = pattern;

    for (unsigned n = 0; n <= i; n++)
        if (!kt_str_split(&rest, '/', &part))
            break;
    *ret_last = rest.len == 0;
    return part;
}

/* A link to a folder that it lies in leads to what is found anyway, and on without an end. */
static bool leads_back(const struct place *at, const struct kt_stat *st)
{
    for (; at != NULL; at = at->up)
        if (at->dev == st->dev && at->ino == st->ino)
            return true;
    return false;
}

/* A `**` that is the last part, or has only the file's name behind it. Then a folder has the same
 * files to give by each way that leads below the `**`. */
static bool takes_all_below(struct kt_str pattern)
{
    ptrdiff_t at = kt_str_find(pattern, KT_STR("**"), 0);

    if (at < 0 || (at > 0 && pattern.at[at - 1] != '/'))
        return false;
    struct kt_str rest = kt_str_from_index(pattern, (size_t)at + 2);
    return !kt_str_has(rest, KT_STR("**")) && kt_str_rfind_byte(rest, '/') <= 0;
}

/* Was it entered by another way? From now on it was. */
static bool was_entered(struct state *s, const struct place *at)
{
    const uint64_t id[] = { at->dev, at->ino };
    bool new = false;

    (void)kt_map_put(s->entered, kt_str_from((const char *)id, sizeof id), &new);
    return !new;
}

static void enter_later(struct state *s, const char *path, const struct place *at, unsigned depth,
                        bool deep)
{
    if (s->n_later == s->cap_later) {
        s->cap_later = s->cap_later == 0 ? 16 : 2 * s->cap_later;
        s->later = kt_realloc_array(s->later, s->cap_later, sizeof *s->later);
    }
    s->later[s->n_later++] =
        (struct later){ kt_strdup(path), { NULL, at->dev, at->ino }, depth, deep };
}

static enum kt_status walk_dir(struct state *s, const char *dir, const struct place *at,
                               unsigned depth, bool deep, struct kt_error *err);

/* One name of a folder: a file is given out, a folder is entered when the pattern leads there. */
static enum kt_status look(struct state *s, const char *path, struct kt_str name,
                           const struct place *up, unsigned depth, bool deep, struct kt_error *err)
{
    struct kt_stat st;
    bool last = false;
    struct kt_str part = part_of(s->pattern, depth, &last);

    deep = deep || kt_str_has(part, KT_STR("**"));
    if (!deep && !kt_str_glob(part, name))
        return KT_OK;
    if (s->w->fs->stat(s->w->fs->self, path, &st, NULL) != KT_OK)
        return KT_OK; /* gone meanwhile, or a dangling link */
    if (st.is_dir) {
        struct place at = { up, st.dev, st.ino };
        bool enter = deep ? s->once || !leads_back(up, &st) : !last;
        bool later = enter && s->once && st.is_link;
        if (later)
            enter_later(s, path, &at, depth + 1, deep);
        return enter && !later ? walk_dir(s, path, &at, depth + 1, deep, err) : KT_OK;
    }
    if (kt_str_glob(s->pattern, kt_str_of(path)))
        s->w->each(s->w->self, path, &st);
    return KT_OK;
}

/* Are the names of a folder taken without a look at the pattern's parts? */
static bool is_below(const struct state *s, unsigned depth, bool deep)
{
    bool last;
    return deep || kt_str_has(part_of(s->pattern, depth, &last), KT_STR("**"));
}

static const char *shown_as(const struct state *s, const char *dir)
{
    return dir[0] != '\0' ? dir : s->pattern.at[0] == '/' ? "/" : ".";
}

static enum kt_status walk_dir(struct state *s, const char *dir, const struct place *at,
                               unsigned depth, bool deep, struct kt_error *err)
{
    KT_CLEANUP(names_done) struct names all = { 0 };
    struct kt_error why = { 0 };
    const char *shown = shown_as(s, dir);

    if (depth > DEPTH_MAX || (s->once && is_below(s, depth, deep) && was_entered(s, at)))
        return KT_OK;
    if (s->w->fs->list(s->w->fs->self, shown, keep_name, &all, &why) != KT_OK) {
        if (s->w->bad != NULL)
            s->w->bad(s->w->self, &why);
        return KT_OK;
    }
    s->names += (unsigned)all.n;
    if (s->names > NAMES_MAX)
        return kt_fail(err, KT_E_LIMIT, "'" KT_STR_FMT "' leads past more than %u names",
                       KT_STR_ARG(s->pattern), NAMES_MAX);
    for (size_t i = 0; i < all.n; i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf path = { 0 };
        /* Without a folder in the pattern the names stand alone. */
        bool bare = dir[0] == '\0' && s->pattern.at[0] != '/';
        kt_buf_addf(&path, "%s%s%s", dir, bare ? "" : "/", all.at[i]);
        if (look(s, kt_buf_z(&path), kt_str_of(all.at[i]), at, depth, deep, err) != KT_OK)
            return err != NULL ? err->code : KT_E_LIMIT;
    }
    return KT_OK;
}

/* The links in the order in which they were found, and those that lie behind them. */
static enum kt_status walk_links(struct state *s, struct kt_error *err)
{
    for (size_t i = 0; i < s->n_later; i++) {
        const struct later l = s->later[i]; /* the row grows meanwhile */
        if (walk_dir(s, l.path, &l.at, l.depth, l.deep, err) != KT_OK)
            return err != NULL ? err->code : KT_E_LIMIT;
    }
    return KT_OK;
}

static void state_done(struct state *s)
{
    for (size_t i = 0; i < s->n_later; i++)
        kt_free(s->later[i].path);
    kt_free(s->later);
    kt_map_free(s->entered);
}

enum kt_status kt_walk(const struct kt_walk *w, const char *pattern, struct kt_error *err)
{
    KT_CLEANUP(state_done) struct state s = { .w = w, .pattern = kt_str_of(pattern) };
    ptrdiff_t star = kt_str_find_byte(s.pattern, '*', 0);

    if (star < 0) {
        struct kt_stat st;
        struct kt_error why = { 0 };
        enum kt_status got = w->fs->stat(w->fs->self, pattern, &st, &why);
        if (got == KT_OK && !st.is_dir)
            w->each(w->self, pattern, &st);
        else if (got != KT_OK && w->bad != NULL)
            w->bad(w->self, &why);
        return KT_OK;
    }
    /* The folder before the first star, and how many parts of the pattern it takes. */
    ptrdiff_t slash = kt_str_rfind_byte(kt_str_sub(s.pattern, 0, (size_t)star), '/');
    struct kt_str fixed = kt_str_sub(s.pattern, 0, slash < 0 ? 0 : (size_t)slash);
    unsigned depth = 0;
    for (ptrdiff_t i = 0; slash >= 0 && i <= slash; i++)
        depth += s.pattern.at[i] == '/';
    KT_CLEANUP(kt_free_ptr) char *dir = kt_str_dup(fixed);
    struct kt_stat st = { 0 }; /* one that is not there is named when it is listed */
    (void)!w->fs->stat(w->fs->self, shown_as(&s, dir), &st, NULL);
    struct place at = { NULL, st.dev, st.ino };
    s.once = takes_all_below(s.pattern);
    s.entered = kt_map_new(0);
    if (walk_dir(&s, dir, &at, depth, false, err) != KT_OK)
        return err != NULL ? err->code : KT_E_LIMIT;
    return walk_links(&s, err);
}

bool kt_walk_is_packed(struct kt_str path)
{
    static const struct kt_str ends[] = { KT_STR_INIT(".gz"), KT_STR_INIT(".xz"),
                                          KT_STR_INIT(".zst"), KT_STR_INIT(".bz2") };

    for (size_t i = 0; i < KT_ARRAY_LEN(ends); i++)
        if (kt_str_ends(path, ends[i]))
            return true;
    return false;
}
