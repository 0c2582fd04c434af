/*
 * place: see the header.
 *
 * Owns:  nothing.
 * Calls: core/store (db, segment).
 */
#include "core/store/place.h"

enum kt_status kt_place_prepare(sqlite3 *db, sqlite3_stmt **ret, struct kt_error *err)
{
    return kt_db_prepare(db,
                         "SELECT " KT_SEGMENT_COLUMNS " FROM segment WHERE first_seq <= ?1"
                         " ORDER BY first_seq DESC LIMIT 1",
                         ret, err);
}

enum kt_status kt_place_find(sqlite3_stmt *st, const struct kt_segment *of, struct kt_segment *ret,
                             struct kt_buf *days, struct kt_error *err)
{
    kt_db_u64(st, 1, of->first_seq);
    enum kt_status status = kt_db_step(st, err);
    if (status == KT_OK)
        status = kt_segment_read(st, ret, err);
    if (status == KT_OK && days != NULL) {
        kt_buf_reset(days);
        kt_buf_add(days, ret->days);
    }
    (void)sqlite3_reset(st);
    if (status == KT_OK)
        ret->days = days == NULL ? KT_STR_NONE : kt_buf_str(days);
    return status == KT_OK && ret->last_seq < of->last_seq
               ? kt_fail(err, KT_E_AGAIN, "no segment has these records any more")
               : status;
}

void kt_place_narrow(const struct kt_segment *of, const struct kt_segment *now,
                     struct kt_scan *scan)
{
    if (now->first_seq < of->first_seq && scan->from_seq < of->first_seq)
        scan->from_seq = of->first_seq;
    if (now->last_seq > of->last_seq && scan->until_seq > of->last_seq)
        scan->until_seq = of->last_seq;
}
