/* alert_match: the query language over alerts, as routes and as silences ask it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exporters/alerts/match.h"

static struct kt_alert spike(void)
{
    struct kt_alert a = { .id = "01KAQN1000000000000000000A",
                          .severity = KT_SEV_HIGH,
                          .score = 780,
                          .detector = "volume_spike",
                          .title = KT_STR("alice@example.com read 41 secrets in 6 min"),
                          .actor = KT_STR("alice@example.com"),
                          .actor_written = KT_STR("oidc-alice, Alice"),
                          .actor_kind = KT_STR("human"),
                          .ip = KT_STR("203.0.113.7"),
                          .country = KT_STR("FR"),
                          .network = KT_STR("AS3320"),
                          .source = KT_STR("vault"),
                          .instance = KT_STR("vault-prod"),
                          .n_parts = 2,
                          .n_secrets = 2,
                          .secrets_count = 2 };
    a.parts[0].detector = "volume_spike";
    a.parts[1].detector = "unexpected_ip";
    a.secrets[0] = KT_STR("vault://prod/-/secret/prod/db");
    a.secrets[1] = KT_STR("vault://prod/-/secret/test/db");
    return a;
}

static struct kt_query *parse(const char *text)
{
    struct kt_query *q = NULL;
    struct kt_error err = { 0 };
    if (kt_alert_query_parse(kt_str_of(text), &q, &err) != KT_OK)
        fail_msg("%s: %s", text, err.text);
    return q;
}

static bool matches(const char *text, const struct kt_alert *a)
{
    struct kt_query *q = parse(text);
    bool fits = kt_alert_matches(q, a);
    kt_query_free(q);
    return fits;
}

static bool covered(const char *text, const struct kt_alert *a)
{
    struct kt_query *q = parse(text);
    bool fits = kt_alert_covered(q, a);
    kt_query_free(q);
    return fits;
}

static void every_field_answers(void **state)
{
    static const char *const yes[] = {
        "",
        "severity:high",
        "severity:HIGH,critical",
        "-severity:critical",
        "score:>=7 score:<8",
        "detector:volume_spike",
        "detectors:unexpected_ip",
        "actor:ALICE*",
        "actor:oidc-*",
        "actor:alice",
        "actor_kind:human",
        "secret:test/**",
        "-secret:dev/**",
        "ip:203.0.113.0/24",
        "country:fr network:AS3320",
        "source:vault instance:vault-*",
        "\"41 secrets\"",
        "title:*41*",
        "detector:a OR (severity:high secret:prod/**)",
        "id:01kaqn1000000000000000000a",
    };
    static const char *const no[] = {
        "severity:critical", "detector:unexpected_ip",
        "actor:bob",         "ip:10.0.0.0/8",
        "-country:fr",       "code:*",
        "\"42 secrets\"",    "-secret:prod/**",
    };
    (void)state;
    const struct kt_alert a = spike();
    for (size_t i = 0; i < KT_ARRAY_LEN(yes); i++)
        if (!matches(yes[i], &a))
            fail_msg("does not fit: %s", yes[i]);
    for (size_t i = 0; i < KT_ARRAY_LEN(no); i++)
        if (matches(no[i], &a))
            fail_msg("fits: %s", no[i]);
}

static void a_silence_covers_what_all_secrets_fit(void **state)
{
    (void)state;
    struct kt_alert a = spike();
    assert_true(covered("secret:prod/**,test/**", &a));
    assert_false(covered("secret:test/**", &a));
    assert_false(covered("-secret:prod/**", &a));
    assert_false(covered("-(secret:test/**)", &a));
    assert_true(covered("-secret:dev/**", &a));
    a.secrets_count = 9; /* seven are not named: nobody knows what they are */
    assert_false(covered("secret:prod/**,test/**", &a));
    assert_false(covered("-secret:dev/**", &a));
    assert_true(matches("secret:test/**", &a));
    assert_true(covered("actor:alice", &a));
}

static void a_critical_alert_is_covered_by_its_word_only(void **state)
{
    (void)state;
    struct kt_alert a = spike();
    a.severity = KT_SEV_CRITICAL;
    assert_true(covered("severity:critical actor:alice", &a));
    assert_true(covered("(severity:high,critical) actor:alice", &a));
    assert_true(covered("severity:critical actor:bob OR actor:alice severity:critical", &a));
    assert_false(covered("actor:alice", &a));
    assert_false(covered("severity:* actor:alice", &a));
    assert_false(covered("-severity:high actor:alice", &a));
    assert_false(covered("-(-severity:critical) actor:alice", &a));
    assert_false(covered("severity:critical actor:bob OR actor:alice", &a));
    assert_false(covered("", &a));
    assert_true(matches("actor:alice", &a));
}

static void an_alert_of_keytrail_has_a_code(void **state)
{
    (void)state;
    struct kt_alert a = { .detector = "self", .severity = KT_SEV_MEDIUM, .n_parts = 1 };
    a.parts[0] = (struct kt_alert_part){ .detector = "self", .text = KT_STR("delivery.dead") };
    assert_true(matches("detector:self code:delivery.*", &a));
    assert_false(matches("code:disk.*", &a));
    assert_true(matches("-secret:* -ip:*", &a));
}

static void other_fields_are_refused_by_the_nearest_name(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        { "detektor:x", "did you mean 'detector'" },
        { "severity:hi", "high" },
        { "outcome:denied", "there is no field 'outcome'" },
        { "since:7d", "there is no field 'since'" },
        { "actor:", "needs a value" },
        { "(actor:a", "not closed" },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        struct kt_query *q = NULL;
        struct kt_error err = { 0 };
        assert_int_equal(kt_alert_query_parse(kt_str_of(cases[i].text), &q, &err), KT_E_INPUT);
        if (!kt_str_has(kt_str_of(err.text), kt_str_of(cases[i].says)))
            fail_msg("%s: %s", cases[i].text, err.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_answers),
        cmocka_unit_test(a_silence_covers_what_all_secrets_fit),
        cmocka_unit_test(a_critical_alert_is_covered_by_its_word_only),
        cmocka_unit_test(an_alert_of_keytrail_has_a_code),
        cmocka_unit_test(other_fields_are_refused_by_the_nearest_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
