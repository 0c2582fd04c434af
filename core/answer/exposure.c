/*
 * exposure: see the header.
 *
 * Owns:  an entry for each place and credential, and their texts.
 * Calls: core/answer (secret_state, ask). No clock, no output.
 */
#include "core/answer/exposure.h"

#include <stdlib.h>

#include "core/base/alloc.h"
#include "core/base/map.h"

struct exposures {
    struct kt_exposures out; /* first: kt_exposures_free gets at the rest */
    struct kt_ask *ask;
    struct kt_str pattern;
    struct kt_map *keys, *texts;
    struct kt_exposed *at;
    uint32_t cap;
    /* of the one that is followed */
    struct kt_exposed *now;
    struct kt_states *states;
    struct kt_counted *addresses;
};

static struct kt_str kept(struct exposures *s, struct kt_str text)
{
    return text.len == 0 ? KT_STR_NONE : kt_map_key(s->texts, kt_map_put(s->texts, text, NULL));
}

/* ---- what was found ---- */

/* A place without its scheme fits too, as names of secrets do in a query. */
static bool fits(struct kt_str pattern, struct kt_str text)
{
    ptrdiff_t scheme = kt_str_find(text, KT_STR("://"), 0);
    return kt_str_glob(pattern, text) ||
           kt_str_glob(pattern, kt_str_from_index(text, scheme < 0 ? 0 : (size_t)scheme + 3));
}

static bool is_wanted(const struct exposures *s, const struct kt_event *ev)
{
    return s->pattern.len == 0 || fits(s->pattern, ev->secret) || fits(s->pattern, ev->operation) ||
           fits(s->pattern, ev->credential);
}

static struct kt_exposed *entry_of(struct exposures *s, const struct kt_event *ev)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf key = { 0 };
    bool is_new = false;
    kt_buf_str32(&key, ev->secret);
    kt_buf_add(&key, ev->credential);
    uint32_t n = kt_map_count(s->keys) < KT_EXPOSURES_MAX
                     ? kt_map_put(s->keys, kt_buf_str(&key), &is_new)
                     : kt_map_get(s->keys, kt_buf_str(&key));
    if (n == KT_MAP_NONE)
        return NULL;
    if (n >= s->cap) {
        s->cap = s->cap == 0 ? 32 : 2 * s->cap;
        s->at = kt_realloc_array(s->at, s->cap, sizeof *s->at);
    }
    if (is_new)
        s->at[n] = (struct kt_exposed){ .found = INT64_MAX,
                                        .newest = INT64_MIN,
                                        .where = kept(s, ev->secret),
                                        .credential = kept(s, ev->credential) };
    return &s->at[n];
}

static enum kt_status take(void *self, const struct kt_record *r, const struct kt_fact *fact,
                           struct kt_error *err)
{
    struct exposures *s = self;
    const struct kt_event *ev = &r->ev;
    kt_time_ns time = ev->time != 0 ? ev->time : r->arrival;
    (void)fact;
    (void)err;
    if (!is_wanted(s, ev))
        return KT_OK;
    struct kt_exposed *e = entry_of(s, ev);
    if (e == NULL) {
        s->out.more++;
        return KT_OK;
    }
    e->findings++;
    e->found = time < e->found ? time : e->found;
    e->newest = time > e->newest ? time : e->newest;
    /* the state of the line that came last: a finding keeps the time of its commit */
    e->state = kept(s, ev->code);
    e->is_dead = kt_str_is(ev->code, "revoked") || kt_str_is(ev->code, "invalid");
    e->rule = kept(s, ev->operation);
    e->author = kept(s, ev->actor);
    e->instance = kept(s, ev->instance);
    return KT_OK;
}

/* ---- what was done with it ---- */

static enum kt_status take_use(void *self, const struct kt_record *r, const struct kt_fact *fact,
                               struct kt_error *err)
{
    struct exposures *s = self;
    struct kt_exposed *e = s->now;
    const struct kt_event *ev = &r->ev;
    kt_time_ns time = ev->time != 0 ? ev->time : r->arrival;
    char ip[KT_IP_TEXT_MAX];
    uint32_t n;
    (void)fact;
    if (kt_event_is_shadow(ev)) /* no use of its own: the read is recorded beside it */
        return KT_OK;
    if (time < e->found) {
        e->uses_before++;
        return KT_OK;
    }
    e->uses++;
    e->first_use = e->first_use == 0 || time < e->first_use ? time : e->first_use;
    e->last_use = time > e->last_use ? time : e->last_use;
    if (ev->has_ip)
        kt_counted_add(s->addresses,
                       &(struct kt_counted_thing){ .what = kt_str_of(kt_ip_format(ev->ip, ip)) },
                       time);
    if (ev->outcome != KT_OUT_SUCCESS && ev->outcome != KT_OUT_UNKNOWN) {
        e->failed++;
        return KT_OK;
    }
    if (!kt_event_is_read(ev))
        return KT_OK;
    e->reads++;
    if (s->states == NULL && kt_states_new(s->ask, 0, &s->states, err) != KT_OK)
        return err->code;
    if (kt_states_put(s->states, ev->secret, &n, err) != KT_OK)
        return KT_E_LIMIT;
    const struct kt_state_read read = { .time = time,
                                        .version = ev->version,
                                        .stage = ev->stage,
                                        .issued = ev->action == KT_ACT_ISSUE };
    kt_states_read(s->states, n, &read);
    return KT_OK;
}

static enum kt_status follow(struct exposures *s, struct kt_exposed *e, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf query = { 0 };
    s->now = e;
    s->addresses = kt_counted_new(KT_EXPOSURES_MAX, (uint64_t)s->ask->now);
    kt_ask_term(&query, "credential", e->credential);
    kt_ask_text(&query, e->credential);
    enum kt_status status = kt_ask_records(s->ask, kt_buf_str(&query), take_use, s, err);
    if (status == KT_OK && s->states != NULL) {
        status = kt_states_judge(s->states, err);
        e->secrets = kt_states_count(s->states);
        for (uint32_t i = 0; i < e->secrets; i++)
            e->open += kt_exposure_is_open(kt_states_at(s->states, i)->exposure);
    }
    e->addresses = kt_counted_sorted(s->addresses).n;
    kt_states_free(s->states);
    kt_counted_free(s->addresses);
    s->states = NULL;
    return status;
}

static int newest_first(const void *x, const void *y)
{
    const struct kt_exposed *a = x, *b = y;
    if ((a->credential.len > 0) != (b->credential.len > 0))
        return a->credential.len > 0 ? -1 : 1;
    if (a->newest != b->newest)
        return a->newest > b->newest ? -1 : 1;
    return kt_str_cmp(a->where, b->where);
}

static int in_use_first(const void *x, const void *y)
{
    const struct kt_exposed *a = x, *b = y;
    if ((a->uses > 0) != (b->uses > 0))
        return a->uses > 0 ? -1 : 1;
    if (a->newest != b->newest)
        return a->newest > b->newest ? -1 : 1;
    return kt_str_cmp(a->where, b->where);
}

static enum kt_status load(struct exposures *s, struct kt_error *err)
{
    enum kt_status status = kt_ask_records(s->ask, KT_STR("kind:exposure"), take, s, err);
    s->out.n = kt_map_count(s->keys);
    if (status != KT_OK || s->out.n == 0)
        return status;
    qsort(s->at, s->out.n, sizeof *s->at, newest_first);
    for (uint32_t i = 0; i < s->out.n && status == KT_OK && s->at[i].credential.len > 0; i++)
        if (i < KT_EXPOSURES_FOLLOW)
            status = follow(s, &s->at[i], err);
        else
            s->out.not_followed++;
    qsort(s->at, s->out.n, sizeof *s->at, in_use_first);
    return status;
}

enum kt_status kt_exposures_load(struct kt_ask *a, struct kt_str pattern, struct kt_exposures **ret,
                                 struct kt_error *err)
{
    struct exposures *s = kt_alloc(sizeof *s);
    *s = (struct exposures){ .ask = a,
                             .pattern = pattern,
                             .keys = kt_map_new((uint64_t)a->now),
                             .texts = kt_map_new((uint64_t)a->now) };
    enum kt_status status = load(s, err);
    if (status != KT_OK) {
        kt_exposures_free(&s->out);
        return status;
    }
    s->out.at = s->at;
    *ret = &s->out;
    return KT_OK;
}

void kt_exposures_free(struct kt_exposures *out)
{
    struct exposures *s = (struct exposures *)out;
    if (s == NULL)
        return;
    kt_map_free(s->keys);
    kt_map_free(s->texts);
    kt_free(s->at);
    kt_free(s);
}
