/* api_names: the pages of actors, secrets, addresses, sessions and sources, and the blast radius,
 * over the API: names that are no names, and what is said of what is not there. What they count is
 * held against a plain account in answer_profile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/answer/peers.h"
#include "core/base/enc.h"
#include "dashboards/api/calls.h"
#include "exporters/alerts/alert.h"
#include "tests/support/accesses.h"
#include "tests/support/page_call.h"

static const char hostile[] = "<img src=x onerror=alert(1)>`*_\"\\\xE2\x80\xAE javascript:x";
#define KEY "AKIAEXAMPLE000000001"

static void read_one(struct accesses *w, kt_time_ns at, const char *actor, const char *secret,
                     enum kt_outcome outcome)
{
    accesses_add(w, &(struct access){ .at = at,
                                      .actor = actor,
                                      .secret = secret,
                                      .ip = "203.0.113.7",
                                      .session = "s-1",
                                      .credential = KEY,
                                      .version = "7",
                                      .action = KT_ACT_READ,
                                      .outcome = outcome });
}

static int set_up(void **state)
{
    if (accesses_set_up(state) != 0)
        return -1;
    struct accesses *w = *state;
    for (unsigned i = 0; i < 40; i++) { /* one a day; the newest two hours before now */
        kt_time_ns at = ACCESSES_NOW - 2 * KT_NS_HOUR - (39 - i) * KT_NS_DAY;
        read_one(w, at, hostile, ACCESSES_KV, KT_OUT_SUCCESS);
        read_one(w, at + KT_NS_MIN, "bob", ACCESSES_KV, KT_OUT_SUCCESS);
        if (i % 2 == 0)
            read_one(w, at + 2 * KT_NS_MIN, "carol", "vault://prod/-/secret/dev/x", KT_OUT_DENIED);
        if (i % 10 == 9)
            accesses_flush(w);
    }
    read_one(w, ACCESSES_NOW - KT_NS_HOUR, hostile, "vault://prod/-/secret/prod/new",
             KT_OUT_SUCCESS);
    accesses_flush(w);
    struct kt_error err = { 0 };
    struct kt_buf json = { 0 };
    struct kt_alert a = { .severity = KT_SEV_HIGH,
                          .detector = "new_secrets",
                          .state = "open",
                          .title = kt_str_of(hostile),
                          .actor = kt_str_of(hostile),
                          .raised = ACCESSES_NOW - KT_NS_MIN,
                          .first = ACCESSES_NOW - KT_NS_HOUR,
                          .last = ACCESSES_NOW - KT_NS_HOUR,
                          .time = ACCESSES_NOW - KT_NS_HOUR };
    uint8_t id[16] = { 1 };
    (void)kt_id_format(id, a.id);
    kt_alert_write(&a, &json);
    accesses_must(kt_store_begin(w->store, &err), &err);
    accesses_must(
        kt_store_alert_put(w->store, a.id, a.raised, a.raised, 3, kt_buf_str(&json), &err), &err);
    accesses_must(kt_store_commit(w->store, &err), &err);
    kt_buf_done(&json);
    return 0;
}

static const char *text(json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

static json_int_t number(json_t *o, const char *key)
{
    return json_integer_value(json_object_get(o, key));
}

static json_t *entry(json_t *got, const char *list, size_t i)
{
    return json_array_get(json_object_get(json_object_get(got, "lists"), list), i);
}

static json_t *ask(struct page_call *page, kt_api_call *call, const char *name, const char *value)
{
    json_t *got = page_ask(page, call, name, value, "since", "7d", NULL);
    if (got == NULL)
        fail_msg("%s", page->err.text);
    assert_true(json_is_object(json_object_get(got, "window")));
    assert_true(json_is_object(json_object_get(got, "coverage")));
    return got;
}

static json_int_t sum_of_series(json_t *got)
{
    static const char *const outcomes[] = { "success", "denied", "failure", "not_found",
                                            "unknown" };
    json_int_t sum = 0;
    size_t i;
    json_t *v;
    for (size_t k = 0; k < KT_ARRAY_LEN(outcomes); k++)
        json_array_foreach(json_object_get(json_object_get(got, "series"), outcomes[k]), i, v)
        {
            sum += json_integer_value(v);
        }
    return sum;
}

static void who_left_is_said(void **state)
{
    static const char file[] = "identities: [{ name: bob, kind: human, left: 2026-03-05 }]\n";
    struct accesses *w = *state;
    struct page_call page;
    struct kt_error err = { 0 };
    struct kt_identities *ids = kt_identities_new();
    assert_int_equal(kt_identities_parse(ids, kt_str_of(file), "ids", &err), KT_OK);
    page_open(&page, w->path, ACCESSES_NOW);
    page.ask.ids = ids;
    json_t *got = ask(&page, kt_api_actor, "value", "bob");
    assert_string_equal(text(json_object_get(got, "identity"), "left"), "2026-03-05");
    json_decref(got);
    page_close(&page);
    kt_identities_free(ids);
}

static void an_actor_has_its_page(void **state)
{
    struct accesses *w = *state;
    struct page_call page;
    page_open(&page, w->path, ACCESSES_NOW);
    json_t *got = ask(&page, kt_api_actor, "value", hostile);
    json_t *numbers = json_object_get(got, "numbers");
    assert_string_equal(text(got, "title"), hostile);
    assert_int_equal(number(numbers, "events"), 8);
    assert_int_equal(number(numbers, "usual"), 28);
    assert_int_equal(sum_of_series(got), 36);
    assert_string_equal(text(entry(got, "secret", 0), "value"), ACCESSES_KV);
    assert_true(json_is_true(json_object_get(entry(got, "secret", 1), "new")));
    assert_string_equal(text(entry(got, "credential", 0), "value"), KEY);
    assert_int_equal(json_array_size(json_object_get(got, "alerts")), 1);
    assert_int_equal(number(got, "alerts_open"), 1);
    json_t *median = json_object_get(json_object_get(got, "peers"), "median");
    json_t *own = json_object_get(json_object_get(got, "peers"), "own");
    assert_int_equal(number(median, "n"), 3);
    assert_int_equal(number(own, "secrets"), 2);
    assert_int_equal(number(own, "reads"), 8);
    assert_true(json_number_value(json_object_get(median, "reads")) == 7); /* 8, 7 and 0 */
    assert_true(json_number_value(json_object_get(median, "secrets")) == 1);
    assert_int_equal(json_array_size(json_object_get(got, "heat")), 7);
    assert_true(json_array_size(json_object_get(got, "next")) == 3);
    assert_null(strstr(text(json_array_get(json_object_get(got, "next"), 0), "command"), "\n"));
    /* its query finds its records */
    json_t *found = page_ask(&page, kt_api_search, "q", text(got, "query"), "since", "7d", NULL);
    assert_int_equal(json_array_size(json_object_get(found, "rows")), 8);
    json_decref(found);
    json_decref(got);
    page_close(&page);
}

static void a_secret_says_who_must_be_told(void **state)
{
    struct accesses *w = *state;
    struct page_call page;
    page_open(&page, w->path, ACCESSES_NOW);
    json_t *got = ask(&page, kt_api_secret, "value", "prod/db");
    assert_string_equal(text(got, "title"), ACCESSES_KV);
    assert_int_equal(number(json_object_get(got, "numbers"), "events"), 14);
    json_t *rotate = json_object_get(got, "rotate"), *tell = json_object_get(rotate, "tell");
    assert_non_null(strstr(text(rotate, "hint"), "vault kv patch"));
    assert_int_equal(json_array_size(tell), 2);
    assert_int_equal(number(json_array_get(tell, 0), "events"), 35);
    assert_int_equal(number(json_array_get(tell, 1), "last"),
                     ACCESSES_NOW - 2 * KT_NS_HOUR + KT_NS_MIN);
    assert_true(json_is_null(json_object_get(got, "state")) ||
                json_is_object(json_object_get(got, "state")));
    json_decref(got);
    got = ask(&page, kt_api_secret, "value", "dev/x"); /* who is denied reads nothing */
    assert_true(number(json_object_get(got, "numbers"), "failed") > 0);
    rotate = json_object_get(got, "rotate");
    assert_int_equal(json_array_size(json_object_get(rotate, "tell")), 0);
    assert_int_equal(number(rotate, "more"), 0);
    json_decref(got);
    got = page_ask(&page, kt_api_secret, "value", "**", "pattern", "true", NULL);
    assert_true(json_is_null(json_object_get(got, "rotate")));
    json_decref(got);
    page_close(&page);
}

static void addresses_sessions_and_sources_have_pages(void **state)
{
    struct accesses *w = *state;
    struct page_call page;
    page_open(&page, w->path, ACCESSES_NOW);
    json_t *got = ask(&page, kt_api_ip, "value", "203.0.113.0/24");
    assert_int_equal(number(json_object_get(got, "numbers"), "events"), 18);
    assert_true(json_is_null(json_object_get(got, "near")));
    json_decref(got);
    got = ask(&page, kt_api_ip, "value", "203.0.113.7");
    assert_int_equal(json_array_size(json_object_get(got, "near")), 1);
    json_decref(got);
    got = page_ask(&page, kt_api_session, "value", "s-1", NULL);
    assert_int_equal(number(json_object_get(got, "numbers"), "events"), 101);
    json_decref(got);
    got = ask(&page, kt_api_source, "instance", "vault-prod");
    assert_int_equal(number(json_object_get(got, "numbers"), "events"), 18);
    assert_string_equal(text(got, "source"), "vault");
    assert_int_equal(number(got, "last") / KT_NS_MIN, (ACCESSES_NOW - KT_NS_HOUR) / KT_NS_MIN);
    assert_true(json_array_size(json_object_get(got, "days")) >= 7);
    assert_true(json_is_null(json_object_get(json_object_get(got, "numbers"), "usual")));
    assert_true(json_is_null(json_object_get(entry(got, "actor", 0), "usual")));
    assert_true(json_is_null(json_object_get(got, "last_report"))); /* none was heard */
    assert_true(json_is_null(json_object_get(got, "lag_bytes")));
    assert_true(json_is_null(json_object_get(got, "lost")));
    json_decref(got);
    page_close(&page);
}

static void what_nobody_knows_is_said(void **state)
{
    struct accesses *w = *state;
    struct page_call page;
    kt_api_call *const calls[] = { kt_api_actor,   kt_api_secret, kt_api_ip,
                                   kt_api_session, kt_api_blast,  kt_api_source };
    static char much[100001];
    memset(much, '"', sizeof much - 1);
    page_open(&page, w->path, ACCESSES_NOW);
    for (size_t i = 0; i < KT_ARRAY_LEN(calls); i++) {
        const char *name = calls[i] == kt_api_source ? "instance" : "value";
        assert_null(page_ask(&page, calls[i], NULL));
        assert_int_equal(page.status, KT_E_INPUT);
        json_t *got = page_ask(&page, calls[i], name, "nobody <b>", NULL);
        assert_true(got != NULL || page.status == KT_E_INPUT || page.status == KT_E_AGAIN);
        json_decref(got);
        got = page_ask(&page, calls[i], name, much, NULL);
        assert_true(got != NULL || page.status == KT_E_INPUT || page.status == KT_E_AGAIN);
        json_decref(got);
    }
    assert_null(page_ask(&page, kt_api_ip, "value", "203.0.113.999", NULL));
    assert_int_equal(page.status, KT_E_INPUT);
    assert_null(page_ask(&page, kt_api_source, "instance", "none", NULL));
    assert_int_equal(page.status, KT_E_AGAIN);
    page_close(&page);
}

static void the_blast_radius_is_the_commands_document(void **state)
{
    struct accesses *w = *state;
    struct page_call page;
    page_open(&page, w->path, ACCESSES_NOW);
    json_t *got = page_ask(&page, kt_api_blast, "value", KEY, NULL);
    if (got == NULL)
        fail_msg("%s", page.err.text);
    assert_string_equal(text(got, "credential"), KEY);
    assert_int_equal(number(got, "records"), 101);
    assert_int_equal(number(got, "reads"), 81);
    json_t *secret = json_array_get(json_object_get(got, "secrets"), 0);
    assert_non_null(text(secret, "rotate_hint"));
    assert_true(json_is_true(json_object_get(secret, "exposed")));
    assert_true(json_is_object(json_object_get(got, "window")));
    assert_true(json_is_object(json_object_get(got, "coverage")));
    assert_int_equal(number(got, "damage"), 0);
    json_decref(got);
    assert_null(page_ask(&page, kt_api_blast, "value", KEY, "as", "x", NULL));
    assert_int_equal(page.status, KT_E_INPUT);
    page_close(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_actor_has_its_page),
        cmocka_unit_test(who_left_is_said),
        cmocka_unit_test(a_secret_says_who_must_be_told),
        cmocka_unit_test(addresses_sessions_and_sources_have_pages),
        cmocka_unit_test(what_nobody_knows_is_said),
        cmocka_unit_test(the_blast_radius_is_the_commands_document),
    };
    return cmocka_run_group_tests(tests, set_up, accesses_tear_down);
}
