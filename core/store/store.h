/* store: the writer's own state, shared by the .c files of core/store that make up write.h. */
#pragma once
#include "core/base/limits.h"
#include "core/store/db.h"
#include "core/store/dedupe.h"
#include "core/store/directory.h"
#include "core/store/held.h"
#include "core/store/seal.h"
#include "core/store/write.h"

/* How control records are signed off in their leaves and shown. */
#define KT_CONTROL_AGENT KT_STR("collector")

#define KT_STATEMENTS(X)                                                                           \
    X(BEGIN, "BEGIN IMMEDIATE")                                                                    \
    X(COMMIT, "COMMIT")                                                                            \
    X(META, "UPDATE meta SET tree=?1, last_arrival=?2, events=?3, control=?4, batches=?5,"         \
            " duplicates=?6, conflicts=?7, first_time=?8, last_time=?9, first_arrival=?10,"        \
            " newest_arrival=?11, removed_events=?12, removed_segments=?13")                       \
    X(RENEW, "UPDATE meta SET log_id=?1")                                                          \
    X(BATCH, "INSERT INTO batch (" KT_ROW_COLUMNS                                                  \
             ") VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19)")      \
    X(TAIL, "SELECT " KT_ROW_COLUMNS " FROM batch ORDER BY first_seq")                             \
    X(UNTAIL, "DELETE FROM batch WHERE first_seq BETWEEN ?1 AND ?2")                               \
    X(SEGMENT, "INSERT INTO segment (" KT_SEGMENT_COLUMNS                                          \
               ") VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14)")                        \
    X(UNSEGMENT, "DELETE FROM segment WHERE first_seq = ?1")                                       \
    X(UNPART, "DELETE FROM part WHERE id BETWEEN ?1 AND ?2")                                       \
    X(BOUNDS, "SELECT (SELECT min(t) FROM (SELECT min(min_time) AS t FROM segment WHERE"           \
              " min_time > 0 UNION ALL SELECT min(min_time) FROM batch WHERE min_time > 0)),"      \
              " (SELECT max(t) FROM (SELECT max(max_time) AS t FROM segment"                       \
              " UNION ALL SELECT max(max_time) FROM batch)),"                                      \
              " (SELECT min(min_arrival) FROM segment), (SELECT max(max_arrival) FROM segment)")   \
    X(CONTROL_BOUNDS, "SELECT min(arrival), max(arrival) FROM control")                            \
    X(PART, "INSERT INTO part (id,data) VALUES (?1,?2)")                                           \
    X(CONTROL, "INSERT INTO control (seq,kind,arrival,stored,leaf,line)"                           \
               " VALUES (?1,?2,?3,?4,?5,?6)")                                                      \
    X(MARK_GET, "SELECT seq, digest FROM mark WHERE agent=?1 AND incarnation=?2")                  \
    X(MARK_PUT, "INSERT INTO mark (agent,incarnation,seq,digest) VALUES (?1,?2,?3,?4)"             \
                " ON CONFLICT DO UPDATE SET seq=excluded.seq, digest=excluded.digest")             \
    X(OWNER_GET, "SELECT agent FROM owner WHERE instance=?1")                                      \
    X(OWNER_PUT, "INSERT INTO owner (instance,agent) VALUES (?1,?2) ON CONFLICT DO NOTHING")       \
    X(BLOB_PUT, "INSERT INTO blob (name,value) VALUES (?1,?2)"                                     \
                " ON CONFLICT DO UPDATE SET value=excluded.value")                                 \
    X(BLOB_DROP, "DELETE FROM blob WHERE name=?1")                                                 \
    X(STATE_PUT, "INSERT INTO state (key,tab,born,used,value) VALUES (?1,?2,?3,?4,?5)"             \
                 " ON CONFLICT DO UPDATE SET used=iif(excluded.used=0,used,excluded.used),"        \
                 " value=excluded.value")                                                          \
    X(STATE_DROP, "DELETE FROM state WHERE key=?1 AND tab=?2")                                     \
    X(STATE_CLEAR, "DELETE FROM state")                                                            \
    X(ALERT_PUT, "INSERT INTO alert (id,opened,updated,severity,json) VALUES (?1,?2,?3,?4,?5)"     \
                 " ON CONFLICT DO UPDATE SET opened=excluded.opened, updated=excluded.updated,"    \
                 " severity=excluded.severity, json=excluded.json")                                \
    X(OUTBOX_ADD, "INSERT INTO outbox (alert,target,action,state,attempts,created,next_try,"       \
                  "sent_at,last_code,last_error,alert_json)"                                       \
                  " VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)"                                   \
                  " ON CONFLICT (alert,target,action) DO UPDATE SET state=excluded.state,"         \
                  " attempts=excluded.attempts, created=excluded.created,"                         \
                  " next_try=excluded.next_try, sent_at=excluded.sent_at,"                         \
                  " last_code=excluded.last_code, last_error=excluded.last_error,"                 \
                  " alert_json=excluded.alert_json RETURNING row")                                 \
    X(OUTBOX_AGAIN, "INSERT INTO outbox (alert,target,action,state,attempts,created,next_try,"     \
                    "sent_at,last_code,last_error,alert_json)"                                     \
                    " SELECT alert,target,?3,'wait',0,?4,?4,0,0,'',alert_json FROM outbox"         \
                    " WHERE row = (SELECT max(row) FROM outbox WHERE alert=?1 AND target=?2"       \
                    " AND action <> ?3) AND action || ':' NOT GLOB ?5 || ':*' AND NOT EXISTS"      \
                    " (SELECT 1 FROM outbox"                                                       \
                    " WHERE alert=?1 AND target=?2 AND state='wait')"                              \
                    " ON CONFLICT (alert,target,action) DO UPDATE SET state='wait', attempts=0,"   \
                    " created=excluded.created, next_try=excluded.next_try,"                       \
                    " alert_json=excluded.alert_json RETURNING row")                               \
    X(OUTBOX_UPDATE, "UPDATE outbox SET state=?2, attempts=?3, next_try=?4, sent_at=?5,"           \
                     " last_code=?6, last_error=?7 WHERE row=?1")                                  \
    /* found by alert: other indexes would walk over all that waits */                             \
    X(OUTBOX_OF,                                                                                   \
      "SELECT o.row,o.alert,o.target,o.action,o.state,o.attempts,o.created,o.next_try,"            \
      "o.sent_at,o.last_code,o.last_error,coalesce(a.severity,0),o.alert_json"                     \
      " FROM outbox w CROSS JOIN outbox o ON o.alert = w.alert AND o.target = w.target"            \
      " LEFT JOIN alert a ON a.id = o.alert WHERE w.row=?1 AND +o.row > ?2 AND +o.row <= ?1"       \
      " AND +o.state = 'wait' ORDER BY +o.row LIMIT 1")
enum kt_statement {
#define X(name, sql) KT_ST_##name,
    KT_STATEMENTS(X)
#undef X
        KT_ST_COUNT
};

struct kt_sums { /* table meta, but for the log id and the tree */
    kt_time_ns last_arrival;
    uint64_t events, control, batches, duplicates, conflicts;
    kt_time_ns first_time, last_time, first_arrival, newest_arrival;
    uint64_t removed_events, removed_segments; /* by retention */
};
KT_MUST_USE enum kt_status kt_meta_read(sqlite3 *db, uint8_t ret_log_id[16],
                                        struct kt_tree *ret_tree, struct kt_sums *ret,
                                        struct kt_error *err);

/* The tree as it was when this file began. */
KT_MUST_USE enum kt_status kt_meta_base(sqlite3 *db, struct kt_tree *ret, struct kt_error *err);

struct kt_tail { /* what is not in a segment; the first row's stamp tells when a month ends */
    uint64_t events, bytes;
    kt_time_ns first_stored, last_stored;
};

struct kt_store {
    sqlite3 *db;
    char *path; /* of the log; the lock is beside it */
    char *file; /* that is written, and which of the log's files that is */
    unsigned number;
    struct kt_db_place opened; /* of that file and its -wal, as they were opened */
    uint64_t first_seq;        /* of this file */
    struct kt_reader *older;   /* the files before it; NULL: none that can be read */
    bool succeeded;            /* opening found it damaged: the next file is there */
    bool given_up;             /* damaged: nothing is written any more, not even a checkpoint */
    int lock_fd;
    sqlite3_stmt *st[KT_ST_COUNT];
    uint8_t log_id[16];

    struct kt_tree tree, tree_before; /* now, and when the transaction began */
    struct kt_sums sums, sums_before;
    struct kt_tail tail, tail_before;
    kt_time_ns stored_floor;
    int64_t outbox_added;                   /* lowest row added since somebody asked; 0: none */
    kt_time_ns control_first, control_last; /* arrivals; 0, 0: to be asked for */
    bool removed_some; /* in this transaction: undoing it brings segments back */
    bool in_txn;
    bool torn;      /* a write of this transaction failed: it can only be rolled back */
    bool broken;    /* a commit failed: nothing is written any more (D1) */
    int wal_frames; /* waiting for a checkpoint */

    struct kt_directory directory;
    struct kt_sealer *sealer;
    struct kt_held held;         /* of the tail, committed or in this transaction */
    struct kt_error seal_failed; /* of the last turn; KT_E_CORRUPT: nothing is sealed any more */
    struct kt_dedupe *dedupe;
    struct kt_zip *zip;
    struct kt_sha256 *sha;
    struct kt_cover cover;
    struct kt_buf packed, text, arrivals, dropped, conflicts, nodes;
    uint8_t fate[KT_BATCH_EVENTS_MAX];
    uint64_t seq[KT_BATCH_EVENTS_MAX];
    uint32_t place[KT_BATCH_EVENTS_MAX]; /* of the i-th kept line in the batch as it came */
};

/* Sums what a record's arrival changes. */
void kt_store_saw(struct kt_store *s, kt_time_ns arrival);

KT_MUST_USE enum kt_status kt_merges_read(sqlite3 *db, uint64_t *ret, struct kt_error *err);

/* ---- tail.c ---- */
int64_t kt_month_of(kt_time_ns t);
/* Inside a transaction: a row of table segment, and the parts that were built. */
KT_MUST_USE enum kt_status kt_store_insert(struct kt_store *s, const struct kt_segment *head,
                                           const struct kt_built *b, struct kt_error *err);
KT_MUST_USE enum kt_status kt_tail_load(struct kt_store *s, struct kt_error *err);
void kt_tail_add(struct kt_store *s, uint64_t events, uint64_t bytes, kt_time_ns stored);
/* After a commit. What goes wrong is in seal_failed: what was to be committed is, a segment can
 * wait. wait: until all that makes a segment is in one. */
void kt_tail_turn(struct kt_store *s, bool wait);
/* Refuses to write outside a transaction's good course; for the head of every writing call. */
KT_MUST_USE enum kt_status kt_store_may_write(const struct kt_store *s, struct kt_error *err);
/* Runs a writing statement; a failure tears the transaction. */
KT_MUST_USE enum kt_status kt_store_run(struct kt_store *s, enum kt_statement st,
                                        struct kt_error *err);
/* path-lock, held until the descriptor is closed. */
KT_MUST_USE enum kt_status kt_store_lock(const char *path, int *ret_fd, struct kt_error *err);

/* What an alert's own record in the log says of its row: so that a changed or a removed row shows.
 */
void kt_alert_digest(struct kt_str id, kt_time_ns opened, kt_time_ns updated, int64_t severity,
                     struct kt_str json, uint8_t ret[32]);

/* Shared with readers. */
KT_MUST_USE enum kt_status kt_blob_get(sqlite3 *db, const char *name, struct kt_buf *ret,
                                       struct kt_error *err);
KT_MUST_USE enum kt_status kt_blob_each(sqlite3 *db, const char *prefix,
                                        enum kt_status (*each)(void *self, const char *name,
                                                               struct kt_str value,
                                                               struct kt_error *err),
                                        void *self, struct kt_error *err);
KT_MUST_USE enum kt_status kt_outbox_of(sqlite3 *db, const char *alert,
                                        enum kt_status (*each)(void *self,
                                                               const struct kt_outbox_row *row,
                                                               struct kt_error *err),
                                        void *self, struct kt_error *err);
KT_MUST_USE enum kt_status kt_alert_find(sqlite3 *db, struct kt_str prefix, struct kt_buf *ret_json,
                                         struct kt_alert_found *ret, struct kt_error *err);
/* Rows of the outbox from number `from` on: all; those that wait and are new; all that wait. */
enum kt_outbox_which { KT_OUTBOX_ALL, KT_OUTBOX_NEW, KT_OUTBOX_WAITING };
KT_MUST_USE enum kt_status kt_outbox_each(sqlite3 *db, enum kt_outbox_which which, int64_t from,
                                          enum kt_status (*each)(void *self,
                                                                 const struct kt_outbox_row *row,
                                                                 struct kt_error *err),
                                          void *self, struct kt_error *err);
