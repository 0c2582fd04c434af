/*
 * cursor: a walk over stored records, by number, forwards or backwards.
 *
 * A cursor is one snapshot without holding one: records are only ever added, so it fixes the newest
 * number when it opens and asks chunk by chunk (walk.h). A reader that stops in the middle (a
 * pager) holds no checkpoint up (THREATS D4).
 *
 * Owns:  a walk for each file of the log, some control records of each.
 * Calls: core/base, core/event, core/store.
 */
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/limits.h"
#include "core/event/line.h"
#include "core/store/chain.h"
#include "core/store/reader.h"
#include "core/store/store.h"
#include "core/store/walk.h"

#define ARENA_MAX   (2 * KT_LINE_MAX)
#define AHEAD_MAX   64u          /* control records read at once; the first time 1 */
#define AHEAD_BYTES (128u << 10) /* and no more behind so many bytes */

struct part {            /* the walk over one file */
    struct kt_scan scan; /* from_seq and until_seq are always set */
    sqlite3_stmt *control_at;
    struct kt_arena arena;

    struct kt_walk *walk;
    const struct kt_chunk *chunk; /* at hand: picks [low, high) are to come */
    uint32_t low, high;
    bool said; /* that lines of it are damaged */
    bool events_done;

    struct kt_record control; /* seq 0: none read */
    struct kt_buf ahead;      /* rows behind it that were read already, ahead_n of them */
    struct kt_rd ahead_rd;
    uint64_t ahead_n, at_once; /* how many to ask for next */
    uint64_t control_next;
    bool control_ended, control_done; /* no more rows behind those; none at all */
};
struct kt_cursor {
    struct kt_scan scan;
    struct part *part[KT_CHAIN_MAX]; /* in the order of the walk */
    unsigned n, at;
    struct kt_error lost; /* a file that cannot be read: to be said once */
};

/* ---- events ---- */

static enum kt_status load_chunk(struct part *c, struct kt_error *err)
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
static uint32_t next_row(const struct part *c)
{
    return c->chunk->pick[c->scan.newest_first ? c->high - 1 : c->low];
}

/* What the columns say. */
static void take_head(const struct part *c, uint32_t row, struct kt_record *ret)
{
    ret->ev.kind = (enum kt_kind)c->chunk->columns->small[KT_COL_KIND][row];
    ret->ev.time = c->chunk->columns->time[row];
}

/* The line, and what it says unless that is not asked for. KT_E_AGAIN: the row is damaged, and that
 * was said of a row beside it. */
static enum kt_status take_line(struct part *c, uint32_t row, struct kt_record *ret,
                                struct kt_error *err)
{
    if (kt_walk_line(c->walk, row, &ret->line, err) != KT_OK) {
        bool said = c->said;
        c->said = true; /* its neighbours are damaged too: said once for all of them */
        return said ? KT_E_AGAIN : err == NULL ? KT_E_CORRUPT : err->code;
    }
    if (c->scan.detail != KT_DETAIL_EVENT)
        return KT_OK;
    kt_arena_reset(&c->arena);
    if (kt_line_read(ret->line, &c->arena, &ret->ev, err) != KT_OK)
        return kt_fail(err, KT_E_CORRUPT, "record %llu is not a canonical line",
                       (unsigned long long)c->chunk->seq[row]);
    return KT_OK;
}

/* KT_E_AGAIN: see take_line. */
static enum kt_status take_event(struct part *c, struct kt_record *ret, struct kt_error *err)
{
    uint32_t row = next_row(c);
    if (c->scan.newest_first)
        c->high--;
    else
        c->low++;
    enum kt_status status = KT_OK;
    ret->line = KT_STR_NONE;
    if (c->scan.detail == KT_DETAIL_HEAD || c->scan.detail == KT_DETAIL_ROW)
        take_head(c, row, ret);
    if (c->scan.detail != KT_DETAIL_HEAD)
        status = take_line(c, row, ret, err);
    if (status != KT_OK)
        return status;
    const struct kt_row *batch = c->chunk->row[row];
    ret->seq = c->chunk->seq[row];
    ret->arrival = c->chunk->arrival[row];
    ret->stored = batch->stored;
    ret->origin = (enum kt_origin)batch->origin;
    ret->agent = batch->agent;
    ret->conflict = c->chunk->conflict[row];
    return KT_OK;
}

/* ---- control records ---- */

static bool is_beyond(const struct part *c, uint64_t seq)
{
    return seq < c->scan.from_seq || seq > c->scan.until_seq ||
           (c->scan.newest_first ? seq > c->control_next : seq < c->control_next);
}

static void keep_control(struct part *c, uint64_t seq, struct kt_str line)
{
    kt_buf_u64(&c->ahead, seq);
    kt_buf_u64(&c->ahead, (uint64_t)kt_db_col_i64(c->control_at, 1));
    kt_buf_u64(&c->ahead, (uint64_t)kt_db_col_i64(c->control_at, 2));
    kt_buf_str32(&c->ahead, line);
    c->ahead_n++;
}

/* Some rows at once: each time the file is asked costs more than a row. What is wrong with a row is
 * said when it is the first of those asked for. */
static enum kt_status read_ahead(struct part *c, struct kt_error *err)
{
    enum kt_status status;
    uint64_t asked = c->at_once;
    bool ended = false;
    c->at_once = c->at_once < AHEAD_MAX ? c->at_once * 8 : c->at_once;
    kt_buf_reset(&c->ahead);
    kt_db_u64(c->control_at, 1, c->control_next);
    kt_db_i64(c->control_at, 2, c->scan.control_kind);
    kt_db_u64(c->control_at, 3, asked);
    while ((status = kt_db_step(c->control_at, err)) == KT_OK && c->ahead.len < AHEAD_BYTES) {
        uint64_t seq = kt_db_col_u64(c->control_at, 0);
        struct kt_str line = kt_db_col(c->control_at, 3);
        bool fits = line.len <= KT_LINE_MAX; /* readers have room for no more */
        ended = is_beyond(c, seq);
        if (ended || (!fits && c->ahead_n > 0))
            break;
        c->control_next = c->scan.newest_first ? seq - 1 : seq + 1;
        if (fits) {
            keep_control(c, seq, line);
            continue;
        }
        (void)sqlite3_reset(c->control_at);
        return kt_fail(err, KT_E_CORRUPT, "record %llu is longer than %u bytes",
                       (unsigned long long)seq, KT_LINE_MAX);
    }
    (void)sqlite3_reset(c->control_at);
    c->control_ended = ended || (status == KT_E_AGAIN && c->ahead_n < asked);
    c->ahead_rd = kt_rd_of(kt_buf_str(&c->ahead));
    if (status == KT_OK || status == KT_E_AGAIN || c->ahead_n > 0)
        return KT_OK;
    c->control_ended = true;
    return kt_wrap(err, "control records from %llu on", (unsigned long long)c->control_next);
}

static enum kt_status load_control(struct part *c, struct kt_error *err)
{
    bool below = c->control_next == 0; /* went below the first number */
    if (c->ahead_n == 0 && !c->control_ended && !below && read_ahead(c, err) != KT_OK) {
        c->control_done = c->control_ended;
        return err == NULL ? KT_E_CORRUPT : err->code;
    }
    c->control_done = c->ahead_n == 0;
    if (c->control_done)
        return KT_OK;
    c->ahead_n--;
    c->control = (struct kt_record){ .origin = KT_ORIGIN_CONTROL, .agent = KT_CONTROL_AGENT };
    c->control.seq = kt_rd_u64(&c->ahead_rd);
    c->control.arrival = (kt_time_ns)kt_rd_u64(&c->ahead_rd);
    c->control.stored = (kt_time_ns)kt_rd_u64(&c->ahead_rd);
    c->control.line = kt_rd_str32(&c->ahead_rd);
    return KT_OK;
}

static enum kt_status take_control(struct part *c, struct kt_record *ret, struct kt_error *err)
{
    uint64_t seq = c->control.seq;
    c->control.seq = 0;
    kt_arena_reset(&c->arena);
    if (c->scan.detail != KT_DETAIL_LINE &&
        kt_line_read(c->control.line, &c->arena, &c->control.ev, err) != KT_OK)
        return kt_fail(err, KT_E_CORRUPT, "record %llu is not a canonical line",
                       (unsigned long long)seq);
    *ret = c->control; /* large: copied once */
    ret->seq = seq;
    return KT_OK;
}

/* ---- the walk ---- */

static bool in_time(const struct kt_scan *scan, const struct kt_record *rec)
{
    kt_time_ns t = rec->ev.time > 0 ? rec->ev.time : rec->arrival;
    return (scan->since == 0 || t >= scan->since) && (scan->until == 0 || t < scan->until) &&
           kt_scan_touches(scan, t, t);
}

/* One record of either sort, whatever its time. KT_E_AGAIN: none is left. */
static enum kt_status step(struct part *c, struct kt_record *ret, struct kt_error *err)
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

static enum kt_status next_of_part(struct part *c, struct kt_record *ret, struct kt_error *err)
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

static void free_part(struct part *c)
{
    if (c == NULL)
        return;
    kt_db_finalize(&c->control_at);
    kt_walk_free(c->walk);
    kt_arena_done(&c->arena);
    kt_buf_done(&c->ahead);
    kt_free(c);
}

static enum kt_status prepare_control(struct part *c, sqlite3 *db, struct kt_error *err)
{
    static const char *const control[2][2] = {
        { "SELECT seq,arrival,stored,line FROM control WHERE seq >= ?1 AND ?2 = 0"
          " ORDER BY seq LIMIT ?3",
          "SELECT seq,arrival,stored,line FROM control WHERE seq <= ?1 AND ?2 = 0"
          " ORDER BY seq DESC LIMIT ?3" },
        { "SELECT seq,arrival,stored,line FROM control WHERE seq >= ?1 AND kind = ?2"
          " ORDER BY seq LIMIT ?3",
          "SELECT seq,arrival,stored,line FROM control WHERE seq <= ?1 AND kind = ?2"
          " ORDER BY seq DESC LIMIT ?3" },
    };
    const bool down = c->scan.newest_first;
    c->at_once = 1;
    c->control_next = down ? c->scan.until_seq : c->scan.from_seq;
    return kt_db_prepare(db, control[c->scan.control_kind != 0][down], &c->control_at, err);
}

static enum kt_status open_part(struct kt_reader *file, const struct kt_scan *scan,
                                struct part **ret, struct kt_error *err)
{
    static const struct kt_want wants[] = {
        [KT_DETAIL_EVENT] = { .runs = true, .lines = true },
        [KT_DETAIL_LINE] = { .runs = true, .lines = true },
        [KT_DETAIL_HEAD] = { .columns = KT_COLUMN(KT_COL_KIND), .time = true, .runs = true },
        [KT_DETAIL_ROW] = { .columns = KT_COLUMN(KT_COL_KIND),
                            .time = true,
                            .runs = true,
                            .lines = true },
    };
    struct kt_scan bounded = *scan;
    if (kt_walk_bounds(file, &bounded, err) != KT_OK)
        return kt_wrap(err, "open");
    struct part *c = kt_alloc(sizeof *c);
    c->scan = bounded;
    c->arena = kt_arena_new(ARENA_MAX);
    bool empty = bounded.from_seq > bounded.until_seq;
    c->events_done = empty || !scan->records;
    c->control_done = empty || !scan->control;
    if ((!c->events_done &&
         kt_walk_open(file, &bounded, &wants[scan->detail], &c->walk, err) != KT_OK) ||
        (!c->control_done && prepare_control(c, file->db, err) != KT_OK)) {
        free_part(c);
        return kt_wrap(err, "open");
    }
    *ret = c;
    return KT_OK;
}

/* ---- the files of the log ---- */

enum kt_status kt_cursor_open(struct kt_reader *r, const struct kt_scan *scan,
                              struct kt_cursor **ret, struct kt_error *err)
{
    struct kt_reader *file[KT_CHAIN_MAX];
    if (kt_reader_fresh(r, err) != KT_OK)
        return kt_wrap(err, "open");
    struct kt_cursor *c = kt_alloc(sizeof *c);
    unsigned n = kt_reader_files(r, file);
    c->scan = *scan;
    c->lost = file[0]->lost;
    for (unsigned i = 0; i < n; i++) {
        struct kt_error why = { 0 };
        struct kt_reader *f = file[scan->newest_first ? n - 1 - i : i];
        enum kt_status status = open_part(f, scan, &c->part[c->n], &why);
        c->n += status == KT_OK;
        if (status != KT_OK && f != r) {
            c->lost = why; /* what the damaged file still has comes, and what it lacks is said */
        } else if (status != KT_OK) {
            kt_cursor_free(c);
            return kt_fail(err, status, "%s", why.text);
        }
    }
    *ret = c;
    return KT_OK;
}

static enum kt_status next_of_files(struct kt_cursor *c, struct kt_record *ret,
                                    struct kt_error *err)
{
    if (c->lost.code != KT_OK) {
        struct kt_error said = c->lost;
        c->lost = (struct kt_error){ 0 };
        return kt_fail(err, KT_E_CORRUPT, "%s", said.text);
    }
    for (; c->at < c->n; c->at++) {
        enum kt_status status = next_of_part(c->part[c->at], ret, err);
        if (status != KT_E_AGAIN)
            return status;
    }
    return kt_fail(err, KT_E_AGAIN, "no more records");
}

bool kt_scan_passes(const struct kt_scan *scan, enum kt_status status, const struct kt_error *err)
{
    if (status != KT_E_CORRUPT || scan->damage == NULL)
        return false;
    if (scan->damage->places++ == 0)
        scan->damage->first = *err;
    return true;
}

enum kt_status kt_cursor_next(struct kt_cursor *c, struct kt_record *ret, struct kt_error *err)
{
    struct kt_error why = { 0 };
    enum kt_status status;
    do
        status = next_of_files(c, ret, &why);
    while (kt_scan_passes(&c->scan, status, &why));
    if (status != KT_OK && err != NULL)
        *err = why;
    return status;
}

void kt_cursor_since(struct kt_cursor *c, kt_time_ns since)
{
    for (unsigned i = c->at; i < c->n; i++) {
        struct part *p = c->part[i];
        if (since <= p->scan.since)
            continue;
        p->scan.since = since;
        if (p->walk != NULL)
            kt_walk_since(p->walk, since);
    }
}

void kt_cursor_cost(const struct kt_cursor *c, struct kt_scan_cost *ret)
{
    *ret = (struct kt_scan_cost){ 0 };
    for (unsigned i = 0; i < c->n; i++)
        if (c->part[i]->walk != NULL)
            kt_walk_cost(c->part[i]->walk, ret);
}

void kt_cursor_free(struct kt_cursor *c)
{
    if (c == NULL)
        return;
    for (unsigned i = 0; i < c->n; i++)
        free_part(c->part[i]);
    kt_free(c);
}
