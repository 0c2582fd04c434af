/*
 * place: in which segment a run of records stands now. Segments are merged, and taken by retention,
 * while somebody goes through a list of them: each is looked up again in the snapshot in which it
 * is read. Private to core/store.
 */
#pragma once
#include "core/store/read.h"
#include "core/store/segment.h"

/* The statement that kt_place_find takes. */
KT_MUST_USE enum kt_status kt_place_prepare(sqlite3 *db, sqlite3_stmt **ret, struct kt_error *err);
/* The segment that has the records [first_seq, last_seq] of `of`, which may be more. Its days stand
 * in *days then; NULL: they are left out. KT_E_AGAIN: retention has taken the records. */
KT_MUST_USE enum kt_status kt_place_find(sqlite3_stmt *st, const struct kt_segment *of,
                                         struct kt_segment *ret, struct kt_buf *days,
                                         struct kt_error *err);
/* Narrows the scan to the records of `of`, where they stand among others now. */
void kt_place_narrow(const struct kt_segment *of, const struct kt_segment *now,
                     struct kt_scan *scan);
