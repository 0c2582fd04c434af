/* store_backup_merged: a backup of merged segments follows a store that was set back and merged
 * otherwise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/alloc.h"
#include "core/store/backup.h"
#include "tests/support/segments.h"

static enum kt_status run(struct segments *w, bool quick, struct kt_backup_result *ret,
                          struct kt_error *err)
{
    const struct kt_backup_options o = { .from = w->path, .to = w->copy, .quick = quick };
    *ret = (struct kt_backup_result){ 0 };
    return kt_backup_run(&o, ret, err);
}

static struct kt_backup_result back_up(struct segments *w, bool quick)
{
    struct kt_backup_result r;
    struct kt_error err = { 0 };
    segments_must(run(w, quick, &r, &err), &err);
    assert_true(r.verify.ok);
    return r;
}

static void is_the_store(struct segments *w)
{
    struct kt_buf have = { 0 }, want = { 0 };
    struct kt_verify_result v;
    if (!segments_verifies(w, w->copy, &v))
        fail_msg("%s", w->said);
    assert_true(segments_show(w->path, &want) && segments_show(w->copy, &have));
    assert_true(kt_str_eq(kt_buf_str(&have), kt_buf_str(&want)));
    kt_buf_done(&have);
    kt_buf_done(&want);
}

/* ---- a store that was set back ---- */

/* The store's file as it is, into another one or out of it. */
static void copy_file(const char *from, const char *to)
{
    char all[1 << 16];
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    assert_true(in != NULL && out != NULL);
    for (size_t n; (n = fread(all, 1, sizeof all, in)) > 0;)
        assert_int_equal(fwrite(all, 1, n, out), n);
    (void)fclose(in);
    assert_int_equal(fclose(out), 0);
}

/* Backs up what is merged by so many, and sets the store back to before it was. */
static void set_back(struct segments *w, uint32_t pieces)
{
    char earlier[160];
    (void)snprintf(earlier, sizeof earlier, "%s/earlier.db", w->folder);
    segments_close_store(w);
    copy_file(w->path, earlier);
    segments_open_store(w);
    assert_true(segments_merge(w, pieces) > 0);
    (void)back_up(w, false);
    segments_close_store(w);
    const char *const rest[] = { "", "-wal", "-shm" };
    for (size_t i = 0; i < KT_ARRAY_LEN(rest); i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s%s", w->path, rest[i]);
        (void)unlink(path);
    }
    copy_file(earlier, w->path);
    segments_open_store(w);
}

static void a_backup_follows_a_store_that_was_set_back(void **state)
{
    struct segments *w = *state;
    set_back(w, 3);
    segments_remove_first(w); /* of what the backup has as a piece */
    struct kt_backup_result r = back_up(w, true);
    assert_int_equal(r.dropped, 0); /* the segment is not what retention took */
    is_the_store(w);
}

static void a_backup_follows_a_store_that_was_merged_otherwise(void **state)
{
    struct segments *w = *state;
    static const uint32_t then[] = { 2, 3, 4, 6 };
    for (size_t i = 0; i < KT_ARRAY_LEN(then); i++)
        for (uint32_t now = 0; now < 8; now += 2) {
            segments_start_over(w);
            segments_open_store(w);
            segments_fill(w);
            set_back(w, then[i]);
            if (now > 0)
                assert_true(segments_merge(w, now) > 0);
            (void)back_up(w, now == 4);
            is_the_store(w);
            segments_remove_first(w);
            assert_true(back_up(w, true).dropped > 0);
            is_the_store(w);
        }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, segments_set_up, segments_tear_down)
    const struct CMUnitTest tests[] = {
        T(a_backup_follows_a_store_that_was_set_back),
        T(a_backup_follows_a_store_that_was_merged_otherwise),
    };
    return cmocka_run_group_tests_name("store_backup_merged", tests, NULL, NULL);
}
