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

static enum kt_status take_runs(struct walk *w, const struct kt_ask_totals *sums,
                                const struct kt_totals_run *run, uint32_t n, struct kt_error *err)
{
    struct kt_totals s = { 0 };
    enum kt_status status = KT_OK;
    for (uint32_t i = 0; i < n && status == KT_OK; i++) {
        if (w->ask->give_up != NULL && w->ask->give_up(w->ask->give_up_self))
            status = kt_fail(err, KT_E_LIMIT, "the answer is not complete: given up");
        else if (run[i].file == NULL || !kt_totals_load(&run[i], sums->secrets, &s) ||
                 !sums->take(w->self, &s))
            status = walk_over(w, &run[i], err);
    }
    kt_totals_done(&s);
    return status;
}

enum kt_status kt_ask_summed(struct kt_ask *a, const struct kt_ask_totals *sums,
                             struct kt_str query, uint32_t columns,
                             enum kt_status (*each)(void *self, const struct kt_view *view,
                                                    struct kt_error *err),
                             void *self, struct kt_error *err)
{
    struct walk w = { a, query, columns, each, self, a->from_seq, a->until_seq };
    const struct kt_scan scan = {
        .from_seq = a->from_seq, .until_seq = a->until_seq, .since = a->since, .until = a->until
    };
    struct kt_totals_run *run = NULL;
    uint32_t n = 0;
    if (a->scope.len > 0)
        return kt_ask_columns(a, query, columns, each, self, err);
    enum kt_status status = kt_totals_runs(a->reader, &scan, &run, &n, err);
    if (status == KT_OK)
        status = take_runs(&w, sums, run, n, err);
    kt_free(run);
    return status;
}
