/* sources_mapping: what a mapping file may say, how its mistakes are named, and times in numbers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/hash.h"
#include "core/config/config.h"
#include "tests/support/source_run.h"

#define HEAD "name: x\ntime: t\noperation: op\n"

static const struct {
    const char *text, *error;
} mistakes[] = {
    { "name: x\ntime: t\n", "m.yaml:1:1: 'operation' is missing" },
    { HEAD "actr: u\n", "m.yaml:4:1: unknown key 'actr', did you mean 'actor'?" },
    { HEAD "actions: { reed: x }\n", "m.yaml:4:18: unknown word 'reed', did you mean 'read'?" },
    { HEAD "outcomes: { otherwise: succes }\n",
      "m.yaml:4:24: unknown word 'succes', did you mean 'success'?" },
    { HEAD "time_format: epoch\n", "m.yaml:4:14: unknown word 'epoch', did you mean 'epoch_s'?" },
    { HEAD "actor: [a, \"{b\"]\n", "m.yaml:4:12: a '{' has no '}'" },
    { HEAD "actor: \"{}\"\n", "m.yaml:4:8: a path is empty" },
    { HEAD "actor: a|\n", "m.yaml:4:8: a path is empty" },
    { HEAD "secret: name\n", "m.yaml:4:9: a secret id is written like scheme://{account}/{name}" },
    { HEAD "secret: \"x://{a}\"\n",
      "m.yaml:4:9: a secret id names its store first: scheme://{account}/{name}" },
    { HEAD "skip: [\"a and \"]\n", "m.yaml:4:8: a condition is empty" },
    { HEAD "extract: { a: \"{b}\" }\n",
      "m.yaml:4:15: the fields of a pattern begin with $: {$name}" },
    { HEAD "extract: { a: \"{$b}{$c}\" }\n",
      "m.yaml:4:15: between two fields of a pattern stands a text" },
    { HEAD "extract: { a: \"{$b}:\" }\n", "m.yaml:4:15: a pattern ends with a field: {$name}" },
};

static void mistakes_are_named_by_line_and_nearest_word(void **state)
{
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(mistakes); i++) {
        struct kt_error err = { 0 };
        struct kt_yaml *y = NULL;
        const struct kt_source *s = NULL;
        assert_int_equal(kt_yaml_parse(kt_str_of(mistakes[i].text), "m.yaml", &y, &err), KT_OK);
        assert_int_equal(kt_source_find(KT_STR("mapping"))->describe(y, &s, &err), KT_E_CONFIG);
        assert_string_equal(err.text, mistakes[i].error);
        kt_yaml_free(y);
    }
}

/* The lines that a mapping makes of a record. */
static void lines_of(const char *mapping, const char *record, struct kt_buf *out)
{
    struct kt_error err = { 0 };
    struct kt_yaml *y = NULL;
    struct source_run r = { .source = "mapping" };
    assert_int_equal(kt_yaml_parse(kt_str_of(mapping), "m.yaml", &y, &err), KT_OK);
    assert_int_equal(kt_source_find(KT_STR("mapping"))->describe(y, &r.described, &err), KT_OK);
    kt_buf_reset(out);
    source_run(&r, kt_str_of(record), out);
    kt_yaml_free(y);
}

static const struct {
    const char *format, *value, *want;
} times[] = {
    { "epoch_s", "1772435645", "\"time\":1772435645000000000,\"precision\":1000000000" },
    { "epoch_s", "\"1772435645.25\"", "\"time\":1772435645250000000,\"precision\":10000000" },
    { "epoch_ms", "1772435645123", "\"time\":1772435645123000000,\"precision\":1000000" },
    { "rfc3339", "\"2026-03-02 07:14:05\"", "\"time\":1772435645000000000" },
    { "epoch_s", "1772435645123", "\"incomplete\"" },
    { "epoch_s", "-5", "\"incomplete\"" },
    { "epoch_ms", "\"soon\"", "\"incomplete\"" },
};

static void times_in_seconds_and_milliseconds(void **state)
{
    struct kt_buf out = { 0 };
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(times); i++) {
        char mapping[200], record[200];
        snprintf(mapping, sizeof mapping, HEAD "actor: u\ntime_format: %s\n", times[i].format);
        snprintf(record, sizeof record, "{\"t\":%s,\"op\":\"a\",\"u\":\"bob\"}", times[i].value);
        lines_of(mapping, record, &out);
        assert_true(kt_str_has(kt_buf_str(&out), kt_str_of(times[i].want)));
    }
    kt_buf_done(&out);
}

static void paths_reach_into_lists_and_texts_need_all_their_fields(void **state)
{
    struct kt_buf out = { 0 };
    (void)state;
    lines_of(HEAD "actor: [\"{u.name}-{u.id}\", \"=nobody\"]\nsession: l.1.s\nmfa: m\n"
                  "groups: g\nfields: f\ncount: n\nactor_kind: k\n"
                  "actor_kinds: { ci: runner, otherwise: human }\n",
             "{\"t\":\"2026-03-02T07:14:05Z\",\"op\":\"a\",\"u\":{\"name\":\"x\"},\"m\":true,"
             "\"l\":[{\"s\":\"one\"},{\"s\":\"two\",\"secret\":\"kept-by-nobody\"}],"
             "\"g\":[\"a\",\"b\"],\"f\":[\"user\"],\"n\":3,\"k\":\"runner\"}",
             &out);
    static const char *const wants[] = { "\"actor\":\"nobody@x\"", "\"session\":\"two\"",
                                         "\"actor_kind\":\"ci\"",  "\"groups\":[\"a\",\"b\"]",
                                         "\"fields\":[\"user\"]",  "\"count\":3" };
    for (size_t i = 0; i < KT_ARRAY_LEN(wants); i++)
        assert_true(kt_str_has(kt_buf_str(&out), kt_str_of(wants[i])));
    assert_false(kt_str_has(kt_buf_str(&out), KT_STR("kept-by-nobody")));
    kt_buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mistakes_are_named_by_line_and_nearest_word),
        cmocka_unit_test(times_in_seconds_and_milliseconds),
        cmocka_unit_test(paths_reach_into_lists_and_texts_need_all_their_fields),
    };
    kt_hash_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
