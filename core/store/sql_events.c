/*
 * sql_events: the virtual table `events`, over tail and segments of all files of the log.
 *
 * Each scan of it is one walk a file (walk.h): from columns where they say all that is asked for,
 * from lines else, and only of records that pass what the walk was told. All walks of a statement
 * end at the number that was the newest when it began, so that a join sees one state. What is
 * damaged is left behind and counted; kt_sql_step says so behind the last row.
 *
 * Owns:  the plans of a statement; the walks, their sieves and one parsed line a scan.
 * Calls: core/base, core/event, core/store.
 */
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/limits.h"
#include "core/store/chain.h"
#include "core/store/reader.h"
#include "core/store/sql_events.h"

#define ARENA_MAX (2 * KT_LINE_MAX)

struct table {
    sqlite3_vtab base;
    struct kt_sql *sql;
    struct kt_sql_plan *plan; /* xBestIndex hands its number on */
    int plans;
};
struct scan {
    sqlite3_vtab_cursor base;
    struct kt_sql_row row;
    struct kt_sql_scan told;
    struct kt_walk *walk[KT_CHAIN_MAX]; /* in the order of the scan; row.walk is at `at` */
    unsigned n, at;
    uint32_t low, high; /* picks of the chunk that are to come */
    bool lines, down, end;
};

int kt_sql_report(struct kt_sql *sql, sqlite3_vtab *table, const struct kt_error *err)
{
    sql->why = *err;
    sqlite3_free(table->zErrMsg);
    table->zErrMsg = sqlite3_mprintf("%s", err->text);
    return SQLITE_ERROR;
}

static int connect(sqlite3 *db, void *sql, int argc, const char *const *argv, sqlite3_vtab **ret,
                   char **ret_error)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    (void)argc;
    (void)argv;
    (void)ret_error;
    for (unsigned i = 0; i < kt_sql_n_fields; i++) {
        const struct kt_sql_column *c = &kt_sql_fields[i].column;
        kt_buf_addf(&text, "%s\"%s\" %s%s", i == 0 ? "CREATE TABLE events (" : ", ", c->name,
                    c->type, c->hidden ? " HIDDEN" : "");
    }
    kt_buf_addz(&text, ")");
    int rc = sqlite3_declare_vtab(db, kt_buf_z(&text));
    if (rc != SQLITE_OK)
        return rc;
    (void)sqlite3_vtab_config(db, SQLITE_VTAB_INNOCUOUS); /* for views: nothing is changed by it */
    struct table *t = kt_alloc(sizeof *t);
    t->sql = sql;
    *ret = &t->base;
    return SQLITE_OK;
}

static int disconnect(sqlite3_vtab *base)
{
    struct table *t = (struct table *)base;
    kt_free(t->plan);
    kt_free(t);
    return SQLITE_OK;
}

static int best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
    struct table *t = (struct table *)base;
    if ((t->plans & (t->plans - 1)) == 0)
        t->plan =
            kt_realloc_array(t->plan, t->plans == 0 ? 1 : 2 * (size_t)t->plans, sizeof *t->plan);
    info->idxNum = t->plans++;
    return kt_sql_plan_make(info, t->sql->events, &t->plan[info->idxNum]);
}

static int open_scan(sqlite3_vtab *base, sqlite3_vtab_cursor **ret)
{
    struct scan *s = kt_alloc(sizeof *s);
    s->row.sql = ((struct table *)base)->sql;
    s->row.arena = kt_arena_new(ARENA_MAX);
    *ret = &s->base;
    return SQLITE_OK;
}

static void stop(struct scan *s)
{
    for (unsigned i = 0; i < s->n; i++)
        kt_walk_free(s->walk[i]);
    s->n = s->at = 0;
    s->low = s->high = 0;
    kt_sql_scan_done(&s->told);
}

static int close_scan(sqlite3_vtab_cursor *base)
{
    struct scan *s = (struct scan *)base;
    stop(s);
    kt_arena_done(&s->row.arena);
    kt_free(s);
    return SQLITE_OK;
}

/* ---- the walk ---- */

static int failed(struct scan *s, const struct kt_error *err)
{
    s->end = true;
    return kt_sql_report(s->row.sql, s->base.pVtab, err);
}

/* The next chunk of any file. KT_E_AGAIN at the end. */
static enum kt_status next_chunk(struct scan *s, struct kt_error *err)
{
    for (; s->at < s->n; s->at++) {
        enum kt_status status;
        s->row.walk = s->walk[s->at];
        do
            status = kt_walk_next(s->row.walk, &s->row.chunk, err);
        while (kt_scan_passes(&s->told.scan, status, err));
        if (status != KT_E_AGAIN)
            return status;
    }
    return KT_E_AGAIN;
}

/* The next record, whose line can be had when the statement uses lines. */
static enum kt_status next_row(struct scan *s, struct kt_error *err)
{
    enum kt_status status = KT_OK;
    do {
        s->row.has_line = s->row.has_fact = false;
        while (s->low == s->high) {
            if ((status = next_chunk(s, err)) != KT_OK)
                return status;
            s->low = 0;
            s->high = s->row.chunk->picks;
        }
        s->row.at = s->row.chunk->pick[s->down ? --s->high : s->low++];
        if (s->lines)
            status = kt_walk_line(s->row.walk, s->row.at, &s->row.line, err);
    } while (kt_scan_passes(&s->told.scan, status, err));
    return status;
}

static int next(sqlite3_vtab_cursor *base)
{
    struct scan *s = (struct scan *)base;
    struct kt_error err = { 0 };
    enum kt_status status = next_row(s, &err);
    s->end = status == KT_E_AGAIN;
    return status == KT_OK || s->end ? SQLITE_OK : failed(s, &err);
}

/* A walk for each file that has some of the records. */
static enum kt_status open_walks(struct scan *s, const struct kt_want *want, struct kt_error *err)
{
    struct kt_reader *reader = s->row.sql->reader, *file[KT_CHAIN_MAX];
    unsigned n = kt_reader_files(reader, file);
    if (file[0]->lost.code != KT_OK) /* a file before it cannot be read at all */
        (void)kt_scan_passes(&s->told.scan, KT_E_CORRUPT, &file[0]->lost);
    for (unsigned i = 0; i < n; i++) {
        struct kt_reader *f = file[s->down ? n - 1 - i : i];
        struct kt_scan bounded = s->told.scan;
        enum kt_status status = kt_walk_bounds(f, &bounded, err);
        if (status == KT_OK && bounded.from_seq <= bounded.until_seq)
            status = kt_walk_open(f, &bounded, want, &s->walk[s->n], err);
        else
            s->walk[s->n] = NULL;
        s->n += status == KT_OK && s->walk[s->n] != NULL;
        if (status != KT_OK && (f == reader || !kt_scan_passes(&s->told.scan, KT_E_CORRUPT, err)))
            return status;
    }
    return KT_OK;
}

static int filter(sqlite3_vtab_cursor *base, int number, const char *text, int argc,
                  sqlite3_value **argv)
{
    struct scan *s = (struct scan *)base;
    struct kt_sql *sql = s->row.sql;
    const struct kt_sql_plan *plan = &((struct table *)base->pVtab)->plan[number];
    struct kt_error err = { 0 };
    (void)text;
    (void)argc;
    stop(s);
    s->down = plan->down;
    s->lines = plan->want.lines;
    s->told.scan = (struct kt_scan){ .from_seq = 1,
                                     .until_seq = sql->newest,
                                     .newest_first = plan->down,
                                     .records = true,
                                     .give_up = sql->options->give_up,
                                     .give_up_self = sql->options->self,
                                     .damage = &sql->damage };
    kt_sql_scan_fill(&s->told, plan, argv);
    s->end = s->told.none || s->told.scan.from_seq > s->told.scan.until_seq;
    if (s->end)
        return SQLITE_OK;
    return open_walks(s, &plan->want, &err) == KT_OK ? next(base) : failed(s, &err);
}

static int at_end(sqlite3_vtab_cursor *base)
{
    return ((struct scan *)base)->end;
}

static int column(sqlite3_vtab_cursor *base, sqlite3_context *to, int i)
{
    struct scan *s = (struct scan *)base;
    struct kt_error err = { 0 };
    const struct kt_sql_field *f = &kt_sql_fields[i];
    if (f->give(&s->row, f, to, &err) != KT_OK)
        return failed(s, &err);
    return SQLITE_OK;
}

static int row_id(sqlite3_vtab_cursor *base, sqlite3_int64 *ret)
{
    const struct scan *s = (const struct scan *)base;
    *ret = (sqlite3_int64)s->row.chunk->seq[s->row.at];
    return SQLITE_OK;
}

const sqlite3_module kt_sql_events_module = {
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
