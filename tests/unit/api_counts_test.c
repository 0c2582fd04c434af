/*
 * api_counts: histogram, facets and check of the page's API over a hostile world, against counting
 * all records by hand. KT_SEED sets the world.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/query/newest.h"
#include "tests/support/page_world.h"

static const char *const queries[] = { "", /* columns */
                                       "outcome:denied,failure",
                                       "secret:*prod*",
                                       "kind:report",
                                       "country:DE OR asn:4", /* lines */
                                       "\"<script>\"",
                                       "actor:bot",
                                       "actor:nobody" };

static json_int_t number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static void check_histogram(struct page_world *w, const char *q, kt_time_ns since, kt_time_ns until,
                            unsigned buckets, int zone)
{
    char from[32], to[32], n_text[16], tz[16];
    (void)snprintf(from, sizeof from, "%lld", (long long)since);
    (void)snprintf(to, sizeof to, "%lld", (long long)until);
    (void)snprintf(n_text, sizeof n_text, "%u", buckets);
    (void)snprintf(tz, sizeof tz, "%d", zone);
    json_t *a = page_call(w, kt_api_histogram, "q", q, "since", from, "until", to, "buckets",
                          n_text, "tz", tz, NULL);
    const json_t *series = json_object_get(a, "series");
    kt_time_ns begin = number(series, "from"), step = number(series, "step");
    size_t steps = json_array_size(json_object_get(series, "success"));
    assert_true(step > 0 && begin <= since && since - begin < step);
    assert_true(steps >= 1 && steps <= buckets);
    kt_time_ns end = begin + (kt_time_ns)steps * step;
    assert_true(end >= until && end - until < step);
    if (step <= KT_NS_DAY)
        assert_int_equal((begin + zone * KT_NS_S) % step, 0);
    uint32_t n;
    uint32_t *found = page_matches(w, q, since, until, &n);
    for (unsigned o = 0; o < KT_OUT_COUNT; o++) {
        const json_t *counts = json_object_get(series, kt_outcome_word((enum kt_outcome)o));
        assert_int_equal(json_array_size(counts), steps);
        for (size_t k = 0; k < steps; k++) {
            json_int_t plain = 0;
            for (uint32_t i = 0; i < n; i++) {
                const struct kt_record *r = &w->all[found[i]];
                kt_time_ns t = kt_record_time(r);
                plain += r->ev.outcome == o && t >= begin + (kt_time_ns)k * step &&
                         t < begin + (kt_time_ns)(k + 1) * step;
            }
            assert_int_equal(json_integer_value(json_array_get(counts, k)), plain);
        }
    }
    assert_int_equal(number(a, "total"), n);
    kt_free(found);
    json_decref(a);
}

static void each_step_has_what_lies_in_it(void **state)
{
    struct page_world *w = *state;
    for (size_t i = 0; i < KT_ARRAY_LEN(queries); i++) {
        check_histogram(w, queries[i], PAGE_T0 + 7 * KT_NS_HOUR, PAGE_NOW - 3, 120, 0);
        check_histogram(w, queries[i], PAGE_NOW - 9 * KT_NS_DAY - 12345, PAGE_NOW, 20,
                        5 * 3600 + 1800);
        check_histogram(w, queries[i], PAGE_NOW - KT_NS_DAY, PAGE_NOW - KT_NS_HOUR, 2, -3 * 3600);
        check_histogram(w, queries[i], PAGE_NOW - 90 * KT_NS_S, PAGE_NOW, 100, 0);
    }
}

static void an_open_window_counts_everything(void **state)
{
    struct page_world *w = *state;
    uint32_t n;
    kt_free(page_matches(w, "", 0, 0, &n));
    json_t *a = page_call(w, kt_api_histogram, "q", "", "since", "2000-01-02", NULL);
    assert_int_equal(number(a, "total"), n);
    assert_true(json_array_size(json_object_get(json_object_get(a, "series"), "denied")) <= 120);
    json_decref(a);
}

/* ---- facets ---- */

static const char *const fields[] = { "actor",   "secret",     "ip",        "country",
                                      "asn",     "source",     "instance",  "action",
                                      "outcome", "user_agent", "actor_kind" };

/* What the record has in that field, as text; "" when it has nothing. */
static void value_of(struct page_world *w, const struct kt_record *r, const char *field,
                     struct kt_buf *to)
{
    const struct kt_event *e = &r->ev;
    const struct kt_fact *fact = page_fact(w, r);
    char ip[KT_IP_TEXT_MAX];
    kt_buf_reset(to);
    if (strcmp(field, "actor") == 0)
        kt_buf_add(to, kt_ask_actor(&w->ask, e->actor, e->source, e->instance));
    else if (strcmp(field, "secret") == 0)
        kt_buf_add(to, e->secret);
    else if (strcmp(field, "ip") == 0 && e->has_ip)
        kt_buf_addz(to, kt_ip_format(e->ip, ip));
    else if (strcmp(field, "country") == 0 && fact != NULL)
        kt_buf_add(to, fact->country);
    else if (strcmp(field, "asn") == 0 && fact != NULL && fact->asn != 0)
        kt_buf_addf(to, "%u", fact->asn);
    else if (strcmp(field, "source") == 0)
        kt_buf_add(to, e->source);
    else if (strcmp(field, "instance") == 0)
        kt_buf_add(to, e->instance);
    else if (strcmp(field, "action") == 0)
        kt_buf_addz(to, kt_action_word(e->action));
    else if (strcmp(field, "outcome") == 0)
        kt_buf_addz(to, kt_outcome_word(e->outcome));
    else if (strcmp(field, "user_agent") == 0)
        kt_buf_add(to, e->user_agent);
    else if (strcmp(field, "actor_kind") == 0)
        kt_buf_addz(to, kt_actor_kind_word(e->actor_kind));
}

static void check_facet(struct page_world *w, const json_t *facet, const uint32_t *found,
                        uint32_t n, unsigned top)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf value = { 0 };
    const char *field = page_text(facet, "field");
    const json_t *values = json_object_get(facet, "values");
    json_t *plain = json_object();
    for (uint32_t i = 0; i < n; i++) {
        value_of(w, &w->all[found[i]], field, &value);
        if (value.len == 0)
            continue;
        json_int_t before = number(plain, kt_buf_z(&value));
        json_object_set_new(plain, kt_buf_z(&value), json_integer(before + 1));
    }
    size_t shown = json_array_size(values);
    assert_true(shown <= top);
    assert_int_equal(shown + (size_t)number(facet, "more"), json_object_size(plain));
    assert_true(shown == top || number(facet, "more") == 0);
    json_int_t last = INT64_MAX;
    for (size_t i = 0; i < shown; i++) {
        const json_t *entry = json_array_get(values, i);
        assert_int_equal(number(entry, "count"), number(plain, page_text(entry, "value")));
        assert_true(number(entry, "count") <= last);
        last = number(entry, "count");
        json_object_del(plain, page_text(entry, "value"));
    }
    const char *key;
    json_t *rest;
    json_object_foreach(plain, key, rest) assert_true(json_integer_value(rest) <= last);
    json_decref(plain);
}

static void each_value_is_counted(void **state)
{
    struct page_world *w = *state;
    for (size_t i = 0; i < KT_ARRAY_LEN(queries); i++) {
        uint32_t n;
        uint32_t *found = page_matches(w, queries[i], PAGE_NOW - 40 * KT_NS_DAY, PAGE_NOW, &n);
        json_t *a = page_call(w, kt_api_facets, "q", queries[i], "since", "40d", "until", "now",
                              "top", "4", NULL);
        const json_t *facets = json_object_get(a, "facets");
        assert_int_equal(json_array_size(facets), KT_ARRAY_LEN(fields));
        for (size_t k = 0; k < KT_ARRAY_LEN(fields); k++) {
            assert_string_equal(page_text(json_array_get(facets, k), "field"), fields[k]);
            check_facet(w, json_array_get(facets, k), found, n, 4);
        }
        assert_int_equal(number(a, "total"), n);
        json_decref(a);
        a = page_call(w, kt_api_facets, "q", queries[i], "since", "40d", "until", "now", "field",
                      "country", "field", "actor", "field", "country", NULL);
        facets = json_object_get(a, "facets");
        assert_int_equal(json_array_size(facets), 2);
        check_facet(w, json_array_get(facets, 0), found, n, 10);
        check_facet(w, json_array_get(facets, 1), found, n, 10);
        json_decref(a);
        kt_free(found);
    }
}

/* A click on a value narrows to as many as it said. */
static void a_value_asked_for_gives_its_count(void **state)
{
    struct page_world *w = *state;
    json_t *a = page_call(w, kt_api_facets, "since", "40d", "until", "now", "top", "100", NULL);
    const json_t *facets = json_object_get(a, "facets");
    for (size_t k = 0; k < json_array_size(facets); k++) {
        const json_t *facet = json_array_get(facets, k), *values = json_object_get(facet, "values");
        for (size_t i = 0; i < json_array_size(values); i++) {
            KT_CLEANUP(kt_buf_done) struct kt_buf q = { 0 };
            const json_t *entry = json_array_get(values, i);
            kt_ask_term(&q, page_text(facet, "field"), kt_str_of(page_text(entry, "value")));
            if (strcmp(page_text(facet, "field"), "ip") == 0 ||
                strcmp(page_text(facet, "field"), "asn") == 0) {
                kt_buf_reset(&q);
                kt_buf_addf(&q, "%s:%s", page_text(facet, "field"), page_text(entry, "value"));
            }
            json_t *one = page_call(w, kt_api_histogram, "q", kt_buf_z(&q), "since", "40d", "until",
                                    "now", NULL);
            /* upper and lower case of an actor are one in a query, and the end of a secret */
            if (strcmp(page_text(facet, "field"), "actor") == 0)
                assert_true(number(one, "total") >= number(entry, "count"));
            else
                assert_int_equal(number(one, "total"), number(entry, "count"));
            json_decref(one);
        }
    }
    json_decref(a);
}

static void wrong_questions_are_refused(void **state)
{
    struct page_world *w = *state;
    json_decref(page_refused(w, kt_api_facets, KT_E_INPUT, "field", "raw", NULL));
    json_decref(page_refused(w, kt_api_facets, KT_E_INPUT, "top", "0", NULL));
    json_decref(page_refused(w, kt_api_histogram, KT_E_INPUT, "buckets", "1", NULL));
    json_decref(page_refused(w, kt_api_histogram, KT_E_INPUT, "buckets", "2001", NULL));
    json_t *a = page_call(w, kt_api_check, "q", "actor:a since:7d", NULL);
    assert_true(json_is_true(json_object_get(a, "ok")));
    json_decref(a);
    a = page_refused(w, kt_api_check, KT_E_INPUT, "q", "a actr:b", NULL);
    assert_int_equal(number(a, "at"), 2);
    assert_int_equal(number(a, "len"), 5);
    json_decref(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_step_has_what_lies_in_it),
        cmocka_unit_test(an_open_window_counts_everything),
        cmocka_unit_test(each_value_is_counted),
        cmocka_unit_test(a_value_asked_for_gives_its_count),
        cmocka_unit_test(wrong_questions_are_refused),
    };
    kt_hash_init();
    return cmocka_run_group_tests_name("api_counts", tests, page_set_up, page_tear_down);
}
