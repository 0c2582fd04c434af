/* store_segment: sealed records are found as before they were sealed, by readers beside the writer
 * too; duplicates are found in them (DESIGN §6, §10). */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/alloc.h"
#include "tests/support/segments.h"

static void sealed_records_are_shown_as_unsealed_ones(void **state)
{
    struct segments *w = *state;
    struct kt_buf shown[2] = { { 0 }, { 0 } };
    struct kt_error err = { 0 };
    w->nameless = true;
    for (int sealed = 0; sealed < 2; sealed++) {
        struct kt_reader *r = NULL;
        struct kt_store_stats st;
        kt_store_close(w->store);
        make_folder_drop(w->folder);
        make_folder(w->folder, w->path);
        const struct kt_store_options o = {
            .path = w->path, .create = true, .segment_events = sealed ? 60 : 0, .seal_here = true
        };
        segments_must(kt_store_open(&o, &w->store, &err), &err);
        segments_fill(w);
        segments_must(kt_reader_open(w->path, &r, &err), &err);
        segments_must(kt_reader_stats(r, &st, &err), &err);
        assert_int_equal(st.segments, sealed ? 8 : 0);
        kt_reader_close(r);
        assert_true(segments_show(w->path, &shown[sealed]));
    }
    struct kt_str a = kt_buf_str(&shown[0]), b = kt_buf_str(&shown[1]), head;
    (void)kt_str_split(&a, '\n', &head); /* the numbers of segments differ */
    (void)kt_str_split(&b, '\n', &head);
    assert_true(a.len > 100000);
    assert_true(kt_str_eq(a, b));
    kt_buf_done(&shown[0]);
    kt_buf_done(&shown[1]);
}

/* ---- some rows of a column ---- */

static uint32_t draw(uint64_t *seed, uint32_t n)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33) % n;
}

/* Actors of which some begin alike and some records have none. */
static void make_actors(struct kt_columns *c, uint32_t rows, uint32_t values, uint64_t *seed)
{
    kt_columns_reset(c);
    for (uint32_t i = 0; i < rows; i++) {
        char name[64];
        struct kt_event ev;
        kt_event_clear(&ev);
        uint32_t v = values == 0 ? 0 : draw(seed, values);
        (void)snprintf(name, sizeof name, "%.*s-%u", (int)(v % 40),
                       "a-name-that-goes-on-and-on-and-on-and-on", v);
        if (values > 0 && draw(seed, 9) > 0)
            ev.actor = kt_str_of(name);
        kt_columns_add(c, &ev);
    }
    kt_columns_close(c);
}

static uint32_t pick_rows(uint32_t *row, uint32_t rows, uint32_t one_in, uint64_t *seed)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < rows; i++)
        if (draw(seed, one_in) == 0)
            row[n++] = i;
    return n;
}

/* Both ways of reading take the same bytes for a column, and find the same texts in it. */
static void read_both_ways(struct kt_str bytes, uint32_t rows, struct kt_picked picked)
{
    struct kt_columns all = { 0 }, some = { 0 };
    kt_columns_reset_to(&all, rows);
    kt_columns_reset_to(&some, rows);
    enum kt_status status = kt_column_unpack(&all, KT_COL_ACTOR, bytes, NULL);
    assert_int_equal(kt_column_unpack_picked(&some, KT_COL_ACTOR, bytes, picked, NULL), status);
    for (uint32_t i = 0; status == KT_OK && i < picked.n; i++)
        assert_true(kt_str_eq(kt_column_str(&all, KT_COL_ACTOR, picked.row[i]),
                              kt_column_str(&some, KT_COL_ACTOR, picked.row[i])));
    const struct kt_text_column *t = kt_column_text(&some, KT_COL_ACTOR);
    for (uint32_t i = 1; status == KT_OK && i < t->n_dict; i++)
        assert_true(kt_str_cmp(t->dict[i - 1], t->dict[i]) < 0);
    for (uint32_t i = 0, at = 0; status == KT_OK && i < rows; i++)
        if (at < picked.n && picked.row[at] == i)
            at++;
        else
            assert_int_equal(t->code[i], 0);
    kt_columns_done(&all);
    kt_columns_done(&some);
}

static void picked_rows_have_the_texts_that_all_rows_have(void **state)
{
    static const uint32_t values[] = { 0, 1, 7, 255, 256, 3000 };
    uint64_t seed = 11;
    struct kt_columns made = { 0 };
    uint32_t *row = kt_alloc_array(4000, sizeof *row);
    (void)state;
    for (size_t v = 0; v < KT_ARRAY_LEN(values); v++)
        for (unsigned turn = 0; turn < 6; turn++) {
            KT_CLEANUP(kt_buf_done) struct kt_buf bytes = { 0 };
            uint32_t rows = turn == 0 ? 1 : 1 + draw(&seed, 4000);
            make_actors(&made, rows, values[v], &seed);
            kt_column_pack(&made, KT_COL_ACTOR, &bytes);
            struct kt_picked picked = { row,
                                        pick_rows(row, rows, turn == 1 ? 1 : 3 * turn + 1, &seed) };
            read_both_ways(kt_buf_str(&bytes), rows, picked);
            for (unsigned k = 0; k < 40; k++) { /* and of what is damaged */
                uint32_t at = draw(&seed, (uint32_t)bytes.len);
                char was = bytes.at[at];
                bytes.at[at] = (char)draw(&seed, 256);
                read_both_ways(kt_buf_str(&bytes), rows, picked);
                bytes.at[at] = was;
                read_both_ways(kt_str_sub(kt_buf_str(&bytes), 0, at), rows, picked);
            }
        }
    kt_columns_done(&made);
    kt_free(row);
}

static void duplicates_are_found_in_segments(void **state)
{
    struct segments *w = *state;
    struct year *y = year_new(BATCH * BATCHES, 3);
    struct kt_store_result r;
    for (int again = 0; again < 2; again++) {
        for (uint64_t n = 0; n < BATCHES; n++) {
            const struct kt_store_batch b = segments_year_batch(w, y, n, true);
            segments_append(w, &b, &r);
            if (r.stored != 0 || r.duplicates != BATCH)
                fail_msg("batch %llu: %u stored", (unsigned long long)n, r.stored);
        }
        kt_store_close(w->store);
        segments_open_store(w); /* nothing is remembered */
    }
    make_reset(w->make);
    make_access(w->make, "same", "ana", 0);
    make_access(w->make, "same", "eve", YEAR_T0);
    const struct kt_store_batch b = make_import(w->make, YEAR_T0);
    segments_append(w, &b, &r);
    assert_int_equal(r.duplicates, 1);
    assert_int_equal(r.conflicts, 1);
    year_free(y);
}

/* A look into a batch of the tail is remembered; the segment that it is sealed into is another. */
static void duplicates_are_found_while_their_batches_are_sealed(void **state)
{
    struct segments *w = *state;
    struct year *y = year_new(BATCH * 60, 21);
    struct kt_store_result r;
    for (uint64_t n = 0; n < 60; n++) {
        struct kt_store_batch b = segments_year_batch(w, y, n, true);
        segments_append(w, &b, &r);
        assert_int_equal(r.stored, BATCH);
        for (uint64_t back = 1; back <= 6 && back <= n; back++) {
            b = segments_year_batch(w, y, n - back, true);
            segments_append(w, &b, &r);
            if (r.duplicates != BATCH)
                fail_msg("batch %llu again after %llu: %u are no duplicates",
                         (unsigned long long)(n - back), (unsigned long long)n, r.stored);
        }
    }
    year_free(y);
}

/* What a rolled back transaction held is new when it comes again. */
static void rolled_back_records_are_no_duplicates(void **state)
{
    struct segments *w = *state;
    struct year *y = year_new(BATCH * (BATCHES + 4), 9);
    struct kt_store_result r;
    struct kt_error err = { 0 };
    for (uint64_t n = BATCHES; n < BATCHES + 4; n++) {
        struct kt_store_batch b = segments_year_batch(w, y, n, true);
        segments_must(kt_store_begin(w->store, &err), &err);
        segments_must(kt_store_append(w->store, &b, &r, &err), &err);
        kt_store_rollback(w->store);
        b = segments_year_batch(w, y, n, true);
        segments_append(w, &b, &r);
        assert_int_equal(r.stored, BATCH);
    }
    year_free(y);
}

/* However much is rolled back, the ids of the tail stay in memory. */
static void rolled_back_records_push_nothing_out(void **state)
{
    struct segments *w = *state;
    enum { MANY = 5000, TIMES = 30 };
    struct kt_store_result r;
    struct kt_error err = { 0 };
    segments_start_over(w);
    const struct kt_store_options o = {
        .path = w->path, .create = true, .seal_here = true, .dedupe_recent = 64
    };
    segments_must(kt_store_open(&o, &w->store, &err), &err);
    make_reset(w->make);
    for (uint64_t i = 0; i < 100; i++)
        make_numbered(w->make, i);
    const struct kt_store_batch first = make_import(w->make, YEAR_T0);
    segments_append(w, &first, &r);
    for (uint64_t n = 0; n < TIMES; n++) {
        make_reset(w->make);
        for (uint64_t i = 0; i < MANY; i++)
            make_numbered(w->make, 1000 + n * MANY + i);
        const struct kt_store_batch b = make_import(w->make, YEAR_T0);
        segments_must(kt_store_begin(w->store, &err), &err);
        segments_must(kt_store_append(w->store, &b, &r, &err), &err);
        assert_int_equal(r.stored, MANY);
        kt_store_rollback(w->store);
    }
    for (int again = 0; again < 2; again++) { /* what came before, and what came after it all */
        make_reset(w->make);
        for (uint64_t i = 0; i < 100; i++)
            make_numbered(w->make, i + (again ? 1000 : 0));
        const struct kt_store_batch b = make_import(w->make, YEAR_T0);
        segments_append(w, &b, &r);
        assert_int_equal(r.duplicates, again ? 0 : 100);
        segments_append(w, &b, &r);
        assert_int_equal(r.duplicates, 100);
    }
}

static void cursor_sees_what_there_was_when_it_was_opened(void **state)
{
    struct segments *w = *state;
    struct kt_reader *r = NULL;
    struct kt_cursor *c = NULL;
    struct kt_record rec;
    struct kt_error err = { 0 };
    struct kt_store_result res;
    struct year *y = year_new(BATCH * 40, 11);
    for (int down = 0; down < 2; down++) {
        const struct kt_scan scan = { .records = true, .control = true, .newest_first = down == 1 };
        segments_must(kt_reader_open(w->path, &r, &err), &err);
        segments_must(kt_cursor_open(r, &scan, &c, &err), &err);
        uint64_t last = kt_store_last_seq(w->store), due = down ? last : 1, n = 0;
        enum kt_status status;
        while ((status = kt_cursor_next(c, &rec, &err)) == KT_OK) {
            assert_int_equal(rec.seq, due);
            due = down ? due - 1 : due + 1;
            if (n++ % 30 == 0 && n < 500) { /* what is the tail now is sealed meanwhile */
                const struct kt_store_batch b =
                    segments_year_batch(w, y, (uint64_t)(20 * down) + n / 30, true);
                segments_append(w, &b, &res);
            }
        }
        assert_int_equal(status, KT_E_AGAIN);
        assert_int_equal(due, down ? 0 : last + 1);
        assert_true(kt_store_last_seq(w->store) > last + 200);
        kt_cursor_free(c);
        kt_reader_close(r);
    }
    year_free(y);
}

/* ---- readers beside the writer ---- */

struct beside {
    const char *path;
    volatile bool done;
    unsigned long rounds;
    const char *wrong;
};

/* Every look is a prefix of the log, without a hole, and never shorter than the one before. */
static void *look(void *self)
{
    struct beside *b = self;
    struct kt_reader *r = NULL;
    uint64_t before = 0;
    if (kt_reader_open(b->path, &r, NULL) != KT_OK)
        b->wrong = "cannot be opened";
    while (!b->done && b->wrong == NULL) {
        struct kt_cursor *c = NULL;
        struct kt_record rec;
        const struct kt_scan scan = { .records = true,
                                      .control = true,
                                      .newest_first = b->rounds % 2 == 1 };
        uint64_t n = 0, edge = 0, events = 0, lines = 0;
        enum kt_status status = kt_cursor_open(r, &scan, &c, NULL);
        while (status == KT_OK && (status = kt_cursor_next(c, &rec, NULL)) == KT_OK) {
            if (n > 0 && rec.seq != (scan.newest_first ? edge - 1 : edge + 1))
                b->wrong = "a record is missing or twice";
            edge = rec.seq;
            n++;
            lines += rec.origin != KT_ORIGIN_CONTROL;
        }
        kt_cursor_free(c);
        struct kt_columns_scan *columns = NULL;
        struct kt_view v;
        if (status != KT_E_AGAIN || n < before)
            b->wrong = "a record that was there is not";
        before = n;
        status = kt_columns_open(r, &scan, KT_COLUMN(KT_COL_ACTOR), false, &columns, NULL);
        while (status == KT_OK && (status = kt_columns_next(columns, &v, NULL)) == KT_OK)
            events += v.picks;
        kt_columns_scan_free(columns);
        if (status != KT_E_AGAIN || events < lines)
            b->wrong = "columns have fewer records than lines";
        b->rounds++;
    }
    kt_reader_close(r);
    return NULL;
}

/* Two threads prepare segments; a damaged block is told by the one that hands lines out, without a
 * look at the file that the other reads. */
static void damaged_blocks_are_told_while_two_threads_read(void **state)
{
    struct segments *w = *state;
    enum { MANY = 90 };
    struct year *y = year_new(BATCH * MANY, 9);
    struct kt_store_result got;
    struct kt_error err = { 0 };
    segments_start_over(w);
    segments_open_store(w);
    for (uint64_t n = 0; n < MANY; n++) {
        const struct kt_store_batch b = segments_year_batch(w, y, n, true);
        segments_append(w, &b, &got);
    }
    segments_close_store(w);
    segments_copy_file(w);
    segments_change(
        w, "UPDATE part SET data = zeroblob(20) WHERE id % 256 >= 128 AND id / 256 % 2 = 0");
    for (int round = 0; round < 40; round++) {
        struct kt_reader *r = NULL;
        struct kt_cursor *c = NULL;
        struct kt_record rec;
        struct kt_damage damage = { 0 };
        const struct kt_scan scan = { .records = true, .damage = &damage };
        unsigned long n = 0;
        segments_must(kt_reader_open(w->copy, &r, &err), &err);
        segments_must(kt_cursor_open(r, &scan, &c, &err), &err);
        while (kt_cursor_next(c, &rec, &err) == KT_OK)
            n++;
        assert_true(damage.places > 0 && n > 0 && n < BATCH * MANY);
        kt_cursor_free(c);
        kt_reader_close(r);
    }
    year_free(y);
    segments_open_store(w);
}

static unsigned long rest_of(struct kt_cursor *c)
{
    struct kt_record rec;
    unsigned long n = 0;
    while (kt_cursor_next(c, &rec, NULL) == KT_OK)
        n++;
    return n;
}

/* A segment may begin behind the control record that a walk is to show next. */
static void what_is_sealed_behind_a_control_record_is_not_passed_over(void **state)
{
    struct segments *w = *state;
    for (int down = 0; down < 2; down++) {
        struct year *y = year_new(BATCH * BATCHES, 3);
        struct kt_reader *r = NULL;
        struct kt_cursor *c = NULL;
        struct kt_store_result got;
        struct kt_error err = { 0 };
        const struct kt_scan scan = { .records = true, .control = true, .newest_first = down };
        segments_start_over(w);
        segments_open_store(w);
        for (uint64_t n = 0; n < 5; n++) { /* three batches, a control record, two more */
            const struct kt_store_batch b = segments_year_batch(w, y, n, true);
            segments_append(w, &b, &got);
            if (n == 2)
                segments_control(w);
        }
        segments_must(kt_reader_open(w->path, &r, &err), &err);
        segments_must(kt_cursor_open(r, &scan, &c, &err), &err);
        const struct kt_store_batch more = segments_year_batch(w, y, 5, true);
        segments_append(w, &more, &got);
        kt_store_close(w->store); /* seals all of the tail */
        w->store = NULL;
        assert_int_equal(rest_of(c), 5 * BATCH + 1);
        kt_cursor_free(c);
        kt_reader_close(r);
        year_free(y);
    }
    segments_open_store(w);
}

static void readers_beside_the_writer_miss_nothing(void **state)
{
    struct segments *w = *state;
    struct year *y = year_new(BATCH * 800, 5);
    struct beside beside[2] = { { 0 } };
    pthread_t thread[2];
    struct kt_store_result r;
    struct kt_error err = { 0 };
    segments_start_over(w);
    const struct kt_store_options o = { .path = w->path, .create = true, .segment_events = 120 };
    segments_must(kt_store_open(&o, &w->store, &err), &err); /* with its sealing thread */
    for (int i = 0; i < 2; i++) {
        beside[i].path = w->path;
        assert_int_equal(pthread_create(&thread[i], NULL, look, &beside[i]), 0);
    }
    for (uint64_t n = 0; n < 800; n++) {
        const struct kt_store_batch b = segments_year_batch(w, y, n, true);
        segments_append(w, &b, &r);
        if (n % 5 == 3)
            segments_control(w);
        segments_must(kt_store_housekeep(w->store, n % 16 == 0, &err), &err);
        if (n % 40 == 39)
            (void)segments_merge(w, 4);
    }
    for (int i = 0; i < 2; i++)
        beside[i].done = true;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
        if (beside[i].wrong != NULL)
            fail_msg("%s (round %lu)", beside[i].wrong, beside[i].rounds);
        assert_true(beside[i].rounds > 0);
    }
    year_free(y);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, segments_set_up, segments_tear_down)
    const struct CMUnitTest tests[] = {
        T(sealed_records_are_shown_as_unsealed_ones),
        cmocka_unit_test(picked_rows_have_the_texts_that_all_rows_have),
        T(duplicates_are_found_in_segments),
        T(duplicates_are_found_while_their_batches_are_sealed),
        T(rolled_back_records_are_no_duplicates),
        T(rolled_back_records_push_nothing_out),
        T(cursor_sees_what_there_was_when_it_was_opened),
        T(what_is_sealed_behind_a_control_record_is_not_passed_over),
        T(damaged_blocks_are_told_while_two_threads_read),
        T(readers_beside_the_writer_miss_nothing),
    };
    return cmocka_run_group_tests_name("store_segment", tests, NULL, NULL);
}
