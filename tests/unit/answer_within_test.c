/*
 * answer_within: which alerts somebody with a scope is told of: the very document that was proven,
 * however many alerts others have.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/answer/within.h"
#include "core/answer/within_terms.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include "exporters/alerts/alert.h"
#include "tests/support/accesses.h"

#define AT     (ACCESSES_NOW - KT_NS_HOUR)
#define BOBS   "e-1" /* as accesses have them, in order */
#define EVES   "e-2"
#define OTHERS (KT_WITHIN_MAX + 100)

/* An alert of one access of the actor, or of two: of eve's too. */
static void put_alert(struct accesses *w, unsigned number, const char *actor, bool grown,
                      struct kt_buf *json)
{
    struct kt_error err = { 0 };
    struct kt_alert a = { .severity = KT_SEV_HIGH,
                          .detector = "volume_spike",
                          .state = "open",
                          .title = KT_STR("somebody read a lot"),
                          .actor = kt_str_of(actor),
                          .n_events = grown ? 2 : 1,
                          .events_count = grown ? 2 : 1,
                          .time = AT,
                          .first = AT,
                          .last = AT,
                          .raised = AT + (kt_time_ns)number };
    uint8_t id[16] = { (uint8_t)(number >> 8), (uint8_t)number };
    a.events[0] = strcmp(actor, "bob") == 0 ? KT_STR(BOBS) : KT_STR(EVES);
    a.events[1] = KT_STR(EVES);
    (void)kt_id_format(id, a.id);
    kt_buf_reset(json);
    kt_alert_write(&a, json);
    accesses_must(kt_store_begin(w->store, &err), &err);
    accesses_must(
        kt_store_alert_put(w->store, a.id, a.raised, a.raised, KT_SEV_HIGH, kt_buf_str(json), &err),
        &err);
    accesses_must(kt_store_commit(w->store, &err), &err);
}

static void add_accesses(struct accesses *w)
{
    static const char *const actors[] = { "bob", "eve" };
    for (unsigned i = 0; i < 2; i++)
        accesses_add(w, &(struct access){ .at = AT,
                                          .actor = actors[i],
                                          .secret = ACCESSES_KV,
                                          .action = KT_ACT_READ,
                                          .outcome = KT_OUT_SUCCESS });
    accesses_flush(w);
}

static struct kt_within load(struct kt_ask *a, const struct kt_within *before)
{
    struct kt_within within = { 0 };
    struct kt_error err = { 0 };
    accesses_must(kt_within_load(a, before, &within, &err), &err);
    within.of = a;
    return within;
}

static void an_alert_that_grows_is_another_one(void **state)
{
    struct accesses *w = *state;
    KT_CLEANUP(kt_buf_done) struct kt_buf small = { 0 }, grown = { 0 };
    struct kt_within none = { 0 };
    struct kt_ask a;
    uint8_t bytes[16] = { 0, 7 };
    char id[KT_ID_TEXT];
    (void)kt_id_format(bytes, id);
    add_accesses(w);
    put_alert(w, 7, "bob", false, &small);
    accesses_ask(w, &a);
    a.scope = KT_STR("actor:bob");
    struct kt_within first = load(&a, &none);
    assert_int_equal(first.n, 1);
    assert_false(kt_within_tells(&a, kt_str_of(id), kt_buf_str(&small))); /* not asked to yet */
    a.told = &first;
    assert_true(kt_within_tells(&a, kt_str_of(id), kt_buf_str(&small)));
    put_alert(w, 7, "bob", true, &grown);
    assert_false(kt_within_tells(&a, kt_str_of(id), kt_buf_str(&grown)));
    struct kt_within second = load(&a, &first);
    assert_int_equal(second.proven, 1);
    a.told = &second;
    assert_false(kt_within_tells(&a, kt_str_of(id), kt_buf_str(&grown)));
    assert_false(kt_within_tells(&a, kt_str_of(id), kt_buf_str(&small)));
    kt_within_done(&first);
    assert_ptr_equal(a.told, &second);
    kt_within_done(&second);
    assert_null(a.told);
    kt_ask_done(&a);
}

static void alerts_of_others_take_no_place(void **state)
{
    struct accesses *w = *state;
    KT_CLEANUP(kt_buf_done) struct kt_buf json = { 0 };
    struct kt_within none = { 0 };
    struct kt_ask a;
    add_accesses(w);
    put_alert(w, 1, "bob", false, &json);
    for (unsigned i = 2; i < OTHERS; i++)
        put_alert(w, i, "eve", false, &json);
    accesses_ask(w, &a);
    a.scope = KT_STR("actor:bob");
    struct kt_within first = load(&a, &none);
    assert_int_equal(first.n, 1);
    assert_int_equal(first.proven, 1); /* one walk, not 600 */
    assert_true(first.at[0].in);
    struct kt_within again = load(&a, &first);
    assert_int_equal(again.n, 1);
    assert_int_equal(again.proven, 0);
    a.now += 2 * KT_WITHIN_FOR;
    kt_within_done(&again);
    again = load(&a, &first);
    assert_int_equal(again.proven, 1);
    kt_within_done(&first);
    kt_within_done(&again);
    kt_ask_done(&a);
}

static bool stop(void *self)
{
    return ++*(unsigned *)self > 3;
}

static void whoever_asks_again_goes_on(void **state)
{
    struct accesses *w = *state;
    KT_CLEANUP(kt_buf_done) struct kt_buf json = { 0 };
    struct kt_within before = { 0 }, more;
    struct kt_ask a;
    unsigned asked = 0, tries = 0;
    enum kt_status status = KT_E_LIMIT;
    add_accesses(w);
    for (unsigned i = 0; i < 5; i++)
        put_alert(w, i, "bob", false, &json);
    accesses_ask(w, &a);
    a.scope = KT_STR("actor:bob");
    while (status == KT_E_LIMIT && tries++ < 100) {
        a.give_up = tries < 3 ? stop : NULL;
        a.give_up_self = &asked;
        asked = 0;
        status = kt_within_load(&a, &before, &more, NULL);
        assert_true(more.n >= before.n);
        kt_within_done(&before);
        before = more;
    }
    assert_int_equal(status, KT_OK);
    assert_int_equal(before.n, 5);
    kt_within_done(&before);
    kt_ask_done(&a);
}

static void what_an_alert_says_sorts_it_out(void **state)
{
    static const struct {
        const char *scope;
        struct kt_within_names names;
        bool may;
    } cases[] = {
        { "instance:b", { .instance = { "a", 1 } }, false },
        { "instance:b", { .instance = { "b", 1 } }, true },
        { "instance:b", { .actor = { "eve", 3 } }, true },
        { "-instance:a", { .instance = { "a", 1 } }, false },
        { "source:vault", { .source = { "k8s", 3 } }, false },
        { "ip:10.0.0.0/8", { .ip = { "10.1.2.3", 8 } }, true },
        { "ip:10.0.0.0/8", { .ip = { "11.1.2.3", 8 } }, false },
        { "action:read actor:bob,eve", { .actor = { "eve", 3 } }, true },
        { "action:read actor:bob,eve", { .actor = { "mallory", 7 } }, false },
        { "secret:**prod**",
          { .secret = { { "x://prod/a", 10 }, { "x://dev/a", 9 } }, .n_secrets = 2 },
          false },
        { "secret:**prod**", { .secret = { { "x://prod/a", 10 } }, .n_secrets = 1 }, true },
    };
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        struct kt_ask a = { .scope = kt_str_of(cases[i].scope), .now = ACCESSES_NOW };
        struct kt_within_terms t;
        assert_int_equal(kt_within_terms_read(&a, &t, NULL), KT_OK);
        if (kt_within_may(&t, &cases[i].names) != cases[i].may)
            fail_msg("%zu: %s", i, cases[i].scope);
        kt_within_terms_done(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_alert_that_grows_is_another_one, accesses_set_up,
                                        accesses_tear_down),
        cmocka_unit_test_setup_teardown(alerts_of_others_take_no_place, accesses_set_up,
                                        accesses_tear_down),
        cmocka_unit_test_setup_teardown(whoever_asks_again_goes_on, accesses_set_up,
                                        accesses_tear_down),
        cmocka_unit_test(what_an_alert_says_sorts_it_out),
    };
    kt_hash_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
