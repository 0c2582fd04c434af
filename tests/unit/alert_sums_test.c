/* What an alert's contributions come to where a person reads them in one line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "exporters/alerts/alert.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_detector_is_named_once),
        cmocka_unit_test(an_alert_without_parts_has_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
