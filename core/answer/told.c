/*
 * told: adding up what agents report.
 *
 * Owns:  an entry a source instance, and one a kind of result.
 * Calls: core/answer/ask.h, core/query/group.h, core/event/json.h. No clock.
 */
#include "core/answer/told.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/map.h"
#include "core/event/json.h"
#include "core/query/group.h"

struct counter { /* of one agent's run */
    uint64_t events, quarantined, lost;
};
struct kt_told_work {
    struct kt_json *json;
    struct kt_map *sources, *results; /* "source\0instance", … "\0operation\0code" */
    struct kt_map *heard;             /* sources that reported before the period */
    struct kt_map *texts;             /* every name and message, once */
    struct kt_buf key;
    struct counter *last; /* by number in sources */
    uint32_t cap_sources, cap_results;
    uint64_t reports;
};

static struct kt_str text(struct kt_told *t, struct kt_str s)
{
    return s.len == 0 ? KT_STR_NONE
                      : kt_map_key(t->work->texts, kt_map_put(t->work->texts, s, NULL));
}

static struct kt_str key_of(struct kt_told *t, struct kt_str source, struct kt_str instance)
{
    kt_buf_reset(&t->work->key);
    kt_buf_add(&t->work->key, source);
    kt_buf_byte(&t->work->key, '\0');
    kt_buf_add(&t->work->key, instance);
    return kt_buf_str(&t->work->key);
}

static struct kt_told_source *source_of(struct kt_told *t, const struct kt_event *ev,
                                        struct counter **ret_last)
{
    struct kt_told_work *w = t->work;
    bool new;
    uint32_t n = kt_map_put(w->sources, key_of(t, ev->source, ev->instance), &new);
    if (n >= w->cap_sources) {
        w->cap_sources = w->cap_sources == 0 ? 16 : 2 * w->cap_sources;
        t->source = kt_realloc_array(t->source, w->cap_sources, sizeof *t->source);
        w->last = kt_realloc_array(w->last, w->cap_sources, sizeof *w->last);
    }
    if (new) {
        t->source[n] = (struct kt_told_source){ .ahead = INT64_MAX, .behind = INT64_MIN };
        w->last[n] = (struct counter){ 0 };
        t->n_sources = n + 1;
    }
    *ret_last = &w->last[n];
    return &t->source[n];
}

static uint64_t number(struct kt_jval object, const char *name)
{
    int64_t n = 0;
    return kt_json_i64(kt_json_at(object, name), &n) && n > 0 ? (uint64_t)n : 0;
}

/* Counters grow until the agent starts again; then they begin at 0. */
static uint64_t growth(uint64_t now, uint64_t *last, bool *again)
{
    uint64_t n = now >= *last ? now - *last : now;
    *again |= now < *last;
    *last = now;
    return n;
}

static void take_heartbeat(struct kt_told *t, const struct kt_record *r, struct kt_jval raw)
{
    struct counter *last;
    struct kt_told_source *s = source_of(t, &r->ev, &last);
    struct kt_jval counts = kt_json_at(raw, "counts");
    kt_time_ns way = r->arrival - r->ev.time;
    bool again = false, first = s->reports++ == 0;
    const struct counter now = { number(counts, "events"), number(counts, "quarantined"),
                                 number(raw, "lost") };
    /* What stood on the counters before the period is none of it; an agent that was not heard
     * before began in it. */
    if (first && kt_map_get(t->work->heard, key_of(t, r->ev.source, r->ev.instance)) != KT_MAP_NONE)
        *last = now;
    s->events += growth(now.events, &last->events, &again);
    s->quarantined += growth(now.quarantined, &last->quarantined, &again);
    s->lost += growth(now.lost, &last->lost, &again);
    s->restarts += again;
    s->ahead = way < s->ahead ? way : s->ahead;
    s->behind = way > s->behind ? way : s->behind;
    struct kt_str agent = kt_json_str_at(raw, "agent"), program = kt_json_str_at(raw, "program");
    if (!kt_str_eq(s->agent, agent))
        s->agent = text(t, agent);
    if (!kt_str_eq(s->program, program))
        s->program = text(t, program);
}

static void take_result(struct kt_told *t, const struct kt_record *r)
{
    struct kt_told_work *w = t->work;
    const struct kt_str parts[] = { r->ev.source, r->ev.instance, r->ev.operation, r->ev.code };
    KT_CLEANUP(kt_buf_done) struct kt_buf key = { 0 };
    bool new;
    for (size_t i = 0; i < KT_ARRAY_LEN(parts); i++) {
        kt_buf_add(&key, parts[i]);
        kt_buf_byte(&key, '\0');
    }
    uint32_t n = kt_map_put(w->results, kt_buf_str(&key), &new);
    if (n >= w->cap_results) {
        w->cap_results = w->cap_results == 0 ? 16 : 2 * w->cap_results;
        t->result = kt_realloc_array(t->result, w->cap_results, sizeof *t->result);
    }
    struct kt_told_result *to = &t->result[n];
    if (new) {
        *to = (struct kt_told_result){ .first = r->arrival };
        t->n_results = n + 1;
    }
    to->n++;
    if (r->arrival >= to->last) {
        to->last = r->arrival;
        to->message = text(t, kt_str_sub(r->ev.message, 0, 300));
    }
}

static enum kt_status take(void *self, const struct kt_record *r, const struct kt_fact *fact,
                           struct kt_error *err)
{
    struct kt_told *t = self;
    struct kt_jval raw;
    unsigned repaired;
    (void)fact;
    (void)err;
    if (++t->work->reports > KT_TOLD_REPORTS_MAX) {
        t->whole = false;
        return KT_E_AGAIN;
    }
    if (r->ev.operation.len > 0)
        take_result(t, r);
    else if (kt_json_parse(t->work->json, r->ev.raw, &raw, &repaired, NULL) == KT_OK)
        take_heartbeat(t, r, raw);
    return KT_OK;
}

/* ---- who was heard before ---- */

static void take_heard(struct kt_told *t, const struct kt_view *v)
{
    const struct kt_columns *c = v->columns;
    uint32_t last = UINT32_MAX; /* both codes of the report before */
    for (uint32_t i = 0; i < v->picks; i++) {
        uint32_t row = v->pick[i];
        uint32_t code = (uint32_t)c->text[KT_COL_SOURCE - KT_COL_SMALL].code[row] << 16 |
                        c->text[KT_COL_INSTANCE - KT_COL_SMALL].code[row];
        if (c->small[KT_COL_KIND][row] != KT_KIND_REPORT || code == last)
            continue;
        last = code;
        (void)kt_map_put(
            t->work->heard,
            key_of(t, kt_column_str(c, KT_COL_SOURCE, row), kt_column_str(c, KT_COL_INSTANCE, row)),
            NULL);
    }
}

static enum kt_status hear(struct kt_ask *a, struct kt_told *t, struct kt_error *err)
{
    const struct kt_scan scan = { .records = true,
                                  .until = a->since,
                                  .until_seq = a->until_seq,
                                  .give_up = a->give_up,
                                  .give_up_self = a->give_up_self,
                                  .damage = &a->damage };
    struct kt_columns_scan *c = NULL;
    struct kt_view view;
    if (a->since == 0)
        return KT_OK;
    enum kt_status st = kt_columns_open(a->reader, &scan,
                                        KT_COLUMN(KT_COL_KIND) | KT_COLUMN(KT_COL_SOURCE) |
                                            KT_COLUMN(KT_COL_INSTANCE),
                                        true, &c, err);
    while (st == KT_OK) {
        st = kt_columns_next(c, &view, err);
        if (kt_scan_passes(&scan, st, err))
            st = KT_OK;
        else if (st == KT_OK)
            take_heard(t, &view);
    }
    kt_columns_scan_free(c);
    return st == KT_E_AGAIN ? KT_OK : st;
}

/* ---- what is stored ---- */

static enum kt_status count_stored(struct kt_ask *a, struct kt_told *t, struct kt_error *err)
{
    struct kt_group_spec spec;
    struct kt_groups *groups = NULL;
    size_t n;
    const struct kt_scan scan = { .records = true,
                                  .since = a->since,
                                  .until = a->until,
                                  .until_seq = a->until_seq,
                                  .give_up = a->give_up,
                                  .give_up_self = a->give_up_self,
                                  .damage = &a->damage };
    if (kt_group_parse(KT_STR("source,instance,kind"), &spec, err) != KT_OK ||
        kt_group_run(a->reader, &scan, NULL, NULL, &spec, &groups, NULL, err) != KT_OK)
        return err->code;
    const struct kt_group *g = kt_groups_list(groups, 0, &n);
    for (size_t i = 0; i < n; i++) {
        const struct kt_event ev = { .source = g[i].key[0], .instance = g[i].key[1] };
        struct counter *last;
        if (kt_kind_of(g[i].key[2]) != KT_KIND_REPORT)
            source_of(t, &ev, &last)->stored += g[i].count;
    }
    kt_groups_free(groups);
    return KT_OK;
}

/* ---- order ---- */

static int by_source(const void *pa, const void *pb)
{
    const struct kt_told_source *a = pa, *b = pb;
    int c = kt_str_cmp(a->source, b->source);
    return c != 0 ? c : kt_str_cmp(a->instance, b->instance);
}

static int by_result(const void *pa, const void *pb)
{
    const struct kt_told_result *a = pa, *b = pb;
    int c = kt_str_cmp(a->source, b->source);
    c = c != 0 ? c : kt_str_cmp(a->instance, b->instance);
    c = c != 0 ? c : kt_str_cmp(a->operation, b->operation);
    return c != 0 ? c : kt_str_cmp(a->code, b->code);
}

static void order(struct kt_told *t)
{
    for (uint32_t i = 0; i < t->n_sources; i++) {
        struct kt_str key = kt_map_key(t->work->sources, i);
        (void)kt_str_split(&key, '\0', &t->source[i].source);
        t->source[i].instance = key;
        if (t->source[i].reports == 0)
            t->source[i].ahead = t->source[i].behind = 0;
    }
    for (uint32_t i = 0; i < t->n_results; i++) {
        struct kt_told_result *r = &t->result[i];
        struct kt_str key = kt_map_key(t->work->results, i);
        struct kt_str *const parts[] = { &r->source, &r->instance, &r->operation, &r->code };
        for (size_t k = 0; k < KT_ARRAY_LEN(parts); k++)
            (void)kt_str_split(&key, '\0', parts[k]);
    }
    if (t->n_sources > 1)
        qsort(t->source, t->n_sources, sizeof *t->source, by_source);
    if (t->n_results > 1)
        qsort(t->result, t->n_results, sizeof *t->result, by_result);
}

enum kt_status kt_told_load(struct kt_ask *a, struct kt_told **ret, struct kt_error *err)
{
    struct kt_told *t = kt_alloc(sizeof *t);
    *t = (struct kt_told){ .whole = true, .work = kt_alloc(sizeof *t->work) };
    t->work->json = kt_json_new(KT_JSON_SIMDJSON);
    t->work->sources = kt_map_new(0);
    t->work->results = kt_map_new(0);
    t->work->texts = kt_map_new(0);
    t->work->heard = kt_map_new(0);
    enum kt_status st = hear(a, t, err);
    if (st == KT_OK)
        st = kt_ask_records(a, KT_STR("kind:report"), take, t, err);
    if (st == KT_OK)
        st = count_stored(a, t, err);
    if (st != KT_OK) {
        kt_told_free(t);
        return kt_wrap(err, "reports of agents");
    }
    order(t);
    *ret = t;
    return KT_OK;
}

void kt_told_free(struct kt_told *t)
{
    if (t == NULL)
        return;
    kt_json_free(t->work->json);
    kt_map_free(t->work->sources);
    kt_map_free(t->work->results);
    kt_map_free(t->work->heard);
    kt_map_free(t->work->texts);
    kt_buf_done(&t->work->key);
    kt_free(t->work->last);
    kt_free(t->work);
    kt_free(t->source);
    kt_free(t->result);
    kt_free(t);
}
