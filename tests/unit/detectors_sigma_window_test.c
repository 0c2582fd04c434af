/* Correlations at work: windows of event time, late events, each event serving once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <string.h>

#include "detectors/sigma.h"

#define MIN KT_NS_MIN

static struct kt_sigma_correlation asking(enum kt_sigma_type type, unsigned rules,
                                          uint64_t at_least, kt_time_ns span)
{
    return (struct kt_sigma_correlation){
        .type = type, .n_rules = rules, .at_least = at_least, .span = span
    };
}

/* The count at which it held, or 0. */
static unsigned add(struct kt_sigma_window *w, const struct kt_sigma_correlation *c, kt_time_ns t,
                    uint32_t rule, uint32_t value)
{
    unsigned n = 0;
    struct kt_sigma_seen seen = { t, value, rule };
    return kt_sigma_window_add(w, c, seen, &n) ? n : 0;
}

static void events_are_counted_within_the_span(void **state)
{
    (void)state;
    struct kt_sigma_window w = { 0 };
    struct kt_sigma_correlation c = asking(KT_SIGMA_EVENT_COUNT, 1, 3, 5 * MIN);
    assert_int_equal(add(&w, &c, 0 * MIN, 0, 0), 0);
    assert_int_equal(add(&w, &c, 4 * MIN, 0, 0), 0);
    assert_int_equal(add(&w, &c, 6 * MIN, 0, 0), 0); /* 0 is too old */
    assert_int_equal(add(&w, &c, 9 * MIN, 0, 0), 3); /* 4, 6, 9: at the border */
    assert_int_equal(add(&w, &c, 9 * MIN, 0, 0), 0); /* those served */
    assert_int_equal(add(&w, &c, 9 * MIN, 0, 0), 0);
    assert_int_equal(add(&w, &c, 10 * MIN, 0, 0), 3);
}

static void late_events_count_in_their_place(void **state)
{
    (void)state;
    struct kt_sigma_window w = { 0 };
    struct kt_sigma_correlation c = asking(KT_SIGMA_EVENT_COUNT, 1, 3, 5 * MIN);
    assert_int_equal(add(&w, &c, 100 * MIN, 0, 0), 0);
    assert_int_equal(add(&w, &c, 10 * MIN, 0, 0), 0);
    assert_int_equal(add(&w, &c, 14 * MIN, 0, 0), 0);
    assert_int_equal(add(&w, &c, 200 * MIN, 0, 0), 0);
    assert_int_equal(add(&w, &c, 12 * MIN, 0, 0), 3);
    assert_int_equal(w.n, 2); /* 100 and 200 wait on */
}

static void values_are_counted_once(void **state)
{
    (void)state;
    struct kt_sigma_window w = { 0 };
    struct kt_sigma_correlation c = asking(KT_SIGMA_VALUE_COUNT, 1, 3, 10 * MIN);
    for (unsigned i = 0; i < 250; i++) /* one value over and over */
        assert_int_equal(add(&w, &c, i * KT_NS_S, 0, 7), 0);
    assert_int_equal(add(&w, &c, 260 * KT_NS_S, 0, 8), 0);
    assert_int_equal(add(&w, &c, 270 * KT_NS_S, 0, 8), 0);
    assert_int_equal(add(&w, &c, 280 * KT_NS_S, 0, 9), 3);
}

static void rules_together_in_any_order(void **state)
{
    (void)state;
    struct kt_sigma_window w = { 0 };
    struct kt_sigma_correlation c = asking(KT_SIGMA_TEMPORAL, 3, 0, 10 * MIN);
    assert_int_equal(add(&w, &c, 0 * MIN, 2, 0), 0);
    assert_int_equal(add(&w, &c, 1 * MIN, 2, 0), 0);
    assert_int_equal(add(&w, &c, 5 * MIN, 0, 0), 0);
    assert_int_equal(add(&w, &c, 11 * MIN, 1, 0), 3); /* 2 at minute 1, 0 at 5, 1 at 11 */
}

static void some_of_the_rules_are_enough_when_it_says_so(void **state)
{
    (void)state;
    struct kt_sigma_window w = { 0 };
    struct kt_sigma_correlation c = asking(KT_SIGMA_TEMPORAL, 3, 2, 10 * MIN);
    assert_int_equal(add(&w, &c, 0, 2, 0), 0);
    assert_int_equal(add(&w, &c, MIN, 2, 0), 0);
    assert_int_equal(add(&w, &c, 2 * MIN, 0, 0), 2);
}

static void rules_in_their_order_alone(void **state)
{
    (void)state;
    struct kt_sigma_window w = { 0 };
    struct kt_sigma_correlation c = asking(KT_SIGMA_TEMPORAL_ORDERED, 3, 0, 10 * MIN);
    assert_int_equal(add(&w, &c, 1 * MIN, 1, 0), 0);
    assert_int_equal(add(&w, &c, 2 * MIN, 0, 0), 0);
    assert_int_equal(add(&w, &c, 3 * MIN, 2, 0), 0); /* 1 came before 0 */
    assert_int_equal(add(&w, &c, 4 * MIN, 1, 0), 0);
    assert_int_equal(add(&w, &c, 5 * MIN, 2, 0), 3);
    /* of one moment: nobody knows which was first */
    memset(&w, 0, sizeof w);
    assert_int_equal(add(&w, &c, MIN, 2, 0), 0);
    assert_int_equal(add(&w, &c, MIN, 1, 0), 0);
    assert_int_equal(add(&w, &c, MIN, 0, 0), 3);
    /* a late first rule completes it */
    memset(&w, 0, sizeof w);
    assert_int_equal(add(&w, &c, 4 * MIN, 1, 0), 0);
    assert_int_equal(add(&w, &c, 5 * MIN, 2, 0), 0);
    assert_int_equal(add(&w, &c, 3 * MIN, 0, 0), 3);
}

/* Against a plain count over everything that came, before anything held. */
static void windows_agree_with_a_plain_count(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (unsigned round = 0; round < 2000; round++) {
        struct kt_sigma_window w = { 0 };
        kt_time_ns t[64];
        unsigned n = 0, want = 2 + round % 7;
        struct kt_sigma_correlation c = asking(KT_SIGMA_EVENT_COUNT, 1, want, 10 * MIN);
        for (bool held = false; !held && n < 64; n++) {
            seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            t[n] = (kt_time_ns)(seed >> 33) % (40 * 60) * KT_NS_S;
            bool should = false;
            for (unsigned from = 0; from <= n; from++) {
                unsigned inside = 0;
                bool mine = t[n] >= t[from] && t[n] - t[from] <= c.span;
                for (unsigned i = 0; i <= n; i++)
                    inside += t[i] >= t[from] && t[i] - t[from] <= c.span;
                should = should || (mine && inside >= want);
            }
            held = add(&w, &c, t[n], 0, 0) > 0;
            if (held != should)
                fail_msg("round %u, event %u: %d, not %d", round, n, held, should);
        }
    }
}

/* The newest stay: what is older than all of a full window cannot count. */
static void a_full_window_keeps_the_newest(void **state)
{
    (void)state;
    struct kt_sigma_window w = { 0 };
    struct kt_sigma_correlation c = asking(KT_SIGMA_EVENT_COUNT, 1, KT_RULE_WINDOW_MAX, MIN);
    for (unsigned i = 0; i < 3 * KT_RULE_WINDOW_MAX; i++)
        assert_int_equal(add(&w, &c, i * 10 * MIN, 0, 0), 0);
    assert_int_equal(w.n, KT_RULE_WINDOW_MAX);
    assert_int_equal(add(&w, &c, 0, 0, 0), 0);
    assert_true(w.seen[0].t == 2 * KT_RULE_WINDOW_MAX * 10 * MIN);
    for (unsigned i = 0; i + 1 < KT_RULE_WINDOW_MAX; i++)
        assert_int_equal(add(&w, &c, 90000 * MIN, 0, 0), 0);
    assert_int_equal(add(&w, &c, 90001 * MIN, 0, 0), KT_RULE_WINDOW_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_counted_within_the_span),
        cmocka_unit_test(late_events_count_in_their_place),
        cmocka_unit_test(values_are_counted_once),
        cmocka_unit_test(rules_together_in_any_order),
        cmocka_unit_test(some_of_the_rules_are_enough_when_it_says_so),
        cmocka_unit_test(rules_in_their_order_alone),
        cmocka_unit_test(windows_agree_with_a_plain_count),
        cmocka_unit_test(a_full_window_keeps_the_newest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
