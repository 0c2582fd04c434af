/*
 * evidence: the records that an alert names, found again by their native ids among what its actor,
 * its network or its source did in its time.
 */
#pragma once
#include "core/answer/ask.h"

#define KT_EVIDENCE_MAX 20u /* records that an alert names */
#define KT_EVIDENCE_CUT 95u /* bytes of a native id that it keeps (collector/detect_state.h) */

struct kt_evidence { /* what an alert says of its records; empty: it does not say */
    struct kt_str actor, ip, instance;
    struct kt_str id[KT_EVIDENCE_MAX];
    unsigned n;
    kt_time_ns first, last; /* their event times, both inclusive */
};
/*
 * each(): record r has the i-th of the native ids. Of an id that several records have each comes
 * where `every`, else the walk ends as soon as all ids were met. KT_E_AGAIN of each() ends it
 * without a fault. *ret_found: how many of the ids were met. The ask's window is not looked at, and
 * is as it was afterwards.
 */
KT_MUST_USE enum kt_status kt_evidence_find(
    struct kt_ask *a, const struct kt_evidence *what, bool every,
    enum kt_status (*each)(void *self, unsigned i, const struct kt_record *r,
                           const struct kt_fact *fact, struct kt_error *err),
    void *self, unsigned *ret_found, struct kt_error *err);
