/*
 * append: one batch of events, or one control record, into the store.
 *
 * Owns:  nothing beyond struct kt_store.
 * Calls: core/base, core/event, core/wire (line hash), core/store.
 * Holds: what is no duplicate gets the next number, a leaf and its place in the batch's row, all in
 *        the transaction at hand.
 */
#include <assert.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/event/line.h"
#include "core/store/store.h"
#include "core/wire/batch.h"

#define PACK_LEVEL 3

void kt_store_saw(struct kt_store *s, kt_time_ns arrival)
{
    if (s->sums.first_arrival == 0 || arrival < s->sums.first_arrival)
        s->sums.first_arrival = arrival;
    if (arrival > s->sums.newest_arrival)
        s->sums.newest_arrival = arrival;
}

static kt_time_ns not_before(const struct kt_store *s, kt_time_ns stored)
{
    return stored < s->stored_floor ? s->stored_floor : stored;
}

static enum kt_status check(const struct kt_store *s, const struct kt_store_batch *b,
                            struct kt_error *err)
{
    assert(s->in_txn);
    if (kt_store_may_write(s, err) != KT_OK)
        return kt_wrap(err, "append");
    if (b->n == 0 || b->n > KT_BATCH_EVENTS_MAX || b->lines.len > KT_BATCH_RAW_MAX ||
        b->agent.len > KT_NAME_MAX)
        return kt_fail(err, KT_E_LIMIT, "a batch of %u lines and %zu bytes is over the limits",
                       b->n, b->lines.len);
    kt_time_ns last = s->sums.last_arrival;
    for (uint32_t i = 0; b->origin == KT_ORIGIN_LIVE && i < b->n; i++) {
        if (b->arrival[i] < last)
            return kt_fail(err, KT_E_INPUT, "the arrival of line %u lies before the one before it",
                           i);
        last = b->arrival[i];
    }
    return KT_OK;
}

/* Fates and numbers of all lines, places of the kept ones, hashes of the dropped ones. */
static enum kt_status sort_out(struct kt_store *s, const struct kt_store_batch *b,
                               struct kt_store_result *r, struct kt_error *err)
{
    kt_buf_reset(&s->dropped);
    kt_buf_reset(&s->conflicts);
    kt_dedupe_start(s->dedupe, b, s->tree.size + 1);
    for (uint32_t i = 0; i < b->n; i++) {
        enum kt_fate fate;
        if (kt_dedupe_ask(s->dedupe, i, &fate, err) != KT_OK)
            return kt_wrap(err, "append");
        s->fate[i] = (uint8_t)fate;
        s->seq[i] = 0;
        if (fate == KT_FATE_DUPLICATE) {
            r->duplicates++;
            kt_buf_u32(&s->dropped, i);
            kt_buf_add_bytes(&s->dropped, b->hashes[i], 32);
            continue;
        }
        if (fate == KT_FATE_CONFLICT) {
            r->conflicts++;
            kt_buf_u32(&s->conflicts, r->stored);
        }
        s->seq[i] = s->tree.size + 1 + r->stored;
        s->place[r->stored++] = i;
    }
    return KT_OK;
}

/* Leaves of the kept lines, first as the cover of their own run: so each node is hashed once. */
static void add_leaves(struct kt_store *s, const struct kt_store_batch *b, uint32_t kept,
                       uint8_t ret_leaves[32])
{
    uint8_t leaf[32];
    kt_sha256_start(s->sha);
    kt_cover_start(&s->cover, s->tree.size);
    for (uint32_t k = 0; k < kept; k++) {
        uint32_t i = s->place[k];
        const struct kt_leaf l = { .seq = s->seq[i],
                                   .arrival = b->arrival[i],
                                   .stored = b->stored,
                                   .origin = (uint8_t)b->origin,
                                   .conflict = s->fate[i] == KT_FATE_CONFLICT,
                                   .agent = b->agent,
                                   .line_hash = b->hashes[i] };
        kt_leaf_hash(&l, leaf);
        kt_cover_add(&s->cover, 0, leaf);
        kt_sha256_add(s->sha, leaf, sizeof leaf);
        kt_store_saw(s, l.arrival);
    }
    kt_tree_add_cover(&s->tree, &s->cover);
    kt_sha256_end(s->sha, ret_leaves);
}

/* The frame as it came when it holds exactly the kept lines. */
static struct kt_str frame_of(struct kt_store *s, const struct kt_store_batch *b, uint32_t kept)
{
    if (kept == b->n && b->packed.len > 0)
        return b->packed;
    struct kt_str lines = b->lines;
    if (kept < b->n) {
        kt_buf_reset(&s->text);
        for (uint32_t k = 0; k < kept; k++) {
            kt_buf_add(&s->text, b->line[s->place[k]]);
            kt_buf_byte(&s->text, '\n');
        }
        lines = kt_buf_str(&s->text);
    }
    kt_buf_reset(&s->packed);
    kt_zip_pack(s->zip, lines, PACK_LEVEL, &s->packed);
    return kt_buf_str(&s->packed);
}

static struct kt_str bytes_or_none(const uint8_t *at, size_t n)
{
    return at == NULL ? KT_STR_NONE : kt_str_from(at, n);
}

/* First and last event time of the kept lines, those without a time aside; 0, 0: none has one. */
static void time_range(const struct kt_store *s, const struct kt_store_batch *b, uint32_t kept,
                       kt_time_ns *ret_min, kt_time_ns *ret_max)
{
    kt_time_ns low = 0, high = 0;
    for (uint32_t k = 0; k < kept; k++) {
        kt_time_ns t = b->events[s->place[k]].time;
        if (t <= 0)
            continue;
        low = low == 0 || t < low ? t : low;
        high = t > high ? t : high;
    }
    *ret_min = low;
    *ret_max = high;
}

static uint64_t line_bytes(const struct kt_store *s, const struct kt_store_batch *b, uint32_t kept)
{
    uint64_t bytes = kept;
    for (uint32_t k = 0; k < kept; k++)
        bytes += b->line[s->place[k]].len;
    return bytes;
}

static enum kt_status write_row(struct kt_store *s, const struct kt_store_batch *b,
                                uint64_t first_seq, uint32_t kept, struct kt_error *err)
{
    uint8_t leaves[32];
    kt_time_ns min_time, max_time;
    uint64_t bytes = line_bytes(s, b, kept);
    add_leaves(s, b, kept, leaves);
    time_range(s, b, kept, &min_time, &max_time);
    kt_buf_reset(&s->arrivals);
    kt_row_pack_arrivals(b->arrival, s->place, kept, &s->arrivals);
    kt_buf_reset(&s->nodes);
    kt_cover_pack(&s->cover, &s->nodes);
    kt_tail_add(s, kept, bytes, b->stored);

    sqlite3_stmt *st = s->st[KT_ST_BATCH];
    kt_db_u64(st, 1, first_seq);
    kt_db_i64(st, 2, kept);
    kt_db_u64(st, 3, bytes);
    kt_db_text(st, 4, b->agent);
    kt_db_blob_or_null(st, 5, bytes_or_none(b->incarnation, 16));
    kt_db_u64(st, 6, b->batch_seq);
    kt_db_i64(st, 7, b->origin);
    kt_db_i64(st, 8, b->arrival[s->place[0]]);
    kt_db_i64(st, 9, b->stored);
    kt_db_i64(st, 10, min_time);
    kt_db_i64(st, 11, max_time);
    kt_db_blob(st, 12, kt_str_from(leaves, sizeof leaves));
    kt_db_blob_or_null(st, 13, bytes_or_none(b->digest, 32));
    kt_db_blob_or_null(st, 14, bytes_or_none(b->signature, 64));
    kt_db_blob_or_null(st, 15, kt_buf_str(&s->arrivals));
    kt_db_blob_or_null(st, 16, kt_buf_str(&s->dropped));
    kt_db_blob_or_null(st, 17, kt_buf_str(&s->conflicts));
    kt_db_blob(st, 18, kt_buf_str(&s->nodes));
    kt_db_blob(st, 19, frame_of(s, b, kept));
    s->sums.batches++;
    if (min_time > 0 && (s->sums.first_time == 0 || min_time < s->sums.first_time))
        s->sums.first_time = min_time;
    if (max_time > s->sums.last_time)
        s->sums.last_time = max_time;
    return kt_store_run(s, KT_ST_BATCH, err);
}

static enum kt_status move_mark(struct kt_store *s, const struct kt_store_batch *b,
                                struct kt_error *err)
{
    sqlite3_stmt *st = s->st[KT_ST_MARK_PUT];
    kt_db_text(st, 1, b->agent);
    kt_db_blob(st, 2, kt_str_from(b->incarnation, 16));
    kt_db_u64(st, 3, b->batch_seq);
    kt_db_blob(st, 4, bytes_or_none(b->digest, 32));
    return kt_store_run(s, KT_ST_MARK_PUT, err);
}

enum kt_status kt_store_append(struct kt_store *s, const struct kt_store_batch *given,
                               struct kt_store_result *ret, struct kt_error *err)
{
    struct kt_store_batch raised = *given;
    const struct kt_store_batch *b = &raised;
    raised.stored = not_before(s, given->stored);
    struct kt_store_result r = { .fate = s->fate, .seq = s->seq, .stored_at = raised.stored };
    if (check(s, b, err) != KT_OK)
        return kt_wrap(err, "store");
    s->torn = true; /* until all of it is in */
    if (sort_out(s, b, &r, err) != KT_OK)
        return kt_wrap(err, "store");
    if (r.stored > 0) {
        r.first_seq = s->tree.size + 1;
        if (write_row(s, b, r.first_seq, r.stored, err) != KT_OK)
            return kt_wrap(err, "append");
        if (b->parsed != NULL && r.stored == b->n)
            kt_held_add(&s->held, r.first_seq, b->parsed);
    }
    if (b->incarnation != NULL && move_mark(s, b, err) != KT_OK)
        return kt_wrap(err, "mark");
    s->sums.events += r.stored;
    s->sums.duplicates += r.duplicates;
    s->sums.conflicts += r.conflicts;
    if (b->origin == KT_ORIGIN_LIVE)
        s->sums.last_arrival = b->arrival[b->n - 1];
    s->torn = false;
    r.lookups = kt_dedupe_cost(s->dedupe);
    *ret = r;
    return KT_OK;
}

enum kt_status kt_store_control(struct kt_store *s, struct kt_event *ev, kt_time_ns arrival,
                                kt_time_ns stored, uint64_t *ret_seq, struct kt_error *err)
{
    assert(s->in_txn);
    if (kt_store_may_write(s, err) != KT_OK)
        return kt_wrap(err, "control record");
    kt_buf_reset(&s->text);
    if (kt_line_write(ev, &s->text, err) != KT_OK)
        return kt_wrap(err, "control record");
    uint8_t hash[32], leaf[32];
    uint64_t seq = s->tree.size + 1;
    stored = not_before(s, stored);
    kt_line_hash(kt_buf_str(&s->text), hash);
    const struct kt_leaf l = { .seq = seq,
                               .arrival = arrival,
                               .stored = stored,
                               .origin = KT_ORIGIN_CONTROL,
                               .agent = KT_CONTROL_AGENT,
                               .line_hash = hash };
    kt_leaf_hash(&l, leaf);
    kt_tree_add(&s->tree, leaf);
    kt_store_saw(s, arrival);
    if (s->control_last != 0 && arrival < s->control_first)
        s->control_first = arrival;
    if (s->control_last != 0 && arrival > s->control_last)
        s->control_last = arrival;
    if (s->tail.events > 0)
        s->tail.last_stored = stored; /* a quiet month ends too */
    sqlite3_stmt *st = s->st[KT_ST_CONTROL];
    kt_db_u64(st, 1, seq);
    kt_db_i64(st, 2, ev->kind);
    kt_db_i64(st, 3, arrival);
    kt_db_i64(st, 4, stored);
    kt_db_blob(st, 5, kt_str_from(leaf, sizeof leaf));
    kt_db_blob(st, 6, kt_buf_str(&s->text));
    s->sums.control++;
    if (kt_store_run(s, KT_ST_CONTROL, err) != KT_OK)
        return kt_wrap(err, "control record");
    *ret_seq = seq;
    return KT_OK;
}
