/*
 * coverage_log: when the collector was there, by what it wrote itself: a tick every five minutes,
 * a record at each start and stop, and one when the log was renewed.
 *
 * Owns:  nothing.
 * Calls: core/store/read.h, core/event/json.h.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/answer/coverage_int.h"
#include "core/base/alloc.h"
#include "core/event/json.h"
#include "core/store/write.h"

#define RENEWED_WITHIN (7 * KT_NS_DAY) /* of the restore: a person decides it, and may be away */

struct signs { /* minutes since the epoch in which the collector wrote of itself */
    int64_t *at;
    uint32_t n, cap;
};

static void add_sign(struct signs *s, kt_time_ns t)
{
    if (s->n == s->cap) {
        s->cap = s->cap == 0 ? 1024 : 2 * s->cap;
        s->at = kt_realloc_array(s->at, s->cap, sizeof *s->at);
    }
    s->at[s->n++] = t / KT_NS_MIN;
}

static bool is_sign(enum kt_kind kind, struct kt_str line)
{
    return kind == KT_KIND_TICK || kt_str_has(line, KT_STR("\"operation\":\"start\"")) ||
           kt_str_has(line, KT_STR("\"operation\":\"stop\""));
}

static void see_renewal(struct kt_survey *v, const struct kt_record *r)
{
    struct kt_survey_renewal n = { .at = r->arrival };
    struct kt_jval root;
    unsigned repaired;
    if (!kt_str_has(r->line, KT_STR("\"operation\":\"" KT_RENEWED_OPERATION "\"")))
        return;
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    if (kt_json_parse(json, r->line, &root, &repaired, NULL) == KT_OK &&
        kt_str_is(kt_json_str_at(root, "operation"), KT_RENEWED_OPERATION)) {
        (void)kt_json_i64(kt_json_at(root, "raw.signed_size"), &n.signed_size);
        (void)kt_json_i64(kt_json_at(root, "raw.size"), &n.size);
        if (v->n_renewals == v->cap_renewals) {
            v->cap_renewals = v->cap_renewals == 0 ? 4 : 2 * v->cap_renewals;
            v->renewal = kt_realloc_array(v->renewal, v->cap_renewals, sizeof *v->renewal);
        }
        v->renewal[v->n_renewals++] = n;
    }
    kt_json_free(json);
}

/* Newest first, back to one before `since`: a gap may have begun earlier. */
static enum kt_status read_signs(struct kt_survey *v, enum kt_kind kind, kt_time_ns since,
                                 struct signs *to, struct kt_error *err)
{
    const struct kt_scan scan = { .control = true,
                                  .control_kind = kind,
                                  .detail = KT_DETAIL_LINE,
                                  .newest_first = true,
                                  .until_seq = v->a->until_seq,
                                  .give_up = v->a->give_up,
                                  .give_up_self = v->a->give_up_self,
                                  .damage = &v->a->damage };
    struct kt_cursor *c = NULL;
    struct kt_record r;
    enum kt_status status = kt_cursor_open(v->a->reader, &scan, &c, err);
    while (status == KT_OK) {
        status = kt_cursor_next(c, &r, err);
        if (kt_scan_passes(&scan, status, err)) {
            status = KT_OK;
            continue;
        }
        if (status == KT_OK && is_sign(kind, r.line))
            add_sign(to, r.arrival);
        else if (status == KT_OK && kind == KT_KIND_AUDIT)
            see_renewal(v, &r);
        if (status == KT_OK && r.arrival < since)
            break;
    }
    kt_cursor_free(c);
    return status == KT_E_AGAIN ? KT_OK : status;
}

static int compare_i64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

enum kt_status kt_survey_collector(struct kt_survey *v, struct kt_error *err)
{
    static const enum kt_kind kinds[] = { KT_KIND_TICK, KT_KIND_AUDIT };
    struct signs s = { 0 };
    kt_time_ns since = v->t->first_day * KT_NS_DAY;
    enum kt_status status = KT_OK;
    for (unsigned i = 0; i < KT_ARRAY_LEN(kinds) && status == KT_OK; i++)
        status = read_signs(v, kinds[i], since, &s, err);
    if (status != KT_OK || s.n == 0) {
        kt_free(s.at);
        return status;
    }
    qsort(s.at, s.n, sizeof *s.at, compare_i64);
    v->signs_first = s.at[0];
    int64_t last = s.at[s.n - 1], now = v->a->now / KT_NS_MIN;
    for (uint32_t i = 1; i < s.n; i++)
        if (s.at[i] - s.at[i - 1] > KT_SURVEY_AWAY)
            kt_survey_add_span(&v->down, s.at[i - 1] + 1, s.at[i]);
    kt_free(s.at);
    struct kt_store_stats stats;
    if (now - last <= KT_SURVEY_AWAY)
        return KT_OK;
    status = kt_reader_stats(v->a->reader, &stats, err);
    if (status != KT_OK)
        return status;
    int64_t newest = stats.last_arrival / KT_NS_MIN; /* what came behind the last tick */
    last = (newest > last && newest < now ? newest : last) + 1;
    v->end = last < v->end ? last : v->end;
    kt_survey_add_span(&v->down, last, v->until < now ? v->until : now);
    return KT_OK;
}

struct kt_coverage_gap *kt_survey_restored(struct kt_survey *v, kt_time_ns at, kt_time_ns after)
{
    struct kt_coverage_gap *down = NULL;
    for (unsigned i = 0; i < v->c->n_gaps; i++) {
        struct kt_coverage_gap *g = &v->c->gap[i];
        if (g->instance.len == 0 && g->until <= at + KT_NS_MIN && g->until > at - after &&
            (down == NULL || g->until > down->until))
            down = g;
    }
    if (down == NULL)
        down = kt_survey_gap(v, -1, at / KT_NS_MIN, at / KT_NS_MIN + 1, KT_GAP_LOG, " ");
    if (down != NULL)
        down->cause = KT_GAP_LOG;
    return down;
}

void kt_survey_renewals(struct kt_survey *v)
{
    for (unsigned i = 0; i < v->n_renewals; i++) {
        const struct kt_survey_renewal *n = &v->renewal[i];
        struct kt_coverage_gap *g = kt_survey_restored(v, n->at, RENEWED_WITHIN);
        char said[200];
        if (g == NULL)
            continue;
        (void)snprintf(said, sizeof said,
                       "the store was restored and the log renewed: %" PRId64
                       " records had been signed, it went on with %" PRId64,
                       n->signed_size, n->size);
        g->text = kt_survey_keep(v, kt_str_of(said));
    }
}
