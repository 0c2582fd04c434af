/*
 * api_search: search, its pages, and single records of the page's API over a hostile world, against
 * a plain walk over everything. KT_SEED sets the world.
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
#include "core/query/newest.h"
#include "dashboards/api/cursor.h"
#include "tests/support/page_world.h"

static const char *const queries[] = { "",
                                       "outcome:denied,failure",
                                       "-outcome:success actor:anna@acme.example",
                                       "actor:bot",
                                       "\"<script>\"",
                                       "country:DE OR asn:4",
                                       "kind:* ip:2001:db8::/32",
                                       "kind:report",
                                       "secret:*prod* (action:read OR action:use)",
                                       "actor:\"a\x01\x1b[31mred\x7f\n\r\tb\"",
                                       "actor:nobody" };

static json_int_t number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

/* Every field of the row is what the record has. */
static void check_row(struct page_world *w, const json_t *row, const struct kt_record *r)
{
    const struct kt_event *e = &r->ev;
    const struct kt_fact *fact = page_fact(w, r);
    struct kt_str actor = kt_ask_actor(&w->ask, e->actor, e->source, e->instance);
    assert_int_equal(number(row, "seq"), r->seq);
    assert_int_equal(number(row, "time"), e->time);
    assert_true(kt_str_is(actor, page_text(row, "actor")));
    assert_true(kt_str_is(kt_str_eq(actor, e->actor) ? KT_STR_NONE : e->actor,
                          page_text(row, "actor_written")));
    assert_true(kt_str_is(e->secret, page_text(row, "secret")));
    assert_true(kt_str_is(e->message, page_text(row, "message")));
    assert_true(kt_str_is(e->user_agent, page_text(row, "user_agent")));
    assert_true(kt_str_is(e->instance, page_text(row, "instance")));
    assert_string_equal(page_text(row, "outcome"), kt_outcome_word(e->outcome));
    assert_string_equal(page_text(row, "action"), kt_action_word(e->action));
    assert_string_equal(page_text(row, "kind"), kt_kind_word(e->kind));
    assert_true(kt_str_is(fact != NULL ? fact->country : KT_STR_NONE, page_text(row, "country")));
    assert_int_equal(json_array_size(json_object_get(row, "tags")),
                     (e->flags & KT_FLAG(REPAIRED)) != 0);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)row, key, value)
    {
        assert_false(json_is_null(value) && strcmp(key, "time") != 0);
    }
}

static void pages_together_are_what_a_plain_walk_finds(void **state)
{
    struct page_world *w = *state;
    for (size_t i = 0; i < KT_ARRAY_LEN(queries); i++) {
        uint32_t n, at = 0;
        uint32_t *found = page_matches(w, queries[i], PAGE_NOW - 50 * KT_NS_DAY, PAGE_NOW, &n);
        char cursor[200] = "", limit[8];
        do {
            (void)snprintf(limit, sizeof limit, "%u", 1 + page_draw(w, 90));
            json_t *answer =
                page_call(w, kt_api_search, "q", queries[i], "since", "50d", "until", "now",
                          "limit", limit, cursor[0] != 0 ? "cursor" : "x", cursor, NULL);
            const json_t *rows = json_object_get(answer, "rows");
            assert_true(json_array_size(rows) <= strtoul(limit, NULL, 10));
            for (size_t k = 0; k < json_array_size(rows); k++, at++) {
                assert_true(at < n);
                check_row(w, json_array_get(rows, k), &w->all[found[at]]);
            }
            (void)snprintf(cursor, sizeof cursor, "%s", page_text(answer, "next"));
            assert_non_null(json_object_get(json_object_get(answer, "coverage"), "text"));
            json_decref(answer);
        } while (cursor[0] != 0);
        if (at != n)
            fail_msg("%s: %u of %u", queries[i], at, n);
        kt_free(found);
    }
}

static void records_that_arrive_do_not_move_pages(void **state)
{
    struct page_world *w = *state;
    uint32_t n;
    uint32_t *found = page_matches(w, "", PAGE_NOW - 2 * KT_NS_DAY, 0, &n);
    assert_true(n > 12);
    json_t *first = page_call(w, kt_api_search, "q", "", "since", "2d", "limit", "5", NULL);
    page_more(w, 20, PAGE_NOW - 1 * KT_NS_DAY);
    page_more(w, 20, PAGE_NOW - KT_NS_S);
    json_t *second = page_call(w, kt_api_search, "q", "", "limit", "7", "cursor",
                               page_text(first, "next"), NULL);
    const json_t *rows = json_object_get(second, "rows");
    assert_int_equal(json_array_size(rows), 7);
    for (size_t k = 0; k < 7; k++)
        assert_int_equal(number(json_array_get(rows, k), "seq"), w->all[found[5 + k]].seq);
    json_decref(first);
    json_decref(second);
    kt_free(found);
    page_read(w);
    found = page_matches(w, "", PAGE_NOW - 2 * KT_NS_DAY, 0, &n);
    first = page_call(w, kt_api_search, "q", "", "since", "2d", "limit", "5", NULL);
    assert_int_equal(number(json_array_get(json_object_get(first, "rows"), 0), "seq"),
                     w->all[found[0]].seq);
    json_decref(first);
    kt_free(found);
}

static void a_cursor_is_checked(void **state)
{
    struct page_world *w = *state;
    json_t *first =
        page_call(w, kt_api_search, "q", "outcome:success", "since", "50d", "limit", "5", NULL);
    char next[200];
    (void)snprintf(next, sizeof next, "%s", page_text(first, "next"));
    json_decref(first);
    json_decref(
        page_refused(w, kt_api_search, KT_E_INPUT, "q", "outcome:denied", "cursor", next, NULL));
    json_decref(page_refused(w, kt_api_search, KT_E_INPUT, "q", "outcome:success", "tz", "3600",
                             "cursor", next, NULL));
    for (size_t i = 0; next[i] != 0; i++) { /* cut, and changed */
        char wrong[200];
        (void)snprintf(wrong, sizeof wrong, "%.*s", (int)i, next);
        if (i > 0)
            json_decref(page_refused(w, kt_api_search, KT_E_INPUT, "q", "outcome:success", "cursor",
                                     wrong, NULL));
        (void)snprintf(wrong, sizeof wrong, "%s", next);
        wrong[i] = wrong[i] == 'A' ? 'B' : 'A'; /* every byte is vouched for: nobody makes one */
        json_decref(page_refused(w, kt_api_search, KT_E_INPUT, "q", "outcome:success", "cursor",
                                 wrong, NULL));
    }
    w->user = "somebody else";
    json_decref(
        page_refused(w, kt_api_search, KT_E_INPUT, "q", "outcome:success", "cursor", next, NULL));
    w->user = NULL;
    json_decref(page_call(w, kt_api_search, "q", "outcome:success", "cursor", next, NULL));
    json_decref(page_refused(w, kt_api_search, KT_E_INPUT, "cursor", "<script>", NULL));
}

static void what_is_asked_wrongly_is_said(void **state)
{
    struct page_world *w = *state;
    json_t *e = page_refused(w, kt_api_search, KT_E_INPUT, "q", "a outcome:bad", NULL);
    assert_int_equal(number(e, "at"), 10);
    assert_int_equal(number(e, "len"), 3);
    json_decref(e);
    e = page_refused(w, kt_api_search, KT_E_INPUT, "q", "", "limit", "1001", NULL);
    assert_null(json_object_get(e, "at"));
    json_decref(e);
    json_decref(page_refused(w, kt_api_search, KT_E_INPUT, "since", "soon", NULL));
    json_decref(page_refused(w, kt_api_search, KT_E_INPUT, "since", "1h", "until", "2h", NULL));
    json_decref(page_refused(w, kt_api_search, KT_E_INPUT, "tz", "90000", NULL));
}

static void the_window_may_stand_in_the_query(void **state)
{
    struct page_world *w = *state;
    json_t *a = page_call(w, kt_api_search, "q", "since:3d until:1d", NULL);
    const json_t *window = json_object_get(a, "window");
    assert_int_equal(number(window, "since"), PAGE_NOW - 3 * KT_NS_DAY);
    assert_int_equal(number(window, "until"), PAGE_NOW - 1 * KT_NS_DAY);
    json_decref(a);
    a = page_call(w, kt_api_search, "q", "-country:DE", NULL);
    assert_int_equal(number(json_object_get(a, "window"), "since"), PAGE_NOW - KT_NS_DAY);
    assert_non_null(strstr(page_text(a, "command"), " -- -country:DE"));
    json_decref(a);
    a = page_call(w, kt_api_search, "q", "\"it's $(x)\"", NULL);
    assert_non_null(strstr(page_text(a, "command"), "'\"it'\\''s $(x)\"'"));
    json_decref(a);
}

static void a_record_is_told_whole(void **state)
{
    struct page_world *w = *state;
    for (uint32_t i = 0; i < w->n; i += 7) {
        const struct kt_record *r = &w->all[i];
        char seq[24];
        (void)snprintf(seq, sizeof seq, "%" PRIu64, r->seq);
        json_t *a = page_call(w, kt_api_record, "seq", seq, NULL);
        check_row(w, json_object_get(a, "record"), r);
        assert_true(kt_str_is(r->line, page_text(a, "line")));
        assert_int_equal(number(json_object_get(a, "fields"), "v"), 1);
        assert_int_equal(json_is_object(json_object_get(a, "original")), r->ev.raw.len > 0);
        assert_int_equal(strlen(page_text(a, "leaf")), 64);
        json_decref(a);
    }
    json_decref(page_refused(w, kt_api_record, KT_E_AGAIN, "seq", "999999", NULL));
    json_decref(page_refused(w, kt_api_record, KT_E_INPUT, "seq", "0", NULL));
    json_decref(page_refused(w, kt_api_record, KT_E_INPUT, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_together_are_what_a_plain_walk_finds),
        cmocka_unit_test(records_that_arrive_do_not_move_pages),
        cmocka_unit_test(a_cursor_is_checked),
        cmocka_unit_test(what_is_asked_wrongly_is_said),
        cmocka_unit_test(the_window_may_stand_in_the_query),
        cmocka_unit_test(a_record_is_told_whole),
    };
    kt_hash_init();
    return cmocka_run_group_tests_name("api_search", tests, page_set_up, page_tear_down);
}
