/*
 * sql: the connection that people's statements run on, and what it refuses.
 *
 * Owns:  an in-memory connection with the relations; one statement.
 * Calls: core/base, core/store. Its walks go through the caller's reader.
 * Holds: no statement reads a file other than through that reader, none writes, none outlives
 *        give_up() or memory_max by much.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/store/reader.h"
#include "core/store/sql_events.h"

#define STATEMENT_MAX (64 << 10)
#define STEPS_A_LOOK  2000 /* of SQLite's machine between two looks at give_up(): below a ms */

/* ---- what is refused, and what to use instead ---- */

static const char only_reads[] = "statements only read, nothing is changed by SQL; what may be "
                                 "changed has a command of its own: "
                                 "keytrail --help";
static const char one_store[] = "a call asks one store: name it with --db, and join their outputs";
static const char no_transaction[] = "a statement sees one state of the log by itself: leave out "
                                     "BEGIN, COMMIT and SAVEPOINT";
static const char no_pragma[] =
    "of PRAGMA only table_list, table_info, table_xinfo and function_list are answered; "
    "keytrail sql --schema lists the relations, --timeout and -o are options";
static const char no_function[] = "functions cannot be loaded; what SQLite has itself is there";

/* NULL: allowed. */
static const char *verdict(int action, const char *first, const char *second)
{
    static const char *const pragmas[] = { "table_list", "table_info", "table_xinfo",
                                           "function_list" };
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_RECURSIVE:
        return NULL;
    case SQLITE_FUNCTION:
        return sqlite3_stricmp(second, "load_extension") == 0 ||
                       sqlite3_stricmp(second, "fts3_tokenizer") == 0
                   ? no_function
                   : NULL;
    case SQLITE_PRAGMA:
        for (size_t i = 0; i < KT_ARRAY_LEN(pragmas); i++)
            if (sqlite3_stricmp(first, pragmas[i]) == 0)
                return NULL;
        return no_pragma;
    case SQLITE_ATTACH:
    case SQLITE_DETACH:
        return one_store;
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT:
        return no_transaction;
    default:
        return only_reads;
    }
}

static int authorize(void *self, int action, const char *first, const char *second,
                     const char *database, const char *trigger)
{
    struct kt_sql *s = self;
    (void)database;
    (void)trigger;
    const char *no = verdict(action, first, second);
    if (no == NULL)
        return SQLITE_OK;
    if (s->refused[0] == '\0')
        kt_str_copyz(s->refused, sizeof s->refused, kt_str_of(no));
    return SQLITE_DENY;
}

/* People who know the file ask for its tables. */
static const char *instead_of(const char *table)
{
    static const struct {
        const char *table, *use;
    } known[] = {
        { "batch", "events" },
        { "segment", "events" },
        { "part", "events" },
        { "event", "events" },
        { "alert", "alerts" },
        { "mark", "sources" },
        { "owner", "sources" },
        { "meta", "keytrail status" },
        { "blob", "keytrail status" },
        { "outbox", "keytrail status" },
        { "state", "keytrail status" },
        { "control", "keytrail search kind:… (tick, fact, config, decision, hold)" },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(known); i++)
        if (sqlite3_stricmp(table, known[i].table) == 0)
            return known[i].use;
    return NULL;
}

static enum kt_status no_relation(const struct kt_sql *s, const char *table, struct kt_error *err)
{
    table = strchr(table, '.') != NULL ? strchr(table, '.') + 1 : table; /* main.batch */
    const char *use = instead_of(table), *near = NULL;
    unsigned best = 3;
    if (use != NULL)
        return kt_fail(err, KT_E_INPUT, "the store's own table '%s' is not shown: use %s", table,
                       use);
    for (unsigned i = 0; i <= s->options->views; i++) {
        const char *name = i == 0 ? "events" : s->options->view[i - 1].name;
        unsigned d = kt_str_distance(kt_str_of(table), kt_str_of(name), 2);
        if (d < best) {
            best = d;
            near = name;
        }
    }
    if (near != NULL)
        return kt_fail(err, KT_E_INPUT, "there is no relation '%s', did you mean %s?", table, near);
    return kt_fail(err, KT_E_INPUT, "there is no relation '%s'; --schema lists them", table);
}

/* ---- what goes wrong ---- */

static enum kt_status fail(struct kt_sql *s, struct kt_error *err)
{
    static const char missing[] = "no such table: ", unknown[] = "no such column: ";
    const char *text = sqlite3_errmsg(s->db);
    int rc = sqlite3_errcode(s->db);
    if (s->refused[0] != '\0')
        return kt_fail(err, KT_E_INPUT, "%s", s->refused);
    if (strstr(text, "may not be modified") != NULL || strstr(text, "cannot modify") != NULL)
        return kt_fail(err, KT_E_INPUT, "%s", only_reads); /* asked before the authorizer is */
    if (s->why.code == KT_E_LIMIT || rc == SQLITE_INTERRUPT)
        return kt_fail(err, KT_E_LIMIT, "given up");
    /* The limit may strike the connection that a walk reads through. */
    bool memory = rc == SQLITE_NOMEM || strstr(s->why.text, sqlite3_errstr(SQLITE_NOMEM)) != NULL;
    if (s->why.code != KT_OK && !memory) {
        if (err != NULL)
            *err = s->why;
        return s->why.code;
    }
    if (memory)
        return kt_fail(err, KT_E_LIMIT,
                       "it needs more than %zu MiB of memory: ask for a shorter time, fewer "
                       "columns, or sums",
                       s->options->memory_max >> 20);
    if (strncmp(text, missing, sizeof missing - 1) == 0)
        return no_relation(s, text + sizeof missing - 1, err);
    if (strncmp(text, unknown, sizeof unknown - 1) == 0)
        return kt_fail(err, KT_E_INPUT, "%s (text stands in single quotes; --schema lists columns)",
                       text);
    return kt_fail(err, KT_E_INPUT, "%s", text);
}

static int look(void *self)
{
    const struct kt_sql *s = self;
    return s->options->give_up != NULL && s->options->give_up(s->options->self);
}

/* ---- opening ---- */

static enum kt_status make_relations(struct kt_sql *s, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    if (sqlite3_create_module(s->db, "kt_events", &kt_sql_events_module, s) != SQLITE_OK ||
        sqlite3_create_module(s->db, "kt_alerts", &kt_sql_alerts_module, s) != SQLITE_OK)
        return kt_db_fail(s->db, err, "relations");
    kt_buf_addz(&text, "CREATE VIRTUAL TABLE events USING kt_events;"
                       "CREATE VIRTUAL TABLE alert_documents USING kt_alerts;");
    /* TEMP, so that they may use all functions although the schema is not trusted. */
    for (unsigned i = 0; i < s->options->views; i++)
        kt_buf_addf(&text, "CREATE TEMP VIEW %s AS %s;", s->options->view[i].name,
                    s->options->view[i].select);
    /* SQLite makes its own relations when they are first named, and asks whether it may: named now,
     * those are there that go through an array or list the relations. */
    kt_buf_addz(&text, "SELECT 1 FROM json_each('[]'), json_tree('[]'), pragma_table_list,"
                       " pragma_table_info(''), pragma_table_xinfo(''), pragma_function_list;");
    return kt_db_exec(s->db, kt_buf_z(&text), err);
}

/* After the relations are made: from here on nothing else is. */
static void fence(struct kt_sql *s)
{
    static const struct {
        int what, most;
    } limits[] = {
        { SQLITE_LIMIT_SQL_LENGTH, STATEMENT_MAX }, { SQLITE_LIMIT_ATTACHED, 0 },
        { SQLITE_LIMIT_EXPR_DEPTH, 200 },           { SQLITE_LIMIT_COMPOUND_SELECT, 50 },
        { SQLITE_LIMIT_LENGTH, 16 << 20 },          { SQLITE_LIMIT_WORKER_THREADS, 0 },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(limits); i++)
        (void)sqlite3_limit(s->db, limits[i].what, limits[i].most);
    (void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    (void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    (void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    kt_db_defend(s->db, true);
    if (s->options->memory_max > 0)
        (void)sqlite3_hard_heap_limit64((sqlite3_int64)s->options->memory_max);
    (void)sqlite3_set_authorizer(s->db, authorize, s);
    sqlite3_progress_handler(s->db, STEPS_A_LOOK, look, s);
}

enum kt_status kt_sql_open(struct kt_reader *r, const struct kt_sql_options *o, struct kt_sql **ret,
                           struct kt_error *err)
{
    struct kt_sql *s = kt_alloc(sizeof *s);
    s->reader = r;
    s->options = o;
    enum kt_status status = KT_OK;
    if (sqlite3_open_v2(":memory:", &s->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK)
        status = kt_db_fail(s->db, err, "sql");
    else
        status = kt_db_exec(s->db, "PRAGMA temp_store=MEMORY", err);
    if (status == KT_OK)
        status = make_relations(s, err);
    if (status != KT_OK) {
        kt_sql_close(s);
        return kt_wrap(err, "sql");
    }
    fence(s);
    *ret = s;
    return KT_OK;
}

void kt_sql_close(struct kt_sql *s)
{
    if (s == NULL)
        return;
    (void)sqlite3_finalize(s->statement);
    (void)sqlite3_close(s->db);
    if (s->options->memory_max > 0)
        (void)sqlite3_hard_heap_limit64(0);
    kt_free(s);
}

/* ---- a statement ---- */

/* Blanks and comments alone make no statement. */
static bool is_nothing(struct kt_sql *s, const char *text, const char *end)
{
    sqlite3_stmt *more = NULL;
    int rc = SQLITE_OK;
    while (rc == SQLITE_OK && more == NULL && text < end)
        rc = sqlite3_prepare_v2(s->db, text, (int)(end - text), &more, &text);
    bool nothing = rc == SQLITE_OK && more == NULL;
    (void)sqlite3_finalize(more);
    return nothing;
}

enum kt_status kt_sql_start(struct kt_sql *s, struct kt_str text, struct kt_error *err)
{
    struct kt_store_stats stats;
    const char *tail = NULL;
    (void)sqlite3_finalize(s->statement);
    s->statement = NULL;
    s->refused[0] = '\0';
    s->why = (struct kt_error){ 0 };
    s->damage = (struct kt_damage){ 0 };
    if (text.len > STATEMENT_MAX)
        return kt_fail(err, KT_E_INPUT, "a statement has at most %d KiB", STATEMENT_MAX >> 10);
    if (!kt_utf8_valid(text) || kt_str_find_byte(text, '\0', 0) >= 0)
        return kt_fail(err, KT_E_INPUT, "a statement is UTF-8 text without NUL");
    if (kt_reader_stats(s->reader, &stats, err) != KT_OK) /* takes a successor in, once */
        return kt_wrap(err, "sql");
    s->newest = stats.records;
    s->events = stats.events;
    KT_CLEANUP(kt_free_ptr) char *own = kt_str_dup(text);
    if (sqlite3_prepare_v2(s->db, own, (int)text.len + 1, &s->statement, &tail) != SQLITE_OK)
        return fail(s, err);
    if (s->statement == NULL)
        return kt_fail(err, KT_E_INPUT, "which statement? keytrail sql 'SELECT …'");
    if (!sqlite3_stmt_readonly(s->statement) || sqlite3_column_count(s->statement) == 0)
        return kt_fail(err, KT_E_INPUT, "%s", only_reads);
    if (sqlite3_bind_parameter_count(s->statement) > 0)
        return kt_fail(err, KT_E_INPUT,
                       "the statement has a place for a value (%s) that nobody fills: write the "
                       "value, in single quotes when it is text",
                       sqlite3_bind_parameter_name(s->statement, 1) == NULL
                           ? "?"
                           : sqlite3_bind_parameter_name(s->statement, 1));
    if (!is_nothing(s, tail, own + text.len))
        return kt_fail(err, KT_E_INPUT, "one statement a call: there is more behind the first ';'");
    return KT_OK;
}

unsigned kt_sql_columns(const struct kt_sql *s)
{
    return (unsigned)sqlite3_column_count(s->statement);
}

const char *kt_sql_name(const struct kt_sql *s, unsigned column)
{
    const char *name = sqlite3_column_name(s->statement, (int)column);
    return name == NULL ? "" : name;
}

bool kt_sql_explains(const struct kt_sql *s)
{
    return sqlite3_stmt_isexplain(s->statement) == 2;
}

enum kt_status kt_sql_step(struct kt_sql *s, struct kt_error *err)
{
    int rc = sqlite3_step(s->statement);
    if (rc == SQLITE_ROW)
        return KT_OK;
    if (rc != SQLITE_DONE)
        return fail(s, err);
    if (s->damage.places > 0)
        return kt_fail(err, KT_E_CORRUPT, "%s", s->damage.first.text);
    return KT_E_AGAIN;
}

struct kt_sql_value kt_sql_value(const struct kt_sql *s, unsigned column)
{
    static const struct {
        int theirs;
        enum kt_sql_type ours;
    } types[] = {
        { SQLITE_INTEGER, KT_SQL_INTEGER },
        { SQLITE_FLOAT, KT_SQL_REAL },
        { SQLITE_TEXT, KT_SQL_TEXT },
        { SQLITE_BLOB, KT_SQL_BLOB },
    };
    struct kt_sql_value v = { .type = KT_SQL_NULL };
    int at = (int)column, type = sqlite3_column_type(s->statement, at);
    for (size_t i = 0; i < KT_ARRAY_LEN(types); i++)
        if (types[i].theirs == type)
            v.type = types[i].ours;
    if (v.type == KT_SQL_INTEGER) {
        v.i = sqlite3_column_int64(s->statement, at);
    } else if (v.type != KT_SQL_NULL) {
        const void *bytes = v.type == KT_SQL_BLOB
                                ? sqlite3_column_blob(s->statement, at)
                                : (const void *)sqlite3_column_text(s->statement, at);
        int n = sqlite3_column_bytes(s->statement, at);
        v.str = kt_str_from(bytes == NULL ? "" : bytes, bytes == NULL ? 0 : (size_t)n);
    }
    return v;
}
