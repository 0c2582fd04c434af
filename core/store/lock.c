/*
 * lock: one writer a store. A flock on "<path>-lock", whose text says who has it.
 *
 * Owns:  the lock file (it stays; only the lock counts).
 * Calls: core/base.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/store/store.h"

static enum kt_status name_holder(int fd, const char *path, struct kt_error *err)
{
    char who[80];
    ssize_t n = pread(fd, who, sizeof who - 1, 0);
    who[n < 0 ? 0 : n] = '\0';
    who[strcspn(who, "\n")] = '\0';
    return kt_fail(err, KT_E_DENIED, "'%s' is being written by %s: stop it first", path,
                   who[0] == '\0' ? "another process" : who);
}

enum kt_status kt_store_lock(const char *path, int *ret_fd, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf name = { 0 };
    kt_buf_addf(&name, "%s-lock", path);
    const char *file = kt_buf_z(&name);
    int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0)
        return kt_fail_errno(err, "open '%s'", file);
    enum kt_status status = KT_OK;
    char who[80];
    int len =
        snprintf(who, sizeof who, "%s (pid %ld)\n", program_invocation_short_name, (long)getpid());
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        status = errno == EWOULDBLOCK ? name_holder(fd, path, err)
                                      : kt_fail_errno(err, "lock '%s'", file);
    else if (ftruncate(fd, 0) != 0 || pwrite(fd, who, (size_t)len, 0) != len)
        status = kt_fail_errno(err, "write '%s'", file);
    if (status != KT_OK) {
        (void)close(fd);
        return status;
    }
    *ret_fd = fd;
    return KT_OK;
}
