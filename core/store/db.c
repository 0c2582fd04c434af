/*
 * db: connections and statements of SQLite, with the settings of DESIGN §6 and THREATS D2, D4.
 *
 * Owns:  nothing; connections and statements belong to the caller.
 * Calls: sqlite3, core/base.
 * Holds: no connection but the writer's checkpoints, and none does on its own.
 */
#include "core/store/db.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/limits.h"

#define VALUE_MAX      (80 << 20) /* five times the largest: the lines of a batch */
#define HALFWAY_TRIES  20u
#define HALFWAY_MS_MAX 10 /* before the last tries; 0.15 s in all */

static uint32_t be32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* -1: not there. */
static off_t size_of(const char *path, const char *suffix)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf name = { 0 };
    kt_buf_addf(&name, "%s%s", path, suffix);
    struct stat st;
    return stat(kt_buf_z(&name), &st) == 0 ? st.st_size : -1;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}

enum kt_status kt_db_probe(const char *path, struct kt_db_head *ret, struct kt_error *err)
{
    off_t wal = size_of(path, "-wal");
    struct kt_db_head head = { .has_wal = wal >= 0,
                               .has_shm = size_of(path, "-shm") >= 0,
                               .has_journal = size_of(path, "-journal") > 0 };
    head.idle = wal <= 0 && !head.has_shm;
    uint8_t page[100];
    KT_CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        *ret = head;
        return KT_OK;
    }
    if (fd < 0)
        return kt_fail_errno(err, "open '%s'", path);
    ssize_t n = pread(fd, page, sizeof page, 0);
    if (n < 0 && errno == EISDIR)
        return kt_fail(err, KT_E_CORRUPT, "'%s' is a folder, not a keytrail store", path);
    if (n < 0)
        return kt_fail_errno(err, "read '%s'", path);
    head.exists = true;
    head.empty = n == 0;
    if (n == (ssize_t)sizeof page && memcmp(page, "SQLite format 3", 16) == 0) {
        head.rollback = page[18] == 1;
        head.cookie = be32(page + 40);
        head.schema = be32(page + 60);
        head.app_id = be32(page + 68);
    }
    *ret = head;
    return KT_OK;
}

enum kt_status kt_db_judge(const char *path, const struct kt_db_head *head, bool unmade_too,
                           struct kt_error *err)
{
    if (head->cookie == KT_DB_LIVE && !head->has_wal)
        return kt_fail(err, KT_E_CORRUPT,
                       "'%s' was copied from a running store without its -wal file: newer records "
                       "are missing; copy both, or make copies with: keytrail backup DIR",
                       path);
    if (head->app_id == 0 && (head->has_wal || unmade_too))
        return KT_OK;
    if (head->app_id != KT_DB_APP_ID)
        return kt_fail(err, KT_E_CORRUPT, "'%s' is not a keytrail store", path);
    if (head->schema > KT_DB_SCHEMA)
        return kt_fail(err, KT_E_CONFIG,
                       "'%s' has schema %u, this keytrail knows schemas up to %u: upgrade keytrail",
                       path, head->schema, KT_DB_SCHEMA);
    return KT_OK;
}

enum kt_status kt_db_fail(sqlite3 *db, struct kt_error *err, const char *fmt, ...)
{
    char what[160];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    int rc = sqlite3_errcode(db);
    enum kt_status code = KT_E_IO;
    if (rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB)
        code = KT_E_CORRUPT;
    else if (rc == SQLITE_BUSY || rc == SQLITE_LOCKED)
        code = KT_E_AGAIN;
    const char *why = sqlite3_errmsg(db);
    int extended = sqlite3_extended_errcode(db);
    int sys = rc == SQLITE_FULL ? ENOSPC : sqlite3_system_errno(db);
    if (extended == SQLITE_IOERR_FSYNC || extended == SQLITE_IOERR_DIR_FSYNC)
        sys = EIO; /* whatever the reason: a failed sync is no full disk that may be waited for */
    char text[128];
    const char *cause = ""; /* SQLite says "disk I/O error" of a full disk, too */
    if (rc == SQLITE_IOERR && sys != 0)
        cause = strerror_r(sys, text, sizeof text);
    enum kt_status status =
        kt_fail(err, code, "%s: %s%s%s", what, why, *cause != '\0' ? ": " : "", cause);
    if (err != NULL && code == KT_E_IO)
        err->sys_errno = sys;
    return status;
}

/*
 * A reader that may not write the index of the write-ahead log (its user, or Landlock) and finds
 * its head half written asks whether the writer is at it. Where the writer has ended between these
 * two looks, SQLite takes the head for one that a crash left behind and refuses
 * (walIndexReadHdr of wal.c, 3.40), though it is whole by then. Like a lock that is busy: nothing
 * was read, so asking again is the answer. What a crash did leave behind is still refused in the
 * end. Waits before it says yes; n: how often it was asked.
 */
static bool met_halfway(sqlite3 *db, unsigned n)
{
    if (sqlite3_extended_errcode(db) != SQLITE_READONLY_RECOVERY || n >= HALFWAY_TRIES)
        return false;
    if (n > 0)
        (void)sqlite3_sleep((int)n < HALFWAY_MS_MAX ? (int)n : HALFWAY_MS_MAX);
    return true;
}

enum kt_status kt_db_exec(sqlite3 *db, const char *sql, struct kt_error *err)
{
    int rc = SQLITE_OK;
    for (unsigned n = 0; n == 0 || (rc != SQLITE_OK && met_halfway(db, n - 1)); n++)
        rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        return kt_db_fail(db, err, "store");
    return KT_OK;
}

/* "file:" form of a path, with what a URI would read otherwise escaped. */
static void uri_of(const char *path, enum kt_db_mode mode, struct kt_buf *out)
{
    kt_buf_addz(out, path[0] == '/' ? "file://" : "file:");
    for (const char *p = path; *p != '\0'; p++) {
        if (strchr("%?#", *p) != NULL)
            kt_buf_addf(out, "%%%02X", (unsigned)(unsigned char)*p);
        else
            kt_buf_byte(out, *p);
    }
    if (mode == KT_DB_FROZEN)
        kt_buf_addz(out, "?immutable=1");
}

static enum kt_status configure(sqlite3 *db, enum kt_db_mode mode, struct kt_error *err)
{
    char sql[200];
    (void)snprintf(sql, sizeof sql,
                   "PRAGMA cell_size_check=ON; PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY;"
                   "PRAGMA cache_size=-%d; PRAGMA wal_autocheckpoint=0;",
                   mode == KT_DB_WRITE ? KT_STORE_CACHE_KIB : KT_STORE_CACHE_KIB / 3);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    (void)sqlite3_limit(db, SQLITE_LIMIT_LENGTH, VALUE_MAX);
    (void)sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
    (void)sqlite3_extended_result_codes(db, 0);
    (void)sqlite3_busy_timeout(db, KT_DB_BUSY_MS);
    if (kt_db_exec(db, sql, err) != KT_OK)
        return err == NULL ? KT_E_IO : err->code;
    return mode == KT_DB_WRITE ? KT_OK : kt_db_exec(db, "PRAGMA query_only=ON", err);
}

enum kt_status kt_db_write_ahead(sqlite3 *db, struct kt_error *err)
{
    int on = 1;
    (void)sqlite3_file_control(db, "main", SQLITE_FCNTL_PERSIST_WAL, &on);
    return kt_db_exec(db,
                      "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                      "PRAGMA secure_delete=ON",
                      err);
}

enum kt_status kt_db_move_begins(sqlite3 *db, struct kt_error *err)
{
    return kt_db_exec(db, "PRAGMA synchronous=NORMAL", err);
}

enum kt_status kt_db_move_ends(sqlite3 *db, struct kt_error *err)
{
    return kt_db_exec(db, "PRAGMA synchronous=FULL", err);
}

enum kt_status kt_db_place_of(sqlite3 *db, struct kt_db_place *ret, struct kt_error *err)
{
    const char *file = sqlite3_db_filename(db, "main");
    const char *const name[2] = { file, sqlite3_filename_wal(file) };
    for (unsigned i = 0; i < 2; i++) {
        struct stat st;
        if (stat(name[i], &st) != 0)
            return kt_fail_errno(err, "look at '%s'", name[i]);
        ret->dev[i] = st.st_dev;
        ret->ino[i] = st.st_ino;
    }
    return KT_OK;
}

enum kt_status kt_db_in_place(sqlite3 *db, const struct kt_db_place *was, struct kt_error *err)
{
    struct kt_db_place now;
    bool same = kt_db_place_of(db, &now, NULL) == KT_OK;
    for (unsigned i = 0; i < 2 && same; i++)
        same = now.dev[i] == was->dev[i] && now.ino[i] == was->ino[i];
    if (same)
        return KT_OK;
    return kt_fail(err, KT_E_IO,
                   "'%s' or its -wal was removed, moved or replaced while it is written: stop the "
                   "collector, then put both back as they were, or restore a backup (keytrail "
                   "restore DIR); agents send again what it lacks",
                   sqlite3_db_filename(db, "main"));
}

enum kt_status kt_db_make(const char *path, struct kt_error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0)
        return kt_fail_errno(err, "create '%s'", path);
    enum kt_status status = KT_OK;
    if (fchmod(fd, 0640) != 0)
        status = kt_fail_errno(err, "chmod 0640 '%s'", path);
    (void)close(fd);
    return status;
}

enum kt_status kt_db_write_behind(sqlite3 *db, struct kt_error *err)
{
    return kt_db_exec(
        db, "PRAGMA page_size=8192; PRAGMA journal_mode=DELETE; PRAGMA synchronous=EXTRA", err);
}

enum kt_status kt_db_open(const char *path, const char *vfs, enum kt_db_mode mode, sqlite3 **ret,
                          struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf uri = { 0 };
    uri_of(path, mode, &uri);
    sqlite3 *db = NULL;
    int flags = SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX |
                (mode == KT_DB_WRITE ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY);
    enum kt_status status = KT_OK;
    if (sqlite3_open_v2(kt_buf_z(&uri), &db, flags, vfs) != SQLITE_OK)
        status = kt_db_fail(db, err, "open '%s'", path);
    else if ((status = configure(db, mode, err)) != KT_OK)
        status = kt_wrap(err, "open '%s'", path);
    if (status != KT_OK) {
        (void)sqlite3_close(db);
        return status;
    }
    *ret = db;
    return KT_OK;
}

enum kt_status kt_db_mend(const char *path, const char *vfs, struct kt_error *err)
{
    sqlite3 *db = NULL;
    if (kt_db_open(path, vfs, KT_DB_WRITE, &db, err) != KT_OK)
        return kt_wrap(err, "undo a backup that was cut off");
    enum kt_status status = kt_db_exec(db, "SELECT count(*) FROM sqlite_schema", err);
    (void)sqlite3_close(db);
    return status == KT_OK ? KT_OK : kt_wrap(err, "undo a backup that was cut off");
}

void kt_db_defend(sqlite3 *db, bool on)
{
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, on ? 1 : 0, NULL);
}

enum kt_status kt_db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret, struct kt_error *err)
{
    sqlite3_stmt *st = NULL;
    int rc = SQLITE_OK;
    for (unsigned n = 0; n == 0 || (rc != SQLITE_OK && met_halfway(db, n - 1)); n++)
        rc = sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &st, NULL);
    if (rc != SQLITE_OK)
        return kt_db_fail(db, err, "store");
    *ret = st;
    return KT_OK;
}

enum kt_status kt_db_step(sqlite3_stmt *st, struct kt_error *err)
{
    int rc = sqlite3_step(st);
    for (unsigned n = 0;
         rc != SQLITE_ROW && rc != SQLITE_DONE && met_halfway(sqlite3_db_handle(st), n); n++) {
        (void)sqlite3_reset(st);
        rc = sqlite3_step(st);
    }
    if (rc == SQLITE_ROW)
        return KT_OK;
    enum kt_status status = KT_E_AGAIN;
    if (rc != SQLITE_DONE) {
        status = kt_db_fail(sqlite3_db_handle(st), err, "store");
        if (status == KT_E_AGAIN) /* busy is no end of rows */
            status = kt_fail(err, KT_E_IO, "store: still locked after %d s", KT_DB_BUSY_MS / 1000);
    }
    (void)sqlite3_reset(st);
    return status;
}

enum kt_status kt_db_run(sqlite3_stmt *st, struct kt_error *err)
{
    enum kt_status status = kt_db_step(st, err);
    assert(status != KT_OK);
    return status == KT_E_AGAIN ? KT_OK : status;
}

void kt_db_finalize(sqlite3_stmt **st)
{
    (void)sqlite3_finalize(*st);
    *st = NULL;
}

static void bound(int rc)
{
    assert(rc == SQLITE_OK);
    (void)rc;
}

void kt_db_i64(sqlite3_stmt *st, int at, int64_t v)
{
    bound(sqlite3_bind_int64(st, at, v));
}

void kt_db_u64(sqlite3_stmt *st, int at, uint64_t v)
{
    assert(v <= INT64_MAX);
    bound(sqlite3_bind_int64(st, at, (int64_t)v));
}

void kt_db_text(sqlite3_stmt *st, int at, struct kt_str s)
{
    bound(sqlite3_bind_text64(st, at, s.len == 0 ? "" : s.at, s.len, SQLITE_STATIC, SQLITE_UTF8));
}

void kt_db_blob(sqlite3_stmt *st, int at, struct kt_str s)
{
    bound(sqlite3_bind_blob64(st, at, s.len == 0 ? "" : s.at, s.len, SQLITE_STATIC));
}

void kt_db_blob_or_null(sqlite3_stmt *st, int at, struct kt_str s)
{
    if (s.len == 0)
        bound(sqlite3_bind_null(st, at));
    else
        kt_db_blob(st, at, s);
}

struct kt_str kt_db_col(sqlite3_stmt *st, int at)
{
    const void *bytes = sqlite3_column_blob(st, at); /* before the length: SQLite's rule */
    int n = sqlite3_column_bytes(st, at);
    return bytes == NULL ? KT_STR_NONE : kt_str_from(bytes, (size_t)n);
}

int64_t kt_db_col_i64(sqlite3_stmt *st, int at)
{
    return sqlite3_column_int64(st, at);
}

uint64_t kt_db_col_u64(sqlite3_stmt *st, int at)
{
    int64_t v = sqlite3_column_int64(st, at);
    return v < 0 ? 0 : (uint64_t)v;
}
