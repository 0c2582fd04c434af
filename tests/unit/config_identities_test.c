/* identities: one name for an actor, whatever the sources call it; what is refused; time zones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/hash.h"
#include "core/base/limits.h"
#include "core/config/config.h"
#include "core/event/event.h"
#include "core/sys/zoneinfo.h"

static const char file[] =
    "production: [\"aws-sm://111122223333/**\"]\n"
    "not_production: \"secret/playground/**\"\n"
    "identities:\n"
    "  - name: alice@acme.example\n"
    "    kind: human\n"
    "    team: payments\n"
    "    time_zone: Europe/Berlin\n"
    "    manager: dora@acme.example\n"
    "    left: 2026-12-31\n"
    "    aliases: [alice@main, \"asmith@web*\", { actor: root-a@x, source: vault, instance: "
    "\"v-*\" }]\n"
    "    on_call:\n"
    "      - { from: \"2026-12-04T18:00+01:00\", until: \"2026-12-11T09:00+01:00\" }\n"
    "  - { name: ci-deploy, kind: ci, aliases: \"ci-deploy@**\", on_call: nobody }\n"
    "  - { name: ci-deploy@special }\n"
    "  - { name: bob, aliases: [{ actor: root-a@x, source: kubernetes }] }\n";

static struct kt_identities *load(const char *text)
{
    struct kt_error err = { 0 };
    struct kt_identities *ids = kt_identities_new();
    if (kt_identities_parse(ids, kt_str_of(text), "ids.yaml", &err) != KT_OK)
        fail_msg("%s", err.text);
    return ids;
}

static const char *who(const struct kt_identities *ids, const char *actor, const char *source,
                       const char *instance)
{
    const struct kt_identity *i =
        kt_identities_find(ids, kt_str_of(actor), kt_str_of(source), kt_str_of(instance));
    return i != NULL ? i->name : "";
}

static void an_actor_has_one_name(void **state)
{
    (void)state;
    struct kt_identities *ids = load(file);
    static const char *const cases[][4] = {
        { "alice@main", "vault", "v-1", "alice@acme.example" },
        { "alice@acme.example", "onepassword", "acme", "alice@acme.example" },
        { "ALICE@Main", "vault", "v-1", "alice@acme.example" },
        { "asmith@web12", "auditd", "web12", "alice@acme.example" },
        { "asmith@db1", "auditd", "db1", "" },
        { "root-a@x", "vault", "v-2", "alice@acme.example" },
        { "root-a@x", "vault", "other", "" },
        { "root-a@x", "kubernetes", "k", "bob" },
        { "ci-deploy@111122223333", "cloudtrail", "aws", "ci-deploy" },
        { "ci-deploy@special", "cloudtrail", "aws", "ci-deploy@special" },
        { "alice@main2", "vault", "v-1", "" },
        { "", "vault", "v-1", "" },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++)
        assert_string_equal(who(ids, cases[i][0], cases[i][1], cases[i][2]), cases[i][3]);
    char longest[KT_IDENTITY_ALIAS_MAX + 2];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_string_equal(who(ids, longest, "vault", "v"), "");
    const struct kt_identity *a = kt_identities_named(ids, KT_STR("Alice@acme.example"));
    assert_non_null(a);
    assert_int_equal(a->kind, KT_ACTOR_HUMAN);
    assert_string_equal(a->team, "payments");
    assert_string_equal(a->manager, "dora@acme.example");
    assert_int_equal(a->n_alias, 3);
    assert_null(kt_identities_named(ids, KT_STR("alice@main")));
    assert_int_equal(kt_identities_named(ids, KT_STR("bob"))->kind, -1);
    assert_string_equal(kt_identities_named(ids, KT_STR("ci-deploy"))->on_call_note, "nobody");
    assert_string_equal(kt_identities_production(ids, false).at[0], "aws-sm://111122223333/**");
    assert_string_equal(kt_identities_production(ids, true).at[0], "secret/playground/**");
    kt_identities_free(ids);
}

static void on_call_ends_when_it_says(void **state)
{
    (void)state;
    struct kt_identities *ids = load(file);
    const struct kt_identity *a = kt_identities_named(ids, KT_STR("alice@acme.example"));
    kt_time_ns from, until;
    struct kt_error err = { 0 };
    assert_int_equal(kt_time_parse(KT_STR("2026-12-04T17:00:00Z"), &from, &err), KT_OK);
    assert_int_equal(kt_time_parse(KT_STR("2026-12-11T08:00:00Z"), &until, &err), KT_OK);
    assert_true(kt_identity_on_call(a, from) && kt_identity_on_call(a, until - 1));
    assert_false(kt_identity_on_call(a, from - 1) || kt_identity_on_call(a, until));
    kt_identities_free(ids);
}

/* A day is over at midnight there: summer time, the night in which clocks change, east and west. */
static void the_last_day_ends_in_the_zone_of_the_person(void **state)
{
    (void)state;
    static const struct {
        const char *zone, *day, *end;
    } cases[] = {
        { "CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-05", "2026-03-05T23:00:00Z" },
        { "CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29", "2026-03-29T22:00:00Z" },
        { "CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25", "2026-10-25T23:00:00Z" },
        { "PST8PDT,M3.2.0,M11.1.0", "2026-10-31", "2026-11-01T07:00:00Z" },
        { "NZST-12NZDT,M9.5.0,M4.1.0/3", "2026-09-26", "2026-09-26T12:00:00Z" },
        { "UTC0", "2028-02-29", "2028-03-01T00:00:00Z" },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        char text[200];
        kt_time_ns end;
        struct kt_error err = { 0 };
        (void)snprintf(text, sizeof text,
                       "time_zones: { Z/Z: \"%s\" }\n"
                       "identities: [{ name: a, time_zone: Z/Z, left: %s }, { name: b }]\n",
                       cases[i].zone, cases[i].day);
        struct kt_identities *ids = load(text);
        assert_int_equal(kt_time_parse(kt_str_of(cases[i].end), &end, &err), KT_OK);
        assert_int_equal(kt_identities_at(ids, 0)->left, end);
        assert_string_equal(kt_identities_at(ids, 0)->left_day, cases[i].day);
        assert_int_equal(kt_identities_at(ids, 1)->left, 0);
        kt_identities_free(ids);
    }
    struct kt_identities *ids = load("identities: [{ name: a, left: 2026-03-05 }]\n");
    assert_int_equal(kt_identities_at(ids, 0)->left, kt_time_days(2026, 3, 6) * KT_NS_DAY);
    kt_identities_free(ids);
}

/* The print brings the rules of its zones along: it reads back where there are none. */
static void what_is_printed_reads_back_to_the_same(void **state)
{
    (void)state;
    struct kt_buf once = { 0 }, twice = { 0 };
    struct kt_identities *ids = load(file);
    kt_identities_print(ids, &once);
    assert_non_null(strstr(kt_buf_z(&once), "Europe/Berlin: \"CET-1CEST,M3.5.0,M10.5.0/3\""));
    kt_identities_free(ids);
    ids = load(kt_buf_z(&once));
    kt_identities_print(ids, &twice);
    assert_string_equal(kt_buf_z(&once), kt_buf_z(&twice));
    assert_string_equal(who(ids, "root-a@x", "kubernetes", "k"), "bob");
    kt_identities_free(ids);
    ids = load("time_zones: { Nowhere/Atall: \"<+02>-2\" }\n"
               "identities: [ { name: a, time_zone: Nowhere/Atall } ]\n");
    assert_int_equal(kt_zone_offset_s(kt_identities_at(ids, 0)->zone, 0), 7200);
    kt_identities_free(ids);
    kt_buf_done(&once);
    kt_buf_done(&twice);
}

static void mistakes_are_named_with_their_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        { "identitys: []\n", "ids.yaml:1:1: unknown key 'identitys', did you mean 'identities'?" },
        { "identities:\n  - { name: a, alias: [b] }\n",
          "ids.yaml:2:16: unknown key 'alias', did you mean 'aliases'?" },
        { "identities:\n  - { kind: human }\n", "ids.yaml:2:5: 'name' is missing" },
        { "identities:\n  - { name: \"\" }\n", "'name' has 1 to 127 bytes" },
        { "identities:\n  - { name: \"a*\" }\n", "a name has no '*'" },
        { "identities:\n  - { name: a, aliases: [\"**\"] }\n", "'**' would make one actor of all" },
        { "identities:\n  - { name: a, aliases: [{ actor: \"*@*\", source: vault }] }\n",
          "'*@*' would make one actor of all" },
        { "identities:\n  - { name: a, kind: robot }\n",
          "ids.yaml:2:22: 'kind' is human, service" },
        { "identities:\n  - { name: a, kind: root }\n", "'kind' is human, service" },
        { "identities:\n  - { name: a, time_zone: Europe/Berln }\n",
          "ids.yaml:2:27: 'time_zone': there is no time zone 'Europe/Berln'" },
        { "identities:\n  - { name: a, time_zone: ../../etc/passwd }\n", "no name of a time zone" },
        { "time_zones: { X: \"whatever\" }\n", "ids.yaml:1:18: 'whatever' is no rule" },
        { "identities:\n  - { name: a }\n  - { name: A }\n",
          "ids.yaml:3:13: 'A' stands here for the second time (line 2)" },
        { "identities:\n  - { name: a, aliases: [x@y] }\n  - { name: b, aliases: [c, X@y] }\n",
          "ids.yaml:3:29: 'X@y' belongs to 'a' already (line 2)" },
        { "identities:\n  - { name: a, aliases: [\"x@*\"] }\n  - { name: b, aliases: [\"x@*\"] }\n",
          "'x@*' belongs to 'a' already (line 2)" },
        { "identities:\n  - { name: a, aliases: [b] }\n  - { name: b }\n",
          "ids.yaml:3:13: 'b' belongs to 'a' already (line 2)" },
        { "identities:\n  - { name: a, aliases: [{ actor: x, source: vault }] }\n"
          "  - { name: b, aliases: [{ actor: x, instance: v }] }\n",
          "'x' belongs to 'a' already" },
        { "identities:\n  - { name: a, aliases: [{ source: vault }] }\n", "'actor' is missing" },
        { "identities:\n  - { name: a, aliases: [[x]] }\n", "here goes an alias" },
        { "identities:\n  - { name: a, on_call: [ { from: \"2026-12-05\", until: \"2026-12-01\" } "
          "] }\n",
          "'until' does not lie after 'from'" },
        { "identities:\n  - { name: a, left: 2026-02-30 }\n",
          "ids.yaml:2:22: 'left' is a day like 2026-03-05, not '2026-02-30'" },
        { "identities: [{ name: a, left: 2026-03-05T12:00Z }]\n", "'left' is a day like" },
        { "identities: [{ name: a, left: soon }]\n", "'left' is a day like" },
        { "identities:\n  - a\n", "ids.yaml:2:5: here goes keys with values, not one value" },
        { "identities: { a: b }\n", "'identities' takes a list" },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        struct kt_identities *ids = kt_identities_new();
        struct kt_error err = { 0 };
        if (kt_identities_parse(ids, kt_str_of(cases[i].text), "ids.yaml", &err) != KT_E_CONFIG ||
            strstr(err.text, cases[i].says) == NULL)
            fail_msg("case %zu: '%s' is not '%s'", i, err.text, cases[i].says);
        kt_identities_free(ids);
    }
}

static void a_large_firm_fits_and_a_larger_one_is_refused(void **state)
{
    (void)state;
    struct kt_buf text = { 0 };
    struct kt_error err = { 0 };
    kt_buf_addz(&text, "identities:\n");
    for (unsigned i = 0; i < KT_IDENTITIES_MAX; i++)
        kt_buf_addf(&text, "- {name: p%u@acme.example, team: t%u, aliases: [p%u@main]}\n", i,
                    i % 50, i);
    struct kt_identities *ids = load(kt_buf_z(&text));
    assert_int_equal(kt_identities_count(ids), KT_IDENTITIES_MAX);
    assert_string_equal(who(ids, "p49999@main", "vault", "v"), "p49999@acme.example");
    kt_identities_free(ids);
    kt_buf_addz(&text, "- {name: one-too-many}\n");
    ids = kt_identities_new();
    assert_int_equal(kt_identities_parse(ids, kt_buf_str(&text), "ids.yaml", &err), KT_E_CONFIG);
    assert_non_null(strstr(err.text, "more than 50000 entries"));
    kt_identities_free(ids);
    kt_buf_reset(&text);
    kt_buf_addz(&text, "identities:\n- name: a\n  aliases:\n");
    for (unsigned i = 0; i <= KT_IDENTITY_GLOBS; i++)
        kt_buf_addf(&text, "  - 'x%u@*'\n", i);
    ids = kt_identities_new();
    assert_int_equal(kt_identities_parse(ids, kt_buf_str(&text), "ids.yaml", &err), KT_E_CONFIG);
    assert_non_null(strstr(err.text, "ids.yaml:1004:5: more than 1000 aliases with '*'"));
    kt_identities_free(ids);
    kt_buf_done(&text);
}

/* ---- time zones ---- */
static int32_t offset_at(const char *rule, const char *time)
{
    struct kt_zone z;
    kt_time_ns t;
    struct kt_error err = { 0 };
    assert_int_equal(kt_zone_parse(kt_str_of(rule), &z, &err), KT_OK);
    assert_int_equal(kt_time_parse(kt_str_of(time), &t, &err), KT_OK);
    return kt_zone_offset_s(&z, t);
}

/* Instants of 2026 and 2027 from tzdata 2025 (zdump -v). */
static void clocks_change_when_the_rule_says(void **state)
{
    (void)state;
    static const struct {
        const char *rule, *time;
        int32_t s;
    } cases[] = {
        { "CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29T00:59:59Z", 3600 },
        { "CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29T01:00:00Z", 7200 },
        { "CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25T00:59:59Z", 7200 },
        { "CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25T01:00:00Z", 3600 },
        { "EST5EDT,M3.2.0,M11.1.0", "2026-03-08T06:59:59Z", -18000 },
        { "EST5EDT,M3.2.0,M11.1.0", "2026-03-08T07:00:00Z", -14400 },
        { "EST5EDT,M3.2.0,M11.1.0", "2026-11-01T06:00:00Z", -18000 },
        { "NZST-12NZDT,M9.5.0,M4.1.0/3", "2026-12-31T12:00:00Z", 46800 }, /* over New Year */
        { "NZST-12NZDT,M9.5.0,M4.1.0/3", "2027-04-03T13:59:59Z", 46800 },
        { "NZST-12NZDT,M9.5.0,M4.1.0/3", "2027-04-03T14:00:00Z", 43200 },
        { "IST-5:30", "2026-07-01T00:00:00Z", 19800 },
        { "<+0545>-5:45", "2026-07-01T00:00:00Z", 20700 },
        { "<-03>3<-02>,M3.5.0/-1,M10.5.0/0", "2026-03-29T00:59:59Z", -10800 },
        { "<-03>3<-02>,M3.5.0/-1,M10.5.0/0", "2026-03-29T02:00:00Z", -7200 },
        { "AAA0BBB,J60,J300", "2028-02-29T12:00:00Z", 0 }, /* J60 is the 1st of March, always */
        { "AAA0BBB,J60,J300", "2028-03-01T02:00:00Z", 3600 },
        { "AAA0BBB,59,300", "2028-02-29T02:00:00Z", 3600 },
        { "UTC0", "2026-07-01T00:00:00Z", 0 },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++)
        if (offset_at(cases[i].rule, cases[i].time) != cases[i].s)
            fail_msg("%s at %s: %d", cases[i].rule, cases[i].time,
                     (int)offset_at(cases[i].rule, cases[i].time));
}

static void what_is_no_rule_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = { "",
                                         "CET",
                                         "C1",
                                         "CET-1CEST",
                                         "CET-1CEST,M3.5.0",
                                         "CET-1CEST,M13.5.0,M10.5.0",
                                         "CET-1CEST,M3.6.0,M10.5.0",
                                         "CET-1CEST,M3.5.7,M10.5.0",
                                         "CET-25",
                                         "CET-1:60",
                                         "<+01-1",
                                         "CET-1 ",
                                         "CET-1CEST,J0,J300",
                                         "CET-1CEST,366,1",
                                         "CET-1CEST,M3.5.0/168,M10.5.0" };
    struct kt_zone z;
    struct kt_error err = { 0 };
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++)
        if (kt_zone_parse(kt_str_of(cases[i]), &z, &err) != KT_E_INPUT)
            fail_msg("'%s' was taken", cases[i]);
}

static void a_file_of_the_old_version_has_no_rule(void **state)
{
    (void)state;
    assert_int_equal(kt_zoneinfo_footer(KT_STR("TZif\0....\nUTC0\n")).len, 0);
    assert_true(kt_str_is(kt_zoneinfo_footer(KT_STR("TZif2....\nUTC0\n")), "UTC0"));
    assert_int_equal(kt_zoneinfo_footer(KT_STR("TZif2....\nUTC0")).len, 0);
    assert_int_equal(kt_zoneinfo_footer(KT_STR("text\n")).len, 0);
}

static void the_sample_loads_as_it_stands_and_without_its_hashes(void **state)
{
    (void)state;
    struct kt_buf b = { 0 }, bare = { 0 };
    kt_conf_sample_identities("/etc/keytrail", &b);
    kt_identities_free(load(kt_buf_z(&b)));
    struct kt_str rest = kt_buf_str(&b), line;
    for (unsigned n = 0; kt_str_split(&rest, '\n', &line); n++) {
        if (n >= 3 && kt_str_starts(line, KT_STR("# ")))
            kt_buf_addf(&bare, KT_STR_FMT "\n", KT_STR_ARG(kt_str_from_index(line, 2)));
    }
    struct kt_identities *ids = load(kt_buf_z(&bare));
    assert_int_equal(kt_identities_count(ids), 2);
    assert_string_equal(who(ids, "asmith@web3", "auditd", "web3"), "alice@acme.example");
    kt_identities_free(ids);
    kt_buf_done(&b);
    kt_buf_done(&bare);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_actor_has_one_name),
        cmocka_unit_test(on_call_ends_when_it_says),
        cmocka_unit_test(the_last_day_ends_in_the_zone_of_the_person),
        cmocka_unit_test(what_is_printed_reads_back_to_the_same),
        cmocka_unit_test(mistakes_are_named_with_their_place),
        cmocka_unit_test(a_large_firm_fits_and_a_larger_one_is_refused),
        cmocka_unit_test(clocks_change_when_the_rule_says),
        cmocka_unit_test(what_is_no_rule_is_refused),
        cmocka_unit_test(a_file_of_the_old_version_has_no_rule),
        cmocka_unit_test(the_sample_loads_as_it_stands_and_without_its_hashes),
    };
    kt_hash_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
