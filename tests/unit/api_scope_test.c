/*
 * api_scope: a user with a scope learns nothing outside it: every call that such users may ask,
 * over a hostile world of several teams, against a plain walk. KT_SEED sets the world.
 */
#include <inttypes.h>
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
#include "core/base/map.h"
#include "core/query/query.h"
#include "tests/support/page_world.h"

#define SPAN "60d"

/* ---- what is not theirs ---- */

static bool fits(const struct kt_query *scope, struct page_world *w, const struct kt_record *r)
{
    return r->ev.kind == KT_KIND_ACCESS && kt_query_matches(scope, r, page_fact(w, r));
}

static struct kt_query *parse(struct page_world *w, const char *text)
{
    struct kt_query *q = NULL;
    struct kt_scan scan = { 0 };
    assert_int_equal(kt_query_parse_as(kt_str_of(text), PAGE_NOW, 0, w->ids, &q, NULL), KT_OK);
    kt_query_plan(q, &scan);
    return q;
}

/* The names that records outside the scope have and none inside. */
static struct kt_map *foreign(struct page_world *w, const char *scope)
{
    struct kt_query *q = parse(w, scope);
    struct kt_map *theirs = kt_map_new(0), *others = kt_map_new(0);
    for (int pass = 0; pass < 2; pass++)
        for (uint32_t i = 0; i < w->n; i++) {
            const struct kt_event *e = &w->all[i].ev;
            const struct kt_str names[] = { e->actor,   e->secret,     e->native_id, e->session,
                                            e->message, e->user_agent, e->credential };
            bool inside = fits(q, w, &w->all[i]);
            for (size_t k = 0; k < KT_ARRAY_LEN(names); k++) {
                if (names[k].len < 8) /* shorter ones stand in other words */
                    continue;
                if (pass == 0 && inside)
                    (void)kt_map_put(theirs, names[k], NULL);
                else if (pass == 1 && !inside && kt_map_get(theirs, names[k]) == KT_MAP_NONE)
                    (void)kt_map_put(others, names[k], NULL);
            }
        }
    kt_map_free(theirs);
    kt_query_free(q);
    return others;
}

/* No text anywhere in the answer is, or has in it, one of those names. */
static void has_none(const json_t *j, const struct kt_map *others, const char *call)
{
    const char *key;
    json_t *value;
    size_t i;
    if (json_is_string(j)) {
        struct kt_str text = kt_str_from(json_string_value(j), json_string_length(j));
        for (uint32_t k = 0; k < kt_map_count(others); k++)
            if (kt_str_has(text, kt_map_key(others, k)))
                fail_msg("%s: " KT_STR_FMT, call, KT_STR_ARG(kt_utf8_cut(text, 200)));
    }
    json_object_foreach((json_t *)(uintptr_t)j, key, value)
    {
        if (kt_map_get(others, kt_str_of(key)) != KT_MAP_NONE)
            fail_msg("%s: key %s", call, key);
        has_none(value, others, call);
    }
    json_array_foreach(j, i, value) has_none(value, others, call);
}

static const char *const scopes[] = { "instance:aws-main", "secret:**prod**", "-instance:aws-main",
                                      "actor:anna@acme.example", "action:read source:vault" };

/* ---- calls ---- */

static void no_answer_has_a_name_from_outside(void **state)
{
    struct page_world *w = *state;
    static const struct {
        const char *name;
        kt_api_call *call;
    } calls[] = { { "search", kt_api_search },     { "histogram", kt_api_histogram },
                  { "facets", kt_api_facets },     { "check", kt_api_check },
                  { "timeline", kt_api_timeline }, { "map", kt_api_map } };
    static const char *const tries[] = { "", "kind:*", "action:read OR -action:read",
                                         "-instance:aws-main OR instance:aws-main" };
    for (size_t s = 0; s < KT_ARRAY_LEN(scopes); s++) {
        struct kt_map *others = foreign(w, scopes[s]);
        w->ask.scope = kt_str_of(scopes[s]);
        for (size_t c = 0; c < KT_ARRAY_LEN(calls); c++)
            for (size_t t = 0; t < KT_ARRAY_LEN(tries); t++) {
                if (calls[c].call == kt_api_map && t == 1)
                    continue; /* it takes no other kinds */
                json_t *answer = page_call(w, calls[c].call, "q", tries[t], "since", SPAN, "top",
                                           "1000", "limit", "1000", NULL);
                has_none(answer, others, calls[c].name);
                json_decref(answer);
            }
        w->ask.scope = KT_STR_NONE;
        kt_map_free(others);
    }
}

static void nothing_from_outside_is_taken_away_or_offered(void **state)
{
    struct page_world *w = *state;
    static const char *const forms[] = { "csv", "ndjson" };
    static const char *const typed[] = { "actor:", "secret:", "ip:", "user_agent:" };
    for (size_t s = 0; s < KT_ARRAY_LEN(scopes); s++) {
        struct kt_map *others = foreign(w, scopes[s]);
        w->ask.scope = kt_str_of(scopes[s]);
        for (size_t f = 0; f < KT_ARRAY_LEN(forms); f++) {
            struct kt_str all = page_download(w, kt_api_export, "q", "kind:*", "since", SPAN,
                                              "form", forms[f], NULL);
            for (uint32_t k = 0; k < kt_map_count(others); k++) {
                struct kt_str name = kt_map_key(others, k);
                bool plain = true; /* quoted otherwise in both forms */
                for (size_t i = 0; i < name.len; i++)
                    plain = plain && name.at[i] > ' ' && strchr("\"\\,\x7f", name.at[i]) == NULL;
                if (plain && kt_str_has(all, name))
                    fail_msg("%s: " KT_STR_FMT, forms[f], KT_STR_ARG(kt_utf8_cut(name, 100)));
            }
        }
        for (size_t t = 0; t < KT_ARRAY_LEN(typed); t++) {
            char at[24];
            (void)snprintf(at, sizeof at, "%zu", strlen(typed[t]));
            json_t *answer = page_call(w, kt_api_complete, "q", typed[t], "at", at, NULL);
            has_none(answer, others, "complete");
            json_decref(answer);
        }
        w->ask.scope = KT_STR_NONE;
        kt_map_free(others);
    }
}

static void counts_are_those_of_the_scope(void **state)
{
    struct page_world *w = *state;
    for (size_t s = 0; s < KT_ARRAY_LEN(scopes); s++) {
        uint32_t n;
        kt_free(page_matches(w, scopes[s], PAGE_NOW - PAGE_DAYS * KT_NS_DAY, PAGE_NOW, &n));
        w->ask.scope = kt_str_of(scopes[s]);
        json_t *h = page_call(w, kt_api_histogram, "q", "", "since", SPAN, NULL);
        json_t *f =
            page_call(w, kt_api_facets, "q", "(action:read OR -action:read)", "since", SPAN, NULL);
        w->ask.scope = KT_STR_NONE;
        assert_int_equal(json_integer_value(json_object_get(h, "total")), n);
        assert_int_equal(json_integer_value(json_object_get(f, "total")), n);
        json_decref(h);
        json_decref(f);
    }
}

static void a_record_outside_is_not_there(void **state)
{
    struct page_world *w = *state;
    struct kt_query *q = parse(w, scopes[0]);
    unsigned inside = 0, outside = 0;
    w->ask.scope = kt_str_of(scopes[0]);
    for (uint32_t i = 0; i < w->n && (inside < 50 || outside < 50); i++) {
        char seq[24];
        (void)snprintf(seq, sizeof seq, "%" PRIu64, w->all[i].seq);
        if (fits(q, w, &w->all[i])) {
            json_decref(page_call(w, kt_api_record, "seq", seq, NULL));
            inside++;
        } else if (outside++ < 200) {
            json_decref(page_refused(w, kt_api_record, KT_E_AGAIN, "seq", seq, NULL));
        }
    }
    w->ask.scope = KT_STR_NONE;
    kt_query_free(q);
    assert_true(inside > 0 && outside > 0);
}

static void a_query_cannot_reach_out_of_the_scope(void **state)
{
    struct page_world *w = *state;
    static const char *const bad[] = { ") OR (action:read", "action:read) OR (actor:*",
                                       "action:read OR", "\"" };
    w->ask.scope = kt_str_of(scopes[0]);
    for (size_t i = 0; i < KT_ARRAY_LEN(bad); i++)
        json_decref(page_refused(w, kt_api_search, KT_E_INPUT, "q", bad[i], "since", SPAN, NULL));
    w->ask.scope = KT_STR_NONE;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_answer_has_a_name_from_outside),
        cmocka_unit_test(nothing_from_outside_is_taken_away_or_offered),
        cmocka_unit_test(counts_are_those_of_the_scope),
        cmocka_unit_test(a_record_outside_is_not_there),
        cmocka_unit_test(a_query_cannot_reach_out_of_the_scope),
    };
    kt_hash_init();
    return cmocka_run_group_tests(tests, page_set_up, page_tear_down);
}
