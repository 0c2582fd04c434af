/* store_schema: the tables of a store are those of schema.sql, also when the first who asked had no
 * memory for them: a program of its own, since what schema.sql makes is made once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/store/schema.h"

static void a_check_that_failed_is_tried_again(void **state)
{
    sqlite3 *db = NULL;
    struct kt_error err = { 0 };
    (void)state;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(kt_schema_write(db, &err), KT_OK);
    (void)sqlite3_hard_heap_limit64(1);
    assert_int_not_equal(kt_schema_check(db, &err), KT_OK);
    (void)sqlite3_hard_heap_limit64(0);
    err = (struct kt_error){ 0 };
    if (kt_schema_check(db, &err) != KT_OK)
        fail_msg("%s", err.text);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void other_tables_are_refused(void **state)
{
    sqlite3 *db = NULL;
    struct kt_error err = { 0 };
    (void)state;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(kt_schema_write(db, &err), KT_OK);
    assert_int_equal(kt_db_exec(db, "CREATE TABLE more (x INTEGER) STRICT", &err), KT_OK);
    assert_int_equal(kt_schema_check(db, &err), KT_E_CORRUPT);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_check_that_failed_is_tried_again),
        cmocka_unit_test(other_tables_are_refused),
    };
    return cmocka_run_group_tests_name("store_schema", tests, NULL, NULL);
}
