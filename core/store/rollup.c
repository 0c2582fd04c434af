/*
 * rollup: the tables of the roll-up file.
 *
 * Owns:  its schema, the file "<path>.new" until it is in place.
 * Calls: db (SQLite). No clock.
 * Holds: the file in place is whole, whenever this process is killed; it is never written to.
 */
#include "core/store/rollup.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/store/db.h"

#define APP_ID 0x4b544752u /* "KTGR" */
#define STEP   (1u << 20)

static const char schema[] =
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE access (time INTEGER NOT NULL, source TEXT NOT NULL, verb TEXT NOT NULL,"
    " outcome TEXT NOT NULL, events INTEGER NOT NULL,"
    " PRIMARY KEY (time, source, verb, outcome)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE secret (time INTEGER NOT NULL, source TEXT NOT NULL, secret TEXT NOT NULL,"
    " verb TEXT NOT NULL, outcome TEXT NOT NULL, events INTEGER NOT NULL,"
    " PRIMARY KEY (time, source, secret, verb, outcome)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE alert (id TEXT PRIMARY KEY, time INTEGER NOT NULL, severity TEXT NOT NULL,"
    " detector TEXT NOT NULL, source TEXT NOT NULL, status TEXT NOT NULL, verdict TEXT NOT NULL,"
    " acknowledged INTEGER, closed INTEGER, title TEXT NOT NULL) STRICT;"
    "CREATE INDEX alert_time ON alert (time);"
    "CREATE TABLE gap (time INTEGER NOT NULL, until INTEGER NOT NULL, source TEXT NOT NULL,"
    " cause TEXT NOT NULL, filled INTEGER NOT NULL, events INTEGER NOT NULL) STRICT;"
    "CREATE INDEX gap_time ON gap (time);";

enum statement { ACCESS, SECRET, ALERT, GAP, META, STATEMENTS };
static const char *const statements[STATEMENTS] = {
    [ACCESS] = "INSERT INTO access VALUES (?1, ?2, ?3, ?4, ?5)"
               " ON CONFLICT DO UPDATE SET events = events + excluded.events",
    [SECRET] = "INSERT INTO secret VALUES (?1, ?2, ?6, ?3, ?4, ?5)"
               " ON CONFLICT DO UPDATE SET events = events + excluded.events",
    [ALERT] = "INSERT OR REPLACE INTO alert VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, nullif(?8, 0),"
              " nullif(?9, 0), ?10)",
    [GAP] = "INSERT INTO gap VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [META] = "INSERT OR REPLACE INTO meta VALUES (?1, ?2)",
};

struct kt_rollup {
    char *path, *fresh;
    sqlite3 *db;
    sqlite3_stmt *st[STATEMENTS];
    char log[33];
    bool secrets;
};

/* ---- beginning ---- */

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}

/* false: it cannot be read whole, which is as good as none. */
static bool copy(const char *from, const char *to)
{
    KT_CLEANUP(kt_free_ptr) char *buf = kt_alloc(STEP);
    KT_CLEANUP(close_fd) int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    KT_CLEANUP(close_fd) int out = open(to, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t n = in < 0 || out < 0 ? -1 : 1;
    while (n > 0 && (n = read(in, buf, STEP)) > 0)
        if (write(out, buf, (size_t)n) != n)
            n = -1;
    return n == 0;
}

static void close_db(struct kt_rollup *r)
{
    for (unsigned i = 0; i < STATEMENTS; i++)
        kt_db_finalize(&r->st[i]);
    (void)sqlite3_close(r->db);
    r->db = NULL;
}

static enum kt_status open_db(struct kt_rollup *r, struct kt_error *err)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;
    if (sqlite3_open_v2(r->fresh, &r->db, flags, NULL) != SQLITE_OK)
        return kt_db_fail(r->db, err, "open '%s'", r->fresh);
    (void)sqlite3_db_config(r->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    /* Nobody reads it before it is finished and synced, and one that is not is thrown away. */
    return kt_db_exec(r->db,
                      "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
                      "PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY",
                      err);
}

static bool meta_is(struct kt_rollup *r, const char *key, const char *value, uint64_t *ret)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    if (kt_db_prepare(r->db, "SELECT value FROM meta WHERE key = ?1", &st, NULL) != KT_OK)
        return false;
    kt_db_text(st, 1, kt_str_of(key));
    if (kt_db_step(st, NULL) != KT_OK)
        return false;
    return value != NULL ? kt_str_is(kt_db_col(st, 0), value) : kt_str_u64(kt_db_col(st, 0), ret);
}

static int64_t pragma(struct kt_rollup *r, const char *sql)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    if (kt_db_prepare(r->db, sql, &st, NULL) != KT_OK || kt_db_step(st, NULL) != KT_OK)
        return -1;
    return kt_db_col_i64(st, 0);
}

/* Is what was copied a roll-up of ours, and how far does it go? */
static bool goes_on(struct kt_rollup *r, uint64_t *ret_upto)
{
    return pragma(r, "PRAGMA application_id") == (int64_t)APP_ID &&
           pragma(r, "PRAGMA user_version") == (int64_t)KT_ROLLUP_VERSION &&
           meta_is(r, "log", r->log, NULL) && meta_is(r, "secrets", r->secrets ? "1" : "0", NULL) &&
           meta_is(r, "upto", NULL, ret_upto);
}

static enum kt_status make_empty(struct kt_rollup *r, struct kt_error *err)
{
    char versions[120];
    close_db(r);
    (void)unlink(r->fresh);
    if (kt_db_make(r->fresh, err) != KT_OK || open_db(r, err) != KT_OK)
        return err->code;
    (void)snprintf(versions, sizeof versions, "PRAGMA application_id=%u; PRAGMA user_version=%u",
                   APP_ID, KT_ROLLUP_VERSION);
    if (kt_db_exec(r->db, versions, err) != KT_OK)
        return err->code;
    return kt_db_exec(r->db, schema, err);
}

static enum kt_status prepare(struct kt_rollup *r, struct kt_error *err)
{
    enum kt_status st = kt_db_exec(r->db, "BEGIN", err);
    for (unsigned i = 0; st == KT_OK && i < STATEMENTS; i++)
        st = kt_db_prepare(r->db, statements[i], &r->st[i], err);
    return st;
}

static enum kt_status begin(struct kt_rollup *r, bool anew, uint64_t *ret_upto,
                            struct kt_error *err)
{
    uint64_t upto = 0;
    (void)unlink(r->fresh);
    if (kt_db_make(r->fresh, err) != KT_OK)
        return err->code;
    bool old = !anew && copy(r->path, r->fresh) && open_db(r, NULL) == KT_OK && goes_on(r, &upto);
    enum kt_status st = old && prepare(r, NULL) == KT_OK ? KT_OK : KT_E_AGAIN;
    if (st != KT_OK) { /* what it says of itself was not all: a table is missing, say */
        upto = 0;
        st = make_empty(r, err);
        if (st == KT_OK)
            st = prepare(r, err);
    }
    *ret_upto = upto;
    return st;
}

enum kt_status kt_rollup_begin(const char *path, const uint8_t log_id[16], bool secrets, bool anew,
                               struct kt_rollup **ret, uint64_t *ret_upto, struct kt_error *err)
{
    struct kt_rollup *r = kt_alloc(sizeof *r);
    KT_CLEANUP(kt_buf_done) struct kt_buf fresh = { 0 };
    kt_buf_addf(&fresh, "%s.new", path);
    r->path = kt_strdup(path);
    r->fresh = kt_strdup(kt_buf_z(&fresh));
    r->secrets = secrets;
    kt_hex(r->log, log_id, 16);
    enum kt_status st = begin(r, anew, ret_upto, err);
    if (st != KT_OK) {
        kt_rollup_free(r);
        return kt_wrap(err, "roll-up '%s'", path);
    }
    *ret = r;
    return KT_OK;
}

void kt_rollup_free(struct kt_rollup *r)
{
    if (r == NULL)
        return;
    close_db(r);
    (void)unlink(r->fresh);
    kt_free(r->path);
    kt_free(r->fresh);
    kt_free(r);
}

/* ---- rows ---- */

static enum kt_status add_sum(sqlite3_stmt *st, const struct kt_rollup_sum *s, bool secret,
                              struct kt_error *err)
{
    kt_db_i64(st, 1, s->time_s);
    kt_db_text(st, 2, s->source);
    kt_db_text(st, 3, s->verb);
    kt_db_text(st, 4, s->outcome);
    kt_db_u64(st, 5, s->events);
    if (secret)
        kt_db_text(st, 6, s->secret);
    return kt_db_run(st, err);
}

enum kt_status kt_rollup_access(struct kt_rollup *r, const struct kt_rollup_sum *s,
                                struct kt_error *err)
{
    return add_sum(r->st[ACCESS], s, false, err);
}

enum kt_status kt_rollup_secret(struct kt_rollup *r, const struct kt_rollup_sum *s,
                                struct kt_error *err)
{
    return add_sum(r->st[SECRET], s, true, err);
}

enum kt_status kt_rollup_alerts(struct kt_rollup *r, struct kt_error *err)
{
    return kt_db_exec(r->db, "DELETE FROM alert", err);
}

enum kt_status kt_rollup_alert(struct kt_rollup *r, const struct kt_rollup_alert *a,
                               struct kt_error *err)
{
    const struct kt_str texts[] = { a->severity, a->detector, a->source, a->status, a->verdict };
    sqlite3_stmt *st = r->st[ALERT];
    kt_db_text(st, 1, a->id);
    kt_db_i64(st, 2, a->time_s);
    for (int i = 0; i < (int)KT_ARRAY_LEN(texts); i++)
        kt_db_text(st, 3 + i, texts[i]);
    kt_db_i64(st, 8, a->acknowledged_s);
    kt_db_i64(st, 9, a->closed_s);
    kt_db_text(st, 10, r->secrets ? a->title : KT_STR(""));
    return kt_db_run(st, err);
}

static enum kt_status run_at(struct kt_rollup *r, const char *sql, int64_t at, struct kt_error *err)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    if (kt_db_prepare(r->db, sql, &st, err) != KT_OK)
        return err->code;
    kt_db_i64(st, 1, at);
    return kt_db_run(st, err);
}

enum kt_status kt_rollup_gaps(struct kt_rollup *r, int64_t since_s, struct kt_error *err)
{
    return run_at(r, "DELETE FROM gap WHERE until > ?1", since_s, err);
}

enum kt_status kt_rollup_gap(struct kt_rollup *r, const struct kt_rollup_gap *g,
                             struct kt_error *err)
{
    sqlite3_stmt *st = r->st[GAP];
    kt_db_i64(st, 1, g->time_s);
    kt_db_i64(st, 2, g->until_s);
    kt_db_text(st, 3, g->source);
    kt_db_text(st, 4, g->cause);
    kt_db_i64(st, 5, g->filled);
    kt_db_u64(st, 6, g->events);
    return kt_db_run(st, err);
}

/* ---- ending ---- */

static enum kt_status put_meta(struct kt_rollup *r, const char *key, struct kt_str value,
                               struct kt_error *err)
{
    kt_db_text(r->st[META], 1, kt_str_of(key));
    kt_db_text(r->st[META], 2, value);
    return kt_db_run(r->st[META], err);
}

static enum kt_status put_number(struct kt_rollup *r, const char *key, uint64_t n,
                                 struct kt_error *err)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%llu", (unsigned long long)n);
    return put_meta(r, key, kt_str_from(text, (size_t)len), err);
}

/* What is too old, and too much: whole hours and days go. */
static enum kt_status shorten(struct kt_rollup *r, int64_t oldest_s, struct kt_error *err)
{
    static const struct {
        const char *before, *beyond;
        int64_t span, most;
    } rows[] = {
        { "DELETE FROM access WHERE time < ?1",
          "DELETE FROM access WHERE time <= (SELECT time FROM access ORDER BY time DESC LIMIT 1"
          " OFFSET ?1)",
          3600, KT_ROLLUP_HOURS },
        { "DELETE FROM secret WHERE time < ?1",
          "DELETE FROM secret WHERE time <= (SELECT time FROM secret ORDER BY time DESC LIMIT 1"
          " OFFSET ?1)",
          86400, KT_ROLLUP_SECRETS },
    };
    enum kt_status st = KT_OK;
    for (unsigned i = 0; st == KT_OK && i < KT_ARRAY_LEN(rows); i++) {
        st = run_at(r, rows[i].before, oldest_s - oldest_s % rows[i].span, err);
        if (st == KT_OK)
            st = run_at(r, rows[i].beyond, rows[i].most, err);
    }
    return st;
}

static enum kt_status sync_file(const char *path, int flags, struct kt_error *err)
{
    KT_CLEANUP(close_fd) int fd = open(path, flags | O_CLOEXEC);
    return fd >= 0 && fsync(fd) == 0 ? KT_OK : kt_fail_errno(err, "sync '%s'", path);
}

static enum kt_status put_in_place(struct kt_rollup *r, struct kt_error *err)
{
    if (sync_file(r->fresh, O_RDWR, err) != KT_OK)
        return err->code;
    if (rename(r->fresh, r->path) != 0)
        return kt_fail_errno(err, "rename '%s'", r->fresh);
    KT_CLEANUP(kt_free_ptr) char *folder = kt_strdup(r->path);
    return sync_file(dirname(folder), O_RDONLY | O_DIRECTORY, err);
}

enum kt_status kt_rollup_finish(struct kt_rollup *r, uint64_t upto, int64_t oldest_s, int64_t now_s,
                                struct kt_error *err)
{
    enum kt_status st = shorten(r, oldest_s, err);
    if (st == KT_OK)
        st = put_meta(r, "log", kt_str_of(r->log), err);
    if (st == KT_OK)
        st = put_number(r, "secrets", r->secrets, err);
    if (st == KT_OK)
        st = put_number(r, "upto", upto, err);
    if (st == KT_OK)
        st = put_number(r, "written", (uint64_t)(now_s > 0 ? now_s : 0), err);
    if (st == KT_OK)
        st = kt_db_exec(r->db, "COMMIT", err);
    close_db(r);
    if (st == KT_OK)
        st = put_in_place(r, err);
    enum kt_status wrapped = st == KT_OK ? KT_OK : kt_wrap(err, "roll-up '%s'", r->path);
    kt_rollup_free(r);
    return wrapped;
}
