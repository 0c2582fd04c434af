/*
 * succeed: the next file of a log whose newest file is damaged (THREATS, bad input).
 *
 * Owns:  nothing beyond struct kt_store.
 * Calls: core/base, core/store (chain, db, schema); rename, fsync.
 * Holds: the damaged file is only read. The new one appears under its name when it is whole and on
 *        the disk; a kill before that leaves nothing that counts.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/store/chain.h"
#include "core/store/schema.h"
#include "core/store/store.h"
#include "core/store/together.h"

/* What is not in the log's records, so that it must be carried over. */
static const struct {
    const char *select, *insert;
    int columns;
} carried[] = {
    { "SELECT * FROM mark", "INSERT INTO mark VALUES (?1,?2,?3,?4)", 4 },
    { "SELECT * FROM owner", "INSERT INTO owner VALUES (?1,?2)", 2 },
    /* kept pairs are of this file's segments */
    { "SELECT * FROM blob WHERE name <> '" KT_SUCCEEDED_BLOB
      "' AND name NOT GLOB '" KT_TOGETHER_BLOB "*'",
      "INSERT INTO blob VALUES (?1,?2)", 2 },
    { "SELECT * FROM alert", "INSERT INTO alert VALUES (?1,?2,?3,?4,?5)", 5 },
    { "SELECT * FROM state", "INSERT INTO state VALUES (?1,?2,?3,?4,?5)", 5 },
    { "SELECT * FROM outbox", "INSERT INTO outbox VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)",
      12 },
};

/* Row by row until the first one that cannot be read: the rest of that table is lost. */
static enum kt_status carry(sqlite3 *from, sqlite3 *to, size_t table, struct kt_error *err)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *get = NULL;
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *put = NULL;
    if (kt_db_prepare(to, carried[table].insert, &put, err) != KT_OK)
        return kt_wrap(err, "succeed");
    if (kt_db_prepare(from, carried[table].select, &get, NULL) != KT_OK)
        return KT_OK;
    while (kt_db_step(get, NULL) == KT_OK) {
        for (int i = 0; i < carried[table].columns; i++)
            (void)sqlite3_bind_value(put, i + 1, sqlite3_column_value(get, i));
        enum kt_status status = kt_db_run(put, err);
        if (status != KT_OK)
            return kt_wrap(err, "succeed");
    }
    return KT_OK;
}

static enum kt_status note(sqlite3 *db, const struct kt_store *s, const char *why,
                           struct kt_error *err)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    const char *slash = strrchr(s->file, '/');
    kt_buf_addf(&text, "%s\n%s", slash == NULL ? s->file : slash + 1, why);
    if (kt_db_prepare(db, "INSERT INTO blob VALUES ('" KT_SUCCEEDED_BLOB "', ?1)", &st, err) !=
        KT_OK)
        return kt_wrap(err, "succeed");
    kt_db_blob(st, 1, kt_buf_str(&text));
    return kt_db_run(st, err);
}

/* Where the last commit ended: the file itself knows best, if it can still be asked. */
static void find_end(struct kt_store *s, struct kt_beginning *ret)
{
    uint8_t log_id[16];
    struct kt_tree tree;
    struct kt_sums sums;
    memcpy(ret->log_id, s->log_id, sizeof ret->log_id);
    ret->tree = s->tree;
    ret->last_arrival = s->sums.last_arrival;
    if (kt_meta_read(s->db, log_id, &tree, &sums, NULL) == KT_OK &&
        memcmp(log_id, s->log_id, sizeof log_id) == 0 && tree.size >= s->tree.size) {
        ret->tree = tree;
        ret->last_arrival = sums.last_arrival;
    }
}

static enum kt_status fill(struct kt_store *s, const char *path, const char *why,
                           struct kt_error *err)
{
    struct kt_beginning from = { 0 };
    sqlite3 *db = NULL;
    find_end(s, &from);
    if (kt_db_make(path, err) != KT_OK || kt_db_open(path, NULL, KT_DB_WRITE, &db, err) != KT_OK)
        return kt_wrap(err, "succeed");
    enum kt_status status = kt_db_exec(db, "PRAGMA page_size=8192; PRAGMA synchronous=FULL", err);
    if (status == KT_OK)
        status = kt_schema_make(db, &from, err);
    if (status == KT_OK)
        status = kt_db_exec(db, "BEGIN", err);
    for (size_t i = 0; i < KT_ARRAY_LEN(carried) && status == KT_OK; i++)
        status = carry(s->db, db, i, err);
    if (status == KT_OK)
        status = note(db, s, why, err);
    if (status == KT_OK)
        status = kt_db_exec(db, "COMMIT", err);
    (void)sqlite3_close(db);
    return status;
}

/* The name of the file must be as durable as its bytes. */
static enum kt_status publish(const char *made, const char *path, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf folder = { 0 };
    const char *slash = strrchr(path, '/');
    kt_buf_add(&folder,
               slash == NULL ? KT_STR(".") : kt_str_from(path, (size_t)(slash - path) + 1));
    if (rename(made, path) != 0)
        return kt_fail_errno(err, "rename '%s'", made);
    int fd = open(kt_buf_z(&folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum kt_status status = KT_OK;
    if (fd < 0 || fsync(fd) != 0)
        status = kt_fail_errno(err, "sync '%s'", kt_buf_z(&folder));
    if (fd >= 0)
        (void)close(fd);
    return status;
}

static enum kt_status may_succeed(struct kt_store *s, struct kt_error *err)
{
    struct kt_tree base;
    if (s->number == KT_CHAIN_MAX)
        return kt_fail(err, KT_E_LIMIT,
                       "'%s' is damaged, as were the %u files before it: look at the disk", s->file,
                       KT_CHAIN_MAX - 1);
    if (s->number > 1 && kt_meta_base(s->db, &base, NULL) == KT_OK && base.size == s->tree.size)
        return kt_fail(err, KT_E_LIMIT,
                       "'%s' is damaged before anything was stored in it: look at the disk",
                       s->file);
    return KT_OK;
}

enum kt_status kt_store_succeed(struct kt_store *s, const char *why, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf path = { 0 }, made = { 0 };
    kt_store_rollback(s);
    s->given_up = true;
    if (may_succeed(s, err) != KT_OK)
        return err == NULL ? KT_E_LIMIT : err->code;
    (void)kt_chain_name(s->path, s->number + 1, &path);
    kt_buf_addf(&made, "%s.new", kt_buf_z(&path));
    (void)unlink(kt_buf_z(&made)); /* of a try that was killed */
    enum kt_status status = fill(s, kt_buf_z(&made), why, err);
    if (status == KT_OK)
        status = publish(kt_buf_z(&made), kt_buf_z(&path), err);
    if (status != KT_OK)
        (void)unlink(kt_buf_z(&made));
    return status;
}
