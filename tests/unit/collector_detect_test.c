/* detect: attacks that must page, twice too, and what a known actor costs. */
#include "collector/detect_state.h"
#include "collector/enrich.h"
#include "tests/support/company.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static void stolen_service_key_from_a_new_network_pages(void **state)
{
    (void)state;
    struct org o;
    company_learned(&o);
    org_fact(&o, "65.108.3.3", "FI", 24940, "Hetzner", true);
    for (unsigned i = 0; i < 3; i++)
        org_add(&o, company_svc_read(COMPANY_NOW + i * KT_NS_MIN, "svc1",
                                     org_text(&o, "vault://main/-/secret/prod/svc1/%u", i),
                                     "65.108.3.3"));
    org_run(&o);
    company_show(&o);
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
    org_add(&o, company_svc_read(COMPANY_NOW, "svc1", "vault://main/-/secret/a", "10.2.0.9"));
    org_add(&o, (struct org_event){ .t = COMPANY_NOW - 2000 * KT_NS_DAY,
                                    .arrival = COMPANY_NOW + KT_NS_MIN,
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
    company_learned_as(o, new_secrets);
    for (unsigned i = 0; i < 143; i++)
        org_add(o, company_svc_read(COMPANY_NOW + i * KT_NS_S, "svc1",
                                    org_text(o, "vault://main/-/secret/prod/other/%u", i),
                                    "18.192.4.4"));
    org_run(o);
    company_show(o);
    assert_int_equal(org_alerts(o, 0, KT_SEV_MEDIUM), 1);
}

static void burst_over_many_secrets_pages(void **state)
{
    (void)state;
    struct org o;
    burst(&o, COMPANY_NO_NEW_SECRETS);
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
    company_learned(&o);
    for (unsigned i = 0; i < 60; i++)
        org_add(&o, company_svc_read(COMPANY_NOW + i * KT_NS_MIN, "svc1",
                                     org_text(&o, "vault://main/-/secret/prod/other/%u", i),
                                     "18.192.4.4"));
    org_run(&o);
    company_show(&o);
    assert_int_equal(org_alerts(&o, 0, KT_SEV_MEDIUM), 1);
    org_done(&o);
}

static void guessed_password_is_critical(void **state)
{
    (void)state;
    struct org o;
    company_learned(&o);
    org_fact(&o, "185.220.4.4", "NL", 9009, "M247", true);
    for (unsigned i = 0; i < 11; i++)
        org_add(&o, company_login(COMPANY_NOW + i * KT_NS_MIN, "person3@acme.example",
                                  "185.220.4.4", i == 10));
    org_run(&o);
    company_show(&o);
    assert_int_equal(org_alerts(&o, 0, KT_SEV_MEDIUM), 1);
    assert_int_equal(o.alert[0].severity, KT_SEV_CRITICAL);
    assert_string_equal(o.alert[0].detector, "failed_attempts");
    org_done(&o);
}

static void slow_guessing_is_critical_too(void **state)
{
    (void)state;
    struct org o;
    company_learned(&o);
    org_fact(&o, "185.220.4.4", "NL", 9009, "M247", true);
    for (unsigned i = 0; i < 11; i++)
        org_add(&o, company_login(COMPANY_NOW + i * 20 * KT_NS_MIN, "person3@acme.example",
                                  "185.220.4.4", i == 10));
    org_run(&o);
    company_show(&o);
    assert_int_equal(org_alerts(&o, 0, KT_SEV_CRITICAL), 1);
    org_done(&o);
}

static void spray_and_the_account_it_opened_are_one_alert(void **state)
{
    (void)state;
    struct org o;
    company_learned(&o);
    org_fact(&o, "185.220.4.4", "NL", 9009, "M247", true);
    for (unsigned i = 0; i < 12; i++) /* one an hour */
        org_add(&o, company_login(COMPANY_NOW + i * KT_NS_HOUR,
                                  org_text(&o, "person%u@acme.example", i), "185.220.4.4", false));
    org_add(&o, company_login(COMPANY_NOW + 12 * KT_NS_HOUR - KT_NS_MIN * 50,
                              "person5@acme.example", "185.220.4.4", true));
    org_run(&o);
    company_show(&o);
    assert_int_equal(org_alerts(&o, 0, KT_SEV_MEDIUM), 1);
    unsigned updates = 0;
    for (uint32_t i = 0; i < o.n_alert; i++)
        updates += strcmp(o.alert[i].state, "updated") == 0;
    assert_true(updates >= 1); /* somebody got in */
    org_done(&o);
}

static void comes_from(struct org *o, kt_time_ns t, unsigned who, const char *ip,
                       const char *client)
{
    org_add(o, (struct org_event){
                   .t = t,
                   .actor = org_text(o, "emp%u@acme.example", who),
                   .kind = KT_ACTOR_HUMAN,
                   .ip = ip,
                   .user_agent = client,
                   .secret = org_text(o, "vault://main/-/secret/team%u/%u", who % 4, who) });
}

/* Nine people, the first five of whom always come by the firm's gateway; one home in Thailand. */
static void nine_people(struct org *o)
{
    static const char client[] = "Vault/1.15 (darwin arm64)";
    company_learned(o);
    org_fact(o, "104.28.1.1", "DE", 13335, "Cloudflare", true);
    org_fact(o, "1.46.8.9", "TH", 7470, "True Internet", false);
    for (unsigned who = 0; who < 9; who++) {
        const char *home = org_text(o, "93.40.%u.1", who);
        org_fact(o, home, "DE", 8422, "NetCologne", false);
        for (unsigned day = 0; day < 45; day++)
            comes_from(o, COMPANY_NOW - (45 - day) * KT_NS_DAY, who, who < 5 ? "104.28.1.1" : home,
                       client);
    }
}

static const struct org_alert *newest_of(const struct org *o, const char *id, unsigned *ret_told)
{
    const struct org_alert *a = NULL;
    *ret_told = 0;
    for (uint32_t i = 0; i < o->n_alert; i++) {
        if (strcmp(o->alert[i].id, id) != 0 || strcmp(o->alert[i].state, "closed") == 0)
            continue;
        a = &o->alert[i];
        ++*ret_told;
    }
    return a;
}

static unsigned events_of(const struct org_alert *a)
{
    unsigned n = 0;
    const char *at = strstr(a->json, "\"events\":[");
    for (; at != NULL && *at != ']' && *at != '\0'; at++)
        n += *at == ',';
    return n + 1;
}

/* An account that was told of an hour before is one of eight in one home: the same alert is told
 * again, of all, with what they did. */
static void accounts_behind_one_alert_are_told(void **state)
{
    (void)state;
    struct org o;
    static const char client[] = "Vault/1.15 (darwin arm64)";
    static const unsigned order[] = { 6, 7, 8, 5, 0, 1, 2, 3 }; /* the last four left the gateway */
    nine_people(&o);
    kt_time_ns t = COMPANY_NOW + 15 * KT_NS_HOUR;
    org_fact(&o, "185.220.4.4", "NL", 9009, "M247", true);
    comes_from(&o, t - KT_NS_HOUR, 5, "185.220.4.4", "curl/8.9.1");
    org_run(&o);
    assert_int_equal(org_alerts(&o, 0, KT_SEV_MEDIUM), 1);
    char id[27];
    snprintf(id, sizeof id, "%s", o.alert[o.n_alert - 1].id);
    for (unsigned i = 0; i < KT_ARRAY_LEN(order); i++)
        comes_from(&o, t + i * 20 * KT_NS_MIN, order[i], "1.46.8.9", client);
    org_run(&o);
    company_show(&o);
    assert_int_equal(org_alerts(&o, 0, KT_SEV_MEDIUM), 1);
    unsigned told;
    const struct org_alert *a = newest_of(&o, id, &told);
    assert_non_null(a);
    assert_true(told >= 2);
    assert_non_null(strstr(a->title, "identities used 1.46.8.0/24"));
    assert_true(events_of(a) >= 5);
    org_done(&o);
}

/* The root token, half an hour later, and again two hours after it was told of. */
static void a_signature_that_comes_again_is_told(void **state)
{
    (void)state;
    struct org o;
    org_start(&o, 5);
    static const unsigned after_min[] = { 0, 30, 120 };
    for (unsigned i = 0; i < KT_ARRAY_LEN(after_min); i++)
        org_add(&o, (struct org_event){ .t = COMPANY_NOW + after_min[i] * KT_NS_MIN,
                                        .actor = "root",
                                        .kind = KT_ACTOR_ROOT,
                                        .action = KT_ACT_LIST,
                                        .source = "vault",
                                        .operation = "list",
                                        .native = "sys/policy",
                                        .ip = "198.51.100.7" });
    org_run(&o);
    unsigned opened = 0, updated = 0;
    for (uint32_t i = 0; i < o.n_alert; i++) {
        opened += strcmp(o.alert[i].state, "open") == 0;
        updated += strcmp(o.alert[i].state, "updated") == 0;
    }
    assert_int_equal(opened, 1);
    assert_int_equal(updated, 1);
    org_done(&o);
}

/* What one record gave stands once among the events of an alert, however many secrets it was. */
static void an_alert_names_a_record_once(void **state)
{
    (void)state;
    struct org o;
    company_learned(&o);
    for (unsigned i = 0; i < 45; i++) {
        struct org_event e =
            company_svc_read(COMPANY_NOW + i / 15 * KT_NS_MIN, "svc1",
                             org_text(&o, "vault://main/-/secret/other/%u", i), "18.192.4.4");
        e.part = i % 15;
        org_add(&o, e);
    }
    org_run(&o);
    assert_true(o.n_alert >= 2); /* opened, and told again as it grew */
    assert_in_range(events_of(&o.alert[o.n_alert - 1]), 1, 3);
    org_done(&o);
}

/* A build of before did not note when it told whom: its open incidents are no news. */
static void what_an_older_build_told_is_not_told_at_once(void **state)
{
    (void)state;
    struct org o;
    org_start(&o, 5);
    for (unsigned i = 0; i < 2; i++) {
        org_add(&o, (struct org_event){ .t = COMPANY_NOW + i * 10 * KT_NS_MIN,
                                        .actor = "root",
                                        .kind = KT_ACTOR_ROOT,
                                        .action = KT_ACT_LIST,
                                        .source = "vault",
                                        .operation = "list",
                                        .native = "sys/policy",
                                        .ip = "198.51.100.7" });
        org_run(&o);
        uint32_t at = 0;
        struct kt_key key;
        while (kt_table_look(o.d->incidents, &at, &key) != NULL) {
            struct incident *in = kt_table_edit(o.d->incidents, key);
            in->told_by = in->told_members = 0;
            in->told_min = 0;
        }
    }
    assert_int_equal(o.n_alert, 1);
    assert_string_equal(o.alert[0].state, "open");
    org_done(&o);
}

/* Three reads of a night: the command begins before the first, not with the third. */
static void the_command_shows_what_was_counted(void **state)
{
    (void)state;
    struct org o;
    company_learned(&o);
    for (unsigned i = 0; i < 3; i++)
        org_add(&o, (struct org_event){ .t = COMPANY_NOW + 40 * KT_NS_HOUR + i * 10 * KT_NS_MIN,
                                        .actor = "person3@acme.example",
                                        .kind = KT_ACTOR_HUMAN,
                                        .ip = "198.51.100.7",
                                        .secret = org_text(&o, "vault://main/-/secret/x/%u", i) });
    org_run(&o);
    company_show(&o);
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
    company_show(&o);
    assert_int_equal(org_alerts(&o, 0, KT_SEV_MEDIUM), 1);
    org_done(&o);
}

/* Whatever its records say: other detectors judge it as an agent, too. */
static void a_configured_agent_is_one(void **state)
{
    (void)state;
    struct org o;
    org_start(&o, 8);
    assert_int_equal(org_configure(&o, "ai_agent", "{actors: [bot-*]}", &(struct kt_error){ 0 }),
                     KT_OK);
    org_add(&o, company_svc_read(ORG_START, "bot-7", "vault://main/-/secret/prod/db", "10.2.0.9"));
    org_run(&o);
    company_show(&o);
    assert_int_equal(o.n_alert, 1);
    assert_string_equal(o.alert[0].detector, "ai_agent");
    assert_non_null(strstr(o.alert[0].json, "\"actor_kind\":\"ai_agent\""));
    org_done(&o);
}

/* The update of an alert that says this in its title. */
static const struct org_alert *update_with(const struct org *o, const char *words)
{
    for (uint32_t i = 0; i < o->n_alert; i++) {
        if (!o->alert[i].is_new && strstr(o->alert[i].title, words) != NULL)
            return &o->alert[i];
    }
    return NULL;
}

static void rollout_of_a_program_is_one_alert_with_its_events(void **state)
{
    (void)state;
    struct org o;
    org_start(&o, 8);
    company_fleet(&o, 30);
    for (unsigned i = 0; i < 5; i++)
        org_add(&o, company_file_read(&o, ORG_START + 30 * KT_NS_DAY + i * KT_NS_HOUR, i, "root",
                                      "/usr/sbin/backupd"));
    org_run(&o);
    company_show(&o);
    assert_int_equal(org_alerts(&o, 0, KT_SEV_MEDIUM), 2); /* the second, merged into the first */
    const struct org_alert *all = update_with(&o, "3 hosts");
    assert_non_null(all);
    assert_non_null(strstr(all->json, "keytrail search 'user_agent:/usr/sbin/backupd'"));
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

/* A VPN that ends abroad, taken up by one after the other; each goes to and fro with the office. */
static void a_shared_way_out_is_no_travel(void **state)
{
    (void)state;
    struct org o;
    company_learned(&o);
    org_fact(&o, "103.21.1.1", "IN", 14061, "DigitalOcean", true);
    for (unsigned i = 0; i < 8; i++) {
        const char *who = org_text(&o, "person%u@acme.example", i);
        org_add(&o, company_at_work(COMPANY_NOW + i * KT_NS_HOUR, who, "198.51.100.7"));
        org_add(&o,
                company_at_work(COMPANY_NOW + i * KT_NS_HOUR + 10 * KT_NS_MIN, who, "103.21.1.1"));
    }
    org_run(&o);
    company_show(&o);
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
            org_add(&o, company_at_work(ORG_START + day * KT_NS_DAY + 12 * KT_NS_HOUR,
                                        "person3@acme.example", "103.21.1.1"));
        kt_time_ns t = ORG_START + 35 * KT_NS_DAY + 10 * KT_NS_HOUR;
        org_add(&o, company_at_work(t, "person3@acme.example", "198.51.100.7"));
        org_add(&o, company_at_work(t + 20 * KT_NS_MIN, "person3@acme.example", "139.59.1.1"));
        org_run(&o);
        company_show(&o);
        assert_int_equal(travels(&o) > 0, !with);
        org_done(&o);
    }
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
            org_add(&o, company_svc_read(t + i * KT_NS_S, "svc1",
                                         org_text(&o, "vault://main/-/secret/prod/other/%u", i),
                                         "65.108.3.3"));
    }
    org_run(&o);
    company_show(&o);
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
        org_add(&o, company_login(ORG_START + 18 * KT_NS_DAY + i * KT_NS_S,
                                  org_text(&o, "guess%u", i), "185.220.4.4", false));
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
        cmocka_unit_test(accounts_behind_one_alert_are_told),
        cmocka_unit_test(a_signature_that_comes_again_is_told),
        cmocka_unit_test(an_alert_names_a_record_once),
        cmocka_unit_test(what_an_older_build_told_is_not_told_at_once),
        cmocka_unit_test(first_day_mass_read_pages),
        cmocka_unit_test(a_configured_agent_is_one),
        cmocka_unit_test(a_fact_carries_the_place),
        cmocka_unit_test(a_shared_way_out_is_no_travel),
        cmocka_unit_test(a_habit_is_no_travel),
        cmocka_unit_test(rollout_of_a_program_is_one_alert_with_its_events),
        cmocka_unit_test(the_same_theft_twice_pages_twice),
        cmocka_unit_test(failed_logins_teach_nothing_and_evict_nobody),
        cmocka_unit_test(known_actors_cost_little),
    };
    return cmocka_run_group_tests_name("detect", tests, NULL, NULL);
}
