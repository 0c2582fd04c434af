/*
 * daemon_state: what changed in the detectors' state, into the store.
 *
 * Owns:  nothing beyond struct kt_daemon.
 * Calls: follow, core/store.
 * Holds: head, settings and rows are written in the transaction of the alerts that were found up to
 * them: the state in the store is never newer than the alerts in it.
 */
#include <string.h>

#include "collector/daemon.h"

static enum kt_status write_row(struct kt_daemon *d, const struct kt_table_row *r,
                                struct kt_error *err)
{
    struct kt_state_row row = {
        .table = (uint8_t)r->table, .born = r->born, .used = r->used, .value = r->state
    };
    memcpy(row.key, &r->key, sizeof row.key);
    return r->op == KT_ROW_PUT ? kt_store_state_put(d->store, &row, err)
                               : kt_store_state_drop(d->store, row.table, row.key, err);
}

enum kt_status kt_daemon_write_state(struct kt_daemon *d, const struct kt_follow_news *news,
                                     struct kt_error *err)
{
    uint32_t at = 0;
    struct kt_table_row row;
    if (news->changes == 0)
        return KT_OK;
    enum kt_status st = news->clear ? kt_store_state_clear(d->store, err) : KT_OK;
    while (st == KT_OK && news->rows != NULL && kt_changed_next(news->rows, &at, &row))
        st = write_row(d, &row, err);
    if (st == KT_OK)
        st = kt_store_put(d->store, KT_STATE_BLOB, kt_buf_str(&news->head), err);
    if (st == KT_OK && news->settings.len > 0)
        st = kt_store_put(d->store, KT_SETTINGS_BLOB, kt_buf_str(&news->settings), err);
    d->changes = news->changes;
    return st;
}
