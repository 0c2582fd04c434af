/*
 * alarm: the agent's own way to tell people what it found about a collector's log, past the
 * collector, which may be the one that lies: JSON by POST, again until it is taken.
 */
#pragma once
#include "core/base/err.h"
#include "core/base/str.h"
#include "core/base/time.h"
#include "core/sys/rng.h"

struct kt_alarm_options {
    struct kt_str url;           /* a secret: never in logs; copied */
    const char *ca_file, *proxy; /* NULL: the system's, none; borrowed */
    bool allow_private;
    struct kt_rng rng;
};
struct kt_alarm;
/* KT_E_CONFIG: the URL breaks the rules for what goes out (core/sys/http.h). */
KT_MUST_USE enum kt_status kt_alarm_new(const struct kt_alarm_options *o, struct kt_alarm **ret,
                                        struct kt_error *err);
void kt_alarm_free(struct kt_alarm *a);
/* Queues one; the oldest of more than 8 makes room. Kept in memory only: what is wrong is found
 * again after a restart. */
void kt_alarm_tell(void *self, struct kt_str json);
/* Starts what is due and takes answers; after a failure in 5 s, then later, up to 10 min. */
void kt_alarm_turn(struct kt_alarm *a, kt_time_ns mono);
