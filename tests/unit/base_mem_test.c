/* base/err, alloc, buf, arena, map. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/map.h"

static void errors_put_the_outermost_first(void **state)
{
    (void)state;
    struct kt_error err = { 0 };
    assert_int_equal(kt_fail(&err, KT_E_INPUT, "byte %d", 7), KT_E_INPUT);
    assert_int_equal(kt_wrap(&err, "record %d", 3), KT_E_INPUT);
    assert_string_equal(err.text, "record 3: byte 7");
    errno = ENOENT;
    assert_int_equal(kt_fail_errno(&err, "open '%s'", "x"), KT_E_IO);
    assert_int_equal(err.sys_errno, ENOENT);
    assert_string_equal(err.text, "open 'x': No such file or directory");
    assert_int_equal(kt_wrap(&err, "spool"), KT_E_IO);
    assert_int_equal(err.sys_errno, ENOENT);
    assert_int_equal(kt_fail(NULL, KT_E_LIMIT, "x"), KT_E_LIMIT);
    assert_int_equal(kt_wrap(NULL, "x"), KT_E_IO);
    assert_string_equal(kt_status_word(KT_E_CORRUPT), "corrupt");
}

static void errors_are_cut_not_overrun(void **state)
{
    (void)state;
    char big[1000];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    struct kt_error err = { 0 };
    assert_int_equal(kt_fail(&err, KT_E_INPUT, "%s", big), KT_E_INPUT);
    assert_int_equal(kt_wrap(&err, "%s", big), KT_E_INPUT);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    assert_int_equal(kt_fail(&err, KT_E_IO, "again: %.20s", err.text), KT_E_IO);
    assert_string_equal(err.text, "again: xxxxxxxxxxxxxxxxxxxx");
}

static void buffers_grow_and_read_back(void **state)
{
    (void)state;
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };
    kt_buf_u8(&b, 0xFE);
    kt_buf_u16(&b, 0x1234);
    kt_buf_u32(&b, 0xDEADBEEF);
    kt_buf_u64(&b, UINT64_C(0x0102030405060708));
    kt_buf_str16(&b, KT_STR("short"));
    kt_buf_str32(&b, KT_STR(""));
    for (int i = 0; i < 1000; i++)
        kt_buf_addf(&b, "%04d ", i);
    assert_int_equal((unsigned char)b.at[1], 0x34); /* little-endian */
    struct kt_rd r = kt_rd_of(kt_buf_str(&b));
    assert_int_equal(kt_rd_u8(&r), 0xFE);
    assert_int_equal(kt_rd_u16(&r), 0x1234);
    assert_int_equal(kt_rd_u32(&r), 0xDEADBEEF);
    assert_true(kt_rd_u64(&r) == UINT64_C(0x0102030405060708));
    assert_true(kt_str_is(kt_rd_str16(&r), "short"));
    assert_int_equal(kt_rd_str32(&r).len, 0);
    assert_true(kt_str_ends(kt_rd_bytes(&r, 5000), KT_STR("0999 ")));
    assert_true(!r.bad && r.left == 0);
    assert_int_equal(kt_rd_u32(&r), 0);
    assert_true(r.bad);
}

static void short_reads_stay_bad(void **state)
{
    (void)state;
    struct kt_rd r = kt_rd_of(KT_STR("\x05\x00"
                                     "ab"));
    assert_int_equal(kt_rd_str16(&r).len, 0);
    assert_true(r.bad);
    assert_int_equal(kt_rd_u8(&r), 0); /* bytes are left, but nobody knows what they are */
}

static void buffers_print_numbers_and_long_formats(void **state)
{
    (void)state;
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };
    kt_buf_u64_dec(&b, UINT64_MAX);
    kt_buf_byte(&b, ' ');
    kt_buf_i64_dec(&b, INT64_MIN);
    kt_buf_byte(&b, ' ');
    kt_buf_u64_dec(&b, 0);
    assert_string_equal(kt_buf_z(&b), "18446744073709551615 -9223372036854775808 0");
    kt_buf_reset(&b);
    kt_buf_addf(&b, "%0*d", 3000, 7);
    assert_int_equal(b.len, 3000);
    struct kt_buf empty = { 0 };
    assert_int_equal(kt_buf_str(&empty).len, 0);
    assert_string_equal(kt_buf_z(&empty), "");
    kt_buf_done(&empty);
}

static void arena_full_is_a_state(void **state)
{
    (void)state;
    struct kt_arena a = kt_arena_new(256);
    char *p = kt_arena_alloc(&a, 100);
    assert_non_null(p);
    assert_int_equal((uintptr_t)p % 16, 0);
    for (int i = 0; i < 100; i++)
        assert_int_equal(p[i], 0);
    memset(p, 1, 100);
    assert_true(kt_str_is(kt_arena_cat3(&a, KT_STR("a"), KT_STR(""), KT_STR("bc")), "abc"));
    assert_true(kt_str_is(kt_arena_fmt(&a, "%d-%s", 7, "x"), "7-x"));
    assert_false(a.full);
    assert_null(kt_arena_alloc(&a, 200));
    assert_true(a.full);
    assert_null(kt_arena_alloc(&a, 1)); /* sticky */
    assert_int_equal(kt_arena_str(&a, KT_STR("x")).len, 0);
    kt_arena_reset(&a);
    assert_false(a.full);
    p = kt_arena_alloc(&a, 256);
    assert_non_null(p);
    for (int i = 0; i < 256; i++)
        assert_int_equal(p[i], 0); /* zeroed again */
    kt_arena_done(&a);
    assert_null(a.mem);
}

static void arena_lives_in_any_memory(void **state)
{
    (void)state;
    static unsigned char mem[1025];
    struct kt_arena a = { .mem = mem + 1, .cap = 1024 };
    void *p = kt_arena_alloc(&a, 8);
    assert_int_equal((uintptr_t)p % 16, 0);
    assert_int_equal(kt_arena_fmt(&a, "%0*d", 600, 1).len, 600);
    assert_int_equal(kt_arena_fmt(&a, "%0*d", 600, 1).len, 0);
    assert_true(a.full);
    kt_arena_done(&a); /* not its own: left alone */
}

static void map_numbers_by_first_appearance(void **state)
{
    (void)state;
    struct kt_map *m = kt_map_new(42);
    char key[32];
    bool fresh;
    for (uint32_t i = 0; i < 5000; i++) {
        int n = snprintf(key, sizeof key, "key-%u", i);
        assert_int_equal(kt_map_put(m, kt_str_from(key, (size_t)n), &fresh), i);
        assert_true(fresh);
    }
    struct kt_str first = kt_map_key(m, 0);
    assert_int_equal(kt_map_put(m, KT_STR("key-17"), &fresh), 17);
    assert_false(fresh);
    assert_int_equal(kt_map_put(m, KT_STR(""), NULL), 5000);
    assert_int_equal(kt_map_get(m, KT_STR("")), 5000);
    assert_int_equal(kt_map_get(m, KT_STR("key-5000")), KT_MAP_NONE);
    assert_true(kt_str_is(kt_map_key(m, 4999), "key-4999"));
    assert_true(kt_str_is(first, "key-0")); /* keys never move */
    assert_int_equal(kt_map_count(m), 5001);
    assert_true(kt_map_bytes(m) > 5000 * 8);
    kt_map_reset(m);
    assert_int_equal(kt_map_count(m), 0);
    assert_int_equal(kt_map_get(m, KT_STR("key-1")), KT_MAP_NONE);
    assert_int_equal(kt_map_put(m, KT_STR("x"), NULL), 0);
    kt_map_free(m);
    kt_map_free(NULL);
}

static void allocations_are_zeroed_and_never_null(void **state)
{
    (void)state;
    void *none = kt_alloc(0);
    assert_non_null(none);
    kt_free(none);
    KT_CLEANUP(kt_free_ptr) uint64_t *a = kt_alloc_array(3, sizeof *a);
    assert_true(a[0] == 0 && a[2] == 0);
    a = kt_realloc_array(a, 100, sizeof *a);
    a[99] = 1;
    KT_CLEANUP(kt_free_ptr) char *s = kt_strdup("copy");
    assert_string_equal(s, "copy");
    char *taken = KT_TAKE(s);
    assert_null(s);
    kt_free(taken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_put_the_outermost_first),
        cmocka_unit_test(errors_are_cut_not_overrun),
        cmocka_unit_test(buffers_grow_and_read_back),
        cmocka_unit_test(short_reads_stay_bad),
        cmocka_unit_test(buffers_print_numbers_and_long_formats),
        cmocka_unit_test(arena_full_is_a_state),
        cmocka_unit_test(arena_lives_in_any_memory),
        cmocka_unit_test(map_numbers_by_first_appearance),
        cmocka_unit_test(allocations_are_zeroed_and_never_null),
    };
    return cmocka_run_group_tests_name("base/mem", tests, NULL, NULL);
}
