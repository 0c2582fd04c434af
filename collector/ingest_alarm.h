/*
 * ingest_alarm: what ingest alarms about, each at most once a window and agent, and what in a
 * stored batch is a report that people must hear of. Part of ingest (collector/ingest.h): no state
 * but the windows.
 */
#pragma once
#include "collector/ingest.h"
#include "collector/intake.h"

enum kt_alarm_code {
    KT_ALARM_IDENTITY,
    KT_ALARM_FORK,
    KT_ALARM_SIGNATURE,
    KT_ALARM_LINE,
    KT_ALARM_SECRET,
    KT_ALARM_QUOTA,
    KT_ALARM_REVOKED,
    KT_ALARM_TWICE,
    KT_ALARM_WIRE,
    KT_ALARM_RESTORED,
    KT_ALARM_TRAIL_SIGNATURE,
    KT_ALARM_TRAIL_CHAIN,
    KT_ALARM_TRAIL_CHANGED,
    KT_ALARM_TRAIL_MISSING,
    KT_ALARM_TRAIL_UNREAD,
    KT_ALARM_CONTRADICTION,
    KT_ALARM_STALE,
    KT_ALARM_ACCEPTED,
    KT_ALARM_COUNT
};

struct kt_ingest_alarms {              /* of one ingest */
    const struct kt_ingest_options *o; /* clock, alarm, self */
    bool restored;                     /* an agent has said so since the start */
};
struct kt_ingest_quiet { /* of one agent */
    kt_time_ns until[KT_ALARM_COUNT];
};
/* name: whom or what it is about. */
void kt_ingest_alarm(struct kt_ingest_alarms *al, struct kt_ingest_quiet *q, struct kt_str name,
                     enum kt_alarm_code code, const char *sentence);
/* After a batch of that agent was stored: the store is older than its acks, evidence that it reads
 * was changed, or this log is not the one that it knows. */
void kt_ingest_notice(struct kt_ingest_alarms *al, struct kt_ingest_quiet *q,
                      const struct kt_intake *in, struct kt_str name);
