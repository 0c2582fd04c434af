/*
 * opened: reading the parts of one segment; opened_lines.c reads its lines.
 *
 * Owns:  buffers that are used again for the next segment.
 * Calls: core/base, core/store (db, segment, columns, packed).
 * Holds: nothing is unpacked beyond the limits that the builder keeps.
 */
#include <assert.h>

#include "core/base/alloc.h"
#include "core/store/opened_int.h"
#include "core/store/packed.h"

#define PART_MAX  (32u << 20)
#define RATIO_MAX 100000u
#define FEW_OF    2u /* of so many rows one is picked: then most of a dictionary is not looked at */

/* What a column's bytes are: today's, or a zstd frame of what segments of before have. */
struct form {
    enum kt_status (*unpack)(struct kt_columns *c, enum kt_col column, struct kt_str bytes,
                             struct kt_error *err);
    enum kt_status (*picked)(struct kt_columns *c, enum kt_col column, struct kt_str bytes,
                             struct kt_picked picked, struct kt_error *err);
    enum kt_status (*seek)(struct kt_columns *c, enum kt_col column, struct kt_str bytes,
                           const struct kt_sought *key, unsigned n, enum kt_seek how,
                           uint32_t *pick, uint32_t *picks, struct kt_error *err);
    enum kt_status (*times)(struct kt_columns *c, struct kt_str bytes, struct kt_picked picked,
                            struct kt_error *err);
};

static enum kt_status all_picked(struct kt_columns *c, enum kt_col column, struct kt_str bytes,
                                 struct kt_picked picked, struct kt_error *err)
{
    return column < KT_COL_SMALL ? kt_column_unpack(c, column, bytes, err)
                                 : kt_column_unpack_picked(c, column, bytes, picked, err);
}

static enum kt_status all_times(struct kt_columns *c, struct kt_str bytes, struct kt_picked picked,
                                struct kt_error *err)
{
    (void)picked;
    return kt_column_unpack_time(c, bytes, err);
}

static const struct form packed = { kt_packed_unpack, kt_packed_picked, kt_packed_seek,
                                    kt_packed_times };
static const struct form zipped = { kt_column_unpack, all_picked, kt_column_seek, all_times };

struct kt_opened *kt_opened_new(void)
{
    struct kt_opened *o = kt_alloc(sizeof *o);
    o->zip = kt_zip_new();
    o->at = UINT32_MAX;
    return o;
}

void kt_opened_forget(struct kt_opened *o)
{
    kt_db_finalize(&o->part_at);
    o->db = NULL;
}

void kt_opened_free(struct kt_opened *o)
{
    if (o == NULL)
        return;
    kt_opened_forget(o);
    kt_zip_free(o->zip);
    for (unsigned i = 0; i < KT_MERGED_PIECES; i++)
        kt_runs_done(&o->runs[i]);
    kt_columns_done(&o->columns);
    kt_buf_done(&o->raw);
    kt_buf_done(&o->piece_bytes);
    kt_buf_done(&o->text);
    kt_free(o->actor);
    kt_free(o->place);
    kt_free(o->kept);
    for (unsigned i = 0; i < KT_OPENED_BLOCKS; i++) {
        kt_buf_done(&o->block[i].text);
        kt_free(o->block[i].line);
    }
    kt_free(o);
}

enum kt_status kt_opened_start(struct kt_opened *o, sqlite3 *db, const struct kt_segment *seg,
                               struct kt_error *err)
{
    if (o->db != db) {
        kt_opened_forget(o);
        if (kt_db_prepare(db, "SELECT data FROM part WHERE id = ?1", &o->part_at, err) != KT_OK)
            return kt_wrap(err, "segment");
        o->db = db;
    }
    o->seg = *seg;
    o->seg.days = KT_STR_NONE; /* they are the caller's */
    o->pieces = 0;
    for (unsigned i = 0; i < kt_segment_pieces(seg); i++)
        o->have_runs[i] = false;
    o->have_time = o->have_actors = false;
    o->partial = 0;
    kt_columns_reset_to(&o->columns, seg->count);
    kt_opened_close_lines(o);
    return KT_OK;
}

struct kt_columns *kt_opened_columns(struct kt_opened *o)
{
    return &o->columns;
}

uint64_t kt_opened_bytes(const struct kt_opened *o)
{
    return o->bytes;
}

/* ---- parts ---- */

/* Whose part it is: an error names no more records than it concerns. */
static const struct kt_segment *owner_of(const struct kt_opened *o, uint64_t first_seq,
                                         unsigned part)
{
    for (uint32_t i = 0; i < o->pieces && !kt_part_is_merged(part); i++)
        if (o->piece[i].head.first_seq == first_seq)
            return &o->piece[i].head;
    return &o->seg;
}

bool kt_opened_of_piece(const struct kt_opened *o)
{
    return o->seg.pieces > 0 && o->of_piece;
}

enum kt_status kt_opened_fetch(struct kt_opened *o, uint64_t first_seq, unsigned part,
                               struct kt_str *ret, struct kt_error *err)
{
    (void)sqlite3_reset(o->part_at);
    o->of_piece = !kt_part_is_merged(part);
    kt_db_u64(o->part_at, 1, first_seq * KT_PARTS + part);
    enum kt_status status = kt_db_step(o->part_at, err);
    if (status == KT_E_AGAIN)
        return kt_fail(err, KT_E_CORRUPT, RANGE "part %u of the segment is missing",
                       RANGE_OF(owner_of(o, first_seq, part)), part);
    if (status != KT_OK)
        return kt_wrap(err, "segment at record %llu", (unsigned long long)first_seq);
    *ret = kt_db_col(o->part_at, 0);
    return KT_OK;
}

void kt_opened_let_go(struct kt_opened *o)
{
    (void)sqlite3_reset(o->part_at);
}

static enum kt_status raw(struct kt_opened *o, uint64_t first_seq, unsigned part,
                          struct kt_str *ret, struct kt_error *err)
{
    struct kt_str stored;
    enum kt_status status = kt_opened_fetch(o, first_seq, part, &stored, err);
    if (status == KT_OK) {
        kt_buf_reset(&o->raw);
        kt_buf_add(&o->raw, stored);
        *ret = kt_buf_str(&o->raw);
    }
    kt_opened_let_go(o);
    return status;
}

enum kt_status kt_opened_raw(struct kt_opened *o, unsigned part, struct kt_str *ret,
                             struct kt_error *err)
{
    return raw(o, o->seg.first_seq, part, ret, err);
}

enum kt_status kt_opened_piece_raw(struct kt_opened *o, uint32_t piece, unsigned part,
                                   struct kt_str *ret, struct kt_error *err)
{
    assert(piece < o->pieces);
    return raw(o, o->piece[piece].head.first_seq, part, ret, err);
}

static enum kt_status unzip(struct kt_opened *o, const struct kt_segment *of, unsigned part,
                            struct kt_str stored, size_t most, struct kt_buf *to,
                            struct kt_error *err)
{
    kt_buf_reset(to);
    enum kt_status status = kt_zip_unpack(o->zip, stored, most, RATIO_MAX, to, err);
    o->bytes += to->len;
    return status == KT_OK
               ? KT_OK
               : kt_fail(err, KT_E_CORRUPT, RANGE "part %u of the segment does not unpack",
                         RANGE_OF(of), part);
}

enum kt_status kt_opened_unpack(struct kt_opened *o, uint64_t first_seq, unsigned part, size_t most,
                                struct kt_buf *to, struct kt_error *err)
{
    struct kt_str stored;
    enum kt_status status = kt_opened_fetch(o, first_seq, part, &stored, err);
    if (status == KT_OK)
        status = unzip(o, owner_of(o, first_seq, part), part, stored, most, to, err);
    kt_opened_let_go(o);
    return status;
}

/* ---- pieces ---- */

static enum kt_status read_pieces(struct kt_opened *o, struct kt_error *err)
{
    struct kt_str stored;
    enum kt_status status = kt_opened_fetch(o, o->seg.first_seq, KT_PART_PIECES, &stored, err);
    if (status == KT_OK) {
        kt_buf_reset(&o->piece_bytes);
        kt_buf_add(&o->piece_bytes, stored);
    }
    kt_opened_let_go(o);
    if (status == KT_OK)
        status = kt_pieces_read(&o->seg, kt_buf_str(&o->piece_bytes), o->piece, err);
    return status;
}

enum kt_status kt_opened_pieces(struct kt_opened *o, const struct kt_piece **ret, uint32_t *ret_n,
                                struct kt_error *err)
{
    if (o->pieces == 0 && o->seg.pieces == 0)
        o->piece[0] = (struct kt_piece){ .head = o->seg };
    else if (o->pieces == 0 && read_pieces(o, err) != KT_OK)
        return err == NULL ? KT_E_CORRUPT : err->code;
    o->pieces = kt_segment_pieces(&o->seg);
    *ret = o->piece;
    *ret_n = o->pieces;
    return KT_OK;
}

enum kt_status kt_opened_runs(struct kt_opened *o, uint32_t piece, const struct kt_runs **ret,
                              struct kt_error *err)
{
    const struct kt_segment *head = &o->piece[piece].head;
    assert(piece < o->pieces);
    if (!o->have_runs[piece]) {
        if (kt_opened_unpack(o, head->first_seq, KT_PART_BATCHES, PART_MAX, &o->raw, err) !=
                KT_OK ||
            kt_runs_read(&o->runs[piece], head, kt_buf_str(&o->raw), err) != KT_OK)
            return err == NULL ? KT_E_CORRUPT : err->code;
        o->have_runs[piece] = true;
    }
    *ret = &o->runs[piece];
    return KT_OK;
}

/* ---- columns ---- */

/* The bytes of a column, unzipped where they are; the statement holds them until it is reset. */
static enum kt_status fetch_column(struct kt_opened *o, unsigned part, struct kt_str *ret,
                                   const struct form **ret_form, struct kt_error *err)
{
    enum kt_status status = kt_opened_fetch(o, o->seg.first_seq, part, ret, err);
    bool is_packed = status == KT_OK && ret->len > 0 && ret->at[0] == KT_PACKED_FORM;
    *ret_form = is_packed ? &packed : &zipped;
    if (is_packed) {
        o->bytes += ret->len;
    } else if (status == KT_OK) {
        status = unzip(o, &o->seg, part, *ret, PART_MAX, &o->raw, err);
        *ret = kt_buf_str(&o->raw);
    }
    return status;
}

static enum kt_status fetched(struct kt_opened *o, enum kt_col column, enum kt_status status,
                              struct kt_error *err)
{
    kt_opened_let_go(o);
    return status == KT_OK ? KT_OK
                           : kt_wrap(err, RANGE "column %d", RANGE_OF(&o->seg), (int)column);
}

enum kt_status kt_opened_column(struct kt_opened *o, enum kt_col column, struct kt_error *err)
{
    struct kt_str bytes;
    const struct form *form;
    if (o->columns.have & ~o->partial & KT_COLUMN(column))
        return KT_OK;
    enum kt_status status = fetch_column(o, KT_PART_COLUMN + (unsigned)column, &bytes, &form, err);
    if (status == KT_OK)
        status = form->unpack(&o->columns, column, bytes, err);
    if (status == KT_OK)
        o->partial &= ~KT_COLUMN(column);
    return fetched(o, column, status, err);
}

enum kt_status kt_opened_picked(struct kt_opened *o, enum kt_col column, struct kt_picked picked,
                                struct kt_error *err)
{
    struct kt_str bytes;
    const struct form *form;
    if (o->columns.have & KT_COLUMN(column))
        return KT_OK;
    if (picked.n > o->seg.count / FEW_OF)
        return kt_opened_column(o, column, err);
    enum kt_status status = fetch_column(o, KT_PART_COLUMN + (unsigned)column, &bytes, &form, err);
    if (status == KT_OK)
        status = form->picked(&o->columns, column, bytes, picked, err);
    if (status == KT_OK)
        o->partial |= KT_COLUMN(column);
    return fetched(o, column, status, err);
}

enum kt_status kt_opened_seek(struct kt_opened *o, enum kt_col column, const struct kt_sought *key,
                              unsigned n, enum kt_seek how, uint32_t *pick, uint32_t *picks,
                              bool *ret_done, struct kt_error *err)
{
    struct kt_str bytes;
    const struct form *form;
    *ret_done = (o->columns.have & KT_COLUMN(column)) == 0;
    if (!*ret_done)
        return KT_OK;
    enum kt_status status = fetch_column(o, KT_PART_COLUMN + (unsigned)column, &bytes, &form, err);
    if (status == KT_OK)
        status = form->seek(&o->columns, column, bytes, key, n, how, pick, picks, err);
    if (status == KT_OK)
        o->partial |= KT_COLUMN(column);
    return fetched(o, column, status, err);
}

enum kt_status kt_opened_time(struct kt_opened *o, struct kt_picked picked, struct kt_error *err)
{
    struct kt_str bytes;
    const struct form *form;
    if (o->have_time)
        return KT_OK;
    enum kt_status status = fetch_column(o, KT_PART_TIME, &bytes, &form, err);
    if (status == KT_OK)
        status = form->times(&o->columns, bytes, picked, err);
    kt_opened_let_go(o);
    o->have_time = status == KT_OK;
    return status == KT_OK ? KT_OK : kt_wrap(err, RANGE "times", RANGE_OF(&o->seg));
}
