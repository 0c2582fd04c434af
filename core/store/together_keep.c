/*
 * together_keep: stretches into the store and out of it, and made again to see whether they are
 * what their segments say.
 *
 * Owns:  nothing.
 * Calls: core/store (store, reader, together).
 * Holds: list and buckets change in one transaction.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/store/chain.h"
#include "core/store/store.h"
#include "core/store/together_int.h"

static struct kt_str bucket_of(const struct kt_together_made *m, uint32_t k)
{
    size_t from = k == 0 ? 0 : m->end[k - 1];
    return kt_str_sub(kt_buf_str(&m->bytes), from, m->end[k] - from);
}

/* ---- writing ---- */

#define OF_STRETCH 160
/* Of all names from `together/<first>/` up to the one that comes behind all that begin so. */
static const char *of_stretch(const char *what, const struct kt_stretch *one, char buf[OF_STRETCH])
{
    (void)snprintf(buf, OF_STRETCH,
                   "%s FROM blob WHERE name > '" KT_TOGETHER_BLOB "/%016" PRIx64
                   "/' AND name < '" KT_TOGETHER_BLOB "/%016" PRIx64 "0'",
                   what, one->first_seq, one->first_seq);
    return buf;
}

static enum kt_status drop(struct kt_store *s, const struct kt_stretch *one, struct kt_error *err)
{
    char sql[OF_STRETCH];
    if (kt_store_may_write(s, err) != KT_OK ||
        kt_db_exec(s->db, of_stretch("DELETE", one, sql), err) != KT_OK ||
        kt_sessions_drop(s, one, err) != KT_OK)
        return kt_wrap(err, "pairs");
    return KT_OK;
}

/* Keeps those that are whole. */
static enum kt_status drop_partial(struct kt_store *s, struct kt_stretches *all,
                                   struct kt_error *err)
{
    struct kt_stretch_place place;
    uint32_t n = 0;
    for (uint32_t i = 0; i < all->n; i++)
        if (kt_stretch_whole(&all->at[i], &s->directory, &place))
            all->at[n++] = all->at[i];
        else if (drop(s, &all->at[i], err) != KT_OK)
            return err == NULL ? KT_E_IO : err->code;
    all->n = n;
    return KT_OK;
}

static enum kt_status add(struct kt_store *s, struct kt_stretches *all,
                          const struct kt_together_made *m, bool *ret_added, struct kt_error *err)
{
    char name[KT_STRETCH_NAME];
    struct kt_stretch_place place;
    uint64_t last = all->n == 0 ? 0 : all->at[all->n - 1].last_seq;
    if (!kt_stretch_whole(&m->stretch, &s->directory, &place) || m->stretch.first_seq <= last ||
        (all->n > 0 && memcmp(&all->key, &m->key, sizeof m->key) != 0))
        return KT_OK;
    all->key = m->key;
    for (uint32_t k = 0; k < m->stretch.buckets; k++)
        if (kt_store_put(s, kt_stretch_name(&m->stretch, k, name), bucket_of(m, k), err) != KT_OK)
            return kt_wrap(err, "pairs");
    for (uint32_t k = 0; k < m->sums.n; k++)
        if (kt_store_put(s, m->sums.at[k].name, kt_buf_str(&m->sums.at[k].bytes), err) != KT_OK)
            return kt_wrap(err, "sums");
    all->at = kt_realloc_array(all->at, all->n + 1, sizeof *all->at);
    all->at[all->n++] = m->stretch;
    *ret_added = true;
    return KT_OK;
}

static enum kt_status put_list(struct kt_store *s, const struct kt_stretches *all,
                               struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf bytes = { 0 };
    if (all->n > 0)
        kt_stretches_write(all, &bytes);
    return kt_store_put(s, KT_TOGETHER_BLOB, kt_buf_str(&bytes), err);
}

enum kt_status kt_together_drop_partial(struct kt_store *s, struct kt_error *err)
{
    struct kt_stretches all = { 0 };
    struct kt_error why = { 0 };
    enum kt_status status = kt_stretches_load(s->db, &all, &why);
    uint32_t n = all.n;
    if (status == KT_E_CORRUPT || all.other) /* nobody can use it */
        status = kt_together_drop(s, err);
    else if (status != KT_OK)
        return kt_fail(err, status, "%s", why.text);
    if (status == KT_OK)
        status = drop_partial(s, &all, err);
    if (status == KT_OK && all.n < n)
        status = put_list(s, &all, err);
    if (status == KT_OK)
        status = kt_joined_drop_partial(s, &all, err);
    kt_stretches_done(&all);
    return status;
}

enum kt_status kt_together_put(struct kt_store *s, const struct kt_together_made *m,
                               bool *ret_added, struct kt_error *err)
{
    *ret_added = false;
    struct kt_stretches all = { 0 };
    struct kt_error why = { 0 };
    enum kt_status status = kt_stretches_load(s->db, &all, &why);
    if (status == KT_E_CORRUPT || all.other) /* nobody can use it: it begins anew */
        status = kt_together_drop(s, err);
    else if (status != KT_OK)
        return kt_fail(err, status, "%s", why.text);
    if (status == KT_OK)
        status = drop_partial(s, &all, err);
    if (status == KT_OK)
        status = kt_joined_drop_partial(s, &all, err);
    if (status == KT_OK)
        status = m->joined     ? kt_joined_put(s, &all, m, ret_added, err)
                 : m->sessions ? kt_sessions_put(s, &all, m, ret_added, err)
                               : add(s, &all, m, ret_added, err);
    if (status == KT_OK)
        status = put_list(s, &all, err);
    kt_stretches_done(&all);
    return status;
}

enum kt_status kt_together_drop(struct kt_store *s, struct kt_error *err)
{
    if (kt_store_may_write(s, err) != KT_OK)
        return kt_wrap(err, "pairs");
    /* all names from "together" up to the one that comes behind every "together/" */
    return kt_db_exec(s->db,
                      "DELETE FROM blob WHERE name = '" KT_TOGETHER_BLOB
                      "' OR (name > '" KT_TOGETHER_BLOB "/' AND name < '" KT_TOGETHER_BLOB "0')",
                      err) == KT_OK
               ? KT_OK
               : kt_wrap(err, "pairs");
}

/* ---- how far it goes ---- */

enum kt_status kt_together_state(struct kt_reader *r, struct kt_together_state *ret,
                                 struct kt_error *err)
{
    struct kt_stretches all = { 0 }, joined = { 0 };
    struct kt_together_state sum = { 0 };
    struct kt_stretch_place place;
    enum kt_status status = kt_reader_fresh(r, err);
    if (status == KT_OK)
        status = kt_reader_directory(r, err);
    if (status == KT_OK)
        status = kt_stretches_load(r->db, &all, err);
    sum.segments = kt_directory_pieces(&r->directory, 0, r->directory.n);
    for (uint32_t i = 0; i < all.n; i++)
        if (kt_stretch_whole(&all.at[i], &r->directory, &place)) {
            sum.in += all.at[i].segments;
            sum.pairs += all.at[i].pairs;
            sum.stretches++;
        }
    if (status == KT_OK)
        (void)kt_joined_load(r->db, &joined);
    for (uint32_t i = 0; i < all.n; i++) {
        const struct kt_stretch *j = kt_joined_find(&joined, &all.at[i]);
        uint32_t n = j == NULL ? 0 : kt_joined_count(j, &all, i);
        sum.joined += n > 1 ? n : 0;
    }
    kt_stretches_done(&joined);
    kt_stretches_done(&all);
    if (status == KT_OK)
        *ret = sum;
    return status;
}

typedef enum kt_status make_next(struct kt_reader *r, const struct kt_together_how *how,
                                 struct kt_together_made **ret, struct kt_error *err);
struct completing {
    struct kt_store *s;
    struct kt_reader *r;
    uint64_t segments; /* at most; 0: all */
    void (*told)(void *self, const struct kt_together_state *now);
    void *self;
};

/* KT_E_AGAIN: there is nothing to be made, or what was made is left out, as it would be again. */
static enum kt_status add_next(const struct completing *c, make_next *make, uint64_t *segments,
                               struct kt_error *err)
{
    const struct kt_together_how how = { 0 };
    struct kt_together_made *made = NULL;
    bool added = false;
    enum kt_status status = make(c->r, &how, &made, err);
    if (status != KT_OK)
        return status;
    status = kt_store_begin(c->s, err);
    if (status == KT_OK)
        status = kt_together_put(c->s, made, &added, err);
    *segments += made->stretch.segments;
    kt_together_made_free(made);
    if (status != KT_OK) {
        kt_store_rollback(c->s);
        return status;
    }
    status = kt_store_commit(c->s, err);
    if (status == KT_OK)
        status = kt_store_housekeep(c->s, false, err);
    return status == KT_OK && !added ? KT_E_AGAIN : status;
}

static enum kt_status add_all(const struct completing *c, make_next *make, struct kt_error *err)
{
    struct kt_together_state now;
    enum kt_status status = KT_OK;
    uint64_t made = 0;
    while (status == KT_OK && (c->segments == 0 || made < c->segments)) {
        status = add_next(c, make, &made, err);
        if (status == KT_OK && c->told != NULL && kt_together_state(c->r, &now, NULL) == KT_OK)
            c->told(c->self, &now);
    }
    if (status == KT_E_AGAIN && err != NULL)
        *err = (struct kt_error){ 0 };
    return status == KT_E_AGAIN ? KT_OK : status;
}

enum kt_status kt_together_complete(struct kt_store *s, uint64_t segments,
                                    void (*told)(void *self, const struct kt_together_state *now),
                                    void *self, struct kt_error *err)
{
    struct completing c = { .s = s, .segments = segments, .told = told, .self = self };
    enum kt_status status = kt_reader_open_file(s->path, s->number, &c.r, err);
    if (status == KT_OK)
        status = add_all(&c, kt_stretch_make_next, err);
    c.told = NULL; /* that is counted in stretches */
    if (status == KT_OK)
        status = add_all(&c, kt_joined_make_next, err);
    if (status == KT_OK)
        status = add_all(&c, kt_sessions_make_next, err);
    kt_reader_close(c.r);
    return status;
}

/* Looks at buckets come one after the other, those at segments side by side: from a cold disk two
 * of the former cost no more than one of the latter. */
#define LOOKS 2u
bool kt_together_worth(struct kt_reader *r, kt_time_ns since, kt_time_ns until, uint32_t values)
{
    struct kt_reader *file[KT_CHAIN_MAX];
    uint64_t there = 0, in = 0, stretches = 0;
    unsigned n = kt_reader_fresh(r, NULL) == KT_OK ? kt_reader_files(r, file) : 0;
    for (unsigned f = 0; f < n; f++) {
        struct kt_stretches all = { 0 };
        const struct kt_directory *d = &file[f]->directory;
        if (kt_reader_directory(file[f], NULL) != KT_OK ||
            kt_stretches_load(file[f]->db, &all, NULL) != KT_OK)
            continue;
        for (uint32_t i = 0; i < d->n; i++)
            there += kt_segment_in_time(&d->at[i], since, until) ? kt_segment_pieces(&d->at[i]) : 0;
        for (uint32_t i = 0; i < all.n; i++) {
            struct kt_stretch_place p;
            bool whole = kt_stretch_whole(&all.at[i], d, &p);
            uint64_t before = in;
            for (uint32_t k = p.at; whole && k < p.at + p.n; k++)
                in +=
                    kt_segment_in_time(&d->at[k], since, until) ? kt_segment_pieces(&d->at[k]) : 0;
            stretches += in > before;
        }
        kt_stretches_done(&all);
    }
    return in > 0 && there - in <= there / 8 && values * stretches <= LOOKS * in;
}

/* ---- is it so? ---- */

bool kt_sums_are(sqlite3 *db, const struct kt_together_made *m)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf room = { 0 };
    bool same = true;
    for (uint32_t k = 0; same && k < m->sums.n; k++)
        same = kt_blob_get(db, m->sums.at[k].name, &room, NULL) == KT_OK &&
               kt_totals_same(kt_buf_str(&room), kt_buf_str(&m->sums.at[k].bytes),
                              m->stretch.first_seq, m->stretch.last_seq);
    return same;
}

/* None beside those that were made. */
static bool counts(sqlite3 *db, const struct kt_stretch *one, uint64_t blobs)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    char sql[OF_STRETCH];
    return kt_db_prepare(db, of_stretch("SELECT count(*)", one, sql), &st, NULL) == KT_OK &&
           kt_db_step(st, NULL) == KT_OK && kt_db_col_u64(st, 0) == blobs;
}

static bool is_same(struct kt_reader *r, const struct kt_stretch *kept,
                    const struct kt_together_made *made)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf bytes = { 0 };
    const struct kt_stretch *m = &made->stretch;
    char name[KT_STRETCH_NAME];
    bool same = kept->segments == m->segments && kept->last_seq == m->last_seq &&
                kept->pairs == m->pairs && kept->buckets == m->buckets && kept->cased == m->cased;
    for (uint32_t k = 0; same && k < m->buckets; k++)
        same = kt_blob_get(r->db, kt_stretch_name(kept, k, name), &bytes, NULL) == KT_OK &&
               kt_str_eq(kt_buf_str(&bytes), bucket_of(made, k));
    return same && kt_sums_are(r->db, made) &&
           counts(r->db, m, (uint64_t)m->buckets + made->sums.n);
}

/* Fewer segments than the list says: since the next one is damaged? Of that the lines tell. */
static bool is_cut_by_damage(struct kt_reader *r, const struct kt_together_made *made)
{
    uint32_t at = kt_directory_from(&r->directory, made->stretch.last_seq + 1);
    const struct kt_together_how how = { 0 };
    struct kt_together_made *next = NULL;
    enum kt_status status = kt_stretch_make(r, at, 1, &made->key, &how, &next, NULL);
    kt_together_made_free(next);
    return status == KT_E_CORRUPT;
}

static enum kt_status compare(struct kt_reader *r, const struct kt_stretch *one,
                              const struct kt_pairs_key *key, struct kt_together_checked *sum,
                              struct kt_error *err)
{
    const struct kt_together_how how = { 0 };
    struct kt_together_made *made = NULL;
    struct kt_error why = { 0 };
    struct kt_stretch_place p;
    if (kt_reader_directory(r, err) != KT_OK)
        return kt_wrap(err, "pairs");
    if (!kt_stretch_whole(one, &r->directory, &p))
        return KT_OK; /* retention took some of it: it is nobody's */
    enum kt_status status = kt_stretch_make(r, p.at, p.n, key, &how, &made, &why);
    if (status == KT_E_CORRUPT) /* of what is damaged the lines tell */
        return KT_OK;
    if (status != KT_OK)
        return kt_fail(err, status, "%s", why.text);
    sum->stretches++;
    bool cut = made->stretch.segments < one->segments && is_cut_by_damage(r, made);
    bool same = is_same(r, one, made) && kt_sessions_are(r, one, &p);
    if (!cut && !same && sum->differ++ == 0) {
        sum->first_seq = one->first_seq;
        sum->last_seq = one->last_seq;
    }
    kt_together_made_free(made);
    return KT_OK;
}

/* In one snapshot: segments are merged, and taken by retention, while others are looked at. */
static enum kt_status check_stretch(struct kt_reader *r, const struct kt_stretch *one,
                                    const struct kt_pairs_key *key, struct kt_together_checked *sum,
                                    struct kt_error *err)
{
    if (kt_db_exec(r->db, "BEGIN", err) != KT_OK)
        return kt_wrap(err, "pairs");
    enum kt_status status = compare(r, one, key, sum, err);
    (void)sqlite3_exec(r->db, "COMMIT", NULL, NULL, NULL);
    return status;
}

static enum kt_status check_file(struct kt_reader *r, struct kt_together_checked *sum,
                                 struct kt_error *err)
{
    struct kt_stretches all = { 0 };
    struct kt_error why = { 0 };
    enum kt_status status = kt_stretches_load(r->db, &all, &why);
    if (status == KT_E_CORRUPT) {
        sum->lists++;
        return KT_OK;
    }
    if (status != KT_OK)
        return kt_fail(err, status, "%s", why.text);
    for (uint32_t i = 0; i < all.n && status == KT_OK; i++)
        status = check_stretch(r, &all.at[i], &all.key, sum, err);
    kt_stretches_done(&all);
    return status != KT_OK ? status : kt_joined_check(r, sum, err);
}

enum kt_status kt_together_check(struct kt_reader *r, struct kt_together_checked *ret,
                                 struct kt_error *err)
{
    struct kt_reader *file[KT_CHAIN_MAX];
    struct kt_together_checked sum = { 0 };
    if (kt_reader_fresh(r, err) != KT_OK)
        return kt_wrap(err, "pairs");
    unsigned n = kt_reader_files(r, file);
    for (unsigned i = 0; i < n; i++) {
        enum kt_status status = check_file(file[i], &sum, file[i] == r ? err : NULL);
        if (status != KT_OK && file[i] == r)
            return kt_wrap(err, "pairs");
        sum.unreadable += status != KT_OK;
    }
    *ret = sum;
    return KT_OK;
}
