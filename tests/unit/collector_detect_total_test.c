/* detect_total: what an incident keeps of more evidence than it has room for, and what counts. */
#include "collector/detect_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* As the engine does it: at the same height the newer evidence counts. */
static void add(struct incident *in, enum kt_family family, int points, unsigned flags,
                bool learning)
{
    struct kt_finding f = { .family = family, .points = points, .flags = flags };
    struct part *p = kt_detect_slot(in, &f, learning);
    if (p == NULL)
        return;
    *p = (struct part){ .points = points > p->points ? points : p->points,
                        .flags = flags | p->flags,
                        .set = 1,
                        .family = (uint8_t)family };
}

static const struct part *part_of(const struct incident *in, enum kt_family family, unsigned role)
{
    for (unsigned i = 0; i < INCIDENT_PARTS; i++) {
        const struct part *p = &in->part[i];
        if (p->set && p->family == family && (p->flags & (KT_FIND_ADDS | KT_FIND_BESIDE)) == role)
            return p;
    }
    return NULL;
}

/* Four families that stand alone and lean, which is all the room there is. */
static void fill(struct incident *in, bool learning)
{
    static const enum kt_family both[] = { KT_FAMILY_NETWORK, KT_FAMILY_NEW_SECRETS,
                                           KT_FAMILY_PROCESS, KT_FAMILY_TRAVEL };
    for (unsigned i = 0; i < KT_ARRAY_LEN(both); i++) {
        add(in, both[i], 150 + (int)i, 0, learning);
        add(in, both[i], 200, KT_FIND_BESIDE, learning);
    }
}

static void strong_evidence_that_comes_last_is_kept(void **state)
{
    (void)state;
    struct incident in = { 0 };
    int weighted;
    fill(&in, false);
    add(&in, KT_FAMILY_TIME, 120, 0, false);   /* weaker than all that is there */
    add(&in, KT_FAMILY_VOLUME, 250, 0, false); /* in the place of the network's 150 */
    add(&in, KT_FAMILY_FAILURES, 50, KT_FIND_ADDS | KT_FIND_SUCCESS, false);
    add(&in, KT_FAMILY_SIGNATURE, 900, KT_FIND_CRITICAL | KT_FIND_LEARNING, false);
    assert_null(part_of(&in, KT_FAMILY_TIME, 0));
    assert_null(part_of(&in, KT_FAMILY_NETWORK, 0));
    assert_non_null(part_of(&in, KT_FAMILY_VOLUME, 0));
    assert_non_null(part_of(&in, KT_FAMILY_FAILURES, KT_FIND_ADDS));
    const struct part *signature = part_of(&in, KT_FAMILY_SIGNATURE, 0);
    assert_non_null(signature);
    assert_int_equal(signature->flags, KT_FIND_CRITICAL | KT_FIND_LEARNING);
    assert_int_equal(kt_detect_total(&in, false, &weighted), 900 + 250 + 200 + 200);
    assert_ptr_equal(kt_detect_main_part(&in, false),
                     part_of(&in, KT_FAMILY_FAILURES, KT_FIND_ADDS)); /* somebody got in */
}

static void critical_evidence_below_the_best_of_its_family_stays_critical(void **state)
{
    (void)state;
    struct incident in = { 0 };
    add(&in, KT_FAMILY_SIGNATURE, 700, 0, false);
    add(&in, KT_FAMILY_SIGNATURE, 300, KT_FIND_CRITICAL, false);
    const struct part *signature = part_of(&in, KT_FAMILY_SIGNATURE, 0);
    assert_int_equal(signature->points, 700);
    assert_int_equal(signature->flags, KT_FIND_CRITICAL);
    add(&in, KT_FAMILY_SIGNATURE, 800, 0, false);
    assert_int_equal(part_of(&in, KT_FAMILY_SIGNATURE, 0)->flags, KT_FIND_CRITICAL);
}

static void a_success_with_fewer_points_takes_the_place_of_failures(void **state)
{
    (void)state;
    struct incident in = { 0 };
    add(&in, KT_FAMILY_FAILURES, 200, KT_FIND_ADDS, false);
    add(&in, KT_FAMILY_FAILURES, 100, KT_FIND_ADDS | KT_FIND_SUCCESS, false);
    const struct part *p = part_of(&in, KT_FAMILY_FAILURES, KT_FIND_ADDS);
    assert_int_equal(p->points, 200);
    assert_int_equal(p->flags, KT_FIND_ADDS | KT_FIND_SUCCESS);
    assert_ptr_equal(kt_detect_main_part(&in, false), p);
}

static void what_is_told_whatever_the_sum_gives_way_to_nothing(void **state)
{
    (void)state;
    struct incident in = { 0 };
    add(&in, KT_FAMILY_FAILURES, 10, KT_FIND_ADDS | KT_FIND_SUCCESS, false);
    add(&in, KT_FAMILY_SIGNATURE, 20, KT_FIND_CRITICAL, false);
    fill(&in, false);
    add(&in, KT_FAMILY_VOLUME, 700, 0, false);
    add(&in, KT_FAMILY_TIME, 700, 0, false);
    assert_non_null(part_of(&in, KT_FAMILY_FAILURES, KT_FIND_ADDS));
    assert_non_null(part_of(&in, KT_FAMILY_SIGNATURE, 0));
    assert_non_null(part_of(&in, KT_FAMILY_VOLUME, 0));
    assert_non_null(part_of(&in, KT_FAMILY_TIME, 0));
}

static void evidence_that_raises_nothing_yet_gives_way(void **state)
{
    (void)state;
    struct incident in = { 0 };
    int weighted;
    add(&in, KT_FAMILY_FAILURES, 100, KT_FIND_LEARNING, true);
    fill(&in, true);
    add(&in, KT_FAMILY_SIGNATURE, 110, KT_FIND_LEARNING, true);
    add(&in, KT_FAMILY_VOLUME, 900, 0, true); /* in the place of what raises nothing either */
    assert_int_equal(kt_detect_total(&in, true, &weighted), 100 + 110);
}

/* What leans is larger, but that on which it leans raises nothing yet: the total takes what stands
 * alone, and so do title and list. */
static void what_counts_is_what_the_total_takes(void **state)
{
    (void)state;
    struct incident in = { 0 };
    int weighted;
    add(&in, KT_FAMILY_SIGNATURE, 500, KT_FIND_LEARNING, false);
    add(&in, KT_FAMILY_SIGNATURE, 600, KT_FIND_LEARNING | KT_FIND_BESIDE, false);
    add(&in, KT_FAMILY_NETWORK, 300, 0, false);
    struct part *alone = &in.part[0], *leaning = &in.part[1];
    assert_int_equal(kt_detect_total(&in, true, &weighted), 500);
    assert_true(kt_detect_counts(&in, alone, true));
    assert_false(kt_detect_counts(&in, leaning, true));
    assert_ptr_equal(kt_detect_main_part(&in, true), alone);
    assert_int_equal(kt_detect_total(&in, false, &weighted), 600 + 300);
    assert_false(kt_detect_counts(&in, alone, false));
    assert_true(kt_detect_counts(&in, leaning, false));
    assert_ptr_equal(kt_detect_main_part(&in, false), leaning);
}

/* Of a family only what raises something is listed, even where the rest is larger. */
static void while_learning_the_smaller_counts_if_it_alone_raises(void **state)
{
    (void)state;
    struct incident in = { 0 };
    int weighted;
    add(&in, KT_FAMILY_PROCESS, 500, KT_FIND_LEARNING, false);
    add(&in, KT_FAMILY_PROCESS, 700, KT_FIND_BESIDE, false);
    add(&in, KT_FAMILY_FAILURES, 50, KT_FIND_ADDS | KT_FIND_LEARNING, false);
    assert_int_equal(kt_detect_total(&in, true, &weighted), 500 + 50);
    assert_true(kt_detect_counts(&in, &in.part[0], true));
    assert_false(kt_detect_counts(&in, &in.part[1], true));
    /* what adds stands alone too, in the total as here */
    assert_int_equal(kt_detect_total(&in, false, &weighted), 700 + 50);
    assert_true(kt_detect_counts(&in, &in.part[1], false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strong_evidence_that_comes_last_is_kept),
        cmocka_unit_test(critical_evidence_below_the_best_of_its_family_stays_critical),
        cmocka_unit_test(a_success_with_fewer_points_takes_the_place_of_failures),
        cmocka_unit_test(what_is_told_whatever_the_sum_gives_way_to_nothing),
        cmocka_unit_test(evidence_that_raises_nothing_yet_gives_way),
        cmocka_unit_test(what_counts_is_what_the_total_takes),
        cmocka_unit_test(while_learning_the_smaller_counts_if_it_alone_raises),
    };
    return cmocka_run_group_tests_name("collector_detect_total", tests, NULL, NULL);
}
