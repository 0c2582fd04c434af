/* core/config: trees from YAML, option tables, the errors people will read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/hash.h"
#include "core/config/config.h"

static struct kt_yaml *tree_of(const char *text)
{
    struct kt_yaml *y = NULL;
    struct kt_error err = { 0 };
    if (kt_yaml_parse(kt_str_of(text), "t.yaml", &y, &err) != KT_OK)
        fail_msg("%s", err.text);
    return y;
}

static void tree_keeps_marks_and_quotes(void **state)
{
    (void)state;
    struct kt_yaml *y = tree_of("# head\nstore: { path: /x, retention: \"400d\" }\nlist:\n  - a\n"
                                "  - b: 'c'\nempty:\n");
    const struct kt_node *root = kt_yaml_root(y), *store = kt_node_get(root, "store");
    assert_int_equal(store->type, KT_NODE_MAP);
    assert_int_equal(store->key_line, 2);
    assert_int_equal(store->key_column, 1);
    const struct kt_node *retention = kt_node_get(store, "retention");
    assert_true(retention->quoted && kt_str_is(retention->scalar, "400d"));
    assert_int_equal(retention->line, 2);
    assert_int_equal(retention->key_column, 20);
    const struct kt_node *list = kt_node_get(root, "list");
    assert_int_equal(list->type, KT_NODE_LIST);
    assert_true(kt_str_is(list->first->scalar, "a") && !list->first->quoted);
    assert_int_equal(list->first->line, 4);
    assert_true(kt_str_is(kt_node_get(list->first->next, "b")->scalar, "c"));
    assert_int_equal(kt_node_get(root, "empty")->scalar.len, 0);
    assert_null(kt_node_get(root, "none"));
    assert_string_equal(kt_yaml_name(y), "t.yaml");
    kt_yaml_free(y);
    const char *nothing[] = { "", "\n", "# only a comment\n", "---\n", "~", "{}" };
    for (size_t i = 0; i < KT_ARRAY_LEN(nothing); i++) {
        y = tree_of(nothing[i]);
        assert_int_equal(kt_yaml_root(y)->type, KT_NODE_MAP);
        assert_null(kt_yaml_root(y)->first);
        kt_yaml_free(y);
    }
}

static void a_document_counts_the_lines_above_it(void **state)
{
    (void)state;
    static const struct kt_yaml_bounds below = { .above = 40 };
    struct kt_yaml *y = NULL;
    struct kt_error err = { 0 };
    assert_int_equal(kt_yaml_parse_within(&below, KT_STR("---\na: 1\n"), "t.yaml", &y, &err),
                     KT_OK);
    assert_int_equal(kt_yaml_root(y)->first->key_line, 42);
    kt_yaml_free(y);
    assert_int_equal(kt_yaml_parse_within(&below, KT_STR("a: [\n"), "t.yaml", &y, &err),
                     KT_E_CONFIG);
    assert_non_null(strstr(err.text, "t.yaml:4"));
    assert_int_equal(kt_yaml_parse_within(&below, KT_STR("a: 1\nb: \x01\n"), "t.yaml", &y, &err),
                     KT_E_CONFIG);
    assert_string_equal(err.text, "t.yaml:42:1: this line is not plain UTF-8 text");
}

static unsigned dropped;
static void drop(void *p)
{
    dropped += *(unsigned *)p;
    free(p);
}

static void a_tree_frees_what_it_owns(void **state)
{
    (void)state;
    struct kt_yaml *y = tree_of("a: 1");
    for (unsigned i = 1; i <= 3; i++) {
        unsigned *p = malloc(sizeof *p);
        assert_non_null(p);
        *p = i;
        kt_yaml_own(y, p, drop);
    }
    assert_int_equal(dropped, 0);
    kt_yaml_free(y);
    assert_int_equal(dropped, 6);
}

static void what_is_outside_the_subset_is_refused_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *error;
    } cases[] = {
        { "a: &x 1\nb: *x\n", "t.yaml:1:" },
        { "a: 1\nb: *x\n", "t.yaml:2:4: aliases" },
        { "a: &x 1\n", "anchors" },
        { "a: &x { b: 1 }\n", "anchors" },
        { "a: &x [1]\n", "anchors" },
        { "a: !!str 1\n", "tags" },
        { "a: !local {}\n", "tags" },
        { "b: 1\n<<: { a: 1 }\n", "t.yaml:2:1: merge keys" },
        { "a: 1\nb: 2\na: 3\n",
          "t.yaml:3:1: key 'a' is here for the second time (first in line 1)" },
        { "{ a: 1, a: 2 }", "second time" },
        { "a: 1\n---\nb: 2\n", "second document" },
        { "? [a, b]\n: 1\n", "plain word" },
        { "'': 1\n", "a key has" },
        { "a: \"x\\0y\"\n", "NUL" },
        { "ok: 1\na: \xff\n", "t.yaml:2:1: this line is not plain UTF-8" },
        { "a: \x1b[31m\n", "t.yaml:1:1: this line is not plain" },
        { "a: [1, 2\n", "t.yaml:" },
        { "a: 'open\n", "t.yaml:" },
        { "a:\n\t- 1\n", "t.yaml:2" },
        { "a: 1\n  b: 2\n", "t.yaml:1:4: invalid multiline" },
        { "[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", "nested deeper than 16" },
        { "%YAML 9.9\n---\na: 1\n", "t.yaml:" },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        struct kt_yaml *y = NULL;
        struct kt_error err = { 0 };
        if (kt_yaml_parse(kt_str_of(cases[i].text), "t.yaml", &y, &err) != KT_E_CONFIG)
            fail_msg("case %zu is read", i);
        assert_null(y);
        if (strstr(err.text, cases[i].error) == NULL)
            fail_msg("case %zu: %s", i, err.text);
    }
}

static void size_and_members_are_bounded(void **state)
{
    (void)state;
    struct kt_yaml *y = NULL;
    struct kt_error err = { 0 };
    struct kt_buf b = { 0 };
    for (int i = 0; i < 2001; i++)
        kt_buf_addf(&b, "- %d\n", i);
    assert_int_equal(kt_yaml_parse(kt_buf_str(&b), "t.yaml", &y, &err), KT_E_CONFIG);
    assert_non_null(strstr(err.text, "more than 2000"));
    kt_buf_reset(&b);
    kt_buf_addf(&b, "a: %0*d\n", 1 << 20, 1);
    assert_int_equal(kt_yaml_parse(kt_buf_str(&b), "t.yaml", &y, &err), KT_E_CONFIG);
    assert_non_null(strstr(err.text, "longer than"));
    kt_buf_done(&b);
}

struct sample {
    bool on;
    uint64_t count, size;
    double ratio;
    kt_time_ns window;
    const char *name, *path, *url_file;
    struct kt_strings words;
};
#define AT(field) offsetof(struct sample, field)
static const struct kt_option table[] = {
    { "on", KT_OPT_BOOL, "true", AT(on), "switch", false, false },
    { "count", KT_OPT_UINT, "5", AT(count), "how many", true, false },
    { "size", KT_OPT_SIZE, "64MiB", AT(size), NULL, false, false },
    { "ratio", KT_OPT_DOUBLE, "0.7", AT(ratio), "part", false, false },
    { "window", KT_OPT_DURATION, "10m", AT(window), "time", false, false },
    { "name", KT_OPT_STRING, NULL, AT(name), "who", false, false },
    { "path", KT_OPT_PATH, "", AT(path), "where", false, false },
    { "url_file", KT_OPT_SECRET_FILE, "", AT(url_file), "secret", false, false },
    { "words", KT_OPT_LIST, "one", AT(words), "many", false, false },
    KT_OPTIONS_END,
};

static void tables_fill_defaults_and_given_values(void **state)
{
    (void)state;
    struct sample s;
    memset(&s, 0xAA, sizeof s);
    kt_options_defaults(table, &s);
    assert_true(s.on && s.count == 5 && s.size == 64u << 20 && s.window == 10 * KT_NS_MIN);
    assert_true(s.ratio > 0.69 && s.ratio < 0.71);
    assert_true(s.name == NULL && s.path == NULL);
    assert_int_equal(s.words.n, 1);
    assert_string_equal(s.words.at[0], "one");

    struct kt_yaml *y = NULL;
    struct kt_error err = { 0 };
    struct kt_str text = KT_STR("{ on: no, count: 0, size: 4GiB, ratio: -1e3, window: 180d, name: "
                                "\"5\", path: a/b, url_file: /abs, words: [x, \"y z\"] }");
    assert_int_equal(kt_yaml_parse(text, "dir/t.yaml", &y, &err), KT_OK);
    if (kt_options_fill(y, kt_yaml_root(y), table, &s, &err) != KT_OK)
        fail_msg("%s", err.text);
    assert_true(!s.on && s.count == 0 && s.size == UINT64_C(4) << 30);
    assert_true(s.window == 180 * KT_NS_DAY && s.ratio < -999 && s.ratio > -1001);
    assert_string_equal(s.name, "5");
    assert_string_equal(s.path, "dir/a/b");
    assert_string_equal(s.url_file, "/abs");
    assert_int_equal(s.words.n, 2);
    assert_string_equal(s.words.at[1], "y z");

    struct kt_buf out = { 0 };
    kt_options_print(table, &s, 2, false, &out);
    assert_string_equal(
        kt_buf_z(&out),
        "  on: false\n  count: 0\n  size: 4GiB\n  ratio: -1000\n  window: 180d\n  name: 5\n"
        "  path: dir/a/b\n  url_file: /abs\n  words: [x, \"y z\"]\n");
    kt_buf_done(&out);
    kt_yaml_free(y);
}

static void mistakes_name_their_place_and_the_mend(void **state)
{
    (void)state;
    static const struct {
        const char *text, *error;
    } cases[] = {
        { "name: a\ncuont: 5\n", "t.yaml:2:1: unknown key 'cuont', did you mean 'count'?" },
        { "name: a\nretention: 5\n", "t.yaml:2:1: unknown key 'retention'" },
        { "name: a\nurl: https://x/secret\n", "t.yaml:2:1: 'url' would put a secret here" },
        { "count: 5\n", "t.yaml:1:1: 'name' is missing" },
        { "name: a\ncount: five\n", "t.yaml:2:8: 'count': not a whole number: 'five'" },
        { "name: a\ncount: -5\n", "whole number" },
        { "name: a\non: maybe\n", "t.yaml:2:5: 'on': write true or false" },
        { "name: a\nwindow: 10\n", "t.yaml:2:9: 'window': not a duration" },
        { "name: a\nsize: 5 apples\n", "t.yaml:2:7: 'size': 'apples' is no unit" },
        { "name: a\nsize: 99999999999TiB\n", "too big" },
        { "name: a\nratio: nan\n", "t.yaml:2:8: 'ratio': not a number" },
        { "name: a\nratio: 0x10\n", "not a number" },
        { "name: a\nratio: 1e999\n", "not a number" },
        { "name: a\nratio: 1e\n", "not a number" },
        { "name:\n", "t.yaml:1:1: 'name' has no value" },
        { "name: [a]\n", "t.yaml:1:7: 'name' takes one value, not a list" },
        { "name: { a: b }\n", "'name' takes one value, not keys with values" },
        { "name: a\nwords: [a, [b]]\n", "t.yaml:2:12: here goes a string" },
        { "name: a\nwords: { a: b }\n", "'words' takes one value" },
        { "name: a\npath: \"\"\n", "t.yaml:2:7: 'path': the path is empty" },
        { "name: a\npath: ${HOME}/x\n", "only ${CREDENTIALS_DIRECTORY}" },
        { "[a, b]\n", "t.yaml:1:1: here goes keys with values, not a list" },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        struct kt_yaml *y = tree_of(cases[i].text);
        struct kt_error err = { 0 };
        struct sample s = { 0 };
        if (kt_options_fill(y, kt_yaml_root(y), table, &s, &err) != KT_E_CONFIG)
            fail_msg("case %zu is taken", i);
        if (strstr(err.text, cases[i].error) == NULL)
            fail_msg("case %zu: %s", i, err.text);
        assert_null(strstr(err.text, "https://x/secret"));
        kt_yaml_free(y);
    }
}

static void credentials_directory_is_expanded(void **state)
{
    (void)state;
    struct kt_yaml *y = tree_of("name: a\nurl_file: ${CREDENTIALS_DIRECTORY}/slack\n");
    struct sample s = { 0 };
    struct kt_error err = { 0 };
    unsetenv("CREDENTIALS_DIRECTORY");
    assert_int_equal(kt_options_fill(y, kt_yaml_root(y), table, &s, &err), KT_E_CONFIG);
    assert_non_null(strstr(err.text, "CREDENTIALS_DIRECTORY is not set"));
    setenv("CREDENTIALS_DIRECTORY", "/run/credentials/x", 1);
    assert_int_equal(kt_options_fill(y, kt_yaml_root(y), table, &s, &err), KT_OK);
    assert_string_equal(s.url_file, "/run/credentials/x/slack");
    unsetenv("CREDENTIALS_DIRECTORY");
    kt_yaml_free(y);
}

static void set_takes_one_option_by_text(void **state)
{
    (void)state;
    struct sample s = { 0 };
    struct kt_error err = { 0 };
    struct kt_arena keep = kt_arena_new(64);
    kt_options_defaults(table, &s);
    char value[] = "alice";
    assert_int_equal(kt_options_set(table, &s, &keep, KT_STR("name"), kt_str_of(value), &err),
                     KT_OK);
    value[0] = 'x';
    assert_string_equal(s.name, "alice");
    assert_int_equal(kt_options_set(table, &s, &keep, KT_STR("words"), KT_STR("w"), &err), KT_OK);
    assert_string_equal(s.words.at[0], "w");
    assert_int_equal(kt_options_set(table, &s, &keep, KT_STR("window"), KT_STR("5m"), &err), KT_OK);
    assert_true(s.window == 5 * KT_NS_MIN);
    assert_int_equal(kt_options_set(table, &s, &keep, KT_STR("windw"), KT_STR("5m"), &err),
                     KT_E_CONFIG);
    assert_string_equal(err.text, "unknown key 'windw', did you mean 'window'?");
    assert_int_equal(kt_options_set(table, &s, &keep, KT_STR("count"), KT_STR("x"), &err),
                     KT_E_CONFIG);
    char big[100];
    memset(big, 'b', sizeof big);
    assert_int_equal(
        kt_options_set(table, &s, &keep, KT_STR("name"), kt_str_from(big, sizeof big), &err),
        KT_E_LIMIT);
    kt_arena_done(&keep);
}

int main(void)
{
    kt_hash_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tree_keeps_marks_and_quotes),
        cmocka_unit_test(a_document_counts_the_lines_above_it),
        cmocka_unit_test(a_tree_frees_what_it_owns),
        cmocka_unit_test(what_is_outside_the_subset_is_refused_with_its_place),
        cmocka_unit_test(size_and_members_are_bounded),
        cmocka_unit_test(tables_fill_defaults_and_given_values),
        cmocka_unit_test(mistakes_name_their_place_and_the_mend),
        cmocka_unit_test(credentials_directory_is_expanded),
        cmocka_unit_test(set_takes_one_option_by_text),
    };
    return cmocka_run_group_tests_name("config/yaml", tests, NULL, NULL);
}
