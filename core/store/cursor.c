/*
 * cursor: a walk over stored records, by number, forwards or backwards.
 *
 * A cursor is one snapshot without holding one: records are only ever added, so it fixes the newest
 * number when it opens and asks batch by batch. A reader that stops in the middle (a pager) holds
 * no checkpoint up (THREATS D4).
 *
 * Owns:  one decoded batch, one decoded control record.
 * Calls: core/base, core/event, core/store.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/limits.h"
#include "core/event/line.h"
#include "core/store/reader.h"
#include "core/store/span.h"
#include "core/store/store.h"

#define ARENA_MAX (2 * KT_LINE_MAX)

struct kt_cursor {
    struct kt_scan scan; /* until_seq is always set */
    sqlite3_stmt *batch_at, *control_at;
    struct kt_zip *zip;
    struct kt_arena arena;

    uint64_t *plan; /* batches with events in the time asked for, rising; when planned */
    size_t n_plan, plan_at;
    bool planned;
    uint64_t next_seq; /* where to look for the next batch, when not planned */
    bool batches_done;

    struct kt_lines lines; /* of the batch at hand */
    kt_time_ns *arrival;
    bool *conflict;
    uint32_t room;
    uint64_t first_seq;
    kt_time_ns stored;
    enum kt_origin origin;
    char agent[KT_NAME_MAX];
    size_t agent_len;
    uint32_t low, high; /* records [low, high) of the batch are to come */

    struct kt_buf control_line;
    struct kt_record control; /* seq 0: none read */
    uint64_t control_next;
    bool control_done;
};

/* ---- which batches ---- */

static int by_number(const void *pa, const void *pb)
{
    uint64_t a = *(const uint64_t *)pa, b = *(const uint64_t *)pb;
    return (a > b) - (a < b);
}

static void sort_plan(struct kt_cursor *c)
{
    if (c->n_plan > 0)
        qsort(c->plan, c->n_plan, sizeof *c->plan, by_number);
    size_t n = 0;
    for (size_t i = 0; i < c->n_plan; i++)
        if (n == 0 || c->plan[n - 1] != c->plan[i])
            c->plan[n++] = c->plan[i];
    c->n_plan = n;
    c->plan_at = c->scan.newest_first ? n : 0;
}

/* Events without a time (bucket 0) are judged by their arrival, so their batches always belong. */
static enum kt_status make_plan(struct kt_cursor *c, sqlite3 *db, struct kt_error *err)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    if (kt_db_prepare(db,
                      "SELECT first_seq FROM span WHERE bucket BETWEEN ?1 AND ?2"
                      " AND max_time >= ?3 AND min_time < ?4 AND first_seq <= ?5"
                      " UNION ALL SELECT first_seq FROM span WHERE bucket = 0 AND first_seq <= ?5",
                      &st, err) != KT_OK)
        return kt_wrap(err, "plan");
    kt_time_ns until = c->scan.until == 0 ? INT64_MAX : c->scan.until;
    kt_db_i64(st, 1, c->scan.since <= 0 ? 1 : kt_span_bucket(c->scan.since));
    kt_db_i64(st, 2, kt_span_bucket(until));
    kt_db_i64(st, 3, c->scan.since);
    kt_db_i64(st, 4, until);
    kt_db_u64(st, 5, c->scan.until_seq);
    size_t room = 0;
    enum kt_status status;
    while ((status = kt_db_step(st, err)) == KT_OK) {
        if (c->n_plan == room) {
            room = room == 0 ? 64 : 2 * room;
            c->plan = kt_realloc_array(c->plan, room, sizeof *c->plan);
        }
        c->plan[c->n_plan++] = kt_db_col_u64(st, 0);
    }
    if (status != KT_E_AGAIN)
        return kt_wrap(err, "plan");
    c->planned = true;
    sort_plan(c);
    return KT_OK;
}

/* The number to look the next batch up by; false when none is left. */
static bool next_number(struct kt_cursor *c, uint64_t *ret)
{
    if (!c->planned) {
        *ret = c->next_seq;
        return c->next_seq != 0 && c->next_seq <= c->scan.until_seq;
    }
    if (c->scan.newest_first ? c->plan_at == 0 : c->plan_at == c->n_plan)
        return false;
    *ret = c->scan.newest_first ? c->plan[--c->plan_at] : c->plan[c->plan_at++];
    return true;
}

static enum kt_status first_number(struct kt_cursor *c, sqlite3 *db, struct kt_error *err)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    c->next_seq = c->scan.newest_first ? c->scan.until_seq : c->scan.from_seq;
    if (c->scan.newest_first)
        return KT_OK;
    if (kt_db_prepare(db, "SELECT max(first_seq) FROM batch WHERE first_seq <= ?1", &st, err) !=
        KT_OK)
        return kt_wrap(err, "cursor");
    kt_db_u64(st, 1, c->next_seq);
    if (kt_db_step(st, err) != KT_OK)
        return kt_wrap(err, "cursor");
    uint64_t holds = kt_db_col_u64(st, 0);
    if (holds != 0)
        c->next_seq = holds;
    return KT_OK;
}

/* ---- one batch ---- */

static void make_room(struct kt_cursor *c, uint32_t n)
{
    if (c->room < n) {
        c->arrival = kt_realloc_array(c->arrival, n, sizeof *c->arrival);
        c->conflict = kt_realloc_array(c->conflict, n, sizeof *c->conflict);
        c->room = n;
    }
    memset(c->conflict, 0, n * sizeof *c->conflict);
}

static enum kt_status take_batch(struct kt_cursor *c, const struct kt_row *row,
                                 struct kt_error *err)
{
    uint64_t last = kt_row_last(row);
    c->low = c->high = 0;
    if (last < c->scan.from_seq || row->first_seq > c->scan.until_seq)
        return KT_OK;
    make_room(c, row->count);
    if (kt_row_lines(row, c->zip, &c->lines, err) != KT_OK ||
        kt_row_arrivals(row, c->arrival, err) != KT_OK ||
        kt_row_conflicts(row, c->conflict, err) != KT_OK)
        return err == NULL ? KT_E_CORRUPT : err->code;
    c->first_seq = row->first_seq;
    c->stored = row->stored;
    c->origin = (enum kt_origin)row->origin;
    c->agent_len = row->agent.len;
    memcpy(c->agent, row->agent.len == 0 ? "" : row->agent.at, row->agent.len);
    if (row->first_seq < c->scan.from_seq)
        c->low = (uint32_t)(c->scan.from_seq - row->first_seq);
    c->high =
        last > c->scan.until_seq ? (uint32_t)(c->scan.until_seq - row->first_seq + 1) : row->count;
    return KT_OK;
}

/* Where to go on, whatever comes of the batch at hand: a damaged one is said once and left behind.
 * A damaged table may give a number that was not asked for; the walk still gets on. */
static void set_next(struct kt_cursor *c, uint64_t asked, uint64_t reached)
{
    if (c->scan.newest_first) {
        uint64_t low = reached < asked ? reached : asked;
        c->next_seq = low == 0 ? 0 : low - 1;
    } else {
        c->next_seq = (reached > asked ? reached : asked) + 1;
    }
}

/* The next batch into memory; batches_done when there is none. */
static enum kt_status load_batch(struct kt_cursor *c, struct kt_error *err)
{
    uint64_t number;
    struct kt_row row;
    if (!next_number(c, &number)) {
        c->batches_done = true;
        return KT_OK;
    }
    kt_db_u64(c->batch_at, 1, number);
    enum kt_status status = kt_db_step(c->batch_at, err);
    if (status == KT_E_AGAIN) {
        c->batches_done = true;
        return KT_OK;
    }
    if (status != KT_OK) { /* the table itself is damaged: nothing leads on from here */
        c->batches_done = true;
        return kt_wrap(err, "batches from record %llu on", (unsigned long long)number);
    }
    uint64_t found = kt_db_col_u64(c->batch_at, 0);
    status = kt_row_read(c->batch_at, &row, err);
    set_next(c, number, status == KT_OK && !c->scan.newest_first ? kt_row_last(&row) : found);
    if (status == KT_OK && c->planned && row.first_seq != number)
        status = kt_fail(err, KT_E_CORRUPT, "the batch at record %llu is missing",
                         (unsigned long long)number);
    if (status == KT_OK)
        status = take_batch(c, &row, err);
    (void)sqlite3_reset(c->batch_at);
    return status;
}

static enum kt_status take_event(struct kt_cursor *c, struct kt_record *ret, struct kt_error *err)
{
    uint32_t i = c->scan.newest_first ? --c->high : c->low++;
    struct kt_record rec = {
        .seq = c->first_seq + i,
        .arrival = c->arrival[i],
        .stored = c->stored,
        .origin = c->origin,
        .agent = kt_str_from(c->agent, c->agent_len),
        .line = c->lines.at[i],
        .conflict = c->conflict[i],
    };
    kt_arena_reset(&c->arena);
    if (kt_line_read(rec.line, &c->arena, &rec.ev, err) != KT_OK)
        return kt_fail(err, KT_E_CORRUPT, "record %llu is not a canonical line",
                       (unsigned long long)rec.seq);
    *ret = rec;
    return KT_OK;
}

/* ---- control records ---- */

static enum kt_status load_control(struct kt_cursor *c, struct kt_error *err)
{
    if (c->control_next == 0) { /* went below the first number */
        c->control_done = true;
        return KT_OK;
    }
    kt_db_u64(c->control_at, 1, c->control_next);
    kt_db_i64(c->control_at, 2, c->scan.control_kind);
    enum kt_status status = kt_db_step(c->control_at, err);
    uint64_t seq = status == KT_OK ? kt_db_col_u64(c->control_at, 0) : 0;
    bool beyond = seq < c->scan.from_seq || seq > c->scan.until_seq ||
                  (c->scan.newest_first ? seq > c->control_next : seq < c->control_next);
    if (status == KT_E_AGAIN || (status == KT_OK && beyond)) {
        c->control_done = true;
        (void)sqlite3_reset(c->control_at);
        return KT_OK;
    }
    if (status != KT_OK) {
        c->control_done = true;
        return kt_wrap(err, "control records from %llu on", (unsigned long long)c->control_next);
    }
    c->control_next = c->scan.newest_first ? seq - 1 : seq + 1;
    kt_buf_reset(&c->control_line);
    kt_buf_add(&c->control_line, kt_db_col(c->control_at, 3));
    c->control = (struct kt_record){
        .seq = seq,
        .arrival = kt_db_col_i64(c->control_at, 1),
        .stored = kt_db_col_i64(c->control_at, 2),
        .origin = KT_ORIGIN_CONTROL,
        .agent = KT_CONTROL_AGENT,
        .line = kt_buf_str(&c->control_line),
    };
    (void)sqlite3_reset(c->control_at);
    return KT_OK;
}

static enum kt_status take_control(struct kt_cursor *c, struct kt_record *ret, struct kt_error *err)
{
    struct kt_record rec = c->control;
    c->control.seq = 0;
    kt_arena_reset(&c->arena);
    if (kt_line_read(rec.line, &c->arena, &rec.ev, err) != KT_OK)
        return kt_fail(err, KT_E_CORRUPT, "record %llu is not a canonical line",
                       (unsigned long long)rec.seq);
    *ret = rec;
    return KT_OK;
}

/* ---- the walk ---- */

static bool in_time(const struct kt_scan *scan, const struct kt_record *rec)
{
    kt_time_ns t = rec->ev.time > 0 ? rec->ev.time : rec->arrival;
    return (scan->since == 0 || t >= scan->since) && (scan->until == 0 || t < scan->until);
}

/* One record of either sort, whatever its time. */
static enum kt_status step(struct kt_cursor *c, struct kt_record *ret, struct kt_error *err)
{
    while (c->low >= c->high && !c->batches_done)
        if (load_batch(c, err) != KT_OK)
            return err == NULL ? KT_E_CORRUPT : err->code;
    if (c->control.seq == 0 && !c->control_done && load_control(c, err) != KT_OK)
        return err == NULL ? KT_E_CORRUPT : err->code;
    bool events = c->low < c->high, control = c->control.seq != 0;
    if (!events && !control)
        return kt_fail(err, KT_E_AGAIN, "no more records");
    uint64_t event_seq = c->first_seq + (c->scan.newest_first ? c->high - 1 : c->low);
    bool control_first =
        c->scan.newest_first ? c->control.seq > event_seq : c->control.seq < event_seq;
    if (control && (!events || control_first))
        return take_control(c, ret, err);
    return take_event(c, ret, err);
}

enum kt_status kt_cursor_next(struct kt_cursor *c, struct kt_record *ret, struct kt_error *err)
{
    struct kt_error why = { 0 };
    enum kt_status status;
    while ((status = step(c, ret, &why)) == KT_OK)
        if (in_time(&c->scan, ret))
            return KT_OK;
    if (err != NULL)
        *err = why;
    return status;
}

static enum kt_status newest(sqlite3 *db, uint64_t *ret, struct kt_error *err)
{
    uint8_t log_id[16];
    struct kt_tree tree;
    struct kt_sums sums;
    if (kt_meta_read(db, log_id, &tree, &sums, err) != KT_OK)
        return kt_wrap(err, "cursor");
    *ret = tree.size;
    return KT_OK;
}

static enum kt_status prepare(struct kt_cursor *c, sqlite3 *db, struct kt_error *err)
{
    const bool down = c->scan.newest_first;
    const char *batch = down ? "SELECT " KT_ROW_COLUMNS " FROM batch WHERE first_seq <= ?1"
                               " ORDER BY first_seq DESC LIMIT 1"
                             : "SELECT " KT_ROW_COLUMNS " FROM batch WHERE first_seq >= ?1"
                               " ORDER BY first_seq LIMIT 1";
    static const char *const control[2][2] = {
        { "SELECT seq,arrival,stored,line FROM control WHERE seq >= ?1 AND ?2 = 0"
          " ORDER BY seq LIMIT 1",
          "SELECT seq,arrival,stored,line FROM control WHERE seq <= ?1 AND ?2 = 0"
          " ORDER BY seq DESC LIMIT 1" },
        { "SELECT seq,arrival,stored,line FROM control WHERE seq >= ?1 AND kind = ?2"
          " ORDER BY seq LIMIT 1",
          "SELECT seq,arrival,stored,line FROM control WHERE seq <= ?1 AND kind = ?2"
          " ORDER BY seq DESC LIMIT 1" },
    };
    if (kt_db_prepare(db, batch, &c->batch_at, err) != KT_OK ||
        kt_db_prepare(db, control[c->scan.control_kind != 0][down], &c->control_at, err) != KT_OK)
        return kt_wrap(err, "cursor");
    c->control_next = down ? c->scan.until_seq : c->scan.from_seq;
    bool timed = c->scan.since != 0 || c->scan.until != 0;
    if (!c->scan.records)
        return KT_OK;
    return timed ? make_plan(c, db, err) : first_number(c, db, err);
}

enum kt_status kt_cursor_open(struct kt_reader *r, const struct kt_scan *scan,
                              struct kt_cursor **ret, struct kt_error *err)
{
    uint64_t last;
    if (kt_reader_fresh(r, err) != KT_OK || newest(r->db, &last, err) != KT_OK)
        return kt_wrap(err, "open");
    struct kt_cursor *c = kt_alloc(sizeof *c);
    c->scan = *scan;
    if (c->scan.until_seq == 0 || c->scan.until_seq > last)
        c->scan.until_seq = last;
    if (c->scan.from_seq == 0)
        c->scan.from_seq = 1;
    bool empty = c->scan.from_seq > c->scan.until_seq;
    c->batches_done = empty || !scan->records;
    c->control_done = empty || !scan->control;
    c->zip = kt_zip_new();
    c->arena = kt_arena_new(ARENA_MAX);
    if (!empty && prepare(c, r->db, err) != KT_OK) {
        kt_cursor_free(c);
        return kt_wrap(err, "open");
    }
    *ret = c;
    return KT_OK;
}

void kt_cursor_free(struct kt_cursor *c)
{
    if (c == NULL)
        return;
    kt_db_finalize(&c->batch_at);
    kt_db_finalize(&c->control_at);
    kt_zip_free(c->zip);
    kt_arena_done(&c->arena);
    kt_lines_done(&c->lines);
    kt_buf_done(&c->control_line);
    kt_free(c->plan);
    kt_free(c->arrival);
    kt_free(c->conflict);
    kt_free(c);
}
