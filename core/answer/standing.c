/*
 * standing: see the header.
 *
 * Owns:  the list; its texts are those of the coverage it holds.
 * Calls: core/answer/coverage, core/answer/heard. No clock, no output.
 */
#include "core/answer/standing.h"

#include <stdlib.h>

#include "core/answer/heard.h"
#include "core/base/alloc.h"

#define UP_TO_NOW (2 * KT_NS_MIN) /* gaps are told to the minute */

void kt_standings_done(struct kt_standings *s)
{
    kt_free(s->at);
    kt_coverage_free(s->coverage);
    *s = (struct kt_standings){ 0 };
}

/* ---- who was heard ---- */

static enum kt_status listen(const struct kt_ask *a, struct kt_standings *s, struct kt_error *err)
{
    struct kt_map *names = kt_map_new((uint64_t)a->now);
    struct kt_source_report *report = kt_alloc_array(s->n + 1, sizeof *report);
    bool *wanted = kt_alloc_array(s->n + 1, sizeof *wanted), whole;
    for (unsigned i = 0; i < s->n; i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf key = { 0 };
        kt_buf_add(&key, s->at[i].source);
        kt_buf_byte(&key, '\t');
        kt_buf_add(&key, s->at[i].instance);
        wanted[kt_map_put(names, kt_buf_str(&key), NULL)] = s->at[i].agent.len > 0;
    }
    enum kt_status status = kt_reports_read(a->reader, names, wanted, a->now, a->give_up,
                                            a->give_up_self, report, &whole, err);
    for (unsigned i = 0; status == KT_OK && i < s->n; i++)
        s->at[i].last_contact = report[i].at; /* names are in their order, each once */
    kt_reports_done(report, kt_map_count(names));
    kt_map_free(names);
    kt_free(report);
    kt_free(wanted);
    return status;
}

/* ---- who is silent ---- */

/* A gap of the collector is of all that agents send: what was imported waits for nothing. */
static bool is_of(const struct kt_coverage_gap *g, const struct kt_coverage_source *s)
{
    return g->instance.len > 0 ? kt_str_eq(g->instance, s->instance) : s->agent.len > 0;
}

static bool is_silence(const struct kt_coverage_gap *g, kt_time_ns now)
{
    bool quiet = g->cause == KT_GAP_AGENT || g->cause == KT_GAP_COLLECTOR ||
                 g->cause == KT_GAP_SOURCE || g->cause == KT_GAP_INPUT;
    return quiet && kt_coverage_is_open(g) && g->until >= now - UP_TO_NOW;
}

static struct kt_standing stand(const struct kt_coverage *c, const struct kt_coverage_source *s,
                                kt_time_ns now)
{
    struct kt_standing x = {
        .source = s->source, .instance = s->instance, .agent = s->agent, .last_event = s->last
    };
    if (c->days > 0)
        x.lag_s = (double)s->day[c->days - 1].lag_max / (double)KT_NS_S;
    for (unsigned i = 0; i < c->n_gaps && !x.silent; i++) {
        const struct kt_coverage_gap *g = &c->gap[i];
        if (!is_of(g, s) || !is_silence(g, now))
            continue;
        x.silent = true;
        x.why = g->text.len > 0 ? g->text : kt_str_of(kt_gap_cause_word(g->cause));
    }
    return x;
}

static int silent_first(const void *pa, const void *pb)
{
    const struct kt_standing *a = pa, *b = pb;
    if (a->silent != b->silent)
        return a->silent ? -1 : 1;
    int c = kt_str_cmp(a->instance, b->instance);
    return c != 0 ? c : kt_str_cmp(a->source, b->source);
}

enum kt_status kt_standings_load(const struct kt_ask *a, struct kt_standings *ret,
                                 struct kt_error *err)
{
    struct kt_ask beside = *a;
    struct kt_standings s = { 0 };
    beside.since = a->now - KT_STANDING_SPAN;
    beside.until = 0;
    if (kt_coverage_load(&beside, &s.coverage, err) != KT_OK)
        return err == NULL ? KT_E_IO : err->code;
    s.at = kt_alloc_array(s.coverage->n_sources + 1, sizeof *s.at);
    for (; s.n < s.coverage->n_sources; s.n++)
        s.at[s.n] = stand(s.coverage, &s.coverage->source[s.n], a->now);
    enum kt_status status = listen(&beside, &s, err);
    if (status != KT_OK) {
        kt_standings_done(&s);
        return status;
    }
    if (s.n > 1)
        qsort(s.at, s.n, sizeof *s.at, silent_first);
    *ret = s;
    return KT_OK;
}
