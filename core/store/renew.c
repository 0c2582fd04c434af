/*
 * renew: another id for a log, after a restore that nobody can sign over.
 *
 * Owns:  nothing. Calls: core/store (db).
 */
#include "core/store/store.h"

enum kt_status kt_store_renew(struct kt_store *s, const uint8_t log_id[16], struct kt_error *err)
{
    enum kt_status status = kt_store_may_write(s, err);
    if (status != KT_OK)
        return status;
    if (s->number > 1)
        return kt_fail(err, KT_E_INPUT,
                       "this log lies in %u files, and those before the last are damaged and keep "
                       "its id: restore a backup first (keytrail restore)",
                       s->number);
    kt_db_blob(s->st[KT_ST_RENEW], 1, kt_str_from(log_id, 16));
    return kt_store_run(s, KT_ST_RENEW, err);
}
