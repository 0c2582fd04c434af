/*
 * leaves: see the header.
 *
 * Owns:  buffers for one batch.
 * Calls: core/base, core/wire (line hashes), core/store (covers, reader).
 * Holds: each segment is read in one short snapshot, the tail of a file in another.
 */
#include "core/store/leaves.h"

#include <string.h>

#include "core/base/alloc.h"
#include "core/base/limits.h"
#include "core/store/chain.h"
#include "core/store/covers.h"
#include "core/store/reader.h"
#include "core/store/store.h"
#include "core/wire/batch.h"

struct kt_leaves {
    struct kt_reader *reader;
    struct kt_zip *zip;
    struct kt_lines lines;
    kt_time_ns *arrival;
    bool *conflict;
    struct kt_str *line; /* of one batch */
};

struct kt_leaves *kt_leaves_new(struct kt_reader *r)
{
    struct kt_leaves *l = kt_alloc(sizeof *l);
    l->reader = r;
    l->zip = kt_zip_new();
    l->arrival = kt_alloc_array(KT_BATCH_EVENTS_MAX, sizeof *l->arrival);
    l->conflict = kt_alloc_array(KT_BATCH_EVENTS_MAX, sizeof *l->conflict);
    l->line = kt_alloc_array(KT_BATCH_EVENTS_MAX, sizeof *l->line);
    return l;
}

void kt_leaves_free(struct kt_leaves *l)
{
    if (l == NULL)
        return;
    kt_zip_free(l->zip);
    kt_lines_done(&l->lines);
    kt_free(l->arrival);
    kt_free(l->conflict);
    kt_free(l->line);
    kt_free(l);
}

static enum kt_status begin(sqlite3 *db, struct kt_error *err)
{
    return kt_db_exec(db, "BEGIN", err);
}

static void end(sqlite3 *db)
{
    (void)sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
}

/* ---- what is kept ---- */

struct walk { /* over one file */
    struct kt_reader *file;
    const struct kt_leaves_take *take;
    struct kt_covers covers;
};

static enum kt_status pass(void *self, const struct kt_cover *cover, bool removed,
                           struct kt_error *err)
{
    const struct walk *w = self;
    (void)removed;
    return w->take->cover(w->take->self, cover, err);
}

static enum kt_status walk_segments(struct walk *w, struct kt_error *err)
{
    const struct kt_directory *d = &w->file->directory;
    for (uint32_t i = kt_directory_from(d, w->covers.size + 1); i < d->n; i++) {
        if (begin(w->file->db, err) != KT_OK)
            return kt_wrap(err, "segment");
        enum kt_status status = kt_covers_segment(&w->covers, &d->at[i], err);
        end(w->file->db);
        if (status != KT_OK)
            return status;
        w->take->sealed(w->take->self);
    }
    return KT_OK;
}

static enum kt_status walk_batches(struct walk *w, struct kt_error *err)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    struct kt_row row;
    if (kt_db_prepare(w->file->db, "SELECT " KT_ROW_COLUMNS " FROM batch ORDER BY first_seq", &st,
                      err) != KT_OK)
        return kt_wrap(err, "batches");
    enum kt_status status;
    while ((status = kt_db_step(st, err)) == KT_OK)
        if (kt_row_read(st, &row, err) != KT_OK || kt_covers_row(&w->covers, &row, err) != KT_OK)
            return err == NULL ? KT_E_CORRUPT : err->code;
    return status == KT_E_AGAIN ? KT_OK : status;
}

/* What was sealed since the segments were listed, the tail, and what stands behind it. */
static enum kt_status walk_rest(struct walk *w, struct kt_error *err)
{
    uint8_t log_id[16];
    struct kt_tree tree;
    struct kt_sums sums;
    const struct kt_directory *d = &w->file->directory;
    if (kt_reader_directory(w->file, err) != KT_OK ||
        kt_meta_read(w->file->db, log_id, &tree, &sums, err) != KT_OK)
        return kt_wrap(err, "tail");
    for (uint32_t i = kt_directory_from(d, w->covers.size + 1); i < d->n; i++) {
        if (kt_covers_segment(&w->covers, &d->at[i], err) != KT_OK)
            return err == NULL ? KT_E_CORRUPT : err->code;
        w->take->sealed(w->take->self);
    }
    return walk_batches(w, err) == KT_OK ? kt_covers_reach(&w->covers, tree.size + 1, err)
                                         : kt_wrap(err, "tail");
}

static enum kt_status walk_file(struct walk *w, uint64_t from, struct kt_error *err)
{
    w->covers = (struct kt_covers){ .db = w->file->db, .size = from, .take = pass, .self = w };
    enum kt_status status = kt_reader_directory(w->file, err);
    if (status == KT_OK)
        status = kt_covers_open(&w->covers, err);
    if (status == KT_OK)
        status = walk_segments(w, err);
    if (status == KT_OK)
        status = begin(w->file->db, err);
    if (status == KT_OK)
        status = kt_tombstones_load(&w->covers.tombstones, w->file->db, err);
    if (status == KT_OK)
        status = walk_rest(w, err);
    end(w->file->db);
    kt_covers_done(&w->covers);
    return status;
}

/* Where the next file begins; UINT64_MAX: there is none, or it cannot say. */
static uint64_t end_of(struct kt_reader *const *file, unsigned i, unsigned n)
{
    struct kt_tree base;
    return i + 1 < n && kt_meta_base(file[i + 1]->db, &base, NULL) == KT_OK ? base.size
                                                                            : UINT64_MAX;
}

enum kt_status kt_leaves_covers(struct kt_leaves *l, uint64_t from,
                                const struct kt_leaves_take *take, struct kt_error *err)
{
    struct kt_reader *file[KT_CHAIN_MAX];
    struct kt_tree base;
    if (kt_reader_fresh(l->reader, err) != KT_OK)
        return kt_wrap(err, "tree");
    unsigned n = kt_reader_files(l->reader, file);
    for (unsigned i = 0; i < n; i++) {
        struct kt_error why = { 0 };
        struct walk w = { .file = file[i], .take = take };
        if (end_of(file, i, n) <= from)
            continue;
        enum kt_status status = kt_meta_base(file[i]->db, &base, &why);
        if (status == KT_OK && base.size > from) {
            status = take->base(take->self, &base, &why);
            from = base.size;
        }
        if (status == KT_OK)
            status = walk_file(&w, from, &why);
        if (status != KT_OK && i + 1 == n) {
            if (err != NULL)
                *err = why;
            return status;
        }
        if (i + 1 < n) /* nobody writes it any more, and what it cannot tell its successor may */
            take->sealed(take->self);
        from = w.covers.size > from ? w.covers.size : from;
    }
    return KT_OK;
}

/* ---- leaves ---- */

struct range {
    uint64_t first, n; /* leaf indexes */
    const struct kt_leaves_give *give;
};

static bool touches(const struct range *r, uint64_t first, uint64_t n)
{
    return first < r->first + r->n && r->first < first + n;
}

static enum kt_status read_controls(sqlite3 *db, const struct range *r, struct kt_error *err)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    if (kt_db_prepare(db, "SELECT seq, leaf FROM control WHERE seq BETWEEN ?1 AND ?2", &st, err) !=
        KT_OK)
        return kt_wrap(err, "control");
    kt_db_u64(st, 1, r->first + 1);
    kt_db_u64(st, 2, r->first + r->n);
    enum kt_status status;
    while ((status = kt_db_step(st, err)) == KT_OK) {
        struct kt_str leaf = kt_db_col(st, 1);
        if (leaf.len == 32)
            r->give->leaf(r->give->self, kt_db_col_u64(st, 0) - 1, (const uint8_t *)leaf.at);
    }
    return status == KT_E_AGAIN ? KT_OK : status;
}

/* line: of the row's records, in their order. */
static enum kt_status give_row(struct kt_leaves *l, const struct kt_row *row,
                               const struct kt_str *line, const struct range *r,
                               struct kt_error *err)
{
    uint8_t hash[32], leaf[32];
    memset(l->conflict, 0, row->count * sizeof *l->conflict);
    if (kt_row_arrivals(row, l->arrival, err) != KT_OK ||
        kt_row_conflicts(row, l->conflict, err) != KT_OK)
        return kt_wrap(err, "batch");
    for (uint32_t i = 0; i < row->count; i++) {
        if (!touches(r, row->first_seq - 1 + i, 1))
            continue;
        kt_line_hash(line[i], hash);
        const struct kt_leaf one = { .seq = row->first_seq + i,
                                     .arrival = l->arrival[i],
                                     .stored = row->stored,
                                     .origin = row->origin,
                                     .conflict = l->conflict[i],
                                     .agent = row->agent,
                                     .line_hash = hash };
        kt_leaf_hash(&one, leaf);
        r->give->leaf(r->give->self, one.seq - 1, leaf);
    }
    return KT_OK;
}

static enum kt_status read_piece(struct kt_leaves *l, struct kt_opened *opened, uint32_t piece,
                                 uint32_t at, const struct range *r, struct kt_error *err)
{
    const struct kt_runs *runs;
    if (kt_opened_runs(opened, piece, &runs, err) != KT_OK)
        return kt_wrap(err, "segment");
    for (uint32_t i = 0; i < runs->n; at += runs->row[i++].count) {
        const struct kt_row *row = &runs->row[i];
        if (!touches(r, row->first_seq - 1, row->count))
            continue;
        for (uint32_t k = 0; k < row->count; k++)
            if (kt_opened_line(opened, at + k, &l->line[k], err) != KT_OK)
                return kt_wrap(err, "segment");
        if (give_row(l, row, l->line, r, err) != KT_OK)
            return kt_wrap(err, "segment");
    }
    return KT_OK;
}

static enum kt_status read_segment(struct kt_leaves *l, struct kt_reader *file,
                                   struct kt_opened *opened, const struct kt_segment *seg,
                                   const struct range *r, struct kt_error *err)
{
    const struct kt_piece *piece;
    uint32_t n;
    if (kt_opened_start(opened, file->db, seg, err) != KT_OK ||
        kt_opened_pieces(opened, &piece, &n, err) != KT_OK)
        return kt_wrap(err, "segment");
    for (uint32_t k = 0; k < n; k++) {
        const struct kt_segment *head = &piece[k].head;
        if (touches(r, head->first_seq - 1, head->last_seq - head->first_seq + 1) &&
            read_piece(l, opened, k, piece[k].row, r, err) != KT_OK)
            return err == NULL ? KT_E_CORRUPT : err->code;
    }
    return KT_OK;
}

static enum kt_status read_segments(struct kt_leaves *l, struct kt_reader *file,
                                    const struct range *r, struct kt_error *err)
{
    const struct kt_directory *d = &file->directory;
    struct kt_opened *opened = kt_opened_new();
    enum kt_status status = KT_OK;
    for (uint32_t i = kt_directory_from(d, r->first + 1);
         i < d->n && d->at[i].first_seq <= r->first + r->n && status == KT_OK; i++)
        status = read_segment(l, file, opened, &d->at[i], r, err);
    kt_opened_free(opened);
    return status;
}

static enum kt_status read_batches(struct kt_leaves *l, struct kt_reader *file,
                                   const struct range *r, struct kt_error *err)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    struct kt_row row;
    if (kt_db_prepare(file->db,
                      "SELECT " KT_ROW_COLUMNS " FROM batch WHERE first_seq <= ?1"
                      " AND first_seq + count > ?2 ORDER BY first_seq",
                      &st, err) != KT_OK)
        return kt_wrap(err, "batches");
    kt_db_u64(st, 1, r->first + r->n);
    kt_db_u64(st, 2, r->first + 1);
    enum kt_status status;
    while ((status = kt_db_step(st, err)) == KT_OK)
        if (kt_row_read(st, &row, err) != KT_OK ||
            kt_row_lines(&row, l->zip, &l->lines, err) != KT_OK ||
            give_row(l, &row, l->lines.at, r, err) != KT_OK)
            return err == NULL ? KT_E_CORRUPT : err->code;
    return status == KT_E_AGAIN ? KT_OK : status;
}

/* The nodes that are left of removed records, those wholly inside the range. */
static enum kt_status read_removed(sqlite3 *db, const struct range *r, struct kt_error *err)
{
    KT_CLEANUP(kt_tombstones_done) struct kt_tombstones all = { 0 };
    struct kt_cover cover;
    if (kt_tombstones_load(&all, db, err) != KT_OK)
        return kt_wrap(err, "removed");
    for (size_t i = 0; i < all.n; i++) {
        const struct kt_gap *gap = &all.at[i];
        if (!touches(r, gap->first - 1, gap->n))
            continue;
        struct kt_rd rd = kt_rd_of(kt_str_from(gap->nodes, gap->len));
        kt_cover_read(&rd, gap->first - 1, gap->n, &cover);
        uint64_t at = cover.first;
        for (unsigned k = 0; k < cover.nodes && !rd.bad; k++) {
            uint64_t n = UINT64_C(1) << cover.level[k];
            if (at >= r->first && at + n <= r->first + r->n)
                r->give->node(r->give->self, at, cover.level[k], cover.hash[k]);
            at += n;
        }
    }
    return KT_OK;
}

static enum kt_status read_file(struct kt_leaves *l, struct kt_reader *file, const struct range *r,
                                struct kt_error *err)
{
    enum kt_status status = begin(file->db, err);
    if (status == KT_OK)
        status = kt_reader_directory(file, err);
    if (status == KT_OK)
        status = read_controls(file->db, r, err);
    if (status == KT_OK)
        status = read_segments(l, file, r, err);
    if (status == KT_OK)
        status = read_batches(l, file, r, err);
    if (status == KT_OK && file->directory_removed > 0)
        status = read_removed(file->db, r, err);
    end(file->db);
    return status;
}

/* What a file's base says of the records before it: they may be lost. */
static void give_base(const struct kt_tree *base, const struct range *r)
{
    uint64_t at = base->size;
    for (unsigned k = 0; k < 64; k++) {
        uint64_t n = UINT64_C(1) << k;
        if (!((base->size >> k) & 1))
            continue;
        at -= n;
        if (at >= r->first && at + n <= r->first + r->n)
            r->give->node(r->give->self, at, k, base->frontier[k]);
    }
}

enum kt_status kt_leaves_read(struct kt_leaves *l, uint64_t first, uint64_t n,
                              const struct kt_leaves_give *give, struct kt_error *err)
{
    struct kt_reader *file[KT_CHAIN_MAX];
    struct kt_tree base;
    const struct range range = { first, n, give };
    if (kt_reader_fresh(l->reader, err) != KT_OK)
        return kt_wrap(err, "leaves");
    unsigned files = kt_reader_files(l->reader, file);
    for (unsigned i = 0; i < files; i++) {
        struct kt_error why = { 0 };
        if (end_of(file, i, files) < first)
            continue;
        enum kt_status status = kt_meta_base(file[i]->db, &base, &why);
        if (status == KT_OK)
            give_base(&base, &range);
        if (status == KT_OK && base.size < first + n)
            status = read_file(l, file[i], &range, &why);
        if (status != KT_OK && i + 1 == files) {
            if (err != NULL)
                *err = why;
            return status;
        }
    }
    return KT_OK;
}
