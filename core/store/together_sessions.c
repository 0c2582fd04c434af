/*
 * together_sessions: the filters of sessions and credentials of a stretch's segments once more,
 * side by side: who looks for a credential in a year reads some hundred parts in a row, and not one
 * in each of thousands of places.
 *
 *   blob together/sessions/<first>   as `values` (totals.h); then for each segment of the stretch
 *                                    u32 bytes, its filter as it has it
 *
 * They follow from lines, which nobody opens to make a stretch, so they are copied, behind all else
 * that is kept of stretches: a stretch without them is asked segment by segment. They do not lie
 * below together/<first>/: builds of before count what is there, and would call the stretch
 * changed.
 *
 * Owns:  nothing beyond a call.
 * Calls: core/base, core/store (db, together).
 * Holds: as together_plan.
 */
#include <string.h>

#include "core/base/alloc.h"
#include "core/store/store.h"
#include "core/store/together_int.h"

/* Segments of a stretch in a plan from which on it is asked: some pages to read. */
#define WORTH 8u

static const char *name_of(const struct kt_stretch *s, char buf[KT_TOTALS_NAME])
{
    const struct kt_totals_run run = { .first_seq = s->first_seq, .last_seq = s->last_seq };
    return kt_totals_name(&run, KT_TOTALS_SESSIONS, buf);
}

/* ---- making ---- */

static enum kt_status copy_filter(sqlite3_stmt *part, uint64_t first_seq, struct kt_buf *out,
                                  struct kt_error *err)
{
    kt_db_u64(part, 1, first_seq * KT_PARTS + KT_PART_FILTER + KT_FILTER_SESSION);
    enum kt_status status = kt_db_step(part, err);
    struct kt_str filter = status == KT_OK ? kt_db_col(part, 0) : KT_STR_NONE;
    if (filter.len > KT_SESSIONS_FILTER_MAX)
        status = kt_fail(err, KT_E_CORRUPT, "a filter of sessions is larger than any is made");
    if (status == KT_OK)
        kt_buf_str32(out, filter);
    (void)sqlite3_reset(part);
    return status;
}

static enum kt_status pieces_of(sqlite3_stmt *part, const struct kt_segment *seg,
                                struct kt_piece piece[KT_MERGED_PIECES], struct kt_error *err)
{
    if (seg->pieces == 0) {
        piece[0].head = *seg;
        return KT_OK;
    }
    kt_db_u64(part, 1, seg->first_seq * KT_PARTS + KT_PART_PIECES);
    enum kt_status status = kt_db_step(part, err);
    if (status == KT_OK)
        status = kt_pieces_read(seg, kt_db_col(part, 0), piece, err);
    (void)sqlite3_reset(part);
    return status;
}

static enum kt_status copy_filters(sqlite3_stmt *part, const struct kt_directory *d,
                                   const struct kt_stretch_place *p, struct kt_buf *out,
                                   struct kt_error *err)
{
    struct kt_piece piece[KT_MERGED_PIECES];
    enum kt_status status = KT_OK;
    for (uint32_t i = p->at; i < p->at + p->n && status == KT_OK; i++) {
        const struct kt_segment *seg = &d->at[i];
        status = pieces_of(part, seg, piece, err);
        for (uint32_t k = 0; k < kt_segment_pieces(seg) && status == KT_OK; k++)
            status = copy_filter(part, piece[k].head.first_seq, out, err);
    }
    return status;
}

static enum kt_status make(struct kt_reader *r, const struct kt_stretch *s,
                           const struct kt_stretch_place *p, struct kt_together_made **ret,
                           struct kt_error *err)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *part = NULL;
    KT_CLEANUP(kt_buf_done) struct kt_buf filters = { 0 };
    const struct kt_totals_run run = { .first_seq = s->first_seq, .last_seq = s->last_seq };
    enum kt_status status = kt_db_prepare(r->db, "SELECT data FROM part WHERE id = ?1", &part, err);
    if (status == KT_OK)
        status = copy_filters(part, &r->directory, p, &filters, err);
    if (status != KT_OK)
        return status;
    *ret = kt_alloc(sizeof **ret);
    **ret = (struct kt_together_made){ .stretch = *s, .sessions = true };
    kt_totals_write_plain(&run, KT_TOTALS_SESSIONS, kt_buf_str(&filters), &(*ret)->sums);
    return KT_OK;
}

static bool is_there(sqlite3_stmt *has, const struct kt_stretch *s)
{
    char name[KT_TOTALS_NAME];
    kt_db_text(has, 1, kt_str_of(name_of(s, name)));
    bool there = kt_db_step(has, NULL) != KT_E_AGAIN; /* or that cannot be said */
    (void)sqlite3_reset(has);
    return there;
}

/* Of a stretch that cannot be read now it is tried again in some turns, and then of those that came
 * meanwhile. */
static enum kt_status make_first(struct kt_reader *r, const struct kt_together_how *how,
                                 const struct kt_stretches *all, struct kt_together_made **ret,
                                 struct kt_error *err)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *has = NULL;
    struct kt_stretch_place p;
    struct kt_together_rest once = { 0 };
    struct kt_together_rest *rest = how->rests != NULL ? &how->rests->sessions : &once;
    bool failed = false;
    if (kt_db_prepare(r->db, "SELECT 1 FROM blob WHERE name = ?1", &has, err) != KT_OK)
        return err == NULL ? KT_E_IO : err->code;
    if (!kt_rest_is_over(rest))
        return kt_fail(err, KT_E_AGAIN, "filters that could not be read are tried later");
    for (uint32_t i = 0; i < all->n; i++) {
        if (how->give_up != NULL && how->give_up(how->give_up_self))
            return kt_fail(err, KT_E_LIMIT, "given up");
        if (is_there(has, &all->at[i]) || !kt_stretch_whole(&all->at[i], &r->directory, &p))
            continue;
        if (make(r, &all->at[i], &p, ret, NULL) == KT_OK)
            return KT_OK;
        failed = true;
    }
    kt_rest_after(rest, failed);
    return kt_fail(err, KT_E_AGAIN, "there is nothing to be copied");
}

enum kt_status kt_sessions_make_next(struct kt_reader *r, const struct kt_together_how *how,
                                     struct kt_together_made **ret, struct kt_error *err)
{
    struct kt_stretches all = { 0 };
    enum kt_status status = kt_reader_fresh(r, err);
    if (status == KT_OK)
        status = kt_reader_directory(r, err);
    if (status != KT_OK)
        return status;
    if (kt_stretches_load(r->db, &all, NULL) != KT_OK)
        all.n = 0; /* it is made anew */
    status = make_first(r, how, &all, ret, err);
    kt_stretches_done(&all);
    return status;
}

enum kt_status kt_sessions_put(struct kt_store *s, const struct kt_stretches *all,
                               const struct kt_together_made *m, bool *ret_added,
                               struct kt_error *err)
{
    uint32_t i = 0;
    while (i < all->n && all->at[i].first_seq != m->stretch.first_seq)
        i++;
    if (i == all->n || all->at[i].last_seq != m->stretch.last_seq)
        return KT_OK;
    enum kt_status status =
        kt_store_put(s, m->sums.at[0].name, kt_buf_str(&m->sums.at[0].bytes), err);
    *ret_added = status == KT_OK;
    return status == KT_OK ? KT_OK : kt_wrap(err, "sums");
}

enum kt_status kt_sessions_drop(struct kt_store *s, const struct kt_stretch *one,
                                struct kt_error *err)
{
    char name[KT_TOTALS_NAME];
    return kt_store_put(s, name_of(one, name), KT_STR_NONE, err);
}

bool kt_sessions_are(struct kt_reader *r, const struct kt_stretch *s,
                     const struct kt_stretch_place *p)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf kept = { 0 };
    struct kt_together_made *made = NULL;
    char name[KT_TOTALS_NAME];
    if (kt_blob_get(r->db, name_of(s, name), &kept, NULL) == KT_E_AGAIN ||
        make(r, s, p, &made, NULL) != KT_OK) /* none yet; what is damaged the lines tell */
        return true;
    bool same = kt_sums_are(r->db, made);
    kt_together_made_free(made);
    return same;
}

/* ---- asking ---- */

static bool may(const struct kt_sieve *s, struct kt_str filter)
{
    for (unsigned i = 0; i < s->n_keys; i++) {
        uint64_t hash;
        if (!kt_key_hash_of(s->filter, &s->keys[i], &hash) || kt_filter_has(filter, hash))
            return true;
    }
    return false;
}

static bool asks(const struct kt_sieve *s)
{
    return s->filter == KT_FILTER_SESSION && s->n_keys > 0;
}

bool kt_sessions_wanted(const struct kt_scan *scan)
{
    for (unsigned i = 0; i < scan->n_sieves; i++)
        if (asks(&scan->sieve[i]))
            return true;
    return false;
}

bool kt_sessions_find(struct kt_str filters, uint32_t segments, const struct kt_scan *scan,
                      uint8_t set[KT_TOGETHER_SEGMENTS / 8])
{
    struct kt_rd rd = kt_rd_of(filters);
    memset(set, 0, KT_TOGETHER_SEGMENTS / 8);
    for (uint32_t n = 0; n < segments && !rd.bad; n++) {
        struct kt_str filter = kt_rd_str32(&rd);
        bool all = true;
        for (unsigned i = 0; i < scan->n_sieves && all; i++)
            all = !asks(&scan->sieve[i]) || may(&scan->sieve[i], filter);
        set[n / 8] = (uint8_t)(set[n / 8] | (uint8_t)all << n % 8);
    }
    return !rd.bad && rd.left == 0;
}

/* False: nothing is known of the stretch. */
static bool find(sqlite3_stmt *get, const struct kt_stretch *s, const struct kt_scan *scan,
                 uint8_t set[KT_TOGETHER_SEGMENTS / 8])
{
    char name[KT_TOTALS_NAME];
    struct kt_str filters;
    kt_db_text(get, 1, kt_str_of(name_of(s, name)));
    struct kt_str blob = kt_db_step(get, NULL) == KT_OK ? kt_db_col(get, 0) : KT_STR_NONE;
    bool known = blob.len <= KT_SESSIONS_BLOB_MAX &&
                 kt_totals_open(blob, s->first_seq, s->last_seq, &filters) &&
                 kt_sessions_find(filters, s->segments, scan, set);
    (void)sqlite3_reset(get);
    return known;
}

struct asking {
    const struct kt_plan_door *door;
    const struct kt_scan *scan;
    const struct kt_directory *directory;
};

static uint32_t keep(void *self, const struct kt_stretch *s, struct kt_segment *plan, uint32_t from,
                     uint32_t end, uint32_t to)
{
    const struct asking *q = self;
    const struct kt_directory *d = q->directory;
    uint8_t set[KT_TOGETHER_SEGMENTS / 8];
    struct kt_stretch_place p;
    uint32_t pieces = 0;
    for (uint32_t i = from; i < end; i++)
        pieces += kt_segment_pieces(&plan[i]);
    bool known =
        pieces >= WORTH && kt_stretch_whole(s, d, &p) && find(q->door->get, s, q->scan, set);
    for (uint32_t i = from; i < end; i++) {
        uint32_t at = known ? kt_directory_from(d, plan[i].first_seq) : 0;
        if (!known || kt_plan_keep_pieces(q->door->part, set, kt_stretch_number(&p, d, at),
                                          &d->at[at], &plan[i]))
            plan[to++] = plan[i];
    }
    return to;
}

uint32_t kt_sessions_narrow(const struct kt_plan_door *door, const struct kt_scan *scan,
                            const struct kt_directory *d, const struct kt_stretches *all,
                            struct kt_segment *plan, uint32_t n)
{
    struct asking q = { door, scan, d };
    return kt_plan_by_stretch(scan, all, plan, n, keep, &q);
}
