/*
 * rollup: a small SQLite file of sums beside the store, for Grafana and other readers of plain
 * tables (docs/grafana.md): made anew each time as a file of its own, renamed into place, never
 * changed after that, so that readers open it with immutable=1 and hold nobody up.
 *
 * One writer: the collector. What it holds is derived; a file that is no roll-up of this log, or of
 * another version, is begun again. Times are seconds since the epoch, UTC.
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/time.h"

#define KT_ROLLUP_VERSION 1u
#define KT_ROLLUP_HOURS   2000000u /* rows of table access: the oldest go */
#define KT_ROLLUP_SECRETS 500000u  /* rows of table secret: the same */

struct kt_rollup;
/* Begins "<path>.new" with what is in path, when that is a roll-up of this log with or without
 * secrets as asked, else empty. *ret_upto: the newest record whose access is in it, 0: none.
 * anew: whatever is there is left out. */
KT_MUST_USE enum kt_status kt_rollup_begin(const char *path, const uint8_t log_id[16], bool secrets,
                                           bool anew, struct kt_rollup **ret, uint64_t *ret_upto,
                                           struct kt_error *err);
/* Gives up what is not finished. */
void kt_rollup_free(struct kt_rollup *r);

struct kt_rollup_sum {
    int64_t time_s; /* begin of the hour (access) or the day (secret) */
    struct kt_str source, verb, outcome;
    struct kt_str secret; /* of kt_rollup_secret alone */
    uint64_t events;      /* are added to what is there */
};
KT_MUST_USE enum kt_status kt_rollup_access(struct kt_rollup *r, const struct kt_rollup_sum *s,
                                            struct kt_error *err);
KT_MUST_USE enum kt_status kt_rollup_secret(struct kt_rollup *r, const struct kt_rollup_sum *s,
                                            struct kt_error *err);
struct kt_rollup_alert {
    struct kt_str id, severity, detector, source, status, verdict;
    struct kt_str title;                      /* empty where secrets are left out */
    int64_t time_s, acknowledged_s, closed_s; /* 0: not */
};
/* All alerts, newest first: kt_rollup_alerts forgets those of before. */
KT_MUST_USE enum kt_status kt_rollup_alerts(struct kt_rollup *r, struct kt_error *err);
KT_MUST_USE enum kt_status kt_rollup_alert(struct kt_rollup *r, const struct kt_rollup_alert *a,
                                           struct kt_error *err);
struct kt_rollup_gap {
    int64_t time_s, until_s;
    struct kt_str source, cause; /* source empty: of all */
    bool filled;
    uint64_t events;
};
/* Gaps that end after since_s are told anew: forgets those of before. */
KT_MUST_USE enum kt_status kt_rollup_gaps(struct kt_rollup *r, int64_t since_s,
                                          struct kt_error *err);
KT_MUST_USE enum kt_status kt_rollup_gap(struct kt_rollup *r, const struct kt_rollup_gap *g,
                                         struct kt_error *err);
/* Leaves out sums before oldest_s, which retention took; then syncs the file and puts it into
 * place. r is done with. */
KT_MUST_USE enum kt_status kt_rollup_finish(struct kt_rollup *r, uint64_t upto, int64_t oldest_s,
                                            int64_t now_s, struct kt_error *err);
