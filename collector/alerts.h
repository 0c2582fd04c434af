/* alerts: what the engine raised -> rows in the store and one outbox row per target (each alert >=
 * medium to every target until routes exist). */
#pragma once
#include "core/config/config.h"
#include "core/store/write.h"
#include "exporters/alerts/alert.h"

struct kt_alerts;
/* Targets come from conf->targets. */
struct kt_alerts *kt_alerts_new(struct kt_store *store, const struct kt_conf *conf);
void kt_alerts_free(struct kt_alerts *a);
/* Inside a transaction. historic: keep the row, notify nobody (import of history, first start). */
KT_MUST_USE enum kt_status kt_alerts_raise(struct kt_alerts *a, const struct kt_alert *alert,
                                           bool is_new, bool historic, kt_time_ns now,
                                           struct kt_error *err);
/* Something changed that is no alert: told to the targets that ask for changes, inside a
 * transaction. No alert row; the outbox rows are all there is beside the record of the log. */
KT_MUST_USE enum kt_status kt_alerts_change(struct kt_alerts *a, const char *code,
                                            struct kt_str about, const char *sentence,
                                            kt_time_ns now, struct kt_error *err);
/* An alert about keytrail itself (identity.violation, delivery.dead …), inside a transaction: one a
 * code and subject in ten minutes, told to all targets but `except` (NULL: to all). */
struct kt_alerts_self {
    const char *code;     /* "identity.violation" */
    struct kt_str about;  /* an agent's, target's or file's name */
    const char *sentence; /* what the subject did: "sent records of …" */
    const char *except;
    enum kt_severity severity;
};
KT_MUST_USE enum kt_status kt_alerts_self(struct kt_alerts *a, const struct kt_alerts_self *s,
                                          kt_time_ns now, struct kt_error *err);
