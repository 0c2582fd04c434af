/* store_backup_merged: a backup of merged segments takes no more than it has not, and follows a
 * store that was set back and merged otherwise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/alloc.h"
#include "core/store/backup.h"
#include "tests/support/segments.h"

/* What the target's file system has left: in place of the C library's. */
static uint64_t room = UINT64_MAX;

int statvfs(const char *path, struct statvfs *ret)
{
    (void)path;
    *ret = (struct statvfs){ .f_frsize = 1, .f_blocks = UINT32_MAX, .f_bavail = room };
    return 0;
}

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

/* ---- room ---- */

/* Segments of 4,100 events, from number `from` on: large beside what is copied with each run. */
static void add_large(struct segments *w, unsigned from, unsigned until)
{
    struct kt_store_result r;
    for (unsigned n = from; n < until; n++) {
        make_reset(w->make);
        for (unsigned i = 0; i < 4100; i++)
            make_numbered(w->make, n * 4100 + i);
        const struct kt_store_batch b =
            make_batch(w->make, "agent-a", n + 1, YEAR_T0 + (kt_time_ns)n * KT_NS_S);
        segments_append(w, &b, &r);
    }
}

static void open_large(struct segments *w)
{
    const struct kt_store_options o = { .path = w->path, .create = true, .seal_here = true };
    struct kt_error err = { 0 };
    segments_start_over(w);
    segments_must(kt_store_open(&o, &w->store, &err), &err);
    segments_start(w);
}

static void merged_segments_need_room_for_what_is_new_of_them(void **state)
{
    struct segments *w = *state;
    struct kt_backup_result r;
    struct kt_error err = { 0 };
    open_large(w);
    add_large(w, 0, 9);
    uint64_t first = back_up(w, true).bytes;
    assert_true(segments_merge(w, 9) > 4);
    room = first / 2; /* for columns once more, not for lines */
    uint64_t merged = back_up(w, true).bytes;
    assert_true(merged < first / 3);
    add_large(w, 9, 18);
    assert_true(segments_merge(w, 9) > 4);
    room = first / 2;
    assert_int_equal(run(w, true, &r, &err), KT_E_LIMIT);
    assert_non_null(strstr(err.text, "nothing was copied"));
    room = UINT64_MAX;
    (void)back_up(w, true);
    is_the_store(w);
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
        T(merged_segments_need_room_for_what_is_new_of_them),
        T(a_backup_follows_a_store_that_was_set_back),
        T(a_backup_follows_a_store_that_was_merged_otherwise),
    };
    return cmocka_run_group_tests_name("store_backup_merged", tests, NULL, NULL);
}
