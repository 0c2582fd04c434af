/*
 * series: see the header.
 *
 * Owns:  the counts.
 * Calls: core/answer/ask, core/query. No clock, no output.
 */
#include "core/answer/series.h"

#include "core/base/alloc.h"
#include "core/query/newest.h"

void kt_series_done(struct kt_series *s)
{
    kt_free(s->count[0]);
    *s = (struct kt_series){ 0 };
}

/* ---- steps ---- */

static kt_time_ns step_for(kt_time_ns span, uint32_t steps)
{
    static const kt_time_ns of_people[] = {
        KT_NS_S,       5 * KT_NS_S,    15 * KT_NS_S,   30 * KT_NS_S,   KT_NS_MIN,
        2 * KT_NS_MIN, 5 * KT_NS_MIN,  10 * KT_NS_MIN, 15 * KT_NS_MIN, 30 * KT_NS_MIN,
        KT_NS_HOUR,    2 * KT_NS_HOUR, 3 * KT_NS_HOUR, 6 * KT_NS_HOUR, 12 * KT_NS_HOUR,
        KT_NS_DAY,     2 * KT_NS_DAY,  7 * KT_NS_DAY,  14 * KT_NS_DAY, 28 * KT_NS_DAY
    };
    size_t i = 0;
    while (i + 1 < KT_ARRAY_LEN(of_people) && span / of_people[i] + 2 > (kt_time_ns)steps)
        i++;
    kt_time_ns step = of_people[i];
    while (span / step + 2 > (kt_time_ns)steps && step < span)
        step *= 2;
    return step;
}

/* The multiple of step that is not behind t, in a zone. Weeks begin on a Monday: 1970-01-05. */
static kt_time_ns begin_of(kt_time_ns t, kt_time_ns step, int zone_offset_s)
{
    kt_time_ns shift = (step % (7 * KT_NS_DAY) == 0 ? 4 * KT_NS_DAY : 0) - zone_offset_s * KT_NS_S;
    kt_time_ns at = (t - shift) % step;
    return t - (at < 0 ? at + step : at);
}

static enum kt_status choose_steps(struct kt_ask *a, uint32_t steps, struct kt_series *s,
                                   struct kt_error *err)
{
    kt_time_ns since = a->since, until = a->until != 0 ? a->until : a->now + 1;
    if (since == 0 && kt_ask_first(a, &since, err) != KT_OK)
        return err == NULL ? KT_E_IO : err->code;
    if (since >= until)
        since = until - 1;
    s->step = step_for(until - since, steps);
    s->from = begin_of(since, s->step, a->zone_offset_s);
    s->n = (uint32_t)((until - 1 - s->from) / s->step) + 1;
    s->count[0] = kt_alloc_array((size_t)s->n * KT_OUT_COUNT, sizeof *s->count[0]);
    for (unsigned i = 1; i < KT_OUT_COUNT; i++)
        s->count[i] = s->count[0] + (size_t)i * s->n;
    return KT_OK;
}

/* ---- counting ---- */

/* What lies in front of or behind the steps of an open window belongs to the first or the last. */
static uint32_t step_of(const struct kt_series *s, kt_time_ns t)
{
    kt_time_ns i = t < s->from ? 0 : (t - s->from) / s->step;
    return i < (kt_time_ns)s->n ? (uint32_t)i : s->n - 1;
}

/* Records come nearly by time: most are in the step of the one before. */
static enum kt_status take_view(void *self, const struct kt_view *v, struct kt_error *err)
{
    struct kt_series *s = self;
    const uint8_t *outcome = v->columns->small[KT_COL_OUTCOME];
    kt_time_ns begin = 1, end = 0;
    uint32_t step = 0;
    (void)err;
    for (uint32_t k = 0; k < v->picks; k++) {
        uint32_t row = v->pick[k];
        kt_time_ns t = v->time[row];
        if (t < begin || t >= end) {
            step = step_of(s, t);
            begin = s->from + step * s->step;
            end = begin + s->step;
        }
        if (outcome[row] < KT_OUT_COUNT)
            s->count[outcome[row]][step]++;
    }
    s->total += v->picks;
    return KT_OK;
}

static enum kt_status take_record(void *self, const struct kt_record *r, const struct kt_fact *fact,
                                  struct kt_error *err)
{
    struct kt_series *s = self;
    (void)fact;
    (void)err;
    s->count[r->ev.outcome][step_of(s, kt_record_time(r))]++;
    s->total++;
    return KT_OK;
}

enum kt_status kt_series_load(struct kt_ask *a, struct kt_str query, uint32_t steps,
                              struct kt_series *ret, struct kt_error *err)
{
    struct kt_series s = { 0 };
    bool columns;
    if (kt_ask_exact(a, query, &columns, err) != KT_OK || choose_steps(a, steps, &s, err) != KT_OK)
        return err == NULL ? KT_E_INPUT : err->code;
    enum kt_status status =
        columns ? kt_ask_columns(a, query, KT_COLUMN(KT_COL_OUTCOME), take_view, &s, err)
                : kt_ask_records(a, query, take_record, &s, err);
    if (status != KT_OK) {
        kt_series_done(&s);
        return status;
    }
    *ret = s;
    return KT_OK;
}
