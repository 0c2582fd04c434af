/*
 * sandbox_files: files are only read, but in some folders.
 *
 * Owns:  nothing.
 * Calls: Landlock, by its numbers: the C library has no names for them.
 */
#include "core/sys/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Behind the first version: rights that headers of older systems do not name. */
#define REFER    (UINT64_C(1) << 13) /* from the second on */
#define TRUNCATE (UINT64_C(1) << 14) /* from the third on */

static const uint64_t changes = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                                LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
                                LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                                LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                                LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;

static const uint64_t sockets = LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REMOVE_FILE;

static int create(const struct landlock_ruleset_attr *a)
{
    return (int)syscall(SYS_landlock_create_ruleset, a, a != NULL ? sizeof a->handled_access_fs : 0,
                        a != NULL ? 0u : LANDLOCK_CREATE_RULESET_VERSION);
}

static enum kt_status allow(int rules, const char *folder, uint64_t what, struct kt_error *err)
{
    int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? KT_OK : kt_fail_errno(err, "'%s'", folder);
    const struct landlock_path_beneath_attr below = { .allowed_access = what, .parent_fd = fd };
    long rc = syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &below, 0u);
    enum kt_status status = rc == 0 ? KT_OK : kt_fail_errno(err, "'%s'", folder);
    (void)close(fd);
    return status;
}

enum kt_status kt_sandbox_write_below(const struct kt_sandbox_folder *folder, unsigned n,
                                      struct kt_error *err)
{
    int version = create(NULL);
    if (version < 1)
        return kt_fail(err, KT_E_AGAIN,
                       "there is no Landlock here, or a filter of system calls keeps it away");
    const uint64_t handled = changes | (version >= 2 ? REFER : 0) | (version >= 3 ? TRUNCATE : 0);
    const struct landlock_ruleset_attr a = { .handled_access_fs = handled };
    int rules = create(&a);
    if (rules < 0)
        return kt_fail_errno(err, "Landlock");
    enum kt_status status = KT_OK;
    for (unsigned i = 0; i < n && status == KT_OK; i++)
        if (folder[i].path != NULL)
            status = allow(rules, folder[i].path, folder[i].sockets ? sockets : handled, err);
    if (status == KT_OK && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
                            syscall(SYS_landlock_restrict_self, rules, 0u) != 0))
        status = kt_fail_errno(err, "Landlock");
    (void)close(rules);
    return status;
}
