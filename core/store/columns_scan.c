/*
 * columns_scan: a walk over columns.
 *
 * Owns:  its walk, the times of one chunk.
 * Calls: core/base, core/store.
 */
#include "core/base/alloc.h"
#include "core/store/reader.h"
#include "core/store/walk.h"

struct kt_columns_scan {
    struct kt_walk *walk; /* NULL: nothing to walk over */
    bool timed;
    kt_time_ns *time;
    uint32_t room;
};

enum kt_status kt_columns_open(struct kt_reader *r, const struct kt_scan *scan, uint32_t columns,
                               bool time, struct kt_columns_scan **ret, struct kt_error *err)
{
    struct kt_scan bounded = *scan;
    bounded.newest_first = false;
    if (kt_walk_bounds(r, &bounded, err) != KT_OK)
        return kt_wrap(err, "columns");
    struct kt_columns_scan *s = kt_alloc(sizeof *s);
    /* Kind says whether a batch's columns are needed at all: they always are. */
    const struct kt_want want = { .columns = columns | KT_COLUMN(KT_COL_KIND), .time = time };
    s->timed = time;
    if (bounded.from_seq <= bounded.until_seq &&
        kt_walk_open(r, &bounded, &want, &s->walk, err) != KT_OK) {
        kt_columns_scan_free(s);
        return kt_wrap(err, "columns");
    }
    *ret = s;
    return KT_OK;
}

enum kt_status kt_columns_next(struct kt_columns_scan *s, struct kt_view *ret, struct kt_error *err)
{
    const struct kt_chunk *c;
    if (s->walk == NULL)
        return kt_fail(err, KT_E_AGAIN, "no more records");
    enum kt_status status = kt_walk_next(s->walk, &c, err);
    if (status != KT_OK)
        return status;
    bool mend = s->timed && c->untimed;
    if (mend && s->room < c->n) {
        s->room = c->n;
        s->time = kt_realloc_array(s->time, s->room, sizeof *s->time);
    }
    for (uint32_t i = 0; mend && i < c->n; i++)
        s->time[i] = c->columns->time[i] > 0 ? c->columns->time[i] : c->arrival[i];
    *ret = (struct kt_view){ .columns = c->columns,
                             .time = mend       ? s->time
                                     : s->timed ? c->columns->time
                                                : NULL,
                             .pick = c->pick,
                             .picks = c->picks };
    return KT_OK;
}

void kt_columns_cost(const struct kt_columns_scan *s, struct kt_scan_cost *ret)
{
    *ret = (struct kt_scan_cost){ 0 };
    if (s->walk != NULL)
        kt_walk_cost(s->walk, ret);
}

void kt_columns_scan_free(struct kt_columns_scan *s)
{
    if (s == NULL)
        return;
    kt_walk_free(s->walk);
    kt_free(s->time);
    kt_free(s);
}
