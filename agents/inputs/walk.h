/* walk: files that match a pattern, over any body of kt_fs. */
#pragma once
#include "core/sys/fs.h"

/* `*` within a name, `**` across folders, everything else literally. Calls each() for every file
 * (never a folder), in path order within a folder; where all below a folder matches (`**` with at
 * most a name behind it), each folder once, by the way without links if there is one. A folder that
 * is not there or may not be read is reported through bad() and skipped. At most 300,000 names are
 * looked at: KT_E_LIMIT beyond. */
struct kt_walk {
    const struct kt_fs *fs;
    void (*each)(void *self, const char *path, const struct kt_stat *st);
    void (*bad)(void *self, const struct kt_error *why); /* may be NULL */
    void *self;
};
KT_MUST_USE enum kt_status kt_walk(const struct kt_walk *w, const char *pattern,
                                   struct kt_error *err);
/* Ends like a compressed file: .gz .xz .zst .bz2 */
bool kt_walk_is_packed(struct kt_str path);
