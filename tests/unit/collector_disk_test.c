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
    *ret_free = *(uint64_t *)self;
    *ret_all = 1000;
    return *(uint64_t *)self <= 1000;
}

static void levels_follow_the_thresholds(void **state)
{
    static const struct {
        uint64_t room;
        enum kt_disk_level level;
        bool changed;
    } steps[] = {
        { 500, KT_DISK_FINE, false }, { 199, KT_DISK_WARN, true },  { 150, KT_DISK_WARN, false },
        { 99, KT_DISK_ALERT, true },  { 49, KT_DISK_REFUSE, true }, { 2000, KT_DISK_REFUSE, false },
        { 50, KT_DISK_ALERT, true },  { 200, KT_DISK_FINE, true },
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_follow_the_thresholds),          /* D5 */
        cmocka_unit_test(ballast_goes_at_refuse_and_comes_back), /* D5 */
    };
    return cmocka_run_group_tests_name("collector_disk", tests, NULL, NULL);
}
