/* time: int64 nanoseconds since 1970-01-01T00:00:00Z, parsed strictly and printed exactly. */
#pragma once
#include "core/base/err.h"
#include "core/base/str.h"

typedef int64_t kt_time_ns;

#define KT_NS_US         INT64_C(1000)
#define KT_NS_MS         INT64_C(1000000)
#define KT_NS_S          INT64_C(1000000000)
#define KT_NS_MIN        (60 * KT_NS_S)
#define KT_NS_HOUR       (3600 * KT_NS_S)
#define KT_NS_DAY        (86400 * KT_NS_S)
#define KT_TIME_TEXT_MAX 40 /* bytes that any kt_time_format needs, NUL included */

struct kt_civil {
    int year, month, day, hour, minute, second; /* month 1-12, day 1-31 */
    int weekday;                                /* 0 = Monday */
    int32_t nanos;
};
struct kt_civil kt_time_civil(kt_time_ns t);
/* Days since 1970-01-01 of a proleptic Gregorian date (Howard Hinnant's days_from_civil). */
int64_t kt_time_days(int year, int month, int day);

/* RFC 3339 with zone, 0-9 fraction digits, years 2000-2100; leap second 60 reads as 59. KT_E_INPUT
 * otherwise. */
KT_MUST_USE enum kt_status kt_time_parse(struct kt_str s, kt_time_ns *ret, struct kt_error *err);
/* As above, and also a blank for T and a missing zone (taken as UTC), as records have after a trip
 * through a SIEM. *ret_precision_ns (may be NULL): 1 s, or the value of the last fraction digit
 * present. */
KT_MUST_USE enum kt_status kt_time_parse_loose(struct kt_str s, kt_time_ns *ret,
                                               kt_time_ns *ret_precision_ns, struct kt_error *err);
/* 2026-11-22T20:00:00.123456789Z: always nine digits. Returns buf. */
const char *kt_time_format(kt_time_ns t, char buf[KT_TIME_TEXT_MAX]);
/* 2026-11-22 20:00:00 (UTC, whole seconds), for people. */
const char *kt_time_format_short(kt_time_ns t, char buf[KT_TIME_TEXT_MAX]);
/* 90s 15m 2h 7d 3w; 500ms; KT_E_INPUT otherwise. */
KT_MUST_USE enum kt_status kt_duration_parse(struct kt_str s, kt_time_ns *ret,
                                             struct kt_error *err);
/* "4 minutes", "26 h", "12 days": one unit, for people. Returns buf. */
const char *kt_duration_format(kt_time_ns d, char buf[KT_TIME_TEXT_MAX]);
/* The time words of INTERFACE §1 (relative, words, absolute, @epoch) against now; zoneless
 * absolutes and day words use UTC offset zone_offset_s. `is_until` makes a bare day or word mean
 * its end. */
KT_MUST_USE enum kt_status kt_time_expr(struct kt_str s, kt_time_ns now, int zone_offset_s,
                                        bool is_until, kt_time_ns *ret, struct kt_error *err);
