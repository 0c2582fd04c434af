/*
 * alert: one alert with all that somebody needs who was woken by it.
 *
 * Owns:  nothing.
 * Calls: exporters/alerts (view, moments, markdown), dashboards/api/alert_*.
 */
#include "dashboards/api/alert_int.h"

#include <math.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/event/line.h"
#include "dashboards/api/calls.h"
#include "dashboards/api/scoped.h"
#include "exporters/alerts/markdown.h"
#include "exporters/alerts/moments.h"

#define RELATED_MAX 20u

/* ---- why ---- */

static void add_why(struct kt_buf *o, const struct kt_alert *a)
{
    bool scored = !kt_api_is_narrow(a);
    int sum = 0;
    kt_api_open(o, "why", '[');
    for (unsigned i = 0; i < a->n_parts && scored; i++) {
        kt_api_open(o, NULL, '{');
        kt_api_text(o, "detector", kt_str_of(a->parts[i].detector));
        kt_api_real(o, "points", a->parts[i].points / 100.0);
        kt_api_text(o, "text", a->parts[i].text);
        kt_api_close(o, '}');
        sum += a->parts[i].points;
    }
    kt_api_close(o, ']');
    kt_api_real(o, "production", !scored ? NAN : a->n_parts > 0 ? (a->score - sum) / 100.0 : 0);
    kt_api_real(o, "threshold", KT_ALERT_RAISE / 100.0);
    kt_api_text(o, "normal", a->normal);
    kt_api_text(o, "matters", a->why);
    kt_api_text(o, "considered", a->considered);
    kt_api_text(o, "quiet", a->quiet);
    kt_api_text(o, "network", a->network);
    kt_api_text(o, "actor_kind", a->actor_kind);
    kt_api_text(o, "actor_written", a->actor_written);
    kt_api_text(o, "user_agent", a->user_agent);
    kt_api_text(o, "geo_build", a->geo_build);
}

/* ---- what goes with it ---- */

struct related {
    struct kt_api *api;
    const struct kt_alert *alert;
    const struct kt_alert_view *view;
    struct kt_buf actor, ip; /* as documents have them */
    unsigned n;
};

static bool same(struct kt_str a, struct kt_str b)
{
    return a.len > 0 && kt_str_eq(a, b);
}

/* Few of many documents have one of its names: the others need not be read. */
static bool may_be(const struct related *r, struct kt_str json)
{
    return (r->actor.len > 0 && kt_str_find(json, kt_buf_str(&r->actor), 0) >= 0) ||
           (r->ip.len > 0 && kt_str_find(json, kt_buf_str(&r->ip), 0) >= 0) ||
           kt_str_find(json, kt_str_of(r->alert->id), 0) >= 0;
}

static enum kt_status take_related(void *self, const struct kt_alert_glance *g,
                                   struct kt_error *err)
{
    struct related *r = self;
    const struct kt_alert *x = r->alert;
    struct kt_alert a;
    (void)err;
    if (kt_str_is(g->id, x->id) || (!may_be(r, g->json) && !same(x->merged_into, g->id)) ||
        !kt_alert_view_read(g, &a))
        return KT_OK;
    bool is = same(a.actor, x->actor) || same(a.ip, x->ip) ||
              same(a.merged_into, kt_str_of(x->id)) || same(x->merged_into, g->id);
    if (!is || !kt_within_tells(r->api->ask, g->id, g->json))
        return KT_OK;
    kt_api_narrow(r->api, &a);
    kt_api_alert_row(&r->api->out, NULL, &a, r->view, r->api->now,
                     kt_role_knows_canaries(r->api->role));
    return ++r->n == RELATED_MAX ? KT_E_AGAIN : KT_OK;
}

static enum kt_status add_related(struct kt_api *a, const struct kt_alert *alert,
                                  const struct kt_alert_view *view, struct kt_error *err)
{
    struct related r = { .api = a, .alert = alert, .view = view };
    if (alert->actor.len > 0)
        kt_json_quote(&r.actor, alert->actor);
    if (alert->ip.len > 0)
        kt_json_quote(&r.ip, alert->ip);
    kt_api_open(&a->out, "related", '[');
    enum kt_status status = kt_alert_view_glance(a->ask->reader, view, take_related, &r, err);
    kt_api_close(&a->out, ']');
    kt_buf_done(&r.actor);
    kt_buf_done(&r.ip);
    return status;
}

/* ---- its life ---- */

static void add_message(struct kt_buf *o, const struct kt_alert_moment *m)
{
    kt_api_open(o, NULL, '{');
    kt_api_text(o, "target", kt_str_of(m->row.target));
    kt_api_text(o, "action", kt_str_of(m->row.action));
    kt_api_text(o, "state", kt_str_of(m->what));
    kt_api_time(o, "at", m->at);
    kt_api_u64(o, "tries", m->row.attempts);
    kt_api_u64(o, "code", m->row.last_code > 0 ? (uint64_t)m->row.last_code : 0);
    kt_api_text(o, "error", kt_str_of(m->row.last_error));
    kt_api_text(o, "text", kt_buf_str(&m->text));
    kt_api_close(o, '}');
}

static void add_step(struct kt_buf *o, const struct kt_alert_moment *m, bool narrow)
{
    kt_api_open(o, NULL, '{');
    kt_api_text(o, "what", kt_str_of(m->what));
    kt_api_text(o, "by", narrow ? kt_api_person(kt_str_of(m->by)) : kt_str_of(m->by));
    kt_api_text(o, "where", kt_str_of(m->where));
    kt_api_time(o, "at", m->at);
    kt_api_text(o, "text", kt_buf_str(&m->text));
    kt_api_close(o, '}');
}

static enum kt_status add_life(struct kt_api *a, const struct kt_alert *alert,
                               const struct kt_alert_view *view, struct kt_error *err)
{
    KT_CLEANUP(kt_alert_moments_done) struct kt_alert_moments l = { 0 };
    if (kt_alert_moments_load(a->ask->reader, view, alert, a->now, kt_role_knows_canaries(a->role),
                              &l, err) != KT_OK)
        return err->code;
    bool narrow = kt_api_is_narrow(alert);
    for (int messages = 1; messages >= 0; messages--) {
        kt_api_open(&a->out, messages ? "delivery" : "steps", '[');
        for (unsigned i = 0; i < l.n; i++) {
            struct kt_alert_moment *m = &l.at[i];
            bool is = m->kind == KT_MOMENT_MESSAGE;
            if (narrow && (is || m->kind == KT_MOMENT_SILENCE))
                continue; /* who is told, and of what nobody is, is of the house */
            if (narrow) { /* so are what people write, and where */
                kt_buf_reset(&m->text);
                m->where[0] = '\0';
            }
            if (is && messages)
                add_message(&a->out, m);
            else if (!is && !messages)
                add_step(&a->out, m, narrow);
        }
        kt_api_close(&a->out, ']');
    }
    a->ask->damage.places += kt_api_scoped(a) ? 0 : l.damage.places; /* of all of the log */
    return KT_OK;
}

/* ---- the call ---- */

static enum kt_status find(struct kt_api *a, struct kt_arena *arena, struct kt_alert *ret,
                           struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf json = { 0 };
    struct kt_str id = kt_api_get(a, "id");
    struct kt_alert_found found;
    enum kt_status status = kt_reader_alert_find(a->ask->reader, id, &json, &found, err);
    /* With a scope by all of its id: a part may fit others too. */
    bool none = (status == KT_E_INPUT && (id.len >= 26 || kt_api_scoped(a))) ||
                (status == KT_OK && !kt_within_tells(a->ask, id, kt_buf_str(&json)));
    if (none)
        return kt_fail(err, KT_E_AGAIN, "there is no alert '" KT_STR_FMT "'", KT_STR_ARG(id));
    return status == KT_OK ? kt_alert_read(kt_buf_str(&json), arena, ret, err) : status;
}

static enum kt_status answer(struct kt_api *a, const struct kt_alert *alert,
                             const struct kt_alert_view *view, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf markdown = { 0 };
    struct kt_buf *o = &a->out;
    kt_api_open(o, NULL, '{');
    kt_api_alert_row(o, "alert", alert, view, a->now, kt_role_knows_canaries(a->role));
    add_why(o, alert);
    kt_api_alert_baseline(a, alert);
    if (kt_api_alert_evidence(a, alert, err) != KT_OK || add_related(a, alert, view, err) != KT_OK)
        return err->code;
    kt_api_alert_next(o, alert);
    if (add_life(a, alert, view, err) != KT_OK)
        return err->code;
    if (!kt_api_is_narrow(alert))
        kt_alert_markdown(alert, &markdown);
    kt_api_text(o, "markdown", kt_buf_str(&markdown));
    kt_api_covers(a, alert->instance); /* of the time of its evidence */
    kt_api_close(o, '}');
    return KT_OK;
}

enum kt_status kt_api_alert(struct kt_api *a, struct kt_error *err)
{
    KT_CLEANUP(kt_arena_done) struct kt_arena arena = kt_arena_new(KT_LINE_MAX);
    KT_CLEANUP(kt_within_done) struct kt_within within = { 0 };
    struct kt_alert alert;
    if (kt_api_within(a, &within, err) != KT_OK || find(a, &arena, &alert, err) != KT_OK ||
        kt_alert_view_follow(a->view, a->ask->reader, err) != KT_OK)
        return err->code;
    kt_alert_view_live(a->view, &alert);
    kt_api_narrow(a, &alert);
    return answer(a, &alert, a->view, err);
}
