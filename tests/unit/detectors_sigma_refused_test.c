/* Rules that are not taken: what was not understood is named, with its place and the reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "core/base/hash.h"
#include "detectors/sigma.h"

struct refusal {
    const char *text, *why;
};

/* A detection of keytrail's own events. */
#define OWN(detection)                                                                             \
    "title: t\nlogsource: {product: keytrail}\ndetection:\n" detection "\n  condition: s"
#define ONE(entry) OWN("  s: {" entry "}")

static bool expect(const struct refusal *c)
{
    struct kt_sigma *set = kt_sigma_new();
    kt_sigma_add(set, "r.yml", kt_str_of(c->text));
    kt_sigma_close(set);
    const struct kt_sigma_rule *bad = kt_sigma_refused(set);
    bool same = bad != NULL && strcmp(bad->why, c->why) == 0;
    if (!same)
        print_error("%s\nsays     \"%s\"\nexpected \"%s\"\n", c->text,
                    bad == NULL ? "(taken)" : bad->why, c->why);
    kt_sigma_free(set);
    return same;
}

static void expect_all(const struct refusal *cases, size_t n)
{
    bool all = true;
    for (size_t i = 0; i < n; i++)
        all = expect(&cases[i]) && all;
    assert_true(all);
}

static void keys_of_a_rule(void **state)
{
    (void)state;
    static const struct refusal cases[] = {
        { "- a", "r.yml:1:1: here goes keys with values, not a list" },
        { "id: x", "r.yml:1:1: 'title' is missing" },
        { "title: t\nid: x", "r.yml:2:5: 'id' is no UUID" },
        { "title: t\nlevel: hi",
          "r.yml:2:8: 'level' is informational, low, medium, high or critical" },
        { "title: t\nstatus: deprecated", "r.yml:2:9: its author marked it as deprecated" },
        { "title: t\ntaxonomy: mine", "r.yml:2:11: only the taxonomy 'sigma' is known" },
        { "title: t\ndetecton: {}",
          "r.yml:2:1: unknown key 'detecton', did you mean 'detection'?" },
        { "title: t\naction: global", "r.yml:2:1: key 'action' is not supported: collections are "
                                      "Sigma 1: write each rule whole" },
        { "title: t\nfilter: {}", "r.yml:2:1: key 'filter' is not supported: filters of Sigma are "
                                  "not supported: write the exception into the rule" },
        { "title: t", "r.yml:1:1: 'detection' is missing" },
        { "title: t\ndetection: {}", "r.yml:1:1: 'logsource' is missing" },
        { "title: t\nlogsource: {product: windows}\ndetection: {}",
          "r.yml:2:1: logsource is not one of: product keytrail; product aws, service cloudtrail; "
          "product kubernetes, service audit" },
        { "title: t\nlogsource: {product: aws}\ndetection: {}",
          "r.yml:2:1: logsource is not one of: product keytrail; product aws, service cloudtrail; "
          "product kubernetes, service audit" },
        { "title: t\nlogsource: {produkt: aws}\ndetection: {}",
          "r.yml:2:13: logsource has no key 'produkt'" },
        { "title: t\nlogsource: {product: keytrail}\ndetection: {s: {actor: a}}",
          "r.yml:3:1: 'condition' is missing" },
        { "title: t\nlogsource: {product: keytrail}\ndetection: {}\ncorrelation: {}",
          "r.yml:4:1: a rule has a detection or a correlation, not both" },
        { "title: t\nx: &a 1", "r.yml:2:7: anchors (&) and aliases (*) are not supported" },
    };
    expect_all(cases, KT_ARRAY_LEN(cases));
}

static void fields_and_modifiers(void **state)
{
    (void)state;
    static const struct refusal cases[] = {
        { ONE("actr: a"), "r.yml:4:7: field 'actr' cannot be asked (did you mean 'actor'?): an "
                          "event has the fields of docs/line.md, and raw.PATH in its original" },
        { ONE("actor|contain: a"),
          "r.yml:4:7: unknown modifier 'contain', did you mean 'contains'?" },
        { ONE("actor|base64: a"), "r.yml:4:7: modifier 'base64' is not supported: values in base64 "
                                  "are not searched in records of secrets" },
        { ONE("actor|wide: a"), "r.yml:4:7: modifier 'wide' is not supported: records are UTF-8" },
        { ONE("actor|windash|contains: a"),
          "r.yml:4:7: modifier 'windash' is not supported: it is about command lines of Windows" },
        { ONE("actor|expand: '%a%'"), "r.yml:4:7: modifier 'expand' is not supported: placeholders "
                                      "have no values here: write the values out" },
        { ONE("actor|neq: a"),
          "r.yml:4:7: modifier 'neq' is not supported: write it as a selection "
          "of its own and 'not' in the condition" },
        { ONE("actor|contains|startswith: a"),
          "r.yml:4:7: 'actor|contains|startswith': two ways to compare at once" },
        { ONE("actor|i: a"), "r.yml:4:7: modifier 'i' stands behind 're' alone" },
        { ONE("actor|re: '(a'"), "r.yml:4:17: expression: missing ): (a" },
        { ONE("actor|re: '(?=a)b'"), "r.yml:4:17: expression: invalid perl operator: (?=" },
        { ONE("actor|re: '(a)\\1'"), "r.yml:4:17: expression: invalid escape sequence: \\1" },
        { ONE("actor|re: '((a{1,100}){1,100}){1,100}'"),
          "r.yml:4:17: expression: invalid repetition size: {1,100}" },
        { ONE("ip|cidr: 10.0.0.1/8"),
          "r.yml:4:16: '10.0.0.1/8' has host bits set, write 10.0.0.0/8" },
        { ONE("version|gt: many"), "r.yml:4:19: not a whole number: 'many'" },
        { ONE("actor|exists: maybe"), "r.yml:4:21: 'exists' takes true or false" },
        { ONE("actor|fieldref: nobody"), "r.yml:4:23: field 'nobody' cannot be asked: an event has "
                                         "the fields of docs/line.md, and "
                                         "raw.PATH in its original" },
        { ONE("actor|contains: ''"), "r.yml:4:23: an empty value only goes without modifiers" },
        { ONE("actor: []"), "r.yml:4:14: an empty list matches nothing" },
        { ONE("actor: {a: b}"), "r.yml:4:14: a list of values holds values, no lists or maps" },
        { ONE("actor: \"a\\x01b\""), "r.yml:4:14: control characters cannot be asked for" },
        { OWN("  s:\n    '|contains': [a]"),
          "r.yml:5:5: keywords take no modifier but 'all' and 'cased'" },
        { OWN("  s: {}"), "r.yml:4:6: an empty selection matches nothing" },
        { OWN("  s:"), "r.yml:4:3: an empty selection matches nothing" },
        { OWN("  s: {actor: a}\n  timeframe: 5m"),
          "r.yml:5:3: key 'timeframe' is not supported: it belongs to Sigma 1: write a correlation "
          "with a timespan" },
    };
    expect_all(cases, KT_ARRAY_LEN(cases));
}

#define IF(condition)                                                                              \
    "title: t\nlogsource: {product: keytrail}\ndetection:\n  s: {actor: a}\n  "                    \
    "condition: " condition
static void conditions(void **state)
{
    (void)state;
    static const struct refusal cases[] = {
        { IF("x"), "r.yml:5:14: condition: there is no such selection at 'x'" },
        { IF("s and"), "r.yml:5:14: condition: there is no such selection at its end" },
        { IF("s s"), "r.yml:5:14: condition: 'and' or 'or' is missing at 's'" },
        { IF("(s"), "r.yml:5:14: condition: ')' is missing at its end" },
        { IF("1 of x*"), "r.yml:5:14: condition: no selection is meant at 'x*'" },
        { IF("1 s"), "r.yml:5:14: condition: 'of' is missing at 's'" },
        { IF("2 of s"), "r.yml:5:14: condition: only '1 of' and 'all of' are Sigma at '2'" },
        { IF("s | count() > 5"),
          "r.yml:5:14: condition: aggregations are Sigma 1: write a correlation at '|'" },
        { IF("s\n  u: {actor: b}"), "r.yml:5:14: condition: selection 'u' is not in it" },
        { IF("not not not not not not not not not not not not not not not not not not not not not "
             "not not not not not not not not not not not not not s"),
          "r.yml:5:14: condition: nested too deep at 'not'" },
        { IF(""), "r.yml:5:3: condition: there is no such selection at its end" },
        { IF("{a: b}"), "r.yml:5:14: 'condition' takes one value, not keys with values" },
    };
    expect_all(cases, KT_ARRAY_LEN(cases));
}

#define BASE                                                                                       \
    "title: b\nname: b\nlogsource: {product: keytrail}\n"                                          \
    "detection: {s: {actor: a}, condition: s}\n---\n"
#define CORR(body) BASE "title: c\ncorrelation:\n" body "\n"
static void correlations(void **state)
{
    (void)state;
    static const struct refusal cases[] = {
        { CORR("  type: value_sum\n  rules: b"),
          "r.yml:8:9: 'type' is not one of event_count, value_count, temporal, temporal_ordered" },
        { CORR("  type: event_count"), "r.yml:7:1: 'rules' is missing" },
        { CORR("  type: event_count\n  rules: b\n  timespan: 5m"),
          "r.yml:7:1: 'condition' is missing" },
        { CORR("  type: event_count\n  rules: b\n  condition: {gte: 2}"),
          "r.yml:7:1: 'timespan' is missing" },
        { CORR("  type: event_count\n  rules: b\n  timespan: 5w\n  condition: {gte: 2}"),
          "r.yml:10:13: 'timespan' is a number and s, m, h or d: 5m" },
        { CORR("  type: event_count\n  rules: b\n  timespan: 40d\n  condition: {gte: 2}"),
          "r.yml:10:13: 'timespan' is at most 30d" },
        { CORR("  type: event_count\n  rules: b\n  timespan: 5m\n  condition: {lt: 2}"),
          "r.yml:11:15: condition 'lt' is not supported: while events come in, a count only grows: "
          "write gte or gt" },
        { CORR("  type: event_count\n  rules: b\n  timespan: 5m\n  condition: {gte: 101}"),
          "r.yml:11:20: a count is 1 to 100" },
        { CORR("  type: event_count\n  rules: b\n  timespan: 5m\n  condition: {gte: 5, gt: 7}"),
          "r.yml:11:23: a condition has one bound" },
        { CORR("  type: value_count\n  rules: b\n  timespan: 5m\n  condition: {gte: 5}"),
          "r.yml:11:3: 'field' belongs to value_count, which needs it" },
        { CORR("  type: event_count\n  rules: b\n  timespan: 5m\n  condition: {gte: 5, field: ip}"),
          "r.yml:11:3: 'field' belongs to value_count, which needs it" },
        { CORR("  type: temporal\n  rules: [b]\n  timespan: 5m"),
          "r.yml:9:3: 'temporal' needs two rules" },
        { CORR("  type: temporal\n  rules: [b, b]\n  timespan: 5m\n  condition: {gte: 3}"),
          "r.yml:11:3: 'temporal' counts its rules, and there are 2" },
        { CORR("  type: temporal_ordered\n  rules: [b, b]\n  timespan: 5m\n  condition: {gte: 1}"),
          "r.yml:11:3: 'temporal_ordered' means all of its rules" },
        { "title: t\ngenerate: true\ndetection: {}",
          "r.yml:2:1: 'generate' belongs to a correlation" },
        { CORR("  type: temporal\n  rules: [b, z]\n  timespan: 5m"),
          "r.yml:5: rule 'z' is not here, or was refused" },
        { CORR("  type: event_count\n  rules: b\n  timespan: 5m\n  condition: {gte: 5}\n  "
               "group-by: [actr]"),
          "r.yml:5: group-by: field 'actr' cannot be asked (did you mean 'actor'?): an event has "
          "the fields of docs/line.md, and raw.PATH in its original" },
        { CORR("  type: event_count\n  rules: b\n  timespan: 5m\n  condition: {gte: 5}\n  "
               "group-by: [who]\n  aliases: {who: {c: actor}}"),
          "r.yml:5: group-by: alias 'who' says nothing of rule 'b'" },
        { CORR("  type: event_count\n  rules: b\n  timespam: 5m"),
          "r.yml:10:3: a correlation has no key 'timespam', did you mean 'timespan'?" },
        { BASE "title: b2\nname: b\nlogsource: {product: keytrail}\n"
               "detection: {s: {actor: a}, condition: s}\n",
          "r.yml:5: the rule in r.yml, line 1, has the same name" },
    };
    expect_all(cases, KT_ARRAY_LEN(cases));
}

/* What is kept of a record is known: what is not cannot be asked. */
static void what_redaction_drops(void **state)
{
    (void)state;
#define AWS(entry)                                                                                 \
    "title: t\nlogsource: {product: aws, service: cloudtrail}\ndetection:\n  s: {" entry           \
    "}\n  condition: s"
#define K8S(entry)                                                                                 \
    "title: t\nlogsource: {product: kubernetes, service: audit}\ndetection:\n  s: {" entry         \
    "}\n  condition: s"
    static const struct refusal cases[] = {
        { AWS("requestParameters.policyDocument|contains: '*'"),
          "r.yml:4:7: field 'requestParameters.policyDocument' cannot be asked: of a CloudTrail "
          "record only names are kept, no answers and no policies" },
        { AWS("responseElements.ConsoleLogin: Failure"),
          "r.yml:4:7: field 'responseElements.ConsoleLogin' cannot be asked: of a CloudTrail "
          "record "
          "only names are kept, no answers and no policies" },
        { K8S("requestObject.spec.hostPID: true"), "r.yml:4:7: field 'requestObject.spec.hostPID' "
                                                   "cannot be asked: of an audit event neither "
                                                   "requestObject nor responseObject is kept" },
    };
    expect_all(cases, KT_ARRAY_LEN(cases));
}

int main(void)
{
    kt_hash_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_of_a_rule),       cmocka_unit_test(fields_and_modifiers),
        cmocka_unit_test(conditions),           cmocka_unit_test(correlations),
        cmocka_unit_test(what_redaction_drops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
