/* cli_forecast: when a store settles, and when its disk is full. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cli/forecast.h"
#include "core/base/alloc.h"

#define DAY(n) ((n)*KT_NS_DAY)
#define MIB    (UINT64_C(1) << 20)
#define NOW    DAY(20000)
#define NEVER  0

/* One segment a day of 1 MiB and 1,000 events, the last one today; no page costs anything. */
static struct kt_forecast_of steady(int days, int64_t retention_days)
{
    struct kt_sealed *s = kt_alloc_array((size_t)days, sizeof *s);
    for (int i = 0; i < days; i++)
        s[i] = (struct kt_sealed){ .events = 1000,
                                   .packed = MIB,
                                   .min_stored = NOW - DAY(days - i),
                                   .max_stored = NOW - DAY(days - i - 1) };
    struct kt_forecast_of f = { .segment = s,
                                .n = (size_t)days,
                                .now = NOW,
                                .retention = DAY(retention_days),
                                .first_stored = NOW - DAY(days),
                                .last_stored = NOW,
                                .file_bytes = (uint64_t)days * MIB };
    f.room[KT_ROOM_LINES] = f.file_bytes;
    return f;
}

static void done(const struct kt_forecast_of *f)
{
    kt_free((void *)(uintptr_t)f->segment);
}

static void steady_store_settles_at_its_retention(void **state)
{
    (void)state;
    struct kt_forecast_of f = steady(30, 100);
    struct kt_forecast r;
    assert_true(kt_forecast_make(&f, DAY(7), &r));
    assert_in_range((uint64_t)r.bytes_a_day, MIB - 2, MIB + 2);
    assert_in_range((uint64_t)(r.events_a_day + 0.5), 999, 1001);
    assert_in_range(r.settles_at, 99 * MIB, 102 * MIB);
    assert_int_equal(r.removal_from, NOW - DAY(29) + DAY(100));
    done(&f);
}

static void full_disk_has_a_date_or_never_comes(void **state)
{
    (void)state;
    struct kt_forecast_of f = steady(30, 400);
    struct kt_forecast r;
    f.disk_all = 200 * MIB;
    f.disk_free = 170 * MIB; /* all that is used is the store */
    assert_true(kt_forecast_make(&f, DAY(7), &r));
    assert_int_equal(r.reaches[0], NOW + DAY(130));
    assert_int_equal(r.reaches[1], NOW + DAY(150));
    assert_int_equal(r.reaches[2], NOW + DAY(160));
    f.disk_all = 1000 * MIB;
    f.disk_free = 970 * MIB;
    assert_true(kt_forecast_make(&f, DAY(7), &r));
    assert_int_equal(r.reaches[0], NEVER);
    f.disk_free = 10 * MIB;
    assert_true(kt_forecast_make(&f, DAY(7), &r));
    assert_int_equal(r.reaches[2], NOW);
    done(&f);
}

static void file_gets_no_smaller_when_less_comes(void **state)
{
    (void)state;
    struct kt_forecast_of f = steady(30, 10);
    struct kt_forecast r;
    assert_true(kt_forecast_make(&f, DAY(7), &r));
    assert_int_equal(r.settles_at, 30 * MIB);
    assert_int_equal(r.removal_from, NOW); /* what is held is old already */
    done(&f);
}

static void young_store_says_nothing_of_a_month(void **state)
{
    (void)state;
    struct kt_forecast_of f = steady(10, 400);
    struct kt_forecast r;
    assert_false(kt_forecast_make(&f, DAY(28), &r));
    assert_true(kt_forecast_make(&f, 0, &r));
    f.n = 0;
    assert_false(kt_forecast_make(&f, 0, &r));
    done(&f);
}

/* A window that cuts a segment takes its part of it. */
static void window_cuts_a_long_segment(void **state)
{
    (void)state;
    struct kt_forecast_of f = steady(1, 400);
    struct kt_sealed *s = (struct kt_sealed *)(uintptr_t)f.segment;
    struct kt_forecast r;
    s->min_stored = f.first_stored = NOW - DAY(28);
    assert_true(kt_forecast_make(&f, DAY(7), &r));
    assert_in_range((uint64_t)r.bytes_a_day, MIB / 28 - 2, MIB / 28 + 2);
    done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steady_store_settles_at_its_retention),
        cmocka_unit_test(full_disk_has_a_date_or_never_comes),
        cmocka_unit_test(file_gets_no_smaller_when_less_comes),
        cmocka_unit_test(young_store_says_nothing_of_a_month),
        cmocka_unit_test(window_cuts_a_long_segment),
    };
    return cmocka_run_group_tests_name("cli_forecast", tests, NULL, NULL);
}
