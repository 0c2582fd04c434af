/* collector_gather: what a rollout takes into its alert, and what it must leave (decision 0111). */
#include "tests/support/company.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define BACKUP "/usr/sbin/backupd"
#define SYNC   "/opt/sync/bin/syncd"
#define THEN   (ORG_START + 30 * KT_NS_DAY)

static void fleet(struct org *o)
{
    org_start(o, 8);
    company_fleet(o, 30);
}

static void reads(struct org *o, unsigned minute, unsigned host, const char *exe)
{
    org_add(o, company_file_read(o, THEN + minute * KT_NS_MIN, host, "root", exe));
}

static const struct org_alert *told_of(const struct org *o, const char *words)
{
    for (uint32_t i = 0; i < o->n_alert; i++) {
        if (o->alert[i].is_new && strstr(o->alert[i].title, words) != NULL)
            return &o->alert[i];
    }
    return NULL;
}

/* Was it closed as part of another, or another as part of it? */
static bool is_merged(const struct org *o, const struct org_alert *alert)
{
    for (uint32_t i = 0; i < o->n_alert; i++) {
        const struct org_alert *a = &o->alert[i];
        if (a->merged_into[0] != '\0' &&
            (strcmp(a->id, alert->id) == 0 || strcmp(a->merged_into, alert->id) == 0))
            return true;
    }
    return false;
}

static unsigned merges(const struct org *o)
{
    unsigned n = 0;
    for (uint32_t i = 0; i < o->n_alert; i++)
        n += o->alert[i].merged_into[0] != '\0';
    return n;
}

static void another_program_of_a_host_stays_an_alert(void **state)
{
    (void)state;
    struct org o;
    fleet(&o);
    for (unsigned i = 0; i < 3; i++)
        reads(&o, i * 60, i, BACKUP);
    reads(&o, 200, 0, SYNC);
    reads(&o, 240, 3, BACKUP);
    org_run(&o);
    company_show(&o);
    const struct org_alert *sync = told_of(&o, SYNC " read");
    assert_non_null(sync);
    assert_false(is_merged(&o, sync));
    assert_int_equal(merges(&o), 1); /* the second host's, into the first's */
    org_done(&o);
}

static void another_program_before_it_stays_an_alert(void **state)
{
    (void)state;
    struct org o;
    fleet(&o);
    reads(&o, 0, 0, SYNC);
    reads(&o, 30, 0, BACKUP);
    reads(&o, 60, 1, BACKUP);
    reads(&o, 120, 2, BACKUP);
    org_run(&o);
    company_show(&o);
    const struct org_alert *sync = told_of(&o, SYNC " read");
    assert_non_null(sync);
    assert_false(is_merged(&o, sync));
    org_done(&o);
}

/* Somebody judged the first host's alert when he saw it alone: the second's is no part of that. */
static void what_was_judged_takes_nothing(void **state)
{
    static const char *const verdicts[] = { "true", "false" };
    (void)state;
    for (unsigned v = 0; v < KT_ARRAY_LEN(verdicts); v++) {
        struct org o;
        fleet(&o);
        reads(&o, 0, 0, BACKUP);
        org_run(&o);
        const struct org_alert *first = told_of(&o, BACKUP " read");
        assert_non_null(first);
        char id[27];
        snprintf(id, sizeof id, "%s", first->id);
        org_decide(
            &o, THEN + 5 * KT_NS_MIN, "verdict",
            org_text(&o, "{\"id\":\"%s\",\"verdict\":\"%s\",\"by\":\"bob\"}", id, verdicts[v]));
        for (unsigned i = 1; i < 4; i++)
            reads(&o, i * 60, i, BACKUP);
        org_run(&o);
        company_show(&o);
        for (uint32_t i = 0; i < o.n_alert; i++) {
            assert_string_not_equal(o.alert[i].merged_into, id);
            assert_true(strcmp(o.alert[i].id, id) != 0 || o.alert[i].merged_into[0] == '\0');
        }
        org_done(&o);
    }
}

/* Whoever works on the second host's alert keeps it: the others become part of that one, unless it
 * was opened again. */
static unsigned taken_over(bool reopened)
{
    struct org o;
    fleet(&o);
    reads(&o, 0, 0, BACKUP);
    reads(&o, 60, 1, BACKUP);
    org_run(&o);
    assert_int_equal(o.n_alert, 2);
    const char *id = org_text(&o, "%s", o.alert[1].id);
    const char *step = org_text(&o, "{\"id\":\"%s\",\"by\":\"bob\",\"reason\":\"on it\"}", id);
    org_decide(&o, THEN + 70 * KT_NS_MIN, "ack", step);
    if (reopened)
        org_decide(&o, THEN + 80 * KT_NS_MIN, "reopen", step);
    for (unsigned i = 2; i < 4; i++)
        reads(&o, i * 60, i, BACKUP);
    org_run(&o);
    company_show(&o);
    unsigned n = 0;
    for (uint32_t i = 0; i < o.n_alert; i++)
        n += strcmp(o.alert[i].merged_into, id) == 0;
    org_done(&o);
    return n;
}

static void what_somebody_has_in_hand_stays(void **state)
{
    (void)state;
    assert_int_equal(taken_over(false), 1);
    assert_int_equal(taken_over(true), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_program_of_a_host_stays_an_alert),
        cmocka_unit_test(another_program_before_it_stays_an_alert),
        cmocka_unit_test(what_was_judged_takes_nothing),
        cmocka_unit_test(what_somebody_has_in_hand_stays),
    };
    return cmocka_run_group_tests_name("gather", tests, NULL, NULL);
}
