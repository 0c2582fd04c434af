/*
 * sql_alerts: the virtual table `alert_documents`: the alerts as they are stored, newest first.
 *
 * Owns:  one statement a scan.
 * Calls: core/base, core/store (db, reader).
 */
#include "core/base/alloc.h"
#include "core/store/reader.h"
#include "core/store/sql_events.h"

struct table {
    sqlite3_vtab base;
    struct kt_sql *sql;
};
struct scan {
    sqlite3_vtab_cursor base;
    sqlite3_stmt *st; /* on the reader's connection */
    bool end;
};

static int connect(sqlite3 *db, void *sql, int argc, const char *const *argv, sqlite3_vtab **ret,
                   char **ret_error)
{
    (void)argc;
    (void)argv;
    (void)ret_error;
    int rc = sqlite3_declare_vtab(db, "CREATE TABLE alert_documents (id TEXT, opened_ns INTEGER,"
                                      " updated_ns INTEGER, document TEXT)");
    if (rc != SQLITE_OK)
        return rc;
    (void)sqlite3_vtab_config(db, SQLITE_VTAB_INNOCUOUS);
    struct table *t = kt_alloc(sizeof *t);
    t->sql = sql;
    *ret = &t->base;
    return SQLITE_OK;
}

static int disconnect(sqlite3_vtab *base)
{
    kt_free(base);
    return SQLITE_OK;
}

/* There are few of them: SQLite does all of the looking. */
static int best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
    (void)base;
    info->estimatedCost = 1000;
    info->estimatedRows = 1000;
    return SQLITE_OK;
}

static int open_scan(sqlite3_vtab *base, sqlite3_vtab_cursor **ret)
{
    (void)base;
    struct scan *s = kt_alloc(sizeof *s);
    *ret = &s->base;
    return SQLITE_OK;
}

static int close_scan(sqlite3_vtab_cursor *base)
{
    struct scan *s = (struct scan *)base;
    kt_db_finalize(&s->st);
    kt_free(s);
    return SQLITE_OK;
}

static int next(sqlite3_vtab_cursor *base)
{
    struct scan *s = (struct scan *)base;
    struct kt_error err = { 0 };
    enum kt_status status = kt_db_step(s->st, &err);
    s->end = status != KT_OK;
    if (status == KT_OK || status == KT_E_AGAIN)
        return SQLITE_OK;
    return kt_sql_report(((struct table *)base->pVtab)->sql, base->pVtab, &err);
}

static int filter(sqlite3_vtab_cursor *base, int number, const char *text, int argc,
                  sqlite3_value **argv)
{
    struct scan *s = (struct scan *)base;
    struct kt_sql *sql = ((struct table *)base->pVtab)->sql;
    struct kt_error err = { 0 };
    (void)number;
    (void)text;
    (void)argc;
    (void)argv;
    kt_db_finalize(&s->st);
    if (kt_db_prepare(sql->reader->db,
                      "SELECT rowid, id, opened, updated, json FROM alert"
                      " ORDER BY opened DESC, id DESC",
                      &s->st, &err) != KT_OK) {
        s->end = true;
        return kt_sql_report(sql, base->pVtab, &err);
    }
    return next(base);
}

static int at_end(sqlite3_vtab_cursor *base)
{
    return ((struct scan *)base)->end;
}

static int column(sqlite3_vtab_cursor *base, sqlite3_context *to, int i)
{
    sqlite3_result_value(to, sqlite3_column_value(((struct scan *)base)->st, i + 1));
    return SQLITE_OK;
}

static int row_id(sqlite3_vtab_cursor *base, sqlite3_int64 *ret)
{
    *ret = sqlite3_column_int64(((struct scan *)base)->st, 0);
    return SQLITE_OK;
}

const sqlite3_module kt_sql_alerts_module = {
    .iVersion = 0,
    .xCreate = connect,
    .xConnect = connect,
    .xBestIndex = best_index,
    .xDisconnect = disconnect,
    .xDestroy = disconnect,
    .xOpen = open_scan,
    .xClose = close_scan,
    .xFilter = filter,
    .xNext = next,
    .xEof = at_end,
    .xColumn = column,
    .xRowid = row_id,
};
