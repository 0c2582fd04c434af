/*
 * auditd_tables: system calls that touch files, by architecture; errors.
 *
 * Owns:  the tables.
 * Calls: core/base.
 */
#include "agents/sources/auditd.h"

/* ---- system calls ---- */

enum auditd_arch { X86_64, I386, GENERIC, ARM, ARCHES };

static const struct {
    const char *token;
    enum auditd_arch arch;
} arches[] = {
    { "c000003e", X86_64 },  { "x86_64", X86_64 },   { "40000003", I386 },    { "i386", I386 },
    { "c00000b7", GENERIC }, { "aarch64", GENERIC }, { "c00000f3", GENERIC }, /* riscv64 */
    { "riscv64", GENERIC },  { "40000028", ARM },    { "arm", ARM },
};

static const struct auditd_call calls[] = {
    { "open", { 2, 5, -1, 5 }, AUDITD_OPEN },
    { "openat", { 257, 295, 56, 322 }, AUDITD_OPENAT },
    { "openat2", { 437, 437, 437, 437 }, AUDITD_OPENAT2 },
    { "open_by_handle_at", { 304, 342, 265, 371 }, AUDITD_OPENAT },
    { "creat", { 85, 8, -1, 8 }, AUDITD_WRITE },
    { "truncate", { 76, 92, 45, 92 }, AUDITD_WRITE },
    { "truncate64", { -1, 193, -1, 193 }, AUDITD_WRITE },
    { "ftruncate", { 77, 93, 46, 93 }, AUDITD_WRITE },
    { "ftruncate64", { -1, 194, -1, 194 }, AUDITD_WRITE },
    { "mknod", { 133, 14, -1, 14 }, AUDITD_WRITE },
    { "mknodat", { 259, 297, 33, 324 }, AUDITD_WRITE },
    { "symlink", { 88, 83, -1, 83 }, AUDITD_WRITE },
    { "symlinkat", { 266, 304, 36, 331 }, AUDITD_WRITE },
    { "mkdir", { 83, 39, -1, 39 }, AUDITD_WRITE },
    { "mkdirat", { 258, 296, 34, 323 }, AUDITD_WRITE },
    { "link", { 86, 9, -1, 9 }, AUDITD_READ }, /* the new name is one that was created */
    { "linkat", { 265, 303, 37, 330 }, AUDITD_READ },
    { "unlink", { 87, 10, -1, 10 }, AUDITD_DELETE },
    { "unlinkat", { 263, 301, 35, 328 }, AUDITD_DELETE },
    { "rmdir", { 84, 40, -1, 40 }, AUDITD_DELETE },
    { "rename", { 82, 38, -1, 38 }, AUDITD_RENAME },
    { "renameat", { 264, 302, 38, 329 }, AUDITD_RENAME },
    { "renameat2", { 316, 353, 276, 382 }, AUDITD_RENAME },
    { "chmod", { 90, 15, -1, 15 }, AUDITD_GRANT },
    { "fchmod", { 91, 94, 52, 94 }, AUDITD_GRANT },
    { "fchmodat", { 268, 306, 53, 333 }, AUDITD_GRANT },
    { "fchmodat2", { 452, 452, 452, 452 }, AUDITD_GRANT },
    { "chown", { 92, 182, -1, 182 }, AUDITD_GRANT },
    { "chown32", { -1, 212, -1, 212 }, AUDITD_GRANT },
    { "fchown", { 93, 95, 55, 95 }, AUDITD_GRANT },
    { "fchown32", { -1, 207, -1, 207 }, AUDITD_GRANT },
    { "lchown", { 94, 16, -1, 16 }, AUDITD_GRANT },
    { "lchown32", { -1, 198, -1, 198 }, AUDITD_GRANT },
    { "fchownat", { 260, 298, 54, 325 }, AUDITD_GRANT },
    { "setxattr", { 188, 226, 5, 226 }, AUDITD_GRANT },
    { "lsetxattr", { 189, 227, 6, 227 }, AUDITD_GRANT },
    { "fsetxattr", { 190, 228, 7, 228 }, AUDITD_GRANT },
    { "removexattr", { 197, 235, 14, 235 }, AUDITD_GRANT },
    { "lremovexattr", { 198, 236, 15, 236 }, AUDITD_GRANT },
    { "fremovexattr", { 199, 237, 16, 237 }, AUDITD_GRANT },
    { "getxattr", { 191, 229, 8, 229 }, AUDITD_META },
    { "lgetxattr", { 192, 230, 9, 230 }, AUDITD_META },
    { "fgetxattr", { 193, 231, 10, 231 }, AUDITD_META },
    { "listxattr", { 194, 232, 11, 232 }, AUDITD_META },
    { "llistxattr", { 195, 233, 12, 233 }, AUDITD_META },
    { "flistxattr", { 196, 234, 13, 234 }, AUDITD_META },
    { "readlink", { 89, 85, -1, 85 }, AUDITD_META },
    { "readlinkat", { 267, 305, 78, 332 }, AUDITD_META },
    { "stat", { 4, 106, -1, 106 }, AUDITD_META },
    { "stat64", { -1, 195, -1, 195 }, AUDITD_META },
    { "lstat", { 6, 107, -1, 107 }, AUDITD_META },
    { "lstat64", { -1, 196, -1, 196 }, AUDITD_META },
    { "newfstatat", { 262, 300, 79, 327 }, AUDITD_META },
    { "statx", { 332, 383, 291, 397 }, AUDITD_META },
    { "access", { 21, 33, -1, 33 }, AUDITD_META },
    { "faccessat", { 269, 307, 48, 334 }, AUDITD_META },
    { "faccessat2", { 439, 439, 439, 439 }, AUDITD_META },
    { "execve", { 59, 11, 221, 11 }, AUDITD_READ },
    { "execveat", { 322, 358, 281, 387 }, AUDITD_READ },
};

/* What io_uring does names its call by another number; flags are told only for openat2. */
static const struct {
    const char *op;
    struct auditd_call call;
} uring[] = {
    { "18", { "io_uring openat", { -1, -1, -1, -1 }, AUDITD_READ } },
    { "28", { "io_uring openat2", { -1, -1, -1, -1 }, AUDITD_OPENAT2 } },
    { "35", { "io_uring renameat", { -1, -1, -1, -1 }, AUDITD_RENAME } },
    { "36", { "io_uring unlinkat", { -1, -1, -1, -1 }, AUDITD_DELETE } },
    { "38", { "io_uring symlinkat", { -1, -1, -1, -1 }, AUDITD_WRITE } },
    { "39", { "io_uring linkat", { -1, -1, -1, -1 }, AUDITD_READ } },
};

const struct auditd_call *kt_auditd_call(struct kt_str arch, struct kt_str number,
                                         struct kt_str name)
{
    int64_t n = -1;
    size_t a = 0;
    if (!kt_str_i64(number, &n) && name.len == 0)
        name = number; /* an interpreted copy */
    for (size_t i = 0; name.len > 0 && i < KT_ARRAY_LEN(calls); i++)
        if (kt_str_is(name, calls[i].name))
            return &calls[i];
    while (a < KT_ARRAY_LEN(arches) && !kt_str_is(arch, arches[a].token))
        a++;
    for (size_t i = 0; n >= 0 && a < KT_ARRAY_LEN(arches) && i < KT_ARRAY_LEN(calls); i++)
        if (calls[i].number[arches[a].arch] == n)
            return &calls[i];
    return NULL;
}

const struct auditd_call *kt_auditd_uring(struct kt_str op)
{
    for (size_t i = 0; i < KT_ARRAY_LEN(uring); i++)
        if (kt_str_is(op, uring[i].op))
            return &uring[i].call;
    return NULL;
}

/* ---- errors ---- */

static const struct auditd_error errors[] = {
    { 1, "EPERM", KT_OUT_DENIED },       { 2, "ENOENT", KT_OUT_NOT_FOUND },
    { 13, "EACCES", KT_OUT_DENIED },     { 20, "ENOTDIR", KT_OUT_NOT_FOUND },
    { 4, "EINTR", KT_OUT_FAILURE },      { 11, "EAGAIN", KT_OUT_FAILURE },
    { 12, "ENOMEM", KT_OUT_FAILURE },    { 17, "EEXIST", KT_OUT_FAILURE },
    { 18, "EXDEV", KT_OUT_FAILURE },     { 21, "EISDIR", KT_OUT_FAILURE },
    { 22, "EINVAL", KT_OUT_FAILURE },    { 23, "ENFILE", KT_OUT_FAILURE },
    { 24, "EMFILE", KT_OUT_FAILURE },    { 26, "ETXTBSY", KT_OUT_FAILURE },
    { 28, "ENOSPC", KT_OUT_FAILURE },    { 30, "EROFS", KT_OUT_FAILURE },
    { 39, "ENOTEMPTY", KT_OUT_FAILURE }, { 40, "ELOOP", KT_OUT_FAILURE },
    { 61, "ENODATA", KT_OUT_FAILURE },   { 116, "ESTALE", KT_OUT_FAILURE },
};

const struct auditd_error *kt_auditd_error(struct kt_str exit)
{
    int64_t n = 0;
    bool number = kt_str_i64(exit, &n);
    for (size_t i = 0; i < KT_ARRAY_LEN(errors); i++)
        if (number ? n == -errors[i].number : kt_str_starts(exit, kt_str_of(errors[i].name)))
            return &errors[i];
    return NULL;
}
