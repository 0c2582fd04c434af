/*
 * ask_summed: walks that take what is kept of stretches instead of their segments.
 *
 * Owns:  the sums at hand.
 * Calls: core/answer/ask, core/store/totals.h. No clock, no output.
 */
#include "core/answer/ask.h"
#include "core/base/alloc.h"
#include "core/store/totals.h"

struct walk {
    struct kt_ask *ask;
    struct kt_str query;
    uint32_t columns;
    enum kt_status (*each)(void *self, const struct kt_view *view, struct kt_error *err);
    void *self;
    uint64_t from_seq, until_seq; /* of the ask */
    const struct kt_ask_totals *sums;
    const struct kt_scan *plan; /* whom it is about; NULL: everybody */
};

static enum kt_status walk_over(struct walk *w, const struct kt_totals_run *run,
                                struct kt_error *err)
{
    w->ask->from_seq = run->first_seq;
    w->ask->until_seq = run->last_seq;
    enum kt_status status = kt_ask_columns(w->ask, w->query, w->columns, w->each, w->self, err);
    w->ask->from_seq = w->from_seq;
    w->ask->until_seq = w->until_seq;
    return status;
}

/* ---- whom it is about ---- */

static const enum kt_col whose[] = { KT_COL_ACTOR, KT_COL_SOURCE, KT_COL_INSTANCE };

static bool is_about_actors(const struct kt_sieve *sieve)
{
    for (size_t i = 0; i < KT_ARRAY_LEN(whose); i++)
        if (sieve->column == whose[i])
            return true;
    /* sums are of accesses, which are all of that kind */
    return sieve->column == KT_COL_KIND && sieve->fits(sieve->self, KT_STR_NONE, KT_KIND_ACCESS);
}

/* Do sieves on actors say all of the query? The plan is lent by q. */
static bool plan_actors(const struct walk *w, struct kt_query *q, struct kt_scan *plan)
{
    *plan = (struct kt_scan){ .since = w->ask->since, .until = w->ask->until, .records = true };
    const struct kt_scan was = *plan;
    kt_query_plan(q, plan);
    bool same = plan->since == was.since && plan->until == was.until && plan->from_seq == 0 &&
                plan->until_seq == 0 && plan->n_needles == 0 && plan->n_spans == 0;
    for (unsigned i = 0; i < plan->n_sieves && same; i++)
        same = is_about_actors(&plan->sieve[i]);
    return same && kt_query_exact(q) && !kt_query_names_kind(q);
}

static bool fits(const struct kt_scan *plan, const struct kt_totals_actor *a)
{
    for (unsigned i = 0; i < plan->n_sieves; i++) {
        const struct kt_sieve *s = &plan->sieve[i];
        struct kt_str text = s->column == KT_COL_ACTOR    ? a->actor
                             : s->column == KT_COL_SOURCE ? a->source
                                                          : a->instance;
        if (s->column != KT_COL_KIND && !s->fits(s->self, text, 0))
            return false;
    }
    return true;
}

/* A plan's sieves are asked on any thread, as walks over columns do. */
static uint32_t want(const void *self, struct kt_totals *s)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n_actors; i++)
        n += s->actor[i].wanted = fits(self, &s->actor[i]);
    return n;
}

/* Shadows are no accesses of somebody's. */
static uint32_t want_everybody(const void *self, struct kt_totals *s)
{
    (void)self;
    for (uint32_t i = 0; i < s->n_actors; i++)
        s->actor[i].wanted = !s->actor[i].shadows;
    return s->n_actors;
}

/* ---- runs ---- */

static enum kt_status walk_runs(struct walk *w, const struct kt_totals_run *of,
                                struct kt_error *err);

static enum kt_status take_run(struct walk *w, const struct kt_totals_at *at, struct kt_error *err)
{
    if (w->ask->give_up != NULL && w->ask->give_up(w->ask->give_up_self))
        return kt_fail(err, KT_E_LIMIT, "the answer is not complete: given up");
    bool taken = at->found == KT_TOTALS_NOBODY ||
                 (at->found == KT_TOTALS_FOUND && w->sums->take(w->self, at->sums));
    if (taken)
        return KT_OK;
    return at->run->joined ? walk_runs(w, at->run, err) : walk_over(w, at->run, err);
}

static enum kt_status take_runs(struct walk *w, const struct kt_totals_run *run, uint32_t n,
                                struct kt_error *err)
{
    const bool everybody = w->plan == NULL && (w->sums->with & KT_TOTALS_WITH_DEEDS) != 0;
    struct kt_totals_at at;
    struct kt_totals_walk *walk = kt_totals_walk_new(
        w->ask->reader, &(struct kt_totals_plan){ .run = run,
                                                  .n = n,
                                                  .with = w->sums->with,
                                                  .want = w->plan != NULL ? want
                                                          : everybody     ? want_everybody
                                                                          : NULL,
                                                  .self = w->plan });
    enum kt_status status = KT_OK;
    while (status == KT_OK && kt_totals_walk_next(walk, &at))
        status = take_run(w, &at, err);
    kt_totals_walk_free(walk);
    return status;
}

/* of: the stretches of joined ones that could not be taken as such; NULL: all that is asked. */
static enum kt_status walk_runs(struct walk *w, const struct kt_totals_run *of,
                                struct kt_error *err)
{
    const struct kt_scan scan = { .from_seq = of != NULL ? of->first_seq : w->from_seq,
                                  .until_seq = of != NULL ? of->last_seq : w->until_seq,
                                  .since = w->ask->since,
                                  .until = w->ask->until };
    struct kt_totals_run *run = NULL;
    uint32_t n = 0;
    enum kt_status status = kt_totals_runs(w->ask->reader, &scan, of == NULL, &run, &n, err);
    if (status == KT_OK)
        status = take_runs(w, run, n, err);
    kt_free(run);
    return status;
}

enum kt_status kt_ask_summed(struct kt_ask *a, const struct kt_ask_totals *sums,
                             struct kt_str query, uint32_t columns,
                             enum kt_status (*each)(void *self, const struct kt_view *view,
                                                    struct kt_error *err),
                             void *self, struct kt_error *err)
{
    struct walk w = { .ask = a,
                      .query = query,
                      .columns = columns,
                      .each = each,
                      .self = self,
                      .from_seq = a->from_seq,
                      .until_seq = a->until_seq,
                      .sums = sums };
    struct kt_query *q = NULL;
    struct kt_scan plan;
    enum kt_status status = KT_OK;
    if (a->scope.len > 0)
        return kt_ask_columns(a, query, columns, each, self, err);
    if (sums->whom)
        status = kt_ask_query(a, query, &q, err);
    if (status == KT_OK && sums->whom && !plan_actors(&w, q, &plan))
        status = kt_ask_columns(a, query, columns, each, self, err);
    else if (status == KT_OK) {
        w.plan = sums->whom ? &plan : NULL;
        status = walk_runs(&w, NULL, err);
    }
    kt_query_free(q);
    return status;
}
