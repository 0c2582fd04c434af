/*
 * zone: reading a TZ rule, and the offset it gives at a time.
 *
 * Owns:  nothing.
 * Calls: core/base (time).
 */
#include "core/base/zone.h"

#define DAY_S  86400
#define HOUR_S 3600

struct text {
    struct kt_str left;
    bool bad;
};

static char peek(const struct text *t)
{
    return t->left.len > 0 ? t->left.at[0] : '\0';
}

static bool take(struct text *t, char c)
{
    if (peek(t) != c || t->left.len == 0)
        return false;
    t->left = kt_str_from_index(t->left, 1);
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int number(struct text *t, int least, int most)
{
    int v = 0, digits = 0;
    for (; is_digit(peek(t)) && digits < 4; digits++) {
        v = v * 10 + (peek(t) - '0');
        t->left = kt_str_from_index(t->left, 1);
    }
    t->bad = t->bad || digits == 0 || is_digit(peek(t)) || v < least || v > most;
    return v;
}

/* "CET" or "<+0530>": three characters at least. */
static void name(struct text *t)
{
    unsigned n = 0;
    bool quoted = take(t, '<');
    while (is_letter(peek(t)) ||
           (quoted && (is_digit(peek(t)) || peek(t) == '+' || peek(t) == '-'))) {
        t->left = kt_str_from_index(t->left, 1);
        n++;
    }
    t->bad = t->bad || n < 3 || (quoted && !take(t, '>'));
}

/* [+-]h[:m[:s]] in seconds. */
static int32_t clock_s(struct text *t, int hours_max)
{
    bool minus = take(t, '-');
    if (!minus)
        (void)take(t, '+');
    int32_t s = number(t, 0, hours_max) * HOUR_S;
    if (take(t, ':'))
        s += number(t, 0, 59) * 60;
    if (take(t, ':'))
        s += number(t, 0, 59);
    return minus ? -s : s;
}

static struct kt_zone_turn turn(struct text *t)
{
    struct kt_zone_turn r = { .form = KT_TURN_DAY, .time_s = 2 * HOUR_S };
    t->bad = t->bad || !take(t, ',');
    if (take(t, 'M')) {
        r.form = KT_TURN_MONTH;
        r.month = number(t, 1, 12);
        t->bad = t->bad || !take(t, '.');
        r.week = number(t, 1, 5);
        t->bad = t->bad || !take(t, '.');
        r.day = number(t, 0, 6);
    } else if (take(t, 'J')) {
        r.form = KT_TURN_JULIAN;
        r.day = number(t, 1, 365);
    } else {
        r.day = number(t, 0, 365);
    }
    if (take(t, '/'))
        r.time_s = clock_s(t, 167);
    return r;
}

enum kt_status kt_zone_parse(struct kt_str rule, struct kt_zone *ret, struct kt_error *err)
{
    struct text t = { rule, rule.len == 0 || rule.len > KT_ZONE_RULE_MAX };
    struct kt_zone z = { .has_summer = false };
    name(&t);
    z.standard_s = -clock_s(&t, 24); /* POSIX counts to the west */
    if (t.left.len > 0) {
        z.has_summer = true;
        name(&t);
        z.summer_s = peek(&t) == ',' ? z.standard_s + HOUR_S : -clock_s(&t, 24);
        z.start = turn(&t);
        z.end = turn(&t);
    }
    if (t.bad || t.left.len > 0)
        return kt_fail(err, KT_E_INPUT,
                       "'" KT_STR_FMT "' is no rule of a time zone (form: "
                       "CET-1CEST,M3.5.0,M10.5.0/3)",
                       KT_STR_ARG(kt_str_sub(rule, 0, 60)));
    *ret = z;
    return KT_OK;
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days since the epoch. */
static int64_t day_of(const struct kt_zone_turn *r, int year)
{
    int64_t first = kt_time_days(year, 1, 1);
    if (r->form == KT_TURN_DAY)
        return first + r->day;
    if (r->form == KT_TURN_JULIAN) /* the 29th of February is never counted */
        return first + r->day - 1 + (is_leap(year) && r->day >= 60);
    int64_t month = kt_time_days(year, r->month, 1);
    int64_t next =
        r->month == 12 ? kt_time_days(year + 1, 1, 1) : kt_time_days(year, r->month + 1, 1);
    int weekday = (int)((month % 7 + 7 + 4) % 7); /* 1970-01-01 was a Thursday */
    int64_t day = month + (r->day - weekday + 7) % 7 + 7 * (r->week - 1);
    return day >= next ? day - 7 : day;
}

int32_t kt_zone_offset_s(const struct kt_zone *z, kt_time_ns t)
{
    if (!z->has_summer)
        return z->standard_s;
    int year = kt_time_civil(t + z->standard_s * KT_NS_S).year;
    int64_t s = t / KT_NS_S;
    int64_t start = day_of(&z->start, year) * DAY_S + z->start.time_s - z->standard_s;
    int64_t end = day_of(&z->end, year) * DAY_S + z->end.time_s - z->summer_s;
    bool summer = start < end ? s >= start && s < end : s >= start || s < end;
    return summer ? z->summer_s : z->standard_s;
}
