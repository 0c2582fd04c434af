/*
 * aws_trail: the names of what a trail writes into its bucket.
 *
 * Owns:  nothing. Calls: core/base.
 */
#include "agents/inputs/aws_trail.h"

enum aws_trail_kind aws_trail_kind(struct kt_str key)
{
    static const struct {
        struct kt_str part;
        enum aws_trail_kind kind;
    } parts[] = { { KT_STR_INIT("/CloudTrail-Digest/"), AWS_TRAIL_DIGEST },
                  { KT_STR_INIT("/CloudTrail-Insight/"), AWS_TRAIL_INSIGHT } };
    for (size_t i = 0; i < KT_ARRAY_LEN(parts); i++)
        if (kt_str_has(key, parts[i].part))
            return parts[i].kind;
    return AWS_TRAIL_LOG;
}

bool aws_trail_is_account(struct kt_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] < '0' || s.at[i] > '9')
            return false;
    return s.len == 12;
}

bool aws_trail_is_organization(struct kt_str s)
{
    return s.len > 2 && kt_str_starts(s, KT_STR("o-"));
}

void aws_trail_day(int64_t day, struct kt_buf *out)
{
    struct kt_civil c = kt_time_civil(day * KT_NS_DAY);
    kt_buf_addf(out, "%04d/%02d/%02d/", c.year, c.month, c.day);
}

void aws_trail_since(struct kt_str account, struct kt_str region, kt_time_ns t, struct kt_buf *out)
{
    struct kt_civil c = kt_time_civil(t);
    kt_buf_addf(out, KT_STR_FMT "_CloudTrail_" KT_STR_FMT "_%04d%02d%02dT%02d%02d",
                KT_STR_ARG(account), KT_STR_ARG(region), c.year, c.month, c.day, c.hour, c.minute);
}
