/* decision: what a verdict or an expectation must have, may have, and may not. */
#include "core/event/decision.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define WINDOW ",\"from\":1795377600000000000,\"until\":1795464000000000000"

static struct kt_json *json;

static enum kt_status read(enum kt_decision_what what, const char *text, struct kt_decision *d,
                           struct kt_error *err)
{
    struct kt_jval root;
    unsigned repaired;
    assert_int_equal(kt_json_parse(json, kt_str_of(text), &root, &repaired, err), KT_OK);
    return kt_decision_read(what, root, d, err);
}

static void what_is_read_is_written_again(void **state)
{
    (void)state;
    static const struct {
        enum kt_decision_what what;
        const char *text, *said;
    } rows[] = {
        { KT_DECIDE_EXPECT,
          "{\"id\":\"expect-1\",\"reason\":\"rotate prod "
          "db\",\"by\":\"alice\",\"ticket\":\"CHG-1\","
          "\"actor\":\"alice@*\",\"secret\":\"db/**\",\"source\":\"vault-prod\",\"address\":"
          "\"198.51.100.0/24\"" WINDOW "}",
          "expected: rotate prod db (CHG-1), by alice, until 2026-11-23 20:00 UTC" },
        { KT_DECIDE_EXPECT,
          "{\"reason\":\"release\",\"by\":\"bob\",\"actor\":\"svc-*\",\"deploy\":true" WINDOW "}",
          "expected: release, by bob, until 2026-11-23 20:00 UTC" },
        { KT_DECIDE_BREAK_GLASS,
          "{\"id\":\"glass-1\",\"by\":\"bob\",\"ticket\":\"INC-42\",\"actor\":\"ana\"" WINDOW "}",
          "break-glass: INC-42, by bob, until 2026-11-23 20:00 UTC" },
        { KT_DECIDE_EXPECT_RM, "{\"id\":\"expect-1\",\"by\":\"bob\"}", NULL },
        { KT_DECIDE_VERDICT,
          "{\"id\":\"0H5QE500CXYRS9YJE2H9CEVVM3\",\"reason\":\"told \\\"ana\\\"\",\"by\":\"bob\","
          "\"verdict\":\"expected\"}",
          NULL },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(rows); i++) {
        struct kt_decision d;
        struct kt_error err = { 0 };
        KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 }, said = { 0 };
        if (read(rows[i].what, rows[i].text, &d, &err) != KT_OK)
            fail_msg("row %zu: %s", i, err.text);
        kt_decision_write(&d, &out);
        assert_string_equal(kt_buf_z(&out), rows[i].text);
        if (rows[i].said == NULL)
            continue;
        kt_decision_say(&d, &said);
        assert_string_equal(kt_buf_z(&said), rows[i].said);
    }
}

static void what_would_hide_too_much_is_refused(void **state)
{
    (void)state;
#define WHO "\"reason\":\"r\",\"by\":\"b\""
    static const struct {
        enum kt_decision_what what;
        const char *text, *why;
    } rows[] = {
        { KT_DECIDE_EXPECT, "{" WHO WINDOW "}", "name an actor, a secret or a source" },
        { KT_DECIDE_EXPECT, "{" WHO ",\"actor\":\"**\",\"secret\":\"*\"" WINDOW "}",
          "name an actor, a secret or a source" },
        { KT_DECIDE_EXPECT, "{\"by\":\"b\",\"actor\":\"a\"" WINDOW "}", "'reason' is missing" },
        { KT_DECIDE_EXPECT, "{\"reason\":\"r\",\"actor\":\"a\"" WINDOW "}", "'by' is missing" },
        { KT_DECIDE_EXPECT, "{" WHO ",\"actor\":\"a\"}", "'from' and 'until' are missing" },
        { KT_DECIDE_EXPECT, "{" WHO ",\"actor\":\"a\",\"from\":20,\"until\":10}",
          "'until' does not lie after 'from'" },
        { KT_DECIDE_EXPECT,
          "{" WHO ",\"actor\":\"a\",\"from\":1795377600000000000,\"until\":1797969600000000001}",
          "30 days at most" },
        { KT_DECIDE_EXPECT,
          "{" WHO ",\"actor\":\"a\",\"deploy\":true,\"from\":1795377600000000000,"
          "\"until\":1795982400000000001}",
          "7 days at most" },
        { KT_DECIDE_EXPECT, "{" WHO ",\"secret\":\"s\",\"signature\":\"root\"" WINDOW "}",
          "Name the actor" },
        { KT_DECIDE_EXPECT, "{" WHO ",\"actor\":\"a\",\"address\":\"0.0.0.0/0\"" WINDOW "}",
          "too wide" },
        { KT_DECIDE_EXPECT, "{" WHO ",\"actor\":\"a\",\"address\":\"::/0\"" WINDOW "}",
          "too wide" },
        { KT_DECIDE_EXPECT, "{" WHO ",\"actor\":\"a\",\"address\":\"office\"" WINDOW "}",
          "'address'" },
        { KT_DECIDE_EXPECT,
          "{" WHO ",\"actor\":\"a\",\"deploy\":true,\"address\":\"198.51.100.7\"" WINDOW "}",
          "a window of deploys" },
        { KT_DECIDE_BREAK_GLASS, "{\"by\":\"b\",\"ticket\":\"t\",\"actor\":\"*\"" WINDOW "}",
          "name the actor" },
        { KT_DECIDE_BREAK_GLASS, "{\"by\":\"b\",\"actor\":\"a\"" WINDOW "}",
          "'ticket' is missing" },
        { KT_DECIDE_VERDICT, "{\"id\":\"x\",\"by\":\"b\",\"verdict\":\"maybe\"}",
          "true, false or expected" },
        { KT_DECIDE_VERDICT, "{\"id\":\"x\",\"by\":\"b\",\"verdict\":\"true\",\"actor\":\"a\"}",
          "'actor' has no meaning here" },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(rows); i++) {
        struct kt_decision d;
        struct kt_error err = { 0 };
        assert_int_equal(read(rows[i].what, rows[i].text, &d, &err), KT_E_INPUT);
        if (strstr(err.text, rows[i].why) == NULL)
            fail_msg("row %zu: %s", i, err.text);
    }
}

/* What records may hold, and nobody may ask for any more. */
static void what_names_nearly_everybody_is_refused(void **state)
{
    (void)state;
    static const struct {
        enum kt_decision_what what;
        const char *members;
        bool may;
    } rows[] = {
        { KT_DECIDE_EXPECT, "\"actor\":\"*@*\"", false },
        { KT_DECIDE_EXPECT, "\"actor\":\"*a*\",\"secret\":\"**/*\"", false },
        { KT_DECIDE_EXPECT, "\"actor\":\"*@*\",\"secret\":\"db/prod/*\"", true },
        { KT_DECIDE_EXPECT, "\"actor\":\"me\"", true },
        { KT_DECIDE_EXPECT, "\"actor\":\"svc-*\",\"deploy\":true", true },
        { KT_DECIDE_EXPECT, "\"actor\":\"*\",\"source\":\"*.*\",\"deploy\":true", false },
        { KT_DECIDE_EXPECT, "\"actor\":\"*@acme.example\",\"signature\":\"canary\"", false },
        { KT_DECIDE_EXPECT, "\"actor\":\"ana\",\"signature\":\"canary\"", true },
        { KT_DECIDE_EXPECT, "\"actor\":\"ana\",\"address\":\"64.0.0.0/8\"", false },
        { KT_DECIDE_EXPECT, "\"actor\":\"ana\",\"address\":\"64.1.0.0/16\"", true },
        { KT_DECIDE_EXPECT, "\"actor\":\"ana\",\"address\":\"2a00::/24\"", false },
        { KT_DECIDE_EXPECT, "\"actor\":\"ana\",\"address\":\"2a00::/32\"", true },
        { KT_DECIDE_BREAK_GLASS, "\"ticket\":\"t\",\"actor\":\"*@acme.example\"", false },
        { KT_DECIDE_BREAK_GLASS, "\"ticket\":\"t\",\"actor\":\"ana\"", true },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(rows); i++) {
        struct kt_decision d;
        struct kt_error err = { 0 };
        char text[400];
        (void)snprintf(text, sizeof text, "{" WHO ",%s" WINDOW "}", rows[i].members);
        assert_int_equal(read(rows[i].what, text, &d, &err), KT_OK);
        if ((kt_decision_check(&d, &err) == KT_OK) != rows[i].may)
            fail_msg("row %zu: %s", i, err.text);
    }
}

static void long_texts_are_refused_not_cut(void **state)
{
    (void)state;
    char text[700], name[300];
    struct kt_decision d;
    struct kt_error err = { 0 };
    memset(name, 'a', sizeof name - 1);
    name[128] = '\0';
    (void)snprintf(text, sizeof text, "{" WHO ",\"actor\":\"%s\"" WINDOW "}", name);
    assert_int_equal(read(KT_DECIDE_EXPECT, text, &d, &err), KT_E_INPUT);
    assert_non_null(strstr(err.text, "'actor' has 128 bytes; at most 127 are kept"));
    name[127] = '\0';
    (void)snprintf(text, sizeof text, "{" WHO ",\"actor\":\"%s\"" WINDOW "}", name);
    assert_int_equal(read(KT_DECIDE_EXPECT, text, &d, &err), KT_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_is_written_again),
        cmocka_unit_test(what_would_hide_too_much_is_refused),
        cmocka_unit_test(what_names_nearly_everybody_is_refused),
        cmocka_unit_test(long_texts_are_refused_not_cut),
    };
    json = kt_json_new(KT_JSON_SIMDJSON);
    int failed = cmocka_run_group_tests_name("decision", tests, NULL, NULL);
    kt_json_free(json);
    return failed;
}
