/* core/config: alerts.routes of keytrail.yaml. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/hash.h"
#include "core/config/config.h"
#include "core/sys/fs.h"

#define TARGETS                                                                                    \
    "  targets: { slack: { type: slack }, pagerduty: { type: pagerduty }, siem: { type: webhook "  \
    "} "                                                                                           \
    "}\n"

static char path[] = "/tmp/kt-routes-XXXXXX";

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

static enum kt_status load(const char *routes, struct kt_conf **ret, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    kt_buf_addf(&text, "alerts:\n" TARGETS "  routes:\n%s", routes);
    assert_int_equal(kt_fs_write_atomic(path, kt_buf_str(&text), 0600, NULL), KT_OK);
    return kt_conf_load(path, ret, err);
}

static struct kt_conf *loaded(const char *routes)
{
    struct kt_conf *c = NULL;
    struct kt_error err = { 0 };
    if (load(routes, &c, &err) != KT_OK)
        fail_msg("%s", err.text);
    return c;
}

static const char whole[] =
    "    - match: \"severity:high,critical\"\n"
    "      to: [pagerduty, slack]\n"
    "      repeat: 30m\n"
    "      escalate:\n"
    "        - { after: 15m, to: siem }\n"
    "        - { after: 1h, to: [siem, slack] }\n"
    "      quiet: { hours: \"22:00-07:00\", days: [mon, Fri], zone: Europe/Berlin, except: "
    "\"severity:critical\" }\n"
    "      fallback: siem\n"
    "      continue: true\n"
    "    - to: slack\n"
    "      quiet: [ { hours: \"00:00-24:00\", days: sun }, { hours: \"22:00-07:00\" } ]\n";

static void every_key_of_a_route_is_read(void **state)
{
    (void)state;
    struct kt_conf *c = loaded(whole);
    assert_int_equal(c->not_used_yet.n, 0);
    assert_int_equal(c->n_routes, 2);
    const struct kt_conf_route *r = &c->routes[0];
    assert_string_equal(r->match, "severity:high,critical");
    assert_int_equal(r->to.n, 2);
    assert_true(r->repeat == 30 * KT_NS_MIN && r->go_on);
    assert_string_equal(r->fallback.at[0], "siem");
    assert_int_equal(r->n_escalate, 2);
    assert_true(r->escalate[1].after == KT_NS_HOUR);
    assert_string_equal(r->escalate[1].to.at[1], "slack");
    assert_int_equal(r->quiet[0].from_min, 22 * 60);
    assert_int_equal(r->quiet[0].until_min, 7 * 60);
    assert_int_equal(r->quiet[0].days, 1 | 1 << 4);
    assert_string_equal(r->quiet[0].zone, "Europe/Berlin");
    assert_string_equal(r->quiet[0].except, "severity:critical");
    assert_null(c->routes[1].match);
    assert_int_equal(c->routes[1].n_quiet, 2);
    assert_int_equal(c->routes[1].quiet[0].days, 1 << 6);
    assert_int_equal(c->routes[1].quiet[0].until_min, 1440);
    assert_int_equal(c->routes[1].quiet[1].days, 0x7f);
    assert_string_equal(c->routes[1].quiet[1].zone, "UTC");
    kt_conf_free(c);
}

static void what_is_shown_loads_again(void **state)
{
    (void)state;
    struct kt_conf *c = loaded(whole), *again = NULL;
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    struct kt_error err = { 0 };
    kt_conf_print(c, true, &text);
    assert_int_equal(kt_fs_write_atomic(path, kt_buf_str(&text), 0600, NULL), KT_OK);
    if (kt_conf_load(path, &again, &err) != KT_OK)
        fail_msg("%s", err.text);
    assert_int_equal(again->n_routes, 2);
    assert_true(again->routes[0].escalate[0].after == 15 * KT_NS_MIN);
    kt_conf_free(again);
    kt_conf_free(c);
}

/* Routes once were accepted whatever they said: a replay still reads what was recorded then. */
static void a_recorded_configuration_has_no_routes(void **state)
{
    (void)state;
    struct kt_conf *c = NULL;
    struct kt_error err = { 0 };
    const struct kt_str text =
        KT_STR("alerts: { routes: [ { when: often, to: nobody } ], targets: {} }\n");
    if (kt_conf_parse(text, "record", NULL, 0, &c, &err) != KT_OK)
        fail_msg("%s", err.text);
    assert_int_equal(c->n_routes, 0);
    kt_conf_free(c);
}

static void mistakes_are_named_with_their_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *error;
    } cases[] = {
        { "    - { to: [slak] }\n", ":4:14: there is no target 'slak' in alerts.targets, did you "
                                    "mean 'slack'?" },
        { "    - { to: [slack, mail-of-the-boss] }\n", ":4:21: there is no target" },
        { "    - { to: [slack, slack] }\n", ":4:21: target 'slack' stands here twice" },
        { "    - { match: \"severity:high\" }\n", ":4:7: 'to' is missing" },
        { "    - { to: [] }\n", "'to' names nobody" },
        { "    - { mach: x, to: slack }\n", ":4:9: unknown key 'mach', did you mean 'match'?" },
        { "    - { to: slack, repeat: often }\n", ":4:28: 'repeat':" },
        { "    - { to: slack, repeat: 0s }\n", ":4:28: 'repeat' is between 1s and 30d" },
        { "    - { to: slack, repeat: 31d }\n", "'repeat' is between 1s and 30d" },
        { "    - { to: slack, fallback: slack }\n", ":4:30: target 'slack' is in `to`" },
        { "    - { to: slack, fallback: [siem, slak] }\n", ":4:37: there is no target 'slak'" },
        { "    - { to: slack, escalate: siem }\n", "'escalate' takes a list" },
        { "    - { to: slack, escalate: [ { to: siem } ] }\n", "'after' is missing" },
        { "    - { to: slack, escalate: [ { after: 5m, to: nobody } ] }\n",
          ":4:49: there is no target 'nobody'" },
        { "    - { to: slack, escalate: [ { after: 5m, to: siem }, { after: 5m, to: siem } ] }\n",
          ":4:66: 'after' is no later than that of the step before" },
        { "    - { to: slack, quiet: { hours: \"22-7\" } }\n",
          ":4:36: 'hours': write them like 22:00-07:00" },
        { "    - { to: slack, quiet: { hours: \"22:00-24:30\" } }\n", "write them like" },
        { "    - { to: slack, quiet: { hours: \"22:60-07:00\" } }\n", "write them like" },
        { "    - { to: slack, quiet: { hours: \"24:00-07:00\" } }\n", "write them like" },
        { "    - { to: slack, quiet: { hours: \"22:00-07:00-08:00\" } }\n", "write them like" },
        { "    - { to: slack, quiet: { hours: \"07:00-07:00\" } }\n", "they end when they begin" },
        { "    - { to: slack, quiet: { hours: \"22:00-07:00\", days: [mon, friday] } }\n",
          "'days': 'friday' is none of mon, tue" },
        { "    - { to: slack, quiet: { days: mon } }\n", "'hours' is missing" },
        { "    - { to: slack }\n    - { match: \"severity:high\", to: siem }\n",
          ":5:7: no alert comes to this route: the one on line 4 takes them all" },
        { "    - { match: \"a:b\", to: siem }\n    - { match: \"a:b\", to: slack }\n",
          ":5:7: no alert comes to this route" },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        struct kt_conf *c = NULL;
        struct kt_error err = { 0 };
        if (load(cases[i].text, &c, &err) != KT_E_CONFIG)
            fail_msg("case %zu is taken", i);
        if (strstr(err.text, cases[i].error) == NULL)
            fail_msg("case %zu: %s", i, err.text);
    }
    kt_conf_free(loaded("    - { to: slack, continue: true }\n    - { to: siem }\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_of_a_route_is_read),
        cmocka_unit_test(what_is_shown_loads_again),
        cmocka_unit_test(a_recorded_configuration_has_no_routes),
        cmocka_unit_test(mistakes_are_named_with_their_place),
    };
    return cmocka_run_group_tests_name("config_routes", tests, make_file, drop_file);
}
