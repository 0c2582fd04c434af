/* line_plain: what it takes the strict reader takes too, and makes the same event of; of lines
 * without escapes it leaves none to it. What is read over an event has nothing of the one before.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/buf.h"
#include "core/base/hash.h"
#include "core/base/limits.h"
#include "core/event/line_fields.h"
#include "tests/support/line_pair.h"

#define TICK       "{\"v\":1,\"kind\":\"tick\""
#define TOKENS_MAX 5u
#define PLAIN_MAX  (8u << 10) /* bytes of a line that is read here */

/* Every type of field, both wanted words, more than one block, all of ASCII and not. */
static const char *const lines[] = {
    "{\"v\":1,\"kind\":\"access\",\"source\":\"vault\",\"instance\":\"vault-prod\",\"scope\":\"s\","
    "\"native_id\":\"0bc942ee-9086-4171-b9b5-01d1d854bb71\",\"part\":1,\"decoder\":12345678,"
    "\"time\":1772435645123456000,\"precision\":1000,\"observed\":1772435645200000000,"
    "\"action\":\"read\",\"operation\":\"read\",\"outcome\":\"success\",\"actor\":\"shop/a@k8s\","
    "\"actor_kind\":\"service\",\"actor_native\":\"e1\",\"role\":\"\xc3\xa4\",\"mfa\":false,"
    "\"groups\":[\"default\",\"\",\"pay\"],\"secret\":\"vault://prod/-/kv/pay/db\","
    "\"secret_guess\":true,\"version\":\"3\",\"fields\":[\"password\"],\"count\":2,"
    "\"ip\":\"91.11.8.78\",\"ip_raw\":\"91.11.8.78:50048\",\"ip_trust\":\"edge\","
    "\"flags\":[\"repaired\",\"bulk\"],\"raw\":{\"type\":\"response\",\"n\":[1,-2.5e7,{}],"
    "\"o\":{\"a\":null,\"b\":true,\"c\":[[]]}}}",
    "{\"v\":1,\"kind\":\"amend\",\"action\":\"other\",\"outcome\":\"unknown\","
    "\"ip\":\"2001:db8::1\",\"amends\":\"x\"}",
    TICK ",\"ip\":\"10.0.0.1\",\"ip_raw\":\"::ffff:10.0.0.1\",\"raw\":{}}",
    /* names as texts, in lists and within raw */
    TICK ",\"message\":\",\",\"actor\":\"credential\",\"session\":\"s\",\"credential\":\"ASIA1\","
         "\"issuer\":\"raw\",\"groups\":[\"credential\",\"raw\"],\"raw\":{\"a\":1,\"credential\":"
         "\"no\"}}",
    TICK ",\"session\":\"s\",\"raw\":{\"raw\":{\"b\":0},\"credential\":\"no\"}}",
    TICK ",\"message\":\"\\\"\",\"credential\":\"a\\\"b\"}",
    TICK "}",
};

static bool has_minus(struct kt_str line)
{
    return kt_str_find(line, KT_STR("\":-"), 0) >= 0; /* of a time: left to the strict reader */
}

/* Both verdicts are one, but for what is left to the strict reader. */
static bool takes(struct line_pair *p, struct kt_str line)
{
    bool plain, strict;
    if (!line_pair_agrees(p, line, &plain, &strict))
        fail_msg("the strict reader reads otherwise: " KT_STR_FMT, KT_STR_ARG(line));
    const bool left = line.len >= PLAIN_MAX || kt_str_find_byte(line, '\\', 0) >= 0;
    if (strict && !plain && !left && !has_minus(line))
        fail_msg("it was left to the strict reader: " KT_STR_FMT, KT_STR_ARG(line));
    return strict;
}

static void a_line_with_one_byte_changed_is_judged_alike(void **state)
{
    struct line_pair p;
    char text[2048];
    unsigned taken = 0;
    (void)state;
    line_pair_open(&p);
    for (size_t l = 0; l < KT_ARRAY_LEN(lines); l++) {
        const size_t n = strlen(lines[l]);
        assert_true(n < sizeof text && takes(&p, kt_str_of(lines[l])));
        for (size_t i = 0; i < n; i++) {
            memcpy(text, lines[l], n);
            for (unsigned c = 0; c < 256; c++) {
                text[i] = (char)c;
                taken += takes(&p, kt_str_from(text, n));
            }
            (void)takes(&p, kt_str_from(lines[l], i));      /* cut */
            memmove(text + i, lines[l] + i + 1, n - i - 1); /* one byte less */
            taken += takes(&p, kt_str_from(text, n - 1));
            memcpy(text + i + 1, lines[l] + i, n - i); /* one twice */
            text[i] = lines[l][i];
            taken += takes(&p, kt_str_from(text, n + 1));
        }
    }
    assert_true(taken > 10000);
    line_pair_done(&p);
}

static uint64_t next(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

/* Pieces of lines in place of others. */
static void spliced_lines_are_judged_alike(void **state)
{
    struct line_pair p;
    struct kt_buf text = { 0 };
    uint64_t x = 88172645463325252u;
    unsigned taken = 0;
    (void)state;
    line_pair_open(&p);
    for (unsigned round = 0; round < 100000; round++) {
        const struct kt_str a = kt_str_of(lines[next(&x) % KT_ARRAY_LEN(lines)]);
        const struct kt_str b = kt_str_of(lines[next(&x) % 2]);
        const size_t from = next(&x) % a.len, until = from + next(&x) % 12;
        kt_buf_reset(&text);
        kt_buf_add(&text, kt_str_sub(a, 0, from));
        kt_buf_add(&text, kt_str_sub(b, next(&x) % b.len, next(&x) % 40));
        kt_buf_add(&text, kt_str_from_index(a, until));
        taken += takes(&p, kt_buf_str(&text));
    }
    assert_true(taken > 100);
    kt_buf_done(&text);
    line_pair_done(&p);
}

static void every_short_raw_is_judged_alike(void **state)
{
    static const char *const tokens[] = { "{",  "}", "[", "]", ",",    ":", "\"a\"",
                                          "\"", "1", "0", "-", "true", " ", "e" };
    static const char *const around[][2] = { { "", "" }, { "{", "}" }, { "{\"k\":", "}" } };
    struct line_pair p;
    struct kt_buf text = { 0 };
    unsigned taken = 0;
    uint64_t all = 1;
    (void)state;
    line_pair_open(&p);
    for (unsigned n = 0; n < TOKENS_MAX; n++, all *= KT_ARRAY_LEN(tokens)) {
        for (uint64_t number = 0; number < all * KT_ARRAY_LEN(around); number++) {
            const char *const *a = around[number % KT_ARRAY_LEN(around)];
            uint64_t digits = number / KT_ARRAY_LEN(around);
            kt_buf_reset(&text);
            kt_buf_addf(&text, TICK ",\"raw\":%s", a[0]);
            for (unsigned i = 0; i < n; i++, digits /= KT_ARRAY_LEN(tokens))
                kt_buf_addz(&text, tokens[digits % KT_ARRAY_LEN(tokens)]);
            kt_buf_addf(&text, "%s}", a[1]);
            taken += takes(&p, kt_buf_str(&text));
        }
    }
    assert_true(taken > 100);
    kt_buf_done(&text);
    line_pair_done(&p);
}

static void numbers_are_judged_alike(void **state)
{
    static const char *const numbers[] = {
        "0",        "1",         "01",         "9",
        "12345678", "123456789", "4294967295", "4294967296",
        "1234567/", "1234567:",  "12345678a",  "999999999999999999",
        "-1",       "-",         "+1",         "9223372036854775807",
        "1.0",      "1e3",       "",           "9223372036854775808",
        "1 ",       "00000000",  "100000000",  "9999999999999999999",
        "1\"",      "1234567",   "87654321",   "12345678901234567890",
    };
    static const char *const names[] = { "part", "time", "count" };
    struct line_pair p;
    struct kt_buf text = { 0 };
    (void)state;
    line_pair_open(&p);
    for (size_t i = 0; i < KT_ARRAY_LEN(numbers); i++)
        for (size_t k = 0; k < KT_ARRAY_LEN(names); k++)
            for (unsigned tail = 0; tail < 2; tail++) {
                kt_buf_reset(&text);
                kt_buf_addf(&text, TICK ",\"%s\":%s%s}", names[k], numbers[i],
                            tail == 0 ? "" : ",\"region\":\"eu\",\"host\":\"a-host\"");
                (void)takes(&p, kt_buf_str(&text));
            }
    kt_buf_done(&text);
    line_pair_done(&p);
}

/* A line whose end is at any place of a block, and those that are just short and just too long. */
static void lines_of_every_length_are_read(void **state)
{
    struct line_pair p;
    struct kt_buf text = { 0 };
    (void)state;
    line_pair_open(&p);
    for (size_t n = 1; n <= PLAIN_MAX + 70; n += n < 200 || n > PLAIN_MAX - 200 ? 1 : 61) {
        bool plain, strict;
        kt_buf_reset(&text);
        kt_buf_addz(&text, TICK ",\"reason\":\"");
        for (size_t i = 0; i < n; i++)
            kt_buf_byte(&text, 'x');
        kt_buf_addz(&text, "\",\"raw\":{\"\":\"\"}}");
        assert_true(line_pair_agrees(&p, kt_buf_str(&text), &plain, &strict));
        assert_true(strict);
        assert_int_equal(plain, text.len < PLAIN_MAX);
        text.len--; /* no end */
        assert_true(line_pair_agrees(&p, kt_buf_str(&text), &plain, &strict));
        assert_false(plain || strict);
    }
    kt_buf_done(&text);
    line_pair_done(&p);
}

static void limits_are_judged_alike(void **state)
{
    struct line_pair p;
    struct kt_buf text = { 0 };
    (void)state;
    line_pair_open(&p);
    for (unsigned depth = KT_JSON_DEPTH_MAX - 1; depth <= KT_JSON_DEPTH_MAX + 1; depth++) {
        for (unsigned object = 0; object < 2; object++) { /* or arrays in one object */
            kt_buf_reset(&text);
            kt_buf_addz(&text, TICK ",\"raw\":{\"a\":");
            for (unsigned i = 1; i < depth; i++)
                kt_buf_addz(&text, object != 0 && i + 1 < depth ? "{\"a\":" : object ? "{" : "[");
            for (unsigned i = 1; i < depth; i++)
                kt_buf_byte(&text, object ? '}' : ']');
            kt_buf_addz(&text, "}}");
            assert_int_equal(takes(&p, kt_buf_str(&text)), depth <= KT_JSON_DEPTH_MAX);
        }
    }
    for (unsigned n = KT_LIST_MAX; n <= KT_LIST_MAX + 1; n++) {
        kt_buf_reset(&text);
        kt_buf_addz(&text, TICK ",\"fields\":[");
        for (unsigned i = 0; i < n; i++)
            kt_buf_addz(&text, i == 0 ? "\"a\"" : ",\"a\"");
        kt_buf_addz(&text, "]}");
        assert_int_equal(takes(&p, kt_buf_str(&text)), n <= KT_LIST_MAX);
    }
    kt_buf_done(&text);
    line_pair_done(&p);
}

/* The second's event after the first, or what was read of it until it was cut short. */
static void expect_only(struct line_pair *p, struct kt_str first, struct kt_str second)
{
    struct kt_event ev, want;
    kt_arena_reset(&p->arena);
    (void)!kt_line_read_over(first, &p->arena, &ev, NULL);
    assert_int_equal(kt_line_read_over(second, &p->arena, &ev, NULL), KT_OK);
    assert_int_equal(kt_line_strict_read(second, &p->arena, &want, NULL), KT_OK);
    assert_true(line_pair_same(&ev, &want, false));
}

static void an_event_that_is_read_over_has_nothing_of_the_line_before(void **state)
{
    struct line_pair p;
    (void)state;
    line_pair_open(&p);
    for (size_t before = 0; before < KT_ARRAY_LEN(lines); before++) {
        const struct kt_str first = kt_str_of(lines[before]);
        for (size_t l = 0; l < KT_ARRAY_LEN(lines); l++) {
            expect_only(&p, first, kt_str_of(lines[l]));
            expect_only(&p, kt_str_sub(first, 0, first.len - 1), kt_str_of(lines[l]));
        }
    }
    line_pair_done(&p);
}

int main(void)
{
    kt_hash_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_with_one_byte_changed_is_judged_alike),
        cmocka_unit_test(spliced_lines_are_judged_alike),
        cmocka_unit_test(every_short_raw_is_judged_alike),
        cmocka_unit_test(numbers_are_judged_alike),
        cmocka_unit_test(lines_of_every_length_are_read),
        cmocka_unit_test(limits_are_judged_alike),
        cmocka_unit_test(an_event_that_is_read_over_has_nothing_of_the_line_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
