/* base/str: comparing, splitting, numbers, globs, distance, UTF-8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/err.h"
#include "core/base/str.h"

static void glob_stars_know_segments(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool match;
    } cases[] = {
        { "", "", true },
        { "", "a", false },
        { "prod/db", "prod/db", true },
        { "prod/db", "prod/dbx", false },
        { "prod/*", "prod/db", true },
        { "prod/*", "prod/", true },
        { "prod/*", "prod/db/main", false },
        { "prod/**", "prod/db/main", true },
        { "prod/**", "prod", false },
        { "*@acme.example", "alice@acme.example", true },
        { "*@acme.example", "a/b@acme.example", false },
        { "**@acme.example", "a/b@acme.example", true },
        { "**/db/*", "x/db/y/db/z", true },
        { "**/db/*", "x/db/y/db/z/w", false },
        { "a*b*c", "aXbYbZc", true },
        { "a*b*c", "aXbYbZ", false },
        { "*", "", true },
        { "**", "any/thing", true },
        { "a?[b]", "a?[b]", true },
        { "a?[b]", "axb", false },
        { "***x", "a/bx", true },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++)
        if (kt_str_glob(kt_str_of(cases[i].pattern), kt_str_of(cases[i].text)) != cases[i].match)
            fail_msg("'%s' against '%s'", cases[i].pattern, cases[i].text);
}

static void glob_stays_linear_on_hostile_text(void **state)
{
    (void)state;
    size_t n = 64u << 10;
    char *text = kt_alloc(n);
    memset(text, 'a', n);
    assert_false(kt_str_glob(KT_STR("**a*a*a*a**a*a*a*a**a*a*ab"), kt_str_from(text, n)));
    char longest[1100];
    memset(longest, '*', sizeof longest);
    assert_false(kt_str_glob(kt_str_from(longest, sizeof longest), KT_STR("a")));
    assert_true(kt_str_glob(kt_str_from(longest, 1024), KT_STR("a")));
    kt_free(text);
}

static void numbers_are_strict(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool u64, i64;
    } cases[] = {
        { "0", true, true },
        { "18446744073709551615", true, false },
        { "18446744073709551616", false, false },
        { "9223372036854775807", true, true },
        { "9223372036854775808", true, false },
        { "-9223372036854775808", false, true },
        { "-9223372036854775809", false, false },
        { "", false, false },
        { "-", false, false },
        { "+1", false, false },
        { " 1", false, false },
        { "1a", false, false },
        { "--1", false, false },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        uint64_t u = 7;
        int64_t s = 7;
        assert_int_equal(kt_str_u64(kt_str_of(cases[i].text), &u), cases[i].u64);
        assert_int_equal(kt_str_i64(kt_str_of(cases[i].text), &s), cases[i].i64);
        assert_true(cases[i].u64 || u == 7);
    }
    int64_t v;
    assert_true(kt_str_i64(KT_STR("-9223372036854775808"), &v));
    assert_true(v == INT64_MIN);
}

static void split_gives_every_part_once(void **state)
{
    (void)state;
    struct kt_str rest = KT_STR("a,,b,"), part;
    const char *want[] = { "a", "", "b", "" };
    for (size_t i = 0; i < KT_ARRAY_LEN(want); i++) {
        assert_true(kt_str_split(&rest, ',', &part));
        assert_true(kt_str_is(part, want[i]));
    }
    assert_false(kt_str_split(&rest, ',', &part));
    rest = KT_STR("");
    assert_true(kt_str_split(&rest, ',', &part));
    assert_int_equal(part.len, 0);
    assert_false(kt_str_split(&rest, ',', &part));
}

static void searching_stays_inside(void **state)
{
    (void)state;
    struct kt_str s = KT_STR("abcabc");
    assert_int_equal(kt_str_find(s, KT_STR("bc"), 0), 1);
    assert_int_equal(kt_str_find(s, KT_STR("bc"), 2), 4);
    assert_int_equal(kt_str_find(s, KT_STR("bc"), 5), -1);
    assert_int_equal(kt_str_find(s, KT_STR(""), 6), 6);
    assert_int_equal(kt_str_find(s, KT_STR(""), 7), -1);
    assert_int_equal(kt_str_find_byte(s, 'c', 3), 5);
    assert_int_equal(kt_str_rfind_byte(s, 'a'), 3);
    assert_int_equal(kt_str_rfind_byte(KT_STR_NONE, 'a'), -1);
    assert_true(kt_str_is(kt_str_sub(s, 4, 100), "bc"));
    assert_int_equal(kt_str_sub(s, 100, 1).len, 0);
    assert_int_equal(kt_str_sub(KT_STR_NONE, 1, 1).len, 0);
    assert_true(kt_str_is(kt_str_trim(KT_STR(" \t a b\r\n")), "a b"));
    assert_true(kt_str_eq_nocase(KT_STR("AbC"), KT_STR("aBc")));
    assert_true(kt_str_starts_nocase(KT_STR("Bearer x"), KT_STR("bearer ")));
    assert_true(kt_str_ends(s, KT_STR("abc")) && !kt_str_ends(KT_STR("bc"), s));
    assert_true(kt_str_eq(KT_STR_NONE, KT_STR("")));
    assert_int_equal(kt_str_cmp(KT_STR("a"), KT_STR("ab")), -1);
    assert_int_equal(kt_str_cmp(KT_STR("\xff"), KT_STR("a")), 1);
    char z[3];
    kt_str_copyz(z, sizeof z, s);
    assert_string_equal(z, "ab");
}

static void distance_counts_edits_and_swaps(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        unsigned edits;
    } cases[] = {
        { "retention", "retention", 0 },
        { "retenton", "retention", 1 },
        { "teh", "the", 1 },
        { "kitten", "sitting", 3 },
        { "", "abc", 3 },
        { "abcdef", "ghijkl", 4 },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++)
        assert_int_equal(kt_str_distance(kt_str_of(cases[i].a), kt_str_of(cases[i].b), 3),
                         cases[i].edits);
}

static void utf8_refuses_what_rfc_3629_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool valid;
    } cases[] = {
        { "plain ascii, longer than a word", true },
        { "käse ☃ 😀 and more text", true },
        { "12345678\xff", false },
        { "\xc0\x80", false },         /* overlong */
        { "\xe0\x80\x80", false },     /* overlong */
        { "\xed\xa0\x80", false },     /* surrogate */
        { "\xf4\x90\x80\x80", false }, /* over U+10FFFF */
        { "\xe2\x98", false },         /* cut */
        { "\x80", false },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++)
        if (kt_utf8_valid(kt_str_of(cases[i].text)) != cases[i].valid)
            fail_msg("case %zu", i);
    assert_true(kt_str_is(kt_utf8_cut(KT_STR("aä"), 2), "a"));
    assert_true(kt_str_is(kt_utf8_cut(KT_STR("aä"), 3), "aä"));
    assert_int_equal(kt_utf8_cut(KT_STR("😀😀"), 7).len, 4);
    assert_int_equal(kt_utf8_cut(KT_STR("\x80\x80\x80\x80\x80\x80\x80"), 5).len, 5);
    assert_int_equal(kt_utf8_cut(KT_STR("abc"), 0).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(glob_stars_know_segments),
        cmocka_unit_test(glob_stays_linear_on_hostile_text),
        cmocka_unit_test(numbers_are_strict),
        cmocka_unit_test(split_gives_every_part_once),
        cmocka_unit_test(searching_stays_inside),
        cmocka_unit_test(distance_counts_edits_and_swaps),
        cmocka_unit_test(utf8_refuses_what_rfc_3629_refuses),
    };
    return cmocka_run_group_tests_name("base/str", tests, NULL, NULL);
}
