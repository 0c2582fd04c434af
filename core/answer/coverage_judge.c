/*
 * coverage_judge: gaps by the tally alone: agents away, sources quiet, records late.
 *
 * What is usual is measured as detectors/silent_source does it, with the whole window and 28 days
 * before it at hand: accesses by hour of the week (the lower median, so that neither an outage nor
 * one busy night makes a yardstick), and the pauses that the source makes all the time. A source
 * that is quiet on Sundays is expected to be quiet on Sundays.
 *
 * Owns:  pauses and spans of a struct kt_survey.
 * Calls: tally. Pure.
 */
#include "core/answer/coverage_int.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "core/base/alloc.h"
#include "core/base/map.h"

#define WEEK_HOURS    168
#define SAMPLES_MAX   ((KT_TALLY_DAYS + KT_SURVEY_HISTORY) / 7 + 2)
#define SAMPLES_LEAST 3  /* weeks that know an hour, before it says anything */
#define RETIRED_DAYS  14 /* not reported for so long by an agent that speaks of others */
#define STRETCH_HOURS (14 * 24)

/* Were accesses to come as a Poisson process of the usual rate, one of n pauses would miss E or
 * more with a probability below n e^-E (union bound): 1 % when E is ln n + 4.6. Those that come in
 * crowds have larger usual pauses. */
#define SURPRISE 4.6
#define TIMES    2.0 /* what usual pauses miss */

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void kt_survey_add_span(struct kt_survey_spans *s, int64_t from, int64_t until)
{
    if (until <= from)
        return;
    if (s->n == s->cap) {
        s->cap = s->cap == 0 ? 8 : 2 * s->cap;
        s->at = kt_realloc_array(s->at, s->cap, sizeof *s->at);
    }
    s->at[s->n++] = (struct kt_survey_span){ from, until };
}

int64_t kt_survey_covered(const struct kt_survey_spans *s, int64_t from, int64_t until)
{
    int64_t sum = 0;
    for (unsigned i = 0; i < s->n; i++)
        if (s->at[i].from < until && s->at[i].until > from)
            sum += earlier(until, s->at[i].until) - later(from, s->at[i].from);
    return sum;
}

static const struct kt_tally_source *tally_of(const struct kt_survey *v, unsigned i)
{
    return &v->t->at[i];
}

/* ---- agents ---- */

/* Where no report is for more than KT_SURVEY_AWAY minutes, from the first one on. */
static void find_away(const struct kt_survey *v, unsigned i)
{
    const struct kt_tally_source *s = tally_of(v, i);
    struct kt_survey_spans *away = &v->at[i].away;
    if (s->heard == 0)
        return;
    int64_t last = s->heard / KT_NS_MIN;
    for (int64_t m = last; m < v->end;) {
        const struct kt_tally_day *d = kt_tally_day(v->t, s, m / KT_TALLY_MINUTES);
        int64_t end = earlier((m / KT_TALLY_MINUTES + 1) * KT_TALLY_MINUTES, v->end);
        for (; d != NULL && m < end; m++) {
            if ((d->mark[m % KT_TALLY_MINUTES] & KT_TALLY_REPORT) == 0)
                continue;
            if (m - last > KT_SURVEY_AWAY)
                kt_survey_add_span(away, last + 1, m);
            last = m;
        }
        m = end;
    }
    if (v->end - last > KT_SURVEY_AWAY)
        kt_survey_add_span(away, last + 1, v->end);
}

/* ---- what is usual ---- */

static int compare_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static int compare_less_expected(const void *a, const void *b)
{
    double x = ((const struct kt_survey_pause *)a)->expected;
    double y = ((const struct kt_survey_pause *)b)->expected;
    return x > y ? -1 : x < y;
}

/* From when on a source is expected to speak, and until when. An import ends with its last. */
static struct kt_survey_span listened(const struct kt_survey *v, unsigned i)
{
    const struct kt_tally_source *s = tally_of(v, i);
    int64_t slack = kt_tally_allowance(kt_str_of(s->source));
    struct kt_survey_span l = { s->first / KT_NS_MIN, s->last / KT_NS_MIN + 1 };
    if (s->heard != 0)
        l.until = later(l.until, v->end - slack);
    l.until = earlier(l.until, v->end);
    return l;
}

static void measure_rates(const struct kt_survey *v, unsigned i)
{
    const struct kt_tally_source *s = tally_of(v, i);
    struct kt_survey_source *x = &v->at[i];
    struct kt_survey_span l = listened(v, i);
    for (int week_hour = 0; week_hour < WEEK_HOURS; week_hour++) {
        uint32_t sample[SAMPLES_MAX];
        unsigned n = 0;
        int64_t hour = l.from / 60 + 1; /* the first one is cut */
        hour += (week_hour - hour % WEEK_HOURS + WEEK_HOURS) % WEEK_HOURS;
        for (; (hour + 1) * 60 <= l.until && n < SAMPLES_MAX; hour += WEEK_HOURS)
            if (kt_survey_covered(&x->away, hour * 60, hour * 60 + 60) == 0)
                sample[n++] = kt_tally_hour(v->t, s, hour);
        x->rate[week_hour] = 0;
        if (n < SAMPLES_LEAST)
            continue;
        qsort(sample, n, sizeof *sample, compare_u32);
        x->rate[week_hour] = sample[(n - 1) / 2];
    }
}

double kt_survey_expected(const struct kt_survey_source *s, int64_t from, int64_t until)
{
    double sum = 0;
    if (until - from > STRETCH_HOURS * 60)
        from = until - STRETCH_HOURS * 60;
    for (int64_t hour = from / 60; hour * 60 < until; hour++) {
        int64_t part = earlier(until, hour * 60 + 60) - later(from, hour * 60);
        sum += s->rate[hour % WEEK_HOURS] * (double)part / 60;
    }
    return sum;
}

/* The same without the time in which nobody listened. */
static double expected_heard(const struct kt_survey_source *s, int64_t from, int64_t until)
{
    double sum = kt_survey_expected(s, from, until);
    for (unsigned i = 0; i < s->away.n; i++) {
        int64_t a = later(from, s->away.at[i].from), b = earlier(until, s->away.at[i].until);
        if (a < b)
            sum -= kt_survey_expected(s, a, b);
    }
    return sum > 0 ? sum : 0;
}

static void note_pause(void *self, struct kt_survey_source *x, int64_t from, int64_t until)
{
    (void)self;
    if (until - from < KT_SURVEY_LEAST ||
        until - from - kt_survey_covered(&x->away, from, until) < KT_SURVEY_LEAST)
        return;
    if (x->n_pauses == x->cap_pauses) {
        x->cap_pauses = x->cap_pauses == 0 ? 64 : 2 * x->cap_pauses;
        x->pause = kt_realloc_array(x->pause, x->cap_pauses, sizeof *x->pause);
    }
    x->pause[x->n_pauses++] =
        (struct kt_survey_pause){ from, until, expected_heard(x, from, until) };
}

/* Calls each() with every stretch of [from, until) that has no access. */
static void each_silence(const struct kt_survey *v, unsigned i, int64_t from, int64_t until,
                         void (*each)(void *self, struct kt_survey_source *x, int64_t from,
                                      int64_t until),
                         void *self)
{
    const struct kt_tally_source *s = tally_of(v, i);
    int64_t quiet = from;
    for (int64_t m = from; m < until;) {
        const struct kt_tally_day *d = kt_tally_day(v->t, s, m / KT_TALLY_MINUTES);
        int64_t end = earlier((m / KT_TALLY_MINUTES + 1) * KT_TALLY_MINUTES, until);
        for (; d != NULL && m < end; m++) {
            if (d->access[m % KT_TALLY_MINUTES] == 0)
                continue;
            if (m > quiet)
                each(self, &v->at[i], quiet, m);
            quiet = m + 1;
        }
        m = end;
    }
    if (until > quiet)
        each(self, &v->at[i], quiet, until);
}

static void see_long(void *self, struct kt_survey_source *x, int64_t from, int64_t until)
{
    bool *found = self;
    (void)x;
    *found = *found || until - from >= KT_SURVEY_LEAST;
}

bool kt_survey_wants_history(const struct kt_survey *v)
{
    bool found = false;
    for (unsigned i = 0; i < v->t->n; i++) {
        const struct kt_tally_source *s = tally_of(v, i);
        if (s->last / KT_NS_MIN >= v->since || s->heard_last / KT_NS_MIN >= v->since)
            each_silence(v, i, v->since - KT_SURVEY_LEAST, v->end, see_long, &found);
        else
            found = found || s->heard != 0; /* it was there, and is not any more */
    }
    return found;
}

/* One pause a week may be larger than what is usual: an outage is no habit. */
static void measure_pauses(const struct kt_survey *v, unsigned i)
{
    struct kt_survey_source *x = &v->at[i];
    struct kt_survey_span l = listened(v, i);
    if (tally_of(v, i)->first == 0)
        return;
    each_silence(v, i, l.from, l.until, note_pause, NULL);
    x->least = log((double)kt_tally_events(v->t, tally_of(v, i), l.from, l.until) + 1) + SURPRISE;
    unsigned rank = (unsigned)((l.until - l.from) / (7 * KT_TALLY_MINUTES)) + 1;
    if (x->n_pauses <= rank)
        return;
    struct kt_survey_pause *sorted = kt_alloc_array(x->n_pauses, sizeof *sorted);
    memcpy(sorted, x->pause, x->n_pauses * sizeof *sorted);
    qsort(sorted, x->n_pauses, sizeof *sorted, compare_less_expected);
    x->usual = sorted[rank].expected;
    kt_free(sorted);
}

static bool is_unusual(const struct kt_survey_source *x, double expected)
{
    return expected >= x->least && expected > TIMES * x->usual;
}

static void look_for_missing(void *self, struct kt_survey_source *x, int64_t from, int64_t until)
{
    bool *found = self;
    *found = *found ||
             (until - from >= KT_SURVEY_LEAST && is_unusual(x, kt_survey_expected(x, from, until)));
}

bool kt_survey_is_missing(const struct kt_survey *v, unsigned source, int64_t from, int64_t until)
{
    bool found = false;
    each_silence(v, source, from, until, look_for_missing, &found);
    return found;
}

/* ---- gaps ---- */

int64_t kt_survey_arrived(const struct kt_survey *v, unsigned i, int64_t from, int64_t until)
{
    int64_t last = 0;
    for (int64_t m = from; m < until; m++) {
        const struct kt_tally_day *d = kt_tally_day(v->t, tally_of(v, i), m / KT_TALLY_MINUTES);
        if (d == NULL || d->late == NULL)
            m = (m / KT_TALLY_MINUTES + 1) * KT_TALLY_MINUTES - 1;
        else
            last = later(last, d->late->arrived[m % KT_TALLY_MINUTES]);
    }
    return last;
}

void kt_survey_fill(struct kt_coverage_gap *g, int64_t at, uint64_t events)
{
    g->filled = true;
    g->filled_at = at * KT_NS_MIN;
    g->events = events;
}

static void tell_away(struct kt_survey *v, unsigned i)
{
    const struct kt_tally_source *s = tally_of(v, i);
    for (unsigned k = 0; k < v->at[i].away.n; k++) {
        struct kt_survey_span away = v->at[i].away.at[k];
        bool back = away.until < v->end;
        if (v->at[i].retired && !back)
            continue;
        struct kt_coverage_gap *g =
            kt_survey_gap(v, (int)i, away.from, away.until, KT_GAP_AGENT, "its agent said nothing");
        if (g == NULL)
            continue;
        g->events = kt_tally_events(v->t, s, away.from, away.until);
        if (back && !kt_survey_is_missing(v, i, away.from, away.until))
            kt_survey_fill(g, later(away.until, kt_survey_arrived(v, i, away.from, away.until)),
                           g->events);
    }
}

/* Another instance of the same kind took the work over. */
static bool failed_over(const struct kt_survey *v, unsigned i, const struct kt_survey_pause *p)
{
    double usual = 0, found = 0;
    for (unsigned k = 0; k < v->t->n; k++) {
        if (k == i || strcmp(tally_of(v, k)->source, tally_of(v, i)->source) != 0)
            continue;
        usual += kt_survey_expected(&v->at[k], p->from, p->until);
        found += (double)kt_tally_events(v->t, tally_of(v, k), p->from, p->until);
    }
    return found >= 0.7 * (usual + p->expected) && found >= usual + 0.5 * p->expected;
}

static void tell_pieces(struct kt_survey *v, unsigned i, const struct kt_survey_pause *p)
{
    const struct kt_survey_spans *away = &v->at[i].away;
    int64_t from = p->from;
    for (unsigned k = 0; k <= away->n && from < p->until; k++) {
        int64_t until = k < away->n ? earlier(later(away->at[k].from, from), p->until) : p->until;
        if (until - from >= KT_SURVEY_LEAST)
            (void)kt_survey_gap(v, (int)i, from, until, KT_GAP_SOURCE,
                                "no event where about %.0f are usual%s",
                                kt_survey_expected(&v->at[i], from, until),
                                tally_of(v, i)->heard == 0 ? " (imported)" : "");
        from = k < away->n ? later(from, away->at[k].until) : p->until;
    }
}

static void tell_quiet(struct kt_survey *v, unsigned i)
{
    for (unsigned k = 0; k < v->at[i].n_pauses; k++) {
        const struct kt_survey_pause *p = &v->at[i].pause[k];
        if (is_unusual(&v->at[i], p->expected) && !failed_over(v, i, p))
            tell_pieces(v, i, p);
    }
}

/* Its agent has gone on without it for weeks: nobody expects anything of it any more. */
static bool is_retired(const struct kt_survey *v, unsigned i)
{
    const struct kt_tally_source *s = tally_of(v, i);
    kt_time_ns silent = v->end * KT_NS_MIN - s->heard_last;
    if (s->heard == 0 || silent < RETIRED_DAYS * KT_NS_DAY)
        return false;
    for (unsigned k = 0; k < v->t->n; k++)
        if (v->end * KT_NS_MIN - tally_of(v, k)->heard_last < KT_NS_DAY)
            return true;
    return false;
}

/* While the collector was away: filled when each agent came back and left nothing out. */
static void tell_down(struct kt_survey *v)
{
    for (unsigned k = 0; k < v->down.n; k++) {
        struct kt_survey_span down = v->down.at[k];
        bool filled = down.until < v->end;
        int64_t at = down.until;
        uint64_t events = 0;
        unsigned heard = 0;
        for (unsigned i = 0; i < v->t->n; i++) {
            const struct kt_tally_source *s = tally_of(v, i);
            if (s->heard == 0 || s->heard / KT_NS_MIN >= down.from || v->at[i].retired)
                continue;
            heard++;
            filled = filled && s->heard_last / KT_NS_MIN >= down.until &&
                     !kt_survey_is_missing(v, i, down.from, down.until);
            events += kt_tally_events(v->t, s, down.from, down.until);
            at = later(at, kt_survey_arrived(v, i, down.from, down.until));
        }
        if (heard == 0)
            continue; /* nobody sends to it: all of it is imports */
        struct kt_coverage_gap *g =
            kt_survey_gap(v, -1, down.from, down.until, KT_GAP_COLLECTOR,
                          down.until < v->end ? "the collector took nothing in"
                                              : "nothing was stored since: the collector is down, "
                                                "or this is a copy of then");
        if (g != NULL)
            g->events = events;
        if (g != NULL && filled)
            kt_survey_fill(g, at, events);
    }
}

void kt_survey_judge(struct kt_survey *v)
{
    for (unsigned i = 0; i < v->t->n; i++) {
        v->at[i].retired = is_retired(v, i);
        find_away(v, i);
        measure_rates(v, i);
        measure_pauses(v, i);
    }
    tell_down(v);
    for (unsigned i = 0; i < v->t->n; i++) {
        tell_away(v, i);
        tell_quiet(v, i);
        kt_survey_late(v, i);
    }
}
