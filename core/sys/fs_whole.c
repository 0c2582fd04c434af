/*
 * fs_whole: small files read and written in one go, keys and tokens with the checks of THREATS K1,
 * and globs. Real file system only.
 *
 * Owns:  nothing between calls.
 * Calls: core/base, kt_fs_real for folders.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/sys/fs.h"

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}

/* The folder part of path: "/a/b" gives "/a", "b" gives ".", "/b" gives "/". */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return kt_strdup(".");
    if (slash == path)
        return kt_strdup("/");
    return kt_str_dup(kt_str_from(path, (size_t)(slash - path)));
}

static enum kt_status open_to_read(const char *path, int flags, int *ret, struct kt_error *err)
{
    int fd;
    do
        fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | flags);
    while (fd < 0 && errno == EINTR);
    if (fd < 0 && errno == ENOENT)
        return kt_fail(err, KT_E_AGAIN, "'%s' is not there", path);
    if (fd < 0 && errno == ELOOP && (flags & O_NOFOLLOW) != 0)
        return kt_fail(err, KT_E_CONFIG, "'%s' is a symbolic link: name the file itself", path);
    if (fd < 0)
        return kt_fail_errno(err, "open '%s'", path);
    *ret = fd;
    return KT_OK;
}

/* Appends the file's bytes to ret; one byte over max tells a longer file apart. */
static enum kt_status read_whole(int fd, const char *path, size_t max, struct kt_buf *ret,
                                 struct kt_error *err)
{
    size_t start = ret->len;

    for (;;) {
        size_t room = max - (ret->len - start) + 1;
        if (room > 65536)
            room = 65536;
        ssize_t got = read(fd, kt_buf_reserve(ret, room), room);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            ret->len = start;
            return kt_fail_errno(err, "read '%s'", path);
        }
        if (got == 0)
            return KT_OK;
        ret->len += (size_t)got;
        if (ret->len - start > max) {
            ret->len = start;
            return kt_fail(err, KT_E_LIMIT, "'%s' is longer than %zu bytes", path, max);
        }
    }
}

enum kt_status kt_fs_read_all(const char *path, size_t max, struct kt_buf *ret,
                              struct kt_error *err)
{
    KT_CLEANUP(close_fd) int fd = -1;
    enum kt_status st = open_to_read(path, 0, &fd, err);
    if (st != KT_OK)
        return st;
    return read_whole(fd, path, max, ret, err);
}

enum kt_status kt_fs_read_end(const char *path, size_t max, struct kt_buf *ret,
                              struct kt_error *err)
{
    KT_CLEANUP(close_fd) int fd = -1;
    struct stat file;
    enum kt_status st = open_to_read(path, 0, &fd, err);
    if (st != KT_OK)
        return st;
    if (fstat(fd, &file) != 0)
        return kt_fail_errno(err, "stat '%s'", path);
    off_t left_out = file.st_size > (off_t)max ? file.st_size - (off_t)max : 0;
    if (left_out > 0 && lseek(fd, left_out, SEEK_SET) < 0)
        return kt_fail_errno(err, "seek in '%s'", path);
    size_t start = ret->len;
    if ((st = read_whole(fd, path, max, ret, err)) != KT_OK || left_out == 0)
        return st;
    ptrdiff_t line = kt_str_find_byte(kt_str_from_index(kt_buf_str(ret), start), '\n', 0);
    size_t cut = (size_t)(line + 1);
    memmove(ret->at + start, ret->at + start + cut, ret->len - start - cut);
    ret->len -= cut;
    return KT_OK;
}

enum kt_status kt_fs_room(const char *folder, uint64_t *ret_free, uint64_t *ret_all,
                          struct kt_error *err)
{
    struct statvfs v;
    if (statvfs(folder, &v) != 0)
        return kt_fail_errno(err, "ask for the room in '%s'", folder);
    *ret_free = (uint64_t)v.f_bavail * v.f_frsize;
    *ret_all = (uint64_t)v.f_blocks * v.f_frsize;
    return KT_OK;
}

static bool owner_is_trusted(uid_t owner)
{
    return owner == geteuid() || owner == 0;
}

static enum kt_status judge_secret(const char *path, const struct stat *st, struct kt_error *err)
{
    if (!S_ISREG(st->st_mode))
        return kt_fail(err, KT_E_CONFIG, "'%s' is not a regular file", path);
    if (!owner_is_trusted(st->st_uid))
        return kt_fail(err, KT_E_CONFIG, "'%s' belongs to uid %u: run chown %u '%s'", path,
                       (unsigned)st->st_uid, (unsigned)geteuid(), path);
    if ((st->st_mode & 077u) != 0)
        return kt_fail(err, KT_E_CONFIG, "'%s' has mode %04o: run chmod 600 '%s'", path,
                       (unsigned)(st->st_mode & 07777u), path);
    return KT_OK;
}

/* Whoever may write the folder may put another file in its place. */
static enum kt_status judge_folder(const char *path, struct kt_error *err)
{
    KT_CLEANUP(kt_free_ptr) char *folder = folder_of(path);
    struct stat st;

    if (stat(folder, &st) != 0)
        return kt_fail_errno(err, "stat '%s'", folder);
    if (!owner_is_trusted(st.st_uid))
        return kt_fail(err, KT_E_CONFIG, "folder '%s' belongs to uid %u: run chown %u '%s'", folder,
                       (unsigned)st.st_uid, (unsigned)geteuid(), folder);
    if ((st.st_mode & 022u) != 0)
        return kt_fail(err, KT_E_CONFIG,
                       "folder '%s' has mode %04o, others can write it: run chmod go-w '%s'",
                       folder, (unsigned)(st.st_mode & 07777u), folder);
    return KT_OK;
}

enum kt_status kt_fs_read_secret(const char *path, size_t max, struct kt_buf *ret,
                                 struct kt_error *err)
{
    KT_CLEANUP(close_fd) int fd = -1;
    enum kt_status status = open_to_read(path, O_NOFOLLOW, &fd, err);
    if (status != KT_OK)
        return status;
    struct stat st;
    if (fstat(fd, &st) != 0)
        return kt_fail_errno(err, "stat '%s'", path);
    if ((status = judge_secret(path, &st, err)) != KT_OK ||
        (status = judge_folder(path, err)) != KT_OK)
        return status;

    size_t start = ret->len;
    kt_buf_reserve(ret, max + 1); /* at once: a growing buffer would leave copies of the secret */
    status = read_whole(fd, path, max, ret, err);
    if (status == KT_OK && ret->len > start && ret->at[ret->len - 1] == '\n')
        ret->len--;
    return status;
}

static enum kt_status write_synced(int fd, const char *path, struct kt_str data,
                                   struct kt_error *err)
{
    for (size_t done = 0; done < data.len;) {
        ssize_t put = write(fd, data.at + done, data.len - done);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return kt_fail_errno(err, "write '%s'", path);
        done += (size_t)put;
    }
    if (fsync(fd) != 0)
        return kt_fail_errno(err, "sync '%s'", path);
    return KT_OK;
}

#define NOBODY ((uid_t)-1)

/* as: mode, owner and group; NOBODY: whoever makes the file. */
static enum kt_status make_like(int fd, const char *path, const struct stat *as,
                                struct kt_error *err)
{
    if (as->st_uid != NOBODY && fchown(fd, as->st_uid, as->st_gid) != 0)
        return kt_fail_errno(err, "chown %u:%u '%s'", (unsigned)as->st_uid, (unsigned)as->st_gid,
                             path);
    if (fchmod(fd, as->st_mode & 07777u) != 0) /* exactly this, whatever the umask */
        return kt_fail_errno(err, "chmod '%s'", path);
    return KT_OK;
}

static enum kt_status write_renamed(const char *path, struct kt_str data, const struct stat *as,
                                    struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf name = { 0 };
    kt_buf_addf(&name, "%s.tmp", path);
    const char *tmp = kt_buf_z(&name);

    /* What an interrupted writer left, or what somebody planted, goes; O_EXCL follows no link. */
    if (unlink(tmp) != 0 && errno != ENOENT)
        return kt_fail_errno(err, "remove '%s'", tmp);
    KT_CLEANUP(close_fd) int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return kt_fail_errno(err, "create '%s'", tmp);
    enum kt_status st = make_like(fd, tmp, as, err);
    if (st == KT_OK)
        st = write_synced(fd, tmp, data, err);
    if (st == KT_OK)
        st = kt_fs_real.rename(NULL, tmp, path, err);
    if (st != KT_OK) {
        (void)unlink(tmp);
        return st;
    }
    KT_CLEANUP(kt_free_ptr) char *folder = folder_of(path);
    return kt_fs_real.sync_dir(NULL, folder, err);
}

enum kt_status kt_fs_write_atomic(const char *path, struct kt_str data, unsigned mode,
                                  struct kt_error *err)
{
    const struct stat as = { .st_mode = (mode_t)mode, .st_uid = NOBODY };
    return write_renamed(path, data, &as, err);
}

enum kt_status kt_fs_replace(const char *path, struct kt_str data, struct kt_error *err)
{
    char real[PATH_MAX];
    struct stat as;
    if (realpath(path, real) == NULL || stat(real, &as) != 0)
        return kt_fail_errno(err, "replace '%s'", path);
    return write_renamed(real, data, &as, err);
}

enum kt_status kt_fs_write_over(const char *path, struct kt_str data, struct kt_error *err)
{
    KT_CLEANUP(close_fd) int fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT)
        return kt_fail(err, KT_E_AGAIN, "open '%s': not there", path);
    if (fd < 0)
        return kt_fail_errno(err, "open '%s'", path);
    enum kt_status st = write_synced(fd, path, data, err);
    if (st == KT_OK && ftruncate(fd, (off_t)data.len) != 0)
        st = kt_fail_errno(err, "truncate '%s'", path);
    return st;
}

enum kt_status kt_fs_glob(const char *pattern, void (*each)(void *arg, const char *path), void *arg,
                          struct kt_error *err)
{
    glob_t found = { 0 };
    int rc = glob(pattern, 0, NULL, &found);

    if (rc != 0 && rc != GLOB_NOMATCH) {
        globfree(&found);
        return kt_fail(err, KT_E_LIMIT, "glob '%s': out of memory", pattern);
    }
    for (size_t i = 0; i < found.gl_pathc; i++)
        each(arg, found.gl_pathv[i]);
    globfree(&found);
    return KT_OK;
}
