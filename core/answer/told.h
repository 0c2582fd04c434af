/*
 * told: what agents say about their sources in a period, against what is stored: their own counts
 * (reconciliation), how far their clocks are off, and results of the sources' own proofs of
 * completeness (digests, sequences), which are reports with a name.
 */
#pragma once
#include "core/answer/ask.h"

struct kt_told_source {
    struct kt_str source, instance, agent, program; /* of the newest report */
    uint64_t reports;
    uint64_t events, quarantined, lost; /* as its agent counted them: growth over the reports */
    unsigned restarts;                  /* its counters began again */
    uint64_t stored;                    /* records of it in the store, of all kinds but reports */
    /* Arrival of a report minus the agent's time of it. The smallest is what the clocks differ by,
     * and the shortest way; the largest is how long reports waited. */
    kt_time_ns ahead, behind;
};
struct kt_told_result { /* reports with a name: "digest", "store.restored", "agent.lost" … */
    struct kt_str source, instance, operation, code;
    uint64_t n;
    kt_time_ns first, last;
    struct kt_str message; /* of the last */
};
#define KT_TOLD_REPORTS_MAX 6000000u /* beyond, the counts are not added up */
struct kt_told {                     /* all of it lives until kt_told_free */
    struct kt_told_source *source;   /* by source, instance */
    struct kt_told_result *result;   /* by source, instance, operation, code */
    uint32_t n_sources, n_results;
    bool whole; /* false: there are more than KT_TOLD_REPORTS_MAX, later ones were not read */
    struct kt_told_work *work;
};
KT_MUST_USE enum kt_status kt_told_load(struct kt_ask *a, struct kt_told **ret,
                                        struct kt_error *err);
void kt_told_free(struct kt_told *t);
