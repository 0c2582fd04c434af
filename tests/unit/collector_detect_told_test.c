/* detect_told: when an incident that somebody knows is told again, and when it is not. */
#include "collector/detect_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define FIRST_MIN 1000u

static const struct part first = { .points = 400 };

static void join(struct incident *in, uint32_t from, uint32_t until)
{
    for (uint32_t i = from; i < until; i++)
        kt_detect_member(in, (struct kt_key){ i + 1, 0 }, i);
}

/* As the engine does it. */
static unsigned tell(struct incident *in, uint8_t detector, bool again, uint32_t minute)
{
    const struct part main = { .points = 400, .detector = detector };
    if (!kt_detect_wider(in, &main, again, minute))
        return 0;
    kt_detect_told(in, &main, minute);
    return 1;
}

static void two_detectors_in_turn_are_told_once_an_hour(void **state)
{
    (void)state;
    struct incident in = { .first = FIRST_MIN * KT_NS_MIN };
    unsigned told = 0;
    join(&in, 0, 3);
    kt_detect_told(&in, &first, FIRST_MIN);
    for (unsigned i = 0; i < 100; i++)
        told += tell(&in, i % 2, false, FIRST_MIN);
    assert_int_equal(told, 0);
    for (uint32_t minute = FIRST_MIN; minute < FIRST_MIN + 180; minute++)
        told += tell(&in, 0, false, minute) + tell(&in, 1, false, minute);
    assert_int_equal(told, 2);
    const struct part louder = { .points = 401, .detector = 1 };
    kt_detect_told(&in, &first, FIRST_MIN);
    assert_true(kt_detect_wider(&in, &louder, false, FIRST_MIN)); /* it says more */
    assert_int_equal(tell(&in, 1, false, FIRST_MIN - 60), 0);     /* a late event is no news */
}

static void accounts_that_double_are_told_and_once_those_beyond_the_list(void **state)
{
    (void)state;
    struct incident in = { .first = FIRST_MIN * KT_NS_MIN };
    unsigned told = 0;
    join(&in, 0, 12);
    kt_detect_told(&in, &first, FIRST_MIN);
    join(&in, 12, INCIDENT_MEMBERS);
    assert_int_equal(tell(&in, 0, false, FIRST_MIN), 0);
    for (uint32_t i = INCIDENT_MEMBERS; i < 200; i++) {
        join(&in, i, i + 1);
        told += tell(&in, 0, false, FIRST_MIN);
        assert_int_equal(in.members_n, INCIDENT_MORE);
    }
    assert_int_equal(told, 1);
    assert_int_equal(tell(&in, 1, false, FIRST_MIN + 60), 1); /* other words, an hour later */
}

static void few_accounts_are_no_crowd(void **state)
{
    (void)state;
    struct incident in = { .first = FIRST_MIN * KT_NS_MIN };
    join(&in, 0, 1);
    kt_detect_told(&in, &first, FIRST_MIN);
    join(&in, 1, 2);
    join(&in, 1, 2);
    assert_int_equal(in.members_n, 2);
    assert_int_equal(tell(&in, 1, false, FIRST_MIN + 60), 0);
    join(&in, 2, 3);
    assert_int_equal(tell(&in, 0, false, FIRST_MIN), 1);
}

static void a_signature_is_told_again_an_hour_later(void **state)
{
    (void)state;
    struct incident in = { .first = FIRST_MIN * KT_NS_MIN };
    kt_detect_told(&in, &first, FIRST_MIN);
    assert_int_equal(tell(&in, 0, true, FIRST_MIN + 59), 0);
    assert_int_equal(tell(&in, 0, true, FIRST_MIN + 60), 1);
    assert_int_equal(tell(&in, 0, true, FIRST_MIN + 61), 0);
    unsigned told = 0;
    for (uint32_t minute = FIRST_MIN + 61; minute <= FIRST_MIN + 24 * 60; minute += 20)
        told += tell(&in, 0, true, minute);
    assert_int_equal(told, 4); /* after two hours, four, eight, sixteen */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_detectors_in_turn_are_told_once_an_hour),
        cmocka_unit_test(accounts_that_double_are_told_and_once_those_beyond_the_list),
        cmocka_unit_test(few_accounts_are_no_crowd),
        cmocka_unit_test(a_signature_is_told_again_an_hour_later),
    };
    return cmocka_run_group_tests_name("collector_detect_told", tests, NULL, NULL);
}
