/*
 * directory: which segments there are.
 *
 * Owns:  copies of their rows.
 * Calls: core/base, core/store (db, segment).
 */
#include "core/store/directory.h"

#include <assert.h>
#include <string.h>

#include "core/base/alloc.h"

static void clear(struct kt_directory *d)
{
    for (uint32_t i = 0; i < d->n; i++)
        kt_free((void *)(uintptr_t)d->at[i].days.at);
    d->n = d->damaged = 0;
}

void kt_directory_done(struct kt_directory *d)
{
    clear(d);
    kt_free(d->at);
    *d = (struct kt_directory){ 0 };
}

void kt_directory_add(struct kt_directory *d, const struct kt_segment *seg)
{
    assert(d->n == 0 || seg->first_seq > d->at[d->n - 1].last_seq);
    if (d->n == d->cap) {
        d->cap = d->cap == 0 ? 64 : 2 * d->cap;
        d->at = kt_realloc_array(d->at, d->cap, sizeof *d->at);
    }
    struct kt_segment *own = &d->at[d->n++];
    *own = *seg;
    own->days = kt_str_from(kt_str_dup(seg->days), seg->days.len);
}

void kt_directory_drop(struct kt_directory *d, uint64_t first_seq)
{
    uint32_t i = kt_directory_from(d, first_seq);
    assert(i < d->n && d->at[i].first_seq == first_seq);
    kt_free((void *)(uintptr_t)d->at[i].days.at);
    memmove(&d->at[i], &d->at[i + 1], (d->n - i - 1) * sizeof *d->at);
    d->n--;
}

void kt_directory_replace(struct kt_directory *d, uint32_t from, uint32_t n,
                          const struct kt_segment *seg)
{
    assert(n > 0 && from + n <= d->n);
    for (uint32_t i = from; i < from + n; i++)
        kt_free((void *)(uintptr_t)d->at[i].days.at);
    memmove(&d->at[from + 1], &d->at[from + n], (d->n - from - n) * sizeof *d->at);
    d->n -= n - 1;
    d->at[from] = *seg;
    d->at[from].days = kt_str_from(kt_str_dup(seg->days), seg->days.len);
}

uint64_t kt_directory_pieces(const struct kt_directory *d, uint32_t from, uint32_t n)
{
    uint64_t pieces = 0;
    for (uint32_t i = from; i < from + n; i++)
        pieces += kt_segment_pieces(&d->at[i]);
    return pieces;
}

uint32_t kt_directory_from(const struct kt_directory *d, uint64_t seq)
{
    uint32_t low = 0, high = d->n;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (d->at[mid].last_seq < seq)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

enum kt_status kt_directory_load(struct kt_directory *d, sqlite3 *db, struct kt_error *err)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    if (kt_db_prepare(db,
                      "SELECT " KT_SEGMENT_COLUMNS " FROM segment WHERE first_seq > ?1"
                      " ORDER BY first_seq",
                      &st, err) != KT_OK)
        return kt_wrap(err, "segments");
    uint64_t last = d->n == 0 ? 0 : d->at[d->n - 1].last_seq;
    kt_db_u64(st, 1, last);
    enum kt_status status;
    while ((status = kt_db_step(st, err)) == KT_OK) {
        struct kt_segment seg;
        struct kt_error why = { 0 };
        enum kt_status one = kt_segment_read(st, &seg, &why);
        if (one == KT_OK && seg.first_seq <= last)
            one = kt_fail(&why, KT_E_CORRUPT, "the segment at record %llu overlaps another",
                          (unsigned long long)seg.first_seq);
        if (one != KT_OK) {
            d->why = d->damaged++ == 0 ? why : d->why;
            continue;
        }
        last = seg.last_seq;
        kt_directory_add(d, &seg);
    }
    return status == KT_E_AGAIN ? KT_OK : status;
}

enum kt_status kt_directory_reload(struct kt_directory *d, sqlite3 *db, struct kt_error *err)
{
    clear(d);
    return kt_directory_load(d, db, err);
}
