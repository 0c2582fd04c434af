/*
 * cursor: a walk over stored records, by number, forwards or backwards.
 *
 * A cursor is one snapshot without holding one: records are only ever added, so it fixes the newest
 * number when it opens and asks chunk by chunk (walk.h). A reader that stops in the middle (a
 * pager) holds no checkpoint up (THREATS D4).
 *
 * Owns:  its walk, one decoded control record.
 * Calls: core/base, core/event, core/store.
 */
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/limits.h"
#include "core/event/line.h"
#include "core/store/reader.h"
#include "core/store/store.h"
#include "core/store/walk.h"

#define ARENA_MAX (2 * KT_LINE_MAX)

struct kt_cursor {
    struct kt_scan scan; /* from_seq and until_seq are always set */
    sqlite3_stmt *control_at;
    struct kt_arena arena;

    struct kt_walk *walk;
    const struct kt_chunk *chunk; /* at hand: picks [low, high) are to come */
    uint32_t low, high;
    bool said; /* that lines of it are damaged */
    bool events_done;

    struct kt_buf control_line;
    struct kt_record control; /* seq 0: none read */
    uint64_t control_next;
    bool control_done;
};

/* ---- events ---- */

static enum kt_status load_chunk(struct kt_cursor *c, struct kt_error *err)
{
    c->low = c->high = 0;
    c->said = false;
    enum kt_status status = kt_walk_next(c->walk, &c->chunk, err);
    if (status == KT_E_AGAIN) {
        c->events_done = true;
        return KT_OK;
    }
    if (status == KT_OK)
        c->high = c->chunk->picks;
    return status;
}

/* The row that comes next; c->low < c->high. */
static uint32_t next_row(const struct kt_cursor *c)
{
    return c->chunk->pick[c->scan.newest_first ? c->high - 1 : c->low];
}

/* KT_E_AGAIN: the row is damaged, and that was said of a row beside it. */
static enum kt_status take_event(struct kt_cursor *c, struct kt_record *ret, struct kt_error *err)
{
    uint32_t row = next_row(c);
    if (c->scan.newest_first)
        c->high--;
    else
        c->low++;
    const struct kt_row *batch = &c->chunk->runs->row[c->chunk->run[row]];
    struct kt_record rec = {
        .seq = c->chunk->seq[row],
        .arrival = c->chunk->arrival[row],
        .stored = batch->stored,
        .origin = (enum kt_origin)batch->origin,
        .agent = batch->agent,
        .conflict = c->chunk->conflict[row],
    };
    if (kt_walk_line(c->walk, row, &rec.line, err) != KT_OK) {
        bool said = c->said;
        c->said = true; /* its neighbours are damaged too: said once for all of them */
        return said ? KT_E_AGAIN : err == NULL ? KT_E_CORRUPT : err->code;
    }
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

/* One record of either sort, whatever its time. KT_E_AGAIN: none is left. */
static enum kt_status step(struct kt_cursor *c, struct kt_record *ret, struct kt_error *err)
{
    for (;;) {
        while (c->low >= c->high && !c->events_done)
            if (load_chunk(c, err) != KT_OK)
                return err == NULL ? KT_E_CORRUPT : err->code;
        if (c->control.seq == 0 && !c->control_done && load_control(c, err) != KT_OK)
            return err == NULL ? KT_E_CORRUPT : err->code;
        bool events = c->low < c->high, control = c->control.seq != 0;
        if (!events && !control)
            return kt_fail(err, KT_E_AGAIN, "no more records");
        uint64_t event_seq = events ? c->chunk->seq[next_row(c)] : 0;
        bool control_first =
            c->scan.newest_first ? c->control.seq > event_seq : c->control.seq < event_seq;
        if (control && (!events || control_first))
            return take_control(c, ret, err);
        enum kt_status status = take_event(c, ret, err);
        if (status != KT_E_AGAIN)
            return status;
    }
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

static enum kt_status prepare_control(struct kt_cursor *c, sqlite3 *db, struct kt_error *err)
{
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
    const bool down = c->scan.newest_first;
    c->control_next = down ? c->scan.until_seq : c->scan.from_seq;
    return kt_db_prepare(db, control[c->scan.control_kind != 0][down], &c->control_at, err);
}

enum kt_status kt_cursor_open(struct kt_reader *r, const struct kt_scan *scan,
                              struct kt_cursor **ret, struct kt_error *err)
{
    static const struct kt_want want = { .runs = true, .lines = true };
    struct kt_scan bounded = *scan;
    if (kt_walk_bounds(r, &bounded, err) != KT_OK)
        return kt_wrap(err, "open");
    struct kt_cursor *c = kt_alloc(sizeof *c);
    c->scan = bounded;
    c->arena = kt_arena_new(ARENA_MAX);
    bool empty = bounded.from_seq > bounded.until_seq;
    c->events_done = empty || !scan->records;
    c->control_done = empty || !scan->control;
    if ((!c->events_done && kt_walk_open(r, &bounded, &want, &c->walk, err) != KT_OK) ||
        (!c->control_done && prepare_control(c, r->db, err) != KT_OK)) {
        kt_cursor_free(c);
        return kt_wrap(err, "open");
    }
    *ret = c;
    return KT_OK;
}

void kt_cursor_since(struct kt_cursor *c, kt_time_ns since)
{
    if (since <= c->scan.since)
        return;
    c->scan.since = since;
    if (c->walk != NULL)
        kt_walk_since(c->walk, since);
}

void kt_cursor_cost(const struct kt_cursor *c, struct kt_scan_cost *ret)
{
    *ret = (struct kt_scan_cost){ 0 };
    if (c->walk != NULL)
        kt_walk_cost(c->walk, ret);
}

void kt_cursor_free(struct kt_cursor *c)
{
    if (c == NULL)
        return;
    kt_db_finalize(&c->control_at);
    kt_walk_free(c->walk);
    kt_arena_done(&c->arena);
    kt_buf_done(&c->control_line);
    kt_free(c);
}
