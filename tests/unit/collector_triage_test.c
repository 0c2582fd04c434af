/* collector_triage: what people do about alerts, and what targets hear of it; with restarts
 * between. */
#include "core/base/hash.h"
#include "core/event/decision.h"
#include "tests/support/triaged.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
/* after the others */
#include <cmocka.h>

static void refused(struct triaged *w, struct kt_step s, const char *says)
{
    struct kt_triage_done done;
    struct kt_error err = { 0 };
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    assert_int_equal(kt_triage_step(w->triage, &s, w->now, &done, &err), KT_E_INPUT);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
    if (!kt_str_has(kt_str_of(err.text), kt_str_of(says)))
        fail_msg("%s", err.text);
}

static void the_whole_life_reaches_who_was_told_in_order(void **state)
{
    struct triaged *w = *state;
    struct kt_alert a = triaged_alert(TRIAGED_A, KT_SEV_MEDIUM);
    triaged_raise(w, &a);
    assert_true(
        triaged_take(w, triaged_step(KT_STEP_ACK, "3nj1rz8vz2g4k0yq5t7w9xabcd", "alice")).changed);
    triaged_raise(w, &a); /* more of the same: somebody has it */
    a.severity = KT_SEV_HIGH;
    triaged_raise(w, &a);
    triaged_told(w, "trigger acknowledge trigger");
    assert_true(kt_str_has(kt_buf_str(&w->json), KT_STR("\"reopened_by\":\"keytrail\"")));
    assert_true(kt_str_has(kt_buf_str(&w->json), KT_STR("medium when acknowledged by alice")));
    triaged_restart(w);
    const struct kt_life *l = kt_triage_life(w->triage, TRIAGED_A);
    assert_non_null(l);
    assert_int_equal(l->status, KT_LIFE_OPEN);
    assert_int_equal(l->reopens, 1);
    assert_true(triaged_take(w, triaged_step(KT_STEP_ASSIGN, TRIAGED_A, "alice")).changed);
    assert_true(triaged_take(w, triaged_step(KT_STEP_NOTE, TRIAGED_A, "bob")).changed);
    struct kt_step end = triaged_step(KT_STEP_CLOSE, TRIAGED_A, "bob");
    end.verdict = KT_FOUND_FALSE;
    assert_true(triaged_take(w, end).changed);
    triaged_told(w, "trigger acknowledge trigger update update resolve");
    assert_true(kt_str_has(kt_buf_str(&w->json), KT_STR("\"verdict\":\"false\"")));
    triaged_restart(w);
    l = kt_triage_life(w->triage, TRIAGED_A);
    assert_int_equal(l->status, KT_LIFE_CLOSED);
    assert_string_equal(l->closed.by, "bob");
    assert_string_equal(l->assigned.text, "bob");
    assert_string_equal(l->closed.severity, "high");
    triaged_raise(w, &a); /* as grave as it was when it was closed */
    triaged_told(w, "trigger acknowledge trigger update update resolve");
    a.severity = KT_SEV_CRITICAL;
    triaged_raise(w, &a);
    triaged_told(w, "trigger acknowledge trigger update update resolve trigger");
}

static void the_same_again_writes_nothing_and_says_who(void **state)
{
    struct triaged *w = *state;
    struct kt_alert a = triaged_alert(TRIAGED_A, KT_SEV_HIGH);
    triaged_raise(w, &a);
    (void)triaged_take(w, triaged_step(KT_STEP_ACK, TRIAGED_A, "alice"));
    (void)triaged_take(w, triaged_step(KT_STEP_ASSIGN, TRIAGED_A, "alice"));
    unsigned before = w->records;
    struct kt_triage_done done = triaged_take(w, triaged_step(KT_STEP_ACK, TRIAGED_A, "carol"));
    assert_false(done.changed);
    assert_string_equal(done.life->acked.by, "alice");
    assert_false(triaged_take(w, triaged_step(KT_STEP_ASSIGN, TRIAGED_A, "carol")).changed);
    struct kt_step end = triaged_step(KT_STEP_CLOSE, TRIAGED_A, "bob");
    assert_true(triaged_take(w, end).changed);
    assert_false(triaged_take(w, end).changed);
    assert_false(triaged_take(w, triaged_step(KT_STEP_ACK, TRIAGED_A, "carol")).changed);
    end.verdict = KT_FOUND_EXPECTED; /* another verdict corrects the first */
    assert_true(triaged_take(w, end).changed);
    assert_int_equal(w->records, before + 2);
    triaged_told(w, "trigger acknowledge update resolve resolve");
    refused(w, triaged_step(KT_STEP_ASSIGN, TRIAGED_A, "bob"), "is closed: reopen it first");
    assert_true(triaged_take(w, triaged_step(KT_STEP_REOPEN, TRIAGED_A, "bob")).changed);
    assert_false(triaged_take(w, triaged_step(KT_STEP_REOPEN, TRIAGED_A, "bob")).changed);
    triaged_told(w, "trigger acknowledge update resolve resolve trigger");
}

static void alerts_are_found_by_the_start_of_their_id(void **state)
{
    struct triaged *w = *state;
    struct kt_alert a = triaged_alert(TRIAGED_A, KT_SEV_HIGH),
                    b = triaged_alert(TRIAGED_B, KT_SEV_HIGH),
                    c = triaged_alert(TRIAGED_C, KT_SEV_HIGH);
    triaged_raise(w, &a);
    triaged_raise(w, &b);
    triaged_raise(w, &c);
    assert_string_equal(triaged_take(w, triaged_step(KT_STEP_ACK, "7nj1", "alice")).alert,
                        TRIAGED_C);
    refused(w, triaged_step(KT_STEP_ACK, "3NJ1RZ", "alice"),
            "more than one alert begins with '3NJ1RZ'");
    refused(w, triaged_step(KT_STEP_ACK, "3NJ", "alice"), "at least 4");
    refused(w, triaged_step(KT_STEP_ACK, "9999", "alice"), "there is no alert '9999'");
    refused(w, triaged_step(KT_STEP_ACK, "%%%%", "alice"), "there is no alert '%%%%'");
}

static bool has_ended(struct triaged *w, const char *id)
{
    bool ended = false;
    assert_int_equal(kt_triage_ended(w->triage, id, &ended, NULL), KT_OK);
    return ended;
}

static void a_note_on_what_has_ended_opens_nothing(void **state)
{
    struct triaged *w = *state;
    struct kt_alert a = triaged_alert(TRIAGED_A, KT_SEV_HIGH),
                    b = triaged_alert(TRIAGED_B, KT_SEV_HIGH);
    triaged_raise(w, &a);
    (void)triaged_take(w, triaged_step(KT_STEP_CLOSE, TRIAGED_A, "alice"));
    (void)triaged_take(w, triaged_step(KT_STEP_NOTE, TRIAGED_A, "bob"));
    triaged_told(w, "trigger resolve remark");
    (void)triaged_take(w, triaged_step(KT_STEP_REOPEN, TRIAGED_A, "bob"));
    (void)triaged_take(w, triaged_step(KT_STEP_NOTE, TRIAGED_A, "bob"));
    triaged_told(w, "trigger resolve remark trigger update");
    triaged_raise(w, &b);
    b.state = "closed";
    b.merged_into = KT_STR(TRIAGED_A);
    triaged_raise(w, &b);
    (void)triaged_take(w, triaged_step(KT_STEP_NOTE, TRIAGED_B, "bob"));
    triaged_told(w, "trigger resolve remark trigger update trigger resolve remark");
    assert_false(has_ended(w, TRIAGED_A));
    assert_true(has_ended(w, TRIAGED_B));
    assert_false(has_ended(w, TRIAGED_C)); /* there is none */
    (void)triaged_take(w, triaged_step(KT_STEP_CLOSE, TRIAGED_A, "bob"));
    assert_true(has_ended(w, TRIAGED_A));
}

static void what_was_merged_is_acted_on_where_it_went(void **state)
{
    struct triaged *w = *state;
    struct kt_alert a = triaged_alert(TRIAGED_A, KT_SEV_HIGH);
    triaged_raise(w, &a);
    a.state = "closed";
    a.merged_into = KT_STR(TRIAGED_B);
    triaged_raise(w, &a);
    triaged_told(w, "trigger resolve");
    refused(w, triaged_step(KT_STEP_ACK, TRIAGED_A, "alice"), "is part of " TRIAGED_B);
    assert_true(triaged_take(w, triaged_step(KT_STEP_NOTE, TRIAGED_A, "alice")).changed);
}

/* A row to another target than the configured one, as the pager writes it. */
static void called_with(struct triaged *w, const char *target, const char *action,
                        const char *state, struct kt_str json)
{
    struct kt_outbox_row row = { .created = w->now,
                                 .next_try = w->now,
                                 .sent_at = strcmp(state, "sent") == 0 ? w->now : 0 };
    kt_str_copyz(row.alert, sizeof row.alert, kt_str_of(TRIAGED_A));
    kt_str_copyz(row.target, sizeof row.target, kt_str_of(target));
    kt_str_copyz(row.action, sizeof row.action, kt_str_of(action));
    kt_str_copyz(row.state, sizeof row.state, kt_str_of(state));
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    assert_int_equal(kt_store_outbox_add(w->store, &row, json, NULL), KT_OK);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
}

static void called(struct triaged *w, const char *target, const char *action, const char *state)
{
    called_with(w, target, action, state, KT_STR("{}"));
}

static void who_was_called_by_any_word_hears_what_follows(void **state)
{
    struct triaged *w = *state;
    struct kt_alert a = triaged_alert(TRIAGED_A, KT_SEV_HIGH);
    struct kt_triage_told told_of;
    triaged_raise(w, &a);
    called(w, "boss", "escalate:1", "sent");
    called(w, "chat", "trigger", "dead");
    called(w, "chat", "repeat:1", "sent");
    called(w, "night", "trigger", "held");
    called(w, "gone", "trigger", "dead");
    assert_int_equal(kt_triage_told(w->triage, TRIAGED_A, &told_of, NULL), KT_OK);
    assert_int_equal(told_of.targets, 3); /* one, boss, chat */
    (void)triaged_take(w, triaged_step(KT_STEP_ACK, TRIAGED_A, "alice"));
    triaged_told(w, "trigger acknowledge acknowledge acknowledge");
}

/* Names that begin so. */
static bool is_named(void *self, const char *target)
{
    return strncmp(target, self, strlen(self)) == 0;
}

static enum kt_status answered(struct triaged *w, const char *target, kt_time_ns at)
{
    struct kt_error err = { 0 };
    return kt_triage_answered(w->triage, TRIAGED_A, at, is_named, (void *)(uintptr_t)target, &err);
}

static void nobody_answers_for_what_he_did_not_see(void **state)
{
    struct triaged *w = *state;
    KT_CLEANUP(kt_buf_done) struct kt_buf json = { 0 };
    struct kt_alert a = triaged_alert(TRIAGED_A, KT_SEV_MEDIUM);
    triaged_raise(w, &a);
    assert_int_equal(answered(w, "duty", w->now), KT_OK); /* nothing is known of what it got */
    kt_alert_write(&a, &json);
    called_with(w, "duty", "escalate:1", "sent", kt_buf_str(&json));
    kt_time_ns medium = w->now;
    assert_int_equal(answered(w, "duty", medium + KT_NS_S), KT_OK);
    a.severity = KT_SEV_HIGH;
    w->now += KT_NS_MIN;
    triaged_raise(w, &a);
    kt_buf_reset(&json);
    kt_alert_write(&a, &json);
    called_with(w, "duty", "update:1", "sent", kt_buf_str(&json));
    assert_int_equal(answered(w, "duty", medium + KT_NS_S), KT_E_INPUT);
    assert_int_equal(answered(w, "duty", medium - KT_NS_S), KT_E_INPUT); /* a clock behind ours */
    assert_int_equal(answered(w, "duty", w->now), KT_OK);
    (void)triaged_take(w, triaged_step(KT_STEP_ACK, TRIAGED_A, "alice"));
    (void)triaged_take(w, triaged_step(KT_STEP_REOPEN, TRIAGED_A, "alice"));
    assert_int_equal(answered(w, "duty", w->now - KT_NS_S), KT_E_INPUT);
    assert_int_equal(answered(w, "duty", w->now + KT_NS_S), KT_OK);
}

static void who_was_told_nothing_answers_for_what_it_always_was(void **state)
{
    struct triaged *w = *state;
    KT_CLEANUP(kt_buf_done) struct kt_buf json = { 0 };
    struct kt_alert a = triaged_alert(TRIAGED_A, KT_SEV_MEDIUM);
    assert_int_equal(answered(w, "duty", w->now), KT_E_INPUT); /* there is no such alert */
    triaged_raise(w, &a);
    kt_alert_write(&a, &json);
    called_with(w, "duty-old", "trigger", "sent", kt_buf_str(&json));
    kt_time_ns medium = w->now;
    assert_int_equal(answered(w, "none", medium), KT_OK);
    a.severity = KT_SEV_HIGH;
    w->now += 10 * KT_NS_MIN;
    triaged_raise(w, &a);
    assert_int_equal(answered(w, "none", w->now), KT_E_INPUT); /* it was less grave once */
    kt_buf_reset(&json);
    kt_alert_write(&a, &json);
    called_with(w, "duty-new", "trigger", "sent", kt_buf_str(&json));
    assert_int_equal(answered(w, "duty-new", w->now), KT_OK);
    assert_int_equal(answered(w, "duty-new", w->now - KT_NS_MIN),
                     KT_OK);                                       /* their clock is behind */
    assert_int_equal(answered(w, "duty-new", medium), KT_E_INPUT); /* it was sent after that */
    assert_int_equal(answered(w, "duty-new", w->now - KT_NS_MIN - 1), KT_E_INPUT);
    assert_int_equal(answered(w, "duty", medium), KT_E_INPUT); /* under the name it had then */
    assert_int_equal(answered(w, "duty", w->now), KT_E_INPUT); /* which of both, nobody knows */
}

static enum kt_status saw(struct triaged *w, const char *severity, int64_t reopened,
                          struct kt_error *err)
{
    struct kt_triage_saw s = { .reopened = reopened };
    kt_str_copyz(s.severity, sizeof s.severity, kt_str_of(severity));
    return kt_triage_saw(w->triage, TRIAGED_A, &s, err);
}

static void an_answer_counts_for_what_its_message_told(void **state)
{
    struct triaged *w = *state;
    struct kt_error err = { 0 };
    struct kt_alert a = triaged_alert(TRIAGED_A, KT_SEV_MEDIUM);
    assert_int_equal(saw(w, "high", 0, &err), KT_E_INPUT); /* there is no such alert */
    triaged_raise(w, &a);
    assert_int_equal(saw(w, "medium", 0, &err), KT_OK);
    assert_int_equal(saw(w, "critical", 0, &err), KT_OK); /* it calmed down since */
    assert_int_equal(saw(w, "low", 0, &err), KT_E_INPUT);
    assert_int_equal(saw(w, "dire", 0, &err), KT_E_INPUT); /* no word of ours */
    a.severity = KT_SEV_HIGH;
    triaged_raise(w, &a);
    assert_int_equal(saw(w, "medium", 0, &err), KT_E_INPUT);
    assert_non_null(strstr(err.text, "it was medium then and is high now"));
    (void)triaged_take(w, triaged_step(KT_STEP_ACK, TRIAGED_A, "alice"));
    assert_int_equal(saw(w, "high", 0, &err), KT_OK); /* that it was said before is no fault */
    (void)triaged_take(w, triaged_step(KT_STEP_REOPEN, TRIAGED_A, "alice"));
    for (unsigned life = 0; life < 2; life++) {
        assert_int_equal(saw(w, "high", 0, &err), KT_E_INPUT);
        assert_non_null(strstr(err.text, "was opened again after that message"));
        assert_int_equal(saw(w, "high", 1, &err), KT_OK);
        triaged_restart(w);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, triaged_open, triaged_close)
    const struct CMUnitTest tests[] = {
        T(the_whole_life_reaches_who_was_told_in_order),
        T(the_same_again_writes_nothing_and_says_who),
        T(alerts_are_found_by_the_start_of_their_id),
        T(a_note_on_what_has_ended_opens_nothing),
        T(what_was_merged_is_acted_on_where_it_went),
        T(who_was_called_by_any_word_hears_what_follows),
        T(nobody_answers_for_what_he_did_not_see),
        T(who_was_told_nothing_answers_for_what_it_always_was),
        T(an_answer_counts_for_what_its_message_told),
    };
    kt_hash_init();
    return cmocka_run_group_tests_name("collector_triage", tests, NULL, NULL);
}
