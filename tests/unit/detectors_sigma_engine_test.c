/* Rules in the engine: the same alerts whatever the engine is stopped at, and in whatever order
 * late events come; a bounded state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <string.h>

#include "cli/fixture/org.h"
#include "core/base/limits.h"
#include "core/sys/fs.h"
#include "detectors/detector.h"

#define NOW   (ORG_START + 20 * KT_NS_DAY)
#define RULES "tests/cases/detectors/sigma/rules.yml"

static void take_rules(struct org *o)
{
    struct kt_buf text = { 0 };
    struct kt_error err = { 0 };
    assert_int_equal(kt_fs_read_all(RULES, KT_CONFIG_MAX, &text, &err), KT_OK);
    assert_int_equal(org_rules(o, RULES, kt_buf_str(&text), &err), KT_OK);
    kt_buf_done(&text);
}

static void try_keys(struct org *o, const char *actor, kt_time_ns t, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        org_add(o, (struct org_event){ .t = t + i * 90 * KT_NS_S,
                                       .actor = actor,
                                       .kind = KT_ACTOR_HUMAN,
                                       .action = KT_ACT_READ,
                                       .outcome = KT_OUT_DENIED,
                                       .secret = org_text(o, "vault://main/-/secret/keys/%u", i) });
}

static void get_in(struct org *o, const char *actor, kt_time_ns t)
{
    org_add(o, (struct org_event){ .t = t,
                                   .actor = actor,
                                   .kind = KT_ACTOR_HUMAN,
                                   .action = KT_ACT_READ,
                                   .outcome = KT_OUT_SUCCESS,
                                   .secret = "vault://main/-/secret/keys/1" });
}

/* What a log is told, with the engine stopped after so many records. */
static void told(uint64_t restart_every, struct kt_buf *ret)
{
    struct org o;
    org_start(&o, 3);
    take_rules(&o);
    o.restart_every = restart_every;
    for (unsigned day = 0; day < 6; day++) {
        kt_time_ns t = NOW + day * KT_NS_DAY;
        try_keys(&o, "eve", t, 3 + day % 3);
        try_keys(&o, "bob", t + KT_NS_HOUR, 2);
        get_in(&o, "bob", t + KT_NS_HOUR + day * 15 * KT_NS_MIN);
    }
    org_run(&o);
    for (uint32_t i = 0; i < o.n_alert; i++)
        kt_buf_addf(ret, "%s\n", o.alert[i].json);
    org_done(&o);
}

static void restarts_change_nothing(void **state)
{
    (void)state;
    struct kt_buf whole = { 0 }, stopped = { 0 };
    told(0, &whole);
    assert_true(kt_str_has(kt_buf_str(&whole), KT_STR("Many keys refused to one actor: 4")));
    assert_true(kt_str_has(kt_buf_str(&whole), KT_STR("Refused, then read: 2 rules")));
    for (uint64_t every = 1; every <= 7; every += 3) {
        kt_buf_reset(&stopped);
        told(every, &stopped);
        assert_true(kt_str_eq(kt_buf_str(&whole), kt_buf_str(&stopped)));
    }
    kt_buf_done(&whole);
    kt_buf_done(&stopped);
}

/* An hour late and in the wrong order: the windows are of event time. */
static void late_events_count_where_they_belong(void **state)
{
    (void)state;
    struct org o;
    org_start(&o, 3);
    take_rules(&o);
    uint32_t since = o.n;
    get_in(&o, "bob", NOW + 10 * KT_NS_MIN); /* what came after is heard of first */
    org_run(&o);
    assert_int_equal(o.n_alert, 0);
    since = o.n;
    try_keys(&o, "bob", NOW, 1);
    org_arrive(&o, since, NOW + KT_NS_HOUR);
    org_run(&o);
    assert_int_equal(o.n_alert, 1);
    assert_non_null(strstr(o.alert[0].title, "Refused, then read"));
    org_done(&o);
}

static void windows_are_bounded(void **state)
{
    (void)state;
    struct org o;
    org_start(&o, 3);
    take_rules(&o);
    for (unsigned i = 0; i < 6000; i++)
        try_keys(&o, org_text(&o, "someone%u", i), NOW + i * KT_NS_S, 1);
    org_run(&o);
    struct kt_buf status = { 0 };
    kt_detect_snapshot(o.d, &status);
    assert_true(status.len < 24u << 20);
    kt_buf_done(&status);
    org_done(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(restarts_change_nothing),
        cmocka_unit_test(late_events_count_where_they_belong),
        cmocka_unit_test(windows_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
