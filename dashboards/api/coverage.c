/*
 * coverage: what the log can speak about, day by day, as `keytrail coverage` says it.
 *
 * Owns:  nothing.
 * Calls: core/answer (coverage, heard).
 */
#include "core/answer/coverage.h"
#include "core/base/alloc.h"
#include "dashboards/api/calls.h"
#include "dashboards/api/coverage_json.h"
#include "dashboards/api/shared.h"
#include <math.h>

#define SPAN (30 * KT_NS_DAY)

static void add_day(struct kt_buf *o, const struct kt_coverage_day *d)
{
    kt_api_open(o, NULL, '{');
    if (d->expected)
        kt_api_u64(o, "share", d->share);
    else
        kt_api_raw(o, "share", KT_STR_NONE);
    kt_api_u64(o, "events", d->events);
    kt_api_u64(o, "quarantined", d->quarantined);
    kt_api_real(o, "late_s", (double)d->lag_max / KT_NS_S);
    kt_api_close(o, '}');
}

void kt_api_coverage_gap(struct kt_buf *o, const struct kt_coverage_gap *g)
{
    kt_api_open(o, NULL, '{');
    kt_api_text(o, "instance", g->instance);
    kt_api_time(o, "from", g->from);
    kt_api_time(o, "until", g->until);
    kt_api_text(o, "cause", kt_str_of(kt_gap_cause_word(g->cause)));
    kt_api_text(o, "text", g->text);
    kt_api_flag(o, "filled", g->filled);
    kt_api_time(o, "filled_at", g->filled ? g->filled_at : 0);
    kt_api_flag(o, "open", kt_coverage_is_open(g));
    kt_api_u64(o, "events", g->events);
    kt_api_close(o, '}');
}

void kt_api_coverage_source(struct kt_buf *o, const struct kt_coverage *c,
                            const struct kt_coverage_source *s)
{
    unsigned sum = 0, n = 0;
    for (uint32_t i = 0; i < c->days; i++) {
        sum += s->day[i].expected ? s->day[i].share : 0;
        n += s->day[i].expected;
    }
    kt_api_text(o, "source", s->source);
    kt_api_text(o, "instance", s->instance);
    kt_api_text(o, "agent", s->agent);
    kt_api_time(o, "first", s->first);
    kt_api_time(o, "last", s->last);
    kt_api_real(o, "share", n > 0 ? sum / (100.0 * n) : NAN);
    kt_api_open(o, "days", '[');
    for (uint32_t i = 0; i < c->days; i++)
        add_day(o, &s->day[i]);
    kt_api_close(o, ']');
    kt_api_open(o, "blind", '[');
    for (unsigned i = 0; i < s->n_blind; i++)
        kt_api_text(o, NULL, s->blind[i]);
    kt_api_close(o, ']');
}

void kt_api_reported(struct kt_buf *o, const char *key, const struct kt_source_report *r,
                     int64_t figure)
{
    if (r->at == 0)
        kt_api_raw(o, key, KT_STR_NONE);
    else
        kt_api_u64(o, key, (uint64_t)(figure > 0 ? figure : 0));
}

/* ---- agents ---- */

struct heard { /* what the agents said last, a report a source */
    struct kt_map *names;
    bool *wanted;
    struct kt_source_report *report;
    bool whole;
};

static void heard_done(struct heard *h)
{
    kt_reports_done(h->report, kt_map_count(h->names));
    kt_free(h->report);
    kt_free(h->wanted);
    kt_map_free(h->names);
}

static enum kt_status hear(struct kt_api *a, const struct kt_coverage *c, struct heard *h,
                           struct kt_error *err)
{
    h->names = kt_map_new((uint64_t)a->now);
    h->wanted = kt_alloc_array(c->n_sources + 1, sizeof *h->wanted);
    h->report = kt_alloc_array(c->n_sources + 1, sizeof *h->report);
    for (unsigned i = 0; i < c->n_sources; i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf key = { 0 };
        bool fresh;
        kt_buf_add(&key, c->source[i].source);
        kt_buf_byte(&key, '\t');
        kt_buf_add(&key, c->source[i].instance);
        h->wanted[kt_map_put(h->names, kt_buf_str(&key), &fresh)] = c->source[i].agent.len > 0;
    }
    return kt_reports_read(a->ask->reader, h->names, h->wanted, a->now, a->ask->give_up,
                           a->ask->give_up_self, h->report, &h->whole, err);
}

/* Every report of an agent says how it stands itself: the newest of its sources' counts. */
static void add_agents(struct kt_buf *o, const struct kt_coverage *c, const struct heard *h)
{
    for (unsigned i = 0; i < c->n_sources; i++) {
        struct kt_str agent = c->source[i].agent;
        const struct kt_source_report *r = &h->report[i];
        unsigned sources = 0;
        bool seen = agent.len == 0;
        for (unsigned k = 0; k < c->n_sources && !seen; k++) {
            if (!kt_str_eq(c->source[k].agent, agent))
                continue;
            seen = k < i;
            sources++;
            r = h->report[k].at > r->at ? &h->report[k] : r;
        }
        if (seen)
            continue;
        kt_api_open(o, NULL, '{');
        kt_api_text(o, "name", agent);
        kt_api_text(o, "program", kt_buf_str(&r->program));
        kt_api_time(o, "last_report", r->at);
        kt_api_u64(o, "sources", sources);
        kt_api_reported(o, "spool_bytes", r, r->spool);
        kt_api_reported(o, "lost", r, r->lost);
        kt_api_close(o, '}');
    }
}

static void add_all(struct kt_api *a, const struct kt_coverage *c, const struct heard *h)
{
    struct kt_buf *o = &a->out;
    char day[KT_TIME_TEXT_MAX];
    (void)kt_time_format(c->first_day * KT_NS_DAY, day);
    kt_api_open(o, NULL, '{');
    kt_api_text(o, "first_day", kt_str_sub(kt_str_of(day), 0, 10));
    kt_api_u64(o, "days", c->days);
    kt_api_open(o, "sources", '[');
    for (unsigned i = 0; i < c->n_sources; i++) {
        const struct kt_source_report *r = &h->report[i];
        kt_api_open(o, NULL, '{');
        kt_api_coverage_source(o, c, &c->source[i]);
        kt_api_time(o, "last_report", r->at);
        kt_api_reported(o, "lag_bytes", r, r->lag);
        kt_api_close(o, '}');
    }
    kt_api_close(o, ']');
    kt_api_open(o, "gaps", '[');
    for (unsigned i = 0; i < c->n_gaps; i++)
        kt_api_coverage_gap(o, &c->gap[i]);
    kt_api_close(o, ']');
    kt_api_u64(o, "more_gaps", c->more);
    kt_api_open(o, "agents", '[');
    add_agents(o, c, h);
    kt_api_close(o, ']');
    kt_api_covered(a, c);
    kt_api_close(o, '}');
}

static enum kt_status make_coverage(struct kt_api *a, struct kt_error *err)
{
    struct kt_coverage *c = NULL;
    struct heard h = { 0 };
    if (kt_api_window(a, SPAN, err) != KT_OK || kt_coverage_load(a->ask, &c, err) != KT_OK)
        return err->code;
    enum kt_status status = hear(a, c, &h, err);
    if (status == KT_OK)
        add_all(a, c, &h);
    heard_done(&h);
    kt_coverage_free(c);
    return status;
}

enum kt_status kt_api_coverage(struct kt_api *a, struct kt_error *err)
{
    return kt_api_shared(a, "coverage", KT_API_SHARED_PAGE, make_coverage, err);
}
