/* failed_attempts: what alerts that are nobody's, and in no network, say of themselves. */
#include "collector/detect_state.h"
#include "tests/support/company.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void refuse(struct org *o, unsigned i, const char *actor, const char *ip, const char *value)
{
    org_add(o, (struct org_event){ .t = COMPANY_NOW + i * KT_NS_MIN,
                                   .actor = actor,
                                   .kind = KT_ACTOR_ANONYMOUS,
                                   .action = KT_ACT_LOGIN,
                                   .outcome = KT_OUT_DENIED,
                                   .native = "auth/approle/login",
                                   .credential = value,
                                   .ip = ip });
}

static unsigned members_of(const struct org *o, enum kt_key_kind kind)
{
    uint32_t at = 0;
    struct kt_key key;
    const struct incident *in;
    while ((in = kt_table_look(o->d->incidents, &at, &key)) != NULL) {
        if (in->key_kind == kind && in->severity >= KT_SEV_MEDIUM)
            return in->members_n;
    }
    fail_msg("no incident of that kind");
    return 0;
}

static void guesses_from_inside_belong_to_the_address(void **state)
{
    (void)state;
    struct org o;
    company_learned(&o);
    for (unsigned i = 0; i < 12; i++)
        refuse(&o, i, "anonymous@main", "10.2.7.7", org_text(&o, "secret_id/%u", i));
    org_run(&o);
    company_show(&o);
    assert_int_equal(o.n_alert, 1);
    assert_non_null(strstr(o.alert[0].json, "keytrail search 'ip:10.2.7.7' "));
    assert_non_null(strstr(o.alert[0].json, "here so many of 12 tries differed"));
    org_done(&o);
}

/* Nor is a victim: what they do that day is learned as on any other. */
static void a_scattered_spray_is_nobodys_and_nowhere(void **state)
{
    (void)state;
    struct org o;
    company_learned(&o);
    for (unsigned i = 0; i < 9; i++)
        refuse(&o, i, org_text(&o, "person%u@acme.example", i), org_text(&o, "45.%u.7.9", i), NULL);
    org_run(&o);
    company_show(&o);
    assert_int_equal(o.n_alert, 1);
    assert_non_null(strstr(o.alert[0].json, "keytrail search 'action:login outcome:denied,failure' "
                                            "--since 2026-"));
    assert_null(strstr(o.alert[0].json, "45."));
    assert_null(strstr(o.alert[0].json, "person"));
    assert_int_equal(members_of(&o, KT_KEY_IDENTITY), 0);
    org_done(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guesses_from_inside_belong_to_the_address),
        cmocka_unit_test(a_scattered_spray_is_nobodys_and_nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
