/* collector_courier: when a target may be sent to: rate, Retry-After, the ladder of tries, circuit
 * and 410, for every target there is. Time comes in; nothing is sent. */
#include "collector/courier.h"
#include "core/base/hash.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
/* after the others */
#include <cmocka.h>

#define NOW  KT_NS_DAY
#define WALL (INT64_C(1795377600) * KT_NS_S)

static struct kt_rng rng(void)
{
    static struct kt_rng_seeded seed = { 7 };
    return kt_rng_seeded(&seed);
}

/* As a fresh one is, without its files. */
static struct kt_courier courier(const char *type)
{
    struct kt_courier c = { .target = kt_target_find(kt_str_of(type)), .tokens = 5 };
    assert_non_null(c.target);
    return c;
}

static struct kt_http_answer answer(int status, kt_time_ns retry_after)
{
    return (struct kt_http_answer){ .status = status, .retry_after = retry_after };
}

static enum kt_verdict play(struct kt_courier *c, int status, kt_time_ns retry_after,
                            kt_time_ns mono)
{
    struct kt_target_ruling ruling;
    struct kt_http_answer a = answer(status, retry_after);
    char word[200];
    kt_courier_started(c, mono);
    return kt_courier_answered(c, &a, mono, WALL, &ruling, word);
}

/* ---- the ladder ---- */

static void each_rung_is_met_within_a_fifth(void **state)
{
    (void)state;
    static const int64_t seconds[] = { 1,    5,     30,    120,   600,   1800,
                                       7200, 18000, 36000, 50400, 72000, 86400 };
    struct kt_rng r = rng();
    const struct kt_http_answer failed = answer(500, 0);
    for (uint32_t i = 0; i < KT_ARRAY_LEN(seconds); i++) {
        kt_time_ns rung = seconds[i] * KT_NS_S, least = INT64_MAX, most = 0;
        for (unsigned n = 0; n < 2000; n++) {
            kt_time_ns wait = kt_courier_wait(&r, i + 1, &failed);
            least = wait < least ? wait : least;
            most = wait > most ? wait : most;
        }
        assert_true(least >= rung - rung / 5 && least < rung - rung / 6);
        assert_true(most <= rung + rung / 5 && most > rung + rung / 6);
    }
    assert_int_equal(kt_courier_wait(&r, KT_ARRAY_LEN(seconds) + 1, &failed), 0);
}

static void a_longer_retry_after_counts_where_it_may_be_said(void **state)
{
    (void)state;
    const struct {
        int status;
        int64_t said_s;
        uint32_t attempts;
        int64_t least_s, most_s;
    } cases[] = {
        { 429, 60, 1, 60, 60 },
        { 503, 60, 1, 60, 60 },
        { 429, 1, 5, 480, 720 }, /* shorter than the rung */
        { 500, 60, 1, 0, 2 },    /* it is no word about pace */
        { 0, 60, 1, 0, 2 },
        { 429, 0, 1, 30, 30 }, /* slower, and it does not say */
        { 429, 0, 5, 480, 720 },
        { 503, 0, 1, 0, 2 },
        { 429, 3600, 12, 69120, 103680 },
    };
    struct kt_rng r = rng();
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        const struct kt_http_answer a = answer(cases[i].status, cases[i].said_s * KT_NS_S);
        kt_time_ns wait = kt_courier_wait(&r, cases[i].attempts, &a);
        assert_true(wait >= cases[i].least_s * KT_NS_S && wait <= cases[i].most_s * KT_NS_S);
    }
}

/* ---- what becomes of an answer, target by target ---- */

static void every_target_tries_again_or_not_as_the_status_says(void **state)
{
    (void)state;
    const struct {
        int status;
        enum kt_verdict verdict;
        bool webhook_again; /* its receiver may be mid-deploy */
    } cases[] = {
        { 0, KT_RETRY, false },    { 301, KT_REFUSED, true },   { 302, KT_REFUSED, true },
        { 307, KT_REFUSED, true }, { 401, KT_REFUSED, true },   { 403, KT_REFUSED, true },
        { 404, KT_REFUSED, true }, { 405, KT_REFUSED, true },   { 408, KT_RETRY, false },
        { 409, KT_REFUSED, true }, { 410, KT_DISABLED, false }, { 413, KT_REFUSED, true },
        { 422, KT_REFUSED, true }, { 425, KT_RETRY, false },    { 429, KT_RETRY, false },
        { 500, KT_RETRY, false },  { 501, KT_RETRY, false },    { 502, KT_RETRY, false },
        { 503, KT_RETRY, false },  { 504, KT_RETRY, false },    { 599, KT_RETRY, false },
    };
    for (unsigned t = 0; kt_targets[t] != NULL; t++) {
        if (kt_targets[t]->by_mail)
            continue; /* other codes */
        for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
            struct kt_courier c = courier(kt_targets[t]->name);
            enum kt_verdict want =
                cases[i].webhook_again && c.target->sign_standard ? KT_RETRY : cases[i].verdict;
            enum kt_verdict got = play(&c, cases[i].status, 0, NOW);
            if (got != want)
                fail_msg("%s: %d is judged %d, not %d", c.target->name, cases[i].status, got, want);
            assert_true(c.disabled == (want == KT_DISABLED));
        }
    }
}

/* ---- pace ---- */

static void the_rate_lets_a_burst_through_and_then_its_pace(void **state)
{
    (void)state;
    struct kt_courier c = courier("slack");
    unsigned sent = 0;
    for (kt_time_ns t = NOW; t < NOW + 60 * KT_NS_S; t += 10 * KT_NS_MS)
        if (kt_courier_ready_at(&c, t) <= t) {
            assert_int_equal(play(&c, 200, 0, t), KT_DELIVERED);
            sent++;
        }
    assert_true(sent >= 60 && sent <= 65); /* one a second, five at once */
}

static void it_says_when_the_next_may_go(void **state)
{
    (void)state;
    struct kt_courier c = courier("slack");
    kt_time_ns t = NOW;
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(kt_courier_ready_at(&c, t), t);
        (void)play(&c, 200, 0, t);
    }
    kt_time_ns at = kt_courier_ready_at(&c, t);
    assert_true(at > t && at <= t + KT_NS_S + 1000);
    assert_true(kt_courier_ready_at(&c, at) <= at);
}

static void a_retry_after_holds_the_whole_target(void **state)
{
    (void)state;
    struct kt_courier c = courier("slack");
    (void)play(&c, 429, 7 * KT_NS_S, NOW);
    assert_int_equal(kt_courier_ready_at(&c, NOW), NOW + 7 * KT_NS_S);
    assert_int_equal(c.failures, 0); /* "slower" is no failure */
    (void)play(&c, 500, 9 * KT_NS_S, NOW + 8 * KT_NS_S);
    assert_true(kt_courier_ready_at(&c, NOW + 8 * KT_NS_S) <= NOW + 8 * KT_NS_S);
    kt_courier_revive(&c);
    assert_int_equal(c.failures, 0);
}

/* ---- the circuit ---- */

static void five_failures_open_the_circuit_and_one_probe_a_minute_goes(void **state)
{
    (void)state;
    struct kt_courier c = courier("webhook");
    kt_time_ns t = NOW;
    for (unsigned i = 0; i < 5; i++) {
        assert_false(c.open);
        (void)play(&c, i % 2 == 0 ? 500 : 0, 0, t);
    }
    assert_true(c.open);
    assert_int_equal(c.open_since, t);
    for (unsigned i = 0; i < 20; i++) { /* twenty minutes of it */
        assert_int_equal(kt_courier_ready_at(&c, t), t + KT_NS_MIN);
        t += KT_NS_MIN;
        kt_courier_started(&c, t);
        assert_int_equal(kt_courier_ready_at(&c, t), INT64_MAX); /* one at a time */
        c.flying--;
        (void)play(&c, 503, 0, t);
        assert_int_equal(c.open_since, NOW);
    }
    assert_int_equal(play(&c, 200, 0, t + KT_NS_MIN), KT_DELIVERED);
    assert_false(c.open);
    assert_int_equal(c.failures, 0);
    assert_int_equal(c.last_success, WALL);
}

static void a_410_ends_only_by_a_person(void **state)
{
    (void)state;
    struct kt_courier c = courier("webhook");
    assert_int_equal(play(&c, 410, 0, NOW), KT_DISABLED);
    assert_int_equal(kt_courier_ready_at(&c, NOW + 1000 * KT_NS_DAY), INT64_MAX);
    kt_courier_revive(&c);
    assert_true(kt_courier_ready_at(&c, NOW) <= NOW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rung_is_met_within_a_fifth),
        cmocka_unit_test(a_longer_retry_after_counts_where_it_may_be_said),
        cmocka_unit_test(every_target_tries_again_or_not_as_the_status_says),
        cmocka_unit_test(the_rate_lets_a_burst_through_and_then_its_pace),
        cmocka_unit_test(it_says_when_the_next_may_go),
        cmocka_unit_test(a_retry_after_holds_the_whole_target),                       /* H2 */
        cmocka_unit_test(five_failures_open_the_circuit_and_one_probe_a_minute_goes), /* H2 */
        cmocka_unit_test(a_410_ends_only_by_a_person),
    };
    kt_hash_init();
    return cmocka_run_group_tests_name("collector_courier", tests, NULL, NULL);
}
