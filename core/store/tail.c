/*
 * tail: batches that are not in a segment yet, and their way into one.
 *
 * Owns:  nothing beyond struct kt_store.
 * Calls: core/base, core/store (seal, segment).
 * Holds: the transaction that puts a segment in takes its batches out, and does nothing else; only
 *        committed batches are sealed.
 */
#include "core/store/store.h"

#include <assert.h>

/* Month of a time, counted from year 0, UTC (Howard Hinnant, "chrono-compatible low-level date
 * algorithms"). */
int64_t kt_month_of(kt_time_ns t)
{
    int64_t days = t / KT_NS_DAY + 719468;
    int64_t era = days / 146097, doe = days % 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    return 12 * (yoe + era * 400) + mp;
}

enum kt_status kt_tail_load(struct kt_store *s, struct kt_error *err)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    if (kt_db_prepare(s->db,
                      "SELECT coalesce(sum(count), 0), coalesce(sum(bytes), 0),"
                      " coalesce((SELECT stored FROM batch ORDER BY first_seq LIMIT 1), 0),"
                      " coalesce((SELECT stored FROM batch ORDER BY first_seq DESC LIMIT 1), 0)"
                      " FROM batch",
                      &st, err) != KT_OK ||
        kt_db_step(st, err) != KT_OK)
        return kt_wrap(err, "tail");
    s->tail = (struct kt_tail){ .events = kt_db_col_u64(st, 0),
                                .bytes = kt_db_col_u64(st, 1),
                                .first_stored = kt_db_col_i64(st, 2),
                                .last_stored = kt_db_col_i64(st, 3) };
    return KT_OK;
}

void kt_tail_add(struct kt_store *s, uint64_t events, uint64_t bytes, kt_time_ns stored)
{
    if (s->tail.events == 0)
        s->tail.first_stored = stored;
    s->tail.events += events;
    s->tail.bytes += bytes;
    s->tail.last_stored = stored;
}

static bool month_turned(const struct kt_tail *t)
{
    return t->events > 0 && kt_month_of(t->first_stored) != kt_month_of(t->last_stored);
}

/* The lines of a row as the writer had them, if it still has. */
static struct kt_parsed *held(const struct kt_store *s, const struct kt_row *row)
{
    struct kt_parsed *p = kt_held_find(&s->held, row->first_seq);
    return p != NULL && kt_parsed_count(p) == row->count ? p : NULL;
}

/* The oldest rows of one month into the sealer. */
static enum kt_status give(struct kt_store *s, struct kt_error *err)
{
    sqlite3_stmt *st = s->st[KT_ST_TAIL];
    enum kt_status status;
    int64_t month = kt_month_of(s->tail.first_stored);
    uint64_t events = 0, bytes = 0;
    bool ended = false; /* by size or by month */
    while (!ended && (status = kt_db_step(st, err)) == KT_OK) {
        struct kt_row row;
        if ((status = kt_row_read(st, &row, err)) != KT_OK)
            break;
        row.parsed = held(s, &row);
        ended = kt_month_of(row.stored) != month || !kt_sealer_add(s->sealer, &row);
        events += ended ? 0 : row.count;
        bytes += ended ? 0 : row.bytes;
        ended = ended || kt_sealer_full(s->sealer, events, bytes);
    }
    (void)sqlite3_reset(st);
    if (!ended && status != KT_E_AGAIN) {
        kt_sealer_drop(s->sealer);
        return kt_wrap(err, "tail");
    }
    assert(events > 0);
    kt_sealer_start(s->sealer);
    return KT_OK;
}

enum kt_status kt_store_insert(struct kt_store *s, const struct kt_segment *head,
                               const struct kt_built *b, struct kt_error *err)
{
    kt_segment_bind(s->st[KT_ST_SEGMENT], head);
    if (kt_store_run(s, KT_ST_SEGMENT, err) != KT_OK)
        return kt_wrap(err, "segment");
    for (unsigned i = 0; i < b->parts; i++) {
        sqlite3_stmt *st = s->st[KT_ST_PART];
        kt_db_u64(st, 1, head->first_seq * KT_PARTS + b->part[i].part);
        kt_db_blob(st, 2, kt_str_from(b->data.at + b->part[i].from, b->part[i].len));
        if (kt_store_run(s, KT_ST_PART, err) != KT_OK)
            return kt_wrap(err, "segment");
    }
    return KT_OK;
}

static enum kt_status insert(struct kt_store *s, const struct kt_built *b, struct kt_error *err)
{
    if (kt_store_insert(s, &b->head, b, err) != KT_OK)
        return err == NULL ? KT_E_IO : err->code;
    kt_db_u64(s->st[KT_ST_UNTAIL], 1, b->head.first_seq);
    kt_db_u64(s->st[KT_ST_UNTAIL], 2, b->head.last_seq);
    return kt_store_run(s, KT_ST_UNTAIL, err);
}

/* What failed before the commit is undone and tried again later; D1 is for the commit alone. */
static enum kt_status move(struct kt_store *s, const struct kt_built *b, struct kt_error *err)
{
    if (kt_db_run(s->st[KT_ST_BEGIN], err) != KT_OK)
        return kt_wrap(err, "seal");
    if (insert(s, b, err) != KT_OK) {
        if (!sqlite3_get_autocommit(s->db))
            (void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
        return kt_wrap(err, "seal");
    }
    if (kt_db_run(s->st[KT_ST_COMMIT], err) != KT_OK) {
        s->broken = true;
        return kt_wrap(err, "seal");
    }
    return KT_OK;
}

static enum kt_status install(struct kt_store *s, const struct kt_built *b, struct kt_error *err)
{
    struct kt_error local = { 0 };
    enum kt_status status = kt_db_move_begins(s->db, err);
    if (status == KT_OK)
        status = move(s, b, err);
    if (kt_db_move_ends(s->db, &local) != KT_OK) {
        s->broken = true; /* no batch may be committed without a sync */
        if (status == KT_OK)
            status = kt_fail(err, local.code, "seal: %s", local.text);
    }
    if (status != KT_OK)
        return status;
    kt_directory_add(&s->directory, &b->head);
    kt_sealer_taken(s->sealer);
    kt_held_drop_to(&s->held, b->head.last_seq);
    return kt_tail_load(s, err);
}

/* Takes what is sealed, gives what is ready; waits for it when told to, or when far behind. */
static enum kt_status turn(struct kt_store *s, bool wait, struct kt_error *err)
{
    for (;;) {
        const struct kt_built *built;
        if (kt_sealer_free_now(s->sealer)) {
            if (!kt_sealer_full(s->sealer, s->tail.events, s->tail.bytes) &&
                !month_turned(&s->tail))
                return KT_OK;
            if (give(s, err) != KT_OK)
                return kt_wrap(err, "seal");
        }
        bool behind = s->tail.events >= KT_TAIL_EVENTS_MAX || s->tail.bytes >= KT_TAIL_BYTES_MAX;
        enum kt_status status = kt_sealer_result(s->sealer, wait || behind, &built, err);
        if (status == KT_E_AGAIN)
            return KT_OK;
        if (status != KT_OK) {
            kt_sealer_taken(s->sealer);
            return status;
        }
        if (install(s, built, err) != KT_OK)
            return err == NULL ? KT_E_IO : err->code;
    }
}

void kt_tail_turn(struct kt_store *s, bool wait)
{
    assert(!s->in_txn);
    if (s->broken || s->seal_failed.code == KT_E_CORRUPT)
        return; /* what is damaged stays where it is */
    struct kt_error why = { 0 };
    (void)(turn(s, wait, &why) == KT_OK);
    s->seal_failed = why;
}
