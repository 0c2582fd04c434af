/*
 * timeline: the newest records of a query, with notes, alerts, steps and gaps among them, runs of
 * alike ones folded.
 *
 * Owns:  copies of the records, the answer.
 * Calls: core/answer, core/query.
 */
#include <stdlib.h>

#include "core/answer/timeline_int.h"
#include "core/base/alloc.h"

#define FOLD_LEAST 3u               /* alike ones that are worth a line of their own */
#define TOGETHER   (10 * KT_NS_MIN) /* after a longer pause another run begins */

const char *kt_timeline_note_word(enum kt_timeline_note n)
{
#define X(name, w) w,
    static const char *const words[] = { KT_TIMELINE_NOTES(X) };
#undef X
    return words[n];
}

void kt_timeline_free(struct kt_timeline *t)
{
    struct kt_telling *w = (struct kt_telling *)t;
    if (w == NULL)
        return;
    kt_texts_done(&w->texts);
    kt_newest_free(w->records);
    kt_coverage_free(t->coverage);
    kt_free(t->moment);
    kt_free(t->alert);
    kt_free(t->step);
    kt_free(w);
}

struct kt_str kt_telling_keep(struct kt_telling *w, struct kt_str s)
{
    return kt_texts_keep(&w->texts, s);
}

struct kt_moment *kt_telling_add(struct kt_telling *w, enum kt_moment_kind kind, kt_time_ns at)
{
    if (w->t.n == w->cap) {
        w->cap = w->cap == 0 ? 64 : 2 * w->cap;
        w->t.moment = kt_realloc_array(w->t.moment, w->cap, sizeof *w->t.moment);
    }
    struct kt_moment *m = &w->t.moment[w->t.n++];
    *m = (struct kt_moment){ .kind = kind, .at = at, .country = "", .alert = -1 };
    return m;
}

enum kt_status kt_timeline_record(struct kt_timeline *t, const struct kt_ask *a,
                                  const struct kt_moment *m, struct kt_record *ret,
                                  const struct kt_fact **ret_fact, struct kt_error *err)
{
    struct kt_telling *w = (struct kt_telling *)t;
    enum kt_status status = kt_newest_get(w->records, m->record, ret, err);
    *ret_fact =
        status == KT_OK && ret->ev.has_ip ? kt_facts_at(a->facts, ret->ev.ip, ret->seq) : NULL;
    return status;
}

/* ---- the records ---- */

struct walk {
    struct kt_ask *a;
    const struct kt_timeline_options *o;
    struct kt_query *query;
    struct kt_newest *to;
    struct kt_cursor *cursor;
};

static bool is_wanted(const struct walk *k, const struct kt_record *r)
{
    kt_time_ns time = kt_record_time(r);
    const struct kt_fact *fact = r->ev.has_ip ? kt_facts_at(k->a->facts, r->ev.ip, r->seq) : NULL;
    if (k->o->page_time != 0 &&
        (time > k->o->page_time || (time == k->o->page_time && r->seq >= k->o->page_seq)))
        return false;
    return (kt_query_names_kind(k->query) || r->ev.kind == KT_KIND_ACCESS) &&
           kt_query_matches(k->query, r, fact);
}

static enum kt_status walk(struct walk *k, const struct kt_scan *scan, struct kt_error *err)
{
    struct kt_record r;
    enum kt_status status = kt_cursor_open(k->a->reader, scan, &k->cursor, err);
    while (status == KT_OK) {
        status = kt_cursor_next(k->cursor, &r, err);
        if (kt_scan_passes(scan, status, err)) {
            status = KT_OK;
            continue;
        }
        if (status != KT_OK || !is_wanted(k, &r))
            continue;
        status = kt_newest_add(k->to, &r, err);
        kt_cursor_since(k->cursor, kt_newest_since(k->to));
    }
    return status == KT_E_AGAIN ? KT_OK : status;
}

static enum kt_status read_records(struct kt_telling *w, struct kt_ask *a,
                                   const struct kt_timeline_options *o, struct kt_error *err)
{
    struct walk k = { .a = a, .o = o, .to = w->records };
    struct kt_scan_cost cost = { 0 };
    if (kt_ask_query(a, o->query, &k.query, err) != KT_OK)
        return kt_wrap(err, "query");
    struct kt_scan scan = { .since = a->since,
                            .until = a->until,
                            .records = true,
                            .newest_first = true,
                            .control = kt_query_names_kind(k.query),
                            .give_up = a->give_up,
                            .give_up_self = a->give_up_self,
                            .damage = &a->damage };
    if (o->page_time != 0 && (scan.until == 0 || scan.until > o->page_time))
        scan.until = o->page_time + 1;
    kt_query_plan(k.query, &scan);
    w->t.since = scan.since;
    w->t.until = scan.until != 0 ? scan.until : a->now + 1;
    enum kt_status status = walk(&k, &scan, err);
    if (k.cursor != NULL)
        kt_cursor_cost(k.cursor, &cost);
    kt_scan_cost_add(&a->cost, &cost);
    kt_cursor_free(k.cursor);
    kt_query_free(k.query);
    return status;
}

/* One more than asked for was kept: it tells whether there are older ones. */
static enum kt_status take_records(struct kt_telling *w, const struct kt_timeline_options *o,
                                   struct kt_error *err)
{
    kt_newest_sort(w->records);
    size_t n = kt_newest_count(w->records), first = o->records > 0 && n > o->records ? 1 : 0;
    for (size_t i = first; i < n; i++) {
        struct kt_record r;
        if (kt_newest_get(w->records, i, &r, err) != KT_OK)
            return err->code;
        struct kt_moment *m = kt_telling_add(w, KT_MOMENT_ACCESS, kt_record_time(&r));
        m->record = i;
        if (i != first || first == 0)
            continue;
        w->t.more = true; /* the page begins here */
        w->t.since = m->at;
    }
    return KT_OK;
}

/* ---- folding ---- */

struct alike { /* what runs of records have in common */
    enum kt_action action;
    enum kt_outcome outcome;
    struct kt_str actor, instance, ip; /* owned by the answer */
    unsigned late;                     /* 0: in time; each one more: twice as late */
};

static unsigned how_late(const struct kt_moment *m)
{
    unsigned n = 0;
    for (kt_time_ns late = m->late; late > 0; late /= 2)
        n++;
    return n;
}

static struct alike alike_of(struct kt_telling *w, const struct kt_record *r,
                             const struct kt_moment *m)
{
    return (struct alike){ .action = r->ev.action,
                           .outcome = r->ev.outcome,
                           .late = how_late(m),
                           .actor = kt_telling_keep(w, r->ev.actor),
                           .instance = kt_telling_keep(w, r->ev.instance),
                           .ip = r->ev.has_ip ? kt_telling_keep(
                                                    w, kt_str_from(r->ev.ip.at, sizeof r->ev.ip.at))
                                              : KT_STR_NONE };
}

static bool is_alike(const struct alike *a, const struct alike *b)
{
    return a->action == b->action && a->outcome == b->outcome && a->late == b->late &&
           kt_str_eq(a->actor, b->actor) && kt_str_eq(a->instance, b->instance) &&
           kt_str_eq(a->ip, b->ip);
}

/* A note that is worth a line. New secrets of a run are counted; after an outage all of it is late,
 * which is said once. */
static bool stands_alone(const struct kt_moment *m)
{
    return (m->notes & ~(1u << KT_NOTE_NEW_SECRET | 1u << KT_NOTE_LATE)) != 0;
}

struct run { /* of one actor, others may come in between */
    size_t first, n;
    kt_time_ns last;
    struct alike what;
    struct kt_map *secrets; /* of those that are not shown */
};
struct runs {
    struct run *at;
    size_t n, cap;
    struct kt_map *actors;
    size_t *open; /* by number of the actor: its newest run */
    uint32_t cap_open;
    size_t *of; /* by moment */
};

static struct run *new_run(struct runs *all, uint32_t actor, size_t first, struct alike what)
{
    if (all->n == all->cap) {
        all->cap = all->cap == 0 ? 64 : 2 * all->cap;
        all->at = kt_realloc_array(all->at, all->cap, sizeof *all->at);
    }
    if (actor >= all->cap_open) {
        all->cap_open = all->cap_open == 0 ? 64 : 2 * all->cap_open;
        all->open = kt_realloc_array(all->open, all->cap_open, sizeof *all->open);
    }
    all->open[actor] = all->n;
    all->at[all->n] = (struct run){ .first = first, .what = what };
    return &all->at[all->n++];
}

/* Moments are records only, rising. */
static enum kt_status find_runs(struct kt_telling *w, struct kt_ask *a, struct runs *all,
                                struct kt_error *err)
{
    all->of = kt_alloc_array(w->t.n + 1, sizeof *all->of);
    for (size_t i = 0; i < w->t.n; i++) {
        const struct kt_moment *m = &w->t.moment[i];
        struct kt_record r;
        const struct kt_fact *fact;
        bool fresh;
        if (kt_timeline_record(&w->t, a, m, &r, &fact, err) != KT_OK)
            return err->code;
        struct alike what = alike_of(w, &r, m);
        uint32_t actor = kt_map_put(all->actors, r.ev.actor, &fresh);
        struct run *run = fresh ? NULL : &all->at[all->open[actor]];
        if (run == NULL || stands_alone(m) || !is_alike(&run->what, &what) ||
            m->at - run->last > TOGETHER)
            run = new_run(all, actor, i, what);
        else if (r.ev.secret.len > 0) {
            run->secrets = run->secrets != NULL ? run->secrets : kt_map_new(0);
            (void)kt_map_put(run->secrets, r.ev.secret, NULL);
        }
        run->n++;
        run->last = m->at;
        all->of[i] = (size_t)(run - all->at);
    }
    return KT_OK;
}

static void take_in(struct kt_moment *first, const struct kt_moment *m, const struct run *run)
{
    first->folded = (uint32_t)(run->n - 1);
    first->secrets = run->secrets != NULL ? kt_map_count(run->secrets) : 0;
    first->until = run->last;
    first->notes |= m->notes;
    first->alert = first->alert >= 0 ? first->alert : m->alert;
}

static enum kt_status fold(struct kt_telling *w, struct kt_ask *a, struct kt_error *err)
{
    struct runs all = { .actors = kt_map_new(0) };
    size_t n = 0;
    enum kt_status status = find_runs(w, a, &all, err);
    for (size_t i = 0; i < w->t.n && status == KT_OK; i++) {
        struct run *run = &all.at[all.of[i]];
        if (run->n > FOLD_LEAST && run->first != i) {
            take_in(&w->t.moment[all.of[run->first]], &w->t.moment[i], run);
            continue;
        }
        w->t.moment[n] = w->t.moment[i];
        all.of[run->first] = run->first == i ? n : all.of[run->first]; /* where it is now */
        n++;
    }
    w->t.n = status == KT_OK ? n : w->t.n;
    for (size_t i = 0; i < all.n; i++)
        kt_map_free(all.at[i].secrets);
    kt_map_free(all.actors);
    kt_free(all.at);
    kt_free(all.open);
    kt_free(all.of);
    return status;
}

/* ---- putting it together ---- */

static enum kt_status look_at_coverage(struct kt_telling *w, struct kt_ask *a,
                                       const struct kt_timeline_options *o, struct kt_error *err)
{
    struct kt_ask span = *a;
    span.since = w->t.since;
    span.until = w->t.until;
    span.give_up = o->hurry != NULL ? o->hurry : a->give_up;
    span.give_up_self = o->hurry != NULL ? o->hurry_self : a->give_up_self;
    enum kt_status status = kt_coverage_load(&span, &w->t.coverage, err);
    a->damage = span.damage;
    a->cost = span.cost;
    return status == KT_E_LIMIT ? KT_OK : status;
}

static void add_gaps(struct kt_telling *w)
{
    for (unsigned i = 0; w->t.coverage != NULL && i < w->t.coverage->n_gaps; i++) {
        kt_time_ns from = w->t.coverage->gap[i].from;
        kt_telling_add(w, KT_MOMENT_GAP, from > w->t.since ? from : w->t.since)->index = i;
    }
}

static int compare_moments(const void *a, const void *b)
{
    const struct kt_moment *x = a, *y = b;
    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    if (x->kind != y->kind)
        return (int)x->kind - (int)y->kind;
    return x->record != y->record ? (x->record < y->record ? -1 : 1)
                                  : (int)x->index - (int)y->index;
}

/* The newest few; what is cut is the beginning of the next page. */
static enum kt_status cut(struct kt_telling *w, struct kt_ask *a, size_t most, struct kt_error *err)
{
    size_t first = most > 0 && w->t.n > most ? w->t.n - most : 0;
    if (first > 0)
        w->t.more = true;
    if (first > 0)
        memmove(w->t.moment, w->t.moment + first, (w->t.n - first) * sizeof *w->t.moment);
    w->t.n -= first;
    for (size_t i = 0; i < w->t.n && w->t.more; i++) {
        struct kt_record r;
        const struct kt_fact *fact;
        if (w->t.moment[i].kind != KT_MOMENT_ACCESS)
            continue;
        if (kt_timeline_record(&w->t, a, &w->t.moment[i], &r, &fact, err) != KT_OK)
            return err->code;
        w->t.page_time = w->t.moment[i].at;
        w->t.page_seq = r.seq;
        break;
    }
    return KT_OK;
}

static enum kt_status tell(struct kt_telling *w, struct kt_ask *a,
                           const struct kt_timeline_options *o, struct kt_error *err)
{
    if (read_records(w, a, o, err) != KT_OK || take_records(w, o, err) != KT_OK ||
        (a->scope.len == 0 && look_at_coverage(w, a, o, err) != KT_OK) ||
        kt_telling_notes(w, a, o, err) != KT_OK)
        return err->code;
    size_t records = w->t.n;
    if (kt_telling_alerts(w, a, kt_str_trim(o->query).len == 0, err) != KT_OK)
        return err->code;
    /* Alerts and steps stand behind the records: folding sees the records alone. */
    size_t others = w->t.n - records;
    struct kt_moment *aside = kt_alloc_array(others + 1, sizeof *aside);
    if (others > 0)
        memcpy(aside, w->t.moment + records, others * sizeof *aside);
    w->t.n = records;
    enum kt_status status = o->all ? KT_OK : fold(w, a, err);
    for (size_t i = 0; i < others && status == KT_OK; i++)
        *kt_telling_add(w, aside[i].kind, aside[i].at) = aside[i];
    kt_free(aside);
    if (status != KT_OK)
        return status;
    add_gaps(w);
    if (w->t.n > 1)
        qsort(w->t.moment, w->t.n, sizeof *w->t.moment, compare_moments);
    return cut(w, a, o->moments, err);
}

enum kt_status kt_timeline_load(struct kt_ask *a, const struct kt_timeline_options *o,
                                struct kt_timeline **ret, struct kt_error *err)
{
    struct kt_telling *w = kt_alloc(sizeof *w);
    struct kt_error why = { 0 }; /* ends of walks pass through it */
    w->records = kt_newest_new(o->records > 0 ? o->records + 1 : SIZE_MAX);
    enum kt_status status = tell(w, a, o, &why);
    if (status != KT_OK) {
        kt_timeline_free(&w->t);
        return kt_fail(err, status, "timeline: %s", why.text);
    }
    *ret = &w->t;
    return KT_OK;
}
