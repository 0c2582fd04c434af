/* Rows of pages: those that end, and those that lead back into themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/base/circle.h"

/* How many pages of a row are asked: `head` of them, then `around` for ever (0: no circle). */
static unsigned asked(struct kt_circle *c, unsigned head, unsigned around, unsigned most)
{
    for (unsigned i = 0; i < most; i++) {
        char token[16];
        unsigned page = i < head || around == 0 ? i : head + (i - head) % around;
        (void)snprintf(token, sizeof token, "t%u", page);
        if (kt_circle_closes(c, kt_str_of(token)))
            return i;
    }
    return most;
}

static void circles_end_soon_and_other_rows_do_not(void **state)
{
    struct kt_circle c = { 0 };

    (void)state;
    for (unsigned head = 0; head < 40; head++)
        for (unsigned around = 1; around < 40; around++) {
            unsigned n = asked(&c, head, around, 1000);
            if (n < head + around || n > 3 * (head + around))
                fail_msg("a circle of %u behind %u: %u pages", around, head, n);
            kt_circle_reset(&c);
        }
    assert_int_equal(asked(&c, 0, 0, 5000), 5000);
    kt_circle_done(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(circles_end_soon_and_other_rows_do_not),
    };
    return cmocka_run_group_tests_name("circle", tests, NULL, NULL);
}
