/* alerts_state: what the files of alerts share; private to them. */
#pragma once
#include "collector/alerts.h"

struct kt_alerts {
    struct kt_store *store;
    const struct kt_conf *conf;
    struct kt_triage *triage;
    struct kt_pager *pager;
    uint64_t self_opened;
};
/* The row of this version of an alert. */
KT_MUST_USE enum kt_status kt_alerts_put(struct kt_alerts *a, const struct kt_alert *alert,
                                         kt_time_ns now, struct kt_error *err);
