/*
 * segment: rows and small formats of segments, read as hostile bytes (THREATS I6).
 *
 * Owns:  nothing beyond struct kt_runs.
 * Calls: core/base, core/store (db, row, columns).
 */
#include "core/store/segment.h"

#include "core/base/alloc.h"
#include "core/base/limits.h"

/* How many pieces a segment has stands in its column `packed`, above the bytes: what came later
 * needs no other table. */
#define PACKED_BITS 48

/* Numbers that a segment may have, wherever it is read from. */
static bool is_possible(const struct kt_segment *s, uint32_t most)
{
    return s->first_seq > 0 && s->last_seq <= KT_SEQ_MAX && s->last_seq >= s->first_seq &&
           s->count > 0 && s->count <= most && s->last_seq - s->first_seq + 1 >= s->count &&
           s->untimed <= s->count && s->days.len % 4 == 0;
}

enum kt_status kt_segment_read(sqlite3_stmt *st, struct kt_segment *ret, struct kt_error *err)
{
    const uint64_t packed = kt_db_col_u64(st, 6), count = kt_db_col_u64(st, 2);
    const struct kt_segment s = {
        .first_seq = kt_db_col_u64(st, 0),
        .last_seq = kt_db_col_u64(st, 1),
        .count = (uint32_t)kt_db_col_u64(st, 2),
        .untimed = (uint32_t)kt_db_col_u64(st, 3),
        .conflicts = (uint32_t)kt_db_col_u64(st, 4),
        .bytes = kt_db_col_u64(st, 5),
        .packed = packed & ((UINT64_C(1) << PACKED_BITS) - 1),
        .pieces = (uint32_t)(packed >> PACKED_BITS),
        .min_time = kt_db_col_i64(st, 7),
        .max_time = kt_db_col_i64(st, 8),
        .min_arrival = kt_db_col_i64(st, 9),
        .max_arrival = kt_db_col_i64(st, 10),
        .min_stored = kt_db_col_i64(st, 11),
        .max_stored = kt_db_col_i64(st, 12),
        .days = kt_db_col(st, 13),
    };
    if (count > UINT32_MAX || s.pieces == 1 || s.pieces > KT_MERGED_PIECES ||
        !is_possible(&s, s.pieces > 0 ? KT_MERGED_EVENTS_MAX : KT_SEGMENT_EVENTS_MAX))
        return kt_fail(err, KT_E_CORRUPT, "the segment at record %lld has impossible numbers",
                       (long long)kt_db_col_i64(st, 0));
    *ret = s;
    return KT_OK;
}

void kt_segment_bind(sqlite3_stmt *st, const struct kt_segment *s)
{
    kt_db_u64(st, 1, s->first_seq);
    kt_db_u64(st, 2, s->last_seq);
    kt_db_u64(st, 3, s->count);
    kt_db_u64(st, 4, s->untimed);
    kt_db_u64(st, 5, s->conflicts);
    kt_db_u64(st, 6, s->bytes);
    kt_db_u64(st, 7, (uint64_t)s->pieces << PACKED_BITS | s->packed);
    kt_db_i64(st, 8, s->min_time);
    kt_db_i64(st, 9, s->max_time);
    kt_db_i64(st, 10, s->min_arrival);
    kt_db_i64(st, 11, s->max_arrival);
    kt_db_i64(st, 12, s->min_stored);
    kt_db_i64(st, 13, s->max_stored);
    kt_db_blob(st, 14, s->days);
}

/* The first of the rising days that is not before low; UINT32_MAX: none. */
static uint32_t day_from(struct kt_str days, uint32_t low)
{
    size_t from = 0, n = days.len / 4;
    while (n > 0) {
        struct kt_rd rd = kt_rd_of(kt_str_sub(days, 4 * (from + n / 2), 4));
        if (kt_rd_u32(&rd) < low) {
            from += n / 2 + 1;
            n -= n / 2 + 1;
        } else {
            n /= 2;
        }
    }
    struct kt_rd rd = kt_rd_of(kt_str_from_index(days, 4 * from));
    return rd.left >= 4 ? kt_rd_u32(&rd) : UINT32_MAX;
}

bool kt_segment_in_time(const struct kt_segment *s, kt_time_ns since, kt_time_ns until)
{
    if (s->untimed > 0)
        return true;
    if ((since > 0 && s->max_time < since) || (until > 0 && s->min_time >= until))
        return false;
    if (s->days.len <= 8) /* first and last day: what min and max have said */
        return true;
    uint32_t low = since <= 0 ? 0 : (uint32_t)(since / KT_NS_DAY);
    uint32_t high = until <= 0 ? UINT32_MAX : (uint32_t)((until - 1) / KT_NS_DAY);
    uint32_t day = day_from(s->days, low);
    return day != UINT32_MAX && day <= high;
}

/* ---- pieces ---- */

bool kt_part_is_merged(unsigned part)
{
    return part < KT_PART_FILTER || part == KT_PART_PIECES ||
           (part < KT_PART_FILTER + KT_FILTER_COUNT && part != KT_PART_FILTER + KT_FILTER_SESSION);
}

void kt_pieces_write(const struct kt_segment *head, uint32_t n, struct kt_buf *out)
{
    for (const struct kt_segment *s = head; s < head + n; s++) {
        const uint64_t wide[] = { s->first_seq,
                                  s->last_seq,
                                  s->bytes,
                                  (uint64_t)s->min_time,
                                  (uint64_t)s->max_time,
                                  (uint64_t)s->min_arrival,
                                  (uint64_t)s->max_arrival,
                                  (uint64_t)s->min_stored,
                                  (uint64_t)s->max_stored };
        for (size_t i = 0; i < KT_ARRAY_LEN(wide); i++)
            kt_buf_u64(out, wide[i]);
        kt_buf_u32(out, s->count);
        kt_buf_u32(out, s->untimed);
        kt_buf_u32(out, s->conflicts);
        kt_buf_str32(out, s->days);
    }
}

static struct kt_segment read_piece(struct kt_rd *rd)
{
    struct kt_segment s = { .first_seq = kt_rd_u64(rd) };
    s.last_seq = kt_rd_u64(rd);
    s.bytes = kt_rd_u64(rd);
    s.min_time = (kt_time_ns)kt_rd_u64(rd);
    s.max_time = (kt_time_ns)kt_rd_u64(rd);
    s.min_arrival = (kt_time_ns)kt_rd_u64(rd);
    s.max_arrival = (kt_time_ns)kt_rd_u64(rd);
    s.min_stored = (kt_time_ns)kt_rd_u64(rd);
    s.max_stored = (kt_time_ns)kt_rd_u64(rd);
    s.count = kt_rd_u32(rd);
    s.untimed = kt_rd_u32(rd);
    s.conflicts = kt_rd_u32(rd);
    s.days = kt_rd_str32(rd);
    return s;
}

enum kt_status kt_pieces_read(const struct kt_segment *seg, struct kt_str bytes,
                              struct kt_piece *ret, struct kt_error *err)
{
    struct kt_rd rd = kt_rd_of(bytes);
    uint64_t next = seg->first_seq;
    uint32_t rows = 0, i = 0;
    for (; i < seg->pieces && i < KT_MERGED_PIECES; i++) {
        const struct kt_segment s = read_piece(&rd);
        if (rd.bad || !is_possible(&s, KT_SEGMENT_EVENTS_MAX) || s.first_seq < next ||
            s.last_seq > seg->last_seq || s.count > seg->count - rows)
            break;
        ret[i] = (struct kt_piece){ .head = s, .row = rows };
        next = s.last_seq + 1;
        rows += s.count;
    }
    if (i == 0 || i != seg->pieces || rd.left > 0 || rows != seg->count ||
        ret[0].head.first_seq != seg->first_seq || next != seg->last_seq + 1)
        return kt_fail(err, KT_E_CORRUPT, "records %llu-%llu: the list of pieces is damaged",
                       (unsigned long long)seg->first_seq, (unsigned long long)seg->last_seq);
    return KT_OK;
}

/* ---- the batches of a segment ---- */

void kt_runs_done(struct kt_runs *r)
{
    kt_free(r->row);
    kt_buf_done(&r->packed);
    *r = (struct kt_runs){ 0 };
}

void kt_run_pack(const struct kt_row *row, struct kt_buf *out)
{
    kt_buf_u64(out, row->first_seq);
    kt_buf_u32(out, row->count);
    kt_buf_u64(out, row->bytes);
    kt_buf_u64(out, row->batch_seq);
    kt_buf_u8(out, row->origin);
    kt_buf_u64(out, (uint64_t)row->arrival);
    kt_buf_u64(out, (uint64_t)row->stored);
    kt_buf_str16(out, row->agent);
    kt_buf_str16(out, row->incarnation);
    kt_buf_str16(out, row->leaves);
    kt_buf_str16(out, row->digest);
    kt_buf_str16(out, row->signature);
    kt_buf_str32(out, row->arrivals);
    kt_buf_str32(out, row->dropped);
    kt_buf_str32(out, row->conflicts);
}

static void read_run(struct kt_rd *rd, struct kt_row *row)
{
    *row = (struct kt_row){ .first_seq = kt_rd_u64(rd) };
    row->count = kt_rd_u32(rd);
    row->bytes = kt_rd_u64(rd);
    row->batch_seq = kt_rd_u64(rd);
    row->origin = kt_rd_u8(rd);
    row->arrival = (kt_time_ns)kt_rd_u64(rd);
    row->stored = (kt_time_ns)kt_rd_u64(rd);
    row->agent = kt_rd_str16(rd);
    row->incarnation = kt_rd_str16(rd);
    row->leaves = kt_rd_str16(rd);
    row->digest = kt_rd_str16(rd);
    row->signature = kt_rd_str16(rd);
    row->arrivals = kt_rd_str32(rd);
    row->dropped = kt_rd_str32(rd);
    row->conflicts = kt_rd_str32(rd);
}

/* Rising, without overlap, all inside the segment, and as many records as it says. */
static bool fits(const struct kt_segment *seg, const struct kt_row *row, uint64_t next,
                 uint64_t count)
{
    return row->first_seq >= next && row->count > 0 && row->count <= seg->count - count &&
           row->first_seq <= seg->last_seq && kt_row_last(row) <= seg->last_seq;
}

enum kt_status kt_runs_read(struct kt_runs *r, const struct kt_segment *seg, struct kt_str bytes,
                            struct kt_error *err)
{
    kt_buf_reset(&r->packed);
    kt_buf_add(&r->packed, bytes);
    struct kt_rd rd = kt_rd_of(kt_buf_str(&r->packed));
    uint64_t next = seg->first_seq, count = 0;
    r->n = 0;
    while (rd.left > 0) {
        struct kt_row row;
        read_run(&rd, &row);
        if (rd.bad || !fits(seg, &row, next, count) || kt_row_check(&row, NULL) != KT_OK)
            break;
        if (r->n == r->cap) {
            r->cap = r->cap == 0 ? 32 : 2 * r->cap;
            r->row = kt_realloc_array(r->row, r->cap, sizeof *r->row);
        }
        r->row[r->n++] = row;
        next = kt_row_last(&row) + 1;
        count += row.count;
    }
    if (rd.bad || rd.left > 0 || count != seg->count || r->row[0].first_seq != seg->first_seq ||
        next != seg->last_seq + 1)
        return kt_fail(err, KT_E_CORRUPT, "records %llu-%llu: the list of batches is damaged",
                       (unsigned long long)seg->first_seq, (unsigned long long)seg->last_seq);
    return KT_OK;
}

void kt_segment_order(const uint16_t *actor, uint32_t n, uint32_t most, uint32_t *place)
{
    uint32_t *next = kt_alloc_array((size_t)most + 2, sizeof *next);
    for (uint32_t i = 0; i < n; i++)
        next[actor[i] + 1]++;
    for (uint32_t k = 0; k < most; k++)
        next[k + 1] += next[k];
    for (uint32_t i = 0; i < n; i++)
        place[i] = next[actor[i]]++;
    kt_free(next);
}
