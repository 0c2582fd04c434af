/*
 * walk: which segment or batch comes next.
 *
 * Owns:  a list of the segments there were when it began, a chunk for the tail.
 * Calls: core/base, core/store.
 * Holds: each record between its bounds that may match is in exactly one chunk, whatever is sealed
 *        and merged meanwhile; a segment that retention has taken is left out.
 */
#include "core/store/walk.h"

#include <string.h>

#include "core/base/alloc.h"
#include "core/store/ahead.h"
#include "core/store/place.h"
#include "core/store/reader.h"
#include "core/store/store.h"
#include "core/store/together_int.h"

struct kt_walk {
    sqlite3 *db;
    struct kt_scan scan;
    struct kt_want want;
    struct kt_segment *plan; /* sealed when the walk began, and maybe in the time asked for */
    uint32_t n_plan;
    struct kt_ahead *ahead; /* of the plan */
    struct kt_chunk *own;   /* of the tail */
    struct kt_chunk *chunk; /* at hand */
    uint64_t tail_from;     /* behind them */
    uint64_t next; /* where to look in what was the tail then; 0: downwards, all of it done */
    sqlite3_stmt *batch_at, *segment_at, *place_at;
    bool plan_done, tail_done;
    struct kt_error damage; /* of the directory, to be said once */
    struct kt_scan_cost cost;
};

/* Sizes of the file's tree and of the one that it began with. */
static enum kt_status ends_of(sqlite3_stmt *st, uint64_t *ret_base, uint64_t *ret_size,
                              struct kt_error *err)
{
    struct kt_tree tree, base;
    enum kt_status status = kt_db_step(st, err);
    if (status == KT_E_AGAIN || (status == KT_OK && kt_db_col(st, 2).len != 16))
        return kt_fail(err, KT_E_CORRUPT, "the row of table meta is missing or damaged");
    if (status == KT_OK)
        status = kt_tree_unpack(kt_db_col(st, 0), &tree, err);
    if (status == KT_OK)
        status = kt_tree_unpack(kt_db_col(st, 1), &base, err);
    if (status != KT_OK)
        return kt_wrap(err, "meta");
    *ret_base = base.size;
    *ret_size = tree.size;
    return KT_OK;
}

enum kt_status kt_walk_bounds(struct kt_reader *r, struct kt_scan *scan, struct kt_error *err)
{
    uint64_t base, size;
    if (r->bounds == NULL &&
        kt_db_prepare(r->db, "SELECT tree, base, log_id FROM meta", &r->bounds, err) != KT_OK)
        return kt_wrap(err, "newest record");
    enum kt_status status = ends_of(r->bounds, &base, &size, err);
    (void)sqlite3_reset(r->bounds);
    if (status != KT_OK)
        return kt_wrap(err, "newest record");
    if (scan->until_seq == 0 || scan->until_seq > size)
        scan->until_seq = size;
    if (scan->from_seq <= base)
        scan->from_seq = base + 1;
    return KT_OK;
}

static void make_plan(struct kt_walk *w, struct kt_reader *r)
{
    const struct kt_directory *d = &r->directory;
    const struct kt_scan *scan = &w->scan;
    w->tail_from = d->n == 0 ? 1 : d->at[d->n - 1].last_seq + 1;
    uint32_t first = kt_directory_from(d, scan->from_seq), end = first;
    while (end < d->n && d->at[end].first_seq <= scan->until_seq)
        end++;
    w->plan = kt_alloc_array(end - first + 1, sizeof *w->plan);
    for (uint32_t i = first; i < end; i++) {
        w->cost.segments++;
        if (!kt_segment_in_time(&d->at[i], scan->since, scan->until) ||
            (d->at[i].untimed == 0 &&
             !kt_scan_touches(scan, d->at[i].min_time, d->at[i].max_time))) {
            w->cost.skipped_time++;
            continue;
        }
        w->plan[w->n_plan] = d->at[i];
        w->plan[w->n_plan++].days = KT_STR_NONE; /* they have been asked */
    }
    w->cost.skipped_filter += kt_together_narrow(r, scan, w->plan, &w->n_plan);
    w->next = scan->newest_first              ? scan->until_seq
              : scan->from_seq > w->tail_from ? scan->from_seq
                                              : w->tail_from;
}

/* Upwards a walk may begin in the middle of a batch. */
static enum kt_status find_start(struct kt_walk *w, struct kt_error *err)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    if (w->scan.newest_first || w->next == w->tail_from)
        return KT_OK;
    if (kt_db_prepare(w->db, "SELECT max(first_seq) FROM batch WHERE first_seq <= ?1", &st, err) !=
        KT_OK)
        return kt_wrap(err, "walk");
    kt_db_u64(st, 1, w->next);
    if (kt_db_step(st, err) != KT_OK)
        return kt_wrap(err, "walk");
    uint64_t holds = kt_db_col_u64(st, 0);
    w->next = holds > 0 ? holds : w->next;
    return KT_OK;
}

enum kt_status kt_walk_open(struct kt_reader *r, const struct kt_scan *scan,
                            const struct kt_want *want, struct kt_walk **ret, struct kt_error *err)
{
    struct kt_walk *w = kt_alloc(sizeof *w);
    w->db = r->db;
    w->scan = *scan;
    w->want = *want;
    w->own = w->chunk = kt_chunk_new(r->tail);
    const bool down = scan->newest_first;
    if (kt_reader_directory(r, err) != KT_OK ||
        kt_db_prepare(w->db,
                      down ? "SELECT " KT_ROW_COLUMNS " FROM batch WHERE first_seq <= ?1"
                             " ORDER BY first_seq DESC LIMIT 1"
                           : "SELECT " KT_ROW_COLUMNS " FROM batch WHERE first_seq >= ?1"
                             " ORDER BY first_seq LIMIT 1",
                      &w->batch_at, err) != KT_OK ||
        kt_db_prepare(w->db,
                      down ? "SELECT " KT_SEGMENT_COLUMNS " FROM segment WHERE first_seq <= ?1"
                             " ORDER BY first_seq DESC LIMIT 1"
                           : "SELECT " KT_SEGMENT_COLUMNS " FROM segment WHERE first_seq >="
                             " coalesce((SELECT max(first_seq) FROM segment WHERE first_seq <= ?1),"
                             " ?1) ORDER BY first_seq LIMIT 2",
                      &w->segment_at, err) != KT_OK ||
        kt_place_prepare(w->db, &w->place_at, err) != KT_OK) {
        kt_walk_free(w);
        return kt_wrap(err, "walk");
    }
    make_plan(w, r);
    if (r->directory.damaged > 0)
        w->damage = r->directory.why;
    w->plan_done = w->n_plan == 0;
    if (!w->plan_done)
        w->ahead = kt_ahead_new(
            r, &(struct kt_ahead_plan){ w->plan, w->n_plan, scan->newest_first }, scan, want);
    w->tail_done = scan->until_seq < w->tail_from;
    if (find_start(w, err) != KT_OK) {
        kt_walk_free(w);
        return kt_wrap(err, "walk");
    }
    *ret = w;
    return KT_OK;
}

void kt_walk_free(struct kt_walk *w)
{
    if (w == NULL)
        return;
    kt_ahead_free(w->ahead);
    kt_chunk_free(w->own);
    kt_db_finalize(&w->batch_at);
    kt_db_finalize(&w->segment_at);
    kt_db_finalize(&w->place_at);
    kt_free(w->plan);
    kt_free(w);
}

/* ---- what was the tail ---- */

/* Where to go on, whatever comes of what is at hand: what is damaged is said once and left behind.
 */
static void move(struct kt_walk *w, uint64_t first, uint64_t last)
{
    if (w->scan.newest_first) {
        w->next = first == 0 ? 0 : first - 1;
        w->tail_done = w->next < w->tail_from;
    } else {
        w->next = (last > w->next ? last : w->next) + 1;
        w->tail_done = w->next > w->scan.until_seq;
    }
}

/* The segment that has what was in the tail when the walk began, and holds w->next, or is the next
 * one that way: w->next may be the number of a control record. What was planned already may have
 * been merged into it since. */
static enum kt_status sealed_since(struct kt_walk *w, struct kt_segment *ret, bool *ret_found,
                                   struct kt_error *err)
{
    const bool down = w->scan.newest_first;
    enum kt_status status;
    *ret_found = false;
    kt_db_u64(w->segment_at, 1, w->next);
    while (!*ret_found && (status = kt_db_step(w->segment_at, err)) == KT_OK) {
        status = kt_segment_read(w->segment_at, ret, err);
        if (status != KT_OK)
            break;
        *ret_found = ret->last_seq >= w->tail_from && (down || ret->last_seq >= w->next);
    }
    ret->days = KT_STR_NONE; /* few enough to be opened */
    (void)sqlite3_reset(w->segment_at);
    return *ret_found || status == KT_E_AGAIN ? KT_OK : status;
}

static enum kt_status take_batch(struct kt_walk *w, struct kt_error *err)
{
    struct kt_row row;
    uint64_t found = kt_db_col_u64(w->batch_at, 0);
    enum kt_status status = kt_row_read(w->batch_at, &row, err);
    w->cost.batches++;
    move(w, found, status == KT_OK ? kt_row_last(&row) : found);
    if (status == KT_OK)
        status = kt_chunk_batch(w->chunk, &row, &w->scan, &w->want, err);
    return status;
}

/* Of a segment that was made meanwhile: what has not been shown as batches. */
static enum kt_status take_sealed(struct kt_walk *w, const struct kt_segment *seg,
                                  struct kt_error *err)
{
    struct kt_scan rest = w->scan;
    uint64_t from = w->scan.newest_first ? w->tail_from : w->next;
    if (w->scan.newest_first)
        rest.until_seq = w->next < rest.until_seq ? w->next : rest.until_seq;
    rest.from_seq = from > rest.from_seq ? from : rest.from_seq;
    return kt_chunk_segment(w->chunk, w->db, seg, &rest, &w->want, err);
}

/* What the chunk at hand left of its segment, since there was no room for more lines, or a piece of
 * it is damaged. */
static enum kt_status take_left(struct kt_walk *w, struct kt_error *err)
{
    const struct kt_segment left = { .first_seq = w->chunk->left_from,
                                     .last_seq = w->chunk->left_until };
    struct kt_scan rest = w->scan;
    struct kt_want want = w->want;
    struct kt_segment now;
    want.one = w->chunk->singly;
    w->chunk = w->own;
    kt_chunk_clear(w->chunk);
    if (kt_db_exec(w->db, "BEGIN", err) != KT_OK)
        return kt_wrap(err, "walk");
    enum kt_status status = kt_place_find(w->place_at, &left, &now, NULL, err);
    if (status == KT_OK) {
        kt_place_narrow(&left, &now, &rest);
        status = kt_chunk_segment(w->chunk, w->db, &now, &rest, &want, err);
    }
    (void)sqlite3_exec(w->db, "COMMIT", NULL, NULL, NULL);
    return status == KT_E_AGAIN ? KT_OK : status;
}

/* Both tables in one snapshot: a batch that is being sealed is in one of them. */
static enum kt_status next_of_tail(struct kt_walk *w, struct kt_error *err)
{
    struct kt_segment seg = { 0 };
    bool in_segment = false;
    w->chunk = w->own;
    kt_chunk_clear(w->chunk);
    if (kt_db_exec(w->db, "BEGIN", err) != KT_OK)
        return kt_wrap(err, "walk");
    kt_db_u64(w->batch_at, 1, w->next);
    enum kt_status status = kt_db_step(w->batch_at, err);
    bool in_batch = status == KT_OK;
    if (status == KT_OK || status == KT_E_AGAIN)
        status = sealed_since(w, &seg, &in_segment, err);
    if (status == KT_OK && in_segment && in_batch) { /* whichever comes first */
        uint64_t batch = kt_db_col_u64(w->batch_at, 0);
        in_segment = w->scan.newest_first ? seg.first_seq > batch : seg.first_seq < batch;
    }
    if (status == KT_OK && in_segment) {
        status = take_sealed(w, &seg, err);
        move(w, seg.first_seq, seg.last_seq);
    } else if (status == KT_OK && in_batch) {
        status = take_batch(w, err);
    } else {
        w->tail_done = true; /* nothing there, or nothing leads on from here */
        if (status != KT_OK)
            status =
                kt_wrap(err, "records %s %llu on cannot be read",
                        w->scan.newest_first ? "back from" : "from", (unsigned long long)w->next);
    }
    (void)sqlite3_reset(w->batch_at);
    (void)sqlite3_exec(w->db, "COMMIT", NULL, NULL, NULL);
    return status;
}

static enum kt_status next_planned(struct kt_walk *w, struct kt_error *err)
{
    enum kt_status status = kt_ahead_next(w->ahead, &w->chunk, err);
    if (status != KT_E_AGAIN)
        return status;
    w->plan_done = true;
    w->chunk = w->own;
    kt_chunk_clear(w->chunk);
    return KT_OK;
}

enum kt_status kt_walk_next(struct kt_walk *w, const struct kt_chunk **ret, struct kt_error *err)
{
    bool down = w->scan.newest_first;
    if (w->damage.code != KT_OK) {
        struct kt_error said = w->damage;
        w->damage = (struct kt_error){ 0 };
        return kt_fail(err, said.code, "%s", said.text);
    }
    while (w->chunk->left_from > 0 || !w->plan_done || !w->tail_done) {
        bool planned = down ? w->tail_done : !w->plan_done;
        bool singly = w->chunk->singly;
        if (w->scan.give_up != NULL && w->scan.give_up(w->scan.give_up_self))
            return kt_fail(err, KT_E_LIMIT, "the answer is not complete: given up");
        enum kt_status status = w->chunk->left_from > 0 ? take_left(w, err)
                                : planned               ? next_planned(w, err)
                                                        : next_of_tail(w, err);
        if (status == KT_E_CORRUPT && w->chunk->singly && !singly)
            continue; /* which of its pieces it is will be said, and the others are shown */
        if (status != KT_OK)
            return status;
        if (w->chunk->picks > 0) {
            *ret = w->chunk;
            return KT_OK;
        }
    }
    return kt_fail(err, KT_E_AGAIN, "no more records");
}

void kt_walk_since(struct kt_walk *w, kt_time_ns since)
{
    w->scan.since = since;
    if (w->ahead != NULL)
        kt_ahead_since(w->ahead, since);
}

void kt_walk_cost(const struct kt_walk *w, struct kt_scan_cost *ret)
{
    ret->segments += w->cost.segments;
    ret->skipped_time += w->cost.skipped_time;
    ret->skipped_filter += w->cost.skipped_filter;
    ret->batches += w->cost.batches;
    kt_chunk_cost(w->own, ret);
    if (w->ahead != NULL)
        kt_ahead_cost(w->ahead, ret);
}

enum kt_status kt_walk_line(struct kt_walk *w, uint32_t i, struct kt_str *ret, struct kt_error *err)
{
    return kt_chunk_line(w->chunk, i, ret, err);
}
