/* incident_int: what the files of the judge share. */
#pragma once
#include "core/answer/incident.h"

/* Reads that the fixed list does not have: of the incident's credential, or of the actor of its
 * alert (empty: nobody). Changes the ask's window. */
KT_MUST_USE enum kt_status kt_incident_reads_since(struct kt_ask *a, const struct kt_incident *i,
                                                   struct kt_str actor, uint64_t *ret,
                                                   struct kt_error *err);
/* The values of the list, in its order (kt_free); their texts go into the arena. Changes the ask's
 * window. */
KT_MUST_USE enum kt_status kt_incident_values(struct kt_ask *a, const struct kt_incident *i,
                                              struct kt_arena *texts,
                                              struct kt_incident_value **ret, struct kt_error *err);
