/*
 * log_order: the stored log in the order that detection wants: by arrival, then seq (DETECTION §6).
 * Records of an import without arrival times count as if received at their event time.
 */
#pragma once
#include "cli/log_ahead.h"

struct kt_log_each {
    /* prepared: what `prepare` made of it on another thread; NULL where there was none. */
    enum kt_status (*each)(void *self, const struct kt_record *rec, const void *prepared,
                           struct kt_error *err);
    void *self;
    struct kt_log_prepare prepare;
};
/* Calls each() for every record, control records included. KT_E_AGAIN of each() ends it quietly.
 * Damaged parts are left out and counted. */
KT_MUST_USE enum kt_status kt_log_in_order(struct kt_reader *r, struct kt_damage *ret_damage,
                                           const struct kt_log_each *to, struct kt_error *err);
