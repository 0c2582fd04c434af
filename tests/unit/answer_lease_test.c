/* answer_lease: credentials that a store made for whoever asked: revocations of other people's
 * leases end none of theirs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/answer/secret_state.h"
#include "tests/support/accesses.h"

#define T0    (ACCESSES_NOW - 10 * KT_NS_DAY)
#define CREDS "vault://prod/-/database/creds/app"

static void made(struct accesses *w, kt_time_ns at, const char *actor)
{
    accesses_add(w, &(struct access){ .at = at,
                                      .actor = actor,
                                      .secret = CREDS,
                                      .native = "database/creds/app",
                                      .action = KT_ACT_ISSUE,
                                      .outcome = KT_OUT_SUCCESS });
}

static void revoked(struct accesses *w, kt_time_ns at, const char *native)
{
    accesses_add(w, &(struct access){ .at = at,
                                      .actor = "ops",
                                      .native = native,
                                      .operation = "update",
                                      .action = KT_ACT_REVOKE,
                                      .outcome = KT_OUT_SUCCESS });
}

/* What is true of the lease that was made at T0. */
static enum kt_exposure judged(struct accesses *w)
{
    struct kt_error err = { 0 };
    struct kt_states *s = NULL;
    struct kt_ask a;
    uint32_t n;
    accesses_ask(w, &a);
    accesses_must(kt_states_new(&a, 0, &s, &err), &err);
    accesses_must(kt_states_put(s, KT_STR(CREDS), &n, &err), &err);
    kt_states_read(s, n, &(struct kt_state_read){ .time = T0, .issued = true });
    accesses_must(kt_states_judge(s, &err), &err);
    enum kt_exposure e = kt_states_at(s, n)->exposure;
    kt_states_free(s);
    kt_ask_done(&a);
    return e;
}

#define ONE(n) "sys/leases/revoke/database/creds/app/" n
#define H      KT_NS_HOUR

static void a_lease_of_another_says_nothing(void **state)
{
    struct accesses *w = *state;
    made(w, T0, "mallory");
    made(w, T0 + H, "app");
    revoked(w, T0 + 2 * H, ONE("a"));
    assert_int_equal(judged(w), KT_EXPOSURE_LEASE);
    revoked(w, T0 + 3 * H, ONE("a")); /* a second time ends none */
    assert_int_equal(judged(w), KT_EXPOSURE_LEASE);
    revoked(w, T0 + 4 * H, "sys/leases/revoke/database/creds/other/b");
    assert_int_equal(judged(w), KT_EXPOSURE_LEASE);
    revoked(w, T0 + 4 * H, ONE("b"));
    assert_int_equal(judged(w), KT_EXPOSURE_REVOKED);
}

static void nor_does_one_that_was_made_before(void **state)
{
    struct accesses *w = *state;
    made(w, T0 - 40 * KT_NS_DAY, "app"); /* ended by itself */
    made(w, T0 - 3 * H, "app");
    made(w, T0 - 2 * H, "app");
    revoked(w, T0 - H, ONE("a"));
    made(w, T0, "mallory");
    revoked(w, T0 + H, ONE("b"));
    assert_int_equal(judged(w), KT_EXPOSURE_LEASE);
    revoked(w, T0 + 2 * H, ONE("c"));
    assert_int_equal(judged(w), KT_EXPOSURE_REVOKED);
}

static void all_of_a_path_are(void **state)
{
    struct accesses *w = *state;
    for (unsigned i = 0; i < 5; i++)
        made(w, T0 + i * H, i == 0 ? "mallory" : "app");
    revoked(w, T0 - H, "sys/leases/revoke-prefix/database/creds");
    assert_int_equal(judged(w), KT_EXPOSURE_LEASE);
    revoked(w, T0 + 9 * H, "sys/leases/revoke-prefix/database/creds");
    assert_int_equal(judged(w), KT_EXPOSURE_REVOKED);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, accesses_set_up, accesses_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_lease_of_another_says_nothing),
        TEST(nor_does_one_that_was_made_before),
        TEST(all_of_a_path_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
