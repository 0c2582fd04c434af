/* sql_world: see sql_world.h. */
#include "tests/support/sql_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/event/line.h"

void sql_must(enum kt_status status, const struct kt_error *err)
{
    if (status != KT_OK)
        fail_msg("%s", err->text);
}

uint64_t sql_below(struct sql_world *w, uint64_t n)
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

static struct kt_str one_of(struct sql_world *w, const char *const *list, size_t n)
{
    return kt_str_of(list[sql_below(w, n)]);
}
#define ONE_OF(w, list) one_of(w, list, KT_ARRAY_LEN(list))

static void add_event(struct sql_world *w, uint64_t n)
{
    char native[32], session[32];
    (void)snprintf(native, sizeof native, "n-%llu", (unsigned long long)n);
    (void)snprintf(session, sizeof session, "S%llu", (unsigned long long)sql_below(w, 9));
    struct kt_event ev = {
        .kind = n % 11 == 0   ? KT_KIND_AMEND
                : n % 17 == 0 ? KT_KIND_REPORT
                              : KT_KIND_ACCESS,
        .action = (enum kt_action)sql_below(w, 4),
        .outcome = (enum kt_outcome)sql_below(w, KT_OUT_COUNT),
        .actor_kind = (enum kt_actor_kind)sql_below(w, 3),
        .observed = MAKE_T0,
        .source = n % 3 == 0 ? KT_STR("vault") : KT_STR("cloudtrail"),
        .instance = sql_below(w, 2) == 0 ? KT_STR("prod") : KT_STR("Prod"),
        .native_id = kt_str_of(native),
        .actor = ONE_OF(w, actors),
        .secret = ONE_OF(w, secrets),
        .session = kt_str_of(sql_below(w, 4) == 0 ? "" : session),
        .user_agent = ONE_OF(w, agents),
        .code = ONE_OF(w, codes),
        .reason = ONE_OF(w, actors),
    };
    if (n % 13 != 0) /* some have no time */
        ev.time = MAKE_T0 + (kt_time_ns)n * 3 * KT_NS_HOUR + (kt_time_ns)sql_below(w, 1u << 30);
    ev.has_ip = kt_ip_parse(ONE_OF(w, ips), &ev.ip);
    sql_must(kt_line_write(&ev, &w->make->lines, NULL), &(struct kt_error){ 0 });
    kt_buf_byte(&w->make->lines, '\n');
    w->make->n++;
}

void sql_fill(struct sql_world *w, uint64_t first, uint64_t batches)
{
    struct kt_error err = { 0 };
    struct kt_store_result r;
    for (uint64_t n = first; n < first + batches; n++) {
        kt_time_ns at = MAKE_T0 + (kt_time_ns)(n * SQL_BATCH) * 3 * KT_NS_HOUR + KT_NS_DAY;
        make_reset(w->make);
        for (uint32_t i = 0; i < SQL_BATCH; i++)
            add_event(w, n * SQL_BATCH + i);
        const struct kt_store_batch b =
            n % 5 == 4 ? make_import(w->make, at) : make_batch(w->make, "agent-a", n + 1, at);
        for (uint32_t i = 0; n == 9 && i < SQL_BATCH; i++)
            w->make->arrival[i] += i * KT_NS_S;
        sql_must(kt_store_begin(w->store, &err), &err);
        sql_must(kt_store_append(w->store, &b, &r, &err), &err);
        sql_must(kt_store_commit(w->store, &err), &err);
        assert_int_equal(r.stored, SQL_BATCH);
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

void sql_copy_plain(struct sql_world *w)
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
                           "INSERT INTO events (" SQL_PLAIN
                           ") VALUES (?1,:id,:time,:time_ns,:arrival,"
                           ":arrival_ns,:day,:kind,:action,:outcome,:actor_kind,:source,:instance,"
                           ":actor,:secret,:session,:user_agent,:code,:reason,:agent,:ip,:line)",
                           -1, &st, NULL),
        SQLITE_OK);
    sql_must(kt_cursor_open(w->reader, &scan, &c, &err), &err);
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

void sql_ask_plain(struct sql_world *w, const char *sql, struct kt_buf *out)
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

enum kt_status sql_ask(struct sql_world *w, const char *sql, struct kt_buf *out,
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

void sql_same(struct sql_world *w, const char *sql)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf ours = { 0 }, plain = { 0 };
    struct kt_error err = { 0 };
    sql_ask_plain(w, sql, &plain);
    if (sql_ask(w, sql, &ours, &err) != KT_OK)
        fail_msg("%s: %s", sql, err.text);
    if (!kt_str_eq(kt_buf_str(&ours), kt_buf_str(&plain)))
        fail_msg("%s\nevents:\n%.600s\nplain:\n%.600s", sql, kt_buf_z(&ours), kt_buf_z(&plain));
}

/* The only text of a statement's only row. */
void sql_one(struct sql_world *w, const char *sql, char *ret, size_t n)
{
    struct kt_error err = { 0 };
    sql_must(kt_sql_start(w->sql, kt_str_of(sql), &err), &err);
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
    return ((struct sql_world *)self)->give_up;
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

void sql_open(struct sql_world *w)
{
    struct kt_error err = { 0 };
    options = (struct kt_sql_options){ .view = views,
                                       .views = 1,
                                       .fact = fact_of,
                                       .give_up = give_up,
                                       .self = w,
                                       .memory_max = (size_t)256 << 20 };
    sql_must(kt_reader_open(w->path, &w->reader, &err), &err);
    sql_must(kt_sql_open(w->reader, &options, &w->sql, &err), &err);
}

void sql_open_store(struct sql_world *w)
{
    struct kt_error err = { 0 };
    const struct kt_store_options o = {
        .path = w->path, .create = true, .segment_events = 60, .seal_here = true
    };
    sql_must(kt_store_open(&o, &w->store, &err), &err);
}

int sql_world_open(void **state)
{
    struct sql_world *w = kt_alloc(sizeof *w);
    const char *seed = getenv("KT_SEED");
    w->seeded.state = seed != NULL ? strtoull(seed, NULL, 10) : 11;
    w->rng = kt_rng_seeded(&w->seeded);
    w->make = make_new();
    make_folder(w->folder, w->path);
    sql_open_store(w);
    sql_fill(w, 0, SQL_BATCHES + SQL_TAIL);
    sql_open(w);
    sql_copy_plain(w);
    *state = w;
    return 0;
}

int sql_world_close(void **state)
{
    struct sql_world *w = *state;
    kt_sql_close(w->sql);
    kt_reader_close(w->reader);
    kt_store_close(w->store);
    (void)sqlite3_close(w->plain);
    make_free(w->make);
    make_folder_drop(w->folder);
    kt_free(w);
    return 0;
}
