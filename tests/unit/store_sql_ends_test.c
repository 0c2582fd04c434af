/* store_sql_ends: a plan says what is used; nothing can be written; what does not read, is damaged,
 * given up or stored meanwhile is said or left out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/sql_world.h"

/* ---- what a walk is told ---- */

static void plans_name_what_is_used(void **state)
{
    static const struct {
        const char *where, *plan;
    } cases[] = {
        { "SELECT actor FROM events", "everything; lines closed" },
        { "SELECT reason FROM events", "everything; lines opened" },
        { "SELECT count(*) FROM events WHERE time >= '2026-11-20' AND actor = 'ana' AND"
          " outcome = 'denied'",
          "lines closed" },
        { "SELECT 1 FROM events WHERE time LIKE '2026-11%'", "time window; lines closed" },
        { "SELECT 1 FROM events WHERE time_ns > 5", "time_ns window; lines closed" },
        { "SELECT 1 FROM events WHERE day = '2026-11-22'", "day window; lines closed" },
        { "SELECT 1 FROM events WHERE ip IN ('10.0.0.1', '10.0.0.2')",
          "ip filter and column; lines closed" },
        { "SELECT 1 FROM events WHERE secret LIKE 'vault%'", "secret column; lines closed" },
        { "SELECT 1 FROM events WHERE session = 'S1'", "session filter; lines opened" },
        { "SELECT 1 FROM events WHERE seq < 5", "seq range; lines closed" },
        { "SELECT seq FROM events ORDER BY seq DESC", "in order of seq; lines closed" },
        { "SELECT 1 FROM events WHERE actor > 'm'", "everything; lines closed" },
    };
    struct sql_world *w = *state;
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        char sql[300], plan[300];
        (void)snprintf(sql, sizeof sql, "EXPLAIN QUERY PLAN %s", cases[i].where);
        sql_one(w, sql, plan, sizeof plan);
        assert_true(kt_sql_explains(w->sql));
        if (strstr(plan, cases[i].plan) == NULL)
            fail_msg("%s\nhas the plan %s\nnot    %s", cases[i].where, plan, cases[i].plan);
    }
}

static void facts_are_asked_for_and_views_are_relations(void **state)
{
    struct sql_world *w = *state;
    char got[64], want[64];
    sql_one(w, "SELECT count(*) FROM events WHERE country = 'NL' AND asn = 64504", got, sizeof got);
    sql_one(w, "SELECT count(*) FROM events WHERE ip LIKE '203.%' AND seq >= 100", want,
            sizeof want);
    assert_string_equal(got, want);
    assert_string_not_equal(got, "0");
    sql_one(w, "SELECT n FROM busy WHERE actor = 'ana'", got, sizeof got);
    sql_one(w, "SELECT count(*) FROM events WHERE actor = 'ana'", want, sizeof want);
    assert_string_equal(got, want);
}

static void hidden_columns_come_by_name_only(void **state)
{
    struct sql_world *w = *state;
    struct kt_error err = { 0 };
    unsigned n, shown = 0;
    const struct kt_sql_column *c = kt_sql_event_columns(&n);
    assert_true(n < 64); /* SQLite tells which of the first 63 a statement uses */
    sql_must(kt_sql_start(w->sql, KT_STR("SELECT * FROM events"), &err), &err);
    for (unsigned i = 0; i < n; i++)
        if (!c[i].hidden)
            assert_string_equal(kt_sql_name(w->sql, shown++), c[i].name);
    assert_int_equal(kt_sql_columns(w->sql), shown);
}

/* ---- refusals and ends ---- */

static void what_does_not_read_is_refused_with_a_sentence(void **state)
{
    static const struct {
        const char *sql, *says;
    } cases[] = {
        { "INSERT INTO events (seq) VALUES (1)", "only read" },
        { "UPDATE events SET actor = 'x'", "only read" },
        { "DELETE FROM busy", "only read" },
        { "REINDEX", "only read" },
        { "CREATE TABLE t (a)", "only read" },
        { "CREATE TEMP TABLE t (a)", "only read" },
        { "DROP TABLE events", "only read" },
        { "ANALYZE", "only read" },
        { "VACUUM INTO '/tmp/never.db'", "only read" },
        { "ATTACH '/etc/passwd' AS p", "--db" },
        { "PRAGMA writable_schema = 1", "--schema" },
        { "PRAGMA trusted_schema = 1", "--schema" },
        { "PRAGMA hard_heap_limit = 0", "--schema" },
        { "BEGIN", "one state" },
        { "SAVEPOINT a", "one state" },
        { "SELECT load_extension('/tmp/x.so')", "loaded" },
        { "SELECT * FROM batch", "use events" },
        { "SELECT * FROM alert", "use alerts" },
        { "SELECT * FROM main.part", "use events" },
        { "SELECT * FROM evnts", "did you mean events?" },
        { "SELECT colour FROM events", "no such column" },
        { "SELECT 1; SELECT 2", "one statement" },
        { "SELECT 1; DROP TABLE events", "one statement" },
        { "", "which statement?" },
        { " -- nothing", "which statement?" },
        { "SELEC 1", "syntax error" },
        { "SELECT seq FROM events WHERE actor = :who", "(:who)" },
        { "SELECT '\xff'", "UTF-8" },
    };
    struct sql_world *w = *state;
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        struct kt_error err = { 0 };
        enum kt_status status = kt_sql_start(w->sql, kt_str_of(cases[i].sql), &err);
        if (status != KT_E_INPUT || strstr(err.text, cases[i].says) == NULL)
            fail_msg("%s: %s", cases[i].sql, err.text);
    }
    sql_same(w, "SELECT count(*) FROM events; -- a comment behind it");
    char got[8];
    sql_one(w, "SELECT count(*) FROM pragma_table_info('busy')", got, sizeof got);
    assert_string_equal(got, "2");
}

static void a_statement_that_takes_too_long_is_given_up(void **state)
{
    struct sql_world *w = *state;
    struct kt_error err = { 0 };
    sql_must(kt_sql_start(w->sql, KT_STR("SELECT seq FROM events"), &err), &err);
    assert_int_equal(kt_sql_step(w->sql, &err), KT_OK);
    w->give_up = true;
    enum kt_status status;
    while ((status = kt_sql_step(w->sql, &err)) == KT_OK)
        continue;
    assert_int_equal(status, KT_E_LIMIT);
    sql_must(kt_sql_start(w->sql,
                          KT_STR("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
                                 " SELECT count(*) FROM n"),
                          &err),
             &err);
    assert_int_equal(kt_sql_step(w->sql, &err), KT_E_LIMIT);
    w->give_up = false;
    sql_same(w, "SELECT count(*) FROM events");
}

static void a_statement_that_needs_too_much_memory_is_ended(void **state)
{
    struct sql_world *w = *state;
    struct kt_error err = { 0 };
    sql_must(kt_sql_start(w->sql,
                          KT_STR("WITH RECURSIVE n(i, b) AS (SELECT 1, zeroblob(1000000) UNION ALL"
                                 " SELECT i + 1, zeroblob(1000000 + i) FROM n WHERE i < 2000)"
                                 " SELECT i FROM n ORDER BY b, i"),
                          &err),
             &err);
    assert_int_equal(kt_sql_step(w->sql, &err), KT_E_LIMIT);
    assert_non_null(strstr(err.text, "memory"));
    sql_same(w, "SELECT count(*), max(line) FROM events");
}

static void records_stored_meanwhile_are_not_seen(void **state)
{
    struct sql_world *w = *state;
    struct kt_error err = { 0 };
    struct kt_store_result r;
    char before[32], after[32];
    uint64_t n = 0;
    sql_one(w, "SELECT count(*) FROM events", before, sizeof before);
    sql_must(kt_sql_start(w->sql, KT_STR("SELECT seq FROM events"), &err), &err);
    assert_int_equal(kt_sql_step(w->sql, &err), KT_OK);
    make_reset(w->make);
    make_access(w->make, "late", "ana", MAKE_T0);
    const struct kt_store_batch b = make_batch(w->make, "agent-a", 1000, MAKE_T0 + KT_NS_DAY * 99);
    sql_must(kt_store_begin(w->store, &err), &err);
    sql_must(kt_store_append(w->store, &b, &r, &err), &err);
    sql_must(kt_store_commit(w->store, &err), &err);
    for (n = 1; kt_sql_step(w->sql, &err) == KT_OK; n++)
        continue;
    (void)snprintf(after, sizeof after, "%llu", (unsigned long long)n);
    assert_string_equal(before, after);
    sql_one(w, "SELECT count(*) FROM events", after, sizeof after);
    assert_int_equal(strtoull(before, NULL, 10) + 1, strtoull(after, NULL, 10));
}

static void change_file(struct sql_world *w, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(db);
}

static void what_is_damaged_is_said_behind_the_rows(void **state)
{
    struct sql_world *w = *state;
    struct kt_error err = { 0 };
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 }, plain = { 0 };
    change_file(w, "UPDATE part SET data = x'00' WHERE id = 128 + 256 *"
                   " (SELECT first_seq FROM segment ORDER BY 1 LIMIT 1 OFFSET 1)");
    const char *sql = "SELECT seq, reason FROM events";
    assert_int_equal(sql_ask(w, sql, &out, &err), KT_E_CORRUPT);
    assert_non_null(strstr(err.text, "61-120"));
    sql_ask_plain(w, "SELECT seq, reason FROM events WHERE seq NOT BETWEEN 61 AND 120", &plain);
    assert_true(kt_str_eq(kt_buf_str(&out), kt_buf_str(&plain)));
    sql_same(w, "SELECT count(*), count(actor) FROM events");          /* its columns are sound */
    change_file(w, "UPDATE part SET data = x'00' WHERE id % 256 = 6"); /* a column */
    assert_int_equal(sql_ask(w, "SELECT actor FROM events WHERE seq < 400", &out, &err),
                     KT_E_CORRUPT);
    assert_int_equal(out.len, 0);
    sql_same(w, "SELECT count(*), count(secret) FROM events");
    change_file(w, "UPDATE batch SET lines = x'00'");
    assert_int_equal(sql_ask(w, "SELECT count(*) FROM events", &out, &err), KT_E_CORRUPT);
    assert_string_not_equal(kt_buf_z(&out), "1:0|\n");
    sql_ask_plain(w, "SELECT count(*) FROM events", &plain);
    assert_false(kt_str_eq(kt_buf_str(&out), kt_buf_str(&plain))); /* less, and said */
    sql_same(w, "SELECT count(*) FROM (SELECT seq FROM events WHERE seq < 450)");
}

static void a_log_of_two_files_is_one_relation(void **state)
{
    static const char *const statements[] = {
        "SELECT seq, actor, time FROM events ORDER BY seq",
        "SELECT seq, line FROM events ORDER BY seq DESC LIMIT 100",
        "SELECT seq FROM events WHERE actor = 'ana' AND seq > 300 ORDER BY seq",
        "SELECT day, count(*) FROM events GROUP BY 1 ORDER BY 1",
    };
    struct sql_world *w = *state;
    struct kt_error err = { 0 };
    sql_must(kt_store_succeed(w->store, "page 7 is broken", &err), &err);
    kt_store_close(w->store);
    sql_open_store(w);
    sql_fill(w, SQL_BATCHES + SQL_TAIL, 4);
    (void)sqlite3_close(w->plain);
    kt_sql_close(w->sql);
    kt_reader_close(w->reader);
    sql_open(w);
    sql_copy_plain(w);
    char n[32];
    sql_one(w, "SELECT count(*) FROM events", n, sizeof n);
    assert_int_equal(strtoull(n, NULL, 10), (SQL_BATCHES + SQL_TAIL + 4) * SQL_BATCH);
    for (size_t i = 0; i < KT_ARRAY_LEN(statements); i++)
        sql_same(w, statements[i]);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, sql_world_open, sql_world_close)
    const struct CMUnitTest tests[] = {
        T(plans_name_what_is_used),
        T(facts_are_asked_for_and_views_are_relations),
        T(hidden_columns_come_by_name_only),
        T(what_does_not_read_is_refused_with_a_sentence),
        T(a_statement_that_takes_too_long_is_given_up),
        T(a_statement_that_needs_too_much_memory_is_ended),
        T(records_stored_meanwhile_are_not_seen),
        T(what_is_damaged_is_said_behind_the_rows),
        T(a_log_of_two_files_is_one_relation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
