/*
 * tally_kept: the sums of a tally as blobs of the store, so that a year needs no walk over a year.
 *
 * Derived from the log and made again from it at will: whoever wants no trust in them asks for a
 * recount. They hold whole days of all records up to a number; what is behind it is walked over.
 *
 *   blob coverage          u64 number of the newest record that is in, u8 days of a block
 *   blob coverage/<n>      days [8 n, 8 n + 8) since the epoch; empty: there was no room for them;
 *                          else one zstd frame of
 *     sources, each: str16 type, str16 instance, varint days, each:
 *       varint day in the block; varints quarantined, reports, lag_max;
 *       varint minutes with something, each: varint minutes since the one before, varint accesses,
 *         u8 marks (enum kt_tally_mark)
 *       varint minutes in which something came late, each: varint minutes since the one before,
 *         zigzag minutes until it came, varint accesses
 */
#pragma once
#include "core/answer/tally.h"

#define KT_TALLY_BLOB "coverage"
#define KT_TALLY_WAITS                                                                             \
    UINT64_C(65536)                    /* the newest records, which may not be sealed yet, and … \
                                        */
#define KT_TALLY_WORTH UINT64_C(16384) /* … so many more, before it is worth a call */

/* Fills t from what is kept; *ret_upto: the number of the newest record that is in, 0: nothing is
 * kept, or it cannot be read, which is no failure: all can be walked over. */
KT_MUST_USE enum kt_status kt_tally_kept(struct kt_tally *t, struct kt_reader *r,
                                         uint64_t *ret_upto, struct kt_error *err);
typedef enum kt_status kt_tally_put(void *self, const char *name, struct kt_str value,
                                    struct kt_error *err);
struct kt_tally_slice { /* of the log, that one call takes in at most: its time and its memory */
    uint64_t records;
    struct kt_tally_room room;
};
/* Takes the next slice of the log in, by put() of blobs, all of them or none may be committed. Of a
 * slice that has more names and days than there is room for as many records as fit: one at least.
 * *ret_more: there is another slice. */
KT_MUST_USE enum kt_status kt_tally_keep(struct kt_reader *r, const struct kt_tally_slice *slice,
                                         kt_tally_put *put, void *self, bool *ret_more,
                                         struct kt_error *err);

/* The number of the newest record that is in what is kept; 0: nothing is. */
KT_MUST_USE enum kt_status kt_tally_upto(struct kt_reader *r, uint64_t *ret, struct kt_error *err);

struct kt_tally_checked { /* what is kept, against the records */
    uint64_t differ;      /* days of a source that are not what its records say */
    int64_t day;          /* the first of them, since the epoch */
};
/* Counts all of it again. Days of which retention took records are passed over, and so are blocks
 * that were full and records that cannot be read. */
KT_MUST_USE enum kt_status kt_tally_check(struct kt_reader *r, struct kt_tally_checked *ret,
                                          struct kt_error *err);

struct kt_zip;
/* Adds the pages of a block, as far as the tally has their days. KT_E_LIMIT: it was full;
 * KT_E_CORRUPT, KT_E_INPUT: somebody else wrote it. */
KT_MUST_USE enum kt_status kt_tally_block_load(struct kt_tally *t, struct kt_reader *r,
                                               struct kt_zip *zip, int64_t block, int64_t first_day,
                                               struct kt_error *err);
/* One block, unpacked. Reading adds its pages to those of the tally; days that it has not, and
 * those before first_day (of which retention took all), are passed over. False: the bytes are no
 * block; what was added until then has no meaning. */
bool kt_tally_block_read(struct kt_tally *t, int64_t block, int64_t first_day, struct kt_str bytes);
void kt_tally_block_write(const struct kt_tally *t, int64_t block, struct kt_buf *out);
