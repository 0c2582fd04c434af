/* heard: what the agents said last about each source, out of their heartbeats. */
#pragma once
#include "core/base/buf.h"
#include "core/base/map.h"
#include "core/store/read.h"

#define KT_REPORTS_SPAN KT_NS_DAY /* an agent that said nothing for so long is silent */

struct kt_source_report {
    kt_time_ns at;         /* arrival; 0: none within KT_REPORTS_SPAN */
    int64_t lag;           /* bytes that were not read then */
    int64_t spool;         /* bytes that waited at the agent then */
    int64_t lost;          /* records that it knows to be lost, since it started */
    struct kt_buf program; /* "keytrail-agent 0.1.0" */
    struct kt_buf blind;   /* what it could not see then: a JSON array of sentences; or empty */
    struct kt_buf limits;  /* what its service never tells: the same */
};

/* The newest report of each of `names` ("source\tinstance"), in their order; wanted[i] false: none
 * is looked for. ret: as many as there are names. give_up ends the walk, with what there is, and
 * *ret_whole is false. */
KT_MUST_USE enum kt_status kt_reports_read(struct kt_reader *r, const struct kt_map *names,
                                           const bool *wanted, kt_time_ns now,
                                           bool (*give_up)(void *self), void *self,
                                           struct kt_source_report *ret, bool *ret_whole,
                                           struct kt_error *err);
void kt_reports_done(struct kt_source_report *reports, uint32_t n);
