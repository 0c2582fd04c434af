/*
 * history: how much of something a subject did, step by step or in its busiest hour of each day:
 * its own yardstick, drawn from the store's columns.
 */
#pragma once
#include "core/answer/profile.h"

enum kt_history_of {
    KT_HISTORY_EVENTS,
    KT_HISTORY_READS,       /* successful: read, export, issue, use of a named secret */
    KT_HISTORY_FAILED,      /* denied, failed, not found */
    KT_HISTORY_SECRETS,     /* different ones that were read */
    KT_HISTORY_NEW_SECRETS, /* read for the first time, as far as the walk goes back;
                               of days and hours alone */
    KT_HISTORY_NETWORKS,    /* different ones it came from with success: /24 of IPv4, /48 of IPv6 */
};
enum kt_history_how {
    KT_HISTORY_DAYS,    /* of each day, in the ask's zone */
    KT_HISTORY_HOURS,   /* of each hour */
    KT_HISTORY_BUSIEST, /* of each day its busiest `span` */
    KT_HISTORY_CLOCK,   /* of each of the 24 hours of a day: on how many days there was any */
};
struct kt_history_ask {
    enum kt_profile_kind kind; /* of value */
    struct kt_str value;       /* a name as it stands, no pattern */
    enum kt_history_of of;
    enum kt_history_how how;
    kt_time_ns from, until; /* drawn: [from, until), widened to whole steps at its beginning */
    kt_time_ns before;      /* looked at before that, for what is new */
    kt_time_ns span;        /* of KT_HISTORY_BUSIEST */
};
#define KT_HISTORY_VALUES_MAX 1000u
#define KT_HISTORY_ROWS_MAX   2000000u
struct kt_history {
    kt_time_ns from, step; /* KT_HISTORY_CLOCK: from is 0 */
    uint32_t n;
    uint32_t value[KT_HISTORY_VALUES_MAX];
};
/* KT_E_LIMIT: more records than KT_HISTORY_ROWS_MAX, or more steps than there is room. KT_E_INPUT:
 * the value is no address, or no pattern. The ask's window stays as it is. */
KT_MUST_USE enum kt_status kt_history_load(struct kt_ask *a, const struct kt_history_ask *what,
                                           struct kt_history *ret, struct kt_error *err);
