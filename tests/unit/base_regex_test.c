/* core/base/regex: what it takes, what it refuses, and that time is linear in the text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <string.h>
#include <time.h>

#include "core/base/regex.h"

static bool found(const char *pattern, unsigned flags, const char *text)
{
    struct kt_regex *re = NULL;
    struct kt_error err = { 0 };
    if (kt_regex_new(kt_str_of(pattern), flags, &re, &err) != KT_OK)
        fail_msg("%s: %s", pattern, err.text);
    bool yes = kt_regex_find(re, kt_str_of(text));
    kt_regex_free(re);
    return yes;
}

static void patterns_match_anywhere_unless_they_say_where(void **state)
{
    (void)state;
    assert_true(found("b+", 0, "abba"));
    assert_false(found("^b+$", 0, "abba"));
    assert_true(found("", 0, ""));
    assert_false(found("ABBA", 0, "abba"));
    assert_true(found("ABBA", KT_REGEX_ANY_CASE, "abba"));
    assert_false(found("^b$", 0, "a\nb\nc"));
    assert_true(found("^b$", KT_REGEX_LINES, "a\nb\nc"));
    assert_false(found("a.b", 0, "a\nb"));
    assert_true(found("a.b", KT_REGEX_DOT_LINES, "a\nb"));
    assert_true(found("\\d{3}-(?:x|y)\\b", 0, "no 123-x."));
    assert_true(found("^.$", 0, "\303\244")); /* one character, two bytes */
}

static void what_needs_going_back_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "(a)\\1", "a(?=b)", "(?<!a)b", "(", "[z-a]", "a{1001}", "*"
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(bad); i++) {
        struct kt_regex *re = NULL;
        struct kt_error err = { 0 };
        assert_int_equal(kt_regex_new(kt_str_of(bad[i]), 0, &re, &err), KT_E_INPUT);
        assert_null(re);
        assert_true(err.text[0] != '\0');
    }
    struct kt_regex *re = NULL;
    struct kt_error err = { 0 };
    assert_int_equal(kt_regex_new(KT_STR("(\\pL{100}){9}"), 0, &re, &err), KT_E_LIMIT);
    assert_string_equal(err.text, "the expression is too large: repeat less in it");
}

/* A matcher that goes back would take longer than the universe is old. */
static void time_is_linear(void **state)
{
    (void)state;
    static char text[60001];
    memset(text, 'a', sizeof text - 2);
    text[sizeof text - 2] = '!';
    clock_t from = clock();
    assert_false(found("^(a+)+$", 0, text));
    assert_false(found("(a|aa|aaa)*b", 0, text));
    assert_true(clock() - from < 5 * CLOCKS_PER_SEC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_match_anywhere_unless_they_say_where),
        cmocka_unit_test(what_needs_going_back_is_refused),
        cmocka_unit_test(time_is_linear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
