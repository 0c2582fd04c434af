/* detect_decide: what people decide acts from its place in the log on, and nowhere else. */
#include "cli/fixture/org.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DAYS   90u
#define NOW    (ORG_START + 60 * KT_NS_DAY + 10 * KT_NS_HOUR)
#define TO_NS  (NOW + 4 * KT_NS_HOUR)
#define SECRET "vault://main/-/secret/prod/other/%u"

static void show(const struct org *o)
{
    for (uint32_t i = 0; getenv("SHOW") != NULL && i < o->n_alert; i++)
        print_message("%s %d %d %s\n", o->alert[i].state, o->alert[i].severity, o->alert[i].score,
                      o->alert[i].title);
}

/* A company that works for 90 days; what a test adds happens after day 60. */
static void start(struct org *o)
{
    org_start(o, 9);
    org_company(o, 6, 6, DAYS);
    org_fact(o, "65.108.3.3", "FI", 24940, "Hetzner", true);
}

static void reads_one(struct org *o, kt_time_ns t, const char *actor, unsigned number,
                      const char *ip)
{
    org_add(o, (struct org_event){ .t = t,
                                   .actor = actor,
                                   .kind = KT_ACTOR_SERVICE,
                                   .secret = org_text(o, SECRET, number),
                                   .ip = ip,
                                   .user_agent = "Go-http-client/1.1" });
}

static void reads(struct org *o, kt_time_ns t, const char *actor, unsigned n, const char *ip)
{
    for (unsigned i = 0; i < n; i++)
        reads_one(o, t + i * KT_NS_S, actor, i, ip);
}

static void expectation(struct org *o, const char *members)
{
    org_decide(o, NOW - KT_NS_MIN, "expect",
               org_text(o,
                        "{\"id\":\"expect-1\",\"reason\":\"rotate\",\"by\":\"alice\",%s,"
                        "\"from\":%lld,\"until\":%lld}",
                        members, (long long)NOW, (long long)TO_NS));
}

static unsigned pages(const struct org *o)
{
    return org_alerts(o, 0, KT_SEV_MEDIUM);
}

static unsigned quiet_ones(const struct org *o)
{
    unsigned n = 0;
    for (uint32_t i = 0; i < o->n_alert; i++)
        n += o->alert[i].is_new && o->alert[i].suppressed_by[0] != '\0';
    return n;
}

/* ---- verdicts ---- */
struct twice {              /* the same reads on day 60 and `again` days later */
    const char *verdict;    /* on the first; NULL: nobody judged it */
    unsigned judged, again; /* days after the first */
    const char *ip;
    unsigned n;
    bool volume_alone; /* new_secrets says nothing */
    uint64_t restart_every;
};

static void first_time(struct org *o, const struct twice *x)
{
    org_start(o, 9);
    if (x->volume_alone)
        assert_int_equal(org_configure(o, "new_secrets",
                                       "{floor_24h: 100000, floor_7d: 100000, floor_young: 100000}",
                                       NULL),
                         KT_OK);
    org_company(o, 6, 6, DAYS);
    org_fact(o, "65.108.3.3", "FI", 24940, "Hetzner", true);
    reads(o, NOW, "svc1", x->n, x->ip);
}

/* The id follows from the key and the event: a run of its own tells it beforehand. */
static unsigned twice(struct twice x, uint8_t digest[32])
{
    struct org o, first;
    first_time(&o, &x);
    o.restart_every = x.restart_every;
    if (x.verdict != NULL) {
        first_time(&first, &x);
        org_run(&first);
        const struct org_alert *a = org_alert_of(&first, 0, "svc1");
        assert_non_null(a);
        org_decide(
            &o, NOW + x.judged * KT_NS_DAY + KT_NS_HOUR, "verdict",
            org_text(&o, "{\"id\":\"%s\",\"verdict\":\"%s\",\"by\":\"alice\"}", a->id, x.verdict));
        org_done(&first);
    }
    reads(&o, NOW + x.again * KT_NS_DAY, "svc1", x.n, x.ip);
    org_run(&o);
    show(&o);
    unsigned n = pages(&o);
    if (digest != NULL)
        kt_detect_digest(o.d, digest);
    org_done(&o);
    return n;
}

static unsigned theft_twice(const char *verdict, unsigned day, uint64_t restart_every,
                            uint8_t digest[32])
{
    return twice((struct twice){ .verdict = verdict,
                                 .judged = day,
                                 .again = 20,
                                 .ip = "65.108.3.3",
                                 .n = 60,
                                 .restart_every = restart_every },
                 digest);
}

static void a_theft_that_nobody_judged_pages_again(void **state)
{
    (void)state;
    assert_int_equal(theft_twice(NULL, 0, 0, NULL), 2);
}

static void a_theft_that_was_one_pages_again(void **state)
{
    (void)state;
    assert_int_equal(theft_twice("true", 0, 0, NULL), 2);
    assert_int_equal(theft_twice("true", 5, 0, NULL), 2);
}

static void what_was_expected_is_quiet_the_next_time(void **state)
{
    (void)state;
    assert_int_equal(theft_twice("expected", 0, 0, NULL), 1); /* its numbers are not due yet */
    assert_int_equal(theft_twice("expected", 5, 0, NULL), 1); /* they were put by */
    assert_int_equal(theft_twice("false", 5, 0, NULL), 1);
}

static void a_restart_in_the_middle_changes_nothing(void **state)
{
    (void)state;
    uint8_t a[32], b[32];
    static const char *const verdicts[] = { "true", "false", "expected" };
    for (unsigned i = 0; i < KT_ARRAY_LEN(verdicts); i++) {
        assert_int_equal(theft_twice(verdicts[i], 3, 0, a), theft_twice(verdicts[i], 3, 700, b));
        assert_memory_equal(a, b, sizeof a);
    }
}

/* Volume alone: what it held back was due a day later, and waited for the verdict. */
static unsigned burst_twice(const char *verdict)
{
    return twice((struct twice){ .verdict = verdict,
                                 .judged = 3,
                                 .again = 6,
                                 .ip = "18.192.4.4",
                                 .n = 143,
                                 .volume_alone = true },
                 NULL);
}

static void what_was_held_back_is_counted_after_all(void **state)
{
    (void)state;
    assert_int_equal(burst_twice(NULL), 2);
    assert_int_equal(burst_twice("true"), 2);
    assert_int_equal(burst_twice("false"), 1);
}

/* Whoever uses what it was told of is not told of again, unless the telling was right. */
static unsigned six_in_use(const char *verdict)
{
    return twice(
        (struct twice){ .verdict = verdict, .judged = 1, .again = 3, .ip = "18.192.4.4", .n = 6 },
        NULL);
}

static void stolen_secrets_stay_new_while_they_are_used(void **state)
{
    (void)state;
    assert_int_equal(six_in_use(NULL), 1);
    assert_int_equal(six_in_use("false"), 1);
    assert_int_equal(six_in_use("true"), 2);
}

static void one_an_hour(struct org *o, kt_time_ns t)
{
    for (unsigned i = 0; i < 6; i++)
        reads_one(o, t + i * KT_NS_HOUR, "svc1", i, "18.192.4.4");
}

static unsigned hourly_twice(const char *verdict)
{
    struct org o, first;
    start(&first);
    one_an_hour(&first, NOW);
    org_run(&first);
    const struct org_alert *a = org_alert_of(&first, 0, "svc1");
    assert_non_null(a);
    start(&o);
    one_an_hour(&o, NOW);
    org_decide(&o, NOW + KT_NS_DAY, "verdict",
               org_text(&o, "{\"id\":\"%s\",\"verdict\":\"%s\",\"by\":\"bob\"}", a->id, verdict));
    one_an_hour(&o, NOW + 3 * KT_NS_DAY);
    org_run(&o);
    show(&o);
    unsigned n = pages(&o);
    org_done(&o);
    org_done(&first);
    return n;
}

/* The fifth secret made the incident; the four before it are as stolen. */
static void a_verdict_judges_what_came_before_the_alert(void **state)
{
    (void)state;
    assert_int_equal(hourly_twice("true"), 2);
    assert_int_equal(hourly_twice("false"), 1);
}

/* Of secrets that a person never read, other ones each time: a fortnight later the rate has what
 * was held back. */
static void curiosity(struct org *o, kt_time_ns t, const char *folder)
{
    for (unsigned i = 0; i < 16; i++)
        org_add(o, (struct org_event){ .t = t + i * KT_NS_MIN,
                                       .actor = "person1@acme.example",
                                       .kind = KT_ACTOR_HUMAN,
                                       .secret = org_text(o, "vault://main/-/kv/%s/%u", folder, i),
                                       .user_agent = "Vault/1.15 (darwin arm64)",
                                       .ip = "198.51.100.7" });
}

/* Minutes from the first of the second time to its page. */
static int64_t delay_of_second(const char *verdict)
{
    struct org o, first;
    start(&first);
    curiosity(&first, NOW, "a");
    org_run(&first);
    const struct org_alert *a = org_alert_of(&first, 0, "person1@acme.example");
    assert_non_null(a);
    start(&o);
    curiosity(&o, NOW, "a");
    if (verdict != NULL)
        org_decide(
            &o, NOW + 14 * KT_NS_DAY, "verdict",
            org_text(&o, "{\"id\":\"%s\",\"verdict\":\"%s\",\"by\":\"bob\"}", a->id, verdict));
    curiosity(&o, NOW + 16 * KT_NS_DAY, "b");
    org_run(&o);
    show(&o);
    kt_time_ns second = NOW + 16 * KT_NS_DAY;
    int64_t delay = 0;
    for (uint32_t i = 0; i < o.n_alert; i++) {
        if (o.alert[i].is_new && o.alert[i].raised > second)
            delay = (o.alert[i].raised - second) / KT_NS_MIN;
    }
    org_done(&o);
    org_done(&first);
    return delay;
}

static void new_secrets_of_a_closed_day_still_count(void **state)
{
    (void)state;
    int64_t unjudged = delay_of_second(NULL);
    assert_true(unjudged > 0 && delay_of_second("false") > unjudged);
    assert_int_equal(delay_of_second("true"), unjudged);
}

static void a_verdict_that_comes_too_late_is_counted(void **state)
{
    (void)state;
    struct org o;
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    start(&o);
    org_decide(&o, NOW, "verdict",
               "{\"id\":\"00000000000000000000000001\",\"verdict\":\"true\",\"by\":\"alice\"}");
    org_run(&o);
    kt_detect_status(o.d, &text);
    assert_non_null(strstr(kt_buf_z(&text), "\"verdicts\":1,\"verdicts_too_late\":1"));
    org_done(&o);
}

/* ---- expectations ---- */
static void expected_work_is_listed_and_pages_nobody(void **state)
{
    (void)state;
    struct org o;
    start(&o);
    expectation(&o, "\"actor\":\"svc1\",\"secret\":\"prod/other/*\"");
    reads(&o, NOW, "svc1", 60, "18.192.4.4");
    org_run(&o);
    show(&o);
    assert_int_equal(pages(&o), 0);
    assert_int_equal(quiet_ones(&o), 1);
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
        start(&o);
        uint32_t at = o.n;
        expectation(&o, rows[i].members);
        o.ev[at].forged = rows[i].forged;
        if (rows[i].removed)
            org_decide(&o, NOW - 30 * KT_NS_S, "expect.rm", "{\"id\":\"expect-1\",\"by\":\"bob\"}");
        reads(&o, NOW + rows[i].after, rows[i].actor, 60, rows[i].ip);
        org_run(&o);
        show(&o);
        if (pages(&o) != 1)
            fail_msg("row %u: %u pages", i, pages(&o));
        org_done(&o);
    }
}

/* Of a person a new network alone pages nobody: what is done from it has to. */
static unsigned stolen_session(const char *members, const char *ip)
{
    struct org o;
    start(&o);
    org_fact(&o, "91.64.8.8", "DE", 31334, "Kabel", false);
    expectation(&o, members);
    for (unsigned i = 0; i < 60; i++)
        org_add(&o, (struct org_event){ .t = NOW + i * KT_NS_S,
                                        .actor = "person1@acme.example",
                                        .kind = KT_ACTOR_HUMAN,
                                        .secret = org_text(&o, SECRET, i),
                                        .user_agent = "Vault/1.15 (darwin arm64)",
                                        .ip = ip });
    org_run(&o);
    show(&o);
    unsigned n = pages(&o);
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
    start(&o);
    expectation(&o, "\"actor\":\"svc1\",\"address\":\"65.108.3.0/24\"");
    reads(&o, NOW, "svc1", 3, "65.108.3.3");
    reads(&o, NOW + 20 * KT_NS_DAY, "svc1", 60, "65.108.3.3"); /* nothing is expected any more */
    org_run(&o);
    show(&o);
    assert_int_equal(quiet_ones(&o), 1);
    assert_int_equal(pages(&o), 1);
    assert_string_equal(o.alert[o.n_alert - 1].actor, "svc1");
    assert_non_null(strstr(o.alert[o.n_alert - 1].json, "unexpected_ip"));
    org_done(&o);
}

/* An attacker who guesses a password while its owner's work is announced. */
static void a_guessed_password_is_told_whatever_is_expected(void **state)
{
    (void)state;
    struct org o;
    start(&o);
    org_fact(&o, "185.220.4.4", "NL", 60729, "Zwiebel", true);
    expectation(&o, "\"actor\":\"person1@acme.example\",\"address\":\"185.220.4.0/24\"");
    for (unsigned i = 0; i < 13; i++)
        org_add(&o, (struct org_event){ .t = NOW + i * 30 * KT_NS_S,
                                        .actor = "person1@acme.example",
                                        .kind = KT_ACTOR_HUMAN,
                                        .action = KT_ACT_LOGIN,
                                        .outcome = i == 12 ? KT_OUT_SUCCESS : KT_OUT_DENIED,
                                        .operation = "login",
                                        .ip = "185.220.4.4" });
    org_run(&o);
    show(&o);
    assert_int_equal(org_alerts(&o, 0, KT_SEV_CRITICAL), 1);
    org_done(&o);
}

static unsigned silence(const char *members)
{
    struct org o;
    start(&o);
    kt_time_ns end = NOW + 6 * KT_NS_HOUR;
    org_ticks(&o, ORG_START, end);
    org_heartbeats(&o, "host-1", "vault", "vault-prod", ORG_START, end);
    org_hush(&o, NULL, "vault-prod", NOW + 5 * KT_NS_MIN, NOW + 200 * KT_NS_MIN);
    if (members != NULL)
        expectation(&o, members);
    org_run(&o);
    show(&o);
    unsigned n = pages(&o);
    assert_true(members == NULL || n == 1 || quiet_ones(&o) == 1);
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
    start(&o);
    kt_time_ns end = NOW + 6 * KT_NS_HOUR;
    org_ticks(&o, ORG_START, end);
    org_heartbeats(&o, "host-1", "vault", "vault-prod", ORG_START, end);
    if (two)
        org_heartbeats(&o, "host-1", "auditd", "web-1", ORG_START, end);
    if (away)
        org_hush(&o, "host-1", NULL, NOW + 10 * KT_NS_MIN, NOW + 100 * KT_NS_MIN);
    if (empty)
        org_add(&o, (struct org_event){ .t = NOW + 30 * KT_NS_MIN,
                                        .record = KT_KIND_REPORT,
                                        .agent = "host-1",
                                        .source = "vault",
                                        .instance = "vault-prod",
                                        .raw = "{\"lag\":0,\"emptied\":1,\"lost\":0}" });
    expectation(&o, "\"source\":\"vault-prod\"");
    org_run(&o);
    show(&o);
    unsigned n = pages(&o);
    org_done(&o);
    return n;
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
    start(&o);
    expectation(&o, "\"actor\":\"person1*\"");
    destroy_key(&o, NOW + KT_NS_MIN, "person1@acme.example");
    destroy_key(&o, NOW + KT_NS_HOUR, "person1@acme.example");
    destroy_key(&o, NOW + 2 * KT_NS_HOUR, "person2@acme.example");
    org_run(&o);
    show(&o);
    assert_int_equal(pages(&o), 2); /* of each actor */
    assert_int_equal(quiet_ones(&o), 1);
    org_done(&o);
}

/* What nobody does by the way is expected by its name alone; what was told long ago is new again.
 */
static void a_grave_signature_is_told_each_time(void **state)
{
    (void)state;
    struct org o;
    start(&o);
    expectation(&o, "\"actor\":\"PERSON1*\"");
    stop_trail(&o, NOW - 20 * KT_NS_DAY, "person1@acme.example");
    stop_trail(&o, NOW + KT_NS_HOUR, "person1@acme.example");
    destroy_key(&o, NOW - 20 * KT_NS_DAY + KT_NS_HOUR, "person1@acme.example");
    destroy_key(&o, NOW + 2 * KT_NS_HOUR, "person1@acme.example");
    org_run(&o);
    show(&o);
    assert_int_equal(pages(&o), 2);
    assert_int_equal(quiet_ones(&o), 1);
    org_done(&o);
}

static void a_signature_that_is_named_is_quiet_the_first_time(void **state)
{
    (void)state;
    struct org o;
    start(&o);
    expectation(&o, "\"actor\":\"person1*\",\"signature\":\"stopped\"");
    stop_trail(&o, NOW + KT_NS_MIN, "person1@acme.example");
    stop_trail(&o, NOW + 9 * KT_NS_HOUR, "person1@acme.example"); /* it is over: the first told */
    org_run(&o);
    show(&o);
    assert_int_equal(quiet_ones(&o), 1);
    assert_int_equal(pages(&o), 1);
    org_done(&o);
}

/* Two kinds of signature of one actor: what was found before says nothing of what is found now. */
static void two_signatures(struct org *o, uint64_t restart_every)
{
    struct kt_error err = { 0 };
    start(o);
    o->restart_every = restart_every;
    assert_int_equal(org_configure(o, "unexpected_ip", "{deny: [203.0.113.0/24]}", &err), KT_OK);
    expectation(o, "\"actor\":\"person1*\",\"signature\":\"stopped\"");
    stop_trail(o, NOW + KT_NS_MIN, "person1@acme.example");
    reads(o, NOW + KT_NS_HOUR, "person1@acme.example", 1, "203.0.113.9");
    org_run(o);
    show(o);
}

static void an_expected_signature_keeps_no_other_one_quiet(void **state)
{
    (void)state;
    struct org a, b;
    two_signatures(&a, 0);
    two_signatures(&b, 1);
    assert_int_equal(pages(&a), 1);
    assert_int_equal(quiet_ones(&a), 1);
    assert_int_equal(a.n_alert, b.n_alert);
    for (uint32_t i = 0; i < a.n_alert; i++)
        assert_string_equal(a.alert[i].json, b.alert[i].json);
    org_done(&a);
    org_done(&b);
}

/* Everything at once, in one process and in many. */
static void busy_day(struct org *o, uint64_t restart_every)
{
    start(o);
    o->restart_every = restart_every;
    expectation(o, "\"actor\":\"svc*\",\"address\":\"65.108.3.0/24\"");
    org_decide(o, NOW, "expect",
               org_text(o,
                        "{\"id\":\"expect-2\",\"reason\":\"release\",\"by\":\"bob\",\"actor\":"
                        "\"svc2\",\"deploy\":true,\"from\":%lld,\"until\":%lld}",
                        (long long)NOW, (long long)TO_NS));
    reads(o, NOW, "svc1", 60, "65.108.3.3");
    reads(o, NOW + KT_NS_HOUR, "svc2", 60, "18.192.4.4");
    reads(o, NOW + KT_NS_HOUR, "svc3", 60, "65.108.3.3");
    stop_trail(o, NOW + KT_NS_MIN, "person1@acme.example");
    stop_trail(o, NOW + KT_NS_HOUR, "person1@acme.example");
    org_decide(o, NOW + 2 * KT_NS_HOUR, "expect.rm", "{\"id\":\"expect-1\",\"by\":\"bob\"}");
    reads(o, NOW + 3 * KT_NS_HOUR, "svc5", 60, "65.108.3.3");
    org_run(o);
}

static void expectations_survive_restarts(void **state)
{
    (void)state;
    struct org a, b;
    uint8_t x[32], y[32];
    busy_day(&a, 0);
    busy_day(&b, 97);
    assert_true(pages(&a) >= 2 && quiet_ones(&a) >= 2);
    assert_int_equal(a.n_alert, b.n_alert);
    for (uint32_t i = 0; i < a.n_alert; i++)
        assert_string_equal(a.alert[i].json, b.alert[i].json);
    kt_detect_digest(a.d, x);
    kt_detect_digest(b.d, y);
    assert_memory_equal(x, y, sizeof x);
    org_done(&a);
    org_done(&b);
}

/* ---- a look that was announced, or dismissed ---- */
static void look(struct org *o, kt_time_ns t, const char *actor, const char *host,
                 const char *program)
{
    org_add(o, (struct org_event){ .t = t,
                                   .actor = actor,
                                   .kind = strchr(actor, '@') != NULL ? KT_ACTOR_HUMAN
                                                                      : KT_ACTOR_SERVICE,
                                   .secret = org_text(o, "file://%s/srv/app/.env", host),
                                   .native = "/srv/app/.env",
                                   .source = "auditd",
                                   .instance = host,
                                   .host = host,
                                   .operation = "openat",
                                   .user_agent = program });
}

static void three_servers(struct org *o)
{
    start(o);
    for (unsigned i = 1; i <= 80; i++) {
        look(o, NOW + 20 * KT_NS_DAY - i * 12 * KT_NS_HOUR, "svc-app", "web-1", "/opt/app/server");
        look(o, NOW + 20 * KT_NS_DAY - i * 12 * KT_NS_HOUR, "svc-app", "pay-1", "/opt/app/server");
        if (i <= 30)
            look(o, NOW - i * KT_NS_DAY, "bob@web-1", "web-1", "/usr/bin/cat");
    }
    look(o, NOW + KT_NS_HOUR, "alice@web-1", "web-1", "/usr/bin/cat");
}

static void an_announced_look_excuses_no_later_one(void **state)
{
    (void)state;
    struct org o;
    three_servers(&o);
    expectation(&o, "\"actor\":\"alice@web-1\"");
    look(&o, NOW + 5 * KT_NS_DAY, "alice@pay-1", "pay-1", "/usr/bin/cat");
    org_run(&o);
    show(&o);
    assert_int_equal(quiet_ones(&o), 1);
    assert_int_equal(pages(&o), 1);
    assert_non_null(org_alert_of(&o, KT_SEV_MEDIUM, "alice@pay-1"));
    org_done(&o);
}

static unsigned looks_of_a_month(const char *verdict)
{
    struct org o, first;
    three_servers(&first);
    org_run(&first);
    const struct org_alert *a = org_alert_of(&first, 0, "alice@web-1");
    assert_non_null(a);
    three_servers(&o);
    if (verdict != NULL)
        org_decide(
            &o, NOW + 2 * KT_NS_HOUR, "verdict",
            org_text(&o, "{\"id\":\"%s\",\"verdict\":\"%s\",\"by\":\"bob\"}", a->id, verdict));
    look(&o, NOW + 3 * KT_NS_DAY, "alice@web-1", "web-1", "/usr/bin/cat");
    look(&o, NOW + 19 * KT_NS_DAY, "alice@pay-1", "pay-1", "/usr/bin/cat");
    org_run(&o);
    show(&o);
    unsigned n = pages(&o);
    org_done(&o);
    org_done(&first);
    return n;
}

static void a_look_that_was_dismissed_is_an_administrators(void **state)
{
    (void)state;
    assert_int_equal(looks_of_a_month(NULL), 2);
    assert_int_equal(looks_of_a_month("true"), 2);
    assert_int_equal(looks_of_a_month("false"), 1);
    assert_int_equal(looks_of_a_month("expected"), 1);
}

/* ---- break-glass ---- */
static void use_of_emergency_access(struct org *o, bool ticket)
{
    static const char *globs[] = { "emergency/*" };
    start(o);
    o->conf->break_glass = (struct kt_strings){ .at = globs, .n = 1 };
    if (ticket)
        org_decide(o, NOW - KT_NS_MIN, "break-glass",
                   org_text(o,
                            "{\"id\":\"glass-1\",\"by\":\"bob\",\"actor\":\"person1@acme.example\","
                            "\"ticket\":\"INC-42\",\"from\":%lld,\"until\":%lld}",
                            (long long)NOW, (long long)TO_NS));
    org_add(o, (struct org_event){ .t = NOW + KT_NS_MIN,
                                   .actor = "person1@acme.example",
                                   .kind = KT_ACTOR_HUMAN,
                                   .secret = "vault://main/-/secret/emergency/root",
                                   .user_agent = "Vault/1.15 (darwin arm64)",
                                   .ip = "198.51.100.7" });
    org_run(o);
    show(o);
}

static void break_glass_pages_without_a_record_and_is_listed_with_one(void **state)
{
    (void)state;
    struct org o;
    use_of_emergency_access(&o, false);
    assert_int_equal(pages(&o), 1);
    assert_non_null(strstr(o.alert[0].title, "(no ticket)"));
    org_done(&o);
    use_of_emergency_access(&o, true);
    assert_int_equal(pages(&o), 0);
    assert_int_equal(quiet_ones(&o), 1);
    assert_non_null(strstr(o.alert[0].title, "INC-42"));
    assert_non_null(strstr(o.alert[0].suppressed_by, "break-glass: INC-42, by bob, until"));
    org_done(&o);
}

/* ---- deploys ---- */
static unsigned deploy(const char *members, const struct kt_conf_deploy *conf, const char *actor)
{
    struct org o;
    struct kt_conf_deploy copy;
    start(&o);
    if (conf != NULL) {
        copy = *conf;
        o.conf->deploys = &copy;
        o.conf->n_deploys = 1;
    }
    if (members != NULL)
        expectation(&o, members);
    for (unsigned i = 0; i < 9; i++) /* nine new ones, and again on the day after */
        org_add(&o, (struct org_event){ .t = NOW + i * KT_NS_MIN,
                                        .actor = actor,
                                        .kind = actor[0] == 's' ? KT_ACTOR_SERVICE : KT_ACTOR_HUMAN,
                                        .secret = org_text(&o, "vault://main/-/kv/v2/app/%u", i),
                                        .user_agent = "Go-http-client/1.1",
                                        .ip = "18.192.4.4" });
    org_run(&o);
    show(&o);
    unsigned n = pages(&o) + quiet_ones(&o);
    org_done(&o);
    return n;
}

static void new_secrets_of_an_announced_deploy_are_one_rollout(void **state)
{
    (void)state;
    const struct kt_conf_deploy window = { .secret = "v2/app/*", .from = NOW, .until = TO_NS };
    assert_int_equal(deploy(NULL, NULL, "svc1"), 1);
    assert_int_equal(deploy("\"actor\":\"svc1\",\"deploy\":true", NULL, "svc1"), 0);
    assert_int_equal(deploy("\"actor\":\"svc2\",\"deploy\":true", NULL, "svc1"), 1);
    assert_int_equal(deploy(NULL, &window, "svc1"), 0);
}

/* ---- two at once ---- */
/* Announced reads of a service from where it always is, and a theft by its name in the middle. */
static void theft_amid_work(struct org *o)
{
    start(o);
    expectation(o, "\"actor\":\"svc1\",\"secret\":\"prod/other/*\"");
    reads(o, NOW, "svc1", 60, "18.192.4.4");
    reads(o, NOW + 20 * KT_NS_MIN, "svc1", 60, "65.108.3.3");
    reads(o, NOW + 40 * KT_NS_MIN, "svc1", 60, "18.192.4.4");
}

static void a_verdict_on_work_says_nothing_of_a_theft_in_it(void **state)
{
    (void)state;
    static const char *const thefts[] = { NULL, "true" };
    struct org first;
    const char *quiet = NULL, *theft = NULL;
    theft_amid_work(&first);
    org_run(&first);
    show(&first);
    for (uint32_t i = 0; i < first.n_alert; i++) {
        bool is_quiet = first.alert[i].suppressed_by[0] != '\0';
        quiet = is_quiet ? first.alert[i].id : quiet;
        theft = is_quiet ? theft : first.alert[i].id;
    }
    assert_non_null(quiet);
    assert_non_null(theft);
    for (unsigned i = 0; i < KT_ARRAY_LEN(thefts); i++) {
        struct org o;
        theft_amid_work(&o);
        if (thefts[i] != NULL)
            org_decide(&o, NOW + 2 * KT_NS_DAY, "verdict",
                       org_text(&o, "{\"id\":\"%s\",\"verdict\":\"true\",\"by\":\"bob\"}", theft));
        org_decide(&o, NOW + 3 * KT_NS_DAY, "verdict",
                   org_text(&o, "{\"id\":\"%s\",\"verdict\":\"expected\",\"by\":\"bob\"}", quiet));
        reads(&o, NOW + 20 * KT_NS_DAY, "svc1", 60, "65.108.3.3");
        org_run(&o);
        show(&o);
        assert_int_equal(pages(&o), 2);
        assert_non_null(strstr(o.alert[o.n_alert - 1].json, "unexpected_ip"));
        org_done(&o);
    }
    org_done(&first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_theft_that_nobody_judged_pages_again),
        cmocka_unit_test(a_theft_that_was_one_pages_again),
        cmocka_unit_test(what_was_expected_is_quiet_the_next_time),
        cmocka_unit_test(a_restart_in_the_middle_changes_nothing),
        cmocka_unit_test(what_was_held_back_is_counted_after_all),
        cmocka_unit_test(stolen_secrets_stay_new_while_they_are_used),
        cmocka_unit_test(a_verdict_judges_what_came_before_the_alert),
        cmocka_unit_test(new_secrets_of_a_closed_day_still_count),
        cmocka_unit_test(a_verdict_that_comes_too_late_is_counted),
        cmocka_unit_test(expected_work_is_listed_and_pages_nobody),
        cmocka_unit_test(it_hides_nothing_else),
        cmocka_unit_test(a_session_from_a_new_network_is_no_announced_work),
        cmocka_unit_test(an_expected_network_is_quiet_and_trusted_by_nobody),
        cmocka_unit_test(a_guessed_password_is_told_whatever_is_expected),
        cmocka_unit_test(silence_of_a_source_is_expected_by_its_name_alone),
        cmocka_unit_test(expectations_survive_restarts),
        cmocka_unit_test(the_first_of_a_signature_pages_the_second_is_quiet),
        cmocka_unit_test(a_grave_signature_is_told_each_time),
        cmocka_unit_test(a_signature_that_is_named_is_quiet_the_first_time),
        cmocka_unit_test(an_expected_signature_keeps_no_other_one_quiet),
        cmocka_unit_test(an_announced_look_excuses_no_later_one),
        cmocka_unit_test(a_look_that_was_dismissed_is_an_administrators),
        cmocka_unit_test(what_touches_the_record_of_a_source_is_never_expected),
        cmocka_unit_test(an_agent_is_away_with_all_its_sources),
        cmocka_unit_test(break_glass_pages_without_a_record_and_is_listed_with_one),
        cmocka_unit_test(new_secrets_of_an_announced_deploy_are_one_rollout),
        cmocka_unit_test(a_verdict_on_work_says_nothing_of_a_theft_in_it),
    };
    return cmocka_run_group_tests_name("decide", tests, NULL, NULL);
}
