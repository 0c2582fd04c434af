/*
 * time_expr: the words people use for a time on the command line (INTERFACE §1).
 *
 * Owns:  nothing.
 * Calls: time, str, err; for the word `boot` alone the uptime of the system.
 * Holds: an until is exclusive: `--until today` ends at the next midnight.
 */
#include <time.h>

#include "core/base/time_scan.h"

/* A span of local days, as [from, until) in days since 1970. */
struct span {
    int64_t from, until;
};

static struct span months(int year, int month, int count)
{
    int first = year * 12 + (month - 1), last = first + count;
    return (struct span){ kt_time_days(first / 12, first % 12 + 1, 1),
                          kt_time_days(last / 12, last % 12 + 1, 1) };
}

/* One month before c's, or the unit of `count` months that holds c's, moved by `shift` units. */
static struct span unit_of(struct kt_civil c, int count, int shift)
{
    int first = (c.year * 12 + (c.month - 1)) / count * count + shift * count;
    return months(first / 12, first % 12 + 1, count);
}

static struct span days_from(int64_t from, int64_t n)
{
    return (struct span){ from, from + n };
}

enum word {
    WORD_TODAY,
    WORD_YESTERDAY,
    WORD_THIS_WEEK,
    WORD_LAST_WEEK,
    WORD_THIS_MONTH,
    WORD_LAST_MONTH,
    WORD_THIS_QUARTER,
    WORD_LAST_QUARTER,
    WORD_THIS_YEAR,
    WORD_LAST_YEAR,
};

static const char *const words[] = {
    [WORD_TODAY] = "today",
    [WORD_YESTERDAY] = "yesterday",
    [WORD_THIS_WEEK] = "this-week",
    [WORD_LAST_WEEK] = "last-week",
    [WORD_THIS_MONTH] = "this-month",
    [WORD_LAST_MONTH] = "last-month",
    [WORD_THIS_QUARTER] = "this-quarter",
    [WORD_LAST_QUARTER] = "last-quarter",
    [WORD_THIS_YEAR] = "this-year",
    [WORD_LAST_YEAR] = "last-year",
};

static struct span word_span(enum word w, struct kt_civil local)
{
    int64_t today = kt_time_days(local.year, local.month, local.day);
    int64_t monday = today - local.weekday;
    switch (w) {
    case WORD_TODAY:
        return days_from(today, 1);
    case WORD_YESTERDAY:
        return days_from(today - 1, 1);
    case WORD_THIS_WEEK:
        return days_from(monday, 7);
    case WORD_LAST_WEEK:
        return days_from(monday - 7, 7);
    case WORD_THIS_MONTH:
        return unit_of(local, 1, 0);
    case WORD_LAST_MONTH:
        return unit_of(local, 1, -1);
    case WORD_THIS_QUARTER:
        return unit_of(local, 3, 0);
    case WORD_LAST_QUARTER:
        return unit_of(local, 3, -1);
    case WORD_THIS_YEAR:
        return unit_of(local, 12, 0);
    case WORD_LAST_YEAR:
        return unit_of(local, 12, -1);
    }
    return days_from(today, 1);
}

/* 2026, 2026-10, 2026Q3, 2026-Q3 */
static bool scan_period(struct kt_str s, struct span *ret)
{
    uint64_t year, part;
    if (s.len < 4 || !kt_str_u64(kt_str_sub(s, 0, 4), &year) || year < 2000 || year > 2100)
        return false;
    struct kt_str rest = kt_str_from_index(s, 4);
    if (rest.len == 0) {
        *ret = months((int)year, 1, 12);
        return true;
    }
    bool dash = rest.at[0] == '-';
    if (dash)
        rest = kt_str_from_index(rest, 1);
    if (rest.len != 2)
        return false;
    bool quarter = rest.at[0] == 'Q' || rest.at[0] == 'q';
    if (!quarter && !dash)
        return false;
    if (!kt_str_u64(kt_str_from_index(rest, quarter ? 1 : 0), &part) || part < 1 ||
        part > (quarter ? 4u : 12u))
        return false;
    *ret =
        quarter ? months((int)year, (int)(part - 1) * 3 + 1, 3) : months((int)year, (int)part, 1);
    return true;
}

static bool scan_span(struct kt_str s, struct kt_civil local, struct span *ret)
{
    for (size_t i = 0; i < KT_ARRAY_LEN(words); i++) {
        if (kt_str_eq_nocase(s, kt_str_of(words[i]))) {
            *ret = word_span((enum word)i, local);
            return true;
        }
    }
    if (scan_period(s, ret))
        return true;
    struct kt_str rest = s;
    int64_t day;
    if (!kt_scan_date(&rest, &day) || rest.len != 0)
        return false;
    *ret = days_from(day, 1);
    return true;
}

/* 15m, -2h, "2h ago" lie before now; +30m after it. */
static bool scan_relative(struct kt_str s, kt_time_ns now, kt_time_ns *ret)
{
    bool ahead = kt_str_starts(s, KT_STR("+")), minus = kt_str_starts(s, KT_STR("-"));
    if (ahead || minus)
        s = kt_str_from_index(s, 1);
    if (kt_str_ends(s, KT_STR(" ago"))) {
        if (ahead || minus)
            return false;
        s = kt_str_trim(kt_str_sub(s, 0, s.len - 4));
    }
    kt_time_ns d;
    return kt_duration_parse(s, &d, NULL) == KT_OK &&
           !(ahead ? __builtin_add_overflow(now, d, ret) : __builtin_sub_overflow(now, d, ret));
}

static bool scan_named(struct kt_str s, kt_time_ns now, kt_time_ns *ret)
{
    if (kt_str_eq_nocase(s, KT_STR("now")))
        *ret = now;
    else if (kt_str_eq_nocase(s, KT_STR("recent"))) /* ausearch: ten minutes */
        *ret = now - 10 * KT_NS_MIN;
    else if (kt_str_eq_nocase(s, KT_STR("week-ago")))
        *ret = now - 7 * KT_NS_DAY;
    else
        return false;
    return true;
}

static bool scan_boot(struct kt_str s, kt_time_ns now, kt_time_ns *ret)
{
    struct timespec up;
    if (!kt_str_eq_nocase(s, KT_STR("boot")) || clock_gettime(CLOCK_BOOTTIME, &up) != 0)
        return false;
    *ret = now - (kt_time_ns)up.tv_sec * KT_NS_S - up.tv_nsec;
    return true;
}

/* @seconds or @milliseconds: what is too big for a second before 2255 is milliseconds. */
static bool scan_epoch(struct kt_str s, kt_time_ns *ret)
{
    uint64_t n;
    if (!kt_str_starts(s, KT_STR("@")) || !kt_str_u64(kt_str_from_index(s, 1), &n))
        return false;
    bool seconds = n < UINT64_C(9000000000);
    if (!seconds && n >= UINT64_C(9000000000000))
        return false;
    *ret = (kt_time_ns)n * (seconds ? KT_NS_S : KT_NS_MS);
    return true;
}

/* 2026-11-22T20:00[:05[.123]][zone], or a clock time alone: today. */
static bool scan_absolute(struct kt_str s, int64_t today, int zone_offset_s, kt_time_ns *ret)
{
    int64_t day = today;
    kt_time_ns of_day, precision;
    bool zone, dated = s.len > 4 && s.at[4] == '-';
    int offset;
    if (dated) {
        if (!kt_scan_date(&s, &day) || s.len == 0)
            return false;
        if (s.at[0] != 'T' && s.at[0] != 't' && s.at[0] != ' ')
            return false;
        s = kt_str_from_index(s, 1);
    }
    if (!kt_scan_clock(&s, false, &of_day, &precision) || !kt_scan_zone(&s, &zone, &offset) ||
        s.len != 0 || (zone && !dated))
        return false;
    *ret = day * KT_NS_DAY + of_day - (zone ? offset : zone_offset_s) * KT_NS_S;
    return true;
}

enum kt_status kt_time_expr(struct kt_str s, kt_time_ns now, int zone_offset_s, bool is_until,
                            kt_time_ns *ret, struct kt_error *err)
{
    kt_time_ns shift = zone_offset_s * KT_NS_S;
    struct kt_civil local = kt_time_civil(now + shift);
    struct kt_str text = kt_str_trim(s);
    struct span span;
    kt_time_ns t;
    if (scan_span(text, local, &span))
        t = (is_until ? span.until : span.from) * KT_NS_DAY - shift;
    else if (!scan_named(text, now, &t) && !scan_relative(text, now, &t) && !scan_epoch(text, &t) &&
             !scan_boot(text, now, &t) &&
             !scan_absolute(text, kt_time_days(local.year, local.month, local.day), zone_offset_s,
                            &t))
        return kt_fail(err, KT_E_INPUT,
                       "not a time: '" KT_STR_FMT "' (try 2h, yesterday, last-week, 2026-11-22, "
                       "2026-11-22T20:00Z, @1795377600)",
                       KT_STR_ARG(kt_str_sub(text, 0, 60)));
    *ret = t;
    return KT_OK;
}
