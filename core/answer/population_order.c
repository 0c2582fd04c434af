/*
 * population_order: out of the walk's numbers, lists in an order that means something and is the
 * same each time.
 *
 * Owns:  nothing but what it puts in order.
 * Calls: core/base.
 */
#include <stdlib.h>
#include <string.h>

#include "core/answer/population_int.h"
#include "core/base/alloc.h"

/* ---- order ---- */

static int cmp_u64(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

/* Most accesses first; then by name. */
static int by_events(const struct kt_tally *a, const struct kt_tally *b, struct kt_str x,
                     struct kt_str y)
{
    return a->events != b->events ? cmp_u64(b->events, a->events) : kt_str_cmp(x, y);
}

struct ranked {
    struct kt_tally t;
    struct kt_str name;
    uint32_t number;
};

static int by_rank(const void *pa, const void *pb)
{
    const struct ranked *a = pa, *b = pb;
    return by_events(&a->t, &b->t, a->name, b->name);
}

static int by_rank_name(const void *pa, const void *pb)
{
    const struct ranked *a = pa, *b = pb;
    return kt_str_cmp(a->name, b->name);
}

/* Entries that have an access in the period, in order; ret_place[number] is where each stands, and
 * KT_MAP_NONE of the others. tally: where in an entry it is. */
static struct ranked *rank(struct kt_map *m, const void *at, size_t size, size_t tally,
                           bool by_name, uint32_t **ret_place, uint32_t *ret_n)
{
    uint32_t all = kt_map_count(m), n = 0;
    struct ranked *list = kt_alloc_array(all + 1, sizeof *list);
    uint32_t *place = kt_alloc_array(all + 1, sizeof *place);
    for (uint32_t i = 0; i < all; i++) {
        struct kt_tally t;
        memcpy(&t, (const char *)at + i * size + tally, sizeof t);
        place[i] = KT_MAP_NONE;
        if (t.events > 0)
            list[n++] = (struct ranked){ t, kt_map_key(m, i), i };
    }
    if (n > 1)
        qsort(list, n, sizeof *list, by_name ? by_rank_name : by_rank);
    for (uint32_t i = 0; i < n; i++)
        place[list[i].number] = i;
    *ret_place = place;
    *ret_n = n;
    return list;
}

static uint32_t seen_before(uint32_t n, const void *at, size_t size, size_t tally)
{
    uint32_t seen = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct kt_tally t;
        memcpy(&t, (const char *)at + i * size + tally, sizeof t);
        seen += t.before > 0;
    }
    return seen;
}

/* ---- names ---- */

static void order_sources(struct kt_gather *g, uint32_t **ret_place)
{
    struct kt_population *p = g->to;
    struct ranked *r = rank(g->sources, g->source, sizeof *g->source,
                            offsetof(struct kt_pop_source, t), true, ret_place, &p->n_sources);
    p->source = kt_alloc_array(p->n_sources + 1, sizeof *p->source);
    for (uint32_t i = 0; i < p->n_sources; i++) {
        struct kt_str instance = r[i].name, source = KT_STR_NONE;
        (void)kt_str_split(&instance, '\0', &source);
        p->source[i] = (struct kt_pop_source){ source, instance, r[i].t };
    }
    kt_free(r);
}

static void order_actors(struct kt_gather *g, uint32_t **ret_place)
{
    struct kt_population *p = g->to;
    struct ranked *r = rank(g->actors, g->actor, sizeof *g->actor, offsetof(struct kt_pop_actor, t),
                            false, ret_place, &p->n_actors);
    p->actor = kt_alloc_array(p->n_actors + 1, sizeof *p->actor);
    for (uint32_t i = 0; i < p->n_actors; i++) {
        p->actor[i] = g->actor[r[i].number];
        p->actor[i].name = r[i].name;
        if (p->actor[i].who != NULL && p->actor[i].who->kind >= 0)
            p->actor[i].kind = (enum kt_actor_kind)p->actor[i].who->kind;
    }
    p->actors_before = seen_before(kt_map_count(g->actors), g->actor, sizeof *g->actor,
                                   offsetof(struct kt_pop_actor, t));
    kt_free(r);
}

static void order_secrets(struct kt_gather *g, uint32_t **ret_place)
{
    struct kt_population *p = g->to;
    struct ranked *r = rank(g->secrets, g->secret, sizeof *g->secret,
                            offsetof(struct kt_pop_secret, t), false, ret_place, &p->n_secrets);
    p->secret = kt_alloc_array(p->n_secrets + 1, sizeof *p->secret);
    for (uint32_t i = 0; i < p->n_secrets; i++) {
        p->secret[i] = g->secret[r[i].number];
        p->secret[i].name = r[i].name;
    }
    p->secrets_before = seen_before(kt_map_count(g->secrets), g->secret, sizeof *g->secret,
                                    offsetof(struct kt_pop_secret, t));
    kt_free(r);
}

static void order_addresses(struct kt_gather *g)
{
    struct kt_population *p = g->to;
    uint32_t *place;
    struct ranked *r = rank(g->addresses, g->address, sizeof *g->address,
                            offsetof(struct kt_pop_address, t), false, &place, &p->n_addresses);
    p->address = kt_alloc_array(p->n_addresses + 1, sizeof *p->address);
    for (uint32_t i = 0; i < p->n_addresses; i++) {
        p->address[i].t = r[i].t;
        if (r[i].name.len == sizeof p->address[i].ip.at)
            memcpy(p->address[i].ip.at, r[i].name.at, r[i].name.len);
    }
    kt_free(r);
    kt_free(place);
}

/* ---- what is counted by words ---- */

static int by_total(const void *pa, const void *pb)
{
    const struct kt_pop_total *a = pa, *b = pb;
    if (a->month != b->month)
        return a->month < b->month ? -1 : 1;
    if (a->source != b->source)
        return cmp_u64(a->source, b->source);
    if (a->action != b->action)
        return cmp_u64(a->action, b->action);
    return cmp_u64(a->outcome, b->outcome);
}

static void order_totals(struct kt_gather *g, const uint32_t *place)
{
    struct kt_population *p = g->to;
    p->n_totals = g->totals.words.n;
    p->total = kt_alloc_array(p->n_totals + 1, sizeof *p->total);
    for (uint32_t i = 0; i < p->n_totals; i++) {
        uint64_t w = g->totals.words.word[i];
        int month = (int)(w >> 48);
        p->total[i] = (struct kt_pop_total){
            .month = kt_time_days(month / 12, month % 12 + 1, 1) * KT_NS_DAY,
            .source = place[w >> 16 & UINT32_MAX],
            .action = (enum kt_action)(w >> 8 & 0xff),
            .outcome = (enum kt_outcome)(w & 0xff),
            .events = g->totals.count[i],
        };
    }
    if (p->n_totals > 1)
        qsort(p->total, p->n_totals, sizeof *p->total, by_total);
}

static int by_reason(const void *pa, const void *pb)
{
    const struct kt_pop_reason *a = pa, *b = pb;
    if (a->events != b->events)
        return cmp_u64(b->events, a->events);
    if (a->source != b->source)
        return cmp_u64(a->source, b->source);
    int c = kt_str_cmp(a->code, b->code);
    return c != 0 ? c : cmp_u64(a->outcome, b->outcome);
}

static void order_reasons(struct kt_gather *g, const uint32_t *place)
{
    struct kt_population *p = g->to;
    p->n_reasons = g->reasons.words.n;
    p->reason = kt_alloc_array(p->n_reasons + 1, sizeof *p->reason);
    for (uint32_t i = 0; i < p->n_reasons; i++) {
        uint64_t w = g->reasons.words.word[i];
        uint32_t code = (uint32_t)(w >> 32);
        p->reason[i] = (struct kt_pop_reason){
            .code = code == 0 ? KT_STR_NONE : kt_map_key(g->codes, code - 1),
            .source = place[w >> 8 & 0xffffff],
            .outcome = (enum kt_outcome)(w & 0xff),
            .events = g->reasons.count[i],
        };
    }
    if (p->n_reasons > 1)
        qsort(p->reason, p->n_reasons, sizeof *p->reason, by_reason);
}

static int by_burst(const void *pa, const void *pb)
{
    const struct kt_pop_burst *a = pa, *b = pb;
    if (a->hour != b->hour)
        return a->hour < b->hour ? -1 : 1;
    return cmp_u64(a->actor, b->actor);
}

static void order_bursts(struct kt_gather *g, const uint32_t *place)
{
    struct kt_population *p = g->to;
    p->burst = kt_alloc_array(g->bursts.words.n + 1, sizeof *p->burst);
    for (uint32_t i = 0; i < g->bursts.words.n; i++) {
        uint64_t w = g->bursts.words.word[i];
        if (g->bursts.count[i] >= KT_BURST_MIN)
            p->burst[p->n_bursts++] =
                (struct kt_pop_burst){ .actor = place[w >> 32],
                                       .hour = (kt_time_ns)(w & UINT32_MAX) * KT_NS_HOUR,
                                       .failed = g->bursts.count[i] };
    }
    if (p->n_bursts > 1)
        qsort(p->burst, p->n_bursts, sizeof *p->burst, by_burst);
}

static void count_places(struct kt_gather *g, const uint32_t *place)
{
    for (uint32_t i = 0; i < g->place_days.words.n; i++) {
        uint64_t w = g->place_days.words.word[i];
        struct kt_pop_actor *a = &g->to->actor[place[w & UINT32_MAX]];
        uint32_t n = (uint32_t)g->place_days.count[i];
        int64_t day = (int64_t)(w >> 32);
        if (n > a->addresses_day || (n == a->addresses_day && day < a->day)) {
            a->addresses_day = n;
            a->day = day;
        }
    }
}

static int by_pair(const void *pa, const void *pb)
{
    const struct kt_pop_pair *a = pa, *b = pb;
    return a->secret != b->secret ? cmp_u64(a->secret, b->secret) : cmp_u64(a->actor, b->actor);
}

/* Of what was read in the period: others have no place. */
static void order_pairs(struct kt_gather *g, const uint32_t *actors, const uint32_t *secrets)
{
    struct kt_population *p = g->to;
    p->pair = kt_alloc_array(g->pairs.n + 1, sizeof *p->pair);
    for (uint32_t i = 0; i < g->pairs.n; i++) {
        struct kt_pop_pair pair = g->pair[i];
        if (pair.reads == 0)
            continue;
        pair.actor = actors[pair.actor];
        pair.secret = secrets[pair.secret];
        p->actor[pair.actor].secrets++;
        p->secret[pair.secret].readers++;
        p->pair[p->n_pairs++] = pair;
    }
    if (p->n_pairs > 1)
        qsort(p->pair, p->n_pairs, sizeof *p->pair, by_pair);
}

static int by_day(const void *pa, const void *pb)
{
    const struct kt_pop_day *a = pa, *b = pb;
    return a->day < b->day ? -1 : a->day > b->day;
}

void kt_population_order(struct kt_gather *g)
{
    struct kt_population *p = g->to;
    uint32_t *sources, *actors, *secrets;
    order_sources(g, &sources);
    order_actors(g, &actors);
    order_secrets(g, &secrets);
    order_addresses(g);
    order_totals(g, sources);
    order_reasons(g, sources);
    order_bursts(g, actors);
    count_places(g, actors);
    order_pairs(g, actors, secrets);
    p->n_days = g->days.n;
    p->day = kt_alloc_array(p->n_days + 1, sizeof *p->day);
    if (p->n_days > 0)
        memcpy(p->day, g->day, p->n_days * sizeof *p->day);
    qsort(p->day, p->n_days, sizeof *p->day, by_day);
    p->before_whole = p->all.ever != 0 && p->all.ever <= p->before + KT_NS_DAY;
    kt_free(sources);
    kt_free(actors);
    kt_free(secrets);
}
