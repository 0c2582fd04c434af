/*
 * timeline_alerts: alerts among the accesses, and what people did about them.
 *
 * Owns:  nothing; texts are the answer's.
 * Calls: core/store/read.h, core/query/lives.h, core/event/json.h.
 */
#include "core/answer/timeline_int.h"
#include "core/answer/within.h"
#include "core/base/alloc.h"
#include "core/event/json.h"
#include "core/query/lives.h"

#define ALERTS_MAX 2000u           /* newest ones that are looked at */
#define LASTS_MAX  (3 * KT_NS_DAY) /* an incident spans no more */

struct walk {
    struct kt_telling *w;
    const struct kt_ask *ask;
    struct kt_json *json;
    struct kt_map *ids; /* native id of a record to its moment */
    size_t *moment;     /* by number in ids */
    bool everything;
    unsigned seen, cap;
};

static kt_time_ns time_at(struct kt_jval root, const char *name)
{
    int64_t t = 0;
    (void)kt_json_i64(kt_json_at(root, name), &t);
    return t;
}

/* Marks the accesses that an alert names as its evidence; false: none is on the page. */
static bool mark_evidence(struct walk *k, struct kt_jval root, int alert)
{
    struct kt_jval item;
    struct kt_str name;
    bool any = false;
    for (struct kt_json_iter it = kt_json_iter(kt_json_at(root, "events"));
         kt_json_next(&it, &name, &item);) {
        uint32_t i = kt_map_get(k->ids, kt_json_str(item));
        if (i == KT_MAP_NONE)
            continue;
        k->w->t.moment[k->moment[i]].alert = alert;
        any = true;
    }
    return any;
}

static enum kt_status each_alert(void *self, const char *id, struct kt_str json,
                                 struct kt_error *err)
{
    struct walk *k = self;
    struct kt_timeline *t = &k->w->t;
    struct kt_jval root;
    unsigned repaired;
    (void)err;
    if (++k->seen > ALERTS_MAX)
        return KT_E_AGAIN;
    if (!kt_within_tells(k->ask, kt_str_of(id), json))
        return KT_OK;
    if (kt_json_parse(k->json, json, &root, &repaired, NULL) != KT_OK)
        return KT_OK; /* verify names it */
    kt_time_ns raised = time_at(root, "raised"), first = time_at(root, "first");
    kt_time_ns last = time_at(root, "last");
    if (raised < t->since - LASTS_MAX)
        return KT_E_AGAIN;
    bool merged = kt_json_str_at(root, "merged_into").len > 0;
    if (merged || first >= t->until || (last < t->since && raised < t->since))
        return KT_OK;
    bool hidden = kt_within_hides(k->ask, root);
    bool evidence = !hidden && mark_evidence(k, root, (int)t->n_alerts);
    if (!evidence && !(k->everything && raised >= t->since && raised < t->until))
        return KT_OK;
    if (t->n_alerts == k->cap) {
        k->cap = k->cap == 0 ? 16 : 2 * k->cap;
        t->alert = kt_realloc_array(t->alert, k->cap, sizeof *t->alert);
    }
    t->alert[t->n_alerts++] = (struct kt_timeline_alert){
        .id = kt_telling_keep(k->w, kt_str_of(id)),
        .severity = kt_telling_keep(k->w, kt_json_str_at(root, "severity")),
        /* A sentence tells of more than the records of a scope. */
        .title = kt_telling_keep(
            k->w, kt_json_str_at(root, k->ask->scope.len == 0 && !hidden ? "title" : "detector")),
        .detector = kt_telling_keep(k->w, kt_json_str_at(root, "detector")),
        .actor = kt_telling_keep(k->w, kt_json_str_at(root, "actor")),
        .raised = raised,
        .first = first,
        .last = last,
        .hidden = hidden,
    };
    return KT_OK;
}

static enum kt_status index_records(struct walk *k, struct kt_ask *a, struct kt_error *err)
{
    struct kt_timeline *t = &k->w->t;
    k->moment = kt_alloc_array(t->n + 1, sizeof *k->moment);
    for (size_t i = 0; i < t->n; i++) {
        struct kt_record r;
        const struct kt_fact *fact;
        bool fresh;
        if (kt_timeline_record(t, a, &t->moment[i], &r, &fact, err) != KT_OK)
            return err->code;
        uint32_t number = kt_map_put(k->ids, r.ev.native_id, &fresh);
        if (fresh)
            k->moment[number] = i;
    }
    return KT_OK;
}

static void each_step(void *self, const struct kt_step *s)
{
    struct kt_telling *w = self;
    bool ours = false, hidden = false;
    if (s->at < w->t.since || s->at >= w->t.until)
        return;
    for (unsigned i = 0; i < w->t.n_alerts && !ours; i++) {
        ours = kt_str_is(w->t.alert[i].id, s->alert);
        hidden = ours && w->t.alert[i].hidden;
    }
    if (!ours)
        return;
    if (w->t.n_steps == w->cap_steps) {
        w->cap_steps = w->cap_steps == 0 ? 8 : 2 * w->cap_steps;
        w->t.step = kt_realloc_array(w->t.step, w->cap_steps, sizeof *w->t.step);
    }
    w->t.step[w->t.n_steps] = *s;
    if (hidden)
        w->t.step[w->t.n_steps].reason[0] = '\0';
    w->t.n_steps++;
}

static void add_moments(struct kt_telling *w)
{
    for (unsigned i = 0; i < w->t.n_alerts; i++)
        if (w->t.alert[i].raised >= w->t.since && w->t.alert[i].raised < w->t.until)
            kt_telling_add(w, KT_MOMENT_ALERT, w->t.alert[i].raised)->index = i;
    for (unsigned i = 0; i < w->t.n_steps; i++)
        kt_telling_add(w, KT_MOMENT_STEP, w->t.step[i].at)->index = i;
}

enum kt_status kt_telling_alerts(struct kt_telling *w, struct kt_ask *a, bool everything,
                                 struct kt_error *err)
{
    struct walk k = { .w = w, .ask = a, .ids = kt_map_new(0), .everything = everything };
    k.json = kt_json_new(KT_JSON_SIMDJSON);
    enum kt_status status = index_records(&k, a, err);
    if (status == KT_OK)
        status = kt_reader_alerts(a->reader, each_alert, &k, err);
    if (status == KT_E_AGAIN)
        status = KT_OK;
    if (status == KT_OK && w->t.n_alerts > 0 && a->scope.len == 0) /* what people write is of all */
        status = kt_lives_steps(a->reader, KT_STR_NONE, each_step, w, &a->damage, err);
    if (status == KT_OK)
        add_moments(w);
    kt_json_free(k.json);
    kt_map_free(k.ids);
    kt_free(k.moment);
    return status;
}
