/*
 * log_order: the stored log in the order that detection wants: by arrival, then seq (DETECTION §6).
 * Records of an import without arrival times count as if received at their event time.
 */
#pragma once
#include "core/store/read.h"

/* Calls each() for every record, control records included. KT_E_AGAIN of each() ends it quietly.
 * Damaged parts are left out and counted. */
KT_MUST_USE enum kt_status kt_log_in_order(struct kt_reader *r, struct kt_damage *ret_damage,
                                           enum kt_status (*each)(void *self,
                                                                  const struct kt_record *rec,
                                                                  struct kt_error *err),
                                           void *self, struct kt_error *err);
