/*
 * time: civil dates, RFC 3339 and durations, by hand: decoding parses a time for every record.
 *
 * Owns:  nothing.
 * Calls: err, str. No clock, no time zone of the system.
 * Holds: what kt_time_format prints, kt_time_parse reads back to the nanosecond.
 */
#include "core/base/time.h"

#include <stdio.h>

#include "core/base/time_scan.h"

#define YEAR_MIN 2000
#define YEAR_MAX 2100

/* ---- civil dates (Howard Hinnant, chrono-compatible low-level date algorithms) ---- */

int64_t kt_time_days(int year, int month, int day)
{
    int64_t y = (int64_t)year - (month <= 2 ? 1 : 0);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0 ? 1 : 0);
}

struct kt_civil kt_time_civil(kt_time_ns t)
{
    int64_t days = floor_div(t, KT_NS_DAY);
    int64_t of_day = t - days * KT_NS_DAY;
    int64_t z = days + 719468;
    int64_t era = floor_div(z, 146097);
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    int month = (int)(mp < 10 ? mp + 3 : mp - 9);
    int64_t second = of_day / KT_NS_S;
    return (struct kt_civil){
        .year = (int)(yoe + era * 400 + (month <= 2 ? 1 : 0)),
        .month = month,
        .day = (int)(doy - (153 * mp + 2) / 5 + 1),
        .hour = (int)(second / 3600),
        .minute = (int)(second / 60 % 60),
        .second = (int)(second % 60),
        .weekday = (int)(((days + 3) % 7 + 7) % 7), /* 1970-01-01 was a Thursday */
        .nanos = (int32_t)(of_day % KT_NS_S),
    };
}

/* ---- scanning ---- */

/* Two digits, or a number over 99 when they are none. */
static unsigned two(const char *p)
{
    unsigned a = (unsigned)(unsigned char)p[0] - '0', b = (unsigned)(unsigned char)p[1] - '0';
    return a > 9 || b > 9 ? 1000u : a * 10 + b;
}

static bool is_leap(unsigned y)
{
    return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
}

static unsigned month_days(unsigned year, unsigned month)
{
    static const unsigned char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    return days[month - 1] + (month == 2 && is_leap(year) ? 1u : 0u);
}

bool kt_scan_date(struct kt_str *s, int64_t *ret_days)
{
    if (s->len < 10 || s->at[4] != '-' || s->at[7] != '-')
        return false;
    unsigned year = two(s->at) * 100 + two(s->at + 2);
    unsigned month = two(s->at + 5), day = two(s->at + 8);
    if (year < YEAR_MIN || year > YEAR_MAX || month < 1 || month > 12 || day < 1 ||
        day > month_days(year, month))
        return false;
    *ret_days = kt_time_days((int)year, (int)month, (int)day);
    *s = kt_str_from_index(*s, 10);
    return true;
}

/* ".123": moves past it; without a dot there is nothing to do. */
static bool scan_fraction(struct kt_str *s, kt_time_ns *ret_ns, kt_time_ns *ret_precision)
{
    *ret_ns = 0;
    *ret_precision = KT_NS_S;
    if (s->len == 0 || s->at[0] != '.')
        return true;
    static const kt_time_ns scales[] = { KT_NS_S, 100000000, 10000000, 1000000, 100000,
                                         10000,   1000,      100,      10,      1 };
    kt_time_ns number = 0;
    size_t n = 0;
    for (; n + 1 < s->len && (unsigned)(unsigned char)s->at[n + 1] - '0' <= 9; n++) {
        if (n + 1 == KT_ARRAY_LEN(scales))
            return false; /* a tenth digit */
        number = number * 10 + (s->at[n + 1] - '0');
    }
    if (n == 0)
        return false;
    *ret_ns = number * scales[n];
    *ret_precision = scales[n];
    *s = kt_str_from_index(*s, n + 1);
    return true;
}

bool kt_scan_clock(struct kt_str *s, bool need_seconds, kt_time_ns *ret_of_day,
                   kt_time_ns *ret_precision)
{
    bool seconds = s->len >= 8 && s->at[5] == ':';
    if (s->len < 5 || s->at[2] != ':' || (need_seconds && !seconds))
        return false;
    unsigned hour = two(s->at), minute = two(s->at + 3);
    unsigned second = seconds ? two(s->at + 6) : 0;
    if (hour > 23 || minute > 59 || second > 60)
        return false;
    if (second == 60)
        second = 59;
    *s = kt_str_from_index(*s, seconds ? 8 : 5);
    kt_time_ns fraction = 0;
    *ret_precision = KT_NS_S;
    if (seconds && !scan_fraction(s, &fraction, ret_precision))
        return false;
    *ret_of_day = (hour * 3600 + minute * 60 + second) * KT_NS_S + fraction;
    return true;
}

bool kt_scan_zone(struct kt_str *s, bool *ret_present, int *ret_offset_s)
{
    *ret_present = s->len > 0;
    *ret_offset_s = 0;
    if (s->len == 0)
        return true;
    if (s->at[0] == 'Z' || s->at[0] == 'z') {
        *s = kt_str_from_index(*s, 1);
        return true;
    }
    if (s->len < 6 || (s->at[0] != '+' && s->at[0] != '-') || s->at[3] != ':')
        return false;
    unsigned hour = two(s->at + 1), minute = two(s->at + 4);
    if (hour > 23 || minute > 59)
        return false;
    int offset = (int)(hour * 3600 + minute * 60);
    *ret_offset_s = s->at[0] == '-' ? -offset : offset;
    *s = kt_str_from_index(*s, 6);
    return true;
}

static bool scan_time(struct kt_str s, bool loose, kt_time_ns *ret, kt_time_ns *ret_precision)
{
    int64_t days;
    kt_time_ns of_day;
    bool zone;
    int offset;
    if (!kt_scan_date(&s, &days) || s.len == 0)
        return false;
    if (s.at[0] != 'T' && s.at[0] != 't' && !(loose && s.at[0] == ' '))
        return false;
    s = kt_str_from_index(s, 1);
    if (!kt_scan_clock(&s, true, &of_day, ret_precision) || !kt_scan_zone(&s, &zone, &offset))
        return false;
    if (s.len != 0 || (!zone && !loose))
        return false;
    *ret = days * KT_NS_DAY + of_day - offset * KT_NS_S;
    return true;
}

#define SHOWN 60u /* bytes of a refused text that an error repeats */

enum kt_status kt_time_parse(struct kt_str s, kt_time_ns *ret, struct kt_error *err)
{
    kt_time_ns precision;
    if (scan_time(s, false, ret, &precision))
        return KT_OK;
    return kt_fail(err, KT_E_INPUT, "not an RFC 3339 time: '" KT_STR_FMT "'",
                   KT_STR_ARG(kt_str_sub(s, 0, SHOWN)));
}

enum kt_status kt_time_parse_loose(struct kt_str s, kt_time_ns *ret, kt_time_ns *ret_precision_ns,
                                   struct kt_error *err)
{
    kt_time_ns t, precision;
    if (!scan_time(s, true, &t, &precision))
        return kt_fail(err, KT_E_INPUT, "not a time: '" KT_STR_FMT "'",
                       KT_STR_ARG(kt_str_sub(s, 0, SHOWN)));
    *ret = t;
    if (ret_precision_ns != NULL)
        *ret_precision_ns = precision;
    return KT_OK;
}

/* ---- printing ---- */

static char *two_digits(char *to, unsigned v)
{
    to[0] = (char)('0' + v / 10);
    to[1] = (char)('0' + v % 10);
    return to + 2;
}

static char *four_digits(char *to, unsigned v)
{
    return two_digits(two_digits(to, v / 100), v % 100);
}

static char *print_seconds(char *to, struct kt_civil c, char between)
{
    to = four_digits(to, (unsigned)c.year);
    *to++ = '-';
    to = two_digits(to, (unsigned)c.month);
    *to++ = '-';
    to = two_digits(to, (unsigned)c.day);
    *to++ = between;
    to = two_digits(to, (unsigned)c.hour);
    *to++ = ':';
    to = two_digits(to, (unsigned)c.minute);
    *to++ = ':';
    return two_digits(to, (unsigned)c.second);
}

const char *kt_time_format(kt_time_ns t, char buf[KT_TIME_TEXT_MAX])
{
    struct kt_civil c = kt_time_civil(t);
    char *to = print_seconds(buf, c, 'T');
    *to++ = '.';
    *to++ = (char)('0' + c.nanos / 100000000);
    to = four_digits(to, (unsigned)c.nanos / 10000 % 10000);
    to = four_digits(to, (unsigned)c.nanos % 10000);
    *to++ = 'Z';
    *to = '\0';
    return buf;
}

const char *kt_time_format_short(kt_time_ns t, char buf[KT_TIME_TEXT_MAX])
{
    *print_seconds(buf, kt_time_civil(t), ' ') = '\0';
    return buf;
}

/* ---- durations ---- */

static const struct {
    const char *suffix;
    kt_time_ns ns;
} units[] = {
    { "ms", KT_NS_MS },  { "s", KT_NS_S },   { "m", KT_NS_MIN },
    { "h", KT_NS_HOUR }, { "d", KT_NS_DAY }, { "w", 7 * KT_NS_DAY },
};

enum kt_status kt_duration_parse(struct kt_str s, kt_time_ns *ret, struct kt_error *err)
{
    size_t n = 0;
    while (n < s.len && s.at[n] >= '0' && s.at[n] <= '9')
        n++;
    struct kt_str suffix = kt_str_from_index(s, n);
    uint64_t count;
    for (size_t i = 0; i < KT_ARRAY_LEN(units) && n > 0; i++) {
        if (!kt_str_is(suffix, units[i].suffix))
            continue;
        kt_time_ns d;
        if (!kt_str_u64(kt_str_sub(s, 0, n), &count) || count > INT64_MAX ||
            __builtin_mul_overflow((kt_time_ns)count, units[i].ns, &d))
            return kt_fail(err, KT_E_INPUT, "too long: '" KT_STR_FMT "'",
                           KT_STR_ARG(kt_str_sub(s, 0, SHOWN)));
        *ret = d;
        return KT_OK;
    }
    return kt_fail(err, KT_E_INPUT, "not a duration like 90s, 15m, 2h or 7d: '" KT_STR_FMT "'",
                   KT_STR_ARG(kt_str_sub(s, 0, SHOWN)));
}

const char *kt_duration_format(kt_time_ns d, char buf[KT_TIME_TEXT_MAX])
{
    static const struct {
        kt_time_ns below, unit;
        const char *one, *many;
    } forms[] = {
        { KT_NS_S, KT_NS_MS, "ms", "ms" },
        { KT_NS_MIN, KT_NS_S, "s", "s" },
        { KT_NS_HOUR, KT_NS_MIN, "minute", "minutes" },
        { 2 * KT_NS_DAY, KT_NS_HOUR, "h", "h" },
        { INT64_MAX, KT_NS_DAY, "day", "days" },
    };
    uint64_t size = d < 0 ? 0 - (uint64_t)d : (uint64_t)d;
    size_t i = 0;
    while (i + 1 < KT_ARRAY_LEN(forms) && size >= (uint64_t)forms[i].below)
        i++;
    uint64_t n = size / (uint64_t)forms[i].unit;
    (void)snprintf(buf, KT_TIME_TEXT_MAX, "%s%llu %s", d < 0 && n > 0 ? "-" : "",
                   (unsigned long long)n, n == 1 ? forms[i].one : forms[i].many);
    return buf;
}
