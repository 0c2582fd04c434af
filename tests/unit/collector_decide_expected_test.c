/* detect_decide: what is announced pages nobody from its place in the log on, and hides nothing
 * else. */
#include "collector/detect_state.h"
#include "tests/support/decided.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* ---- expectations ---- */
static void expected_work_is_listed_and_pages_nobody(void **state)
{
    (void)state;
    struct org o;
    decided_start(&o);
    decided_expectation(&o, "\"actor\":\"svc1\",\"secret\":\"prod/other/*\"");
    decided_reads(&o, DECIDED_NOW, "svc1", 60, "18.192.4.4");
    org_run(&o);
    decided_show(&o);
    assert_int_equal(decided_pages(&o), 0);
    assert_int_equal(decided_quiet_ones(&o), 1);
    const struct org_alert *a = org_alert_of(&o, 0, "svc1");
    assert_int_equal(a->severity, KT_SEV_INFO);
    assert_string_equal(a->suppressed_by,
                        "expected: rotate, by alice, until 2026-10-31 14:00 UTC (expect-1)");
    assert_non_null(strstr(a->json, "\"suppressed_by\":\"expected: rotate"));
    org_done(&o);
}

/* What must page all the same: one row a world. */
static void it_hides_nothing_else(void **state)
{
    (void)state;
    static const struct {
        const char *members, *actor, *ip;
        int64_t after;
        bool removed, forged;
    } rows[] = {
        { "\"actor\":\"svc1\",\"secret\":\"prod/other/*\"", "svc3", "18.192.4.4", 0, false, false },
        { "\"actor\":\"svc1\",\"secret\":\"prod/db/*\"", "svc1", "18.192.4.4", 0, false, false },
        { "\"actor\":\"svc1\",\"source\":\"aws*\"", "svc1", "18.192.4.4", 0, false, false },
        { "\"actor\":\"svc1\"", "svc1", "65.108.3.3", 0, false, false }, /* from elsewhere */
        { "\"actor\":\"svc1\",\"address\":\"65.108.4.0/24\"", "svc1", "65.108.3.3", 0, false,
          false },
        { "\"actor\":\"svc1\"", "svc1", "18.192.4.4", 5 * KT_NS_HOUR, false, false }, /* over */
        { "\"actor\":\"svc1\"", "svc1", "18.192.4.4", -3 * KT_NS_MIN, false, false },
        { "\"actor\":\"svc1\"", "svc1", "18.192.4.4", 0, true, false },
        { "\"actor\":\"svc1\"", "svc1", "18.192.4.4", 0, false, true },
    };
    for (unsigned i = 0; i < KT_ARRAY_LEN(rows); i++) {
        struct org o;
        decided_start(&o);
        uint32_t at = o.n;
        decided_expectation(&o, rows[i].members);
        o.ev[at].forged = rows[i].forged;
        if (rows[i].removed)
            org_decide(&o, DECIDED_NOW - 30 * KT_NS_S, "expect.rm",
                       "{\"id\":\"expect-1\",\"by\":\"bob\"}");
        decided_reads(&o, DECIDED_NOW + rows[i].after, rows[i].actor, 60, rows[i].ip);
        org_run(&o);
        decided_show(&o);
        if (decided_pages(&o) != 1)
            fail_msg("row %u: %u pages", i, decided_pages(&o));
        org_done(&o);
    }
}

/* Of a person a new network alone pages nobody: what is done from it has to. */
static unsigned stolen_session(const char *members, const char *ip)
{
    struct org o;
    decided_start(&o);
    org_fact(&o, "91.64.8.8", "DE", 31334, "Kabel", false);
    decided_expectation(&o, members);
    for (unsigned i = 0; i < 60; i++)
        org_add(&o, (struct org_event){ .t = DECIDED_NOW + i * KT_NS_S,
                                        .actor = "person1@acme.example",
                                        .kind = KT_ACTOR_HUMAN,
                                        .secret = org_text(&o, DECIDED_SECRET, i),
                                        .user_agent = "Vault/1.15 (darwin arm64)",
                                        .ip = ip });
    org_run(&o);
    decided_show(&o);
    unsigned n = decided_pages(&o);
    org_done(&o);
    return n;
}

static void a_session_from_a_new_network_is_no_announced_work(void **state)
{
    (void)state;
    const char *work = "\"actor\":\"person1@acme.example\",\"secret\":\"prod/other/*\"";
    assert_int_equal(stolen_session(work, "91.64.8.8"), 1);
    assert_int_equal(stolen_session(work, "198.51.100.7"), 0);
    assert_int_equal(stolen_session("\"actor\":\"person1@acme.example\","
                                    "\"address\":\"91.64.8.0/24\"",
                                    "91.64.8.8"),
                     0);
}

static void an_expected_network_is_quiet_and_trusted_by_nobody(void **state)
{
    (void)state;
    struct org o;
    decided_start(&o);
    decided_expectation(&o, "\"actor\":\"svc1\",\"address\":\"65.108.3.0/24\"");
    decided_reads(&o, DECIDED_NOW, "svc1", 3, "65.108.3.3");
    decided_reads(&o, DECIDED_NOW + 20 * KT_NS_DAY, "svc1", 60,
                  "65.108.3.3"); /* nothing is expected any more */
    org_run(&o);
    decided_show(&o);
    assert_int_equal(decided_quiet_ones(&o), 1);
    assert_int_equal(decided_pages(&o), 1);
    assert_string_equal(o.alert[o.n_alert - 1].actor, "svc1");
    assert_non_null(strstr(o.alert[o.n_alert - 1].json, "unexpected_ip"));
    org_done(&o);
}

/* An attacker who guesses a password while its owner's work is announced. */
static void a_guessed_password_is_told_whatever_is_expected(void **state)
{
    (void)state;
    struct org o;
    decided_start(&o);
    org_fact(&o, "185.220.4.4", "NL", 60729, "Zwiebel", true);
    decided_expectation(&o, "\"actor\":\"person1@acme.example\",\"address\":\"185.220.4.0/24\"");
    for (unsigned i = 0; i < 13; i++)
        org_add(&o, (struct org_event){ .t = DECIDED_NOW + i * 30 * KT_NS_S,
                                        .actor = "person1@acme.example",
                                        .kind = KT_ACTOR_HUMAN,
                                        .action = KT_ACT_LOGIN,
                                        .outcome = i == 12 ? KT_OUT_SUCCESS : KT_OUT_DENIED,
                                        .operation = "login",
                                        .ip = "185.220.4.4" });
    org_run(&o);
    decided_show(&o);
    assert_int_equal(org_alerts(&o, 0, KT_SEV_CRITICAL), 1);
    org_done(&o);
}

static unsigned silence(const char *members)
{
    struct org o;
    decided_start(&o);
    kt_time_ns end = DECIDED_NOW + 6 * KT_NS_HOUR;
    org_ticks(&o, ORG_START, end);
    org_heartbeats(&o, "host-1", "vault", "vault-prod", ORG_START, end);
    org_hush(&o, NULL, "vault-prod", DECIDED_NOW + 5 * KT_NS_MIN, DECIDED_NOW + 200 * KT_NS_MIN);
    if (members != NULL)
        decided_expectation(&o, members);
    org_run(&o);
    decided_show(&o);
    unsigned n = decided_pages(&o);
    assert_true(members == NULL || n == 1 || decided_quiet_ones(&o) == 1);
    org_done(&o);
    return n;
}

static void silence_of_a_source_is_expected_by_its_name_alone(void **state)
{
    (void)state;
    assert_int_equal(silence(NULL), 1);
    assert_int_equal(silence("\"source\":\"vault-prod\""), 0);
    assert_int_equal(silence("\"source\":\"vault-dev\""), 1);
    assert_int_equal(silence("\"source\":\"vault-prod\",\"actor\":\"svc1\""), 1);
}

static unsigned emptied(bool empty, bool two, bool away)
{
    struct org o;
    decided_start(&o);
    kt_time_ns end = DECIDED_NOW + 6 * KT_NS_HOUR;
    org_ticks(&o, ORG_START, end);
    org_heartbeats(&o, "host-1", "vault", "vault-prod", ORG_START, end);
    if (two)
        org_heartbeats(&o, "host-1", "auditd", "web-1", ORG_START, end);
    if (away)
        org_hush(&o, "host-1", NULL, DECIDED_NOW + 10 * KT_NS_MIN, DECIDED_NOW + 100 * KT_NS_MIN);
    if (empty)
        org_add(&o, (struct org_event){ .t = DECIDED_NOW + 30 * KT_NS_MIN,
                                        .record = KT_KIND_REPORT,
                                        .agent = "host-1",
                                        .source = "vault",
                                        .instance = "vault-prod",
                                        .raw = "{\"lag\":0,\"emptied\":1,\"lost\":0}" });
    decided_expectation(&o, "\"source\":\"vault-prod\"");
    org_run(&o);
    decided_show(&o);
    unsigned n = decided_pages(&o);
    org_done(&o);
    return n;
}

static unsigned times_told(bool expected)
{
    struct org o;
    decided_start(&o);
    if (expected)
        decided_expectation(
            &o, "\"actor\":\"svc1\",\"signature\":\"stopped\",\"address\":\"65.108.3.0/24\"");
    uint32_t from = o.n_alert;
    decided_reads(&o, DECIDED_NOW + KT_NS_MIN, "svc1", 5, "65.108.3.3");
    org_add(&o, (struct org_event){ .t = DECIDED_NOW + 75 * KT_NS_MIN,
                                    .actor = "svc1",
                                    .kind = KT_ACTOR_HUMAN,
                                    .source = "cloudtrail",
                                    .instance = "aws-main",
                                    .action = KT_ACT_CONFIG,
                                    .operation = "StopLogging",
                                    .native = "arn:aws:cloudtrail:eu-1:1:trail/main",
                                    .ip = "65.108.3.3" });
    org_run(&o);
    unsigned n = 0;
    for (uint32_t i = from; i < o.n_alert; i++)
        n += o.alert[i].suppressed_by[0] == 0;
    org_done(&o);
    return n;
}

static void an_expected_signature_is_no_news_of_another_alert(void **state)
{
    (void)state;
    unsigned loud = times_told(false);
    assert_int_equal(times_told(true), loud - 1);
}

static void what_touches_the_record_of_a_source_is_never_expected(void **state)
{
    (void)state;
    assert_int_equal(emptied(false, false, false), 0);
    assert_int_equal(emptied(true, false, false), 1);
}

static void an_agent_is_away_with_all_its_sources(void **state)
{
    (void)state;
    assert_int_equal(emptied(false, false, true), 0);
    assert_int_equal(emptied(false, true, true), 1);
}

/* ---- signatures ---- */
static void stop_trail(struct org *o, kt_time_ns t, const char *actor)
{
    org_add(o, (struct org_event){ .t = t,
                                   .actor = actor,
                                   .kind = KT_ACTOR_HUMAN,
                                   .action = KT_ACT_CONFIG,
                                   .operation = "cloudtrail.amazonaws.com:StopLogging",
                                   .source = "cloudtrail",
                                   .instance = "aws",
                                   .ip = "198.51.100.7" });
}

static void destroy_key(struct org *o, kt_time_ns t, const char *actor)
{
    org_add(o, (struct org_event){ .t = t,
                                   .actor = actor,
                                   .kind = KT_ACTOR_HUMAN,
                                   .action = KT_ACT_DESTROY,
                                   .operation = "kms.amazonaws.com:ScheduleKeyDeletion",
                                   .source = "cloudtrail",
                                   .instance = "aws",
                                   .ip = "198.51.100.7" });
}

static void the_first_of_a_signature_pages_the_second_is_quiet(void **state)
{
    (void)state;
    struct org o;
    decided_start(&o);
    decided_expectation(&o, "\"actor\":\"person1*\"");
    destroy_key(&o, DECIDED_NOW + KT_NS_MIN, "person1@acme.example");
    destroy_key(&o, DECIDED_NOW + KT_NS_HOUR, "person1@acme.example");
    destroy_key(&o, DECIDED_NOW + 2 * KT_NS_HOUR, "person2@acme.example");
    org_run(&o);
    decided_show(&o);
    assert_int_equal(decided_pages(&o), 2); /* of each actor */
    assert_int_equal(decided_quiet_ones(&o), 1);
    org_done(&o);
}

/* What nobody does by the way is expected by its name alone; what was told long ago is new again.
 */
static void a_grave_signature_is_told_each_time(void **state)
{
    (void)state;
    struct org o;
    decided_start(&o);
    decided_expectation(&o, "\"actor\":\"PERSON1*\"");
    stop_trail(&o, DECIDED_NOW - 20 * KT_NS_DAY, "person1@acme.example");
    stop_trail(&o, DECIDED_NOW + KT_NS_HOUR, "person1@acme.example");
    destroy_key(&o, DECIDED_NOW - 20 * KT_NS_DAY + KT_NS_HOUR, "person1@acme.example");
    destroy_key(&o, DECIDED_NOW + 2 * KT_NS_HOUR, "person1@acme.example");
    org_run(&o);
    decided_show(&o);
    assert_int_equal(decided_pages(&o), 2);
    assert_int_equal(decided_quiet_ones(&o), 1);
    org_done(&o);
}

static void a_signature_that_is_named_is_quiet_the_first_time(void **state)
{
    (void)state;
    struct org o;
    decided_start(&o);
    decided_expectation(&o, "\"actor\":\"person1*\",\"signature\":\"stopped\"");
    stop_trail(&o, DECIDED_NOW + KT_NS_MIN, "person1@acme.example");
    stop_trail(&o, DECIDED_NOW + 9 * KT_NS_HOUR,
               "person1@acme.example"); /* it is over: the first told */
    org_run(&o);
    decided_show(&o);
    assert_int_equal(decided_quiet_ones(&o), 1);
    assert_int_equal(decided_pages(&o), 1);
    org_done(&o);
}

/* Two kinds of signature of one actor: what was found before says nothing of what is found now. */
static void two_signatures(struct org *o, uint64_t restart_every)
{
    struct kt_error err = { 0 };
    decided_start(o);
    o->restart_every = restart_every;
    o->restart_from = DECIDED_NOW; /* a restart at each of 90 days' records takes minutes */
    o->restart_to = DECIDED_TO_NS;
    assert_int_equal(org_configure(o, "unexpected_ip", "{deny: [203.0.113.0/24]}", &err), KT_OK);
    decided_expectation(o, "\"actor\":\"person1*\",\"signature\":\"stopped\"");
    stop_trail(o, DECIDED_NOW + KT_NS_MIN, "person1@acme.example");
    decided_reads(o, DECIDED_NOW + KT_NS_HOUR, "person1@acme.example", 1, "203.0.113.9");
    org_run(o);
    decided_show(o);
}

static void an_expected_signature_keeps_no_other_one_quiet(void **state)
{
    (void)state;
    struct org a, b;
    two_signatures(&a, 0);
    two_signatures(&b, 1);
    assert_int_equal(decided_pages(&a), 1);
    assert_int_equal(decided_quiet_ones(&a), 1);
    assert_int_equal(a.n_alert, b.n_alert);
    for (uint32_t i = 0; i < a.n_alert; i++)
        assert_string_equal(a.alert[i].json, b.alert[i].json);
    org_done(&a);
    org_done(&b);
}

/* Everything at once, in one process and in many. */
static void busy_day(struct org *o, uint64_t restart_every)
{
    decided_start(o);
    o->restart_every = restart_every;
    decided_expectation(o, "\"actor\":\"svc*\",\"address\":\"65.108.3.0/24\"");
    org_decide(o, DECIDED_NOW, "expect",
               org_text(o,
                        "{\"id\":\"expect-2\",\"reason\":\"release\",\"by\":\"bob\",\"actor\":"
                        "\"svc2\",\"deploy\":true,\"from\":%lld,\"until\":%lld}",
                        (long long)DECIDED_NOW, (long long)DECIDED_TO_NS));
    decided_reads(o, DECIDED_NOW, "svc1", 60, "65.108.3.3");
    decided_reads(o, DECIDED_NOW + KT_NS_HOUR, "svc2", 60, "18.192.4.4");
    decided_reads(o, DECIDED_NOW + KT_NS_HOUR, "svc3", 60, "65.108.3.3");
    stop_trail(o, DECIDED_NOW + KT_NS_MIN, "person1@acme.example");
    stop_trail(o, DECIDED_NOW + KT_NS_HOUR, "person1@acme.example");
    org_decide(o, DECIDED_NOW + 2 * KT_NS_HOUR, "expect.rm",
               "{\"id\":\"expect-1\",\"by\":\"bob\"}");
    decided_reads(o, DECIDED_NOW + 3 * KT_NS_HOUR, "svc5", 60, "65.108.3.3");
    org_run(o);
}

static void expectations_survive_restarts(void **state)
{
    (void)state;
    struct org a, b;
    uint8_t x[32], y[32];
    busy_day(&a, 0);
    busy_day(&b, 97);
    assert_true(decided_pages(&a) >= 2 && decided_quiet_ones(&a) >= 2);
    assert_int_equal(a.n_alert, b.n_alert);
    for (uint32_t i = 0; i < a.n_alert; i++)
        assert_string_equal(a.alert[i].json, b.alert[i].json);
    kt_detect_digest(a.d, x);
    kt_detect_digest(b.d, y);
    assert_memory_equal(x, y, sizeof x);
    org_done(&a);
    org_done(&b);
}

/* ---- break-glass ---- */
static void use_of_emergency_access(struct org *o, bool ticket)
{
    static const char *globs[] = { "emergency/*" };
    decided_start(o);
    o->conf->break_glass = (struct kt_strings){ .at = globs, .n = 1 };
    if (ticket)
        org_decide(o, DECIDED_NOW - KT_NS_MIN, "break-glass",
                   org_text(o,
                            "{\"id\":\"glass-1\",\"by\":\"bob\",\"actor\":\"person1@acme.example\","
                            "\"ticket\":\"INC-42\",\"from\":%lld,\"until\":%lld}",
                            (long long)DECIDED_NOW, (long long)DECIDED_TO_NS));
    org_add(o, (struct org_event){ .t = DECIDED_NOW + KT_NS_MIN,
                                   .actor = "person1@acme.example",
                                   .kind = KT_ACTOR_HUMAN,
                                   .secret = "vault://main/-/secret/emergency/root",
                                   .user_agent = "Vault/1.15 (darwin arm64)",
                                   .ip = "198.51.100.7" });
    org_run(o);
    decided_show(o);
}

static void break_glass_pages_without_a_record_and_is_listed_with_one(void **state)
{
    (void)state;
    struct org o;
    use_of_emergency_access(&o, false);
    assert_int_equal(decided_pages(&o), 1);
    assert_non_null(strstr(o.alert[0].title, "(no ticket)"));
    org_done(&o);
    use_of_emergency_access(&o, true);
    assert_int_equal(decided_pages(&o), 0);
    assert_int_equal(decided_quiet_ones(&o), 1);
    assert_non_null(strstr(o.alert[0].title, "INC-42"));
    assert_non_null(strstr(o.alert[0].suppressed_by, "break-glass: INC-42, by bob, until"));
    org_done(&o);
}

/* ---- deploys ---- */
static unsigned deploy(const char *members, const struct kt_conf_deploy *conf, const char *actor)
{
    struct org o;
    struct kt_conf_deploy copy;
    decided_start(&o);
    if (conf != NULL) {
        copy = *conf;
        o.conf->deploys = &copy;
        o.conf->n_deploys = 1;
    }
    if (members != NULL)
        decided_expectation(&o, members);
    for (unsigned i = 0; i < 9; i++) /* nine new ones, and again on the day after */
        org_add(&o, (struct org_event){ .t = DECIDED_NOW + i * KT_NS_MIN,
                                        .actor = actor,
                                        .kind = actor[0] == 's' ? KT_ACTOR_SERVICE : KT_ACTOR_HUMAN,
                                        .secret = org_text(&o, "vault://main/-/kv/v2/app/%u", i),
                                        .user_agent = "Go-http-client/1.1",
                                        .ip = "18.192.4.4" });
    org_run(&o);
    decided_show(&o);
    unsigned n = decided_pages(&o) + decided_quiet_ones(&o);
    org_done(&o);
    return n;
}

static void new_secrets_of_an_announced_deploy_are_one_rollout(void **state)
{
    (void)state;
    const struct kt_conf_deploy window = { .secret = "v2/app/*",
                                           .from = DECIDED_NOW,
                                           .until = DECIDED_TO_NS };
    assert_int_equal(deploy(NULL, NULL, "svc1"), 1);
    assert_int_equal(deploy("\"actor\":\"svc1\",\"deploy\":true", NULL, "svc1"), 0);
    assert_int_equal(deploy("\"actor\":\"svc2\",\"deploy\":true", NULL, "svc1"), 1);
    assert_int_equal(deploy(NULL, &window, "svc1"), 0);
}

/* ---- people at one thing ---- */
#define NIGHT (DECIDED_NOW + 39 * KT_NS_HOUR)

static void reads_at_night(struct org *o, kt_time_ns t, const char *who, const char *ip,
                           kt_time_ns every)
{
    for (unsigned i = 0; i < 4; i++)
        org_add(
            o, (struct org_event){ .t = t + i * every,
                                   .actor = who,
                                   .kind = KT_ACTOR_HUMAN,
                                   .secret = org_text(o, "vault://main/-/secret/prod/orders/%u", i),
                                   .ip = ip,
                                   .user_agent = "Vault/1.15 (darwin arm64)" });
}

static void assert_each_incident_has_evidence(const struct org *o)
{
    uint32_t at = 0;
    struct kt_key key;
    const struct incident *in;
    while ((in = kt_table_look(o->d->incidents, &at, &key)) != NULL) {
        unsigned parts = 0;
        for (unsigned i = 0; i < INCIDENT_PARTS; i++)
            parts += in->part[i].set;
        assert_true(parts > 0);
    }
}

/* What is expected of one of them opens nothing of his own. */
static void an_expected_network_parts_nobody_from_people_at_one_thing(void **state)
{
    (void)state;
    struct org o;
    org_start(&o, 9);
    org_company(&o, 12, 10, DECIDED_DAYS); /* three of twelve are no change of the environment */
    org_fact(&o, "65.108.3.3", "FI", 24940, "Hetzner", true);
    org_decide(&o, NIGHT - KT_NS_HOUR, "expect",
               org_text(&o,
                        "{\"id\":\"expect-1\",\"reason\":\"by the server\",\"by\":\"alice\","
                        "\"actor\":\"person5*\",\"address\":\"65.108.3.0/24\","
                        "\"from\":%lld,\"until\":%lld}",
                        (long long)NIGHT, (long long)(NIGHT + 4 * KT_NS_HOUR)));
    reads_at_night(&o, NIGHT, "person2@acme.example", "198.51.100.7", 5 * KT_NS_MIN);
    reads_at_night(&o, NIGHT + 20 * KT_NS_MIN, "person4@acme.example", "198.51.100.7",
                   5 * KT_NS_MIN);
    reads_at_night(&o, NIGHT + 50 * KT_NS_MIN, "person5@acme.example", "198.51.100.7",
                   5 * KT_NS_MIN);
    reads_at_night(&o, NIGHT + 70 * KT_NS_MIN, "person5@acme.example", "65.108.3.3", KT_NS_MIN);
    org_run(&o);
    decided_show(&o);
    assert_int_equal(decided_pages(&o), 2);
    assert_int_equal(decided_quiet_ones(&o), 1);
    assert_each_incident_has_evidence(&o);
    org_done(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expected_work_is_listed_and_pages_nobody),
        cmocka_unit_test(it_hides_nothing_else),
        cmocka_unit_test(a_session_from_a_new_network_is_no_announced_work),
        cmocka_unit_test(an_expected_network_is_quiet_and_trusted_by_nobody),
        cmocka_unit_test(a_guessed_password_is_told_whatever_is_expected),
        cmocka_unit_test(silence_of_a_source_is_expected_by_its_name_alone),
        cmocka_unit_test(an_expected_network_parts_nobody_from_people_at_one_thing),
        cmocka_unit_test(expectations_survive_restarts),
        cmocka_unit_test(the_first_of_a_signature_pages_the_second_is_quiet),
        cmocka_unit_test(a_grave_signature_is_told_each_time),
        cmocka_unit_test(a_signature_that_is_named_is_quiet_the_first_time),
        cmocka_unit_test(an_expected_signature_keeps_no_other_one_quiet),
        cmocka_unit_test(an_expected_signature_is_no_news_of_another_alert),
        cmocka_unit_test(what_touches_the_record_of_a_source_is_never_expected),
        cmocka_unit_test(an_agent_is_away_with_all_its_sources),
        cmocka_unit_test(break_glass_pages_without_a_record_and_is_listed_with_one),
        cmocka_unit_test(new_secrets_of_an_announced_deploy_are_one_rollout),
    };
    return cmocka_run_group_tests_name("decide_expected", tests, NULL, NULL);
}
