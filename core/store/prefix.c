/*
 * prefix: see the header.
 *
 * Owns:  nothing but what one call needs.
 * Calls: core/base, core/store (covers, tree).
 */
#include "core/store/prefix.h"

#include "core/store/covers.h"

struct walk {
    const struct kt_prefix *p;
    sqlite3_stmt *tail_at, *earlier_at;
    struct kt_covers covers;
    struct kt_opened *opened; /* the segment in which it ends */
    struct kt_tree tree;
};

#define ULL(v) ((unsigned long long)(v))

static void done(struct walk *w)
{
    kt_db_finalize(&w->tail_at);
    kt_db_finalize(&w->earlier_at);
    kt_covers_done(&w->covers);
    kt_opened_free(w->opened);
}

static enum kt_status take(void *self, const struct kt_cover *cover, bool removed,
                           struct kt_error *err)
{
    struct walk *w = self;
    if (removed && cover->first + cover->n > w->p->n)
        return kt_fail(err, KT_E_CORRUPT,
                       "records %llu-%llu were removed since, and one hash stands for all of them",
                       ULL(cover->first + 1), ULL(cover->first + cover->n));
    kt_tree_add_cover(&w->tree, cover);
    return KT_OK;
}

/* ---- batches ---- */

/* The same batch in the earlier state, by number, size and all of its leaves. */
static enum kt_status add_earlier(struct walk *w, const struct kt_row *run, struct kt_error *err)
{
    struct kt_row row;
    kt_db_u64(w->earlier_at, 1, run->first_seq);
    enum kt_status status = kt_db_step(w->earlier_at, err);
    if (status == KT_OK)
        status = kt_row_read(w->earlier_at, &row, err);
    if (status == KT_E_AGAIN ||
        (status == KT_OK && (row.count != run->count || !kt_str_eq(row.leaves, run->leaves))))
        status = kt_fail(err, KT_E_CORRUPT, "records %llu-%llu are others", ULL(run->first_seq),
                         ULL(kt_row_last(run)));
    if (status == KT_OK)
        status = kt_covers_row(&w->covers, &row, err);
    (void)sqlite3_reset(w->earlier_at);
    return status;
}

static enum kt_status add_tail(struct walk *w, struct kt_error *err)
{
    enum kt_status status;
    kt_db_u64(w->tail_at, 1, w->p->n);
    while ((status = kt_db_step(w->tail_at, err)) == KT_OK) {
        struct kt_row row;
        if (kt_row_read(w->tail_at, &row, err) != KT_OK ||
            kt_covers_row(&w->covers, &row, err) != KT_OK)
            return err == NULL ? KT_E_CORRUPT : err->code;
    }
    return status == KT_E_AGAIN ? KT_OK : status;
}

/* ---- segments ---- */

static enum kt_status add_piece(struct walk *w, uint32_t piece, struct kt_error *err)
{
    const struct kt_runs *runs;
    if (kt_opened_runs(w->opened, piece, &runs, err) != KT_OK)
        return kt_wrap(err, "segment");
    for (uint32_t i = 0; i < runs->n && runs->row[i].first_seq <= w->p->n; i++) {
        if (w->p->earlier == NULL)
            return kt_fail(err, KT_E_CORRUPT,
                           "the hashes kept for record %llu do not fit its place",
                           ULL(w->covers.size + 1));
        if (add_earlier(w, &runs->row[i], err) != KT_OK)
            return kt_wrap(err, "segment");
    }
    return KT_OK;
}

/* The prefix may end within it. */
static enum kt_status add_segment(struct walk *w, const struct kt_segment *seg,
                                  struct kt_error *err)
{
    const struct kt_piece *piece;
    uint32_t n;
    if (seg->last_seq <= w->p->n)
        return kt_covers_segment(&w->covers, seg, err);
    if (kt_opened_start(w->opened, w->p->db, seg, err) != KT_OK ||
        kt_opened_pieces(w->opened, &piece, &n, err) != KT_OK)
        return kt_wrap(err, "segment");
    for (uint32_t k = 0; k < n && piece[k].head.first_seq <= w->p->n; k++) {
        bool whole = piece[k].head.last_seq <= w->p->n;
        if ((whole ? kt_covers_piece(&w->covers, seg, k, err) : add_piece(w, k, err)) != KT_OK)
            return err == NULL ? KT_E_CORRUPT : err->code;
    }
    return KT_OK;
}

/* ---- the whole ---- */

static enum kt_status prepare(struct walk *w, struct kt_error *err)
{
    if (kt_db_prepare(w->p->db,
                      "SELECT " KT_ROW_COLUMNS
                      " FROM batch WHERE first_seq <= ?1 ORDER BY first_seq",
                      &w->tail_at, err) != KT_OK ||
        (w->p->earlier != NULL &&
         kt_db_prepare(w->p->earlier, "SELECT " KT_ROW_COLUMNS " FROM batch WHERE first_seq = ?1",
                       &w->earlier_at, err) != KT_OK) ||
        kt_covers_open(&w->covers, err) != KT_OK)
        return kt_wrap(err, "tree");
    return KT_OK;
}

enum kt_status kt_prefix_tree(const struct kt_prefix *p, struct kt_tree *ret, struct kt_error *err)
{
    KT_CLEANUP(done) struct walk w = { .p = p };
    w.covers = (struct kt_covers){ .db = p->db, .take = take, .self = &w };
    w.opened = kt_opened_new();
    enum kt_status status = prepare(&w, err);
    for (uint32_t i = 0; i < p->segments->n && status == KT_OK; i++)
        if (p->segments->at[i].first_seq <= p->n)
            status = add_segment(&w, &p->segments->at[i], err);
    if (status == KT_OK)
        status = add_tail(&w, err);
    if (status == KT_OK)
        status = kt_covers_reach(&w.covers, p->n + 1, err);
    if (status == KT_OK)
        *ret = w.tree;
    return status;
}
