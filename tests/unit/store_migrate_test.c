/* store_migrate: stores of every older schema become today's, whole or not at all: same records,
 * same root, same duplicates. tests/cases/stores/schema-N.sql is a store as schema N left it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/event/line.h"
#include "core/store/backup.h"
#include "core/store/db.h"
#include "core/store/read.h"
#include "tests/support/fault_vfs.h"
#include "tests/support/store_make.h"

#define EVENTS  28u
#define RECORDS 43u
#define ROOT    "e022341356fedb19fb0652177d30f1d2ae32bfe828451637b097bc8a886280ae"

struct world {
    char folder[64], path[96];
    unsigned schema;
    struct kt_buf sql;
};

static void must(enum kt_status status, const struct kt_error *err)
{
    if (status != KT_OK)
        fail_msg("%s", err->text);
}

static void make_old(struct world *w)
{
    sqlite3 *db = NULL;
    char versions[96];
    (void)snprintf(versions, sizeof versions, "PRAGMA application_id=%u; PRAGMA user_version=%u",
                   KT_DB_APP_ID, w->schema);
    assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA page_size=8192", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, kt_buf_z(&w->sql), NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, versions, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static int setup(void **state, unsigned schema)
{
    struct world *w = kt_alloc(sizeof *w);
    char name[64];
    (void)snprintf(name, sizeof name, "tests/cases/stores/schema-%u.sql", schema);
    w->schema = schema;
    FILE *f = fopen(name, "rb");
    if (f == NULL)
        return -1;
    for (int c; (c = fgetc(f)) != EOF;)
        kt_buf_byte(&w->sql, (char)c);
    (void)fclose(f);
    make_folder(w->folder, w->path);
    make_old(w);
    *state = w;
    return 0;
}

static int from_1(void **state)
{
    return setup(state, 1);
}

static int from_2(void **state)
{
    return setup(state, 2);
}

static int from_3(void **state)
{
    return setup(state, 3);
}

static int from_4(void **state)
{
    return setup(state, 4);
}

static int teardown(void **state)
{
    struct world *w = *state;
    make_folder_drop(w->folder);
    kt_buf_done(&w->sql);
    kt_free(w);
    return 0;
}

static enum kt_status migrate(struct world *w, const char *vfs, struct kt_error *err)
{
    struct kt_store *s = NULL;
    const struct kt_store_options o = { .path = w->path, .vfs = vfs, .seal_here = true };
    enum kt_status status = kt_store_open(&o, &s, err);
    if (status == KT_OK)
        kt_store_close(s);
    return status;
}

static void is_whole_of(struct world *w, unsigned schema)
{
    struct kt_reader *r = NULL;
    struct kt_error err = { 0 };
    struct kt_verify_result v;
    struct kt_store_stats stats;
    char root[65];
    must(kt_reader_open(w->path, &r, &err), &err);
    must(kt_reader_verify(r, &(struct kt_verify_options){ 0 }, &v, &err), &err);
    must(kt_reader_stats(r, &stats, &err), &err);
    kt_hex(root, v.root, 32);
    assert_int_equal(v.problems, 0);
    assert_string_equal(root, ROOT);
    assert_int_equal(stats.records, RECORDS);
    assert_int_equal(stats.events, EVENTS);
    assert_int_equal(stats.conflicts, 4);
    assert_int_equal(stats.schema, schema);
    kt_reader_close(r);
}

static void is_whole(struct world *w)
{
    is_whole_of(w, KT_DB_SCHEMA);
}

static void an_old_store_becomes_todays(void **state)
{
    struct world *w = *state;
    struct kt_reader *r = NULL;
    KT_CLEANUP(kt_buf_done) struct kt_buf mark = { 0 };
    struct kt_error err = { 0 };
    must(migrate(w, NULL, &err), &err);
    is_whole(w);
    must(kt_reader_open(w->path, &r, &err), &err);
    for (unsigned schema = w->schema; schema < KT_DB_SCHEMA; schema++) {
        char name[32];
        (void)snprintf(name, sizeof name, "backup-mark/%u", schema);
        must(kt_reader_get(r, name, &mark, &err), &err);
        assert_true(mark.len > 8); /* the tree as it was */
    }
    /* the detectors' state has another form: it is made again from the log */
    assert_int_equal(kt_reader_get(r, "detect", &mark, &err), KT_E_AGAIN);
    kt_reader_close(r);
    must(migrate(w, NULL, &err), &err); /* nothing is left to do */
    is_whole(w);
}

static void a_reader_says_what_to_do_with_an_old_store(void **state)
{
    struct world *w = *state;
    struct kt_reader *r = NULL;
    struct kt_error err = { 0 };
    if (w->schema >= KT_DB_READS) { /* nothing: it is read as it is */
        is_whole_of(w, w->schema);
        return;
    }
    assert_int_equal(kt_reader_open(w->path, &r, &err), KT_E_CONFIG);
    char schema[16];
    (void)snprintf(schema, sizeof schema, "schema %u", w->schema);
    assert_non_null(strstr(err.text, schema));
    assert_non_null(strstr(err.text, "reads schemas 3 to 5: start the collector"));
}

/* It is what the store is: builds that read such a store read its backup. */
static void a_backup_has_the_schema_of_its_store(void **state)
{
    struct world *w = *state;
    char to[96];
    struct kt_error err = { 0 };
    (void)snprintf(to, sizeof to, "%s/backup.db", w->folder);
    const struct kt_backup_options o = { .from = w->path, .to = to };
    const unsigned schemas[] = { w->schema, KT_DB_SCHEMA };
    for (size_t i = 0; i < KT_ARRAY_LEN(schemas); i++) {
        struct kt_backup_result done;
        struct kt_store_stats stats;
        struct kt_reader *r = NULL;
        must(kt_backup_run(&o, &done, &err), &err);
        must(kt_reader_open(to, &r, &err), &err);
        must(kt_reader_stats(r, &stats, &err), &err);
        assert_int_equal(stats.schema, schemas[i]);
        assert_int_equal(stats.records, RECORDS);
        kt_reader_close(r);
        must(migrate(w, NULL, &err), &err);
    }
}

/* What was there before is a duplicate after. */
static void old_records_are_recognised(void **state)
{
    struct world *w = *state;
    struct make *make = make_new();
    struct kt_reader *r = NULL;
    struct kt_cursor *c = NULL;
    struct kt_store *s = NULL;
    struct kt_record rec;
    struct kt_store_result got;
    struct kt_error err = { 0 };
    const struct kt_scan scan = { .records = true };
    const struct kt_store_options o = { .path = w->path, .seal_here = true };
    must(migrate(w, NULL, &err), &err);
    must(kt_reader_open(w->path, &r, &err), &err);
    must(kt_cursor_open(r, &scan, &c, &err), &err);
    while (kt_cursor_next(c, &rec, &err) == KT_OK) {
        kt_buf_add(&make->lines, rec.line);
        kt_buf_byte(&make->lines, '\n');
        make->n++;
    }
    kt_cursor_free(c);
    kt_reader_close(r);
    assert_int_equal(make->n, EVENTS);
    const struct kt_store_batch b = make_import(make, MAKE_T0);
    must(kt_store_open(&o, &s, &err), &err);
    must(kt_store_begin(s, &err), &err);
    must(kt_store_append(s, &b, &got, &err), &err);
    assert_int_equal(got.duplicates, EVENTS);
    assert_int_equal(got.stored, 0);
    must(kt_store_commit(s, &err), &err);
    kt_store_close(s);
    is_whole(w);
    make_free(make);
}

static void say(void *self, enum kt_fault fault, const char *sentence)
{
    (void)fault;
    kt_buf_addz(self, sentence);
    kt_buf_byte(self, '\n');
}

/* Columns of before are compared with what the lines give in their own form. */
static void a_changed_column_of_before_is_named(void **state)
{
    static const char *const changes[] = {
        "UPDATE part SET data = (SELECT data FROM part WHERE id = 14 * 256 + 7) WHERE id = 14 * "
        "256 + 6",
        "UPDATE part SET data = CAST(substr(data, 1, length(data) - 1) || x'55' AS BLOB)"
        " WHERE id = 14 * 256 + 32",
        "UPDATE part SET data = x'0100000000000000000000000000000000' WHERE id = 14 * 256 + 2",
    };
    struct world *w = *state;
    for (size_t i = 0; i < KT_ARRAY_LEN(changes); i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf said = { 0 };
        const struct kt_verify_options o = { .problem = say, .self = &said };
        struct kt_reader *r = NULL;
        struct kt_verify_result v;
        struct kt_error err = { 0 };
        sqlite3 *db = NULL;
        make_folder_drop(w->folder);
        make_folder(w->folder, w->path);
        make_old(w);
        assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, changes[i], NULL, NULL, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_changes(db), 1);
        assert_int_equal(sqlite3_close(db), SQLITE_OK);
        must(kt_reader_open(w->path, &r, &err), &err);
        must(kt_reader_verify(r, &o, &v, &err), &err);
        assert_true(v.problems > 0);
        assert_non_null(strstr(kt_buf_z(&said), "a column (part"));
        kt_reader_close(r);
    }
}

static void a_kill_leaves_the_old_store_or_the_new_one(void **state)
{
    struct world *w = *state;
    struct kt_error err = { 0 };
    for (unsigned n = 1;; n++) {
        make_folder_drop(w->folder);
        make_folder(w->folder, w->path);
        make_old(w);
        fault_vfs_arm(FAULT_CRASH, n);
        enum kt_status status = migrate(w, FAULT_VFS, &err);
        bool fired = fault_vfs_fired();
        fault_vfs_power_cut(n);
        assert_true(status == KT_OK || fired);
        must(migrate(w, NULL, &err), &err);
        is_whole(w);
        if (!fired)
            return;
        assert_true(n < 2000);
    }
}

#define T(name)                                                                                    \
    cmocka_unit_test_setup_teardown(name, from_1, teardown),                                       \
        cmocka_unit_test_setup_teardown(name, from_2, teardown),                                   \
        cmocka_unit_test_setup_teardown(name, from_3, teardown),                                   \
        cmocka_unit_test_setup_teardown(name, from_4, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(an_old_store_becomes_todays),
        T(a_reader_says_what_to_do_with_an_old_store),
        T(old_records_are_recognised),
        T(a_kill_leaves_the_old_store_or_the_new_one),
        cmocka_unit_test_setup_teardown(a_backup_has_the_schema_of_its_store, from_3, teardown),
        cmocka_unit_test_setup_teardown(a_backup_has_the_schema_of_its_store, from_4, teardown),
        cmocka_unit_test_setup_teardown(a_changed_column_of_before_is_named, from_3, teardown),
    };
    return cmocka_run_group_tests_name("store_migrate", tests, NULL, NULL);
}
