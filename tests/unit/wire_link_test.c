/* link: the agent's side of the conversation, second by second. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/wire/link.h"

static struct kt_link l;
static kt_time_ns now;
static int wait_ms;
static struct kt_error err;

static int setup(void **state)
{
    (void)state;
    l = (struct kt_link){ 0 };
    now = 1000 * KT_NS_S;
    return 0;
}

static enum kt_link_do next(uint64_t newest)
{
    return kt_link_next(&l, newest, now, UINT64_MAX / 3, &wait_ms);
}

/* Asks, expects this answer, and does it. */
static void does(enum kt_link_do what, uint64_t newest)
{
    assert_int_equal(next(newest), what);
    kt_link_sent(&l, what, now);
}

static enum kt_status hear(struct kt_msg m, uint64_t *ret_ack)
{
    return kt_link_heard(&l, &m, now, ret_ack, &err);
}

static uint64_t hears(struct kt_msg m)
{
    uint64_t ack = 99;
    assert_int_equal(hear(m, &ack), KT_OK);
    return ack;
}

#define WELCOME(seq_, credit_)                                                                     \
    ((struct kt_msg){ .type = KT_MSG_WELCOME, .last_seq = (seq_), .credit = (credit_) })
#define ACK(seq_, credit_)                                                                         \
    ((struct kt_msg){ .type = KT_MSG_ACK, .seq = (seq_), .credit = (credit_) })
#define REFUSE(reason_, seq_, expected_)                                                           \
    ((struct kt_msg){                                                                              \
        .type = KT_MSG_REFUSE, .reason = (reason_), .seq = (seq_), .expected = (expected_) })

static void become_ready(uint64_t last_seq)
{
    does(KT_LINK_REOPEN, 0);
    does(KT_LINK_SEND_HELLO, 0);
    (void)hears(WELCOME(last_seq, 32));
    assert_int_equal(l.state, KT_LINK_READY);
}

static void greets_then_sends_from_where_the_collector_is(void **state)
{
    (void)state;
    does(KT_LINK_REOPEN, 9);
    does(KT_LINK_SEND_HELLO, 9);
    assert_int_equal(next(9), KT_LINK_WAIT);
    assert_int_equal(hears(WELCOME(7, 32)), 7);
    does(KT_LINK_SEND_BATCH, 9);
    does(KT_LINK_SEND_BATCH, 9);
    assert_int_equal(l.sent, 9);
    assert_int_equal(next(9), KT_LINK_WAIT);
    assert_int_equal(hears(ACK(9, 32)), 9);
    assert_int_equal(hears(ACK(8, 32)), 0);
    assert_int_equal(l.acked, 9);
}

static void the_window_is_the_credit_and_never_more_than_ours(void **state)
{
    (void)state;
    unsigned n = 0;

    become_ready(0);
    for (; next(100) == KT_LINK_SEND_BATCH; n++)
        kt_link_sent(&l, KT_LINK_SEND_BATCH, now);
    assert_int_equal(n, KT_INFLIGHT_MAX);
    assert_int_equal(hears(ACK(10, 1000)), 10);
    for (n = 0; next(100) == KT_LINK_SEND_BATCH; n++)
        kt_link_sent(&l, KT_LINK_SEND_BATCH, now);
    assert_int_equal(n, 10);
    assert_int_equal(hears(ACK(42, 2)), 42);
    for (n = 0; next(100) == KT_LINK_SEND_BATCH; n++)
        kt_link_sent(&l, KT_LINK_SEND_BATCH, now);
    assert_int_equal(n, 2);
    assert_int_equal(hears(ACK(44, 0)), 44);
    assert_int_equal(next(100), KT_LINK_WAIT);
}

static void hello_is_repeated_with_growing_pauses_and_reopened_after_silence(void **state)
{
    (void)state;
    static const int pauses_s[] = { 1, 2, 4, 8 };

    does(KT_LINK_REOPEN, 0);
    for (size_t i = 0; i < KT_ARRAY_LEN(pauses_s); i++) {
        does(KT_LINK_SEND_HELLO, 0);
        assert_int_equal(next(0), KT_LINK_WAIT);
        assert_in_range(wait_ms, pauses_s[i] * 500, pauses_s[i] * 1000);
        now += wait_ms * KT_NS_MS;
    }
    does(KT_LINK_SEND_HELLO, 0);
    while (next(0) == KT_LINK_WAIT)
        now += wait_ms * KT_NS_MS;
    while (l.state != KT_LINK_DOWN) {
        if (next(0) == KT_LINK_SEND_HELLO)
            kt_link_sent(&l, KT_LINK_SEND_HELLO, now);
        now += wait_ms * KT_NS_MS;
    }
    assert_int_equal(now / KT_NS_S, 1030);
    does(KT_LINK_REOPEN, 0);
    does(KT_LINK_SEND_HELLO, 0); /* the pauses go on growing across connections */
    assert_int_equal(next(0), KT_LINK_WAIT);
    assert_in_range(wait_ms, 15000, 30000);
}

static void jitter_spreads_the_pause(void **state)
{
    (void)state;
    int low, high;

    does(KT_LINK_REOPEN, 0);
    does(KT_LINK_SEND_HELLO, 0);
    struct kt_link copy = l;
    (void)kt_link_next(&l, 0, now, 0, &low);
    (void)kt_link_next(&copy, 0, now, 499999999, &high);
    assert_int_equal(low, 500);
    assert_int_equal(high, 1000);
}

static void pings_when_quiet_and_gives_up_after_silence(void **state)
{
    (void)state;
    become_ready(0);
    assert_int_equal(next(0), KT_LINK_WAIT);
    assert_int_equal(wait_ms, 10000);
    now += 10 * KT_NS_S;
    does(KT_LINK_SEND_PING, 0);
    (void)hears((struct kt_msg){ .type = KT_MSG_PONG });
    assert_int_equal(next(0), KT_LINK_WAIT);
    assert_int_equal(wait_ms, 10000);

    now += 10 * KT_NS_S;
    does(KT_LINK_SEND_PING, 0);
    assert_int_equal(next(0), KT_LINK_WAIT);
    now += 10 * KT_NS_S;
    does(KT_LINK_SEND_PING, 0);
    now += 10 * KT_NS_S;
    does(KT_LINK_REOPEN, 0);
    does(KT_LINK_SEND_HELLO, 0);
}

/* The collector that took it is gone, and the one in its place answers every ping. */
static void a_batch_that_nobody_acknowledges_is_asked_after_by_a_greeting(void **state)
{
    (void)state;
    become_ready(0);
    does(KT_LINK_SEND_BATCH, 1);
    assert_int_equal(next(1), KT_LINK_WAIT);
    assert_int_equal(wait_ms, 10000);
    now += 10 * KT_NS_S;
    does(KT_LINK_SEND_HELLO, 1);
    assert_int_equal(next(1), KT_LINK_WAIT);
    assert_int_equal(hears(WELCOME(0, 32)), 0);
    does(KT_LINK_SEND_BATCH, 1); /* it was lost */

    now += 10 * KT_NS_S;
    does(KT_LINK_SEND_HELLO, 1);
    assert_int_equal(hears(WELCOME(1, 32)), 1); /* the ack was lost */
    assert_int_equal(next(1), KT_LINK_WAIT);
    now += 10 * KT_NS_S;
    does(KT_LINK_SEND_PING, 1);
}

/* A commit that takes longer than the quiet time: nothing is lost, nothing goes twice. */
static void a_late_ack_is_taken_and_nothing_goes_again(void **state)
{
    (void)state;
    become_ready(0);
    does(KT_LINK_SEND_BATCH, 2);
    does(KT_LINK_SEND_BATCH, 2);
    now += 10 * KT_NS_S;
    does(KT_LINK_SEND_HELLO, 2);
    assert_int_equal(next(2), KT_LINK_WAIT); /* once in a quiet time */
    assert_int_equal(wait_ms, 10000);
    now += 5 * KT_NS_S;
    assert_int_equal(hears(ACK(2, 32)), 2);
    assert_int_equal(l.heard, now);
    does(KT_LINK_SEND_BATCH, 4);
    does(KT_LINK_SEND_BATCH, 4);
    assert_int_equal(hears(WELCOME(2, 32)), 0);
    assert_int_equal(next(4), KT_LINK_WAIT); /* 3 and 4 stay sent */
    assert_int_equal(l.sent, 4);
    assert_int_equal(hears(ACK(4, 32)), 4);
}

/* Each of two greetings is answered; the batches behind the first answer go once. */
static void a_late_welcome_acknowledges_and_nothing_goes_again(void **state)
{
    (void)state;
    become_ready(0);
    does(KT_LINK_SEND_BATCH, 1);
    now += 10 * KT_NS_S;
    does(KT_LINK_SEND_HELLO, 1);
    does(KT_LINK_SEND_BATCH, 2);
    now += 10 * KT_NS_S;
    does(KT_LINK_SEND_HELLO, 2);
    assert_int_equal(hears(WELCOME(1, 32)), 1);
    assert_int_equal(next(2), KT_LINK_WAIT);
    assert_int_equal(l.sent, 2);
    assert_int_equal(hears(WELCOME(2, 32)), 2);
    assert_int_equal(next(2), KT_LINK_WAIT);

    (void)setup(NULL); /* and where the connection is new */
    does(KT_LINK_REOPEN, 0);
    does(KT_LINK_SEND_HELLO, 0);
    assert_int_equal(next(0), KT_LINK_WAIT);
    now += wait_ms * KT_NS_MS;
    does(KT_LINK_SEND_HELLO, 0);
    (void)hears(WELCOME(0, 32));
    does(KT_LINK_SEND_BATCH, 1);
    (void)hears(WELCOME(0, 32));
    assert_int_equal(next(1), KT_LINK_WAIT);
}

static void what_was_lost_before_a_greeting_goes_again_once(void **state)
{
    (void)state;
    become_ready(0);
    for (unsigned i = 0; i < 3; i++)
        does(KT_LINK_SEND_BATCH, 3);
    assert_int_equal(hears(ACK(1, 32)), 1);
    now += 10 * KT_NS_S;
    does(KT_LINK_SEND_HELLO, 3);
    now += 10 * KT_NS_S;
    does(KT_LINK_SEND_HELLO, 3);
    (void)hears(WELCOME(1, 32)); /* the collector lacks 2 and 3 */
    does(KT_LINK_SEND_BATCH, 3);
    does(KT_LINK_SEND_BATCH, 3);
    (void)hears(WELCOME(1, 32)); /* the same answer to the second greeting */
    assert_int_equal(next(3), KT_LINK_WAIT);
    assert_int_equal(hears(ACK(3, 32)), 3);
}

static void an_ack_of_before_a_refusal_counts_and_the_pause_stays(void **state)
{
    (void)state;
    become_ready(0);
    does(KT_LINK_SEND_BATCH, 2);
    does(KT_LINK_SEND_BATCH, 2);
    (void)hears(REFUSE(KT_REFUSE_DISK, 2, 0));
    assert_int_equal(next(2), KT_LINK_WAIT);
    int pause_ms = wait_ms;
    assert_int_equal(hears(ACK(1, 32)), 1);
    assert_int_equal(l.state, KT_LINK_BACKOFF);
    assert_int_equal(next(2), KT_LINK_WAIT);
    assert_int_equal(wait_ms, pause_ms);
}

static void a_restored_collector_gets_the_rest_again(void **state)
{
    (void)state;
    become_ready(5);
    does(KT_LINK_SEND_BATCH, 6);
    assert_int_equal(hears(ACK(6, 32)), 6);
    assert_int_equal(hears(WELCOME(3, 32)), 0);
    assert_int_equal(l.acked, 3);
    does(KT_LINK_SEND_BATCH, 6);
    assert_int_equal(l.sent, 4);
}

static void a_gap_goes_back_once(void **state)
{
    (void)state;
    become_ready(0);
    for (unsigned i = 0; i < 5; i++)
        does(KT_LINK_SEND_BATCH, 5);
    (void)hears(REFUSE(KT_REFUSE_GAP, 4, 3));
    assert_int_equal(l.sent, 2);
    does(KT_LINK_SEND_BATCH, 5);
    (void)hears(REFUSE(KT_REFUSE_GAP, 5, 3)); /* the echo of the same gap */
    assert_int_equal(l.sent, 3);
    uint64_t ack;
    assert_int_equal(hear(REFUSE(KT_REFUSE_GAP, 3, 0), &ack), KT_E_INPUT);
}

static void asked_for_a_hello_it_greets_after_a_pause(void **state)
{
    (void)state;
    become_ready(0);
    does(KT_LINK_SEND_BATCH, 2);
    does(KT_LINK_SEND_BATCH, 2);
    (void)hears(REFUSE(KT_REFUSE_HELLO, 1, 0));
    (void)hears(REFUSE(KT_REFUSE_HELLO, 2, 0));
    assert_int_equal(next(2), KT_LINK_WAIT);
    assert_in_range(wait_ms, 500, 1000);
    now += wait_ms * KT_NS_MS;
    does(KT_LINK_SEND_HELLO, 2);
    (void)hears(WELCOME(0, 32));
    does(KT_LINK_SEND_BATCH, 2);
    assert_int_equal(l.sent, 1);
}

static void not_now_means_a_long_pause(void **state)
{
    (void)state;
    static const enum kt_refuse later[] = { KT_REFUSE_DISK, KT_REFUSE_QUOTA, KT_REFUSE_REVOKED,
                                            KT_REFUSE_VERSION };
    for (size_t i = 0; i < KT_ARRAY_LEN(later); i++) {
        (void)setup(NULL);
        become_ready(0);
        does(KT_LINK_SEND_BATCH, 2);
        (void)hears(REFUSE(later[i], 1, 0));
        assert_int_equal(next(2), KT_LINK_WAIT);
        assert_in_range(wait_ms, 8000, 16000);
    }
}

static void other_refusals_are_the_engines(void **state)
{
    (void)state;
    become_ready(0);
    does(KT_LINK_SEND_BATCH, 1);
    (void)hears(REFUSE(KT_REFUSE_LINE, 1, 0));
    assert_int_equal(l.state, KT_LINK_READY);
    assert_int_equal(l.sent, 1);
}

static void what_does_not_fit_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    uint64_t ack;

    assert_int_equal(hear(WELCOME(0, 32), &ack), KT_E_INPUT); /* no connection yet */
    become_ready(3);
    struct kt_link before = l;
    assert_int_equal(hear(ACK(4, 32), &ack), KT_E_INPUT); /* never sent */
    assert_int_equal(hear((struct kt_msg){ .type = KT_MSG_BATCH }, &ack), KT_E_INPUT);
    assert_int_equal(hear((struct kt_msg){ .type = KT_MSG_HELLO }, &ack), KT_E_INPUT);
    assert_memory_equal(&l, &before, sizeof l);
    now += 30 * KT_NS_S;
    does(KT_LINK_REOPEN, 0);
    assert_int_equal(hear(ACK(4, 32), &ack), KT_E_INPUT);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(greets_then_sends_from_where_the_collector_is),
        TEST(the_window_is_the_credit_and_never_more_than_ours),
        TEST(hello_is_repeated_with_growing_pauses_and_reopened_after_silence),
        TEST(jitter_spreads_the_pause),
        TEST(pings_when_quiet_and_gives_up_after_silence),
        TEST(a_batch_that_nobody_acknowledges_is_asked_after_by_a_greeting),
        TEST(a_late_ack_is_taken_and_nothing_goes_again),
        TEST(a_late_welcome_acknowledges_and_nothing_goes_again),
        TEST(what_was_lost_before_a_greeting_goes_again_once),
        TEST(an_ack_of_before_a_refusal_counts_and_the_pause_stays),
        TEST(a_restored_collector_gets_the_rest_again),
        TEST(a_gap_goes_back_once),
        TEST(asked_for_a_hello_it_greets_after_a_pause),
        TEST(not_now_means_a_long_pause),
        TEST(other_refusals_are_the_engines),
        TEST(what_does_not_fit_is_refused_and_changes_nothing),
    };
    return cmocka_run_group_tests_name("wire_link", tests, NULL, NULL);
}
