/* Options that ask for more than a detector's state holds are refused: they would turn a rule off
 * without a word. */
#include "cli/fixture/org.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *detector, *yaml, *says; /* says: NULL = it is taken */
} cases[] = {
    { "failed_attempts", "{exposed: 8}", NULL },
    { "failed_attempts", "{exposed: 0}", NULL },
    { "failed_attempts", "{exposed: 9}", "exposed: 8 at most" },
    { "failed_attempts", "{sets: 16}", NULL },
    { "failed_attempts", "{sets: 17}", "sets: 16 at most" },
    { "failed_attempts", "{values: 32}", NULL },
    { "failed_attempts", "{values: 33}", "values: 32 at most" },
    { "failed_attempts", "{scattered: 64}", NULL },
    { "failed_attempts", "{scattered: 65}", "scattered: 64 at most" },
    { "ai_agent", "{sweep_floor: 32}", NULL },
    { "ai_agent", "{sweep_floor: 33}", "sweep_floor: 32 at most" },
};

static void an_option_beyond_what_the_state_holds_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        struct org o;
        struct kt_error err = { 0 };
        org_start(&o, 1);
        enum kt_status st = org_configure(&o, cases[i].detector, cases[i].yaml, &err);
        assert_int_equal(st, cases[i].says == NULL ? KT_OK : KT_E_CONFIG);
        if (cases[i].says != NULL)
            assert_non_null(strstr(err.text, cases[i].says));
        org_done(&o);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_option_beyond_what_the_state_holds_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
