/* collector_crowd: whose alert takes newcomers of a network along, whose day is held back then
 * (decision 0123). */
#include "collector/detect_state.h"
#include "tests/support/company.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define EVENING (COMPANY_NOW + 13 * KT_NS_HOUR)
#define OFFICE  "90.80.1.9" /* its new line */
#define CROWD   7u

static struct org_event at(struct org *o, kt_time_ns t, unsigned who, const char *ip)
{
    return (struct org_event){ .t = t,
                               .actor = org_text(o, "person%u@acme.example", who),
                               .kind = KT_ACTOR_HUMAN,
                               .secret = org_text(o, "vault://main/-/secret/team%u/0", who),
                               .user_agent = "Vault/1.15 (darwin arm64)",
                               .ip = ip };
}

/* Seven come with the office's new line, of whom the fourth makes them a crowd. Somebody reads what
 * it never read from a line of its own, which is told, and is at the office afterwards. */
static void moved_house(struct org *o, kt_time_ns told, const char *own_line, bool rented)
{
    company_learned(o);
    org_fact(o, OFFICE, "DE", 3215, "Orange", false);
    org_fact(o, "95.90.1.9", "DE", 6830, "Liberty", rented);
    for (unsigned i = 0; i < CROWD; i++)
        org_add(o, at(o, EVENING + i * 40 * KT_NS_MIN, i, OFFICE));
    for (unsigned i = 0; i < 6; i++) {
        bool last = i == 5;
        kt_time_ns t = last ? EVENING + 5 * KT_NS_HOUR : told + i * KT_NS_MIN;
        struct org_event e = at(o, t, 8, last ? OFFICE : own_line);
        e.secret = org_text(o, "vault://main/-/secret/prod/n%u/x", i);
        org_add(o, e);
    }
}

static unsigned held_of_crowd(const struct org *o)
{
    uint32_t next = 0;
    unsigned n = 0;
    struct kt_key key;
    const struct kt_actor *a;
    while ((a = kt_table_look(o->d->actors, &next, &key)) != NULL) {
        bool in_it = strncmp(a->name, "person", 6) == 0 && a->name[6] < '0' + (char)CROWD &&
                     a->name[7] == '@';
        n += in_it && a->held_n > 0;
    }
    return n;
}

static unsigned taken_along(kt_time_ns told, const char *own_line, bool rented)
{
    struct org o;
    moved_house(&o, told, own_line, rented);
    org_run(&o);
    company_show(&o);
    assert_non_null(org_alert_of(&o, 0, "person8@acme.example"));
    unsigned n = held_of_crowd(&o);
    org_done(&o);
    return n;
}

static void who_was_told_of_for_his_own_line_takes_nobody_along(void **state)
{
    (void)state;
    assert_int_equal(taken_along(EVENING + 4 * KT_NS_HOUR, "95.90.1.9", false), 0);
}

static void an_account_from_a_rented_server_makes_them_suspect(void **state)
{
    (void)state;
    assert_int_equal(taken_along(EVENING + 4 * KT_NS_HOUR, "95.90.1.9", true), CROWD - 3);
}

/* Of whom it is the first, so that the third of the others makes them a crowd. */
static void so_does_one_that_was_told_of_there(void **state)
{
    (void)state;
    assert_int_equal(taken_along(EVENING - KT_NS_HOUR, OFFICE, false), CROWD - 2);
}

/* Nobody was told of it: it is one of those who moved. */
static void one_more_newcomer_takes_nobody_along(void **state)
{
    (void)state;
    struct org o;
    company_learned(&o);
    org_fact(&o, OFFICE, "DE", 3215, "Orange", false);
    for (unsigned i = 0; i < CROWD + 2; i++)
        org_add(&o, at(&o, EVENING + i * 40 * KT_NS_MIN, i, OFFICE));
    org_run(&o);
    company_show(&o);
    assert_int_equal(org_alerts(&o, 0, KT_SEV_MEDIUM), 0);
    assert_int_equal(held_of_crowd(&o), 0);
    org_done(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_was_told_of_for_his_own_line_takes_nobody_along),
        cmocka_unit_test(an_account_from_a_rented_server_makes_them_suspect),
        cmocka_unit_test(so_does_one_that_was_told_of_there),
        cmocka_unit_test(one_more_newcomer_takes_nobody_along),
    };
    return cmocka_run_group_tests_name("crowd", tests, NULL, NULL);
}
