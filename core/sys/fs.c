/*
 * fs: the real file system behind struct kt_fs. Whole-file helpers are in fs_whole.c.
 *
 * Owns:  open descriptors, each in a struct kt_file of its own.
 * Calls: core/base. Every call is retried on EINTR and opened close-on-exec.
 */
#include "core/sys/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/alloc.h"

struct kt_file { /* each body of struct kt_fs has its own kt_file */
    int fd;
};

static int open_retry(const char *path, int flags, mode_t mode)
{
    int fd;
    do
        fd = open(path, flags | O_CLOEXEC, mode);
    while (fd < 0 && errno == EINTR);
    return fd;
}

/* Nothing at this path is a state of the world, not a failure of the system. */
static enum kt_status fail_path(struct kt_error *err, const char *what, const char *path)
{
    if (errno == ENOENT || errno == ENOTDIR)
        return kt_fail(err, KT_E_AGAIN, "%s '%s': not there", what, path);
    return kt_fail_errno(err, "%s '%s'", what, path);
}

static const int open_flags[] = {
    [KT_OPEN_READ] = O_RDONLY | O_NONBLOCK, /* a named pipe must not hold the engine */
    [KT_OPEN_APPEND] = O_RDWR | O_APPEND | O_CREAT,
    [KT_OPEN_NEW] = O_RDWR | O_APPEND | O_CREAT | O_EXCL,
};

static enum kt_status real_open(void *self, const char *path, enum kt_open how,
                                struct kt_file **ret, struct kt_error *err)
{
    (void)self;
    int fd = open_retry(path, open_flags[how], 0600);
    if (fd < 0)
        return fail_path(err, "open", path);
    struct kt_file *f = kt_alloc(sizeof *f);
    f->fd = fd;
    *ret = f;
    return KT_OK;
}

static enum kt_status real_read_at(struct kt_file *f, uint64_t offset, void *buf, size_t n,
                                   size_t *ret_n, struct kt_error *err)
{
    size_t done = 0;

    while (done < n) {
        ssize_t got = pread(f->fd, (char *)buf + done, n - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return kt_fail_errno(err, "read");
        if (got == 0)
            break;
        done += (size_t)got;
    }
    *ret_n = done;
    return KT_OK;
}

/* Half a record must not stay behind: on an error the file gets its old length back. */
static enum kt_status real_append(struct kt_file *f, struct kt_str data, struct kt_error *err)
{
    off_t before = lseek(f->fd, 0, SEEK_END);
    if (before < 0)
        return kt_fail_errno(err, "append");
    size_t done = 0;
    while (done < data.len) {
        ssize_t put = write(f->fd, data.at + done, data.len - done);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0) {
            int why = put < 0 ? errno : EIO;
            bool whole = done == 0 || ftruncate(f->fd, before) == 0;
            errno = why;
            return kt_fail_errno(err, whole ? "append" : "append (a part stayed behind)");
        }
        done += (size_t)put;
    }
    return KT_OK;
}

static enum kt_status real_sync(struct kt_file *f, struct kt_error *err)
{
    int rc;
    do
        rc = fdatasync(f->fd);
    while (rc != 0 && errno == EINTR);
    return rc == 0 ? KT_OK : kt_fail_errno(err, "sync");
}

static enum kt_status real_truncate(struct kt_file *f, uint64_t size, struct kt_error *err)
{
    int rc;
    do
        rc = ftruncate(f->fd, (off_t)size);
    while (rc != 0 && errno == EINTR);
    return rc == 0 ? KT_OK : kt_fail_errno(err, "truncate");
}

static void fill_stat(const struct stat *st, struct kt_stat *ret)
{
    *ret = (struct kt_stat){
        .dev = st->st_dev,
        .ino = st->st_ino,
        .size = (uint64_t)st->st_size,
        .mtime = (kt_time_ns)st->st_mtim.tv_sec * KT_NS_S + st->st_mtim.tv_nsec,
        .mode = st->st_mode & 07777u,
        .is_dir = S_ISDIR(st->st_mode),
        .is_file = S_ISREG(st->st_mode),
    };
}

static enum kt_status real_fstat(struct kt_file *f, struct kt_stat *ret, struct kt_error *err)
{
    struct stat st;
    if (fstat(f->fd, &st) != 0)
        return kt_fail_errno(err, "stat");
    fill_stat(&st, ret);
    return KT_OK;
}

static void real_close(struct kt_file *f)
{
    if (f == NULL)
        return;
    (void)close(f->fd); /* a lost write shows in sync, which callers rely on; close adds nothing */
    kt_free(f);
}

static enum kt_status real_stat(void *self, const char *path, struct kt_stat *ret,
                                struct kt_error *err)
{
    (void)self;
    struct stat st;
    if (lstat(path, &st) != 0)
        return fail_path(err, "stat", path);
    bool is_link = S_ISLNK(st.st_mode);
    if (is_link && stat(path, &st) != 0)
        return fail_path(err, "stat", path);
    fill_stat(&st, ret);
    ret->is_link = is_link;
    return KT_OK;
}

static int keep_entry(const struct dirent *d)
{
    return strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static enum kt_status real_list(void *self, const char *dir,
                                void (*each)(void *arg, const char *name), void *arg,
                                struct kt_error *err)
{
    (void)self;
    struct dirent **names = NULL;
    int n = scandir(dir, &names, keep_entry, by_bytes);
    if (n < 0)
        return fail_path(err, "list", dir);
    for (int i = 0; i < n; i++) {
        each(arg, names[i]->d_name);
        free(names[i]); /* scandir's memory, not ours */
    }
    free(names);
    return KT_OK;
}

static enum kt_status real_unlink(void *self, const char *path, struct kt_error *err)
{
    (void)self;
    return unlink(path) == 0 ? KT_OK : fail_path(err, "remove", path);
}

static enum kt_status real_rename(void *self, const char *from, const char *to,
                                  struct kt_error *err)
{
    (void)self;
    if (rename(from, to) != 0)
        return fail_path(err, "rename", from);
    return KT_OK;
}

static enum kt_status real_mkdir(void *self, const char *path, unsigned mode, struct kt_error *err)
{
    (void)self;
    if (mkdir(path, (mode_t)mode) == 0)
        return KT_OK;
    int why = errno;
    struct stat st;
    if (why == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return KT_OK;
    errno = why;
    return fail_path(err, "make folder", path);
}

static enum kt_status real_sync_dir(void *self, const char *path, struct kt_error *err)
{
    (void)self;
    int fd = open_retry(path, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0)
        return fail_path(err, "open folder", path);
    int rc;
    do
        rc = fsync(fd);
    while (rc != 0 && errno == EINTR);
    enum kt_status st = rc == 0 ? KT_OK : kt_fail_errno(err, "sync folder '%s'", path);
    (void)close(fd);
    return st;
}

const struct kt_fs kt_fs_real = {
    .open = real_open,
    .read_at = real_read_at,
    .append = real_append,
    .sync = real_sync,
    .truncate = real_truncate,
    .fstat = real_fstat,
    .close = real_close,
    .stat = real_stat,
    .list = real_list,
    .unlink = real_unlink,
    .rename = real_rename,
    .mkdir = real_mkdir,
    .sync_dir = real_sync_dir,
};
