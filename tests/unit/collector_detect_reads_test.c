/* detect_reads: what two incidents have read, when they become one. */
#include "collector/detect_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Secrets by number, as the engine lists them. */
static void reads(struct incident *in, uint64_t from, uint64_t until, enum read_class class)
{
    for (uint64_t hash = from; hash < until; hash++) {
        unsigned slot = in->secrets_n++ % INCIDENT_HASHES;
        in->hash[slot] = hash;
        in->class[slot] = (uint8_t) class;
        in->read_n[class]++;
    }
}

static void expect(const struct incident *in, uint64_t all, uint32_t production, uint32_t other)
{
    assert_int_equal(in->secrets_n, all);
    assert_int_equal(in->read_n[READ_PRODUCTION], production);
    assert_int_equal(in->read_n[READ_OTHER], other);
}

static void what_both_have_read_counts_once(void **state)
{
    (void)state;
    struct incident old = { 0 }, young = { 0 };
    reads(&old, 1, 9, READ_OTHER);
    reads(&young, 1, 9, READ_OTHER);
    kt_detect_reads_merge(&old, &young);
    expect(&old, 8, 0, 8);
    kt_detect_reads_merge(&old, &(struct incident){ 0 });
    expect(&old, 8, 0, 8);
}

/* The one with more secrets has none of production. */
static void production_of_the_shorter_list_stays(void **state)
{
    (void)state;
    struct incident old = { 0 }, young = { 0 };
    reads(&old, 1, 9, READ_OTHER);
    reads(&young, 1, 4, READ_OTHER);
    reads(&young, 100, 101, READ_PRODUCTION);
    kt_detect_reads_merge(&old, &young);
    expect(&old, 9, 1, 8);
}

static void those_that_are_no_longer_listed_are_as_the_others(void **state)
{
    (void)state;
    struct incident old = { 0 }, same = { 0 }, another = { 0 };
    reads(&same, 1, 2, READ_PRODUCTION); /* the first is pushed out */
    reads(&same, 2, 81, READ_OTHER);
    reads(&old, 2, 81, READ_OTHER);
    kt_detect_reads_merge(&old, &same);
    expect(&old, 80, 1, 79);
    reads(&another, 1000, 2000, READ_UNKNOWN);
    kt_detect_reads_merge(&old, &another);
    expect(&old, 1080, 1, 79);
    assert_int_equal(kt_detect_listed(&old), INCIDENT_HASHES);
}

/* Of several: what a fourth brings is its own, until another has it, too. */
static void what_one_of_several_brings_is_told_apart(void **state)
{
    (void)state;
    struct incident all = { .together = KT_TOGETHER }, young[2];
    memset(young, 0, sizeof young);
    reads(&all, 1, 5, READ_OTHER);
    for (uint32_t i = 0; i < 2; i++) {
        kt_detect_member(&all, (struct kt_key){ i + 1, 0 }, 40 + i);
        kt_detect_member(&young[i], (struct kt_key){ i + 1, 0 }, 40 + i);
    }
    reads(&young[0], 3, 10, READ_OTHER);
    reads(&young[1], 8, 12, READ_OTHER);
    kt_detect_reads_merge(&all, &young[0]);
    assert_int_equal(kt_detect_brought(&all, 0), 4);
    assert_int_equal(kt_detect_brought(&all, kt_detect_place_of(&all, 40)), 5);
    kt_detect_reads_merge(&all, &young[1]);
    assert_int_equal(kt_detect_brought(&all, 0), 6);
    assert_int_equal(kt_detect_brought(&all, kt_detect_place_of(&all, 40)), 3);
    assert_int_equal(kt_detect_brought(&all, kt_detect_place_of(&all, 41)), 2);
    assert_int_equal(kt_detect_place_of(&all, 99), INCIDENT_MORE);
    expect(&all, 11, 0, 11);
}

/* Two incidents of several become one: what a member brought to his is his, wherever he is listed,
 * what those of the younger have in common is in common. On a new ground nothing is told apart. */
static void what_members_of_the_younger_brought_stays_theirs(void **state)
{
    (void)state;
    struct incident all = { .together = KT_TOGETHER }, young = { .together = KT_TOGETHER };
    struct incident ground = { .together = KT_TOGETHER, .ground = 7 };
    reads(&all, 1, 5, READ_OTHER);
    reads(&young, 10, 20, READ_OTHER);
    for (uint32_t i = 0; i < 3; i++)
        kt_detect_member(&all, (struct kt_key){ i + 1, 0 }, 40 + i);
    for (uint32_t i = 2; i > 0; i--) /* the third first */
        kt_detect_member(&young, (struct kt_key){ i + 1, 0 }, 40 + i);
    memset(young.by, 1, 3);
    memset(young.by + 3, 2, 2);
    young.by[9] = INCIDENT_MORE;
    kt_detect_reads_merge(&all, &young);
    assert_int_equal(kt_detect_brought(&all, kt_detect_place_of(&all, 42)), 3);
    assert_int_equal(kt_detect_brought(&all, kt_detect_place_of(&all, 41)), 2);
    assert_int_equal(kt_detect_brought(&all, INCIDENT_MORE), 1);
    assert_int_equal(kt_detect_brought(&all, 0), 8);
    kt_detect_reads_merge(&ground, &young);
    assert_int_equal(kt_detect_brought(&ground, 0), 10);
}

/* A crowd of three behind the list: each has what he brought himself. */
static void those_who_are_not_listed_are_told_apart(void **state)
{
    (void)state;
    struct incident all = { .together = KT_TOGETHER };
    for (uint32_t i = 0; i < INCIDENT_MEMBERS; i++)
        kt_detect_member(&all, (struct kt_key){ i + 1, 0 }, 40 + i);
    for (uint32_t i = 0; i < 3; i++) {
        struct incident young = { 0 };
        kt_detect_member(&young, (struct kt_key){ 100 + i, 0 }, 400 + i);
        kt_detect_member(&all, (struct kt_key){ 100 + i, 0 }, 400 + i);
        reads(&young, 10 * i + 1, 10 * i + 5, READ_OTHER);
        kt_detect_reads_merge(&all, &young);
    }
    for (uint32_t number = 400; number < 403; number++) {
        assert_int_equal(kt_detect_place_of(&all, number), INCIDENT_MORE);
        assert_true(kt_detect_reader_of(&all, number) >= INCIDENT_MORE);
        assert_int_equal(kt_detect_brought(&all, kt_detect_reader_of(&all, number)), 4);
    }
    assert_int_equal(kt_detect_reader_of(&all, 40), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_both_have_read_counts_once),
        cmocka_unit_test(production_of_the_shorter_list_stays),
        cmocka_unit_test(those_that_are_no_longer_listed_are_as_the_others),
        cmocka_unit_test(what_one_of_several_brings_is_told_apart),
        cmocka_unit_test(what_members_of_the_younger_brought_stays_theirs),
        cmocka_unit_test(those_who_are_not_listed_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
