/* query: the language of `search`, by tables of queries that fit, do not fit, and are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <stdio.h>

#include "core/base/enc.h"
#include "core/query/query.h"

#define T0 (INT64_C(1795377600) * KT_NS_S) /* 2026-11-22T20:00:00Z */

static const char line[] = "{\"v\":1,\"kind\":\"access\",\"user_agent\":\"curl/7.88 \\\"q\\\"\"}";

static struct kt_record record(void)
{
    struct kt_record r = {
        .seq = 1000,
        .arrival = T0 + 2 * KT_NS_S,
        .stored = T0 + 3 * KT_NS_S,
        .agent = KT_STR("agent-a"),
        .line = { line, sizeof line - 1 },
        .ev = { .kind = KT_KIND_ACCESS,
                .action = KT_ACT_READ,
                .outcome = KT_OUT_DENIED,
                .actor_kind = KT_ACTOR_HUMAN,
                .ip_trust = KT_TRUST_EDGE,
                .flags = KT_FLAG(REPAIRED) | KT_FLAG(BULK),
                .count = 7,
                .mfa = 1,
                .time = T0,
                .source = KT_STR("vault"),
                .instance = KT_STR("vault-prod"),
                .native_id = KT_STR("req-1"),
                .actor = KT_STR("Alice@Example.com"),
                .secret = KT_STR("vault://prod/-/secret/team/prod/db/main"),
                .user_agent = KT_STR("curl/7.88 \"q\""),
                .reason = KT_STR("CHG-1, urgent") },
    };
    r.ev.has_ip = kt_ip_parse(KT_STR("203.0.113.7"), &r.ev.ip);
    r.ev.groups.at[0] = KT_STR("default");
    r.ev.groups.at[1] = KT_STR("team-a-read");
    r.ev.groups.n = 2;
    return r;
}

static const struct kt_fact fact = {
    .country = KT_STR_INIT("DE"), .org = KT_STR_INIT("Example Net"), .asn = 3320, .hosting = true
};

static bool matches(const char *text)
{
    struct kt_query *q = NULL;
    struct kt_error err = { 0 };
    const struct kt_record r = record();
    if (kt_query_parse_at(kt_str_of(text), T0 + KT_NS_HOUR, 0, &q, &err) != KT_OK)
        fail_msg("%s: %s", text, err.text);
    bool yes = kt_query_matches(q, &r, &fact);
    kt_query_free(q);
    return yes;
}

static void a_long_actor_is_found_by_its_name(void **state)
{
    (void)state;
    char name[1101], text[1200];
    struct kt_query *q = NULL;
    struct kt_error err = { 0 };
    struct kt_record r = record();
    memset(name, 'x', sizeof name - 1);
    name[0] = 'A'; /* letters are folded to be compared */
    name[sizeof name - 1] = '\0';
    r.ev.actor = kt_str_of(name);
    (void)snprintf(text, sizeof text, "actor:%s", name);
    assert_int_equal(kt_query_parse(kt_str_of(text), &q, &err), KT_OK);
    assert_true(kt_query_matches(q, &r, NULL));
    kt_query_free(q);
}

static void queries_that_fit(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "  ",
        "actor:alice@example.com",
        "actor:ALICE*",
        "actor:bob,alice@example.com",
        "-actor:bob",
        "actor:*",
        "secret:vault://prod/-/secret/team/prod/db/main",
        "secret:vault://prod/**",
        "secret:prod/**",
        "secret:prod/db/main",
        "secret:db/*",
        "secret:main",
        "secret:\"prod/db/main\"",
        "action:read outcome:denied",
        "outcome:DENIED,failure",
        "-outcome:success",
        "actor_kind:human ip_trust:edge kind:access",
        "flags:bulk",
        "flags:shadow,repaired",
        "flags:*",
        "mfa:yes conflict:no origin:live",
        "ip:203.0.113.7",
        "ip:203.0.113.0/24",
        "ip:10.0.0.0/8,203.0.113.0/24",
        "ip:*",
        "-ip:10.0.0.0/8",
        "-ip:2001:db8::/32",
        "country:de",
        "country:FR,DE",
        "-country:US",
        "asn:3320",
        "asn:AS3320",
        "asn:>3000",
        "org:example*",
        "hosting:yes",
        "seq:1000",
        "seq:>999 seq:<1001 seq:>=1000 seq:<=1000",
        "count:>5",
        "groups:team-*",
        "groups:default",
        "source:vault instance:vault-*",
        "agent:agent-a",
        "reason:\"CHG-1, urgent\"",
        "reason:CHG-1*",
        "code:\"\"",
        "-code:*",
        "since:2h",
        "since:2026-11-22T20:00:00Z",
        "until:now since:7d",
        "from:2026-11-22 to:2026-11-22",
        "time:2026-11-22",
        "time:>2026-11-21",
        "time:<=2026-11-22",
        "arrival:>2026-11-22T20:00:01Z",
        "curl/7.88",
        "\"curl/7.88\"",
        "\"curl/7.88 \\\"q\\\"\"",
        "\"kind\"",
        "-absent",
        "-\"not there\"",
        "-10:30",
        "actor:bob OR actor:alice*",
        "actor:alice* OR absent",
        "actor:bob OR action:write OR ip:203.0.113.7",
        "(actor:bob OR actor:alice*) outcome:denied",
        "-(actor:bob OR actor:carol)",
        "-(actor:alice* outcome:success)",
        "NOT actor:bob AND action:read",
        "NOT (actor:bob)",
        "((((actor:alice*))))",
        "actor:bob action:read OR actor:alice* (ip:10.0.0.0/8 OR ip:203.0.113.0/24)",
        "since:2h actor:bob OR actor:alice*",
        "(curl/7.88)",
        "\"OR\" OR \"kind\"",
        "-\"AND\"",
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(texts); i++)
        if (!matches(texts[i]))
            fail_msg("does not fit: %s", texts[i]);
}

static void queries_that_do_not_fit(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "actor:alice",
        "actor:\"alice*\"",
        "-actor:alice*",
        "actor:bob,carol",
        "secret:vault://dev/**",
        "secret:db",
        "secret:team/*",
        "secret:prod/-/**", /* the store is no part of a name */
        "action:write",
        "outcome:success,not_found",
        "flags:shadow",
        "mfa:no",
        "origin:import",
        "ip:203.0.113.8",
        "ip:10.0.0.0/8",
        "-ip:203.0.113.0/24",
        "country:US",
        "asn:<3320",
        "hosting:no",
        "seq:>1000",
        "seq:<1000",
        "count:<7",
        "groups:team",
        "reason:CHG-1,urgent",
        "code:*",
        "id:0*",
        "since:30m",
        "until:2026-11-22T20:00:00Z",
        "time:>2026-11-22",
        "time:<2026-11-22",
        "arrival:<2026-11-22T20:00:02Z",
        "CURL",
        "10:30", /* no name of a field: text */
        "\"q\\\" x\"",
        "actor:bob OR actor:carol",
        "actor:alice* (actor:bob OR action:write)",
        "-(actor:alice* OR actor:bob)",
        "-(actor:alice* outcome:denied)",
        "NOT actor:alice*",
        "actor:bob OR since:30m actor:alice*", /* the window is that of all */
        "actor:bob action:read OR actor:alice* action:write",
        "read denied", /* words of the line's values, which this line does not show */
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(texts); i++)
        if (matches(texts[i]))
            fail_msg("fits: %s", texts[i]);
}

static void refused_queries_say_why(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } table[] = {
        { "actr:x", "did you mean 'actor'" },
        { "user-agent:x agnet:y", "did you mean 'agent'" },
        { "secrets:x", "did you mean 'secret'" },
        { "arn:aws:iam", "put it in quotes" },
        { "outcome:failed", "did you mean 'failure'" },
        { "action:zzzzzzz", "it is one of other, read" },
        { "actor:", "needs a value" },
        { "actor:a,", "needs a value" },
        { "actor:\"a", "column 7 is not closed" },
        { "\"a", "not closed" },
        { "actor:\"a\"b", "a blank or a comma" },
        { "-", "nothing follows" },
        { "a OR", "OR needs a term on both sides" },
        { "OR a", "OR needs" },
        { "a OR OR b", "OR needs" },
        { "since:7d OR a", "OR needs" },
        { "a AND", "AND needs" },
        { "AND a", "AND needs" },
        { "a AND AND b", "AND needs" },
        { "a AND OR b", "AND needs" },
        { "NOT", "nothing follows the 'NOT'" },
        { "(a", "column 1 is not closed" },
        { "b (a OR (c)", "column 3 is not closed" },
        { "a)", "no parenthesis was opened" },
        { "curl(8)", "in quotes" },
        { "()", "nothing stands in" },
        { "-()", "nothing stands in" },
        { "(-)", "nothing follows" },
        { "(a since:7d)", "outside parentheses" },
        { "actor:(a OR b)", "write actor:a,b" },
        { "seq:x", "is no number" },
        { "seq:>", "is no number" },
        { "ip:banana", "ip" },
        { "ip:203.0.113.7/24", "203.0.113.0/24" },
        { "since:yesterdayish", "since" },
        { "since:1h,2h", "one time" },
        { "-since:1h", "one time" },
        { "since:*", "since" },
        { "time:>maybe", "time" },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(table); i++) {
        struct kt_query *q = NULL;
        struct kt_error err = { 0 };
        assert_int_equal(kt_query_parse_at(kt_str_of(table[i].text), T0, 0, &q, &err), KT_E_INPUT);
        if (strstr(err.text, table[i].says) == NULL)
            fail_msg("%s: says '%s'", table[i].text, err.text);
    }
}

/* What a page underlines. */
static void refused_queries_say_where(void **state)
{
    (void)state;
    static const struct {
        const char *text, *wrong; /* that stretch, its last occurrence */
    } table[] = {
        { "a actr:x b", "actr:" },
        { "outcome:success,failed b", "failed" },
        { "a actor: b", "actor:" },
        { "a actor:", "actor:" },
        { "actor:a, b", "actor:a," },
        { "b actor:\"a", "\"a" },
        { "b \"a c", "\"a c" },
        { "actor:\"a\"b c", "b" },
        { "a - b", "-" },
        { "a OR", "" },
        { "OR a", "OR" },
        { "a OR OR b", "OR" },
        { "b AND", "" },
        { "AND a", "AND" },
        { "a AND AND b", "AND" },
        { "b (a", "(" },
        { "b a )", ")" },
        { "a () b", "(" },
        { "(a since:7d)", "since:7d" },
        { "actor:(a OR b)", "(" },
        { "a ip:banana b", "banana" },
        { "b -since:1h", "since:1h" },
        { "b time:>maybe a", ">maybe" },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(table); i++) {
        struct kt_query *q = NULL;
        struct kt_error err = { 0 };
        struct kt_str text = kt_str_of(table[i].text);
        struct kt_query_fault f = { 99, 99 };
        assert_int_equal(kt_query_parse_told(text, T0, 0, NULL, &q, &f, &err), KT_E_INPUT);
        assert_true(f.at <= text.len && f.len <= text.len - f.at);
        if (!kt_str_is(kt_str_sub(text, f.at, f.len), table[i].wrong))
            fail_msg("%s: blames '" KT_STR_FMT "' (%zu)", table[i].text,
                     KT_STR_ARG(kt_str_sub(text, f.at, f.len)), f.at);
    }
}

static void relative_times_need_a_clock(void **state)
{
    (void)state;
    struct kt_query *q = NULL;
    struct kt_error err = { 0 };
    assert_int_equal(kt_query_parse(KT_STR("since:7d"), &q, &err), KT_E_INPUT);
    assert_non_null(strstr(err.text, "needs a clock"));
    assert_int_equal(kt_query_parse(KT_STR("since:2026-11-22T20:00:00Z"), &q, &err), KT_OK);
    kt_time_ns since, until;
    kt_query_window(q, &since, &until);
    assert_int_equal(since, T0);
    assert_int_equal(until, 0);
    kt_query_free(q);
}

static void ids_are_found_whole_and_by_their_start(void **state)
{
    (void)state;
    const struct kt_record r = record();
    uint8_t id[16];
    char text[KT_ID_TEXT], query[64];
    kt_event_id(&r.ev, id);
    (void)kt_id_format(id, text);
    for (int cut = 0; cut < 2; cut++) {
        struct kt_buf b = { 0 };
        kt_buf_addf(&b, "id:%.*s%s", cut ? 6 : 26, text, cut ? "*" : "");
        kt_str_copyz(query, sizeof query, kt_buf_str(&b));
        kt_buf_done(&b);
        assert_true(matches(query));
    }
}

static void kind_is_known_to_be_named(void **state)
{
    (void)state;
    struct kt_query *q = NULL;
    assert_int_equal(kt_query_parse(KT_STR("actor:a"), &q, NULL), KT_OK);
    assert_false(kt_query_names_kind(q));
    kt_query_free(q);
    assert_int_equal(kt_query_parse(KT_STR("-kind:report"), &q, NULL), KT_OK);
    assert_true(kt_query_names_kind(q));
    kt_query_free(q);
}

static void unknown_address_is_in_no_country(void **state)
{
    (void)state;
    struct kt_query *q = NULL;
    const struct kt_record r = record();
    assert_int_equal(kt_query_parse(KT_STR("country:DE"), &q, NULL), KT_OK);
    assert_false(kt_query_matches(q, &r, NULL));
    kt_query_free(q);
    assert_int_equal(kt_query_parse(KT_STR("-asn:3320 -country:* asn:<9"), &q, NULL), KT_OK);
    assert_false(kt_query_matches(q, &r, NULL));
    kt_query_free(q);
}

/* THREATS I5: bounds on text, terms and values. */
static bool fits_as(const struct kt_identities *ids, const char *text, const char *actor,
                    const char *source)
{
    struct kt_query *q = NULL;
    struct kt_error err = { 0 };
    struct kt_record r = record();
    r.ev.actor = kt_str_of(actor);
    r.ev.source = kt_str_of(source);
    if (kt_query_parse_as(kt_str_of(text), 0, 0, ids, &q, &err) != KT_OK)
        fail_msg("%s: %s", text, err.text);
    bool yes = kt_query_matches(q, &r, NULL);
    kt_query_free(q);
    return yes;
}

static void a_canonical_name_finds_what_its_aliases_fit(void **state)
{
    (void)state;
    struct kt_error err = { 0 };
    struct kt_identities *ids = kt_identities_new();
    assert_int_equal(
        kt_identities_parse(ids,
                            KT_STR("identities: [{ name: ana@acme.example, aliases: [Ana@main, "
                                   "\"a*@web*\", { actor: root, source: auditd }] }]\n"),
                            "ids", &err),
        KT_OK);
    static const struct {
        const char *text, *actor, *source;
        bool fits, without; /* with these identities, and without any */
    } cases[] = {
        { "actor:ana@acme.example", "ana@acme.example", "vault", true, true },
        { "actor:ANA@acme.example", "ana@MAIN", "vault", true, false },
        { "actor:ana@acme.example", "asmith@web7", "auditd", true, false },
        { "actor:ana@acme.example", "root", "auditd", true, false },
        { "actor:ana@acme.example", "root", "vault", false, false },
        { "actor:bob,ana@acme.example", "ana@main", "vault", true, false },
        { "actor:bob,ana@acme.example", "bob", "vault", true, true },
        { "-actor:ana@acme.example", "ana@main", "vault", false, true },
        { "-actor:ana@acme.example", "root", "auditd", false, true },
        { "-actor:ana@acme.example", "root", "vault", true, true },
        { "actor:ana@*", "ana@main", "vault", true, true },
        { "actor:ana@a*", "ana@main", "vault", false, false }, /* a pattern is a pattern */
        { "actor:ana@main", "asmith@web7", "auditd", false, false },
        { "(actor:ana@acme.example source:vault) OR actor:x", "root", "auditd", false, false },
        { "actor_name:ana@acme.example", "ana@main", "vault", false, false },
    };
    struct kt_identities *none = kt_identities_new();
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++)
        if (fits_as(ids, cases[i].text, cases[i].actor, cases[i].source) != cases[i].fits ||
            fits_as(none, cases[i].text, cases[i].actor, cases[i].source) != cases[i].without)
            fail_msg("%s: %s of %s", cases[i].text, cases[i].actor, cases[i].source);
    kt_identities_free(ids);
    kt_identities_free(none);
}

/* Names that are meant for the same sources are one term: there are 64. */
static void many_limited_aliases_are_asked_for_together(void **state)
{
    (void)state;
    struct kt_error err = { 0 };
    struct kt_buf text = { 0 };
    struct kt_identities *ids = kt_identities_new();
    kt_buf_addz(&text, "identities:\n- name: ana\n  aliases:\n");
    for (unsigned i = 0; i < 120; i++)
        kt_buf_addf(&text, "  - { actor: a%u, source: %s }\n", i, i % 2 == 0 ? "vault" : "auditd");
    assert_int_equal(kt_identities_parse(ids, kt_buf_str(&text), "ids", &err), KT_OK);
    assert_true(fits_as(ids, "actor:ana", "a0", "vault"));
    assert_true(fits_as(ids, "actor:ana", "a118", "vault"));
    assert_true(fits_as(ids, "actor:ana", "a119", "auditd"));
    assert_false(fits_as(ids, "actor:ana", "a119", "vault"));
    kt_identities_free(ids);
    kt_buf_done(&text);
}

static void more_aliases_than_a_query_holds_are_refused(void **state)
{
    (void)state;
    struct kt_error err = { 0 };
    struct kt_query *q = NULL;
    struct kt_buf text = { 0 };
    struct kt_identities *ids = kt_identities_new();
    kt_buf_addz(&text, "identities:\n- name: crowd\n  aliases:\n");
    for (unsigned i = 0; i < 600; i++)
        kt_buf_addf(&text, "  - a%u\n", i);
    assert_int_equal(kt_identities_parse(ids, kt_buf_str(&text), "ids", &err), KT_OK);
    assert_int_equal(kt_query_parse_as(KT_STR("actor:crowd"), 0, 0, ids, &q, &err), KT_E_LIMIT);
    assert_non_null(strstr(err.text, "at most 512 values"));
    kt_identities_free(ids);
    kt_buf_done(&text);
}

static void long_queries_are_refused(void **state)
{
    (void)state;
    struct kt_query *q = NULL;
    struct kt_error err;
    struct kt_buf b = { 0 };
    for (int i = 0; i < 65; i++)
        kt_buf_addz(&b, "a ");
    assert_int_equal(kt_query_parse(kt_buf_str(&b), &q, &err), KT_E_LIMIT);
    kt_buf_reset(&b);
    for (int i = 0; i < 33; i++)
        kt_buf_addz(&b, "-(");
    kt_buf_addz(&b, "a");
    for (int i = 0; i < 33; i++)
        kt_buf_addz(&b, ")");
    assert_int_equal(kt_query_parse(kt_buf_str(&b), &q, &err), KT_E_LIMIT);
    assert_int_equal(kt_query_parse(kt_str_sub(kt_buf_str(&b), 2, b.len - 3), &q, &err), KT_OK);
    kt_query_free(q);
    kt_buf_reset(&b);
    kt_buf_addz(&b, "actor:a");
    for (int i = 0; i < 600; i++)
        kt_buf_addz(&b, ",a");
    assert_int_equal(kt_query_parse(kt_buf_str(&b), &q, &err), KT_E_LIMIT);
    kt_buf_reset(&b);
    for (int i = 0; i < 5000; i++)
        kt_buf_byte(&b, 'a');
    assert_int_equal(kt_query_parse(kt_buf_str(&b), &q, &err), KT_E_LIMIT);
    kt_buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_actor_is_found_by_its_name),
        cmocka_unit_test(queries_that_fit),
        cmocka_unit_test(queries_that_do_not_fit),
        cmocka_unit_test(refused_queries_say_why),
        cmocka_unit_test(refused_queries_say_where),
        cmocka_unit_test(relative_times_need_a_clock),
        cmocka_unit_test(ids_are_found_whole_and_by_their_start),
        cmocka_unit_test(kind_is_known_to_be_named),
        cmocka_unit_test(unknown_address_is_in_no_country),
        cmocka_unit_test(a_canonical_name_finds_what_its_aliases_fit),
        cmocka_unit_test(many_limited_aliases_are_asked_for_together),
        cmocka_unit_test(more_aliases_than_a_query_holds_are_refused),
        cmocka_unit_test(long_queries_are_refused),
    };
    return cmocka_run_group_tests_name("query", tests, NULL, NULL);
}
