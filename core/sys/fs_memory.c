/*
 * fs_memory: a file system in memory that knows what a power cut leaves.
 *
 * Owns:  files, and two name tables: what programs see, and what the disk would show after a cut.
 * Calls: core/base.
 * Holds: a name lasts after sync_dir of its folder, bytes last after sync of the file; a truncation
 *        lasts at once (the spool cuts only what was never synced). Folders are never removed or
 *        renamed. "/" and "." always exist.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/sys/fs.h"

struct node { /* one file or folder, counted by names and open files */
    struct kt_buf data;
    size_t synced;
    uint64_t ino;
    kt_time_ns mtime;
    unsigned mode, refs;
    bool is_dir;
};

struct name {
    char *path;
    struct node *node;
};

struct names { /* sorted by path */
    struct name *at;
    size_t len, cap;
};

struct kt_fs_memory {
    struct names seen, durable;
    uint64_t last_ino;
    kt_time_ns steps; /* stands in for the time of a change */
    uint64_t blocks;  /* of the disk, 0 = without end */
    unsigned crashes;
};

struct kt_file { /* each body of struct kt_fs has its own kt_file */
    struct kt_fs_memory *fs;
    struct node *node;
    unsigned crashes; /* as the file system had at open: another number means stale */
    bool readonly;
};

/* ---- nodes and names ---- */

static struct node *node_ref(struct node *n)
{
    n->refs++;
    return n;
}

static void node_drop(struct node *n)
{
    if (--n->refs > 0)
        return;
    kt_buf_done(&n->data);
    kt_free(n);
}

/* Index of path, or of where it would go. */
static size_t names_find(const struct names *t, const char *path, bool *ret_found)
{
    size_t low = 0, high = t->len;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (strcmp(t->at[mid].path, path) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    *ret_found = low < t->len && strcmp(t->at[low].path, path) == 0;
    return low;
}

static struct node *names_get(const struct names *t, const char *path)
{
    bool found;
    size_t i = names_find(t, path, &found);
    return found ? t->at[i].node : NULL;
}

static void names_put(struct names *t, const char *path, struct node *node)
{
    bool found;
    size_t i = names_find(t, path, &found);

    node_ref(node);
    if (found) {
        node_drop(t->at[i].node);
        t->at[i].node = node;
        return;
    }
    if (t->len == t->cap) {
        t->cap = t->cap > 0 ? 2 * t->cap : 16;
        t->at = kt_realloc_array(t->at, t->cap, sizeof *t->at);
    }
    memmove(&t->at[i + 1], &t->at[i], (t->len - i) * sizeof *t->at);
    t->at[i] = (struct name){ .path = kt_strdup(path), .node = node };
    t->len++;
}

static void names_remove_at(struct names *t, size_t i)
{
    node_drop(t->at[i].node);
    kt_free(t->at[i].path);
    memmove(&t->at[i], &t->at[i + 1], (t->len - i - 1) * sizeof *t->at);
    t->len--;
}

static void names_remove(struct names *t, const char *path)
{
    bool found;
    size_t i = names_find(t, path, &found);
    if (found)
        names_remove_at(t, i);
}

static void names_done(struct names *t)
{
    while (t->len > 0)
        names_remove_at(t, t->len - 1);
    kt_free(t->at);
    *t = (struct names){ 0 };
}

/* ---- paths ---- */

static struct kt_str folder_of(const char *path)
{
    struct kt_str p = kt_str_of(path);
    ptrdiff_t slash = kt_str_rfind_byte(p, '/');
    if (slash < 0)
        return KT_STR(".");
    return slash == 0 ? KT_STR("/") : kt_str_sub(p, 0, (size_t)slash);
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* A heap copy without '/' at the end. */
static char *clean(const char *path)
{
    struct kt_str p = kt_str_of(path);
    while (p.len > 1 && p.at[p.len - 1] == '/')
        p.len--;
    return kt_str_dup(p);
}

static bool is_folder(const struct names *t, struct kt_str path)
{
    if (kt_str_is(path, "/") || kt_str_is(path, "."))
        return true;
    KT_CLEANUP(kt_free_ptr) char *z = kt_str_dup(path);
    const struct node *n = names_get(t, z);
    return n != NULL && n->is_dir;
}

static enum kt_status fail_as(struct kt_error *err, int why, const char *what, const char *path)
{
    if (why == ENOENT)
        return kt_fail(err, KT_E_AGAIN, "%s '%s': not there", what, path);
    errno = why;
    return kt_fail_errno(err, "%s '%s'", what, path);
}

/* The folder of a name that came or went shows it, as on a disk. */
static void touch_folder(struct kt_fs_memory *m, const char *path)
{
    KT_CLEANUP(kt_free_ptr) char *dir = kt_str_dup(folder_of(path));
    struct node *n = names_get(&m->seen, dir);
    if (n != NULL)
        n->mtime = ++m->steps;
}

static struct node *create(struct kt_fs_memory *m, const char *path, unsigned mode, bool is_dir)
{
    struct node *n = kt_alloc(sizeof *n);
    n->ino = ++m->last_ino;
    n->mtime = ++m->steps;
    n->mode = mode;
    n->is_dir = is_dir;
    names_put(&m->seen, path, n);
    touch_folder(m, path);
    return n;
}

/* ---- the calls ---- */

static enum kt_status memory_open(void *self, const char *dirty, enum kt_open how,
                                  struct kt_file **ret, struct kt_error *err)
{
    struct kt_fs_memory *m = self;
    KT_CLEANUP(kt_free_ptr) char *path = clean(dirty);
    struct node *n = names_get(&m->seen, path);

    if (n != NULL && how == KT_OPEN_NEW)
        return fail_as(err, EEXIST, "open", path);
    if (n != NULL && n->is_dir)
        return fail_as(err, EISDIR, "open", path);
    if (n == NULL && (how == KT_OPEN_READ || !is_folder(&m->seen, folder_of(path))))
        return fail_as(err, ENOENT, "open", path);
    if (n == NULL)
        n = create(m, path, 0600, false);

    struct kt_file *f = kt_alloc(sizeof *f);
    *f = (struct kt_file){
        .fs = m, .node = node_ref(n), .crashes = m->crashes, .readonly = how == KT_OPEN_READ
    };
    *ret = f;
    return KT_OK;
}

static enum kt_status check_fresh(const struct kt_file *f, struct kt_error *err)
{
    if (f->crashes == f->fs->crashes)
        return KT_OK;
    errno = EBADF;
    return kt_fail_errno(err, "file opened before the crash");
}

static enum kt_status memory_read_at(struct kt_file *f, uint64_t offset, void *buf, size_t n,
                                     size_t *ret_n, struct kt_error *err)
{
    if (check_fresh(f, err) != KT_OK)
        return kt_wrap(err, "read");
    const struct kt_buf *data = &f->node->data;
    size_t left = offset < data->len ? data->len - (size_t)offset : 0;
    size_t take = n < left ? n : left;
    if (take > 0)
        memcpy(buf, data->at + offset, take);
    *ret_n = take;
    return KT_OK;
}

#define BLOCK 4096u

static uint64_t blocks_of(uint64_t bytes)
{
    return (bytes + BLOCK - 1) / BLOCK;
}

/* Bytes that may still be added to n. */
static uint64_t room_for(const struct kt_fs_memory *m, const struct node *n)
{
    uint64_t used = 0;

    if (m->blocks == 0)
        return UINT64_MAX;
    for (size_t i = 0; i < m->seen.len; i++)
        used += blocks_of(m->seen.at[i].node->data.len);
    uint64_t left = used < m->blocks ? m->blocks - used : 0;
    return (left + blocks_of(n->data.len)) * BLOCK - n->data.len;
}

static enum kt_status memory_append(struct kt_file *f, struct kt_str data, struct kt_error *err)
{
    assert(!f->readonly);
    if (check_fresh(f, err) != KT_OK)
        return kt_wrap(err, "append");
    uint64_t room = room_for(f->fs, f->node);
    kt_buf_add(&f->node->data, kt_str_from(data.at, data.len < room ? data.len : (size_t)room));
    f->node->mtime = ++f->fs->steps;
    if (data.len <= room)
        return KT_OK;
    errno = ENOSPC;
    return kt_fail_errno(err, "append");
}

static enum kt_status memory_sync(struct kt_file *f, struct kt_error *err)
{
    if (check_fresh(f, err) != KT_OK)
        return kt_wrap(err, "sync");
    f->node->synced = f->node->data.len;
    return KT_OK;
}

static enum kt_status memory_truncate(struct kt_file *f, uint64_t size, struct kt_error *err)
{
    struct node *n = f->node;

    assert(!f->readonly);
    if (check_fresh(f, err) != KT_OK)
        return kt_wrap(err, "truncate");
    if (size > n->data.len) {
        size_t more = (size_t)size - n->data.len;
        memset(kt_buf_reserve(&n->data, more), 0, more);
    }
    n->data.len = (size_t)size;
    if (n->synced > n->data.len)
        n->synced = n->data.len;
    n->mtime = ++f->fs->steps;
    return KT_OK;
}

static void fill_stat(const struct node *n, struct kt_stat *ret)
{
    *ret = (struct kt_stat){
        .dev = 1,
        .ino = n->ino,
        .size = n->data.len,
        .mtime = n->mtime,
        .mode = n->mode,
        .is_dir = n->is_dir,
        .is_file = !n->is_dir,
    };
}

static enum kt_status memory_fstat(struct kt_file *f, struct kt_stat *ret, struct kt_error *err)
{
    if (check_fresh(f, err) != KT_OK)
        return kt_wrap(err, "stat");
    fill_stat(f->node, ret);
    return KT_OK;
}

static void memory_close(struct kt_file *f)
{
    if (f == NULL)
        return;
    node_drop(f->node);
    kt_free(f);
}

static enum kt_status memory_stat(void *self, const char *dirty, struct kt_stat *ret,
                                  struct kt_error *err)
{
    const struct kt_fs_memory *m = self;
    KT_CLEANUP(kt_free_ptr) char *path = clean(dirty);
    const struct node *n = names_get(&m->seen, path);

    if (n == NULL && !is_folder(&m->seen, kt_str_of(path)))
        return fail_as(err, ENOENT, "stat", path);
    static const struct node root = { .mode = 0700, .is_dir = true };
    fill_stat(n != NULL ? n : &root, ret);
    return KT_OK;
}

static enum kt_status memory_list(void *self, const char *dirty,
                                  void (*each)(void *arg, const char *name), void *arg,
                                  struct kt_error *err)
{
    const struct kt_fs_memory *m = self;
    KT_CLEANUP(kt_free_ptr) char *dir = clean(dirty);

    if (!is_folder(&m->seen, kt_str_of(dir)))
        return fail_as(err, ENOENT, "list", dir);
    /* Copies first: each() may change the folder. The table's order is bytewise already. */
    char **found = kt_alloc_array(m->seen.len, sizeof *found);
    size_t n = 0;
    for (size_t i = 0; i < m->seen.len; i++)
        if (kt_str_is(folder_of(m->seen.at[i].path), dir))
            found[n++] = kt_strdup(last_part(m->seen.at[i].path));
    for (size_t i = 0; i < n; i++) {
        each(arg, found[i]);
        kt_free(found[i]);
    }
    kt_free(found);
    return KT_OK;
}

static enum kt_status memory_unlink(void *self, const char *dirty, struct kt_error *err)
{
    struct kt_fs_memory *m = self;
    KT_CLEANUP(kt_free_ptr) char *path = clean(dirty);
    const struct node *n = names_get(&m->seen, path);

    if (n == NULL || n->is_dir)
        return fail_as(err, n == NULL ? ENOENT : EISDIR, "remove", path);
    names_remove(&m->seen, path);
    touch_folder(m, path);
    return KT_OK;
}

static enum kt_status memory_rename(void *self, const char *dirty_from, const char *dirty_to,
                                    struct kt_error *err)
{
    struct kt_fs_memory *m = self;
    KT_CLEANUP(kt_free_ptr) char *from = clean(dirty_from);
    KT_CLEANUP(kt_free_ptr) char *to = clean(dirty_to);
    struct node *n = names_get(&m->seen, from);

    if (n == NULL || !is_folder(&m->seen, folder_of(to)))
        return fail_as(err, ENOENT, "rename", from);
    if (n->is_dir || is_folder(&m->seen, kt_str_of(to)))
        return fail_as(err, EISDIR, "rename", from);
    if (strcmp(from, to) == 0)
        return KT_OK;
    names_put(&m->seen, to, n);
    names_remove(&m->seen, from);
    touch_folder(m, from);
    touch_folder(m, to);
    return KT_OK;
}

static enum kt_status memory_mkdir(void *self, const char *dirty, unsigned mode,
                                   struct kt_error *err)
{
    struct kt_fs_memory *m = self;
    KT_CLEANUP(kt_free_ptr) char *path = clean(dirty);

    if (is_folder(&m->seen, kt_str_of(path)))
        return KT_OK;
    if (names_get(&m->seen, path) != NULL)
        return fail_as(err, EEXIST, "make folder", path);
    if (!is_folder(&m->seen, folder_of(path)))
        return fail_as(err, ENOENT, "make folder", path);
    (void)create(m, path, mode, true);
    return KT_OK;
}

static enum kt_status memory_sync_dir(void *self, const char *dirty, struct kt_error *err)
{
    struct kt_fs_memory *m = self;
    KT_CLEANUP(kt_free_ptr) char *dir = clean(dirty);

    if (!is_folder(&m->seen, kt_str_of(dir)))
        return fail_as(err, ENOENT, "open folder", dir);
    for (size_t i = m->durable.len; i-- > 0;)
        if (kt_str_is(folder_of(m->durable.at[i].path), dir))
            names_remove_at(&m->durable, i);
    for (size_t i = 0; i < m->seen.len; i++)
        if (kt_str_is(folder_of(m->seen.at[i].path), dir))
            names_put(&m->durable, m->seen.at[i].path, m->seen.at[i].node);
    return KT_OK;
}

/* ---- life, and the power cut ---- */

struct kt_fs_memory *kt_fs_memory_new(void)
{
    return kt_alloc(sizeof(struct kt_fs_memory));
}

void kt_fs_memory_limit(struct kt_fs_memory *m, uint64_t bytes)
{
    m->blocks = bytes / BLOCK;
}

void kt_fs_memory_free(struct kt_fs_memory *m)
{
    if (m == NULL)
        return;
    names_done(&m->seen);
    names_done(&m->durable);
    kt_free(m);
}

struct kt_fs kt_fs_memory(struct kt_fs_memory *m)
{
    return (struct kt_fs){
        .open = memory_open,
        .read_at = memory_read_at,
        .append = memory_append,
        .sync = memory_sync,
        .truncate = memory_truncate,
        .fstat = memory_fstat,
        .close = memory_close,
        .stat = memory_stat,
        .list = memory_list,
        .unlink = memory_unlink,
        .rename = memory_rename,
        .mkdir = memory_mkdir,
        .sync_dir = memory_sync_dir,
        .self = m,
    };
}

void kt_fs_memory_crash(struct kt_fs_memory *m, uint64_t (*rng)(void *self), void *self)
{
    m->crashes++;
    names_done(&m->seen);
    /* In path order a folder comes before what is in it, so that a lost folder loses its files. */
    for (size_t i = 0; i < m->durable.len; i++) {
        const struct name *d = &m->durable.at[i];
        if (is_folder(&m->seen, folder_of(d->path)))
            names_put(&m->seen, d->path, d->node);
    }
    names_done(&m->durable);
    for (size_t i = 0; i < m->seen.len; i++) {
        struct node *n = m->seen.at[i].node;
        uint64_t unsynced = n->data.len - n->synced;
        n->data.len = n->synced + (size_t)(rng(self) % (unsynced + 1));
        n->synced = n->data.len;
        names_put(&m->durable, m->seen.at[i].path, n);
    }
}
