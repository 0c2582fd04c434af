/* Rules in the form of Sigma: values, modifiers, conditions, the index, correlations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/hash.h"
#include "detectors/sigma_set.h"

static struct kt_sigma *set_of(const char *text)
{
    struct kt_sigma *set = kt_sigma_new();
    kt_sigma_add(set, "r.yml", kt_str_of(text));
    kt_sigma_close(set);
    const struct kt_sigma_rule *bad = kt_sigma_refused(set);
    if (bad != NULL)
        fail_msg("%s", bad->why);
    return set;
}

static struct kt_event an_event(void)
{
    struct kt_event ev = { .kind = KT_KIND_ACCESS };
    ev.source = KT_STR("vault");
    ev.instance = KT_STR("vault-prod");
    ev.action = KT_ACT_READ;
    ev.operation = KT_STR("read");
    ev.outcome = KT_OUT_DENIED;
    ev.actor = KT_STR("Alice@Example.com");
    ev.actor_name = KT_STR("alice@example.com");
    ev.secret = KT_STR("vault://main/-/secret/prod/db*1");
    ev.secret_native = KT_STR("a\\b");
    ev.version = KT_STR("42");
    ev.message = KT_STR("Gr\303\274\303\237e an alle");
    ev.has_ip = kt_ip_parse(KT_STR("203.0.113.7"), &ev.ip);
    ev.groups.n = 2;
    ev.groups.at[0] = KT_STR("ops");
    ev.groups.at[1] = KT_STR("oncall");
    ev.flags = KT_FLAG(REPAIRED) | KT_FLAG(ENTROPY);
    ev.mfa = 1;
    ev.raw = KT_STR("{\"n\":17,\"ok\":true,\"none\":null,\"empty\":\"\","
                    "\"list\":[{\"a\":\"one\"},{\"a\":[\"two\",\"three\"]}],"
                    "\"deep\":{\"er\":{\"x\":\"Needle in hay\"}}}");
    return ev;
}

static bool fires(const struct kt_sigma *set, const struct kt_event *ev)
{
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    struct kt_sigma_view v = { .ev = ev, .json = json };
    uint32_t hit[8];
    unsigned n = kt_sigma_match(set, &v, hit, 8);
    kt_json_free(json);
    return n > 0;
}

/* The rule whose detection is the text, of keytrail's own events. */
static bool detects(const char *detection)
{
    char text[4000];
    (void)snprintf(text, sizeof text,
                   "title: t\nlogsource: {product: keytrail}\nlevel: low\ndetection:\n%s\n",
                   detection);
    struct kt_sigma *set = set_of(text);
    struct kt_event ev = an_event();
    bool yes = fires(set, &ev);
    kt_sigma_free(set);
    return yes;
}

static bool selects(const char *entry)
{
    char text[2000];
    (void)snprintf(text, sizeof text, "  s: {%s}\n  condition: s", entry);
    return detects(text);
}

static void values_are_compared_as_the_modifiers_say(void **state)
{
    (void)state;
    static const struct {
        const char *entry;
        bool yes;
    } cases[] = {
        /* whole, letters of any case, unless cased */
        { "operation: read", true },
        { "operation: READ", true },
        { "operation|cased: READ", false },
        { "operation|cased: read", true },
        { "operation: rea", false },
        { "action: read", true },
        { "outcome: [success, denied]", true },
        { "outcome: [success, failure]", false },
        /* parts */
        { "actor|contains: '@EXAMPLE'", true },
        { "actor|contains|cased: '@EXAMPLE'", false },
        { "actor|contains: '@example.org'", false },
        { "actor|startswith: alice", true },
        { "actor|startswith: lice", false },
        { "actor|endswith: .COM", true },
        { "actor|endswith: .co", false },
        { "actor|contains: [zzz, ice]", true },
        { "actor|contains|all: [ali, com]", true },
        { "actor|contains|all: [ali, org]", false },
        { "groups|all: [ops, oncall]", true },
        { "groups|all: [ops, dev]", false },
        { "groups: oncall", true },
        /* wildcards, and their escapes */
        { "actor: 'a*@example.com'", true },
        { "actor: '*@example.com'", true },
        { "actor: 'alice*'", true },
        { "actor: '*ice@*'", true },
        { "actor: 'alic?@example.com'", true },
        { "actor: 'alic??@example.com'", false },
        { "actor: '*e*e*e*m'", true },
        { "actor: '*e*e*e*e*e'", false },
        { "actor|cased: 'a*'", false },
        { "actor: '*'", true },
        { "reason: '*'", false },
        { "secret|endswith: 'db\\*1'", true },
        { "secret|endswith: 'd\\*1'", false },
        { "secret|endswith: 'd?\\*?'", true },
        { "secret|contains: 'main*prod'", true },
        { "secret|startswith: 'vault://*prod'", true },
        { "secret|startswith: '*prod'", true },
        { "secret|contains: 'prod*main'", false },
        { "secret_native: 'a\\b'", true },
        { "secret_native: 'a\\\\b'", true },
        { "secret_native: 'a\\\\*'", true },
        { "secret_native: 'a\\*'", false },
        { "message: 'Gr??e an alle'", true }, /* characters, not bytes */
        { "message: 'Gr???e an alle'", false },
        { "message: '*?\303\237e*'", true },
        /* expressions */
        { "actor|re: '^Alice@.*\\.com$'", true },
        { "actor|re: '^alice'", false },
        { "actor|re|i: '^alice'", true },
        { "secret|re: 'prod/\\w+\\*\\d$'", true },
        { "secret|re: '(a+)+$'", false },
        /* addresses and numbers */
        { "ip|cidr: 203.0.113.0/24", true },
        { "ip|cidr: ['10.0.0.0/8', '203.0.113.7/32']", true },
        { "ip|cidr: 10.0.0.0/8", false },
        { "ip: 203.0.113.7", true },
        { "actor|cidr: 10.0.0.0/8", false },
        { "version|gt: 41", true },
        { "version|gt: 42", false },
        { "version|gte: 42", true },
        { "version|lt: 43", true },
        { "version|lte: 41", false },
        { "actor|gt: 0", false },
        { "raw.n|gte: 17", true },
        /* there or not */
        { "actor|exists: true", true },
        { "actor|exists: false", false },
        { "reason|exists: true", false },
        { "reason|exists: no", true },
        { "reason: null", true },
        { "reason: ''", true },
        { "reason:", true },
        { "actor: null", false },
        { "actor: [null, 'alice*']", true },
        { "raw.none: null", true },
        { "raw.empty: ''", true },
        { "raw.nowhere|exists: false", true },
        /* other fields */
        { "actor|fieldref: actor_name", true },
        { "actor|fieldref|cased: actor_name", false },
        { "actor|fieldref: secret", false },
        { "instance|fieldref|startswith: source", true },
        { "instance|startswith|fieldref: source", true },
        { "source|fieldref|contains: instance", false },
        /* words, marks, the original */
        { "kind: access", true },
        { "flags: entropy", true },
        { "flags: bulk", false },
        { "mfa: true", true },
        { "raw.ok: true", true },
        { "raw.n: 17", true },
        { "raw.list.a: three", true },
        { "raw.list.a: four", false },
        { "raw.deep.er.x|contains: needle", true },
        { "raw.deep.er: needle", false },
        /* several entries: all of them */
        { "operation: read, outcome: denied", true },
        { "operation: read, outcome: success", false },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        if (selects(cases[i].entry) != cases[i].yes)
            fail_msg("{%s} should %s", cases[i].entry, cases[i].yes ? "match" : "not match");
    }
}

#define YES  "  yes1: {operation: read}\n  yes2: {outcome: denied}\n"
#define NO   "  no1: {operation: write}\n  no2: {outcome: success}\n  _no3: {operation: x}\n"
#define COND "  condition: "
static void conditions_are_read_as_logic(void **state)
{
    (void)state;
    static const struct {
        const char *detection;
        bool yes;
    } cases[] = {
        { YES COND "yes1 and yes2", true },
        { YES NO COND "yes1 and no1 or yes2 and no2 or _no3", false },
        { YES NO COND "yes1 and (no1 or yes2) and not no2 and not _no3", true },
        { YES NO COND "yes1 and not (no1 or yes2) or no2 or _no3", false },
        { YES NO COND "not no1 and not not yes1 and yes2 and not no2 and not _no3", true },
        { YES NO COND "not no1 and not not not yes1 or (no2 and yes2 and _no3)", false },
        { YES NO COND "1 of yes* and not 1 of no* and not _no3", true },
        { YES NO COND "all of yes* and not all of no* and not 1 of _*", true },
        { YES NO COND "1 of them and not _no3", true },
        { YES NO COND "all of them or _no3", false },
        { YES COND "all of them", true },
        { YES COND "YES1x or yes1 and yes2\n  YES1x: {operation: write}", true },
        { YES NO COND "((((yes1)))) and yes2 AND NOT 1 of *no*", true },
        { YES NO COND "\n    - yes1 and no1 and _no3\n    - no2\n    - yes2", true },
        /* 'and' binds before 'or' */
        { "  a: {operation: read}\n  b: {operation: write}\n  c: {operation: write}\n" COND
          "a or b and c",
          true },
        /* a list of maps is an or */
        { "  s:\n    - {operation: write}\n    - {operation: read, outcome: denied}\n" COND "s",
          true },
        { "  s:\n    - {operation: write}\n    - {operation: read, outcome: success}\n" COND "s",
          false },
        /* keywords: anywhere, in the original too */
        { "  keywords: [nothing, NEEDLE]\n" COND "keywords", true },
        { "  keywords: ['haystack']\n" COND "keywords", false },
        { "  keywords:\n    '|all': ['needle in', oncall]\n" COND "keywords", true },
        { "  keywords:\n    '|all': ['needle in', ondemand]\n" COND "keywords", false },
        { "  keywords: 'prod*db'\n" COND "keywords", true },
        { "  keywords: [17]\n" COND "keywords", true },
        { "  keywords:\n    '|cased': [needle]\n" COND "keywords", false },
        { "  s:\n    - needle\n    - {operation: write}\n" COND "s", true },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        if (detects(cases[i].detection) != cases[i].yes)
            fail_msg("%s\nshould %s", cases[i].detection, cases[i].yes ? "match" : "not match");
    }
}

static void original_is_parsed_only_when_a_rule_asks(void **state)
{
    (void)state;
    struct kt_sigma *set = set_of("title: t\nlogsource: {product: keytrail}\n"
                                  "detection: {s: {operation: write, raw.n: 17}, condition: s}\n");
    struct kt_event ev = an_event();
    struct kt_sigma_view v = { .ev = &ev }; /* without a parser */
    uint32_t hit[4];
    assert_int_equal(kt_sigma_match(set, &v, hit, 4), 0);
    assert_false(v.parsed);
    kt_sigma_free(set);
}

/* ---- the index leaves out nothing that matches ---- */

static uint64_t chance(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

static void random_entry(uint64_t *seed, char *out, size_t n)
{
    static const char *const fields[] = { "operation", "actor",  "action", "outcome",
                                          "source",    "secret", "flags",  "ip" };
    static const char *const values[] = { "read",  "write", "denied", "x*",
                                          "vault", "A",     "B",      "entropy" };
    static const char *const how[] = { "", "", "", "|contains", "|cased", "|startswith" };
    (void)snprintf(out, n, "%s%s: [%s, '%s']", fields[chance(seed) % 8], how[chance(seed) % 6],
                   values[chance(seed) % 8], values[chance(seed) % 8]);
}

static void random_rules(uint64_t *seed, unsigned n, struct kt_buf *out)
{
    static const char *const conditions[] = { "a and b",       "a or b", "a and not b",
                                              "not a or b",    "1 of *", "all of them",
                                              "(a or b) and b" };
    char a[200], b[200], c[200];
    for (unsigned i = 0; i < n; i++) {
        random_entry(seed, a, sizeof a);
        random_entry(seed, b, sizeof b);
        random_entry(seed, c, sizeof c);
        kt_buf_addf(out,
                    "---\ntitle: t%u\nlogsource: {product: keytrail}\ndetection:\n  a: {%s}\n"
                    "  b:\n    - {%s}\n    - {%s}\n  condition: %s\n",
                    i, a, b, c, conditions[chance(seed) % 7]);
    }
}

static void index_finds_every_rule_that_matches(void **state)
{
    (void)state;
    uint64_t seed = 7;
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    random_rules(&seed, 300, &text);
    struct kt_sigma *set = set_of(kt_buf_z(&text));
    assert_int_equal(kt_sigma_count(set), 300);
    static const char *const words[] = { "read", "WRITE", "xyz", "A", "b", "", "denied" };
    unsigned found = 0;
    for (unsigned e = 0; e < 400; e++) {
        struct kt_event ev = an_event();
        ev.operation = kt_str_of(words[chance(&seed) % 7]);
        ev.actor = kt_str_of(words[chance(&seed) % 7]);
        ev.secret = kt_str_of(words[chance(&seed) % 7]);
        ev.action = (enum kt_action)(chance(&seed) % KT_ACT_COUNT);
        ev.outcome = (enum kt_outcome)(chance(&seed) % KT_OUT_COUNT);
        ev.flags = (uint32_t)chance(&seed) % (1u << KT_FLAG_COUNT);
        struct kt_sigma_view v = { .ev = &ev };
        uint32_t hit[301];
        unsigned n = kt_sigma_match(set, &v, hit, 301), k = 0;
        for (unsigned i = 0; i < 300; i++) {
            const struct kt_sigma_rule *r = kt_sigma_rule(set, i);
            bool yes = kt_sigma_eval(&v, r->program.node, r->test) == KT_SIGMA_YES;
            if (yes != (k < n && hit[k] == i))
                fail_msg("event %u, rule %u: the index says otherwise", e, i);
            k += yes;
        }
        found += n;
    }
    assert_true(found > 1000);
    kt_sigma_free(set);
}

/* ---- documents ---- */

static void a_file_has_several_documents_and_each_stands_alone(void **state)
{
    (void)state;
    static const char text[] =
        "# a comment\n---\ntitle: first\nlogsource: {product: keytrail}\ndescription: |-\n"
        "  two\n  lines\ndetection: {s: {operation: read}, condition: s}\n"
        "--- # next\n\ntitle: [broken\n"
        "---\ntitle: third\nlogsource: {product: keytrail}\n"
        "detection: {s: {operation: read}, condition: t}\n"
        "---\n\n# nothing\n"
        "---\ntitle: fifth\nlogsource: {product: keytrail}\nlevel: high\nid: "
        "11111111-2222-3333-4444-555555555555\nfalsepositives: [Unknown, Backups]\n"
        "tags: [attack.credential-access, attack.t1552]\n"
        "detection: {s: {operation: read}, condition: s}\n";
    struct kt_sigma *set = kt_sigma_new();
    kt_sigma_add(set, "x/r.yml", kt_str_of(text));
    kt_sigma_close(set);
    assert_int_equal(kt_sigma_count(set), 4);
    const struct kt_sigma_rule *r = kt_sigma_rule(set, 0);
    assert_false(r->refused);
    assert_true(kt_str_is(r->description, "two\nlines"));
    assert_int_equal(r->level, KT_SIGMA_INFORMATIONAL);
    r = kt_sigma_rule(set, 1);
    assert_true(r->refused);
    assert_non_null(strstr(r->why, "x/r.yml:1")); /* its line in the file */
    r = kt_sigma_rule(set, 2);
    assert_string_equal(r->why, "x/r.yml:15:46: condition: there is no such selection at 't'");
    r = kt_sigma_rule(set, 3);
    assert_false(r->refused);
    assert_true(kt_str_is(r->benign, "Backups"));
    assert_true(kt_str_is(r->tags, "attack.credential-access, attack.t1552"));
    assert_int_equal(r->level, KT_SIGMA_HIGH);
    assert_int_equal(r->line, 19);
    assert_true(
        kt_str_starts(kt_str_sub(kt_str_of(text), r->from, r->len), KT_STR("---\ntitle: fifth")));
    kt_sigma_free(set);
}

int main(void)
{
    kt_hash_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_compared_as_the_modifiers_say),
        cmocka_unit_test(conditions_are_read_as_logic),
        cmocka_unit_test(original_is_parsed_only_when_a_rule_asks),
        cmocka_unit_test(index_finds_every_rule_that_matches),
        cmocka_unit_test(a_file_has_several_documents_and_each_stands_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
