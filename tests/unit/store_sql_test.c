/* store_sql: events answers every statement as a plain table with the same rows does, whatever is
 * handed to the walk; nothing can be written; what is damaged or given up is said.
 * KT_STATEMENTS_TRIED sets how many random statements are compared, KT_SEED the seed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/event/line.h"
#include "core/store/sql.h"
#include "core/sys/rng.h"
#include "tests/support/store_make.h"

#define BATCH   20u
#define BATCHES 24u /* in segments of 60 events: eight */
#define TAIL    2u  /* batches behind them */

struct world {
    char folder[64], path[96];
    struct make *make;
    struct kt_store *store;
    struct kt_reader *reader;
    struct kt_sql *sql;
    sqlite3 *plain; /* the same rows in a plain table */
    bool give_up;
    struct kt_rng_seeded seeded;
    struct kt_rng rng;
};

static void must(enum kt_status status, const struct kt_error *err)
{
    if (status != KT_OK)
        fail_msg("%s", err->text);
}

static uint64_t below(struct world *w, uint64_t n)
{
    return kt_rng_below(&w->rng, n);
}

/* ---- rows that are hard to compare: numbers as text, either case, wildcards, nothing ---- */

static const char *const actors[] = {
    "ana",  "Ana",   "ANA",        "an_a", "a%b",   "*",    "[x]",  "o'brien", "123",       "0123",
    "1.0",  "1",     "1e0",        "-5",   " 7",    "",     "Zoë",  "zOË",     "ana@x.com", "\"q\"",
    "null", "x'61'", "2026-11-22", "0x10", "1e999", "日本", "a\nb", "a\\b",    "an",        "anab",
};
static const char *const secrets[] = { "vault://a/-/secret/db", "vault://a/-/secret/DB",
                                       "vault://b/-/secret/db", "42",
                                       "aws-sm://1/eu/x",       "" };
static const char *const ips[] = { "203.0.113.7", "203.0.113.70", "2001:db8::1",
                                   "10.0.0.1",    "2001:db8::AB", "" };
static const char *const agents[] = { "curl/7.88", "Curl/8", "aws-cli/2 (x)", "aws-cli/3", "" };
static const char *const codes[] = { "403", "0403", "AccessDenied", "" };

static struct kt_str one_of(struct world *w, const char *const *list, size_t n)
{
    return kt_str_of(list[below(w, n)]);
}
#define ONE_OF(w, list) one_of(w, list, KT_ARRAY_LEN(list))

static void add_event(struct world *w, uint64_t n)
{
    char native[32], session[32];
    (void)snprintf(native, sizeof native, "n-%llu", (unsigned long long)n);
    (void)snprintf(session, sizeof session, "S%llu", (unsigned long long)below(w, 9));
    struct kt_event ev = {
        .kind = n % 11 == 0   ? KT_KIND_AMEND
                : n % 17 == 0 ? KT_KIND_REPORT
                              : KT_KIND_ACCESS,
        .action = (enum kt_action)below(w, 4),
        .outcome = (enum kt_outcome)below(w, KT_OUT_COUNT),
        .actor_kind = (enum kt_actor_kind)below(w, 3),
        .observed = MAKE_T0,
        .source = n % 3 == 0 ? KT_STR("vault") : KT_STR("cloudtrail"),
        .instance = below(w, 2) == 0 ? KT_STR("prod") : KT_STR("Prod"),
        .native_id = kt_str_of(native),
        .actor = ONE_OF(w, actors),
        .secret = ONE_OF(w, secrets),
        .session = kt_str_of(below(w, 4) == 0 ? "" : session),
        .user_agent = ONE_OF(w, agents),
        .code = ONE_OF(w, codes),
        .reason = ONE_OF(w, actors),
    };
    if (n % 13 != 0) /* some have no time */
        ev.time = MAKE_T0 + (kt_time_ns)n * 3 * KT_NS_HOUR + (kt_time_ns)below(w, 1u << 30);
    ev.has_ip = kt_ip_parse(ONE_OF(w, ips), &ev.ip);
    must(kt_line_write(&ev, &w->make->lines, NULL), &(struct kt_error){ 0 });
    kt_buf_byte(&w->make->lines, '\n');
    w->make->n++;
}

static void fill_from(struct world *w, uint64_t first, uint64_t batches)
{
    struct kt_error err = { 0 };
    struct kt_store_result r;
    for (uint64_t n = first; n < first + batches; n++) {
        kt_time_ns at = MAKE_T0 + (kt_time_ns)(n * BATCH) * 3 * KT_NS_HOUR + KT_NS_DAY;
        make_reset(w->make);
        for (uint32_t i = 0; i < BATCH; i++)
            add_event(w, n * BATCH + i);
        const struct kt_store_batch b =
            n % 5 == 4 ? make_import(w->make, at) : make_batch(w->make, "agent-a", n + 1, at);
        for (uint32_t i = 0; n == 9 && i < BATCH; i++)
            w->make->arrival[i] += i * KT_NS_S;
        must(kt_store_begin(w->store, &err), &err);
        must(kt_store_append(w->store, &b, &r, &err), &err);
        must(kt_store_commit(w->store, &err), &err);
        assert_int_equal(r.stored, BATCH);
    }
}

/* ---- the plain table ---- */

static void bind(sqlite3_stmt *st, const char *name, struct kt_str s)
{
    int at = sqlite3_bind_parameter_index(st, name);
    assert_true(at > 0);
    int rc = s.len == 0 ? sqlite3_bind_null(st, at)
                        : sqlite3_bind_text(st, at, s.at, (int)s.len, SQLITE_TRANSIENT);
    assert_int_equal(rc, SQLITE_OK);
}

static void bind_time(sqlite3_stmt *st, const char *name, const char *name_ns, kt_time_ns t)
{
    char buf[KT_TIME_TEXT_MAX];
    bind(st, name, t > 0 ? kt_str_of(kt_time_format(t, buf)) : KT_STR_NONE);
    int at = sqlite3_bind_parameter_index(st, name_ns);
    assert_int_equal(t > 0 ? sqlite3_bind_int64(st, at, t) : sqlite3_bind_null(st, at), SQLITE_OK);
}

static void bind_record(sqlite3_stmt *st, const struct kt_record *r)
{
    const struct kt_event *e = &r->ev;
    char day[KT_TIME_TEXT_MAX], ip[KT_IP_TEXT_MAX], id_text[KT_ID_TEXT];
    uint8_t id[16];
    kt_event_id(e, id);
    assert_int_equal(sqlite3_bind_int64(st, 1, (int64_t)r->seq), SQLITE_OK);
    bind(st, ":id", kt_str_of(kt_id_format(id, id_text)));
    bind_time(st, ":time", ":time_ns", e->time);
    bind_time(st, ":arrival", ":arrival_ns", r->arrival);
    bind(st, ":day",
         e->time > 0 ? kt_str_sub(kt_str_of(kt_time_format(e->time, day)), 0, 10) : KT_STR_NONE);
    bind(st, ":kind", kt_str_of(kt_kind_word(e->kind)));
    bind(st, ":action", kt_str_of(kt_action_word(e->action)));
    bind(st, ":outcome", kt_str_of(kt_outcome_word(e->outcome)));
    bind(st, ":actor_kind", kt_str_of(kt_actor_kind_word(e->actor_kind)));
    bind(st, ":source", e->source);
    bind(st, ":instance", e->instance);
    bind(st, ":actor", e->actor);
    bind(st, ":secret", e->secret);
    bind(st, ":session", e->session);
    bind(st, ":user_agent", e->user_agent);
    bind(st, ":code", e->code);
    bind(st, ":reason", e->reason);
    bind(st, ":agent", r->agent);
    bind(st, ":ip", e->has_ip ? kt_str_of(kt_ip_format(e->ip, ip)) : KT_STR_NONE);
    bind(st, ":line", r->line);
}

#define PLAIN                                                                                      \
    "seq,id,time,time_ns,arrival,arrival_ns,day,kind,action,outcome,actor_kind,source,instance,"   \
    "actor,secret,session,user_agent,code,reason,agent,ip,line"
static void copy_plain(struct world *w)
{
    struct kt_cursor *c = NULL;
    struct kt_record rec;
    struct kt_error err = { 0 };
    sqlite3_stmt *st = NULL;
    const struct kt_scan scan = { .records = true };
    assert_int_equal(sqlite3_open(":memory:", &w->plain), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(w->plain,
                     "CREATE TABLE events (seq INTEGER, id TEXT, time TEXT, time_ns INTEGER,"
                     " arrival TEXT, arrival_ns INTEGER, day TEXT, kind TEXT, action TEXT,"
                     " outcome TEXT, actor_kind TEXT, source TEXT, instance TEXT, actor TEXT,"
                     " secret TEXT, session TEXT, user_agent TEXT, code TEXT, reason TEXT,"
                     " agent TEXT, ip TEXT, line TEXT)",
                     NULL, NULL, NULL),
        SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(w->plain,
                           "INSERT INTO events (" PLAIN ") VALUES (?1,:id,:time,:time_ns,:arrival,"
                           ":arrival_ns,:day,:kind,:action,:outcome,:actor_kind,:source,:instance,"
                           ":actor,:secret,:session,:user_agent,:code,:reason,:agent,:ip,:line)",
                           -1, &st, NULL),
        SQLITE_OK);
    must(kt_cursor_open(w->reader, &scan, &c, &err), &err);
    while (kt_cursor_next(c, &rec, &err) == KT_OK) {
        bind_record(st, &rec);
        assert_int_equal(sqlite3_step(st), SQLITE_DONE);
        (void)sqlite3_reset(st);
    }
    kt_cursor_free(c);
    (void)sqlite3_finalize(st);
}

/* ---- asking both ---- */

static void add_cell(struct kt_buf *out, enum kt_sql_type type, struct kt_str text)
{
    kt_buf_addf(out, "%d:", (int)type);
    kt_buf_add(out, text);
    kt_buf_byte(out, '|');
}

static void ask_plain(struct world *w, const char *sql, struct kt_buf *out)
{
    static const enum kt_sql_type types[] = { [SQLITE_INTEGER] = KT_SQL_INTEGER,
                                              [SQLITE_FLOAT] = KT_SQL_REAL,
                                              [SQLITE_TEXT] = KT_SQL_TEXT,
                                              [SQLITE_BLOB] = KT_SQL_BLOB,
                                              [SQLITE_NULL] = KT_SQL_NULL };
    sqlite3_stmt *st = NULL;
    kt_buf_reset(out);
    if (sqlite3_prepare_v2(w->plain, sql, -1, &st, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(w->plain));
    while (sqlite3_step(st) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(st); i++) {
            int type = sqlite3_column_type(st, i);
            const void *text = sqlite3_column_text(st, i);
            size_t n = (size_t)sqlite3_column_bytes(st, i);
            add_cell(out, types[type], text == NULL ? KT_STR_NONE : kt_str_from(text, n));
        }
        kt_buf_byte(out, '\n');
    }
    (void)sqlite3_finalize(st);
}

static enum kt_status ask(struct world *w, const char *sql, struct kt_buf *out,
                          struct kt_error *err)
{
    kt_buf_reset(out);
    enum kt_status status = kt_sql_start(w->sql, kt_str_of(sql), err);
    while (status == KT_OK && (status = kt_sql_step(w->sql, err)) == KT_OK) {
        for (unsigned i = 0; i < kt_sql_columns(w->sql); i++) {
            struct kt_sql_value v = kt_sql_value(w->sql, i);
            char number[32];
            (void)snprintf(number, sizeof number, "%lld", (long long)v.i);
            add_cell(out, v.type, v.type == KT_SQL_INTEGER ? kt_str_of(number) : v.str);
        }
        kt_buf_byte(out, '\n');
    }
    return status == KT_E_AGAIN ? KT_OK : status;
}

static void same(struct world *w, const char *sql)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf ours = { 0 }, plain = { 0 };
    struct kt_error err = { 0 };
    ask_plain(w, sql, &plain);
    if (ask(w, sql, &ours, &err) != KT_OK)
        fail_msg("%s: %s", sql, err.text);
    if (!kt_str_eq(kt_buf_str(&ours), kt_buf_str(&plain)))
        fail_msg("%s\nevents:\n%.600s\nplain:\n%.600s", sql, kt_buf_z(&ours), kt_buf_z(&plain));
}

/* The only text of a statement's only row. */
static void one(struct world *w, const char *sql, char *ret, size_t n)
{
    struct kt_error err = { 0 };
    must(kt_sql_start(w->sql, kt_str_of(sql), &err), &err);
    assert_int_equal(kt_sql_step(w->sql, &err), KT_OK);
    struct kt_sql_value v = kt_sql_value(w->sql, kt_sql_columns(w->sql) - 1);
    if (v.type == KT_SQL_INTEGER)
        (void)snprintf(ret, n, "%lld", (long long)v.i);
    else
        kt_str_copyz(ret, n, v.str);
}

/* ---- a world ---- */

static bool give_up(void *self)
{
    return ((struct world *)self)->give_up;
}

/* Any address of 203.0.113.0/24 was in NL from record 100 on. */
static enum kt_status fact_of(void *self, struct kt_ip ip, uint64_t seq, struct kt_sql_fact *ret,
                              struct kt_error *err)
{
    (void)self;
    (void)err;
    if (ip.at[12] == 203 && seq >= 100)
        *ret = (struct kt_sql_fact){ .country = KT_STR("NL"), .asn = 64504 };
    return KT_OK;
}

static const struct kt_sql_column busy_columns[] = { { "actor", "TEXT", "who", false },
                                                     { "n", "INTEGER", "how often", false } };
static const struct kt_sql_view views[] = {
    { "busy", "actors by what they do", "SELECT actor, count(*) AS n FROM events GROUP BY actor",
      busy_columns, 2 },
};

static struct kt_sql_options options;

static void open_sql(struct world *w)
{
    struct kt_error err = { 0 };
    options = (struct kt_sql_options){ .view = views,
                                       .views = 1,
                                       .fact = fact_of,
                                       .give_up = give_up,
                                       .self = w,
                                       .memory_max = (size_t)256 << 20 };
    must(kt_reader_open(w->path, &w->reader, &err), &err);
    must(kt_sql_open(w->reader, &options, &w->sql, &err), &err);
}

static void open_store(struct world *w)
{
    struct kt_error err = { 0 };
    const struct kt_store_options o = {
        .path = w->path, .create = true, .segment_events = 60, .seal_here = true
    };
    must(kt_store_open(&o, &w->store, &err), &err);
}

static int set_up(void **state)
{
    struct world *w = kt_alloc(sizeof *w);
    const char *seed = getenv("KT_SEED");
    w->seeded.state = seed != NULL ? strtoull(seed, NULL, 10) : 11;
    w->rng = kt_rng_seeded(&w->seeded);
    w->make = make_new();
    make_folder(w->folder, w->path);
    open_store(w);
    fill_from(w, 0, BATCHES + TAIL);
    open_sql(w);
    copy_plain(w);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    kt_sql_close(w->sql);
    kt_reader_close(w->reader);
    kt_store_close(w->store);
    (void)sqlite3_close(w->plain);
    make_free(w->make);
    make_folder_drop(w->folder);
    kt_free(w);
    return 0;
}

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
static void add_value(struct world *w, const char *column, struct kt_buf *out)
{
    char sql[200];
    sqlite3_stmt *st = NULL;
    if (below(w, 3) == 0) {
        kt_buf_addz(out, odd_values[below(w, KT_ARRAY_LEN(odd_values))]);
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
    const char *form = forms[below(w, KT_ARRAY_LEN(forms))];
    const char *hole = strstr(form, "%s");
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    kt_buf_add(&text, kt_str_from(form, (size_t)(hole - form)));
    kt_buf_addz(&text, column);
    for (const char *p = hole + 2; *p != '\0'; p++)
        if (p[0] != '%' || p[1] != '%')
            kt_buf_byte(&text, *p);
    kt_str_copyz(expr, sizeof expr, kt_buf_str(&text));
    (void)snprintf(sql, sizeof sql, "SELECT %s FROM events WHERE rowid = %llu", expr,
                   (unsigned long long)(1 + below(w, (uint64_t)BATCH * (BATCHES + TAIL))));
    assert_int_equal(sqlite3_prepare_v2(w->plain, sql, -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    kt_buf_addz(out, (const char *)sqlite3_column_text(st, 0));
    (void)sqlite3_finalize(st);
}

static void add_term(struct world *w, struct kt_buf *out)
{
    static const char *const ops[] = { "=",  "=",  "=",      "<",    "<=",   ">",       ">=",
                                       "<>", "IS", "IS NOT", "LIKE", "GLOB", "NOT LIKE" };
    const char *column = columns[below(w, KT_ARRAY_LEN(columns))];
    switch (below(w, 10)) {
    case 0:
        kt_buf_addf(out, "%s IS %sNULL", column, below(w, 2) == 0 ? "" : "NOT ");
        return;
    case 1:
    case 2:
        kt_buf_addf(out, "%s %sIN (", column, below(w, 5) == 0 ? "NOT " : "");
        for (uint64_t i = 0, n = 1 + below(w, 5); i < n; i++) {
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
                    column, column, (unsigned long long)below(w, 300),
                    (unsigned long long)below(w, 600));
        return;
    default:
        kt_buf_addf(out, "%s %s ", column, ops[below(w, KT_ARRAY_LEN(ops))]);
        add_value(w, column, out);
        if (below(w, 8) == 0)
            kt_buf_addf(out, " COLLATE %s", below(w, 3) > 0 ? "NOCASE" : "RTRIM");
    }
}

static void add_where(struct world *w, struct kt_buf *out)
{
    for (uint64_t i = 0, n = 1 + below(w, 4); i < n; i++) {
        kt_buf_addz(out, i == 0 ? " WHERE " : below(w, 4) > 0 ? " AND " : " OR ");
        kt_buf_addz(out, below(w, 8) == 0 ? "NOT (" : "(");
        add_term(w, out);
        kt_buf_addz(out, ")");
    }
}

static void random_statements_answer_as_a_plain_table_does(void **state)
{
    struct world *w = *state;
    static const char earlier[] = "SELECT e.seq, (SELECT count(*) FROM events AS o WHERE"
                                  " o.actor = e.actor AND o.seq < e.seq) FROM events AS e";
    static const char *const heads[] = {
        "SELECT seq FROM events",
        "SELECT seq FROM events",
        "SELECT seq, time, actor, ip FROM events",
        "SELECT * FROM (SELECT " PLAIN " FROM events)",
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
        uint64_t form = below(w, n % 10 == 0 ? 6 : 5);
        kt_buf_reset(&sql);
        kt_buf_addz(&sql, heads[form]);
        add_where(w, &sql);
        kt_buf_addz(&sql, form < 3 && below(w, 3) == 0 ? tails[5] : tails[form]);
        same(w, kt_buf_z(&sql));
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
        same(*state, statements[i]);
}

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
    struct world *w = *state;
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        char sql[300], plan[300];
        (void)snprintf(sql, sizeof sql, "EXPLAIN QUERY PLAN %s", cases[i].where);
        one(w, sql, plan, sizeof plan);
        assert_true(kt_sql_explains(w->sql));
        if (strstr(plan, cases[i].plan) == NULL)
            fail_msg("%s\nhas the plan %s\nnot    %s", cases[i].where, plan, cases[i].plan);
    }
}

static void facts_are_asked_for_and_views_are_relations(void **state)
{
    struct world *w = *state;
    char got[64], want[64];
    one(w, "SELECT count(*) FROM events WHERE country = 'NL' AND asn = 64504", got, sizeof got);
    one(w, "SELECT count(*) FROM events WHERE ip LIKE '203.%' AND seq >= 100", want, sizeof want);
    assert_string_equal(got, want);
    assert_string_not_equal(got, "0");
    one(w, "SELECT n FROM busy WHERE actor = 'ana'", got, sizeof got);
    one(w, "SELECT count(*) FROM events WHERE actor = 'ana'", want, sizeof want);
    assert_string_equal(got, want);
}

static void hidden_columns_come_by_name_only(void **state)
{
    struct world *w = *state;
    struct kt_error err = { 0 };
    unsigned n, shown = 0;
    const struct kt_sql_column *c = kt_sql_event_columns(&n);
    assert_true(n < 64); /* SQLite tells which of the first 63 a statement uses */
    must(kt_sql_start(w->sql, KT_STR("SELECT * FROM events"), &err), &err);
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
    struct world *w = *state;
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        struct kt_error err = { 0 };
        enum kt_status status = kt_sql_start(w->sql, kt_str_of(cases[i].sql), &err);
        if (status != KT_E_INPUT || strstr(err.text, cases[i].says) == NULL)
            fail_msg("%s: %s", cases[i].sql, err.text);
    }
    same(w, "SELECT count(*) FROM events; -- a comment behind it");
    char got[8];
    one(w, "SELECT count(*) FROM pragma_table_info('busy')", got, sizeof got);
    assert_string_equal(got, "2");
}

static void a_statement_that_takes_too_long_is_given_up(void **state)
{
    struct world *w = *state;
    struct kt_error err = { 0 };
    must(kt_sql_start(w->sql, KT_STR("SELECT seq FROM events"), &err), &err);
    assert_int_equal(kt_sql_step(w->sql, &err), KT_OK);
    w->give_up = true;
    enum kt_status status;
    while ((status = kt_sql_step(w->sql, &err)) == KT_OK)
        continue;
    assert_int_equal(status, KT_E_LIMIT);
    must(kt_sql_start(w->sql,
                      KT_STR("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
                             " SELECT count(*) FROM n"),
                      &err),
         &err);
    assert_int_equal(kt_sql_step(w->sql, &err), KT_E_LIMIT);
    w->give_up = false;
    same(w, "SELECT count(*) FROM events");
}

static void a_statement_that_needs_too_much_memory_is_ended(void **state)
{
    struct world *w = *state;
    struct kt_error err = { 0 };
    must(kt_sql_start(w->sql,
                      KT_STR("WITH RECURSIVE n(i, b) AS (SELECT 1, zeroblob(1000000) UNION ALL"
                             " SELECT i + 1, zeroblob(1000000 + i) FROM n WHERE i < 2000)"
                             " SELECT i FROM n ORDER BY b, i"),
                      &err),
         &err);
    assert_int_equal(kt_sql_step(w->sql, &err), KT_E_LIMIT);
    assert_non_null(strstr(err.text, "memory"));
    same(w, "SELECT count(*), max(line) FROM events");
}

static void records_stored_meanwhile_are_not_seen(void **state)
{
    struct world *w = *state;
    struct kt_error err = { 0 };
    struct kt_store_result r;
    char before[32], after[32];
    uint64_t n = 0;
    one(w, "SELECT count(*) FROM events", before, sizeof before);
    must(kt_sql_start(w->sql, KT_STR("SELECT seq FROM events"), &err), &err);
    assert_int_equal(kt_sql_step(w->sql, &err), KT_OK);
    make_reset(w->make);
    make_access(w->make, "late", "ana", MAKE_T0);
    const struct kt_store_batch b = make_batch(w->make, "agent-a", 1000, MAKE_T0 + KT_NS_DAY * 99);
    must(kt_store_begin(w->store, &err), &err);
    must(kt_store_append(w->store, &b, &r, &err), &err);
    must(kt_store_commit(w->store, &err), &err);
    for (n = 1; kt_sql_step(w->sql, &err) == KT_OK; n++)
        continue;
    (void)snprintf(after, sizeof after, "%llu", (unsigned long long)n);
    assert_string_equal(before, after);
    one(w, "SELECT count(*) FROM events", after, sizeof after);
    assert_int_equal(strtoull(before, NULL, 10) + 1, strtoull(after, NULL, 10));
}

static void change_file(struct world *w, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(db);
}

static void what_is_damaged_is_said_behind_the_rows(void **state)
{
    struct world *w = *state;
    struct kt_error err = { 0 };
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 }, plain = { 0 };
    change_file(w, "UPDATE part SET data = x'00' WHERE id = 128 + 256 *"
                   " (SELECT first_seq FROM segment ORDER BY 1 LIMIT 1 OFFSET 1)");
    const char *sql = "SELECT seq, reason FROM events";
    assert_int_equal(ask(w, sql, &out, &err), KT_E_CORRUPT);
    assert_non_null(strstr(err.text, "61-120"));
    ask_plain(w, "SELECT seq, reason FROM events WHERE seq NOT BETWEEN 61 AND 120", &plain);
    assert_true(kt_str_eq(kt_buf_str(&out), kt_buf_str(&plain)));
    same(w, "SELECT count(*), count(actor) FROM events");              /* its columns are sound */
    change_file(w, "UPDATE part SET data = x'00' WHERE id % 256 = 6"); /* a column */
    assert_int_equal(ask(w, "SELECT actor FROM events WHERE seq < 400", &out, &err), KT_E_CORRUPT);
    assert_int_equal(out.len, 0);
    same(w, "SELECT count(*), count(secret) FROM events");
    change_file(w, "UPDATE batch SET lines = x'00'");
    assert_int_equal(ask(w, "SELECT count(*) FROM events", &out, &err), KT_E_CORRUPT);
    assert_string_not_equal(kt_buf_z(&out), "1:0|\n");
    ask_plain(w, "SELECT count(*) FROM events", &plain);
    assert_false(kt_str_eq(kt_buf_str(&out), kt_buf_str(&plain))); /* less, and said */
    same(w, "SELECT count(*) FROM (SELECT seq FROM events WHERE seq < 450)");
}

static void a_log_of_two_files_is_one_relation(void **state)
{
    static const char *const statements[] = {
        "SELECT seq, actor, time FROM events ORDER BY seq",
        "SELECT seq, line FROM events ORDER BY seq DESC LIMIT 100",
        "SELECT seq FROM events WHERE actor = 'ana' AND seq > 300 ORDER BY seq",
        "SELECT day, count(*) FROM events GROUP BY 1 ORDER BY 1",
    };
    struct world *w = *state;
    struct kt_error err = { 0 };
    must(kt_store_succeed(w->store, "page 7 is broken", &err), &err);
    kt_store_close(w->store);
    open_store(w);
    fill_from(w, BATCHES + TAIL, 4);
    (void)sqlite3_close(w->plain);
    kt_sql_close(w->sql);
    kt_reader_close(w->reader);
    open_sql(w);
    copy_plain(w);
    char n[32];
    one(w, "SELECT count(*) FROM events", n, sizeof n);
    assert_int_equal(strtoull(n, NULL, 10), (BATCHES + TAIL + 4) * BATCH);
    for (size_t i = 0; i < KT_ARRAY_LEN(statements); i++)
        same(w, statements[i]);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(random_statements_answer_as_a_plain_table_does),
        T(joins_and_affinities_answer_as_a_plain_table_does),
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
