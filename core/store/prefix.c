/*
 * prefix: see the header.
 *
 * Owns:  nothing but what one call needs.
 * Calls: core/base, core/store (opened, tombstone, tree).
 */
#include "core/store/prefix.h"

#include <string.h>

#include "core/store/opened.h"
#include "core/store/tombstone.h"

struct walk {
    const struct kt_prefix *p;
    sqlite3_stmt *control_at, *tail_at, *earlier_at;
    struct kt_tombstones tombstones;
    struct kt_opened *opened;
    struct kt_cover cover;
    struct kt_tree tree;
};

#define ULL(v) ((unsigned long long)(v))

static void done(struct walk *w)
{
    kt_db_finalize(&w->control_at);
    kt_db_finalize(&w->tail_at);
    kt_db_finalize(&w->earlier_at);
    kt_tombstones_done(&w->tombstones);
    kt_opened_free(w->opened);
}

static enum kt_status damaged(const struct walk *w, struct kt_error *err)
{
    return kt_fail(err, KT_E_CORRUPT, "the hashes kept for record %llu do not fit its place",
                   ULL(w->tree.size + 1));
}

/* KT_E_AGAIN: the next record is no control record. */
static enum kt_status add_control(struct walk *w, struct kt_error *err)
{
    kt_db_u64(w->control_at, 1, w->tree.size + 1);
    enum kt_status status = kt_db_step(w->control_at, err);
    struct kt_str leaf = status == KT_OK ? kt_db_col(w->control_at, 0) : KT_STR_NONE;
    if (status == KT_OK && leaf.len == 32)
        kt_tree_add(&w->tree, (const uint8_t *)leaf.at);
    else if (status == KT_OK)
        status = damaged(w, err);
    (void)sqlite3_reset(w->control_at);
    return status;
}

static enum kt_status add_removed(struct walk *w, struct kt_error *err)
{
    const struct kt_gap *gap = kt_tombstones_at(&w->tombstones, w->tree.size + 1);
    if (gap == NULL)
        return kt_fail(err, KT_E_CORRUPT, "record %llu is missing", ULL(w->tree.size + 1));
    if (gap->first - 1 + gap->n > w->p->n)
        return kt_fail(err, KT_E_CORRUPT,
                       "records %llu-%llu were removed since, and one hash stands for all of them",
                       ULL(gap->first), ULL(gap->first + gap->n - 1));
    struct kt_rd rd = kt_rd_of(kt_str_from(gap->nodes, gap->len));
    kt_cover_read(&rd, gap->first - 1, gap->n, &w->cover);
    if (rd.bad || rd.left != 0)
        return damaged(w, err);
    kt_tree_add_cover(&w->tree, &w->cover);
    return KT_OK;
}

/* Control records and removed ones, until record `first` comes next. */
static enum kt_status reach(struct walk *w, uint64_t first, struct kt_error *err)
{
    while (w->tree.size + 1 < first) {
        enum kt_status status = add_control(w, err);
        if (status == KT_E_AGAIN)
            status = add_removed(w, err);
        if (status != KT_OK)
            return status;
    }
    return w->tree.size + 1 == first ? KT_OK : damaged(w, err);
}

/* ---- batches ---- */

static enum kt_status add_row(struct walk *w, const struct kt_row *row, struct kt_error *err)
{
    if (reach(w, row->first_seq, err) != KT_OK || kt_row_nodes(row, &w->cover, err) != KT_OK)
        return kt_wrap(err, "batch");
    kt_tree_add_cover(&w->tree, &w->cover);
    return KT_OK;
}

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
        status = add_row(w, &row, err);
    (void)sqlite3_reset(w->earlier_at);
    return status;
}

static enum kt_status add_tail(struct walk *w, struct kt_error *err)
{
    enum kt_status status;
    kt_db_u64(w->tail_at, 1, w->p->n);
    while ((status = kt_db_step(w->tail_at, err)) == KT_OK) {
        struct kt_row row;
        if (kt_row_read(w->tail_at, &row, err) != KT_OK || add_row(w, &row, err) != KT_OK)
            return err == NULL ? KT_E_CORRUPT : err->code;
    }
    return status == KT_E_AGAIN ? KT_OK : status;
}

/* ---- segments ---- */

/* Its nodes cover run after run of batches without a hole between them. */
static enum kt_status add_whole(struct walk *w, const struct kt_runs *runs, struct kt_error *err)
{
    struct kt_str nodes;
    if (kt_opened_raw(w->opened, KT_PART_NODES, &nodes, err) != KT_OK)
        return kt_wrap(err, "nodes");
    struct kt_rd rd = kt_rd_of(nodes);
    for (uint32_t at = 0; at < runs->n;) {
        uint64_t first = runs->row[at].first_seq, n = 0;
        for (; at < runs->n && first + n == runs->row[at].first_seq; at++)
            n += runs->row[at].count;
        if (reach(w, first, err) != KT_OK)
            return kt_wrap(err, "segment");
        kt_cover_read(&rd, first - 1, n, &w->cover);
        if (rd.bad)
            return damaged(w, err);
        kt_tree_add_cover(&w->tree, &w->cover);
    }
    return rd.left == 0 ? KT_OK : damaged(w, err);
}

static enum kt_status add_segment(struct walk *w, const struct kt_segment *seg,
                                  struct kt_error *err)
{
    const struct kt_runs *runs;
    if (kt_opened_start(w->opened, w->p->db, seg, err) != KT_OK ||
        kt_opened_runs(w->opened, &runs, err) != KT_OK)
        return kt_wrap(err, "segment");
    if (seg->last_seq <= w->p->n)
        return add_whole(w, runs, err);
    for (uint32_t i = 0; i < runs->n && runs->row[i].first_seq <= w->p->n; i++)
        if (w->p->earlier == NULL || add_earlier(w, &runs->row[i], err) != KT_OK)
            return w->p->earlier == NULL ? damaged(w, err) : kt_wrap(err, "segment");
    return KT_OK;
}

/* ---- the whole ---- */

static enum kt_status prepare(struct walk *w, struct kt_error *err)
{
    if (kt_db_prepare(w->p->db, "SELECT leaf FROM control WHERE seq = ?1", &w->control_at, err) !=
            KT_OK ||
        kt_db_prepare(w->p->db,
                      "SELECT " KT_ROW_COLUMNS
                      " FROM batch WHERE first_seq <= ?1 ORDER BY first_seq",
                      &w->tail_at, err) != KT_OK ||
        (w->p->earlier != NULL &&
         kt_db_prepare(w->p->earlier, "SELECT " KT_ROW_COLUMNS " FROM batch WHERE first_seq = ?1",
                       &w->earlier_at, err) != KT_OK) ||
        kt_tombstones_load(&w->tombstones, w->p->db, err) != KT_OK)
        return kt_wrap(err, "tree");
    return KT_OK;
}

enum kt_status kt_prefix_tree(const struct kt_prefix *p, struct kt_tree *ret, struct kt_error *err)
{
    KT_CLEANUP(done) struct walk w = { .p = p, .opened = kt_opened_new() };
    enum kt_status status = prepare(&w, err);
    for (uint32_t i = 0; i < p->segments->n && status == KT_OK; i++)
        if (p->segments->at[i].first_seq <= p->n)
            status = add_segment(&w, &p->segments->at[i], err);
    if (status == KT_OK)
        status = add_tail(&w, err);
    if (status == KT_OK)
        status = reach(&w, p->n + 1, err);
    if (status == KT_OK)
        *ret = w.tree;
    return status;
}
