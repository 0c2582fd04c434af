/* answer_readers: who else reads secrets that are asked about. With more readers than are kept
 * there is no answer, rather than one that leaves out some. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/answer/secret_state.h"
#include "tests/support/accesses.h"

#define SECRETS 2000u
#define ACTORS  1000u /* of each secret: as many pairs as are kept */
#define AT      (ACCESSES_NOW - KT_NS_DAY)

static void read_all(struct kt_states *s)
{
    struct kt_error err = { 0 };
    for (uint32_t i = 0; i < SECRETS; i++) {
        char secret[64], actor[32];
        uint32_t n;
        (void)snprintf(secret, sizeof secret, "vault://prod/-/secret/%u", i);
        accesses_must(kt_states_put(s, kt_str_of(secret), &n, &err), &err);
        for (uint32_t k = 0; k < ACTORS; k++) {
            (void)snprintf(actor, sizeof actor, "actor-%u", k);
            kt_states_read(s, n, &(struct kt_state_read){ .time = AT, .actor = kt_str_of(actor) });
        }
    }
}

/* One more pair, or one that is there already; what is judged then. */
static enum kt_status judged(struct accesses *w, const char *actor, struct kt_error *err)
{
    struct kt_states *s = NULL;
    struct kt_ask a;
    uint32_t n;
    accesses_ask(w, &a);
    accesses_must(kt_states_new(&a, ACCESSES_NOW, &s, err), err);
    read_all(s);
    accesses_must(kt_states_put(s, KT_STR("vault://prod/-/secret/0"), &n, err), err);
    kt_states_read(s, n, &(struct kt_state_read){ .time = AT, .actor = kt_str_of(actor) });
    enum kt_status status = kt_states_judge(s, err);
    kt_states_free(s);
    kt_ask_done(&a);
    return status;
}

static void more_readers_than_are_kept_are_an_error(void **state)
{
    struct kt_error err = { 0 };
    assert_int_equal(judged(*state, "actor-0", &err), KT_OK);
    assert_int_equal(judged(*state, "one-more", &err), KT_E_LIMIT);
    assert_non_null(strstr(err.text, "give a shorter window"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(more_readers_than_are_kept_are_an_error, accesses_set_up,
                                        accesses_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
