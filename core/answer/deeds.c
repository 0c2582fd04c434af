/*
 * deeds: see the header.
 *
 * Owns:  the lists of a struct kt_deeds.
 * Calls: core/base, core/store (columns, totals.h). No clock, no output.
 */
#include "core/answer/deeds.h"

#include <assert.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/map.h"
#include "core/store/totals.h"

/* A deed's number in `done`: bits of what is no text, above them who. */
#define SHADOW_BIT   0u
#define APART_BIT    1u
#define OUTCOME_BITS 2u
#define ACTION_BITS  5u
#define WHO_BITS     10u
static_assert(KT_OUT_COUNT <= 8 && KT_ACT_COUNT <= 32, "they have so many bits");

void kt_deeds_done(struct kt_deeds *d)
{
    kt_free(d->who);
    kt_free(d->deed);
    kt_free(d->place);
    kt_pairs_done(&d->whose);
    kt_pairs_done(&d->done);
    kt_buf_done(&d->codes);
    *d = (struct kt_deeds){ 0 };
}

static void begin(struct kt_deeds *d)
{
    d->n_who = d->n_deeds = d->n_places = 0;
    kt_pairs_reset(&d->whose);
    kt_pairs_reset(&d->done);
}

static bool is_apart(const struct kt_deeds *d, kt_time_ns time)
{
    return time >= d->apart.since && time < d->apart.until;
}

/* ---- lists ---- */

static struct kt_deeds_who *add_who(struct kt_deeds *d)
{
    if (d->n_who == d->cap_who) {
        d->cap_who = d->cap_who == 0 ? 64 : 2 * d->cap_who;
        d->who = kt_realloc_array(d->who, d->cap_who, sizeof *d->who);
    }
    return &d->who[d->n_who++];
}

static struct kt_deed *add_deed(struct kt_deeds *d)
{
    if (d->n_deeds == d->cap_deeds) {
        d->cap_deeds = d->cap_deeds == 0 ? 1024 : 2 * d->cap_deeds;
        d->deed = kt_realloc_array(d->deed, d->cap_deeds, sizeof *d->deed);
    }
    return &d->deed[d->n_deeds++];
}

static struct kt_deeds_place *add_place(struct kt_deeds *d)
{
    if (d->n_places == d->cap_places) {
        d->cap_places = d->cap_places == 0 ? 1024 : 2 * d->cap_places;
        d->place = kt_realloc_array(d->place, d->cap_places, sizeof *d->place);
    }
    return &d->place[d->n_places++];
}

static void add_time(struct kt_times *t, kt_time_ns time)
{
    t->first = t->n == 0 || time < t->first ? time : t->first;
    t->last = t->n == 0 || time > t->last ? time : t->last;
    t->n++;
}

/* ---- a view ---- */

static uint32_t code_of(const struct kt_columns *c, enum kt_col column, uint32_t row)
{
    return c->text[column - KT_COL_SMALL].code[row];
}

static uint32_t who_of(struct kt_deeds *d, const struct kt_columns *c, uint32_t row)
{
    bool is_new;
    uint32_t n = kt_pairs_put(
        &d->whose, code_of(c, KT_COL_ACTOR, row),
        code_of(c, KT_COL_SOURCE, row) << 16 | code_of(c, KT_COL_INSTANCE, row), &is_new);
    if (is_new)
        *add_who(d) = (struct kt_deeds_who){ .actor = kt_column_str(c, KT_COL_ACTOR, row),
                                             .source = kt_column_str(c, KT_COL_SOURCE, row),
                                             .instance = kt_column_str(c, KT_COL_INSTANCE, row) };
    return n;
}

static struct kt_deed *deed_of(struct kt_deeds *d, const struct kt_columns *c, uint32_t row,
                               uint32_t who, bool apart)
{
    const bool shadow = kt_column_is_shadow(c, row);
    const uint32_t action = c->small[KT_COL_ACTION][row], outcome = c->small[KT_COL_OUTCOME][row];
    bool is_new;
    uint32_t n = kt_pairs_put(
        &d->done,
        who << WHO_BITS | action << ACTION_BITS | outcome << OUTCOME_BITS |
            (uint32_t)apart << APART_BIT | (uint32_t)shadow << SHADOW_BIT,
        code_of(c, KT_COL_SECRET, row) << 16 | code_of(c, KT_COL_OPERATION, row), &is_new);
    if (is_new)
        *add_deed(d) = (struct kt_deed){ .who = who,
                                         .secret = kt_column_str(c, KT_COL_SECRET, row),
                                         .operation = kt_column_str(c, KT_COL_OPERATION, row),
                                         .action = (enum kt_action)action,
                                         .outcome = (enum kt_outcome)outcome,
                                         .shadow = shadow };
    return &d->deed[n];
}

/* NULL: what columns have for an address is none. */
static struct kt_deeds_place *place_of(struct kt_deeds *d, const struct kt_columns *c, uint32_t row,
                                       uint32_t *number)
{
    const uint32_t code = code_of(c, KT_COL_IP, row);
    struct kt_str ip = kt_column_str(c, KT_COL_IP, row);
    if (ip.len != sizeof(struct kt_ip))
        return NULL;
    if (number[code] == KT_MAP_NONE) {
        struct kt_deeds_place *new = add_place(d);
        *new = (struct kt_deeds_place){ 0 };
        memcpy(new->ip.at, ip.at, sizeof new->ip.at);
        number[code] = d->n_places - 1;
    }
    return &d->place[number[code]];
}

void kt_deeds_of_view(struct kt_deeds *d, const struct kt_view *view)
{
    const struct kt_columns *c = view->columns;
    const uint32_t codes = c->text[KT_COL_IP - KT_COL_SMALL].n_dict + 1;
    begin(d);
    kt_buf_reset(&d->codes);
    uint32_t *number = (uint32_t *)(void *)kt_buf_reserve(&d->codes, codes * sizeof *number);
    if (view->picks > 0)
        memset(number, 0xff, codes * sizeof *number); /* KT_MAP_NONE */
    for (uint32_t i = 0; i < view->picks; i++) {
        const uint32_t row = view->pick[i], who = who_of(d, c, row);
        const kt_time_ns time = view->time[row];
        add_time(&d->who[who].times, time);
        add_time(&deed_of(d, c, row, who, is_apart(d, time))->times, time);
        struct kt_deeds_place *place = place_of(d, c, row, number);
        if (place != NULL)
            add_time(&place->times, time);
    }
}

/* ---- sums ---- */

static struct kt_times times_of(const struct kt_totals_entry *e)
{
    return (struct kt_times){ e->n, e->first, e->last };
}

static void take_deeds(struct kt_deeds *d, const struct kt_totals *sums,
                       const struct kt_totals_actor *a, uint32_t who)
{
    for (uint32_t i = 0; i < a->n[KT_TOTALS_DEEDS]; i++) {
        const struct kt_totals_entry *e = &a->entry[KT_TOTALS_DEEDS][i];
        const struct kt_totals_thing *thing = &sums->thing[e->of];
        const struct kt_totals_way *way = &sums->way[thing->way];
        *add_deed(d) = (struct kt_deed){ .who = who,
                                         .secret = thing->secret == KT_TOTALS_NONE
                                                       ? KT_STR_NONE
                                                       : sums->secret[thing->secret].id,
                                         .operation = way->operation,
                                         .action = way->action,
                                         .outcome = way->outcome,
                                         .shadow = way->shadow,
                                         .times = times_of(e) };
    }
}

/* An address that several of them have is one place. */
static void take_places(struct kt_deeds *d, const struct kt_totals *sums,
                        const struct kt_totals_actor *a, uint32_t *number)
{
    for (uint32_t i = 0; i < a->n[KT_TOTALS_PLACES]; i++) {
        const struct kt_totals_entry *e = &a->entry[KT_TOTALS_PLACES][i];
        if (number[e->of] == KT_MAP_NONE) {
            *add_place(d) = (struct kt_deeds_place){ kt_totals_address(sums, e->of), times_of(e) };
            number[e->of] = d->n_places - 1;
            continue;
        }
        struct kt_times *t = &d->place[number[e->of]].times;
        t->n += e->n;
        t->first = e->first < t->first ? e->first : t->first;
        t->last = e->last > t->last ? e->last : t->last;
    }
}

/* Of a deed that was done both within `apart` and outside sums do not say how often each. */
static bool is_clear(const struct kt_deeds *d, const struct kt_totals_actor *a)
{
    const kt_time_ns edges[] = { d->apart.since, d->apart.until };
    for (size_t k = 0; k < KT_ARRAY_LEN(edges); k++)
        if (a->earliest < edges[k] && a->last >= edges[k])
            return false;
    return true;
}

bool kt_deeds_of_sums(struct kt_deeds *d, const struct kt_totals *sums)
{
    begin(d);
    for (uint32_t i = 0; i < sums->n_actors; i++)
        if (sums->actor[i].wanted && !is_clear(d, &sums->actor[i]))
            return false;
    const size_t room = (size_t)sums->n_addresses * sizeof(uint32_t);
    kt_buf_reset(&d->codes);
    uint32_t *number = (uint32_t *)(void *)kt_buf_reserve(&d->codes, room + 1);
    memset(number, 0xff, room); /* KT_MAP_NONE */
    for (uint32_t i = 0; i < sums->n_actors; i++) {
        const struct kt_totals_actor *a = &sums->actor[i];
        if (!a->wanted)
            continue;
        *add_who(d) = (struct kt_deeds_who){
            a->actor, a->source, a->instance, { a->accesses, a->earliest, a->last }
        };
        take_deeds(d, sums, a, d->n_who - 1);
        take_places(d, sums, a, number);
    }
    return true;
}
