/*
 * retain: taking old segments out. What may go, and when, is decided above (collector/keep).
 *
 * Owns:  nothing beyond struct kt_store.
 * Calls: core/base, core/store (opened, tombstone, together).
 * Holds: the tree keeps its root: nodes over what is gone stay in tombstones, which are never
 *        removed (THREATS T6).
 */
#include <inttypes.h>
#include <stdio.h>

#include "core/base/alloc.h"
#include "core/base/limits.h"
#include "core/store/opened.h"
#include "core/store/store.h"
#include "core/store/together.h"
#include "core/store/tombstone.h"

void kt_store_not_before(struct kt_store *s, kt_time_ns stored)
{
    s->stored_floor = stored;
}

enum kt_status kt_store_old(const struct kt_store *s, uint64_t from_seq, struct kt_old *ret,
                            struct kt_error *err)
{
    kt_time_ns newest = 0;
    for (uint32_t i = 0; i < s->directory.n; i++) {
        const struct kt_segment *seg = &s->directory.at[i];
        newest = seg->max_stored > newest ? seg->max_stored : newest;
        if (seg->first_seq < from_seq)
            continue;
        *ret = (struct kt_old){ .first_seq = seg->first_seq,
                                .last_seq = seg->last_seq,
                                .events = seg->count,
                                .min_time = seg->min_time,
                                .max_time = seg->max_time,
                                .min_stored = seg->min_stored,
                                .max_stored = newest,
                                .untimed = seg->untimed > 0 };
        return KT_OK;
    }
    return kt_fail(err, KT_E_AGAIN, "no segment from record %llu on", (unsigned long long)from_seq);
}

static enum kt_status write_tombstones(struct kt_store *s, const struct kt_segment *seg,
                                       const struct kt_runs *runs, struct kt_str nodes,
                                       struct kt_str reason, kt_time_ns now, struct kt_error *err)
{
    struct kt_rd rd = kt_rd_of(nodes);
    for (uint32_t at = 0; at < runs->n;) {
        KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 };
        char id[32];
        uint64_t seq;
        int n = snprintf(id, sizeof id, "removed-%" PRIu64, runs->row[at].first_seq);
        if (kt_tombstone_write(seg, runs, &at, &rd, reason, &raw, err) != KT_OK)
            return kt_wrap(err, "remove");
        struct kt_event ev = { .kind = KT_KIND_TOMBSTONE,
                               .source = KT_STR("keytrail"),
                               .instance = KT_STR("store"),
                               .native_id = kt_str_from(id, (size_t)n),
                               .operation = KT_STR("remove"),
                               .message = reason,
                               .time = now,
                               .observed = now,
                               .raw = kt_buf_str(&raw) };
        if (kt_store_control(s, &ev, now, now, &seq, err) != KT_OK)
            return kt_wrap(err, "remove");
    }
    return KT_OK;
}

/* Control records are many and never removed: asked once. */
static enum kt_status control_bounds(struct kt_store *s, struct kt_error *err)
{
    sqlite3_stmt *st = s->st[KT_ST_CONTROL_BOUNDS];
    if (s->control_last != 0)
        return KT_OK;
    if (kt_db_step(st, err) != KT_OK)
        return kt_wrap(err, "remove");
    s->control_first = kt_db_col_i64(st, 0);
    s->control_last = kt_db_col_i64(st, 1);
    (void)sqlite3_reset(st);
    return KT_OK;
}

static void widen(struct kt_sums *sums, kt_time_ns first, kt_time_ns last)
{
    if (first != 0 && (sums->first_arrival == 0 || first < sums->first_arrival))
        sums->first_arrival = first;
    if (last > sums->newest_arrival)
        sums->newest_arrival = last;
}

/* The tail is short. */
static enum kt_status tail_bounds(struct kt_store *s, struct kt_error *err)
{
    sqlite3_stmt *st = s->st[KT_ST_TAIL];
    kt_time_ns *arrival = kt_alloc_array(KT_BATCH_EVENTS_MAX, sizeof *arrival);
    enum kt_status status;
    while ((status = kt_db_step(st, err)) == KT_OK) {
        struct kt_row row;
        if ((status = kt_row_read(st, &row, err)) != KT_OK ||
            (status = kt_row_arrivals(&row, arrival, err)) != KT_OK)
            break;
        for (uint32_t i = 0; i < row.count; i++)
            widen(&s->sums, arrival[i], arrival[i]);
    }
    (void)sqlite3_reset(st);
    kt_free(arrival);
    return status == KT_E_AGAIN ? KT_OK : status;
}

/* First and last times are those of what is still there. */
static enum kt_status measure(struct kt_store *s, struct kt_error *err)
{
    sqlite3_stmt *st = s->st[KT_ST_BOUNDS];
    if (control_bounds(s, err) != KT_OK || kt_db_step(st, err) != KT_OK)
        return kt_wrap(err, "remove");
    s->sums.first_time = kt_db_col_i64(st, 0);
    s->sums.last_time = kt_db_col_i64(st, 1);
    s->sums.first_arrival = s->control_first;
    s->sums.newest_arrival = s->control_last;
    widen(&s->sums, kt_db_col_i64(st, 2), kt_db_col_i64(st, 3));
    (void)sqlite3_reset(st);
    return tail_bounds(s, err);
}

static enum kt_status delete_rows(struct kt_store *s, const struct kt_segment *seg,
                                  struct kt_error *err)
{
    kt_db_u64(s->st[KT_ST_UNPART], 1, seg->first_seq * KT_PARTS);
    kt_db_u64(s->st[KT_ST_UNPART], 2, seg->last_seq * KT_PARTS + KT_PARTS - 1);
    kt_db_u64(s->st[KT_ST_UNSEGMENT], 1, seg->first_seq);
    return kt_store_run(s, KT_ST_UNPART, err) == KT_OK ? kt_store_run(s, KT_ST_UNSEGMENT, err)
                                                       : kt_wrap(err, "remove");
}

/* What is kept of one that was sealed by itself, whether it was merged since or not. */
static enum kt_status bury(struct kt_store *s, struct kt_opened *o, const struct kt_piece *piece,
                           uint32_t number, struct kt_str reason, kt_time_ns now,
                           struct kt_error *err)
{
    const struct kt_runs *runs;
    struct kt_str nodes;
    if (kt_opened_runs(o, number, &runs, err) != KT_OK ||
        kt_opened_piece_raw(o, number, KT_PART_NODES, &nodes, err) != KT_OK ||
        write_tombstones(s, &piece->head, runs, nodes, reason, now, err) != KT_OK)
        return kt_wrap(err, "remove");
    s->sums.batches -= runs->n;
    s->sums.removed_segments++;
    return KT_OK;
}

static enum kt_status remove_segment(struct kt_store *s, struct kt_opened *o,
                                     const struct kt_segment *seg, struct kt_str reason,
                                     kt_time_ns now, struct kt_error *err)
{
    const struct kt_piece *piece;
    uint32_t n;
    if (kt_opened_start(o, s->db, seg, err) != KT_OK ||
        kt_opened_pieces(o, &piece, &n, err) != KT_OK)
        return kt_wrap(err, "remove");
    for (uint32_t k = 0; k < n; k++)
        if (bury(s, o, &piece[k], k, reason, now, err) != KT_OK)
            return err == NULL ? KT_E_CORRUPT : err->code;
    if (delete_rows(s, seg, err) != KT_OK)
        return kt_wrap(err, "remove");
    s->sums.events -= seg->count;
    s->sums.conflicts -= seg->conflicts;
    s->sums.removed_events += seg->count;
    return KT_OK;
}

enum kt_status kt_store_remove(struct kt_store *s, uint64_t first_seq, struct kt_str reason,
                               kt_time_ns now, struct kt_error *err)
{
    if (kt_store_may_write(s, err) != KT_OK)
        return kt_wrap(err, "remove");
    uint32_t i = kt_directory_from(&s->directory, first_seq);
    if (i == s->directory.n || s->directory.at[i].first_seq != first_seq)
        return kt_fail(err, KT_E_INPUT, "no segment begins at record %llu",
                       (unsigned long long)first_seq);
    const struct kt_segment seg = s->directory.at[i];
    struct kt_opened *o = kt_opened_new();
    enum kt_status status = remove_segment(s, o, &seg, reason, now, err);
    kt_opened_free(o);
    if (status != KT_OK) {
        s->torn = true; /* half of it may be in */
        return status;
    }
    s->removed_some = true;
    kt_dedupe_drop(s->dedupe, &seg);
    kt_directory_drop(&s->directory, first_seq);
    s->torn = measure(s, err) != KT_OK || kt_together_drop_partial(s, err) != KT_OK;
    return s->torn ? kt_wrap(err, "remove") : KT_OK;
}
