/*
 * quiet: when hours of the week end, in a zone with summer time.
 *
 * Owns:  nothing.
 * Calls: core/base (time, zone), core/sys/zoneinfo once, when it is made.
 */
#include "collector/quiet.h"
#include "core/sys/zoneinfo.h"

#define DAY_MIN 1440
#define TURNS   16u /* hours of a week join at most seven times, and clocks change once */

enum kt_status kt_quiet_of(const struct kt_conf_quiet *conf, struct kt_quiet *ret,
                           struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf rule = { 0 };
    struct kt_quiet q = { conf->from_min, conf->until_min, conf->days, { 0 } };
    if (kt_zoneinfo_rule(kt_str_of(conf->zone), &rule, err) != KT_OK ||
        kt_zone_parse(kt_buf_str(&rule), &q.zone, err) != KT_OK)
        return err->code;
    *ret = q;
    return KT_OK;
}

static kt_time_ns local(const struct kt_quiet *q, kt_time_ns t)
{
    return t + kt_zone_offset_s(&q->zone, t) * KT_NS_S;
}

/* The end, by the clock on the wall, of the hours that t lies in; false: it lies in none. */
static bool end_of(const struct kt_quiet *q, kt_time_ns t, kt_time_ns *ret)
{
    kt_time_ns wall = local(q, t), midnight = wall - wall % KT_NS_DAY;
    int minute = (int)((wall - midnight) / KT_NS_MIN), weekday = kt_time_civil(wall).weekday;
    bool over = q->until_min <= q->from_min; /* past midnight */
    bool today =
        (q->days >> weekday & 1) != 0 && minute >= q->from_min && (over || minute < q->until_min);
    bool yesterday = over && (q->days >> (weekday + 6) % 7 & 1) != 0 && minute < q->until_min;
    *ret = midnight + (q->until_min + (today && over ? DAY_MIN : 0)) * KT_NS_MIN;
    return today || yesterday;
}

/* The change of clocks between two times with different offsets. */
static kt_time_ns turn_between(const struct kt_quiet *q, kt_time_ns from, kt_time_ns until)
{
    int32_t before = kt_zone_offset_s(&q->zone, from);
    while (until - from > KT_NS_S) {
        kt_time_ns middle = from + (until - from) / 2;
        if (kt_zone_offset_s(&q->zone, middle) == before)
            from = middle;
        else
            until = middle;
    }
    return until - until % KT_NS_S;
}

kt_time_ns kt_quiet_until(const struct kt_quiet *q, kt_time_ns t)
{
    kt_time_ns wall;
    for (unsigned turn = 0; turn < TURNS && end_of(q, t, &wall); turn++) {
        int32_t offset_s = kt_zone_offset_s(&q->zone, t);
        kt_time_ns end = wall - offset_s * KT_NS_S;
        bool change = kt_zone_offset_s(&q->zone, end) != offset_s; /* of clocks, before it ends */
        t = change ? turn_between(q, t, end) : end;
    }
    return t;
}
