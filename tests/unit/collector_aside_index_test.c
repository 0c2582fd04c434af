/* collector_aside_index: what was added is found at its place, whatever makes room. */
#include "collector/aside_index.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct kt_key owner_of(uint32_t i)
{
    return (struct kt_key){ i * UINT64_C(0x9e3779b97f4a7c15) | 1, i };
}

/* Many of the numbers share a hash, and each third is not there. */
static uint32_t hash_of(uint32_t i)
{
    return i / 4 * 2654435761u;
}

static void extend(struct kt_aside_index *x, struct kt_aside_places *l, uint32_t n)
{
    while (l->n < n) {
        if (l->n % 3 == 1)
            kt_aside_places_skip(l);
        else
            kt_aside_places_add(x, l, hash_of(l->n));
    }
}

static bool has(const struct kt_aside_places *l, uint32_t number)
{
    uint32_t at = 0, place;
    while (kt_aside_places_next(l, hash_of(number), &at, &place)) {
        assert_int_equal(hash_of(place), hash_of(number));
        if (place == number)
            return true;
    }
    return false;
}

static void a_number_is_found_at_its_place(void **state)
{
    (void)state;
    struct kt_aside_index *x = kt_aside_index_new();
    for (uint32_t n = 0; n < 3000; n += 1 + n / 5) {
        struct kt_aside_places *l = kt_aside_places(x, owner_of(7));
        extend(x, l, n);
        for (uint32_t i = 0; i < n + 20; i++)
            assert_int_equal(has(l, i), i < n && i % 3 != 1);
    }
    kt_aside_index_drop(x, owner_of(7 + 5)); /* another one's */
    assert_int_not_equal(kt_aside_places(x, owner_of(7))->n, 0);
    kt_aside_index_drop(x, owner_of(7));
    assert_int_equal(kt_aside_places(x, owner_of(7))->n, 0);
    assert_false(has(kt_aside_places(x, owner_of(7)), 0));
    kt_aside_index_free(x);
}

/* More owners than places, and longer lists than all of them may have. */
static void a_list_that_made_room_begins_anew(void **state)
{
    (void)state;
    struct kt_aside_index *x = kt_aside_index_new();
    for (uint32_t round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < 6000; i++) {
            struct kt_aside_places *l = kt_aside_places(x, owner_of(i));
            uint32_t n = 100 + (i + round * 17) % 1000;
            extend(x, l, n);
            assert_true(kt_key_eq(l->owner, owner_of(i)));
            for (uint32_t k = 0; k < n; k += 31)
                assert_int_equal(has(l, k), k % 3 != 1);
        }
    }
    kt_aside_index_empty(x);
    for (uint32_t i = 0; i < 6000; i++)
        assert_int_equal(kt_aside_places(x, owner_of(i))->n, 0);
    kt_aside_index_free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_is_found_at_its_place),
        cmocka_unit_test(a_list_that_made_room_begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
