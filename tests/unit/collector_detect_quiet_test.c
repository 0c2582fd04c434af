/* detect: work that must not page, silence, and what restarts and damage change of it: nothing. */
#include "collector/detect_state.h"
#include "tests/support/company.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- what must stay quiet ---- */
static void ordinary_life_is_quiet(void **state)
{
    (void)state;
    struct org o;
    company_learned_as(&o, COMPANY_NO_NEW_SECRETS);
    const char *ana = "person2@acme.example";
    org_fact(&o, "80.187.1.9", "DE", 8422, "NetCologne", false); /* a new provider at home */
    org_fact(&o, "90.80.1.9", "FR", 3215, "Orange", false);      /* a week-end in France */
    org_fact(&o, "18.193.7.7", "DE", 16509, "Amazon", true);     /* autoscaling */
    struct org_event e = { .actor = ana,
                           .kind = KT_ACTOR_HUMAN,
                           .user_agent = "Vault/1.15 (darwin arm64)" };
    for (unsigned i = 0; i < 8; i++) {
        e.secret = org_text(&o, "vault://main/-/secret/team2/%u", i);
        e.t = COMPANY_NOW + i * KT_NS_HOUR;
        e.ip = "80.187.1.9";
        org_add(&o, e);
        e.actor = "person4@acme.example";
        e.ip = "90.80.1.9";
        org_add(&o, e);
        e.actor = ana;
        org_add(&o, company_svc_read(COMPANY_NOW + i * KT_NS_MIN, "svc3",
                                     org_text(&o, "vault://main/-/secret/prod/svc3/%u", i % 4),
                                     "18.193.7.7"));
    }
    /* nine typos, then in; three colleagues mistype in the office */
    for (unsigned i = 0; i < 10; i++)
        org_add(&o, company_login(COMPANY_NOW + i * 20 * KT_NS_S, "person6@acme.example",
                                  "198.51.100.7", i == 9));
    for (unsigned i = 7; i < 10; i++) {
        const char *who = org_text(&o, "person%u@acme.example", i);
        org_add(&o, company_login(COMPANY_NOW + i * KT_NS_MIN, who, "198.51.100.7", false));
        org_add(&o, company_login(COMPANY_NOW + i * KT_NS_MIN + 30 * KT_NS_S, who, "198.51.100.7",
                                  true));
    }
    /* one 403 every minute for two days */
    for (unsigned i = 0; i < 2 * 1440; i++) {
        struct org_event f = company_svc_read(COMPANY_NOW + i * KT_NS_MIN, "svc4",
                                              "vault://main/-/secret/prod/gone", "10.2.0.9");
        f.outcome = KT_OUT_DENIED;
        org_add(&o, f);
    }
    /* an expired token: refused without a name, from the usual address, then a login */
    for (unsigned i = 0; i < 30; i++)
        org_add(&o, (struct org_event){ .t = COMPANY_NOW + i * KT_NS_MIN,
                                        .actor = "",
                                        .kind = KT_ACTOR_ANONYMOUS,
                                        .outcome = KT_OUT_DENIED,
                                        .secret = "vault://main/-/secret/prod/svc5/1",
                                        .ip = "18.192.4.4" });
    org_run(&o);
    company_show(&o);
    assert_int_equal(org_alerts(&o, 0, KT_SEV_MEDIUM), 0);
    org_done(&o);
}

static void deploys_new_hires_and_jobs_are_quiet(void **state)
{
    (void)state;
    struct org o;
    org_start(&o, 5);
    org_company(&o, 12, 10, COMPANY_DAYS + 10);
    /* a deploy every fourth day reads 25 secrets in two minutes; a growing one at the end */
    for (unsigned day = 2; day < COMPANY_DAYS + 10; day += 4) {
        for (unsigned i = 0; i < 25 + (day > 60 ? 15 : 0); i++)
            org_add(&o, (struct org_event){
                            .t = ORG_START + day * KT_NS_DAY + 13 * KT_NS_HOUR + i * 4 * KT_NS_S,
                            .actor = "deploy-bot",
                            .kind = KT_ACTOR_CI,
                            .ip = org_text(&o, "20.%u.%u.9", day, i),
                            .user_agent = "terraform/1.9",
                            .secret = org_text(&o, "vault://main/-/secret/prod/app/%u", i) });
    }
    for (unsigned day = 2; day < COMPANY_DAYS + 10; day += 4) {
        for (unsigned i = 0; i < 40; i++) {
            if (o.n_fact < 200 && i < 10)
                org_fact(&o, org_text(&o, "20.%u.%u.9", day, i), "US", 8075, "Microsoft", true);
        }
    }
    org_work(&o, (struct org_worker){ .name = "newbie@acme.example",
                                      .kind = KT_ACTOR_HUMAN,
                                      .ip = "198.51.100.7",
                                      .prefix = "vault://main/-/secret/team1/",
                                      .from = COMPANY_DAYS,
                                      .days = 10,
                                      .per_day = 12,
                                      .secrets = 14 });
    org_run(&o);
    company_show(&o);
    assert_int_equal(org_alerts(&o, 0, KT_SEV_MEDIUM), 0);
    org_done(&o);
}

static void new_office_is_one_environment_alert(void **state)
{
    (void)state;
    struct org o;
    company_learned(&o);
    org_fact(&o, "62.4.5.6", "DE", 8881, "1&1 Versatel", false);
    kt_time_ns monday = COMPANY_NOW + 2 * KT_NS_DAY;
    for (unsigned i = 0; i < 12; i++)
        org_add(&o,
                (struct org_event){ .t = monday - KT_NS_HOUR * 3 + i * KT_NS_MIN,
                                    .actor = org_text(&o, "person%u@acme.example", i),
                                    .kind = KT_ACTOR_HUMAN,
                                    .ip = "198.51.100.7",
                                    .user_agent = "Vault/1.15 (darwin arm64)",
                                    .secret = org_text(&o, "vault://main/-/secret/own/%u", i) });
    for (unsigned i = 0; i < 12; i++)
        org_add(&o,
                (struct org_event){ .t = monday + i * 2 * KT_NS_MIN,
                                    .actor = org_text(&o, "person%u@acme.example", i),
                                    .kind = KT_ACTOR_HUMAN,
                                    .ip = "62.4.5.6",
                                    .user_agent = "Vault/1.15 (darwin arm64)",
                                    .secret = org_text(&o, "vault://main/-/secret/own/%u", i) });
    org_run(&o);
    company_show(&o);
    assert_int_equal(org_alerts(&o, 0, KT_SEV_MEDIUM), 0);
    assert_int_equal(org_alerts(&o, 0, KT_SEV_LOW), 1);
    org_done(&o);
}

static void new_exit_for_services_is_at_most_two_and_one(void **state)
{
    (void)state;
    struct org o;
    company_learned(&o);
    org_fact(&o, "20.50.1.1", "IE", 8075, "Microsoft", true);
    for (unsigned i = 0; i < 10; i++)
        org_add(&o, company_svc_read(COMPANY_NOW + i * 3 * KT_NS_HOUR, org_text(&o, "svc%u", i),
                                     org_text(&o, "vault://main/-/secret/prod/svc%u/1", i),
                                     "20.50.1.1"));
    org_run(&o);
    company_show(&o);
    assert_in_range(org_alerts(&o, 0, KT_SEV_MEDIUM), 1, 3);
    org_done(&o);
}

/* Services that go on working there: each read is evidence again, and none of it may hide who came.
 */
static void another_region_is_at_most_two_and_one(void **state)
{
    (void)state;
    struct org o;
    company_learned(&o);
    org_fact(&o, "34.240.1.1", "IE", 14618, "Amazon", true);
    for (unsigned i = 0; i < 10 * 40; i++)
        org_add(&o, company_svc_read(COMPANY_NOW + i % 10 * 3 * KT_NS_HOUR + i / 10 * 3 * KT_NS_MIN,
                                     org_text(&o, "svc%u", i % 10),
                                     org_text(&o, "vault://main/-/secret/prod/svc%u/1", i % 10),
                                     "34.240.1.1"));
    /* ten days later it is where they work: a restart is none of its business */
    for (unsigned i = 0; i < 60; i++)
        org_add(&o, company_svc_read(COMPANY_NOW + 10 * KT_NS_DAY + i * KT_NS_S, "svc0",
                                     org_text(&o, "vault://main/-/secret/prod/svc0/%u", i % 4),
                                     "34.240.1.1"));
    org_run(&o);
    company_show(&o);
    assert_in_range(org_alerts(&o, 0, KT_SEV_MEDIUM), 1, 3);
    org_done(&o);
}

static void expected_networks_are_quiet(void **state)
{
    (void)state;
    struct org o;
    static struct kt_cidr exit_net;
    static struct kt_conf_network net = { .name = "exit", .cidr = &exit_net, .n_cidr = 1 };
    struct kt_error err;
    assert_int_equal(kt_cidr_parse(KT_STR("65.108.3.0/24"), &exit_net, &err), KT_OK);
    org_start(&o, 11);
    o.conf->networks = &net;
    o.conf->n_networks = 1;
    org_company(&o, 6, 6, COMPANY_DAYS);
    org_fact(&o, "65.108.3.3", "FI", 24940, "Hetzner", true);
    org_add(&o, company_svc_read(COMPANY_NOW, "svc1", "vault://main/-/secret/prod/svc1/1",
                                 "65.108.3.3"));
    for (unsigned i = 0; i < 6; i++)
        org_add(&o,
                company_login(COMPANY_NOW + i, org_text(&o, "nobody%u", i), "65.108.3.4", false));
    org_run(&o);
    assert_int_equal(org_alerts(&o, 0, KT_SEV_LOW), 0);
    o.conf->networks = NULL;
    o.conf->n_networks = 0;
    org_done(&o);
}

static void late_and_future_events_are_taken_with_care(void **state)
{
    (void)state;
    struct org o;
    company_learned(&o);
    struct org_event e = company_svc_read(COMPANY_NOW - 40 * KT_NS_HOUR, "svc1",
                                          "vault://main/-/secret/prod/svc1/1", "18.192.4.4");
    e.arrival = COMPANY_NOW;
    for (unsigned i = 0; i < 200; i++) { /* older than 25 h: windows do not hear of them */
        e.secret = org_text(&o, "vault://main/-/secret/prod/old/%u", i);
        org_add(&o, e);
    }
    struct org_event f = company_svc_read(COMPANY_NOW + 9 * KT_NS_DAY, "svc2",
                                          "vault://main/-/secret/prod/svc2/1", "10.2.0.9");
    f.arrival = COMPANY_NOW + KT_NS_MIN; /* one bad clock */
    org_add(&o, f);
    org_run(&o);
    company_show(&o);
    assert_int_equal(org_alerts(&o, 0, KT_SEV_LOW), 0);
    struct kt_buf b = { 0 };
    kt_detect_status(o.d, &b);
    assert_true(kt_str_has(kt_buf_str(&b), KT_STR("\"clamped\":1")));
    kt_buf_done(&b);
    org_done(&o);
}

static void alerts_survive_a_round_trip(void **state)
{
    (void)state;
    struct org o;
    company_learned(&o);
    org_fact(&o, "203.0.113.7", "NL", 0, "", false);
    org_add(&o, company_svc_read(COMPANY_NOW, "svc1", "vault://main/-/secret/prod/\"q\"'x",
                                 "203.0.113.7"));
    org_run(&o);
    assert_int_equal(o.n_alert, 1);
    struct kt_arena arena = kt_arena_new(1 << 20);
    struct kt_alert a;
    struct kt_error err;
    assert_int_equal(kt_alert_read(kt_str_of(o.alert[0].json), &arena, &a, &err), KT_OK);
    struct kt_buf b = { 0 };
    kt_alert_write(&a, &b);
    assert_string_equal(kt_buf_z(&b), o.alert[0].json);
    kt_buf_reset(&b);
    kt_alert_explain(&a, &b);
    static const char *const said[] = {
        "svc1 used network 203.0.0.0/16 (ASN unknown, NL) for the first time.", "1 public network",
        "unexpected_ip", "It would have stayed quiet with:"
    };
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++)
        assert_true(kt_str_has(kt_buf_str(&b), kt_str_of(said[i])));
    if (getenv("SHOW") != NULL)
        print_message("%s\n", kt_buf_z(&b));
    assert_int_equal(kt_alert_read(KT_STR("{\"id\":\"x\"}"), &arena, &a, &err), KT_E_INPUT);
    kt_buf_done(&b);
    kt_arena_done(&arena);
    org_done(&o);
}

/* ---- what holds ---- */
static void attack_mix(struct org *o)
{
    org_company(o, 8, 6, 30);
    company_fleet(o, 30);
    for (unsigned i = 0; i < 9; i++)
        org_add(o,
                company_file_read(o, ORG_START + (20 + i) * KT_NS_DAY + i, i % 2, "app", "/tmp/x"));
    org_fact(o, "65.108.3.3", "FI", 24940, "Hetzner", true);
    org_fact(o, "185.220.4.4", "NL", 9009, "M247", true);
    org_fact(o, "139.59.1.1", "IN", 14061, "DigitalOcean", true);
    kt_time_ns t = ORG_START + 27 * KT_NS_DAY;
    for (unsigned i = 0; i < 4; i++)
        org_add(o, company_at_work(t + i * 9 * KT_NS_MIN, "person1@acme.example",
                                   i % 2 ? "139.59.1.1" : "198.51.100.7"));
    for (unsigned i = 0; i < 60; i++)
        org_add(o, company_svc_read(t + i * KT_NS_S, "svc1",
                                    org_text(o, "vault://main/-/secret/prod/other/%u", i),
                                    "65.108.3.3"));
    for (unsigned i = 0; i < 14; i++)
        org_add(o, company_login(t + i * KT_NS_MIN, org_text(o, "person%u@acme.example", i % 5),
                                 "185.220.4.4", i == 13));
    for (unsigned i = 0; i < 90; i++)
        org_add(o, company_svc_read(t + KT_NS_DAY + i * KT_NS_S, "svc2",
                                    org_text(o, "vault://main/-/secret/prod/other/%u", i),
                                    "10.2.0.9"));
    for (unsigned i = 0; i < 8; i++) /* a night, and a door that is opened for two secrets */
        org_add(o, (struct org_event){
                       .t = t + 50 * KT_NS_HOUR + i * KT_NS_MIN,
                       .actor = i < 4 ? "person6@acme.example" : "person7@acme.example",
                       .kind = KT_ACTOR_HUMAN,
                       .action = i == 4 ? KT_ACT_GRANT : KT_ACT_READ,
                       .ip = "198.51.100.7",
                       .native = "sys/policies/acl/ops",
                       .secret = i == 4 ? NULL : org_text(o, "vault://main/-/secret/bank/%u", i) });
    org_run(o);
}

static void restart_changes_nothing(void **state)
{
    (void)state;
    struct org a, b;
    org_start(&a, 77);
    attack_mix(&a);
    company_show(&a);
    org_start(&b, 77);
    b.restart_every = 1000;
    attack_mix(&b);
    assert_true(org_alerts(&a, 0, KT_SEV_MEDIUM) >= 5);
    assert_int_equal(a.n_alert, b.n_alert);
    for (uint32_t i = 0; i < a.n_alert; i++)
        assert_string_equal(a.alert[i].json, b.alert[i].json);
    uint8_t x[32], y[32];
    kt_detect_digest(a.d, x);
    kt_detect_digest(b.d, y);
    assert_memory_equal(x, y, sizeof x);
    org_done(&a);
    org_done(&b);
}

/* ---- what agents and the clock say ---- */
/* Two agents for 60 days; one stops reading, comes back, is cut off, loses a batch. */
static void silence_mix(struct org *o)
{
    kt_time_ns end = COMPANY_NOW + 3 * KT_NS_DAY;
    org_company(o, 8, 6, COMPANY_DAYS + 4);
    org_ticks(o, ORG_START, end);
    org_heartbeats(o, "host-1", "vault", "vault-prod", ORG_START, end);
    org_heartbeats(o, "host-2", "auditd", "audit-2", ORG_START, end);
    org_hush(o, NULL, "vault-prod", COMPANY_NOW, COMPANY_NOW + 12 * KT_NS_HOUR);
    org_hush(o, "host-2", NULL, COMPANY_NOW + 20 * KT_NS_HOUR, COMPANY_NOW + 26 * KT_NS_HOUR);
    org_add(o, (struct org_event){ .t = COMPANY_NOW + 40 * KT_NS_HOUR,
                                   .record = KT_KIND_QUARANTINE,
                                   .agent = "host-2",
                                   .source = "auditd",
                                   .instance = "audit-2",
                                   .raw = "{\"batch\":7,\"reason\":\"spool.corrupt\"}" });
    org_run(o);
}

static void silence_is_told_and_survives_restarts(void **state)
{
    (void)state;
    static const char *const titles[] = {
        "vault-prod is quiet since ", "Agent host-2 has not been heard since ",
        "Agent host-2 lost records on their way to the collector."
    };
    struct org a, b;
    org_start(&a, 31);
    silence_mix(&a);
    company_show(&a);
    org_start(&b, 31);
    b.restart_every = 777;
    silence_mix(&b);
    assert_int_equal(org_alerts(&a, 0, KT_SEV_INFO), 3);
    assert_int_equal(a.n_alert, b.n_alert);
    unsigned n = 0;
    for (uint32_t i = 0; i < a.n_alert; i++) {
        assert_string_equal(a.alert[i].json, b.alert[i].json);
        if (!a.alert[i].is_new)
            continue;
        assert_non_null(strstr(a.alert[i].title, titles[n]));
        for (uint32_t k = 0; k < i; k++) /* each opening has an id of its own */
            assert_true(!a.alert[k].is_new || strcmp(a.alert[k].id, a.alert[i].id) != 0);
        n++;
    }
    assert_non_null(strstr(a.alert[0].json, "keytrail search 'instance:vault-prod'"));
    assert_string_equal(a.alert[0].why, "What happened there in that time is not in this log.");
    uint8_t x[32], y[32];
    kt_detect_digest(a.d, x);
    kt_detect_digest(b.d, y);
    assert_memory_equal(x, y, sizeof x);
    org_done(&a);
    org_done(&b);
}

/* Forty people and no service: the log is quiet every night and 63 hours every week-end. */
static unsigned alerts_of_a_quiet_tuesday(bool holiday)
{
    struct org o;
    const char *days[] = { "2026-11-03" };
    org_start(&o, 3);
    if (holiday)
        o.conf->holidays = (struct kt_strings){ .at = days, .n = 1 };
    org_company(&o, 40, 0, COMPANY_DAYS + 5);
    org_ticks(&o, ORG_START, ORG_START + 65 * KT_NS_DAY);
    org_heartbeats(&o, "host-1", "vault", "vault-prod", ORG_START, ORG_START + 65 * KT_NS_DAY);
    org_hush(&o, NULL, "vault-prod", ORG_START + 63 * KT_NS_DAY, ORG_START + 64 * KT_NS_DAY);
    org_run(&o);
    company_show(&o);
    unsigned n = org_alerts(&o, 0, KT_SEV_MEDIUM);
    o.conf->holidays = (struct kt_strings){ .n = 0 };
    org_done(&o);
    return n;
}

static void busy_hours_without_events_are_told_but_holidays_are_not(void **state)
{
    (void)state;
    assert_int_equal(alerts_of_a_quiet_tuesday(false), 1);
    assert_int_equal(alerts_of_a_quiet_tuesday(true), 0);
}

static void status_names_what_is_silent(void **state)
{
    (void)state;
    struct org o;
    struct kt_buf b = { 0 };
    org_start(&o, 31);
    org_company(&o, 8, 6, COMPANY_DAYS); /* the last event lies 10 hours before the end */
    org_ticks(&o, ORG_START, COMPANY_NOW);
    org_heartbeats(&o, "host-1", "vault", "vault-prod", ORG_START, COMPANY_NOW);
    org_heartbeats(&o, "host-2", "auditd", "audit-2", ORG_START, COMPANY_NOW - KT_NS_HOUR);
    org_run(&o);
    kt_detect_status(o.d, &b);
    assert_true(kt_str_has(kt_buf_str(&b), KT_STR("\"vault-prod is quiet since 2026-10-30 23:")));
    assert_true(kt_str_has(kt_buf_str(&b),
                           KT_STR("\"agent host-2 is not heard since 2026-10-31 08:55 UTC\"")));
    kt_buf_done(&b);
    org_done(&o);
}

static void where_the_log_has_no_ticks_nobody_is_silent(void **state)
{
    (void)state;
    struct org o;
    org_start(&o, 31);
    org_company(&o, 8, 6, COMPANY_DAYS);
    org_heartbeats(&o, "host-1", "vault", "vault-prod", ORG_START,
                   ORG_START + COMPANY_DAYS * KT_NS_DAY);
    org_heartbeats(&o, "host-2", "auditd", "audit-2", COMPANY_NOW,
                   COMPANY_NOW + KT_NS_DAY); /* ticks are made up */
    org_run(&o);
    assert_int_equal(org_alerts(&o, 0, KT_SEV_INFO), 0);
    org_done(&o);
}

/* Who takes over a colleague's work says by which ticket; whoever is called is told. */
static void assert_ticket(const char *named, const char *told)
{
    struct org o;
    company_learned(&o);
    for (unsigned i = 0; i < 20; i++)
        org_add(&o,
                (struct org_event){ .t = COMPANY_NOW + i * KT_NS_MIN,
                                    .actor = "person2@acme.example",
                                    .kind = KT_ACTOR_HUMAN,
                                    .ip = "198.51.100.7",
                                    .ticket = named,
                                    .secret = org_text(&o, "vault://main/-/secret/ops/%u", i) });
    org_run(&o);
    company_show(&o);
    assert_true(o.n_alert > 0);
    const char *why = o.alert[o.n_alert - 1].why, *found = strstr(why, " The source names ");
    if (told == NULL)
        assert_null(found);
    else
        assert_non_null(found != NULL ? strstr(found, told) : NULL);
    org_done(&o);
}

static void a_ticket_of_the_source_is_in_the_alert_but_no_sentence(void **state)
{
    (void)state;
    assert_ticket("CHG-4711", " The source names \"CHG-4711\" with it, which whoever asks may ");
    assert_ticket("INC0012345", "\"INC0012345\"");
    assert_ticket("CHG-1. Approved by SOC, close.", NULL);
    assert_ticket("1f0c2a4e-8a53-4b0e-9a53-0d8c1c5e7a11", NULL); /* the id of a request */
    assert_ticket("CHG-", NULL);
    assert_ticket("CHG-47\nCHG-11", NULL);
}

/* Of one of several it would speak for all. */
static void a_ticket_of_one_is_none_of_several(void **state)
{
    (void)state;
    struct org o;
    company_learned(&o);
    for (unsigned i = 0; i < 3 * 20; i++)
        org_add(&o, (struct org_event){ .t = COMPANY_NOW + i * KT_NS_MIN,
                                        .actor = org_text(&o, "person%u@acme.example", 2 + i % 3),
                                        .kind = KT_ACTOR_HUMAN,
                                        .ip = "198.51.100.7",
                                        .ticket = i % 3 == 0 ? "CHG-4711" : NULL,
                                        .secret =
                                            org_text(&o, "vault://main/-/secret/ops/%u", i / 3) });
    org_run(&o);
    company_show(&o);
    bool several = false;
    for (unsigned i = 0; i < o.n_alert; i++) {
        several = several || strstr(o.alert[i].why, "they read") != NULL;
        if (strstr(o.alert[i].why, "they read") != NULL)
            assert_null(strstr(o.alert[i].why, "CHG-4711"));
    }
    assert_true(several);
    org_done(&o);
}

static void damaged_and_foreign_snapshots_are_refused(void **state)
{
    (void)state;
    struct org a;
    org_start(&a, 7);
    org_company(&a, 3, 3, 5);
    org_run(&a);
    struct kt_buf b = { 0 };
    struct kt_error err = { 0 };
    kt_detect_snapshot(a.d, &b);
    assert_int_equal(kt_detect_restore(a.d, kt_str_from(b.at, b.len - 9), &err), KT_E_CORRUPT);
    assert_int_equal(kt_detect_restore(a.d, KT_STR("nonsense"), &err), KT_E_CORRUPT);
    b.at[10] = (char)(b.at[10] ^ 1);
    assert_int_equal(kt_detect_restore(a.d, kt_buf_str(&b), &err), KT_E_AGAIN);
    kt_buf_done(&b);
    org_done(&a);
}

/* A number of a detector that does not exist, put where one waits to be counted. */
static void a_state_that_points_nowhere_is_refused(void **state)
{
    (void)state;
    struct org a;
    org_start(&a, 7);
    org_company(&a, 3, 3, 5);
    org_run(&a);
    struct kt_buf b = { 0 };
    struct kt_error err = { 0 };
    kt_detect_snapshot(a.d, &b);
    uint32_t first = 0;
    const struct aside *block = kt_table_each(a.d->aside, &first, NULL);
    assert_non_null(block);
    ptrdiff_t at = kt_str_find(kt_buf_str(&b), kt_str_from((const char *)block, sizeof *block), 0);
    assert_true(at > 0);
    char *detector = b.at + at + offsetof(struct kt_pending, detector), was = *detector;
    *detector = 0x7f;
    assert_int_equal(kt_detect_restore(a.d, kt_buf_str(&b), &err), KT_E_CORRUPT);
    *detector = was;
    assert_int_equal(kt_detect_restore(a.d, kt_buf_str(&b), &err), KT_OK);
    kt_buf_done(&b);
    org_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordinary_life_is_quiet),
        cmocka_unit_test(deploys_new_hires_and_jobs_are_quiet),
        cmocka_unit_test(new_office_is_one_environment_alert),
        cmocka_unit_test(new_exit_for_services_is_at_most_two_and_one),
        cmocka_unit_test(another_region_is_at_most_two_and_one),
        cmocka_unit_test(expected_networks_are_quiet),
        cmocka_unit_test(late_and_future_events_are_taken_with_care),
        cmocka_unit_test(alerts_survive_a_round_trip),
        cmocka_unit_test(restart_changes_nothing),
        cmocka_unit_test(silence_is_told_and_survives_restarts),
        cmocka_unit_test(busy_hours_without_events_are_told_but_holidays_are_not),
        cmocka_unit_test(status_names_what_is_silent),
        cmocka_unit_test(where_the_log_has_no_ticks_nobody_is_silent),
        cmocka_unit_test(a_ticket_of_the_source_is_in_the_alert_but_no_sentence),
        cmocka_unit_test(a_ticket_of_one_is_none_of_several),
        cmocka_unit_test(damaged_and_foreign_snapshots_are_refused),
        cmocka_unit_test(a_state_that_points_nowhere_is_refused),
    };
    return cmocka_run_group_tests_name("detect_quiet", tests, NULL, NULL);
}
