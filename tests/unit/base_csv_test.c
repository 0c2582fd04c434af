/* base_csv: what the reader takes and refuses, and that it reads back what kt_csv_add writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/csv.h"
#include "core/base/csv_read.h"
#include "core/base/hash.h"
#include "core/sys/rng.h"

/* Cells in [], records by line. */
static void show(struct kt_str text, struct kt_buf *out, struct kt_error *err)
{
    struct kt_csv c;
    enum kt_status st;
    kt_csv_open(&c, text);
    while ((st = kt_csv_next(&c, err)) == KT_OK) {
        kt_buf_addf(out, "%u:", c.line);
        for (unsigned i = 0; i < c.n; i++)
            kt_buf_addf(out, "[" KT_STR_FMT "]", KT_STR_ARG(c.cell[i]));
        kt_buf_byte(out, '\n');
    }
    if (st != KT_E_AGAIN)
        kt_buf_addz(out, err->text);
    kt_csv_done(&c);
}

static void texts_are_read_or_refused(void **state)
{
    static const struct {
        const char *text, *shown;
    } cases[] = {
        { "", "" },
        { "a", "1:[a]\n" },
        { "a,b\r\nc,d\r\n", "1:[a][b]\n2:[c][d]\n" },
        { "a,b\nc,\n", "1:[a][b]\n2:[c][]\n" },
        { ",\n,a", "1:[][]\n2:[][a]\n" },
        { "\xEF\xBB\xBF"
          "a,b",
          "1:[a][b]\n" },
        { "\"a,\"\"b\"\"\n\",c\nd,e", "1:[a,\"b\"\n][c]\n3:[d][e]\n" },
        { "a;b\n\"x;y\";z\n", "1:[a][b]\n2:[x;y][z]\n" },
        { "a;b,c\n", "1:[a;b][c]\n" },
        { "a\n\n\nb\n", "1:[a]\n4:[b]\n" },
        { "a,\"b\nc", "line 1, cell 2: the quote is not closed" },
        { "\"a\"b", "line 1, cell 2: text behind the closing quote" },
        { "a\"b", "line 1, cell 1: a quote inside a cell that has none around it" },
        { "a\rb", "line 1, cell 1: a return without a newline" },
        { "ok\n\xff", "1:[ok]\nline 2, cell 1: it is not UTF-8 text: save the file as CSV UTF-8" },
    };
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        struct kt_buf out = { 0 };
        struct kt_error err = { 0 };
        show(kt_str_of(cases[i].text), &out, &err);
        assert_string_equal(kt_buf_z(&out), cases[i].shown);
        kt_buf_done(&out);
    }
}

static void what_is_written_is_read_back(void **state)
{
    static const char letters[] = "a,;\"\r\n='+@-\t \xc3\xa9";
    struct kt_rng_seeded seed = { .state = 4180 };
    struct kt_rng rng = kt_rng_seeded(&seed);
    (void)state;
    for (unsigned round = 0; round < 2000; round++) {
        struct kt_buf text = { 0 }, want = { 0 };
        struct kt_csv c;
        struct kt_error err = { 0 };
        unsigned n = 2 + (unsigned)kt_rng_below(&rng, 5);
        size_t length[8];
        for (unsigned i = 0; i < n; i++) {
            size_t from = want.len;
            for (uint64_t k = kt_rng_below(&rng, 8); k > 0; k--) {
                uint64_t at = kt_rng_below(&rng, sizeof letters - 2);
                kt_buf_add_bytes(&want, at >= 12 ? "\xc3\xa9" : &letters[at], at >= 12 ? 2 : 1);
            }
            length[i] = want.len - from;
            if (i > 0)
                kt_buf_byte(&text, ',');
            kt_csv_add(&text, kt_str_from(want.at + from, length[i]), true);
        }
        kt_buf_addz(&text, "\r\n");
        kt_csv_open(&c, kt_buf_str(&text));
        if (kt_csv_next(&c, &err) != KT_OK)
            fail_msg("%s in '%s'", err.text, kt_buf_z(&text));
        assert_int_equal(c.n, n);
        size_t at = 0;
        for (unsigned i = 0; i < n; at += length[i++]) {
            struct kt_str cell = kt_csv_unguard(c.cell[i]);
            struct kt_str was = kt_str_from(want.at + at, length[i]);
            /* A text that itself begins as a guarded one reads as what it guards: none is lost. */
            assert_true(kt_str_eq(cell, was) || kt_str_eq(cell, kt_csv_unguard(was)));
        }
        kt_csv_done(&c);
        kt_buf_done(&text);
        kt_buf_done(&want);
    }
}

static void bounds_hold(void **state)
{
    struct kt_buf text = { 0 }, out = { 0 };
    struct kt_error err = { 0 };
    (void)state;
    for (unsigned i = 0; i < KT_CSV_CELLS_MAX; i++)
        kt_buf_byte(&text, ',');
    show(kt_buf_str(&text), &out, &err);
    assert_int_equal(err.code, KT_E_LIMIT);
    kt_buf_reset(&text);
    for (unsigned i = 0; i <= KT_CSV_CELL_MAX; i++)
        kt_buf_byte(&text, 'x');
    show(kt_buf_str(&text), &out, &err);
    assert_int_equal(err.code, KT_E_LIMIT);
    text.len--;
    err = (struct kt_error){ 0 };
    show(kt_buf_str(&text), &out, &err);
    assert_int_equal(err.code, KT_OK);
    kt_buf_done(&text);
    kt_buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_read_or_refused),
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(bounds_hold),
    };
    kt_hash_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
