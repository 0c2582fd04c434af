/*
 * incident_values: what became of each exposed value of an incident, and of those who read it
 * regularly.
 *
 * Owns:  nothing; texts go into the judge's arena.
 * Calls: core/answer (secret_state, rotation), core/base. No clock, no output.
 */
#include "core/answer/incident_int.h"
#include "core/answer/rotation.h"
#include "core/base/alloc.h"

_Static_assert(KT_STATE_VERSIONS <= KT_INCIDENT_VERSIONS_MAX, "a list keeps all that blast tells");

struct kt_incident_secret kt_incident_secret_of(const struct kt_secret_state *st)
{
    struct kt_incident_secret s = { .secret = st->secret,
                                    .reads = st->reads,
                                    .issued = st->issued,
                                    .first = st->first,
                                    .last = st->last,
                                    .pending = st->last_pending };
    for (unsigned k = 0; !st->no_version && k < st->n_versions; k++)
        s.version[s.n_versions++] = st->version[k];
    return s;
}

static enum kt_status put_reads(const struct kt_incident *i, struct kt_states *s, uint32_t *number,
                                struct kt_error *err)
{
    for (unsigned k = 0; k < i->n_exposed; k++) {
        const struct kt_incident_exposed *e = &i->exposed[k];
        /* A value that leaked by itself was never read here: all of before the opening is out. */
        kt_time_ns last = e->last != 0 ? e->last : i->opened.at;
        enum kt_status st = kt_states_put(s, kt_str_of(e->secret), &number[k], err);
        if (st != KT_OK)
            return st;
        struct kt_secret_state was = { .reads = e->reads > 0 ? e->reads : 1,
                                       .issued = e->issued,
                                       .first = e->first != 0 ? e->first : last,
                                       .last = last,
                                       .last_pending = e->pending,
                                       .no_version = e->n_versions == 0 };
        while (was.n_versions < e->n_versions && was.n_versions < KT_STATE_VERSIONS) {
            was.version[was.n_versions] = kt_str_of(e->version[was.n_versions]);
            was.n_versions++;
        }
        kt_states_sum(s, number[k], &was);
    }
    return KT_OK;
}

/* ---- who has fetched the new one ---- */

static const struct kt_rotation_reader *reader_named(const struct kt_rotation *r,
                                                     struct kt_str actor)
{
    for (unsigned i = 0; r != NULL && i < r->n; i++)
        if (kt_str_eq(r->reader[i].actor, actor))
            return &r->reader[i];
    return NULL;
}

static bool is_exposed(const struct kt_incident_exposed *e, struct kt_str version)
{
    for (unsigned v = 0; v < e->n_versions; v++)
        if (kt_str_is(version, e->version[v]))
            return true;
    return false;
}

/* A read after the rotation proves nothing by itself: a reader may be pinned to the old version. */
static bool waits(const struct kt_incident_value *v, const struct kt_rotation *r,
                  const struct kt_secret_reader *reader)
{
    const struct kt_rotation_reader *x = reader_named(r, reader->actor);
    return reader->last <= v->at || x == NULL || kt_rotation_holds_old(x->state) ||
           is_exposed(v->of, x->version);
}

static bool is_regular(const struct kt_secret_reader *reader)
{
    return reader->reads >= KT_INCIDENT_REGULAR;
}

/* Only where somebody fetched since is there anything to look at: one walk a secret. More readers
 * than a rotation is judged for leave *ret empty, and all of them wait. */
static enum kt_status load_rotation(struct kt_ask *a, const struct kt_secret_state *st,
                                    struct kt_rotation **ret, struct kt_error *err)
{
    const struct kt_rotation_ask what = { .secret = st->secret,
                                          .since = st->at,
                                          .settle = KT_INCIDENT_QUIET };
    bool fetched = false;
    for (unsigned r = 0; r < st->n_readers; r++)
        fetched = fetched || (is_regular(&st->reader[r]) && st->reader[r].last > st->at);
    if (st->exposure != KT_EXPOSURE_ROTATED || !fetched)
        return KT_OK;
    enum kt_status status = kt_rotation_load(a, &what, ret, err);
    if (status != KT_E_LIMIT || (a->give_up != NULL && a->give_up(a->give_up_self)))
        return status;
    *err = (struct kt_error){ 0 };
    return KT_OK;
}

static enum kt_status judge_value(struct kt_ask *a, const struct kt_secret_state *st,
                                  struct kt_arena *texts, struct kt_incident_value *v,
                                  struct kt_error *err)
{
    struct kt_rotation *rotation = NULL;
    v->exposure = st->exposure;
    v->at = st->at;
    v->by = kt_arena_str(texts, st->by);
    v->current = kt_arena_str(texts, st->current);
    enum kt_status status = load_rotation(a, st, &rotation, err);
    for (unsigned r = 0; r < st->n_readers; r++) {
        const struct kt_secret_reader *reader = &st->reader[r];
        if (!is_regular(reader))
            continue;
        v->regular++;
        if (st->exposure != KT_EXPOSURE_ROTATED || !waits(v, rotation, reader))
            continue;
        if (v->waiting++ == 0)
            v->first = kt_arena_str(texts, reader->actor);
    }
    kt_rotation_free(rotation);
    return status;
}

/* ---- all of them ---- */

enum kt_status kt_incident_values(struct kt_ask *a, const struct kt_incident *i,
                                  struct kt_arena *texts, struct kt_incident_value **ret,
                                  struct kt_error *err)
{
    struct kt_states *s = NULL;
    unsigned n = i->n_exposed;
    uint32_t *number = kt_alloc_array(n + 1, sizeof *number);
    enum kt_status st = kt_states_new(a, a->now, &s, err);
    if (st == KT_OK)
        st = put_reads(i, s, number, err);
    if (st == KT_OK)
        st = kt_states_judge(s, err);
    struct kt_incident_value *value = kt_alloc_array(n + 1, sizeof *value);
    for (unsigned k = 0; st == KT_OK && k < n; k++) {
        value[k] = (struct kt_incident_value){ .of = &i->exposed[k] };
        st = judge_value(a, kt_states_at(s, number[k]), texts, &value[k], err);
    }
    if (st == KT_OK)
        *ret = value;
    else
        kt_free(value);
    kt_states_free(s);
    kt_free(number);
    return st;
}
