/* reader: the reader's own state, shared by read.c, cursor.c and verify.c. */
#pragma once
#include "core/store/directory.h"
#include "core/store/read.h"
#include "core/store/tail_columns.h"

/* One file of a log. The newest one is what people hold; the damaged ones before it hang on it. */
struct kt_reader {
    sqlite3 *db;
    char *path;             /* of this file */
    char *log_path;         /* of the log: its first file */
    unsigned number;        /* in the chain, from 1 */
    bool frozen;            /* opened as a file that nobody writes */
    uint64_t device, inode; /* of the file as it was opened first */
    bool looked;            /* kt_reader_replaced did, and this is what it saw */
    uint8_t log_id[16];
    uint64_t records;
    struct kt_directory directory;
    struct kt_tail_columns *tail; /* what was made of its batches */
    uint64_t directory_removed;   /* segments that were gone when it was read, and … */
    uint64_t directory_merges;    /* … merges that there had been (KT_MERGES_BLOB) */
    sqlite3_stmt *bounds;         /* asked by each walk; made with the first */
    sqlite3_stmt *state;          /* asked for one entry after the other; made with the first */
    struct kt_reader *older; /* NULL: this is the first one, or `lost` says why it is not read */
    struct kt_error lost;
};
/* One file alone; KT_E_AGAIN when it is not there. */
KT_MUST_USE enum kt_status kt_reader_open_file(const char *log_path, unsigned number,
                                               struct kt_reader **ret, struct kt_error *err);
/* Brings the directory up to date. */
KT_MUST_USE enum kt_status kt_reader_directory(struct kt_reader *r, struct kt_error *err);
/* Size of the file, or of one beside it; 0 when it is not there. */
uint64_t kt_reader_file_bytes(const struct kt_reader *r, const char *suffix);
/* A frozen file that somebody began to write is opened again; a successor that was made meanwhile
 * is taken in. Before every new question. */
KT_MUST_USE enum kt_status kt_reader_fresh(struct kt_reader *r, struct kt_error *err);
/* The files that can be read, oldest first; borrowed. At most KT_CHAIN_MAX. */
unsigned kt_reader_files(struct kt_reader *r, struct kt_reader **ret);
/* The one of this number, or NULL; until the next kt_reader_fresh. */
struct kt_reader *kt_reader_file(struct kt_reader *r, unsigned number);

/* ---- alerts, newest first, some at a time: no snapshot is held while they are looked at (D4) ----
 */
struct kt_alert_row {
    kt_time_ns opened, updated;
    struct kt_str id, json; /* until the next load */
};
struct kt_alerts_page {
    struct kt_buf rows;
    struct kt_rd rd;
    unsigned left, n;
    kt_time_ns opened; /* of the last one, and its id: where to go on */
    char id[64];
};
void kt_alerts_page_start(struct kt_alerts_page *p);
void kt_alerts_page_done(struct kt_alerts_page *p);
/* KT_E_AGAIN: no more. */
KT_MUST_USE enum kt_status kt_alerts_page_next(struct kt_reader *r, struct kt_alerts_page *p,
                                               struct kt_alert_row *ret, struct kt_error *err);
