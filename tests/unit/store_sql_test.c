/* store_sql: events answers every statement as a plain table with the same rows does, whatever is
 * handed to the walk. KT_STATEMENTS_TRIED sets how many random statements are compared, KT_SEED the
 * seed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/sql_world.h"

/* ---- random conditions ---- */

static const char *const columns[] = {
    "seq",    "id",      "time",       "time_ns",    "arrival", "arrival_ns", "day",
    "kind",   "action",  "outcome",    "actor_kind", "source",  "instance",   "actor",
    "secret", "session", "user_agent", "code",       "reason",  "agent",      "ip",
    "actor",  "time",    "ip",         "secret",     "seq",
};
static const char *const odd_values[] = {
    "NULL",
    "''",
    "0",
    "1",
    "-1",
    "1.0",
    "1.5",
    "123",
    "'123'",
    "'0123'",
    "x'616e61'",
    "9e999",
    "-9e999",
    "9223372036854775807",
    "-9223372036854775808",
    "1e19",
    "-1e19",
    "'%'",
    "'_'",
    "'*'",
    "'?'",
    "'[a-z]*'",
    "'a%'",
    "'A%'",
    "'an_'",
    "'%b'",
    "'2026'",
    "'2026-11-2%'",
    "'2026-11-2*'",
    "'2026-1_-2%'",
    "'2026-12-01'",
    "'2026-12-01t%'",
    "'~'",
    "'zzz'",
    "'203.0.113.%'",
    "'203*'",
    "'2001:DB8::1'",
    "1795377600000000000",
    "1796000000000000000.5",
    "CAST('1' AS INTEGER)",
    "(SELECT 1 UNION SELECT '01' ORDER BY 1 DESC LIMIT 1)",
    "'vault://a%'",
    "'vault'",
    "'ACCESS'",
    "100",
    "250.5",
    "seq",
    "actor",
    "reason",
    "code",
    "lower(actor)",
    "time",
    "day",
    "+time_ns",
};

/* Some row's value of the column as a literal, whole or changed a little. */
static void add_value(struct sql_world *w, const char *column, struct kt_buf *out)
{
    char sql[200];
    sqlite3_stmt *st = NULL;
    if (sql_below(w, 3) == 0) {
        kt_buf_addz(out, odd_values[sql_below(w, KT_ARRAY_LEN(odd_values))]);
        return;
    }
    static const char *const forms[] = {
        "quote(%s)",
        "quote(%s)",
        "quote(%s)",
        "quote(substr(%s, 1, 11))",
        "quote(substr(%s, 1, 4) || '%%')",
        "quote(substr(%s, 1, 3) || '*')",
        "quote('%%' || substr(%s, 3))",
        "quote(upper(%s))",
        "quote(lower(%s))",
        "quote(%s || 'x')",
        "quote(CAST(%s AS INTEGER))",
        "quote(replace(%s, 'a', '_'))",
    };
    char expr[100];
    const char *form = forms[sql_below(w, KT_ARRAY_LEN(forms))];
    const char *hole = strstr(form, "%s");
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    kt_buf_add(&text, kt_str_from(form, (size_t)(hole - form)));
    kt_buf_addz(&text, column);
    for (const char *p = hole + 2; *p != '\0'; p++)
        if (p[0] != '%' || p[1] != '%')
            kt_buf_byte(&text, *p);
    kt_str_copyz(expr, sizeof expr, kt_buf_str(&text));
    (void)snprintf(
        sql, sizeof sql, "SELECT %s FROM events WHERE rowid = %llu", expr,
        (unsigned long long)(1 + sql_below(w, (uint64_t)SQL_BATCH * (SQL_BATCHES + SQL_TAIL))));
    assert_int_equal(sqlite3_prepare_v2(w->plain, sql, -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    kt_buf_addz(out, (const char *)sqlite3_column_text(st, 0));
    (void)sqlite3_finalize(st);
}

static void add_term(struct sql_world *w, struct kt_buf *out)
{
    static const char *const ops[] = { "=",  "=",  "=",      "<",    "<=",   ">",       ">=",
                                       "<>", "IS", "IS NOT", "LIKE", "GLOB", "NOT LIKE" };
    const char *column = columns[sql_below(w, KT_ARRAY_LEN(columns))];
    switch (sql_below(w, 10)) {
    case 0:
        kt_buf_addf(out, "%s IS %sNULL", column, sql_below(w, 2) == 0 ? "" : "NOT ");
        return;
    case 1:
    case 2:
        kt_buf_addf(out, "%s %sIN (", column, sql_below(w, 5) == 0 ? "NOT " : "");
        for (uint64_t i = 0, n = 1 + sql_below(w, 5); i < n; i++) {
            kt_buf_addz(out, i > 0 ? ", " : "");
            add_value(w, column, out);
        }
        kt_buf_addz(out, ")");
        return;
    case 3:
        kt_buf_addf(out, "%s BETWEEN ", column);
        add_value(w, column, out);
        kt_buf_addz(out, " AND ");
        add_value(w, column, out);
        return;
    case 4:
        kt_buf_addf(out, "%s IN (SELECT %s FROM events AS i WHERE i.seq BETWEEN %llu AND %llu)",
                    column, column, (unsigned long long)sql_below(w, 300),
                    (unsigned long long)sql_below(w, 600));
        return;
    default:
        kt_buf_addf(out, "%s %s ", column, ops[sql_below(w, KT_ARRAY_LEN(ops))]);
        add_value(w, column, out);
        if (sql_below(w, 8) == 0)
            kt_buf_addf(out, " COLLATE %s", sql_below(w, 3) > 0 ? "NOCASE" : "RTRIM");
    }
}

static void add_where(struct sql_world *w, struct kt_buf *out)
{
    for (uint64_t i = 0, n = 1 + sql_below(w, 4); i < n; i++) {
        kt_buf_addz(out, i == 0 ? " WHERE " : sql_below(w, 4) > 0 ? " AND " : " OR ");
        kt_buf_addz(out, sql_below(w, 8) == 0 ? "NOT (" : "(");
        add_term(w, out);
        kt_buf_addz(out, ")");
    }
}

static void random_statements_answer_as_a_plain_table_does(void **state)
{
    struct sql_world *w = *state;
    static const char earlier[] = "SELECT e.seq, (SELECT count(*) FROM events AS o WHERE"
                                  " o.actor = e.actor AND o.seq < e.seq) FROM events AS e";
    static const char *const heads[] = {
        "SELECT seq FROM events",
        "SELECT seq FROM events",
        "SELECT seq, time, actor, ip FROM events",
        "SELECT * FROM (SELECT " SQL_PLAIN " FROM events)",
        "SELECT reason, count(*), count(DISTINCT secret), min(time), max(line) FROM events",
        earlier,
    };
    static const char *const tails[] = {
        " ORDER BY seq",
        " ORDER BY seq",
        " ORDER BY seq",
        " ORDER BY seq",
        " GROUP BY reason ORDER BY 1, 2",
        " ORDER BY seq DESC LIMIT 17",
    };
    const char *tried = getenv("KT_STATEMENTS_TRIED");
    KT_CLEANUP(kt_buf_done) struct kt_buf sql = { 0 };
    for (int n = tried != NULL ? (int)strtol(tried, NULL, 10) : 600; n > 0; n--) {
        uint64_t form = sql_below(w, n % 10 == 0 ? 6 : 5);
        kt_buf_reset(&sql);
        kt_buf_addz(&sql, heads[form]);
        add_where(w, &sql);
        kt_buf_addz(&sql, form < 3 && sql_below(w, 3) == 0 ? tails[5] : tails[form]);
        sql_same(w, kt_buf_z(&sql));
    }
}

static void joins_and_affinities_answer_as_a_plain_table_does(void **state)
{
    static const char *const statements[] = {
        "SELECT a.seq, b.seq FROM events AS a JOIN events AS b ON a.actor = b.reason AND"
        " b.seq > a.seq WHERE a.seq < 60 AND b.time >= a.time ORDER BY 1, 2",
        "SELECT a.seq, b.seq FROM events AS a LEFT JOIN events AS b ON b.id = a.id AND"
        " b.kind = 'amend' ORDER BY 1, 2",
        "SELECT v.column1, e.seq FROM (VALUES ('ana'), (123), ('0123'), (NULL), (1.0)) AS v"
        " JOIN events AS e ON e.actor = v.column1 ORDER BY 1, 2",
        "SELECT v.x, e.seq FROM (SELECT CAST(1 AS INTEGER) AS x UNION ALL SELECT '01') AS v"
        " JOIN events AS e ON e.actor = v.x ORDER BY 1, 2",
        "SELECT v.x, e.seq FROM (SELECT CAST(1 AS INTEGER) AS x UNION SELECT '01' UNION SELECT"
        " '123') AS v JOIN events AS e ON e.actor = v.x ORDER BY 1, 2",
        "SELECT seq FROM events WHERE time LIKE '2026-12-01t1%' ORDER BY seq",
        "SELECT seq FROM events WHERE time GLOB '2026-12-01t1*' ORDER BY seq",
        "SELECT seq FROM events WHERE secret = 'VAULT://a/-/secret/db' COLLATE NOCASE ORDER BY seq",
        "SELECT seq FROM events WHERE instance = 'pROD' COLLATE NOCASE ORDER BY seq",
        "SELECT seq FROM events WHERE actor IN ('ana', 'AN_A') ORDER BY seq",
        "SELECT seq FROM events WHERE actor COLLATE NOCASE IN ('aNa', 'AN_A') ORDER BY seq",
        "SELECT seq FROM events WHERE seq > 250.5 AND seq <= 260.0 ORDER BY seq",
        "SELECT count(*) FROM events AS e WHERE EXISTS (SELECT 1 FROM events AS o WHERE"
        " o.ip = e.ip AND o.actor <> e.actor AND o.day = e.day)",
        "SELECT day, outcome, count(*) FROM events WHERE kind = 'access' GROUP BY 1, 2"
        " ORDER BY 1, 2",
        "SELECT seq, lag(time) OVER (PARTITION BY actor ORDER BY seq) FROM events ORDER BY 1",
        "SELECT seq, j.key, j.value FROM events, json_each(line) AS j WHERE seq < 9 ORDER BY 1, "
        "j.id",
        "SELECT json_extract(line, '$.actor'), count(*) FROM events GROUP BY 1 ORDER BY 1",
        "SELECT seq FROM events WHERE actor = 'ana' OR secret = '42' OR time > '2027' ORDER BY seq",
        "SELECT max(seq), min(seq), max(time), min(day) FROM events",
        "SELECT seq FROM events WHERE rowid IN (5, 77, 500, 99999) ORDER BY seq",
        "SELECT seq FROM events WHERE seq IN (500, 5, '77') ORDER BY seq DESC",
        "SELECT seq FROM events ORDER BY seq DESC",
        "SELECT DISTINCT actor FROM events WHERE actor GLOB '[A-Z]*' ORDER BY 1",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 100 FROM n WHERE i < 500)"
        " SELECT i, actor FROM n JOIN events ON seq = i ORDER BY 1",
        "SELECT seq, actor FROM events WHERE seq BETWEEN 100 AND 160 UNION ALL"
        " SELECT seq, reason FROM events WHERE seq BETWEEN 150 AND 170 ORDER BY 1, 2",
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(statements); i++)
        sql_same(*state, statements[i]);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, sql_world_open, sql_world_close)
    const struct CMUnitTest tests[] = {
        T(random_statements_answer_as_a_plain_table_does),
        T(joins_and_affinities_answer_as_a_plain_table_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
