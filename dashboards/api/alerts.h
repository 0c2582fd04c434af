/* alerts: what the calls about alerts share with each other, with other calls and with the
 * commands: an alert as a row, and what is asked of the collector about alerts. */
#pragma once
#include "dashboards/api/api.h"
#include "exporters/alerts/view.h"

/* Adds an alert row (docs/api.md). a has its life; now: for the silence that keeps it quiet; whys:
 * with the reason of that, which is for roles that know the canaries. */
void kt_api_alert_row(struct kt_buf *o, const char *key, const struct kt_alert *a,
                      const struct kt_alert_view *view, kt_time_ns now, bool whys);

#define KT_ALERT_ACT_IDS_MAX 100u
struct kt_alert_act {   /* what somebody does about some alerts; empty texts are left out */
    struct kt_str verb; /* ack, assign, close, reopen, note */
    const struct kt_str *id;
    unsigned n_ids;
    struct kt_str by, where, to, verdict, reason;
};
/* Adds the control socket's request (docs/control.md). */
void kt_alert_act_write(const struct kt_alert_act *act, struct kt_buf *out);
struct kt_silence_ask {
    struct kt_str match, reason, by;
    kt_time_ns from, until;
};
/* The same for a silence. KT_E_INPUT: match is no query about alerts, or there is no reason. */
KT_MUST_USE enum kt_status kt_silence_add_write(const struct kt_silence_ask *s, struct kt_buf *out,
                                                struct kt_error *err);
void kt_silence_rm_write(struct kt_str id, struct kt_str reason, struct kt_str by,
                         struct kt_buf *out);
