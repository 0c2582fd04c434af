/*
 * Columns that a reader keeps of the tail: whoever asks again is told the same as who asks first,
 * while batches come and are sealed, within a walk that another one interrupts, and past the bound
 * of what is kept.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/store/row.h"
#include "core/store/tail_columns.h"
#include "tests/support/store_make.h"

#define ROUNDS    90u /* more batches than are kept */
#define BATCH     30u
#define SEAL_ROWS 900u

static const uint32_t columns = KT_COLUMN(KT_COL_ACTOR) | KT_COLUMN(KT_COL_SECRET) |
                                KT_COLUMN(KT_COL_IP) | KT_COLUMN(KT_COL_OUTCOME) |
                                KT_COLUMN(KT_COL_INSTANCE);

static void must(enum kt_status st, const struct kt_error *err)
{
    if (st != KT_OK)
        fail_msg("%s", err->text);
}

struct world {
    char folder[64], path[96];
    struct kt_store *store;
    struct make *make;
    uint64_t stored, batches;
};

static void world_up(struct world *w)
{
    struct kt_error err = { 0 };
    *w = (struct world){ .make = make_new() };
    make_folder(w->folder, w->path);
    const struct kt_store_options o = {
        .path = w->path, .create = true, .seal_here = true, .segment_events = SEAL_ROWS
    };
    must(kt_store_open(&o, &w->store, &err), &err);
}

static void world_down(struct world *w)
{
    kt_store_close(w->store);
    make_free(w->make);
    make_folder_drop(w->folder);
}

static void append(struct world *w)
{
    struct kt_error err = { 0 };
    struct kt_store_result result;
    make_reset(w->make);
    for (unsigned i = 0; i < BATCH; i++)
        make_numbered(w->make, w->stored++);
    w->batches++;
    const struct kt_store_batch b =
        make_batch(w->make, "a", w->batches, MAKE_T0 + (kt_time_ns)w->batches * KT_NS_S);
    must(kt_store_begin(w->store, &err), &err);
    must(kt_store_append(w->store, &b, &result, &err), &err);
    must(kt_store_commit(w->store, &err), &err);
}

static void add_view(struct kt_buf *out, const struct kt_view *v)
{
    const struct kt_columns *c = v->columns;
    for (uint32_t i = 0; i < v->picks; i++) {
        uint32_t row = v->pick[i];
        for (unsigned col = 0; col < KT_COL_COUNT; col++) {
            if ((columns >> col & 1) == 0)
                continue;
            if (col < KT_COL_SMALL)
                kt_buf_byte(out, (char)c->small[col][row]);
            else
                kt_buf_str32(out, kt_column_str(c, (enum kt_col)col, row));
        }
        kt_buf_u64_dec(out, (uint64_t)v->time[row]);
    }
}

/* All that columns say. each(): asked once, in the middle of the walk. */
static void say(struct kt_reader *r, struct kt_buf *out, void (*each)(void *self), void *self)
{
    const struct kt_scan scan = { .records = true };
    struct kt_columns_scan *c = NULL;
    struct kt_view v;
    struct kt_error err = { 0 };
    enum kt_status status;
    unsigned n = 0;
    kt_buf_reset(out);
    must(kt_columns_open(r, &scan, columns, true, &c, &err), &err);
    while ((status = kt_columns_next(c, &v, &err)) == KT_OK) {
        if (each != NULL && n++ == 2)
            each(self);
        add_view(out, &v);
    }
    assert_int_equal(status, KT_E_AGAIN);
    kt_columns_scan_free(c);
}

static void say_anew(const struct world *w, struct kt_buf *out)
{
    struct kt_reader *r = NULL;
    struct kt_error err = { 0 };
    must(kt_reader_open(w->path, &r, &err), &err);
    say(r, out, NULL, NULL);
    kt_reader_close(r);
}

static void what_is_kept_is_what_is_there(void **state)
{
    struct world w;
    struct kt_reader *r = NULL;
    struct kt_error err = { 0 };
    struct kt_buf kept = { 0 }, anew = { 0 };
    (void)state;
    world_up(&w);
    append(&w);
    must(kt_reader_open(w.path, &r, &err), &err);
    for (unsigned i = 0; i < ROUNDS; i++) {
        append(&w);
        say_anew(&w, &anew);
        for (unsigned again = 0; again < 2; again++) {
            say(r, &kept, NULL, NULL);
            assert_true(kt_str_eq(kt_buf_str(&kept), kt_buf_str(&anew)));
        }
    }
    assert_true(kept.len > 0);
    kt_reader_close(r);
    kt_buf_done(&kept);
    kt_buf_done(&anew);
    world_down(&w);
}

struct inner {
    struct world *w;
    struct kt_reader *r;
};

static void interrupt(void *self)
{
    struct inner *in = self;
    struct kt_buf said = { 0 };
    append(in->w);
    append(in->w);
    say(in->r, &said, NULL, NULL);
    kt_buf_done(&said);
}

static void a_walk_within_a_walk_changes_neither(void **state)
{
    struct world w;
    struct kt_reader *r = NULL;
    struct kt_error err = { 0 };
    struct kt_buf said = { 0 }, anew = { 0 };
    (void)state;
    world_up(&w);
    for (unsigned i = 0; i < 8; i++)
        append(&w);
    must(kt_reader_open(w.path, &r, &err), &err);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct inner in = { &w, r };
        say_anew(&w, &anew); /* what came meanwhile is not of the walk that has begun */
        say(r, &said, interrupt, &in);
        assert_true(kt_str_eq(kt_buf_str(&said), kt_buf_str(&anew)));
    }
    kt_reader_close(r);
    kt_buf_done(&said);
    kt_buf_done(&anew);
    world_down(&w);
}

static void room_is_made_by_older_batches_alone(void **state)
{
    struct kt_tail_columns *t = kt_tail_columns_new();
    struct kt_row row = { .count = 1024, .lines = KT_STR("packed lines") };
    const unsigned most = KT_TAIL_KEPT_ROWS / 1024;
    struct kt_columns *at[KT_TAIL_KEPT_ROWS / 1024 + 1];
    uint32_t make;
    (void)state;
    for (unsigned i = 0; i < most; i++) {
        row.first_seq = 10 + i;
        at[i] = kt_tail_columns_take(t, &row, KT_COLUMNS_ALL, &make);
        assert_non_null(at[i]);
        assert_int_equal(make, KT_COLUMNS_ALL);
        at[i]->have = make;
        kt_tail_columns_made(t, at[i]);
    }
    row.first_seq = 10 + most;
    assert_null(kt_tail_columns_take(t, &row, KT_COLUMNS_ALL, &make)); /* all are in use */
    for (unsigned i = 0; i < most; i++)
        kt_tail_columns_leave(t, at[i]);
    row.first_seq = 9;
    assert_null(kt_tail_columns_take(t, &row, KT_COLUMNS_ALL, &make)); /* all are newer */
    row.first_seq = 11;
    assert_ptr_equal(kt_tail_columns_take(t, &row, KT_COLUMNS_ALL, &make), at[1]);
    assert_int_equal(make, 0);
    row.lines = KT_STR("packed linen"); /* changed on the disk: not what is kept of that number */
    at[most] = kt_tail_columns_take(t, &row, KT_COLUMNS_ALL, &make);
    assert_true(at[most] != at[1]);
    assert_int_equal(make, KT_COLUMNS_ALL);
    kt_tail_columns_leave(t, at[most]);
    row.first_seq = 10 + most;
    at[most] = kt_tail_columns_take(t, &row, KT_COLUMNS_ALL, &make);
    assert_non_null(at[most]);
    assert_int_equal(make, KT_COLUMNS_ALL);
    kt_tail_columns_leave(t, at[most]); /* could not be made */
    assert_non_null(kt_tail_columns_take(t, &row, KT_COLUMNS_ALL, &make));
    assert_int_equal(make, KT_COLUMNS_ALL);
    kt_tail_columns_free(kt_tail_columns_share(t));
    kt_tail_columns_free(t);
}

/* Rows of one name each, of so many bytes. */
static void fill(struct kt_columns *c, uint32_t which, size_t bytes)
{
    char *name = kt_alloc(bytes);
    memset(name, 'x', bytes);
    kt_columns_begin(c, which);
    const struct kt_event ev = { .actor = kt_str_from(name, bytes) };
    kt_columns_add(c, &ev);
    kt_columns_close(c);
    kt_free(name);
}

static bool is_kept(struct kt_tail_columns *t, struct kt_row *row, uint64_t seq)
{
    uint32_t make = 0;
    row->first_seq = seq;
    struct kt_columns *c = kt_tail_columns_take(t, row, KT_COLUMNS_ALL, &make);
    if (c != NULL)
        kt_tail_columns_leave(t, c);
    return c != NULL && make == 0;
}

static void put(struct kt_tail_columns *t, struct kt_row *row, uint64_t seq, size_t bytes)
{
    uint32_t make;
    row->first_seq = seq;
    struct kt_columns *c = kt_tail_columns_take(t, row, KT_COLUMNS_ALL, &make);
    assert_true(c != NULL && make != 0);
    fill(c, make, bytes);
    kt_tail_columns_made(t, c);
    kt_tail_columns_leave(t, c);
}

static void long_names_take_no_more_than_short_ones(void **state)
{
    struct kt_tail_columns *t = kt_tail_columns_new();
    struct kt_row row = { .count = 1, .lines = KT_STR("packed lines") };
    const size_t third = KT_TAIL_KEPT_BYTES / 3;
    (void)state;
    put(t, &row, 10, third / 2);
    put(t, &row, 20, third / 2);
    assert_true(is_kept(t, &row, 10) && is_kept(t, &row, 20));
    put(t, &row, 30, 2 * (size_t)KT_TAIL_KEPT_BYTES); /* too long alone: it drives nobody out */
    assert_false(is_kept(t, &row, 30));
    assert_true(is_kept(t, &row, 10) && is_kept(t, &row, 20));
    put(t, &row, 40, KT_TAIL_KEPT_BYTES / 2);
    assert_false(is_kept(t, &row, 10)); /* the oldest gave way */
    assert_true(is_kept(t, &row, 40));
    put(t, &row, 5, KT_TAIL_KEPT_BYTES / 2); /* newer ones stay */
    assert_false(is_kept(t, &row, 5));
    assert_true(is_kept(t, &row, 40));
    kt_tail_columns_free(t);
}

static void who_asks_once_has_made_what_it_asked_for(void **state)
{
    const uint32_t actors = KT_COLUMN(KT_COL_ACTOR), hosts = KT_COLUMN(KT_COL_HOST);
    struct kt_tail_columns *t = kt_tail_columns_new();
    const struct kt_row row = { .first_seq = 7, .count = 1, .lines = KT_STR("packed lines") };
    uint32_t make;
    (void)state;
    struct kt_columns *c = kt_tail_columns_take(t, &row, actors, &make);
    assert_int_equal(make, actors);
    fill(c, make, 9);
    assert_int_equal(c->have, actors | (KT_COLUMN(KT_COL_SMALL) - 1));
    kt_tail_columns_made(t, c);
    assert_ptr_equal(kt_tail_columns_take(t, &row, actors, &make), c);
    assert_int_equal(make, 0);
    assert_true(kt_str_is(kt_column_str(c, KT_COL_ACTOR, 0), "xxxxxxxxx"));
    assert_null(kt_tail_columns_take(t, &row, hosts, &make)); /* somebody reads them */
    assert_int_equal(make, hosts);
    kt_tail_columns_leave(t, c);
    kt_tail_columns_leave(t, c);
    assert_ptr_equal(kt_tail_columns_take(t, &row, hosts, &make), c);
    assert_int_equal(make, KT_COLUMNS_ALL);
    fill(c, make, 8);
    kt_tail_columns_made(t, c);
    assert_true(kt_str_is(kt_column_str(c, KT_COL_ACTOR, 0), "xxxxxxxx"));
    kt_tail_columns_leave(t, c);
    assert_non_null(kt_tail_columns_take(t, &row, actors | hosts, &make));
    assert_int_equal(make, 0);
    kt_tail_columns_free(t);
}

int main(void)
{
    kt_hash_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_kept_is_what_is_there),
        cmocka_unit_test(a_walk_within_a_walk_changes_neither),
        cmocka_unit_test(room_is_made_by_older_batches_alone),
        cmocka_unit_test(long_names_take_no_more_than_short_ones),
        cmocka_unit_test(who_asks_once_has_made_what_it_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
