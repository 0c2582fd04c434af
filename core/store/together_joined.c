/*
 * together_joined: the sums of several stretches that follow each other as one: the list of them,
 * made, written, dropped, and made again to see whether they are what the stretches say.
 *
 * Owns:  nothing.
 * Calls: core/base, core/store (store, reader, together, totals).
 * Holds: what is joined is used only where its stretches are.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/store/store.h"
#include "core/store/together_int.h"

#define BLOB    KT_TOGETHER_BLOB "/joined"
#define VERSION 2u  /* 1: how many fit did not count the bytes of addresses */
#define ENTRY   20u /* bytes */
/* Sums that cannot be read are tried again; but when so many times those that would be joined wait,
 * what is joined goes on without them. */
#define PATIENCE 2u

/* ---- the list ---- */

static bool read_list(struct kt_stretches *s, struct kt_str bytes)
{
    struct kt_rd rd = kt_rd_of(bytes);
    const unsigned version = kt_rd_u8(&rd);
    *s = (struct kt_stretches){ .other = version > 0 && version != VERSION };
    if (s->other)
        return true;
    bool sane = version > 0 && rd.left % ENTRY == 0;
    s->at = kt_alloc_array(rd.left / ENTRY + 1, sizeof *s->at);
    while (rd.left > 0 && sane) {
        struct kt_stretch *one = &s->at[s->n];
        one->first_seq = kt_rd_u64(&rd);
        one->last_seq = kt_rd_u64(&rd);
        one->segments = kt_rd_u32(&rd);
        sane = one->first_seq > (s->n == 0 ? 0 : one[-1].last_seq) &&
               one->last_seq >= one->first_seq && one->segments > 0 &&
               one->segments <= KT_TOTALS_SEGMENTS;
        s->n++;
    }
    if (!sane)
        kt_stretches_done(s);
    return sane;
}

bool kt_joined_load(sqlite3 *db, struct kt_stretches *s)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf bytes = { 0 };
    *s = (struct kt_stretches){ 0 };
    enum kt_status status = kt_blob_get(db, BLOB, &bytes, NULL);
    return status == KT_E_AGAIN || (status == KT_OK && read_list(s, kt_buf_str(&bytes)));
}

static enum kt_status put_list(struct kt_store *s, const struct kt_stretches *all,
                               struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf bytes = { 0 };
    if (all->n > 0)
        kt_buf_u8(&bytes, VERSION);
    for (uint32_t i = 0; i < all->n; i++) {
        kt_buf_u64(&bytes, all->at[i].first_seq);
        kt_buf_u64(&bytes, all->at[i].last_seq);
        kt_buf_u32(&bytes, all->at[i].segments);
    }
    return kt_store_put(s, BLOB, kt_buf_str(&bytes), err);
}

const struct kt_stretch *kt_joined_find(const struct kt_stretches *joined,
                                        const struct kt_stretch *first)
{
    uint32_t low = 0, high = joined->n;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (joined->at[mid].first_seq < first->first_seq)
            low = mid + 1;
        else
            high = mid;
    }
    bool found = low < joined->n && joined->at[low].first_seq == first->first_seq;
    return found ? &joined->at[low] : NULL;
}

uint32_t kt_joined_count(const struct kt_stretch *one, const struct kt_stretches *all, uint32_t at)
{
    uint32_t n = 0, segments = 0;
    while (at + n < all->n && all->at[at + n].last_seq <= one->last_seq)
        segments += all->at[at + n++].segments;
    bool same = n > 0 && segments == one->segments && all->at[at].first_seq == one->first_seq &&
                all->at[at + n - 1].last_seq == one->last_seq;
    return same ? n : 0;
}

/* ---- making ---- */

static bool load_all(struct kt_totals *s, const struct kt_totals_run *run, sqlite3 *db)
{
    kt_totals_begin(s, run, db);
    if (!kt_totals_load(s, KT_TOTALS_WITH_ACTORS))
        return false;
    for (uint32_t i = 0; i < s->n_actors; i++)
        s->actor[i].wanted = true;
    return kt_totals_load(s, KT_TOTALS_WITH_SECRETS | KT_TOTALS_WITH_ADDRESSES |
                                 KT_TOTALS_WITH_DEEDS | KT_TOTALS_WITH_PLACES);
}

/* Has it sums at all? Where nothing is said of that, too, they cannot be read now. */
static bool has_sums(const struct kt_totals_run *run, sqlite3 *db)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf bytes = { 0 };
    char name[KT_TOTALS_NAME];
    return kt_blob_get(db, kt_totals_name(run, KT_TOTALS_ACTORS, name), &bytes, NULL) != KT_E_AGAIN;
}

/* As many of these n as have sums and fit. One alone stands in the list without parts: it was
 * tried, and the next ones begin behind it. *ret_unread: one has sums that cannot be read. */
static enum kt_status join(struct kt_reader *r, const struct kt_stretch *at, uint32_t n,
                           const struct kt_together_how *how, struct kt_together_made **ret,
                           bool *ret_unread, struct kt_error *err)
{
    struct kt_totals sums = { 0 };
    struct kt_totals_making *m = kt_totals_making_new();
    struct kt_stretch all = at[0];
    enum kt_status status = KT_OK;
    uint32_t taken = 0;
    *ret_unread = false;
    for (bool fits = true; taken < n && fits && status == KT_OK; taken += fits) {
        const struct kt_totals_run run = { .first_seq = at[taken].first_seq,
                                           .last_seq = at[taken].last_seq };
        if (how->give_up != NULL && how->give_up(how->give_up_self)) {
            status = kt_fail(err, KT_E_LIMIT, "given up");
            continue;
        }
        bool loaded = load_all(&sums, &run, r->db);
        *ret_unread = !loaded && has_sums(&run, r->db);
        fits = loaded && kt_totals_join(m, &sums, at[taken].segments);
    }
    if (status == KT_OK) {
        *ret = kt_alloc(sizeof **ret);
        for (uint32_t i = 1; i < taken; i++)
            all.segments += at[i].segments;
        all.last_seq = at[taken > 1 ? taken - 1 : 0].last_seq;
        **ret = (struct kt_together_made){ .stretch = all, .joined = true };
        const struct kt_totals_run run = { .first_seq = all.first_seq,
                                           .last_seq = all.last_seq,
                                           .joined = true };
        if (taken > 1)
            kt_totals_write(m, &run, &(*ret)->sums);
    }
    kt_totals_making_free(m);
    kt_totals_done(&sums);
    return status;
}

/* How many of the stretches from `at` on, up to so many, have no segment between them. */
static uint32_t following(const struct kt_stretches *all, uint32_t at, uint32_t most,
                          const struct kt_directory *d)
{
    uint32_t n = 1;
    while (n < most && at + n < all->n) {
        uint32_t next = kt_directory_from(d, all->at[at + n - 1].last_seq + 1);
        if (next >= d->n || d->at[next].first_seq != all->at[at + n].first_seq)
            break;
        n++;
    }
    return n;
}

/* Those behind the last joined ones; fewer than there might be only where more will not come. */
static bool choose(const struct kt_stretches *all, const struct kt_stretches *joined,
                   const struct kt_directory *d, const struct kt_together_how *how,
                   uint32_t *ret_at, uint32_t *ret_n)
{
    const uint32_t most = how->joined > 0 ? how->joined : KT_TOGETHER_JOINED;
    const uint64_t last = joined->n == 0 ? 0 : joined->at[joined->n - 1].last_seq;
    uint32_t at = 0;
    while (at < all->n && all->at[at].first_seq <= last)
        at++;
    *ret_at = at;
    *ret_n = at < all->n ? following(all, at, most, d) : 0;
    return *ret_n == most || at + *ret_n < all->n;
}

/* patient: they are not joined without those that cannot be read. Who sees that has loaded the sums
 * of those before, so it is not looked at each turn. */
static enum kt_status join_or_wait(struct kt_reader *r, const struct kt_stretch *at, uint32_t n,
                                   bool patient, const struct kt_together_how *how,
                                   struct kt_together_made **ret, struct kt_error *err)
{
    struct kt_together_rest once = { 0 }, *rest = how->rests != NULL ? &how->rests->joined : &once;
    bool unread;
    if (!kt_rest_is_over(rest))
        return kt_fail(err, KT_E_AGAIN, "sums that could not be read are tried later");
    enum kt_status status = join(r, at, n, how, ret, &unread, err);
    if (status != KT_OK)
        return status;
    kt_rest_after(rest, unread && patient);
    if (!unread || !patient)
        return KT_OK;
    kt_together_made_free(*ret);
    *ret = NULL;
    return kt_fail(err, KT_E_AGAIN, "sums that cannot be read now are joined later");
}

enum kt_status kt_joined_make_next(struct kt_reader *r, const struct kt_together_how *how,
                                   struct kt_together_made **ret, struct kt_error *err)
{
    struct kt_stretches all = { 0 }, joined = { 0 };
    uint32_t at, n;
    enum kt_status status = kt_reader_fresh(r, err);
    if (status == KT_OK)
        status = kt_reader_directory(r, err);
    if (status != KT_OK)
        return status;
    if (kt_stretches_load(r->db, &all, NULL) == KT_OK)
        (void)kt_joined_load(r->db, &joined);
    if (choose(&all, &joined, &r->directory, how, &at, &n))
        status = join_or_wait(r, &all.at[at], n, all.n - at < PATIENCE * n, how, ret, err);
    else
        status = kt_fail(err, KT_E_AGAIN, "there is nothing to be joined");
    kt_stretches_done(&joined);
    kt_stretches_done(&all);
    return status;
}

/* ---- writing ---- */

#define SQL_MAX 192
/* Of all names from `together/joined/<first>/` up to the one behind all that begin so. */
static const char *of_joined(const char *what, const struct kt_stretch *one, char buf[SQL_MAX])
{
    (void)snprintf(buf, SQL_MAX,
                   "%s FROM blob WHERE name > '" BLOB "/%016" PRIx64 "/' AND name < '" BLOB
                   "/%016" PRIx64 "0'",
                   what, one->first_seq, one->first_seq);
    return buf;
}

static enum kt_status drop(struct kt_store *s, const struct kt_stretch *one, struct kt_error *err)
{
    char sql[SQL_MAX];
    if (kt_store_may_write(s, err) != KT_OK ||
        kt_db_exec(s->db, of_joined("DELETE", one, sql), err) != KT_OK)
        return kt_wrap(err, "joined sums");
    return KT_OK;
}

/* With the list. */
static enum kt_status drop_all(struct kt_store *s, struct kt_error *err)
{
    if (kt_store_may_write(s, err) != KT_OK ||
        kt_db_exec(s->db,
                   "DELETE FROM blob WHERE name = '" BLOB "' OR (name > '" BLOB
                   "/' AND name < '" BLOB "0')",
                   err) != KT_OK)
        return kt_wrap(err, "joined sums");
    return KT_OK;
}

/* Are its stretches there, as many as it says? */
static bool stands(const struct kt_stretch *one, const struct kt_stretches *all)
{
    for (uint32_t i = 0; i < all->n; i++)
        if (all->at[i].first_seq == one->first_seq)
            return kt_joined_count(one, all, i) > 0;
    return false;
}

enum kt_status kt_joined_drop_partial(struct kt_store *s, const struct kt_stretches *all,
                                      struct kt_error *err)
{
    struct kt_stretches joined;
    uint32_t n = 0;
    /* without a list of this version nobody uses its parts, nor could tell which are to go */
    const bool listed = kt_joined_load(s->db, &joined) && joined.n > 0;
    enum kt_status status = listed ? KT_OK : drop_all(s, err);
    for (uint32_t i = 0; i < joined.n && status == KT_OK; i++)
        if (stands(&joined.at[i], all))
            joined.at[n++] = joined.at[i];
        else
            status = drop(s, &joined.at[i], err);
    const bool dropped = n < joined.n;
    joined.n = n;
    if (status == KT_OK && dropped)
        status = put_list(s, &joined, err);
    kt_stretches_done(&joined);
    return status;
}

enum kt_status kt_joined_put(struct kt_store *s, const struct kt_stretches *all,
                             const struct kt_together_made *m, bool *ret_added,
                             struct kt_error *err)
{
    struct kt_stretches joined;
    enum kt_status status = KT_OK;
    (void)kt_joined_load(s->db, &joined);
    if (stands(&m->stretch, all) &&
        (joined.n == 0 || joined.at[joined.n - 1].last_seq < m->stretch.first_seq)) {
        for (uint32_t k = 0; k < m->sums.n && status == KT_OK; k++)
            status = kt_store_put(s, m->sums.at[k].name, kt_buf_str(&m->sums.at[k].bytes), err);
        joined.at = kt_realloc_array(joined.at, joined.n + 1, sizeof *joined.at);
        joined.at[joined.n++] = m->stretch;
        if (status == KT_OK)
            status = put_list(s, &joined, err);
        *ret_added = status == KT_OK;
    }
    kt_stretches_done(&joined);
    return status;
}

/* ---- is it so? ---- */

static bool is_same(struct kt_reader *r, const struct kt_stretch *kept,
                    const struct kt_together_made *made)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    char sql[SQL_MAX];
    return kept->last_seq == made->stretch.last_seq && kt_sums_are(r->db, made) &&
           kt_db_prepare(r->db, of_joined("SELECT count(*)", kept, sql), &st, NULL) == KT_OK &&
           kt_db_step(st, NULL) == KT_OK && kt_db_col_u64(st, 0) == made->sums.n;
}

static enum kt_status check(struct kt_reader *r, const struct kt_stretch *one,
                            struct kt_together_checked *sum, struct kt_error *err)
{
    const struct kt_together_how how = { 0 };
    struct kt_together_made *made = NULL;
    struct kt_stretches all = { 0 };
    uint32_t at = 0, n = 0;
    bool unread;
    enum kt_status status = KT_OK;
    if (kt_stretches_load(r->db, &all, NULL) == KT_OK) /* of the list itself others tell */
        while (at < all.n && all.at[at].first_seq < one->first_seq)
            at++;
    n = at < all.n ? kt_joined_count(one, &all, at) : 0;
    if (n > 0)
        status = join(r, &all.at[at], n, &how, &made, &unread, err);
    if (made != NULL && !is_same(r, one, made) && sum->differ++ == 0) {
        sum->first_seq = one->first_seq;
        sum->last_seq = one->last_seq;
    }
    kt_together_made_free(made);
    kt_stretches_done(&all);
    return status;
}

/* Each in a snapshot, as stretches are. */
enum kt_status kt_joined_check(struct kt_reader *r, struct kt_together_checked *sum,
                               struct kt_error *err)
{
    struct kt_stretches joined;
    enum kt_status status = KT_OK;
    sum->lists += !kt_joined_load(r->db, &joined);
    for (uint32_t i = 0; i < joined.n && status == KT_OK; i++) {
        status = kt_db_exec(r->db, "BEGIN", err);
        if (status == KT_OK)
            status = check(r, &joined.at[i], sum, err);
        (void)sqlite3_exec(r->db, "COMMIT", NULL, NULL, NULL);
    }
    kt_stretches_done(&joined);
    return status;
}
