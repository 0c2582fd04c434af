/* Who is shown the log, from which size, and how much of it one agent may ask for; over a stand-in
 * of checkpoint.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "collector/showing.h"
#include "core/base/hash.h"
#include "core/base/log.h"

#define SENT 64u

struct sent {
    uint64_t peer, from, size;
};
static struct {
    struct kt_showing *s;
    struct kt_clock_memory time;
    uint64_t size, before, number; /* of the log; 0: nothing was signed */
    struct kt_checkpoint_wish wish[SENT];
    unsigned n_wishes, forgotten, cosigned, alarms;
    struct sent sent[SENT];
    unsigned n_sent;
    bool other_tree;
} w;

/* ---- the stand-in ---- */

bool kt_checkpoints_newest(const struct kt_checkpoints *c, struct kt_checkpoint_news *ret)
{
    (void)c;
    *ret = (struct kt_checkpoint_news){ .number = w.number,
                                        .note = KT_STR("note\n"),
                                        .head = { .size = w.size },
                                        .from = w.before,
                                        .proof = KT_STR("0123456789abcdef0123456789abcdef") };
    return w.number > 0;
}

enum kt_status kt_checkpoints_wish(struct kt_checkpoints *c, const struct kt_checkpoint_wish *wish,
                                   struct kt_error *err)
{
    (void)c;
    (void)err;
    w.wish[w.n_wishes++] = *wish;
    return KT_OK;
}

void kt_checkpoints_forget(struct kt_checkpoints *c, uint64_t tag)
{
    (void)c;
    (void)tag;
    w.forgotten++;
}

enum kt_status kt_checkpoints_cosign(struct kt_checkpoints *c, const struct kt_cosignature *s,
                                     struct kt_error *err)
{
    (void)c;
    assert_int_equal(s->n_keys, 1);
    assert_string_equal(s->key[0].name, "web-1");
    w.cosigned++;
    return w.other_tree ? kt_fail(err, KT_E_INPUT, "another tree") : KT_OK;
}

void kt_checkpoints_keys(const struct kt_checkpoints *c, struct kt_buf *out)
{
    (void)c;
    kt_buf_addz(out, "keytrail/00+00000000+AA==\n");
}

void kt_checkpoints_vouches(const struct kt_checkpoints *c, struct kt_buf *out)
{
    (void)c;
    kt_buf_addz(out, KT_VOUCH_HEAD);
}

/* ---- the world ---- */

static void reply(void *self, uint64_t peer, struct kt_str body)
{
    struct kt_msg m;
    struct kt_error err = { 0 };
    (void)self;
    assert_int_equal(kt_msg_read(body, &m, &err), KT_OK);
    assert_int_equal(m.type, KT_MSG_CHECKPOINT);
    assert_true(kt_str_is(m.keys, "keytrail/00+00000000+AA==\n" KT_VOUCH_HEAD));
    assert_true(w.n_sent < SENT);
    w.sent[w.n_sent++] = (struct sent){ peer, m.from, w.size };
}

static void alarm_of(void *self, struct kt_str agent, const char *sentence)
{
    (void)self;
    assert_true(kt_str_is(agent, "web-1"));
    assert_string_equal(sentence, "another tree");
    w.alarms++;
}

static int begin(void **state)
{
    (void)state;
    memset(&w, 0, sizeof w);
    w.time.mono = KT_NS_HOUR;
    w.s = kt_showing_new(&(struct kt_showing_options){
        .clock = kt_clock_memory(&w.time), .reply = reply, .alarm = alarm_of });
    return 0;
}

static int end(void **state)
{
    (void)state;
    kt_showing_free(w.s);
    return 0;
}

static void publish(uint64_t size)
{
    w.before = w.size;
    w.size = size;
    w.number++;
    kt_showing_turn(w.s);
}

static void says(uint64_t peer, const char *name, enum kt_msg_type type, uint64_t size,
                 uint8_t incarnation)
{
    const struct kt_agent_entry e = { .name = name, .n_keys = 1 };
    struct kt_msg m = { .type = type, .size = size, .line = KT_STR("line\n") };
    m.incarnation[0] = incarnation;
    kt_showing_heard(w.s, peer, &e, &m);
}

static void answer(unsigned i, bool there_is_a_proof)
{
    struct kt_checkpoint_news n;
    assert_true(kt_checkpoints_newest(NULL, &n));
    n.from = w.wish[i].from;
    w.wish[i].answer(w.wish[i].self, w.wish[i].tag, there_is_a_proof ? &n : NULL, "taken out");
}

static void sent_is(unsigned i, uint64_t peer, uint64_t from, uint64_t size)
{
    assert_true(i < w.n_sent);
    assert_int_equal(w.sent[i].peer, peer);
    assert_int_equal(w.sent[i].from, from);
    assert_int_equal(w.sent[i].size, size);
}

/* ---- tests ---- */

static void who_has_asked_is_shown_each_new_one(void **state)
{
    (void)state;
    publish(10);
    assert_int_equal(w.n_sent, 0);
    says(7, "web-1", KT_MSG_SINCE, 0, 1);
    sent_is(0, 7, 0, 10);
    publish(20);
    sent_is(1, 7, 10, 20);
    kt_showing_turn(w.s);
    assert_int_equal(w.n_sent, 2);
    publish(20); /* a heartbeat */
    sent_is(2, 7, 20, 20);
    assert_int_equal(w.n_wishes, 0);
}

static void who_was_away_gets_a_proof_from_its_own_size(void **state)
{
    (void)state;
    publish(10);
    publish(90);
    says(7, "web-1", KT_MSG_SINCE, 40, 1);
    assert_int_equal(w.n_sent, 0);
    assert_int_equal(w.wish[0].from, 40);
    publish(95); /* while the proof is made */
    assert_int_equal(w.n_sent, 0);
    answer(0, true);
    sent_is(0, 7, 40, 95);
    says(8, "web-2", KT_MSG_SINCE, 3, 1);
    answer(1, false); /* retention took what it needs */
    sent_is(1, 8, 0, 95);
}

/* The log went back: it is shown as it is, and the agent judges. */
static void a_smaller_log_is_shown_as_it_is(void **state)
{
    (void)state;
    publish(90);
    says(7, "web-1", KT_MSG_SINCE, 200, 1);
    sent_is(0, 7, 0, 90);
    publish(50);
    sent_is(1, 7, 0, 50);
}

static void nothing_is_shown_before_something_is_signed(void **state)
{
    (void)state;
    says(7, "web-1", KT_MSG_SINCE, 0, 1);
    assert_int_equal(w.n_sent, 0);
    publish(10);
    sent_is(0, 7, 0, 10);
}

static void an_agent_asks_no_more_than_its_share(void **state)
{
    (void)state;
    publish(10);
    for (unsigned i = 0; i < 60; i++)
        says(7, "web-1", KT_MSG_SINCE, 0, 1);
    assert_in_range(w.n_sent, 10, 14);
    unsigned n = w.n_sent;
    says(8, "web-2", KT_MSG_SINCE, 0, 1);
    assert_int_equal(w.n_sent, n + 1);
    w.time.mono += KT_NS_MIN;
    says(7, "web-1", KT_MSG_SINCE, 0, 1);
    assert_int_equal(w.n_sent, n + 2);
}

/* The newest connection of a spool, and four spools of an agent. */
static void an_agent_has_few_connections(void **state)
{
    (void)state;
    publish(10);
    says(7, "web-1", KT_MSG_SINCE, 0, 1);
    says(8, "web-1", KT_MSG_SINCE, 0, 1);
    w.n_sent = 0;
    publish(11);
    assert_int_equal(w.n_sent, 1);
    sent_is(0, 8, 10, 11);
    for (uint8_t i = 2; i < 9; i++)
        says(20u + i, "web-1", KT_MSG_SINCE, 11, i);
    w.n_sent = 0;
    publish(12);
    assert_int_equal(w.n_sent, 4);
}

static void one_cosignature_for_each_that_was_shown(void **state)
{
    (void)state;
    publish(10);
    says(7, "web-1", KT_MSG_COSIGN, 10, 1); /* it was shown nothing */
    assert_int_equal(w.cosigned, 0);
    says(7, "web-1", KT_MSG_SINCE, 0, 1);
    says(7, "web-1", KT_MSG_COSIGN, 10, 1);
    says(7, "web-1", KT_MSG_COSIGN, 10, 1);
    assert_int_equal(w.cosigned, 1);
    publish(12);
    w.other_tree = true;
    says(7, "web-1", KT_MSG_COSIGN, 12, 1);
    assert_int_equal(w.cosigned, 2);
    assert_int_equal(w.alarms, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_has_asked_is_shown_each_new_one, begin, end),
        cmocka_unit_test_setup_teardown(who_was_away_gets_a_proof_from_its_own_size, begin, end),
        cmocka_unit_test_setup_teardown(a_smaller_log_is_shown_as_it_is, begin, end),
        cmocka_unit_test_setup_teardown(nothing_is_shown_before_something_is_signed, begin, end),
        cmocka_unit_test_setup_teardown(an_agent_asks_no_more_than_its_share, begin, end),
        cmocka_unit_test_setup_teardown(an_agent_has_few_connections, begin, end),
        cmocka_unit_test_setup_teardown(one_cosignature_for_each_that_was_shown, begin, end),
    };
    kt_log_level_set(KT_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
