/*
 * scoped: what calls share that answer users with a scope: which alerts they may be told of, what
 * such an alert says to them, and keys of answers that others share.
 *
 * The rule of them all: an answer is made of the records that fit the scope, as if the log held no
 * others (tests/unit/api_scope_oracle_test.c). What speaks of more is left out of it.
 */
#pragma once
#include <limits.h>

#include "core/answer/within.h"
#include "dashboards/api/api.h"
#include "exporters/alerts/alert.h"

bool kt_api_scoped(const struct kt_api *a);
/* Adds what an answer is kept under (kept.h): what it is of, a static word, and what it was made
 * within (a scope, with or without canaries), so that nobody is given what was made for another. */
void kt_api_key(const struct kt_api *a, const char *what, struct kt_buf *key);
/* Finds the alerts of the scope, which the ask tells of from then on (a->ask->told is `own`, which
 * the caller keeps that long: kt_within_done, also after a failure). What was proven of a document
 * is kept for all with the same scope. Without a scope: nothing to find. */
KT_MUST_USE enum kt_status kt_api_within(struct kt_api *a, struct kt_within *own,
                                         struct kt_error *err);
/* For a user with a scope, and of an alert that may be about a canary for whoever is not to know
 * them: takes out of it what is made of more than its records: score and points, every sentence
 * (they tell what is usual for its actor, everywhere), what people wrote, and what keeps it quiet.
 * The title is what its detector finds, the names are those that its records have; of one that may
 * be about a canary no secret and no record is named (kt_within_hides). Others stay as they are.
 * Strings are static or those of the alert. */
void kt_api_narrow(const struct kt_api *a, struct kt_alert *alert);
#define KT_API_NO_SCORE INT_MIN /* of a narrowed alert: it is of more than is told */
bool kt_api_is_narrow(const struct kt_alert *alert);
/* Is it of the detector that knows the canaries? */
bool kt_api_may_be_canary(const struct kt_alert *alert);
/* Who did a step of a narrowed alert: whoever came by a link has its target in their name, and who
 * is told of alerts is of the house. */
struct kt_str kt_api_person(struct kt_str by);
/* "integrity", "learning": of the log as a whole, which is told to users without a scope. */
void kt_api_untold(struct kt_buf *o);
