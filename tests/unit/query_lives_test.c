/* query_lives: steps as they are read, written and said; the fold that makes a life of them; the
 * life in an alert's document. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/event/decision.h"
#include "exporters/alerts/alert.h"

#define ID "3NJ1RZ8VZ2G4K0YQ5T7W9XABCD"

static bool read_step(enum kt_step_what what, const char *text, struct kt_step *ret,
                      struct kt_error *err)
{
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    struct kt_jval root;
    unsigned repaired;
    bool ok = kt_json_parse(json, kt_str_of(text), &root, &repaired, err) == KT_OK &&
              kt_step_read(what, root, ret, err) == KT_OK;
    kt_json_free(json);
    return ok;
}

static void steps_come_back_as_they_were_written(void **state)
{
    static const struct {
        enum kt_step_what what;
        const char *raw, *said;
    } cases[] = {
        { KT_STEP_ACK,
          "{\"id\":\"" ID "\",\"by\":\"alice\",\"where\":\"cli on ops-1\",\"severity\":\"high\"}",
          "acknowledged by alice (cli on ops-1)" },
        { KT_STEP_ASSIGN, "{\"id\":\"" ID "\",\"to\":\"bob\",\"by\":\"alice\"}",
          "assigned to bob by alice" },
        { KT_STEP_CLOSE,
          "{\"id\":\"" ID "\",\"reason\":\"a \\\"drill\\\"\",\"by\":\"bob\",\"verdict\":\"false\"}",
          "closed as false by bob: a \"drill\"" },
        { KT_STEP_REOPEN, "{\"id\":\"" ID "\",\"reason\":\"again\",\"by\":\"bob\"}",
          "reopened by bob: again" },
        { KT_STEP_NOTE, "{\"id\":\"" ID "\",\"reason\":\"asked\",\"by\":\"bob\"}",
          "note by bob: asked" },
    };
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        struct kt_step s;
        struct kt_error err = { 0 };
        struct kt_buf raw = { 0 }, said = { 0 };
        if (!read_step(cases[i].what, cases[i].raw, &s, &err))
            fail_msg("%s: %s", cases[i].raw, err.text);
        kt_step_write(&s, &raw);
        kt_step_say(&s, &said);
        assert_string_equal(kt_buf_z(&raw), cases[i].raw);
        assert_string_equal(kt_buf_z(&said), cases[i].said);
        assert_int_equal(kt_step_of(kt_str_of(kt_step_word(cases[i].what))), cases[i].what);
        kt_buf_done(&raw);
        kt_buf_done(&said);
    }
    assert_int_equal(kt_step_of(KT_STR("expect")), -1);
}

static void what_is_missing_or_has_no_meaning_is_said(void **state)
{
    static const struct {
        enum kt_step_what what;
        const char *raw, *says;
    } cases[] = {
        { KT_STEP_ACK, "{}", "'by' is missing" },
        { KT_STEP_ACK, "{\"by\":\"a\",\"to\":\"b\"}", "'to' has no meaning here" },
        { KT_STEP_ASSIGN, "{\"by\":\"a\"}", "'to' is missing" },
        { KT_STEP_NOTE, "{\"by\":\"a\",\"reason\":\"  \"}", "'reason' is missing" },
        { KT_STEP_REOPEN, "{\"by\":\"a\"}", "'reason' is missing" },
        { KT_STEP_CLOSE, "{\"by\":\"a\"}", "true, false or expected" },
        { KT_STEP_CLOSE, "{\"by\":\"a\",\"verdict\":\"maybe\"}", "true, false or expected" },
        { KT_STEP_NOTE, "{\"by\":\"a\",\"reason\":\"x\",\"severity\":\"high\"}", "no meaning" },
        { KT_STEP_ACK, "{\"by\":\"a\",\"id\":\"" ID "X\"}", "at most 26" },
    };
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        struct kt_step s;
        struct kt_error err = { 0 };
        assert_false(read_step(cases[i].what, cases[i].raw, &s, &err));
        if (!kt_str_has(kt_str_of(err.text), kt_str_of(cases[i].says)))
            fail_msg("%s: %s", cases[i].raw, err.text);
    }
}

/* What detection keeps of a verdict's reason is shorter than a note. */
static void reasons_have_their_bounds(void **state)
{
    char text[1200];
    struct kt_step s;
    (void)state;
    for (size_t n = 198; n <= 200; n++) {
        (void)snprintf(text, sizeof text, "{\"by\":\"a\",\"verdict\":\"true\",\"reason\":\"%0*d\"}",
                       (int)n, 1);
        assert_int_equal(read_step(KT_STEP_CLOSE, text, &s, NULL), n < 200);
    }
    for (size_t n = 998; n <= 1000; n++) {
        (void)snprintf(text, sizeof text, "{\"by\":\"a\",\"reason\":\"%0*d\"}", (int)n, 1);
        assert_int_equal(read_step(KT_STEP_NOTE, text, &s, NULL), n < 1000);
    }
}

static bool take(struct kt_life *l, enum kt_step_what what, const char *by, int verdict)
{
    struct kt_step s = { .what = what, .verdict = verdict, .at = (kt_time_ns)l->steps + 1 };
    kt_str_copyz(s.by, sizeof s.by, kt_str_of(by));
    kt_str_copyz(s.to, sizeof s.to, KT_STR("bob"));
    kt_str_copyz(s.reason, sizeof s.reason,
                 what == KT_STEP_ASSIGN ? KT_STR_NONE : kt_str_of(kt_step_word(what)));
    return kt_life_take(l, &s);
}

static void only_what_changes_something_is_a_step(void **state)
{
    (void)state;
    struct kt_life l = { 0 };
    assert_false(take(&l, KT_STEP_REOPEN, "x", 0));
    assert_true(take(&l, KT_STEP_ACK, "alice", 0));
    assert_false(take(&l, KT_STEP_ACK, "carol", 0));
    assert_string_equal(l.acked.by, "alice");
    assert_true(take(&l, KT_STEP_ASSIGN, "alice", 0));
    assert_false(take(&l, KT_STEP_ASSIGN, "carol", 0));
    assert_true(take(&l, KT_STEP_NOTE, "bob", 0));
    assert_true(take(&l, KT_STEP_NOTE, "bob", 0));
    assert_true(take(&l, KT_STEP_CLOSE, "bob", KT_FOUND_TRUE));
    assert_false(take(&l, KT_STEP_CLOSE, "carol", KT_FOUND_TRUE));
    assert_true(take(&l, KT_STEP_CLOSE, "carol", KT_FOUND_FALSE));
    assert_false(take(&l, KT_STEP_ACK, "carol", 0));
    assert_int_equal(l.status, KT_LIFE_CLOSED);
    assert_int_equal(l.closed.verdict, KT_FOUND_FALSE);
    assert_string_equal(l.said.text, "verdict");
    assert_true(take(&l, KT_STEP_REOPEN, "bob", 0));
    assert_int_equal(l.status, KT_LIFE_OPEN);
    assert_true(l.acked.at == 0 && l.closed.at == 0 && l.assigned.at != 0);
    assert_int_equal(l.steps, 7);
    assert_int_equal(l.notes, 2);
    assert_int_equal(l.reopens, 1);
    kt_life_done(&l);
}

static void an_alert_carries_its_life_and_is_the_same_without_one(void **state)
{
    (void)state;
    struct kt_alert a = { .id = ID, .detector = "volume_spike", .state = "open" }, back;
    struct kt_arena arena = kt_arena_new(1u << 16);
    struct kt_buf plain = { 0 }, with = { 0 }, again = { 0 };
    struct kt_life l = { 0 };
    kt_alert_write(&a, &plain);
    assert_false(kt_str_has(kt_buf_str(&plain), KT_STR("life")));
    assert_true(take(&l, KT_STEP_ACK, "alice \"x\"", 0));
    assert_true(take(&l, KT_STEP_ASSIGN, "alice", 0));
    kt_alert_life_of(&l, &a.life);
    kt_alert_write(&a, &with);
    assert_int_equal(kt_alert_read(kt_buf_str(&with), &arena, &back, NULL), KT_OK);
    kt_alert_write(&back, &again);
    assert_string_equal(kt_buf_z(&again), kt_buf_z(&with));
    struct kt_str said = kt_alert_life_say(&back.life, &arena);
    assert_true(kt_str_starts(said, KT_STR("acknowledged by alice \"x\" 1970-01-01 00:00 UTC")));
    assert_true(kt_str_ends(said, KT_STR("; assigned to bob")));
    kt_life_done(&l);
    kt_buf_done(&plain);
    kt_buf_done(&with);
    kt_buf_done(&again);
    kt_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_come_back_as_they_were_written),
        cmocka_unit_test(what_is_missing_or_has_no_meaning_is_said),
        cmocka_unit_test(reasons_have_their_bounds),
        cmocka_unit_test(only_what_changes_something_is_a_step),
        cmocka_unit_test(an_alert_carries_its_life_and_is_the_same_without_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
