/* scan_blocks: the wide look sees what the look at each byte sees. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/event/scan.h"
#include "core/event/scan_blocks.h"

#define BLOCK 64u
#define TEXT  4u /* blocks */

static void same_blocks(const char *at, size_t n)
{
    struct kt_scan_block wide[TEXT], plain[TEXT];
    struct kt_scan_set set = { { 0 }, { 0 } };
    for (const char *c = "aRz_\x7f\x80\xff"; *c != '\0'; c++)
        kt_scan_set_add(&set, (unsigned char)*c);
    for (unsigned inside = 0; inside < 2; inside++) {
        kt_scan_blocks(at, n, &set, inside != 0, wide);
        kt_scan_blocks_plain(at, n, &set, inside != 0, plain);
        assert_memory_equal(wide, plain, n * sizeof wide[0]);
    }
}

static void same_text(const char *at, size_t n)
{
    uint64_t wide[TEXT], plain[TEXT];
    struct kt_scan_text a = kt_scan_text(at, n, wide), b = kt_scan_text_plain(at, n, plain);
    assert_memory_equal(wide, plain, n * sizeof wide[0]);
    assert_int_equal(a.n_quotes, b.n_quotes);
    assert_int_equal(a.special, b.special);
    assert_int_equal(a.high, b.high);
}

static void every_byte_at_every_place_is_seen(void **state)
{
    char text[BLOCK];
    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        for (unsigned i = 0; i < BLOCK; i++) {
            memset(text, 'a', sizeof text);
            text[i] = (char)c;
            same_blocks(text, 1);
            same_text(text, 1);
        }
    }
}

static void bytes_of_all_kinds_are_seen_together(void **state)
{
    static const char kinds[] = "\"\"\"\\\n{}[],: a\x1f\x7f\x80\xff";
    char text[TEXT * BLOCK];
    uint64_t random = 1;
    (void)state;
    for (unsigned round = 0; round < 2000; round++) {
        for (size_t i = 0; i < sizeof text; i++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            text[i] =
                round % 2 == 0 ? kinds[(random >> 33) % (sizeof kinds - 1)] : (char)(random >> 40);
        }
        same_blocks(text + round % BLOCK, TEXT - 1);
        same_text(text, 1 + round % TEXT);
    }
}

static void hexadecimal_digits_are_told_from_all_other_bytes(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        for (unsigned i = 0; i < 16; i++) {
            char text[16];
            memset(text, '-', sizeof text);
            text[i] = (char)c;
            assert_int_equal(kt_scan_hex16(text), (unsigned)hex << i);
        }
    }
}

static void a_capital_is_seen_wherever_it_is(void **state)
{
    char text[50];
    (void)state;
    for (size_t n = 16; n <= sizeof text; n++) {
        memset(text, 'a', sizeof text);
        assert_false(kt_scan_has_capital(text, n));
        for (unsigned c = 0; c < 256; c++)
            for (size_t i = 0; i < sizeof text; i++) {
                text[i] = (char)c;
                assert_int_equal(kt_scan_has_capital(text, n), i < n && c >= 'A' && c <= 'Z');
                text[i] = 'a';
            }
    }
}

static void a_copy_is_whole_and_says_whether_it_is_plain(void **state)
{
    char text[50], copy[sizeof text + 1];
    (void)state;
    for (size_t n = 0; n <= sizeof text; n++)
        for (unsigned c = 0; c < 256; c++)
            for (size_t i = 0; i < n; i++) {
                const bool plain = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
                for (size_t k = 0; k < sizeof text; k++)
                    text[k] = (char)('a' + k % 26);
                text[i] = (char)c;
                memset(copy, '#', sizeof copy);
                assert_int_equal(kt_scan_copy_plain(copy, text, n), plain);
                assert_memory_equal(copy, text, n);
                assert_int_equal(copy[n], '#');
            }
}

static void inside_is_from_a_first_quote_to_in_front_of_its_second(void **state)
{
    char text[BLOCK];
    struct kt_scan_block b;
    (void)state;
    memset(text, 'a', sizeof text);
    text[3] = text[7] = text[60] = '"';
    kt_scan_blocks(text, 1, &(struct kt_scan_set){ { 0 }, { 0 } }, false, &b);
    assert_true(b.quote == (UINT64_C(1) << 3 | UINT64_C(1) << 7 | UINT64_C(1) << 60));
    assert_true(b.inside == (UINT64_C(0xF) << 3 | UINT64_C(0xF) << 60));
}

static void a_set_is_seen_whole_and_nothing_of_other_halves(void **state)
{
    struct kt_scan_set set = { { 0 }, { 0 } };
    char text[BLOCK];
    struct kt_scan_block b;
    (void)state;
    kt_scan_set_add(&set, 'a');
    kt_scan_set_add(&set, 'R');
    for (unsigned i = 0; i < BLOCK; i++)
        text[i] = "aRbQ\xe1"[i % 5];
    kt_scan_blocks(text, 1, &set, false, &b);
    for (unsigned i = 0; i < BLOCK; i++)
        assert_int_equal(b.in_set >> i & 1, i % 5 < 2);
}

static void shape_is_what_stands_outside_of_strings_or_ends_one(void **state)
{
    char text[2 * BLOCK];
    struct kt_scan_block b[2];
    (void)state;
    memset(text, 'a', sizeof text);
    text[1] = text[9] = text[70] = '{';
    text[3] = text[5] = text[60] = text[66] = '"';
    text[4] = text[62] = ']';
    text[2] = text[64] = '\n';
    kt_scan_blocks(text, 2, &(struct kt_scan_set){ { 0 }, { 0 } }, false, b);
    assert_true(b[0].shape == (UINT64_C(1) << 1 | UINT64_C(1) << 9));
    assert_true(b[1].shape == (UINT64_C(1) << 0 | UINT64_C(1) << 6));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_at_every_place_is_seen),
        cmocka_unit_test(bytes_of_all_kinds_are_seen_together),
        cmocka_unit_test(hexadecimal_digits_are_told_from_all_other_bytes),
        cmocka_unit_test(a_set_is_seen_whole_and_nothing_of_other_halves),
        cmocka_unit_test(shape_is_what_stands_outside_of_strings_or_ends_one),
        cmocka_unit_test(a_capital_is_seen_wherever_it_is),
        cmocka_unit_test(a_copy_is_whole_and_says_whether_it_is_plain),
        cmocka_unit_test(inside_is_from_a_first_quote_to_in_front_of_its_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
