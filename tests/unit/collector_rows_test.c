/* collector_rows: changed rows on their way to the store: each once, as it was last, in order. */
#include "collector/follow_rows.h"
#include "core/base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void put(struct kt_changed *c, uint64_t key, uint64_t born, uint64_t used, const char *state)
{
    struct kt_buf b = { 0 };
    const struct kt_table_row r = { .op = KT_ROW_PUT,
                                    .table = 3,
                                    .key = { key, 7 },
                                    .born = born,
                                    .used = used,
                                    .state = kt_str_of(state) };
    kt_table_row_add(&r, &b);
    kt_changed_take(c, kt_buf_str(&b));
    kt_buf_done(&b);
}

static void drop(struct kt_changed *c, uint64_t key)
{
    struct kt_buf b = { 0 };
    const struct kt_table_row r = { .op = KT_ROW_REMOVE, .table = 3, .key = { key, 7 } };
    kt_table_row_add(&r, &b);
    kt_changed_take(c, kt_buf_str(&b));
    kt_buf_done(&b);
}

static void has(const struct kt_changed *c, uint64_t key, const char *state)
{
    struct kt_buf b = { 0 };
    assert_int_equal(kt_changed_find(c, 3, (struct kt_key){ key, 7 }, &b), KT_CHANGED_PUT);
    assert_true(kt_str_is(kt_buf_str(&b), state));
    kt_buf_done(&b);
}

static void the_last_word_stands(void **state)
{
    (void)state;
    struct kt_buf none = { 0 };
    struct kt_changed *c = kt_changed_new();
    put(c, 1, 11, 21, "first");
    put(c, 1, 0, 22, "second"); /* its birth stays */
    put(c, 1, 0, 0, "third");   /* and its last use */
    put(c, 2, 0, 5, "known to the store");
    drop(c, 2);
    put(c, 3, 0, 6, "old");
    drop(c, 3);
    put(c, 3, 12, 23, "new"); /* another entry of the same key */
    has(c, 1, "third");
    has(c, 3, "new");
    assert_int_equal(kt_changed_find(c, 3, (struct kt_key){ 2, 7 }, &none), KT_CHANGED_REMOVED);
    assert_int_equal(kt_changed_find(c, 4, (struct kt_key){ 1, 7 }, &none), KT_CHANGED_NOTHING);
    assert_int_equal(kt_changed_count(c), 3);

    struct kt_table_row r;
    uint32_t at = 0;
    kt_changed_sort(c);
    assert_true(kt_changed_next(c, &at, &r));
    assert_true(r.key.a == 1 && r.born == 11 && r.used == 22 && kt_str_is(r.state, "third"));
    assert_true(kt_changed_next(c, &at, &r));
    assert_true(r.key.a == 2 && r.op == KT_ROW_REMOVE);
    assert_true(kt_changed_next(c, &at, &r));
    assert_true(r.key.a == 3 && r.born == 12 && r.used == 23);
    assert_false(kt_changed_next(c, &at, &r));
    kt_changed_free(c);
}

/* What changes over and over takes no more than twice the room of what there is. */
static void replaced_rows_give_their_room(void **state)
{
    (void)state;
    struct kt_changed *c = kt_changed_new(), *later = kt_changed_new();
    char text[64];
    for (unsigned round = 0; round < 50; round++) {
        for (unsigned i = 0; i < 4000; i++) {
            (void)snprintf(text, sizeof text, "%u of %u", i, round);
            put(c, i, round == 0 ? i + 1 : 0, round * 4000 + i + 1, text);
        }
    }
    assert_int_equal(kt_changed_count(c), 4000);
    assert_true(kt_changed_bytes(c) < 2u * 4000 * 60 + 16384 * 8);
    put(later, 3999, 0, 999999, "the last");
    kt_changed_give(c, later);
    kt_changed_free(later);
    struct kt_changed *shared = kt_changed_share(c);
    kt_changed_free(c);
    has(shared, 1234, "1234 of 49");
    has(shared, 3999, "the last");
    kt_changed_sort(shared);
    struct kt_table_row r, before = { .table = 0 };
    uint32_t at = 0, n = 0;
    for (; kt_changed_next(shared, &at, &r); before = r, n++)
        assert_true(n == 0 || memcmp(&before.key, &r.key, sizeof r.key) < 0);
    assert_int_equal(n, 4000);
    kt_changed_free(shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_word_stands),
        cmocka_unit_test(replaced_rows_give_their_room),
    };
    kt_hash_init();
    return cmocka_run_group_tests_name("collector_rows", tests, NULL, NULL);
}
