/* packed_codes: a run of codes is what each of them is alone, and nothing behind them is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/alloc.h"
#include "core/store/packed_codes.h"

#define ROWS  203u
#define SPARE 7u

static uint32_t next(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static size_t room_of(uint32_t rows, unsigned width, size_t behind)
{
    return ((size_t)rows * width + 7) / 8 + SPARE + behind;
}

/* Bytes of their own, so that a sanitizer sees who reads behind them. */
static unsigned char *some_bytes(size_t n, uint32_t *state)
{
    unsigned char *bytes = kt_alloc(n);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (unsigned char)next(state);
    return bytes;
}

static void same(const struct kt_packed_codes *c, uint32_t from)
{
    uint16_t wide[ROWS] = { 0 }, plain[ROWS] = { 0 };
    kt_packed_code_run(c, from, c->rows, wide);
    kt_packed_code_run_plain(c, from, c->rows, plain);
    for (uint32_t i = from; i < c->rows; i++) {
        assert_int_equal(wide[i - from], (uint16_t)kt_packed_code(c, i));
        assert_int_equal(plain[i - from], (uint16_t)kt_packed_code(c, i));
    }
}

static void every_width_and_length_reads_alike(void **state)
{
    uint32_t seed = 1;
    (void)state;
    for (unsigned width = 0; width <= 16; width++)
        for (uint32_t rows = 0; rows <= ROWS; rows++)
            for (uint32_t least = 0; least <= 1; least++) {
                size_t room = room_of(rows, width, rows % 40);
                unsigned char *bytes = some_bytes(room, &seed);
                const struct kt_packed_codes c = { bytes, room, rows, width, least };
                same(&c, 0);
                if (rows >= 24)
                    same(&c, 24);
                kt_free(bytes);
            }
}

/* Of sixteen bits the highest becomes 0 by what is added to it: that is no code, and is seen. */
static void highest_code_wraps_and_is_not_made_smaller(void **state)
{
    unsigned char bytes[2 * 64 + 32];
    uint16_t code[64];
    (void)state;
    memset(bytes, 0xff, sizeof bytes);
    const struct kt_packed_codes c = {
        .at = bytes, .room = sizeof bytes, .rows = 64, .width = 16, .least = 1
    };
    kt_packed_code_run(&c, 0, 64, code);
    for (unsigned i = 0; i < 64; i++)
        assert_int_equal(code[i], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_width_and_length_reads_alike),
        cmocka_unit_test(highest_code_wraps_and_is_not_made_smaller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
