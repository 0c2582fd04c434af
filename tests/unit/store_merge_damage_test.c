/* store_merge_damage: damage in a piece of a merged segment hides what it hid before, and no more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "core/base/alloc.h"
#include "core/query/query.h"
#include "tests/support/segments.h"

/* ---- questions ---- */

/* Records whose lines are lost, and what is said of them: the records that it is about. */
static void add_lost(const struct kt_error *why, struct kt_buf *out)
{
    const char *end = strchr(why->text, ':');
    assert_int_equal(why->code, KT_E_CORRUPT);
    assert_non_null(end);
    kt_buf_addf(out, "lost of %.*s\n", (int)(end - why->text), why->text);
}

static void ask_lines(struct kt_reader *r, struct kt_scan *scan, struct kt_buf *out)
{
    struct kt_cursor *c = NULL;
    struct kt_record rec;
    struct kt_error err = { 0 };
    enum kt_status status;
    segments_must(kt_cursor_open(r, scan, &c, &err), &err);
    while ((status = kt_cursor_next(c, &rec, &err)) != KT_E_AGAIN) {
        if (status == KT_OK)
            kt_buf_addf(out, "%llu\n", (unsigned long long)rec.seq);
        else
            add_lost(&err, out);
    }
    kt_cursor_free(c);
}

/* How many: chunks are of another size when segments are merged. */
static void ask_columns(struct kt_reader *r, const struct kt_scan *scan, struct kt_buf *out)
{
    struct kt_columns_scan *c = NULL;
    struct kt_view v;
    struct kt_error err = { 0 };
    enum kt_status status;
    uint64_t rows = 0, sum = 0;
    segments_must(kt_columns_open(r, scan, KT_COLUMN(KT_COL_ACTOR), true, &c, &err), &err);
    while ((status = kt_columns_next(c, &v, &err)) != KT_E_AGAIN) {
        for (uint32_t i = 0; status == KT_OK && i < v.picks; i++)
            sum += (uint64_t)v.time[v.pick[i]];
        rows += status == KT_OK ? v.picks : 0;
        if (status != KT_OK)
            add_lost(&err, out);
    }
    kt_buf_addf(out, "%llu rows, %llu\n", (unsigned long long)rows, (unsigned long long)sum);
    kt_columns_scan_free(c);
}

static void ask_query(struct kt_reader *r, const char *text, bool down, struct kt_buf *out)
{
    struct kt_query *q = NULL;
    struct kt_error err = { 0 };
    struct kt_scan scan = { .records = true, .newest_first = down };
    segments_must(kt_query_parse(kt_str_of(text), &q, &err), &err);
    kt_query_plan(q, &scan);
    ask_lines(r, &scan, out);
    kt_query_free(q);
}

/* All answers, with what is lost of each. */
static void ask_all(const char *path, struct kt_buf *out)
{
    struct kt_reader *r = NULL;
    struct kt_error err = { 0 };
    kt_buf_reset(out);
    segments_must(kt_reader_open(path, &r, &err), &err);
    for (int down = 0; down < 2; down++) {
        struct kt_scan all = { .records = true, .newest_first = down == 1 };
        struct kt_scan some = {
            .records = true, .newest_first = down == 1, .from_seq = 100, .until_seq = 400
        };
        ask_lines(r, &all, out);
        ask_lines(r, &some, out);
        ask_query(r, "credential:ASIA0000", down == 1, out);
    }
    ask_columns(r, &(struct kt_scan){ .from_seq = 100, .until_seq = 400 }, out);
    ask_columns(r, &(struct kt_scan){ 0 }, out);
    kt_reader_close(r);
}

/* The part of the n-th sealed segment, by numbers as they were before anything was merged. */
static void damage(struct segments *w, const uint64_t *first, unsigned n, unsigned part)
{
    char sql[160];
    /* a filter is asked for single bits: what is damaged in it may not show */
    const char *what = part < 80 ? "DELETE FROM part" : "UPDATE part SET data = x'00'";
    (void)snprintf(sql, sizeof sql, "%s WHERE id = %llu", what,
                   (unsigned long long)(first[n] * 256 + part));
    segments_change(w, sql);
}

#define SEALED 8u

static void first_numbers(const struct segments *w, uint64_t first[SEALED])
{
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;
    assert_int_equal(sqlite3_open_v2(w->path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(db, "SELECT first_seq FROM segment ORDER BY 1", -1, &st, NULL),
        SQLITE_OK);
    for (unsigned i = 0; i < SEALED; i++) {
        assert_int_equal(sqlite3_step(st), SQLITE_ROW);
        first[i] = (uint64_t)sqlite3_column_int64(st, 0);
    }
    (void)sqlite3_finalize(st);
    (void)sqlite3_close(db);
}

static const struct damaged {
    unsigned at, part, also; /* the second one in the segment behind it; 0: none */
} damages[] = {
    { 0, 82, 0 },  { 1, 82, 0 },  { 2, 82, 0 },   { 1, 80, 0 },   { 2, 80, 80 },
    { 4, 82, 80 }, { 1, 128, 0 }, { 0, 128, 82 }, { 1, 68, 0 },   { 3, 68, 68 },
    { 1, 83, 0 },  { 1, 81, 72 }, { 5, 80, 82 },  { 5, 128, 80 },
};

static void damage_in_a_piece_hides_no_other(void **state)
{
    struct segments *w = *state;
    struct kt_buf sealed[KT_ARRAY_LEN(damages)] = { 0 }, whole = { 0 }, merged = { 0 };
    uint64_t first[SEALED];
    first_numbers(w, first);
    for (int pass = 0; pass < 2; pass++) {
        segments_close_store(w);
        for (size_t i = 0; i < KT_ARRAY_LEN(damages); i++) {
            const struct damaged *d = &damages[i];
            segments_copy_file(w);
            ask_all(w->copy, &whole);
            damage(w, first, d->at, d->part);
            if (d->also > 0)
                damage(w, first, d->at + 1, d->also);
            ask_all(w->copy, pass == 0 ? &sealed[i] : &merged);
            bool hides = d->part != 83 && d->part != 81;
            if (pass == 0 && kt_str_eq(kt_buf_str(&sealed[i]), kt_buf_str(&whole)) == hides)
                fail_msg("part %u of segment %u", d->part, d->at);
            if (pass == 1 && !kt_str_eq(kt_buf_str(&sealed[i]), kt_buf_str(&merged)))
                fail_msg("parts %u, %u from segment %u on:\n%s\nwas\n%s", d->part, d->also, d->at,
                         kt_buf_z(&merged), kt_buf_z(&sealed[i]));
        }
        segments_open_store(w);
        assert_true(pass == 1 || segments_merge(w, 3) == 6);
    }
    for (size_t i = 0; i < KT_ARRAY_LEN(damages); i++)
        kt_buf_done(&sealed[i]);
    kt_buf_done(&whole);
    kt_buf_done(&merged);
}

/* ---- duplicates ---- */

static struct kt_store_batch same_time(struct segments *w, unsigned n)
{
    char id[32];
    make_reset(w->make);
    for (unsigned i = 0; i < BATCH; i++) {
        (void)snprintf(id, sizeof id, "e-%u-%u", n, i);
        make_access(w->make, id, "ana", YEAR_T0 + (kt_time_ns)(n * BATCH + i) * 1000);
    }
    return make_import(w->make, YEAR_T0 + (kt_time_ns)n * KT_NS_S);
}

/* Of a file that was left behind, all of it in one ten minutes: one list of pieces is damaged. */
static void duplicates_of_other_segments_of_a_damaged_file_are_found(void **state)
{
    struct segments *w = *state;
    struct kt_error err = { 0 };
    struct kt_store_result r;
    unsigned stored = 0;
    segments_start_over(w);
    segments_open_store(w);
    segments_start(w);
    for (unsigned n = 0; n < BATCHES; n++) {
        const struct kt_store_batch b = same_time(w, n);
        segments_append(w, &b, &r);
    }
    assert_int_equal(segments_merge(w, 2), SEALED);
    segments_close_store(w);
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "UPDATE part SET data = x'00' WHERE id ="
                                  " (SELECT min(id) FROM part WHERE id % 256 = 84)",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    (void)sqlite3_close(db);
    segments_open_store(w);
    segments_must(kt_store_succeed(w->store, "page 7 is broken", &err), &err);
    segments_close_store(w);
    segments_open_store(w);
    for (unsigned n = 0; n < BATCHES; n++) {
        const struct kt_store_batch b = same_time(w, n);
        segments_append(w, &b, &r);
        stored += r.stored;
    }
    assert_in_range(stored, 1, 2 * 75); /* of two segments of three batches each */
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, segments_set_up, segments_tear_down)
    const struct CMUnitTest tests[] = {
        T(damage_in_a_piece_hides_no_other),
        T(duplicates_of_other_segments_of_a_damaged_file_are_found),
    };
    return cmocka_run_group_tests_name("store_merge_damage", tests, NULL, NULL);
}
