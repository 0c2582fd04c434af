/* base/time: civil dates, RFC 3339, durations, the words of the command line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <string.h>

#include "core/base/time.h"

static kt_time_ns at(const char *text)
{
    kt_time_ns t = 0;
    struct kt_error err = { 0 };
    if (kt_time_parse(kt_str_of(text), &t, &err) != KT_OK)
        fail_msg("%s", err.text);
    return t;
}

static void civil_and_days_agree_over_four_centuries(void **state)
{
    (void)state;
    int64_t want = kt_time_days(1800, 1, 1);
    for (int64_t day = want; day < want + 146097; day++) {
        struct kt_civil c = kt_time_civil(day * KT_NS_DAY + 1);
        assert_true(kt_time_days(c.year, c.month, c.day) == day);
    }
    struct kt_civil c = kt_time_civil(-1);
    assert_int_equal(c.year, 1969);
    assert_int_equal(c.nanos, 999999999);
    assert_int_equal(kt_time_civil(at("2026-11-22T20:00:00Z")).weekday, 6);
}

static void rfc_3339_is_read_strictly(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool strict, loose;
        kt_time_ns t, precision;
    } cases[] = {
        { "2026-11-22T20:00:00Z", true, true, INT64_C(1795377600000000000), KT_NS_S },
        { "2026-11-22t20:00:00z", true, true, INT64_C(1795377600000000000), KT_NS_S },
        { "2026-11-22T21:00:00+01:00", true, true, INT64_C(1795377600000000000), KT_NS_S },
        { "2026-11-22T14:30:00-05:30", true, true, INT64_C(1795377600000000000), KT_NS_S },
        { "2026-11-22T20:00:00.5Z", true, true, INT64_C(1795377600500000000), 100 * KT_NS_MS },
        { "2026-11-22T20:00:00.123456789Z", true, true, INT64_C(1795377600123456789), 1 },
        { "2026-11-22T20:00:00.000Z", true, true, INT64_C(1795377600000000000), KT_NS_MS },
        { "2016-12-31T23:59:60Z", true, true, INT64_C(1483228799000000000), KT_NS_S },
        { "2024-02-29T00:00:00Z", true, true, INT64_C(1709164800000000000), KT_NS_S },
        { "2026-11-22 20:00:00", false, true, INT64_C(1795377600000000000), KT_NS_S },
        { "2026-11-22 20:00:00.12", false, true, INT64_C(1795377600120000000), 10 * KT_NS_MS },
        { "2026-11-22T20:00:00", false, true, INT64_C(1795377600000000000), KT_NS_S },
        { "2026-11-22 20:00:00Z", false, true, INT64_C(1795377600000000000), KT_NS_S },
        { "2025-02-29T00:00:00Z", false, false, 0, 0 },
        { "2100-02-29T00:00:00Z", false, false, 0, 0 },
        { "1999-12-31T23:59:59Z", false, false, 0, 0 },
        { "2101-01-01T00:00:00Z", false, false, 0, 0 },
        { "2026-13-01T00:00:00Z", false, false, 0, 0 },
        { "2026-00-01T00:00:00Z", false, false, 0, 0 },
        { "2026-11-31T00:00:00Z", false, false, 0, 0 },
        { "2026-11-22T24:00:00Z", false, false, 0, 0 },
        { "2026-11-22T20:60:00Z", false, false, 0, 0 },
        { "2026-11-22T20:00:61Z", false, false, 0, 0 },
        { "2026-11-22T20:00:00.Z", false, false, 0, 0 },
        { "2026-11-22T20:00:00.1234567891Z", false, false, 0, 0 },
        { "2026-11-22T20:00:00+24:00", false, false, 0, 0 },
        { "2026-11-22T20:00:00+0100", false, false, 0, 0 },
        { "2026-11-22T20:00:00Zx", false, false, 0, 0 },
        { "2026-11-22T20:00Z", false, false, 0, 0 },
        { "2026-11-22T", false, false, 0, 0 },
        { "2026-11-22", false, false, 0, 0 },
        { "2026-1-22T20:00:00Z", false, false, 0, 0 },
        { "+026-11-22T20:00:00Z", false, false, 0, 0 },
        { "", false, false, 0, 0 },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        kt_time_ns t = 7, precision = 7;
        struct kt_str s = kt_str_of(cases[i].text);
        if ((kt_time_parse(s, &t, NULL) == KT_OK) != cases[i].strict ||
            (cases[i].strict ? t != cases[i].t : t != 7))
            fail_msg("strict '%s'", cases[i].text);
        t = 7;
        if ((kt_time_parse_loose(s, &t, &precision, NULL) == KT_OK) != cases[i].loose)
            fail_msg("loose '%s'", cases[i].text);
        if (cases[i].loose && (t != cases[i].t || precision != cases[i].precision))
            fail_msg("value of '%s'", cases[i].text);
    }
}

static void printing_and_parsing_are_inverse(void **state)
{
    (void)state;
    char buf[KT_TIME_TEXT_MAX];
    for (kt_time_ns t = at("2000-01-01T00:00:00Z"); t < at("2100-01-01T00:00:00Z");
         t += 12345678 * KT_NS_S + 987654321)
        assert_true(at(kt_time_format(t, buf)) == t);
    assert_string_equal(kt_time_format(at("2026-11-22T20:00:00Z"), buf),
                        "2026-11-22T20:00:00.000000000Z");
    assert_string_equal(kt_time_format_short(at("2026-11-22T20:00:00.9Z"), buf),
                        "2026-11-22 20:00:00");
}

static void durations_have_one_unit(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        kt_time_ns d; /* -1 = refused */
        const char *people;
    } cases[] = {
        { "500ms", 500 * KT_NS_MS, "500 ms" },
        { "42s", 42 * KT_NS_S, "42 s" },
        { "90s", 90 * KT_NS_S, "1 minute" },
        { "15m", 15 * KT_NS_MIN, "15 minutes" },
        { "26h", 26 * KT_NS_HOUR, "26 h" },
        { "7d", 7 * KT_NS_DAY, "7 days" },
        { "3w", 21 * KT_NS_DAY, "21 days" },
        { "0s", 0, "0 ms" },
        { "", -1, NULL },
        { "5", -1, NULL },
        { "m", -1, NULL },
        { "-5m", -1, NULL },
        { "1.5h", -1, NULL },
        { "1h30m", -1, NULL },
        { "5 m", -1, NULL },
        { "5M", -1, NULL },
        { "99999999999w", -1, NULL },
        { "99999999999999999999s", -1, NULL },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        kt_time_ns d = -1;
        char buf[KT_TIME_TEXT_MAX];
        bool ok = kt_duration_parse(kt_str_of(cases[i].text), &d, NULL) == KT_OK;
        if (ok != (cases[i].d >= 0) || d != cases[i].d)
            fail_msg("'%s'", cases[i].text);
        if (ok)
            assert_string_equal(kt_duration_format(d, buf), cases[i].people);
    }
}

/* Sunday 2026-11-22 20:00 UTC; want is NULL when the words are refused. */
static const struct expr_case {
    const char *text;
    int zone_s;
    const char *since, *until;
} exprs[] = {
    { "now", 0, "2026-11-22T20:00:00Z", "2026-11-22T20:00:00Z" },
    { "15m", 0, "2026-11-22T19:45:00Z", "2026-11-22T19:45:00Z" },
    { "2h", 0, "2026-11-22T18:00:00Z", "2026-11-22T18:00:00Z" },
    { "2h ago", 0, "2026-11-22T18:00:00Z", "2026-11-22T18:00:00Z" },
    { "-2h", 0, "2026-11-22T18:00:00Z", "2026-11-22T18:00:00Z" },
    { "+2h", 0, "2026-11-22T22:00:00Z", "2026-11-22T22:00:00Z" },
    { " 7d ", 0, "2026-11-15T20:00:00Z", "2026-11-15T20:00:00Z" },
    { "3w", 0, "2026-11-01T20:00:00Z", "2026-11-01T20:00:00Z" },
    { "90d", 0, "2026-08-24T20:00:00Z", "2026-08-24T20:00:00Z" },
    { "recent", 0, "2026-11-22T19:50:00Z", "2026-11-22T19:50:00Z" },
    { "week-ago", 0, "2026-11-15T20:00:00Z", "2026-11-15T20:00:00Z" },
    { "today", 0, "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z" },
    { "Today", 0, "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z" },
    { "today", 18000, "2026-11-22T19:00:00Z", "2026-11-23T19:00:00Z" }, /* already Monday there */
    { "yesterday", 0, "2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z" },
    { "yesterday", -3600, "2026-11-21T01:00:00Z", "2026-11-22T01:00:00Z" },
    { "this-week", 0, "2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z" },
    { "last-week", 0, "2026-11-09T00:00:00Z", "2026-11-16T00:00:00Z" },
    { "this-month", 0, "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z" },
    { "last-month", 0, "2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z" },
    { "this-quarter", 0, "2026-10-01T00:00:00Z", "2027-01-01T00:00:00Z" },
    { "last-quarter", 0, "2026-07-01T00:00:00Z", "2026-10-01T00:00:00Z" },
    { "this-year", 0, "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z" },
    { "last-year", 0, "2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z" },
    { "2026-10", 0, "2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z" },
    { "2026-12", 0, "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z" },
    { "2026Q3", 0, "2026-07-01T00:00:00Z", "2026-10-01T00:00:00Z" },
    { "2026-q4", 0, "2026-10-01T00:00:00Z", "2027-01-01T00:00:00Z" },
    { "2025", 0, "2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z" },
    { "2026-11-22", 0, "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z" },
    { "2026-11-22", 3600, "2026-11-21T23:00:00Z", "2026-11-22T23:00:00Z" },
    { "2026-11-22T20:00", 0, "2026-11-22T20:00:00Z", "2026-11-22T20:00:00Z" },
    { "2026-11-22T20:00", 3600, "2026-11-22T19:00:00Z", "2026-11-22T19:00:00Z" },
    { "2026-11-22T20:00Z", 3600, "2026-11-22T20:00:00Z", "2026-11-22T20:00:00Z" },
    { "2026-11-22T20:00+01:00", 0, "2026-11-22T19:00:00Z", "2026-11-22T19:00:00Z" },
    { "2026-11-22 20:00:05.123", 0, "2026-11-22T20:00:05.123Z", "2026-11-22T20:00:05.123Z" },
    { "2026-11-22T20:00:05Z", 0, "2026-11-22T20:00:05Z", "2026-11-22T20:00:05Z" },
    { "@1795377600", 0, "2026-11-22T20:00:00Z", "2026-11-22T20:00:00Z" },
    { "@1795377600123", 0, "2026-11-22T20:00:00.123Z", "2026-11-22T20:00:00.123Z" },
    { "20:00", 0, "2026-11-22T20:00:00Z", "2026-11-22T20:00:00Z" },
    { "20:00", 3600, "2026-11-22T19:00:00Z", "2026-11-22T19:00:00Z" },
    { "08:15:30", 0, "2026-11-22T08:15:30Z", "2026-11-22T08:15:30Z" },
    { "", 0, NULL, NULL },
    { "soon", 0, NULL, NULL },
    { "-2h ago", 0, NULL, NULL },
    { "2h later", 0, NULL, NULL },
    { "5", 0, NULL, NULL },
    { "2026-11-31", 0, NULL, NULL },
    { "2026-13", 0, NULL, NULL },
    { "2026Q5", 0, NULL, NULL },
    { "2026-0", 0, NULL, NULL },
    { "2026-Q10", 0, NULL, NULL },
    { "202610", 0, NULL, NULL },
    { "2026-11-22T", 0, NULL, NULL },
    { "2026-11-22T20", 0, NULL, NULL },
    { "25:00", 0, NULL, NULL },
    { "20:00Z", 0, NULL, NULL },
    { "@", 0, NULL, NULL },
    { "@99999999999999999", 0, NULL, NULL },
    { "@-5", 0, NULL, NULL },
    { "99999999999999w", 0, NULL, NULL },
};

static void time_words_mean_what_the_table_says(void **state)
{
    (void)state;
    kt_time_ns now = at("2026-11-22T20:00:00Z");
    for (size_t i = 0; i < KT_ARRAY_LEN(exprs); i++) {
        const struct expr_case *c = &exprs[i];
        for (int until = 0; until < 2; until++) {
            const char *want = until ? c->until : c->since;
            kt_time_ns t = 7;
            char got[KT_TIME_TEXT_MAX];
            struct kt_error err = { 0 };
            bool ok = kt_time_expr(kt_str_of(c->text), now, c->zone_s, until, &t, &err) == KT_OK;
            if (ok != (want != NULL) || t != (ok ? at(want) : 7))
                fail_msg("'%s' until=%d gives %s", c->text, until,
                         ok ? kt_time_format(t, got) : err.text);
        }
    }
    kt_time_ns boot;
    assert_int_equal(kt_time_expr(KT_STR("boot"), now, 0, false, &boot, NULL), KT_OK);
    assert_true(boot < now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(civil_and_days_agree_over_four_centuries),
        cmocka_unit_test(rfc_3339_is_read_strictly),
        cmocka_unit_test(printing_and_parsing_are_inverse),
        cmocka_unit_test(durations_have_one_unit),
        cmocka_unit_test(time_words_mean_what_the_table_says),
    };
    return cmocka_run_group_tests_name("base/time", tests, NULL, NULL);
}
