/* json: what the view shows, and that both bodies follow the same rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/hash.h"
#include "core/base/limits.h"
#include "core/event/json.h"

static const enum kt_json_body both[] = { KT_JSON_SIMDJSON, KT_JSON_JANSSON };

/* Parses with both bodies; out holds what the first wrote, or is empty when both refused. */
static enum kt_status parse_both(struct kt_str text, struct kt_buf *out, unsigned *ret_repaired)
{
    enum kt_status status[2];
    struct kt_buf written[2] = { 0 };
    unsigned repaired[2] = { 0, 0 };
    for (unsigned b = 0; b < 2; b++) {
        struct kt_json *j = kt_json_new(both[b]);
        struct kt_jval root = { NULL };
        struct kt_error err = { 0 };
        status[b] = kt_json_parse(j, text, &root, &repaired[b], &err);
        if (status[b] == KT_OK)
            kt_json_write(root, &written[b]);
        else
            assert_int_equal(err.code, status[b]);
        kt_json_free(j);
    }
    assert_int_equal(status[0], status[1]);
    assert_int_equal(repaired[0], repaired[1]);
    assert_true(kt_str_eq(kt_buf_str(&written[0]), kt_buf_str(&written[1])));
    kt_buf_reset(out);
    kt_buf_add(out, kt_buf_str(&written[0]));
    kt_buf_done(&written[0]);
    kt_buf_done(&written[1]);
    *ret_repaired = repaired[0];
    return status[0];
}

static void documents_come_out_by_the_rules(void **state)
{
    (void)state;
    static const struct {
        struct kt_str in;
        const char *out; /* NULL: refused */
        unsigned repaired;
    } rows[] = {
        { KT_STR_INIT(" { \"a\" : [ 1 , true , null , \"x\" ] } "), "{\"a\":[1,true,null,\"x\"]}",
          0 },
        { KT_STR_INIT("[]"), "[]", 0 },
        { KT_STR_INIT("{}"), "{}", 0 },
        { KT_STR_INIT("[1.50,-0,1e5,0.1E-7]"), "[1.50,-0,1e5,0.1E-7]", 0 },
        { KT_STR_INIT("[18446744073709551615]"), "[18446744073709551615]", 0 },
        { KT_STR_INIT("[18446744073709551616]"), "[18446744073709551616]", 1 },
        { KT_STR_INIT("[-9223372036854775809,1]"), "[-9223372036854775809,1]", 1 },
        { KT_STR_INIT("[1e400]"), "[1e400]", 0 },
        { KT_STR_INIT("{\"a\":1,\"b\":2,\"a\":{\"x\":[3]}}"), "{\"a\":1,\"b\":2}", 1 },
        { KT_STR_INIT(
              "{\"a\":{\"a\":1,\"b\":[{\"a\":2}],\"a\":3},\"b\":{\"a\":4},\"a\":5,\"b\":6}"),
          "{\"a\":{\"a\":1,\"b\":[{\"a\":2}]},\"b\":{\"a\":4}}", 3 },
        { KT_STR_INIT("{\"a\":1,\"\\u0061\":2}"), "{\"a\":1}", 1 },
        { KT_STR_INIT("{\"\":1}"), "{\"\":1}", 0 },
        { KT_STR_INIT("[\"\\ud800\"]"), "[\"\xef\xbf\xbd\"]", 1 },
        { KT_STR_INIT("[\"\\udc00x\"]"), "[\"\xef\xbf\xbdx\"]", 1 },
        { KT_STR_INIT("[\"\\ud83d\\ude00\"]"), "[\"\xf0\x9f\x98\x80\"]", 0 },
        { KT_STR_INIT("[\"\\ud83d\\u0041\"]"),
          "[\"\xef\xbf\xbd"
          "A\"]",
          1 },
        { KT_STR_INIT("[\"a\\u0000b\"]"),
          "[\"a\xef\xbf\xbd"
          "b\"]",
          1 },
        { KT_STR_INIT("[\"a\\\\u0000b\"]"), "[\"a\\\\u0000b\"]", 0 },
        { KT_STR_INIT("[\"\xff\xc3\xa4\xc3\"]"), "[\"\xef\xbf\xbd\xc3\xa4\xef\xbf\xbd\"]", 2 },
        { KT_STR_INIT("[\"\\u0001\\n\\/\\u007f\"]"), "[\"\\u0001\\n/\x7f\"]", 0 },
        { KT_STR_INIT("{\"k\xff\":\"\\ud800\",\"n\":12}"),
          "{\"k\xef\xbf\xbd\":\"\xef\xbf\xbd\",\"n\":12}", 2 },
        { KT_STR_INIT(""), NULL, 0 },
        { KT_STR_INIT("1"), NULL, 0 },
        { KT_STR_INIT("\"x\""), NULL, 0 },
        { KT_STR_INIT("null"), NULL, 0 },
        { KT_STR_INIT("{} x"), NULL, 0 },
        { KT_STR_INIT("{}{}"), NULL, 0 },
        { KT_STR_INIT("[01]"), NULL, 0 },
        { KT_STR_INIT("[1.]"), NULL, 0 },
        { KT_STR_INIT("[+1]"), NULL, 0 },
        { KT_STR_INIT("[-]"), NULL, 0 },
        { KT_STR_INIT("[1,]"), NULL, 0 },
        { KT_STR_INIT("{1:2}"), NULL, 0 },
        { KT_STR_INIT("{\"a\":1,\"b\"}"), NULL, 0 },
        { KT_STR_INIT("[\"a\nb\"]"), NULL, 0 },
        { KT_STR_INIT("[\"\\x\"]"), NULL, 0 },
        { KT_STR_INIT("[\"\\u12g4\"]"), NULL, 0 },
        { KT_STR_INIT("[\"a]"), NULL, 0 },
        { KT_STR_INIT("[\"a\0b\"]"), NULL, 0 },
        { KT_STR_INIT("[1]\0"), NULL, 0 },
        { KT_STR_INIT("\xff[1]"), NULL, 0 },
        { KT_STR_INIT("[nul]"), NULL, 0 },
        { KT_STR_INIT("[NaN]"), NULL, 0 },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(rows); i++) {
        struct kt_buf out = { 0 };
        unsigned repaired;
        enum kt_status s = parse_both(rows[i].in, &out, &repaired);
        if (s != (rows[i].out == NULL ? KT_E_INPUT : KT_OK))
            fail_msg("row %zu: status %d", i, s);
        if (rows[i].out != NULL && !kt_str_is(kt_buf_str(&out), rows[i].out))
            fail_msg("row %zu: " KT_STR_FMT, i, KT_STR_ARG(kt_buf_str(&out)));
        if (repaired != rows[i].repaired)
            fail_msg("row %zu: %u repaired", i, repaired);
        kt_buf_done(&out);
    }
}

static void nesting_beyond_the_depth_is_over_the_limit(void **state)
{
    (void)state;
    struct kt_buf text = { 0 }, out = { 0 };
    unsigned repaired;
    for (unsigned depth = KT_JSON_DEPTH_MAX; depth <= KT_JSON_DEPTH_MAX + 1; depth++) {
        kt_buf_reset(&text);
        for (unsigned i = 0; i < depth; i++)
            kt_buf_byte(&text, '[');
        for (unsigned i = 0; i < depth; i++)
            kt_buf_byte(&text, ']');
        assert_int_equal(parse_both(kt_buf_str(&text), &out, &repaired),
                         depth <= KT_JSON_DEPTH_MAX ? KT_OK : KT_E_LIMIT);
    }
    kt_buf_done(&text);
    kt_buf_done(&out);
}

static void object_of(struct kt_buf *text, unsigned members, unsigned distinct)
{
    kt_buf_reset(text);
    for (unsigned i = 0; i < members; i++)
        kt_buf_addf(text, "%s\"k%u\":%u", i == 0 ? "{" : ",", i % distinct, i);
    kt_buf_byte(text, '}');
}

static void members_are_counted_and_twice_written_ones_dropped(void **state)
{
    (void)state;
    struct kt_buf text = { 0 }, out = { 0 };
    unsigned repaired;
    object_of(&text, KT_JSON_MEMBERS_MAX, 3000);
    assert_int_equal(parse_both(kt_buf_str(&text), &out, &repaired), KT_OK);
    assert_true(kt_str_eq(kt_buf_str(&text), kt_buf_str(&out)));
    object_of(&text, KT_JSON_MEMBERS_MAX + 1, 3000);
    assert_int_equal(parse_both(kt_buf_str(&text), &out, &repaired), KT_E_LIMIT);
    object_of(&text, 100, 3);
    assert_int_equal(parse_both(kt_buf_str(&text), &out, &repaired), KT_OK);
    assert_int_equal(repaired, 97);
    assert_true(kt_str_is(kt_buf_str(&out), "{\"k0\":0,\"k1\":1,\"k2\":2}"));
    kt_buf_done(&text);
    kt_buf_done(&out);
}

static void long_strings_and_keys_are_cut_on_a_code_point(void **state)
{
    (void)state;
    struct kt_buf text = { 0 }, out = { 0 };
    unsigned repaired;
    kt_buf_addz(&text, "{\"");
    for (unsigned i = 0; i < KT_KEY_MAX; i++)
        kt_buf_byte(&text, 'k');
    kt_buf_addz(&text, "more\":\"x");
    for (unsigned i = 0; i < KT_STRING_MAX / 2; i++)
        kt_buf_addz(&text, "\xc3\xa4");
    kt_buf_addz(&text, "\"}");
    assert_int_equal(parse_both(kt_buf_str(&text), &out, &repaired), KT_OK);
    assert_int_equal(repaired, 2);
    assert_int_equal(out.len, 2 + KT_KEY_MAX + 3 + KT_STRING_MAX - 1 + 2);
    kt_buf_done(&text);
    kt_buf_done(&out);
}

static void values_are_reached_by_name_path_and_walk(void **state)
{
    (void)state;
    struct kt_str text =
        KT_STR("{\"auth\":{\"metadata\":{\"role\":\"pay\",\"a.b\":7},\"n\":-12,"
               "\"f\":1.0,\"t\":\"true\",\"b\":false,\"z\":null},\"l\":[\"x\",2]}");
    for (unsigned b = 0; b < 2; b++) {
        struct kt_json *j = kt_json_new(both[b]);
        struct kt_jval root;
        int64_t i = 0;
        assert_int_equal(kt_json_parse(j, text, &root, NULL, NULL), KT_OK);
        assert_true(kt_str_is(kt_json_str_at(root, "auth.metadata.role"), "pay"));
        assert_int_equal(kt_json_str_at(root, "auth.metadata.role.x").len, 0);
        struct kt_jval meta = kt_json_at(root, "auth.metadata");
        assert_true(kt_str_is(kt_json_text(kt_json_get(meta, KT_STR("a.b"))), "7"));
        assert_true(kt_json_i64(kt_json_at(root, "auth.n"), &i));
        assert_int_equal(i, -12);
        assert_false(kt_json_i64(kt_json_at(root, "auth.f"), &i));
        assert_true(kt_json_bool(kt_json_at(root, "auth.t"), false));
        assert_false(kt_json_bool(kt_json_at(root, "auth.b"), true));
        assert_true(kt_json_bool(kt_json_at(root, "auth.n"), true));
        assert_int_equal(kt_json_type(kt_json_at(root, "auth.z")), KT_JSON_NULL);
        assert_true(kt_str_is(kt_json_text(kt_json_at(root, "auth.z")), "null"));
        assert_int_equal(kt_json_type(kt_json_at(root, "nothing.here")), KT_JSON_NONE);
        assert_int_equal(kt_json_count(kt_json_at(root, "l")), 2);

        struct kt_json_iter it = { kt_json_at(root, "auth"), 0, NULL };
        struct kt_str name;
        struct kt_jval v;
        unsigned n = 0;
        while (kt_json_next(&it, &name, &v))
            n++;
        assert_int_equal(n, 6);
        assert_true(kt_str_is(name, "z"));
        it = kt_json_iter(kt_json_at(root, "nothing"));
        assert_false(kt_json_next(&it, &name, &v));
        kt_json_free(j);
    }
}

static void a_parser_is_reused_after_a_refusal(void **state)
{
    (void)state;
    for (unsigned b = 0; b < 2; b++) {
        struct kt_json *j = kt_json_new(both[b]);
        struct kt_jval root;
        struct kt_error err;
        assert_int_equal(kt_json_parse(j, KT_STR("[[["), &root, NULL, &err), KT_E_INPUT);
        assert_int_equal(kt_json_parse(j, KT_STR("[5]"), &root, NULL, &err), KT_OK);
        assert_int_equal(kt_json_count(root), 1);
        kt_json_free(j);
    }
}

int main(void)
{
    kt_hash_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_come_out_by_the_rules),
        cmocka_unit_test(nesting_beyond_the_depth_is_over_the_limit),
        cmocka_unit_test(members_are_counted_and_twice_written_ones_dropped),
        cmocka_unit_test(long_strings_and_keys_are_cut_on_a_code_point),
        cmocka_unit_test(values_are_reached_by_name_path_and_walk),
        cmocka_unit_test(a_parser_is_reused_after_a_refusal),
    };
    return cmocka_run_group_tests_name("event_json", tests, NULL, NULL);
}
