/* fs_below: files of a folder by names that come from outside: nothing above the folder, nothing
 * behind a symbolic link, regular files alone. */
#pragma once
#include "core/base/buf.h"
#include "core/base/err.h"

/* May a name be asked for: 1 to 200 of A-Z a-z 0-9 . _ - and, between parts, one `/` at a time; no
 * part begins with a dot. */
bool kt_fs_name_ok(struct kt_str name);

struct kt_fs_below { /* an open file */
    int fd;
    uint64_t size;
};
/* root is trusted. KT_E_AGAIN: no such file, or no such name may be. Close with kt_fs_below_done.
 */
KT_MUST_USE enum kt_status kt_fs_below_open(const char *root, struct kt_str name,
                                            struct kt_fs_below *ret, struct kt_error *err);
/* Adds at most n bytes of what follows; *ret_n 0: the end. */
KT_MUST_USE enum kt_status kt_fs_below_read(struct kt_fs_below *f, size_t n, struct kt_buf *out,
                                            size_t *ret_n, struct kt_error *err);
void kt_fs_below_done(struct kt_fs_below *f);
/* A whole file of at most max bytes; KT_E_LIMIT: it is larger. */
KT_MUST_USE enum kt_status kt_fs_below_all(const char *root, struct kt_str name, size_t max,
                                           struct kt_buf *out, struct kt_error *err);
