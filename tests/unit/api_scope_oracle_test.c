/*
 * api_scope_oracle: what users with a scope are answered, held against what the scope means: the
 * answer over a store that holds only what it lets through. Random stores, random scopes, every
 * call. A new call without a decision fails here. KT_SEED sets the worlds.
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
#include <jansson.h>

#include "core/base/alloc.h"
#include "dashboards/api/calls.h"
#include "exporters/alerts/view.h"
#include "tests/support/scope_world.h"

#define ROUNDS 2u

static const char *const scopes[] = {
    "instance:vault-b",
    "secret:vault://c/-/secret/prod/**",
    "-instance:vault-a",
    "actor:anna@acme.example",
    "actor:bot",
    "action:read source:vault",
    "ip:203.0.113.0/24",
    "outcome:denied",
    "actor:carol secret:**prod**",
    "instance:nobody",
};
static struct kt_rng rng;

static unsigned draw(unsigned n)
{
    return (unsigned)kt_rng_below(&rng, n);
}

/* ---- asking ---- */

struct question {
    kt_api_call *call;
    const char *name;
    const char *param[10]; /* name, value …, NULL */
};

/* A download's rows: the number first, then the rest. No name here has a new line in it. */
static json_t *rows_of(struct kt_str body)
{
    json_t *rows = json_array();
    struct kt_str line, first;
    while (body.len > 0) {
        uint64_t seq = 0;
        (void)kt_str_split(&body, '\n', &line);
        (void)kt_str_split(&line, ',', &first);
        (void)kt_str_u64(first, &seq);
        json_array_append_new(rows, json_pack("{s:I, s:s%}", "seq", (json_int_t)seq, "rest",
                                              line.at == NULL ? "" : line.at, line.len));
    }
    return rows;
}

static json_t *parse(const struct question *q, struct kt_str body)
{
    json_error_t why;
    if (q->call == kt_api_export)
        return rows_of(body);
    json_t *root = json_loadb(body.at, body.len, 0, &why);
    if (root == NULL)
        fail_msg("%s: %s", q->name, why.text);
    return root;
}

/* An answer, or {"error"}. cursor: of the page before, or NULL. */
static json_t *ask(struct scope_world *w, const struct question *q, const char *scope,
                   const char *cursor)
{
    static const uint8_t secret[KT_API_SECRET] = { 9 };
    struct kt_api_param param[8];
    struct kt_error err = { 0 };
    w->ask = (struct kt_ask){ .reader = w->ask.reader,
                              .facts = w->ask.facts,
                              .ids = w->ids,
                              .now = SCOPE_NOW,
                              .scope = kt_str_of(scope) };
    KT_CLEANUP(kt_alert_view_done) struct kt_alert_view view = { 0 };
    struct kt_api a = { .ask = &w->ask,
                        .store = w->path,
                        .kept = w->kept,
                        .view = &view,
                        .now = SCOPE_NOW,
                        .user = "vera",
                        .secret = secret,
                        .param = param };
    for (unsigned i = 0; q->param[i] != NULL; i += 2)
        param[a.n_params++] =
            (struct kt_api_param){ kt_str_of(q->param[i]), kt_str_of(q->param[i + 1]) };
    if (cursor != NULL)
        param[a.n_params++] = (struct kt_api_param){ KT_STR("cursor"), kt_str_of(cursor) };
    if (q->call(&a, &err) != KT_OK) {
        kt_buf_reset(&a.out);
        kt_api_error(&a, &err, &a.out);
        json_t *no = json_loadb(a.out.at, a.out.len, 0, NULL);
        kt_buf_done(&a.out);
        assert_non_null(no);
        return no;
    }
    json_t *root = parse(q, kt_buf_str(&a.out));
    kt_buf_done(&a.out);
    return root;
}

/* ---- comparing ---- */

/* A record is known by its number, which is the log's: here by its place among all that were drawn.
 * What follows of the number alone (its leaf, the command that proves it, cursors) is left out. */
static void make_plain(const struct scope_world *w, json_t *j, const char *const *without)
{
    const char *key;
    json_t *value;
    void *next;
    size_t i;
    json_object_del(j, "leaf");
    if (json_is_string(json_object_get(j, "next")))
        json_object_del(j, "next");
    if (json_is_string(json_object_get(j, "command")) &&
        strstr(json_string_value(json_object_get(j, "command")), "keytrail prove") != NULL)
        json_object_del(j, "command");
    for (i = 0; without != NULL && without[i] != NULL; i++)
        json_object_del(j, without[i]);
    json_t *seq = json_object_get(j, "seq");
    for (i = 0; json_integer_value(seq) != 0 && i < SCOPE_EVENTS; i++)
        if (w->seq[i] == (uint64_t)json_integer_value(seq)) {
            json_object_set_new(j, "seq", json_integer((json_int_t)i));
            break;
        }
    json_object_foreach_safe(j, next, key, value) make_plain(w, value, without);
    json_array_foreach(j, i, value) make_plain(w, value, without);
}

static char *next_of(const json_t *j)
{
    const char *s = json_string_value(json_object_get(j, "next"));
    return s == NULL ? NULL : kt_strdup(s);
}

static void same(const struct question *q, const char *scope, json_t *a, json_t *b)
{
    char *left = json_dumps(a, JSON_SORT_KEYS | JSON_ENCODE_ANY);
    char *right = json_dumps(b, JSON_SORT_KEYS | JSON_ENCODE_ANY);
    size_t i = 0;
    while (left[i] != '\0' && left[i] == right[i])
        i++;
    if (left[i] != right[i])
        fail_msg("%s %s=%s within %s: byte %zu\n  all:    …%.200s\n  inside: …%.200s", q->name,
                 q->param[0], q->param[0] == NULL ? "" : q->param[1], scope, i,
                 left + (i > 80 ? i - 80 : 0), right + (i > 80 ? i - 80 : 0));
    if (strstr(left, SCOPE_AFAR) != NULL)
        fail_msg("%s within %s tells of what is outside: %s", q->name, scope,
                 strstr(left, SCOPE_AFAR) - (strstr(left, SCOPE_AFAR) - left > 60 ? 60 : 0));
    free(left);
    free(right);
}

/* Counts cannot follow an alias that is for some sources only: such a scope is refused them. That a
 * source is there, with nothing in the window, is known by coverage. */
static bool is_refused(const json_t *j)
{
    const char *no = json_string_value(json_object_get(j, "error"));
    return no != NULL &&
           (strstr(no, "cannot be counted") != NULL || strstr(no, "nothing of a source") != NULL);
}

/* Of a user without a scope, over the store of the scope: what is of the house is beside it, and so
 * are the sentences of alerts and the names that the file of identities gives. */
static const char *const house[] = {
    "coverage",    "integrity",   "learning", "sources", "identity",  "title", "score", "facts",
    "query",       "silenced_by", "text",     "agent",   "gaps",      "share", "days",  "blind",
    "last_report", "lag_bytes",   "lost",     "program", "first_day", "notes", NULL
};

static void compare(struct scope_world *whole, struct scope_world *inside, const struct question *q,
                    const char *scope)
{
    char *left = NULL, *right = NULL;
    unsigned pages = 0;
    json_decref(ask(whole, q, "", NULL)); /* what is kept of others' answers is theirs */
    do {
        json_t *a = ask(whole, q, scope, left), *b = ask(inside, q, scope, right);
        kt_free(left);
        kt_free(right);
        left = next_of(a);
        right = next_of(b);
        make_plain(whole, a, NULL);
        make_plain(inside, b, NULL);
        same(q, scope, a, b);
        json_decref(a);
        json_decref(b);
        assert_int_equal(left == NULL, right == NULL);
    } while (left != NULL && ++pages < 4);
    kt_free(left);
    kt_free(right);
    if (q->call == kt_api_alert || q->call == kt_api_timeline ||
        (q->param[0] != NULL && strcmp(q->param[1], "kind:*") == 0))
        return; /* tell others what people did, too */
    json_t *a = ask(inside, q, scope, NULL), *b = ask(inside, q, "", NULL);
    if (is_refused(a)) {
        json_decref(a);
        a = json_incref(b);
    }
    make_plain(inside, a, house);
    make_plain(inside, b, house);
    for (int i = 0; q->call == kt_api_source && i < 2; i++) { /* of all days there, here of these */
        json_object_del(i == 0 ? a : b, "first");
        json_object_del(i == 0 ? a : b, "last");
    }
    same(q, scope, a, b);
    json_decref(a);
    json_decref(b);
}

/* ---- every call ---- */

enum {
#define X(name) CALL_##name,
    KT_API_SCOPED(X)
#undef X
        CALLS
};

#define ASK(name, ...)                                                                             \
    do {                                                                                           \
        const struct question q = { kt_api_##name, #name, { __VA_ARGS__ } };                       \
        compare(&whole, &inside, &q, scope);                                                       \
        asked[CALL_##name] = true;                                                                 \
    } while (0)

static void ask_names(struct scope_world *w, struct scope_world *v, const char *scope,
                      bool asked[CALLS])
{
    struct scope_world whole = *w, inside = *v;
    static const char *const who[] = {
        "anna@acme.example", "anna@sso", "bot", "deploy", "carol", "nobody"
    };
    static const char *const networks[] = { "203.0.113.7", "198.51.100.20", "203.0.113.0/24",
                                            "192.0.2.1" };
    for (size_t i = 0; i < KT_ARRAY_LEN(who); i++)
        ASK(actor, "value", who[i], "since", "7d");
    for (size_t i = 0; i < SCOPE_SECRETS; i++)
        ASK(secret, "value", scope_secrets[i], "since", "10d");
    ASK(secret, "value", "*prod*", "pattern", "true", "since", "3d");
    for (size_t i = 0; i < KT_ARRAY_LEN(networks); i++)
        ASK(ip, "value", networks[i], "since", "20d");
    ASK(session, "value", "s-1");
    for (size_t i = 0; i < SCOPE_SOURCES; i++)
        ASK(source, "instance", scope_instances[i], "since", "20d");
    ASK(source, "instance", "nobody");
}

static void ask_records(struct scope_world *w, struct scope_world *v, const char *scope,
                        bool asked[CALLS])
{
    struct scope_world whole = *w, inside = *v;
    static const char *const queries[] = {
        "",          "kind:*",     "action:read OR -action:read",
        "actor:bot", "country:DE", "\"secret\" -outcome:denied"
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(queries); i++) {
        ASK(search, "q", queries[i], "since", "60d", "limit", "9");
        ASK(histogram, "q", queries[i], "since", "60d");
        ASK(facets, "q", queries[i], "since", "60d", "top", "5");
        ASK(timeline, "q", queries[i], "since", "60d", "limit", "20");
        ASK(export, "q", queries[i], "since", "60d", "form", "csv");
        ASK(check, "q", queries[i]);
    }
    ASK(map, "q", "", "since", "60d");
    ASK(map, "q", "action:read", "since", "9d");
    ASK(complete, "q", "actor:", "at", "6");
    ASK(complete, "q", "secret:p", "at", "8");
    ASK(complete, "q", "instance:", "at", "9");
    ASK(complete, "q", "ip:", "at", "3");
    ASK(overview, "since", "24h");
    ASK(overview, "since", "20d");
}

static void ask_alerts(struct scope_world *w, struct scope_world *v, const char *scope,
                       bool asked[CALLS])
{
    struct scope_world whole = *w, inside = *v;
    static const char *const queries[] = { "",         "severity:high",   ("title:" SCOPE_AFAR),
                                           "score:>5", "secret:**prod**", "actor:bot" };
    for (size_t i = 0; i < KT_ARRAY_LEN(queries); i++)
        if (i != 2 && i != 3) /* asks what others alone are told */
            ASK(alerts, "q", queries[i], "status", "all", "limit", "5");
    for (size_t i = 2; i < 4; i++) {
        const struct question q = { kt_api_alerts, "alerts", { "q", queries[i], "status", "all" } };
        json_t *got = ask(&whole, &q, scope, NULL);
        assert_int_equal(json_array_size(json_object_get(got, "alerts")), 0);
        json_decref(got);
    }
    for (unsigned i = 0; i < SCOPE_ALERTS; i++) {
        char id[KT_ID_TEXT];
        scope_alert_id(i, id);
        ASK(alert, "id", id);
        const struct question q = { kt_api_alert, "alert", { "id", id } };
        json_t *got = ask(&whole, &q, scope, NULL);
        assert_int_equal(json_object_get(got, "error") == NULL, scope_alert[i].in);
        if (scope_alert[i].in)
            assert_int_equal(json_array_size(json_object_get(got, "evidence")), scope_alert[i].n);
        json_decref(got);
    }
}

/* By number, which is another one in another log: here each world is asked by its own. */
static void ask_record(struct scope_world *whole, struct scope_world *inside, const char *scope,
                       bool asked[CALLS])
{
    for (unsigned i = 0; i < SCOPE_EVENTS; i += 7) {
        char left[24], right[24];
        (void)snprintf(left, sizeof left, "%" PRIu64, whole->seq[i]);
        (void)snprintf(right, sizeof right, "%" PRIu64, inside->seq[i]);
        const struct question q = { kt_api_record, "record", { "seq", left } };
        const struct question r = { kt_api_record, "record", { "seq", right } };
        json_t *a = ask(whole, &q, scope, NULL);
        assert_int_equal(json_object_get(a, "error") == NULL, scope_event[i].in);
        if (scope_event[i].in) {
            json_t *b = ask(inside, &r, scope, NULL);
            make_plain(whole, a, NULL);
            make_plain(inside, b, NULL);
            same(&q, scope, a, b);
            json_decref(b);
        }
        json_decref(a);
    }
    asked[CALL_record] = true;
}

static void round_of(const char *scope, bool asked[CALLS])
{
    static struct scope_world whole, inside;
    scope_draw(&rng, scope);
    scope_open(&whole, true);
    scope_open(&inside, false);
    ask_records(&whole, &inside, scope, asked);
    ask_record(&whole, &inside, scope, asked);
    ask_names(&whole, &inside, scope, asked);
    ask_alerts(&whole, &inside, scope, asked);
    scope_close(&whole);
    scope_close(&inside);
}

static void an_answer_is_that_of_a_store_with_what_the_scope_lets_through(void **state)
{
    bool asked[CALLS] = { false };
    const char *seed = getenv("KT_SEED");
    struct kt_rng_seeded s = { .state = seed == NULL ? 11 : strtoull(seed, NULL, 10) };
    (void)state;
    rng = kt_rng_seeded(&s);
    for (unsigned i = 0; i < ROUNDS; i++)
        round_of(scopes[draw(KT_ARRAY_LEN(scopes))], asked);
#define X(name)                                                                                    \
    if (!asked[CALL_##name])                                                                       \
        fail_msg("users with a scope may ask %s, and no test does", #name);
    KT_API_SCOPED(X)
#undef X
}

static void every_call_has_a_decision(void **state)
{
    static const struct {
        const char *name;
        kt_api_call *call;
    } calls[] = {
#define X(name, method, path, role, note) { #name, kt_api_##name },
        KT_API_CALLS(X)
#undef X
    };
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(calls); i++) {
        unsigned decided = 0;
#define YES(name)     decided += calls[i].call == kt_api_##name;
#define NO(name, why) decided += calls[i].call == kt_api_##name && strlen(why) > 20;
        KT_API_SCOPED(YES)
        KT_API_UNSCOPED(NO)
#undef YES
#undef NO
        if (decided != 1)
            fail_msg("%s stands in %u of the two tables of calls.h", calls[i].name, decided);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_that_of_a_store_with_what_the_scope_lets_through),
        cmocka_unit_test(every_call_has_a_decision),
    };
    kt_hash_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
