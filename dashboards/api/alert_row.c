/*
 * alert_row: an alert as the page's lists have it.
 *
 * Owns:  the names and order of its keys.
 * Calls: dashboards/api (JSON), exporters/alerts/view.
 */
#include <math.h>

#include "dashboards/api/alerts.h"
#include "dashboards/api/scoped.h"

static void add_what(struct kt_buf *o, const struct kt_alert *a)
{
    kt_api_text(o, "severity", kt_str_of(kt_severity_words[a->severity].word));
    kt_api_text(o, "title", a->title);
    kt_api_text(o, "detector", kt_str_of(a->detector));
    kt_api_open(o, "detectors", '[');
    for (unsigned i = 0; i < a->n_parts; i++)
        kt_api_text(o, NULL, kt_str_of(a->parts[i].detector));
    kt_api_close(o, ']');
    kt_api_real(o, "score", kt_api_is_narrow(a) ? NAN : a->score / 100.0);
    kt_api_time(o, "time", a->time);
    kt_api_time(o, "first", a->first);
    kt_api_time(o, "last", a->last);
    kt_api_time(o, "raised", a->raised);
}

static void add_about(struct kt_buf *o, const struct kt_alert *a)
{
    kt_api_text(o, "actor", a->actor);
    kt_api_text(o, "ip", a->ip);
    kt_api_text(o, "country", a->country);
    kt_api_text(o, "instance", a->instance);
    kt_api_open(o, "secrets", '[');
    for (unsigned i = 0; i < a->n_secrets; i++)
        kt_api_text(o, NULL, a->secrets[i]);
    kt_api_close(o, ']');
    kt_api_u64(o, "secrets_count", a->secrets_count);
    kt_api_u64(o, "events_count", a->events_count);
}

static void add_life(struct kt_buf *o, const struct kt_alert *a, const struct kt_silence *silence,
                     bool whys)
{
    const struct kt_alert_life *l = &a->life;
    KT_CLEANUP(kt_buf_done) struct kt_buf quiet = { 0 };
    kt_api_text(o, "assignee", l->assignee);
    kt_api_text(o, "verdict", l->verdict);
    kt_api_text(o, "acknowledged_by", l->acknowledged_by);
    kt_api_time(o, "acknowledged_at", l->acknowledged_at);
    kt_api_text(o, "closed_by", l->closed_by);
    kt_api_time(o, "closed_at", l->closed_at);
    kt_api_text(o, "merged_into", a->merged_into);
    kt_api_text(o, "suppressed_by", a->suppressed_by);
    if (silence != NULL)
        kt_alert_silence_say(silence, whys, &quiet);
    kt_api_text(o, "silenced_by", kt_buf_str(&quiet));
}

void kt_api_alert_row(struct kt_buf *o, const char *key, const struct kt_alert *a,
                      const struct kt_alert_view *view, kt_time_ns now, bool whys)
{
    enum kt_life_status status = kt_alert_status(a);
    kt_api_open(o, key, '{');
    kt_api_text(o, "id", kt_str_of(a->id));
    kt_api_text(o, "status", kt_str_of(kt_life_word(status)));
    add_what(o, a);
    add_about(o, a);
    bool silent = status == KT_LIFE_OPEN && !kt_api_is_narrow(a);
    add_life(o, a, silent ? kt_alert_view_silence(view, a, now) : NULL, whys);
    kt_api_flag(o, "test", a->test);
    kt_api_close(o, '}');
}
