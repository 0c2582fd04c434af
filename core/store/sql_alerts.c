/*
 * sql_alerts: the virtual table `alert_documents`: the alerts as they are stored, newest first.
 *
 * Owns:  some alerts a scan.
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
    struct kt_alerts_page page;
    struct kt_alert_row row;
    sqlite3_int64 number;
    bool end;
};

static int connect(sqlite3 *db, void *sql, int argc, const char *const *argv, sqlite3_vtab **ret,
                   char **ret_error)
{
    (void)argc;
    (void)argv;
    (void)ret_error;
    int rc = sqlite3_declare_vtab(db, "CREATE TABLE alert_documents (id TEXT, opened_ns INTEGER,"
                                      " updated_ns INTEGER, document TEXT, life TEXT)");
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
    kt_alerts_page_done(&s->page);
    kt_free(s);
    return SQLITE_OK;
}

static int next(sqlite3_vtab_cursor *base)
{
    struct scan *s = (struct scan *)base;
    struct kt_sql *sql = ((struct table *)base->pVtab)->sql;
    struct kt_error err = { 0 };
    enum kt_status status = kt_alerts_page_next(sql->reader, &s->page, &s->row, &err);
    s->end = status != KT_OK;
    s->number++;
    if (status == KT_OK || status == KT_E_AGAIN)
        return SQLITE_OK;
    return kt_sql_report(sql, base->pVtab, &err);
}

static int filter(sqlite3_vtab_cursor *base, int number, const char *text, int argc,
                  sqlite3_value **argv)
{
    struct scan *s = (struct scan *)base;
    (void)number;
    (void)text;
    (void)argc;
    (void)argv;
    kt_alerts_page_start(&s->page);
    s->number = 0;
    return next(base);
}

static int at_end(sqlite3_vtab_cursor *base)
{
    return ((struct scan *)base)->end;
}

static void give_text(sqlite3_context *to, struct kt_str text)
{
    sqlite3_result_text64(to, text.len == 0 ? "" : text.at, text.len, SQLITE_TRANSIENT,
                          SQLITE_UTF8);
}

static int give_life(struct scan *s, sqlite3_context *to)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf life = { 0 };
    struct kt_sql *sql = ((struct table *)s->base.pVtab)->sql;
    struct kt_error err = { 0 };
    if (sql->options->life == NULL)
        return SQLITE_OK;
    if (sql->options->life(sql->options->self, s->row.id, &life, &err) != KT_OK)
        return kt_sql_report(sql, s->base.pVtab, &err);
    if (life.len > 0)
        give_text(to, kt_buf_str(&life));
    return SQLITE_OK;
}

static int column(sqlite3_vtab_cursor *base, sqlite3_context *to, int i)
{
    const struct kt_alert_row *row = &((struct scan *)base)->row;
    if (i == 4)
        return give_life((struct scan *)base, to);
    if (i == 0)
        give_text(to, row->id);
    else if (i == 3)
        give_text(to, row->json);
    else
        sqlite3_result_int64(to, i == 1 ? row->opened : row->updated);
    return SQLITE_OK;
}

static int row_id(sqlite3_vtab_cursor *base, sqlite3_int64 *ret)
{
    *ret = ((struct scan *)base)->number;
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
