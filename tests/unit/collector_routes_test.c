/* collector/routes: which targets, when and why; collector/quiet: when hours end. */
#include "collector/quiet.h"
#include "collector/routes.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/sys/fs.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* after the others */
#include <cmocka.h>

#define ROWS 32
#define HOUR KT_NS_HOUR
#define MIN  KT_NS_MIN

static char path[] = "/tmp/kt-routing-XXXXXX";

static int make_file(void **state)
{
    (void)state;
    kt_hash_init();
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int drop_file(void **state)
{
    (void)state;
    return unlink(path);
}

static struct kt_conf *conf_of(const char *routes)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    struct kt_conf *c = NULL;
    struct kt_error err = { 0 };
    kt_buf_addf(&text,
                "alerts:\n  targets: { a: { type: slack }, b: { type: slack }, c: { type: slack } "
                "}\n%s%s",
                routes[0] != '\0' ? "  routes:\n" : "", routes);
    assert_int_equal(kt_fs_write_atomic(path, kt_buf_str(&text), 0600, NULL), KT_OK);
    if (kt_conf_load(path, &c, &err) != KT_OK)
        fail_msg("%s", err.text);
    return c;
}

static kt_time_ns at(const char *text)
{
    kt_time_ns t;
    assert_int_equal(kt_time_parse(kt_str_of(text), &t, NULL), KT_OK);
    return t;
}

/* ---- a plan as a line of text: "a trigger +0m (1); b escalate:1 +15m (1)" ---- */

struct scene {
    struct kt_conf *conf;
    struct kt_routes *routes;
    struct kt_alert alert;
    struct kt_outbox_row rows[ROWS];
    struct kt_page page;
    kt_time_ns now;
    struct kt_buf said;
};

static struct scene scene_of(const char *routes, enum kt_severity severity)
{
    struct kt_error err = { 0 };
    struct scene s = { .conf = conf_of(routes), .now = at("2026-11-24T12:00:00Z") };
    if (kt_routes_new(s.conf, &s.routes, &err) != KT_OK)
        fail_msg("%s", err.text);
    s.alert = (struct kt_alert){ .severity = severity,
                                 .raised = s.now,
                                 .detector = "volume_spike",
                                 .state = "open",
                                 .actor = KT_STR("ana@acme.example"),
                                 .secret = KT_STR("vault://c/-/secret/prod/db"),
                                 .source = KT_STR("vault") };
    return s;
}

static void scene_done(struct scene *s)
{
    kt_buf_done(&s->said);
    kt_routes_free(s->routes);
    kt_conf_free(s->conf);
}

static void row(struct scene *s, const char *target, const char *action, const char *state,
                kt_time_ns created)
{
    struct kt_outbox_row *r = &s->rows[s->page.n_rows++];
    assert_true(s->page.n_rows <= ROWS);
    *r = (struct kt_outbox_row){ .created = created };
    kt_str_copyz(r->target, sizeof r->target, kt_str_of(target));
    kt_str_copyz(r->action, sizeof r->action, kt_str_of(action));
    kt_str_copyz(r->state, sizeof r->state, kt_str_of(state));
}

static const char *plan(struct scene *s)
{
    struct kt_plan p;
    const char *between = "";
    s->page.alert = &s->alert;
    s->page.rows = s->rows;
    kt_routes_plan(s->routes, &s->page, s->now, &p);
    kt_buf_reset(&s->said);
    for (unsigned i = 0; i < p.n; i++) {
        const struct kt_notice *n = &p.notice[i];
        kt_buf_addf(&s->said, "%s%s %s +%dm%s (%d)", between, n->target, n->action,
                    (int)((n->at - s->now) / MIN), n->quiet ? " quiet" : "", n->route + 1);
        between = "; ";
    }
    if (p.by_default)
        kt_buf_addz(&s->said, " [default]");
    kt_plan_done(&p);
    return kt_buf_z(&s->said);
}

#define PLAN(s, text) assert_string_equal(plan(&(s)), text)

static void without_routes_every_target_hears_of_medium_and_above(void **state)
{
    (void)state;
    struct scene s = scene_of("", KT_SEV_MEDIUM);
    PLAN(s, "a trigger +0m (0); b trigger +0m (0); c trigger +0m (0) [default]");
    s.alert.severity = KT_SEV_LOW;
    PLAN(s, "");
    s.alert.severity = KT_SEV_CRITICAL;
    row(&s, "b", "trigger", "sent", s.now);
    PLAN(s, "a trigger +0m (0); c trigger +0m (0) [default]");
    s.page.except = "c";
    PLAN(s, "a trigger +0m (0) [default]");
    s.page.answered = true;
    PLAN(s, " [default]");
    scene_done(&s);
}

static void the_first_route_that_fits_ends_the_search(void **state)
{
    (void)state;
    static const char routes[] = "    - { match: \"severity:critical\", to: [a, b] }\n"
                                 "    - { match: \"secret:prod/**\", to: b, continue: true }\n"
                                 "    - { match: \"actor:ana*\", to: [b, c] }\n"
                                 "    - { match: \"source:vault\", to: a }\n";
    struct scene s = scene_of(routes, KT_SEV_HIGH);
    PLAN(s, "b trigger +0m (2); c trigger +0m (3)");
    s.alert.severity = KT_SEV_CRITICAL;
    PLAN(s, "a trigger +0m (1); b trigger +0m (1)");
    s.alert.severity = KT_SEV_MEDIUM;
    s.alert.actor = KT_STR("bob");
    s.alert.secret = KT_STR("vault://c/-/secret/lab/db");
    PLAN(s, "a trigger +0m (4)");
    s.alert.source = KT_STR("aws");
    PLAN(s, "a trigger +0m (0); b trigger +0m (0); c trigger +0m (0) [default]");
    scene_done(&s);
}

static void below_medium_only_a_route_that_names_the_severity_speaks(void **state)
{
    (void)state;
    struct scene s = scene_of("    - { match: \"secret:prod/**\", to: a }\n"
                              "    - { match: \"severity:low,medium actor:ana*\", to: b }\n"
                              "    - { to: c }\n",
                              KT_SEV_LOW);
    KT_CLEANUP(kt_buf_done) struct kt_buf why = { 0 };
    PLAN(s, "b trigger +0m (2)");
    assert_true(kt_routes_refusal(s.routes, 0, &s.alert, &why));
    assert_string_equal(kt_buf_z(&why),
                        "not asked for severity:low, which is told only where it is");
    s.alert.severity = KT_SEV_INFO;
    PLAN(s, "");
    scene_done(&s);
}

static void repeats_and_escalations_count_from_what_was_told(void **state)
{
    (void)state;
    struct scene s = scene_of("    - to: a\n"
                              "      repeat: 30m\n"
                              "      escalate: [ { after: 15m, to: b }, { after: 1h, to: [b, c] } "
                              "]\n",
                              KT_SEV_HIGH);
    PLAN(s, "a trigger +0m (1)");
    row(&s, "a", "trigger", "sent", s.now);
    PLAN(s, "a repeat:1 +30m (1); b escalate:1 +15m (1); b escalate:2 +60m (1); "
            "c escalate:2 +60m (1)");
    s.now += 15 * MIN;
    row(&s, "b", "escalate:1", "wait", s.now);
    PLAN(s, "a repeat:1 +15m (1); b repeat:1 +30m (1); b escalate:2 +45m (1); "
            "c escalate:2 +45m (1)");
    s.now += 20 * MIN; /* late: once, now */
    PLAN(s, "a repeat:1 +0m (1); b repeat:1 +10m (1); b escalate:2 +25m (1); "
            "c escalate:2 +25m (1)");
    row(&s, "a", "repeat:1", "sent", s.now);
    PLAN(s, "a repeat:2 +30m (1); b repeat:1 +10m (1); b escalate:2 +25m (1); "
            "c escalate:2 +25m (1)");
    s.page.answered = true;
    PLAN(s, "");
    s.page.answered = false; /* opened again a day later: all counts from there */
    s.now += KT_NS_DAY;
    s.page.since = s.now;
    PLAN(s, "a repeat:2 +30m (1); b repeat:1 +30m (1); b escalate:1.2 +15m (1); "
            "b escalate:2 +60m (1); c escalate:2 +60m (1)");
    scene_done(&s);
}

static void what_nobody_answered_for_a_month_is_told_no_more(void **state)
{
    (void)state;
    struct scene s = scene_of("    - { to: a, repeat: 1d }\n", KT_SEV_HIGH);
    row(&s, "a", "trigger", "sent", s.now);
    s.now += 30 * KT_NS_DAY;
    PLAN(s, "a repeat:1 +0m (1)");
    s.now += MIN;
    PLAN(s, "");
    s.page.n_rows = 0; /* a route that is new */
    PLAN(s, "");
    s.alert.last = s.now; /* more of it */
    PLAN(s, "a trigger +0m (1)");
    scene_done(&s);
}

static void several_routes_tell_a_target_once(void **state)
{
    (void)state;
    struct scene s = scene_of("    - { to: a, repeat: 2h, continue: true }\n"
                              "    - { match: \"severity:high\", to: [a, b], repeat: 1h }\n",
                              KT_SEV_HIGH);
    PLAN(s, "a trigger +0m (1); b trigger +0m (2)");
    row(&s, "a", "trigger", "sent", s.now);
    row(&s, "b", "trigger", "sent", s.now);
    PLAN(s, "a repeat:1 +60m (2); b repeat:1 +60m (2)");
    scene_done(&s);
}

static void the_fallback_hears_when_none_of_the_first_takes_it(void **state)
{
    (void)state;
    static const char *const broken[] = { "a", "b" };
    struct scene s = scene_of("    - { to: [a, b], fallback: c }\n", KT_SEV_HIGH);
    s.page.broken = broken;
    s.page.n_broken = 2;
    PLAN(s, "a trigger +0m (1); b trigger +0m (1)"); /* their rows come first */
    row(&s, "a", "trigger", "wait", s.now);
    row(&s, "b", "trigger", "dead", s.now);
    s.page.n_broken = 0;
    PLAN(s, "");
    s.page.n_broken = 1;
    PLAN(s, "c trigger:fallback +0m (1)");
    row(&s, "c", "trigger:fallback", "wait", s.now);
    PLAN(s, "");
    scene_done(&s);
    s = scene_of("    - { to: a, fallback: c }\n", KT_SEV_HIGH); /* about a itself */
    s.page.except = "a";
    PLAN(s, "c trigger:fallback +0m (1)");
    scene_done(&s);
    s = scene_of("    - { to: a }\n", KT_SEV_HIGH);
    s.page.except = "a";
    PLAN(s, "b trigger +0m (0); c trigger +0m (0) [default]");
    scene_done(&s);
}

static void quiet_hours_put_off_what_is_not_excepted(void **state)
{
    (void)state;
    struct scene s = scene_of("    - to: a\n"
                              "      repeat: 1h\n"
                              "      escalate: [ { after: 10m, to: b } ]\n"
                              "      quiet: { hours: \"22:00-07:00\", zone: Europe/Berlin, except: "
                              "\"severity:critical\" }\n",
                              KT_SEV_HIGH);
    s.now = at("2026-11-24T21:30:00Z"); /* 22:30 in Berlin */
    PLAN(s, "a trigger +510m quiet (1)");
    row(&s, "a", "trigger", KT_OUTBOX_HELD, s.now);
    PLAN(s, "a trigger +510m quiet (1)"); /* nobody was told: nothing escalates */
    s.alert.severity = KT_SEV_CRITICAL;
    PLAN(s, "a trigger +0m (1)");
    s.alert.severity = KT_SEV_HIGH;
    s.now = at("2026-11-25T06:00:00Z");
    PLAN(s, "a trigger +0m (1)");
    s.page.n_rows = 0;
    row(&s, "a", "trigger", "sent", at("2026-11-24T20:55:00Z")); /* 21:55 */
    s.now = at("2026-11-24T20:56:00Z");
    PLAN(s, "a repeat:1 +544m quiet (1); b escalate:1 +544m quiet (1)");
    scene_done(&s);
}

static void refusals_name_the_first_term_that_fails(void **state)
{
    (void)state;
    struct scene s =
        scene_of("    - { match: \"severity:high,critical secret:lab/** -actor:ana*\", to: a }\n"
                 "    - { match: \"-actor:ana* severity:high\", to: a }\n"
                 "    - { match: \"detector:x OR (source:aws country:DE)\", to: a }\n"
                 "    - { match: \"severity:high\", to: a }\n",
                 KT_SEV_HIGH);
    static const char *const why[] = { "not secret:lab/**", "not -actor:ana*",
                                       "not (detector:x OR (source:aws country:DE))" };
    for (unsigned i = 0; i < KT_ARRAY_LEN(why); i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf said = { 0 };
        assert_true(kt_routes_refusal(s.routes, i, &s.alert, &said));
        assert_string_equal(kt_buf_z(&said), why[i]);
    }
    assert_false(kt_routes_refusal(s.routes, 3, &s.alert, NULL));
    scene_done(&s);
}

static void gaps_are_severities_that_no_route_takes_for_sure(void **state)
{
    (void)state;
    static const struct {
        const char *routes, *gaps;
    } cases[] = {
        { "", "" },
        { "    - { to: a }\n", "" },
        { "    - { match: \"severity:high,critical\", to: a }\n", "medium" },
        { "    - { match: \"severity:high,critical\", to: a }\n    - { match: \"severity:medium\", "
          "to: b }\n",
          "" },
        { "    - { match: \"secret:prod/**\", to: a }\n", "medium, high, critical" },
        { "    - { match: \"severity:critical -secret:prod/**\", to: a }\n",
          "medium, high, critical" },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        struct scene s = scene_of(cases[i].routes, KT_SEV_HIGH);
        kt_routes_gaps(s.routes, &s.said);
        assert_string_equal(kt_buf_z(&s.said), cases[i].gaps);
        scene_done(&s);
    }
}

static void what_cannot_be_compiled_is_named_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *routes, *error;
    } cases[] = {
        { "    - { match: \"severty:high\", to: a }\n", ":4:16: 'match': " },
        { "    - { match: \"severity:hihg\", to: a }\n", ":4:16: 'match': " },
        { "    - { match: \"(severity:high\", to: a }\n", ":4:16: 'match': " },
        { "    - { to: a, quiet: { hours: \"22:00-07:00\", zone: Europe/Belin } }\n",
          ":4:53: 'zone': there is no time zone 'Europe/Belin'" },
        { "    - { to: a, quiet: { hours: \"22:00-07:00\", zone: \"../etc/passwd\" } }\n",
          "'zone': '../etc/passwd' is no name" },
        { "    - { to: a, quiet: { hours: \"22:00-07:00\", except: \"seventy:high\" } }\n",
          "'except': " },
        { "    - { to: a, quiet: { hours: \"00:00-24:00\" } }\n", "these hours fill the week" },
        { "    - { to: a, quiet: [ { hours: \"00:00-12:00\" }, { hours: \"11:00-24:00\" } ] }\n",
          "these hours fill the week" },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        struct kt_conf *c = conf_of(cases[i].routes);
        struct kt_routes *r = NULL;
        struct kt_error err = { 0 };
        if (kt_routes_new(c, &r, &err) != KT_E_CONFIG)
            fail_msg("case %zu is taken", i);
        if (strstr(err.text, cases[i].error) == NULL)
            fail_msg("case %zu: %s", i, err.text);
        kt_conf_free(c);
    }
}

/* ---- ends of hours ---- */

/* The definition: minute by minute, on the clock on the wall. */
static bool is_quiet(const struct kt_conf_quiet *q, const struct kt_zone *z, kt_time_ns t)
{
    kt_time_ns wall = t + kt_zone_offset_s(z, t) * KT_NS_S;
    struct kt_civil c = kt_time_civil(wall);
    int minute = c.hour * 60 + c.minute;
    bool starts = (q->days >> c.weekday & 1) != 0,
         went_on = (q->days >> ((c.weekday + 6) % 7) & 1) != 0;
    if (q->until_min > q->from_min)
        return starts && minute >= q->from_min && minute < q->until_min;
    return (starts && minute >= q->from_min) || (went_on && minute < q->until_min);
}

static void ends_agree_with_a_walk_through_the_year(void **state)
{
    (void)state;
    static const struct kt_conf_quiet cases[] = {
        { 22 * 60, 7 * 60, 0x7f, "Europe/Berlin", NULL, NULL },
        { 22 * 60, 2 * 60 + 30, 0x7f, "Europe/Berlin", NULL, NULL },
        { 2 * 60 + 30, 4 * 60, 0x7f, "Europe/Berlin", NULL, NULL },
        { 0, 1440, 1 << 5 | 1 << 6, "America/New_York", NULL, NULL },
        { 18 * 60, 9 * 60, 0x1f, "America/New_York", NULL, NULL },
        { 1 * 60 + 45, 2 * 60 + 15, 0x7f, "Australia/Lord_Howe", NULL, NULL },
        { 23 * 60, 22 * 60 + 59, 0x7f, "Asia/Kolkata", NULL, NULL },
        { 12 * 60, 13 * 60, 1 << 2, "UTC", NULL, NULL },
    };
    const kt_time_ns from = at("2026-01-01T00:00:00Z"), until = at("2027-01-02T00:00:00Z");
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        struct kt_quiet q;
        assert_int_equal(kt_quiet_of(&cases[i], &q, NULL), KT_OK);
        kt_time_ns end = until; /* backwards: the first minute from t on that is free */
        for (kt_time_ns t = until; t >= from; t -= MIN) {
            if (!is_quiet(&cases[i], &q.zone, t))
                end = t;
            if (end == until || t > until - 8 * KT_NS_DAY)
                continue;
            if (kt_quiet_until(&q, t) != end) {
                char a[KT_TIME_TEXT_MAX], b[KT_TIME_TEXT_MAX], c[KT_TIME_TEXT_MAX];
                fail_msg("case %zu at %s: %s, not %s", i, kt_time_format_short(t, a),
                         kt_time_format_short(kt_quiet_until(&q, t), b),
                         kt_time_format_short(end, c));
            }
        }
    }
}

static void nights_and_weekends_join(void **state)
{
    (void)state;
    struct kt_conf *c = conf_of("    - to: a\n"
                                "      quiet: [ { hours: \"22:00-07:00\" }, { hours: "
                                "\"00:00-24:00\", days: [sat, sun] } ]\n");
    struct kt_routes *r = NULL;
    assert_int_equal(kt_routes_new(c, &r, NULL), KT_OK);
    assert_true(kt_routes_quiet_until(r, 0, NULL, at("2026-11-27T23:00:00Z")) ==
                at("2026-11-30T07:00:00Z")); /* Friday night to Monday morning */
    assert_true(kt_routes_quiet_until(r, 0, NULL, at("2026-11-30T07:00:00Z")) ==
                at("2026-11-30T07:00:00Z"));
    kt_routes_free(r);
    kt_conf_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_routes_every_target_hears_of_medium_and_above),
        cmocka_unit_test(the_first_route_that_fits_ends_the_search),
        cmocka_unit_test(below_medium_only_a_route_that_names_the_severity_speaks),
        cmocka_unit_test(repeats_and_escalations_count_from_what_was_told),
        cmocka_unit_test(what_nobody_answered_for_a_month_is_told_no_more),
        cmocka_unit_test(several_routes_tell_a_target_once),
        cmocka_unit_test(the_fallback_hears_when_none_of_the_first_takes_it),
        cmocka_unit_test(quiet_hours_put_off_what_is_not_excepted),
        cmocka_unit_test(refusals_name_the_first_term_that_fails),
        cmocka_unit_test(gaps_are_severities_that_no_route_takes_for_sure),
        cmocka_unit_test(what_cannot_be_compiled_is_named_with_its_place),
        cmocka_unit_test(ends_agree_with_a_walk_through_the_year),
        cmocka_unit_test(nights_and_weekends_join),
    };
    return cmocka_run_group_tests_name("collector_routes", tests, make_file, drop_file);
}
