/*
 * Filters of sessions. Those that were made before they were finer: such a segment verifies, finds
 * what it found, and a change of it is named. Those that a stretch keeps side by side: they find
 * the same and leave the segments' own closed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/alloc.h"
#include "core/store/store.h"
#include "core/store/together_int.h"
#include "tests/support/segments.h"

#define PART(first) ((first)*256 + 64 + KT_FILTER_SESSION)

static sqlite3 *open_copy(struct segments *w)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(w->copy, &db), SQLITE_OK);
    return db;
}

static void bind_and_run(sqlite3 *db, const char *sql, int64_t id, struct kt_str value)
{
    sqlite3_stmt *st = NULL;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
    (void)sqlite3_bind_int64(st, 1, id);
    (void)sqlite3_bind_blob(st, 2, value.at, (int)value.len, SQLITE_STATIC);
    assert_int_equal(sqlite3_step(st), SQLITE_DONE);
    (void)sqlite3_finalize(st);
}

/* The filter of the records of one segment, with so many bits a key. */
static void filter_of(struct kt_reader *r, uint64_t first, uint64_t last, unsigned bits,
                      struct kt_buf *out)
{
    const struct kt_scan scan = { .records = true, .from_seq = first, .until_seq = last };
    struct kt_key_set set = { 0 };
    struct kt_cursor *c = NULL;
    struct kt_record rec;
    struct kt_error err = { 0 };
    segments_must(kt_cursor_open(r, &scan, &c, &err), &err);
    while (kt_cursor_next(c, &rec, &err) == KT_OK)
        kt_key_add_sessions(&set, &rec.ev);
    kt_cursor_free(c);
    kt_filter_make(&set, bits, out);
    kt_key_set_done(&set);
}

/* Every segment of the copy gets the filter that it would have had before. */
static unsigned make_coarse(struct segments *w)
{
    struct kt_reader *r = NULL;
    struct kt_error err = { 0 };
    sqlite3 *db = open_copy(w);
    sqlite3_stmt *each = NULL;
    unsigned n = 0;
    segments_must(kt_reader_open(w->path, &r, &err), &err);
    (void)sqlite3_prepare_v2(db, "SELECT first_seq, last_seq FROM segment", -1, &each, NULL);
    while (sqlite3_step(each) == SQLITE_ROW) {
        KT_CLEANUP(kt_buf_done) struct kt_buf fine = { 0 }, coarse = { 0 };
        int64_t first = sqlite3_column_int64(each, 0), last = sqlite3_column_int64(each, 1);
        filter_of(r, (uint64_t)first, (uint64_t)last, KT_FILTER_SESSION_BITS, &fine);
        filter_of(r, (uint64_t)first, (uint64_t)last, KT_FILTER_KEY_BITS, &coarse);
        assert_true(coarse.len < fine.len);
        bind_and_run(db, "UPDATE part SET data = ?2 WHERE id = ?1", PART(first),
                     kt_buf_str(&coarse));
        char sql[120];
        (void)snprintf(sql, sizeof sql,
                       "UPDATE segment SET packed = packed - %zu WHERE first_seq = ?1 AND ?2 = ?2",
                       fine.len - coarse.len);
        bind_and_run(db, sql, first, KT_STR("x"));
        n++;
    }
    (void)sqlite3_finalize(each);
    (void)sqlite3_close(db);
    kt_reader_close(r);
    return n;
}

/* Records with a credential, of the n-th that there is; and how many segments were opened. */
static uint64_t found(const char *path, struct kt_str credential, uint32_t *ret_opened)
{
    const struct kt_sought key = { .text = credential };
    const struct kt_sieve sieve = {
        .column = KT_COL_NONE, .filter = KT_FILTER_SESSION, .keys = &key, .n_keys = 1
    };
    const struct kt_scan scan = { .records = true, .sieve = &sieve, .n_sieves = 1 };
    struct kt_reader *r = NULL;
    struct kt_cursor *c = NULL;
    struct kt_record rec;
    struct kt_scan_cost cost;
    struct kt_error err = { 0 };
    uint64_t n = 0;
    segments_must(kt_reader_open(path, &r, &err), &err);
    segments_must(kt_cursor_open(r, &scan, &c, &err), &err);
    while (kt_cursor_next(c, &rec, &err) == KT_OK)
        n += kt_str_eq(rec.ev.credential, credential);
    kt_cursor_cost(c, &cost);
    *ret_opened = cost.opened;
    kt_cursor_free(c);
    kt_reader_close(r);
    return n;
}

static void assert_found_alike(struct segments *w)
{
    const struct kt_scan scan = { .records = true };
    struct kt_reader *r = NULL;
    struct kt_cursor *c = NULL;
    struct kt_record rec;
    struct kt_error err = { 0 };
    uint32_t fine = 0, coarse = 0, opened;
    segments_must(kt_reader_open(w->path, &r, &err), &err);
    segments_must(kt_cursor_open(r, &scan, &c, &err), &err);
    for (unsigned i = 0; kt_cursor_next(c, &rec, &err) == KT_OK; i++) {
        if (i % 17 != 0 || rec.ev.credential.len == 0)
            continue;
        uint64_t n = found(w->path, rec.ev.credential, &opened);
        fine += opened;
        assert_true(n > 0);
        assert_int_equal(found(w->copy, rec.ev.credential, &opened), n);
        coarse += opened;
    }
    assert_true(fine > 0 && fine <= coarse);
    kt_cursor_free(c);
    kt_reader_close(r);
}

static void coarse_filters_of_sessions_are_good(void **state)
{
    struct segments *w = *state;
    struct kt_verify_result v;
    segments_close_store(w);
    segments_copy_file(w);
    assert_true(make_coarse(w) > 4);
    assert_true(segments_verifies(w, w->copy, &v));
    assert_string_equal(w->said, "");
    assert_true(v.ok);
    assert_found_alike(w);
    segments_open_store(w);
}

static void changed_filters_of_sessions_are_named(void **state)
{
    struct segments *w = *state;
    segments_close_store(w);
    for (int coarse = 0; coarse < 2; coarse++) {
        struct kt_verify_result v;
        sqlite3 *db;
        segments_copy_file(w);
        if (coarse)
            (void)make_coarse(w);
        db = open_copy(w);
        bind_and_run(
            db,
            "UPDATE part SET data = CAST(substr(data, 1, 8) || ?2 || substr(data, 10) AS BLOB)"
            " WHERE id % 256 = 68 AND ?1 = 0",
            0, kt_str_from("\xff", 1));
        (void)sqlite3_close(db);
        assert_true(!segments_verifies(w, w->copy, &v) || !v.ok);
        assert_non_null(strstr(w->said, "a filter (part 68) is not what the lines give"));
    }
    segments_open_store(w);
}

/* ---- side by side ---- */

#define STRETCH 8u

/* Makes what there is to be made of stretches; how many filters were copied of. */
static unsigned keep_turn(struct segments *w, struct kt_together_rests *rests)
{
    const struct kt_together_how how = { .segments = STRETCH, .rests = rests };
    struct kt_together_made *made = NULL;
    struct kt_reader *r = NULL;
    struct kt_error err = { 0 };
    enum kt_status status;
    unsigned copies = 0;
    bool added;
    segments_must(kt_reader_open(w->path, &r, &err), &err);
    while ((status = kt_together_make(r, &how, &made, &err)) == KT_OK) {
        segments_must(kt_store_begin(w->store, &err), &err);
        segments_must(kt_together_put(w->store, made, &added, &err), &err);
        segments_must(kt_store_commit(w->store, &err), &err);
        assert_true(added);
        copies += made->sessions;
        kt_together_made_free(made);
    }
    assert_int_equal(status, KT_E_AGAIN);
    kt_reader_close(r);
    return copies;
}

static unsigned keep(struct segments *w)
{
    return keep_turn(w, NULL);
}

static void change(struct segments *w, const char *sql)
{
    struct kt_error err = { 0 };
    segments_must(kt_store_begin(w->store, &err), &err);
    segments_must(kt_db_exec(w->store->db, sql, &err), &err);
    segments_must(kt_store_commit(w->store, &err), &err);
}

static uint64_t differ(struct segments *w)
{
    struct kt_together_checked c;
    struct kt_reader *r = NULL;
    struct kt_error err = { 0 };
    segments_must(kt_reader_open(w->path, &r, &err), &err);
    segments_must(kt_together_check(r, &c, &err), &err);
    kt_reader_close(r);
    return c.differ;
}

static void copied_filters_find_what_the_segments_own_find(void **state)
{
    struct segments *w = *state;
    segments_close_store(w);
    segments_copy_file(w);
    segments_open_store(w);
    assert_int_equal(keep(w), 1);
    assert_int_equal(differ(w), 0);
    segments_close_store(w);
    assert_found_alike(w); /* the copy has none */
    segments_open_store(w);
}

static void the_segments_own_stay_closed(void **state)
{
    struct segments *w = *state;
    struct kt_verify_result v;
    uint32_t opened;
    assert_int_equal(keep(w), 1);
    segments_close_store(w);
    segments_copy_file(w);
    segments_change(w, "DELETE FROM part WHERE id % 256 = 68");
    assert_int_equal(found(w->copy, KT_STR("nobody's"), &opened), 0); /* and no damage is told */
    assert_int_equal(opened, 0);
    assert_true(!segments_verifies(w, w->copy, &v) || !v.ok);
    segments_open_store(w);
}

static void a_stretch_without_copies_gets_them_when_it_can_be_read(void **state)
{
    struct segments *w = *state;
    assert_int_equal(keep(w), 1);
    change(w, "DELETE FROM blob WHERE name GLOB 'together/sessions/*'");
    assert_int_equal(differ(w), 0); /* as builds of before left it */
    change(w, "UPDATE part SET id = id + 100 WHERE id % 256 = 68");
    assert_int_equal(keep(w), 0);
    change(w, "UPDATE part SET id = id - 100 WHERE id % 256 = 168");
    assert_int_equal(keep(w), 1);
    change(w, "UPDATE blob SET value = CAST(substr(value, 1, 40) || x'00' || substr(value, 42) AS"
              " BLOB) WHERE name GLOB 'together/sessions/*'");
    assert_int_equal(differ(w), 1);
}

static void what_cannot_be_copied_is_not_tried_each_turn(void **state)
{
    struct segments *w = *state;
    struct kt_together_rests rests = { 0 };
    assert_int_equal(keep(w), 1);
    change(w, "DELETE FROM blob WHERE name GLOB 'together/sessions/*'");
    change(w, "UPDATE part SET id = id + 100 WHERE id % 256 = 68");
    assert_int_equal(keep_turn(w, &rests), 0);
    assert_int_equal(keep_turn(w, &rests), 0); /* rests */
    assert_int_equal(keep_turn(w, &rests), 0);
    assert_int_equal(rests.sessions.left, 2);
    change(w, "UPDATE part SET id = id - 100 WHERE id % 256 = 168");
    assert_int_equal(keep_turn(w, &rests), 0);
    assert_int_equal(keep_turn(w, &rests), 0);
    assert_int_equal(keep_turn(w, &rests), 1);
    assert_int_equal(rests.sessions.turns, 0);
}

static void a_filter_larger_than_any_is_made_is_not_copied(void **state)
{
    struct segments *w = *state;
    char sql[120];
    (void)snprintf(sql, sizeof sql, "UPDATE part SET data = zeroblob(%u) WHERE id %% 256 = 68",
                   KT_SESSIONS_FILTER_MAX + 1);
    change(w, sql);
    assert_int_equal(keep(w), 0);
    assert_int_equal(differ(w), 0); /* the lines tell of it */
}

/* A whole one, as it is written, but of more than a stretch may have. */
static void a_blob_larger_than_any_is_made_is_not_used(void **state)
{
    struct segments *w = *state;
    struct kt_error err = { 0 };
    struct kt_stretches all;
    struct kt_buf big = { 0 };
    struct kt_totals_blobs blob = { 0 };
    assert_int_equal(keep(w), 1);
    segments_must(kt_stretches_load(w->store->db, &all, &err), &err);
    const struct kt_totals_run run = { .first_seq = all.at[0].first_seq,
                                       .last_seq = all.at[0].last_seq };
    for (uint32_t i = 0; i < all.at[0].segments; i++) { /* which say that nobody has a session */
        const size_t len = i == 0 ? KT_SESSIONS_BLOB_MAX : 1;
        kt_buf_u32(&big, (uint32_t)len);
        memset(kt_buf_reserve(&big, len), 0, len);
        big.at[big.len] = 1;
        big.len += len;
    }
    kt_totals_write_plain(&run, KT_TOTALS_SESSIONS, kt_buf_str(&big), &blob);
    segments_must(kt_store_begin(w->store, &err), &err);
    segments_must(kt_store_put(w->store, blob.at[0].name, kt_buf_str(&blob.at[0].bytes), &err),
                  &err);
    segments_must(kt_store_commit(w->store, &err), &err);
    kt_totals_blobs_done(&blob);
    kt_stretches_done(&all);
    kt_buf_done(&big);
    segments_close_store(w);
    segments_copy_file(w);
    segments_change(w, "DELETE FROM blob WHERE name GLOB 'together/sessions/*'");
    assert_found_alike(w);
    segments_open_store(w);
}

static int64_t count(struct segments *w, const char *sql)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    struct kt_error err = { 0 };
    segments_must(kt_db_prepare(w->store->db, sql, &st, &err), &err);
    segments_must(kt_db_step(st, &err), &err);
    return kt_db_col_i64(st, 0);
}

/* These count what lies below a stretch's own name, and call it changed when there is more. */
static void copies_lie_where_builds_of_before_do_not_count(void **state)
{
    struct segments *w = *state;
    struct kt_error err = { 0 };
    struct kt_old old;
    assert_int_equal(keep(w), 1);
    assert_int_equal(count(w, "SELECT count(*) FROM blob WHERE name GLOB 'together/0*/sessions'"),
                     0);
    assert_int_equal(count(w, "SELECT count(*) FROM blob WHERE name GLOB 'together/sessions/*'"),
                     1);
    segments_must(kt_store_begin(w->store, &err), &err);
    segments_must(kt_store_old(w->store, 0, &old, &err), &err);
    segments_must(kt_store_remove(w->store, old.first_seq, KT_STR("old"), 1, &err), &err);
    segments_must(kt_store_commit(w->store, &err), &err); /* and they go with their stretch */
    assert_int_equal(count(w, "SELECT count(*) FROM blob WHERE name GLOB 'together/sessions/*'"),
                     0);
}

#define MERGED_OR_NOT(f)                                                                           \
    cmocka_unit_test_setup_teardown(f, segments_set_up, segments_tear_down),                       \
        cmocka_unit_test_setup_teardown(f, segments_set_up_merged, segments_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(coarse_filters_of_sessions_are_good, segments_set_up,
                                        segments_tear_down),
        cmocka_unit_test_setup_teardown(changed_filters_of_sessions_are_named, segments_set_up,
                                        segments_tear_down),
        MERGED_OR_NOT(copied_filters_find_what_the_segments_own_find),
        MERGED_OR_NOT(the_segments_own_stay_closed),
        MERGED_OR_NOT(a_stretch_without_copies_gets_them_when_it_can_be_read),
        MERGED_OR_NOT(what_cannot_be_copied_is_not_tried_each_turn),
        MERGED_OR_NOT(a_filter_larger_than_any_is_made_is_not_copied),
        MERGED_OR_NOT(a_blob_larger_than_any_is_made_is_not_used),
        MERGED_OR_NOT(copies_lie_where_builds_of_before_do_not_count),
    };
    return cmocka_run_group_tests_name("store_sessions", tests, NULL, NULL);
}
