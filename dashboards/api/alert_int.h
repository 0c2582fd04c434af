/* alert_int: what the files of the call `alert` share. */
#pragma once
#include "dashboards/api/alerts.h"

/* "baseline": the subject's own history of what the leading detector measures; null where there is
 * none to draw. */
void kt_api_alert_baseline(struct kt_api *a, const struct kt_alert *alert);
/* "evidence": the records that the alert names, and "evidence_missing": how many of them are not
 * found. */
KT_MUST_USE enum kt_status kt_api_alert_evidence(struct kt_api *a, const struct kt_alert *alert,
                                                 struct kt_error *err);
/* "next": what to do now, out of the detector's page, and the commands that show more. */
void kt_api_alert_next(struct kt_buf *o, const struct kt_alert *alert);
