/*
 * secret_readers: who reads the secrets that are asked about: pairs of a secret and an actor, over
 * columns.
 *
 * Owns:  nothing; fills a struct kt_states.
 * Calls: core/answer (ask), core/base. No clock, no output.
 */
#include <stdlib.h>
#include <string.h>

#include "core/answer/secret_state_int.h"
#include "core/base/alloc.h"
#include "core/store/totals.h"

#define READERS_MAX 2000000u /* pairs of a secret and a reader */

/* ---- which secrets ---- */

#define FEW 64u /* secrets up to which each is looked for in a dictionary, instead of its texts */

/* The place of a text in a dictionary, which rises bytewise; its size: it is not there. */
static uint32_t place_of(const struct kt_text_column *t, struct kt_str text)
{
    uint32_t low = 0, high = t->n_dict;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (kt_str_cmp(t->dict[mid], text) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low < t->n_dict && kt_str_eq(t->dict[low], text) ? low : t->n_dict;
}

static void look_for_each(struct kt_states *s, const struct kt_text_column *t, uint32_t *number)
{
    for (uint32_t i = 0; i < t->n_dict; i++)
        number[i] = KT_MAP_NONE;
    for (uint32_t n = 0; n < kt_states_count(s); n++) {
        number[place_of(t, s->state[n].secret)] = n; /* one behind the last: of none */
        kt_buf_reset(&s->scratch);
        if (kt_secret_changed_as(s->state[n].secret, &s->scratch))
            number[place_of(t, kt_buf_str(&s->scratch))] = n;
    }
}

/* The number of an id as columns have it. While walks last no secret is added to those that are
 * asked about, so that what was found once holds. */
uint32_t kt_states_number_of(struct kt_states *s, struct kt_str id)
{
    uint32_t at = kt_known_get(&s->known_id, s->met, id);
    if (at != KT_MAP_NONE)
        return s->met_as[at];
    kt_buf_reset(&s->scratch);
    kt_secret_read_as(id, &s->scratch);
    uint32_t number = kt_map_get(s->secrets, kt_buf_str(&s->scratch));
    if (kt_map_count(s->met) >= KT_STATE_SECRETS_MAX)
        return number;
    at = kt_map_put(s->met, id, NULL);
    if (at >= s->cap_met) {
        s->cap_met = s->cap_met == 0 ? 1024 : 2 * s->cap_met;
        s->met_as = kt_realloc_array(s->met_as, s->cap_met, sizeof *s->met_as);
    }
    s->met_as[at] = number;
    kt_known_add(&s->known_id, id, at);
    return number;
}

const uint32_t *kt_states_numbers(struct kt_states *s, const struct kt_view *view,
                                  struct kt_buf *room)
{
    const struct kt_text_column *t = &view->columns->text[KT_COL_SECRET - KT_COL_SMALL];
    kt_buf_reset(room);
    uint32_t *number = (uint32_t *)(void *)kt_buf_reserve(room, (t->n_dict + 1) * sizeof *number);
    if (kt_states_count(s) <= FEW) {
        look_for_each(s, t, number);
        return number;
    }
    for (uint32_t i = 0; i < t->n_dict; i++)
        number[i] = kt_states_number_of(s, t->dict[i]);
    return number;
}

uint32_t kt_states_number_at(const uint32_t *number, const struct kt_view *view, uint32_t row)
{
    uint16_t code = view->columns->text[KT_COL_SECRET - KT_COL_SMALL].code[row];
    return code == 0 ? KT_MAP_NONE : number[code - 1];
}

/* ---- pairs ---- */

uint32_t kt_states_pair(struct kt_states *s, uint32_t secret, uint32_t actor)
{
    bool is_new;
    if (s->crowded)
        return KT_MAP_NONE;
    uint32_t n = kt_pairs_put(&s->pairs, secret, actor, &is_new);
    s->crowded = s->pairs.used > READERS_MAX;
    if (n >= s->cap_readers) {
        s->cap_readers = s->cap_readers == 0 ? 256 : 2 * s->cap_readers;
        s->reader = kt_realloc_array(s->reader, s->cap_readers, sizeof *s->reader);
        s->own = kt_realloc_array(s->own, s->cap_readers, sizeof *s->own);
    }
    if (is_new) {
        s->reader[n] =
            (struct kt_states_reader){ secret, { .actor = kt_map_key(s->texts, actor) } };
        s->own[n] = 0;
    }
    return n;
}

/* The number of a row's actor in texts. Without aliases the name decides: once a code. */
static uint32_t actor_at(struct kt_states *s, const struct kt_columns *c, uint32_t row,
                         uint32_t *number)
{
    uint32_t code = c->text[KT_COL_ACTOR - KT_COL_SMALL].code[row];
    struct kt_str actor = kt_column_str(c, KT_COL_ACTOR, row);
    if (s->ask->ids != NULL)
        return kt_map_put(s->texts,
                          kt_ask_actor(s->ask, actor, kt_column_str(c, KT_COL_SOURCE, row),
                                       kt_column_str(c, KT_COL_INSTANCE, row)),
                          NULL);
    if (number[code] == KT_MAP_NONE)
        number[code] = kt_known_put(&s->known, s->texts, actor);
    return number[code];
}

#define AHEAD 16u /* pairs whose places are asked for before the first of them is looked at */
struct read {
    uint32_t secret, actor; /* numbers */
    uint64_t n;
    kt_time_ns last;
};
struct reads {
    struct read at[AHEAD];
    uint32_t n;
};

static void count_reads(struct kt_states *s, struct reads *r)
{
    uint32_t pair[AHEAD];
    for (uint32_t i = 0; i < r->n; i++) {
        pair[i] = kt_states_pair(s, r->at[i].secret, r->at[i].actor);
        if (pair[i] != KT_MAP_NONE)
            __builtin_prefetch(&s->reader[pair[i]], 1);
    }
    for (uint32_t i = 0; i < r->n; i++) {
        if (pair[i] == KT_MAP_NONE)
            continue;
        struct kt_secret_reader *is = &s->reader[pair[i]].is;
        is->reads += r->at[i].n;
        is->last = r->at[i].last > is->last ? r->at[i].last : is->last;
    }
    r->n = 0;
}

static void add_read(struct kt_states *s, struct reads *r, const struct read *one)
{
    if (r->n == AHEAD)
        count_reads(s, r);
    kt_pairs_expect(&s->pairs, one->secret, one->actor);
    r->at[r->n++] = *one;
}

/* Sums come secret by secret and walks record by record: each would leave out others. */
static enum kt_status crowded(struct kt_error *err)
{
    return kt_fail(err, KT_E_LIMIT,
                   "more than %u pairs of a secret and a reader: give a shorter window",
                   READERS_MAX);
}

static enum kt_status take_readers(void *self, const struct kt_view *view, struct kt_error *err)
{
    struct kt_states *s = self;
    const struct kt_columns *c = view->columns;
    KT_CLEANUP(kt_buf_done) struct kt_buf room = { 0 }, actors = { 0 };
    const uint32_t *number = kt_states_numbers(s, view, &room);
    uint32_t n_actors = c->text[KT_COL_ACTOR - KT_COL_SMALL].n_dict + 1;
    uint32_t *actor = (uint32_t *)(void *)kt_buf_reserve(&actors, n_actors * sizeof *actor);
    memset(actor, 0xff, n_actors * sizeof *actor); /* KT_MAP_NONE */
    struct reads reads = { .n = 0 };
    for (uint32_t i = 0; i < view->picks; i++) {
        uint32_t row = view->pick[i], secret = kt_states_number_at(number, view, row);
        if (secret != KT_MAP_NONE && !kt_column_is_shadow(c, row))
            add_read(s, &reads,
                     &(struct read){ secret, actor_at(s, c, row, actor), 1, view->time[row] });
    }
    count_reads(s, &reads);
    return s->crowded ? crowded(err) : KT_OK;
}

/* ---- pairs of a stretch ---- */

static bool is_read(const struct kt_totals_way *way)
{
    return (1u << way->action & KT_TOTALS_READS) != 0 && way->outcome == KT_OUT_SUCCESS &&
           !way->shadow;
}

/* The numbers of the secrets of its things; KT_MAP_NONE: nobody asks, or it is no read. A thing
 * stands in many entries. The ways of a secret follow each other. */
static const uint32_t *numbers_of_things(struct kt_states *s, const struct kt_totals *sums,
                                         struct kt_buf *room)
{
    uint32_t *number =
        (uint32_t *)(void *)kt_buf_reserve(room, (sums->n_things + 1) * sizeof *number);
    uint32_t secret = KT_TOTALS_NONE, of_secret = KT_MAP_NONE;
    for (uint32_t i = 0; i < sums->n_things; i++) {
        const struct kt_totals_thing *thing = &sums->thing[i];
        number[i] = KT_MAP_NONE;
        if (thing->secret == KT_TOTALS_NONE || !is_read(&sums->way[thing->way]))
            continue;
        if (thing->secret != secret)
            of_secret = kt_states_number_of(s, sums->secret[thing->secret].id);
        secret = thing->secret;
        number[i] = of_secret;
    }
    return number;
}

static void take_actor(struct kt_states *s, const struct kt_totals_actor *a, const uint32_t *number)
{
    const struct kt_totals_entry *e = a->entry[KT_TOTALS_DEEDS];
    const uint32_t n = a->n[KT_TOTALS_DEEDS],
                   actor = kt_known_put(&s->known, s->texts,
                                        kt_ask_actor(s->ask, a->actor, a->source, a->instance));
    struct reads reads = { .n = 0 };
    for (uint32_t i = 0; i < n; i++)
        if (number[e[i].of] != KT_MAP_NONE)
            add_read(s, &reads, &(struct read){ number[e[i].of], actor, e[i].n, e[i].last });
    count_reads(s, &reads);
}

static bool take_sums(void *self, struct kt_totals *sums)
{
    struct kt_states *s = self;
    KT_CLEANUP(kt_buf_done) struct kt_buf room = { 0 };
    const uint32_t *number = numbers_of_things(s, sums, &room);
    for (uint32_t i = 0; i < sums->n_actors; i++)
        if (sums->actor[i].wanted)
            take_actor(s, &sums->actor[i], number);
    return true;
}

enum kt_status kt_states_readers(struct kt_states *s, struct kt_error *err)
{
    const uint32_t wanted = KT_ACCESS_COLUMNS | KT_COLUMN(KT_COL_ACTOR) |
                            (s->ask->ids != NULL ? KT_COLUMN(KT_COL_INSTANCE) : 0);
    KT_CLEANUP(kt_buf_done) struct kt_buf query = { 0 };
    kt_buf_addz(&query, "action:read,export,issue,use outcome:success");
    kt_states_narrow(s, &query);
    const struct kt_ask_totals sums = { .with = KT_TOTALS_WITH_ACTORS | KT_TOTALS_WITH_SECRETS |
                                                KT_TOTALS_WITH_DEEDS,
                                        .take = take_sums };
    enum kt_status status =
        kt_ask_summed(s->ask, &sums, kt_buf_str(&query), wanted, take_readers, s, err);
    return status == KT_OK && s->crowded ? crowded(err) : status;
}

static int by_reads(const void *a, const void *b)
{
    const struct kt_secret_reader *x = a, *y = b;
    if (x->reads != y->reads)
        return x->reads > y->reads ? -1 : 1;
    return kt_str_cmp(x->actor, y->actor);
}

/* Each secret has its place in the list, so that only its own readers are compared: all together
 * they can be two million. Without the reads that were asked about, which nobody will miss. */
void kt_states_list_readers(struct kt_states *s)
{
    const uint32_t n = s->pairs.used;
    uint32_t at = 0;
    s->listed = kt_alloc_array(n + 1, sizeof *s->listed);
    for (uint32_t i = 0; i < n; i++) {
        struct kt_secret_reader *is = &s->reader[i].is;
        is->reads -= is->reads < s->own[i] ? is->reads : s->own[i];
        s->state[s->reader[i].secret].n_readers += is->reads > 0;
    }
    for (uint32_t k = 0; k < kt_states_count(s); k++) {
        struct kt_secret_state *st = &s->state[k];
        st->reader = st->n_readers > 0 ? &s->listed[at] : NULL;
        at += st->n_readers;
        st->n_readers = 0;
    }
    for (uint32_t i = 0; i < n; i++) {
        struct kt_secret_state *st = &s->state[s->reader[i].secret];
        if (s->reader[i].is.reads > 0)
            s->listed[st->reader - s->listed + st->n_readers++] = s->reader[i].is;
    }
    for (uint32_t k = 0; k < kt_states_count(s); k++)
        if (s->state[k].n_readers > 1)
            qsort(&s->listed[s->state[k].reader - s->listed], s->state[k].n_readers,
                  sizeof *s->listed, by_reads);
}
