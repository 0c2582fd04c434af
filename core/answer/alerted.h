/*
 * alerted: the alerts that are about what somebody asks about, as people left them.
 */
#pragma once
#include "core/answer/profile.h"

struct kt_alerted_one {
    char id[27];
    struct kt_str severity, detector, title, actor; /* words as the document has them */
    kt_time_ns first, last, raised;                 /* of the evidence; when it was raised */
    bool open;                                      /* nobody closed it; acknowledged is open */
    struct kt_str status;                           /* "open", "acknowledged", "closed" */
    struct kt_str verdict; /* of a closed one: "true", "false", "expected"; else empty */
};
struct kt_alerted {            /* lives until kt_alerted_free */
    struct kt_alerted_one *at; /* open ones first, newest first in each */
    uint32_t n, open;
};
#define KT_ALERTED_MAX 10000u /* the newest */
/*
 * Alerts with an actor, a secret or an address that the question fits; of a secret and a session
 * also those of whoever used it, with evidence of the time asked about: an alert names some of its
 * secrets and counts the others. Test alerts and those that another one took over are left out.
 * p: the profile that answers the question.
 */
KT_MUST_USE enum kt_status kt_alerted_load(struct kt_ask *a, const struct kt_profile_ask *what,
                                           const struct kt_profile *p, struct kt_alerted **ret,
                                           struct kt_error *err);
void kt_alerted_free(struct kt_alerted *l);
