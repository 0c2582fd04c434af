/* collector_hook: the signature of Standard Webhooks, on the published vector. */
#include "collector/hook.h"
#include "core/base/hash.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
/* after the four above */
#include <cmocka.h>

#define BODY                                                                                       \
    "{\"type\":\"alert.opened\",\"timestamp\":\"2026-11-22T20:00:00Z\",\"data\":{\"id\":\"al_"     \
    "01\"}}"

/* A seed with a public key behind it that is not its own. */
#define OTHER_PUBLIC                                                                               \
    ("whsk_"                                                                                       \
     "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fIA="     \
     "=")

static void sign(const char *file, struct kt_str id, int64_t at, struct kt_str body,
                 struct kt_buf *out)
{
    struct kt_hook_keys keys = { 0 };
    assert_int_equal(kt_hook_keys_read(kt_str_of(file), &keys, NULL), KT_OK);
    kt_hook_sign(&keys, id, at, body, out);
}

static void signs_the_standard_vector(void **state)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
    (void)state;
    assert_int_equal(KT_STR(BODY).len, 80);
    sign("whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=\n", KT_STR("msg_01JTEST"), 1795377600,
         KT_STR(BODY), &out);
    assert_true(kt_str_is(kt_buf_str(&out), "v1,FJAVjCj95fN4SRNI7s0Y1ZU7TBZMUXLyJTP/5EL9aVE="));
}

/* The vector of the Go library of standard-webhooks. */
static void signs_the_asymmetric_vector(void **state)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
    (void)state;
    sign(
        "whsk_VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk=", KT_STR("msg_p5jXN8AQM9LWM0D4loKWxJek"),
        1614265330, KT_STR("{\"test\": 2432232314}"), &out);
    assert_true(kt_str_is(kt_buf_str(&out),
                          "v1a,tQ9V2XOqn7jL/DQenEFpqIugdBVtiMmER5mhSkXBNwM0mkATuDe6KYYUuxqtaiHeYGb7"
                          "KaaBRdM5WqyeFiL8Ag=="));
}

static void signs_with_every_key_there_is(void **state)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf all = { 0 }, first = { 0 }, second = { 0 };
    const char *a = "whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";
    const char *b = "whsk_VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk=";
    char file[256];
    (void)state;
    (void)snprintf(file, sizeof file, "%s\n\n  %s\r\n", a, b);
    sign(file, KT_STR("a"), 1, KT_STR("x"), &all);
    sign(a, KT_STR("a"), 1, KT_STR("x"), &first);
    sign(b, KT_STR("a"), 1, KT_STR("x"), &second);
    assert_true(kt_str_starts(kt_buf_str(&all), kt_buf_str(&first)));
    assert_true(kt_str_ends(kt_buf_str(&all), kt_buf_str(&second)));
    assert_int_equal(all.len, first.len + second.len + 1);
}

static void prints_keys_that_it_reads(void **state)
{
    struct kt_hook_key key = { .at = { 1, 2, 3 }, .len = 32, .asymmetric = true };
    struct kt_hook_keys keys = { 0 };
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 }, public_key = { 0 };
    (void)state;
    kt_hook_key_print(&key, &text);
    assert_int_equal(kt_hook_keys_read(kt_buf_str(&text), &keys, NULL), KT_OK);
    assert_memory_equal(keys.at[0].at, key.at, 32);
    kt_hook_public_print(&key, &public_key);
    assert_true(kt_str_starts(kt_buf_str(&public_key), KT_STR("whpk_")));
    assert_int_equal(public_key.len, 5 + 44);
}

static void refuses_weak_and_broken_keys(void **state)
{
    static const char *const bad[] = { "", "\n", "whsec_",
                                       "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=",
                                       "whsec_AQIDBA==", "whsec_AQIDBAUGBwgJCgsMDQ4PEBESE!",
                                       "whsk_AQIDBA==", "whsk_",
                                       "whpk_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=",
                                       /* a public key that is not the seed's */
                                       OTHER_PUBLIC };
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(bad); i++) {
        struct kt_hook_keys keys = { .n = 1 };
        assert_int_equal(kt_hook_keys_read(kt_str_of(bad[i]), &keys, NULL), KT_E_CONFIG);
        assert_int_equal(keys.n, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signs_the_standard_vector),
        cmocka_unit_test(signs_the_asymmetric_vector),
        cmocka_unit_test(signs_with_every_key_there_is),
        cmocka_unit_test(prints_keys_that_it_reads),
        cmocka_unit_test(refuses_weak_and_broken_keys),
    };
    kt_hash_init();
    return cmocka_run_group_tests_name("collector_hook", tests, NULL, NULL);
}
