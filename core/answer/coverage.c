/*
 * coverage: an answer from its parts: the tally, what the collector wrote of itself, the judgement,
 * what reports say.
 *
 * Owns:  the answer and its texts.
 * Calls: core/answer (coverage_int.h), core/base.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/answer/coverage_int.h"
#include "core/base/alloc.h"
#include "core/base/map.h"
#include "core/base/texts.h"

#define BEFORE 120 /* minutes before the window, for what goes on at its beginning */

struct whole { /* the answer first: it is what whoever asked holds */
    struct kt_coverage c;
    struct kt_coverage_day *days; /* of all sources */
    struct kt_texts texts;
};

const char *kt_gap_cause_word(enum kt_gap_cause cause)
{
#define X(n, w) w,
    static const char *const words[] = { KT_GAP_CAUSES(X) };
#undef X
    return words[cause];
}

bool kt_coverage_is_open(const struct kt_coverage_gap *g)
{
    return !g->filled && g->cause != KT_GAP_LATE;
}

uint64_t kt_coverage_open(const struct kt_coverage *c)
{
    uint64_t n = c->more;
    for (unsigned i = 0; i < c->n_gaps; i++)
        n += kt_coverage_is_open(&c->gap[i]);
    return n;
}

bool kt_coverage_takes_time(const struct kt_coverage_gap *g)
{
    static const bool counts[KT_GAP_COUNT] = {
        [KT_GAP_AGENT] = true, [KT_GAP_COLLECTOR] = true, [KT_GAP_SOURCE] = true,
        [KT_GAP_INPUT] = true, [KT_GAP_LOST] = true,      [KT_GAP_LOG] = true
    };
    return counts[g->cause] && kt_coverage_is_open(g);
}

void kt_coverage_free(struct kt_coverage *c)
{
    struct whole *w = (struct whole *)c;
    if (w == NULL)
        return;
    for (unsigned i = 0; i < c->n_sources; i++)
        kt_free((void *)(uintptr_t)c->source[i].blind);
    kt_texts_done(&w->texts);
    kt_free(w->days);
    kt_free(c->source);
    kt_free(c->gap);
    kt_free(c->down);
    kt_free(w);
}

struct kt_str kt_survey_keep(struct kt_survey *v, struct kt_str s)
{
    struct whole *w = (struct whole *)v->c;
    return kt_texts_keep(&w->texts, s);
}

struct kt_coverage_gap *kt_survey_gap(struct kt_survey *v, int source, int64_t from, int64_t until,
                                      enum kt_gap_cause cause, const char *text, ...)
{
    struct kt_coverage *c = v->c;
    char said[400];
    if (until <= v->since || from >= v->until || until <= from)
        return NULL;
    if (c->n_gaps == KT_COVERAGE_GAPS) {
        c->more++;
        return NULL;
    }
    if (c->n_gaps == v->cap_gaps) {
        v->cap_gaps = v->cap_gaps == 0 ? 32 : 2 * v->cap_gaps;
        c->gap = kt_realloc_array(c->gap, v->cap_gaps, sizeof *c->gap);
    }
    va_list args;
    va_start(args, text);
    (void)vsnprintf(said, sizeof said, text, args);
    va_end(args);
    c->gap[c->n_gaps] = (struct kt_coverage_gap){
        .instance = source < 0 ? KT_STR_NONE : c->source[source].instance,
        .from = from * KT_NS_MIN,
        .until = until * KT_NS_MIN,
        .cause = cause,
        .text = kt_survey_keep(v, kt_utf8_cut(kt_str_of(said), sizeof said - 1)),
    };
    return &c->gap[c->n_gaps++];
}

/* ---- the window ---- */

static enum kt_status choose_window(struct kt_ask *a, kt_time_ns *ret_since, kt_time_ns *ret_until,
                                    struct kt_error *err)
{
    struct kt_store_stats stats;
    if (kt_reader_stats(a->reader, &stats, err) != KT_OK)
        return err == NULL ? KT_E_IO : err->code;
    *ret_until = a->until > 0 && a->until < a->now ? a->until : a->now;
    *ret_since = a->since > 0 ? a->since : stats.first_time;
    kt_time_ns oldest = *ret_until - KT_TALLY_DAYS * KT_NS_DAY;
    *ret_since = *ret_since < oldest ? oldest : *ret_since;
    if (*ret_since <= 0 || *ret_since >= *ret_until)
        *ret_since = *ret_until - 1;
    return KT_OK;
}

/* ---- sources and days ---- */

static void take_sources(struct kt_survey *v)
{
    struct kt_coverage *c = v->c;
    struct whole *w = (struct whole *)c;
    c->n_sources = v->t->n;
    c->source = kt_alloc_array(c->n_sources + 1, sizeof *c->source);
    w->days = kt_alloc_array((size_t)c->n_sources * c->days + 1, sizeof *w->days);
    for (unsigned i = 0; i < c->n_sources; i++) {
        const struct kt_tally_source *s = &v->t->at[i];
        c->source[i] =
            (struct kt_coverage_source){ .source = kt_survey_keep(v, kt_str_of(s->source)),
                                         .instance = kt_survey_keep(v, kt_str_of(s->instance)),
                                         .first = s->first,
                                         .last = s->last,
                                         .day = w->days + (size_t)i * c->days };
    }
}

/* The time of [from, until) in which something was expected of a source. */
static struct kt_survey_span expected(const struct kt_survey *v, unsigned i, int64_t from,
                                      int64_t until)
{
    const struct kt_tally_source *s = &v->t->at[i];
    kt_time_ns first =
        s->first != 0 && (s->heard == 0 || s->first < s->heard) ? s->first : s->heard;
    kt_time_ns last = s->last > s->heard_last ? s->last : s->heard_last;
    int64_t low = first / KT_NS_MIN, high = last / KT_NS_MIN + 1;
    if (s->heard != 0 && !v->at[i].retired)
        high = v->until;
    return (struct kt_survey_span){ low > from ? low : from, high < until ? high : until };
}

/* Marks the minutes of [from, until) that open gaps of a source take; returns how many. */
static int64_t open_minutes(const struct kt_survey *v, unsigned i, int64_t from, int64_t until)
{
    int64_t sum = 0, end = from;
    for (unsigned k = 0; k < v->c->n_gaps && v->c->gap[k].from < until * KT_NS_MIN; k++) {
        const struct kt_coverage_gap *g = &v->c->gap[k];
        int64_t a = g->from / KT_NS_MIN, b = g->until / KT_NS_MIN;
        if (!kt_coverage_takes_time(g) ||
            (g->instance.len > 0 && !kt_str_eq(g->instance, v->c->source[i].instance)))
            continue;
        a = a > end ? a : end; /* gaps come by their beginning and may overlap */
        b = b < until ? b : until;
        if (a < b) {
            sum += b - a;
            end = b;
        }
    }
    return sum;
}

static void take_days(struct kt_survey *v)
{
    struct kt_coverage *c = v->c;
    struct whole *w = (struct whole *)c;
    int64_t all = 0, missing = 0;
    for (unsigned i = 0; i < c->n_sources; i++) {
        for (uint32_t k = 0; k < c->days; k++) {
            struct kt_coverage_day *d = &w->days[(size_t)i * c->days + k];
            int64_t day = c->first_day + k, from = day * KT_TALLY_MINUTES;
            int64_t until = from + KT_TALLY_MINUTES;
            const struct kt_tally_day *t = kt_tally_day(v->t, &v->t->at[i], day);
            struct kt_survey_span x = expected(v, i, from > v->since ? from : v->since,
                                               until < v->until ? until : v->until);
            if (t != NULL) {
                d->events = t->events;
                d->quarantined = t->quarantined;
                d->reports = t->reports;
                d->lag_max = t->lag_max;
            }
            d->expected = x.from < x.until;
            if (!d->expected)
                continue;
            int64_t open = open_minutes(v, i, x.from, x.until);
            d->share = (uint8_t)(100 - (100 * open + x.until - x.from - 1) / (x.until - x.from));
            all += x.until - x.from;
            missing += open;
        }
    }
    c->share = all == 0 ? -1 : 1 - (double)missing / (double)all;
}

static int compare_gaps(const void *a, const void *b)
{
    const struct kt_coverage_gap *x = a, *y = b;
    if (x->from != y->from)
        return x->from < y->from ? -1 : 1;
    int order = kt_str_cmp(x->instance, y->instance);
    return order != 0 ? order : (int)x->cause - (int)y->cause;
}

static void take_down(struct kt_survey *v)
{
    struct kt_coverage *c = v->c;
    c->collector_from = v->signs_first * KT_NS_MIN;
    c->down = kt_alloc_array(v->down.n + 1, sizeof *c->down);
    for (unsigned i = 0; i < v->down.n; i++) {
        const struct kt_survey_span *d = &v->down.at[i];
        if (d->until > v->since && d->from < v->until)
            c->down[c->n_down++] = (struct kt_span){ d->from * KT_NS_MIN, d->until * KT_NS_MIN };
    }
}

static void finish(struct kt_survey *v)
{
    take_down(v);
    if (v->c->n_gaps > 1)
        qsort(v->c->gap, v->c->n_gaps, sizeof *v->c->gap, compare_gaps);
    take_days(v);
}

/* ---- loading ---- */

static void done(struct kt_survey *v)
{
    for (unsigned i = 0; v->at != NULL && i < v->t->n; i++) {
        kt_free(v->at[i].away.at);
        kt_free(v->at[i].pause);
    }
    kt_free(v->at);
    kt_free(v->down.at);
    kt_free(v->renewal);
    kt_tally_free(v->t);
}

/* Days are counted whole. */
static kt_time_ns begin_of(const struct kt_survey *v)
{
    return v->c->first_day * KT_NS_DAY - BEFORE * KT_NS_MIN;
}

static kt_time_ns end_of(const struct kt_survey *v)
{
    return (v->c->first_day + v->c->days) * KT_NS_DAY;
}

/* The window, and of each day before it two minutes: whoever reports is heard in them. A window
 * without a silence needs no more. */
static enum kt_status load_window(struct kt_survey *v, struct kt_error *err)
{
    struct kt_span span[KT_SURVEY_HISTORY + 1];
    kt_time_ns since = begin_of(v);
    unsigned n = 0;
    for (unsigned i = KT_SURVEY_HISTORY; i > 0; i--)
        if (since - i * KT_NS_DAY > 0)
            span[n++] =
                (struct kt_span){ since - i * KT_NS_DAY, since - i * KT_NS_DAY + 2 * KT_NS_MIN };
    span[n++] = (struct kt_span){ since > 0 ? since : 1, end_of(v) };
    return kt_tally_load(v->a, span, n, &v->t, err);
}

static enum kt_status load_history(struct kt_survey *v, struct kt_error *err)
{
    struct kt_span all = { begin_of(v) - KT_SURVEY_HISTORY * KT_NS_DAY, end_of(v) };
    all.since = all.since > 0 ? all.since : 1;
    kt_tally_free(v->t);
    v->t = NULL;
    return kt_tally_load(v->a, &all, 1, &v->t, err);
}

static enum kt_status survey(struct kt_survey *v, struct kt_error *err)
{
    if (load_window(v, err) != KT_OK || kt_survey_collector(v, err) != KT_OK)
        return err->code;
    if (kt_survey_wants_history(v) && load_history(v, err) != KT_OK)
        return err->code;
    take_sources(v);
    v->at = kt_alloc_array(v->t->n + 1, sizeof *v->at);
    kt_survey_judge(v);
    if (kt_survey_reports(v, err) != KT_OK)
        return err->code;
    kt_survey_renewals(v);
    finish(v);
    return KT_OK;
}

enum kt_status kt_coverage_load(struct kt_ask *a, struct kt_coverage **ret, struct kt_error *err)
{
    kt_time_ns since = 0, until = 0;
    struct kt_error why = { 0 }; /* ends of walks pass through it */
    if (choose_window(a, &since, &until, err) != KT_OK)
        return kt_wrap(err, "coverage");
    struct whole *w = kt_alloc(sizeof *w);
    struct kt_survey v = {
        .a = a, .c = &w->c, .since = since / KT_NS_MIN, .until = (until + KT_NS_MIN - 1) / KT_NS_MIN
    };
    v.end = v.until;
    w->c = (struct kt_coverage){ .since = since, .until = until, .first_day = since / KT_NS_DAY };
    w->c.days = (uint32_t)((until - 1) / KT_NS_DAY - w->c.first_day + 1);
    enum kt_status status = survey(&v, &why);
    done(&v);
    if (status != KT_OK) {
        kt_coverage_free(&w->c);
        return kt_fail(err, status, "coverage: %s", why.text);
    }
    *ret = &w->c;
    return KT_OK;
}

/* ---- one sentence ---- */

const char *kt_coverage_span(kt_time_ns d, char buf[KT_TIME_TEXT_MAX])
{
    long long m = (long long)(d / KT_NS_MIN), h = m / 60;
    if (m < 120)
        (void)snprintf(buf, KT_TIME_TEXT_MAX, "%lld min", m);
    else if (h < 48 && m % 60 != 0)
        (void)snprintf(buf, KT_TIME_TEXT_MAX, "%lld h %lld min", h, m % 60);
    else if (h < 48)
        (void)snprintf(buf, KT_TIME_TEXT_MAX, "%lld h", h);
    else
        (void)snprintf(buf, KT_TIME_TEXT_MAX, "%lld days", h / 24);
    return buf;
}

static bool concerns(const struct kt_coverage_gap *g, struct kt_str instance)
{
    return instance.len == 0 || g->instance.len == 0 || kt_str_eq(g->instance, instance);
}

/* What is open before what was filled, long before short. */
static bool is_worse(const struct kt_coverage_gap *a, const struct kt_coverage_gap *b)
{
    if (a->filled != b->filled)
        return !a->filled;
    return a->until - a->from > b->until - b->from;
}

static double share_of(const struct kt_coverage *c, struct kt_str instance)
{
    double sum = 0;
    unsigned n = 0;
    if (instance.len == 0)
        return c->share;
    for (unsigned i = 0; i < c->n_sources; i++)
        for (uint32_t k = 0; kt_str_eq(c->source[i].instance, instance) && k < c->days; k++)
            if (c->source[i].day[k].expected) {
                sum += c->source[i].day[k].share;
                n++;
            }
    return n == 0 ? -1 : sum / n / 100;
}

void kt_coverage_say(const struct kt_coverage *c, struct kt_str instance, struct kt_buf *out)
{
    const struct kt_coverage_gap *worst = NULL;
    unsigned n = 0;
    char span[KT_TIME_TEXT_MAX], share[16];
    for (unsigned i = 0; i < c->n_gaps; i++) {
        if (!concerns(&c->gap[i], instance))
            continue;
        n++;
        worst = worst == NULL || is_worse(&c->gap[i], worst) ? &c->gap[i] : worst;
    }
    if (c->n_sources == 0) {
        kt_buf_addz(out, "nothing is stored of this time");
        return;
    }
    double percent = 100 * share_of(c, instance);
    /* what is not all is never rounded to all */
    (void)snprintf(share, sizeof share, percent < 100 ? "%.1f %%" : "%.0f %%",
                   percent > 99.9 && percent < 100 ? 99.9 : percent);
    kt_buf_addf(out, "coverage %s", percent < 0 ? "not known: nothing was expected" : share);
    if (worst == NULL)
        return;
    kt_buf_addf(out, ": ");
    kt_buf_add(out, worst->instance.len > 0 ? worst->instance : KT_STR("every source"));
    kt_buf_addf(out, " has a gap of %s (%s)%s", kt_coverage_span(worst->until - worst->from, span),
                kt_gap_cause_word(worst->cause), worst->filled ? " that was filled later" : "");
    if (n > 1)
        kt_buf_addf(out, " and %u more", n - 1);
    kt_buf_addz(out, " (keytrail coverage --gaps)");
}
