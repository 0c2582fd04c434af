/*
 * fs_below: see the header.
 *
 * Owns:  the open files.
 * Calls: the operating system.
 */
#include "core/sys/fs_below.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_MAX_BYTES 200u

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

bool kt_fs_name_ok(struct kt_str name)
{
    bool begins = true; /* a part */
    if (name.len == 0 || name.len > NAME_MAX_BYTES)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        if (begins ? c == '.' || c == '/' || !is_letter(c) : c != '/' && !is_letter(c))
            return false;
        begins = c == '/';
    }
    return !begins;
}

/* The next part of a path, opened in the folder `at`, which is closed. */
static int step(int at, struct kt_str part, bool last)
{
    char name[NAME_MAX_BYTES + 1];
    kt_str_copyz(name, sizeof name, part);
    int fd =
        openat(at, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | (last ? 0 : O_DIRECTORY));
    int why = errno;
    (void)close(at);
    errno = why;
    return fd;
}

enum kt_status kt_fs_below_open(const char *root, struct kt_str name, struct kt_fs_below *ret,
                                struct kt_error *err)
{
    struct kt_str rest = name, part;
    struct stat st;
    *ret = (struct kt_fs_below){ .fd = -1 };
    if (!kt_fs_name_ok(name))
        return kt_fail(err, KT_E_AGAIN, "there is no such file");
    int fd = open(root, O_RDONLY | O_CLOEXEC | O_DIRECTORY);
    while (fd >= 0 && rest.len > 0 && kt_str_split(&rest, '/', &part))
        fd = step(fd, part, rest.len == 0);
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        if (fd >= 0)
            (void)close(fd);
        return kt_fail(err, KT_E_AGAIN, "there is no file '" KT_STR_FMT "'", KT_STR_ARG(name));
    }
    *ret = (struct kt_fs_below){ .fd = fd, .size = (uint64_t)st.st_size };
    return KT_OK;
}

enum kt_status kt_fs_below_read(struct kt_fs_below *f, size_t n, struct kt_buf *out, size_t *ret_n,
                                struct kt_error *err)
{
    ssize_t got;
    do
        got = read(f->fd, kt_buf_reserve(out, n), n);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return kt_fail_errno(err, "read a file");
    out->len += (size_t)got;
    *ret_n = (size_t)got;
    return KT_OK;
}

void kt_fs_below_done(struct kt_fs_below *f)
{
    if (f->fd >= 0)
        (void)close(f->fd);
    f->fd = -1;
}

enum kt_status kt_fs_below_all(const char *root, struct kt_str name, size_t max, struct kt_buf *out,
                               struct kt_error *err)
{
    struct kt_fs_below f;
    size_t n = 1, from = out->len;
    enum kt_status status = kt_fs_below_open(root, name, &f, err);
    while (status == KT_OK && n > 0 && out->len - from <= max)
        status = kt_fs_below_read(&f, 65536, out, &n, err);
    if (status == KT_OK && out->len - from > max)
        status = kt_fail(err, KT_E_LIMIT, "'" KT_STR_FMT "' is larger than %zu bytes",
                         KT_STR_ARG(name), max);
    kt_fs_below_done(&f);
    return status;
}
