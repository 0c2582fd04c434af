/* collector_hook: the signature of Standard Webhooks, on the published vector. */
#include "collector/hook.h"
#include "core/base/hash.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
/* after the three above */
#include <cmocka.h>

#define BODY                                                                                       \
    "{\"type\":\"alert.opened\",\"timestamp\":\"2026-11-22T20:00:00Z\",\"data\":{\"id\":\"al_"     \
    "01\"}}"

static void signs_the_standard_vector(void **state)
{
    struct kt_hook_key key = { 0 };
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
    (void)state;
    assert_int_equal(
        kt_hook_key_read(KT_STR("whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA="), &key, NULL),
        KT_OK);
    assert_int_equal(KT_STR(BODY).len, 80);
    kt_hook_sign(&key, 1, KT_STR("msg_01JTEST"), 1795377600, KT_STR(BODY), &out);
    assert_true(kt_str_is(kt_buf_str(&out), "v1,FJAVjCj95fN4SRNI7s0Y1ZU7TBZMUXLyJTP/5EL9aVE="));
}

static void signs_with_both_keys_while_one_is_replaced(void **state)
{
    struct kt_hook_key keys[2] = { { .at = { 1 }, .len = 24 }, { .at = { 2 }, .len = 24 } };
    KT_CLEANUP(kt_buf_done) struct kt_buf both = { 0 }, one = { 0 };
    (void)state;
    kt_hook_sign(keys, 2, KT_STR("a"), 1, KT_STR("x"), &both);
    kt_hook_sign(&keys[1], 1, KT_STR("a"), 1, KT_STR("x"), &one);
    assert_int_equal(both.len, 2 * one.len + 1);
    assert_true(kt_str_ends(kt_buf_str(&both), kt_buf_str(&one)));
}

static void refuses_weak_and_broken_secrets(void **state)
{
    static const char *const bad[] = { "", "whsec_", "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=",
                                       "whsec_AQIDBA==", "whsec_AQIDBAUGBwgJCgsMDQ4PEBESE!" };
    struct kt_hook_key key;
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(bad); i++)
        assert_int_equal(kt_hook_key_read(kt_str_of(bad[i]), &key, NULL), KT_E_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signs_the_standard_vector),
        cmocka_unit_test(signs_with_both_keys_while_one_is_replaced),
        cmocka_unit_test(refuses_weak_and_broken_secrets),
    };
    kt_hash_init();
    return cmocka_run_group_tests_name("collector_hook", tests, NULL, NULL);
}
