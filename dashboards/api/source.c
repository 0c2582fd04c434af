/*
 * source: one source: what came from it, when, what is missing, who used it.
 *
 * Owns:  nothing.
 * Calls: core/answer (coverage, profile), dashboards/api/names.
 */
#include <math.h>

#include "core/answer/coverage.h"
#include "dashboards/api/calls.h"
#include "dashboards/api/names.h"

#define WINDOW       (7 * KT_NS_DAY)
#define INSTANCE_MAX 1500u

struct newest { /* the newest record of a query */
    kt_time_ns time, arrival;
    char agent[80];
};

static enum kt_status take_newest(void *self, const struct kt_record *r, const struct kt_fact *fact,
                                  struct kt_error *err)
{
    struct newest *n = self;
    (void)fact;
    (void)err;
    n->time = r->ev.time > 0 ? r->ev.time : r->arrival;
    n->arrival = r->arrival;
    kt_str_copyz(n->agent, sizeof n->agent, r->agent);
    return KT_E_AGAIN;
}

/* Whatever the window: when it last spoke, and its agent of it. */
static enum kt_status find_newest(struct kt_api *a, const char *kind, struct kt_str instance,
                                  struct newest *ret, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf query = { 0 };
    struct kt_ask ask = *a->ask;
    ask.since = ask.until = 0;
    ask.newest_first = true;
    kt_ask_term(&query, "instance", instance);
    kt_buf_addf(&query, " kind:%s", kind);
    return kt_ask_records(&ask, kt_buf_str(&query), take_newest, ret, err);
}

static void add_days(struct kt_buf *o, const struct kt_coverage *c,
                     const struct kt_coverage_source *s)
{
    kt_api_time(o, "first_day", c->first_day * KT_NS_DAY);
    kt_api_open(o, "days", '[');
    for (uint32_t d = 0; s != NULL && d < c->days; d++) {
        const struct kt_coverage_day *day = &s->day[d];
        kt_api_open(o, NULL, '{');
        kt_api_real(o, "share", day->expected ? day->share : NAN);
        kt_api_u64(o, "events", day->events);
        kt_api_u64(o, "quarantined", day->quarantined);
        kt_api_real(o, "late_s", (double)day->lag_max / (double)KT_NS_S);
        kt_api_close(o, '}');
    }
    kt_api_close(o, ']');
}

static void add_gaps(struct kt_buf *o, const struct kt_coverage *c, struct kt_str instance)
{
    kt_api_open(o, "gaps", '[');
    for (unsigned i = 0; i < c->n_gaps; i++) {
        const struct kt_coverage_gap *g = &c->gap[i];
        if (g->instance.len > 0 && !kt_str_eq(g->instance, instance))
            continue;
        kt_api_open(o, NULL, '{');
        kt_api_text(o, "instance", g->instance);
        kt_api_time(o, "from", g->from);
        kt_api_time(o, "until", g->until);
        kt_api_text(o, "cause", kt_str_of(kt_gap_cause_word(g->cause)));
        kt_api_text(o, "text", g->text);
        kt_api_flag(o, "filled", g->filled);
        kt_api_time(o, "filled_at", g->filled_at);
        kt_api_u64(o, "events", g->events);
        kt_api_close(o, '}');
    }
    kt_api_close(o, ']');
}

static enum kt_status add_coverage(struct kt_api *a, struct kt_str instance, struct kt_error *err)
{
    struct kt_buf *o = &a->out;
    struct kt_coverage *c = NULL;
    const struct kt_coverage_source *s = NULL;
    if (kt_coverage_load(a->ask, &c, err) != KT_OK)
        return err->code;
    for (unsigned i = 0; i < c->n_sources; i++)
        s = kt_str_eq(c->source[i].instance, instance) ? &c->source[i] : s;
    kt_api_text(o, "source", s != NULL ? s->source : KT_STR_NONE);
    kt_api_time(o, "first_event", s != NULL ? s->first : 0);
    kt_api_time(o, "last_event", s != NULL ? s->last : 0);
    add_days(o, c, s);
    add_gaps(o, c, instance);
    kt_api_open(o, "blind", '[');
    for (unsigned i = 0; s != NULL && i < s->n_blind; i++)
        kt_api_text(o, NULL, s->blind[i]);
    kt_api_close(o, ']');
    kt_coverage_free(c);
    return KT_OK;
}

static enum kt_status answer(struct kt_api *a, struct kt_str instance, struct kt_error *err)
{
    const struct kt_profile_ask what = { .kind = KT_PROFILE_INSTANCE,
                                         .value = instance,
                                         .undated = true };
    struct newest access = { 0 }, report = { 0 };
    struct kt_profile *p = NULL;
    struct kt_buf *o = &a->out;
    if (find_newest(a, "access", instance, &access, err) != KT_OK ||
        find_newest(a, "report", instance, &report, err) != KT_OK)
        return err->code;
    if (access.arrival == 0 && report.arrival == 0)
        return kt_fail(err, KT_E_AGAIN, "the log has nothing of a source '" KT_STR_FMT "'",
                       KT_STR_ARG(instance));
    if (kt_profile_load(a->ask, &what, &p, err) != KT_OK)
        return err->code;
    kt_api_open(o, NULL, '{');
    kt_api_text(o, "instance", instance);
    kt_api_text(o, "agent", kt_str_of(report.arrival > 0 ? report.agent : access.agent));
    kt_api_time(o, "last_contact",
                report.arrival > access.arrival ? report.arrival : access.arrival);
    kt_api_real(o, "lag_s",
                access.arrival == 0 ? NAN
                                    : (double)(access.arrival - access.time) / (double)KT_NS_S);
    enum kt_status status = add_coverage(a, instance, err);
    kt_api_profile(a, &what, p);
    kt_api_covers(a, instance);
    kt_api_close(o, '}');
    kt_profile_free(p);
    return status;
}

enum kt_status kt_api_source(struct kt_api *a, struct kt_error *err)
{
    struct kt_str instance = kt_api_get(a, "instance");
    if (instance.len == 0)
        return kt_fail(err, KT_E_INPUT, "instance is missing: which source?");
    if (instance.len > INSTANCE_MAX)
        return kt_fail(err, KT_E_INPUT, "instance has at most %u bytes", INSTANCE_MAX);
    if (kt_api_window(a, WINDOW, err) != KT_OK)
        return err->code;
    return answer(a, instance, err);
}
