/* collector_shift: a team at new hours after somebody decided on the alert (decision 0141). */
#include "tests/support/company.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TEAM                                                                                       \
    "identities:\n  - { name: person1@acme.example, team: ops }\n"                                 \
    "  - { name: person2@acme.example, team: ops }\n  - { name: person3@acme.example, team: ops "  \
    "}\n"                                                                                          \
    "  - { name: person4@acme.example, team: ops }\n  - { name: person5@acme.example, team: ops "  \
    "}\n"
#define NIGHT (COMPANY_NOW + 38 * KT_NS_HOUR)

/* Three reads, as of one who is at work. */
static void works(struct org *o, unsigned person, kt_time_ns at)
{
    for (int i = 0; i < 3; i++)
        org_add(o, (struct org_event){
                       .t = at + i * 5 * KT_NS_MIN,
                       .actor = org_text(o, "person%u@acme.example", person),
                       .kind = KT_ACTOR_HUMAN,
                       .secret = org_text(o, "vault://main/-/secret/prod/of%u/%d", person, i),
                       .ip = "198.51.100.7",
                       .user_agent = "Vault/1.15 (darwin arm64)",
                       .action = KT_ACT_READ,
                       .source = "vault",
                       .instance = "vault-main",
                       .outcome = KT_OUT_SUCCESS });
}

/* Two alerts, and the third of the team. */
static void first_night(struct org *o)
{
    struct kt_error err;
    org_start(o, 1);
    assert_int_equal(org_identities(o, KT_STR(TEAM), &err), KT_OK);
    org_company(o, 12, 10, COMPANY_DAYS);
    works(o, 1, NIGHT);
    works(o, 2, NIGHT + 75 * KT_NS_MIN);
    org_run(o);
    assert_int_equal(o->n_alert, 2);
}

static unsigned told_of(const struct org *o, const char *actor)
{
    unsigned n = 0;
    for (uint32_t i = 0; i < o->n_alert; i++)
        n += o->alert[i].is_new && strcmp(o->alert[i].actor, actor) == 0;
    return n;
}

static void decide(struct org *o, kt_time_ns at, const char *what, unsigned alert, const char *more)
{
    org_decide(o, at, what,
               org_text(o, "{\"id\":\"%s\",\"by\":\"bob\",%s}", o->alert[alert].id, more));
}

static void an_update_names_each_who_joins(void **state)
{
    (void)state;
    struct org o;
    first_night(&o);
    works(&o, 3, NIGHT + 150 * KT_NS_MIN);
    org_run(&o);
    company_show(&o);
    assert_int_equal(o.n_alert, 3);
    assert_string_equal(o.alert[2].id, o.alert[0].id);
    assert_string_equal(o.alert[2].state, "updated");
    for (unsigned i = 1; i <= 3; i++)
        assert_non_null(strstr(o.alert[2].why, org_text(&o, "person%u@acme.example", i)));
    org_done(&o);
}

static void what_somebody_has_in_hand_says_who_joined(void **state)
{
    (void)state;
    struct org o;
    first_night(&o);
    decide(&o, NIGHT + 2 * KT_NS_HOUR, "ack", 1, "\"reason\":\"on it\"");
    works(&o, 3, NIGHT + 150 * KT_NS_MIN);
    org_run(&o);
    company_show(&o);
    assert_int_equal(o.n_alert, 3);
    assert_string_equal(o.alert[2].id, o.alert[1].id);
    assert_non_null(strstr(o.alert[2].why, "person3@acme.example"));
    org_done(&o);
}

/* Of the next nights, after the verdict: who was there, and who was not. */
static void judged(const char *verdict, unsigned ret_told[2])
{
    struct org o;
    first_night(&o);
    works(&o, 3, NIGHT + 150 * KT_NS_MIN);
    org_run(&o);
    decide(&o, NIGHT + 8 * KT_NS_HOUR, "verdict", 0, org_text(&o, "\"verdict\":\"%s\"", verdict));
    works(&o, 5, NIGHT + 49 * KT_NS_HOUR);
    works(&o, 3, NIGHT + 50 * KT_NS_HOUR);
    org_run(&o);
    company_show(&o);
    ret_told[0] = told_of(&o, "person3@acme.example");
    ret_told[1] = told_of(&o, "person5@acme.example");
    org_done(&o);
}

static void the_next_nights_of_what_was_dismissed_are_quiet(void **state)
{
    (void)state;
    unsigned told[2];
    judged("expected", told);
    assert_int_equal(told[0] + told[1], 0);
    judged("false", told);
    assert_int_equal(told[0] + told[1], 0);
}

static void what_was_true_soothes_nobody(void **state)
{
    (void)state;
    unsigned told[2];
    judged("true", told);
    assert_int_equal(told[0], 1);
    assert_int_equal(told[1], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_update_names_each_who_joins),
        cmocka_unit_test(what_somebody_has_in_hand_says_who_joined),
        cmocka_unit_test(the_next_nights_of_what_was_dismissed_are_quiet),
        cmocka_unit_test(what_was_true_soothes_nobody),
    };
    return cmocka_run_group_tests_name("shift", tests, NULL, NULL);
}
