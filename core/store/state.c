/*
 * state: entries of the detectors' tables in the store, one row each: the writer's side and the
 * readers'.
 *
 * Owns:  table `state`.
 * Calls: core/base, core/store/db.
 * Holds: derived: what is lost here is made again from the log.
 */
#include <string.h>

#include "core/store/reader.h"
#include "core/store/store.h"

/* ---- writing ---- */
static void bind_key(sqlite3_stmt *st, uint8_t table, const uint8_t *key)
{
    kt_db_blob(st, 1, kt_str_from((const char *)key, KT_STATE_KEY));
    kt_db_i64(st, 2, table);
}

enum kt_status kt_store_state_put(struct kt_store *s, const struct kt_state_row *row,
                                  struct kt_error *err)
{
    if (kt_store_may_write(s, err) != KT_OK)
        return kt_wrap(err, "state");
    sqlite3_stmt *st = s->st[KT_ST_STATE_PUT];
    bind_key(st, row->table, row->key);
    kt_db_u64(st, 3, row->born);
    kt_db_u64(st, 4, row->used);
    kt_db_blob(st, 5, row->value);
    return kt_store_run(s, KT_ST_STATE_PUT, err);
}

enum kt_status kt_store_state_drop(struct kt_store *s, uint8_t table,
                                   const uint8_t key[KT_STATE_KEY], struct kt_error *err)
{
    if (kt_store_may_write(s, err) != KT_OK)
        return kt_wrap(err, "state");
    bind_key(s->st[KT_ST_STATE_DROP], table, key);
    return kt_store_run(s, KT_ST_STATE_DROP, err);
}

enum kt_status kt_store_state_clear(struct kt_store *s, struct kt_error *err)
{
    if (kt_store_may_write(s, err) != KT_OK)
        return kt_wrap(err, "state");
    return kt_store_run(s, KT_ST_STATE_CLEAR, err);
}

/* ---- reading ---- */
enum kt_status kt_reader_state(struct kt_reader *r, uint8_t table, const uint8_t key[KT_STATE_KEY],
                               struct kt_buf *ret, struct kt_error *err)
{
    if (r->state == NULL && kt_db_prepare(r->db, "SELECT value FROM state WHERE key=?1 AND tab=?2",
                                          &r->state, err) != KT_OK)
        return kt_wrap(err, "state");
    bind_key(r->state, table, key);
    enum kt_status status = kt_db_step(r->state, err);
    if (status == KT_E_AGAIN)
        return kt_fail(err, KT_E_CORRUPT, "an entry of table %u is not in the store", table);
    if (status != KT_OK)
        return kt_wrap(err, "state");
    kt_buf_add(ret, kt_db_col(r->state, 0));
    (void)sqlite3_reset(r->state);
    return KT_OK;
}

enum kt_status kt_reader_states(struct kt_reader *r,
                                void (*each)(void *self, const struct kt_state_row *row),
                                void *self, struct kt_error *err)
{
    KT_CLEANUP(kt_db_finalize) sqlite3_stmt *st = NULL;
    if (kt_reader_fresh(r, err) != KT_OK ||
        kt_db_prepare(r->db, "SELECT key, tab, born, used FROM state", &st, err) != KT_OK)
        return kt_wrap(err, "state");
    enum kt_status status;
    while ((status = kt_db_step(st, err)) == KT_OK) {
        struct kt_str key = kt_db_col(st, 0);
        uint64_t table = kt_db_col_u64(st, 1);
        if (key.len != KT_STATE_KEY || table > UINT8_MAX)
            return kt_fail(err, KT_E_CORRUPT, "a row of table state is no entry");
        struct kt_state_row row = { .table = (uint8_t)table,
                                    .born = kt_db_col_u64(st, 2),
                                    .used = kt_db_col_u64(st, 3) };
        memcpy(row.key, key.at, KT_STATE_KEY);
        each(self, &row);
    }
    return status == KT_E_AGAIN ? KT_OK : kt_wrap(err, "state");
}
