/* table: bounded state by any key, the same after save and load. */
#include "detectors/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct address_state {
    uint32_t tries, last;
};
struct pair_state {
    uint64_t wrote;
    uint8_t more[37];
};
/* two unlike tables: one by address that forgets, one by pair that refuses */
static const struct kt_table_decl by_address = {
    "address", KT_KEY_ADDRESS, sizeof(struct address_state), 1, 100, KT_EVICT_LRU
};
static const struct kt_table_decl by_pair = { "pair", KT_KEY_PAIR, sizeof(struct pair_state),
                                              3,      50,          KT_EVICT_REFUSE };

static void table_keeps_what_was_touched_last(void **state)
{
    (void)state;
    struct kt_table *t = kt_table_new(&by_address, 7);
    for (uint64_t i = 0; i < 1000; i++) {
        bool fresh;
        struct address_state *s = kt_table_put(t, (struct kt_key){ i, ~i }, &fresh);
        assert_true(fresh);
        assert_int_equal(s->tries, 0); /* zeroed, though the place was used */
        s->tries = (uint32_t)i;
        assert_non_null(
            kt_table_get(t, (struct kt_key){ 0, ~UINT64_C(0) })); /* 0 is always in use */
    }
    assert_int_equal(kt_table_count(t), 100);
    assert_int_equal(kt_table_evicted(t), 900);
    assert_null(kt_table_peek(t, (struct kt_key){ 500, ~UINT64_C(500) }));
    assert_non_null(kt_table_peek(t, (struct kt_key){ 999, ~UINT64_C(999) }));
    uint32_t at = 0, last = 0;
    const struct address_state *s;
    for (unsigned n = 0; (s = kt_table_next(t, &at, NULL)) != NULL; n++) {
        assert_true(n == 0 || s->tries > last); /* in order of creation */
        last = s->tries;
    }
    kt_table_free(t);
}

static void refusing_table_gives_nothing_when_full(void **state)
{
    (void)state;
    struct kt_table *t = kt_table_new(&by_pair, 7);
    for (uint64_t i = 0; i < 50; i++)
        assert_non_null(kt_table_put(t, (struct kt_key){ i, 1 }, NULL));
    assert_null(kt_table_put(t, (struct kt_key){ 50, 1 }, NULL));
    kt_table_remove(t, (struct kt_key){ 7, 1 });
    assert_null(kt_table_get(t, (struct kt_key){ 7, 1 }));
    assert_non_null(kt_table_put(t, (struct kt_key){ 50, 1 }, NULL));
    kt_table_free(t);
}

static void loaded_table_goes_on_like_the_saved_one(void **state)
{
    (void)state;
    struct kt_table *a = kt_table_new(&by_address, 7), *b = kt_table_new(&by_address, 99);
    for (uint64_t i = 0; i < 150; i++) {
        struct address_state *s = kt_table_put(a, (struct kt_key){ i * 37 % 101, 5 }, NULL);
        s->last = (uint32_t)i;
    }
    struct kt_buf x = { 0 }, y = { 0 };
    kt_table_save(a, &x);
    struct kt_rd in = kt_rd_of(kt_buf_str(&x));
    assert_true(kt_table_load(b, &in));
    for (uint64_t i = 0; i < 150; i++) { /* the same evictions, whatever the seed of the hash */
        (void)kt_table_put(a, (struct kt_key){ i * 11 % 140, 5 }, NULL);
        (void)kt_table_put(b, (struct kt_key){ i * 11 % 140, 5 }, NULL);
    }
    kt_buf_reset(&x);
    kt_table_save(a, &x);
    kt_table_save(b, &y);
    assert_int_equal(x.len, y.len);
    assert_memory_equal(x.at, y.at, x.len);
    struct kt_table *c = kt_table_new(&by_pair, 7), *d = kt_table_new(&by_address, 7);
    in = kt_rd_of(kt_buf_str(&x));
    assert_false(kt_table_load(c, &in)); /* another declaration */
    in = kt_rd_of(kt_str_from(x.at, x.len - 1));
    assert_false(kt_table_load(d, &in));
    kt_table_free(a);
    kt_table_free(b);
    kt_table_free(c);
    kt_table_free(d);
    kt_buf_done(&x);
    kt_buf_done(&y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_keeps_what_was_touched_last),
        cmocka_unit_test(refusing_table_gives_nothing_when_full),
        cmocka_unit_test(loaded_table_goes_on_like_the_saved_one),
    };
    return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
