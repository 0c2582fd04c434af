/*
 * api_events: completion, export, timeline and overview of the page's API over a hostile world,
 * against plain accounts of all records. KT_SEED sets the world.
 */
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/answer/record_rows.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/query/newest.h"
#include "core/query/place.h"
#include "dashboards/api/kept.h"
#include "dashboards/api/shared.h"
#include "tests/support/page_world.h"

static json_int_t number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

/* ---- completion ---- */

static void what_is_typed_is_found(void **state)
{
    (void)state;
    static const struct {
        const char *text; /* | stands where somebody types */
        enum kt_place_kind kind;
        const char *field, *typed, *replaced;
    } table[] = {
        { "|", KT_PLACE_TERM, "", "", "" },
        { "act|", KT_PLACE_TERM, "", "act", "act" },
        { "a|ct b", KT_PLACE_TERM, "", "a", "act" },
        { "ac|tor:x b", KT_PLACE_TERM, "", "ac", "actor:" },
        { "x -act|", KT_PLACE_TERM, "", "act", "act" },
        { "(act| OR b)", KT_PLACE_TERM, "", "act", "act" },
        { "NOT act|", KT_PLACE_TERM, "", "act", "act" },
        { "actor:a | b", KT_PLACE_TERM, "", "", "" },
        { "actor:|", KT_PLACE_VALUE, "actor", "", "" },
        { "b actor:al|ice c", KT_PLACE_VALUE, "actor", "al", "alice" },
        { "actor:a,b|,c", KT_PLACE_VALUE, "actor", "b", "b" },
        { "actor:a,|", KT_PLACE_VALUE, "actor", "", "" },
        { "(actor:al|)", KT_PLACE_VALUE, "actor", "al", "al" },
        { "secret:\"a b|", KT_PLACE_VALUE, "secret", "a b", "\"a b" },
        { "secret:\"a \\\"b|\" c", KT_PLACE_VALUE, "secret", "a \"b", "\"a \\\"b\"" },
        { "secret:\"a b\"| c", KT_PLACE_VALUE, "secret", "a b", "\"a b\"" },
        { "secret:\"a,b\",c|", KT_PLACE_VALUE, "secret", "c", "c" },
        { "secret:\"a|b outcome:x", KT_PLACE_VALUE, "secret", "a", "\"a" },
        { "\"actor:a|\"", KT_PLACE_NONE, "", "actor:a", "\"actor:a\"" },
        { "nofield:a|", KT_PLACE_NONE, "", "a", "a" },
        { "outcome:x act|", KT_PLACE_TERM, "", "act", "act" },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(table); i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 }, typed = { 0 };
        struct kt_query_place p;
        struct kt_str t = kt_str_of(table[i].text);
        size_t at = (size_t)kt_str_find_byte(t, '|', 0);
        kt_buf_add(&text, kt_str_sub(t, 0, at));
        kt_buf_add(&text, kt_str_from_index(t, at + 1));
        kt_query_place(kt_buf_str(&text), at, &p, &typed);
        if (p.kind != table[i].kind ||
            !kt_str_is(kt_str_of(p.field != NULL ? p.field->name : ""), table[i].field) ||
            !kt_str_is(kt_buf_str(&typed), table[i].typed) ||
            !kt_str_is(kt_str_sub(kt_buf_str(&text), p.from, p.to - p.from), table[i].replaced))
            fail_msg("%s: kind %d, field %s, typed '" KT_STR_FMT "', replaces '" KT_STR_FMT "'",
                     table[i].text, p.kind, p.field != NULL ? p.field->name : "",
                     KT_STR_ARG(kt_buf_str(&typed)),
                     KT_STR_ARG(kt_str_sub(kt_buf_str(&text), p.from, p.to - p.from)));
    }
}

static bool has_item(const json_t *answer, const char *text)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(answer, "items"), i, item)
    {
        if (strcmp(page_text(item, "text"), text) == 0)
            return true;
    }
    return false;
}

static void fields_words_and_values_are_offered(void **state)
{
    struct page_world *w = *state;
    json_t *a = page_call(w, kt_api_complete, "q", "act", "at", "3", NULL);
    assert_true(has_item(a, "actor:") && has_item(a, "action:") && has_item(a, "actor_kind:"));
    assert_false(has_item(a, "secret:"));
    json_decref(a);
    a = page_call(w, kt_api_complete, "q", "outcome:D", NULL);
    assert_int_equal(json_array_size(json_object_get(a, "items")), 1);
    assert_true(has_item(a, "denied"));
    assert_int_equal(number(a, "from"), 8);
    json_decref(a);
    a = page_call(w, kt_api_complete, "q", "actor:ANNA", NULL);
    assert_true(has_item(a, "anna@acme.example"));
    json_decref(a);
    a = page_call(w, kt_api_complete, "q", "secret:\"prod", NULL);
    assert_true(has_item(a, "\"vault://c/-/secret/prod/db\""));
    json_decref(a);
    a = page_call(w, kt_api_complete, "q", "country:", NULL);
    assert_true(has_item(a, "DE") && has_item(a, "SE"));
    json_decref(a);
    json_decref(page_refused(w, kt_api_complete, KT_E_INPUT, "q", "a", "at", "2", NULL));
}

/* Whatever is offered for a value, put in its place, is a query that finds records. */
static void an_offered_value_can_be_asked_for(void **state)
{
    struct page_world *w = *state;
    static const char *const begun[] = {
        "actor:",     "secret:", "user_agent:", "instance:", "ip:",
        "operation:", "code:",   "actor:\"",    "country:",  "asn:"
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(begun); i++) {
        json_t *a = page_call(w, kt_api_complete, "q", begun[i], NULL);
        size_t k;
        json_t *item;
        assert_true(json_array_size(json_object_get(a, "items")) > 0);
        json_array_foreach(json_object_get(a, "items"), k, item)
        {
            char q[9000];
            (void)snprintf(q, sizeof q, "%.*s%s", (int)number(a, "from"), begun[i],
                           page_text(item, "text"));
            json_t *h = page_call(w, kt_api_histogram, "q", q, "since", "70d", NULL);
            if (number(h, "total") == 0)
                fail_msg("%s finds nothing", q);
            json_decref(h);
        }
        json_decref(a);
    }
}

/* ---- export ---- */

static void to_buf(void *self, struct kt_str bytes)
{
    kt_buf_add(self, bytes);
}

static void an_export_is_what_search_prints(void **state)
{
    struct page_world *w = *state;
    static const char *const queries[] = { "", "outcome:denied", "country:DE OR \"<svg\"",
                                           "kind:report,fact", "actor:nobody" };
    for (size_t i = 0; i < 2 * KT_ARRAY_LEN(queries); i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf plain = { 0 };
        const char *q = queries[i / 2];
        bool csv = i % 2 == 0;
        uint32_t n;
        uint32_t *found = page_matches(w, q, PAGE_NOW - 70 * KT_NS_DAY, 0, &n);
        bool *in = kt_alloc_array(w->n + 1, sizeof *in);
        for (uint32_t k = 0; k < n; k++)
            in[found[k]] = true;
        struct kt_rows *rows = kt_record_rows_new(csv ? KT_OUT_CSV : KT_OUT_NDJSON,
                                                  strstr(q, "kind:") != NULL, true, to_buf, &plain);
        for (uint32_t k = 0; k < w->n; k++) /* in the order of the log */
            if (in[k])
                kt_record_rows_add(rows, &w->all[k], page_fact(w, &w->all[k]));
        kt_rows_end(rows);
        struct kt_str got = page_download(w, kt_api_export, "q", q, "since", "70d", "form",
                                          csv ? "csv" : "ndjson", NULL);
        if (!kt_str_eq(got, kt_buf_str(&plain)))
            fail_msg("%s: %zu bytes, not %zu", q, got.len, plain.len);
        kt_free(found);
        kt_free(in);
    }
    json_decref(page_refused(w, kt_api_export, KT_E_INPUT, "form", "xlsx", NULL));
    json_decref(page_refused(w, kt_api_export, KT_E_INPUT, "form", "csv", "q", "(", NULL));
}

/* ---- timeline ---- */

static void a_timeline_shows_each_access_once(void **state)
{
    struct page_world *w = *state;
    uint32_t n, seen = 0;
    uint32_t *found = page_matches(w, "outcome:success", PAGE_NOW - 30 * KT_NS_DAY, 0, &n);
    char cursor[200] = "";
    do {
        json_t *a = page_call(w, kt_api_timeline, "q", "outcome:success", "since", "30d", "limit",
                              "40", cursor[0] != 0 ? "cursor" : "x", cursor, NULL);
        size_t i;
        json_t *m;
        kt_time_ns last = 0;
        json_array_foreach(json_object_get(a, "moments"), i, m)
        {
            assert_true(number(m, "at") >= last);
            last = number(m, "at");
            if (strcmp(page_text(m, "type"), "access") != 0) {
                assert_true(page_text(m, "text")[0] != 0);
                continue;
            }
            seen += 1 + (uint32_t)number(m, "folded");
            assert_true(json_is_array(json_object_get(m, "notes")));
            assert_string_equal(page_text(json_object_get(m, "record"), "outcome"), "success");
        }
        (void)snprintf(cursor, sizeof cursor, "%s", page_text(a, "next"));
        assert_true(strncmp(page_text(a, "command"), "keytrail timeline", 17) == 0);
        json_decref(a);
    } while (cursor[0] != 0);
    assert_int_equal(seen, n);
    kt_free(found);
}

/* ---- overview ---- */

/* The text of a list's value. */
static struct kt_str value_of(struct page_world *w, const struct kt_record *r, const char *list,
                              char ip[KT_IP_TEXT_MAX])
{
    const struct kt_event *e = &r->ev;
    const struct kt_fact *fact = page_fact(w, r);
    if (strcmp(list, "actors") == 0)
        return kt_ask_actor(&w->ask, e->actor, e->source, e->instance);
    if (strcmp(list, "secrets") == 0)
        return e->secret;
    if (strcmp(list, "addresses") == 0)
        return e->has_ip ? kt_str_of(kt_ip_format(e->ip, ip)) : KT_STR_NONE;
    return fact != NULL ? fact->country : KT_STR_NONE;
}

static void check_list(struct page_world *w, const json_t *answer, const char *list,
                       const uint32_t *found, uint32_t n, kt_time_ns since)
{
    json_t *plain = json_object(), *old = json_object();
    char ip[KT_IP_TEXT_MAX];
    size_t k;
    const char *key;
    json_t *value;
    for (uint32_t i = 0; i < w->n; i++) {
        struct kt_str v = value_of(w, &w->all[i], list, ip);
        if (w->all[i].ev.kind == KT_KIND_ACCESS && kt_record_time(&w->all[i]) < since && v.len > 0)
            json_object_setn_new(old, v.at, v.len, json_true());
    }
    for (uint32_t i = 0; i < n; i++) {
        struct kt_str v = value_of(w, &w->all[found[i]], list, ip);
        if (v.len > 0)
            json_object_setn_new(
                plain, v.at, v.len,
                json_integer(json_integer_value(json_object_getn(plain, v.at, v.len)) + 1));
    }
    if (strcmp(list, "countries") != 0)
        assert_int_equal(number(json_object_get(json_object_get(answer, "numbers"), list), "now"),
                         json_object_size(plain));
    json_t *fresh = json_object_get(json_object_get(answer, "new"), list);
    json_int_t total = 0;
    json_object_foreach(plain, key, value) total += json_object_get(old, key) == NULL;
    assert_int_equal(number(fresh, "total"), total);
    json_array_foreach(json_object_get(fresh, "values"), k, value)
    {
        const char *text = page_text(value, "value");
        assert_null(json_object_get(old, text));
        assert_int_equal(number(value, "events"), number(plain, text));
        assert_true(json_is_true(json_object_get(value, "new")));
    }
    json_decref(plain);
    json_decref(old);
}

static void the_overview_counts_and_compares(void **state)
{
    struct page_world *w = *state;
    static const char *const spans[] = { "1d", "5d", "12h" };
    static const kt_time_ns lengths[] = { KT_NS_DAY, 5 * KT_NS_DAY, 12 * KT_NS_HOUR };
    static const char *const lists[] = { "actors", "secrets", "addresses", "countries" };
    for (size_t i = 0; i < KT_ARRAY_LEN(spans); i++) {
        kt_time_ns since = PAGE_NOW - lengths[i];
        uint32_t n, usual;
        uint32_t *found = page_matches(w, "", since, 0, &n);
        kt_free(page_matches(w, "", since - KT_USUAL_SPAN, since, &usual));
        json_t *a = page_call(w, kt_api_overview, "since", spans[i], NULL);
        const json_t *events = json_object_get(json_object_get(a, "numbers"), "events");
        assert_int_equal(number(events, "now"), n);
        double per = (double)usual * (double)lengths[i] / (double)KT_USUAL_SPAN;
        assert_true(json_number_value(json_object_get(events, "usual")) > per - 0.01 * per - 0.01);
        assert_true(json_number_value(json_object_get(events, "usual")) < per + 0.01 * per + 0.01);
        for (size_t k = 0; k < KT_ARRAY_LEN(lists); k++)
            check_list(w, a, lists[k], found, n, since);
        assert_string_equal(page_text(json_object_get(a, "integrity"), "state"), "unanchored");
        assert_true(json_array_size(json_object_get(a, "sources")) >= 1);
        json_decref(a);
        kt_free(found);
    }
}

static void the_overview_is_shared_for_a_while(void **state)
{
    struct page_world *w = *state;
    json_t *first = page_call(w, kt_api_overview, "since", "2d", NULL);
    page_more(w, 10, PAGE_NOW - KT_NS_HOUR);
    json_t *again = page_call(w, kt_api_overview, "since", "2d", NULL);
    assert_true(json_equal(first, again));
    json_t *other = page_call(w, kt_api_overview, "since", "2d", "tz", "3600", NULL);
    assert_false(json_equal(first, other));
    json_decref(first);
    json_decref(again);
    json_decref(other);
    page_read(w);
}

/* ---- what is kept ---- */

struct asker {
    struct kt_api_kept *k;
    unsigned *made;
    pthread_mutex_t *lock;
    bool fine;
};

static void *ask_once(void *self)
{
    struct asker *a = self;
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
    if (!kt_api_kept_get(a->k, KT_STR("x"), 1000, 10, NULL, NULL, &out)) {
        (void)pthread_mutex_lock(a->lock);
        ++*a->made;
        (void)pthread_mutex_unlock(a->lock);
        kt_buf_addz(&out, "answer");
        kt_api_kept_put(a->k, KT_STR("x"), 1000, kt_buf_str(&out));
    }
    a->fine = kt_str_is(kt_buf_str(&out), "answer");
    return NULL;
}

static bool no_patience(void *self)
{
    (void)self;
    return true;
}

static void one_makes_what_many_ask(void **state)
{
    (void)state;
    struct kt_api_kept *k = kt_api_kept_new();
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_t thread[8];
    struct asker asker[8];
    unsigned made = 0;
    struct kt_buf out = { 0 };
    for (unsigned i = 0; i < 8; i++) {
        asker[i] = (struct asker){ k, &made, &lock, false };
        assert_int_equal(pthread_create(&thread[i], NULL, ask_once, &asker[i]), 0);
    }
    for (unsigned i = 0; i < 8; i++) {
        (void)pthread_join(thread[i], NULL);
        assert_true(asker[i].fine);
    }
    assert_int_equal(made, 1);
    assert_true(kt_api_kept_get(k, KT_STR("x"), 1010, 10, NULL, NULL, &out));
    assert_false(kt_api_kept_get(k, KT_STR("x"), 1011, 10, NULL, NULL, &out)); /* too old */
    assert_false(kt_api_kept_get(k, KT_STR("x"), 1011, 10, no_patience, NULL, &out));
    kt_api_kept_drop(k, KT_STR("x"));
    assert_false(kt_api_kept_get(k, KT_STR("x"), 1011, 10, NULL, NULL, &out));
    kt_api_kept_put(k, KT_STR("x"), 1011, KT_STR("b"));
    for (unsigned i = 0; i < 3 * KT_API_KEPT_MAX; i++) { /* others take its place */
        char key[16];
        (void)snprintf(key, sizeof key, "%u", i);
        assert_false(kt_api_kept_get(k, kt_str_of(key), 1011, 10, NULL, NULL, &out));
        kt_api_kept_put(k, kt_str_of(key), 1011, KT_STR("c"));
    }
    assert_false(kt_api_kept_get(k, KT_STR("x"), 1011, 10, NULL, NULL, &out));
    kt_api_kept_drop(k, KT_STR("x"));
    kt_buf_done(&out);
    kt_api_kept_free(k);
}

struct waiter {
    struct kt_api_kept *k;
    unsigned looks; /* of the one that waits: at most so many */
    bool waits, waited_out, got;
};

static bool look(void *self)
{
    struct waiter *w = self;
    __atomic_store_n(&w->waits, true, __ATOMIC_SEQ_CST);
    w->waited_out = w->looks++ >= 100;
    return w->waited_out;
}

static void *wait_for_it(void *self)
{
    struct waiter *w = self;
    struct kt_buf out = { 0 };
    w->got = kt_api_kept_get(w->k, KT_STR("x"), 1000, 10, look, w, &out);
    kt_buf_done(&out);
    return NULL;
}

static void nobody_queues_for_what_cannot_be_kept(void **state)
{
    (void)state;
    static char bytes[KT_API_KEPT_BYTES + 1];
    const struct kt_str too_long = kt_str_from(bytes, sizeof bytes);
    const kt_time_ns now = 1000 * KT_NS_S;
    struct kt_api_kept *k = kt_api_kept_new();
    struct kt_buf out = { 0 };
    pthread_t thread[3];
    struct waiter waiter[3];
    assert_false(kt_api_kept_get(k, KT_STR("x"), 1000, 10, NULL, NULL, &out));
    for (unsigned i = 0; i < 3; i++) {
        waiter[i] = (struct waiter){ .k = k };
        assert_int_equal(pthread_create(&thread[i], NULL, wait_for_it, &waiter[i]), 0);
        while (!__atomic_load_n(&waiter[i].waits, __ATOMIC_SEQ_CST))
            (void)usleep(1000);
    }
    kt_api_kept_drop(k, KT_STR("x")); /* all who waited go, though none of them settles */
    for (unsigned i = 0; i < 3; i++) {
        (void)pthread_join(thread[i], NULL);
        assert_false(waiter[i].got || waiter[i].waited_out);
    }
    assert_false(kt_api_kept_get(k, KT_STR("y"), now, 10, NULL, NULL, &out));
    kt_api_kept_put(k, KT_STR("y"), now, too_long);
    for (unsigned i = 0; i < 3; i++) /* whoever comes soon does not wait either */
        assert_false(kt_api_kept_get(k, KT_STR("y"), now + KT_NS_S, 10, NULL, NULL, &out));
    kt_api_kept_put(k, KT_STR("y"), now + KT_NS_S, KT_STR("short again"));
    assert_true(kt_api_kept_get(k, KT_STR("y"), now + KT_NS_S, 10, NULL, NULL, &out));
    assert_true(kt_str_is(kt_buf_str(&out), "short again"));
    kt_buf_done(&out);
    kt_api_kept_free(k);
}

static unsigned times_made;
static enum kt_status count_up(struct kt_api *a, struct kt_error *err)
{
    times_made++;
    kt_buf_addf(&a->out, "%u", times_made);
    return a->n_params == 3 ? kt_fail(err, KT_E_INPUT, "wrong") : KT_OK;
}

static void only_those_who_may_see_the_same_share(void **state)
{
    (void)state;
    struct kt_ask ask = { 0 };
    struct kt_error err = { 0 };
    const struct kt_api_param q[] = { { KT_STR("q"), KT_STR("ab") },
                                      { KT_STR("a"), KT_STR("c") },
                                      { KT_STR("x"), KT_STR("y") } },
                              other[] = { { KT_STR("qa"), KT_STR("b") },
                                          { KT_STR("a"), KT_STR("c") } };
    struct kt_api a = { .ask = &ask,
                        .kept = kt_api_kept_new(),
                        .now = PAGE_NOW,
                        .user = "alice",
                        .param = q,
                        .n_params = 2 };
    unsigned made = 0;
    times_made = 0;
#define ASKED(name, age)                                                                           \
    (kt_buf_reset(&a.out), assert_int_equal(kt_api_shared(&a, name, age, count_up, &err), KT_OK),  \
     times_made)
    assert_int_equal(ASKED("x", 10), ++made);
    a.user = "bob";
    a.now += 10;
    assert_int_equal(ASKED("x", 10), made); /* alice's */
    assert_true(kt_str_is(kt_buf_str(&a.out), "1"));
    assert_int_equal(ASKED("y", 10), ++made);
    ask.scope = KT_STR("instance:a");
    assert_int_equal(ASKED("x", 10), ++made);
    ask.scope = KT_STR("instance:b");
    assert_int_equal(ASKED("x", 10), ++made);
    assert_int_equal(ASKED("x", 10), made);
    ask.scope = KT_STR_NONE;
    ask.zone_offset_s = 3600;
    assert_int_equal(ASKED("x", 10), ++made);
    ask.zone_offset_s = 0;
    a.role = KT_ROLE_ADMIN;
    assert_int_equal(ASKED("x", 10), ++made);
    a.role = KT_ROLE_VIEWER;
    a.param = other; /* the same letters, parted elsewhere */
    assert_int_equal(ASKED("x", 10), ++made);
    a.param = q;
    a.n_params = 1;
    assert_int_equal(ASKED("x", 10), ++made);
    a.n_params = 2;
    a.now++;
    assert_int_equal(ASKED("x", 10), ++made); /* too old */
    a.n_params = 3;
    assert_int_equal(kt_api_shared(&a, "x", 10, count_up, &err), KT_E_INPUT);
    assert_int_equal(kt_api_shared(&a, "x", 10, count_up, &err), KT_E_INPUT); /* is not kept */
    assert_int_equal(times_made, made + 2);
    kt_api_kept_free(a.kept);
    kt_buf_done(&a.out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_typed_is_found),
        cmocka_unit_test(fields_words_and_values_are_offered),
        cmocka_unit_test(an_offered_value_can_be_asked_for),
        cmocka_unit_test(an_export_is_what_search_prints),
        cmocka_unit_test(a_timeline_shows_each_access_once),
        cmocka_unit_test(the_overview_counts_and_compares),
        cmocka_unit_test(the_overview_is_shared_for_a_while),
        cmocka_unit_test(only_those_who_may_see_the_same_share),
        cmocka_unit_test(one_makes_what_many_ask),
        cmocka_unit_test(nobody_queues_for_what_cannot_be_kept),
    };
    kt_hash_init();
    return cmocka_run_group_tests_name("api_events", tests, page_set_up, page_tear_down);
}
