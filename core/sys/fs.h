/*
 * fs: the files of the agent (spool, tailed logs) and of commands. Real, memory and faulty bodies
 * behind one struct. SQLite has its own VFS; configuration and keys use kt_fs_read_secret and
 * kt_fs_read_all.
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/time.h"

struct kt_file; /* one open file, opaque to callers */
struct kt_stat {
    uint64_t dev, ino, size;
    kt_time_ns mtime;
    unsigned mode;
    bool is_dir, is_file; /* neither: a pipe, a socket or a device, which may have no end */
    bool is_link;         /* the path is one, and the rest is about what it leads to */
};
enum kt_open {
    KT_OPEN_READ,
    KT_OPEN_APPEND /* created 0600 when missing */,
    KT_OPEN_NEW /* must not exist, 0600 */
};

/* A path that is not there is KT_E_AGAIN in every call that takes one. */
struct kt_fs {
    KT_MUST_USE enum kt_status (*open)(void *self, const char *path, enum kt_open how,
                                       struct kt_file **ret, struct kt_error *err);
    /* Up to n bytes at offset; *ret_n = 0 at the end of the file. */
    KT_MUST_USE enum kt_status (*read_at)(struct kt_file *f, uint64_t offset, void *buf, size_t n,
                                          size_t *ret_n, struct kt_error *err);
    KT_MUST_USE enum kt_status (*append)(struct kt_file *f, struct kt_str data,
                                         struct kt_error *err); /* whole or error */
    KT_MUST_USE enum kt_status (*sync)(struct kt_file *f, struct kt_error *err); /* fdatasync */
    KT_MUST_USE enum kt_status (*truncate)(struct kt_file *f, uint64_t size, struct kt_error *err);
    KT_MUST_USE enum kt_status (*fstat)(struct kt_file *f, struct kt_stat *ret,
                                        struct kt_error *err);
    void (*close)(struct kt_file *f);
    KT_MUST_USE enum kt_status (*stat)(void *self, const char *path, struct kt_stat *ret,
                                       struct kt_error *err);
    /* Calls each(name) for every entry but . and .., sorted bytewise. */
    KT_MUST_USE enum kt_status (*list)(void *self, const char *dir,
                                       void (*each)(void *arg, const char *name), void *arg,
                                       struct kt_error *err);
    KT_MUST_USE enum kt_status (*unlink)(void *self, const char *path, struct kt_error *err);
    KT_MUST_USE enum kt_status (*rename)(void *self, const char *from, const char *to,
                                         struct kt_error *err);
    KT_MUST_USE enum kt_status (*mkdir)(void *self, const char *path, unsigned mode,
                                        struct kt_error *err); /* fine when it exists */
    KT_MUST_USE enum kt_status (*sync_dir)(void *self, const char *path, struct kt_error *err);
    void *self;
};
extern const struct kt_fs kt_fs_real;

/* Memory body: a tree of files with synced and unsynced bytes. */
struct kt_fs_memory;
struct kt_fs_memory *kt_fs_memory_new(void);
void kt_fs_memory_free(struct kt_fs_memory *m);
struct kt_fs kt_fs_memory(struct kt_fs_memory *m);
/* From now on the disk has so many bytes, in blocks of 4,096 that no two files share; an append
 * that does not fit writes what does and fails with ENOSPC. 0 = without end. */
void kt_fs_memory_limit(struct kt_fs_memory *m, uint64_t bytes);
/* What a power cut leaves: unsynced appends are cut at a random byte (rng(self) % (unsynced + 1)
 * kept), unsynced directory entries vanish, open files become stale. */
void kt_fs_memory_crash(struct kt_fs_memory *m, uint64_t (*rng)(void *self), void *self);
/* Faulty body around any other: the n-th call (1-based; 0 = never) of a writing kind fails with
 * errno; short makes a failing append write half. Counts calls, so that a test can fail the 1st,
 * 2nd, 3rd … until a run passes untouched. */
struct kt_fs_faulty {
    struct kt_fs inner;
    unsigned long fail_at, calls;
    int fail_errno;
    bool short_write;
    bool fired;
};
struct kt_fs kt_fs_faulty(struct kt_fs_faulty *f);

/* Bytes that are left for us below a folder, and in all (real file system). */
KT_MUST_USE enum kt_status kt_fs_room(const char *folder, uint64_t *ret_free, uint64_t *ret_all,
                                      struct kt_error *err);
/* The last max bytes of a file, from the beginning of a line on where some are left out. */
KT_MUST_USE enum kt_status kt_fs_read_end(const char *path, size_t max, struct kt_buf *ret,
                                          struct kt_error *err);
/* Whole small file (real file system), at most max bytes. KT_E_AGAIN when it is not there. */
KT_MUST_USE enum kt_status kt_fs_read_all(const char *path, size_t max, struct kt_buf *ret,
                                          struct kt_error *err);
/* The same for keys and tokens (THREATS K1): O_NOFOLLOW, regular file, owner = us or root, no group
 * or other bits, folder not writable by others; a breach is KT_E_CONFIG and names the chmod that
 * mends it. One trailing newline is cut. */
KT_MUST_USE enum kt_status kt_fs_read_secret(const char *path, size_t max, struct kt_buf *ret,
                                             struct kt_error *err);
/* Writes path.tmp, syncs, renames, syncs the folder. */
KT_MUST_USE enum kt_status kt_fs_write_atomic(const char *path, struct kt_str data, unsigned mode,
                                              struct kt_error *err);
/* The same over a file that is there: owner, group and mode stay, and behind a symbolic link the
 * file is replaced, not the link. */
KT_MUST_USE enum kt_status kt_fs_replace(const char *path, struct kt_str data,
                                         struct kt_error *err);
/* For a full disk, on which kt_fs_write_atomic fails: writes over the file that is there, in its
 * own blocks. A reader or a power cut may find half of it. KT_E_AGAIN when it is not there. */
KT_MUST_USE enum kt_status kt_fs_write_over(const char *path, struct kt_str data,
                                            struct kt_error *err);
/* Paths that match a glob(7) pattern, sorted; each() may not change the folder. */
KT_MUST_USE enum kt_status kt_fs_glob(const char *pattern,
                                      void (*each)(void *arg, const char *path), void *arg,
                                      struct kt_error *err);
