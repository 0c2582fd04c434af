/*
 * rollup: keeps the roll-up file of `rollup:` in keytrail.yaml (core/store/rollup.h,
 * docs/grafana.md) up with the store. A thread of its own with a reader of its own: no commit waits
 * for it. It reads what came since the last time, by columns; only the first time all of the log.
 */
#pragma once
#include "core/config/config.h"
#include "core/sys/clock.h"

struct kt_rollup_made { /* for the log, and for measuring */
    uint64_t events;    /* that were new */
    uint64_t upto;      /* newest record that is in it now */
    kt_time_ns took;
};
/* One round, in the caller's thread. give_up: asked now and then, NULL: never. */
KT_MUST_USE enum kt_status kt_rollup_make(const struct kt_conf *conf, struct kt_clock clock,
                                          bool (*give_up)(void *self), void *self,
                                          struct kt_rollup_made *ret, struct kt_error *err);

struct kt_rollups; /* the thread */
/* NULL when none is configured. What goes wrong is a line of the log, and tried again. */
KT_MUST_USE enum kt_status kt_rollups_open(const struct kt_conf *conf, struct kt_clock clock,
                                           struct kt_rollups **ret, struct kt_error *err);
void kt_rollups_close(struct kt_rollups *r);
