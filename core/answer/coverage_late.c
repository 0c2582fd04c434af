/*
 * coverage_late: stretches of a source of which nothing came in time: an agent that could not reach
 * the collector, a service that delivers late.
 *
 * Owns:  nothing.
 * Calls: tally. Pure.
 */
#include "core/answer/coverage_int.h"

static bool is_told(const struct kt_survey *v, unsigned i, int64_t from, int64_t until)
{
    for (unsigned k = 0; k < v->c->n_gaps; k++) {
        const struct kt_coverage_gap *g = &v->c->gap[k];
        if (kt_str_eq(g->instance, v->c->source[i].instance) && g->cause == KT_GAP_LATE &&
            g->from < until * KT_NS_MIN && g->until > from * KT_NS_MIN)
            return true;
    }
    return false;
}

/* A run in which nothing came in time. */
struct late_run {
    int64_t from, until; /* from 0: none */
};

static void end_run(struct kt_survey *v, unsigned i, struct late_run *r)
{
    const struct kt_survey_source *x = &v->at[i];
    int64_t from = r->from, until = r->until;
    r->from = 0;
    if (from == 0 || until - from < KT_SURVEY_LEAST ||
        kt_survey_covered(&x->away, from, until) + kt_survey_covered(&v->down, from, until) >=
            (until - from) / 2 ||
        is_told(v, i, from, until))
        return;
    /* What came at its end in the same haste is not late by itself, but part of it. */
    int64_t at = kt_survey_arrived(v, i, from, until);
    if (at - until <= KT_TALLY_LATE / KT_NS_MIN + KT_SURVEY_LEAST +
                          (int64_t)kt_tally_allowance(kt_str_of(v->t->at[i].source)))
        until = at > until && at < v->end ? at : until;
    struct kt_coverage_gap *g =
        kt_survey_gap(v, (int)i, from, until, KT_GAP_LATE, "nothing of it came in time");
    if (g != NULL)
        kt_survey_fill(g, at, kt_tally_events(v->t, &v->t->at[i], from, until));
}

struct state { /* of a minute: did something come, and all of it late? */
    bool any, late;
};

static struct state reports_of(const struct kt_tally_day *d, uint32_t at)
{
    return (struct state){ (d->mark[at] & KT_TALLY_REPORT) != 0,
                           (d->mark[at] & KT_TALLY_WAS_LATE) != 0 };
}

static struct state accesses_of(const struct kt_tally_day *d, uint32_t at)
{
    return (struct state){ d->access[at] > 0, d->late != NULL && d->late->n[at] > 0 &&
                                                  d->late->n[at] >= d->access[at] };
}

static void tell_runs(struct kt_survey *v, unsigned i,
                      struct state (*state_of)(const struct kt_tally_day *d, uint32_t at))
{
    const struct kt_tally_source *s = &v->t->at[i];
    struct late_run run = { 0 };
    if (s->heard == 0)
        return; /* an import, or from before there was an agent */
    for (int64_t m = s->heard / KT_NS_MIN; m < v->end; m++) {
        const struct kt_tally_day *d = kt_tally_day(v->t, s, m / KT_TALLY_MINUTES);
        if (d == NULL || d->late == NULL) { /* nothing of the day was late */
            end_run(v, i, &run);
            m = (m / KT_TALLY_MINUTES + 1) * KT_TALLY_MINUTES - 1;
            continue;
        }
        struct state state = state_of(d, (uint32_t)(m % KT_TALLY_MINUTES));
        if (state.late) {
            run.from = run.from == 0 ? m : run.from;
            run.until = m + 1;
        } else if (state.any) {
            end_run(v, i, &run);
        }
    }
    end_run(v, i, &run);
}

void kt_survey_late(struct kt_survey *v, unsigned source)
{
    tell_runs(v, source, reports_of);
    tell_runs(v, source, accesses_of);
}
