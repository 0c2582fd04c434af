/*
 * read: everyone's door to the store. Read-only connection, snapshot per cursor, works beside a
 * running collector and on a backup.
 */
#pragma once
#include "core/event/event.h"
#include "core/store/columns.h"
#include "core/store/filter.h"
#include "core/store/tree.h"
#include "core/store/write.h"

unsigned kt_store_schema(void);    /* that this program writes */
const char *kt_store_engine(void); /* version of SQLite: "3.40.1" */

struct kt_reader;
/* KT_E_AGAIN when the file is not there; KT_E_CORRUPT/KT_E_CONFIG names a damaged file or a newer
 * schema. */
KT_MUST_USE enum kt_status kt_reader_open(const char *path, struct kt_reader **ret,
                                          struct kt_error *err);
void kt_reader_close(struct kt_reader *r);
/* Has another file come to where the store is, or has it another log's id, or fewer records than
 * when this was asked last: after a restore? Then nothing that was kept of it holds, and it is to
 * be opened anew. For whoever keeps a reader, before each question. */
bool kt_reader_replaced(struct kt_reader *r);

struct kt_record { /* one stored record; views live until the next kt_cursor_next */
    uint64_t seq;
    kt_time_ns arrival, stored;
    enum kt_origin origin;
    struct kt_str agent, line;
    struct kt_event ev; /* the parsed line */
    bool conflict;      /* same id as an earlier record, other access */
};
/*
 * What must hold of every record that is asked for. A sieve is a necessary condition on one column
 * or one filter; a scan has all of its sieves joined by AND. The store uses them to skip segments
 * and lines; whoever asks still judges the records that come, unless column sieves say it all.
 */
struct kt_sieve {
    enum kt_col column; /* KT_COL_NONE: `keys` alone */
    /* May a record with this value match? Small columns: number, else text (ip: 16 bytes), empty
     * when absent. Asked once a value of a segment, not once a record. */
    bool (*fits)(const void *self, struct kt_str text, int64_t number);
    const void *self;
    /* One of these must occur in the segment; none: no filter helps. */
    enum kt_filter filter;
    const struct kt_sought *keys;
    unsigned n_keys;
    /* How, when the values that fit are those of the keys and no others: then the keys rise
     * (kt_column_seek) and are looked up, and `fits` is asked only where there is no column yet. */
    enum kt_seek seek;
};
enum kt_detail {                  /* of each record */
                 KT_DETAIL_EVENT, /* its line and what that says */
                 KT_DETAIL_LINE,  /* its line; ev stays as it is, so no window of times can be asked
                                     for */
                 KT_DETAIL_HEAD,  /* no line; of ev kind and time alone, out of columns */
                 KT_DETAIL_ROW,   /* as HEAD, and its line. Sieves on columns are asked of the tail,
                                     too: where these say all of a question nothing is left to judge
                                   */
};
struct kt_damage { /* what a walk had to leave out */
    unsigned places;
    struct kt_error first;
};
struct kt_span { /* [since, until) */
    kt_time_ns since, until;
};
struct kt_scan {
    uint64_t from_seq, until_seq; /* inclusive; until 0 = all */
    kt_time_ns since,
        until; /* event time [since, until); 0 = open. Batches outside are not opened. */
    /* Rising and apart: event time in one of them too; none: anywhere. For whoever looks at many
     * short times in one walk. Borrowed while the cursor lives. */
    const struct kt_span *span;
    unsigned n_spans;
    bool newest_first;
    /* Of the records that have the same two values of two sieves only the earliest is wanted: where
     * the store knows its segment others may be left out (together.h). */
    bool earliest;
    bool control;                 /* control records too, merged by seq */
    bool records;                 /* event lines (else control only) */
    enum kt_detail detail;        /* of cursors; control records are given whole, or as lines */
    enum kt_kind control_kind;    /* control records of this kind only; 0 = all */
    const struct kt_sieve *sieve; /* on event records only; borrowed while the cursor lives */
    unsigned n_sieves;
    const struct kt_str *needle; /* bytes that each line must contain; the same */
    unsigned n_needles;
    /* Asked before each segment or batch: true ends the walk with KT_E_LIMIT. For deadlines, and
     * for people who have seen enough. NULL: never. */
    bool (*give_up)(void *self);
    void *give_up_self;
    /* Damaged parts of the store are counted here and left behind; NULL: each is told with
     * KT_E_CORRUPT. Borrowed. */
    struct kt_damage *damage;
    /* Walks over columns: arrivals are unpacked where a record may have come more than this after
     * its event. 0: never. */
    kt_time_ns late_after;
};
/* Is this a damaged place that the scan goes on behind? It is counted then. */
bool kt_scan_passes(const struct kt_scan *scan, enum kt_status status, const struct kt_error *err);

struct kt_cursor;
/* All of a cursor is one snapshot: records stored after it was opened are not seen. It holds no
 * lock, so it may be kept open. Records whose event has no time are judged by their arrival. */
KT_MUST_USE enum kt_status kt_cursor_open(struct kt_reader *r, const struct kt_scan *scan,
                                          struct kt_cursor **ret, struct kt_error *err);
/* KT_E_AGAIN at the end. A damaged batch is KT_E_CORRUPT with its seq range; the next call goes on
 * behind it. */
KT_MUST_USE enum kt_status kt_cursor_next(struct kt_cursor *c, struct kt_record *ret,
                                          struct kt_error *err);
/* From now on only records from since on: whoever keeps the newest few tells as they come. */
void kt_cursor_since(struct kt_cursor *c, kt_time_ns since);
void kt_cursor_free(struct kt_cursor *c);

/*
 * A walk over columns: for questions that count. Lines of segments stay closed; of the few records
 * that are not in a segment yet columns are made on the way. Forwards only, event records only.
 */
struct kt_view { /* some records; all of it lives until the next kt_columns_next */
    const struct kt_columns *columns; /* those asked for are filled */
    const kt_time_ns *time;           /* of the event, else its arrival; NULL unless asked for */
    const kt_time_ns *arrival;        /* NULL: none came later than scan.late_after */
    const uint32_t *pick;             /* rows that pass the window and every column sieve, rising */
    uint32_t picks;
};
struct kt_columns_scan;
/* columns: KT_COLUMN()s. Sieves without a column and needles only narrow the segments: ask
 * kt_query_exact first. */
KT_MUST_USE enum kt_status kt_columns_open(struct kt_reader *r, const struct kt_scan *scan,
                                           uint32_t columns, bool time,
                                           struct kt_columns_scan **ret, struct kt_error *err);
/* KT_E_AGAIN at the end; KT_E_CORRUPT as kt_cursor_next. */
KT_MUST_USE enum kt_status kt_columns_next(struct kt_columns_scan *s, struct kt_view *ret,
                                           struct kt_error *err);
void kt_columns_scan_free(struct kt_columns_scan *s);

/* What a walk had to open, for --explain and budgets. */
struct kt_scan_cost {
    uint32_t segments, skipped_time, skipped_filter, opened; /* of those there are */
    uint32_t batches;                                        /* of the tail */
    uint64_t lines, bytes;                                   /* lines handed out; bytes unpacked */
};
void kt_cursor_cost(const struct kt_cursor *c, struct kt_scan_cost *ret);
void kt_columns_cost(const struct kt_columns_scan *s, struct kt_scan_cost *ret);

struct kt_store_stats {
    uint64_t records, events, control, batches, duplicates, conflicts, file_bytes;
    kt_time_ns first_time, last_time, first_arrival, last_arrival;
    kt_time_ns last_stored; /* newest stamp; 0: nothing is stored */
    uint64_t segments, removed_events, removed_segments;
    unsigned damaged_files; /* before the one that is written */
    uint8_t log_id[16];
    unsigned schema;
};
KT_MUST_USE enum kt_status kt_reader_stats(struct kt_reader *r, struct kt_store_stats *ret,
                                           struct kt_error *err);
KT_MUST_USE enum kt_status kt_reader_get(struct kt_reader *r, const char *name, struct kt_buf *ret,
                                         struct kt_error *err);
/* Which agent sends a source instance ("vault/vault-prod"); KT_E_AGAIN: it came by import. */
KT_MUST_USE enum kt_status kt_reader_owner(struct kt_reader *r, struct kt_str instance,
                                           struct kt_buf *ret_agent, struct kt_error *err);
/* Every instance that an agent sends, and that agent. */
KT_MUST_USE enum kt_status kt_reader_owners(struct kt_reader *r,
                                            void (*each)(void *self, struct kt_str instance,
                                                         struct kt_str agent),
                                            void *self, struct kt_error *err);
KT_MUST_USE enum kt_status kt_reader_each(struct kt_reader *r, const char *prefix,
                                          enum kt_status (*each)(void *self, const char *name,
                                                                 struct kt_str value,
                                                                 struct kt_error *err),
                                          void *self, struct kt_error *err);
/* Adds the value of one entry of the detectors' tables, as it is committed now. KT_E_CORRUPT: it is
 * not there. */
KT_MUST_USE enum kt_status kt_reader_state(struct kt_reader *r, uint8_t table,
                                           const uint8_t key[KT_STATE_KEY], struct kt_buf *ret,
                                           struct kt_error *err);
/* All entries, without their values, in no order that means anything. */
KT_MUST_USE enum kt_status kt_reader_states(struct kt_reader *r,
                                            void (*each)(void *self,
                                                         const struct kt_state_row *row),
                                            void *self, struct kt_error *err);
/* Newest first; stops when each() returns KT_E_AGAIN. */
KT_MUST_USE enum kt_status kt_reader_alerts(struct kt_reader *r,
                                            enum kt_status (*each)(void *self, const char *id,
                                                                   struct kt_str json,
                                                                   struct kt_error *err),
                                            void *self, struct kt_error *err);
/* As kt_store_alert_find and kt_store_outbox_of. */
KT_MUST_USE enum kt_status kt_reader_alert_find(struct kt_reader *r, struct kt_str prefix,
                                                struct kt_buf *ret_json, struct kt_alert_found *ret,
                                                struct kt_error *err);
KT_MUST_USE enum kt_status kt_reader_outbox_of(
    struct kt_reader *r, const char *alert,
    enum kt_status (*each)(void *self, const struct kt_outbox_row *row, struct kt_error *err),
    void *self, struct kt_error *err);
/* One alert's document as it is now; ret_digest is what the record of its last change in the log
 * says (raw.digest of an audit record with operation KT_ALERT_OPERATION and its id as native id).
 * KT_E_AGAIN: there is none. */
KT_MUST_USE enum kt_status kt_reader_alert(struct kt_reader *r, struct kt_str id,
                                           struct kt_buf *ret_json, uint8_t ret_digest[32],
                                           struct kt_error *err);
KT_MUST_USE enum kt_status kt_reader_outbox(struct kt_reader *r,
                                            enum kt_status (*each)(void *self,
                                                                   const struct kt_outbox_row *row,
                                                                   struct kt_error *err),
                                            void *self, struct kt_error *err);

/* verify: re-derives every line hash, leaf and the root from the lines, checks batch digests and
 * structure, and tells what does not fit. */
enum kt_fault { KT_FAULT_TAMPERED, KT_FAULT_UNREADABLE };
/* The tree at a size that somebody holds a checkpoint of, as the lines give it. */
struct kt_verify_head {
    uint64_t size;
    enum kt_verify_at {
        KT_VERIFY_AHEAD,  /* the log has fewer records, or the way there is broken */
        KT_VERIFY_ROOT,   /* root is what the lines give */
        KT_VERIFY_REMOVED /* retention took records there: no root of exactly this size */
    } at;
    uint8_t root[32];
};
struct kt_verify_options {
    /* Records before this number are not read: they stand in the tree by the hashes that are kept
     * for them, and what needs every record (sums, marks, alerts) is left out. 0 and 1: everything;
     * else the number behind a segment. */
    uint64_t from;
    /* Called with a sentence for each thing found (at most 100); NULL: only counted. */
    void (*problem)(void *self, enum kt_fault fault, const char *sentence);
    /* Looks an agent's public keys up, up to max, for the signatures; NULL: not checked. */
    unsigned (*signing_key)(void *self, struct kt_str agent, uint8_t (*ret)[32], unsigned max);
    void *self;
    struct kt_verify_head *heads; /* sizes rising, the rest is filled */
    unsigned n_heads;
};
struct kt_verify_result {
    uint64_t records, batches, signed_batches;
    uint64_t removed; /* events that retention took: their place in the tree is kept */
    uint64_t size;    /* of the tree: the newest record's number */
    uint8_t root[32], log_id[16];
    unsigned problems, unreadable; /* all of them; those that could not be read */
    bool ok;
};
KT_MUST_USE enum kt_status kt_reader_verify(struct kt_reader *r, const struct kt_verify_options *o,
                                            struct kt_verify_result *ret, struct kt_error *err);
