/*
 * alerts: rows of alerts and of the outbox. What is in the JSON is the collector's business.
 *
 * Owns:  nothing beyond struct kt_store.
 * Calls: core/base, core/store/db.
 * Holds: walks ask for one row at a time, so that a callback may change the row it is given.
 */
#include <inttypes.h>
#include <string.h>

#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/store/store.h"

void kt_alert_digest(struct kt_str id, kt_time_ns opened, kt_time_ns updated, int64_t severity,
                     struct kt_str json, uint8_t ret[32])
{
    KT_CLEANUP(kt_buf_done) struct kt_buf head = { 0 };
    kt_buf_addf(&head, KT_STR_FMT "\n%" PRId64 "\n%" PRId64 "\n%" PRId64 "\n", KT_STR_ARG(id),
                opened, updated, severity);
    const struct kt_str parts[] = { kt_buf_str(&head), json };
    kt_sha256_of(parts, KT_ARRAY_LEN(parts), ret);
}

/* The leaf that covers the row as it is from now on. */
static enum kt_status record_alert(struct kt_store *s, const char *id, kt_time_ns now,
                                   const uint8_t digest[32], struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 };
    uint64_t seq;
    kt_buf_addz(&raw, "{\"digest\":\"");
    kt_hex_add(&raw, digest, 32);
    kt_buf_addz(&raw, "\"}");
    struct kt_event ev = { .kind = KT_KIND_AUDIT,
                           .source = KT_STR("keytrail"),
                           .instance = KT_STR("alerts"),
                           .native_id = kt_str_of(id),
                           .operation = KT_STR(KT_ALERT_OPERATION),
                           .message = KT_STR("alert raised or changed"),
                           .time = now,
                           .observed = now,
                           .raw = kt_buf_str(&raw) };
    return kt_store_control(s, &ev, now, now, &seq, err);
}

enum kt_status kt_store_alert_put(struct kt_store *s, const char *id, kt_time_ns opened,
                                  kt_time_ns updated, int severity, struct kt_str json,
                                  struct kt_error *err)
{
    if (kt_store_may_write(s, err) != KT_OK)
        return kt_wrap(err, "alert");
    sqlite3_stmt *st = s->st[KT_ST_ALERT_PUT];
    kt_db_text(st, 1, kt_str_of(id));
    kt_db_i64(st, 2, opened);
    kt_db_i64(st, 3, updated);
    kt_db_i64(st, 4, severity);
    kt_db_text(st, 5, json);
    if (kt_store_run(s, KT_ST_ALERT_PUT, err) != KT_OK)
        return kt_wrap(err, "alert");
    uint8_t digest[32];
    kt_alert_digest(kt_str_of(id), opened, updated, severity, json, digest);
    return record_alert(s, id, updated, digest, err);
}

enum kt_status kt_store_outbox_add(struct kt_store *s, struct kt_outbox_row *row,
                                   struct kt_str alert_json, struct kt_error *err)
{
    if (kt_store_may_write(s, err) != KT_OK)
        return kt_wrap(err, "outbox");
    sqlite3_stmt *st = s->st[KT_ST_OUTBOX_ADD];
    kt_db_text(st, 1, kt_str_of(row->alert));
    kt_db_text(st, 2, kt_str_of(row->target));
    kt_db_text(st, 3, kt_str_of(row->action));
    kt_db_text(st, 4, kt_str_of(row->state));
    kt_db_i64(st, 5, row->attempts);
    kt_db_i64(st, 6, row->created);
    kt_db_i64(st, 7, row->next_try);
    kt_db_i64(st, 8, row->sent_at);
    kt_db_i64(st, 9, row->last_code);
    kt_db_text(st, 10, kt_str_of(row->last_error));
    kt_db_text(st, 11, alert_json);
    enum kt_status status = kt_db_step(st, err);
    if (status != KT_OK) {
        s->torn = s->in_txn;
        return kt_wrap(err, "outbox");
    }
    row->row = kt_db_col_i64(st, 0);
    return kt_store_run(s, KT_ST_OUTBOX_ADD, err); /* to its end: only then the row is in */
}

enum kt_status kt_store_outbox_update(struct kt_store *s, const struct kt_outbox_row *row,
                                      struct kt_error *err)
{
    if (kt_store_may_write(s, err) != KT_OK)
        return kt_wrap(err, "outbox");
    sqlite3_stmt *st = s->st[KT_ST_OUTBOX_UPDATE];
    kt_db_i64(st, 1, row->row);
    kt_db_text(st, 2, kt_str_of(row->state));
    kt_db_i64(st, 3, row->attempts);
    kt_db_i64(st, 4, row->next_try);
    kt_db_i64(st, 5, row->sent_at);
    kt_db_i64(st, 6, row->last_code);
    kt_db_text(st, 7, kt_str_of(row->last_error));
    if (kt_store_run(s, KT_ST_OUTBOX_UPDATE, err) != KT_OK)
        return kt_wrap(err, "outbox");
    if (sqlite3_changes(s->db) != 1)
        return kt_fail(err, KT_E_INPUT, "the outbox has no row %lld", (long long)row->row);
    return KT_OK;
}

static void take_row(sqlite3_stmt *st, struct kt_outbox_row *row, struct kt_buf *json)
{
    *row = (struct kt_outbox_row){
        .row = kt_db_col_i64(st, 0),
        .attempts = (uint32_t)kt_db_col_u64(st, 5),
        .created = kt_db_col_i64(st, 6),
        .next_try = kt_db_col_i64(st, 7),
        .sent_at = kt_db_col_i64(st, 8),
        .last_code = (int)kt_db_col_i64(st, 9),
    };
    kt_str_copyz(row->alert, sizeof row->alert, kt_db_col(st, 1));
    kt_str_copyz(row->target, sizeof row->target, kt_db_col(st, 2));
    kt_str_copyz(row->action, sizeof row->action, kt_db_col(st, 3));
    kt_str_copyz(row->state, sizeof row->state, kt_db_col(st, 4));
    kt_str_copyz(row->last_error, sizeof row->last_error, kt_db_col(st, 10));
    kt_buf_reset(json);
    kt_buf_add(json, kt_db_col(st, 11));
}

#define OUTBOX_COLUMNS                                                                             \
    "row,alert,target,action,state,attempts,created,next_try,sent_at,last_code,last_error,"        \
    "alert_json"

enum kt_status kt_outbox_each(sqlite3 *db, bool waiting,
                              enum kt_status (*each)(void *self, const struct kt_outbox_row *row,
                                                     struct kt_str alert_json,
                                                     struct kt_error *err),
                              void *self, struct kt_error *err)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    KT_CLEANUP(kt_buf_done) struct kt_buf json = { 0 };
    const char *sql = waiting ? "SELECT " OUTBOX_COLUMNS " FROM outbox WHERE state = 'wait'"
                                " AND (target, row) > (?1, ?2) ORDER BY target, row LIMIT 1"
                              : "SELECT " OUTBOX_COLUMNS " FROM outbox WHERE row > ?2 AND ?1 = ''"
                                " ORDER BY row LIMIT 1";
    if (kt_db_prepare(db, sql, &st, err) != KT_OK)
        return kt_wrap(err, "outbox");
    struct kt_outbox_row row = { .row = INT64_MIN };
    char target[sizeof row.target] = "";
    for (;;) {
        kt_db_text(st, 1, kt_str_of(waiting ? target : ""));
        kt_db_i64(st, 2, row.row);
        enum kt_status status = kt_db_step(st, err);
        if (status != KT_OK)
            return status == KT_E_AGAIN ? KT_OK : status;
        take_row(st, &row, &json);
        (void)sqlite3_reset(st);
        memcpy(target, row.target, sizeof target);
        const struct kt_outbox_row given = row;
        if ((status = each(self, &given, kt_buf_str(&json), err)) != KT_OK)
            return status;
    }
}

enum kt_status kt_store_outbox_waiting(struct kt_store *s,
                                       enum kt_status (*each)(void *self,
                                                              const struct kt_outbox_row *row,
                                                              struct kt_str alert_json,
                                                              struct kt_error *err),
                                       void *self, struct kt_error *err)
{
    return kt_outbox_each(s->db, true, each, self, err);
}
