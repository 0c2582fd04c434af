/*
 * coverage_readings: what agents said at certain times: one walk over the reports near them.
 *
 * Owns:  nothing; texts are the answer's.
 * Calls: core/store/read.h, core/event/json.h.
 */
#include <stdlib.h>

#include "core/answer/coverage_int.h"
#include "core/base/alloc.h"
#include "core/base/map.h"
#include "core/event/json.h"

struct walk {
    struct kt_survey *v;
    struct kt_json *json;
    struct kt_survey_reading **by_time; /* rising by `wanted` */
    unsigned n;
    struct kt_span *span;
    unsigned n_spans;
};

int kt_survey_source(const struct kt_survey *v, const struct kt_record *r)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf name = { 0 };
    kt_buf_add(&name, r->ev.source);
    kt_buf_byte(&name, '\t');
    kt_buf_add(&name, r->ev.instance);
    uint32_t i = kt_map_get(v->t->names, kt_buf_str(&name));
    return i == KT_MAP_NONE ? -1 : (int)i;
}

static uint64_t number_at(struct kt_jval v, const char *name)
{
    int64_t n = 0;
    (void)kt_json_i64(kt_json_at(v, name), &n);
    return n > 0 ? (uint64_t)n : 0;
}

static bool is_finding(struct kt_jval findings, struct kt_str sentence)
{
    struct kt_jval item;
    struct kt_str name;
    for (struct kt_json_iter it = kt_json_iter(findings); kt_json_next(&it, &name, &item);)
        if (kt_str_eq(kt_json_str_at(item, "text"), sentence))
            return true;
    return false;
}

static void take_counts(struct kt_jval root, struct kt_survey_counts *ret)
{
    struct kt_jval item;
    struct kt_str name;
    *ret = (struct kt_survey_counts){ .lost = number_at(root, "lost") + number_at(root, "emptied") +
                                              number_at(root, "broken") };
    struct kt_json_iter it = kt_json_iter(kt_json_at(root, "findings"));
    while (kt_json_next(&it, &name, &item)) {
        struct kt_str code = kt_json_str_at(item, "code");
        if (kt_str_ends(code, KT_STR(".gap")))
            ret->gaps += number_at(item, "said");
        else if (kt_str_ends(code, KT_STR(".lost")))
            ret->lost += number_at(item, "said");
    }
}

/* The input's own problem stands first among what it cannot see; findings are settings. */
static void take_problem(struct walk *w, struct kt_jval root, struct kt_survey_reading *ret)
{
    struct kt_jval first;
    struct kt_str name;
    struct kt_json_iter it = kt_json_iter(kt_json_at(root, "blind"));
    ret->fails = kt_json_next(&it, &name, &first) &&
                 !is_finding(kt_json_at(root, "findings"), kt_json_str(first));
    ret->problem =
        ret->fails ? kt_survey_keep(w->v, kt_utf8_cut(kt_json_str(first), 200)) : KT_STR_NONE;
}

static int compare_wanted(const void *a, const void *b)
{
    const struct kt_survey_reading *const *x = a, *const *y = b;
    return (*x)->wanted < (*y)->wanted ? -1 : (*x)->wanted > (*y)->wanted;
}

/* The first reading that a report of that time may be for. */
static unsigned first_for(const struct walk *w, kt_time_ns at)
{
    unsigned low = 0, high = w->n;
    while (low < high) {
        unsigned mid = low + (high - low) / 2;
        if (w->by_time[mid]->wanted < at)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void take(struct walk *w, const struct kt_record *r)
{
    struct kt_jval root;
    unsigned repaired;
    bool parsed = false;
    int source = kt_survey_source(w->v, r);
    if (r->ev.kind != KT_KIND_REPORT || r->ev.operation.len > 0 || source < 0)
        return;
    for (unsigned i = first_for(w, r->ev.time); i < w->n; i++) {
        struct kt_survey_reading *to = w->by_time[i];
        if (to->wanted > r->ev.time + KT_SURVEY_FRESH)
            return;
        if (to->source != (unsigned)source || r->ev.time < to->at)
            continue;
        if (!parsed && kt_json_parse(w->json, r->ev.raw, &root, &repaired, NULL) != KT_OK)
            return;
        parsed = true;
        to->at = r->ev.time;
        take_counts(root, &to->counts);
        take_problem(w, root, to);
    }
}

static void make_spans(struct walk *w)
{
    w->span = kt_alloc_array(w->n + 1, sizeof *w->span);
    for (unsigned i = 0; i < w->n; i++) {
        kt_time_ns at = w->by_time[i]->wanted;
        struct kt_span *last = w->n_spans > 0 ? &w->span[w->n_spans - 1] : NULL;
        if (last != NULL && last->until >= at - KT_SURVEY_FRESH)
            last->until = at + 1;
        else
            w->span[w->n_spans++] = (struct kt_span){ at - KT_SURVEY_FRESH, at + 1 };
    }
}

static bool is_report(const void *self, struct kt_str text, int64_t number)
{
    (void)self;
    (void)text;
    return number == KT_KIND_REPORT;
}

static enum kt_status walk(struct walk *w, struct kt_error *err)
{
    const struct kt_sieve kind = { .column = KT_COL_KIND, .fits = is_report };
    const struct kt_str needle = KT_STR("\"kind\":\"report\"");
    struct kt_ask *a = w->v->a;
    const struct kt_scan scan = { .records = true,
                                  .until_seq = a->until_seq,
                                  .since = w->span[0].since,
                                  .until = w->span[w->n_spans - 1].until,
                                  .span = w->span,
                                  .n_spans = w->n_spans,
                                  .sieve = &kind,
                                  .n_sieves = 1,
                                  .needle = &needle,
                                  .n_needles = 1,
                                  .give_up = a->give_up,
                                  .give_up_self = a->give_up_self,
                                  .damage = &a->damage };
    struct kt_cursor *c = NULL;
    struct kt_scan_cost cost = { 0 };
    struct kt_record r;
    enum kt_status status = kt_cursor_open(a->reader, &scan, &c, err);
    while (status == KT_OK) {
        status = kt_cursor_next(c, &r, err);
        if (kt_scan_passes(&scan, status, err))
            status = KT_OK;
        else if (status == KT_OK)
            take(w, &r);
    }
    if (c != NULL)
        kt_cursor_cost(c, &cost);
    kt_cursor_free(c);
    kt_scan_cost_add(&a->cost, &cost);
    return status == KT_E_AGAIN ? KT_OK : status;
}

enum kt_status kt_survey_read(struct kt_survey *v, struct kt_survey_reading *r, unsigned n,
                              struct kt_error *err)
{
    struct walk w = { .v = v, .by_time = kt_alloc_array(n + 1, sizeof(void *)) };
    enum kt_status status = KT_OK;
    for (unsigned i = 0; i < n; i++) {
        r[i].at = 0;
        if (r[i].wanted > 0)
            w.by_time[w.n++] = &r[i];
    }
    qsort(w.by_time, w.n, sizeof *w.by_time, compare_wanted);
    w.json = kt_json_new(KT_JSON_SIMDJSON);
    make_spans(&w);
    if (w.n > 0)
        status = walk(&w, err);
    kt_json_free(w.json);
    kt_free(w.by_time);
    kt_free(w.span);
    return status;
}
