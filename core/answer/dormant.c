/*
 * dormant: see the header. One walk over columns, or over what is kept of them, one over the lines
 * of grants.
 *
 * Owns:  an entry for each actor, and their texts.
 * Calls: core/answer (ask, credential), core/event. No clock, no output.
 */
#include "core/answer/dormant.h"

#include <stdlib.h>
#include <string.h>

#include "core/answer/credential.h"
#include "core/base/alloc.h"
#include "core/base/known.h"
#include "core/event/json.h"
#include "core/store/totals.h"

struct stretch { /* of an actor, what sums of a stretch say: of all names and sources it has there
                  */
    uint32_t number;
    enum kt_actor_kind kind; /* of its newest records: when they are of one mind */
    bool minds;              /* they are not */
    kt_time_ns head, earliest, last;
    uint64_t records, reads;
};
struct dormants {
    struct kt_dormants out; /* first: kt_dormants_free gets at the rest */
    struct kt_ask *ask;
    kt_time_ns span;
    struct kt_map *actors, *texts;
    struct kt_known known; /* of actors */
    struct kt_dormant *at; /* by number in actors, then those of the answer */
    uint32_t cap;
    struct kt_json *json;
    struct kt_buf codes;     /* of a view: number of the actor by code */
    struct stretch *of;      /* of a stretch: its actors, in the order of their first records */
    uint32_t cap_of, *place; /* by number in actors: in `of` + 1; 0: it is not there */
    uint32_t cap_place;
};

const char *kt_dormant_word(enum kt_dormant_state s)
{
    static const char *const words[] = {
#define X(n, w) w,
        KT_DORMANT_STATES(X)
#undef X
    };
    return words[s];
}

static struct kt_str kept(struct dormants *d, struct kt_str text)
{
    return text.len == 0 ? KT_STR_NONE : kt_map_key(d->texts, kt_map_put(d->texts, text, NULL));
}

/* KT_MAP_NONE: one too many. */
static uint32_t number_of(struct dormants *d, struct kt_str actor, struct kt_error *err)
{
    uint32_t before = kt_map_count(d->actors), n = kt_known_put(&d->known, d->actors, actor);
    if (n >= KT_DORMANT_ACTORS_MAX) {
        (void)!kt_fail(err, KT_E_LIMIT, "more than %u actors: give a shorter window",
                       KT_DORMANT_ACTORS_MAX);
        return KT_MAP_NONE;
    }
    if (n >= d->cap) {
        d->cap = d->cap == 0 ? 256 : 2 * d->cap;
        d->at = kt_realloc_array(d->at, d->cap, sizeof *d->at);
    }
    if (n >= before)
        d->at[n] = (struct kt_dormant){ .actor = kt_map_key(d->actors, n) };
    return n;
}

/* ---- accesses ---- */

static void take(struct dormants *d, struct kt_dormant *one, kt_time_ns time, bool read,
                 enum kt_actor_kind kind)
{
    if (one->last != 0 && time - one->last >= d->span) {
        one->back = time;
        one->silent_since = one->last;
    }
    if (one->first == 0 || time < one->first)
        one->first = time;
    if (time > one->last)
        one->last = time;
    one->kind = kind != KT_ACTOR_UNKNOWN ? kind : one->kind;
    one->records++;
    one->reads += read;
}

static struct kt_str canonical(const struct dormants *d, const struct kt_columns *c, uint32_t row)
{
    struct kt_str actor = kt_column_str(c, KT_COL_ACTOR, row);
    return d->ask->ids == NULL ? actor
                               : kt_ask_actor(d->ask, actor, kt_column_str(c, KT_COL_SOURCE, row),
                                              kt_column_str(c, KT_COL_INSTANCE, row));
}

/* An actor's source and instance decide whose alias it is; where nobody has aliases its name does,
 * once a code. */
static enum kt_status take_view(void *self, const struct kt_view *view, struct kt_error *err)
{
    struct dormants *d = self;
    const struct kt_columns *c = view->columns;
    const struct kt_text_column *t = &c->text[KT_COL_ACTOR - KT_COL_SMALL];
    kt_buf_reset(&d->codes);
    uint32_t *number =
        (uint32_t *)(void *)kt_buf_reserve(&d->codes, (t->n_dict + 1) * sizeof *number);
    for (uint32_t i = 0; i <= t->n_dict; i++)
        number[i] = KT_MAP_NONE;
    for (uint32_t i = 0; i < view->picks; i++) {
        uint32_t row = view->pick[i], code = t->code[row];
        if (code == 0 || kt_column_is_shadow(c, row))
            continue;
        if (number[code] == KT_MAP_NONE || d->ask->ids != NULL)
            number[code] = number_of(d, canonical(d, c, row), err);
        if (number[code] == KT_MAP_NONE)
            return KT_E_LIMIT;
        bool read = (1u << c->small[KT_COL_ACTION][row] & KT_TOTALS_READS) != 0;
        take(d, &d->at[number[code]], view->time[row], read, c->small[KT_COL_ACTOR_KIND][row]);
    }
    return KT_OK;
}

/* ---- sums of accesses ---- */

static struct stretch *stretch_of(struct dormants *d, uint32_t number, uint32_t *n)
{
    if (number >= d->cap_place) {
        uint32_t cap = d->cap;
        d->place = kt_realloc_array(d->place, cap, sizeof *d->place);
        memset(d->place + d->cap_place, 0, (cap - d->cap_place) * sizeof *d->place);
        d->cap_place = cap;
    }
    if (d->place[number] == 0) {
        d->of[*n] = (struct stretch){ .number = number };
        d->place[number] = ++*n;
    }
    return &d->of[d->place[number] - 1];
}

static void add_sums(struct stretch *to, const struct kt_totals_actor *a)
{
    bool first = to->records == 0;
    to->head = first ? a->head : to->head; /* sums come in the order of first records */
    to->earliest = first || a->earliest < to->earliest ? a->earliest : to->earliest;
    to->last = first || a->last > to->last ? a->last : to->last;
    to->records += a->accesses;
    to->reads += a->reads;
    to->minds = to->minds || (to->kind != KT_ACTOR_UNKNOWN && a->kind != KT_ACTOR_UNKNOWN &&
                              to->kind != a->kind);
    to->kind = a->kind != KT_ACTOR_UNKNOWN ? a->kind : to->kind;
}

/* Whether it came back within the stretch can be said where it did so with its first record there,
 * or not at all. A record that came late may lie between: then the segments have to be asked. */
static bool is_clear(const struct dormants *d, const struct stretch *s)
{
    const kt_time_ns before = d->at[s->number].last, from = before != 0 ? before : s->earliest;
    return !s->minds && (s->last - from < d->span || (before != 0 && s->head - before >= d->span &&
                                                      s->last - s->head < d->span));
}

static void take_stretch(struct dormants *d, const struct stretch *s)
{
    struct kt_dormant *one = &d->at[s->number];
    take(d, one, s->head, false, s->kind);
    if (s->earliest < one->first)
        one->first = s->earliest;
    if (s->last > one->last)
        one->last = s->last;
    one->records += s->records - 1; /* `take` counted one */
    one->reads += s->reads;
}

static bool take_sums(void *self, struct kt_totals *sums)
{
    struct dormants *d = self;
    uint32_t n = 0;
    bool clear = true;
    if (sums->n_actors > d->cap_of) {
        d->cap_of = sums->n_actors;
        d->of = kt_realloc_array(d->of, d->cap_of, sizeof *d->of);
    }
    for (uint32_t i = 0; i < sums->n_actors && clear; i++) {
        const struct kt_totals_actor *a = &sums->actor[i];
        if (a->actor.len == 0 || a->shadows)
            continue;
        uint32_t number =
            number_of(d, kt_ask_actor(d->ask, a->actor, a->source, a->instance), NULL);
        clear = number != KT_MAP_NONE;
        if (clear)
            add_sums(stretch_of(d, number, &n), a);
    }
    for (uint32_t i = 0; i < n; i++) {
        d->place[d->of[i].number] = 0;
        clear = clear && is_clear(d, &d->of[i]);
    }
    for (uint32_t i = 0; i < n && clear; i++)
        take_stretch(d, &d->of[i]);
    return clear;
}

/* ---- grants ---- */

static enum kt_status take_grant(void *self, const struct kt_record *r, const struct kt_fact *fact,
                                 struct kt_error *err)
{
    struct dormants *d = self;
    const struct kt_event *ev = &r->ev;
    kt_time_ns time = ev->time != 0 ? ev->time : r->arrival;
    struct kt_jval raw, one;
    struct kt_str name;
    unsigned repaired;
    (void)fact;
    if (kt_json_parse(d->json, ev->raw, &raw, &repaired, NULL) != KT_OK)
        return KT_OK;
    for (struct kt_json_iter it = kt_json_iter(kt_json_get(raw, KT_STR("grantees")));
         kt_json_next(&it, &name, &one);) {
        KT_CLEANUP(kt_buf_done) struct kt_buf actor = { 0 };
        if (!kt_credential_iam(kt_json_str(one), &actor))
            continue;
        uint32_t n =
            number_of(d, kt_ask_actor(d->ask, kt_buf_str(&actor), ev->source, ev->instance), err);
        if (n == KT_MAP_NONE)
            return KT_E_LIMIT;
        if (time <= d->at[n].granted)
            continue;
        d->at[n].granted = time;
        d->at[n].by = kept(d, kt_ask_actor(d->ask, ev->actor, ev->source, ev->instance));
        d->at[n].what = kept(d, ev->secret.len > 0 ? ev->secret : ev->secret_native);
    }
    return KT_OK;
}

/* ---- the answer ---- */

static bool judge(const struct dormants *d, struct kt_dormant *one)
{
    kt_time_ns since = d->out.as_of - d->span;
    if (one->records > 0 && one->last < since)
        one->state = KT_DORMANT_SILENT;
    else if (one->back >= since && one->back != 0)
        one->state = KT_DORMANT_BACK;
    else if (one->granted != 0 && one->last < one->granted && one->granted < since)
        one->state = KT_DORMANT_GRANTED;
    else
        return false;
    return true;
}

static kt_time_ns silence(const struct kt_dormant *one)
{
    return one->state == KT_DORMANT_BACK      ? one->back - one->silent_since
           : one->state == KT_DORMANT_GRANTED ? -one->granted
                                              : -one->last;
}

static int by_silence(const void *x, const void *y)
{
    const struct kt_dormant *a = x, *b = y;
    if (a->state != b->state)
        return a->state < b->state ? -1 : 1;
    if (silence(a) != silence(b))
        return silence(a) > silence(b) ? -1 : 1;
    return kt_str_cmp(a->actor, b->actor);
}

static enum kt_status load(struct dormants *d, struct kt_error *err)
{
    const uint32_t wanted = KT_ACCESS_COLUMNS | KT_COLUMN(KT_COL_ACTOR) |
                            KT_COLUMN(KT_COL_ACTOR_KIND) |
                            (d->ask->ids != NULL ? KT_COLUMN(KT_COL_INSTANCE) : 0);
    struct kt_store_stats stats;
    enum kt_status status = kt_reader_stats(d->ask->reader, &stats, err);
    if (status != KT_OK)
        return status;
    d->out.as_of = d->ask->until != 0                                      ? d->ask->until
                   : stats.last_time != 0 && stats.last_time < d->ask->now ? stats.last_time + 1
                                                                           : d->ask->now;
    const struct kt_ask_totals sums = { .with = KT_TOTALS_WITH_ACTORS, .take = take_sums };
    status = kt_ask_summed(d->ask, &sums, KT_STR_NONE, wanted, take_view, d, err);
    return status != KT_OK
               ? status
               : kt_ask_records(d->ask, KT_STR("action:grant outcome:success"), take_grant, d, err);
}

enum kt_status kt_dormants_load(struct kt_ask *a, kt_time_ns span, struct kt_dormants **ret,
                                struct kt_error *err)
{
    struct dormants *d = kt_alloc(sizeof *d);
    *d = (struct dormants){ .ask = a,
                            .span = span,
                            .actors = kt_map_new((uint64_t)a->now),
                            .texts = kt_map_new((uint64_t)a->now),
                            .json = kt_json_new(KT_JSON_SIMDJSON) };
    enum kt_status status = load(d, err);
    if (status != KT_OK) {
        kt_dormants_free(&d->out);
        return status;
    }
    for (uint32_t i = 0; i < kt_map_count(d->actors); i++) {
        struct kt_dormant one = d->at[i];
        d->out.actors += one.records > 0;
        if (judge(d, &one))
            d->at[d->out.n++] = one;
    }
    if (d->out.n > 0)
        qsort(d->at, d->out.n, sizeof *d->at, by_silence);
    d->out.at = d->at;
    *ret = &d->out;
    return KT_OK;
}

void kt_dormants_free(struct kt_dormants *out)
{
    struct dormants *d = (struct dormants *)out;
    if (d == NULL)
        return;
    kt_map_free(d->actors);
    kt_known_done(&d->known);
    kt_map_free(d->texts);
    kt_json_free(d->json);
    kt_buf_done(&d->codes);
    kt_free(d->of);
    kt_free(d->place);
    kt_free(d->at);
    kt_free(d);
}
