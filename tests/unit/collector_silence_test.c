/* collector_silence: what a silence keeps quiet, and what is told when it ends; with restarts
 * between. */
#include "core/base/hash.h"
#include "tests/support/triaged.h"
#include <setjmp.h>
#include <stdarg.h>
/* after the others */
#include <cmocka.h>

static struct kt_silence silence(struct triaged *w, const char *match, kt_time_ns lasts)
{
    struct kt_silence s = {
        .from = w->now, .until = w->now + lasts, .reason = "a drill", .by = "alice"
    };
    struct kt_error err = { 0 };
    kt_str_copyz(s.match, sizeof s.match, kt_str_of(match));
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    if (kt_triage_silence(w->triage, &s, w->now, &err) != KT_OK)
        fail_msg("%s", err.text);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
    return s;
}

static void turn(struct triaged *w)
{
    bool any;
    for (unsigned i = 0; i < 10 && kt_alerts_due(w->alerts, w->now); i++) {
        assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
        assert_int_equal(kt_alerts_turn(w->alerts, w->now, &any, NULL), KT_OK);
        assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
    }
    assert_false(kt_alerts_due(w->alerts, w->now));
}

static void a_silenced_alert_is_told_when_the_silence_ends(void **state)
{
    struct triaged *w = *state;
    struct kt_alert a = triaged_alert(TRIAGED_A, KT_SEV_HIGH),
                    b = triaged_alert(TRIAGED_B, KT_SEV_HIGH),
                    c = triaged_alert(TRIAGED_C, KT_SEV_HIGH);
    (void)silence(w, "actor:ana", KT_NS_HOUR);
    triaged_raise(w, &a);
    triaged_raise(w, &b);
    c.actor = KT_STR("bob");
    triaged_raise(w, &c);
    triaged_told(w, "trigger"); /* bob's */
    struct kt_step end = triaged_step(KT_STEP_CLOSE, TRIAGED_B, "alice");
    (void)triaged_take(w, end); /* nobody was told of it, so nobody hears of its end */
    triaged_told(w, "trigger");
    w->now += KT_NS_HOUR;
    turn(w);
    triaged_told(w, "trigger trigger");
    turn(w);
    triaged_restart(w);
    turn(w);
    triaged_told(w, "trigger trigger");
}

static void a_silence_that_ends_while_the_collector_is_away_is_made_up_for(void **state)
{
    struct triaged *w = *state;
    struct kt_alert a = triaged_alert(TRIAGED_A, KT_SEV_HIGH),
                    old = triaged_alert(TRIAGED_B, KT_SEV_HIGH),
                    told_before = triaged_alert(TRIAGED_C, KT_SEV_HIGH);
    triaged_raise(w, &told_before);
    w->now += KT_NS_MIN;
    (void)silence(w, "detector:unexpected_ip", KT_NS_HOUR);
    triaged_raise(w, &a);
    triaged_raise(w, &told_before); /* an update is kept quiet too */
    w->now += KT_NS_S;
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK); /* history that is brought in */
    old.last = TRIAGED_T0 - 30 * KT_NS_DAY;
    assert_int_equal(kt_alerts_raise(w->alerts, &old, true, w->now, NULL), KT_OK);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
    triaged_told(w, "trigger");
    w->now += KT_NS_HOUR;
    triaged_restart(w);
    turn(w);
    triaged_told(w, "trigger update trigger");
}

static void what_came_late_under_a_silence_outlives_a_restart(void **state)
{
    struct triaged *w = *state;
    struct kt_alert a = triaged_alert(TRIAGED_A, KT_SEV_HIGH),
                    b = triaged_alert(TRIAGED_B, KT_SEV_HIGH);
    (void)silence(w, "actor:ana", KT_NS_HOUR);
    a.last = TRIAGED_T0 - 2 * KT_NS_DAY; /* an agent was away for two days */
    w->now += KT_NS_S;
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    assert_int_equal(kt_alerts_raise(w->alerts, &a, false, w->now, NULL), KT_OK);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
    triaged_restart(w);
    triaged_raise(w, &b);
    w->now += KT_NS_HOUR;
    turn(w);
    triaged_told(w, "trigger trigger");
    triaged_restart(w);
    assert_int_equal(kt_map_count(w->triage->held), 0);
}

static void a_removed_silence_ends_at_once_and_another_goes_on(void **state)
{
    struct triaged *w = *state;
    struct kt_alert a = triaged_alert(TRIAGED_A, KT_SEV_HIGH);
    struct kt_silence one = silence(w, "actor:ana", KT_NS_HOUR);
    struct kt_silence two = silence(w, "severity:high", 2 * KT_NS_HOUR);
    triaged_raise(w, &a);
    assert_string_equal(one.id, "silence-1");
    assert_string_equal(two.id, "silence-2");
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    assert_int_equal(kt_triage_unsilence(w->triage, kt_str_of(one.id), KT_STR("done"),
                                         KT_STR("bob"), w->now, NULL),
                     KT_OK);
    assert_int_equal(kt_triage_unsilence(w->triage, kt_str_of(one.id), KT_STR("done"),
                                         KT_STR("bob"), w->now, NULL),
                     KT_E_INPUT);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
    turn(w);
    triaged_told(w, "");
    assert_string_equal(kt_triage_silence_of(w->triage, &a, w->now)->id, two.id);
    w->now += 2 * KT_NS_HOUR;
    turn(w);
    triaged_told(w, "trigger");
}

static bool half_turn(struct triaged *w)
{
    bool any;
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    assert_int_equal(kt_alerts_turn(w->alerts, w->now, &any, NULL), KT_OK);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
    return any;
}

/* The second ends while what the first kept quiet is looked at. */
static void silences_that_end_close_together_lose_nothing(void **state)
{
    struct triaged *w = *state;
    struct kt_alert a = triaged_alert(TRIAGED_A, KT_SEV_HIGH);
    (void)silence(w, "actor:ana", KT_NS_HOUR);
    (void)silence(w, "severity:high", KT_NS_HOUR + KT_NS_S);
    triaged_raise(w, &a);
    w->now = TRIAGED_T0 + KT_NS_HOUR;
    assert_false(half_turn(w)); /* the second still holds it */
    w->now += KT_NS_S;
    turn(w);
    triaged_told(w, "trigger");
}

/* What somebody had acknowledged before the silence, and is graver now, pages again. */
static void what_got_worse_under_a_silence_is_told_as_such(void **state)
{
    struct triaged *w = *state;
    struct kt_alert a = triaged_alert(TRIAGED_A, KT_SEV_MEDIUM);
    triaged_raise(w, &a);
    (void)triaged_take(w, triaged_step(KT_STEP_ACK, TRIAGED_A, "alice"));
    (void)silence(w, "actor:ana", KT_NS_HOUR);
    a.severity = KT_SEV_HIGH;
    triaged_raise(w, &a);
    triaged_told(w, "trigger acknowledge");
    w->now += KT_NS_HOUR;
    turn(w);
    triaged_told(w, "trigger acknowledge trigger");
}

static void a_silence_needs_to_name_critical_to_cover_it(void **state)
{
    struct triaged *w = *state;
    struct kt_alert a = triaged_alert(TRIAGED_A, KT_SEV_HIGH);
    (void)silence(w, "actor:ana", KT_NS_HOUR);
    triaged_raise(w, &a);
    triaged_told(w, "");
    a.severity = KT_SEV_CRITICAL;
    triaged_raise(w, &a);
    triaged_told(w, "trigger");
    (void)silence(w, "actor:ana severity:critical", KT_NS_HOUR);
    triaged_raise(w, &a);
    triaged_told(w, "trigger");
}

static void bad_silences_are_refused(void **state)
{
    struct triaged *w = *state;
    struct kt_silence s = {
        .from = w->now, .until = w->now + KT_NS_HOUR, .match = "outcome:x", .reason = "r", .by = "b"
    };
    struct kt_error err = { 0 };
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    assert_int_equal(kt_triage_silence(w->triage, &s, w->now, &err), KT_E_INPUT);
    assert_true(kt_str_has(kt_str_of(err.text), KT_STR("there is no field 'outcome'")));
    kt_str_copyz(s.match, sizeof s.match, KT_STR("actor:a"));
    s.until = w->now;
    assert_int_equal(kt_triage_silence(w->triage, &s, w->now, &err), KT_E_INPUT);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
    for (unsigned i = 0; i < KT_SILENCE_OPEN_MAX; i++)
        (void)silence(w, "actor:a", KT_NS_HOUR);
    s.until = w->now + KT_NS_HOUR;
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    assert_int_equal(kt_triage_silence(w->triage, &s, w->now, &err), KT_E_LIMIT);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
}

/* A refusal, not an error of the store, which would end the process. */
static void a_damaged_log_refuses_silences(void **state)
{
    struct triaged *w = *state;
    struct kt_silence s = {
        .from = w->now, .until = w->now + KT_NS_HOUR, .match = "actor:a", .reason = "r", .by = "b"
    };
    struct kt_error err = { 0 };
    w->triage->silences.damage.places = 1;
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    assert_int_equal(kt_triage_silence(w->triage, &s, w->now, &err), KT_E_INPUT);
    assert_true(kt_str_has(kt_str_of(err.text), KT_STR("1 damaged places")));
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, triaged_open, triaged_close)
    const struct CMUnitTest tests[] = {
        T(a_silenced_alert_is_told_when_the_silence_ends),
        T(a_silence_that_ends_while_the_collector_is_away_is_made_up_for),
        T(what_came_late_under_a_silence_outlives_a_restart),
        T(a_removed_silence_ends_at_once_and_another_goes_on),
        T(silences_that_end_close_together_lose_nothing),
        T(what_got_worse_under_a_silence_is_told_as_such),
        T(a_silence_needs_to_name_critical_to_cover_it),
        T(bad_silences_are_refused),
        T(a_damaged_log_refuses_silences),
    };
    kt_hash_init();
    return cmocka_run_group_tests_name("collector_silence", tests, NULL, NULL);
}
