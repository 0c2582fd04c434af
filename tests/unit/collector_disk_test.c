/* collector_disk: thresholds and ballast on an injected file system. */
#include "collector/disk.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
/* after the others */
#include <cmocka.h>

static bool measure(void *self, const char *path, uint64_t *ret_free, uint64_t *ret_all)
{
    (void)path;
    *ret_free = *(uint64_t *)self << 20;
    *ret_all = UINT64_C(1000) << 20;
    return *(uint64_t *)self <= 1000;
}

static void levels_follow_the_thresholds(void **state)
{
    static const struct {
        uint64_t room;
        enum kt_disk_level level;
        bool changed;
    } steps[] = {
        { 500, KT_DISK_FINE, false }, /* the ballast is laid */
        { 199, KT_DISK_WARN, true },     { 150, KT_DISK_WARN, false },  { 99, KT_DISK_ALERT, true },
        { 49, KT_DISK_REFUSE, true }, /* and given up: its 8 MiB count as taken from here on */
        { 2000, KT_DISK_REFUSE, false }, { 57, KT_DISK_REFUSE, false }, { 59, KT_DISK_ALERT, true },
        { 207, KT_DISK_WARN, true },     { 209, KT_DISK_FINE, true },
    };
    char folder[] = "/tmp/keytrail-disk-XXXXXX", store[64];
    uint64_t room = 0;
    struct kt_disk d;
    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(store, sizeof store, "%s/db", folder);
    kt_disk_init(&d, store);
    d.measure = measure;
    d.self = &room;
    for (size_t i = 0; i < KT_ARRAY_LEN(steps); i++) {
        room = steps[i].room;
        assert_int_equal(kt_disk_check(&d), steps[i].changed);
        assert_int_equal(d.level, steps[i].level);
    }
    (void)snprintf(store, sizeof store, "%s/db.ballast", folder);
    (void)unlink(store);
    assert_int_equal(rmdir(folder), 0);
}

static void ballast_goes_at_refuse_and_comes_back(void **state)
{
    char folder[] = "/tmp/keytrail-disk-XXXXXX", store[64], ballast[80];
    uint64_t room = 900;
    struct kt_disk d;
    struct stat st;
    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(store, sizeof store, "%s/db", folder);
    (void)snprintf(ballast, sizeof ballast, "%s.ballast", store);
    kt_disk_init(&d, store);
    d.measure = measure;
    d.self = &room;
    (void)kt_disk_check(&d);
    assert_int_equal(stat(ballast, &st), 0);
    assert_true(st.st_size >= 1 << 20);
    room = 10;
    assert_true(kt_disk_check(&d));
    assert_int_not_equal(stat(ballast, &st), 0);
    room = 900;
    assert_true(kt_disk_check(&d));
    assert_int_equal(stat(ballast, &st), 0);
    (void)unlink(ballast);
    assert_int_equal(rmdir(folder), 0);
}

static bool measure_small(void *self, const char *path, uint64_t *ret_free, uint64_t *ret_all)
{
    (void)path;
    *ret_free = *(uint64_t *)self << 20;
    *ret_all = UINT64_C(20) << 20;
    return true;
}

/* What stands in the -wal file must fit a second time into the main file. */
static void small_disk_keeps_room_for_a_checkpoint(void **state)
{
    char folder[] = "/tmp/keytrail-disk-XXXXXX", store[64], name[80];
    uint64_t room = 15;
    struct kt_disk d;
    struct stat st;
    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(store, sizeof store, "%s/db", folder);
    (void)snprintf(name, sizeof name, "%s-wal", store);
    kt_disk_init(&d, store);
    d.measure = measure_small;
    d.self = &room;
    assert_false(kt_disk_check(&d));
    FILE *wal = fopen(name, "w");
    assert_non_null(wal);
    assert_int_equal(ftruncate(fileno(wal), 6 << 20), 0);
    (void)fclose(wal);
    room = 9;
    assert_false(kt_disk_check(&d));
    room = 7;
    assert_true(kt_disk_check(&d));
    assert_int_equal(d.level, KT_DISK_REFUSE);
    room = 8; /* the ballast that was given up is no reason to go on */
    assert_false(kt_disk_check(&d));
    (void)unlink(name);
    room = 15;
    assert_true(kt_disk_check(&d));
    (void)snprintf(name, sizeof name, "%s.ballast", store);
    assert_int_equal(stat(name, &st), 0);
    struct kt_disk again; /* after a restart the ballast is known to be there */
    kt_disk_init(&again, store);
    assert_true(again.ballast);
    (void)unlink(name);
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_follow_the_thresholds), /* D5 */
        cmocka_unit_test(ballast_goes_at_refuse_and_comes_back),
        cmocka_unit_test(small_disk_keeps_room_for_a_checkpoint), /* D5 */
    };
    return cmocka_run_group_tests_name("collector_disk", tests, NULL, NULL);
}
