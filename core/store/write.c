/*
 * write: the life of the one writer: open, transactions, checkpoints, close.
 *
 * Owns:  the writing connection and the lock.
 * Calls: sqlite3 through core/store/db; core/base.
 * Holds: what a commit reported as done is on the disk (D1); after a failed commit nothing more is
 *        written; this connection makes every checkpoint (D2).
 */
#include "core/store/write.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/limits.h"
#include "core/store/chain.h"
#include "core/store/reader.h"
#include "core/store/schema.h"
#include "core/store/store.h"

#define WAL_FRAMES_IDLE   1000 /* 8 MiB: worth a PASSIVE checkpoint when nothing else is to do */
#define WAL_FRAMES_FORCED 8192 /* 64 MiB */

static int count_frames(void *self, sqlite3 *db, const char *name, int frames)
{
    (void)db;
    (void)name;
    ((struct kt_store *)self)->wal_frames = frames;
    return SQLITE_OK;
}

/* The mark goes into the main file before anything that only the WAL knows. */
static enum kt_status set_cookie(struct kt_store *s, uint32_t cookie, struct kt_error *err)
{
    char sql[64];
    (void)snprintf(sql, sizeof sql, "PRAGMA schema_version=%u", cookie);
    kt_db_defend(s->db, false);
    enum kt_status status = kt_db_exec(s->db, sql, err);
    kt_db_defend(s->db, true);
    if (status != KT_OK)
        return kt_wrap(err, "clean-stop mark");
    int rc = sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    if (rc != SQLITE_OK && rc != SQLITE_BUSY) /* a slow reader may hold it up: the next one will */
        return kt_db_fail(s->db, err, "checkpoint");
    s->wal_frames = 0;
    return KT_OK;
}

enum kt_status kt_meta_read(sqlite3 *db, uint8_t ret_log_id[16], struct kt_tree *ret_tree,
                            struct kt_sums *ret, struct kt_error *err)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    if (kt_db_prepare(
            db,
            "SELECT log_id, tree, last_arrival, events, control, batches, duplicates,"
            " conflicts, first_time, last_time, first_arrival, newest_arrival, removed_events,"
            " removed_segments FROM meta",
            &st, err) != KT_OK)
        return kt_wrap(err, "meta");
    enum kt_status status = kt_db_step(st, err);
    if (status == KT_E_AGAIN || (status == KT_OK && kt_db_col(st, 0).len != 16))
        return kt_fail(err, KT_E_CORRUPT, "the row of table meta is missing or damaged");
    if (status != KT_OK)
        return status;
    struct kt_tree tree;
    if (kt_tree_unpack(kt_db_col(st, 1), &tree, err) != KT_OK)
        return kt_wrap(err, "meta");
    memcpy(ret_log_id, kt_db_col(st, 0).at, 16);
    *ret_tree = tree;
    *ret = (struct kt_sums){
        .last_arrival = kt_db_col_i64(st, 2),
        .events = kt_db_col_u64(st, 3),
        .control = kt_db_col_u64(st, 4),
        .batches = kt_db_col_u64(st, 5),
        .duplicates = kt_db_col_u64(st, 6),
        .conflicts = kt_db_col_u64(st, 7),
        .first_time = kt_db_col_i64(st, 8),
        .last_time = kt_db_col_i64(st, 9),
        .first_arrival = kt_db_col_i64(st, 10),
        .newest_arrival = kt_db_col_i64(st, 11),
        .removed_events = kt_db_col_u64(st, 12),
        .removed_segments = kt_db_col_u64(st, 13),
    };
    return KT_OK;
}

enum kt_status kt_meta_base(sqlite3 *db, struct kt_tree *ret, struct kt_error *err)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    if (kt_db_prepare(db, "SELECT base FROM meta", &st, err) != KT_OK)
        return kt_wrap(err, "meta");
    enum kt_status status = kt_db_step(st, err);
    if (status == KT_E_AGAIN)
        return kt_fail(err, KT_E_CORRUPT, "the row of table meta is missing");
    return status == KT_OK ? kt_tree_unpack(kt_db_col(st, 0), ret, err) : status;
}

/* The newest record is the tree's last leaf, else rows or marks were changed by hand. */
static enum kt_status check_end(struct kt_store *s, struct kt_error *err)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    if (kt_db_prepare(s->db,
                      "SELECT max(coalesce((SELECT first_seq + count - 1 FROM batch"
                      " ORDER BY first_seq DESC LIMIT 1), 0),"
                      " coalesce((SELECT last_seq FROM segment ORDER BY first_seq DESC LIMIT 1),"
                      " 0),"
                      " coalesce((SELECT max(seq) FROM control), 0))",
                      &st, err) != KT_OK ||
        kt_db_step(st, err) != KT_OK)
        return kt_wrap(err, "newest record");
    struct kt_tree base;
    uint64_t last = kt_db_col_u64(st, 0);
    if (kt_meta_base(s->db, &base, err) != KT_OK)
        return kt_wrap(err, "newest record");
    last = last > base.size ? last : base.size;
    s->first_seq = base.size + 1;
    if (last != s->tree.size)
        return kt_fail(err, KT_E_CORRUPT,
                       "the newest record is %llu, the tree has %llu leaves: run keytrail verify",
                       (unsigned long long)last, (unsigned long long)s->tree.size);
    return KT_OK;
}

static enum kt_status open_schema(struct kt_store *s, bool create, struct kt_error *err)
{
    unsigned schema = 0;
    bool none = false;
    if (kt_schema_version(s->db, &schema, err) != KT_OK ||
        kt_schema_none(s->db, &none, err) != KT_OK)
        return kt_wrap(err, "store");
    if (schema == 0 && !none)
        return kt_fail(err, KT_E_CORRUPT, "'%s' is not a keytrail store", s->file);
    if (schema == 0 && !create)
        return kt_fail(err, KT_E_AGAIN, "the store is empty");
    if (kt_db_write_ahead(s->db, err) != KT_OK)
        return kt_wrap(err, "store");
    if (schema == 0) {
        struct kt_beginning first = { 0 };
        kt_random(first.log_id, sizeof first.log_id);
        return kt_schema_make(s->db, &first, err);
    }
    if (schema != KT_DB_SCHEMA &&
        kt_schema_migrate(s->db, kt_migrations, KT_DB_SCHEMA, err) != KT_OK)
        return kt_wrap(err, "store");
    return kt_schema_check(s->db, err);
}

static enum kt_status prepare_all(struct kt_store *s, struct kt_error *err)
{
    static const char *const sql[] = {
#define X(name, text) text,
        KT_STATEMENTS(X)
#undef X
    };
    for (unsigned i = 0; i < KT_ST_COUNT; i++)
        if (kt_db_prepare(s->db, sql[i], &s->st[i], err) != KT_OK)
            return kt_wrap(err, "statement %u", i);
    return KT_OK;
}

/* The damaged files before: their records count as stored, as far as they can be read. */
static enum kt_status open_older(struct kt_store *s, struct kt_error *err)
{
    struct kt_reader *all = NULL;
    if (s->number == 1)
        return KT_OK;
    if (kt_reader_open(s->path, &all, err) != KT_OK)
        return kt_wrap(err, "store");
    s->older = all->older;
    all->older = NULL;
    kt_reader_close(all);
    return KT_OK;
}

static enum kt_status load_directory(struct kt_store *s, struct kt_error *err)
{
    if (kt_directory_load(&s->directory, s->db, err) != KT_OK)
        return kt_wrap(err, "store");
    if (s->directory.damaged == 0)
        return KT_OK;
    if (err != NULL)
        *err = s->directory.why;
    return KT_E_CORRUPT;
}

/* From here on it is known where the tree ends: what is damaged besides can be left behind. */
static enum kt_status open_parts(struct kt_store *s, const struct kt_store_options *o,
                                 struct kt_error *err)
{
    if (check_end(s, err) != KT_OK || prepare_all(s, err) != KT_OK ||
        load_directory(s, err) != KT_OK || kt_tail_load(s, err) != KT_OK ||
        open_older(s, err) != KT_OK)
        return err->code;
    s->sealer = kt_sealer_new(!o->seal_here,
                              o->segment_events == 0 ? KT_SEGMENT_EVENTS : o->segment_events);
    const struct kt_dedupe_options d = {
        .db = s->db,
        .directory = &s->directory,
        .older = s->older,
        .recent = o->dedupe_recent == 0 ? KT_DEDUPE_RECENT : o->dedupe_recent,
        .first_seq = s->first_seq,
        .next_seq = s->tree.size + 1,
        .last_time = s->sums.last_time,
    };
    return kt_dedupe_new(&d, &s->dedupe, err);
}

static enum kt_status open_db(struct kt_store *s, const struct kt_store_options *o,
                              struct kt_error *err)
{
    struct kt_db_head head;
    if (kt_db_probe(s->file, &head, err) != KT_OK)
        return kt_wrap(err, "store");
    if (!head.exists && !o->create)
        return kt_fail(err, KT_E_AGAIN, "no store at '%s'", s->file);
    if (head.exists && !head.empty && kt_db_judge(s->file, &head, true, err) != KT_OK)
        return kt_wrap(err, "store");
    if (!head.exists && (head.has_wal || head.has_shm)) /* SQLite would throw away what it has */
        return kt_fail(err, KT_E_CORRUPT,
                       "'%s' is gone, but its -wal or -shm is there: no new log is begun in its "
                       "place. With the collector stopped put it back, or restore a backup; to "
                       "begin a new log, move the -wal and -shm away",
                       s->file);
    if ((!head.exists || head.empty) && kt_db_make(s->file, err) != KT_OK)
        return kt_wrap(err, "store");
    if (kt_db_open(s->file, o->vfs, KT_DB_WRITE, &s->db, err) != KT_OK ||
        open_schema(s, o->create, err) != KT_OK)
        return kt_wrap(err, "store");
    (void)sqlite3_wal_hook(s->db, count_frames, s);
    if (set_cookie(s, KT_DB_LIVE, err) != KT_OK ||
        kt_db_place_of(s->db, &s->opened, err) != KT_OK ||
        kt_meta_read(s->db, s->log_id, &s->tree, &s->sums, err) != KT_OK)
        return kt_wrap(err, "store '%s'", s->file);
    enum kt_status status = open_parts(s, o, err);
    if (status == KT_E_CORRUPT && o->succeed) {
        const char *why = kt_strdup(err->text);
        status = kt_store_succeed(s, why, err);
        kt_free((void *)(uintptr_t)why);
        s->succeeded = status == KT_OK;
    }
    return status == KT_OK ? KT_OK : kt_wrap(err, "store '%s'", s->file);
}

static void close_file(struct kt_store *s)
{
    kt_sealer_free(s->sealer);
    kt_held_done(&s->held);
    kt_dedupe_free(s->dedupe);
    kt_reader_close(s->older);
    kt_directory_done(&s->directory);
    for (unsigned i = 0; i < KT_ST_COUNT; i++)
        kt_db_finalize(&s->st[i]);
    if (s->db != NULL) {
        int rc = sqlite3_close(s->db);
        assert(rc == SQLITE_OK); /* else a statement leaked */
        (void)rc;
    }
    s->sealer = NULL;
    s->dedupe = NULL;
    s->older = NULL;
    s->db = NULL;
    kt_free(s->file);
    s->file = NULL;
}

static void free_store(struct kt_store *s)
{
    close_file(s);
    kt_zip_free(s->zip);
    kt_sha256_free(s->sha);
    kt_buf_done(&s->packed);
    kt_buf_done(&s->text);
    kt_buf_done(&s->arrivals);
    kt_buf_done(&s->dropped);
    kt_buf_done(&s->conflicts);
    kt_buf_done(&s->nodes);
    kt_free(s->path);
    if (s->lock_fd >= 0)
        (void)close(s->lock_fd);
    kt_free(s);
}

/* The newest file of the log, or the one that it was just given. */
static enum kt_status open_newest(struct kt_store *s, const struct kt_store_options *o,
                                  struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf name = { 0 };
    s->number = kt_chain_newest(o->path);
    s->file = kt_strdup(kt_chain_name(o->path, s->number, &name));
    return open_db(s, o, err);
}

enum kt_status kt_store_open(const struct kt_store_options *o, struct kt_store **ret,
                             struct kt_error *err)
{
    struct kt_store *s = kt_alloc(sizeof *s);
    s->lock_fd = -1;
    s->path = kt_strdup(o->path);
    s->zip = kt_zip_new();
    s->sha = kt_sha256_new();
    struct kt_error why = { 0 };
    enum kt_status status = kt_store_lock(o->path, &s->lock_fd, &why);
    if (status == KT_OK)
        status = open_newest(s, o, &why);
    if (status == KT_OK && s->succeeded) {
        close_file(s);
        status = open_newest(s,
                             &(struct kt_store_options){ .path = o->path,
                                                         .vfs = o->vfs,
                                                         .dedupe_recent = o->dedupe_recent,
                                                         .segment_events = o->segment_events,
                                                         .seal_here = o->seal_here },
                             &why);
    }
    if (status != KT_OK) {
        free_store(s);
        if (err != NULL)
            *err = why;
        return status;
    }
    *ret = s;
    return KT_OK;
}

void kt_store_close(struct kt_store *s)
{
    if (s == NULL)
        return;
    kt_store_rollback(s);
    if (!s->given_up)
        kt_tail_turn(s, true); /* so that a reader of what is left behind finds a short tail */
    /* Everything first, the mark alone after it: a copy that carries the mark is whole. */
    if (!s->broken && !s->given_up &&
        sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) == SQLITE_OK)
        (void)set_cookie(s, KT_DB_CLEAN, &(struct kt_error){ 0 });
    free_store(s);
}

enum kt_status kt_store_begin(struct kt_store *s, struct kt_error *err)
{
    assert(!s->in_txn);
    if (s->broken)
        return kt_fail(err, KT_E_IO, "the store stopped writing after a failed commit");
    if (kt_db_run(s->st[KT_ST_BEGIN], err) != KT_OK)
        return kt_wrap(err, "begin");
    s->in_txn = true;
    s->torn = false;
    s->tree_before = s->tree;
    s->sums_before = s->sums;
    s->tail_before = s->tail;
    return KT_OK;
}

void kt_store_rollback(struct kt_store *s)
{
    if (!s->in_txn)
        return;
    if (!sqlite3_get_autocommit(s->db)) /* some errors have rolled back already */
        (void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    s->in_txn = false;
    s->tree = s->tree_before;
    s->sums = s->sums_before;
    s->tail = s->tail_before;
    kt_dedupe_undo(s->dedupe, s->tree_before.size + 1);
    kt_held_drop_from(&s->held, s->tree_before.size + 1);
    if (s->removed_some && kt_directory_reload(&s->directory, s->db, NULL) != KT_OK)
        s->broken = true;
    s->removed_some = false;
    s->control_last = 0;
}

static enum kt_status write_meta(struct kt_store *s, struct kt_error *err)
{
    sqlite3_stmt *st = s->st[KT_ST_META];
    kt_buf_reset(&s->packed);
    kt_tree_pack(&s->tree, &s->packed);
    kt_db_blob(st, 1, kt_buf_str(&s->packed));
    kt_db_i64(st, 2, s->sums.last_arrival);
    kt_db_u64(st, 3, s->sums.events);
    kt_db_u64(st, 4, s->sums.control);
    kt_db_u64(st, 5, s->sums.batches);
    kt_db_u64(st, 6, s->sums.duplicates);
    kt_db_u64(st, 7, s->sums.conflicts);
    kt_db_i64(st, 8, s->sums.first_time);
    kt_db_i64(st, 9, s->sums.last_time);
    kt_db_i64(st, 10, s->sums.first_arrival);
    kt_db_i64(st, 11, s->sums.newest_arrival);
    kt_db_u64(st, 12, s->sums.removed_events);
    kt_db_u64(st, 13, s->sums.removed_segments);
    return kt_store_run(s, KT_ST_META, err);
}

enum kt_status kt_store_commit(struct kt_store *s, struct kt_error *err)
{
    assert(s->in_txn);
    if (s->torn)
        return kt_fail(err, KT_E_IO, "a write of this transaction failed: it cannot be committed");
    if (write_meta(s, err) != KT_OK || kt_db_in_place(s->db, &s->opened, err) != KT_OK)
        return kt_wrap(err, "commit");
    if (kt_db_run(s->st[KT_ST_COMMIT], err) != KT_OK) {
        s->broken = true; /* the disk may or may not have it: only a new start can tell */
        return kt_wrap(err, "commit");
    }
    s->in_txn = false;
    s->removed_some = false;
    kt_tail_turn(s, false);
    return KT_OK;
}

bool kt_store_writes(const struct kt_store *s)
{
    return !s->broken && !s->torn;
}

enum kt_status kt_store_may_write(const struct kt_store *s, struct kt_error *err)
{
    if (!kt_store_writes(s))
        return kt_fail(err, KT_E_IO, "an earlier write failed");
    return KT_OK;
}

enum kt_status kt_store_run(struct kt_store *s, enum kt_statement st, struct kt_error *err)
{
    enum kt_status status = kt_db_run(s->st[st], err);
    if (status != KT_OK && s->in_txn)
        s->torn = true;
    return status;
}

enum kt_status kt_store_housekeep(struct kt_store *s, bool idle, struct kt_error *err)
{
    assert(!s->in_txn);
    if (s->seal_failed.code == KT_E_CORRUPT) {
        if (err != NULL)
            *err = s->seal_failed;
        return KT_E_CORRUPT;
    }
    if (s->broken || s->wal_frames < (idle ? WAL_FRAMES_IDLE : WAL_FRAMES_FORCED))
        return KT_OK;
    int mode =
        s->wal_frames >= WAL_FRAMES_FORCED ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE;
    (void)sqlite3_busy_timeout(s->db, 100); /* for a reader in the way; the next turn tries again */
    int rc = sqlite3_wal_checkpoint_v2(s->db, NULL, mode, NULL, NULL);
    (void)sqlite3_busy_timeout(s->db, KT_DB_BUSY_MS);
    if (rc != SQLITE_OK && rc != SQLITE_BUSY)
        return kt_db_fail(s->db, err, "checkpoint");
    if (rc == SQLITE_OK)
        s->wal_frames = 0;
    return KT_OK;
}

uint64_t kt_store_wal_bytes(const struct kt_store *s)
{
    return (uint64_t)s->wal_frames * KT_DB_PAGE;
}

uint64_t kt_store_last_seq(const struct kt_store *s)
{
    return s->tree.size;
}

const char *kt_store_file(const struct kt_store *s)
{
    return s->file;
}

void kt_store_log_id(const struct kt_store *s, uint8_t ret[16])
{
    memcpy(ret, s->log_id, 16);
}

kt_time_ns kt_store_last_arrival(const struct kt_store *s)
{
    return s->sums.last_arrival;
}
