/*
 * series: how many records of a window match, a step of time at a time, by outcome. What a
 * histogram draws.
 */
#pragma once
#include "core/answer/ask.h"

#define KT_SERIES_STEPS_MAX 2000u

struct kt_series {
    kt_time_ns from, step; /* step i is [from + i step, from + (i + 1) step) */
    uint32_t n;
    uint64_t *count[KT_OUT_COUNT]; /* n each */
    uint64_t total;
};
/*
 * At most `steps` (1 to KT_SERIES_STEPS_MAX) steps over the ask's window; where that is open, from
 * the oldest record to now. Steps are of a length that people use (a second, 5 minutes, a day) and
 * begin on a multiple of it in the ask's zone, so the first and the last may lie partly outside of
 * the window; nothing outside is counted. Where columns say all of the query no line is read.
 * KT_E_INPUT: the query is wrong. KT_E_LIMIT: given up.
 */
KT_MUST_USE enum kt_status kt_series_load(struct kt_ask *a, struct kt_str query, uint32_t steps,
                                          struct kt_series *ret, struct kt_error *err);
void kt_series_done(struct kt_series *s);
