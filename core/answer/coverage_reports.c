/*
 * coverage_reports: what only lines of reports tell: whose agent it is, what it cannot see, inputs
 * that failed, records that are lost for sure, digests of a trail, stores that were restored.
 *
 * A year has half a million reports of each source. So they are not read one by one: the newest of
 * each source; some in even steps, and between two whose counters differ the one in the middle,
 * until the minute is found; the one in the middle of a long silence. What happened has records of
 * its own, which are few.
 *
 * Owns:  pairs of readings.
 * Calls: core/answer (ask.h, coverage_int.h), core/event/json.h.
 */
#include <inttypes.h>

#include "core/answer/coverage_int.h"
#include "core/base/alloc.h"
#include "core/event/json.h"

#define STEPS     48u  /* even readings of the window */
#define PAIRS_MAX 256u /* whose middle is looked for at a time */
#define LEVELS    20u  /* 2^20 minutes are two years */
#define SILENCES  32u  /* long pauses of a source that are looked into */

/* ---- counters ---- */

struct pair { /* two readings of a source with others between them */
    struct kt_survey_reading a, b;
};

static void tell_growth(struct kt_survey *v, const struct kt_survey_reading *a,
                        const struct kt_survey_reading *b)
{
    const struct {
        uint64_t was, is;
        enum kt_gap_cause cause;
        const char *what;
    } all[] = { { a->counts.gaps, b->counts.gaps, KT_GAP_SEQUENCE, "numbers of its records" },
                { a->counts.lost, b->counts.lost, KT_GAP_LOST, "records, files or batches" } };
    for (unsigned i = 0; i < KT_ARRAY_LEN(all); i++) {
        if (all[i].is <= all[i].was)
            continue;
        struct kt_coverage_gap *g = kt_survey_gap(
            v, (int)a->source, a->at / KT_NS_MIN, b->at / KT_NS_MIN + 1, all[i].cause,
            "its agent counted %" PRIu64 " lost (%s)", all[i].is - all[i].was, all[i].what);
        if (g != NULL)
            g->events = all[i].is - all[i].was;
    }
}

static bool grew(const struct kt_survey_reading *a, const struct kt_survey_reading *b)
{
    return b->counts.gaps > a->counts.gaps || b->counts.lost > a->counts.lost;
}

/* Counters begin anew with the agent: what is less than before is all new. */
static void add_pair(struct kt_survey *v, struct pair *pair, unsigned *n,
                     struct kt_survey_reading a, struct kt_survey_reading b)
{
    if (b.counts.gaps < a.counts.gaps || b.counts.lost < a.counts.lost)
        a.counts = (struct kt_survey_counts){ 0 };
    if (!grew(&a, &b))
        return;
    if (b.at - a.at <= 2 * KT_NS_MIN || *n == PAIRS_MAX)
        tell_growth(v, &a, &b);
    else
        pair[(*n)++] = (struct pair){ a, b };
}

static enum kt_status halve(struct kt_survey *v, struct pair *pair, unsigned *n,
                            struct kt_error *err)
{
    struct pair *old = kt_alloc_array(*n + 1, sizeof *old);
    struct kt_survey_reading *m = kt_alloc_array(*n + 1, sizeof *m);
    unsigned n_old = *n;
    memcpy(old, pair, n_old * sizeof *old);
    for (unsigned i = 0; i < n_old; i++)
        m[i] =
            (struct kt_survey_reading){ .source = old[i].a.source,
                                        .wanted = old[i].a.at + (old[i].b.at - old[i].a.at) / 2 };
    enum kt_status status = kt_survey_read(v, m, n_old, err);
    *n = 0;
    for (unsigned i = 0; i < n_old && status == KT_OK; i++) {
        if (m[i].at <= old[i].a.at || m[i].at >= old[i].b.at) { /* nobody spoke then */
            tell_growth(v, &old[i].a, &old[i].b);
            continue;
        }
        add_pair(v, pair, n, old[i].a, m[i]);
        add_pair(v, pair, n, m[i], old[i].b);
    }
    kt_free(old);
    kt_free(m);
    return status;
}

static enum kt_status compare_steps(struct kt_survey *v, struct kt_error *err)
{
    kt_time_ns since = v->since * KT_NS_MIN + KT_SURVEY_FRESH, span = v->end * KT_NS_MIN - since;
    unsigned n = v->t->n, n_pairs = 0;
    if (span <= 0)
        return KT_OK;
    struct kt_survey_reading *r = kt_alloc_array((size_t)n * (STEPS + 1) + 1, sizeof *r);
    struct pair *pair = kt_alloc_array(PAIRS_MAX, sizeof *pair);
    for (unsigned i = 0; i < n; i++)
        for (unsigned step = 0; step <= STEPS; step++)
            r[i * (STEPS + 1) + step] = (struct kt_survey_reading){
                .source = i, .wanted = v->t->at[i].heard != 0 ? since + span / STEPS * step : 0
            };
    enum kt_status status = kt_survey_read(v, r, n * (STEPS + 1), err);
    for (unsigned i = 0; i < n && status == KT_OK; i++) {
        const struct kt_survey_reading *of = &r[i * (STEPS + 1)], *last = NULL;
        for (unsigned step = 0; step <= STEPS; step++) {
            if (of[step].at == 0)
                continue;
            if (last != NULL)
                add_pair(v, pair, &n_pairs, *last, of[step]);
            last = &of[step];
        }
    }
    for (unsigned level = 0; level < LEVELS && n_pairs > 0 && status == KT_OK; level++)
        status = halve(v, pair, &n_pairs, err);
    kt_free(pair);
    kt_free(r);
    return status;
}

/* ---- inputs that failed ---- */

static bool is_silence(const struct kt_coverage_gap *g)
{
    return g->cause == KT_GAP_SOURCE || g->cause == KT_GAP_LATE;
}

static int index_of(const struct kt_survey *v, struct kt_str instance)
{
    for (unsigned i = 0; i < v->t->n; i++)
        if (kt_str_eq(instance, v->c->source[i].instance))
            return (int)i;
    return -1;
}

/* What the agent said in the middle of a silence is its cause. */
static enum kt_status look_into_gaps(struct kt_survey *v, struct kt_error *err)
{
    struct kt_coverage *c = v->c;
    unsigned n = c->n_gaps;
    struct kt_survey_reading *r = kt_alloc_array(n + 1, sizeof *r);
    for (unsigned i = 0; i < n; i++) {
        int source = index_of(v, c->gap[i].instance);
        if (is_silence(&c->gap[i]) && source >= 0 && v->t->at[source].heard != 0)
            r[i] = (struct kt_survey_reading){ .source = (unsigned)source,
                                               .wanted = c->gap[i].from +
                                                         (c->gap[i].until - c->gap[i].from) / 2 };
    }
    enum kt_status status = kt_survey_read(v, r, n, err);
    for (unsigned i = 0; i < n && status == KT_OK; i++) {
        if (r[i].at == 0 || !r[i].fails)
            continue;
        c->gap[i].cause = KT_GAP_INPUT;
        c->gap[i].text = r[i].problem;
    }
    kt_free(r);
    return status;
}

static bool is_told(const struct kt_survey *v, unsigned source, const struct kt_survey_pause *p)
{
    for (unsigned i = 0; i < v->c->n_gaps; i++) {
        const struct kt_coverage_gap *g = &v->c->gap[i];
        if (kt_str_eq(g->instance, v->c->source[source].instance) &&
            g->from < p->until * KT_NS_MIN && g->until > p->from * KT_NS_MIN)
            return true;
    }
    return false;
}

/* The longest pauses of a source in the window; returns how many. */
static unsigned longest_pauses(const struct kt_survey *v, unsigned source,
                               struct kt_survey_pause ret[SILENCES])
{
    const struct kt_survey_source *x = &v->at[source];
    unsigned n = 0;
    for (unsigned k = 0; k < x->n_pauses; k++) {
        struct kt_survey_pause p = x->pause[k];
        if (p.until <= v->since || p.from >= v->until || is_told(v, source, &p))
            continue;
        unsigned at = n < SILENCES ? n++ : SILENCES;
        for (; at > 0 && ret[at - 1].until - ret[at - 1].from < p.until - p.from; at--)
            if (at < SILENCES)
                ret[at] = ret[at - 1];
        if (at < SILENCES)
            ret[at] = p;
    }
    return n;
}

/* What an input that failed left behind is read when it works again; the end of it is not late. A
 * pause there is part of what was filled. */
static bool belongs(struct kt_survey *v, unsigned source, const struct kt_survey_pause *p)
{
    const kt_time_ns near = KT_TALLY_LATE +
                            (1 + kt_tally_allowance(v->c->source[source].source)) * KT_NS_MIN +
                            KT_SURVEY_LEAST * KT_NS_MIN;
    for (unsigned i = 0; i < v->c->n_gaps; i++) {
        struct kt_coverage_gap *g = &v->c->gap[i];
        if (g->cause != KT_GAP_INPUT || !g->filled ||
            !kt_str_eq(g->instance, v->c->source[source].instance) ||
            g->from > p->until * KT_NS_MIN || g->until + near < p->from * KT_NS_MIN)
            continue;
        g->until = p->until * KT_NS_MIN > g->until ? p->until * KT_NS_MIN : g->until;
        return true;
    }
    return false;
}

/* Silences that say nothing by themselves. */
static enum kt_status look_into_pauses(struct kt_survey *v, struct kt_error *err)
{
    unsigned n = 0;
    struct kt_survey_reading *r = kt_alloc_array((size_t)v->t->n * SILENCES + 1, sizeof *r);
    struct kt_survey_pause *p = kt_alloc_array((size_t)v->t->n * SILENCES + 1, sizeof *p);
    for (unsigned i = 0; i < v->t->n; i++) {
        unsigned end = n + (v->t->at[i].heard != 0 ? longest_pauses(v, i, &p[n]) : 0);
        for (; n < end; n++)
            r[n] = (struct kt_survey_reading){
                .source = i, .wanted = (p[n].from + (p[n].until - p[n].from) / 2) * KT_NS_MIN
            };
    }
    enum kt_status status = kt_survey_read(v, r, n, err);
    for (unsigned i = 0; i < n && status == KT_OK; i++)
        if (r[i].at != 0 && r[i].fails && !belongs(v, r[i].source, &p[i]))
            (void)kt_survey_gap(v, (int)r[i].source, p[i].from, p[i].until, KT_GAP_INPUT,
                                KT_STR_FMT, KT_STR_ARG(r[i].problem));
    kt_free(r);
    kt_free(p);
    return status;
}

/* ---- lines of their own ---- */

struct lines {
    struct kt_survey *v;
    struct kt_json *json;
};

/* Walks over [since, until) whatever the window is. */
static enum kt_status walk(struct kt_survey *v, kt_time_ns since, kt_time_ns until,
                           struct kt_str query,
                           enum kt_status (*each)(void *self, const struct kt_record *r,
                                                  const struct kt_fact *fact, struct kt_error *err),
                           void *self, struct kt_error *err)
{
    struct kt_ask a = *v->a;
    a.since = since;
    a.until = until;
    enum kt_status status = kt_ask_records(&a, query, each, self, err);
    v->a->damage = a.damage;
    v->a->cost = a.cost;
    return status;
}

/* ---- the newest report of each: names and blind spots ---- */

static void take_sentences(struct kt_survey *v, struct kt_coverage_source *s, struct kt_jval all)
{
    struct kt_jval item;
    struct kt_str name, *to = kt_realloc_array((void *)(uintptr_t)s->blind,
                                               s->n_blind + kt_json_count(all) + 1, sizeof *to);
    for (struct kt_json_iter it = kt_json_iter(all); kt_json_next(&it, &name, &item);)
        to[s->n_blind++] = kt_survey_keep(v, kt_json_str(item));
    s->blind = to;
}

static enum kt_status take_newest(void *self, const struct kt_record *r, const struct kt_fact *fact,
                                  struct kt_error *err)
{
    struct lines *rs = self;
    struct kt_jval root;
    unsigned repaired;
    int i = kt_survey_source(rs->v, r);
    (void)fact;
    (void)err;
    if (i < 0 || r->ev.operation.len > 0 || rs->v->c->source[i].agent.len > 0 ||
        kt_json_parse(rs->json, r->ev.raw, &root, &repaired, NULL) != KT_OK)
        return KT_OK;
    struct kt_coverage_source *s = &rs->v->c->source[i];
    s->agent = kt_survey_keep(rs->v, kt_json_str_at(root, "agent"));
    take_sentences(rs->v, s, kt_json_at(root, "blind"));
    take_sentences(rs->v, s, kt_json_at(root, "limits"));
    return KT_OK;
}

static enum kt_status read_newest(struct lines *rs, struct kt_error *err)
{
    for (unsigned i = 0; i < rs->v->t->n; i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf query = { 0 };
        kt_time_ns at = rs->v->t->at[i].heard_last;
        if (at == 0)
            continue;
        kt_buf_addz(&query, "kind:report");
        kt_ask_term(&query, "instance", kt_str_of(rs->v->t->at[i].instance));
        at -= at % KT_NS_MIN; /* it is known to the minute */
        if (walk(rs->v, at, at + KT_NS_MIN, kt_buf_str(&query), take_newest, rs, err) != KT_OK)
            return err->code;
    }
    return KT_OK;
}

/* ---- what happened: records of their own ---- */

static const struct {
    const char *operation;
    enum kt_gap_cause cause;
} happenings[] = {
    { "trail.signature", KT_GAP_DIGEST }, { "trail.chain", KT_GAP_DIGEST },
    { "trail.changed", KT_GAP_DIGEST },   { "trail.missing", KT_GAP_DIGEST },
    { "trail.unread", KT_GAP_DIGEST },    { "store.restored", KT_GAP_LOG },
};

static kt_time_ns time_at(struct kt_jval root, const char *name, kt_time_ns otherwise)
{
    kt_time_ns t;
    return kt_time_parse(kt_json_str_at(root, name), &t, NULL) == KT_OK ? t : otherwise;
}

static void tell_restored(struct kt_survey *v, const struct kt_record *r)
{
    struct kt_coverage_gap *g = kt_survey_restored(v, r->ev.time, KT_NS_HOUR);
    if (g != NULL)
        g->text = KT_STR("the store was restored; agents sent again what they still had");
}

static enum kt_status take_happening(void *self, const struct kt_record *r,
                                     const struct kt_fact *fact, struct kt_error *err)
{
    struct lines *rs = self;
    struct kt_jval root;
    unsigned repaired;
    (void)fact;
    (void)err;
    for (unsigned i = 0; i < KT_ARRAY_LEN(happenings); i++) {
        if (!kt_str_is(r->ev.operation, happenings[i].operation))
            continue;
        if (happenings[i].cause == KT_GAP_LOG)
            tell_restored(rs->v, r);
        else if (kt_json_parse(rs->json, r->ev.raw, &root, &repaired, NULL) == KT_OK)
            (void)kt_survey_gap(rs->v, kt_survey_source(rs->v, r),
                                time_at(root, "from", r->ev.time) / KT_NS_MIN,
                                time_at(root, "until", r->ev.time) / KT_NS_MIN + 1, KT_GAP_DIGEST,
                                KT_STR_FMT, KT_STR_ARG(kt_utf8_cut(r->ev.message, 200)));
    }
    return KT_OK;
}

static enum kt_status take_lost(void *self, const struct kt_record *r, const struct kt_fact *fact,
                                struct kt_error *err)
{
    struct lines *rs = self;
    struct kt_jval root;
    unsigned repaired;
    (void)fact;
    (void)err;
    if (kt_json_parse(rs->json, r->ev.raw, &root, &repaired, NULL) != KT_OK ||
        kt_json_type(kt_json_at(root, "batch")) != KT_JSON_NUMBER)
        return KT_OK;
    bool one = kt_json_type(kt_json_at(root, "line")) == KT_JSON_NUMBER;
    struct kt_coverage_gap *g = kt_survey_gap(
        rs->v, kt_survey_source(rs->v, r), r->ev.time / KT_NS_MIN, r->ev.time / KT_NS_MIN + 1,
        KT_GAP_LOST, "%s on its way to the collector was lost: " KT_STR_FMT,
        one ? "one record" : "a batch",
        KT_STR_ARG(kt_utf8_cut(kt_json_str_at(root, "reason"), 150)));
    if (g != NULL)
        g->events = one;
    return KT_OK;
}

static bool any_quarantined(const struct kt_tally *t)
{
    for (unsigned i = 0; i < t->n; i++)
        for (uint32_t k = 0; k < t->days; k++) {
            const struct kt_tally_day *d = kt_tally_day(t, &t->at[i], t->first_day + k);
            if (d != NULL && d->quarantined > 0)
                return true;
        }
    return false;
}

static bool any_heard(const struct kt_tally *t)
{
    for (unsigned i = 0; i < t->n; i++)
        if (t->at[i].heard != 0)
            return true;
    return false;
}

enum kt_status kt_survey_reports(struct kt_survey *v, struct kt_error *err)
{
    struct lines l = { .v = v };
    kt_time_ns since = v->since * KT_NS_MIN, until = v->until * KT_NS_MIN;
    if (!any_heard(v->t))
        return KT_OK;
    l.json = kt_json_new(KT_JSON_SIMDJSON);
    enum kt_status status = read_newest(&l, err);
    if (status == KT_OK)
        status = look_into_gaps(v, err);
    if (status == KT_OK)
        status = look_into_pauses(v, err);
    if (status == KT_OK)
        status = compare_steps(v, err);
    if (status == KT_OK)
        status = walk(v, since, until, KT_STR("kind:report operation:*"), take_happening, &l, err);
    if (status == KT_OK && any_quarantined(v->t))
        status =
            walk(v, since, until, KT_STR("kind:quarantine \"\\\"batch\\\":\""), take_lost, &l, err);
    kt_json_free(l.json);
    return status;
}
