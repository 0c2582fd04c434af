/*
 * fault_vfs: see the header. Every write to a database or its WAL is done at once and remembered
 * with the bytes it replaced until the file is synced, so that a power cut can take it back.
 */
#include "tests/support/fault_vfs.h"

#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/store/db.h"

struct undo { /* one write or truncation that was not synced */
    char *path;
    sqlite3_int64 offset, size_before;
    unsigned char *old_bytes, *new_bytes;
    int old_len, new_len; /* new_len 0: a truncation to offset */
};
struct file {
    sqlite3_file base;
    const char *path; /* SQLite keeps it until the file is closed */
    bool watched;
    sqlite3_file *real; /* right behind this struct */
};

static struct {
    sqlite3_vfs vfs, *real;
    enum fault_kind kind;
    unsigned long fail_at, calls, syncs;
    bool fired, dead;
    struct undo *undo;
    unsigned n, cap;
} g;

static struct file *of(sqlite3_file *f)
{
    return (struct file *)f;
}

static sqlite3_file *real(sqlite3_file *f)
{
    return of(f)->real;
}

/* ---- what is not synced ---- */

static void drop_undo(struct undo *u)
{
    kt_free(u->path);
    kt_free(u->old_bytes);
    kt_free(u->new_bytes);
}

static void remember(sqlite3_file *f, const void *bytes, int n, sqlite3_int64 offset)
{
    struct undo u = { .path = kt_strdup(of(f)->path), .offset = offset, .new_len = n };
    if (real(f)->pMethods->xFileSize(real(f), &u.size_before) != SQLITE_OK)
        u.size_before = 0;
    sqlite3_int64 old_len = u.size_before - offset;
    if (n > 0 && old_len > n)
        old_len = n;
    if (old_len > 0) {
        u.old_len = (int)old_len;
        u.old_bytes = kt_alloc((size_t)old_len);
        int rc = real(f)->pMethods->xRead(real(f), u.old_bytes, u.old_len, offset);
        assert(rc == SQLITE_OK);
        (void)rc;
    }
    if (n > 0) {
        u.new_bytes = kt_alloc((size_t)n);
        memcpy(u.new_bytes, bytes, (size_t)n);
    }
    if (g.n == g.cap) {
        g.cap = g.cap == 0 ? 64 : 2 * g.cap;
        g.undo = kt_realloc_array(g.undo, g.cap, sizeof *g.undo);
    }
    g.undo[g.n++] = u;
}

static void synced(const char *path)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < g.n; i++) {
        if (strcmp(g.undo[i].path, path) == 0)
            drop_undo(&g.undo[i]);
        else
            g.undo[kept++] = g.undo[i];
    }
    g.n = kept;
}

static void forget_all(void)
{
    for (unsigned i = 0; i < g.n; i++)
        drop_undo(&g.undo[i]);
    g.n = 0;
}

static void put(const char *path, const void *bytes, int n, sqlite3_int64 offset, bool cut,
                sqlite3_int64 size)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return; /* the file was deleted meanwhile */
    ssize_t put_n = n > 0 ? pwrite(fd, bytes, (size_t)n, offset) : 0;
    int rc = cut ? ftruncate(fd, size) : 0;
    assert(put_n == n && rc == 0);
    (void)put_n;
    (void)rc;
    (void)close(fd);
}

void fault_vfs_power_cut(uint64_t seed)
{
    for (unsigned i = g.n; i-- > 0;) {
        const struct undo *u = &g.undo[i];
        put(u->path, u->old_bytes, u->old_len, u->offset, true, u->size_before);
    }
    for (unsigned i = 0; i < g.n; i++) {
        const struct undo *u = &g.undo[i];
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        if (seed >> 63)
            continue; /* lost */
        int n = seed >> 60 & 1 ? u->new_len : u->new_len / 2;
        put(u->path, u->new_bytes, n, u->offset, u->new_len == 0, u->offset);
    }
    forget_all();
    g.dead = g.fired = false;
    g.fail_at = 0;
}

/* ---- the calls ---- */

/* SQLITE_OK, or what the call at hand has to fail with. Only calls that can fail that way have a
 * number: two numbers are two faults. */
static int judge(bool is_sync, int io_error)
{
    const bool can_fail = g.kind != FAULT_READ && g.kind != (is_sync ? FAULT_FULL : FAULT_SYNC);
    g.calls += can_fail;
    if (g.dead)
        return g.kind == FAULT_FULL && !is_sync ? SQLITE_FULL : io_error;
    if (!can_fail || g.fail_at == 0 || g.calls < g.fail_at || g.fired)
        return SQLITE_OK;
    g.fired = true;
    g.dead = g.kind == FAULT_CRASH || g.kind == FAULT_FULL;
    return g.kind == FAULT_FULL ? SQLITE_FULL : io_error;
}

static int x_close(sqlite3_file *f)
{
    return real(f)->pMethods->xClose(real(f));
}

static int x_read(sqlite3_file *f, void *to, int n, sqlite3_int64 offset)
{
    if (g.dead && g.kind == FAULT_CRASH)
        return SQLITE_IOERR_READ;
    if (g.kind == FAULT_READ && of(f)->watched && ++g.calls == g.fail_at) {
        g.fired = true;
        return SQLITE_IOERR_READ;
    }
    return real(f)->pMethods->xRead(real(f), to, n, offset);
}

static int x_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 offset)
{
    if (!of(f)->watched)
        return real(f)->pMethods->xWrite(real(f), from, n, offset);
    int rc = judge(false, SQLITE_IOERR_WRITE);
    bool was_dead = rc != SQLITE_OK && !(g.fired && g.calls == g.fail_at);
    if (was_dead || (rc != SQLITE_OK && g.kind == FAULT_FULL))
        return rc;
    if (rc != SQLITE_OK)
        n /= 2;
    if (n > 0) {
        remember(f, from, n, offset);
        int wrote = real(f)->pMethods->xWrite(real(f), from, n, offset);
        assert(wrote == SQLITE_OK);
        (void)wrote;
    }
    return rc;
}

static int x_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    if (!of(f)->watched)
        return real(f)->pMethods->xTruncate(real(f), size);
    int rc = judge(false, SQLITE_IOERR_TRUNCATE);
    if (rc != SQLITE_OK)
        return rc == SQLITE_FULL ? SQLITE_IOERR_TRUNCATE : rc;
    remember(f, NULL, 0, size);
    return real(f)->pMethods->xTruncate(real(f), size);
}

/* Only the books are kept: a power cut here is told by them, so the disk need not wait. */
static int x_sync(sqlite3_file *f, int flags)
{
    (void)flags;
    int rc = of(f)->watched ? judge(true, SQLITE_IOERR_FSYNC) : SQLITE_OK;
    if (rc != SQLITE_OK)
        return rc;
    g.syncs++;
    synced(of(f)->path);
    return SQLITE_OK;
}

static int x_size(sqlite3_file *f, sqlite3_int64 *ret)
{
    return real(f)->pMethods->xFileSize(real(f), ret);
}

static int x_lock(sqlite3_file *f, int how)
{
    return real(f)->pMethods->xLock(real(f), how);
}

static int x_unlock(sqlite3_file *f, int how)
{
    return real(f)->pMethods->xUnlock(real(f), how);
}

static int x_reserved(sqlite3_file *f, int *ret)
{
    return real(f)->pMethods->xCheckReservedLock(real(f), ret);
}

static int x_control(sqlite3_file *f, int op, void *arg)
{
    return real(f)->pMethods->xFileControl(real(f), op, arg);
}

static int x_sector(sqlite3_file *f)
{
    return real(f)->pMethods->xSectorSize(real(f));
}

static int x_device(sqlite3_file *f)
{
    return real(f)->pMethods->xDeviceCharacteristics(real(f));
}

static int x_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **ret)
{
    return real(f)->pMethods->xShmMap(real(f), page, size, extend, ret);
}

static int x_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
    return real(f)->pMethods->xShmLock(real(f), offset, n, flags);
}

static void x_shm_barrier(sqlite3_file *f)
{
    real(f)->pMethods->xShmBarrier(real(f));
}

static int x_shm_unmap(sqlite3_file *f, int drop)
{
    return real(f)->pMethods->xShmUnmap(real(f), drop);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = x_close,
    .xRead = x_read,
    .xWrite = x_write,
    .xTruncate = x_truncate,
    .xSync = x_sync,
    .xFileSize = x_size,
    .xLock = x_lock,
    .xUnlock = x_unlock,
    .xCheckReservedLock = x_reserved,
    .xFileControl = x_control,
    .xSectorSize = x_sector,
    .xDeviceCharacteristics = x_device,
    .xShmMap = x_shm_map,
    .xShmLock = x_shm_lock,
    .xShmBarrier = x_shm_barrier,
    .xShmUnmap = x_shm_unmap,
};

static int x_open(sqlite3_vfs *vfs, sqlite3_filename path, sqlite3_file *f, int flags, int *ret)
{
    (void)vfs;
    struct file *file = of(f);
    file->path = path;
    file->watched =
        (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL)) != 0;
    file->real = (sqlite3_file *)(file + 1);
    int rc = g.real->xOpen(g.real, path, file->real, flags, ret);
    file->base.pMethods = file->real->pMethods != NULL ? &methods : NULL;
    return rc;
}

/* Deleting a journal is what commits: it counts as a write. */
static int x_delete(sqlite3_vfs *vfs, const char *path, int sync_dir)
{
    (void)vfs;
    int rc = judge(false, SQLITE_IOERR_DELETE);
    return rc == SQLITE_OK ? g.real->xDelete(g.real, path, sync_dir) : rc;
}

void fault_vfs_arm(enum fault_kind kind, unsigned long fail_at)
{
    if (g.real == NULL) {
        g.real = sqlite3_vfs_find(NULL);
        assert(g.real != NULL);
        g.vfs = *g.real;
        g.vfs.zName = FAULT_VFS;
        g.vfs.xOpen = x_open;
        g.vfs.xDelete = x_delete;
        g.vfs.szOsFile = (int)sizeof(struct file) + g.real->szOsFile;
        int rc = sqlite3_vfs_register(&g.vfs, 0);
        assert(rc == SQLITE_OK);
        (void)rc;
    }
    forget_all();
    g.kind = kind;
    g.fail_at = fail_at;
    g.calls = g.syncs = 0;
    g.fired = g.dead = false;
}

bool fault_vfs_fired(void)
{
    return g.fired;
}

unsigned long fault_vfs_syncs(void)
{
    return g.syncs;
}
