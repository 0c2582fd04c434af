/* dashboards/server: what a request says, which route it takes, and what is live. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dashboards/server/assets.h"
#include "dashboards/server/events.h"
#include "dashboards/server/request.h"
#include "dashboards/server/routes.h"

static const char *value(const struct kt_web_params *p, const char *name, unsigned n)
{
    static char text[256];
    for (unsigned i = 0; i < p->n; i++)
        if (kt_str_is(p->at[i].name, name) && n-- == 0) {
            kt_str_copyz(text, sizeof text, p->at[i].value);
            return text;
        }
    return NULL;
}

static enum kt_status query(struct kt_web_params *p, const char *text)
{
    struct kt_error err = { 0 };
    kt_web_params_init(p);
    return kt_web_query(p, kt_str_of(text), &err);
}

static void a_query_string_is_decoded(void **state)
{
    struct kt_web_params p;
    (void)state;
    assert_int_equal(query(&p, "q=actor%3Aal%2a+x&&field=actor&field=ip&empty=&flag"), KT_OK);
    assert_int_equal(p.n, 5);
    assert_string_equal(value(&p, "q", 0), "actor:al* x");
    assert_string_equal(value(&p, "field", 0), "actor");
    assert_string_equal(value(&p, "field", 1), "ip");
    assert_string_equal(value(&p, "empty", 0), "");
    assert_string_equal(value(&p, "flag", 0), "");
    kt_web_params_done(&p);
}

static void a_query_string_that_is_no_text_is_refused(void **state)
{
    static const struct {
        const char *text;
        enum kt_status status;
    } cases[] = {
        { "q=%", KT_E_INPUT },     { "q=%4", KT_E_INPUT },   { "q=%zz", KT_E_INPUT },
        { "q=a%00b", KT_E_INPUT }, { "q=%ff", KT_E_INPUT },  { "q=%ed%a0%80", KT_E_INPUT },
        { "Q=1", KT_E_INPUT },     { "a%62=1", KT_E_INPUT }, { "=1", KT_E_INPUT },
        { "q=%e2%82%ac", KT_OK },  { "q=%25%32%35", KT_OK }, { "", KT_OK },
        { "q=a=b", KT_OK },
    };
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        struct kt_web_params p;
        assert_int_equal(query(&p, cases[i].text), cases[i].status);
        kt_web_params_done(&p);
    }
}

static void parameters_have_a_maximum(void **state)
{
    struct kt_web_params p;
    struct kt_buf b = { 0 };
    (void)state;
    for (unsigned i = 0; i < KT_API_PARAMS_MAX; i++)
        kt_buf_addz(&b, "a=1&");
    assert_int_equal(query(&p, kt_buf_z(&b)), KT_OK);
    kt_web_params_done(&p);
    kt_buf_addz(&b, "a=1");
    assert_int_equal(query(&p, kt_buf_z(&b)), KT_E_LIMIT);
    kt_web_params_done(&p);
    kt_buf_done(&b);
}

static enum kt_status body(struct kt_web_params *p, const char *url, const char *json)
{
    struct kt_error err = { 0 };
    assert_int_equal(query(p, url), KT_OK);
    return kt_web_body(p, kt_str_of(json), &err);
}

static void a_body_gives_texts_numbers_and_lists(void **state)
{
    struct kt_web_params p;
    (void)state;
    assert_int_equal(body(&p, "tz=3600",
                          "{\"do\":\"ack\",\"ids\":[\"6DYE\",\"7A\"],\"since\":1764000000000000001,"
                          "\"x\":-0.5,\"forced\":true,\"none\":null,\"text\":\"\\u00e9<b>\"}"),
                     KT_OK);
    assert_string_equal(value(&p, "do", 0), "ack");
    assert_string_equal(value(&p, "ids", 0), "6DYE");
    assert_string_equal(value(&p, "ids", 1), "7A");
    assert_string_equal(value(&p, "since", 0), "1764000000000000001");
    assert_string_equal(value(&p, "x", 0), "-0.5");
    assert_string_equal(value(&p, "forced", 0), "true");
    assert_string_equal(value(&p, "text", 0), "\xc3\xa9<b>");
    assert_string_equal(value(&p, "tz", 0), "3600");
    assert_null(value(&p, "none", 0));
    kt_web_params_done(&p);
}

static void a_body_that_is_ambiguous_or_deep_is_refused(void **state)
{
    static const struct {
        const char *url, *json;
    } cases[] = {
        { "", "" },
        { "", "[]" },
        { "", "\"do\"" },
        { "", "{\"do\":\"ack\",\"do\":\"close\"}" },
        { "do=close", "{\"do\":\"ack\"}" },
        { "", "{\"a\":{\"b\":1}}" },
        { "", "{\"a\":[[1]]}" },
        { "", "{\"a\":\"\\u0000\"}" },
        { "", "{\"a\":\"\\ud800\"}" },
        { "", "{\"a\":1} x" },
        { "", "{\"A\":1}" },
        { "", "{\"a\":99999999999999999999}" },
        { "", "{\"a\":\"\xff\"}" },
    };
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        struct kt_web_params p;
        assert_int_not_equal(body(&p, cases[i].url, cases[i].json), KT_OK);
        kt_web_params_done(&p);
    }
}

static void a_body_of_many_brackets_costs_nothing(void **state)
{
    struct kt_web_params p;
    struct kt_buf b = { 0 };
    struct kt_error err = { 0 };
    (void)state;
    kt_buf_addz(&b, "{\"a\":");
    for (unsigned i = 0; i < KT_API_BODY_MAX - 10; i++)
        kt_buf_byte(&b, '[');
    kt_web_params_init(&p);
    assert_int_equal(kt_web_body(&p, kt_buf_str(&b), &err), KT_E_INPUT);
    kt_web_params_done(&p);
    kt_buf_done(&b);
}

static void a_target_is_a_path_and_a_query(void **state)
{
    static const struct {
        const char *target, *path, *query; /* path NULL: refused */
    } cases[] = {
        { "/", "/", "" },
        { "/search?q=a?b", "/search", "q=a?b" },
        { "http://h:1/a?b", "/a", "b" },
        { "http://h", "/", "" },
        { "*", NULL, NULL },
        { "", NULL, NULL },
        { "a/b", NULL, NULL },
        { "/a b", NULL, NULL },
        { "/\x01", NULL, NULL },
        { "/\xc3\xa9", NULL, NULL },
    };
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        struct kt_str path, rest;
        struct kt_error err = { 0 };
        enum kt_status status = kt_web_target(kt_str_of(cases[i].target), &path, &rest, &err);
        assert_int_equal(status, cases[i].path != NULL ? KT_OK : KT_E_INPUT);
        if (cases[i].path == NULL)
            continue;
        assert_true(kt_str_is(path, cases[i].path));
        assert_true(kt_str_is(rest, cases[i].query));
    }
}

static void only_the_pages_names_are_answered(void **state)
{
    const char *own[] = { "keytrail.example.com", "other.example.com:8443" };
    const struct kt_strings names = { own, KT_ARRAY_LEN(own) };
    static const struct {
        const char *host;
        bool fine;
    } cases[] = {
        { "localhost", true },
        { "LOCALHOST:7430", true },
        { "127.0.0.1:1", true },
        { "[::1]:7430", true },
        { "[::1]", true },
        { "keytrail.example.com", true },
        { "KeyTrail.example.com:443", true },
        { "other.example.com", true },
        { "", false },
        { "evil.example", false },
        { "keytrail.example.com.evil.example", false },
        { "evil.example:keytrail.example.com", false },
        { "localhost:99999", false },
        { "localhost:x", false },
        { "127.0.0.1.evil.example", false },
        { "localhost.", false },
        { "[::2]", false },
    };
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++)
        assert_int_equal(kt_web_host_ok(kt_str_of(cases[i].host), &names), cases[i].fine);
}

static void a_path_has_one_route_by_its_method(void **state)
{
    bool other;
    (void)state;
    const struct kt_web_route *r = kt_web_route(KT_STR("/api/v1/me"), KT_WEB_GET, &other);
    assert_int_equal(r->kind, KT_WEB_ME);
    assert_false(other);
    r = kt_web_route(KT_STR("/api/v1/login"), KT_WEB_GET, &other);
    assert_int_equal(r->kind, KT_WEB_LOGIN);
    assert_true(other);
    assert_null(kt_web_route(KT_STR("/api/v1/nothing"), KT_WEB_GET, &other));
    assert_null(kt_web_route(KT_STR("/api/v1/me/"), KT_WEB_GET, &other));
    assert_null(kt_web_route(KT_STR("/api/"), KT_WEB_GET, &other));
    r = kt_web_route(KT_STR("/search"), KT_WEB_GET, &other);
    assert_int_equal(r->kind, KT_WEB_FILE);
    assert_false(other);
    (void)kt_web_route(KT_STR("/search"), KT_WEB_POST, &other);
    assert_true(other);
}

/* What a reader that comes back gets: a naive list of what there was is the oracle. */
static void a_reader_gets_each_change_once(void **state)
{
    struct kt_events_ring *g = calloc(1, sizeof *g);
    struct kt_buf all = { 0 }, want = { 0 };
    char id[64], json[64];
    uint64_t at = 1;
    (void)state;
    g->life = 0xABC;
    g->next = 1;
    for (unsigned n = 1; n <= 3 * KT_EVENTS_KEPT; n++) {
        (void)snprintf(json, sizeof json, "{\"n\":%u}", n);
        kt_events_ring_add(g, "alert", kt_str_of(json));
        kt_buf_addf(&want, "id: abc-%u\nevent: alert\ndata: %s\n\n", n, json);
        if (n % 7 == 0)
            assert_true(kt_events_ring_from(g, &at, &all));
    }
    assert_true(kt_events_ring_from(g, &at, &all));
    assert_true(kt_str_eq(kt_buf_str(&all), kt_buf_str(&want)));
    for (unsigned back = 0; back < 2 * KT_EVENTS_KEPT; back++) {
        uint64_t last = g->next - 1 - back;
        kt_buf_reset(&all);
        (void)snprintf(id, sizeof id, "abc-%u", (unsigned)last);
        assert_int_equal(kt_events_ring_since(g, kt_str_of(id), &all), g->next);
        bool again = kt_str_has(kt_buf_str(&all), KT_STR("event: again"));
        assert_int_equal(again, back > KT_EVENTS_KEPT);
        if (!again)
            assert_true(kt_str_ends(kt_buf_str(&want), kt_buf_str(&all)));
    }
    kt_events_ring_done(g);
    kt_buf_done(&all);
    kt_buf_done(&want);
    free(g);
}

static void ids_of_another_life_are_not_ours(void **state)
{
    static const char *const ids[] = { "abd-1", "abc-5", "abc-", "-1", "1", "abc-x", "abc-1-2" };
    struct kt_events_ring *g = calloc(1, sizeof *g);
    struct kt_buf out = { 0 };
    (void)state;
    g->life = 0xABC;
    g->next = 1;
    for (unsigned n = 1; n <= 4; n++)
        kt_events_ring_add(g, "alert", KT_STR("{}"));
    for (size_t i = 0; i < KT_ARRAY_LEN(ids); i++) {
        kt_buf_reset(&out);
        assert_int_equal(kt_events_ring_since(g, kt_str_of(ids[i]), &out), 5);
        assert_true(kt_str_is(kt_buf_str(&out), "id: abc-4\nevent: again\ndata: {}\n\n"));
    }
    kt_buf_reset(&out);
    assert_int_equal(kt_events_ring_since(g, KT_STR_NONE, &out), 5);
    assert_int_equal(out.len, 0);
    kt_events_ring_done(g);
    kt_buf_done(&out);
    free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_query_string_is_decoded),
        cmocka_unit_test(a_query_string_that_is_no_text_is_refused),
        cmocka_unit_test(parameters_have_a_maximum),
        cmocka_unit_test(a_body_gives_texts_numbers_and_lists),
        cmocka_unit_test(a_body_that_is_ambiguous_or_deep_is_refused),
        cmocka_unit_test(a_body_of_many_brackets_costs_nothing),
        cmocka_unit_test(a_target_is_a_path_and_a_query),
        cmocka_unit_test(only_the_pages_names_are_answered),
        cmocka_unit_test(a_path_has_one_route_by_its_method),
        cmocka_unit_test(a_reader_gets_each_change_once),
        cmocka_unit_test(ids_of_another_life_are_not_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
