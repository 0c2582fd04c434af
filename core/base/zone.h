/* zone: a time zone as one rule, in the form of the TZ variable: "CET-1CEST,M3.5.0,M10.5.0/3". */
#pragma once
#include "core/base/time.h"

#define KT_ZONE_RULE_MAX 100u /* bytes of a rule */

struct kt_zone_turn { /* when clocks change: a day of the year and the seconds behind its midnight
                       */
    enum { KT_TURN_MONTH, KT_TURN_JULIAN, KT_TURN_DAY } form;
    int month, week,
        day; /* MONTH: week 5 = the last; day 0 = Sunday. JULIAN: day 1-365, DAY: 0-365 */
    int32_t time_s;
};
struct kt_zone {
    int32_t standard_s, summer_s; /* seconds east of UTC */
    bool has_summer;
    struct kt_zone_turn start, end; /* of summer time */
};
/* The TZ variable of POSIX.1-2017 §8.3 (std offset [dst [offset] ,start[/time] ,end[/time]]), with
 * the hours to 167 of RFC 8536 §3.3.1. A zone with summer time needs its two dates. KT_E_INPUT
 * otherwise. */
KT_MUST_USE enum kt_status kt_zone_parse(struct kt_str rule, struct kt_zone *ret,
                                         struct kt_error *err);
/* Seconds east of UTC at t. */
int32_t kt_zone_offset_s(const struct kt_zone *z, kt_time_ns t);
