/*
 * facets: see the header.
 *
 * Over columns the codes of a chunk are counted first, then each value that occurs is looked up
 * once. Places are made of the addresses at the end.
 *
 * Owns:  the values and their counts.
 * Calls: core/answer/ask, core/base, core/config/identities, core/query. No clock, no output.
 */
#include "core/answer/facets.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/base/alloc.h"
#include "core/base/known.h"

struct counts { /* of the values of one field */
    struct kt_map *map;
    struct kt_known known; /* of map */
    uint64_t *n;           /* by number in map */
    uint32_t cap;
};
struct facets {
    struct kt_facets out; /* first: kt_facets_free gets at the rest */
    struct kt_ask *ask;
    uint32_t which;
    bool limited; /* some alias is meant for some sources only */
    bool full;
    struct counts of[KT_FACET_COUNT];
    uint64_t small[KT_FACET_COUNT][256];
    struct kt_map *texts; /* what is handed out and stands in no map */
    uint32_t *tally, room;
};

const char *kt_facet_word(enum kt_facet f)
{
    static const char *const words[] = {
#define X(n, w) w,
        KT_FACETS(X)
#undef X
    };
    return words[f];
}

bool kt_facet_of(struct kt_str word, enum kt_facet *ret)
{
    for (unsigned i = 0; i < KT_FACET_COUNT; i++) {
        if (kt_str_is(word, kt_facet_word((enum kt_facet)i))) {
            *ret = (enum kt_facet)i;
            return true;
        }
    }
    return false;
}

/* The column that is counted for a facet; places are made of addresses. */
static enum kt_col column_of(enum kt_facet f)
{
    static const enum kt_col of[KT_FACET_COUNT] = {
        [KT_FACET_ACTOR] = KT_COL_ACTOR,
        [KT_FACET_SECRET] = KT_COL_SECRET,
        [KT_FACET_IP] = KT_COL_IP,
        [KT_FACET_COUNTRY] = KT_COL_IP,
        [KT_FACET_ASN] = KT_COL_IP,
        [KT_FACET_SOURCE] = KT_COL_SOURCE,
        [KT_FACET_INSTANCE] = KT_COL_INSTANCE,
        [KT_FACET_ACTION] = KT_COL_ACTION,
        [KT_FACET_OUTCOME] = KT_COL_OUTCOME,
        [KT_FACET_USER_AGENT] = KT_COL_USER_AGENT,
        [KT_FACET_ACTOR_KIND] = KT_COL_ACTOR_KIND,
        [KT_FACET_OPERATION] = KT_COL_OPERATION,
        [KT_FACET_CODE] = KT_COL_CODE,
        [KT_FACET_HOST] = KT_COL_HOST,
    };
    return of[f];
}

static bool is_asked(const struct facets *f, enum kt_facet which)
{
    return (f->which >> which & 1) != 0;
}

static bool is_place(enum kt_facet f)
{
    return f == KT_FACET_COUNTRY || f == KT_FACET_ASN;
}

/* ---- counting ---- */

static void count(struct facets *f, enum kt_facet which, struct kt_str value, uint64_t n)
{
    struct counts *c = &f->of[which];
    if (value.len == 0)
        return;
    uint32_t i = kt_known_put(&c->known, c->map, value);
    if (i >= c->cap) {
        uint32_t cap = c->cap == 0 ? 256 : 2 * c->cap;
        c->n = kt_realloc_array(c->n, cap, sizeof *c->n);
        memset(c->n + c->cap, 0, (cap - c->cap) * sizeof *c->n);
        c->cap = cap;
    }
    c->n[i] += n;
    f->full = f->full || i >= KT_FACET_VALUES_MAX;
}

static enum kt_status full(const struct facets *f, struct kt_error *err)
{
    return f->full ? kt_fail(err, KT_E_LIMIT,
                             "more than %u different values of a field: ask for less time",
                             KT_FACET_VALUES_MAX)
                   : KT_OK;
}

static void count_small(struct facets *f, enum kt_facet which, const struct kt_view *v)
{
    const uint8_t *value = v->columns->small[column_of(which)];
    for (uint32_t k = 0; k < v->picks; k++)
        f->small[which][value[v->pick[k]]]++;
}

/* Of the codes of a chunk: how many picks have each. */
static const uint32_t *tally(struct facets *f, const struct kt_text_column *t,
                             const struct kt_view *v)
{
    if (f->room < t->n_dict + 1) {
        f->room = t->n_dict + 1;
        f->tally = kt_realloc_array(f->tally, f->room, sizeof *f->tally);
    }
    memset(f->tally, 0, (t->n_dict + 1) * sizeof *f->tally);
    for (uint32_t k = 0; k < v->picks; k++)
        f->tally[t->code[v->pick[k]]]++;
    return f->tally;
}

static void count_text(struct facets *f, enum kt_facet which, const struct kt_view *v)
{
    const struct kt_text_column *t = &v->columns->text[column_of(which) - KT_COL_SMALL];
    const uint32_t *n = tally(f, t, v);
    for (uint32_t i = 0; i < t->n_dict; i++) {
        if (n[i + 1] == 0)
            continue;
        struct kt_str value = t->dict[i];
        if (which == KT_FACET_ACTOR)
            value = kt_ask_actor(f->ask, value, KT_STR_NONE, KT_STR_NONE);
        count(f, which, value, n[i + 1]);
    }
}

/* The same name can be two actors where an alias is meant for some sources only. Rows of one actor
 * and one source stand together often. */
static void count_limited_actors(struct facets *f, const struct kt_view *v)
{
    const struct kt_columns *c = v->columns;
    const uint16_t *actor = c->text[KT_COL_ACTOR - KT_COL_SMALL].code;
    const uint16_t *source = c->text[KT_COL_SOURCE - KT_COL_SMALL].code;
    const uint16_t *instance = c->text[KT_COL_INSTANCE - KT_COL_SMALL].code;
    for (uint32_t k = 0, from = 0; k < v->picks; from = k) {
        uint32_t first = v->pick[from];
        for (; k < v->picks && actor[v->pick[k]] == actor[first] &&
               source[v->pick[k]] == source[first] && instance[v->pick[k]] == instance[first];
             k++)
            ;
        count(f, KT_FACET_ACTOR,
              kt_ask_actor(f->ask, kt_column_str(c, KT_COL_ACTOR, first),
                           kt_column_str(c, KT_COL_SOURCE, first),
                           kt_column_str(c, KT_COL_INSTANCE, first)),
              k - from);
    }
}

static enum kt_status take_view(void *self, const struct kt_view *v, struct kt_error *err)
{
    struct facets *f = self;
    f->out.total += v->picks;
    for (unsigned i = 0; i < KT_FACET_COUNT; i++) {
        if (!is_asked(f, i) || is_place(i))
            continue;
        if (column_of(i) < KT_COL_SMALL)
            count_small(f, i, v);
        else if (i == KT_FACET_ACTOR && f->limited)
            count_limited_actors(f, v);
        else
            count_text(f, i, v);
    }
    return full(f, err);
}

static void count_place(struct facets *f, const struct kt_fact *fact, uint64_t n)
{
    char asn[16];
    if (fact == NULL)
        return;
    if (is_asked(f, KT_FACET_COUNTRY))
        count(f, KT_FACET_COUNTRY, fact->country, n);
    if (!is_asked(f, KT_FACET_ASN) || fact->asn == 0)
        return;
    (void)snprintf(asn, sizeof asn, "%u", fact->asn);
    count(f, KT_FACET_ASN, kt_str_of(asn), n);
}

static enum kt_status take_record(void *self, const struct kt_record *r, const struct kt_fact *fact,
                                  struct kt_error *err)
{
    struct facets *f = self;
    const struct kt_event *e = &r->ev;
    (void)fact;
    const struct kt_str text[KT_FACET_COUNT] = {
        [KT_FACET_ACTOR] = kt_ask_actor(f->ask, e->actor, e->source, e->instance),
        [KT_FACET_SECRET] = e->secret,
        [KT_FACET_IP] = e->has_ip ? kt_str_from(e->ip.at, sizeof e->ip.at) : KT_STR_NONE,
        [KT_FACET_SOURCE] = e->source,
        [KT_FACET_INSTANCE] = e->instance,
        [KT_FACET_USER_AGENT] = e->user_agent,
        [KT_FACET_OPERATION] = e->operation,
        [KT_FACET_CODE] = e->code,
        [KT_FACET_HOST] = e->host,
    };
    f->out.total++;
    for (unsigned i = 0; i < KT_FACET_COUNT; i++)
        if (is_asked(f, i))
            count(f, i, text[i], 1);
    f->small[KT_FACET_ACTION][e->action]++;
    f->small[KT_FACET_OUTCOME][e->outcome]++;
    f->small[KT_FACET_ACTOR_KIND][e->actor_kind]++;
    if (e->has_ip) /* as over columns: what is known of it now, not what was then */
        count_place(f, kt_facts_at(f->ask->facts, e->ip, UINT64_MAX), 1);
    return full(f, err);
}

/* ---- what comes out ---- */

static struct kt_str keep(struct facets *f, struct kt_str text)
{
    return kt_map_key(f->texts, kt_map_put(f->texts, text, NULL));
}

static struct kt_str shown(struct facets *f, enum kt_facet which, struct kt_str value)
{
    char text[KT_IP_TEXT_MAX];
    struct kt_ip ip;
    if (which != KT_FACET_IP || value.len != sizeof ip.at)
        return value;
    memcpy(ip.at, value.at, sizeof ip.at);
    return keep(f, kt_str_of(kt_ip_format(ip, text)));
}

static int most_first(const void *pa, const void *pb)
{
    const struct kt_facet_value *a = pa, *b = pb;
    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    return kt_str_cmp(a->value, b->value);
}

static const char *small_word(enum kt_facet which, unsigned value)
{
    switch (which) {
    case KT_FACET_ACTION:
        return value < KT_ACT_COUNT ? kt_action_word((enum kt_action)value) : NULL;
    case KT_FACET_OUTCOME:
        return value < KT_OUT_COUNT ? kt_outcome_word((enum kt_outcome)value) : NULL;
    default:
        return value < KT_ACTOR_COUNT ? kt_actor_kind_word((enum kt_actor_kind)value) : NULL;
    }
}

static void close_list(struct facets *f, enum kt_facet which)
{
    const struct counts *c = &f->of[which];
    uint32_t n = kt_map_count(c->map), to = 0;
    bool small = column_of(which) < KT_COL_SMALL;
    struct kt_facet_value *list = kt_alloc_array(small ? 256 : n + 1, sizeof *list);
    for (unsigned i = 0; small && i < 256; i++) {
        const char *word = small_word(which, i);
        if (f->small[which][i] > 0 && word != NULL)
            list[to++] = (struct kt_facet_value){ kt_str_of(word), f->small[which][i] };
    }
    for (uint32_t i = 0; !small && i < n; i++)
        list[to++] = (struct kt_facet_value){ shown(f, which, kt_map_key(c->map, i)), c->n[i] };
    if (to > 1)
        qsort(list, to, sizeof *list, most_first);
    f->out.list[which] = list;
    f->out.n[which] = to;
}

/* Columns alone do not say where an address lies. */
static void place_addresses(struct facets *f)
{
    const struct counts *c = &f->of[KT_FACET_IP];
    for (uint32_t i = 0; i < kt_map_count(c->map); i++) {
        struct kt_str at = kt_map_key(c->map, i);
        struct kt_ip ip;
        if (at.len != sizeof ip.at)
            continue;
        memcpy(ip.at, at.at, sizeof ip.at);
        count_place(f, kt_facts_at(f->ask->facts, ip, UINT64_MAX), c->n[i]);
    }
}

static uint32_t columns_for(const struct facets *f)
{
    uint32_t columns = 0;
    for (unsigned i = 0; i < KT_FACET_COUNT; i++)
        columns |= is_asked(f, i) ? KT_COLUMN(column_of(i)) : 0;
    if (is_asked(f, KT_FACET_ACTOR) && f->limited)
        columns |= KT_COLUMN(KT_COL_SOURCE) | KT_COLUMN(KT_COL_INSTANCE);
    return columns;
}

enum kt_status kt_facets_load(struct kt_ask *a, struct kt_str query, uint32_t which,
                              struct kt_facets **ret, struct kt_error *err)
{
    bool columns;
    if (kt_ask_exact(a, query, &columns, err) != KT_OK)
        return err == NULL ? KT_E_INPUT : err->code;
    struct facets *f = kt_alloc(sizeof *f);
    *f = (struct facets){ .ask = a, .which = which, .limited = kt_ask_limited(a) };
    f->texts = kt_map_new((uint64_t)a->now);
    for (unsigned i = 0; i < KT_FACET_COUNT; i++)
        f->of[i].map = kt_map_new((uint64_t)a->now);
    if (columns && (is_asked(f, KT_FACET_COUNTRY) || is_asked(f, KT_FACET_ASN)))
        f->which |= 1u << KT_FACET_IP;
    enum kt_status status = columns ? kt_ask_columns(a, query, columns_for(f), take_view, f, err)
                                    : kt_ask_records(a, query, take_record, f, err);
    if (status == KT_OK && columns)
        place_addresses(f);
    for (unsigned i = 0; status == KT_OK && i < KT_FACET_COUNT; i++)
        if ((which >> i & 1) != 0)
            close_list(f, i);
    if (status != KT_OK) {
        kt_facets_free(&f->out);
        return status;
    }
    *ret = &f->out;
    return KT_OK;
}

void kt_facets_free(struct kt_facets *out)
{
    struct facets *f = (struct facets *)out;
    if (f == NULL)
        return;
    for (unsigned i = 0; i < KT_FACET_COUNT; i++) {
        kt_map_free(f->of[i].map);
        kt_known_done(&f->of[i].known);
        kt_free(f->of[i].n);
        kt_free(f->out.list[i]);
    }
    kt_map_free(f->texts);
    kt_free(f->tally);
    kt_free(f);
}
