/*
 * standing: how each source stands now: what it sent last, when its agent was heard last, and
 * whether it is silent, in the words of coverage.
 */
#pragma once
#include "core/answer/coverage.h"

#define KT_STANDING_SPAN KT_NS_DAY /* what is looked at; an agent not heard in it was not heard */

struct kt_standing {
    struct kt_str source, instance, agent; /* agent empty: imported */
    kt_time_ns last_event;                 /* event time, to the minute; 0: none is known */
    kt_time_ns last_contact; /* arrival of its agent's newest report; 0: none in the span */
    double lag_s;            /* by how much the latest of today came later than is usual; 0: none */
    bool silent;             /* something that was expected is missing up to now */
    struct kt_str why;       /* a clause; empty unless silent */
};
struct kt_standings { /* silent ones first, then by instance */
    struct kt_standing *at;
    unsigned n;
    struct kt_coverage *coverage; /* whose texts these are */
};
/* Of the ask's now; its window is left alone. KT_E_LIMIT: given up. */
KT_MUST_USE enum kt_status kt_standings_load(const struct kt_ask *a, struct kt_standings *ret,
                                             struct kt_error *err);
void kt_standings_done(struct kt_standings *s);
