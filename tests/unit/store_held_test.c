/* store_held: segments that are made of batches as they were parsed are those that are made of the
 * rows of the tail; what was undone is not held. */
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* after the others */
#include <cmocka.h>

#include "core/base/limits.h"
#include "core/event/line.h"
#include "core/store/held.h"
#include "tests/support/store_make.h"

#define BATCHES 12u
#define EVENTS  40u

static struct kt_parsed *parsed_of(const struct make *m)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf lines = { 0 };
    struct kt_arena arena = kt_arena_new(KT_LINE_MAX);
    struct kt_str rest, line;
    kt_buf_add(&lines, kt_buf_str(&m->lines));
    rest = kt_buf_str(&lines);
    struct kt_parsed *p = kt_parsed_new(rest, m->n);
    while (kt_str_split(&rest, '\n', &line) && line.len > 0) {
        struct kt_event ev;
        kt_arena_reset(&arena);
        assert_int_equal(kt_line_read(line, &arena, &ev, NULL), KT_OK);
        kt_parsed_add(p, line, &ev);
    }
    kt_parsed_close(p, &lines);
    kt_arena_done(&arena);
    return p;
}

static void append(struct kt_store *s, struct make *m, uint64_t batch, bool parsed, bool undone)
{
    struct kt_store_result r;
    make_reset(m);
    for (uint64_t i = 0; i < EVENTS; i++)
        make_numbered(m, batch * EVENTS + i);
    struct kt_store_batch b = make_batch(m, "agent", batch + 1, MAKE_T0 + (kt_time_ns)batch);
    b.parsed = parsed ? parsed_of(m) : NULL;
    assert_int_equal(kt_store_begin(s, NULL), KT_OK);
    assert_int_equal(kt_store_append(s, &b, &r, NULL), KT_OK);
    assert_int_equal(r.stored, EVENTS);
    if (undone)
        kt_store_rollback(s);
    else
        assert_int_equal(kt_store_commit(s, NULL), KT_OK);
    kt_parsed_free(b.parsed);
}

/* All parts of all segments. */
static void parts_of(const char *path, struct kt_buf *ret)
{
    sqlite3 *db;
    sqlite3_stmt *st;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT id, data FROM part UNION ALL SELECT first_seq,"
                                        " days || bytes || ' ' || packed || ' ' || min_time FROM"
                                        " segment ORDER BY 1",
                                        -1, &st, NULL),
                     SQLITE_OK);
    while (sqlite3_step(st) == SQLITE_ROW) {
        kt_buf_u64(ret, (uint64_t)sqlite3_column_int64(st, 0));
        kt_buf_str32(ret,
                     kt_str_from(sqlite3_column_blob(st, 1), (size_t)sqlite3_column_bytes(st, 1)));
    }
    assert_int_equal(sqlite3_finalize(st), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* which: a bit for each batch that comes parsed. */
static void sealed(struct make *m, uint32_t which, struct kt_buf *ret)
{
    char folder[64], path[96];
    struct kt_store *s = NULL;
    make_folder(folder, path);
    const struct kt_store_options o = {
        .path = path, .create = true, .segment_events = 3 * EVENTS, .seal_here = true
    };
    assert_int_equal(kt_store_open(&o, &s, NULL), KT_OK);
    for (uint64_t i = 0; i < BATCHES; i++) {
        if (i % 4 == 2) /* another batch under this number, undone */
            append(s, m, 1000 + i, true, true);
        append(s, m, i, which >> i & 1, false);
    }
    kt_store_close(s);
    parts_of(path, ret);
    make_folder_drop(folder);
}

static void segments_are_the_same_from_parsed_lines(void **state)
{
    (void)state;
    KT_CLEANUP(kt_buf_done) struct kt_buf rows = { 0 }, parsed = { 0 }, mixed = { 0 };
    struct make *m = make_new();
    sealed(m, 0, &rows);
    sealed(m, UINT32_MAX, &parsed);
    sealed(m, 0x5a5, &mixed);
    assert_true(rows.len > 10000);
    assert_true(kt_str_eq(kt_buf_str(&rows), kt_buf_str(&parsed)));
    assert_true(kt_str_eq(kt_buf_str(&rows), kt_buf_str(&mixed)));
    make_free(m);
}

static void no_more_is_held_than_there_is_room_for(void **state)
{
    (void)state;
    struct kt_held h = { 0 };
    struct make *m = make_new();
    for (uint64_t i = 0; i < EVENTS; i++)
        make_numbered(m, i);
    struct kt_parsed *p = parsed_of(m);
    const size_t fit = KT_HELD_BYTES / kt_parsed_bytes(p);
    for (uint64_t i = 1; i <= fit + 2; i++)
        kt_held_add(&h, 10 * i, p);
    assert_int_equal(h.n, fit);
    assert_ptr_equal(kt_held_find(&h, 20), p);
    assert_null(kt_held_find(&h, 21));
    kt_held_drop_to(&h, 20);
    assert_null(kt_held_find(&h, 20));
    assert_ptr_equal(kt_held_find(&h, 30), p);
    kt_held_drop_from(&h, 31);
    assert_int_equal(h.n, 1);
    assert_int_equal(h.bytes, kt_parsed_bytes(p));
    kt_held_done(&h);
    kt_parsed_free(p);
    make_free(m);
}

int main(void)
{
    kt_hash_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments_are_the_same_from_parsed_lines),
        cmocka_unit_test(no_more_is_held_than_there_is_room_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
