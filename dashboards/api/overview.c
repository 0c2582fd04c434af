/*
 * overview: the first page: figures of a window against what is usual, what is open, silent and
 * new, and how the log itself stands.
 *
 * Owns:  the names and order of its keys.
 * Calls: core/answer (profile, series, places, standing, learning), exporters/alerts/view,
 *        dashboards/api (scoped, kept).
 */
#include "core/answer/learning.h"
#include "core/answer/places.h"
#include "core/answer/profile.h"
#include "core/answer/series.h"
#include "core/answer/standing.h"
#include "dashboards/api/alerts.h"
#include "dashboards/api/calls.h"
#include "dashboards/api/integrity.h"
#include "dashboards/api/map_json.h"
#include "dashboards/api/names.h"
#include "dashboards/api/scoped.h"
#include "dashboards/api/shared.h"
#include <math.h>

#define SPAN     KT_NS_DAY
#define STEPS    120u
#define NEW_ROWS 20u
#define ALERTS   10u

/* ---- figures ---- */

static void add_number(struct kt_buf *o, const char *key, uint64_t now, double usual)
{
    kt_api_open(o, key, '{');
    kt_api_u64(o, "now", now);
    kt_api_real(o, "usual", usual);
    kt_api_close(o, '}');
}

static uint32_t in_window(const struct kt_profile *p, enum kt_profile_list list)
{
    uint32_t n = 0;
    while (n < p->n[list] && p->list[list][n].events > 0)
        n++; /* most events first */
    return n;
}

/* How many different ones a day; NAN where the window is no day: there is no adding them up. */
static double usual_different(const struct kt_profile *p, enum kt_profile_list list, double days)
{
    uint64_t sum = 0;
    if (p->usual_days <= 0 || days < 0.9 || days > 1.1)
        return NAN;
    for (uint32_t i = 0; i < p->n[list]; i++)
        sum += (unsigned)__builtin_popcount(p->list[list][i].usual_on);
    return (double)sum / p->usual_days;
}

static void add_numbers(struct kt_buf *o, const struct kt_profile *p, double days)
{
    static const struct {
        const char *key;
        enum kt_profile_list list;
    } different[] = { { "actors", KT_PROFILE_ACTORS },
                      { "secrets", KT_PROFILE_SECRETS },
                      { "addresses", KT_PROFILE_ADDRESSES } };
    double per = p->usual_days > 0 ? days / p->usual_days : NAN;
    kt_api_open(o, "numbers", '{');
    add_number(o, "events", p->events, (double)p->usual * per);
    add_number(o, "reads", p->reads, (double)p->usual_reads * per);
    add_number(o, "failed", p->failed, (double)p->usual_failed * per);
    for (size_t i = 0; i < KT_ARRAY_LEN(different); i++)
        add_number(o, different[i].key, in_window(p, different[i].list),
                   usual_different(p, different[i].list, days));
    kt_api_close(o, '}');
}

/* ---- what is new ---- */

static void add_new(struct kt_buf *o, const struct kt_profile *p)
{
    static const struct {
        const char *key;
        enum kt_profile_list list;
    } lists[] = { { "actors", KT_PROFILE_ACTORS },
                  { "addresses", KT_PROFILE_ADDRESSES },
                  { "countries", KT_PROFILE_COUNTRIES },
                  { "secrets", KT_PROFILE_SECRETS } };
    kt_api_open(o, "new", '{');
    for (size_t i = 0; i < KT_ARRAY_LEN(lists); i++) {
        uint64_t total = 0;
        kt_api_open(o, lists[i].key, '{');
        kt_api_open(o, "values", '[');
        for (uint32_t k = 0; k < p->n[lists[i].list]; k++) {
            const struct kt_profile_entry *e = &p->list[lists[i].list][k];
            if (e->is_new && total++ < NEW_ROWS)
                kt_api_entry(o, p, lists[i].list, e);
        }
        kt_api_close(o, ']');
        kt_api_u64(o, "total", total);
        kt_api_close(o, '}');
    }
    kt_api_close(o, '}');
}

/* known: whether it is silent is. */
static void add_source(struct kt_buf *o, const struct kt_standing *x, bool known)
{
    kt_api_open(o, NULL, '{');
    kt_api_text(o, "source", x->source);
    kt_api_text(o, "instance", x->instance);
    kt_api_text(o, "agent", x->agent);
    kt_api_time(o, "last_event", x->last_event);
    kt_api_time(o, "last_contact", x->last_contact);
    kt_api_real(o, "lag_s", known ? x->lag_s : NAN);
    if (known)
        kt_api_flag(o, "silent", x->silent);
    else
        kt_api_raw(o, "silent", KT_STR_NONE);
    kt_api_text(o, "why", x->why);
    kt_api_close(o, '}');
}

/* Of a scope: where its records came from. Whether a source is silent is told by all of it. */
static void add_heard(struct kt_buf *o, const struct kt_profile *p)
{
    kt_api_open(o, "sources", '[');
    for (uint32_t i = 0; i < p->n[KT_PROFILE_INSTANCES]; i++) {
        const struct kt_profile_entry *e = &p->list[KT_PROFILE_INSTANCES][i];
        add_source(
            o,
            &(struct kt_standing){ .source = e->more, .instance = e->value, .last_event = e->last },
            false);
    }
    kt_api_close(o, ']');
}

static enum kt_status add_profile(struct kt_api *a, struct kt_error *err)
{
    const struct kt_profile_ask what = { .kind = KT_PROFILE_ALL, .usual = KT_USUAL_SPAN };
    struct kt_profile *p = NULL;
    if (kt_profile_load(a->ask, &what, &p, err) != KT_OK)
        return err->code;
    kt_time_ns until = a->ask->until != 0 ? a->ask->until : a->now;
    add_numbers(&a->out, p, (double)(until - a->ask->since) / (double)KT_NS_DAY);
    add_new(&a->out, p);
    if (kt_api_scoped(a))
        add_heard(&a->out, p);
    kt_profile_free(p);
    return KT_OK;
}

static enum kt_status add_counts(struct kt_api *a, struct kt_error *err)
{
    struct kt_series s = { 0 };
    if (kt_series_load(a->ask, KT_STR_NONE, STEPS, &s, err) != KT_OK)
        return err->code;
    kt_api_add_series(&a->out, "series", &s);
    kt_series_done(&s);
    return KT_OK;
}

static enum kt_status add_places(struct kt_api *a, struct kt_error *err)
{
    struct kt_places p = { 0 };
    if (kt_places_load(a->ask, KT_STR_NONE, &p, err) != KT_OK)
        return err->code;
    kt_api_places(&a->out, &p);
    kt_places_done(&p);
    return KT_OK;
}

/* ---- what is open and silent ---- */

struct open_alerts {
    struct kt_api *a;
    struct kt_within within;
    uint64_t by_severity[KT_SEV_COUNT], acknowledged, rows;
};

/* What people should look at: those that an expectation keeps quiet are no part of it. */
static enum kt_status take_alert(void *self, const struct kt_alert_glance *g, struct kt_error *err)
{
    struct open_alerts *w = self;
    struct kt_alert a;
    (void)err;
    if (!kt_within_tells(w->a->ask, g->id, g->json) || !kt_alert_view_read(g, &a) ||
        a.suppressed_by.len > 0)
        return KT_OK;
    enum kt_life_status status = kt_alert_status(&a);
    w->acknowledged += status == KT_LIFE_ACKNOWLEDGED;
    if (status != KT_LIFE_OPEN)
        return KT_OK;
    w->by_severity[a.severity]++;
    kt_api_narrow(w->a, &a);
    if (w->rows++ < ALERTS)
        kt_api_alert_row(&w->a->out, NULL, &a, w->a->view, w->a->now,
                         kt_role_knows_canaries(w->a->role));
    return KT_OK;
}

static enum kt_status add_alerts(struct kt_api *a, struct kt_error *err)
{
    struct kt_buf *o = &a->out;
    struct open_alerts w = { .a = a };
    enum kt_status status = kt_api_within(a, &w.within, err);
    if (status == KT_OK)
        status = kt_alert_view_follow(a->view, a->ask->reader, err);
    kt_api_open(o, "alerts", '{');
    kt_api_open(o, "rows", '[');
    if (status == KT_OK)
        status = kt_alert_view_glance(a->ask->reader, a->view, take_alert, &w, err);
    kt_within_done(&w.within);
    if (status != KT_OK)
        return status;
    kt_api_close(o, ']');
    kt_api_open(o, "open", '{');
    for (unsigned i = 0; i < KT_SEV_COUNT; i++)
        kt_api_u64(o, kt_severity_words[i].word, w.by_severity[i]);
    kt_api_close(o, '}');
    kt_api_u64(o, "acknowledged", w.acknowledged);
    kt_api_close(o, '}');
    return KT_OK;
}

static enum kt_status add_sources(struct kt_api *a, struct kt_error *err)
{
    struct kt_buf *o = &a->out;
    struct kt_standings s = { 0 };
    if (kt_api_scoped(a))
        return KT_OK; /* add_heard */
    if (kt_standings_load(a->ask, &s, err) != KT_OK)
        return err->code;
    kt_api_open(o, "sources", '[');
    for (unsigned i = 0; i < s.n; i++)
        add_source(o, &s.at[i], true);
    kt_api_close(o, ']');
    kt_standings_done(&s);
    return KT_OK;
}

static enum kt_status add_house(struct kt_api *a, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf said = { 0 };
    struct kt_store_stats stats;
    bool over = true;
    if (kt_api_scoped(a)) { /* and how the log stands, before it */
        kt_api_untold(&a->out);
        return KT_OK;
    }
    if (kt_api_add_standing(a, err) != KT_OK ||
        kt_reader_stats(a->ask->reader, &stats, err) != KT_OK ||
        kt_learning_say(a->ask->reader, &stats, &said, &over, err) != KT_OK)
        return err->code;
    kt_api_text(&a->out, "learning", over ? KT_STR_NONE : kt_buf_str(&said));
    return KT_OK;
}

/* ---- all of it ---- */

static enum kt_status make(struct kt_api *a, struct kt_error *err)
{
    static enum kt_status (*const parts[])(struct kt_api * a, struct kt_error * err) = {
        add_profile, add_counts, add_alerts, add_sources, add_places, add_house
    };
    if (kt_api_window(a, SPAN, err) != KT_OK)
        return err->code;
    kt_api_open(&a->out, NULL, '{');
    kt_api_time(&a->out, "asked", a->now);
    for (size_t i = 0; i < KT_ARRAY_LEN(parts); i++)
        if (parts[i](a, err) != KT_OK)
            return err->code;
    kt_api_covers(a, KT_STR_NONE);
    kt_api_close(&a->out, '}');
    return KT_OK;
}

enum kt_status kt_api_overview(struct kt_api *a, struct kt_error *err)
{
    return kt_api_shared(a, "overview", KT_API_SHARED_PAGE, make, err);
}
