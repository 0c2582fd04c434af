/*
 * source: one source: how it stands, what is missing of it, what came from it, who used it.
 *
 * Owns:  nothing.
 * Calls: core/answer (coverage, heard, profile), dashboards/api (coverage, names).
 */
#include "core/answer/heard.h"
#include "dashboards/api/calls.h"
#include "dashboards/api/coverage_json.h"
#include "dashboards/api/names.h"
#include "dashboards/api/scoped.h"

#define WINDOW       (7 * KT_NS_DAY)
#define INSTANCE_MAX 1500u

struct parts {
    struct kt_coverage *coverage;
    struct kt_profile *profile;
    struct kt_source_report report;
};

static void done(struct parts *p)
{
    kt_reports_done(&p->report, 1);
    kt_coverage_free(p->coverage);
    kt_profile_free(p->profile);
}

static const struct kt_coverage_source *covered(const struct kt_coverage *c, struct kt_str instance)
{
    for (unsigned i = 0; i < c->n_sources; i++)
        if (kt_str_eq(c->source[i].instance, instance))
            return &c->source[i];
    return NULL;
}

/* Whatever the window: what its agent said last of it. */
static enum kt_status hear(struct kt_api *a, const struct kt_coverage_source *s, struct parts *p,
                           struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf key = { 0 };
    const bool wanted[1] = { s->agent.len > 0 };
    struct kt_map *names = kt_map_new((uint64_t)a->now);
    bool whole;
    kt_buf_add(&key, s->source);
    kt_buf_byte(&key, '\t');
    kt_buf_add(&key, s->instance);
    (void)kt_map_put(names, kt_buf_str(&key), NULL);
    enum kt_status status = kt_reports_read(a->ask->reader, names, wanted, a->now, a->ask->give_up,
                                            a->ask->give_up_self, &p->report, &whole, err);
    kt_map_free(names);
    return status;
}

static void add(struct kt_api *a, const struct kt_profile_ask *what, const struct kt_coverage *c,
                const struct kt_coverage_source *s, const struct parts *p)
{
    struct kt_buf *o = &a->out;
    kt_api_open(o, NULL, '{');
    kt_api_coverage_source(o, c, s);
    kt_api_time(o, "first_day", c->first_day * KT_NS_DAY);
    kt_api_time(o, "last_report", p->report.at);
    kt_api_reported(o, "lag_bytes", &p->report, p->report.lag);
    kt_api_reported(o, "lost", &p->report, p->report.lost);
    kt_api_text(o, "program", kt_buf_str(&p->report.program));
    kt_api_open(o, "gaps", '[');
    for (unsigned i = 0; i < c->n_gaps; i++)
        if (c->gap[i].instance.len == 0 || kt_str_eq(c->gap[i].instance, s->instance))
            kt_api_coverage_gap(o, &c->gap[i]);
    kt_api_close(o, ']');
    kt_api_profile(a, what, p->profile);
    kt_api_covers(a, s->instance);
    kt_api_close(o, '}');
}

static enum kt_status is_none(struct kt_str instance, struct kt_error *err)
{
    return kt_fail(err, KT_E_AGAIN, "the log has nothing of a source '" KT_STR_FMT "' in this time",
                   KT_STR_ARG(instance));
}

/* Of a scope: what came from it. What is missing of it, and what its agent says, is of all who use
 * it. */
static enum kt_status answer_scoped(struct kt_api *a, const struct kt_profile_ask *what,
                                    struct parts *p, struct kt_error *err)
{
    const struct kt_coverage none = { 0 };
    if (kt_profile_load(a->ask, what, &p->profile, err) != KT_OK)
        return err->code;
    if (p->profile->n[KT_PROFILE_INSTANCES] != 1)
        return is_none(what->value, err);
    const struct kt_profile_entry *e = &p->profile->list[KT_PROFILE_INSTANCES][0];
    const struct kt_coverage_source s = {
        .source = e->more, .instance = e->value, .first = e->first, .last = e->last
    };
    add(a, what, &none, &s, p);
    return KT_OK;
}

enum kt_status kt_api_source(struct kt_api *a, struct kt_error *err)
{
    KT_CLEANUP(done) struct parts p = { 0 };
    const struct kt_profile_ask what = { .kind = KT_PROFILE_INSTANCE,
                                         .value = kt_api_get(a, "instance"),
                                         .undated = true };
    if (what.value.len == 0)
        return kt_fail(err, KT_E_INPUT, "instance is missing: which source?");
    if (what.value.len > INSTANCE_MAX)
        return kt_fail(err, KT_E_INPUT, "instance has at most %u bytes", INSTANCE_MAX);
    if (kt_api_window(a, WINDOW, err) != KT_OK)
        return err->code;
    if (kt_api_scoped(a))
        return answer_scoped(a, &what, &p, err);
    if (kt_coverage_load(a->ask, &p.coverage, err) != KT_OK)
        return err->code;
    const struct kt_coverage_source *s = covered(p.coverage, what.value);
    if (s == NULL)
        return is_none(what.value, err);
    if (hear(a, s, &p, err) != KT_OK || kt_profile_load(a->ask, &what, &p.profile, err) != KT_OK)
        return err->code;
    add(a, &what, p.coverage, s, &p);
    return KT_OK;
}
