/*
 * schema: the tables of schema.sql, which is part of this program as it stands in the tree.
 *
 * Calls: core/store/db.
 */
#include "core/store/schema.h"

#include <pthread.h>
#include <stdio.h>

#include "core/store/tree.h"

/* The Makefile names schema.sql as a prerequisite of this object. */
__asm__(".section .rodata\n"
        ".global kt_schema_sql\n"
        ".hidden kt_schema_sql\n"
        "kt_schema_sql:\n"
        ".incbin \"core/store/schema.sql\"\n"
        ".byte 0\n"
        ".previous\n");

/* Names and texts of everything in the schema, in one buffer: equal buffers, equal schemas. */
static enum kt_status dump(sqlite3 *db, struct kt_buf *out, struct kt_error *err)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    if (kt_db_prepare(db,
                      "SELECT type || ' ' || name || ' ' || tbl_name || ' ' || coalesce(sql, '')"
                      " FROM sqlite_schema ORDER BY type, name",
                      &st, err) != KT_OK)
        return kt_wrap(err, "schema");
    enum kt_status status;
    while ((status = kt_db_step(st, err)) == KT_OK) {
        kt_buf_add(out, kt_db_col(st, 0));
        kt_buf_byte(out, '\n');
    }
    return status == KT_E_AGAIN ? KT_OK : status;
}

enum kt_status kt_schema_none(sqlite3 *db, bool *ret, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf have = { 0 };
    if (dump(db, &have, err) != KT_OK)
        return kt_wrap(err, "check");
    *ret = have.len == 0;
    return KT_OK;
}

static void close_db(sqlite3 **db)
{
    (void)sqlite3_close(*db);
}

/* What schema.sql makes. Every connection is compared with it, and a question has up to five: made
 * each time it was a tenth of a small question. Never freed. Without one the next who asks tries
 * again: what failed was memory, which may be there by then. */
static struct {
    pthread_mutex_t lock;
    bool made;
    struct kt_buf text;
} model = { .lock = PTHREAD_MUTEX_INITIALIZER };

static enum kt_status make_model(struct kt_buf *out, struct kt_error *err)
{
    KT_CLEANUP(close_db) sqlite3 *db = NULL;
    if (sqlite3_open(":memory:", &db) != SQLITE_OK)
        return kt_db_fail(db, err, "schema");
    kt_buf_reset(out);
    if (kt_db_exec(db, kt_schema_sql, err) != KT_OK || dump(db, out, err) != KT_OK)
        return kt_wrap(err, "model");
    return KT_OK;
}

/* Once made it does not change. */
static enum kt_status take_model(struct kt_str *ret, struct kt_error *err)
{
    (void)pthread_mutex_lock(&model.lock);
    enum kt_status status = model.made ? KT_OK : make_model(&model.text, err);
    model.made = status == KT_OK;
    *ret = kt_buf_str(&model.text);
    (void)pthread_mutex_unlock(&model.lock);
    return status;
}

enum kt_status kt_schema_check(sqlite3 *db, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf have = { 0 };
    struct kt_str want;
    if (take_model(&want, err) != KT_OK || dump(db, &have, err) != KT_OK)
        return kt_wrap(err, "check");
    if (!kt_str_eq(kt_buf_str(&have), want))
        return kt_fail(err, KT_E_CORRUPT,
                       "the tables of this store are not those of its schema: somebody changed "
                       "them, or it is no store");
    return KT_OK;
}

static enum kt_status insert_meta(sqlite3 *db, const struct kt_beginning *from,
                                  struct kt_error *err)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    KT_CLEANUP(kt_buf_done) struct kt_buf tree = { 0 };
    kt_tree_pack(&from->tree, &tree);
    if (kt_db_prepare(db, "INSERT INTO meta VALUES (1, ?1, ?2, ?2, ?3, 0,0,0,0,0,0,0,0,0,0,0)", &st,
                      err) != KT_OK)
        return kt_wrap(err, "meta");
    kt_db_blob(st, 1, kt_str_from(from->log_id, 16));
    kt_db_blob(st, 2, kt_buf_str(&tree));
    kt_db_i64(st, 3, from->last_arrival);
    return kt_db_run(st, err);
}

enum kt_status kt_schema_write(sqlite3 *db, struct kt_error *err)
{
    char versions[96];
    (void)snprintf(versions, sizeof versions, "PRAGMA application_id=%u; PRAGMA user_version=%u",
                   KT_DB_APP_ID, KT_DB_SCHEMA);
    return kt_db_exec(db, kt_schema_sql, err) == KT_OK ? kt_db_exec(db, versions, err)
                                                       : kt_wrap(err, "create");
}

enum kt_status kt_schema_make(sqlite3 *db, const struct kt_beginning *from, struct kt_error *err)
{
    if (kt_db_exec(db, "BEGIN IMMEDIATE", err) != KT_OK)
        return kt_wrap(err, "create");
    if (kt_schema_write(db, err) == KT_OK && insert_meta(db, from, err) == KT_OK &&
        kt_db_exec(db, "COMMIT", err) == KT_OK)
        return KT_OK;
    (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return kt_wrap(err, "create");
}

enum kt_status kt_schema_version(sqlite3 *db, unsigned *ret, struct kt_error *err)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    if (kt_db_prepare(db, "PRAGMA user_version", &st, err) != KT_OK || kt_db_step(st, err) != KT_OK)
        return kt_wrap(err, "schema version");
    *ret = (unsigned)kt_db_col_u64(st, 0);
    return KT_OK;
}

static enum kt_status migrate_step(sqlite3 *db, const struct kt_migration *step,
                                   struct kt_error *err)
{
    char sql[160];
    (void)snprintf(sql, sizeof sql,
                   "INSERT OR REPLACE INTO blob SELECT 'backup-mark/%u', tree FROM meta;"
                   "PRAGMA user_version=%u",
                   step->from, step->from + 1);
    if (kt_db_exec(db, "BEGIN IMMEDIATE", err) != KT_OK)
        return kt_wrap(err, "migrate");
    if (kt_db_exec(db, sql, err) == KT_OK &&
        (step->prepare == NULL || step->prepare(db, err) == KT_OK) &&
        kt_db_exec(db, step->sql, err) == KT_OK && kt_db_exec(db, "COMMIT", err) == KT_OK)
        return KT_OK;
    (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return kt_wrap(err, "migrate from schema %u", step->from);
}

enum kt_status kt_schema_migrate(sqlite3 *db, const struct kt_migration *steps, unsigned to,
                                 struct kt_error *err)
{
    unsigned at = 0;
    if (kt_schema_version(db, &at, err) != KT_OK)
        return kt_wrap(err, "migrate");
    for (; steps->sql != NULL && at < to; steps++) {
        if (steps->from != at)
            continue;
        if (migrate_step(db, steps, err) != KT_OK)
            return kt_wrap(err, "store");
        at++;
    }
    if (at != to)
        return kt_fail(err, KT_E_CONFIG, "no way from schema %u to schema %u", at, to);
    return KT_OK;
}
