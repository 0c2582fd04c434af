/*
 * api_canary: which secrets are canaries is told to auditors, who make evidence of all of the log,
 * and to those who act: the settings of the log that name them, decisions, and alerts that one was
 * touched, say nothing of it to viewers, whatever is asked.
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

#include "core/answer/within.h"
#include "core/base/enc.h"
#include "core/event/step.h"
#include "core/query/silences.h"
#include "core/sys/clock.h"
#include "dashboards/api/calls.h"
#include "dashboards/server/events.h"
#include "detectors/detector.h"
#include "exporters/alerts/alert.h"
#include "tests/support/accesses.h"
#include "tests/support/page_call.h"

#define CANARY  "vault://prod/-/secret/prod/payroll-old"
#define SAYS_SO "touched the canary"
#define WROTE   "our decoy in payroll works"

static uint64_t settings_seq;
static char alert_id[KT_ID_TEXT], silenced_id[KT_ID_TEXT];

static void put(struct accesses *w, const struct kt_alert *a)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf json = { 0 };
    struct kt_error err = { 0 };
    kt_alert_write(a, &json);
    accesses_must(kt_store_begin(w->store, &err), &err);
    accesses_must(kt_store_alert_put(w->store, a->id, a->raised, a->raised, (int)a->severity,
                                     kt_buf_str(&json), &err),
                  &err);
    accesses_must(kt_store_commit(w->store, &err), &err);
}

static void put_alert(struct accesses *w)
{
    struct kt_alert a = { .severity = KT_SEV_CRITICAL,
                          .score = 900,
                          .detector = "signatures",
                          .state = "open",
                          .title = KT_STR("bob " SAYS_SO " " CANARY " (success)."),
                          .quiet = KT_STR("The actor in the canary's allow list."),
                          .actor = KT_STR("bob"),
                          .instance = KT_STR("vault-prod"),
                          .n_parts = 1,
                          .n_events = 1,
                          .events_count = 1,
                          .n_secrets = 1,
                          .secrets_count = 1,
                          .time = ACCESSES_NOW - KT_NS_HOUR,
                          .first = ACCESSES_NOW - KT_NS_HOUR,
                          .last = ACCESSES_NOW - KT_NS_HOUR,
                          .raised = ACCESSES_NOW - KT_NS_MIN };
    uint8_t id[16] = { 5 };
    a.parts[0] = (struct kt_alert_part){ "signatures", 900, KT_STR("canary " CANARY) };
    a.events[0] = KT_STR("e-1");
    a.secrets[0] = KT_STR(CANARY);
    (void)kt_id_format(id, a.id);
    memcpy(alert_id, a.id, sizeof alert_id);
    put(w, &a);
}

/* Of something else, which all are told of. */
static void put_other_alert(struct accesses *w)
{
    uint8_t id[16] = { 7 };
    struct kt_alert a = { .severity = KT_SEV_LOW,
                          .detector = "volume_spike",
                          .state = "open",
                          .title = KT_STR("mallory read much"),
                          .actor = KT_STR("mallory"),
                          .n_parts = 1,
                          .raised = ACCESSES_NOW - KT_NS_HOUR };
    a.parts[0] = (struct kt_alert_part){ "volume_spike", 300, KT_STR("much") };
    (void)kt_id_format(id, a.id);
    memcpy(silenced_id, a.id, sizeof silenced_id);
    put(w, &a);
}

static void put_note(struct accesses *w)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 };
    struct kt_error err = { 0 };
    uint64_t seq;
    struct kt_step s = { .what = KT_STEP_NOTE, .by = "alice", .where = "cli", .reason = WROTE };
    memcpy(s.alert, alert_id, sizeof s.alert);
    kt_step_write(&s, &raw);
    struct kt_event ev = { .kind = KT_KIND_DECISION,
                           .source = KT_STR("keytrail"),
                           .operation = kt_str_of(kt_step_word(s.what)),
                           .time = ACCESSES_NOW - KT_NS_MIN,
                           .raw = kt_buf_str(&raw) };
    accesses_must(kt_store_begin(w->store, &err), &err);
    accesses_must(kt_store_control(w->store, &ev, ACCESSES_NOW - KT_NS_MIN,
                                   ACCESSES_NOW - KT_NS_MIN, &seq, &err),
                  &err);
    accesses_must(kt_store_commit(w->store, &err), &err);
}

/* Its name is in why, and may be in what is silenced. */
static void put_silence(struct accesses *w, const char *id, const char *match)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 };
    struct kt_error err = { 0 };
    uint64_t seq;
    struct kt_silence s = { .from = ACCESSES_NOW - KT_NS_MIN,
                            .until = ACCESSES_NOW + KT_NS_HOUR,
                            .reason = WROTE,
                            .by = "alice" };
    kt_str_copyz(s.id, sizeof s.id, kt_str_of(id));
    kt_str_copyz(s.match, sizeof s.match, kt_str_of(match));
    kt_silence_write(&s, &raw);
    struct kt_event ev = { .kind = KT_KIND_DECISION,
                           .source = KT_STR("keytrail"),
                           .operation = KT_STR(KT_SILENCE_OP),
                           .time = ACCESSES_NOW - KT_NS_MIN,
                           .raw = kt_buf_str(&raw) };
    accesses_must(kt_store_begin(w->store, &err), &err);
    accesses_must(kt_store_control(w->store, &ev, ACCESSES_NOW - KT_NS_MIN,
                                   ACCESSES_NOW - KT_NS_MIN, &seq, &err),
                  &err);
    accesses_must(kt_store_commit(w->store, &err), &err);
}

static int set_up(void **state)
{
    struct kt_error err = { 0 };
    if (accesses_set_up(state) != 0)
        return -1;
    struct accesses *w = *state;
    accesses_add(w, &(struct access){ .at = ACCESSES_NOW - KT_NS_HOUR,
                                      .actor = "bob",
                                      .secret = CANARY,
                                      .action = KT_ACT_READ,
                                      .outcome = KT_OUT_SUCCESS });
    accesses_flush(w);
    struct kt_event conf = { .kind = KT_KIND_CONFIG,
                             .source = KT_STR("keytrail"),
                             .operation = KT_STR("config"),
                             .time = ACCESSES_NOW - KT_NS_HOUR,
                             .message = KT_STR("effective configuration of the collector"),
                             .raw = KT_STR("{\"text\":\"canaries: [" CANARY "]\"}") };
    accesses_must(kt_store_begin(w->store, &err), &err);
    accesses_must(kt_store_control(w->store, &conf, ACCESSES_NOW - KT_NS_HOUR,
                                   ACCESSES_NOW - KT_NS_HOUR, &settings_seq, &err),
                  &err);
    accesses_must(kt_store_commit(w->store, &err), &err);
    put_alert(w);
    put_note(w);
    put_other_alert(w);
    put_silence(w, "silence-1", "secret:" CANARY " severity:critical");
    put_silence(w, "silence-2", "actor:mallory");
    return 0;
}

/* The answer as text; of a refusal its sentence. */
static struct kt_str answer(struct page_call *p, kt_api_call *call, const char *name,
                            const char *value)
{
    p->param[0] = (struct kt_api_param){ kt_str_of(name), kt_str_of(value) };
    p->param[1] = (struct kt_api_param){ KT_STR("since"), KT_STR("30d") };
    p->param[2] = (struct kt_api_param){ KT_STR("form"), KT_STR("ndjson") };
    p->api.n_params = 3;
    kt_buf_reset(&p->api.out);
    p->err = (struct kt_error){ 0 };
    p->status = call(&p->api, &p->err);
    return p->status == KT_OK ? kt_buf_str(&p->api.out) : kt_str_of(p->err.text);
}

static void open_as(struct page_call *p, struct accesses *w, enum kt_role role)
{
    page_open(p, w->path, ACCESSES_NOW + KT_NS_MIN); /* what arrives is stamped with now */
    p->api.role = role;
    p->ask.no_canaries = !kt_role_knows_canaries(role); /* as the server does */
}

static void settings_of_the_log_are_not_for_viewers(void **state)
{
    static const struct {
        kt_api_call *call;
        const char *name;
    } calls[] = { { kt_api_search, "search" },
                  { kt_api_export, "export" },
                  { kt_api_timeline, "timeline" } };
    static const char *const asked[] = { "kind:config", "kind:* operation:config", "-kind:access",
                                         "kind:access OR kind:config",
                                         "kind:config \"payroll-old\"" };
    struct accesses *w = *state;
    for (int role = 0; role < KT_ROLE_COUNT; role++) {
        struct page_call p;
        char seq[24];
        bool knows = role >= KT_ROLE_AUDITOR;
        open_as(&p, w, (enum kt_role)role);
        for (size_t c = 0; c < KT_ARRAY_LEN(calls); c++)
            for (size_t q = 0; q < KT_ARRAY_LEN(asked); q++) {
                struct kt_str got = answer(&p, calls[c].call, "q", asked[q]);
                bool has = kt_str_has(got, KT_STR("effective configuration"));
                if (p.status != KT_OK || has != knows)
                    fail_msg("%s of %s as %s: " KT_STR_FMT, calls[c].name, asked[q],
                             kt_role_word((enum kt_role)role), KT_STR_ARG(got));
            }
        (void)snprintf(seq, sizeof seq, "%" PRIu64, settings_seq);
        assert_int_equal(kt_str_has(answer(&p, kt_api_record, "seq", seq), KT_STR(CANARY)), knows);
        assert_int_equal(p.status, knows ? KT_OK : KT_E_AGAIN);
        /* The secret itself is a secret like others. */
        assert_true(kt_str_has(answer(&p, kt_api_search, "q", "actor:bob"), KT_STR(CANARY)));
        page_close(&p);
    }
}

static void that_one_was_touched_is_not_for_viewers(void **state)
{
    struct accesses *w = *state;
    for (int role = 0; role < KT_ROLE_COUNT; role++) {
        struct page_call p;
        bool knows = role >= KT_ROLE_AUDITOR;
        open_as(&p, w, (enum kt_role)role);
        const struct {
            kt_api_call *call;
            const char *name, *value;
        } asked[] = { { kt_api_alerts, "status", "all" },       { kt_api_alert, "id", alert_id },
                      { kt_api_overview, "tz", "0" },           { kt_api_actor, "value", "bob" },
                      { kt_api_secret, "value", CANARY },       { kt_api_timeline, "q", "" },
                      { kt_api_alerts, "q", "\"" SAYS_SO "\"" } };
        for (size_t i = 0; i < KT_ARRAY_LEN(asked); i++) {
            struct kt_str got = answer(&p, asked[i].call, asked[i].name, asked[i].value);
            if (p.status != KT_OK || kt_str_has(got, KT_STR(SAYS_SO)) != knows)
                fail_msg("%zu as %s: " KT_STR_FMT, i, kt_role_word((enum kt_role)role),
                         KT_STR_ARG(got));
        }
        page_close(&p);
    }
}

static json_t *ask(struct page_call *p, kt_api_call *call, const char *name, const char *value)
{
    json_t *got = page_ask(p, call, name, value, "since", "30d", NULL);
    if (got == NULL)
        fail_msg("%s=%s: %s", name, value, p->err.text);
    return got;
}

/* Neither does an alert that any list, page, query or record leads to from the secret. */
static void no_name_marks_the_alert(void **state)
{
    struct accesses *w = *state;
    for (int role = 0; role < KT_ROLE_COUNT; role++)
        for (int scoped = 0; scoped < 2; scoped++) {
            struct page_call p;
            bool knows = role >= KT_ROLE_AUDITOR && !scoped;
            open_as(&p, w, (enum kt_role)role);
            p.ask.scope = scoped ? KT_STR("actor:bob") : KT_STR_NONE;
            json_t *all = ask(&p, kt_api_alerts, "status", "all");
            json_t *row = json_array_get(json_object_get(all, "alerts"), 0);
            assert_non_null(row);
            assert_int_equal(json_array_size(json_object_get(row, "secrets")), knows);
            json_t *found = ask(&p, kt_api_alerts, "q", "secret:" CANARY);
            assert_int_equal(json_array_size(json_object_get(found, "alerts")), knows);
            json_t *secret = ask(&p, kt_api_secret, "value", CANARY);
            assert_int_equal(json_array_size(json_object_get(secret, "alerts")), knows);
            assert_int_equal(json_integer_value(json_object_get(secret, "alerts_total")), knows);
            json_t *one = ask(&p, kt_api_alert, "id", alert_id);
            assert_int_equal(json_array_size(json_object_get(one, "evidence")), knows);
            json_t *story = ask(&p, kt_api_timeline, "q", "secret:" CANARY);
            char *text = json_dumps(story, 0);
            assert_int_equal(strstr(text, alert_id) != NULL, knows);
            free(text);
            json_decref(all);
            json_decref(found);
            json_decref(secret);
            json_decref(one);
            json_decref(story);
            page_close(&p);
        }
}

static void what_people_wrote_of_it_is_not_for_viewers(void **state)
{
    static const char *const asked[] = { "kind:decision", "kind:*", "-kind:access" };
    struct accesses *w = *state;
    for (int role = 0; role < KT_ROLE_COUNT; role++) {
        struct page_call p;
        bool knows = role >= KT_ROLE_AUDITOR;
        open_as(&p, w, (enum kt_role)role);
        for (size_t i = 0; i < KT_ARRAY_LEN(asked); i++) {
            assert_int_equal(
                kt_str_has(answer(&p, kt_api_search, "q", asked[i]), KT_STR("\"decision\"")),
                knows);
            assert_int_equal(p.status, KT_OK);
        }
        struct kt_str got = answer(&p, kt_api_timeline, "q", "");
        if (kt_str_has(got, KT_STR(WROTE)) != knows)
            fail_msg("timeline as %s: " KT_STR_FMT, kt_role_word((enum kt_role)role),
                     KT_STR_ARG(got));
        got = answer(&p, kt_api_alert, "id", alert_id);
        if (kt_str_has(got, KT_STR(WROTE)) != knows)
            fail_msg("alert as %s: " KT_STR_FMT, kt_role_word((enum kt_role)role), KT_STR_ARG(got));
        page_close(&p);
    }
}

/* That there is one, whose it is and how long, is told to all. */
static void what_is_silenced_and_why_is_not_for_viewers(void **state)
{
    struct accesses *w = *state;
    for (int role = 0; role < KT_ROLE_COUNT; role++) {
        struct page_call p;
        bool knows = role >= KT_ROLE_AUDITOR;
        open_as(&p, w, (enum kt_role)role);
        struct kt_str got = answer(&p, kt_api_silences, "tz", "0");
        assert_int_equal(p.status, KT_OK);
        assert_int_equal(kt_str_has(got, KT_STR(CANARY)), knows);
        assert_int_equal(kt_str_has(got, KT_STR(WROTE)), knows);
        assert_true(kt_str_has(got, KT_STR("\"silence-1\"")));
        assert_true(kt_str_has(got, KT_STR("\"by\":\"alice\"")));
        assert_true(kt_str_has(got, KT_STR("\"open\":true")));
        page_close(&p);
    }
}

/* Its reason is of all that it covers: it does not stand beside an alert that they see, either. */
static void why_an_alert_is_quiet_is_not_for_viewers(void **state)
{
    struct accesses *w = *state;
    for (int role = 0; role < KT_ROLE_COUNT; role++) {
        struct page_call p;
        bool knows = role >= KT_ROLE_AUDITOR;
        open_as(&p, w, (enum kt_role)role);
        const struct {
            kt_api_call *call;
            const char *name, *value;
        } asked[] = { { kt_api_alerts, "q", "actor:mallory" },
                      { kt_api_alert, "id", silenced_id },
                      { kt_api_overview, "tz", "0" } };
        for (size_t i = 0; i < KT_ARRAY_LEN(asked); i++) {
            struct kt_str got = answer(&p, asked[i].call, asked[i].name, asked[i].value);
            if (p.status != KT_OK || !kt_str_has(got, KT_STR("silenced by alice until ")) ||
                !kt_str_has(got, KT_STR("(silence-2)")) || kt_str_has(got, KT_STR(WROTE)) != knows)
                fail_msg("%zu as %s: " KT_STR_FMT, i, kt_role_word((enum kt_role)role),
                         KT_STR_ARG(got));
        }
        page_close(&p);
    }
}

static void the_detector_is_one(void **state)
{
    bool is = false;
    (void)state;
    for (unsigned i = 0; kt_detectors[i] != NULL; i++)
        is = is || strcmp(kt_detectors[i]->name, KT_CANARIES_BY) == 0;
    assert_true(is);
}

static unsigned again;
static void take_row(void *self, struct kt_str row)
{
    (void)self;
    assert_false(kt_str_has(row, KT_STR("canary")));
    again += row.len == 0;
}

/* What is live goes to all alike: there it is only said that something is to be asked again. */
static void what_is_live_names_none(void **state)
{
    struct accesses *w = *state;
    struct kt_alert_watch *watch = kt_alert_watch_new();
    struct kt_clock_memory hands = { .mono = KT_NS_S };
    const struct kt_clock clock = kt_clock_memory(&hands);
    struct kt_ask ask;
    struct kt_error err = { 0 };
    accesses_ask(w, &ask);
    accesses_must(
        kt_alert_watch_look(watch, ask.reader, 1, ACCESSES_NOW, &clock, take_row, NULL, &err),
        &err);
    put_alert(w); /* the same: no change */
    again = 0;
    struct kt_alert_watch *fresh = watch;
    uint8_t id[16] = { 6 };
    struct kt_alert a = { .severity = KT_SEV_CRITICAL,
                          .detector = "signatures",
                          .state = "open",
                          .title = KT_STR("eve " SAYS_SO " " CANARY " (denied)."),
                          .n_parts = 1,
                          .raised = ACCESSES_NOW };
    a.parts[0] = (struct kt_alert_part){ "signatures", 900, KT_STR("canary " CANARY) };
    (void)kt_id_format(id, a.id);
    put(w, &a);
    accesses_must(
        kt_alert_watch_look(fresh, ask.reader, 2, ACCESSES_NOW, &clock, take_row, NULL, &err),
        &err);
    assert_int_equal(again, 1);
    kt_alert_watch_free(watch);
    kt_ask_done(&ask);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_of_the_log_are_not_for_viewers),
        cmocka_unit_test(that_one_was_touched_is_not_for_viewers),
        cmocka_unit_test(no_name_marks_the_alert),
        cmocka_unit_test(what_people_wrote_of_it_is_not_for_viewers),
        cmocka_unit_test(what_is_silenced_and_why_is_not_for_viewers),
        cmocka_unit_test(why_an_alert_is_quiet_is_not_for_viewers),
        cmocka_unit_test(the_detector_is_one),
        cmocka_unit_test(what_is_live_names_none),
    };
    return cmocka_run_group_tests(tests, set_up, accesses_tear_down);
}
