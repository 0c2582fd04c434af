/*
 * packed: columns of which one row, or one entry of a dictionary, is read without the others: so a
 * question that has four rows of a segment reads little more than these. Private to core/store.
 *
 * Segments of before have columns as columns.h tells them, in zstd frames; which of both a part is
 * its first byte says. docs/store.md has the bytes.
 */
#pragma once
#include "core/store/columns.h"

#define KT_PACKED_FORM      1u  /* first byte of a part; a zstd frame begins with another one */
#define KT_PACKED_ENTRIES   16u /* of a dictionary, of which the first is whole */
#define KT_PACKED_TIMES     64u /* that have one beginning and one width */
#define KT_PACKED_TIME_HEAD 13u /* bytes: u64 beginning, u32 place, u8 width */
#define KT_PACKED_WIDE      56u /* bits of a time that may begin within a byte, or they are 64 */
#define KT_PACKED_SPARE                                                                            \
    7u /* zeroes behind what is packed by bits, so that words of eight bytes                       \
          can be read where a value has bits */

/* Bits of values up to most. */
static inline unsigned kt_packed_width(uint64_t most)
{
    return most == 0 ? 0 : 64 - (unsigned)__builtin_clzll(most);
}
/* Bits of codes, of which the least is stored as 0; the n entries of small columns are code 0 to
 * n - 1, those of others 1 to n. */
static inline unsigned kt_packed_code_width(uint32_t n, unsigned least, bool small)
{
    return n == 0 ? 0 : kt_packed_width(small ? n - 1 : n - least);
}

/* Appends a closed column, its times. */
void kt_packed_column(const struct kt_columns *c, enum kt_col column, struct kt_buf *out);
void kt_packed_time(const struct kt_columns *c, struct kt_buf *out);

/* As the functions of columns.h that are named alike. What is not looked at is not checked: the
 * same bytes may be KT_E_CORRUPT for one of them and good for another. `picked` of small columns
 * and of times fills those rows and no others. */
KT_MUST_USE enum kt_status kt_packed_unpack(struct kt_columns *c, enum kt_col column,
                                            struct kt_str bytes, struct kt_error *err);
KT_MUST_USE enum kt_status kt_packed_picked(struct kt_columns *c, enum kt_col column,
                                            struct kt_str bytes, struct kt_picked picked,
                                            struct kt_error *err);
KT_MUST_USE enum kt_status kt_packed_seek(struct kt_columns *c, enum kt_col column,
                                          struct kt_str bytes, const struct kt_sought *key,
                                          unsigned n, enum kt_seek how, uint32_t *pick,
                                          uint32_t *picks, struct kt_error *err);
/* The codes of a text column of so many rows alone, and the highest that there may be. */
KT_MUST_USE enum kt_status kt_packed_codes(struct kt_str bytes, uint32_t rows, uint16_t *ret,
                                           uint32_t *ret_most, struct kt_error *err);
KT_MUST_USE enum kt_status kt_packed_times(struct kt_columns *c, struct kt_str bytes,
                                           struct kt_picked picked, struct kt_error *err);
