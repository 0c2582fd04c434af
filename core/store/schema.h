/* schema: making, checking and migrating the tables of schema.sql. Private to core/store. */
#pragma once
#include "core/store/db.h"
#include "core/store/tree.h"

/* The text of schema.sql. */
extern const char kt_schema_sql[];

struct kt_beginning { /* where a file of the log begins: an empty tree, or a damaged file's end */
    uint8_t log_id[16];
    struct kt_tree tree;
    kt_time_ns last_arrival;
};
/* Tables and versions, inside the caller's transaction. */
KT_MUST_USE enum kt_status kt_schema_write(sqlite3 *db, struct kt_error *err);
/* Tables, versions and the meta row, in one transaction. */
KT_MUST_USE enum kt_status kt_schema_make(sqlite3 *db, const struct kt_beginning *from,
                                          struct kt_error *err);
/* Nothing at all is in the file, not even somebody else's table. */
KT_MUST_USE enum kt_status kt_schema_none(sqlite3 *db, bool *ret, struct kt_error *err);
/* The file's tables, indexes, triggers and views are exactly those of schema.sql. */
KT_MUST_USE enum kt_status kt_schema_check(sqlite3 *db, struct kt_error *err);

struct kt_migration { /* from one schema to the next; the table ends with sql == NULL */
    unsigned from;
    const char *sql;
    /* Runs before sql: SQL functions that it calls, say. May be NULL. */
    enum kt_status (*prepare)(sqlite3 *db, struct kt_error *err);
};
extern const struct kt_migration kt_migrations[]; /* migrate.c */
/* Runs what leads from the file's schema to `to`, each step in a transaction of its own that
 * first leaves a backup mark: blob "backup-mark/<schema>", the tree's frontier at that moment. */
KT_MUST_USE enum kt_status kt_schema_migrate(sqlite3 *db, const struct kt_migration *steps,
                                             unsigned to, struct kt_error *err);
KT_MUST_USE enum kt_status kt_schema_version(sqlite3 *db, unsigned *ret, struct kt_error *err);
