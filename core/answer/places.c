/*
 * places: see the header.
 *
 * Names get the window's numbers once a segment; a row then costs a few look-ups in arrays, and a
 * step in a table only where an actor or a secret comes from another country than in the row
 * before.
 *
 * Owns:  maps of names, pairs of countries and names; bounded by the header's maximum.
 * Calls: core/answer (ask), core/base (pairs). No clock.
 */
#include "core/answer/places.h"
#include "core/base/alloc.h"
#include "core/base/map.h"
#include "core/base/pairs.h"
#include <stdlib.h>
#include <string.h>

#define COLUMNS                                                                                    \
    (KT_COLUMN(KT_COL_KIND) | KT_COLUMN(KT_COL_OUTCOME) | KT_COLUMN(KT_COL_IP) |                   \
     KT_COLUMN(KT_COL_ACTOR) | KT_COLUMN(KT_COL_SECRET))

enum { ACTORS, SECRETS, ADDRESSES, NAMES };
static const enum kt_col column_of[NAMES] = { KT_COL_ACTOR, KT_COL_SECRET, KT_COL_IP };

struct names { /* one column's */
    struct kt_map *map;
    struct kt_pairs with; /* (country, name) */
    uint32_t *number;     /* by code of the segment that is walked; KT_MAP_NONE: not asked yet */
    uint32_t *seen_in;    /* the country that the code was seen in last */
    uint32_t room;
};
struct gather {
    struct kt_ask *a;
    struct kt_places *ret;
    uint32_t cap;
    struct names name[NAMES];
    bool limited;      /* some alias is for some sources only: a code can be several actors */
    uint32_t *country; /* by code of an address: index in ret->at, or a NOWHERE() */
    uint32_t country_room;
    uint16_t index[26 * 26]; /* of a country's letters: 1 + index in ret->at */
};
#define NOWHERE(n) (UINT32_MAX - 1 - (n))
#define NOT_ASKED  UINT32_MAX

static uint32_t place_of(struct gather *g, struct kt_str country)
{
    char a = country.at[0], b = country.at[1];
    if (a < 'A' || a > 'Z' || b < 'A' || b > 'Z')
        return NOWHERE(KT_NOWHERE_UNKNOWN);
    uint16_t *at = &g->index[(a - 'A') * 26 + (b - 'A')];
    if (*at == 0) {
        if (g->ret->n == g->cap) {
            g->cap = g->cap == 0 ? 64 : g->cap * 2;
            g->ret->at = kt_realloc_array(g->ret->at, g->cap, sizeof *g->ret->at);
        }
        g->ret->at[g->ret->n] = (struct kt_place){ .country = { a, b, '\0' } };
        *at = (uint16_t)++g->ret->n;
    }
    return *at - 1u;
}

static uint32_t locate(struct gather *g, struct kt_str bytes)
{
    struct kt_ip ip;
    if (bytes.len != sizeof ip.at)
        return NOWHERE(KT_NOWHERE_NONE);
    memcpy(ip.at, bytes.at, sizeof ip.at);
    const struct kt_fact *fact = kt_facts_at(g->a->facts, ip, UINT64_MAX);
    if (fact != NULL && fact->country.len == 2)
        return place_of(g, fact->country);
    enum kt_ip_class class = kt_ip_class(ip);
    return NOWHERE(class == KT_IP_PUBLIC || class == KT_IP_DOCUMENTATION ? KT_NOWHERE_UNKNOWN
                                                                         : KT_NOWHERE_PRIVATE);
}

static uint32_t *room(uint32_t **at, uint32_t *cap, uint32_t n)
{
    if (n > *cap) {
        *cap = n < 4096 ? 4096 : n;
        *at = kt_realloc_array(*at, *cap, sizeof **at);
    }
    memset(*at, 0xff, n * sizeof **at);
    return *at;
}

static void prepare(struct gather *g, const struct kt_columns *c)
{
    for (unsigned i = 0; i < NAMES; i++) {
        uint32_t n = c->text[column_of[i] - KT_COL_SMALL].n_dict + 1, cap = g->name[i].room;
        room(&g->name[i].number, &cap, n);
        room(&g->name[i].seen_in, &g->name[i].room, n);
    }
    room(&g->country, &g->country_room, c->text[KT_COL_IP - KT_COL_SMALL].n_dict + 1);
}

static uint32_t country_of_row(struct gather *g, const struct kt_columns *c, uint32_t row)
{
    uint16_t code = c->text[KT_COL_IP - KT_COL_SMALL].code[row];
    if (g->country[code] == NOT_ASKED)
        g->country[code] = locate(g, kt_column_str(c, KT_COL_IP, row));
    return g->country[code];
}

static uint32_t number_of(struct gather *g, unsigned which, const struct kt_columns *c,
                          uint32_t row)
{
    struct kt_str name = kt_column_str(c, column_of[which], row), source = KT_STR_NONE,
                  instance = KT_STR_NONE;
    if (which == ACTORS && g->limited) {
        source = kt_column_str(c, KT_COL_SOURCE, row);
        instance = kt_column_str(c, KT_COL_INSTANCE, row);
    }
    if (which == ACTORS)
        name = kt_ask_actor(g->a, name, source, instance);
    return kt_map_put(g->name[which].map, name, NULL);
}

/* One more different name of that country, if it is one. */
static bool count_name(struct gather *g, unsigned which, const struct kt_columns *c, uint32_t row,
                       uint32_t place)
{
    struct names *x = &g->name[which];
    uint16_t code = c->text[column_of[which] - KT_COL_SMALL].code[row];
    bool fresh, each_row = which == ACTORS && g->limited;
    if (code == 0 || (x->seen_in[code] == place && !each_row))
        return false;
    x->seen_in[code] = place;
    if (x->number[code] == KT_MAP_NONE || each_row)
        x->number[code] = number_of(g, which, c, row);
    (void)kt_pairs_put(&x->with, place, x->number[code], &fresh);
    return fresh;
}

static enum kt_status each(void *self, const struct kt_view *v, struct kt_error *err)
{
    struct gather *g = self;
    const struct kt_columns *c = v->columns;
    prepare(g, c);
    for (uint32_t i = 0; i < v->picks; i++) {
        uint32_t row = v->pick[i];
        if (c->small[KT_COL_KIND][row] != KT_KIND_ACCESS)
            continue;
        uint32_t at = country_of_row(g, c, row);
        uint8_t outcome = c->small[KT_COL_OUTCOME][row];
        g->ret->events++;
        uint32_t nowhere = NOWHERE(0) - at; /* of a country: large */
        if (nowhere < KT_NOWHERE_COUNT) {
            g->ret->nowhere[nowhere]++;
            continue;
        }
        struct kt_place *p = &g->ret->at[at];
        p->events++;
        p->failed += outcome != KT_OUT_SUCCESS && outcome != KT_OUT_UNKNOWN;
        p->last = v->time[row] > p->last ? v->time[row] : p->last;
        p->actors += count_name(g, ACTORS, c, row, at);
        p->secrets += count_name(g, SECRETS, c, row, at);
        p->addresses += count_name(g, ADDRESSES, c, row, at);
    }
    for (unsigned i = 0; i < NAMES; i++)
        if (kt_map_count(g->name[i].map) > KT_PLACES_NAMES_MAX)
            return kt_fail(err, KT_E_LIMIT,
                           "too many different names for one answer: ask for a "
                           "shorter time");
    return KT_OK;
}

static int by_events(const void *a, const void *b)
{
    const struct kt_place *x = a, *y = b;
    if (x->events != y->events)
        return x->events < y->events ? 1 : -1;
    return strcmp(x->country, y->country);
}

enum kt_status kt_places_load(struct kt_ask *a, struct kt_str query, struct kt_places *ret,
                              struct kt_error *err)
{
    struct gather g = { .a = a, .ret = ret, .limited = kt_ask_limited(a) };
    uint32_t columns =
        COLUMNS | (g.limited ? KT_COLUMN(KT_COL_SOURCE) | KT_COLUMN(KT_COL_INSTANCE) : 0);
    *ret = (struct kt_places){ 0 };
    for (unsigned i = 0; i < NAMES; i++)
        g.name[i].map = kt_map_new((uint64_t)a->now);
    enum kt_status status = kt_ask_columns(a, query, columns, each, &g, err);
    for (unsigned i = 0; i < NAMES; i++) {
        kt_map_free(g.name[i].map);
        kt_pairs_done(&g.name[i].with);
        kt_free(g.name[i].number);
        kt_free(g.name[i].seen_in);
    }
    kt_free(g.country);
    if (ret->n > 1)
        qsort(ret->at, ret->n, sizeof *ret->at, by_events);
    if (status != KT_OK)
        kt_places_done(ret);
    return status;
}

void kt_places_done(struct kt_places *p)
{
    kt_free(p->at);
    *p = (struct kt_places){ 0 };
}
