/*
 * row: reading rows of table batch as hostile bytes (THREATS I6), and writing their small formats.
 *
 * Owns:  nothing.
 * Calls: core/base, core/store/db.
 */
#include "core/store/row.h"

#include <string.h>

#include "core/base/alloc.h"
#include "core/base/limits.h"

/* Frames that the store packed itself may be denser than the wire allows; the size bounds them. */
#define RATIO_MAX 100000u

#define RANGE       "records %llu-%llu: "
#define RANGE_OF(r) (unsigned long long)(r)->first_seq, (unsigned long long)kt_row_last(r)

uint64_t kt_row_last(const struct kt_row *row)
{
    return row->count == 0 ? row->first_seq : row->first_seq + row->count - 1;
}

static bool absent_or(struct kt_str s, size_t len)
{
    return s.len == 0 || s.len == len;
}

enum kt_status kt_row_read(sqlite3_stmt *st, struct kt_row *ret, struct kt_error *err)
{
    const struct kt_row row = {
        .first_seq = kt_db_col_u64(st, 0),
        .count = (uint32_t)kt_db_col_u64(st, 1),
        .bytes = kt_db_col_u64(st, 2),
        .agent = kt_db_col(st, 3),
        .incarnation = kt_db_col(st, 4),
        .batch_seq = kt_db_col_u64(st, 5),
        .origin = (uint8_t)kt_db_col_u64(st, 6),
        .arrival = kt_db_col_i64(st, 7),
        .stored = kt_db_col_i64(st, 8),
        .min_time = kt_db_col_i64(st, 9),
        .max_time = kt_db_col_i64(st, 10),
        .leaves = kt_db_col(st, 11),
        .digest = kt_db_col(st, 12),
        .signature = kt_db_col(st, 13),
        .arrivals = kt_db_col(st, 14),
        .dropped = kt_db_col(st, 15),
        .conflicts = kt_db_col(st, 16),
        .nodes = kt_db_col(st, 17),
        .lines = kt_db_col(st, 18),
    };
    if (row.first_seq == 0 || row.first_seq > KT_SEQ_MAX)
        return kt_fail(err, KT_E_CORRUPT, "a batch has the impossible record number %lld",
                       (long long)kt_db_col_i64(st, 0));
    if (kt_db_col_u64(st, 1) > UINT32_MAX || kt_db_col_u64(st, 6) > UINT8_MAX)
        return kt_fail(err, KT_E_CORRUPT, "the batch at record %llu has impossible counts",
                       (unsigned long long)row.first_seq);
    if (kt_row_check(&row, err) != KT_OK)
        return err == NULL ? KT_E_CORRUPT : err->code;
    *ret = row;
    return KT_OK;
}

enum kt_status kt_row_check(const struct kt_row *r, struct kt_error *err)
{
    const struct kt_row row = *r;
    if (row.count == 0 || row.count > KT_BATCH_EVENTS_MAX || row.bytes > KT_BATCH_RAW_MAX)
        return kt_fail(err, KT_E_CORRUPT, "the batch at record %llu has impossible counts",
                       (unsigned long long)row.first_seq);
    if (row.agent.len > KT_NAME_MAX || row.leaves.len != 32 || !absent_or(row.incarnation, 16) ||
        !absent_or(row.digest, 32) || !absent_or(row.signature, 64) ||
        row.dropped.len % KT_DROPPED_SIZE != 0 ||
        row.dropped.len / KT_DROPPED_SIZE > KT_BATCH_EVENTS_MAX || row.conflicts.len % 4 != 0)
        return kt_fail(err, KT_E_CORRUPT, RANGE "a column has an impossible length",
                       RANGE_OF(&row));
    return KT_OK;
}

enum kt_status kt_row_nodes(const struct kt_row *row, struct kt_cover *ret, struct kt_error *err)
{
    struct kt_rd rd = kt_rd_of(row->nodes);
    kt_cover_read(&rd, row->first_seq - 1, row->count, ret);
    if (rd.bad || rd.left != 0)
        return kt_fail(err, KT_E_CORRUPT, RANGE "the tree nodes are not those of %u records",
                       RANGE_OF(row), row->count);
    return KT_OK;
}

void kt_lines_done(struct kt_lines *l)
{
    kt_buf_done(&l->text);
    kt_free(l->at);
    *l = (struct kt_lines){ 0 };
}

enum kt_status kt_row_lines(const struct kt_row *row, struct kt_zip *zip, struct kt_lines *ret,
                            struct kt_error *err)
{
    kt_buf_reset(&ret->text);
    ret->n = 0;
    if (kt_zip_unpack(zip, row->lines, KT_BATCH_RAW_MAX, RATIO_MAX, &ret->text, err) != KT_OK)
        return kt_fail(err, KT_E_CORRUPT, RANGE "the lines do not unpack", RANGE_OF(row));
    if (ret->cap < row->count) {
        ret->at = kt_realloc_array(ret->at, row->count, sizeof *ret->at);
        ret->cap = row->count;
    }
    struct kt_str rest = kt_buf_str(&ret->text), line;
    if (!kt_str_ends(rest, KT_STR("\n")))
        return kt_fail(err, KT_E_CORRUPT, RANGE "the last line is cut", RANGE_OF(row));
    rest.len--;
    while (ret->n < row->count && kt_str_split(&rest, '\n', &line))
        ret->at[ret->n++] = line;
    if (ret->n != row->count || kt_str_split(&rest, '\n', &line))
        return kt_fail(err, KT_E_CORRUPT, RANGE "the number of lines is not the one recorded",
                       RANGE_OF(row));
    return KT_OK;
}

enum kt_status kt_row_arrivals(const struct kt_row *row, kt_time_ns *ret, struct kt_error *err)
{
    uint64_t at = (uint64_t)row->arrival;
    struct kt_rd rd = kt_rd_of(row->arrivals);
    for (uint32_t i = 0; i < row->count; i++) {
        if (i > 0 && row->arrivals.len > 0) {
            at += (uint64_t)kt_rd_zigzag(&rd);
            if (rd.bad)
                return kt_fail(err, KT_E_CORRUPT, RANGE "the arrival times are cut", RANGE_OF(row));
        }
        ret[i] = (kt_time_ns)at;
    }
    if (rd.left != 0)
        return kt_fail(err, KT_E_CORRUPT, RANGE "there are too many arrival times", RANGE_OF(row));
    return KT_OK;
}

void kt_row_pack_arrivals(const kt_time_ns *arrival, const uint32_t *place, uint32_t n,
                          struct kt_buf *out)
{
    uint32_t same = 1;
    while (same < n && arrival[place[same]] == arrival[place[0]])
        same++;
    if (same >= n)
        return;
    for (uint32_t i = 1; i < n; i++)
        kt_buf_zigzag(out,
                      (int64_t)((uint64_t)arrival[place[i]] - (uint64_t)arrival[place[i - 1]]));
}

enum kt_status kt_row_conflicts(const struct kt_row *row, bool *ret, struct kt_error *err)
{
    struct kt_rd rd = kt_rd_of(row->conflicts);
    uint64_t next = 0; /* lowest place that may come */
    while (rd.left > 0) {
        uint32_t place = kt_rd_u32(&rd);
        if (place < next || place >= row->count)
            return kt_fail(err, KT_E_CORRUPT, RANGE "a mark of a conflict points nowhere",
                           RANGE_OF(row));
        ret[place] = true;
        next = (uint64_t)place + 1;
    }
    return KT_OK;
}

uint32_t kt_dropped_place(const struct kt_dropped *d, uint32_t i)
{
    struct kt_rd rd = kt_rd_of(kt_str_from(d->at + (size_t)i * KT_DROPPED_SIZE, 4));
    return kt_rd_u32(&rd);
}

const uint8_t *kt_dropped_hash(const struct kt_dropped *d, uint32_t i)
{
    return (const uint8_t *)d->at + (size_t)i * KT_DROPPED_SIZE + 4;
}
