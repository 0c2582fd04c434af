/* secret_reach in the engine: whose people read a secret is kept while they read it. */
#include "collector/detect_state.h"
#include "detectors/known_secrets.h"
#include "tests/support/company.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct kt_table *teams_of(struct org *o)
{
    for (unsigned i = 0; i < o->d->n_detectors; i++) {
        if (strcmp(kt_detectors[i]->name, "new_secrets") == 0)
            return o->d->detector[i].table[KT_NEW_TEAMS];
    }
    return NULL;
}

/* Entries that were touched after it; it and those before it are gone then. */
static uint32_t newer_than(struct kt_table *t, struct kt_key mark)
{
    struct kt_key oldest;
    while (kt_table_oldest(t, &oldest)) {
        kt_table_remove(t, oldest);
        if (kt_key_eq(oldest, mark))
            return kt_table_count(t);
    }
    fail_msg("it is not in the table");
    return 0;
}

static void what_a_team_reads_every_day_does_not_age(void **state)
{
    (void)state;
    static const struct kt_key mark = { 7, 0 };
    struct org o;
    company_learned(&o);
    struct kt_table *t = teams_of(&o);
    assert_non_null(t);
    assert_true(kt_table_count(t) > 10);
    (void)kt_table_put(t, mark, NULL);
    org_add(&o, (struct org_event){ .t = COMPANY_NOW,
                                    .actor = "person1@acme.example",
                                    .kind = KT_ACTOR_HUMAN,
                                    .secret = "vault://main/-/secret/team1/1",
                                    .user_agent = "Vault/1.15 (darwin arm64)",
                                    .ip = "198.51.100.7" });
    org_run(&o);
    assert_int_equal(newer_than(t, mark), 2); /* the secret's, and its folder's */
    org_done(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_team_reads_every_day_does_not_age),
    };
    return cmocka_run_group_tests_name("detect_reach", tests, NULL, NULL);
}
