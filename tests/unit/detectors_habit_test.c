/* detectors_habit: what a store brought on a day is known when the day is counted, too. */
#include "detectors/secret_habit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define FIRST 100u /* an actor's first active day */
#define DAY   140u

/* The day after `day`, a day's guard behind it. */
static void counted(struct kt_habit *h, struct kt_habit_store *t, uint32_t day)
{
    h->active[kt_habit_slot(h, day)] = 1;
    kt_habit_mature(h, FIRST, day + 2, 1);
    kt_habit_mature_store(t, h, FIRST);
}

static void a_counted_day_is_still_known(void **state)
{
    (void)state;
    struct kt_habit h = { .d = 0 };
    struct kt_habit_store t = { .k = 0 };
    kt_habit_learn_store(&t, &h, FIRST, DAY, 300);
    assert_int_equal(kt_habit_of_store(&t, DAY, true), 300);
    assert_true(t.k <= 0);
    counted(&h, &t, DAY);
    assert_int_equal(kt_habit_of_store(&t, DAY, true), 300);
    assert_float_equal((double)t.k, 3, 1e-6);
}

static void a_day_is_counted_once(void **state)
{
    (void)state;
    struct kt_habit h = { .d = 0 };
    struct kt_habit_store t = { .k = 0 };
    kt_habit_learn_store(&t, &h, FIRST, DAY, 300);
    counted(&h, &t, DAY);
    float k = t.k;
    kt_habit_mature_store(&t, &h, FIRST);
    assert_float_equal((double)t.k, (double)k, 1e-6);
}

/* What a verdict gives back of a counted day is the day's as well. */
static void what_comes_back_late_is_known(void **state)
{
    (void)state;
    struct kt_habit h = { .d = 0 };
    struct kt_habit_store t = { .k = 0 };
    counted(&h, &t, DAY);
    kt_habit_learn_store(&t, &h, FIRST, DAY, 200);
    assert_int_equal(kt_habit_of_store(&t, DAY, true), 200);
    float k = t.k;
    assert_true(k > 0 && k < 2);
    counted(&h, &t, DAY + 1);
    assert_true(t.k < k); /* it fades, and counts no second time */
    kt_habit_learn_store(&t, &h, FIRST, DAY + 1 + KT_HABIT_DAYS, 100);
    kt_habit_learn_store(&t, &h, FIRST, DAY + 1, 500);
    assert_int_equal(kt_habit_of_store(&t, DAY + 1 + KT_HABIT_DAYS, true), 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_counted_day_is_still_known),
        cmocka_unit_test(a_day_is_counted_once),
        cmocka_unit_test(what_comes_back_late_is_known),
    };
    return cmocka_run_group_tests_name("habit", tests, NULL, NULL);
}
