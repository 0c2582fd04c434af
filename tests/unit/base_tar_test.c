/* tar: one file out of an archive, held against archives that tar itself makes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/buf.h"
#include "core/base/tar.h"

/* A header as POSIX has it; the sum is made last. */
static void add(struct kt_buf *b, const char *name, char type, const char *size, struct kt_str body)
{
    char head[512] = { 0 };
    unsigned sum = 0;
    snprintf(head, 100, "%s", name);
    snprintf(head + 124, 12, "%s", size);
    head[156] = type;
    memset(head + 148, ' ', 8);
    for (size_t i = 0; i < sizeof head; i++)
        sum += (unsigned char)head[i];
    snprintf(head + 148, 8, "%06o", sum);
    kt_buf_add(b, kt_str_from(head, sizeof head));
    kt_buf_add(b, body);
    while (b->len % 512 != 0)
        kt_buf_byte(b, '\0');
}

static void finds_the_file_behind_folders_and_others(void **state)
{
    (void)state;
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };
    struct kt_error err = { 0 };
    struct kt_str got;
    add(&b, "x_20261120/", '5', "0", KT_STR_NONE);
    add(&b, "x_20261120/README.mmdb.txt", '0', "3", KT_STR("abc"));
    add(&b, "x_20261120/link.mmdb", '2', "0", KT_STR_NONE);
    add(&b, "x_20261120/a.mmdb", '0', "00000000005 ", KT_STR("table"));
    add(&b, "x_20261120/b.mmdb", '0', "1", KT_STR("y"));
    assert_int_equal(kt_tar_find(kt_buf_str(&b), KT_STR(".mmdb"), &got, &err), KT_OK);
    assert_true(kt_str_eq(got, KT_STR("table")));
    assert_int_equal(kt_tar_find(kt_buf_str(&b), KT_STR(".none"), &got, &err), KT_E_INPUT);
}

static void refuses_what_is_cut_or_damaged(void **state)
{
    (void)state;
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };
    struct kt_error err = { 0 };
    struct kt_str got = KT_STR("untouched");
    add(&b, "a.mmdb", '0', "1000", KT_STR("table"));
    assert_int_equal(kt_tar_find(kt_str_sub(kt_buf_str(&b), 0, 513), KT_STR(".mmdb"), &got, &err),
                     KT_E_INPUT);
    b.at[3] ^= 1;
    assert_int_equal(kt_tar_find(kt_buf_str(&b), KT_STR(".mmdb"), &got, &err), KT_E_INPUT);
    assert_non_null(strstr(err.text, "damaged"));
    kt_buf_reset(&b);
    add(&b, "a.txt", '0', "77777777777", KT_STR("x"));
    assert_int_equal(kt_tar_find(kt_buf_str(&b), KT_STR(".mmdb"), &got, &err), KT_E_INPUT);
    kt_buf_reset(&b);
    add(&b, "a.mmdb", '0', "9", KT_STR("x"));
    assert_int_equal(kt_tar_find(kt_buf_str(&b), KT_STR(".mmdb"), &got, &err), KT_E_INPUT);
    assert_int_equal(kt_tar_find(KT_STR("short"), KT_STR(".mmdb"), &got, &err), KT_E_INPUT);
    assert_true(kt_str_eq(got, KT_STR("untouched")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_file_behind_folders_and_others),
        cmocka_unit_test(refuses_what_is_cut_or_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
