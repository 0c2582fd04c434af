/* moments: one alert's life as a timeline: raised, silenced, what people did, what was sent to
 * whom, out of the log's decisions and the outbox. What an auditor copies. */
#pragma once
#include "exporters/alerts/view.h"

enum kt_alert_moment_kind {
    KT_MOMENT_ALERT,   /* raised, taken over */
    KT_MOMENT_SILENCE, /* a silence kept it quiet */
    KT_MOMENT_STEP,    /* somebody did something */
    KT_MOMENT_MESSAGE, /* a row of the outbox */
};
struct kt_alert_moment {
    enum kt_alert_moment_kind kind;
    kt_time_ns at;
    unsigned order;   /* of what came at the same time */
    const char *what; /* "opened", "acknowledged", "sent", "waiting", "dead letter" …; static */
    char by[80], where[64];
    struct kt_outbox_row row; /* of a message */
    struct kt_buf text;       /* one line for people */
};
struct kt_alert_moments {
    struct kt_alert_moment *at; /* oldest first */
    unsigned n, cap;
    struct kt_damage damage; /* steps may be missing */
};
/* a has its life. now: until when silences of an alert that is not closed count. whys: with the
 * reasons of silences (kt_alert_silence_say). */
KT_MUST_USE enum kt_status kt_alert_moments_load(struct kt_reader *r, const struct kt_alert_view *v,
                                                 const struct kt_alert *a, kt_time_ns now,
                                                 bool whys, struct kt_alert_moments *ret,
                                                 struct kt_error *err);
void kt_alert_moments_done(struct kt_alert_moments *l);
