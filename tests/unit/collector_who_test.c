/* who: one person or role is one actor over all sources, as the file of identities says. */
#include "cli/fixture/org.h"
#include "core/base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DAYS 40u
#define NOW  (ORG_START + DAYS * KT_NS_DAY + 10 * KT_NS_HOUR) /* a Sunday; the day is nobody's */

static const char file[] =
    "identities:\n"
    "  - name: ana@acme.example\n"
    "    kind: human\n"
    "    team: payments\n"
    "    aliases: [ana@main, \"ana.smith@sso\", { actor: asmith@web*, source: auditd }]\n"
    "  - { name: deployer, kind: ci, aliases: [\"deploy-*@main\", deploy@111122223333] }\n";

/* The same person in four sources, and a job in two. */
static const struct {
    const char *actor, *source, *instance, *secret;
} places[] = {
    { "ana@main", "vault", "vault-prod", "vault://main/-/secret/team1/" },
    { "ana.smith@sso", "cloudtrail", "aws-main", "aws-sm://111122223333/eu/team1/" },
    { "Ana@acme.example", "onepassword", "acme", "op://ACME/team1/" },
    { "asmith@web1", "auditd", "web1", "file://web1/srv/.env" },
};

static void work(struct org *o)
{
    org_fact(o, "198.51.100.7", "DE", 3320, "Deutsche Telekom", false);
    org_fact(o, "65.108.3.3", "FI", 24940, "Hetzner", true);
    for (unsigned day = 0; day < DAYS; day++)
        for (unsigned i = 0; i < 8; i++) {
            unsigned at = i % (unsigned)KT_ARRAY_LEN(places);
            org_add(o, (struct org_event){ .t = ORG_START + (kt_time_ns)day * KT_NS_DAY +
                                                (8 + i) * KT_NS_HOUR + org_below(o, 3600) * KT_NS_S,
                                           .actor = places[at].actor,
                                           .source = places[at].source,
                                           .instance = places[at].instance,
                                           .secret = org_text(o, "%s%u", places[at].secret, i / 4),
                                           .kind = KT_ACTOR_HUMAN,
                                           .ip = "198.51.100.7",
                                           .user_agent = "Vault/1.15 (darwin arm64)" });
        }
}

static struct org_event stolen(unsigned minute, const char *actor, const char *source)
{
    return (struct org_event){ .t = NOW + minute * KT_NS_MIN,
                               .actor = actor,
                               .source = source,
                               .instance = source,
                               .kind = KT_ACTOR_HUMAN,
                               .secret = "aws-sm://111122223333/eu/prod/db",
                               .ip = "65.108.3.3",
                               .user_agent = "python-requests/2.31" };
}

static unsigned actors(const struct org *o)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };
    kt_detect_status(o->d, &b);
    const char *at = strstr(kt_buf_z(&b), "\"actors\":");
    return at != NULL ? (unsigned)strtoul(at + 9, NULL, 10) : 0;
}

static void one_person_over_four_sources_has_one_baseline(void **state)
{
    (void)state;
    for (int known = 0; known < 2; known++) {
        struct org o;
        org_start(&o, 5);
        if (known)
            assert_int_equal(org_identities(&o, kt_str_of(file), NULL), KT_OK);
        work(&o);
        org_run(&o);
        assert_int_equal(actors(&o), known ? 1 : 4);
        assert_int_equal(org_alerts(&o, 0, KT_SEV_MEDIUM), 0);
        org_add(&o, stolen(0, "ana.smith@sso", "cloudtrail"));
        org_add(&o, stolen(1, "ana@main", "vault"));
        org_run(&o);
        assert_int_equal(org_alerts(&o, 0, KT_SEV_MEDIUM), known ? 1 : 2);
        org_done(&o);
    }
}

static void the_alert_names_the_person_and_what_the_log_calls_it(void **state)
{
    (void)state;
    struct org o;
    org_start(&o, 5);
    assert_int_equal(org_identities(&o, kt_str_of(file), NULL), KT_OK);
    work(&o);
    org_add(&o, stolen(0, "ana.smith@sso", "cloudtrail"));
    org_add(&o, stolen(1, "ana@main", "vault"));
    org_run(&o);
    assert_int_equal(org_alerts(&o, 0, KT_SEV_MEDIUM), 1);
    const struct org_alert *a = org_alert_of(&o, 0, "ana@acme.example");
    assert_non_null(a);
    assert_string_equal(a->title, "ana@acme.example used AS24940 Hetzner (FI) for the first time.");
    assert_non_null(strstr(a->json, "\"actor_written\":\"ana.smith@sso\""));
    assert_non_null(strstr(a->json, "keytrail search 'actor:ana@acme.example "));
    org_done(&o);
}

/* What was known before the restart is known after it, and twice the same log is the same state. */
static void restarts_and_replays_change_nothing(void **state)
{
    (void)state;
    uint8_t digest[3][32];
    for (unsigned run = 0; run < 3; run++) {
        struct org o;
        org_start(&o, 5);
        o.restart_every = run == 1 ? 37 : 0;
        assert_int_equal(org_identities(&o, run < 2 ? kt_str_of(file) : KT_STR(""), NULL), KT_OK);
        work(&o);
        org_add(&o, stolen(0, "ana.smith@sso", "cloudtrail"));
        org_run(&o);
        kt_detect_digest(o.d, digest[run]);
        org_done(&o);
    }
    assert_memory_equal(digest[0], digest[1], 32);
    assert_memory_not_equal(digest[0], digest[2], 32);
}

/* A service that its source takes for a person is judged as what it is. */
static void kinds_of_the_file_win_over_the_sources(void **state)
{
    (void)state;
    struct org o;
    org_start(&o, 9);
    assert_int_equal(org_identities(&o, kt_str_of(file), NULL), KT_OK);
    org_fact(&o, "198.51.100.7", "DE", 3320, "Deutsche Telekom", false);
    for (unsigned day = 0; day < DAYS; day++)
        for (unsigned i = 0; i < 6; i++)
            org_add(&o, (struct org_event){ .t = ORG_START + (kt_time_ns)day * KT_NS_DAY +
                                                 (i * 4) * KT_NS_HOUR,
                                            .actor = i % 2 ? org_text(&o, "deploy-%u@main", day)
                                                           : "deploy@111122223333",
                                            .kind = i % 2 ? KT_ACTOR_HUMAN : KT_ACTOR_SERVICE,
                                            .secret = "vault://main/-/secret/prod/a",
                                            .ip = "198.51.100.7" });
    org_run(&o);
    assert_int_equal(actors(&o), 1);
    org_add(&o, (struct org_event){ .t = NOW,
                                    .actor = "deploy-7@main",
                                    .kind = KT_ACTOR_ROOT, /* what an event says of itself stays */
                                    .secret = "vault://main/-/secret/prod/a",
                                    .ip = "198.51.100.7" });
    org_run(&o);
    const struct org_alert *a = org_alert_of(&o, 0, "deployer");
    assert_non_null(a);
    assert_string_equal(a->detector, "signatures");
    assert_non_null(strstr(a->json, "\"actor_kind\":\"ci\""));
    org_done(&o);
}

/* The log says who is who, from the record on: a reload in the collector, and every replay. */
static void a_recorded_file_acts_from_its_record_on(void **state)
{
    (void)state;
    struct org o;
    org_start(&o, 9);
    const char *const raw[] = {
        "{\"what\":\"config\",\"digest\":\"a\",\"text\":\"identities_file: /w.yaml\\n\",\"files\":"
        "{\"/w.yaml\":\"identities: [{ name: ana, aliases: ['a*@main'] }]\\n\"}}",
        "{\"what\":\"config\",\"digest\":\"b\",\"text\":\"identities_file: /w.yaml\\n\",\"files\":"
        "{\"/w.yaml\":\"identities: [{ name: ana, aliases: ['b*@main'] }]\\n\"}}"
    };
    static const char *const names[] = { "a1@main", "a2@main", "a3@main", "b1@main", "b2@main" };
    for (unsigned i = 0; i < KT_ARRAY_LEN(names); i++) {
        if (i == 1 || i == 3)
            org_add(&o, (struct org_event){ .t = NOW + i * KT_NS_MIN - KT_NS_S,
                                            .record = KT_KIND_CONFIG,
                                            .operation = "config",
                                            .raw = raw[i / 2] });
        org_add(&o, (struct org_event){ .t = NOW + i * KT_NS_MIN,
                                        .actor = names[i],
                                        .kind = KT_ACTOR_HUMAN,
                                        .secret = "vault://main/-/secret/a" });
        org_run(&o);
        assert_int_equal(actors(&o), i == 0 ? 1 : 2); /* a1, then ana whatever she is called */
    }
    org_done(&o);
}

/* A last day holds from the record that says it to the one that moves it or takes it back. */
static void a_last_day_acts_while_the_recorded_file_has_it(void **state)
{
    (void)state;
    static const struct {
        const char *left; /* what a reload before says; NULL: none */
        unsigned told;
    } uses[] = { { NULL, 0 }, { ", left: 2026-10-01", 1 }, { NULL, 2 }, { ", left: 2026-11-30", 2 },
                 { "", 2 },   { ", left: 2026-10-09", 3 } };
    uint8_t digest[2][32];
    for (unsigned run = 0; run < 2; run++) { /* a restart at each record reads what was recorded */
        struct org o;
        org_start(&o, 9);
        o.restart_every = run;
        for (unsigned i = 0; i < KT_ARRAY_LEN(uses); i++) {
            kt_time_ns t = NOW + i * 4 * KT_NS_DAY; /* of one incident no two are */
            if (uses[i].left != NULL)
                org_add(&o,
                        (struct org_event){
                            .t = t - KT_NS_S,
                            .record = KT_KIND_CONFIG,
                            .operation = "config",
                            .raw = org_text(&o,
                                            "{\"what\":\"config\",\"digest\":\"%u\",\"text\":"
                                            "\"identities_file: /w.yaml\\n\",\"files\":{"
                                            "\"/w.yaml\":\"identities: [{ name: ana%s }]\\n\"}}",
                                            i, uses[i].left) });
            org_add(&o, (struct org_event){ .t = t,
                                            .actor = "ana",
                                            .kind = KT_ACTOR_HUMAN,
                                            .secret = "vault://main/-/secret/a" });
            org_run(&o);
            assert_int_equal(org_alerts(&o, 0, KT_SEV_MEDIUM), uses[i].told);
        }
        kt_detect_digest(o.d, digest[run]);
        org_done(&o);
    }
    assert_memory_equal(digest[0], digest[1], 32);
}

/* ---- days ---- */
static kt_time_ns at(const char *time)
{
    kt_time_ns t;
    struct kt_error err = { 0 };
    assert_int_equal(kt_time_parse(kt_str_of(time), &t, &err), KT_OK);
    return t;
}

/* Reads at half past midnight in Auckland, 40 days after work began: alerts, unless that date is a
 * holiday there. New Zealand sets its clocks forward on 2026-09-27. */
static unsigned night_alerts(const char *zone, const char *holiday)
{
    struct org o;
    const char *days[] = { holiday };
    org_start(&o, 3);
    assert_int_equal(
        org_identities(&o,
                       kt_str_of(org_text(&o,
                                          "identities: [{ name: kiri@acme.example, kind: human, "
                                          "time_zone: %s }]\n",
                                          zone)),
                       NULL),
        KT_OK);
    o.conf->holidays = (struct kt_strings){ .at = days, .n = 1 };
    for (unsigned day = 0; day < 60; day++) {
        kt_time_ns nine = ORG_START + (kt_time_ns)day * KT_NS_DAY - 3 * KT_NS_HOUR; /* 09:00 NZST */
        if (nine >= at("2026-09-26T14:00:00Z"))
            nine -= KT_NS_HOUR;
        for (unsigned i = 0; (day + 1) % 7 < 5 && i < 9; i++)
            org_add(&o, (struct org_event){ .t = nine + i * KT_NS_HOUR + 5 * KT_NS_MIN,
                                            .actor = "kiri@acme.example",
                                            .kind = KT_ACTOR_HUMAN,
                                            .secret = "vault://main/-/secret/prod/a" });
    }
    for (unsigned i = 0; i < 4; i++) /* Thursday 2026-10-29 00:30 there */
        org_add(&o, (struct org_event){ .t = at("2026-10-28T11:30:00Z") + i * KT_NS_MIN,
                                        .actor = "kiri@acme.example",
                                        .kind = KT_ACTOR_HUMAN,
                                        .secret = "vault://main/-/secret/prod/a" });
    org_run(&o);
    unsigned n = org_alerts(&o, 0, KT_SEV_MEDIUM);
    org_done(&o);
    return n;
}

static void a_day_begins_at_midnight_of_the_persons_zone(void **state)
{
    (void)state;
    assert_int_equal(night_alerts("Pacific/Auckland", "2026-10-28"), 1);
    assert_int_equal(night_alerts("Pacific/Auckland", "2026-10-29"), 0);
    assert_int_equal(night_alerts("UTC", "2026-10-28"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_person_over_four_sources_has_one_baseline),
        cmocka_unit_test(the_alert_names_the_person_and_what_the_log_calls_it),
        cmocka_unit_test(restarts_and_replays_change_nothing),
        cmocka_unit_test(kinds_of_the_file_win_over_the_sources),
        cmocka_unit_test(a_recorded_file_acts_from_its_record_on),
        cmocka_unit_test(a_last_day_acts_while_the_recorded_file_has_it),
        cmocka_unit_test(a_day_begins_at_midnight_of_the_persons_zone),
    };
    kt_hash_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
