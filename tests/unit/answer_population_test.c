/* answer_population: random stores, counted by the walk over columns and by a plain one over lines;
 * and its totals against `search --by`. KT_SEED chooses the seed, KT_STOCKS how many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/answer/population.h"
#include "core/base/alloc.h"
#include "core/query/group.h"
#include "tests/support/stock.h"

#define DAY0 (INT64_C(20000) * KT_NS_DAY)

static void must(enum kt_status status, const struct kt_error *err)
{
    if (status != KT_OK)
        fail_msg("%s", err->text);
}

/* ---- the plain way ---- */

struct seen { /* one access, its strings in the stock's arena */
    struct kt_event ev;
    kt_time_ns at;
    struct kt_str actor;
};
struct plain {
    struct stock *w;
    struct kt_ask *ask;
    struct seen *at;
    uint32_t n;
};

static enum kt_status keep(void *self, const struct kt_record *r, const struct kt_fact *fact,
                           struct kt_error *err)
{
    struct plain *p = self;
    (void)fact;
    struct seen *s = &p->at[p->n++];
    must(kt_line_read(kt_arena_str(&p->w->arena, r->line), &p->w->arena, &s->ev, err), err);
    s->at = r->ev.time > 0 ? r->ev.time : r->arrival;
    s->actor = kt_ask_actor(p->ask, s->ev.actor, s->ev.source, s->ev.instance);
    return KT_OK;
}

static bool failed(const struct seen *s)
{
    return s->ev.outcome == KT_OUT_DENIED || s->ev.outcome == KT_OUT_FAILURE ||
           s->ev.outcome == KT_OUT_NOT_FOUND;
}

static bool reads(const struct seen *s)
{
    return s->ev.outcome == KT_OUT_SUCCESS && kt_event_is_read(&s->ev);
}

#define ALL_OF(p, s) for (const struct seen *s = (p)->at; s < (p)->at + (p)->n; s++)

static struct kt_tally tally(const struct kt_population *pop, struct kt_tally t,
                             const struct seen *s)
{
    if (t.ever == 0 || s->at < t.ever)
        t.ever = s->at;
    if (s->at < pop->since) {
        t.before += s->at >= pop->before;
        return t;
    }
    t.first = t.first == 0 || s->at < t.first ? s->at : t.first;
    t.last = s->at > t.last ? s->at : t.last;
    t.events++;
    t.failed += failed(s);
    return t;
}

static void same(const struct kt_tally *a, const struct kt_tally *b)
{
    assert_int_equal(a->events, b->events);
    assert_int_equal(a->failed, b->failed);
    assert_int_equal(a->before, b->before);
    assert_int_equal(a->first, b->first);
    assert_int_equal(a->last, b->last);
    assert_int_equal(a->ever, b->ever);
}

/* Of the period: those that no actor has although they name one, or all, which name a secret. */
static uint64_t shadows(const struct kt_population *pop, const struct plain *p, bool of_actors)
{
    uint64_t n = 0;
    ALL_OF(p, s)
    n += s->at >= pop->since && kt_event_is_shadow(&s->ev) && (!of_actors || s->actor.len > 0);
    return n;
}

static void actors_are_right(const struct kt_population *pop, const struct plain *p)
{
    uint64_t sum = pop->no_actor + shadows(pop, p, true);
    for (uint32_t i = 0; i < pop->n_actors; i++) {
        const struct kt_pop_actor *a = &pop->actor[i];
        struct kt_tally t = { 0 };
        uint64_t read = 0;
        ALL_OF(p, s)
        {
            if (!kt_str_eq(s->actor, a->name) || kt_event_is_shadow(&s->ev))
                continue;
            t = tally(pop, t, s);
            read += s->at >= pop->since && reads(s);
        }
        same(&a->t, &t);
        assert_int_equal(a->reads, read);
        assert_true(i == 0 || pop->actor[i - 1].t.events >= a->t.events);
        sum += a->t.events;
    }
    assert_int_equal(sum, pop->all.events);
}

static void secrets_are_right(const struct kt_population *pop, const struct plain *p)
{
    uint64_t sum = pop->no_secret + shadows(pop, p, false), pairs = 0;
    for (uint32_t i = 0; i < pop->n_secrets; i++) {
        const struct kt_pop_secret *e = &pop->secret[i];
        struct kt_tally t = { 0 };
        kt_time_ns last = 0;
        ALL_OF(p, s)
        {
            if (!kt_str_eq(s->ev.secret, e->name) || kt_event_is_shadow(&s->ev))
                continue;
            t = tally(pop, t, s);
            if (s->at >= pop->since && reads(s) && s->at > last)
                last = s->at;
        }
        same(&e->t, &t);
        assert_int_equal(e->read, last);
        sum += e->t.events;
        pairs += e->readers;
    }
    assert_int_equal(sum, pop->all.events);
    assert_int_equal(pairs, pop->n_pairs);
}

static void pairs_are_right(const struct kt_population *pop, const struct plain *p)
{
    uint64_t sum = 0, all = 0;
    for (uint32_t i = 0; i < pop->n_pairs; i++) {
        const struct kt_pop_pair *pair = &pop->pair[i];
        uint64_t n = 0;
        kt_time_ns first = INT64_MAX, last = 0;
        ALL_OF(p, s)
        {
            if (!reads(s) || !kt_str_eq(s->actor, pop->actor[pair->actor].name) ||
                !kt_str_eq(s->ev.secret, pop->secret[pair->secret].name))
                continue;
            n += s->at >= pop->since;
            first = s->at < first ? s->at : first;
            last = s->at > last ? s->at : last;
        }
        assert_int_equal(pair->reads, n);
        assert_int_equal(pair->first, first);
        assert_int_equal(pair->last, last);
        sum += n;
    }
    ALL_OF(p, s)
    all += s->at >= pop->since && reads(s) && s->actor.len > 0;
    assert_int_equal(sum, all);
}

static void failures_are_right(const struct kt_population *pop, const struct plain *p)
{
    uint64_t reasons = 0, days = 0;
    for (uint32_t i = 0; i < pop->n_bursts; i++) {
        uint64_t n = 0;
        ALL_OF(p, s)
        n += failed(s) && !kt_event_is_shadow(&s->ev) &&
             s->at / KT_NS_HOUR == pop->burst[i].hour / KT_NS_HOUR && s->at >= pop->since &&
             kt_str_eq(s->actor, pop->actor[pop->burst[i].actor].name);
        assert_int_equal(pop->burst[i].failed, n);
        assert_true(n >= KT_BURST_MIN);
    }
    for (uint32_t i = 0; i < pop->n_reasons; i++)
        reasons += pop->reason[i].events;
    for (uint32_t i = 0; i < pop->n_days; i++)
        days += pop->day[i].events;
    assert_int_equal(reasons, pop->all.failed);
    assert_int_equal(days, pop->all.events);
}

static void addresses_of_days_are_right(const struct kt_population *pop, const struct plain *p)
{
    for (uint32_t i = 0; i < pop->n_actors; i++) {
        const struct kt_pop_actor *a = &pop->actor[i];
        struct kt_ip known[64];
        unsigned n = 0;
        ALL_OF(p, s)
        {
            if (a->addresses_day == 0 || !s->ev.has_ip || s->at < pop->since ||
                s->at / KT_NS_DAY != a->day || !kt_str_eq(s->actor, a->name) ||
                (s->ev.actor_kind != KT_ACTOR_HUMAN && s->ev.actor_kind != KT_ACTOR_ROOT &&
                 s->ev.actor_kind != KT_ACTOR_UNKNOWN))
                continue;
            unsigned k = 0;
            while (k < n && !kt_ip_eq(known[k], s->ev.ip))
                k++;
            if (k == n && n < 64)
                known[n++] = s->ev.ip;
        }
        assert_int_equal(a->addresses_day, n);
    }
}

/* To the row: `search --by month,source,action,outcome`. */
static void totals_are_those_of_search(struct kt_ask *a, const struct kt_population *pop)
{
    struct kt_error err = { 0 };
    struct kt_group_spec spec;
    struct kt_groups *groups = NULL;
    struct kt_query *q = NULL;
    struct kt_scan scan = { .records = true, .since = a->since, .until = a->until };
    size_t n;
    must(kt_group_parse(KT_STR("month,source,action,outcome"), &spec, &err), &err);
    must(kt_query_parse(KT_STR(""), &q, &err), &err);
    kt_query_plan(q, &scan);
    must(kt_group_run(a->reader, &scan, q, a->facts, &spec, &groups, NULL, &err), &err);
    const struct kt_group *g = kt_groups_list(groups, 0, &n);
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t mine = 0;
        for (uint32_t k = 0; k < pop->n_totals; k++) {
            const struct kt_pop_total *t = &pop->total[k];
            mine += t->month == g[i].time &&
                            kt_str_eq(pop->source[t->source].source, g[i].key[0]) &&
                            kt_str_is(g[i].key[1], kt_action_word(t->action)) &&
                            kt_str_is(g[i].key[2], kt_outcome_word(t->outcome))
                        ? t->events
                        : 0;
        }
        assert_int_equal(mine, g[i].count);
        sum += mine;
    }
    assert_int_equal(sum, pop->all.events);
    kt_groups_free(groups);
    kt_query_free(q);
}

static void one_stock(uint64_t seed)
{
    struct kt_error err = { 0 };
    struct kt_ask a;
    struct kt_population *pop = NULL;
    struct stock *w = stock_new(seed, 1500);
    must(kt_ask_open(&a, w->path, w->ids, DAY0, &err), &err);
    struct plain p = { .w = w, .ask = &a, .at = kt_alloc_array(1500, sizeof *p.at) };
    a.until = STOCK_T0 + STOCK_NS * 3 / 4;
    must(kt_ask_records(&a, KT_STR_NONE, keep, &p, &err), &err);
    a.since = STOCK_T0 + STOCK_NS / 2;
    must(kt_population_load(&a, &pop, &err), &err);
    assert_int_equal(a.since, STOCK_T0 + STOCK_NS / 2);
    assert_true(pop->all.events > 100);
    actors_are_right(pop, &p);
    secrets_are_right(pop, &p);
    pairs_are_right(pop, &p);
    failures_are_right(pop, &p);
    addresses_of_days_are_right(pop, &p);
    assert_int_equal(pop->shadows, shadows(pop, &p, false));
    totals_are_those_of_search(&a, pop);
    kt_population_free(pop);
    kt_ask_done(&a);
    kt_free(p.at);
    stock_free(w);
}

static void walk_counts_what_lines_say(void **state)
{
    const char *seed = getenv("KT_SEED"), *stocks = getenv("KT_STOCKS");
    uint64_t first = seed == NULL ? 1 : strtoull(seed, NULL, 10);
    uint64_t n = stocks == NULL ? 5 : strtoull(stocks, NULL, 10);
    (void)state;
    for (uint64_t i = 0; i < n; i++)
        one_stock(first + i);
}

static void an_empty_period_is_empty(void **state)
{
    struct kt_error err = { 0 };
    struct kt_ask a;
    struct kt_population *pop = NULL;
    struct stock *w = stock_new(3, 50);
    (void)state;
    must(kt_ask_open(&a, w->path, NULL, DAY0, &err), &err);
    a.since = STOCK_T0 - 20 * KT_NS_DAY;
    a.until = STOCK_T0 - 10 * KT_NS_DAY;
    must(kt_population_load(&a, &pop, &err), &err);
    assert_int_equal(pop->all.events, 0);
    assert_int_equal(pop->n_actors + pop->n_totals + pop->n_days, 0);
    assert_false(pop->before_whole);
    kt_population_free(pop);
    kt_ask_done(&a);
    stock_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walk_counts_what_lines_say),
        cmocka_unit_test(an_empty_period_is_empty),
    };
    kt_hash_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
