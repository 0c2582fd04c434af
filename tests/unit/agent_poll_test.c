/* How APIs are asked: requests from places, verdicts on answers; whole histories walked by a model
 * of the service. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agents/poll.h"
#include "core/base/alloc.h"

extern const struct kt_poll kt_onepassword_poll, kt_doppler_poll;

#define NOW (INT64_C(1790000000) * KT_NS_S)

struct world {
    struct kt_arena arena;
    struct kt_json *scratch, *json;
    struct kt_poll_in in;
    struct kt_poll_request request;
    struct kt_poll_verdict verdict;
    struct kt_circle circle;
    struct kt_error err;
    char place[200];
};

static int set_up(void **state)
{
    struct world *w = kt_alloc(sizeof *w);
    w->arena = kt_arena_new(65536);
    w->scratch = kt_json_new(KT_JSON_SIMDJSON);
    w->json = kt_json_new(KT_JSON_SIMDJSON);
    w->in = (struct kt_poll_in){ .token = KT_STR("invented"),
                                 .now = NOW,
                                 .since = NOW - 120 * KT_NS_DAY,
                                 .arena = &w->arena,
                                 .json = w->scratch,
                                 .circle = &w->circle };
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    kt_json_free(w->scratch);
    kt_json_free(w->json);
    kt_arena_done(&w->arena);
    kt_circle_done(&w->circle);
    kt_free(w);
    return 0;
}

static enum kt_status ask(struct world *w, const struct kt_poll *p, const char *stream)
{
    kt_arena_reset(&w->arena);
    w->in.stream = kt_str_of(stream);
    w->in.place = kt_str_of(w->place);
    w->in.url = w->in.url.len > 0 ? w->in.url : kt_str_of(p->url);
    return p->request(&w->in, &w->request, &w->err);
}

/* Judges and moves, as the input does. */
static void hear(struct world *w, const struct kt_poll *p, int status, const char *body)
{
    struct kt_poll_answer a = { .status = status };
    unsigned repaired;
    kt_arena_reset(&w->arena);
    w->in.place = kt_str_of(w->place);
    w->verdict = (struct kt_poll_verdict){ 0 };
    if (kt_json_parse(w->json, kt_str_of(body), &a.root, &repaired, NULL) != KT_OK)
        a.root = (struct kt_jval){ 0 };
    p->judge(&w->in, &a, &w->verdict);
    if (w->verdict.begin_anew)
        w->place[0] = '\0';
    else if (w->verdict.place.len > 0)
        kt_str_copyz(w->place, sizeof w->place, w->verdict.place);
}

static void expect(struct kt_str got, const char *want)
{
    if (!kt_str_is(got, want))
        fail_msg("got '" KT_STR_FMT "', want '%s'", KT_STR_ARG(got), want);
}

/* ---- 1Password ---- */

static void the_first_request_says_how_far_back(void **state)
{
    struct world *w = *state;
    assert_int_equal(ask(w, &kt_onepassword_poll, "itemusages"), KT_OK);
    assert_false(w->request.get);
    expect(w->request.url, "https://events.1password.com/api/v2/itemusages");
    expect(w->request.body, "{\"limit\":1000,\"start_time\":\"2026-05-24T14:13:20.000000000Z\"}");
    expect(w->request.header[0], "Authorization: Bearer invented");
}

static void a_cursor_is_all_that_is_sent_then(void **state)
{
    struct world *w = *state;
    hear(w, &kt_onepassword_poll, 200,
         "{\"cursor\":\"aGVsbG8\\\"IGV\",\"has_more\":true,\"items\":["
         "{\"timestamp\":\"2026-09-01T10:00:00.5Z\"},{\"timestamp\":\"2026-09-01T09:00:00Z\"},"
         "{\"timestamp\":\"no time\"}]}");
    assert_true(w->verdict.records && w->verdict.more && w->verdict.problem == NULL);
    assert_string_equal(w->place, "2026-09-01T10:00:00.5Z aGVsbG8\"IGV");
    assert_int_equal(ask(w, &kt_onepassword_poll, "itemusages"), KT_OK);
    expect(w->request.body, "{\"cursor\":\"aGVsbG8\\\"IGV\"}");
    hear(w, &kt_onepassword_poll, 200, "{\"cursor\":\"next\",\"has_more\":false,\"items\":[]}");
    assert_true(w->verdict.records && !w->verdict.more);
    assert_string_equal(w->place, "2026-09-01T10:00:00.5Z next");
}

/* A cursor that stays was asked for hundreds of times a second. */
static void a_cursor_that_stays_is_not_asked_at_once(void **state)
{
    struct world *w = *state;
    static const char same[] = "{\"cursor\":\"same\",\"has_more\":true,\"items\":[{\"timestamp\":"
                               "\"2026-09-01T10:00:00Z\"}]}";
    hear(w, &kt_onepassword_poll, 200, same);
    assert_true(w->verdict.more && w->verdict.problem == NULL);
    hear(w, &kt_onepassword_poll, 200, same);
    assert_true(w->verdict.records && !w->verdict.more);
    assert_non_null(strstr(w->verdict.problem, "lead nowhere"));
    assert_string_equal(w->place, "2026-09-01T10:00:00Z same");
}

/* Two pages that name each other were asked for in turn, without an end. */
static void cursors_that_come_back_are_not_asked_at_once(void **state)
{
    struct world *w = *state;
    static const char *const pages[] = { "{\"cursor\":\"b\",\"has_more\":true,\"items\":[]}",
                                         "{\"cursor\":\"a\",\"has_more\":true,\"items\":[]}" };
    unsigned n = 0;
    do
        hear(w, &kt_onepassword_poll, 200, pages[n++ % 2]);
    while (w->verdict.more && n < 20);
    assert_in_range(n, 3, 6);
    assert_true(w->verdict.records);
    assert_non_null(strstr(w->verdict.problem, "lead nowhere"));
}

static void an_expired_cursor_begins_a_day_earlier(void **state)
{
    struct world *w = *state;
    (void)snprintf(w->place, sizeof w->place, "2026-09-01T10:00:00.5Z old");
    hear(w, &kt_onepassword_poll, 400, "{\"Error\":\"bad cursor\"}");
    assert_false(w->verdict.records);
    assert_non_null(strstr(w->verdict.problem, "cursor"));
    assert_int_equal(ask(w, &kt_onepassword_poll, "itemusages"), KT_OK);
    expect(w->request.body, "{\"limit\":1000,\"start_time\":\"2026-08-31T10:00:00.500000000Z\"}");
    /* a cursor that came with no time at all */
    (void)snprintf(w->place, sizeof w->place, "? old");
    hear(w, &kt_onepassword_poll, 400, "");
    assert_true(w->verdict.begin_anew);
    assert_string_equal(w->place, "");
}

static void other_answers_move_nothing(void **state)
{
    struct world *w = *state;
    static const struct {
        int status;
        const char *body;
    } cases[] = {
        { 200, "<html>" },
        { 200, "[]" },
        { 200, "{\"items\":[]}" },
        { 200, "{\"cursor\":\"x\"}" },
        { 404, "{\"cursor\":\"x\",\"items\":[]}" },
        { 302, "" },
    };
    (void)snprintf(w->place, sizeof w->place, "2026-09-01T10:00:00Z c");
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        hear(w, &kt_onepassword_poll, cases[i].status, cases[i].body);
        assert_false(w->verdict.records);
        assert_non_null(w->verdict.problem);
        assert_string_equal(w->place, "2026-09-01T10:00:00Z c");
    }
}

/* {"aud":["events.1password.eu"],"1password.com/fts":["itemusages"]} */
#define JWT                                                                                        \
    "eyJhbGciOiJFUzI1NiJ9."                                                                        \
    "eyJhdWQiOlsiZXZlbnRzLjFwYXNzd29yZC5ldSJdLCIxcGFzc3dvcmQuY29tL2Z0cyI6WyJpdGVtdXNhZ2VzIl19."    \
    "c2ln"

static void the_token_names_its_region_and_streams(void **state)
{
    struct world *w = *state;
    w->in.token = KT_STR(JWT);
    assert_int_equal(ask(w, &kt_onepassword_poll, "itemusages"), KT_OK);
    expect(w->request.url, "https://events.1password.eu/api/v2/itemusages");
    assert_int_equal(ask(w, &kt_onepassword_poll, "auditevents"), KT_E_AGAIN);
    assert_non_null(strstr(w->err.text, "does not cover"));
    w->in.url = KT_STR("https://relay.example.com/");
    assert_int_equal(ask(w, &kt_onepassword_poll, "itemusages"), KT_OK);
    expect(w->request.url, "https://relay.example.com/api/v2/itemusages");
}

/* ---- Doppler ---- */

/* A page of a log whose newest record is `newest`, 3 a page. */
static void doppler_page(struct world *w, int newest, int page)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };
    kt_buf_addz(&b, "{\"logs\":[");
    for (int i = 0; i < 3; i++) {
        int id = newest - 3 * (page - 1) - i;
        if (id > 0)
            kt_buf_addf(&b, "%s{\"id\":\"log%d\",\"created_at\":\"2026-09-01T10:00:00.000Z\"}",
                        i > 0 ? "," : "", id);
    }
    kt_buf_addz(&b, "]}");
    hear(w, &kt_doppler_poll, 200, kt_buf_z(&b));
}

static void a_round_ends_at_the_record_known(void **state)
{
    struct world *w = *state;
    assert_int_equal(ask(w, &kt_doppler_poll, "logs"), KT_OK);
    assert_true(w->request.get);
    expect(w->request.url, "https://api.doppler.com/v3/logs?page=1&per_page=100");
    doppler_page(w, 5, 1);
    assert_true(w->verdict.more);
    assert_string_equal(w->place, "- 2 log5");
    assert_int_equal(ask(w, &kt_doppler_poll, "logs"), KT_OK);
    expect(w->request.url, "https://api.doppler.com/v3/logs?page=2&per_page=100");
    doppler_page(w, 5, 2);
    doppler_page(w, 5, 3); /* empty: the end of the log */
    assert_false(w->verdict.more);
    assert_string_equal(w->place, "log5");
    /* four more, one of them while the round is under way */
    doppler_page(w, 8, 1);
    assert_string_equal(w->place, "log5 2 log8");
    doppler_page(w, 9, 2); /* 6, 5, 4 */
    assert_false(w->verdict.more);
    assert_string_equal(w->place, "log8");
    doppler_page(w, 9, 1);
    assert_true(w->verdict.records && !w->verdict.more);
    assert_string_equal(w->place, "log9");
}

static void a_first_round_goes_no_further_back_than_asked(void **state)
{
    struct world *w = *state;
    hear(w, &kt_doppler_poll, 200,
         "{\"logs\":[{\"id\":\"b\",\"created_at\":\"2026-09-01T10:00:00Z\"},"
         "{\"id\":\"a\",\"created_at\":\"2025-09-01T10:00:00Z\"}]}");
    assert_true(w->verdict.records && !w->verdict.more);
    assert_string_equal(w->place, "b");
}

static void an_empty_log_is_asked_again_from_the_start(void **state)
{
    struct world *w = *state;
    static const char *const bodies[] = { "{\"logs\":[]}", "{\"logs\":[{},{}]}",
                                          "{\"logs\":[{\"id\":\"a b\"}]}" };
    for (size_t i = 0; i < KT_ARRAY_LEN(bodies); i++) {
        hear(w, &kt_doppler_poll, 200, bodies[i]);
        assert_true(w->verdict.records && !w->verdict.more);
        assert_string_equal(w->place, "");
    }
    hear(w, &kt_doppler_poll, 200, "{\"success\":false}");
    assert_false(w->verdict.records);
    assert_non_null(w->verdict.problem);
}

static void a_place_that_is_none_begins_at_page_one(void **state)
{
    struct world *w = *state;
    static const char *const places[] = { "log5 x log8", "log5 0 a", "log5 -1 a", "  ",
                                          "log5 99999999999 a" };
    for (size_t i = 0; i < KT_ARRAY_LEN(places); i++) {
        kt_str_copyz(w->place, sizeof w->place, kt_str_of(places[i]));
        assert_int_equal(ask(w, &kt_doppler_poll, "logs"), KT_OK);
        expect(w->request.url, "https://api.doppler.com/v3/logs?page=1&per_page=100");
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_request_says_how_far_back),
        TEST(a_cursor_is_all_that_is_sent_then),
        TEST(a_cursor_that_stays_is_not_asked_at_once),
        TEST(cursors_that_come_back_are_not_asked_at_once),
        TEST(an_expired_cursor_begins_a_day_earlier),
        TEST(other_answers_move_nothing),
        TEST(the_token_names_its_region_and_streams),
        TEST(a_round_ends_at_the_record_known),
        TEST(a_first_round_goes_no_further_back_than_asked),
        TEST(an_empty_log_is_asked_again_from_the_start),
        TEST(a_place_that_is_none_begins_at_page_one),
    };
    return cmocka_run_group_tests_name("agent/poll", tests, NULL, NULL);
}
