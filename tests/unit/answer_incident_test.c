/* answer_incident: the steps of a runbook in random worlds, judged by the log and by a plain
 * account of what happened; what a hand ticks; where the log does not reach; the report of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/answer/blast.h"
#include "core/answer/incident.h"
#include "core/answer/tally_kept.h"
#include "core/base/enc.h"
#include "core/event/line.h"
#include "core/sys/rng.h"
#include "exporters/reports/incident.h"
#include "tests/support/accesses.h"

#define NOW     ACCESSES_NOW
#define OPENED  (NOW - 30 * KT_NS_HOUR)
#define KEY     "AKIASTOLEN0000000001"
#define AWS     "aws-sm://123456789012/eu-west-1/db"
#define SESSION "pivot"
#define LEASES  "vault://prod/-/database/creds/app"
#define SECRETS 4u
#define READERS 3u

static kt_time_ns between(struct kt_rng *rng, kt_time_ns from, kt_time_ns until)
{
    return from + 1 + (kt_time_ns)kt_rng_below(rng, (uint64_t)(until - from - 1));
}

static void secret_name(unsigned k, char ret[64])
{
    (void)snprintf(ret, 64, ACCESSES_KV "/%u", k);
}

static void access_of(struct accesses *w, kt_time_ns at, unsigned secret, const char *actor,
                      enum kt_action action, const char *version)
{
    char name[64];
    secret_name(secret, name);
    accesses_add(w, &(struct access){ .at = at,
                                      .actor = actor,
                                      .secret = name,
                                      .version = version,
                                      .operation = action == KT_ACT_WRITE ? "update" : "read",
                                      .action = action,
                                      .outcome = KT_OUT_SUCCESS });
}

/* code: of a refusal; NULL: it is let in. */
static void key_use(struct accesses *w, kt_time_ns at, unsigned secret, const char *code)
{
    char name[64];
    secret_name(secret, name);
    accesses_add(w, &(struct access){ .at = at,
                                      .actor = "thief",
                                      .secret = name,
                                      .version = code == NULL ? "6" : NULL,
                                      .code = code,
                                      .credential = KEY,
                                      .action = KT_ACT_READ,
                                      .outcome = code == NULL ? KT_OUT_SUCCESS : KT_OUT_DENIED });
}

static void act(struct kt_incidents *all, enum kt_incident_what what, int step, kt_time_ns at)
{
    struct kt_incident_act a = { .what = what,
                                 .at = at,
                                 .id = "incident-1",
                                 .by = "al",
                                 .reason = "because",
                                 .about = KT_ABOUT_CREDENTIAL,
                                 .subject = KEY,
                                 .as = "credential",
                                 .step = step };
    assert_true(kt_incidents_take(all, &a));
}

static void take_list(struct kt_incidents *all, struct kt_str text)
{
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    struct kt_incident_act a;
    struct kt_error err = { 0 };
    struct kt_jval root;
    unsigned repaired;
    accesses_must(kt_json_parse(json, text, &root, &repaired, &err), &err);
    accesses_must(kt_incident_read(KT_INCIDENT_LIST, root, &a, &err), &err);
    a.at = OPENED + 1;
    assert_true(kt_incidents_take(all, &a));
    kt_json_free(json);
}

static void list(struct kt_incidents *all, unsigned n, kt_time_ns read)
{
    struct kt_buf text = { 0 };
    kt_buf_addz(&text, "{\"id\":\"incident-1\",\"by\":\"al\",\"part\":1,\"secrets\":[");
    for (unsigned k = 0; k < n; k++) {
        char name[64];
        secret_name(k, name);
        kt_buf_addf(&text,
                    "%s{\"secret\":\"%s\",\"versions\":[\"6\"],\"reads\":1,\"first\":%lld,"
                    "\"last\":%lld}",
                    k > 0 ? "," : "", name, (long long)read, (long long)read);
    }
    kt_buf_addz(&text, "]}");
    take_list(all, kt_buf_str(&text));
    kt_buf_done(&text);
}

/* As opening an incident lists it: what the key read. */
static void list_as_read(struct accesses *w, struct kt_incidents *all)
{
    struct kt_ask a;
    struct kt_credential of = { 0 };
    struct kt_blast *b = NULL;
    struct kt_error err = { 0 };
    struct kt_buf text = { 0 };
    static const struct kt_blast_options options;
    accesses_ask(w, &a);
    accesses_must(kt_credential_find(&a, KT_STR(KEY), "credential", &of, &err), &err);
    accesses_must(kt_blast_load(&a, &of, &options, &b, &err), &err);
    kt_buf_addz(&text, "{\"id\":\"incident-1\",\"by\":\"al\",\"part\":1,\"secrets\":[");
    for (unsigned k = 0; k < b->n_secrets; k++) {
        struct kt_incident_secret s = kt_incident_secret_of(b->secret[k].state);
        kt_buf_addz(&text, k > 0 ? "," : "");
        kt_incident_secret_write(&s, &text);
    }
    kt_buf_addz(&text, "]}");
    take_list(all, kt_buf_str(&text));
    kt_buf_done(&text);
    kt_blast_free(b);
    kt_credential_done(&of);
    kt_ask_done(&a);
}

/* What the agent of Vault's source says; "" is a plain heartbeat. */
static void report(struct accesses *w, kt_time_ns at, const char *operation)
{
    struct kt_error err = { 0 };
    struct kt_event ev;
    kt_event_clear(&ev);
    ev.kind = KT_KIND_REPORT;
    ev.source = KT_STR("vault");
    ev.instance = KT_STR("vault-prod");
    ev.operation = kt_str_of(operation);
    ev.message = operation[0] != '\0' ? KT_STR("a file of the trail is missing") : KT_STR_NONE;
    ev.raw = KT_STR("{\"agent\":\"web-1\",\"lag\":0,\"emptied\":0,\"lost\":0,\"broken\":0,"
                    "\"blind\":[],\"limits\":[],\"findings\":[]}");
    ev.time = ev.observed = at;
    accesses_must(kt_line_write(&ev, &w->make->lines, &err), &err);
    kt_buf_byte(&w->make->lines, '\n');
    w->make->n++;
}

/* ---- random worlds ---- */

struct account { /* kept beside */
    unsigned exposed, waiting;
    unsigned stolen;               /* reads of the first secret with the key */
    kt_time_ns rotated;            /* of that secret; 0: not */
    kt_time_ns last_success, dead; /* dead: refused as none */
    bool later;                    /* it was used after the list */
};

static void play_secret(struct accesses *w, struct kt_rng *rng, unsigned k, kt_time_ns stolen,
                        struct account *want)
{
    bool rotated = kt_rng_below(rng, 4) > 0;
    kt_time_ns at = between(rng, OPENED, NOW - KT_NS_HOUR);
    access_of(w, stolen - 9 * KT_NS_DAY, k, "ops", KT_ACT_WRITE, "6");
    if (rotated)
        access_of(w, at, k, "ops", KT_ACT_WRITE, "7");
    want->exposed += !rotated;
    if (k == 0)
        want->rotated = rotated ? at : 0;
    for (unsigned r = 0; r < READERS; r++) {
        char actor[32];
        unsigned reads = (unsigned)kt_rng_below(rng, 6);
        bool fetched = kt_rng_below(rng, 2) == 0;
        (void)snprintf(actor, sizeof actor, "svc%u", r);
        for (unsigned i = 0; i < reads; i++)
            access_of(w, between(rng, NOW - 29 * KT_NS_DAY, OPENED), k, actor, KT_ACT_READ, "6");
        if (rotated && fetched)
            access_of(w, between(rng, at, NOW), k, actor, KT_ACT_READ, "7");
        want->waiting += rotated && !fetched && reads >= KT_INCIDENT_REGULAR;
    }
}

static void play_key(struct accesses *w, struct kt_rng *rng, struct account *want)
{
    for (unsigned i = 0, n = (unsigned)kt_rng_below(rng, 4); i < n; i++) {
        kt_time_ns at = between(rng, OPENED, NOW);
        static const char *const codes[] = { NULL, NULL, "AccessDenied", "InvalidClientTokenId" };
        const char *code = codes[kt_rng_below(rng, KT_ARRAY_LEN(codes))];
        bool success = code == NULL;
        key_use(w, at, 0, code);
        kt_time_ns *last = success ? &want->last_success : &want->dead;
        if (success || strcmp(code, "InvalidClientTokenId") == 0)
            *last = at > *last ? at : *last;
        want->stolen += success;
        want->later = want->later || success;
    }
    /* Whoever uses the key looks like any reader, and may be its rightful holder; it never fetches
     * the new version. */
    if (want->rotated != 0 && 1 + want->stolen >= KT_INCIDENT_REGULAR)
        want->waiting++;
}

static bool revoked(const struct account *a)
{
    kt_time_ns quiet = a->last_success > OPENED ? a->last_success : OPENED;
    return a->dead > a->last_success || NOW - quiet >= KT_INCIDENT_QUIET;
}

static struct kt_incident_state *judge(struct accesses *w, struct kt_ask *a,
                                       const struct kt_incidents *all,
                                       const struct kt_incident_alert *alerts, unsigned n)
{
    struct kt_error err = { 0 };
    struct kt_incident_state *s = NULL;
    accesses_ask(w, a);
    accesses_must(kt_incident_judge(a, all->at[0], alerts, n, &s, &err), &err);
    return s;
}

static bool ticked(const struct kt_incident_state *s, enum kt_runbook step)
{
    assert_int_equal(s->step[step].tick == KT_TICK_OPEN, (s->open >> step) & 1);
    return s->step[step].tick == KT_TICK_LOG;
}

static void one_world(struct accesses *w, struct kt_rng *rng)
{
    struct account want = { 0 };
    struct kt_incidents all = { 0 };
    struct kt_ask a;
    unsigned n = 1 + (unsigned)kt_rng_below(rng, SECRETS);
    kt_time_ns stolen = OPENED - KT_NS_HOUR;
    for (unsigned k = 0; k < n; k++) {
        play_secret(w, rng, k, stolen, &want);
        key_use(w, stolen, k, NULL);
    }
    want.last_success = stolen;
    access_of(w, NOW - 1, SECRETS, "other", KT_ACT_READ, "1"); /* the log goes up to now */
    play_key(w, rng, &want);
    act(&all, KT_INCIDENT_OPEN, 0, OPENED);
    list(&all, n, stolen);
    const struct kt_incident_alert alerts[] = {
        { .id = KT_STR("A"), .judged = kt_rng_below(rng, 2) == 0, .verdict = KT_STR("true") },
        { .id = KT_STR("B"), .judged = kt_rng_below(rng, 2) == 0, .verdict = KT_STR("false") },
    };
    struct kt_incident_state *s = judge(w, &a, &all, alerts, 2);
    assert_int_equal(s->n_values, n);
    assert_int_equal(s->exposed, want.exposed);
    assert_int_equal(ticked(s, KT_RUNBOOK_BLAST), !want.later);
    assert_int_equal(ticked(s, KT_RUNBOOK_ROTATE), want.exposed == 0);
    assert_int_equal(ticked(s, KT_RUNBOOK_DEPLOY), want.exposed == 0 && want.waiting == 0);
    unsigned waiting = 0;
    for (unsigned k = 0; k < n; k++)
        waiting += s->value[k].waiting;
    assert_int_equal(waiting, want.waiting);
    assert_int_equal(ticked(s, KT_RUNBOOK_REVOKE), revoked(&want));
    assert_int_equal(ticked(s, KT_RUNBOOK_AUDIT), alerts[0].judged && alerts[1].judged);
    assert_false(ticked(s, KT_RUNBOOK_CONFIRM) || ticked(s, KT_RUNBOOK_TELL) ||
                 ticked(s, KT_RUNBOOK_DOCUMENT));
    kt_incident_state_free(s);
    kt_ask_done(&a);
    kt_incidents_done(&all);
}

static void steps_are_what_a_plain_account_says(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct kt_rng_seeded s = { .state = seed };
        struct kt_rng rng = kt_rng_seeded(&s);
        void *w;
        (void)accesses_set_up(&w);
        one_world(w, &rng);
        (void)accesses_tear_down(&w);
    }
}

/* ---- what looks like the end of an exposure, and is none ---- */

static void a_value_that_waited_when_it_was_read_is_not_replaced_by_its_promotion(void **state)
{
    struct accesses *w = *state;
    struct kt_incidents all = { 0 };
    struct kt_ask a;
    struct access step = { .at = OPENED - 3 * KT_NS_HOUR,
                           .actor = "rotator",
                           .secret = AWS,
                           .operation = "PutSecretValue",
                           .stage = "AWSPENDING",
                           .action = KT_ACT_WRITE,
                           .outcome = KT_OUT_SUCCESS };
    accesses_add(w, &step);
    step = (struct access){ .at = OPENED - KT_NS_HOUR,
                            .actor = "thief",
                            .secret = AWS,
                            .operation = "GetSecretValue",
                            .stage = "AWSPENDING",
                            .credential = KEY,
                            .action = KT_ACT_READ,
                            .outcome = KT_OUT_SUCCESS };
    accesses_add(w, &step);
    act(&all, KT_INCIDENT_OPEN, 0, OPENED);
    list_as_read(w, &all);
    for (unsigned rotations = 1; rotations <= 2; rotations++) {
        step = (struct access){ .at = OPENED + rotations * KT_NS_HOUR,
                                .actor = "rotator",
                                .secret = AWS,
                                .operation = "RotationSucceeded",
                                .action = KT_ACT_ROTATE,
                                .outcome = KT_OUT_SUCCESS };
        accesses_add(w, &step);
        struct kt_incident_state *s = judge(w, &a, &all, NULL, 0);
        assert_int_equal(s->n_values, 1);
        assert_int_equal(ticked(s, KT_RUNBOOK_ROTATE), rotations == 2);
        kt_incident_state_free(s);
        kt_ask_done(&a);
    }
    kt_incidents_done(&all);
}

static void a_lease_is_not_ended_by_a_write_of_its_role(void **state)
{
    struct accesses *w = *state;
    struct kt_incidents all = { 0 };
    struct kt_ask a;
    accesses_add(w, &(struct access){ .at = OPENED - KT_NS_HOUR,
                                      .actor = "thief",
                                      .secret = LEASES,
                                      .native = "database/creds/app",
                                      .credential = KEY,
                                      .action = KT_ACT_ISSUE,
                                      .outcome = KT_OUT_SUCCESS });
    act(&all, KT_INCIDENT_OPEN, 0, OPENED);
    list_as_read(w, &all);
    accesses_add(w, &(struct access){ .at = OPENED + KT_NS_HOUR,
                                      .actor = "ops",
                                      .secret = LEASES,
                                      .native = "database/creds/app",
                                      .operation = "update",
                                      .action = KT_ACT_WRITE,
                                      .outcome = KT_OUT_SUCCESS });
    struct kt_incident_state *s = judge(w, &a, &all, NULL, 0);
    assert_int_equal(s->value[0].exposure, KT_EXPOSURE_LEASE);
    assert_false(ticked(s, KT_RUNBOOK_ROTATE));
    kt_incident_state_free(s);
    kt_ask_done(&a);
    kt_incidents_done(&all);
}

/* Use of a key of AWS's KMS reads no secret; a read whose outcome is not known may have got one,
 * and so may a session that was opened with the credential. */
static void the_list_is_missing_what_blast_would_list_and_nothing_else(void **state)
{
    static const struct {
        struct access a;
        bool missing;
    } cases[] = {
        { { .secret = "aws-kms://123456789012/eu-west-1/k",
            .operation = "Decrypt",
            .credential = KEY,
            .action = KT_ACT_USE,
            .outcome = KT_OUT_SUCCESS },
          false },
        { { .secret = AWS,
            .operation = "GetSecretValue",
            .credential = KEY,
            .action = KT_ACT_READ,
            .outcome = KT_OUT_UNKNOWN },
          true },
        { { .secret = AWS,
            .operation = "GetSecretValue",
            .session = SESSION,
            .action = KT_ACT_READ,
            .outcome = KT_OUT_SUCCESS },
          true },
        { { .secret = AWS,
            .operation = "GetSecretValue",
            .session = SESSION "2",
            .action = KT_ACT_READ,
            .outcome = KT_OUT_SUCCESS },
          false },
    };
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        struct kt_incidents all = { 0 };
        struct kt_ask a;
        void *made;
        (void)accesses_set_up(&made);
        struct accesses *w = made;
        struct access later = cases[i].a;
        key_use(w, OPENED - 2 * KT_NS_HOUR, 0, NULL);
        accesses_add(w, &(struct access){
                            .at = OPENED - KT_NS_HOUR,
                            .actor = "thief",
                            .operation = "AssumeRole",
                            .native = "arn:aws:iam::123456789012:role/admin",
                            .raw = "{\"requestParameters\":{\"roleSessionName\":\"" SESSION "\"}}",
                            .credential = KEY,
                            .action = KT_ACT_ISSUE,
                            .outcome = KT_OUT_SUCCESS });
        act(&all, KT_INCIDENT_OPEN, 0, OPENED);
        list_as_read(w, &all);
        later.at = OPENED + KT_NS_HOUR;
        later.actor = later.session != NULL ? "admin@123456789012" : "thief";
        accesses_add(w, &later);
        struct kt_incident_state *s = judge(w, &a, &all, NULL, 0);
        if (ticked(s, KT_RUNBOOK_BLAST) == cases[i].missing)
            fail_msg("case %zu: " KT_STR_FMT, i, KT_STR_ARG(s->step[KT_RUNBOOK_BLAST].text));
        kt_incident_state_free(s);
        kt_ask_done(&a);
        kt_incidents_done(&all);
        (void)accesses_tear_down(&made);
    }
}

static void who_is_pinned_to_the_old_version_has_not_moved(void **state)
{
    struct accesses *w = *state;
    struct kt_incidents all = { 0 };
    struct kt_ask a;
    access_of(w, OPENED - 9 * KT_NS_DAY, 0, "ops", KT_ACT_WRITE, "6");
    key_use(w, OPENED - KT_NS_HOUR, 0, NULL);
    access_of(w, OPENED + KT_NS_HOUR, 0, "ops", KT_ACT_WRITE, "7");
    for (unsigned h = 2; h < 6; h++)
        access_of(w, OPENED + h * KT_NS_HOUR, 0, "pinned", KT_ACT_READ, "6");
    act(&all, KT_INCIDENT_OPEN, 0, OPENED);
    list(&all, 1, OPENED - KT_NS_HOUR);
    for (unsigned moved = 0; moved < 2; moved++) {
        if (moved)
            access_of(w, NOW - KT_NS_HOUR / 2, 0, "pinned", KT_ACT_READ, "7");
        struct kt_incident_state *s = judge(w, &a, &all, NULL, 0);
        assert_true(ticked(s, KT_RUNBOOK_ROTATE));
        assert_int_equal(ticked(s, KT_RUNBOOK_DEPLOY), moved);
        kt_incident_state_free(s);
        kt_ask_done(&a);
    }
    kt_incidents_done(&all);
}

static void a_refusal_of_a_request_and_a_silence_with_a_gap_revoke_nothing(void **state)
{
    static const struct {
        const char *code; /* of a refusal after the opening */
        unsigned away;    /* hours up to now in which the agent said nothing */
        bool imported, revoked;
    } cases[] = {
        { "AccessDenied", 9, false, false },
        { NULL, 9, false, false },
        { NULL, 0, true, false },
        { NULL, 0, false, true },
        { "Client.InvalidClientTokenId", 9, false, true },
        { "ExpiredToken", 9, false, true },
        { "SignatureDoesNotMatch", 9, false, false },
    };
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        struct kt_incidents all = { 0 };
        struct kt_ask a;
        void *made;
        (void)accesses_set_up(&made);
        struct accesses *w = made;
        for (unsigned m = 0; m < 60 * 60 && !cases[i].imported; m++)
            if (m / 60 >= cases[i].away)
                report(w, NOW - (kt_time_ns)m * KT_NS_MIN, "");
        key_use(w, OPENED - KT_NS_HOUR, 0, NULL);
        if (cases[i].code != NULL)
            key_use(w, OPENED + KT_NS_HOUR, 0, cases[i].code);
        act(&all, KT_INCIDENT_OPEN, 0, OPENED);
        struct kt_incident_state *s = judge(w, &a, &all, NULL, 0);
        if (ticked(s, KT_RUNBOOK_REVOKE) != cases[i].revoked)
            fail_msg("case %zu: " KT_STR_FMT, i, KT_STR_ARG(s->step[KT_RUNBOOK_REVOKE].text));
        kt_incident_state_free(s);
        kt_ask_done(&a);
        kt_incidents_done(&all);
        (void)accesses_tear_down(&made);
    }
}

static void a_missing_file_of_a_trail_is_an_open_gap(void **state)
{
    struct accesses *w = *state;
    struct kt_incidents all = { 0 };
    struct kt_ask a;
    act(&all, KT_INCIDENT_OPEN, 0, OPENED);
    all.at[0]->since = NOW - 50 * KT_NS_HOUR;
    for (unsigned h = 0; h < 60; h++) {
        accesses_read(w, NOW - (kt_time_ns)h * KT_NS_HOUR, "svc", "6");
        for (unsigned k = 0; k < 60; k++)
            report(w, NOW - (kt_time_ns)h * KT_NS_HOUR - (kt_time_ns)k * KT_NS_MIN, "");
    }
    for (unsigned missing = 0; missing < 2; missing++) {
        if (missing)
            report(w, NOW - 9 * KT_NS_HOUR, "trail.missing");
        struct kt_incident_state *s = judge(w, &a, &all, NULL, 0);
        assert_int_equal(ticked(s, KT_RUNBOOK_AUDIT), !missing);
        assert_int_equal(kt_str_has(s->step[KT_RUNBOOK_AUDIT].text, KT_STR("digest missing")),
                         missing);
        kt_incident_state_free(s);
        kt_ask_done(&a);
    }
    kt_incidents_done(&all);
}

/* ---- hands, and where the log ends ---- */

static void a_hand_ticks_and_the_log_stays_beside_it(void **state)
{
    struct accesses *w = *state;
    struct kt_incidents all = { 0 };
    struct kt_ask a;
    accesses_read(w, NOW - 9 * KT_NS_DAY, "svc", "6");
    act(&all, KT_INCIDENT_OPEN, 0, OPENED);
    act(&all, KT_INCIDENT_STEP, KT_RUNBOOK_TELL, OPENED + 1);
    act(&all, KT_INCIDENT_STEP, KT_RUNBOOK_ROTATE, OPENED + 2);
    struct kt_incident_state *s = judge(w, &a, &all, NULL, 0);
    assert_int_equal(s->step[KT_RUNBOOK_TELL].tick, KT_TICK_HAND);
    assert_int_equal(s->step[KT_RUNBOOK_ROTATE].tick, KT_TICK_HAND);
    assert_true(kt_str_has(s->step[KT_RUNBOOK_ROTATE].text, KT_STR("by al: because (the log: ")));
    assert_true(kt_str_is(s->step[KT_RUNBOOK_TELL].text, "by al: because"));
    assert_int_equal(s->step[KT_RUNBOOK_BLAST].tick, KT_TICK_OPEN);
    assert_true(kt_str_has(s->step[KT_RUNBOOK_BLAST].next, KT_STR("incident done incident-1")));
    kt_incident_state_free(s);
    kt_ask_done(&a);
    kt_incidents_done(&all);
}

static struct kt_incident_state *after_the_list(struct accesses *w, struct kt_ask *a,
                                                const struct kt_incidents *all, unsigned minutes,
                                                const char *secret, enum kt_action action,
                                                enum kt_outcome outcome)
{
    accesses_add(w, &(struct access){ .at = OPENED + minutes * KT_NS_MIN,
                                      .actor = "thief",
                                      .secret = secret,
                                      .credential = KEY,
                                      .action = action,
                                      .outcome = outcome });
    return judge(w, a, all, NULL, 0);
}

static void since_the_list_reads_are_what_they_are_elsewhere(void **state)
{
    struct accesses *w = *state;
    struct kt_incidents all = { 0 };
    struct kt_ask a;
    key_use(w, OPENED - KT_NS_HOUR, 0, NULL);
    act(&all, KT_INCIDENT_OPEN, 0, OPENED);
    list(&all, 1, OPENED - KT_NS_HOUR);
    struct kt_incident_state *s = /* of a bare key, which is no secret */
        after_the_list(w, &a, &all, 60, "aws-kms://111122223333/eu-central-1/key-1", KT_ACT_USE,
                       KT_OUT_SUCCESS);
    assert_true(ticked(s, KT_RUNBOOK_BLAST));
    kt_incident_state_free(s);
    kt_ask_done(&a);
    s = after_the_list(w, &a, &all, 70, ACCESSES_KV "/3", KT_ACT_READ, KT_OUT_UNKNOWN);
    assert_false(ticked(s, KT_RUNBOOK_BLAST));
    kt_incident_state_free(s);
    kt_ask_done(&a);
    kt_incidents_done(&all);
}

static void an_exposure_before_the_log_is_not_whole(void **state)
{
    struct accesses *w = *state;
    struct kt_incidents all = { 0 };
    struct kt_ask a;
    for (unsigned h = 0; h < 60; h++)
        accesses_read(w, NOW - (kt_time_ns)h * KT_NS_HOUR, "svc", "6");
    act(&all, KT_INCIDENT_OPEN, 0, OPENED);
    all.at[0]->since = NOW - 50 * KT_NS_HOUR;
    struct kt_incident_state *s = judge(w, &a, &all, NULL, 0);
    assert_true(ticked(s, KT_RUNBOOK_AUDIT));
    kt_incident_state_free(s);
    kt_ask_done(&a);
    all.at[0]->since = NOW - 90 * KT_NS_HOUR;
    s = judge(w, &a, &all, NULL, 0);
    assert_false(ticked(s, KT_RUNBOOK_AUDIT));
    assert_true(kt_str_has(s->step[KT_RUNBOOK_AUDIT].text, KT_STR("began before the log")));
    kt_incident_state_free(s);
    kt_ask_done(&a);
    kt_incidents_done(&all);
}

/* Sums in the store that say of all records that there is nothing. */
static void forge_sums(struct accesses *w)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf newest = { 0 };
    struct kt_error err = { 0 };
    kt_buf_u64(&newest, kt_store_last_seq(w->store));
    accesses_must(kt_store_begin(w->store, &err), &err);
    accesses_must(kt_store_put(w->store, KT_TALLY_BLOB, kt_buf_str(&newest), &err), &err);
    accesses_must(kt_store_commit(w->store, &err), &err);
}

static void the_audit_trusts_no_sums_that_are_kept(void **state)
{
    struct accesses *w = *state;
    KT_CLEANUP(kt_buf_done) struct kt_buf honest = { 0 };
    struct kt_incidents all = { 0 };
    struct kt_ask a;
    for (unsigned h = 0; h < 60; h++)
        accesses_read(w, NOW - (kt_time_ns)h * KT_NS_HOUR, "svc", "6");
    act(&all, KT_INCIDENT_OPEN, 0, OPENED);
    all.at[0]->since = NOW - 50 * KT_NS_HOUR;
    for (unsigned i = 0; i < 2; i++) {
        struct kt_incident_state *s = judge(w, &a, &all, NULL, 0);
        struct kt_str text = s->step[KT_RUNBOOK_AUDIT].text;
        if (i == 0)
            kt_buf_add(&honest, text);
        assert_true(kt_str_starts(text, KT_STR("coverage 100 %")));
        assert_true(kt_str_eq(text, kt_buf_str(&honest)));
        kt_incident_state_free(s);
        kt_ask_done(&a);
        forge_sums(w);
    }
    kt_incidents_done(&all);
}

static void both_forms_of_the_report_say_the_same_and_escape(void **state)
{
    struct accesses *w = *state;
    struct kt_incidents all = { 0 };
    struct kt_ask a;
    struct kt_buf md = { 0 }, html = { 0 }, again = { 0 }, twice = { 0 };
    accesses_read(w, NOW - 9 * KT_NS_DAY, "svc", "6");
    act(&all, KT_INCIDENT_OPEN, 0, OPENED);
    list(&all, 2, OPENED - KT_NS_HOUR);
    const struct kt_incident_alert alert = { .id = KT_STR("AB"),
                                             .title = KT_STR("<script>|\x1b[2J`x`") };
    struct kt_incident_state *s = judge(w, &a, &all, &alert, 1);
    const struct kt_incident_report r = { .state = s,
                                          .title = "acme",
                                          .program = "keytrail",
                                          .written = NOW,
                                          .by = "al",
                                          .reason = "<b>over</b>",
                                          .forced = true };
    kt_incident_report_write(&r, &md, &html);
    kt_incident_report_write(&r, &again, &twice);
    assert_true(kt_str_eq(kt_buf_str(&md), kt_buf_str(&again)));
    assert_true(kt_str_eq(kt_buf_str(&html), kt_buf_str(&twice)));
    assert_true(kt_str_has(kt_buf_str(&md), KT_STR("Closed by force by al")));
    assert_true(kt_str_has(kt_buf_str(&html), KT_STR("Closed by force by al")));
    assert_true(kt_str_has(kt_buf_str(&html), KT_STR("&lt;script&gt;|")));
    assert_true(kt_str_has(kt_buf_str(&md), KT_STR("\\<script\\>\\|")));
    static const char *const never[] = { "<script>", "\x1b", "<b>over" };
    for (size_t i = 0; i < KT_ARRAY_LEN(never); i++)
        assert_false(kt_str_has(kt_buf_str(&html), kt_str_of(never[i])));
    assert_false(kt_str_has(kt_buf_str(&md), KT_STR("\x1b")));
    kt_buf_done(&md);
    kt_buf_done(&html);
    kt_buf_done(&again);
    kt_buf_done(&twice);
    kt_incident_state_free(s);
    kt_ask_done(&a);
    kt_incidents_done(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_what_a_plain_account_says),
        cmocka_unit_test_setup_teardown(
            a_value_that_waited_when_it_was_read_is_not_replaced_by_its_promotion, accesses_set_up,
            accesses_tear_down),
        cmocka_unit_test_setup_teardown(a_lease_is_not_ended_by_a_write_of_its_role,
                                        accesses_set_up, accesses_tear_down),
        cmocka_unit_test(the_list_is_missing_what_blast_would_list_and_nothing_else),
        cmocka_unit_test_setup_teardown(who_is_pinned_to_the_old_version_has_not_moved,
                                        accesses_set_up, accesses_tear_down),
        cmocka_unit_test(a_refusal_of_a_request_and_a_silence_with_a_gap_revoke_nothing),
        cmocka_unit_test_setup_teardown(a_missing_file_of_a_trail_is_an_open_gap, accesses_set_up,
                                        accesses_tear_down),
        cmocka_unit_test_setup_teardown(a_hand_ticks_and_the_log_stays_beside_it, accesses_set_up,
                                        accesses_tear_down),
        cmocka_unit_test_setup_teardown(since_the_list_reads_are_what_they_are_elsewhere,
                                        accesses_set_up, accesses_tear_down),
        cmocka_unit_test_setup_teardown(an_exposure_before_the_log_is_not_whole, accesses_set_up,
                                        accesses_tear_down),
        cmocka_unit_test_setup_teardown(the_audit_trusts_no_sums_that_are_kept, accesses_set_up,
                                        accesses_tear_down),
        cmocka_unit_test_setup_teardown(both_forms_of_the_report_say_the_same_and_escape,
                                        accesses_set_up, accesses_tear_down),
    };
    kt_hash_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
