/*
 * merge: which segments become one, and the transaction in which they do.
 *
 * Owns:  what it made, until it is written.
 * Calls: core/base, core/store (opened, merge_make, together, store).
 * Holds: the row and the parts of a merged segment come in the transaction in which those go that
 *        they stand for; nothing else of its pieces is touched.
 */
#include "core/store/merge.h"

#include "core/base/alloc.h"
#include "core/store/merge_int.h"
#include "core/store/opened.h"
#include "core/store/store.h"
#include "core/store/together_int.h"

struct kt_merge_made {
    struct kt_built built;
    struct kt_segment head[KT_MERGED_PIECES]; /* of the pieces, as they were read */
    bool asked;                               /* whether they are held, and */
    uint64_t holds_seq;                       /* of kt_merge_how */
};

void kt_merge_made_free(struct kt_merge_made *m)
{
    if (m == NULL)
        return;
    kt_built_done(&m->built);
    kt_free(m);
}

/* ---- which ---- */

struct group { /* [at, at + n) of the directory */
    const struct kt_directory *directory;
    const struct kt_stretches *stretches;
    sqlite3_stmt *controls; /* how many control records there are in a range */
    sqlite3_stmt *length;   /* bytes of the parts in a range */
    uint32_t most, least;   /* pieces of one */
    size_t most_days;       /* bytes of them */
    kt_time_ns most_stored;
    uint32_t at, n;
    uint64_t events;
    kt_time_ns min_stored, max_stored;
    struct kt_buf days; /* of all, rising */
    size_t widest;      /* bytes of days of one */
};

/* The number of the stretch that holds the segment; n: none. */
static uint32_t stretch_of(const struct kt_stretches *all, const struct kt_segment *seg)
{
    uint32_t i = 0;
    while (i < all->n && all->at[i].last_seq < seg->first_seq)
        i++;
    return i < all->n && all->at[i].first_seq <= seg->last_seq ? i : all->n;
}

/* Both rising, without repetition. */
static void join_days(struct kt_buf *have, struct kt_str days)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf all = { 0 };
    struct kt_rd a = kt_rd_of(kt_buf_str(have)), b = kt_rd_of(days);
    uint32_t x = kt_rd_u32(&a), y = kt_rd_u32(&b);
    while (!a.bad || !b.bad) {
        uint32_t day = b.bad || (!a.bad && x < y) ? x : y;
        kt_buf_u32(&all, day);
        if (!a.bad && x == day)
            x = kt_rd_u32(&a);
        if (!b.bad && y == day)
            y = kt_rd_u32(&b);
    }
    kt_buf_reset(have);
    kt_buf_add(have, kt_buf_str(&all));
}

static void take(struct group *g)
{
    const struct kt_segment *seg = &g->directory->at[g->at + g->n];
    bool first = g->n++ == 0;
    g->events = (first ? 0 : g->events) + seg->count;
    g->min_stored = first || seg->min_stored < g->min_stored ? seg->min_stored : g->min_stored;
    g->max_stored = first || seg->max_stored > g->max_stored ? seg->max_stored : g->max_stored;
    g->widest = first || seg->days.len > g->widest ? seg->days.len : g->widest;
    if (first)
        kt_buf_reset(&g->days);
    join_days(&g->days, seg->days);
}

static bool days_fit(const struct group *g, const struct kt_segment *next)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf days = { 0 };
    size_t most = g->widest > next->days.len ? g->widest : next->days.len;
    kt_buf_add(&days, kt_buf_str(&g->days));
    join_days(&days, next->days);
    return days.len <= (most > g->most_days ? most : g->most_days);
}

/* Are there control records alone between the two? */
static bool is_next_to(struct group *g, const struct kt_segment *last,
                       const struct kt_segment *next)
{
    uint64_t between = next->first_seq - last->last_seq - 1, controls = 0;
    if (between == 0)
        return true;
    kt_db_u64(g->controls, 1, last->last_seq + 1);
    kt_db_u64(g->controls, 2, next->first_seq - 1);
    if (kt_db_step(g->controls, NULL) == KT_OK)
        controls = kt_db_col_u64(g->controls, 0);
    (void)sqlite3_reset(g->controls);
    return controls == between;
}

static bool may_join(struct group *g)
{
    const struct kt_segment *last = &g->directory->at[g->at + g->n - 1], *next = last + 1;
    kt_time_ns from = next->min_stored < g->min_stored ? next->min_stored : g->min_stored;
    kt_time_ns until = next->max_stored > g->max_stored ? next->max_stored : g->max_stored;
    return next->pieces == 0 && g->n < g->most && g->events + next->count <= KT_MERGED_EVENTS_MAX &&
           kt_month_of(from) == kt_month_of(until) && until - from <= g->most_stored &&
           stretch_of(g->stretches, last) == stretch_of(g->stretches, next) && days_fit(g, next) &&
           is_next_to(g, last, next);
}

/* The next run that may be one, from directory number `at` on. False: there is none, as far as is
 * known now: more may join the last one. */
static bool find(struct group *g, uint32_t at)
{
    const struct kt_directory *d = g->directory;
    for (g->at = at; g->at < d->n; g->at += g->n) {
        g->n = 0;
        take(g);
        if (d->at[g->at].pieces > 0)
            continue;
        while (g->at + g->n < d->n && may_join(g))
            take(g);
        if (g->at + g->n == d->n && g->n < g->most)
            return false;
        if (g->n >= g->least)
            return true;
    }
    return false;
}

/* ---- making ---- */

static enum kt_status read_piece(struct kt_opened *o, sqlite3 *db, const struct kt_segment *seg,
                                 struct kt_error *err)
{
    uint32_t *all = kt_alloc_array(seg->count, sizeof *all);
    for (uint32_t i = 0; i < seg->count; i++)
        all[i] = i;
    enum kt_status status = kt_opened_start(o, db, seg, err);
    for (unsigned c = 0; c < KT_COL_COUNT && status == KT_OK; c++)
        status = kt_opened_column(o, (enum kt_col)c, err);
    if (status == KT_OK)
        status = kt_opened_time(o, (struct kt_picked){ all, seg->count }, err);
    kt_free(all);
    return status;
}

/* The next parts side by side that a merged segment has, from `part` on: [*ret_from, *ret_end). */
static bool next_parts(unsigned part, unsigned *ret_from, unsigned *ret_end)
{
    while (part < KT_PARTS && !kt_part_is_merged(part))
        part++;
    *ret_from = part;
    while (part < KT_PARTS && kt_part_is_merged(part))
        part++;
    *ret_end = part;
    return *ret_from < part;
}

/* Bytes of the parts that the piece keeps: of its row's sum, what the others have is taken off. To
 * add them up would be to look at pages of old lines, of which nothing is wanted. */
static enum kt_status kept_bytes(sqlite3_stmt *length, const struct kt_segment *piece,
                                 uint64_t *ret, struct kt_error *err)
{
    enum kt_status status = KT_OK;
    uint64_t own = 0;
    for (unsigned from, end = 0; status == KT_OK && next_parts(end, &from, &end);) {
        kt_db_u64(length, 1, piece->first_seq * KT_PARTS + from);
        kt_db_u64(length, 2, piece->first_seq * KT_PARTS + end - 1);
        status = kt_db_step(length, err);
        own += status == KT_OK ? kt_db_col_u64(length, 0) : 0;
        (void)sqlite3_reset(length);
    }
    if (status == KT_OK && own > piece->packed)
        status = kt_fail(err, KT_E_CORRUPT, "the bytes of a segment are not those of its parts");
    *ret = status == KT_OK ? piece->packed - own : 0;
    return status;
}

static bool is_held(const struct kt_merge_how *how, const struct kt_segment *seg)
{
    const struct kt_merge_run run = { .first_seq = seg->first_seq,
                                      .last_seq = seg->last_seq,
                                      .min_time = seg->min_time,
                                      .max_time = seg->max_time,
                                      .untimed = seg->untimed > 0 };
    return how->held != NULL && how->held(how->held_self, &run);
}

static bool fits(const struct kt_merger *m, const struct kt_columns *c)
{
    return kt_merger_texts(m) + kt_columns_texts(c) <= KT_MERGED_TEXTS_MAX;
}

struct filled {
    uint32_t taken; /* pieces */
    uint32_t next;  /* number of the first segment behind what was looked at */
    uint64_t kept;  /* bytes of the parts that stay with the pieces */
};
/* Takes pieces as far as they can be one. KT_E_AGAIN: too few. */
static enum kt_status fill(struct kt_merger *m, struct kt_opened *o, sqlite3 *db,
                           const struct group *g, const struct kt_merge_how *how,
                           struct filled *ret, struct kt_error *err)
{
    uint32_t i = 0;
    bool passed = false; /* the one that ends it is none for the next either */
    uint64_t kept;
    ret->kept = 0;
    kt_merger_start(m);
    for (; i < g->n; i++) {
        const struct kt_segment *seg = &g->directory->at[g->at + i];
        struct kt_error why = { 0 };
        if (how->give_up != NULL && how->give_up(how->give_up_self))
            return kt_fail(err, KT_E_LIMIT, "given up");
        passed = is_held(how, seg);
        if (passed)
            break;
        enum kt_status status = read_piece(o, db, seg, &why);
        if (status == KT_OK)
            status = kept_bytes(g->length, seg, &kept, &why);
        passed = status == KT_E_CORRUPT;
        if (status != KT_OK && !passed) {
            if (err != NULL)
                *err = why;
            return status;
        }
        const struct kt_columns *c = kt_opened_columns(o);
        if (passed || !fits(m, c) || !kt_merger_add(m, seg, c))
            break;
        ret->kept += kept;
    }
    ret->taken = i;
    ret->next = g->at + i + (passed || i == 0);
    return i < g->least ? kt_fail(err, KT_E_AGAIN, "too few") : KT_OK;
}

static struct kt_merge_made *finish(struct kt_merger *m, const struct group *g,
                                    const struct filled *f)
{
    struct kt_merge_made *made = kt_alloc(sizeof *made);
    kt_merger_end(m, &made->built);
    made->built.head.packed += f->kept;
    for (uint32_t i = 0; i < f->taken; i++) {
        made->head[i] = g->directory->at[g->at + i];
        made->head[i].days = KT_STR_NONE;
    }
    return made;
}

static enum kt_status make_next(struct kt_reader *r, struct group *g, struct kt_merge_how *how,
                                struct kt_merge_made **ret, struct kt_error *err)
{
    struct kt_merger *m = kt_merger_new();
    struct kt_opened *o = kt_opened_new();
    enum kt_status status = KT_E_AGAIN;
    struct filled f = { 0 };
    uint32_t at = kt_directory_from(g->directory, how->from_seq);
    while (status == KT_E_AGAIN && find(g, at)) {
        status = fill(m, o, r->db, g, how, &f, err);
        if (status == KT_OK || status == KT_E_AGAIN)
            how->from_seq = g->directory->at[f.next - 1].last_seq + 1;
        at = f.next;
    }
    if (status == KT_OK) {
        *ret = finish(m, g, &f);
        (*ret)->asked = how->held != NULL;
        (*ret)->holds_seq = how->holds_seq;
    }
    kt_opened_free(o);
    kt_merger_free(m);
    return status == KT_E_AGAIN ? kt_fail(err, KT_E_AGAIN, "there is nothing to be merged")
                                : status;
}

enum kt_status kt_merge_make(struct kt_reader *r, struct kt_merge_how *how,
                             struct kt_merge_made **ret, struct kt_error *err)
{
    struct kt_stretches stretches = { 0 };
    struct group g = { .directory = &r->directory,
                       .stretches = &stretches,
                       .most = how->pieces > 0 ? how->pieces : KT_MERGED_PIECES,
                       .least = how->pieces > 0 ? 2 : KT_MERGE_LEAST,
                       .most_stored = how->stored > 0 ? how->stored : KT_MERGE_STORED,
                       .most_days = 4 * (size_t)(how->days > 0 ? how->days : KT_MERGE_DAYS) };
    if (kt_reader_fresh(r, err) != KT_OK || kt_reader_directory(r, err) != KT_OK)
        return kt_wrap(err, "merge");
    if (r->directory.damaged > 0) /* who knows what stands in between */
        return kt_fail(err, KT_E_AGAIN, "a row of a segment is damaged");
    (void)!kt_stretches_load(r->db, &stretches, NULL);
    enum kt_status status = kt_db_prepare(
        r->db, "SELECT count(*) FROM control WHERE seq BETWEEN ?1 AND ?2", &g.controls, err);
    if (status == KT_OK)
        status = kt_db_prepare(r->db,
                               "SELECT coalesce(sum(length(data)), 0) FROM part"
                               " WHERE id BETWEEN ?1 AND ?2",
                               &g.length, err);
    if (status == KT_OK)
        status = make_next(r, &g, how, ret, err);
    kt_db_finalize(&g.controls);
    kt_db_finalize(&g.length);
    kt_stretches_done(&stretches);
    kt_buf_done(&g.days);
    return status;
}

/* ---- writing ---- */

static bool is_as_read(const struct kt_store *s, const struct kt_merge_made *m, uint32_t *ret_at)
{
    const struct kt_directory *d = &s->directory;
    uint32_t at = kt_directory_from(d, m->head[0].first_seq), n = m->built.head.pieces;
    *ret_at = at;
    for (uint32_t i = 0; i < n; i++)
        if (at + i >= d->n || d->at[at + i].first_seq != m->head[i].first_seq ||
            d->at[at + i].last_seq != m->head[i].last_seq || d->at[at + i].pieces > 0)
            return false;
    return true;
}

/* Does none of the stretches, which may be others now, begin or end between the pieces? */
static bool is_in_one_stretch(const struct kt_store *s, const struct kt_merge_made *m)
{
    struct kt_stretches all = { 0 };
    bool one = true;
    (void)!kt_stretches_load(s->db, &all, NULL); /* nobody uses what cannot be read */
    for (uint32_t i = 1; i < m->built.head.pieces && one; i++)
        one = stretch_of(&all, &m->head[i - 1]) == stretch_of(&all, &m->head[i]);
    kt_stretches_done(&all);
    return one;
}

/* Has a hold come, or gone, since it was asked what is held? */
static enum kt_status holds_changed(const struct kt_store *s, const struct kt_merge_made *m,
                                    bool *ret, struct kt_error *err)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    *ret = false;
    if (!m->asked)
        return KT_OK;
    if (kt_db_prepare(s->db, "SELECT 1 FROM control WHERE kind = ?1 AND seq > ?2 LIMIT 1", &st,
                      err) != KT_OK)
        return kt_wrap(err, "merge");
    kt_db_i64(st, 1, KT_KIND_HOLD);
    kt_db_u64(st, 2, m->holds_seq);
    enum kt_status status = kt_db_step(st, err);
    *ret = status == KT_OK;
    return status == KT_E_AGAIN ? KT_OK : status;
}

/* The row, and the parts that the merged segment has in its place, the last one first (below). */
static enum kt_status drop_piece(struct kt_store *s, const struct kt_segment *piece,
                                 struct kt_error *err)
{
    for (unsigned part = KT_PARTS; part-- > 0;) {
        if (!kt_part_is_merged(part))
            continue;
        kt_db_u64(s->st[KT_ST_UNPART], 1, piece->first_seq * KT_PARTS + part);
        kt_db_u64(s->st[KT_ST_UNPART], 2, piece->first_seq * KT_PARTS + part);
        if (kt_store_run(s, KT_ST_UNPART, err) != KT_OK)
            return kt_wrap(err, "merge");
    }
    kt_db_u64(s->st[KT_ST_UNSEGMENT], 1, piece->first_seq);
    return kt_store_run(s, KT_ST_UNSEGMENT, err);
}

static enum kt_status count_merge(struct kt_store *s, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf value = { 0 };
    uint64_t merges;
    if (kt_merges_read(s->db, &merges, err) != KT_OK)
        return kt_wrap(err, "merge");
    kt_buf_u64(&value, merges + 1);
    return kt_store_put(s, KT_MERGES_BLOB, kt_buf_str(&value), err);
}

static enum kt_status write_rows(struct kt_store *s, const struct kt_merge_made *m,
                                 struct kt_error *err)
{
    /* From the last part to the first: SQLite hands out a freed page, and then what lies next to
     * it, beginning with those that were freed last. So a part is written from a low page upwards,
     * which is how a disk is read ahead; the other way round each page of its chain is the one
     * before. */
    for (uint32_t i = m->built.head.pieces; i-- > 0;)
        if (drop_piece(s, &m->head[i], err) != KT_OK)
            return kt_wrap(err, "merge");
    return kt_store_insert(s, &m->built.head, &m->built, err) == KT_OK ? count_merge(s, err)
                                                                       : kt_wrap(err, "merge");
}

enum kt_status kt_merge_put(struct kt_store *s, const struct kt_merge_made *m, bool *ret_added,
                            struct kt_error *err)
{
    const struct kt_segment *head = &m->built.head;
    struct kt_error why = { 0 };
    uint32_t at;
    bool changed;
    *ret_added = false;
    if (kt_store_may_write(s, err) != KT_OK || holds_changed(s, m, &changed, err) != KT_OK)
        return kt_wrap(err, "merge");
    if (changed || !is_as_read(s, m, &at) || !is_in_one_stretch(s, m))
        return KT_OK;
    if (write_rows(s, m, &why) != KT_OK) {
        s->torn = true; /* half of it may be in */
        if (err != NULL)
            *err = why;
        return why.code;
    }
    s->removed_some = true;
    kt_dedupe_drop(s->dedupe, head);
    kt_directory_replace(&s->directory, at, head->pieces, head);
    *ret_added = true;
    return KT_OK;
}

static enum kt_status write_one(struct kt_store *s, const struct kt_merge_made *m, bool *ret_added,
                                struct kt_error *err)
{
    if (kt_store_begin(s, err) != KT_OK)
        return kt_wrap(err, "merge");
    enum kt_status status = kt_merge_put(s, m, ret_added, err);
    if (status == KT_OK)
        return kt_store_commit(s, err);
    kt_store_rollback(s);
    return status == KT_E_CORRUPT ? KT_OK : status; /* that run stays as it is, the next is tried */
}

enum kt_status kt_merge_complete(struct kt_store *s, struct kt_merge_how *how,
                                 void (*told)(void *self, uint64_t merged), void *self,
                                 uint64_t *ret_merged, struct kt_error *err)
{
    struct kt_reader *r = NULL;
    struct kt_error why = { 0 };
    enum kt_status status = kt_reader_open_file(s->path, s->number, &r, &why);
    *ret_merged = 0;
    while (status == KT_OK) {
        struct kt_merge_made *made = NULL;
        bool added = false;
        status = kt_merge_make(r, how, &made, &why);
        if (status == KT_OK)
            status = write_one(s, made, &added, &why);
        if (status == KT_OK && added) {
            *ret_merged += made->built.head.pieces;
            if (told != NULL)
                told(self, *ret_merged);
        }
        kt_merge_made_free(made);
    }
    kt_reader_close(r);
    if (status != KT_E_AGAIN && err != NULL)
        *err = why;
    return status == KT_E_AGAIN ? KT_OK : status;
}
