/* pair: which collector an agent speaks to, second by second. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/wire/pair.h"

#define AFTER (5 * KT_NS_MIN)

static struct kt_pair p;
static kt_time_ns now;
static int wait_ms;

static int setup(void **state)
{
    (void)state;
    now = 1000 * KT_NS_S;
    p = (struct kt_pair){ 0 };
    kt_pair_begin(&p, KT_PAIR_FIRST, now);
    return 0;
}

static enum kt_pair_do next(void)
{
    return kt_pair_next(&p, AFTER, now, &wait_ms);
}

static bool answers(enum kt_msg_type type, uint64_t number)
{
    return kt_pair_answered(&p, &(struct kt_msg){ .type = type, .seq = number });
}

static void the_standby_is_asked_when_the_first_was_silent_for_long_enough(void **state)
{
    (void)state;
    assert_int_equal(next(), KT_PAIR_WAIT);
    assert_int_equal(wait_ms, AFTER / KT_NS_MS);
    now += AFTER - 1;
    assert_int_equal(next(), KT_PAIR_WAIT);
    assert_int_equal(wait_ms, 1);
    kt_pair_heard(&p, now);
    now += AFTER - 1;
    assert_int_equal(next(), KT_PAIR_WAIT);
    now += 1;
    assert_int_equal(next(), KT_PAIR_ASK);
    assert_true(answers(KT_MSG_PONG, p.asked));
}

static void the_question_is_repeated_each_minute_and_only_its_answer_counts(void **state)
{
    (void)state;
    assert_false(answers(KT_MSG_PONG, 0)); /* nothing was asked */
    now += AFTER;
    assert_int_equal(next(), KT_PAIR_ASK);
    uint64_t before = p.asked;
    now += KT_NS_MIN - 1;
    assert_int_equal(next(), KT_PAIR_WAIT);
    now += 1;
    assert_int_equal(next(), KT_PAIR_ASK);
    assert_false(answers(KT_MSG_PONG, before));
    assert_false(answers(KT_MSG_WELCOME, p.asked));
    assert_false(answers(KT_MSG_REFUSE, p.asked));
    assert_true(answers(KT_MSG_PONG, p.asked));
}

static void a_first_that_speaks_again_is_not_left(void **state)
{
    (void)state;
    now += AFTER;
    assert_int_equal(next(), KT_PAIR_ASK);
    kt_pair_heard(&p, now);
    assert_false(answers(KT_MSG_PONG, p.asked));
    now += AFTER - 1;
    assert_int_equal(next(), KT_PAIR_WAIT);
    now += 1;
    assert_int_equal(next(), KT_PAIR_ASK);
}

static void the_first_is_asked_at_once_and_each_minute_whatever_the_standby_says(void **state)
{
    (void)state;
    kt_pair_begin(&p, KT_PAIR_STANDBY, now);
    assert_int_equal(next(), KT_PAIR_ASK);
    for (unsigned i = 0; i < 3; i++) {
        kt_pair_heard(&p, now);
        assert_int_equal(next(), KT_PAIR_WAIT);
        assert_int_equal(wait_ms, KT_NS_MIN / KT_NS_MS);
        now += KT_NS_MIN;
        assert_int_equal(next(), KT_PAIR_ASK);
    }
    kt_pair_heard(&p, now); /* the stand-by's words do not make the first's answer late */
    assert_true(answers(KT_MSG_PONG, p.asked));
    uint64_t asked = p.asked;
    kt_pair_begin(&p, KT_PAIR_FIRST, now);
    assert_false(answers(KT_MSG_PONG, asked));
    assert_int_equal(next(), KT_PAIR_WAIT);
    assert_int_equal(wait_ms, AFTER / KT_NS_MS);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        TEST(the_standby_is_asked_when_the_first_was_silent_for_long_enough),
        TEST(the_question_is_repeated_each_minute_and_only_its_answer_counts),
        TEST(a_first_that_speaks_again_is_not_left),
        TEST(the_first_is_asked_at_once_and_each_minute_whatever_the_standby_says),
    };
    return cmocka_run_group_tests_name("wire_pair", tests, NULL, NULL);
}
