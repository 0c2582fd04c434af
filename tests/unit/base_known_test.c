/* Numbers that are known are the map's, whatever the texts; colliding ones are asked of the map. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/base/known.h"

static struct kt_str text_of(uint32_t i, char buf[64])
{
    int n =
        snprintf(buf, 64, "%.*s%u", (int)(i % 33), "a-secret/that/has/a/long/beginning/", i / 3);
    return kt_str_from(buf, (size_t)n);
}

static void known_numbers_are_the_maps(void **state)
{
    enum { MANY = 20000 };
    struct kt_map *map = kt_map_new(7), *other = kt_map_new(8);
    struct kt_known known = { 0 };
    char buf[64];
    (void)state;
    assert_int_equal(kt_known_get(&known, map, KT_STR("none yet")), KT_MAP_NONE);
    for (uint32_t i = 0; i < 3 * MANY; i++) {
        struct kt_str text = text_of(i * 7919 % MANY, buf);
        uint32_t before = kt_known_get(&known, map, text), want = kt_map_put(other, text, NULL);
        assert_true(before == KT_MAP_NONE || before == want);
        assert_int_equal(kt_known_put(&known, map, text), want);
    }
    uint32_t found = 0;
    for (uint32_t i = 0; i < MANY; i++) {
        struct kt_str text = text_of(i, buf);
        uint32_t number = kt_known_get(&known, map, text);
        assert_true(number == KT_MAP_NONE || number == kt_map_get(map, text));
        found += number != KT_MAP_NONE;
    }
    assert_true(found > MANY * 9 / 10); /* else it would be no use */
    assert_int_equal(kt_known_get(&known, map, KT_STR("in no map")), KT_MAP_NONE);
    uint32_t empty = kt_known_put(&known, map, KT_STR_NONE);
    assert_int_equal(empty, kt_map_get(map, KT_STR_NONE));
    kt_known_add(&known, KT_STR("far"), KT_KNOWN_MAX); /* too large a number: not kept */
    assert_int_equal(kt_known_get(&known, map, KT_STR("far")), KT_MAP_NONE);
    kt_known_done(&known);
    kt_map_free(map);
    kt_map_free(other);
}

/* Some of a dictionary are known, some are not, and some stand there twice. */
static void many_at_once_get_the_numbers_of_one_by_one(void **state)
{
    enum { MOST = 100 };
    struct kt_map *map = kt_map_new(7), *other = kt_map_new(8);
    struct kt_known known = { 0 };
    char buf[MOST][64];
    struct kt_str key[MOST];
    uint32_t number[MOST + 1], at = 0;
    (void)state;
    kt_known_put_all(&known, map, key, 0, number);
    for (uint32_t n = 1; n < 900; n++) {
        const uint32_t some = n % MOST;
        for (uint32_t i = 0; i < some; i++)
            key[i] = text_of(at++ * 7919 % (10 * n), buf[i]);
        number[some] = 4711;
        kt_known_put_all(&known, map, key, some, number);
        for (uint32_t i = 0; i < some; i++)
            assert_int_equal(number[i], kt_map_put(other, key[i], NULL));
        assert_int_equal(number[some], 4711);
    }
    assert_int_equal(kt_map_count(map), kt_map_count(other));
    kt_known_done(&known);
    kt_map_free(map);
    kt_map_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(known_numbers_are_the_maps),
                                        cmocka_unit_test(
                                            many_at_once_get_the_numbers_of_one_by_one) };
    return cmocka_run_group_tests_name("base_known", tests, NULL, NULL);
}
