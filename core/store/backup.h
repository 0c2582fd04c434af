/*
 * backup: a second store file that follows the first, and the way back.
 *
 * A backup is a whole store of schema.sql without a WAL: every reader opens it, and nothing appears
 * beside it. Each run brings it up to the source in one transaction, so a run that is killed leaves
 * it as it was. The source is read as any reader reads it, beside its writer: segments one by one,
 * since they never change, and what does change in one short snapshot at the end.
 */
#pragma once
#include "core/store/read.h"

struct kt_backup_options {
    const char *from; /* the store */
    const char *to;   /* the file of the backup; its folder is there */
    bool quick;       /* verify only what is new, and the root */
    const char *vfs;  /* of the backup, NULL = default; tests pass a faulty one */
    void (*problem)(void *self, enum kt_fault fault,
                    const char *sentence); /* see kt_reader_verify */
    void *self;
};
struct kt_backup_result {
    bool first;                 /* there was none before */
    uint64_t before, records;   /* newest record of the backup */
    uint64_t segments;          /* in it now */
    uint64_t copied, dropped;   /* segments: new ones, and those that retention took */
    uint64_t bytes, file_bytes; /* copied; of the file */
    uint8_t log_id[16], root[32];
    struct kt_verify_result verify;
};
/* KT_E_AGAIN: no store at `from`. KT_E_CORRUPT: `to` is no earlier state of `from` (another log, a
 * fork, a store that was restored), or either is damaged. KT_E_DENIED: a backup into `to` runs.
 * KT_E_LIMIT: no room. Whatever it is, the backup is as it was. When it is KT_OK the new one is on
 * the disk, and verify.ok says what it is worth. */
KT_MUST_USE enum kt_status kt_backup_run(const struct kt_backup_options *o,
                                         struct kt_backup_result *ret, struct kt_error *err);

struct kt_restore_options {
    const char *from; /* the file of the backup */
    const char *to;   /* the store to make; its folder is there */
    bool force;       /* moves what is at `to` aside */
    kt_time_ns now;   /* names what is moved aside */
    void (*problem)(void *self, enum kt_fault fault, const char *sentence);
    void *self;
};
struct kt_restore_result {
    uint64_t bytes;
    char aside[4096]; /* where the old store is now; "" = there was none */
    struct kt_store_stats stats;
    struct kt_verify_result verify;
};
/* Verifies the backup, and copies it when it is whole: verify.ok tells. KT_E_DENIED: `to` exists,
 * or is being written. The new file has its name only once it is on the disk. */
KT_MUST_USE enum kt_status kt_restore_run(const struct kt_restore_options *o,
                                          struct kt_restore_result *ret, struct kt_error *err);
