/*
 * totals_runs: which stretches, or joined ones, a walk may take the sums of.
 *
 * Owns:  nothing beyond a call.
 * Calls: core/base, core/store (chain, together).
 * Holds: runs rise and leave nothing out.
 */
#include "core/base/alloc.h"
#include "core/store/chain.h"
#include "core/store/together_int.h"

struct runs {
    struct kt_totals_run *at;
    uint32_t n, cap;
};

static void add_run(struct runs *r, const struct kt_totals_run *run)
{
    if (r->n == r->cap) {
        r->cap = r->cap == 0 ? 64 : 2 * r->cap;
        r->at = kt_realloc_array(r->at, r->cap, sizeof *r->at);
    }
    r->at[r->n++] = *run;
}

static bool is_within(const struct kt_stretch *s, const struct kt_directory *d,
                      const struct kt_scan *scan)
{
    struct kt_stretch_place p;
    bool within = kt_stretch_whole(s, d, &p);
    for (uint32_t i = p.at; within && i < p.at + p.n; i++)
        within = kt_segment_within(&d->at[i], scan);
    return within;
}

/* The joined one that begins with stretch i and can be taken; NULL: none. *ret_n: stretches. */
static const struct kt_stretch *joined_at(const struct kt_stretches *joined,
                                          const struct kt_stretches *all, uint32_t i,
                                          const struct kt_directory *d, const struct kt_scan *scan,
                                          uint32_t *ret_n)
{
    const struct kt_stretch *j = kt_joined_find(joined, &all->at[i]);
    *ret_n = j == NULL ? 0 : kt_joined_count(j, all, i);
    return *ret_n > 1 && is_within(j, d, scan) ? j : NULL;
}

/* One stretch, or joined ones. *next: the first number that no run has yet. Between it and the one
 * before there need be no event. */
static void add_sums(struct runs *r, const struct kt_reader *file, const struct kt_stretch *s,
                     bool joined, uint64_t *next)
{
    const struct kt_directory *d = &file->directory;
    uint32_t before = kt_directory_from(d, *next);
    bool follows = r->n > 0 && r->at[r->n - 1].number == file->number && before < d->n &&
                   d->at[before].first_seq == s->first_seq;
    if (!follows && s->first_seq > *next)
        add_run(r, &(struct kt_totals_run){ *next, s->first_seq - 1, 0, false });
    add_run(r, &(struct kt_totals_run){ s->first_seq, s->last_seq, file->number, joined });
    *next = s->last_seq + 1;
}

static void add_file(struct runs *r, struct kt_reader *file, const struct kt_scan *scan,
                     bool with_joined, uint64_t *next)
{
    struct kt_stretches all = { 0 }, joined = { 0 };
    if (kt_stretches_load(file->db, &all, NULL) != KT_OK)
        return;
    if (with_joined)
        (void)kt_joined_load(file->db, &joined);
    for (uint32_t i = 0, n; i < all.n; i += n) {
        const struct kt_stretch *j = joined_at(&joined, &all, i, &file->directory, scan, &n);
        n = j == NULL ? 1 : n;
        if (j != NULL || is_within(&all.at[i], &file->directory, scan))
            add_sums(r, file, j != NULL ? j : &all.at[i], j != NULL, next);
    }
    kt_stretches_done(&joined);
    kt_stretches_done(&all);
}

/* A file that cannot be read is told of by the walk over what is between: where there is one, all
 * is between. */
enum kt_status kt_totals_runs(struct kt_reader *r, const struct kt_scan *scan, bool joined,
                              struct kt_totals_run **ret, uint32_t *ret_n, struct kt_error *err)
{
    struct kt_reader *file[KT_CHAIN_MAX];
    struct runs runs = { 0 };
    struct kt_scan bounds = *scan;
    uint64_t next = scan->from_seq > 1 ? scan->from_seq : 1;
    bounds.until_seq = scan->until_seq == 0 ? UINT64_MAX : scan->until_seq;
    enum kt_status status = kt_reader_fresh(r, err);
    unsigned n = status == KT_OK ? kt_reader_files(r, file) : 0;
    bool whole = n > 0 && file[0]->lost.code == KT_OK;
    for (unsigned i = 0; i < n && status == KT_OK; i++) {
        status = kt_reader_directory(file[i], file[i] == r ? err : NULL);
        whole = whole && status == KT_OK && file[i]->directory.damaged == 0;
        status = file[i] == r ? status : KT_OK;
    }
    for (unsigned i = 0; i < n && status == KT_OK && whole; i++)
        add_file(&runs, file[i], &bounds, joined, &next);
    if (status != KT_OK)
        return status;
    if (runs.n == 0 || next <= bounds.until_seq)
        add_run(&runs, &(struct kt_totals_run){ next, scan->until_seq, 0, false });
    *ret = runs.at;
    *ret_n = runs.n;
    return KT_OK;
}
