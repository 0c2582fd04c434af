/*
 * write: the one writer's door to the store. Collector and import only. One transaction at a time
 * holds events, control records, sequence marks, tree frontier, detector state, alerts and outbox
 * rows.
 */
#pragma once
#include "core/event/parsed.h"
#include "core/store/tree.h"

enum kt_origin {
    KT_ORIGIN_LIVE = 0,
    KT_ORIGIN_IMPORT = 1,
    KT_ORIGIN_FEED = 2,
    KT_ORIGIN_CONTROL = 3
};

struct kt_store;
struct kt_store_options {
    const char *path;
    bool create;
    const char *vfs;         /* NULL = default; tests pass a faulty one */
    size_t dedupe_recent;    /* ids held in memory; 0 = KT_DEDUPE_RECENT */
    uint32_t segment_events; /* a segment closes at so many; 0 = 4,096. Tests make small ones */
    bool seal_here;          /* segments are made by the caller's thread: the same each time */
    bool succeed;            /* a damaged file is left behind: the log goes on in the next one */
};
/* Takes the writer's lock (path-lock file, flock): KT_E_DENIED with the holder named when another
 * process has it. Creates, migrates (writes a backup mark first) or refuses a newer schema. WAL,
 * FULL, persistent WAL (DESIGN §6, THREATS D1-D4). */
KT_MUST_USE enum kt_status kt_store_open(const struct kt_store_options *o, struct kt_store **ret,
                                         struct kt_error *err);
/* TRUNCATE checkpoint, clean-stop mark, lock released. Uncommitted work is rolled back. */
void kt_store_close(struct kt_store *s);

/*
 * The file is damaged (a call said KT_E_CORRUPT): makes the next file of the log, whose tree goes
 * on where this one's last commit ended, with marks, owners, blobs, alerts and outbox as far as
 * they can be read. Nothing is written to this file any more; close, then open again. why: kept in
 * the new file as the blob "succeeded", for the log. KT_E_LIMIT: nothing was stored since the last
 * time, or there are nine files: somebody must look at the disk.
 */
#define KT_SUCCEEDED_BLOB "succeeded"
KT_MUST_USE enum kt_status kt_store_succeed(struct kt_store *s, const char *why,
                                            struct kt_error *err);
const char *kt_store_file(const struct kt_store *s); /* the file that is written */

KT_MUST_USE enum kt_status kt_store_begin(struct kt_store *s, struct kt_error *err);
/* Synced when it returns KT_OK. An I/O error here means: exit without ack (D1). */
KT_MUST_USE enum kt_status kt_store_commit(struct kt_store *s, struct kt_error *err);
void kt_store_rollback(struct kt_store *s);
/* False: a write failed, and what is open can only be rolled back, or nothing is written any more.
 */
bool kt_store_writes(const struct kt_store *s);

struct kt_store_batch {
    struct kt_str agent;        /* "import" and "feed" too */
    const uint8_t *incarnation; /* 16; NULL for imports */
    uint64_t batch_seq;         /* 0 for imports */
    const uint8_t *digest;      /* 32, NULL for imports */
    const uint8_t *signature;   /* 64, NULL for imports */
    enum kt_origin origin;
    kt_time_ns stored;             /* this collector's clock */
    const kt_time_ns *arrival;     /* n of them */
    struct kt_str lines;           /* each ended by '\n' */
    struct kt_str packed;          /* their zstd frame as it came; empty = the store packs */
    struct kt_parsed *parsed;      /* the same lines as whoever seals may share them; or NULL */
    const struct kt_event *events; /* n parsed lines, same order; strings may borrow from lines */
    const struct kt_str *line;     /* n spans inside lines, without '\n' */
    const uint8_t (*hashes)[32];   /* n line hashes */
    uint32_t n;
};
#define KT_LOOKUP_SEGMENT 64u
struct kt_store_result {
    uint64_t first_seq; /* of the first stored line; 0 when none was */
    uint32_t stored, duplicates, conflicts;
    kt_time_ns stored_at; /* the batch's, raised where the store's own is later */
    /* What it took to look for older copies: 1 for each filter read (8 KiB), KT_LOOKUP_SEGMENT
     * for the lines of a segment (some milliseconds). For a budget of whoever sent them. */
    uint32_t lookups;
    uint8_t *fate; /* n entries, owned by the store until the next append: enum kt_fate */
    uint64_t *seq; /* n entries, 0 for duplicates; same ownership */
};
enum kt_fate { KT_FATE_STORED, KT_FATE_DUPLICATE, KT_FATE_CONFLICT /* stored and flagged */ };
/* Only inside begin/commit. Dedupes, gives seqs, appends leaves, moves the agent's mark. */
KT_MUST_USE enum kt_status kt_store_append(struct kt_store *s, const struct kt_store_batch *b,
                                           struct kt_store_result *ret, struct kt_error *err);
/* One control record (tick, fact, config, decision, hold, key, audit): its line is written from ev.
 * Returns its seq. */
KT_MUST_USE enum kt_status kt_store_control(struct kt_store *s, struct kt_event *ev,
                                            kt_time_ns arrival, kt_time_ns stored,
                                            uint64_t *ret_seq, struct kt_error *err);

/* ---- retention: whole segments, the oldest first ---- */
struct kt_old { /* a sealed run of records */
    uint64_t first_seq, last_seq;
    uint32_t events;
    kt_time_ns min_time, max_time;     /* of its events; 0, 0: none has one */
    kt_time_ns min_stored, max_stored; /* max: of it and of all before it */
    bool untimed;                      /* some event has no time */
};
/* From now on `stored` is no earlier than this, whatever the clock says: a clock that was set back
 * must make nobody look old. */
void kt_store_not_before(struct kt_store *s, kt_time_ns stored);
/* The first segment with a number of from_seq or more; KT_E_AGAIN when there is none. */
KT_MUST_USE enum kt_status kt_store_old(const struct kt_store *s, uint64_t from_seq,
                                        struct kt_old *ret, struct kt_error *err);
/* Inside begin/commit: takes the segment out for good and writes the tombstones that keep its place
 * in the tree, as control records of that time. reason: a short sentence. */
KT_MUST_USE enum kt_status kt_store_remove(struct kt_store *s, uint64_t first_seq,
                                           struct kt_str reason, kt_time_ns now,
                                           struct kt_error *err);

struct kt_mark { /* newest committed batch of one spool */
    uint64_t seq;
    uint8_t digest[32];
};
/* Zeroed when nothing is known. */
KT_MUST_USE enum kt_status kt_store_mark(struct kt_store *s, struct kt_str agent,
                                         const uint8_t incarnation[16], struct kt_mark *ret,
                                         struct kt_error *err);
/* Which agent first used a source instance ("vault/vault-prod"); *ret_agent is empty when none.
 * kt_store_claim records the first use. */
KT_MUST_USE enum kt_status kt_store_owner(struct kt_store *s, struct kt_str instance,
                                          struct kt_buf *ret_agent, struct kt_error *err);
KT_MUST_USE enum kt_status kt_store_claim(struct kt_store *s, struct kt_str instance,
                                          struct kt_str agent, struct kt_error *err);

uint64_t kt_store_last_seq(const struct kt_store *s); /* committed or in this transaction */
void kt_store_log_id(const struct kt_store *s, uint8_t ret[16]);
/* The record that tells of kt_store_renew, in the same transaction: raw has "store_log" and "log",
 * the old and the new id as 32 hex digits, and "size", how many records go on. */
#define KT_RENEWED_OPERATION "log.renewed"
/* Inside a transaction: another id for the log, which goes on as it is (docs/store.md "After a
 * restore"). Commit, close and open again: readers and this handle have the old one. KT_E_INPUT:
 * the log lies in more than one file. */
KT_MUST_USE enum kt_status kt_store_renew(struct kt_store *s, const uint8_t log_id[16],
                                          struct kt_error *err);
/* Newest arrival stamp given to live records: live arrival never goes back. */
kt_time_ns kt_store_last_arrival(const struct kt_store *s);

/* Named blobs: detector snapshots and the like. An empty value removes it. */
KT_MUST_USE enum kt_status kt_store_put(struct kt_store *s, const char *name, struct kt_str value,
                                        struct kt_error *err);
KT_MUST_USE enum kt_status kt_store_get(struct kt_store *s, const char *name, struct kt_buf *ret,
                                        struct kt_error *err); /* KT_E_AGAIN: none */
/* All names that start with prefix. */
KT_MUST_USE enum kt_status kt_store_each(struct kt_store *s, const char *prefix,
                                         enum kt_status (*each)(void *self, const char *name,
                                                                struct kt_str value,
                                                                struct kt_error *err),
                                         void *self, struct kt_error *err);
/* Alerts that have a blob "<prefix><alert>", those that changed last first, at most max. The
 * callback writes nothing. */
KT_MUST_USE enum kt_status kt_store_alert_blobs(
    struct kt_store *s, const char *prefix, unsigned max,
    enum kt_status (*each)(void *self, const char *alert, struct kt_error *err), void *self,
    struct kt_error *err);

/* Entries of the detectors' tables: small structs by table and key, numbered by creation and by
 * use. Put is insert, or a new value for the key: then `born` stays, and `used` where it is 0. */
#define KT_STATE_KEY 16
struct kt_state_row {
    uint8_t table;
    uint8_t key[KT_STATE_KEY];
    uint64_t born, used; /* at most INT64_MAX */
    struct kt_str value; /* not empty */
};
KT_MUST_USE enum kt_status kt_store_state_put(struct kt_store *s, const struct kt_state_row *row,
                                              struct kt_error *err);
KT_MUST_USE enum kt_status kt_store_state_drop(struct kt_store *s, uint8_t table,
                                               const uint8_t key[KT_STATE_KEY],
                                               struct kt_error *err);
KT_MUST_USE enum kt_status kt_store_state_clear(struct kt_store *s, struct kt_error *err);

/* The operation of the audit record that each change of an alert's row leaves in the log. */
#define KT_ALERT_OPERATION "alert"
/* Alerts: the row is a JSON document (collector/alert.h makes it), keyed by its 26-character id. */
KT_MUST_USE enum kt_status kt_store_alert_put(struct kt_store *s, const char *id, kt_time_ns opened,
                                              kt_time_ns updated, int severity, struct kt_str json,
                                              struct kt_error *err);
#define KT_ALERT_PREFIX_MIN 4u
struct kt_alert_found {
    char id[27];
    kt_time_ns opened, updated; /* stamps of its first and its newest version */
};
/* The one whose id begins with prefix, 4 characters at least, by the index on ids. KT_E_INPUT says
 * that there is none, or more than one. Inside a transaction: what it has written is seen. */
KT_MUST_USE enum kt_status kt_store_alert_find(struct kt_store *s, struct kt_str prefix,
                                               struct kt_buf *ret_json, struct kt_alert_found *ret,
                                               struct kt_error *err);
/* Outbox: one row an (alert, target, action). Put is insert or replace by key. */
struct kt_outbox_row {
    int64_t row; /* 0 = new */
    char alert[32];
    char target[64];
    char action[24]; /* trigger, update, test … */
    char state[12];  /* wait, sent, dead; held, skipped: nobody is told */
    uint32_t attempts;
    kt_time_ns created, next_try, sent_at;
    int last_code;
    char last_error[200];
    char handle[192]; /* no column: what the target calls its message of the alert (deliver.c) */
    int severity;     /* of its alert as the store has it now; read, never written */
};
/* body: what will be sent to the renderer: the alert's JSON at that moment. */
KT_MUST_USE enum kt_status kt_store_outbox_add(struct kt_store *s, struct kt_outbox_row *row,
                                               struct kt_str alert_json, struct kt_error *err);
/* A row with this action that says what the target's newest row of the alert says; nothing when one
 * waits already, or the newest is `but` or `but:…`. *ret_added says which. */
struct kt_outbox_again {
    const char *alert, *target, *action, *but;
    kt_time_ns now;
};
KT_MUST_USE enum kt_status kt_store_outbox_again(struct kt_store *s,
                                                 const struct kt_outbox_again *a, bool *ret_added,
                                                 struct kt_error *err);
KT_MUST_USE enum kt_status kt_store_outbox_update(struct kt_store *s,
                                                  const struct kt_outbox_row *row,
                                                  struct kt_error *err);
/* Rows of one alert, in their order; stops when each() returns KT_E_AGAIN. The callback writes no
 * row. */
KT_MUST_USE enum kt_status kt_store_outbox_of(
    struct kt_store *s, const char *alert,
    enum kt_status (*each)(void *self, const struct kt_outbox_row *row, struct kt_error *err),
    void *self, struct kt_error *err);
/* The document that each target had of an alert at a time, one a target: the newest that was
 * delivered by then, or else the first within KT_OUTBOX_CLOCKS after it, as whose time it is may be
 * behind ours. Targets that had none are passed over. Stops when each() returns KT_E_AGAIN; it
 * writes no row. */
#define KT_OUTBOX_CLOCKS KT_NS_MIN
KT_MUST_USE enum kt_status kt_store_outbox_said(
    struct kt_store *s, const char *alert, kt_time_ns at,
    enum kt_status (*each)(void *self, const char *target, struct kt_str alert_json,
                           struct kt_error *err),
    void *self, struct kt_error *err);
/* The documents of all rows of an alert, delivered or not, in the same way. */
KT_MUST_USE enum kt_status kt_store_outbox_written(struct kt_store *s, const char *alert,
                                                   enum kt_status (*each)(void *self,
                                                                          const char *target,
                                                                          struct kt_str alert_json,
                                                                          struct kt_error *err),
                                                   void *self, struct kt_error *err);
/* Rows in state wait from number `from` on (0: all), by number, without the alert's text; the
 * callback changes no row. From a number on, all younger rows are looked at. */
KT_MUST_USE enum kt_status kt_store_outbox_waiting(
    struct kt_store *s, int64_t from,
    enum kt_status (*each)(void *self, const struct kt_outbox_row *row, struct kt_error *err),
    void *self, struct kt_error *err);
/* Every row that is kept, whatever its state: for what a person asks, not for each turn. */
KT_MUST_USE enum kt_status kt_store_outbox_all(
    struct kt_store *s,
    enum kt_status (*each)(void *self, const struct kt_outbox_row *row, struct kt_error *err),
    void *self, struct kt_error *err);
/* The lowest number of a row that kt_store_outbox_add has written since this was last called; 0:
 * none. */
int64_t kt_store_outbox_added(struct kt_store *s);
/* This row and the older ones of the same alert and target, those in state wait, oldest first, with
 * the alert's text; the callback may change the row it is given. */
KT_MUST_USE enum kt_status kt_store_outbox_up_to(
    struct kt_store *s, int64_t row,
    enum kt_status (*each)(void *self, const struct kt_outbox_row *row, struct kt_str alert_json,
                           struct kt_error *err),
    void *self, struct kt_error *err);
/* Held rows wait for their writer to make them wait for the outbox; skipped ones for nothing: what
 * they would have said had become needless. */
#define KT_OUTBOX_HELD    "held"
#define KT_OUTBOX_SKIPPED "skipped"
bool kt_outbox_speaks(const struct kt_outbox_row *row); /* neither of these */
/* The next alert after id, in the order of ids, that has rows; "" is before the first. KT_E_AGAIN:
 * that was the last. */
KT_MUST_USE enum kt_status kt_store_outbox_next(struct kt_store *s, char id[32],
                                                struct kt_error *err);
/* Bytes that wait in the -wal file for a checkpoint: more than 64 MiB when a reader holds a
 * snapshot (D4). */
uint64_t kt_store_wal_bytes(const struct kt_store *s);
/* PASSIVE checkpoint when idle, forced at 64 MiB of WAL; the engine calls it when its queue is
 * empty. */
KT_MUST_USE enum kt_status kt_store_housekeep(struct kt_store *s, bool idle, struct kt_error *err);
