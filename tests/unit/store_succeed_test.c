/* store_succeed: a damaged file is left behind, the log goes on in the next one, and readers take
 * both (DESIGN §6, THREATS "What bad input must get"). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/store/db.h"
#include "core/store/read.h"
#include "tests/support/store_make.h"

#define BATCH 50u

struct world {
    char folder[64], path[96], next[100];
    struct make *make;
    struct kt_store *store;
    uint64_t batches; /* appended so far */
    struct kt_store_result last;
};

static void must(enum kt_status status, const struct kt_error *err)
{
    if (status != KT_OK)
        fail_msg("%s", err->text);
}

static enum kt_status try_open(struct world *w, bool succeed, struct kt_error *err)
{
    const struct kt_store_options o = { .path = w->path,
                                        .create = true,
                                        .segment_events = 100,
                                        .seal_here = true,
                                        .succeed = succeed };
    return kt_store_open(&o, &w->store, err);
}

static void open_store(struct world *w)
{
    struct kt_error err = { 0 };
    must(try_open(w, false, &err), &err);
}

static void close_store(struct world *w)
{
    kt_store_close(w->store);
    w->store = NULL;
}

/* Batch n of the stream: events n * BATCH … */
static struct kt_store_batch batch_of(struct world *w, uint64_t n, bool import)
{
    make_reset(w->make);
    for (uint64_t i = 0; i < BATCH; i++)
        make_numbered(w->make, n * BATCH + i);
    kt_time_ns at = MAKE_T0 + (kt_time_ns)(n + 1) * KT_NS_MIN;
    return import ? make_import(w->make, at) : make_batch(w->make, "agent-a", n + 1, at);
}

static void append(struct world *w, uint64_t n, bool import)
{
    struct kt_error err = { 0 };
    const struct kt_store_batch b = batch_of(w, n, import);
    must(kt_store_begin(w->store, &err), &err);
    make_claims(w->store, &b);
    must(kt_store_append(w->store, &b, &w->last, &err), &err);
    must(kt_store_commit(w->store, &err), &err);
}

static void put(struct world *w, const char *name, const char *value)
{
    struct kt_error err = { 0 };
    must(kt_store_begin(w->store, &err), &err);
    must(kt_store_put(w->store, name, kt_str_of(value), &err), &err);
    must(kt_store_commit(w->store, &err), &err);
}

static int setup(void **state)
{
    struct world *w = kt_alloc(sizeof *w);
    make_folder(w->folder, w->path);
    (void)snprintf(w->next, sizeof w->next, "%s.2", w->path);
    w->make = make_new();
    open_store(w);
    for (w->batches = 0; w->batches < 7; w->batches++) /* three segments and a tail */
        append(w, w->batches, false);
    put(w, "keep", "this");
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    kt_store_close(w->store);
    make_free(w->make);
    make_folder_drop(w->folder);
    kt_free(w);
    return 0;
}

static void give_up(struct world *w)
{
    struct kt_error err = { 0 };
    must(kt_store_succeed(w->store, "page 7 is broken", &err), &err);
    close_store(w);
    open_store(w);
}

/* Records in order, one way or the other; damage is counted. */
static uint64_t count(struct world *w, bool down, struct kt_damage *damage)
{
    struct kt_reader *r = NULL;
    struct kt_cursor *c = NULL;
    struct kt_record rec;
    struct kt_error err = { 0 };
    uint64_t n = 0, before = 0;
    const struct kt_scan scan = { .records = true, .newest_first = down, .damage = damage };
    must(kt_reader_open(w->path, &r, &err), &err);
    must(kt_cursor_open(r, &scan, &c, &err), &err);
    enum kt_status status;
    while ((status = kt_cursor_next(c, &rec, &err)) == KT_OK) {
        assert_true(before == 0 || (down ? rec.seq < before : rec.seq > before));
        before = rec.seq;
        n++;
    }
    assert_int_equal(status, KT_E_AGAIN);
    kt_cursor_free(c);
    kt_reader_close(r);
    return n;
}

static unsigned verify(struct world *w, struct kt_verify_result *ret)
{
    struct kt_reader *r = NULL;
    struct kt_error err = { 0 };
    must(kt_reader_open(w->path, &r, &err), &err);
    must(kt_reader_verify(r, &(struct kt_verify_options){ 0 }, ret, &err), &err);
    kt_reader_close(r);
    return ret->problems;
}

/* Flips every byte of a page of the store's file. */
static void break_page(const char *path, unsigned page)
{
    uint8_t bytes[8192];
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, bytes, sizeof bytes, (off_t)page * 8192), sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] ^= 0xff;
    assert_int_equal(pwrite(fd, bytes, sizeof bytes, (off_t)page * 8192), sizeof bytes);
    (void)close(fd);
}

static unsigned root_page(const char *path, const char *table)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;
    char sql[96];
    (void)snprintf(sql, sizeof sql, "SELECT rootpage FROM sqlite_schema WHERE name = '%s'", table);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    unsigned page = (unsigned)sqlite3_column_int(st, 0);
    (void)sqlite3_finalize(st);
    (void)sqlite3_close(db);
    return page - 1;
}

static void readers_take_both_files(void **state)
{
    struct world *w = *state;
    struct kt_verify_result v;
    struct kt_damage damage = { 0 };
    give_up(w);
    for (; w->batches < 12; w->batches++)
        append(w, w->batches, false);
    assert_int_equal(w->last.first_seq, 11 * BATCH + 1);
    assert_int_equal(count(w, false, &damage), 12 * BATCH);
    assert_int_equal(count(w, true, &damage), 12 * BATCH);
    assert_int_equal(damage.places, 0);
    assert_int_equal(verify(w, &v), 0);
    assert_int_equal(v.records, 12 * BATCH);
}

/* The same 12 batches in one file: the tree is the same. */
static void the_tree_goes_on(void **state)
{
    struct world *w = *state;
    struct world other = { .make = make_new() };
    struct kt_verify_result a, b;
    make_folder(other.folder, other.path);
    memcpy(other.make->incarnation, w->make->incarnation, sizeof other.make->incarnation);
    open_store(&other);
    for (uint64_t n = 0; n < 12; n++)
        append(&other, n, false);
    give_up(w);
    for (; w->batches < 12; w->batches++)
        append(w, w->batches, false);
    assert_int_equal(verify(w, &a) + verify(&other, &b), 0);
    assert_memory_equal(a.root, b.root, 32);
    close_store(&other);
    make_free(other.make);
    make_folder_drop(other.folder);
}

static void marks_names_and_the_reason_are_carried_over(void **state)
{
    struct world *w = *state;
    KT_CLEANUP(kt_buf_done) struct kt_buf value = { 0 };
    struct kt_error err = { 0 };
    struct kt_mark mark;
    give_up(w);
    must(kt_store_mark(w->store, KT_STR("agent-a"), w->make->incarnation, &mark, &err), &err);
    assert_int_equal(mark.seq, 7);
    must(kt_store_get(w->store, "keep", &value, &err), &err);
    assert_string_equal(kt_buf_z(&value), "this");
    must(kt_store_get(w->store, KT_SUCCEEDED_BLOB, &value, &err), &err);
    assert_string_equal(kt_buf_z(&value), "keytrail.db\npage 7 is broken");
}

static void what_the_damaged_file_has_is_a_duplicate(void **state)
{
    struct world *w = *state;
    give_up(w);
    for (uint64_t n = 0; n < 7; n++) { /* of its segments, and of its tail */
        append(w, n, true);
        assert_int_equal(w->last.duplicates, BATCH);
    }
    append(w, 7, true);
    assert_int_equal(w->last.stored, BATCH);
}

static void a_reader_that_is_open_takes_the_next_file_in(void **state)
{
    struct world *w = *state;
    struct kt_reader *r = NULL;
    struct kt_store_stats stats;
    struct kt_error err = { 0 };
    must(kt_reader_open(w->path, &r, &err), &err);
    must(kt_reader_stats(r, &stats, &err), &err);
    assert_int_equal(stats.damaged_files, 0);
    give_up(w);
    append(w, 7, false);
    must(kt_reader_stats(r, &stats, &err), &err);
    assert_int_equal(stats.damaged_files, 1);
    assert_int_equal(stats.events, 8 * BATCH);
    assert_int_equal(stats.records, 8 * BATCH);
    kt_reader_close(r);
}

static void damage_found_at_the_start_is_left_behind(void **state)
{
    struct world *w = *state;
    struct kt_error err = { 0 };
    struct kt_damage damage = { 0 };
    struct kt_verify_result v;
    close_store(w);
    break_page(w->path, root_page(w->path, "batch"));
    assert_int_equal(try_open(w, false, &err), KT_E_CORRUPT);
    must(try_open(w, true, &err), &err);
    assert_string_equal(kt_store_file(w->store), w->next);
    append(w, 7, false);
    assert_int_equal(w->last.first_seq, 7 * BATCH + 1);
    assert_int_equal(count(w, false, &damage), 6 * BATCH + BATCH); /* the tail is lost */
    assert_true(damage.places > 0);
    assert_true(verify(w, &v) > 0);
}

static void a_file_that_is_gone_is_missed(void **state)
{
    struct world *w = *state;
    struct kt_damage damage = { 0 };
    struct kt_verify_result v;
    char away[120];
    give_up(w);
    append(w, 7, false);
    (void)snprintf(away, sizeof away, "%s-away", w->path);
    assert_int_equal(rename(w->path, away), 0);
    assert_int_equal(count(w, false, &damage), BATCH);
    assert_int_equal(damage.places, 1);
    assert_true(verify(w, &v) > 0);
    assert_int_equal(rename(away, w->path), 0);
}

static void what_was_committed_before_is_there_and_the_rest_is_not(void **state)
{
    struct world *w = *state;
    struct kt_error err = { 0 };
    struct kt_damage damage = { 0 };
    const struct kt_store_batch b = batch_of(w, 7, false);
    must(kt_store_begin(w->store, &err), &err);
    make_claims(w->store, &b);
    must(kt_store_append(w->store, &b, &w->last, &err), &err);
    give_up(w); /* in the middle of a transaction */
    assert_int_equal(count(w, false, &damage), 7 * BATCH);
    append(w, 7, false);
    assert_int_equal(w->last.stored, BATCH);
    assert_int_equal(count(w, false, &damage), 8 * BATCH);
}

static void nothing_is_made_of_a_file_without_records(void **state)
{
    struct world *w = *state;
    struct kt_error err = { 0 };
    give_up(w);
    assert_int_equal(kt_store_succeed(w->store, "again", &err), KT_E_LIMIT);
    close_store(w);
    assert_int_equal(access(w->next, F_OK), 0);
    char third[104];
    (void)snprintf(third, sizeof third, "%s.3", w->path);
    assert_int_not_equal(access(third, F_OK), 0);
}

/* A damaged file, written on by hand, shows; so does a successor that begins elsewhere. */
static void a_changed_seam_is_named(void **state)
{
    struct world *w = *state;
    struct kt_verify_result v;
    sqlite3 *db = NULL;
    give_up(w);
    append(w, 7, false);
    close_store(w);
    assert_int_equal(sqlite3_open_v2(w->next, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "UPDATE meta SET base = zeroblob(8)", NULL, NULL, NULL),
                     SQLITE_OK);
    (void)sqlite3_close(db);
    assert_true(verify(w, &v) > 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(readers_take_both_files),
        T(the_tree_goes_on),
        T(marks_names_and_the_reason_are_carried_over),
        T(what_the_damaged_file_has_is_a_duplicate),
        T(a_reader_that_is_open_takes_the_next_file_in),
        T(damage_found_at_the_start_is_left_behind),
        T(a_file_that_is_gone_is_missed),
        T(what_was_committed_before_is_there_and_the_rest_is_not),
        T(nothing_is_made_of_a_file_without_records),
        T(a_changed_seam_is_named),
    };
    return cmocka_run_group_tests_name("store_succeed", tests, NULL, NULL);
}
