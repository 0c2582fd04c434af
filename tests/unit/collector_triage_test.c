/* collector_triage: what people do about alerts, what targets hear of it, silences; with restarts
 * between. */
#include "collector/alerts.h"
#include "collector/triage_state.h"
#include "core/base/hash.h"
#include "core/event/decision.h"
#include "core/store/read.h"
#include "core/sys/fs.h"
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* after the others */
#include <cmocka.h>

#define T0   (INT64_C(1795377600) * KT_NS_S)
#define ROWS 64
#define ID_A "3NJ1RZ8VZ2G4K0YQ5T7W9XABCD"
#define ID_B "3NJ1RZ8VZ2G4K0YQ5T7W9XABCE"
#define ID_C "7NJ1RZ8VZ2G4K0YQ5T7W9XABCE"

struct world {
    char folder[64], db[96];
    struct kt_conf *conf;
    struct kt_store *store;
    struct kt_triage *triage;
    struct kt_routes *routes;
    struct kt_pager *pager;
    struct kt_alerts *alerts;
    kt_time_ns now;
    unsigned records;
    char action[ROWS][24];
    unsigned n;
    struct kt_buf json; /* of the newest row */
};

static enum kt_status record(void *self, const char *operation, struct kt_str sentence,
                             struct kt_str raw, struct kt_error *err)
{
    struct world *w = self;
    char id[32];
    uint64_t seq;
    (void)snprintf(id, sizeof id, "d-%u", ++w->records);
    struct kt_event ev = { .kind = KT_KIND_DECISION,
                           .source = KT_STR("keytrail"),
                           .instance = KT_STR("test"),
                           .native_id = kt_str_of(id),
                           .operation = kt_str_of(operation),
                           .message = sentence,
                           .time = w->now,
                           .observed = w->now,
                           .raw = raw };
    return kt_store_control(w->store, &ev, w->now, w->now, &seq, err);
}

static const struct kt_life *life_of(void *self, const char *id)
{
    return kt_triage_life(((struct world *)self)->triage, id);
}

static void open_life(struct world *w)
{
    struct kt_store_options so = { .path = w->db, .create = true, .dedupe_recent = 64 };
    assert_int_equal(kt_store_open(&so, &w->store, NULL), KT_OK);
    const struct kt_triage_options to = {
        .store = w->store, .store_path = w->db, .record = record, .self = w
    };
    assert_int_equal(kt_triage_open(&to, &w->triage, NULL), KT_OK);
    assert_int_equal(kt_routes_new(w->conf, &w->routes, NULL), KT_OK);
    const struct kt_pager_options po = {
        .store = w->store, .routes = w->routes, .life = life_of, .self = w
    };
    w->pager = kt_pager_new(&po);
    w->alerts = kt_alerts_new(w->store, w->conf, w->triage, w->pager);
}

static void close_life(struct world *w)
{
    kt_alerts_free(w->alerts);
    kt_pager_free(w->pager);
    kt_routes_free(w->routes);
    kt_triage_free(w->triage);
    kt_store_close(w->store);
}

static void restart(struct world *w)
{
    close_life(w);
    open_life(w);
}

static void write_file(struct world *w, const char *name, const char *text, char path[128])
{
    (void)snprintf(path, 128, "%s/%s", w->folder, name);
    assert_int_equal(kt_fs_write_atomic(path, kt_str_of(text), 0600, NULL), KT_OK);
}

static int open_world(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    char text[512], path[128];
    *state = w;
    w->now = T0;
    (void)snprintf(w->folder, sizeof w->folder, "/tmp/keytrail-triage-XXXXXX");
    if (mkdtemp(w->folder) == NULL)
        return -1;
    write_file(w, "url", "http://127.0.0.1:9/hook", path);
    (void)snprintf(text, sizeof text,
                   "alerts:\n  targets:\n"
                   "    one: { type: slack, url_file: %s, allow_private: true }\n",
                   path);
    write_file(w, "keytrail.yaml", text, path);
    (void)snprintf(w->db, sizeof w->db, "%s/store.db", w->folder);
    if (kt_conf_load(path, &w->conf, NULL) != KT_OK)
        return -1;
    open_life(w);
    return 0;
}

static void remove_one(void *arg, const char *path)
{
    (void)arg;
    (void)unlink(path);
}

static int close_world(void **state)
{
    struct world *w = *state;
    char pattern[80];
    close_life(w);
    kt_conf_free(w->conf);
    kt_buf_done(&w->json);
    (void)snprintf(pattern, sizeof pattern, "%s/*", w->folder);
    if (kt_fs_glob(pattern, remove_one, NULL, NULL) != KT_OK)
        return -1;
    int rc = rmdir(w->folder);
    free(w);
    return rc;
}

static struct kt_alert alert(const char *id, enum kt_severity severity)
{
    struct kt_alert a = { .severity = severity,
                          .detector = "unexpected_ip",
                          .state = "open",
                          .time = T0,
                          .first = T0,
                          .last = T0,
                          .raised = T0,
                          .actor = KT_STR("ana"),
                          .title = KT_STR("ana read 41 secrets") };
    kt_str_copyz(a.id, sizeof a.id, kt_str_of(id));
    return a;
}

static void raise_one(struct world *w, struct kt_alert *a)
{
    w->now += KT_NS_S;
    a->last = w->now;
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    assert_int_equal(kt_alerts_raise(w->alerts, a, false, w->now, NULL), KT_OK);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
}

static struct kt_step step(enum kt_step_what what, const char *id, const char *by)
{
    struct kt_step s = { .what = what, .where = "cli", .reason = "looked at it" };
    if (what == KT_STEP_ASSIGN) {
        s.reason[0] = '\0';
        kt_str_copyz(s.to, sizeof s.to, KT_STR("bob"));
    }
    kt_str_copyz(s.alert, sizeof s.alert, kt_str_of(id));
    kt_str_copyz(s.by, sizeof s.by, kt_str_of(by));
    return s;
}

static struct kt_triage_done take(struct world *w, struct kt_step s)
{
    struct kt_triage_done done = { 0 };
    struct kt_error err = { 0 };
    w->now += KT_NS_S;
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    if (kt_triage_step(w->triage, &s, w->now, &done, &err) != KT_OK)
        fail_msg("%s", err.text);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
    return done;
}

static void refused(struct world *w, struct kt_step s, const char *says)
{
    struct kt_triage_done done;
    struct kt_error err = { 0 };
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    assert_int_equal(kt_triage_step(w->triage, &s, w->now, &done, &err), KT_E_INPUT);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
    if (!kt_str_has(kt_str_of(err.text), kt_str_of(says)))
        fail_msg("%s", err.text);
}

static enum kt_status keep_text(void *self, const struct kt_outbox_row *row, struct kt_str json,
                                struct kt_error *err)
{
    struct world *w = self;
    (void)row;
    (void)err;
    kt_buf_reset(&w->json);
    kt_buf_add(&w->json, json);
    return KT_OK;
}

static enum kt_status collect(void *self, const struct kt_outbox_row *row, struct kt_error *err)
{
    struct world *w = self;
    assert_true(w->n < ROWS);
    kt_str_copyz(w->action[w->n++], sizeof w->action[0], kt_str_of(row->action));
    return kt_store_outbox_up_to(w->store, row->row, keep_text, w, err);
}

/* What the one target was told so far, by the first word of each action. */
static void told(struct world *w, const char *want)
{
    char got[512] = "";
    w->n = 0;
    assert_int_equal(kt_store_outbox_waiting(w->store, 0, collect, w, NULL), KT_OK);
    for (unsigned i = 0; i < w->n; i++) {
        (void)strncat(got, i > 0 ? " " : "", sizeof got - strlen(got) - 1);
        (void)strncat(got, w->action[i], strcspn(w->action[i], ":"));
    }
    assert_string_equal(got, want);
}

static void the_whole_life_reaches_who_was_told_in_order(void **state)
{
    struct world *w = *state;
    struct kt_alert a = alert(ID_A, KT_SEV_MEDIUM);
    raise_one(w, &a);
    assert_true(take(w, step(KT_STEP_ACK, "3nj1rz8vz2g4k0yq5t7w9xabcd", "alice")).changed);
    raise_one(w, &a); /* more of the same: somebody has it */
    a.severity = KT_SEV_HIGH;
    raise_one(w, &a);
    told(w, "trigger acknowledge trigger");
    assert_true(kt_str_has(kt_buf_str(&w->json), KT_STR("\"reopened_by\":\"keytrail\"")));
    assert_true(kt_str_has(kt_buf_str(&w->json), KT_STR("medium when acknowledged by alice")));
    restart(w);
    const struct kt_life *l = kt_triage_life(w->triage, ID_A);
    assert_non_null(l);
    assert_int_equal(l->status, KT_LIFE_OPEN);
    assert_int_equal(l->reopens, 1);
    assert_true(take(w, step(KT_STEP_ASSIGN, ID_A, "alice")).changed);
    assert_true(take(w, step(KT_STEP_NOTE, ID_A, "bob")).changed);
    struct kt_step end = step(KT_STEP_CLOSE, ID_A, "bob");
    end.verdict = KT_FOUND_FALSE;
    assert_true(take(w, end).changed);
    told(w, "trigger acknowledge trigger update update resolve");
    assert_true(kt_str_has(kt_buf_str(&w->json), KT_STR("\"verdict\":\"false\"")));
    restart(w);
    l = kt_triage_life(w->triage, ID_A);
    assert_int_equal(l->status, KT_LIFE_CLOSED);
    assert_string_equal(l->closed.by, "bob");
    assert_string_equal(l->assigned.text, "bob");
    assert_string_equal(l->closed.severity, "high");
    raise_one(w, &a); /* as grave as it was when it was closed */
    told(w, "trigger acknowledge trigger update update resolve");
    a.severity = KT_SEV_CRITICAL;
    raise_one(w, &a);
    told(w, "trigger acknowledge trigger update update resolve trigger");
}

static void the_same_again_writes_nothing_and_says_who(void **state)
{
    struct world *w = *state;
    struct kt_alert a = alert(ID_A, KT_SEV_HIGH);
    raise_one(w, &a);
    (void)take(w, step(KT_STEP_ACK, ID_A, "alice"));
    (void)take(w, step(KT_STEP_ASSIGN, ID_A, "alice"));
    unsigned before = w->records;
    struct kt_triage_done done = take(w, step(KT_STEP_ACK, ID_A, "carol"));
    assert_false(done.changed);
    assert_string_equal(done.life->acked.by, "alice");
    assert_false(take(w, step(KT_STEP_ASSIGN, ID_A, "carol")).changed);
    struct kt_step end = step(KT_STEP_CLOSE, ID_A, "bob");
    assert_true(take(w, end).changed);
    assert_false(take(w, end).changed);
    assert_false(take(w, step(KT_STEP_ACK, ID_A, "carol")).changed);
    end.verdict = KT_FOUND_EXPECTED; /* another verdict corrects the first */
    assert_true(take(w, end).changed);
    assert_int_equal(w->records, before + 2);
    told(w, "trigger acknowledge update resolve resolve");
    refused(w, step(KT_STEP_ASSIGN, ID_A, "bob"), "is closed: reopen it first");
    assert_true(take(w, step(KT_STEP_REOPEN, ID_A, "bob")).changed);
    assert_false(take(w, step(KT_STEP_REOPEN, ID_A, "bob")).changed);
    told(w, "trigger acknowledge update resolve resolve trigger");
}

static void alerts_are_found_by_the_start_of_their_id(void **state)
{
    struct world *w = *state;
    struct kt_alert a = alert(ID_A, KT_SEV_HIGH), b = alert(ID_B, KT_SEV_HIGH),
                    c = alert(ID_C, KT_SEV_HIGH);
    raise_one(w, &a);
    raise_one(w, &b);
    raise_one(w, &c);
    assert_string_equal(take(w, step(KT_STEP_ACK, "7nj1", "alice")).alert, ID_C);
    refused(w, step(KT_STEP_ACK, "3NJ1RZ", "alice"), "more than one alert begins with '3NJ1RZ'");
    refused(w, step(KT_STEP_ACK, "3NJ", "alice"), "at least 4");
    refused(w, step(KT_STEP_ACK, "9999", "alice"), "there is no alert '9999'");
    refused(w, step(KT_STEP_ACK, "%%%%", "alice"), "there is no alert '%%%%'");
}

static bool has_ended(struct world *w, const char *id)
{
    bool ended = false;
    assert_int_equal(kt_triage_ended(w->triage, id, &ended, NULL), KT_OK);
    return ended;
}

static void a_note_on_what_has_ended_opens_nothing(void **state)
{
    struct world *w = *state;
    struct kt_alert a = alert(ID_A, KT_SEV_HIGH), b = alert(ID_B, KT_SEV_HIGH);
    raise_one(w, &a);
    (void)take(w, step(KT_STEP_CLOSE, ID_A, "alice"));
    (void)take(w, step(KT_STEP_NOTE, ID_A, "bob"));
    told(w, "trigger resolve remark");
    (void)take(w, step(KT_STEP_REOPEN, ID_A, "bob"));
    (void)take(w, step(KT_STEP_NOTE, ID_A, "bob"));
    told(w, "trigger resolve remark trigger update");
    raise_one(w, &b);
    b.state = "closed";
    b.merged_into = KT_STR(ID_A);
    raise_one(w, &b);
    (void)take(w, step(KT_STEP_NOTE, ID_B, "bob"));
    told(w, "trigger resolve remark trigger update trigger resolve remark");
    assert_false(has_ended(w, ID_A));
    assert_true(has_ended(w, ID_B));
    assert_false(has_ended(w, ID_C)); /* there is none */
    (void)take(w, step(KT_STEP_CLOSE, ID_A, "bob"));
    assert_true(has_ended(w, ID_A));
}

static void what_was_merged_is_acted_on_where_it_went(void **state)
{
    struct world *w = *state;
    struct kt_alert a = alert(ID_A, KT_SEV_HIGH);
    raise_one(w, &a);
    a.state = "closed";
    a.merged_into = KT_STR(ID_B);
    raise_one(w, &a);
    told(w, "trigger resolve");
    refused(w, step(KT_STEP_ACK, ID_A, "alice"), "is part of " ID_B);
    assert_true(take(w, step(KT_STEP_NOTE, ID_A, "alice")).changed);
}

/* A row to another target than the configured one, as the pager writes it. */
static void called_with(struct world *w, const char *target, const char *action, const char *state,
                        struct kt_str json)
{
    struct kt_outbox_row row = { .created = w->now,
                                 .next_try = w->now,
                                 .sent_at = strcmp(state, "sent") == 0 ? w->now : 0 };
    kt_str_copyz(row.alert, sizeof row.alert, kt_str_of(ID_A));
    kt_str_copyz(row.target, sizeof row.target, kt_str_of(target));
    kt_str_copyz(row.action, sizeof row.action, kt_str_of(action));
    kt_str_copyz(row.state, sizeof row.state, kt_str_of(state));
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    assert_int_equal(kt_store_outbox_add(w->store, &row, json, NULL), KT_OK);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
}

static void called(struct world *w, const char *target, const char *action, const char *state)
{
    called_with(w, target, action, state, KT_STR("{}"));
}

static void who_was_called_by_any_word_hears_what_follows(void **state)
{
    struct world *w = *state;
    struct kt_alert a = alert(ID_A, KT_SEV_HIGH);
    struct kt_triage_told told_of;
    raise_one(w, &a);
    called(w, "boss", "escalate:1", "sent");
    called(w, "chat", "trigger", "dead");
    called(w, "chat", "repeat:1", "sent");
    called(w, "night", "trigger", "held");
    called(w, "gone", "trigger", "dead");
    assert_int_equal(kt_triage_told(w->triage, ID_A, &told_of, NULL), KT_OK);
    assert_int_equal(told_of.targets, 3); /* one, boss, chat */
    (void)take(w, step(KT_STEP_ACK, ID_A, "alice"));
    told(w, "trigger acknowledge acknowledge acknowledge");
}

/* Names that begin so. */
static bool is_named(void *self, const char *target)
{
    return strncmp(target, self, strlen(self)) == 0;
}

static enum kt_status answered(struct world *w, const char *target, kt_time_ns at)
{
    struct kt_error err = { 0 };
    return kt_triage_answered(w->triage, ID_A, at, is_named, (void *)(uintptr_t)target, &err);
}

static void nobody_answers_for_what_he_did_not_see(void **state)
{
    struct world *w = *state;
    KT_CLEANUP(kt_buf_done) struct kt_buf json = { 0 };
    struct kt_alert a = alert(ID_A, KT_SEV_MEDIUM);
    raise_one(w, &a);
    assert_int_equal(answered(w, "duty", w->now), KT_OK); /* nothing is known of what it got */
    kt_alert_write(&a, &json);
    called_with(w, "duty", "escalate:1", "sent", kt_buf_str(&json));
    kt_time_ns medium = w->now;
    assert_int_equal(answered(w, "duty", medium + KT_NS_S), KT_OK);
    a.severity = KT_SEV_HIGH;
    w->now += KT_NS_MIN;
    raise_one(w, &a);
    kt_buf_reset(&json);
    kt_alert_write(&a, &json);
    called_with(w, "duty", "update:1", "sent", kt_buf_str(&json));
    assert_int_equal(answered(w, "duty", medium + KT_NS_S), KT_E_INPUT);
    assert_int_equal(answered(w, "duty", medium - KT_NS_S), KT_E_INPUT); /* a clock behind ours */
    assert_int_equal(answered(w, "duty", w->now), KT_OK);
    (void)take(w, step(KT_STEP_ACK, ID_A, "alice"));
    (void)take(w, step(KT_STEP_REOPEN, ID_A, "alice"));
    assert_int_equal(answered(w, "duty", w->now - KT_NS_S), KT_E_INPUT);
    assert_int_equal(answered(w, "duty", w->now + KT_NS_S), KT_OK);
}

static void who_was_told_nothing_answers_for_what_it_always_was(void **state)
{
    struct world *w = *state;
    KT_CLEANUP(kt_buf_done) struct kt_buf json = { 0 };
    struct kt_alert a = alert(ID_A, KT_SEV_MEDIUM);
    assert_int_equal(answered(w, "duty", w->now), KT_E_INPUT); /* there is no such alert */
    raise_one(w, &a);
    kt_alert_write(&a, &json);
    called_with(w, "duty-old", "trigger", "sent", kt_buf_str(&json));
    kt_time_ns medium = w->now;
    assert_int_equal(answered(w, "none", medium), KT_OK);
    a.severity = KT_SEV_HIGH;
    w->now += 10 * KT_NS_MIN;
    raise_one(w, &a);
    assert_int_equal(answered(w, "none", w->now), KT_E_INPUT); /* it was less grave once */
    kt_buf_reset(&json);
    kt_alert_write(&a, &json);
    called_with(w, "duty-new", "trigger", "sent", kt_buf_str(&json));
    assert_int_equal(answered(w, "duty-new", w->now), KT_OK);
    assert_int_equal(answered(w, "duty-new", w->now - KT_NS_MIN),
                     KT_OK);                                       /* their clock is behind */
    assert_int_equal(answered(w, "duty-new", medium), KT_E_INPUT); /* it was sent after that */
    assert_int_equal(answered(w, "duty-new", w->now - KT_NS_MIN - 1), KT_E_INPUT);
    assert_int_equal(answered(w, "duty", medium), KT_E_INPUT); /* under the name it had then */
    assert_int_equal(answered(w, "duty", w->now), KT_E_INPUT); /* which of both, nobody knows */
}

static enum kt_status saw(struct world *w, const char *severity, int64_t reopened,
                          struct kt_error *err)
{
    struct kt_triage_saw s = { .reopened = reopened };
    kt_str_copyz(s.severity, sizeof s.severity, kt_str_of(severity));
    return kt_triage_saw(w->triage, ID_A, &s, err);
}

static void an_answer_counts_for_what_its_message_told(void **state)
{
    struct world *w = *state;
    struct kt_error err = { 0 };
    struct kt_alert a = alert(ID_A, KT_SEV_MEDIUM);
    assert_int_equal(saw(w, "high", 0, &err), KT_E_INPUT); /* there is no such alert */
    raise_one(w, &a);
    assert_int_equal(saw(w, "medium", 0, &err), KT_OK);
    assert_int_equal(saw(w, "critical", 0, &err), KT_OK); /* it calmed down since */
    assert_int_equal(saw(w, "low", 0, &err), KT_E_INPUT);
    assert_int_equal(saw(w, "dire", 0, &err), KT_E_INPUT); /* no word of ours */
    a.severity = KT_SEV_HIGH;
    raise_one(w, &a);
    assert_int_equal(saw(w, "medium", 0, &err), KT_E_INPUT);
    assert_non_null(strstr(err.text, "it was medium then and is high now"));
    (void)take(w, step(KT_STEP_ACK, ID_A, "alice"));
    assert_int_equal(saw(w, "high", 0, &err), KT_OK); /* that it was said before is no fault */
    (void)take(w, step(KT_STEP_REOPEN, ID_A, "alice"));
    for (unsigned life = 0; life < 2; life++) {
        assert_int_equal(saw(w, "high", 0, &err), KT_E_INPUT);
        assert_non_null(strstr(err.text, "was opened again after that message"));
        assert_int_equal(saw(w, "high", 1, &err), KT_OK);
        restart(w);
    }
}

/* ---- silences ---- */

static struct kt_silence silence(struct world *w, const char *match, kt_time_ns lasts)
{
    struct kt_silence s = {
        .from = w->now, .until = w->now + lasts, .reason = "a drill", .by = "alice"
    };
    struct kt_error err = { 0 };
    kt_str_copyz(s.match, sizeof s.match, kt_str_of(match));
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    if (kt_triage_silence(w->triage, &s, w->now, &err) != KT_OK)
        fail_msg("%s", err.text);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
    return s;
}

static void turn(struct world *w)
{
    bool any;
    for (unsigned i = 0; i < 10 && kt_alerts_due(w->alerts, w->now); i++) {
        assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
        assert_int_equal(kt_alerts_turn(w->alerts, w->now, &any, NULL), KT_OK);
        assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
    }
    assert_false(kt_alerts_due(w->alerts, w->now));
}

static void a_silenced_alert_is_told_when_the_silence_ends(void **state)
{
    struct world *w = *state;
    struct kt_alert a = alert(ID_A, KT_SEV_HIGH), b = alert(ID_B, KT_SEV_HIGH),
                    c = alert(ID_C, KT_SEV_HIGH);
    (void)silence(w, "actor:ana", KT_NS_HOUR);
    raise_one(w, &a);
    raise_one(w, &b);
    c.actor = KT_STR("bob");
    raise_one(w, &c);
    told(w, "trigger"); /* bob's */
    struct kt_step end = step(KT_STEP_CLOSE, ID_B, "alice");
    (void)take(w, end); /* nobody was told of it, so nobody hears of its end */
    told(w, "trigger");
    w->now += KT_NS_HOUR;
    turn(w);
    told(w, "trigger trigger");
    turn(w);
    restart(w);
    turn(w);
    told(w, "trigger trigger");
}

static void a_silence_that_ends_while_the_collector_is_away_is_made_up_for(void **state)
{
    struct world *w = *state;
    struct kt_alert a = alert(ID_A, KT_SEV_HIGH), old = alert(ID_B, KT_SEV_HIGH),
                    told_before = alert(ID_C, KT_SEV_HIGH);
    raise_one(w, &told_before);
    w->now += KT_NS_MIN;
    (void)silence(w, "detector:unexpected_ip", KT_NS_HOUR);
    raise_one(w, &a);
    raise_one(w, &told_before); /* an update is kept quiet too */
    w->now += KT_NS_S;
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK); /* history that is brought in */
    old.last = T0 - 30 * KT_NS_DAY;
    assert_int_equal(kt_alerts_raise(w->alerts, &old, true, w->now, NULL), KT_OK);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
    told(w, "trigger");
    w->now += KT_NS_HOUR;
    restart(w);
    turn(w);
    told(w, "trigger update trigger");
}

static void what_came_late_under_a_silence_outlives_a_restart(void **state)
{
    struct world *w = *state;
    struct kt_alert a = alert(ID_A, KT_SEV_HIGH), b = alert(ID_B, KT_SEV_HIGH);
    (void)silence(w, "actor:ana", KT_NS_HOUR);
    a.last = T0 - 2 * KT_NS_DAY; /* an agent was away for two days */
    w->now += KT_NS_S;
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    assert_int_equal(kt_alerts_raise(w->alerts, &a, false, w->now, NULL), KT_OK);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
    restart(w);
    raise_one(w, &b);
    w->now += KT_NS_HOUR;
    turn(w);
    told(w, "trigger trigger");
    restart(w);
    assert_int_equal(kt_map_count(w->triage->held), 0);
}

static void a_removed_silence_ends_at_once_and_another_goes_on(void **state)
{
    struct world *w = *state;
    struct kt_alert a = alert(ID_A, KT_SEV_HIGH);
    struct kt_silence one = silence(w, "actor:ana", KT_NS_HOUR);
    struct kt_silence two = silence(w, "severity:high", 2 * KT_NS_HOUR);
    raise_one(w, &a);
    assert_string_equal(one.id, "silence-1");
    assert_string_equal(two.id, "silence-2");
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    assert_int_equal(kt_triage_unsilence(w->triage, kt_str_of(one.id), KT_STR("done"),
                                         KT_STR("bob"), w->now, NULL),
                     KT_OK);
    assert_int_equal(kt_triage_unsilence(w->triage, kt_str_of(one.id), KT_STR("done"),
                                         KT_STR("bob"), w->now, NULL),
                     KT_E_INPUT);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
    turn(w);
    told(w, "");
    assert_string_equal(kt_triage_silence_of(w->triage, &a, w->now)->id, two.id);
    w->now += 2 * KT_NS_HOUR;
    turn(w);
    told(w, "trigger");
}

static bool half_turn(struct world *w)
{
    bool any;
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    assert_int_equal(kt_alerts_turn(w->alerts, w->now, &any, NULL), KT_OK);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
    return any;
}

/* The second ends while what the first kept quiet is looked at. */
static void silences_that_end_close_together_lose_nothing(void **state)
{
    struct world *w = *state;
    struct kt_alert a = alert(ID_A, KT_SEV_HIGH);
    (void)silence(w, "actor:ana", KT_NS_HOUR);
    (void)silence(w, "severity:high", KT_NS_HOUR + KT_NS_S);
    raise_one(w, &a);
    w->now = T0 + KT_NS_HOUR;
    assert_false(half_turn(w)); /* the second still holds it */
    w->now += KT_NS_S;
    turn(w);
    told(w, "trigger");
}

/* What somebody had acknowledged before the silence, and is graver now, pages again. */
static void what_got_worse_under_a_silence_is_told_as_such(void **state)
{
    struct world *w = *state;
    struct kt_alert a = alert(ID_A, KT_SEV_MEDIUM);
    raise_one(w, &a);
    (void)take(w, step(KT_STEP_ACK, ID_A, "alice"));
    (void)silence(w, "actor:ana", KT_NS_HOUR);
    a.severity = KT_SEV_HIGH;
    raise_one(w, &a);
    told(w, "trigger acknowledge");
    w->now += KT_NS_HOUR;
    turn(w);
    told(w, "trigger acknowledge trigger");
}

static void a_silence_needs_to_name_critical_to_cover_it(void **state)
{
    struct world *w = *state;
    struct kt_alert a = alert(ID_A, KT_SEV_HIGH);
    (void)silence(w, "actor:ana", KT_NS_HOUR);
    raise_one(w, &a);
    told(w, "");
    a.severity = KT_SEV_CRITICAL;
    raise_one(w, &a);
    told(w, "trigger");
    (void)silence(w, "actor:ana severity:critical", KT_NS_HOUR);
    raise_one(w, &a);
    told(w, "trigger");
}

static void bad_silences_are_refused(void **state)
{
    struct world *w = *state;
    struct kt_silence s = {
        .from = w->now, .until = w->now + KT_NS_HOUR, .match = "outcome:x", .reason = "r", .by = "b"
    };
    struct kt_error err = { 0 };
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    assert_int_equal(kt_triage_silence(w->triage, &s, w->now, &err), KT_E_INPUT);
    assert_true(kt_str_has(kt_str_of(err.text), KT_STR("there is no field 'outcome'")));
    kt_str_copyz(s.match, sizeof s.match, KT_STR("actor:a"));
    s.until = w->now;
    assert_int_equal(kt_triage_silence(w->triage, &s, w->now, &err), KT_E_INPUT);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
    for (unsigned i = 0; i < KT_SILENCE_OPEN_MAX; i++)
        (void)silence(w, "actor:a", KT_NS_HOUR);
    s.until = w->now + KT_NS_HOUR;
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    assert_int_equal(kt_triage_silence(w->triage, &s, w->now, &err), KT_E_LIMIT);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
}

/* A refusal, not an error of the store, which would end the process. */
static void a_damaged_log_refuses_silences(void **state)
{
    struct world *w = *state;
    struct kt_silence s = {
        .from = w->now, .until = w->now + KT_NS_HOUR, .match = "actor:a", .reason = "r", .by = "b"
    };
    struct kt_error err = { 0 };
    w->triage->silences.damage.places = 1;
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    assert_int_equal(kt_triage_silence(w->triage, &s, w->now, &err), KT_E_INPUT);
    assert_true(kt_str_has(kt_str_of(err.text), KT_STR("1 damaged places")));
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
}

/* ---- alerts about keytrail itself ---- */

static void say(struct world *w, const char *code, bool ends)
{
    const struct kt_alerts_self s = { .code = code,
                                      .about = KT_STR("/var/lib/keytrail"),
                                      .sentence = "has less than 10 % left",
                                      .severity = KT_SEV_HIGH,
                                      .ends = ends };
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    assert_int_equal(kt_alerts_self(w->alerts, &s, w->now, NULL), KT_OK);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
}

static void over(struct world *w)
{
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    assert_int_equal(
        kt_alerts_self_over(w->alerts, "disk.alert", KT_STR("/var/lib/keytrail"), w->now, NULL),
        KT_OK);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
}

static void minute(struct world *w)
{
    if (!kt_alerts_self_due(w->alerts, w->now))
        return;
    assert_int_equal(kt_store_begin(w->store, NULL), KT_OK);
    assert_int_equal(kt_alerts_self_turn(w->alerts, w->now, NULL), KT_OK);
    assert_int_equal(kt_store_commit(w->store, NULL), KT_OK);
}

static void what_comes_and_goes_pages_once_and_counts(void **state)
{
    struct world *w = *state;
    for (unsigned i = 0; i < 6; i++) {
        say(w, "disk.alert", true);
        w->now += 5 * KT_NS_MIN;
        over(w);
        w->now += 5 * KT_NS_MIN;
        minute(w);
        if (i == 2)
            restart(w);
    }
    told(w, "trigger");
    say(w, "disk.alert", true); /* an hour after the first word */
    told(w, "trigger update");
    assert_true(kt_str_has(kt_buf_str(&w->json), KT_STR("(7 times since 2026-11-22 20:00 UTC)")));
    over(w);
    w->now += 59 * KT_NS_MIN;
    minute(w);
    told(w, "trigger update");
    w->now += KT_NS_MIN;
    minute(w);
    told(w, "trigger update resolve");
    assert_true(kt_str_has(kt_buf_str(&w->json), KT_STR("\"state\":\"closed\"")));
    say(w, "disk.alert", true); /* it has held for an hour: this is another time */
    told(w, "trigger update resolve trigger");
}

static void what_goes_on_is_one_alert_until_it_is_over(void **state)
{
    struct world *w = *state;
    for (unsigned i = 0; i < 5; i++) {
        say(w, "disk.alert", true);
        w->now += 6 * KT_NS_HOUR;
        minute(w);
    }
    told(w, "trigger update update update update");
}

static void what_has_no_end_is_another_alert_after_an_hour_of_quiet(void **state)
{
    struct world *w = *state;
    for (unsigned i = 0; i < 12; i++) {
        say(w, "identity.violation", false);
        w->now += 10 * KT_NS_MIN;
        minute(w);
    }
    told(w, "trigger update");
    w->now += KT_NS_HOUR;
    minute(w);
    say(w, "identity.violation", false);
    told(w, "trigger update trigger");
}

static enum kt_status newest_id(void *self, const char *id, struct kt_str json,
                                struct kt_error *err)
{
    (void)json;
    (void)err;
    kt_str_copyz(self, KT_ID_TEXT, kt_str_of(id));
    return KT_E_AGAIN;
}

static void what_a_person_has_closed_comes_again_as_a_new_alert(void **state)
{
    struct world *w = *state;
    struct kt_reader *r = NULL;
    char id[KT_ID_TEXT];
    say(w, "disk.alert", true);
    assert_int_equal(kt_reader_open(w->db, &r, NULL), KT_OK);
    assert_int_equal(kt_reader_alerts(r, newest_id, id, NULL), KT_OK);
    kt_reader_close(r);
    (void)take(w, step(KT_STEP_CLOSE, id, "alice"));
    say(w, "disk.alert", true);
    told(w, "trigger resolve trigger");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)
    const struct CMUnitTest tests[] = {
        T(the_whole_life_reaches_who_was_told_in_order),
        T(the_same_again_writes_nothing_and_says_who),
        T(alerts_are_found_by_the_start_of_their_id),
        T(a_note_on_what_has_ended_opens_nothing),
        T(what_was_merged_is_acted_on_where_it_went),
        T(who_was_called_by_any_word_hears_what_follows),
        T(nobody_answers_for_what_he_did_not_see),
        T(who_was_told_nothing_answers_for_what_it_always_was),
        T(an_answer_counts_for_what_its_message_told),
        T(a_silenced_alert_is_told_when_the_silence_ends),
        T(a_silence_that_ends_while_the_collector_is_away_is_made_up_for),
        T(what_came_late_under_a_silence_outlives_a_restart),
        T(a_removed_silence_ends_at_once_and_another_goes_on),
        T(silences_that_end_close_together_lose_nothing),
        T(what_got_worse_under_a_silence_is_told_as_such),
        T(a_silence_needs_to_name_critical_to_cover_it),
        T(bad_silences_are_refused),
        T(a_damaged_log_refuses_silences),
        T(what_comes_and_goes_pages_once_and_counts),
        T(what_goes_on_is_one_alert_until_it_is_over),
        T(what_has_no_end_is_another_alert_after_an_hour_of_quiet),
        T(what_a_person_has_closed_comes_again_as_a_new_alert),
    };
    kt_hash_init();
    return cmocka_run_group_tests_name("collector_triage", tests, NULL, NULL);
}
