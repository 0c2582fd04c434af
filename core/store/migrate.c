/*
 * migrate: the steps from each older schema to the next.
 *
 * Calls: core/base, core/wire (line hash), core/store, sqlite3.
 * Holds: a step is one transaction; what it cannot read makes it fail, and the old store stays.
 */
#include <assert.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/limits.h"
#include "core/store/row.h"
#include "core/store/schema.h"
#include "core/wire/batch.h"

/* ---- 1 -> 2: segments; a batch knows its size and its tree nodes ---- */

struct tools {
    struct kt_zip *zip;
    struct kt_lines lines;
    kt_time_ns *arrival;
    bool *conflict;
    struct kt_cover cover;
};

static void tools_free(void *self)
{
    struct tools *t = self;
    kt_zip_free(t->zip);
    kt_lines_done(&t->lines);
    kt_free(t->arrival);
    kt_free(t->conflict);
    kt_free(t);
}

static struct kt_str bytes_of(sqlite3_value *v)
{
    const void *at = sqlite3_value_blob(v);
    return kt_str_from(at, (size_t)sqlite3_value_bytes(v));
}

/* nodes(first_seq, count, agent, origin, arrival, stored, arrivals, conflicts, lines) */
static void sql_nodes(sqlite3_context *ctx, int argc, sqlite3_value **arg)
{
    struct tools *t = sqlite3_user_data(ctx);
    (void)argc;
    const struct kt_row row = { .first_seq = (uint64_t)sqlite3_value_int64(arg[0]),
                                .count = (uint32_t)sqlite3_value_int64(arg[1]),
                                .agent = bytes_of(arg[2]),
                                .origin = (uint8_t)sqlite3_value_int64(arg[3]),
                                .arrival = sqlite3_value_int64(arg[4]),
                                .stored = sqlite3_value_int64(arg[5]),
                                .arrivals = bytes_of(arg[6]),
                                .conflicts = bytes_of(arg[7]),
                                .lines = bytes_of(arg[8]) };
    struct kt_error err = { 0 };
    memset(t->conflict, 0, KT_BATCH_EVENTS_MAX * sizeof *t->conflict);
    if (row.count == 0 || row.count > KT_BATCH_EVENTS_MAX || row.agent.len > KT_NAME_MAX ||
        kt_row_lines(&row, t->zip, &t->lines, &err) != KT_OK ||
        kt_row_arrivals(&row, t->arrival, &err) != KT_OK ||
        kt_row_conflicts(&row, t->conflict, &err) != KT_OK) {
        sqlite3_result_error(ctx, err.text[0] == 0 ? "a batch is damaged" : err.text, -1);
        return;
    }
    kt_cover_start(&t->cover, row.first_seq - 1);
    for (uint32_t i = 0; i < row.count; i++) {
        uint8_t hash[32], leaf[32];
        kt_line_hash(t->lines.at[i], hash);
        const struct kt_leaf l = { .seq = row.first_seq + i,
                                   .arrival = t->arrival[i],
                                   .stored = row.stored,
                                   .origin = row.origin,
                                   .conflict = t->conflict[i],
                                   .agent = row.agent,
                                   .line_hash = hash };
        kt_leaf_hash(&l, leaf);
        kt_cover_add(&t->cover, 0, leaf);
    }
    sqlite3_result_blob(ctx, t->cover.hash, 32 * (int)t->cover.nodes, SQLITE_TRANSIENT);
}

/* bytes(lines): what they unpack to */
static void sql_bytes(sqlite3_context *ctx, int argc, sqlite3_value **arg)
{
    struct tools *t = sqlite3_user_data(ctx);
    (void)argc;
    kt_buf_reset(&t->lines.text);
    if (kt_zip_unpack(t->zip, bytes_of(arg[0]), KT_BATCH_RAW_MAX, 100000, &t->lines.text, NULL) !=
        KT_OK)
        sqlite3_result_error(ctx, "a batch is damaged", -1);
    else
        sqlite3_result_int64(ctx, (int64_t)t->lines.text.len);
}

static enum kt_status add_functions(sqlite3 *db, struct kt_error *err)
{
    struct tools *t = kt_alloc(sizeof *t);
    t->zip = kt_zip_new();
    t->arrival = kt_alloc_array(KT_BATCH_EVENTS_MAX, sizeof *t->arrival);
    t->conflict = kt_alloc_array(KT_BATCH_EVENTS_MAX, sizeof *t->conflict);
    const int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY;
    if (sqlite3_create_function_v2(db, "kt_bytes", 1, flags, t, sql_bytes, NULL, NULL, NULL) !=
            SQLITE_OK ||
        sqlite3_create_function_v2(db, "kt_nodes", 9, flags, t, sql_nodes, NULL, NULL,
                                   tools_free) != SQLITE_OK)
        return kt_db_fail(db, err, "migrate");
    static const char *const tables[] = { "meta",  "batch", "control", "mark",
                                          "owner", "blob",  "alert",   "outbox" };
    for (size_t i = 0; i < KT_ARRAY_LEN(tables); i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf sql = { 0 };
        kt_buf_addf(&sql, "ALTER TABLE %s RENAME TO %s_1", tables[i], tables[i]);
        if (kt_db_exec(db, kt_buf_z(&sql), err) != KT_OK)
            return kt_wrap(err, "migrate");
    }
    static const char drop[] = "DROP TABLE span; DROP INDEX control_kind; DROP INDEX alert_opened;"
                               "DROP INDEX outbox_waiting";
    return kt_db_exec(db, drop, err) == KT_OK && kt_db_exec(db, kt_schema_sql, err) == KT_OK
               ? KT_OK
               : kt_wrap(err, "migrate");
}

#define FROM_1                                                                                     \
    "INSERT INTO meta SELECT one, log_id, tree, zeroblob(8), last_arrival, events, control,"       \
    " batches, duplicates, conflicts, first_time, last_time, first_arrival, newest_arrival,"       \
    " 0, 0 FROM meta_1;"                                                                           \
    "INSERT INTO batch SELECT first_seq, count, kt_bytes(lines), agent, incarnation, batch_seq,"   \
    " origin, arrival, stored, min_time, max_time, leaves, digest, signature, arrivals, dropped,"  \
    " conflicts, kt_nodes(first_seq, count, agent, origin, arrival, stored, arrivals, conflicts,"  \
    " lines), lines FROM batch_1 ORDER BY first_seq;"                                              \
    "INSERT INTO control SELECT * FROM control_1;"                                                 \
    "INSERT INTO mark SELECT * FROM mark_1;"                                                       \
    "INSERT INTO owner SELECT * FROM owner_1;"                                                     \
    "INSERT INTO blob SELECT * FROM blob_1;"                                                       \
    "INSERT INTO alert SELECT * FROM alert_1;"                                                     \
    "INSERT INTO outbox SELECT * FROM outbox_1;"                                                   \
    "DROP TABLE meta_1; DROP TABLE batch_1; DROP TABLE control_1; DROP TABLE mark_1;"              \
    "DROP TABLE owner_1; DROP TABLE blob_1; DROP TABLE alert_1; DROP TABLE outbox_1"

/* ---- 2 -> 3: the detectors' state in rows; what one blob held is derived again ---- */

/* Step 1 makes today's tables, so it is there already in a store that comes from schema 1. */
static enum kt_status add_state(sqlite3 *db, struct kt_error *err)
{
    const char *create = strstr(kt_schema_sql, "CREATE TABLE state (");
    assert(create != NULL); /* the last statement of schema.sql */
    return kt_db_exec(db, "DROP TABLE IF EXISTS state", err) == KT_OK &&
                   kt_db_exec(db, create, err) == KT_OK
               ? KT_OK
               : kt_wrap(err, "migrate");
}

#define FROM_2 "DELETE FROM blob WHERE name = 'detect'"

/* ---- 3 -> 4: segments that are made from now on have packed columns; the others stay as they are.
 * A keytrail of before would call them damaged, so it is kept off by the number. ---- */

#define FROM_3 "SELECT 1"

/* ---- 4 -> 5: segments may be merged. Likewise. ---- */

#define FROM_4 "SELECT 1"

const struct kt_migration kt_migrations[] = {
    { 1, FROM_1, add_functions }, { 2, FROM_2, add_state }, { 3, FROM_3, NULL },
    { 4, FROM_4, NULL },          { 0, NULL, NULL },
};
