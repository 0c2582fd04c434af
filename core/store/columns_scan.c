/*
 * columns_scan: a walk over columns.
 *
 * Owns:  a walk for each file of the log, the times of one chunk.
 * Calls: core/base, core/store.
 */
#include "core/base/alloc.h"
#include "core/store/chain.h"
#include "core/store/reader.h"
#include "core/store/walk.h"

struct kt_columns_scan {
    struct kt_scan scan;
    struct kt_walk *walk[KT_CHAIN_MAX]; /* oldest file first; those with nothing are left out */
    unsigned n, at;
    struct kt_error lost; /* a file that cannot be read: to be said once */
    bool timed;
    kt_time_ns *time;
    uint32_t room;
};

enum kt_status kt_columns_open(struct kt_reader *r, const struct kt_scan *scan, uint32_t columns,
                               bool time, struct kt_columns_scan **ret, struct kt_error *err)
{
    struct kt_scan forwards = *scan;
    struct kt_reader *file[KT_CHAIN_MAX];
    forwards.newest_first = false;
    if (kt_reader_fresh(r, err) != KT_OK)
        return kt_wrap(err, "columns");
    struct kt_columns_scan *s = kt_alloc(sizeof *s);
    /* Kind says whether a batch's columns are needed at all: they always are. */
    const struct kt_want want = { .columns = columns | KT_COLUMN(KT_COL_KIND),
                                  .time = time,
                                  .dense = true };
    unsigned n = kt_reader_files(r, file);
    s->timed = time;
    s->scan = forwards;
    s->lost = file[0]->lost;
    for (unsigned i = 0; i < n; i++) {
        struct kt_error why = { 0 };
        struct kt_scan bounded = forwards;
        enum kt_status status = kt_walk_bounds(file[i], &bounded, &why);
        if (status == KT_OK && bounded.from_seq <= bounded.until_seq)
            status = kt_walk_open(file[i], &bounded, &want, &s->walk[s->n], &why);
        s->n += s->walk[s->n] != NULL;
        if (status != KT_OK && file[i] != r) {
            s->lost = why;
        } else if (status != KT_OK) {
            kt_columns_scan_free(s);
            return kt_fail(err, status, "columns: %s", why.text);
        }
    }
    *ret = s;
    return KT_OK;
}

static enum kt_status next_chunk(struct kt_columns_scan *s, const struct kt_chunk **ret,
                                 struct kt_error *err)
{
    if (s->lost.code != KT_OK) {
        struct kt_error said = s->lost;
        s->lost = (struct kt_error){ 0 };
        return kt_fail(err, KT_E_CORRUPT, "%s", said.text);
    }
    for (; s->at < s->n; s->at++) {
        enum kt_status status = kt_walk_next(s->walk[s->at], ret, err);
        if (status != KT_E_AGAIN)
            return status;
    }
    return kt_fail(err, KT_E_AGAIN, "no more records");
}

static const kt_time_ns *times_of(struct kt_columns_scan *s, const struct kt_chunk *c)
{
    if (!s->timed)
        return NULL;
    if (!c->untimed)
        return c->columns->time;
    if (s->room < c->n) {
        s->room = c->n;
        s->time = kt_realloc_array(s->time, s->room, sizeof *s->time);
    }
    for (uint32_t i = 0; i < c->picks; i++) {
        uint32_t row = c->pick[i];
        s->time[row] = c->columns->time[row] > 0 ? c->columns->time[row] : c->arrival[row];
    }
    return s->time;
}

enum kt_status kt_columns_next(struct kt_columns_scan *s, struct kt_view *ret, struct kt_error *err)
{
    const struct kt_chunk *c = NULL;
    struct kt_error why = { 0 };
    enum kt_status status;
    do
        status = next_chunk(s, &c, &why);
    while (kt_scan_passes(&s->scan, status, &why));
    if (status != KT_OK) {
        if (err != NULL)
            *err = why;
        return status;
    }
    *ret = (struct kt_view){ .columns = c->columns,
                             .time = times_of(s, c),
                             .arrival = s->scan.late_after > 0 && c->batched ? c->arrival : NULL,
                             .pick = c->pick,
                             .picks = c->picks };
    return KT_OK;
}

void kt_columns_cost(const struct kt_columns_scan *s, struct kt_scan_cost *ret)
{
    *ret = (struct kt_scan_cost){ 0 };
    for (unsigned i = 0; i < s->n; i++)
        kt_walk_cost(s->walk[i], ret);
}

void kt_columns_scan_free(struct kt_columns_scan *s)
{
    if (s == NULL)
        return;
    for (unsigned i = 0; i < s->n; i++)
        kt_walk_free(s->walk[i]);
    kt_free(s->time);
    kt_free(s);
}
