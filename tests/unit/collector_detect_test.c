/* detect: attacks that must page, work that must not, and what holds whatever happens. */
#include "cli/fixture/org.h"
#include "collector/detect_state.h"
#include "collector/enrich.h"
#include "core/base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define DAYS 60u
#define NOW  (ORG_START + 60 * KT_NS_DAY + 10 * KT_NS_HOUR) /* a Saturday, 10:00 */

static void show(const struct org *o)
{
    for (uint32_t i = 0; getenv("SHOW") != NULL && i < o->n_alert; i++)
        print_message("%s %d %d %s\n", o->alert[i].state, o->alert[i].severity, o->alert[i].score,
                      o->alert[i].json);
}

/* A company after 60 days; nothing may have paged in them. */
static void learned_as(struct org *o, const char *new_secrets)
{
    org_start(o, 11);
    if (new_secrets != NULL)
        assert_int_equal(org_configure(o, "new_secrets", new_secrets, &(struct kt_error){ 0 }),
                         KT_OK);
    org_company(o, 12, 10, DAYS);
    org_run(o);
    show(o);
    assert_int_equal(org_alerts(o, 0, KT_SEV_MEDIUM), 0);
}

static void learned(struct org *o)
{
    learned_as(o, NULL);
}

/* For tests of what the others say of reads that new_secrets would tell first. */
#define NO_NEW_SECRETS "{floor_24h: 100000, floor_7d: 100000, floor_young: 100000}"

static struct org_event svc_read(kt_time_ns t, const char *actor, const char *secret,
                                 const char *ip)
{
    return (struct org_event){ .t = t,
                               .actor = actor,
                               .kind = KT_ACTOR_SERVICE,
                               .secret = secret,
                               .ip = ip,
                               .user_agent = "Go-http-client/1.1" };
}

static struct org_event login(kt_time_ns t, const char *actor, const char *ip, bool ok)
{
    return (struct org_event){ .t = t,
                               .actor = actor,
                               .kind = KT_ACTOR_HUMAN,
                               .action = KT_ACT_LOGIN,
                               .outcome = ok ? KT_OUT_SUCCESS : KT_OUT_DENIED,
                               .operation = "login",
                               .ip = ip,
                               .user_agent = "Vault/1.15 (darwin arm64)" };
}

static void stolen_service_key_from_a_new_network_pages(void **state)
{
    (void)state;
    struct org o;
    learned(&o);
    org_fact(&o, "65.108.3.3", "FI", 24940, "Hetzner", true);
    for (unsigned i = 0; i < 3; i++)
        org_add(&o, svc_read(NOW + i * KT_NS_MIN, "svc1",
                             org_text(&o, "vault://main/-/secret/prod/svc1/%u", i), "65.108.3.3"));
    org_run(&o);
    show(&o);
    assert_int_equal(org_alerts(&o, 0, KT_SEV_MEDIUM), 1);
    const struct org_alert *a = org_alert_of(&o, 0, "svc1");
    assert_non_null(a);
    assert_string_equal(a->detector, "unexpected_ip");
    assert_string_equal(a->title, "svc1 used AS24940 Hetzner (FI) for the first time.");
    assert_true(a->score >= 450);
    assert_true(a->raised - a->first < KT_NS_MIN); /* with the first event */
    org_done(&o);
}

/* A scanner tells of commits that are years old: that is no history of this installation. */
static void an_old_exposure_is_no_history(void **state)
{
    (void)state;
    struct org o;
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    org_start(&o, 3);
    org_add(&o, svc_read(NOW, "svc1", "vault://main/-/secret/a", "10.2.0.9"));
    org_add(&o, (struct org_event){ .t = NOW - 2000 * KT_NS_DAY,
                                    .arrival = NOW + KT_NS_MIN,
                                    .record = KT_KIND_EXPOSURE,
                                    .code = "unverified",
                                    .actor = "ana@acme.example",
                                    .secret = "leak://r/AWS/f" });
    org_run(&o);
    kt_detect_status(o.d, &text);
    assert_non_null(strstr(kt_buf_z(&text), "learning: addresses 0 of 14 days"));
    assert_non_null(strstr(kt_buf_z(&text), "\"actors\":1,"));
    org_done(&o);
}

static void burst(struct org *o, const char *new_secrets)
{
    learned_as(o, new_secrets);
    for (unsigned i = 0; i < 143; i++)
        org_add(o, svc_read(NOW + i * KT_NS_S, "svc1",
                            org_text(o, "vault://main/-/secret/prod/other/%u", i), "18.192.4.4"));
    org_run(o);
    show(o);
    assert_int_equal(org_alerts(o, 0, KT_SEV_MEDIUM), 1);
}

static void burst_over_many_secrets_pages(void **state)
{
    (void)state;
    struct org o;
    burst(&o, NO_NEW_SECRETS);
    assert_string_equal(o.alert[0].detector, "volume_spike");
    org_done(&o);
    burst(&o, NULL);
    assert_string_equal(o.alert[0].detector, "new_secrets"); /* with the fifth of them */
    assert_non_null(strstr(o.alert[o.n_alert - 1].json, "volume"));
    org_done(&o);
}

static void slow_burst_over_an_hour_pages(void **state)
{
    (void)state;
    struct org o;
    learned(&o);
    for (unsigned i = 0; i < 60; i++)
        org_add(&o, svc_read(NOW + i * KT_NS_MIN, "svc1",
                             org_text(&o, "vault://main/-/secret/prod/other/%u", i), "18.192.4.4"));
    org_run(&o);
    show(&o);
    assert_int_equal(org_alerts(&o, 0, KT_SEV_MEDIUM), 1);
    org_done(&o);
}

static void guessed_password_is_critical(void **state)
{
    (void)state;
    struct org o;
    learned(&o);
    org_fact(&o, "185.220.4.4", "NL", 9009, "M247", true);
    for (unsigned i = 0; i < 11; i++)
        org_add(&o, login(NOW + i * KT_NS_MIN, "person3@acme.example", "185.220.4.4", i == 10));
    org_run(&o);
    show(&o);
    assert_int_equal(org_alerts(&o, 0, KT_SEV_MEDIUM), 1);
    assert_int_equal(o.alert[0].severity, KT_SEV_CRITICAL);
    assert_string_equal(o.alert[0].detector, "failed_attempts");
    org_done(&o);
}

static void slow_guessing_is_critical_too(void **state)
{
    (void)state;
    struct org o;
    learned(&o);
    org_fact(&o, "185.220.4.4", "NL", 9009, "M247", true);
    for (unsigned i = 0; i < 11; i++)
        org_add(&o,
                login(NOW + i * 20 * KT_NS_MIN, "person3@acme.example", "185.220.4.4", i == 10));
    org_run(&o);
    show(&o);
    assert_int_equal(org_alerts(&o, 0, KT_SEV_CRITICAL), 1);
    org_done(&o);
}

static void spray_and_the_account_it_opened_are_one_alert(void **state)
{
    (void)state;
    struct org o;
    learned(&o);
    org_fact(&o, "185.220.4.4", "NL", 9009, "M247", true);
    for (unsigned i = 0; i < 12; i++) /* one an hour */
        org_add(&o, login(NOW + i * KT_NS_HOUR, org_text(&o, "person%u@acme.example", i),
                          "185.220.4.4", false));
    org_add(&o, login(NOW + 12 * KT_NS_HOUR - KT_NS_MIN * 50, "person5@acme.example", "185.220.4.4",
                      true));
    org_run(&o);
    show(&o);
    assert_int_equal(org_alerts(&o, 0, KT_SEV_MEDIUM), 1);
    unsigned updates = 0;
    for (uint32_t i = 0; i < o.n_alert; i++)
        updates += strcmp(o.alert[i].state, "updated") == 0;
    assert_true(updates >= 1); /* somebody got in */
    org_done(&o);
}

/* Three reads of a night: the command begins before the first, not with the third. */
static void the_command_shows_what_was_counted(void **state)
{
    (void)state;
    struct org o;
    learned(&o);
    for (unsigned i = 0; i < 3; i++)
        org_add(&o, (struct org_event){ .t = NOW + 40 * KT_NS_HOUR + i * 10 * KT_NS_MIN,
                                        .actor = "person3@acme.example",
                                        .kind = KT_ACTOR_HUMAN,
                                        .ip = "198.51.100.7",
                                        .secret = org_text(&o, "vault://main/-/secret/x/%u", i) });
    org_run(&o);
    show(&o);
    const struct org_alert *a = org_alert_of(&o, 0, "person3@acme.example");
    assert_non_null(a);
    assert_string_equal(a->detector, "unusual_time");
    assert_non_null(strstr(a->json, "--since 2026-11-01T20:20:00Z --until 2026-11-02T02:20:01Z"));
    org_done(&o);
}

static void first_day_mass_read_pages(void **state)
{
    (void)state;
    struct org o;
    org_start(&o, 3);
    for (unsigned i = 0; i < 45; i++)
        org_add(&o, (struct org_event){ .t = ORG_START + i * 5 * KT_NS_S,
                                        .actor = "mallory@acme.example",
                                        .kind = KT_ACTOR_HUMAN,
                                        .ip = "198.51.100.7",
                                        .secret = org_text(&o, "vault://main/-/secret/x/%u", i) });
    org_run(&o);
    show(&o);
    assert_int_equal(org_alerts(&o, 0, KT_SEV_MEDIUM), 1);
    org_done(&o);
}

static struct org_event file_read(struct org *o, kt_time_ns t, unsigned host, const char *user,
                                  const char *exe)
{
    const char *name = org_text(o, "web-%u", host);
    return (struct org_event){ .t = t,
                               .actor = org_text(o, "%s@%s", user, name),
                               .kind = KT_ACTOR_SERVICE,
                               .host = name,
                               .source = "auditd",
                               .user_agent = exe,
                               .secret = org_text(o, "file://%s/srv/app/.env", name),
                               .native = "/srv/app/.env" };
}

static void a_fleet(struct org *o, unsigned days)
{
    for (unsigned i = 0; i < days * 5; i++)
        org_add(o, file_read(o, ORG_START + i / 5 * KT_NS_DAY + i % 5 * KT_NS_MIN, i % 5, "app",
                             "/srv/app/bin/app"));
}

/* Whatever its records say: other detectors judge it as an agent, too. */
static void a_configured_agent_is_one(void **state)
{
    (void)state;
    struct org o;
    org_start(&o, 8);
    assert_int_equal(org_configure(&o, "ai_agent", "{actors: [bot-*]}", &(struct kt_error){ 0 }),
                     KT_OK);
    org_add(&o, svc_read(ORG_START, "bot-7", "vault://main/-/secret/prod/db", "10.2.0.9"));
    org_run(&o);
    show(&o);
    assert_int_equal(o.n_alert, 1);
    assert_string_equal(o.alert[0].detector, "ai_agent");
    assert_non_null(strstr(o.alert[0].json, "\"actor_kind\":\"ai_agent\""));
    org_done(&o);
}

static void rollout_of_a_program_is_one_alert_with_its_events(void **state)
{
    (void)state;
    struct org o;
    org_start(&o, 8);
    a_fleet(&o, 30);
    for (unsigned i = 0; i < 5; i++)
        org_add(&o, file_read(&o, ORG_START + 30 * KT_NS_DAY + i * KT_NS_HOUR, i, "root",
                              "/usr/sbin/backupd"));
    org_run(&o);
    show(&o);
    assert_int_equal(org_alerts(&o, 0, KT_SEV_MEDIUM), 3);
    assert_non_null(strstr(o.alert[2].title, "3 hosts"));
    assert_non_null(strstr(o.alert[2].json, "keytrail search 'user_agent:/usr/sbin/backupd'"));
    org_done(&o);
}

static void a_fact_carries_the_place(void **state)
{
    (void)state;
    struct kt_buf raw = { 0 };
    struct kt_ip ip;
    assert_true(kt_ip_parse(KT_STR("203.0.113.9"), &ip));
    struct kt_geo_fact f = { .found = true, .country = "CL", .asn = 64500, .org = "Sur" };
    kt_enrich_body(ip, &f, 7, &raw);
    assert_null(strstr(kt_buf_z(&raw), "lat_e2"));
    f.has_place = true;
    f.lat = -33.456;
    f.lon = -70.004;
    f.radius_km = 20;
    kt_enrich_body(ip, &f, 7, &raw);
    assert_string_equal(kt_buf_z(&raw),
                        "{\"ip\":\"203.0.113.9\",\"country\":\"CL\",\"asn\":64500,\"org\":\"Sur\","
                        "\"hosting\":false,\"lat_e2\":-3346,\"lon_e2\":-7000,\"radius_km\":20,"
                        "\"class\":\"documentation\",\"build\":7}");
    kt_buf_done(&raw);
}

static unsigned travels(const struct org *o)
{
    unsigned n = 0;
    for (uint32_t i = 0; i < o->n_alert; i++)
        n += strstr(o->alert[i].json, "\"detector\":\"impossible_travel\",\"points\"") != NULL;
    return n;
}

static struct org_event at_work(kt_time_ns t, const char *who, const char *ip)
{
    return (struct org_event){ .t = t,
                               .actor = who,
                               .kind = KT_ACTOR_HUMAN,
                               .user_agent = "Vault/1.15 (darwin arm64)",
                               .secret = "vault://main/-/secret/own/1",
                               .ip = ip };
}

/* A VPN that ends abroad, taken up by one after the other; each goes to and fro with the office. */
static void a_shared_way_out_is_no_travel(void **state)
{
    (void)state;
    struct org o;
    learned(&o);
    org_fact(&o, "103.21.1.1", "IN", 14061, "DigitalOcean", true);
    for (unsigned i = 0; i < 8; i++) {
        const char *who = org_text(&o, "person%u@acme.example", i);
        org_add(&o, at_work(NOW + i * KT_NS_HOUR, who, "198.51.100.7"));
        org_add(&o, at_work(NOW + i * KT_NS_HOUR + 10 * KT_NS_MIN, who, "103.21.1.1"));
    }
    org_run(&o);
    show(&o);
    assert_in_range(travels(&o), 1, 3); /* until three use it */
    org_done(&o);
}

/* Who went between two countries on three days before has a phone of the other one. */
static void a_habit_is_no_travel(void **state)
{
    (void)state;
    for (unsigned with = 0; with < 2; with++) {
        struct org o;
        org_start(&o, 11);
        org_company(&o, 12, 10, 40);
        org_fact(&o, "103.21.1.1", "IN", 45609, "Airtel", false);
        org_fact(&o, "139.59.1.1", "IN", 14061, "DigitalOcean", true);
        for (unsigned day = 1; with && day < 12; day += 3)
            org_add(&o, at_work(ORG_START + day * KT_NS_DAY + 12 * KT_NS_HOUR,
                                "person3@acme.example", "103.21.1.1"));
        kt_time_ns t = ORG_START + 35 * KT_NS_DAY + 10 * KT_NS_HOUR;
        org_add(&o, at_work(t, "person3@acme.example", "198.51.100.7"));
        org_add(&o, at_work(t + 20 * KT_NS_MIN, "person3@acme.example", "139.59.1.1"));
        org_run(&o);
        show(&o);
        assert_int_equal(travels(&o) > 0, !with);
        org_done(&o);
    }
}

/* ---- what must stay quiet ---- */
static void ordinary_life_is_quiet(void **state)
{
    (void)state;
    struct org o;
    learned_as(&o, NO_NEW_SECRETS);
    const char *ana = "person2@acme.example";
    org_fact(&o, "80.187.1.9", "DE", 8422, "NetCologne", false); /* a new provider at home */
    org_fact(&o, "90.80.1.9", "FR", 3215, "Orange", false);      /* a week-end in France */
    org_fact(&o, "18.193.7.7", "DE", 16509, "Amazon", true);     /* autoscaling */
    struct org_event e = { .actor = ana,
                           .kind = KT_ACTOR_HUMAN,
                           .user_agent = "Vault/1.15 (darwin arm64)" };
    for (unsigned i = 0; i < 8; i++) {
        e.secret = org_text(&o, "vault://main/-/secret/team2/%u", i);
        e.t = NOW + i * KT_NS_HOUR;
        e.ip = "80.187.1.9";
        org_add(&o, e);
        e.actor = "person4@acme.example";
        e.ip = "90.80.1.9";
        org_add(&o, e);
        e.actor = ana;
        org_add(&o,
                svc_read(NOW + i * KT_NS_MIN, "svc3",
                         org_text(&o, "vault://main/-/secret/prod/svc3/%u", i % 4), "18.193.7.7"));
    }
    /* nine typos, then in; three colleagues mistype in the office */
    for (unsigned i = 0; i < 10; i++)
        org_add(&o, login(NOW + i * 20 * KT_NS_S, "person6@acme.example", "198.51.100.7", i == 9));
    for (unsigned i = 7; i < 10; i++) {
        const char *who = org_text(&o, "person%u@acme.example", i);
        org_add(&o, login(NOW + i * KT_NS_MIN, who, "198.51.100.7", false));
        org_add(&o, login(NOW + i * KT_NS_MIN + 30 * KT_NS_S, who, "198.51.100.7", true));
    }
    /* one 403 every minute for two days */
    for (unsigned i = 0; i < 2 * 1440; i++) {
        struct org_event f =
            svc_read(NOW + i * KT_NS_MIN, "svc4", "vault://main/-/secret/prod/gone", "10.2.0.9");
        f.outcome = KT_OUT_DENIED;
        org_add(&o, f);
    }
    /* an expired token: refused without a name, from the usual address, then a login */
    for (unsigned i = 0; i < 30; i++)
        org_add(&o, (struct org_event){ .t = NOW + i * KT_NS_MIN,
                                        .actor = "",
                                        .kind = KT_ACTOR_ANONYMOUS,
                                        .outcome = KT_OUT_DENIED,
                                        .secret = "vault://main/-/secret/prod/svc5/1",
                                        .ip = "18.192.4.4" });
    org_run(&o);
    show(&o);
    assert_int_equal(org_alerts(&o, 0, KT_SEV_MEDIUM), 0);
    org_done(&o);
}

static void deploys_new_hires_and_jobs_are_quiet(void **state)
{
    (void)state;
    struct org o;
    org_start(&o, 5);
    org_company(&o, 12, 10, DAYS + 10);
    /* a deploy every fourth day reads 25 secrets in two minutes; a growing one at the end */
    for (unsigned day = 2; day < DAYS + 10; day += 4) {
        for (unsigned i = 0; i < 25 + (day > 60 ? 15 : 0); i++)
            org_add(&o, (struct org_event){
                            .t = ORG_START + day * KT_NS_DAY + 13 * KT_NS_HOUR + i * 4 * KT_NS_S,
                            .actor = "deploy-bot",
                            .kind = KT_ACTOR_CI,
                            .ip = org_text(&o, "20.%u.%u.9", day, i),
                            .user_agent = "terraform/1.9",
                            .secret = org_text(&o, "vault://main/-/secret/prod/app/%u", i) });
    }
    for (unsigned day = 2; day < DAYS + 10; day += 4) {
        for (unsigned i = 0; i < 40; i++) {
            if (o.n_fact < 200 && i < 10)
                org_fact(&o, org_text(&o, "20.%u.%u.9", day, i), "US", 8075, "Microsoft", true);
        }
    }
    org_work(&o, (struct org_worker){ .name = "newbie@acme.example",
                                      .kind = KT_ACTOR_HUMAN,
                                      .ip = "198.51.100.7",
                                      .prefix = "vault://main/-/secret/team1/",
                                      .from = DAYS,
                                      .days = 10,
                                      .per_day = 12,
                                      .secrets = 14 });
    org_run(&o);
    show(&o);
    assert_int_equal(org_alerts(&o, 0, KT_SEV_MEDIUM), 0);
    org_done(&o);
}

static void new_office_is_one_environment_alert(void **state)
{
    (void)state;
    struct org o;
    learned(&o);
    org_fact(&o, "62.4.5.6", "DE", 8881, "1&1 Versatel", false);
    kt_time_ns monday = NOW + 2 * KT_NS_DAY;
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
    show(&o);
    assert_int_equal(org_alerts(&o, 0, KT_SEV_MEDIUM), 0);
    assert_int_equal(org_alerts(&o, 0, KT_SEV_LOW), 1);
    org_done(&o);
}

static void new_exit_for_services_is_at_most_two_and_one(void **state)
{
    (void)state;
    struct org o;
    learned(&o);
    org_fact(&o, "20.50.1.1", "IE", 8075, "Microsoft", true);
    for (unsigned i = 0; i < 10; i++)
        org_add(&o, svc_read(NOW + i * 3 * KT_NS_HOUR, org_text(&o, "svc%u", i),
                             org_text(&o, "vault://main/-/secret/prod/svc%u/1", i), "20.50.1.1"));
    org_run(&o);
    show(&o);
    assert_in_range(org_alerts(&o, 0, KT_SEV_MEDIUM), 1, 3);
    org_done(&o);
}

/* Services that go on working there: each read is evidence again, and none of it may hide who came.
 */
static void another_region_is_at_most_two_and_one(void **state)
{
    (void)state;
    struct org o;
    learned(&o);
    org_fact(&o, "34.240.1.1", "IE", 14618, "Amazon", true);
    for (unsigned i = 0; i < 10 * 40; i++)
        org_add(&o,
                svc_read(NOW + i % 10 * 3 * KT_NS_HOUR + i / 10 * 3 * KT_NS_MIN,
                         org_text(&o, "svc%u", i % 10),
                         org_text(&o, "vault://main/-/secret/prod/svc%u/1", i % 10), "34.240.1.1"));
    /* ten days later it is where they work: a restart is none of its business */
    for (unsigned i = 0; i < 60; i++)
        org_add(&o,
                svc_read(NOW + 10 * KT_NS_DAY + i * KT_NS_S, "svc0",
                         org_text(&o, "vault://main/-/secret/prod/svc0/%u", i % 4), "34.240.1.1"));
    org_run(&o);
    show(&o);
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
    org_company(&o, 6, 6, DAYS);
    org_fact(&o, "65.108.3.3", "FI", 24940, "Hetzner", true);
    org_add(&o, svc_read(NOW, "svc1", "vault://main/-/secret/prod/svc1/1", "65.108.3.3"));
    for (unsigned i = 0; i < 6; i++)
        org_add(&o, login(NOW + i, org_text(&o, "nobody%u", i), "65.108.3.4", false));
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
    learned(&o);
    struct org_event e =
        svc_read(NOW - 40 * KT_NS_HOUR, "svc1", "vault://main/-/secret/prod/svc1/1", "18.192.4.4");
    e.arrival = NOW;
    for (unsigned i = 0; i < 200; i++) { /* older than 25 h: windows do not hear of them */
        e.secret = org_text(&o, "vault://main/-/secret/prod/old/%u", i);
        org_add(&o, e);
    }
    struct org_event f =
        svc_read(NOW + 9 * KT_NS_DAY, "svc2", "vault://main/-/secret/prod/svc2/1", "10.2.0.9");
    f.arrival = NOW + KT_NS_MIN; /* one bad clock */
    org_add(&o, f);
    org_run(&o);
    show(&o);
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
    learned(&o);
    org_fact(&o, "203.0.113.7", "NL", 0, "", false);
    org_add(&o, svc_read(NOW, "svc1", "vault://main/-/secret/prod/\"q\"'x", "203.0.113.7"));
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
    a_fleet(o, 30);
    for (unsigned i = 0; i < 9; i++)
        org_add(o, file_read(o, ORG_START + (20 + i) * KT_NS_DAY + i, i % 2, "app", "/tmp/x"));
    org_fact(o, "65.108.3.3", "FI", 24940, "Hetzner", true);
    org_fact(o, "185.220.4.4", "NL", 9009, "M247", true);
    org_fact(o, "139.59.1.1", "IN", 14061, "DigitalOcean", true);
    kt_time_ns t = ORG_START + 27 * KT_NS_DAY;
    for (unsigned i = 0; i < 4; i++)
        org_add(o, at_work(t + i * 9 * KT_NS_MIN, "person1@acme.example",
                           i % 2 ? "139.59.1.1" : "198.51.100.7"));
    for (unsigned i = 0; i < 60; i++)
        org_add(o, svc_read(t + i * KT_NS_S, "svc1",
                            org_text(o, "vault://main/-/secret/prod/other/%u", i), "65.108.3.3"));
    for (unsigned i = 0; i < 14; i++)
        org_add(o, login(t + i * KT_NS_MIN, org_text(o, "person%u@acme.example", i % 5),
                         "185.220.4.4", i == 13));
    for (unsigned i = 0; i < 90; i++)
        org_add(o, svc_read(t + KT_NS_DAY + i * KT_NS_S, "svc2",
                            org_text(o, "vault://main/-/secret/prod/other/%u", i), "10.2.0.9"));
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
    show(&a);
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
    kt_time_ns end = NOW + 3 * KT_NS_DAY;
    org_company(o, 8, 6, DAYS + 4);
    org_ticks(o, ORG_START, end);
    org_heartbeats(o, "host-1", "vault", "vault-prod", ORG_START, end);
    org_heartbeats(o, "host-2", "auditd", "audit-2", ORG_START, end);
    org_hush(o, NULL, "vault-prod", NOW, NOW + 12 * KT_NS_HOUR);
    org_hush(o, "host-2", NULL, NOW + 20 * KT_NS_HOUR, NOW + 26 * KT_NS_HOUR);
    org_add(o, (struct org_event){ .t = NOW + 40 * KT_NS_HOUR,
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
    show(&a);
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
    org_company(&o, 40, 0, DAYS + 5);
    org_ticks(&o, ORG_START, ORG_START + 65 * KT_NS_DAY);
    org_heartbeats(&o, "host-1", "vault", "vault-prod", ORG_START, ORG_START + 65 * KT_NS_DAY);
    org_hush(&o, NULL, "vault-prod", ORG_START + 63 * KT_NS_DAY, ORG_START + 64 * KT_NS_DAY);
    org_run(&o);
    show(&o);
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
    org_company(&o, 8, 6, DAYS); /* the last event lies 10 hours before the end */
    org_ticks(&o, ORG_START, NOW);
    org_heartbeats(&o, "host-1", "vault", "vault-prod", ORG_START, NOW);
    org_heartbeats(&o, "host-2", "auditd", "audit-2", ORG_START, NOW - KT_NS_HOUR);
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
    org_company(&o, 8, 6, DAYS);
    org_heartbeats(&o, "host-1", "vault", "vault-prod", ORG_START, ORG_START + DAYS * KT_NS_DAY);
    org_heartbeats(&o, "host-2", "auditd", "audit-2", NOW, NOW + KT_NS_DAY); /* ticks are made up */
    org_run(&o);
    assert_int_equal(org_alerts(&o, 0, KT_SEV_INFO), 0);
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

static void the_same_theft_twice_pages_twice(void **state)
{
    (void)state;
    struct org o;
    org_start(&o, 9);
    org_company(&o, 6, 6, 90);
    org_fact(&o, "65.108.3.3", "FI", 24940, "Hetzner", true);
    for (unsigned k = 0; k < 2; k++) {
        kt_time_ns t = ORG_START + (60 + 20 * k) * KT_NS_DAY + 10 * KT_NS_HOUR;
        for (unsigned i = 0; i < 60; i++)
            org_add(&o,
                    svc_read(t + i * KT_NS_S, "svc1",
                             org_text(&o, "vault://main/-/secret/prod/other/%u", i), "65.108.3.3"));
    }
    org_run(&o);
    show(&o);
    assert_int_equal(org_alerts(&o, 0, KT_SEV_MEDIUM), 2);
    org_done(&o);
}

static void failed_logins_teach_nothing_and_evict_nobody(void **state)
{
    (void)state;
    struct org o;
    org_start(&o, 13);
    org_company(&o, 3, 3, 20);
    for (unsigned i = 0; i < 30000; i++)
        org_add(&o, login(ORG_START + 18 * KT_NS_DAY + i * KT_NS_S, org_text(&o, "guess%u", i),
                          "185.220.4.4", false));
    org_run(&o);
    struct kt_buf b = { 0 };
    kt_detect_status(o.d, &b);
    assert_true(kt_str_has(kt_buf_str(&b), KT_STR("\"actors\":6,")));
    kt_buf_done(&b);
    assert_int_equal(org_alerts(&o, 0, KT_SEV_MEDIUM), 1); /* one spray */
    org_done(&o);
}

/* CPU of the engine alone for what waits in o: records are formed beforehand, some at a time. */
static double engine_ns(struct org *o)
{
    static struct kt_record some[128];
    static char native[KT_ARRAY_LEN(some)][40];
    double ns = 0;
    org_ready(o);
    for (uint32_t i = 0; i < o->n;) {
        unsigned n = 0;
        struct timespec from, to;
        for (; n < KT_ARRAY_LEN(some) && i < o->n; n++, i++)
            org_record(&o->ev[i], ++o->seq, native[n], &some[n]);
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
        for (unsigned k = 0; k < n; k++)
            kt_detect_record(o->d, &some[k]);
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
        ns += (double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec);
    }
    return ns;
}

static void known_actors_cost_little(void **state)
{
    (void)state;
    struct org o;
    org_start(&o, 21);
    org_company(&o, 20, 20, 30);
    for (unsigned i = 0; i < 20; i++)
        org_work(&o, (struct org_worker){ .name = org_text(&o, "busy%u", i),
                                          .kind = KT_ACTOR_SERVICE,
                                          .ip = "18.192.4.4",
                                          .user_agent = "Go-http-client/1.1",
                                          .prefix = "vault://main/-/secret/busy/",
                                          .days = 20,
                                          .per_day = 1000,
                                          .secrets = 12 });
    print_message("%u events, %.0f ns each in the engine\n", o.n, engine_ns(&o) / o.n);
    assert_int_equal(org_alerts(&o, 0, KT_SEV_MEDIUM), 0);
    org_done(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stolen_service_key_from_a_new_network_pages),
        cmocka_unit_test(an_old_exposure_is_no_history),
        cmocka_unit_test(burst_over_many_secrets_pages),
        cmocka_unit_test(slow_burst_over_an_hour_pages),
        cmocka_unit_test(guessed_password_is_critical),
        cmocka_unit_test(slow_guessing_is_critical_too),
        cmocka_unit_test(spray_and_the_account_it_opened_are_one_alert),
        cmocka_unit_test(the_command_shows_what_was_counted),
        cmocka_unit_test(first_day_mass_read_pages),
        cmocka_unit_test(a_configured_agent_is_one),
        cmocka_unit_test(a_fact_carries_the_place),
        cmocka_unit_test(a_shared_way_out_is_no_travel),
        cmocka_unit_test(a_habit_is_no_travel),
        cmocka_unit_test(rollout_of_a_program_is_one_alert_with_its_events),
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
        cmocka_unit_test(damaged_and_foreign_snapshots_are_refused),
        cmocka_unit_test(a_state_that_points_nowhere_is_refused),
        cmocka_unit_test(the_same_theft_twice_pages_twice),
        cmocka_unit_test(failed_logins_teach_nothing_and_evict_nobody),
        cmocka_unit_test(known_actors_cost_little),
    };
    return cmocka_run_group_tests_name("detect", tests, NULL, NULL);
}
