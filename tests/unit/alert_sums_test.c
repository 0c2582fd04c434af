/* What an alert's contributions come to where a person reads them in one line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "exporters/alerts/alert.h"
#include "exporters/alerts/render.h"

static void a_detector_is_named_once(void **state)
{
    (void)state;
    struct kt_alert a = { .score = 1411,
                          .parts = { { "failed_attempts", 800, KT_STR("guessed") },
                                     { "unexpected_ip", 411, KT_STR("new network") },
                                     { "failed_attempts", 200, KT_STR("got in") } },
                          .n_parts = 3 };
    struct kt_alert_part part[KT_ALERT_PARTS_MAX];
    assert_int_equal(kt_alert_by_detector(&a, part), 2);
    assert_string_equal(part[0].detector, "failed_attempts");
    assert_int_equal(part[0].points, 1000);
    assert_string_equal(part[1].detector, "unexpected_ip");
    assert_int_equal(part[1].points, 411);
    struct kt_buf b = { 0 };
    kt_alert_explain(&a, &b);
    assert_true(kt_str_has(kt_buf_str(&b),
                           KT_STR("Score: failed_attempts 10.0 + unexpected_ip 4.1 = 14.1.")));
    kt_buf_done(&b);
}

static void an_alert_without_parts_has_none(void **state)
{
    (void)state;
    struct kt_alert a = { 0 };
    struct kt_alert_part part[KT_ALERT_PARTS_MAX];
    assert_int_equal(kt_alert_by_detector(&a, part), 0);
}

static struct kt_str why_it_fired(const struct kt_alert *a, struct kt_arena *arena)
{
    struct kt_render_fact fact[KT_RENDER_FACTS_MAX];
    unsigned n = kt_render_facts(a, arena, fact);
    for (unsigned i = 0; i < n; i++) {
        if (strcmp(fact[i].label, "Why it fired") == 0)
            return fact[i].value;
    }
    return KT_STR_NONE;
}

static void a_message_adds_up(void **state)
{
    (void)state;
    struct kt_arena arena = kt_arena_new(4096);
    struct kt_alert a = { .score = 870,
                          .parts = { { "unexpected_ip", 620, KT_STR("new network") },
                                     { "new_secrets", 200, KT_STR("three") } },
                          .n_parts = 2 };
    assert_true(kt_str_is(why_it_fired(&a, &arena),
                          "unexpected ip 6.2 + new secrets 2.0 + production 0.5 = 8.7"));
    a.score = 720;
    assert_true(kt_str_is(why_it_fired(&a, &arena),
                          "unexpected ip 6.2 + new secrets 2.0 - no production secret 1.0 = 7.2"));
    a.parts[1] = (struct kt_alert_part){ "unexpected_ip", 100, KT_STR("never seen here") };
    assert_true(kt_str_is(why_it_fired(&a, &arena), "unexpected ip 7.2"));
    kt_arena_done(&arena);
}

static void nothing_is_weighed_about_keytrail_itself(void **state)
{
    (void)state;
    struct kt_arena arena = kt_arena_new(4096);
    struct kt_alert a = { .detector = "self",
                          .title = KT_STR("agent web1 is not heard"),
                          .parts = { { "self", 0, KT_STR("agent.silent") } },
                          .n_parts = 1 };
    struct kt_buf b = { 0 };
    kt_alert_explain(&a, &b);
    assert_true(kt_str_has(kt_buf_str(&b), KT_STR("web1")));
    assert_false(kt_str_has(kt_buf_str(&b), KT_STR("Score")));
    assert_int_equal(why_it_fired(&a, &arena).len, 0);
    kt_buf_done(&b);
    kt_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_detector_is_named_once),
        cmocka_unit_test(an_alert_without_parts_has_none),
        cmocka_unit_test(a_message_adds_up),
        cmocka_unit_test(nothing_is_weighed_about_keytrail_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
