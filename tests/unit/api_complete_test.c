/*
 * api_complete: values that are offered within a scope are those of its newest records, however
 * many came of others since.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/hash.h"
#include "dashboards/api/calls.h"
#include "tests/support/accesses.h"
#include "tests/support/page_call.h"

#define OTHERS 41000 /* more than are looked at */
#define BATCH  500

static void add(struct accesses *w, unsigned i, const char *actor)
{
    accesses_add(w, &(struct access){ .at = ACCESSES_NOW - KT_NS_DAY + (kt_time_ns)i * KT_NS_MS,
                                      .actor = actor,
                                      .secret = ACCESSES_KV,
                                      .action = KT_ACT_READ,
                                      .outcome = KT_OUT_SUCCESS });
}

static size_t offered(struct page_call *p, const char *scope)
{
    p->ask.scope = kt_str_of(scope);
    json_t *got = page_ask(p, kt_api_complete, "q", "actor:bo", "at", "8", NULL);
    if (got == NULL)
        fail_msg("%s: %s", scope, p->err.text);
    size_t n = json_array_size(json_object_get(got, "items"));
    json_decref(got);
    return n;
}

static void others_push_nothing_out_of_a_scope(void **state)
{
    struct accesses *w = *state;
    struct page_call p;
    add(w, 0, "bob");
    for (unsigned i = 1; i < OTHERS; i++) {
        add(w, i, "eve");
        if (i % BATCH == 0)
            accesses_flush(w);
    }
    accesses_flush(w);
    page_open(&p, w->path, ACCESSES_NOW + KT_NS_MIN);
    assert_int_equal(offered(&p, ""), 0);
    assert_int_equal(offered(&p, "actor:bob"), 1);
    assert_int_equal(offered(&p, "actor:eve"), 0);
    page_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(others_push_nothing_out_of_a_scope, accesses_set_up,
                                        accesses_tear_down),
    };
    kt_hash_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
