/*
 * db: how this store opens and asks SQLite. Private to core/store; the only place (with its
 * neighbours here) that knows sqlite3.
 */
#pragma once
#include <sqlite3.h>
#include <sys/types.h>

#include "core/base/buf.h"
#include "core/base/time.h"

#define KT_DB_SCHEMA  5u
#define KT_DB_READS   3u    /* the oldest whose tables, and all that is in them, are read as well */
#define KT_DB_PAGE    8192u /* bytes */
#define KT_DB_APP_ID  0x4b54524cu /* "KTRL" */
#define KT_DB_BUSY_MS 5000
/*
 * The schema cookie of the file header is the clean-stop mark (docs/store.md): a running store
 * has KT_DB_LIVE in its main file, a clean stop writes KT_DB_CLEAN. A copy that SQLite itself
 * makes of a running store (.backup, VACUUM INTO) gets another cookie from SQLite, since the copy
 * is whole; a plain copy of the main file keeps KT_DB_LIVE.
 */
#define KT_DB_LIVE  0x4b544c56u
#define KT_DB_CLEAN 0x4b544300u

enum kt_db_mode {
    KT_DB_WRITE,
    KT_DB_READ,
    KT_DB_FROZEN, /* nobody writes it and no file may appear beside it: a backup */
};
struct kt_db_head { /* what the first page and the folder say, before SQLite is asked: zeroes for
                       what is no database or was cut short while it was made */
    bool exists, empty, has_wal, has_shm, has_journal;
    bool rollback; /* journal mode of the file: a backup has no WAL, so SQLite's locks guard it */
    bool idle;     /* no process has it open, and nothing waits in a WAL */
    unsigned schema, app_id;
    uint32_t cookie;
};
KT_MUST_USE enum kt_status kt_db_probe(const char *path, struct kt_db_head *ret,
                                       struct kt_error *err);
/* Refuses what is not a store, a newer schema, and a main file that lost its -wal. unmade_too: a
 * file that says nothing passes; SQLite must find it empty then. */
KT_MUST_USE enum kt_status kt_db_judge(const char *path, const struct kt_db_head *head,
                                       bool unmade_too, struct kt_error *err);

/* An empty file with the rights that its readers' group needs, whatever the umask. */
KT_MUST_USE enum kt_status kt_db_make(const char *path, struct kt_error *err);
KT_MUST_USE enum kt_status kt_db_open(const char *path, const char *vfs, enum kt_db_mode mode,
                                      sqlite3 **ret, struct kt_error *err);
/* The writer's WAL mode: a commit is synced, what is deleted is overwritten. It changes the file,
 * so only after the file is known to be ours. */
KT_MUST_USE enum kt_status kt_db_write_ahead(sqlite3 *db, struct kt_error *err);
/* Around a transaction that only gives rows another form: its commit waits for no disk, since the
 * rows as they were are synced, and a power cut may bring them back. The next commit or checkpoint
 * syncs it. What it frees is overwritten as ever: what retention deletes later would stay readable
 * in the rows that it had before. */
KT_MUST_USE enum kt_status kt_db_move_begins(sqlite3 *db, struct kt_error *err);
KT_MUST_USE enum kt_status kt_db_move_ends(sqlite3 *db, struct kt_error *err);
struct kt_db_place { /* which file a name stood for; a name alone says nothing: whoever opens a
                        store whose -wal is gone makes an empty one */
    dev_t dev[2];    /* of the file; of its -wal */
    ino_t ino[2];
};
/* Once the -wal is there: after the first write. No checkpoint replaces it. */
KT_MUST_USE enum kt_status kt_db_place_of(sqlite3 *db, struct kt_db_place *ret,
                                          struct kt_error *err);
/* KT_E_IO when the file, or the -wal beside it, is not the one that was opened: a commit would be
 * on no disk that anybody finds again. */
KT_MUST_USE enum kt_status kt_db_in_place(sqlite3 *db, const struct kt_db_place *was,
                                          struct kt_error *err);
/* A backup's mode: one transaction at a time, with a rollback journal; what is added needs none. */
KT_MUST_USE enum kt_status kt_db_write_behind(sqlite3 *db, struct kt_error *err);
/* Undoes what a killed kt_db_write_behind left in the file. */
KT_MUST_USE enum kt_status kt_db_mend(const char *path, const char *vfs, struct kt_error *err);
/* After the schema is in place: no schema tricks from here on. */
void kt_db_defend(sqlite3 *db, bool on);
/* What SQLite last said, as one of our causes. */
KT_MUST_USE enum kt_status kt_db_fail(sqlite3 *db, struct kt_error *err, const char *fmt, ...)
    KT_PRINTF(3, 4);
KT_MUST_USE enum kt_status kt_db_exec(sqlite3 *db, const char *sql, struct kt_error *err);
KT_MUST_USE enum kt_status kt_db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret,
                                         struct kt_error *err);
/* KT_OK: a row; KT_E_AGAIN: no more (the statement is reset). */
KT_MUST_USE enum kt_status kt_db_step(sqlite3_stmt *st, struct kt_error *err);
/* Runs a statement that gives no rows, and resets it. */
KT_MUST_USE enum kt_status kt_db_run(sqlite3_stmt *st, struct kt_error *err);
void kt_db_finalize(sqlite3_stmt **st); /* for KT_CLEANUP */

/* Binding can only fail by our own mistake or for want of memory: both end the process. Bytes are
 * borrowed until the statement is reset. */
void kt_db_i64(sqlite3_stmt *st, int at, int64_t v);
void kt_db_u64(sqlite3_stmt *st, int at, uint64_t v); /* at most INT64_MAX */
void kt_db_text(sqlite3_stmt *st, int at, struct kt_str s);
void kt_db_blob(sqlite3_stmt *st, int at, struct kt_str s);
void kt_db_blob_or_null(sqlite3_stmt *st, int at, struct kt_str s); /* empty = NULL */
/* Borrowed until the next step. */
struct kt_str kt_db_col(sqlite3_stmt *st, int at);
int64_t kt_db_col_i64(sqlite3_stmt *st, int at);
uint64_t kt_db_col_u64(sqlite3_stmt *st, int at); /* negative reads as 0 */
