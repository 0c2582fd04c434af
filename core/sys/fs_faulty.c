/*
 * fs_faulty: any file system with one failing call, for tests of every error path.
 *
 * Owns:  a wrapper around each open file. Calls: the inner file system.
 * Holds: only calls that would change something are counted; exactly one of them fails.
 */
#include <errno.h>

#include "core/base/alloc.h"
#include "core/sys/fs.h"

struct kt_file { /* each body of struct kt_fs has its own kt_file */
    struct kt_fs_faulty *owner;
    struct kt_file *inner;
};

static bool strikes(struct kt_fs_faulty *f)
{
    f->calls++;
    if (f->fail_at == 0 || f->calls != f->fail_at)
        return false;
    f->fired = true;
    return true;
}

static enum kt_status fault(const struct kt_fs_faulty *f, struct kt_error *err, const char *what)
{
    errno = f->fail_errno != 0 ? f->fail_errno : EIO;
    return kt_fail_errno(err, "%s (planned fault)", what);
}

static enum kt_status faulty_open(void *self, const char *path, enum kt_open how,
                                  struct kt_file **ret, struct kt_error *err)
{
    struct kt_fs_faulty *f = self;
    struct kt_file *inner = NULL;

    if (how != KT_OPEN_READ && strikes(f))
        return fault(f, err, "open");
    enum kt_status st = f->inner.open(f->inner.self, path, how, &inner, err);
    if (st != KT_OK)
        return st;
    struct kt_file *file = kt_alloc(sizeof *file);
    *file = (struct kt_file){ .owner = f, .inner = inner };
    *ret = file;
    return KT_OK;
}

static enum kt_status faulty_read_at(struct kt_file *f, uint64_t offset, void *buf, size_t n,
                                     size_t *ret_n, struct kt_error *err)
{
    return f->owner->inner.read_at(f->inner, offset, buf, n, ret_n, err);
}

static enum kt_status faulty_append(struct kt_file *f, struct kt_str data, struct kt_error *err)
{
    struct kt_fs_faulty *o = f->owner;

    if (!strikes(o))
        return o->inner.append(f->inner, data, err);
    if (o->short_write) {
        enum kt_status st = o->inner.append(f->inner, kt_str_sub(data, 0, data.len / 2), err);
        if (st != KT_OK)
            return st;
    }
    return fault(o, err, "append");
}

static enum kt_status faulty_sync(struct kt_file *f, struct kt_error *err)
{
    struct kt_fs_faulty *o = f->owner;
    return strikes(o) ? fault(o, err, "sync") : o->inner.sync(f->inner, err);
}

static enum kt_status faulty_truncate(struct kt_file *f, uint64_t size, struct kt_error *err)
{
    struct kt_fs_faulty *o = f->owner;
    return strikes(o) ? fault(o, err, "truncate") : o->inner.truncate(f->inner, size, err);
}

static enum kt_status faulty_fstat(struct kt_file *f, struct kt_stat *ret, struct kt_error *err)
{
    return f->owner->inner.fstat(f->inner, ret, err);
}

static void faulty_close(struct kt_file *f)
{
    if (f == NULL)
        return;
    f->owner->inner.close(f->inner);
    kt_free(f);
}

static enum kt_status faulty_stat(void *self, const char *path, struct kt_stat *ret,
                                  struct kt_error *err)
{
    const struct kt_fs_faulty *f = self;
    return f->inner.stat(f->inner.self, path, ret, err);
}

static enum kt_status faulty_list(void *self, const char *dir,
                                  void (*each)(void *arg, const char *name), void *arg,
                                  struct kt_error *err)
{
    const struct kt_fs_faulty *f = self;
    return f->inner.list(f->inner.self, dir, each, arg, err);
}

static enum kt_status faulty_unlink(void *self, const char *path, struct kt_error *err)
{
    struct kt_fs_faulty *f = self;
    return strikes(f) ? fault(f, err, "remove") : f->inner.unlink(f->inner.self, path, err);
}

static enum kt_status faulty_rename(void *self, const char *from, const char *to,
                                    struct kt_error *err)
{
    struct kt_fs_faulty *f = self;
    return strikes(f) ? fault(f, err, "rename") : f->inner.rename(f->inner.self, from, to, err);
}

static enum kt_status faulty_mkdir(void *self, const char *path, unsigned mode,
                                   struct kt_error *err)
{
    struct kt_fs_faulty *f = self;
    return strikes(f) ? fault(f, err, "make folder")
                      : f->inner.mkdir(f->inner.self, path, mode, err);
}

static enum kt_status faulty_sync_dir(void *self, const char *path, struct kt_error *err)
{
    struct kt_fs_faulty *f = self;
    return strikes(f) ? fault(f, err, "sync folder") : f->inner.sync_dir(f->inner.self, path, err);
}

struct kt_fs kt_fs_faulty(struct kt_fs_faulty *f)
{
    return (struct kt_fs){
        .open = faulty_open,
        .read_at = faulty_read_at,
        .append = faulty_append,
        .sync = faulty_sync,
        .truncate = faulty_truncate,
        .fstat = faulty_fstat,
        .close = faulty_close,
        .stat = faulty_stat,
        .list = faulty_list,
        .unlink = faulty_unlink,
        .rename = faulty_rename,
        .mkdir = faulty_mkdir,
        .sync_dir = faulty_sync_dir,
        .self = f,
    };
}
