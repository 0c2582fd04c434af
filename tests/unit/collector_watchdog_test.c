/* collector_watchdog: when systemd is told that the collector works; the clock is a number. */
#include "collector/watchdog.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
/* after the others */
#include <cmocka.h>

static unsigned told;

static void tell(void *self, const char *state)
{
    assert_ptr_equal(self, &told);
    assert_string_equal(state, "WATCHDOG=1");
    told++;
}

static struct kt_watchdog make(kt_time_ns asked)
{
    struct kt_watchdog w;
    told = 0;
    kt_watchdog_init(&w, asked, tell, &told);
    return w;
}

/* Turns once a second from `from` on, for so many seconds. */
static void turn(struct kt_watchdog *w, int from, int seconds, bool waiting, uint64_t commits,
                 unsigned commits_each)
{
    for (int i = 0; i < seconds; i++, commits += commits_each)
        kt_watchdog_turn(w, waiting, commits, (from + i) * KT_NS_S);
}

static void with_nothing_to_commit_it_works(void **state)
{
    struct kt_watchdog w = make(0);
    (void)state;
    turn(&w, 100, 600, false, 7, 0);
    assert_int_equal(told, 120);
}

static void while_commits_go_on_it_works(void **state)
{
    struct kt_watchdog w = make(0);
    (void)state;
    turn(&w, 100, 600, true, 7, 1);
    assert_int_equal(told, 120);
}

static void what_waits_and_is_not_committed_stops_the_word(void **state)
{
    struct kt_watchdog w = make(0);
    (void)state;
    turn(&w, 100, 10, false, 7, 0);
    assert_int_equal(told, 2);
    turn(&w, 110, 600, true, 7, 0); /* the last progress was at 109 s */
    assert_int_equal(told, 2 + 6);  /* 110, 115 … 135; at 140 it is 31 s ago */
    turn(&w, 710, 1, true, 8, 0);   /* a commit after all */
    assert_int_equal(told, 2 + 6 + 1);
    turn(&w, 711, 100, false, 8, 0);
    assert_int_equal(told, 2 + 6 + 1 + 20);
}

static void the_first_turn_begins_the_count(void **state)
{
    struct kt_watchdog w = make(0);
    (void)state;
    turn(&w, 100000, 31, true, 0, 0);
    assert_int_equal(told, 7);
    turn(&w, 100031, 100, true, 0, 0);
    assert_int_equal(told, 7);
}

static void a_shorter_patience_is_told_more_often(void **state)
{
    struct kt_watchdog w = make(6 * KT_NS_S);
    (void)state;
    turn(&w, 1, 60, false, 0, 0);
    assert_int_equal(told, 30);
    w = make(600 * KT_NS_S);
    turn(&w, 1, 60, false, 0, 0);
    assert_int_equal(told, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_nothing_to_commit_it_works),
        cmocka_unit_test(while_commits_go_on_it_works),
        cmocka_unit_test(what_waits_and_is_not_committed_stops_the_word),
        cmocka_unit_test(the_first_turn_begins_the_count),
        cmocka_unit_test(a_shorter_patience_is_told_more_often),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
