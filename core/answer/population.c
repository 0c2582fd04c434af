/*
 * population: the walk. What came of it is put in order in population_order.c.
 *
 * Values of a segment's dictionaries get the period's numbers once a segment, so a record costs a
 * few additions and a look-up for each pair that it makes.
 *
 * Owns:  maps of names, an entry for each, pairs; bounded by the header's maxima.
 * Calls: core/answer/ask.h, core/answer/words.h. No clock.
 */
#include <string.h>

#include "core/answer/population_int.h"
#include "core/base/alloc.h"

#define BIT(n) (1u << (n))

/* ---- names to numbers ---- */

/* Entry n of an array that grows; new ones are zero. */
static void *entry(void **at, uint32_t *cap, uint32_t n, size_t size)
{
    if (n >= *cap) {
        uint32_t more = *cap == 0 ? 256 : *cap;
        while (n >= more)
            more *= 2;
        *at = kt_realloc_array(*at, more, size);
        memset((char *)*at + *cap * size, 0, (more - *cap) * size);
        *cap = more;
    }
    return (char *)*at + n * size;
}

static uint32_t number(struct kt_gather *g, struct kt_map *m, struct kt_str name)
{
    uint32_t n = kt_map_put(m, name, NULL);
    g->full |= n >= KT_POPULATION_NAMES_MAX;
    return n;
}

static struct kt_tally *tally_of_source(struct kt_gather *g, uint32_t n)
{
    return &((struct kt_pop_source *)entry((void **)&g->source, &g->cap_sources, n,
                                           sizeof *g->source))
                ->t;
}

static struct kt_pop_actor *actor_of(struct kt_gather *g, uint32_t n)
{
    return entry((void **)&g->actor, &g->cap_actors, n, sizeof *g->actor);
}

static struct kt_pop_secret *secret_of(struct kt_gather *g, uint32_t n)
{
    return entry((void **)&g->secret, &g->cap_secrets, n, sizeof *g->secret);
}

static struct kt_tally *tally_of_address(struct kt_gather *g, uint32_t n)
{
    return &((struct kt_pop_address *)entry((void **)&g->address, &g->cap_addresses, n,
                                            sizeof *g->address))
                ->t;
}

/* ---- one view: numbers of its dictionaries ---- */

enum { COL_SECRET, COL_IP, COL_CODE, COL_PLAIN };
static const enum kt_col plain[COL_PLAIN] = { KT_COL_SECRET, KT_COL_IP, KT_COL_CODE };

static uint32_t *room(uint32_t **at, uint32_t *cap, uint32_t n)
{
    if (n > *cap) {
        *cap = n < 4096 ? 4096 : n;
        *at = kt_realloc_array(*at, *cap, sizeof **at);
    }
    memset(*at, 0xff, n * sizeof **at); /* KT_MAP_NONE */
    return *at;
}

/* Numbers are given when a record asks: what only records outside the picks have gets none. */
static void prepare(struct kt_gather *g, const struct kt_columns *c)
{
    for (unsigned i = 0; i < COL_PLAIN; i++)
        room(&g->numbers[i], &g->room[i], c->text[plain[i] - KT_COL_SMALL].n_dict + 1);
    g->n_actor_codes = c->text[KT_COL_ACTOR - KT_COL_SMALL].n_dict + 1;
    room(&g->actor_number, &g->actor_room, g->n_actor_codes);
    room(&g->actor_place, &g->place_room, g->n_actor_codes);
    g->place_code = UINT32_MAX;
}

static uint32_t plain_number(struct kt_gather *g, unsigned which, struct kt_map *m,
                             const struct kt_columns *c, uint32_t row)
{
    uint32_t code = c->text[plain[which] - KT_COL_SMALL].code[row];
    if (code == 0)
        return KT_MAP_NONE;
    uint32_t *n = &g->numbers[which][code];
    if (*n == KT_MAP_NONE)
        *n = number(g, m, kt_column_str(c, plain[which], row));
    return *n;
}

/* The source and instance of a row: a segment has few. */
static uint32_t source_number(struct kt_gather *g, const struct kt_columns *c, uint32_t row)
{
    uint32_t code = (uint32_t)c->text[KT_COL_SOURCE - KT_COL_SMALL].code[row] << 16 |
                    c->text[KT_COL_INSTANCE - KT_COL_SMALL].code[row];
    if (code == g->place_code)
        return g->place;
    kt_buf_reset(&g->text);
    kt_buf_add(&g->text, kt_column_str(c, KT_COL_SOURCE, row));
    kt_buf_byte(&g->text, '\0');
    kt_buf_add(&g->text, kt_column_str(c, KT_COL_INSTANCE, row));
    g->place_code = code;
    g->place = number(g, g->sources, kt_buf_str(&g->text));
    return g->place;
}

/* An alias may hold in one instance alone, so a name has a number for each. */
static uint32_t actor_number(struct kt_gather *g, const struct kt_columns *c, uint32_t row,
                             uint32_t place)
{
    uint32_t code = c->text[KT_COL_ACTOR - KT_COL_SMALL].code[row];
    if (code == 0)
        return KT_MAP_NONE;
    if (g->actor_number[code] != KT_MAP_NONE && g->actor_place[code] == place)
        return g->actor_number[code];
    struct kt_str as_written = kt_column_str(c, KT_COL_ACTOR, row);
    const struct kt_identity *who =
        g->ask->ids == NULL
            ? NULL
            : kt_identities_find(g->ask->ids, as_written, kt_column_str(c, KT_COL_SOURCE, row),
                                 kt_column_str(c, KT_COL_INSTANCE, row));
    uint32_t n = number(g, g->actors, who == NULL ? as_written : kt_str_of(who->name));
    actor_of(g, n)->who = who;
    g->actor_number[code] = n;
    g->actor_place[code] = place;
    return n;
}

/* ---- counting ---- */

static void count(const struct kt_gather *g, struct kt_tally *t, kt_time_ns at, bool failed)
{
    if (t->ever == 0 || at < t->ever)
        t->ever = at;
    if (at < g->since) {
        t->before += at >= g->before;
        return;
    }
    if (t->first == 0 || at < t->first)
        t->first = at;
    if (at > t->last)
        t->last = at;
    t->events++;
    t->failed += failed;
}

static uint32_t paired(struct kt_gather *g, struct kt_words *w, uint64_t word, bool *new)
{
    uint32_t n = kt_words_put(w, word, new);
    g->full |= n >= KT_POPULATION_PAIRS_MAX;
    return n;
}

static void add_pair(struct kt_gather *g, uint32_t actor, uint32_t secret, kt_time_ns at)
{
    bool new;
    uint32_t n = paired(g, &g->pairs, (uint64_t)actor << 32 | secret, &new);
    struct kt_pop_pair *p = entry((void **)&g->pair, &g->cap_pairs, n, sizeof *g->pair);
    if (new)
        *p = (struct kt_pop_pair){ .actor = actor, .secret = secret, .first = at };
    p->first = at < p->first ? at : p->first;
    p->last = at > p->last ? at : p->last;
    p->reads += at >= g->since;
}

static void add_counted(struct kt_gather *g, struct kt_counted *c, uint64_t word)
{
    uint32_t n = paired(g, &c->words, word, NULL);
    ++*(uint64_t *)entry((void **)&c->count, &c->cap, n, sizeof *c->count);
}

static bool changes_rights(enum kt_action action)
{
    static const unsigned set = BIT(KT_ACT_GRANT) | BIT(KT_ACT_REVOKE) | BIT(KT_ACT_CONFIG) |
                                BIT(KT_ACT_DELETE) | BIT(KT_ACT_DESTROY);
    return (set & BIT(action)) != 0;
}

/* A record of the period, once its parts have numbers. */
struct row {
    kt_time_ns at;
    enum kt_action action;
    enum kt_outcome outcome;
    enum kt_actor_kind kind;
    uint32_t place, actor, secret, address, code;
    bool failed, read, shadow;
};

static void add_day(struct kt_gather *g, int64_t day, bool failed)
{
    uint32_t n = kt_words_put(&g->days, (uint64_t)day, NULL);
    struct kt_pop_day *d = entry((void **)&g->day, &g->cap_days, n, sizeof *g->day);
    d->day = day;
    d->events++;
    d->failed += failed;
}

/* Months have few records of other months between them: the word of the last one is kept. */
static uint64_t month_of(struct kt_gather *g, kt_time_ns at)
{
    if (at < g->month_from || at >= g->month_until) {
        struct kt_civil c = kt_time_civil(at);
        int next = c.month == 12 ? 1 : c.month + 1;
        g->month = (uint64_t)(c.year * 12 + c.month - 1);
        g->month_from = kt_time_days(c.year, c.month, 1) * KT_NS_DAY;
        g->month_until = kt_time_days(c.year + (next == 1), next, 1) * KT_NS_DAY;
    }
    return g->month;
}

static void add_period(struct kt_gather *g, const struct row *r)
{
    struct kt_population *p = g->to;
    add_counted(g, &g->totals,
                month_of(g, r->at) << 48 | (uint64_t)r->place << 16 | (uint64_t)r->action << 8 |
                    (uint64_t)r->outcome);
    add_day(g, r->at / KT_NS_DAY, r->failed);
    p->no_actor += r->actor == KT_MAP_NONE;
    p->no_secret += r->secret == KT_MAP_NONE;
    p->no_address += r->address == KT_MAP_NONE;
    if (r->failed)
        add_counted(g, &g->reasons,
                    (uint64_t)(r->code == KT_MAP_NONE ? 0 : r->code + 1) << 32 |
                        (uint64_t)r->place << 8 | (uint64_t)r->outcome);
    p->shadows += r->shadow;
    if (r->actor == KT_MAP_NONE || r->shadow)
        return;
    struct kt_pop_actor *a = actor_of(g, r->actor);
    a->changes += changes_rights(r->action) && r->outcome == KT_OUT_SUCCESS;
    a->reads += r->read;
    if (r->failed)
        add_counted(g, &g->bursts, (uint64_t)r->actor << 32 | (uint64_t)(r->at / KT_NS_HOUR));
    if (r->address == KT_MAP_NONE ||
        (r->kind != KT_ACTOR_HUMAN && r->kind != KT_ACTOR_ROOT && r->kind != KT_ACTOR_UNKNOWN))
        return;
    bool new;
    uint64_t day = (uint64_t)(r->at / KT_NS_DAY) & 0xffff;
    (void)paired(g, &g->places, day << 48 | (uint64_t)r->actor << 24 | r->address, &new);
    if (new)
        add_counted(g, &g->place_days, day << 32 | r->actor);
}

static void add_actor(struct kt_gather *g, const struct row *r)
{
    struct kt_pop_actor *a = actor_of(g, r->actor);
    if (r->shadow)
        return;
    if (r->kind != KT_ACTOR_UNKNOWN)
        a->kind = r->kind;
    count(g, &a->t, r->at, r->failed);
}

static void add_secret(struct kt_gather *g, const struct row *r)
{
    struct kt_pop_secret *s = secret_of(g, r->secret);
    if (r->shadow)
        return;
    count(g, &s->t, r->at, r->failed);
    if (r->read && r->at >= g->since) {
        s->reads++;
        s->read = r->at > s->read ? r->at : s->read;
    }
}

static void add_row(struct kt_gather *g, const struct row *r)
{
    struct kt_population *p = g->to;
    count(g, &p->all, r->at, r->failed);
    count(g, tally_of_source(g, r->place), r->at, r->failed);
    if (r->actor != KT_MAP_NONE)
        add_actor(g, r);
    if (r->secret != KT_MAP_NONE)
        add_secret(g, r);
    if (r->address != KT_MAP_NONE)
        count(g, tally_of_address(g, r->address), r->at, r->failed);
    if (r->read && r->actor != KT_MAP_NONE)
        add_pair(g, r->actor, r->secret, r->at);
    if (r->at >= g->since)
        add_period(g, r);
}

static enum kt_status take_view(void *self, const struct kt_view *v, struct kt_error *err)
{
    struct kt_gather *g = self;
    const struct kt_columns *c = v->columns;
    prepare(g, c);
    for (uint32_t i = 0; i < v->picks && !g->full; i++) {
        uint32_t row = v->pick[i];
        struct row r = { .at = v->time[row],
                         .action = c->small[KT_COL_ACTION][row],
                         .outcome = c->small[KT_COL_OUTCOME][row],
                         .kind = c->small[KT_COL_ACTOR_KIND][row] };
        r.place = source_number(g, c, row);
        r.actor = actor_number(g, c, row, r.place);
        r.secret = plain_number(g, COL_SECRET, g->secrets, c, row);
        r.address = plain_number(g, COL_IP, g->addresses, c, row);
        r.failed = r.outcome == KT_OUT_DENIED || r.outcome == KT_OUT_FAILURE ||
                   r.outcome == KT_OUT_NOT_FOUND;
        r.code = r.failed ? plain_number(g, COL_CODE, g->codes, c, row) : KT_MAP_NONE;
        r.read = r.outcome == KT_OUT_SUCCESS && kt_column_is_read(c, row);
        r.shadow = kt_column_is_shadow(c, row);
        add_row(g, &r);
    }
    if (g->full)
        return kt_fail(err, KT_E_LIMIT,
                       "more than %u different names, or %u pairs of them: ask for less time",
                       KT_POPULATION_NAMES_MAX, KT_POPULATION_PAIRS_MAX);
    return KT_OK;
}

/* ---- all of it ---- */

static void gather_done(struct kt_gather *g)
{
    struct kt_counted *counted[] = { &g->totals, &g->reasons, &g->bursts, &g->place_days };
    for (size_t i = 0; i < KT_ARRAY_LEN(counted); i++) {
        kt_words_done(&counted[i]->words);
        kt_free(counted[i]->count);
    }
    for (unsigned i = 0; i < COL_PLAIN; i++)
        kt_free(g->numbers[i]);
    kt_free(g->actor_number);
    kt_free(g->actor_place);
    kt_free(g->source);
    kt_free(g->actor);
    kt_free(g->secret);
    kt_free(g->address);
    kt_free(g->pair);
    kt_free(g->day);
    kt_words_done(&g->pairs);
    kt_words_done(&g->places);
    kt_words_done(&g->days);
    kt_buf_done(&g->text);
}

enum kt_status kt_population_load(struct kt_ask *a, struct kt_population **ret,
                                  struct kt_error *err)
{
    const uint32_t columns =
        KT_COLUMN(KT_COL_ACTION) | KT_COLUMN(KT_COL_OUTCOME) | KT_COLUMN(KT_COL_ACTOR_KIND) |
        KT_COLUMN(KT_COL_SOURCE) | KT_COLUMN(KT_COL_INSTANCE) | KT_COLUMN(KT_COL_ACTOR) |
        KT_COLUMN(KT_COL_SECRET) | KT_COLUMN(KT_COL_IP) | KT_COLUMN(KT_COL_CODE);
    struct kt_population *p = kt_alloc(sizeof *p);
    *p = (struct kt_population){ .since = a->since,
                                 .until = a->until,
                                 .before = a->since - (a->until - a->since) };
    for (unsigned i = 0; i < KT_POP_MAPS; i++)
        p->maps[i] = kt_map_new(0);
    struct kt_gather g = { .ask = a,
                           .to = p,
                           .since = a->since,
                           .before = p->before,
                           .sources = p->maps[0],
                           .actors = p->maps[1],
                           .secrets = p->maps[2],
                           .addresses = p->maps[3],
                           .codes = p->maps[4] };
    a->since = 0;
    enum kt_status status = kt_ask_columns(a, KT_STR_NONE, columns, take_view, &g, err);
    a->since = p->since;
    if (status == KT_OK)
        kt_population_order(&g);
    gather_done(&g);
    if (status != KT_OK) {
        kt_population_free(p);
        return status;
    }
    *ret = p;
    return KT_OK;
}

void kt_population_free(struct kt_population *p)
{
    if (p == NULL)
        return;
    for (unsigned i = 0; i < KT_POP_MAPS; i++)
        kt_map_free(p->maps[i]);
    kt_free(p->source);
    kt_free(p->actor);
    kt_free(p->secret);
    kt_free(p->address);
    kt_free(p->total);
    kt_free(p->reason);
    kt_free(p->burst);
    kt_free(p->pair);
    kt_free(p->day);
    kt_free(p);
}

bool kt_pop_is_person(enum kt_actor_kind kind)
{
    return kind == KT_ACTOR_HUMAN || kind == KT_ACTOR_ROOT;
}
