/* detectors_schedule: weeks, months and quarters, to the hour; nothing between them, and one of the
 * days that are a month. */
#include "detectors/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define DAY 1440u

static void weeks_months_and_quarters(void **state)
{
    (void)state;
    static const uint32_t days[] = { 7, 14, 21, 28, 29, 30, 31, 32, 33, 59, 62, 89, 92, 93, 365 };
    for (unsigned i = 0; i < sizeof days / sizeof *days; i++) {
        assert_true(kt_schedule_keeps(days[i] * DAY));
        assert_true(kt_schedule_keeps(days[i] * DAY - 60));
        assert_true(kt_schedule_keeps(days[i] * DAY + 60));
        assert_false(kt_schedule_keeps(days[i] * DAY - 61));
        assert_false(kt_schedule_keeps(days[i] * DAY + 61));
    }
}

static void nothing_else(void **state)
{
    (void)state;
    static const uint32_t days[] = { 0, 1, 2, 3, 6, 8, 20, 25, 27, 34, 40, 45, 75, 85, 100 };
    for (unsigned i = 0; i < sizeof days / sizeof *days; i++)
        assert_false(kt_schedule_keeps(days[i] * DAY));
    (void)kt_schedule_keeps(UINT32_MAX);
}

static void one_run_of_a_month(void **state)
{
    (void)state;
    assert_true(kt_schedule_is_apart(0));
    assert_true(kt_schedule_is_apart(120));
    assert_false(kt_schedule_is_apart(121));
    for (uint32_t day = 1; day < 6; day++)
        assert_false(kt_schedule_is_apart(day * DAY));
    assert_false(kt_schedule_is_apart(6 * DAY - 1));
    assert_true(kt_schedule_is_apart(6 * DAY));
    assert_true(kt_schedule_is_apart(7 * DAY - 60));
    assert_true(kt_schedule_is_apart(UINT32_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weeks_months_and_quarters),
        cmocka_unit_test(nothing_else),
        cmocka_unit_test(one_run_of_a_month),
    };
    return cmocka_run_group_tests_name("detectors_schedule", tests, NULL, NULL);
}
