/*
 * covers: the hashes that one file keeps for its records, in the order of their numbers: leaves of
 * control records, nodes of batches, of segments and of what was removed. Few bytes a segment, no
 * line is opened. Private to core/store.
 */
#pragma once
#include "core/store/opened.h"
#include "core/store/tombstone.h"

struct kt_covers { /* zeroed but for the first four */
    sqlite3 *db;
    uint64_t size; /* leaves that were given: the next record is size + 1 */
    /* removed: by retention. */
    enum kt_status (*take)(void *self, const struct kt_cover *cover, bool removed,
                           struct kt_error *err);
    void *self;

    sqlite3_stmt *control_at;
    struct kt_tombstones tombstones;
    struct kt_opened *opened;
    struct kt_cover cover;
};
KT_MUST_USE enum kt_status kt_covers_open(struct kt_covers *c, struct kt_error *err);
void kt_covers_done(struct kt_covers *c);
/* Control records and removed ones, until record `first` comes next. KT_E_CORRUPT says which record
 * is missing, or whose hashes do not fit its place. */
KT_MUST_USE enum kt_status kt_covers_reach(struct kt_covers *c, uint64_t first,
                                           struct kt_error *err);
/* The same, and then a batch, a segment, or one of its pieces. */
KT_MUST_USE enum kt_status kt_covers_row(struct kt_covers *c, const struct kt_row *row,
                                         struct kt_error *err);
KT_MUST_USE enum kt_status kt_covers_piece(struct kt_covers *c, const struct kt_segment *seg,
                                           uint32_t piece, struct kt_error *err);
KT_MUST_USE enum kt_status kt_covers_segment(struct kt_covers *c, const struct kt_segment *seg,
                                             struct kt_error *err);
