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
