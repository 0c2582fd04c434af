/*
 * covers: see the header.
 *
 * Owns:  nothing but what one walk needs.
 * Calls: core/base, core/store (opened, tombstone, tree).
 */
#include "core/store/covers.h"

#include <string.h>

#define ULL(v) ((unsigned long long)(v))

enum kt_status kt_covers_open(struct kt_covers *c, struct kt_error *err)
{
    c->opened = kt_opened_new();
    if (kt_db_prepare(c->db, "SELECT leaf FROM control WHERE seq = ?1", &c->control_at, err) !=
            KT_OK ||
        kt_tombstones_load(&c->tombstones, c->db, err) != KT_OK)
        return kt_wrap(err, "tree");
    return KT_OK;
}

void kt_covers_done(struct kt_covers *c)
{
    kt_db_finalize(&c->control_at);
    kt_tombstones_done(&c->tombstones);
    kt_opened_free(c->opened);
    c->opened = NULL;
}

static enum kt_status damaged(const struct kt_covers *c, struct kt_error *err)
{
    return kt_fail(err, KT_E_CORRUPT, "the hashes kept for record %llu do not fit its place",
                   ULL(c->size + 1));
}

static enum kt_status give(struct kt_covers *c, bool removed, struct kt_error *err)
{
    if (c->cover.first != c->size)
        return damaged(c, err);
    enum kt_status status = c->take(c->self, &c->cover, removed, err);
    if (status == KT_OK)
        c->size += c->cover.n;
    return status;
}

/* KT_E_AGAIN: the next record is no control record. */
static enum kt_status give_control(struct kt_covers *c, struct kt_error *err)
{
    kt_db_u64(c->control_at, 1, c->size + 1);
    enum kt_status status = kt_db_step(c->control_at, err);
    struct kt_str leaf = status == KT_OK ? kt_db_col(c->control_at, 0) : KT_STR_NONE;
    if (status == KT_OK && leaf.len == 32) {
        kt_cover_start(&c->cover, c->size);
        kt_cover_add(&c->cover, 0, (const uint8_t *)leaf.at);
        status = give(c, false, err);
    } else if (status == KT_OK) {
        status = damaged(c, err);
    }
    (void)sqlite3_reset(c->control_at);
    return status;
}

static enum kt_status give_removed(struct kt_covers *c, struct kt_error *err)
{
    const struct kt_gap *gap = kt_tombstones_at(&c->tombstones, c->size + 1);
    if (gap == NULL)
        return kt_fail(err, KT_E_CORRUPT, "record %llu is missing", ULL(c->size + 1));
    struct kt_rd rd = kt_rd_of(kt_str_from(gap->nodes, gap->len));
    kt_cover_read(&rd, gap->first - 1, gap->n, &c->cover);
    return rd.bad || rd.left != 0 ? damaged(c, err) : give(c, true, err);
}

enum kt_status kt_covers_reach(struct kt_covers *c, uint64_t first, struct kt_error *err)
{
    while (c->size + 1 < first) {
        enum kt_status status = give_control(c, err);
        if (status == KT_E_AGAIN)
            status = give_removed(c, err);
        if (status != KT_OK)
            return status;
    }
    return c->size + 1 == first ? KT_OK : damaged(c, err);
}

enum kt_status kt_covers_row(struct kt_covers *c, const struct kt_row *row, struct kt_error *err)
{
    if (kt_covers_reach(c, row->first_seq, err) != KT_OK ||
        kt_row_nodes(row, &c->cover, err) != KT_OK)
        return kt_wrap(err, "batch");
    return give(c, false, err);
}

/* Nodes cover run after run of batches without a hole between them. */
static enum kt_status give_piece(struct kt_covers *c, uint32_t piece, struct kt_error *err)
{
    const struct kt_runs *runs;
    struct kt_str nodes;
    if (kt_opened_runs(c->opened, piece, &runs, err) != KT_OK ||
        kt_opened_piece_raw(c->opened, piece, KT_PART_NODES, &nodes, err) != KT_OK)
        return kt_wrap(err, "segment");
    struct kt_rd rd = kt_rd_of(nodes);
    for (uint32_t at = 0; at < runs->n;) {
        uint64_t first = runs->row[at].first_seq, n = 0;
        for (; at < runs->n && first + n == runs->row[at].first_seq; at++)
            n += runs->row[at].count;
        if (kt_covers_reach(c, first, err) != KT_OK)
            return kt_wrap(err, "segment");
        kt_cover_read(&rd, first - 1, n, &c->cover);
        if (rd.bad)
            return damaged(c, err);
        if (give(c, false, err) != KT_OK)
            return kt_wrap(err, "segment");
    }
    return rd.left == 0 ? KT_OK : damaged(c, err);
}

enum kt_status kt_covers_piece(struct kt_covers *c, const struct kt_segment *seg, uint32_t piece,
                               struct kt_error *err)
{
    const struct kt_piece *all;
    uint32_t n;
    return kt_opened_start(c->opened, c->db, seg, err) == KT_OK &&
                   kt_opened_pieces(c->opened, &all, &n, err) == KT_OK && piece < n
               ? give_piece(c, piece, err)
               : kt_wrap(err, "segment");
}

/* Pieces that were given before, under their own numbers, are passed over. */
enum kt_status kt_covers_segment(struct kt_covers *c, const struct kt_segment *seg,
                                 struct kt_error *err)
{
    const struct kt_piece *piece;
    uint32_t n;
    if (kt_opened_start(c->opened, c->db, seg, err) != KT_OK ||
        kt_opened_pieces(c->opened, &piece, &n, err) != KT_OK)
        return kt_wrap(err, "segment");
    for (uint32_t k = 0; k < n; k++)
        if (piece[k].head.last_seq > c->size && give_piece(c, k, err) != KT_OK)
            return err == NULL ? KT_E_CORRUPT : err->code;
    return KT_OK;
}
