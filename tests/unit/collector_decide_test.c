/* detect_decide: a verdict acts from its place in the log on, and nowhere else. */
#include "collector/detect_state.h"
#include "tests/support/decided.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

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
    org_company(o, 6, 6, DECIDED_DAYS);
    org_fact(o, "65.108.3.3", "FI", 24940, "Hetzner", true);
    decided_reads(o, DECIDED_NOW, "svc1", x->n, x->ip);
}

static void id_of(const struct org *o, const char *actor, char ret_id[27])
{
    const struct org_alert *a = org_alert_of(o, 0, actor);
    assert_non_null(a);
    memcpy(ret_id, a->id, sizeof a->id);
}

/* The id follows from the key and the event: a run of its own tells it beforehand, one for all that
 * begin alike. */
static const char *first_id(const struct twice *x)
{
    static struct {
        struct twice of;
        char id[27];
    } known[4];
    unsigned i = 0;
    while (known[i].id[0] != '\0' && (strcmp(known[i].of.ip, x->ip) != 0 || known[i].of.n != x->n ||
                                      known[i].of.volume_alone != x->volume_alone))
        assert_true(++i < KT_ARRAY_LEN(known));
    if (known[i].id[0] == '\0') {
        struct org o;
        first_time(&o, x);
        org_run(&o);
        id_of(&o, "svc1", known[i].id);
        known[i].of = *x;
        org_done(&o);
    }
    return known[i].id;
}

static unsigned twice(struct twice x, uint8_t digest[32])
{
    struct org o;
    first_time(&o, &x);
    o.restart_every = x.restart_every;
    if (x.verdict != NULL)
        org_decide(&o, DECIDED_NOW + x.judged * KT_NS_DAY + KT_NS_HOUR, "verdict",
                   org_text(&o, "{\"id\":\"%s\",\"verdict\":\"%s\",\"by\":\"alice\"}", first_id(&x),
                            x.verdict));
    decided_reads(&o, DECIDED_NOW + x.again * KT_NS_DAY, "svc1", x.n, x.ip);
    org_run(&o);
    decided_show(&o);
    unsigned n = decided_pages(&o);
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
static unsigned burst_twice(const char *verdict, unsigned day)
{
    return twice((struct twice){ .verdict = verdict,
                                 .judged = 3,
                                 .again = day,
                                 .ip = "18.192.4.4",
                                 .n = 143,
                                 .volume_alone = true },
                 NULL);
}

static void what_was_held_back_is_counted_after_all(void **state)
{
    (void)state;
    assert_int_equal(burst_twice(NULL, 6), 1); /* the same secrets: told within a fortnight */
    assert_int_equal(burst_twice(NULL, 20), 2);
    assert_int_equal(burst_twice("true", 6), 2);
    assert_int_equal(burst_twice("false", 6), 1);
    assert_int_equal(burst_twice("false", 20), 1);
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

/* A network that is rented, with its owner at home in between. */
static void away_and_home(struct org *o, kt_time_ns t)
{
    static const char *const ip[] = { "65.108.3.3", "198.51.100.7", "65.108.3.3" };
    for (unsigned i = 0; i < KT_ARRAY_LEN(ip); i++)
        org_add(o, (struct org_event){ .t = t + i * 30 * KT_NS_MIN,
                                       .actor = "person1@acme.example",
                                       .kind = KT_ACTOR_HUMAN,
                                       .secret = "vault://main/-/secret/team1/1",
                                       .user_agent = "Vault/1.15 (darwin arm64)",
                                       .ip = ip[i] });
}

static void three_days_away(struct org *o)
{
    org_start(o, 9);
    org_company(o, 6, 6, DECIDED_DAYS);
    org_fact(o, "65.108.3.3", "US", 24940, "Hetzner", true);
    for (unsigned day = 0; day < 3; day++)
        away_and_home(o, DECIDED_NOW + day * KT_NS_DAY);
}

static const char *away_id(void)
{
    static char id[27];
    if (id[0] == '\0') {
        struct org o;
        three_days_away(&o);
        org_run(&o);
        id_of(&o, "person1@acme.example", id);
        org_done(&o);
    }
    return id;
}

static unsigned judged_away(const char *verdict, unsigned hours, uint64_t restart_every,
                            uint8_t digest[32])
{
    struct org o;
    three_days_away(&o);
    o.restart_every = restart_every;
    if (verdict != NULL)
        org_decide(
            &o, DECIDED_NOW + hours * KT_NS_HOUR, "verdict",
            org_text(&o, "{\"id\":\"%s\",\"verdict\":\"%s\",\"by\":\"bob\"}", away_id(), verdict));
    org_run(&o);
    decided_show(&o);
    unsigned n = decided_pages(&o);
    kt_detect_digest(o.d, digest);
    org_done(&o);
    return n;
}

static unsigned days_away(const char *verdict, uint64_t restart_every, uint8_t digest[32])
{
    return judged_away(verdict, 12, restart_every, digest);
}

static void the_same_on_the_next_days_is_told_once_until_somebody_judges(void **state)
{
    (void)state;
    uint8_t a[32], b[32];
    assert_int_equal(days_away(NULL, 0, a), 1);
    assert_int_equal(days_away(NULL, 500, b), 1);
    assert_memory_equal(a, b, sizeof a);
    assert_int_equal(days_away("true", 0, a), 2); /* the second day is another theft */
    assert_int_equal(days_away("expected", 0, a), 1);
}

/* Who follows the alert's command sees what it says. */
static void the_command_finds_the_newest_of_the_same(void **state)
{
    (void)state;
    struct org o;
    char until[KT_TIME_TEXT_MAX], words[80];
    three_days_away(&o);
    org_run(&o);
    const struct org_alert *a = &o.alert[o.n_alert - 1];
    kt_time_format(DECIDED_NOW + 2 * KT_NS_DAY, until);
    (void)snprintf(words, sizeof words, "--until %.10sT", until);
    assert_non_null(strstr(a->json, "The same came again 2 times"));
    assert_non_null(strstr(a->json, words));
    assert_non_null(strstr(a->json, "'actor:person1@acme.example ip:65.108.3.3' --since"));
    org_done(&o);
}

/* The second day is part of the first one's alert, and so is what it holds back. */
static void a_verdict_judges_the_days_that_it_came_again(void **state)
{
    (void)state;
    uint8_t a[32];
    assert_int_equal(judged_away("expected", 36, 0, a), 1);
    assert_int_equal(judged_away("true", 36, 0, a), 2);
}

/* Is the second day of three the first one again, if the network counts so many points more? */
static bool is_again_with(int more)
{
    struct org o;
    three_days_away(&o);
    org_run(&o);
    uint32_t at = 0;
    struct kt_key key;
    const struct incident *x;
    struct incident *told = NULL, in;
    while ((x = kt_table_look(o.d->incidents, &at, &key)) != NULL) {
        if (x->again_n > 0)
            told = kt_table_get(o.d->incidents, key);
    }
    assert_non_null(told);
    in = *told;
    in.told_before = told->serial;
    in.severity = -1;
    for (unsigned i = 0; i < INCIDENT_PARTS; i++)
        in.part[i].points += in.part[i].set && in.part[i].family == KT_FAMILY_NETWORK ? more : 0;
    const struct kt_event ev = { .native_id = KT_STR("x") };
    struct kt_scene s = { .ev = &ev, .t = told->last, .minute = told->told_min };
    bool is_again = kt_detect_again(o.d, &s, &in);
    org_done(&o);
    return is_again;
}

static void more_points_for_the_network_are_told_anew(void **state)
{
    (void)state;
    assert_true(is_again_with(-1));
    assert_true(is_again_with(0));
    assert_false(is_again_with(1));
}

/* The verdict comes while the second day's session, which was made part of that alert, goes on. */
static unsigned judged_amid_the_second_day(const char *verdict, const char *secret)
{
    struct org o;
    three_days_away(&o);
    if (verdict != NULL)
        org_decide(
            &o, DECIDED_NOW + KT_NS_DAY + 70 * KT_NS_MIN, "verdict",
            org_text(&o, "{\"id\":\"%s\",\"verdict\":\"%s\",\"by\":\"bob\"}", away_id(), verdict));
    org_add(&o, (struct org_event){ .t = DECIDED_NOW + KT_NS_DAY + 80 * KT_NS_MIN,
                                    .actor = "person1@acme.example",
                                    .kind = KT_ACTOR_HUMAN,
                                    .secret = secret,
                                    .user_agent = "Vault/1.15 (darwin arm64)",
                                    .ip = "65.108.3.3" });
    org_run(&o);
    decided_show(&o);
    unsigned n = decided_pages(&o);
    org_done(&o);
    return n;
}

static void a_session_that_goes_on_is_dismissed_with_its_alert(void **state)
{
    (void)state;
    static const char own[] = "vault://main/-/secret/team1/1",
                      prod[] = "vault://main/-/secret/prod/x";
    assert_int_equal(judged_amid_the_second_day(NULL, own), 1);
    assert_int_equal(judged_amid_the_second_day("expected", own), 1);
    assert_int_equal(judged_amid_the_second_day("false", own), 1);
    assert_int_equal(judged_amid_the_second_day("false", prod), 2); /* nobody was told of that */
    assert_int_equal(judged_amid_the_second_day("true", own), 3); /* the third day is one as well */
}

/* ---- what goes on after a verdict ---- */
/* There and back on two days with a week-end between, which is told, and on the next one. */
static void two_countries(struct org *o)
{
    static const struct {
        unsigned hour;
        const char *ip;
    } use[] = { { 0, "198.51.100.7" },  { 4, "95.24.9.9" },   { 8, "198.51.100.7" },
                { 72, "198.51.100.7" }, { 76, "95.24.9.9" },  { 80, "198.51.100.7" },
                { 96, "198.51.100.7" }, { 100, "95.24.9.9" }, { 104, "198.51.100.7" } };
    decided_start(o);
    org_fact(o, "95.24.9.9", "RU", 12389, "Rostelecom", false);
    org_place(o, 5575, 3762, 100);
    for (unsigned i = 0; i < KT_ARRAY_LEN(use); i++)
        org_add(o, (struct org_event){ .t = DECIDED_NOW + use[i].hour * KT_NS_HOUR,
                                       .actor = "person3@acme.example",
                                       .kind = KT_ACTOR_HUMAN,
                                       .secret = "vault://main/-/secret/staging/app3/1",
                                       .user_agent = "Vault/1.15 (darwin arm64)",
                                       .ip = use[i].ip });
}

static void a_new_secret(struct org *o, kt_time_ns t, unsigned i)
{
    org_add(o, (struct org_event){ .t = t,
                                   .actor = "person1@acme.example",
                                   .kind = KT_ACTOR_HUMAN,
                                   .secret = org_text(o, "vault://main/-/kv/x%u/%u", i, i),
                                   .user_agent = "Vault/1.15 (darwin arm64)",
                                   .ip = "198.51.100.7" });
}

/* More new secrets than a person takes up in a week, and one more on each day after. */
static void a_new_area(struct org *o)
{
    decided_start(o);
    for (unsigned i = 0; i < 24; i++)
        a_new_secret(o, DECIDED_NOW + i * KT_NS_MIN, i);
    for (unsigned i = 0; i < 6; i++)
        a_new_secret(o, DECIDED_NOW + (i + 2) * KT_NS_DAY, 24 + i);
}

/* Pages of a story whose first alert is judged so long after DECIDED_NOW. */
static unsigned judged_story(void (*story)(struct org *o), kt_time_ns after, const char *verdict)
{
    struct org o, first;
    story(&first);
    org_run(&first);
    assert_true(first.n_alert > 0);
    story(&o);
    if (verdict != NULL)
        org_decide(&o, DECIDED_NOW + after, "verdict",
                   org_text(&o, "{\"id\":\"%s\",\"verdict\":\"%s\",\"by\":\"bob\"}",
                            first.alert[0].id, verdict));
    org_run(&o);
    decided_show(&o);
    unsigned n = decided_pages(&o);
    org_done(&o);
    org_done(&first);
    return n;
}

static void what_was_dismissed_is_not_told_again_while_it_goes_on(void **state)
{
    (void)state;
    static const char *const verdicts[] = { NULL, "false", "expected" };
    for (unsigned i = 0; i < KT_ARRAY_LEN(verdicts); i++) {
        assert_int_equal(judged_story(two_countries, 90 * KT_NS_HOUR, verdicts[i]), 1);
        assert_int_equal(judged_story(a_new_area, 2 * KT_NS_HOUR, verdicts[i]), 1);
        assert_int_equal(judged_story(a_new_area, 40 * KT_NS_HOUR, verdicts[i]), 1);
    }
}

static void one_an_hour(struct org *o, kt_time_ns t)
{
    for (unsigned i = 0; i < 6; i++)
        decided_reads_one(o, t + i * KT_NS_HOUR, "svc1", i, "18.192.4.4");
}

static unsigned hourly_twice(const char *verdict)
{
    struct org o, first;
    decided_start(&first);
    one_an_hour(&first, DECIDED_NOW);
    org_run(&first);
    const struct org_alert *a = org_alert_of(&first, 0, "svc1");
    assert_non_null(a);
    decided_start(&o);
    one_an_hour(&o, DECIDED_NOW);
    org_decide(&o, DECIDED_NOW + KT_NS_DAY, "verdict",
               org_text(&o, "{\"id\":\"%s\",\"verdict\":\"%s\",\"by\":\"bob\"}", a->id, verdict));
    one_an_hour(&o, DECIDED_NOW + 3 * KT_NS_DAY);
    org_run(&o);
    decided_show(&o);
    unsigned n = decided_pages(&o);
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
    decided_start(&first);
    curiosity(&first, DECIDED_NOW, "a");
    org_run(&first);
    const struct org_alert *a = org_alert_of(&first, 0, "person1@acme.example");
    assert_non_null(a);
    decided_start(&o);
    curiosity(&o, DECIDED_NOW, "a");
    if (verdict != NULL)
        org_decide(
            &o, DECIDED_NOW + 14 * KT_NS_DAY, "verdict",
            org_text(&o, "{\"id\":\"%s\",\"verdict\":\"%s\",\"by\":\"bob\"}", a->id, verdict));
    curiosity(&o, DECIDED_NOW + 16 * KT_NS_DAY, "b");
    org_run(&o);
    decided_show(&o);
    kt_time_ns second = DECIDED_NOW + 16 * KT_NS_DAY;
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
    decided_start(&o);
    org_decide(&o, DECIDED_NOW, "verdict",
               "{\"id\":\"00000000000000000000000001\",\"verdict\":\"true\",\"by\":\"alice\"}");
    org_run(&o);
    kt_detect_status(o.d, &text);
    assert_non_null(strstr(kt_buf_z(&text), "\"verdicts\":1,\"verdicts_too_late\":1"));
    org_done(&o);
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
    decided_start(o);
    for (unsigned i = 1; i <= 80; i++) {
        look(o, DECIDED_NOW + 20 * KT_NS_DAY - i * 12 * KT_NS_HOUR, "svc-app", "web-1",
             "/opt/app/server");
        look(o, DECIDED_NOW + 20 * KT_NS_DAY - i * 12 * KT_NS_HOUR, "svc-app", "pay-1",
             "/opt/app/server");
        if (i <= 30)
            look(o, DECIDED_NOW - i * KT_NS_DAY, "bob@web-1", "web-1", "/usr/bin/cat");
    }
    look(o, DECIDED_NOW + KT_NS_HOUR, "alice@web-1", "web-1", "/usr/bin/cat");
}

static void an_announced_look_excuses_no_later_one(void **state)
{
    (void)state;
    struct org o;
    three_servers(&o);
    decided_expectation(&o, "\"actor\":\"alice@web-1\"");
    look(&o, DECIDED_NOW + 5 * KT_NS_DAY, "alice@pay-1", "pay-1", "/usr/bin/cat");
    org_run(&o);
    decided_show(&o);
    assert_int_equal(decided_quiet_ones(&o), 1);
    assert_int_equal(decided_pages(&o), 1);
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
            &o, DECIDED_NOW + 2 * KT_NS_HOUR, "verdict",
            org_text(&o, "{\"id\":\"%s\",\"verdict\":\"%s\",\"by\":\"bob\"}", a->id, verdict));
    look(&o, DECIDED_NOW + 3 * KT_NS_DAY, "alice@web-1", "web-1", "/usr/bin/cat");
    look(&o, DECIDED_NOW + 19 * KT_NS_DAY, "alice@pay-1", "pay-1", "/usr/bin/cat");
    org_run(&o);
    decided_show(&o);
    unsigned n = decided_pages(&o);
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

/* ---- two at once ---- */
/* Announced reads of a service from where it always is, and a theft by its name in the middle. */
static void theft_amid_work(struct org *o)
{
    decided_start(o);
    decided_expectation(o, "\"actor\":\"svc1\",\"secret\":\"prod/other/*\"");
    decided_reads(o, DECIDED_NOW, "svc1", 60, "18.192.4.4");
    decided_reads(o, DECIDED_NOW + 20 * KT_NS_MIN, "svc1", 60, "65.108.3.3");
    decided_reads(o, DECIDED_NOW + 40 * KT_NS_MIN, "svc1", 60, "18.192.4.4");
}

static void a_verdict_on_work_says_nothing_of_a_theft_in_it(void **state)
{
    (void)state;
    static const char *const thefts[] = { NULL, "true" };
    struct org first;
    const char *quiet = NULL, *theft = NULL;
    theft_amid_work(&first);
    org_run(&first);
    decided_show(&first);
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
            org_decide(&o, DECIDED_NOW + 2 * KT_NS_DAY, "verdict",
                       org_text(&o, "{\"id\":\"%s\",\"verdict\":\"true\",\"by\":\"bob\"}", theft));
        org_decide(&o, DECIDED_NOW + 3 * KT_NS_DAY, "verdict",
                   org_text(&o, "{\"id\":\"%s\",\"verdict\":\"expected\",\"by\":\"bob\"}", quiet));
        decided_reads(&o, DECIDED_NOW + 20 * KT_NS_DAY, "svc1", 60, "65.108.3.3");
        org_run(&o);
        decided_show(&o);
        assert_int_equal(decided_pages(&o), 2);
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
        cmocka_unit_test(the_same_on_the_next_days_is_told_once_until_somebody_judges),
        cmocka_unit_test(the_command_finds_the_newest_of_the_same),
        cmocka_unit_test(a_verdict_judges_the_days_that_it_came_again),
        cmocka_unit_test(more_points_for_the_network_are_told_anew),
        cmocka_unit_test(a_session_that_goes_on_is_dismissed_with_its_alert),
        cmocka_unit_test(what_was_dismissed_is_not_told_again_while_it_goes_on),
        cmocka_unit_test(a_verdict_judges_what_came_before_the_alert),
        cmocka_unit_test(new_secrets_of_a_closed_day_still_count),
        cmocka_unit_test(a_verdict_that_comes_too_late_is_counted),
        cmocka_unit_test(an_announced_look_excuses_no_later_one),
        cmocka_unit_test(a_look_that_was_dismissed_is_an_administrators),
        cmocka_unit_test(a_verdict_on_work_says_nothing_of_a_theft_in_it),
    };
    return cmocka_run_group_tests_name("decide", tests, NULL, NULL);
}
