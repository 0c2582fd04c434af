/* api_alerts: the page's calls about alerts: lists, what people do, silences. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/enc.h"
#include "core/sys/clock.h"
#include "dashboards/api/calls.h"
#include "exporters/alerts/alert.h"
#include "tests/support/page_call.h"
#include "tests/support/stock.h"

#define NOW    (STOCK_T0 + STOCK_NS + KT_NS_DAY)
#define ALERTS 240u

static const char hostile[] = "<script>alert(1)</script>\"\\\xE2\x80\xAEgnp.exe\n\x01 javascript:x";

static void must(enum kt_status status, const struct kt_error *err)
{
    if (status != KT_OK)
        fail_msg("%s", err->text);
}

/* ---- a world: alerts of all severities and lives; the oracle is what was put in ---- */

struct lived {
    char id[KT_ID_TEXT];
    kt_time_ns raised;
    const char *status, *verdict;
    enum kt_severity severity;
    bool expected, bob;
};
struct world {
    struct stock *s;
    struct lived alert[ALERTS];
    struct page_call page;
};

static void put(struct world *w, unsigned n)
{
    struct kt_error err = { 0 };
    struct kt_buf json = { 0 };
    struct lived *l = &w->alert[n];
    struct kt_alert a = { .severity = (enum kt_severity)(n % KT_SEV_COUNT),
                          .score = 475,
                          .detector = n % 3 == 0 ? "volume_spike" : "new_secrets",
                          .state = "open",
                          .title = kt_str_of(n % 7 == 0 ? hostile : "x read much."),
                          .actor = kt_str_of(n % 5 == 0 ? "bob" : hostile),
                          .ip = KT_STR("203.0.113.7"),
                          .events_count = 3,
                          .secrets_count = 12,
                          .n_secrets = 2,
                          .secrets = { KT_STR("vault://c/-/secret/prod/db"), kt_str_of(hostile) },
                          .n_parts = 1,
                          .parts = { { .detector = "new_secrets", .points = 475 } } };
    uint8_t id[16] = { (uint8_t)(n * 37), 7, (uint8_t)n };
    (void)kt_id_format(id, l->id);
    memcpy(a.id, l->id, sizeof a.id);
    l->severity = a.severity;
    l->bob = n % 5 == 0;
    l->expected = n % 11 == 10;
    a.suppressed_by = l->expected ? KT_STR("expect-1 by bob") : KT_STR_NONE;
    l->status = "open";
    /* several at one moment */
    l->raised = a.raised = a.time = a.first = a.last = STOCK_T0 + (kt_time_ns)(n / 4) * KT_NS_HOUR;
    kt_alert_write(&a, &json);
    must(kt_store_begin(w->s->store, &err), &err);
    must(kt_store_alert_put(w->s->store, a.id, a.raised, a.raised, (int)a.severity,
                            kt_buf_str(&json), &err),
         &err);
    must(kt_store_commit(w->s->store, &err), &err);
    kt_buf_done(&json);
}

static void live(struct world *w, unsigned n)
{
    static const char *const verdicts[] = { "true", "false", "expected" };
    struct lived *l = &w->alert[n];
    char raw[300];
    if (n % 4 == 0)
        return;
    (void)snprintf(raw, sizeof raw,
                   "{\"id\":\"%s\",\"by\":\"bob\",\"where\":\"page\",\"reason\":\"\"}", l->id);
    stock_control(w->s, KT_KIND_DECISION, "ack", raw, l->raised + KT_NS_MIN);
    l->status = "acknowledged";
    if (n % 4 == 1)
        return;
    l->verdict = verdicts[n % 3];
    (void)snprintf(raw, sizeof raw,
                   "{\"id\":\"%s\",\"by\":\"carol\",\"where\":\"page\",\"verdict\":\"%s\","
                   "\"reason\":\"looked at\"}",
                   l->id, l->verdict);
    stock_control(w->s, KT_KIND_DECISION, "verdict", raw, l->raised + KT_NS_HOUR);
    l->status = "closed";
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    w->s = stock_new(3, 40);
    for (unsigned i = 0; i < ALERTS; i++) {
        put(w, i);
        live(w, i);
    }
    page_open(&w->page, w->s->path, NOW);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    page_close(&w->page);
    stock_free(w->s);
    free(w);
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

/* ---- the list ---- */

static const struct lived *lived_of(const struct world *w, const char *id)
{
    for (unsigned i = 0; i < ALERTS; i++)
        if (strcmp(w->alert[i].id, id) == 0)
            return &w->alert[i];
    return NULL;
}

static unsigned expected_rows(const struct world *w, const char *status, bool quiet)
{
    unsigned n = 0;
    for (unsigned i = 0; i < ALERTS; i++)
        n += (strcmp(status, "all") == 0 || strcmp(w->alert[i].status, status) == 0) &&
             (quiet || !w->alert[i].expected);
    return n;
}

static void check_row(const struct world *w, json_t *row)
{
    const struct lived *l = lived_of(w, text(row, "id"));
    assert_non_null(l);
    assert_string_equal(text(row, "status"), l->status);
    assert_string_equal(text(row, "severity"), kt_severity_words[l->severity].word);
    assert_int_equal(number(row, "raised"), l->raised);
    assert_int_equal(number(row, "secrets_count"), 12);
    assert_int_equal(json_array_size(json_object_get(row, "secrets")), 2);
    assert_string_equal(json_string_value(json_array_get(json_object_get(row, "secrets"), 1)),
                        hostile);
    assert_string_equal(text(row, "actor"), l->bob ? "bob" : hostile);
    assert_true(json_real_value(json_object_get(row, "score")) == 4.75);
    if (l->verdict != NULL) {
        assert_string_equal(text(row, "verdict"), l->verdict);
        assert_string_equal(text(row, "closed_by"), "carol");
    }
    if (strcmp(l->status, "open") != 0)
        assert_string_equal(text(row, "acknowledged_by"), "bob");
    assert_true((text(row, "suppressed_by") != NULL) == l->expected);
}

/* All pages of a list: each row once, newest first. */
static void walk(struct world *w, const char *status, const char *quiet, const char *limit)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf cursor = { 0 };
    json_int_t last = INT64_MAX;
    char last_id[KT_ID_TEXT] = "~";
    unsigned rows = 0, pages = 0;
    do {
        json_t *row, *got = page_ask(&w->page, kt_api_alerts, "status", status, "quiet", quiet,
                                     "limit", limit, "cursor", kt_buf_z(&cursor), NULL);
        size_t i;
        assert_non_null(got);
        json_array_foreach(json_object_get(got, "alerts"), i, row)
        {
            check_row(w, row);
            bool after = number(row, "raised") < last ||
                         (number(row, "raised") == last && strcmp(text(row, "id"), last_id) < 0);
            assert_true(after);
            last = number(row, "raised");
            memcpy(last_id, text(row, "id"), sizeof last_id);
            rows++;
        }
        json_t *counts = json_object_get(got, "counts");
        assert_int_equal(number(counts, "open"),
                         expected_rows(w, "open", strcmp(quiet, "true") == 0));
        assert_int_equal(number(counts, "closed"),
                         expected_rows(w, "closed", strcmp(quiet, "true") == 0));
        kt_buf_reset(&cursor);
        if (text(got, "next") != NULL)
            kt_buf_addz(&cursor, text(got, "next"));
        json_decref(got);
        assert_true(++pages <= ALERTS);
    } while (cursor.len > 0);
    assert_int_equal(rows, expected_rows(w, status, strcmp(quiet, "true") == 0));
}

static void lists_have_each_alert_once_by_status(void **state)
{
    static const char *const words[] = { "open", "acknowledged", "closed", "all" };
    for (unsigned i = 0; i < 4; i++) {
        walk(*state, words[i], "false", "7");
        walk(*state, words[i], "true", "100");
    }
}

static void a_query_chooses_and_counts(void **state)
{
    struct world *w = *state;
    unsigned open = 0;
    for (unsigned i = 0; i < ALERTS; i++)
        open += w->alert[i].bob && !w->alert[i].expected && strcmp(w->alert[i].status, "open") == 0;
    json_t *got = page_ask(&w->page, kt_api_alerts, "q", "actor:bob", NULL);
    assert_int_equal(json_array_size(json_object_get(got, "alerts")), open);
    assert_int_equal(number(json_object_get(got, "counts"), "open"), open);
    assert_true(json_is_string(json_object_get(got, "learning")) ||
                json_is_null(json_object_get(got, "learning")));
    json_decref(got);
}

static void what_cannot_be_asked_is_said(void **state)
{
    struct world *w = *state;
    static const char *const wrong[][2] = {
        { "status", "shut" },
        { "limit", "0" },
        { "limit", "1001" },
        { "cursor", "x" },
        { "cursor", "-1-6DYE5B7QX2MA0000000000000X" },
        { "cursor", "12-6DYE5B7Q" },
        { "cursor", "99999999999999999999-00000000000000000000000000" },
        { "q", "actr:bob" },
        { "q", "actor:(" },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(wrong); i++) {
        assert_null(page_ask(&w->page, kt_api_alerts, wrong[i][0], wrong[i][1], NULL));
        assert_int_equal(w->page.status, KT_E_INPUT);
        assert_true(w->page.err.text[0] != '\0');
    }
}

static bool at_once(void *self)
{
    (void)self;
    return true;
}

static void a_deadline_ends_the_walk(void **state)
{
    struct world *w = *state;
    w->page.ask.give_up = at_once;
    assert_null(page_ask(&w->page, kt_api_alerts, NULL));
    assert_int_equal(w->page.status, KT_E_LIMIT);
    w->page.ask.give_up = NULL;
}

/* ---- what people do: a collector of one answer ---- */

struct collector {
    struct sockaddr_un at;
    int fd;
    pthread_t thread;
    const char *answer;
    char heard[8192];
};

static void *answer_one(void *self)
{
    struct collector *c = self;
    size_t n = 0;
    int fd = accept(c->fd, NULL, NULL);
    while (n < sizeof c->heard - 1 && memchr(c->heard, '\n', n) == NULL) {
        ssize_t got = read(fd, c->heard + n, sizeof c->heard - 1 - n);
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    (void)!write(fd, c->answer, strlen(c->answer));
    close(fd);
    return NULL;
}

static void listen_at(struct collector *c, const struct world *w, const char *answer)
{
    *c = (struct collector){ .at = { .sun_family = AF_UNIX }, .answer = answer };
    (void)snprintf(c->at.sun_path, sizeof c->at.sun_path, "%s/control.sock", w->s->folder);
    unlink(c->at.sun_path);
    c->fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(c->fd, (struct sockaddr *)&c->at, sizeof c->at), 0);
    assert_int_equal(listen(c->fd, 1), 0);
    assert_int_equal(pthread_create(&c->thread, NULL, answer_one, c), 0);
}

static json_t *hear(struct collector *c)
{
    assert_int_equal(pthread_join(c->thread, NULL), 0);
    close(c->fd);
    unlink(c->at.sun_path);
    json_t *said = json_loads(c->heard, JSON_DISABLE_EOF_CHECK, NULL);
    assert_non_null(said);
    return said;
}

static void an_act_is_asked_of_the_collector(void **state)
{
    struct world *w = *state;
    struct collector c;
    listen_at(&c, w,
              "{\"alert\":\"A\",\"changed\":false,\"status\":\"acknowledged\",\"by\":\"bob\"}\n"
              "{\"alert\":\"B\",\"refused\":\"there is no alert 'B'\"}\n\n");
    w->page.api.control = c.at.sun_path;
    json_t *got = page_ask(&w->page, kt_api_alerts_act, "do", "ack", "ids", "A", "ids", "B",
                           "reason", hostile, NULL);
    json_t *said = hear(&c);
    assert_string_equal(text(said, "do"), "ack");
    assert_string_equal(text(said, "by"), "alice");
    assert_string_equal(text(said, "where"), "page");
    assert_string_equal(text(said, "reason"), hostile);
    assert_int_equal(json_array_size(json_object_get(said, "ids")), 2);
    json_t *results = json_object_get(got, "results");
    assert_int_equal(json_array_size(results), 2);
    assert_string_equal(text(json_array_get(results, 0), "by"), "bob");
    assert_string_equal(text(json_array_get(results, 1), "refused"), "there is no alert 'B'");
    json_decref(got);
    json_decref(said);
    w->page.api.control = NULL;
}

static void only_acts_about_alerts_get_through(void **state)
{
    struct world *w = *state;
    static const char *const wrong[] = { "", "hold.add", "silence.add", "new-log", "ACK", "ack\"" };
    w->page.api.control = "/nonexistent/control.sock";
    for (size_t i = 0; i < KT_ARRAY_LEN(wrong); i++) {
        assert_null(page_ask(&w->page, kt_api_alerts_act, "do", wrong[i], "ids", "A", NULL));
        assert_int_equal(w->page.status, KT_E_INPUT);
    }
    assert_null(page_ask(&w->page, kt_api_alerts_act, "do", "ack", NULL));
    assert_int_equal(w->page.status, KT_E_INPUT);
    assert_null(page_ask(&w->page, kt_api_alerts_act, "do", "ack", "ids", "A", NULL));
    assert_int_equal(w->page.status, KT_E_IO);
    w->page.api.control = NULL;
    assert_null(page_ask(&w->page, kt_api_alerts_act, "do", "ack", "ids", "A", NULL));
    assert_int_equal(w->page.status, KT_E_IO);
}

static void a_refusal_and_a_broken_answer_are_failures(void **state)
{
    struct world *w = *state;
    struct collector c;
    listen_at(&c, w, "{\"error\":\"verdict is missing\"}\n\n");
    w->page.api.control = c.at.sun_path;
    assert_null(page_ask(&w->page, kt_api_alerts_act, "do", "close", "ids", "A", NULL));
    assert_int_equal(w->page.status, KT_E_INPUT);
    assert_string_equal(w->page.err.text, "verdict is missing");
    json_decref(hear(&c));
    listen_at(&c, w, "{\"alert\":\n\n");
    assert_null(page_ask(&w->page, kt_api_alerts_act, "do", "ack", "ids", "A", NULL));
    assert_int_equal(w->page.status, KT_E_IO);
    json_decref(hear(&c));
    w->page.api.control = NULL;
}

/* ---- what a worker keeps ---- */

/* Like a reader that was opened just now, after each thing that people did. */
static void a_view_that_follows_is_one_that_is_made_anew(void **state)
{
    static const char *const operations[] = { "ack",  "verdict", "reopen",
                                              "note", "silence", "silence.rm" };
    struct world *w = *state;
    struct kt_alert_view kept = { 0 }, anew = { 0 };
    struct kt_error err = { 0 };
    char raw[400];
    for (unsigned n = 0; n < 120; n++) {
        const struct lived *l = &w->alert[n % 13];
        const char *operation = operations[n * 7 % KT_ARRAY_LEN(operations)];
        bool silence = kt_str_starts(kt_str_of(operation), KT_STR("silence"));
        (void)snprintf(raw, sizeof raw,
                       "{\"id\":\"%s%s%u\",\"by\":\"bob\",\"where\":\"page\",\"verdict\":\"true\","
                       "\"reason\":\"r%u\",\"match\":\"actor:bob\",\"from\":%lld,\"until\":%lld}",
                       silence ? "silence-" : l->id, silence ? "" : "\",\"n\":\"", n / 6, n,
                       (long long)(NOW - KT_NS_HOUR), (long long)NOW);
        stock_control(w->s, KT_KIND_DECISION, operation, raw, NOW + n);
        must(kt_alert_view_follow(&kept, w->page.ask.reader, &err), &err);
        must(kt_alert_view_load(w->page.ask.reader, &anew, &err), &err);
        assert_int_equal(kept.silences.n, anew.silences.n);
        for (unsigned i = 0; i < anew.silences.n; i++) {
            assert_memory_equal(&kept.silences.at[i], &anew.silences.at[i],
                                sizeof *anew.silences.at);
            assert_int_equal(kept.query[i] == NULL, anew.query[i] == NULL);
        }
        for (unsigned i = 0; i < ALERTS; i++) {
            const struct kt_life *a = kt_lives_of(&kept.lives, kt_str_of(w->alert[i].id));
            const struct kt_life *b = kt_lives_of(&anew.lives, kt_str_of(w->alert[i].id));
            assert_int_equal(a == NULL, b == NULL);
            assert_true(a == NULL || (a->status == b->status && a->steps == b->steps &&
                                      a->notes == b->notes && a->closed.at == b->closed.at));
        }
        kt_alert_view_done(&anew);
    }
    assert_true(kept.silences.n > 3);
    kt_alert_view_done(&kept);
}

/* ---- silences ---- */

static void silences_are_asked_for_and_listed(void **state)
{
    struct world *w = *state;
    struct collector c;
    char raw[400];
    listen_at(&c, w, "{\"id\":\"silence-1\"}\n\n");
    w->page.api.control = c.at.sun_path;
    json_t *got = page_ask(&w->page, kt_api_silence_add, "match", "actor:bob", "reason", "a drill",
                           "for", "4h", NULL);
    json_t *said = hear(&c);
    assert_string_equal(text(got, "id"), "silence-1");
    assert_string_equal(text(said, "do"), "silence.add");
    assert_int_equal(number(said, "from"), NOW);
    assert_int_equal(number(said, "until"), NOW + 4 * KT_NS_HOUR);
    json_decref(got);
    json_decref(said);
    w->page.api.control = NULL;

    (void)snprintf(raw, sizeof raw,
                   "{\"id\":\"silence-1\",\"match\":\"actor:bob\",\"reason\":\"a <b>drill\","
                   "\"from\":%lld,\"until\":%lld,\"by\":\"alice\"}",
                   (long long)(NOW - KT_NS_HOUR), (long long)(NOW + KT_NS_HOUR));
    stock_control(w->s, KT_KIND_DECISION, "silence", raw, NOW - KT_NS_HOUR);
    got = page_ask(&w->page, kt_api_silences, NULL);
    json_t *one = json_array_get(json_object_get(got, "silences"), 0);
    assert_string_equal(text(one, "reason"), "a <b>drill");
    assert_true(json_is_true(json_object_get(one, "open")));
    assert_true(json_is_null(json_object_get(one, "removed")));
    json_decref(got);
    got = page_ask(&w->page, kt_api_alerts, "q", "actor:bob -severity:critical", NULL);
    json_t *row = json_array_get(json_object_get(got, "alerts"), 0);
    assert_non_null(strstr(text(row, "silenced_by"), "a <b>drill (silence-1)"));
    json_decref(got);
}

static void a_silence_without_sense_is_refused(void **state)
{
    struct world *w = *state;
    static const char *const wrong[][3] = {
        { "", "a drill", "4h" },           { "actor:bob", " ", "4h" },
        { "actor:bob", "a drill", "" },    { "actor:bob", "a drill", "31d" },
        { "actor:bob", "a drill", "-4h" }, { "actr:bob", "a drill", "4h" },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(wrong); i++) {
        assert_null(page_ask(&w->page, kt_api_silence_add, "match", wrong[i][0], "reason",
                             wrong[i][1], "for", wrong[i][2], NULL));
        assert_int_equal(w->page.status, KT_E_INPUT);
    }
    assert_null(page_ask(&w->page, kt_api_silence_end, "id", "silence-1", NULL));
    assert_int_equal(w->page.status, KT_E_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_have_each_alert_once_by_status),
        cmocka_unit_test(a_query_chooses_and_counts),
        cmocka_unit_test(what_cannot_be_asked_is_said),
        cmocka_unit_test(a_deadline_ends_the_walk),
        cmocka_unit_test(an_act_is_asked_of_the_collector),
        cmocka_unit_test(only_acts_about_alerts_get_through),
        cmocka_unit_test(a_refusal_and_a_broken_answer_are_failures),
        cmocka_unit_test(a_view_that_follows_is_one_that_is_made_anew),
        cmocka_unit_test(silences_are_asked_for_and_listed),
        cmocka_unit_test(a_silence_without_sense_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
