/*
 * match: the query language over alerts (docs/query.md, "Alerts"), for routes and silences:
 *
 *   severity:high,critical detector:volume_spike secret:prod/db -actor:deploy-bot
 *
 * Pure: a query is parsed once and asked about any number of alerts.
 */
#pragma once
#include "core/query/query.h"
#include "exporters/alerts/alert.h"

/* KT_E_INPUT names a field that alerts do not have, and the nearest that they have. The caller's,
 * to be freed by kt_query_free. Times (since:, until:) are no field of an alert. */
KT_MUST_USE enum kt_status kt_alert_query_parse(struct kt_str text, struct kt_query **ret,
                                                struct kt_error *err);
/* Does one of its secrets fit a term about secrets? For routes: rather told than missed. */
bool kt_alert_matches(const struct kt_query *q, const struct kt_alert *a);
/* Adds the first part of q that a does not fit; false: it matches. */
bool kt_alert_unfit(const struct kt_query *q, const struct kt_alert *a, struct kt_buf *ret_part);
/* Does q ask for the severity of a in so many words? */
bool kt_alert_named(const struct kt_query *q, const struct kt_alert *a);
/* Do all of its secrets, also those that the alert only counts? For silences: what is about
 * something else as well is told. And a critical alert is covered only by a query that asks for
 * severity:critical in so many words. */
bool kt_alert_covered(const struct kt_query *q, const struct kt_alert *a);
