/*
 * secret_state: see the header. What became of many secrets: three walks (which of them changed, by
 * columns; how, by the lines of those; who reads them, by columns) and the newest inventory.
 *
 * Owns:  a state for each secret, its changes, its readers, and their texts.
 * Calls: core/answer/ask, inventory, secret_change. No clock, no output.
 * Holds: the walks are bounded by the secrets that are asked about, not by the store.
 */
#include "core/answer/secret_state_int.h"

#include <stdlib.h>

#include "core/base/alloc.h"
#include "core/base/known.h"
#include "core/store/totals.h"

#define BEFORE      (25 * KT_NS_HOUR) /* a rotation that a read fell into began so long before */
#define TERMS_MAX   48u               /* secrets that one query names */
#define QUERY_MAX   3000u             /* bytes of it; the language has 4,096 */
#define CHANGES_MAX 1000000u

/* A window of its own, for as long as a walk takes. */
static enum kt_status within(struct kt_states *s, kt_time_ns since, kt_time_ns until,
                             enum kt_status (*walk)(struct kt_states *s, struct kt_error *err),
                             struct kt_error *err)
{
    kt_time_ns was_since = s->ask->since, was_until = s->ask->until;
    s->ask->since = since;
    s->ask->until = until;
    enum kt_status status = walk(s, err);
    s->ask->since = was_since;
    s->ask->until = was_until;
    return status;
}

enum kt_status kt_states_new(struct kt_ask *a, kt_time_ns readers, struct kt_states **ret,
                             struct kt_error *err)
{
    struct kt_states *s = kt_alloc(sizeof *s);
    *s = (struct kt_states){ .ask = a,
                             .readers_until = readers,
                             .secrets = kt_map_new((uint64_t)a->now),
                             .texts = kt_map_new((uint64_t)a->now),
                             .put = kt_map_new((uint64_t)a->now),
                             .met = kt_map_new((uint64_t)a->now) };
    enum kt_status status = kt_inventory_newest(a, &s->inventory, err);
    if (status != KT_OK) {
        kt_states_free(s);
        return status;
    }
    *ret = s;
    return KT_OK;
}

void kt_states_free(struct kt_states *s)
{
    if (s == NULL)
        return;
    kt_inventory_free(s->inventory);
    kt_map_free(s->secrets);
    kt_map_free(s->texts);
    kt_map_free(s->put);
    kt_map_free(s->met);
    kt_known_done(&s->known_put);
    kt_free(s->put_as);
    kt_known_done(&s->known);
    kt_known_done(&s->known_id);
    kt_free(s->met_as);
    kt_pairs_done(&s->pairs);
    kt_free(s->state);
    kt_free(s->changed);
    kt_free(s->change);
    kt_free(s->reader);
    kt_free(s->own);
    kt_free(s->listed);
    kt_buf_done(&s->scratch);
    kt_free(s);
}

const struct kt_inventory *kt_states_inventory(const struct kt_states *s)
{
    return s->inventory;
}

uint32_t kt_states_count(const struct kt_states *s)
{
    return kt_map_count(s->secrets);
}

const struct kt_secret_state *kt_states_at(const struct kt_states *s, uint32_t n)
{
    return &s->state[n];
}

static struct kt_str kept(struct kt_states *s, struct kt_str text)
{
    return text.len == 0 ? KT_STR_NONE : kt_map_key(s->texts, kt_map_put(s->texts, text, NULL));
}

/* ---- what was read ---- */

/* Who reads it again and again names it the same way. */
static void note_put(struct kt_states *s, struct kt_str secret, uint32_t number)
{
    if (kt_map_count(s->put) >= KT_STATE_SECRETS_MAX)
        return;
    uint32_t at = kt_known_put(&s->known_put, s->put, secret);
    if (at >= s->cap_put) {
        s->cap_put = s->cap_put == 0 ? 1024 : 2 * s->cap_put;
        s->put_as = kt_realloc_array(s->put_as, s->cap_put, sizeof *s->put_as);
    }
    s->put_as[at] = number;
}

enum kt_status kt_states_put(struct kt_states *s, struct kt_str secret, uint32_t *ret,
                             struct kt_error *err)
{
    bool is_new;
    uint32_t put = kt_known_get(&s->known_put, s->put, secret);
    if (put != KT_MAP_NONE) {
        *ret = s->put_as[put];
        return KT_OK;
    }
    kt_buf_reset(&s->scratch);
    kt_secret_read_as(secret, &s->scratch);
    uint32_t n = kt_map_put(s->secrets, kt_buf_str(&s->scratch), &is_new);
    if (n >= KT_STATE_SECRETS_MAX)
        return kt_fail(err, KT_E_LIMIT, "more than %u secrets: give a shorter window",
                       KT_STATE_SECRETS_MAX);
    if (n >= s->cap) {
        s->cap = s->cap == 0 ? 256 : 2 * s->cap;
        s->state = kt_realloc_array(s->state, s->cap, sizeof *s->state);
        s->changed = kt_realloc_array(s->changed, s->cap, sizeof *s->changed);
    }
    if (is_new) {
        s->changed[n] = false;
        s->state[n] = (struct kt_secret_state){ .secret = kt_map_key(s->secrets, n) };
        s->state[n].listed = kt_inventory_find(s->inventory, s->state[n].secret);
    }
    note_put(s, secret, n);
    *ret = n;
    return KT_OK;
}

static void take_version(struct kt_states *s, struct kt_secret_state *st, struct kt_str version)
{
    for (unsigned i = 0; i < st->n_versions; i++)
        if (kt_str_eq(st->version[i], version))
            return;
    if (st->n_versions < KT_STATE_VERSIONS)
        st->version[st->n_versions++] = kept(s, version);
}

void kt_states_sum(struct kt_states *s, uint32_t n, const struct kt_secret_state *of)
{
    struct kt_secret_state *st = &s->state[n];
    if (st->reads == 0 || of->first < st->first)
        st->first = of->first;
    if (of->last > st->last)
        st->last = of->last;
    if (of->last_pending > st->last_pending)
        st->last_pending = of->last_pending;
    st->by_set = (st->reads == 0 || st->by_set) && of->by_set;
    st->reads += of->reads;
    st->issued += of->issued;
    st->no_version = st->no_version || of->no_version;
    for (unsigned i = 0; i < of->n_versions; i++)
        take_version(s, st, of->version[i]);
}

/* Reads that were asked about are none that somebody will miss. */
static void note_own(struct kt_states *s, uint32_t n, struct kt_str actor, kt_time_ns time,
                     uint64_t reads)
{
    bool regular =
        actor.len > 0 && time < s->readers_until && time >= s->readers_until - KT_READERS_SPAN;
    uint32_t pair =
        regular ? kt_states_pair(s, n, kt_known_put(&s->known, s->texts, actor)) : KT_MAP_NONE;
    if (pair != KT_MAP_NONE)
        s->own[pair] += reads;
}

void kt_states_read(struct kt_states *s, uint32_t n, const struct kt_state_read *read)
{
    bool waits = kt_str_is(read->stage, "AWSPENDING"), told = read->version.len > 0;
    kt_states_sum(s, n,
                  &(struct kt_secret_state){ .reads = 1,
                                             .issued = read->issued,
                                             .first = read->time,
                                             .last = read->time,
                                             .last_pending = waits ? read->time : 0,
                                             .by_set = read->by_set,
                                             .no_version = !told,
                                             .version = { read->version },
                                             .n_versions = told });
    note_own(s, n, read->actor, read->time, 1);
}

void kt_states_reads(struct kt_states *s, uint32_t n, const struct kt_state_reads *reads)
{
    kt_states_sum(s, n,
                  &(struct kt_secret_state){ .reads = reads->n,
                                             .issued = reads->issued ? reads->n : 0,
                                             .first = reads->first,
                                             .last = reads->last,
                                             .no_version = true });
    note_own(s, n, reads->actor, reads->last, reads->n);
}

/* ---- which of them changed ---- */

static enum kt_status mark_changed(void *self, const struct kt_view *view, struct kt_error *err)
{
    struct kt_states *s = self;
    KT_CLEANUP(kt_buf_done) struct kt_buf room = { 0 };
    const uint32_t *number = kt_states_numbers(s, view, &room);
    (void)err;
    for (uint32_t i = 0; i < view->picks; i++) {
        uint32_t n = kt_states_number_at(number, view, view->pick[i]);
        if (n != KT_MAP_NONE)
            s->changed[n] = true;
    }
    return KT_OK;
}

/* The same of a stretch. */
static bool sums_changed(void *self, struct kt_totals *sums)
{
    struct kt_states *s = self;
    for (uint32_t i = 0; i < sums->n_changed; i++) {
        uint32_t n = kt_states_number_of(s, sums->changed[i]);
        if (n != KT_MAP_NONE)
            s->changed[n] = true;
    }
    return true;
}

/* ` secret:"a","b"` of those that are asked about from number *next on, moved behind the last one;
 * false: there is none any more. Those with changes alone, or all. */
static bool add_secrets(struct kt_states *s, bool changed, uint32_t *next, struct kt_buf *query)
{
    unsigned terms = 0;
    for (; *next < kt_states_count(s) && terms < TERMS_MAX && query->len < QUERY_MAX; ++*next) {
        struct kt_str secret = s->state[*next].secret;
        if (changed && !s->changed[*next])
            continue;
        if (terms++ == 0)
            kt_ask_term(query, "secret", secret);
        else
            kt_ask_value(query, secret);
        kt_buf_reset(&s->scratch);
        if (kt_secret_changed_as(secret, &s->scratch))
            kt_ask_value(query, kt_buf_str(&s->scratch));
    }
    return terms > 0;
}

/* Names the secrets in the query where they are few enough for one. */
void kt_states_narrow(struct kt_states *s, struct kt_buf *query)
{
    size_t before = query->len;
    uint32_t next = 0;
    if (add_secrets(s, false, &next, query) && next < kt_states_count(s))
        query->len = before;
}

static enum kt_status find_changed(struct kt_states *s, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf query = { 0 };
    kt_buf_addz(&query, KT_SECRET_CHANGES);
    kt_states_narrow(s, &query);
    const struct kt_ask_totals sums = { .with = KT_TOTALS_WITH_CHANGES, .take = sums_changed };
    return kt_ask_summed(s->ask, &sums, kt_buf_str(&query), KT_COLUMN(KT_COL_SECRET), mark_changed,
                         s, err);
}

/* ---- how they changed ---- */

static enum kt_status take_change(void *self, const struct kt_record *r, const struct kt_fact *fact,
                                  struct kt_error *err)
{
    struct kt_states *s = self;
    enum kt_secret_change change = kt_secret_change_of(&r->ev);
    (void)fact;
    if (change == KT_CHANGE_NONE)
        return KT_OK;
    if (s->n_changes == CHANGES_MAX)
        return kt_fail(err, KT_E_LIMIT, "more than %u changes of secrets: give a shorter window",
                       CHANGES_MAX);
    kt_buf_reset(&s->scratch);
    kt_secret_read_as(r->ev.secret, &s->scratch);
    uint32_t n = kt_map_get(s->secrets, kt_buf_str(&s->scratch));
    if (n == KT_MAP_NONE)
        return KT_OK;
    if (s->n_changes == s->cap_changes) {
        s->cap_changes = s->cap_changes == 0 ? 256 : 2 * s->cap_changes;
        s->change = kt_realloc_array(s->change, s->cap_changes, sizeof *s->change);
    }
    s->change[s->n_changes++] = (struct kt_states_change){
        n,
        { .change = change,
          .seq = r->seq,
          .time = r->ev.time != 0 ? r->ev.time : r->arrival,
          .version = kept(s, r->ev.version),
          .by = kept(s, kt_ask_actor(s->ask, r->ev.actor, r->ev.source, r->ev.instance)) }
    };
    return KT_OK;
}

static enum kt_status read_changes(struct kt_states *s, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf query = { 0 };
    enum kt_status status = find_changed(s, err);
    uint32_t next = 0;
    while (status == KT_OK) {
        kt_buf_reset(&query);
        kt_buf_addz(&query, KT_SECRET_CHANGES);
        if (!add_secrets(s, true, &next, &query))
            break;
        status = kt_ask_records(s->ask, kt_buf_str(&query), take_change, s, err);
    }
    return status;
}

/* ---- the answer ---- */

static int by_time(const void *a, const void *b)
{
    const struct kt_states_change *x = a, *y = b;
    if (x->secret != y->secret)
        return x->secret < y->secret ? -1 : 1;
    if (x->is.time != y->is.time)
        return x->is.time < y->is.time ? -1 : 1;
    return x->is.seq < y->is.seq ? -1 : 1;
}

static void judge_all(struct kt_states *s)
{
    KT_CLEANUP(kt_free_ptr)
    struct kt_state_change *of = kt_alloc_array(s->n_changes + 1, sizeof *of);
    size_t from = 0;
    if (s->n_changes > 0)
        qsort(s->change, s->n_changes, sizeof *s->change, by_time);
    for (size_t i = 0; i < s->n_changes; i++)
        of[i] = s->change[i].is;
    for (uint32_t n = 0; n < kt_states_count(s); n++) {
        size_t until = from;
        while (until < s->n_changes && s->change[until].secret == n)
            until++;
        kt_secret_judge(&s->state[n], of + from, until - from);
        from = until;
    }
}

enum kt_status kt_states_judge(struct kt_states *s, struct kt_error *err)
{
    kt_time_ns first = INT64_MAX;
    for (uint32_t n = 0; n < kt_states_count(s); n++)
        if (s->state[n].first < first)
            first = s->state[n].first;
    if (kt_states_count(s) == 0)
        return KT_OK;
    enum kt_status status = within(s, first > BEFORE ? first - BEFORE : 0, 0, read_changes, err);
    if (status == KT_OK && s->readers_until != 0) {
        status =
            within(s, s->readers_until - KT_READERS_SPAN, s->readers_until, kt_states_readers, err);
        if (status == KT_OK)
            kt_states_list_readers(s);
    }
    if (status == KT_OK)
        judge_all(s);
    return status != KT_OK ? status : kt_leases_judge(s->ask, s->state, kt_states_count(s), err);
}
