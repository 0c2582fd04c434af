/* What the engine says of its detectors: which of them say too much, and what is to be expected of
 * a day. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "cli/fixture/org.h"

static void stop_trails(struct org *o, unsigned day, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        org_add(o, (struct org_event){ .t = ORG_START + day * KT_NS_DAY + (9 + i) * KT_NS_HOUR,
                                       .actor = org_text(o, "admin%u", i),
                                       .kind = KT_ACTOR_HUMAN,
                                       .action = KT_ACT_CONFIG,
                                       .outcome = KT_OUT_SUCCESS,
                                       .source = "cloudtrail",
                                       .instance = "aws",
                                       .operation = "StopLogging",
                                       .native = "main" });
}

/* Every other day somebody takes up more new secrets than the time before. */
static void dig(struct org *o, unsigned days)
{
    for (unsigned day = 20; day < days; day += 2) {
        for (unsigned i = 0; i < 6 + day % 7; i++)
            org_add(o, (struct org_event){
                           .t = ORG_START + day * KT_NS_DAY + 11 * KT_NS_HOUR + i * KT_NS_MIN,
                           .actor = org_text(o, "person%u@acme.example", day % 5),
                           .kind = KT_ACTOR_HUMAN,
                           .action = KT_ACT_READ,
                           .outcome = KT_OUT_SUCCESS,
                           .secret = org_text(o, "vault://main/-/secret/%u/%u", day, i) });
    }
}

static bool status_has(const struct org *o, const char *text)
{
    struct kt_buf b = { 0 };
    kt_detect_status(o->d, &b);
    bool has = kt_str_has(kt_buf_str(&b), kt_str_of(text));
    kt_buf_done(&b);
    return has;
}

static void more_than_five_a_day_for_three_days_is_said(void **state)
{
    (void)state;
    struct org o;
    org_start(&o, 3);
    o.restart_every = 100;
    org_company(&o, 4, 2, 30);
    stop_trails(&o, 20, 6);
    stop_trails(&o, 21, 6);
    stop_trails(&o, 22, 5); /* five are within the budget */
    stop_trails(&o, 23, 6);
    stop_trails(&o, 24, 6);
    stop_trails(&o, 25, 6);
    stop_trails(&o, 26, 1); /* three days are over */
    org_run(&o);
    assert_false(status_has(&o, "\"noisy\":[\"signatures")); /* it is day 30 now */
    org_done(&o);

    org_start(&o, 3);
    org_company(&o, 4, 2, 26);
    stop_trails(&o, 23, 6);
    stop_trails(&o, 24, 5);
    stop_trails(&o, 25, 6);
    stop_trails(&o, 26, 1);
    org_run(&o);
    assert_true(status_has(&o, "\"noisy\":[]"));
    org_done(&o);

    org_start(&o, 3);
    o.restart_every = 100;
    org_company(&o, 4, 2, 26);
    stop_trails(&o, 23, 6);
    stop_trails(&o, 24, 6);
    stop_trails(&o, 25, 6);
    stop_trails(&o, 26, 1);
    org_run(&o);
    assert_true(status_has(&o, "\"noisy\":[\"signatures opened more than 5 incidents"));
    org_done(&o);
}

static void levels_are_told_after_sixty_days(void **state)
{
    (void)state;
    struct org o;
    org_start(&o, 5);
    org_company(&o, 12, 8, 40);
    dig(&o, 40);
    org_run(&o);
    assert_true(status_has(&o, "\"levels\":{}"));
    org_done(&o);
    org_start(&o, 5);
    org_company(&o, 12, 8, 100);
    dig(&o, 100);
    org_run(&o);
    assert_true(status_has(&o, "\"new_secrets\":"));
    org_done(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(more_than_five_a_day_for_three_days_is_said),
        cmocka_unit_test(levels_are_told_after_sixty_days),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
