/* json_plain: what it takes is what simdjson takes, and becomes the same tree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/hash.h"
#include "tests/support/json_pair.h"

#define TOKENS_MAX 5u

static const char *const tokens[] = { "{",  "}", "[", "]", ",",    ":", "\"a\"",
                                      "\"", "1", "0", "-", "true", " ", "e" };

static bool takes(struct json_pair *p, struct kt_str text)
{
    bool taken;
    if (!json_pair_agrees(p, text, &taken))
        fail_msg("simdjson reads otherwise: " KT_STR_FMT, KT_STR_ARG(text));
    return taken;
}

/* The text of a sequence, whose tokens are the digits of `number`. */
static void spell(uint64_t number, unsigned n, struct kt_buf *out)
{
    for (; n > 0; n--, number /= KT_ARRAY_LEN(tokens))
        kt_buf_addz(out, tokens[number % KT_ARRAY_LEN(tokens)]);
}

static void every_short_text_is_read_as_the_library_reads_it(void **state)
{
    static const char *const around[][2] = { { "", "" }, { "[", "]" }, { "{\"k\":", "}" } };
    struct json_pair p;
    struct kt_buf text = { 0 };
    unsigned taken = 0;
    (void)state;
    json_pair_open(&p);
    uint64_t all = 1;
    for (unsigned n = 0; n <= TOKENS_MAX; n++, all *= KT_ARRAY_LEN(tokens)) {
        for (uint64_t number = 0; number < all * KT_ARRAY_LEN(around); number++) {
            const char *const *a = around[number % KT_ARRAY_LEN(around)];
            kt_buf_reset(&text);
            kt_buf_addz(&text, a[0]);
            spell(number / KT_ARRAY_LEN(around), n, &text);
            kt_buf_addz(&text, a[1]);
            taken += takes(&p, kt_buf_str(&text));
        }
    }
    assert_true(taken > 1000);
    kt_buf_done(&text);
    json_pair_done(&p);
}

static void a_record_with_one_byte_changed_is_read_as_the_library_reads_it(void **state)
{
    static const char record[] =
        " {\"time\":\"2026-03-02T07:00:00Z\",\"n\":-12,\"ok\":[true,false,null,{}],\"deep\":"
        "{\"list\":[[],[\"\",\"a long string over more than one block of sixty-four bytes\"]],"
        "\"n\":123456789012345678} , \"n\" : 0, \"\xc3\xa4\":\"\xe2\x82\xac\"} ";
    struct json_pair p;
    char text[sizeof record];
    unsigned taken = 0;
    (void)state;
    json_pair_open(&p);
    assert_true(takes(&p, kt_str_of(record)));
    for (size_t i = 0; i < sizeof record - 1; i++) {
        memcpy(text, record, sizeof record);
        for (unsigned c = 0; c < 256; c++) {
            text[i] = (char)c;
            taken += takes(&p, kt_str_from(text, sizeof record - 1));
        }
        (void)takes(&p, kt_str_from(record, i));
    }
    assert_true(taken > 1000);
    json_pair_done(&p);
}

static void what_it_does_not_judge_is_left_to_the_library(void **state)
{
    static const char *const texts[] = {
        "",       "{",        "[\"\\n\"]",  "[1.5]", "[1e3]", "[9223372036854775808]",
        "[1]\n",  "[\"\t\"]", "[\"\xff\"]", "\"x\"", "1",     "[1] [2]",
        "[true ", "[tru]",    "{\"a\":1,}",
    };
    struct json_pair p;
    (void)state;
    json_pair_open(&p);
    for (size_t i = 0; i < KT_ARRAY_LEN(texts); i++)
        assert_false(takes(&p, kt_str_of(texts[i])));
    json_pair_done(&p);
}

/* A time in nanoseconds has nineteen digits: each report of an agent says one. */
static void whole_numbers_of_64_bits_are_taken(void **state)
{
    static const char *const taken[] = { "[1796321020000000000]", "[999999999999999999]",
                                         "[9223372036854775807]", "[-9223372036854775807]" };
    static const char *const left[] = { "[9223372036854775808]", "[-9223372036854775808]",
                                        "[9999999999999999999]", "[10000000000000000000]",
                                        "[0123456789012345678]" };
    struct json_pair p;
    (void)state;
    json_pair_open(&p);
    for (size_t i = 0; i < KT_ARRAY_LEN(taken); i++)
        assert_true(takes(&p, kt_str_of(taken[i])));
    for (size_t i = 0; i < KT_ARRAY_LEN(left); i++)
        assert_false(takes(&p, kt_str_of(left[i])));
    json_pair_done(&p);
}

static void limits_are_told_by_the_library(void **state)
{
    struct json_pair p;
    struct kt_buf text = { 0 };
    (void)state;
    json_pair_open(&p);
    for (unsigned depth = KT_JSON_DEPTH_MAX; depth <= KT_JSON_DEPTH_MAX + 1; depth++) {
        kt_buf_reset(&text);
        for (unsigned i = 0; i < depth; i++)
            kt_buf_byte(&text, '[');
        for (unsigned i = 0; i < depth; i++)
            kt_buf_byte(&text, ']');
        assert_int_equal(takes(&p, kt_buf_str(&text)), depth <= KT_JSON_DEPTH_MAX);
    }
    for (unsigned n = KT_JSON_MEMBERS_MAX; n <= KT_JSON_MEMBERS_MAX + 1; n++) {
        kt_buf_reset(&text);
        for (unsigned i = 0; i < n; i++)
            kt_buf_addf(&text, "%s\"k%u\":%u", i == 0 ? "{" : ",", i % 1990, i);
        kt_buf_byte(&text, '}');
        assert_int_equal(takes(&p, kt_buf_str(&text)), n <= KT_JSON_MEMBERS_MAX);
    }
    kt_buf_done(&text);
    json_pair_done(&p);
}

/* Was it read by the shape of a text before it? Then its tree is none that was built for it. */
static bool is_by_shape(struct json_pair *p, const char *text)
{
    kt_json_tree_start(&p->by_plain, strlen(text), false, true);
    const struct kt_json_node *root = kt_json_plain_parse(&p->plain, kt_str_of(text), &p->by_plain);
    const bool by_shape = root != p->by_plain.nodes;
    assert_non_null(root);
    assert_true(takes(p, kt_str_of(text)));
    return by_shape;
}

static void a_record_of_a_shape_that_is_known_is_read_by_it(void **state)
{
    struct json_pair p;
    (void)state;
    json_pair_open(&p);
    static const char *const others[] = {
        "{\"a\":\"\",\"n\":1,\"deep\":{\"list\":[\"yz\",null]}}",
        "{\"b\":\"\",\"n\":1,\"deep\":{\"list\":[\"yz\",true]}}",
        "{\"a\":\"\",\"n\":1,\"deep\":{\"list\":[\"yz\",true]}} "
    };
    assert_false(is_by_shape(&p, "{\"a\":\"x\",\"n\":1,\"deep\":{\"list\":[\"\",true]}}"));
    for (size_t i = 0; i < KT_ARRAY_LEN(others); i++) {
        assert_true(is_by_shape(&p, "{\"a\":\"\",\"n\":-12,\"deep\":{\"list\":[\"yz\",true]}}"));
        assert_false(is_by_shape(&p, others[i]));
    }
    json_pair_done(&p);
}

/* The keys of a shape stand in the text that it was learned of, and its values between them. */
static void no_value_of_the_record_that_a_shape_was_learned_of_is_kept(void **state)
{
    static const char text[] = "{\"a\":\"other\",\"n\":99999}";
    struct json_pair p;
    (void)state;
    json_pair_open(&p);
    assert_false(is_by_shape(&p, "{\"a\":\"token\",\"n\":12345}"));
    kt_json_tree_start(&p.by_plain, strlen(text), false, true);
    const struct kt_json_node *root = kt_json_plain_parse(&p.plain, kt_str_of(text), &p.by_plain);
    assert_ptr_not_equal(root, p.by_plain.nodes);
    assert_memory_equal(root[1].key, "a\":\"     \",\"n\":     }", 20);
    json_pair_done(&p);
}

static void another_shape_is_learned_when_the_one_that_is_known_does_not_come_again(void **state)
{
    struct json_pair p;
    (void)state;
    json_pair_open(&p);
    assert_false(is_by_shape(&p, "{\"a\":\"x\"}"));
    assert_true(is_by_shape(&p, "{\"a\":\"y\"}"));
    assert_false(is_by_shape(&p, "{\"b\":\"x\"}"));
    assert_false(is_by_shape(&p, "{\"b\":\"x\"}"));
    assert_true(is_by_shape(&p, "{\"b\":\"y\"}"));
    json_pair_done(&p);
}

/* Members are found by their sort, of which two may be alike in its low bits: so these are many. */
static void members_of_a_known_shape_are_found_by_name(void **state)
{
    struct json_pair p;
    struct kt_buf text = { 0 };
    char name[8];
    (void)state;
    json_pair_open(&p);
    for (unsigned round = 0; round < 2; round++) {
        kt_buf_reset(&text);
        for (unsigned i = 0; i < 60; i++)
            kt_buf_addf(&text, "%s\"k%u\":%u", i == 0 ? "{\"in\":{}," : ",", i * 7, round + i);
        kt_buf_byte(&text, '}');
        kt_json_tree_start(&p.by_plain, text.len, false, true);
        const struct kt_jval root = { kt_json_plain_parse(&p.plain, kt_buf_str(&text),
                                                          &p.by_plain) };
        assert_int_equal(root.node != p.by_plain.nodes, round == 1);
        for (unsigned i = 0; i < 420; i++) {
            int64_t value = -1;
            (void)snprintf(name, sizeof name, "k%u", i);
            assert_int_equal(kt_json_i64(kt_json_get(root, kt_str_of(name)), &value), i % 7 == 0);
            assert_int_equal(value, i % 7 == 0 ? (int64_t)(round + i / 7) : -1);
        }
        assert_null(kt_json_at(root, "in.k0").node);
    }
    kt_buf_done(&text);
    json_pair_done(&p);
}

/* What stands between its values is as it was: only they may be wrong. */
static void a_value_that_is_wrong_is_wrong_in_a_known_shape_too(void **state)
{
    static const char *const values[] = {
        "", "-", "01", "1.5", "1e3", "\"x", "\"\\\"", "\"\n\"", "\"\xff\"", "9223372036854775808"
    };
    struct json_pair p;
    struct kt_buf text = { 0 };
    (void)state;
    json_pair_open(&p);
    for (size_t i = 0; i < KT_ARRAY_LEN(values); i++) {
        const bool string = values[i][0] == '"';
        assert_true(takes(&p, kt_str_of(string ? "{\"a\":\"x\",\"b\":[]}" : "{\"a\":1,\"b\":[]}")));
        kt_buf_reset(&text);
        kt_buf_addf(&text, "{\"a\":%s,\"b\":[]}", values[i]);
        assert_false(takes(&p, kt_buf_str(&text)));
    }
    kt_buf_done(&text);
    json_pair_done(&p);
}

static void a_string_over_the_limit_is_cut_in_a_known_shape_too(void **state)
{
    struct json_pair p;
    struct kt_buf text = { 0 };
    (void)state;
    json_pair_open(&p);
    assert_true(takes(&p, KT_STR("[\"x\",1]")));
    for (size_t n = KT_STRING_MAX; n <= KT_STRING_MAX + 1; n++) {
        kt_buf_reset(&text);
        kt_buf_addz(&text, "[\"");
        for (size_t i = 0; i < n; i++)
            kt_buf_byte(&text, 'x');
        kt_buf_addz(&text, "\",1]");
        assert_true(takes(&p, kt_buf_str(&text)));
    }
    kt_buf_done(&text);
    json_pair_done(&p);
}

/* Each of these signs is a value, as far as one knows before the text ends. */
static void containers_that_are_not_closed_fit_their_tree(void **state)
{
    static const char *const opens[] = { "[", "{\"\":", "[{\"\":", "[0,", "[[]," };
    struct kt_buf text = { 0 };
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(opens); i++) {
        kt_buf_reset(&text);
        for (unsigned n = 1; n < 2 * KT_JSON_DEPTH_MAX; n++) {
            struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
            struct json_pair p;
            struct kt_jval root;
            json_pair_open(&p);
            kt_buf_addz(&text, opens[i]);
            assert_false(takes(&p, kt_buf_str(&text)));
            assert_int_not_equal(kt_json_parse(json, kt_buf_str(&text), &root, NULL, NULL), KT_OK);
            json_pair_done(&p);
            kt_json_free(json);
        }
    }
    kt_buf_done(&text);
}

int main(void)
{
    kt_hash_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_short_text_is_read_as_the_library_reads_it),
        cmocka_unit_test(a_record_with_one_byte_changed_is_read_as_the_library_reads_it),
        cmocka_unit_test(what_it_does_not_judge_is_left_to_the_library),
        cmocka_unit_test(whole_numbers_of_64_bits_are_taken),
        cmocka_unit_test(limits_are_told_by_the_library),
        cmocka_unit_test(containers_that_are_not_closed_fit_their_tree),
        cmocka_unit_test(a_record_of_a_shape_that_is_known_is_read_by_it),
        cmocka_unit_test(no_value_of_the_record_that_a_shape_was_learned_of_is_kept),
        cmocka_unit_test(another_shape_is_learned_when_the_one_that_is_known_does_not_come_again),
        cmocka_unit_test(members_of_a_known_shape_are_found_by_name),
        cmocka_unit_test(a_value_that_is_wrong_is_wrong_in_a_known_shape_too),
        cmocka_unit_test(a_string_over_the_limit_is_cut_in_a_known_shape_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
