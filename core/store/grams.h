/*
 * grams: which texts may occur in a block of lines, so that a question for a rare one unpacks few
 * blocks. Private to core/store.
 *
 * A gram is four bytes of the block's text that stand side by side, of which the first ends in the
 * bits 01 (a, e, i, 1, 5, 9, '-' …): a third of all that there are, the same ones in any text (as
 * n-grams select files in Cox, "Regular expression matching with a trigram index", 2012). A filter
 * is a bitmap over slots, one slot a gram; a text may be there only where the slots of all its
 * grams are set. A text has many, so that a bitmap which is nearly half full rules out most blocks
 * that do not hold it.
 *
 * part  = for each block: u8 s (6 to 16), u32 bytes n, n bytes: bit b (lowest first) is set when a
 *         gram has slot b; slots from 8 n on are not kept. 8 n <= 2^s.
 * slot  = the low s bits of (gram * 0x9e3779b1 mod 2^32) >> 16, of the gram as a little endian
 *         number (multiplicative hashing: Knuth, "The art of computer programming", vol. 3, 6.4).
 */
#pragma once
#include "core/base/buf.h"

#define KT_GRAM 4u
/* A filter has no more bytes than one for so many of the block's text, and eight. */
#define KT_GRAMS_TEXT_A_BYTE 80u

struct kt_grams { /* what a builder reuses: 8 KiB */
    uint64_t slots[1u << 10];
};
/* Appends the filter of a block. */
void kt_grams_pack(struct kt_grams *g, struct kt_str text, struct kt_buf *out);

struct kt_grams_block { /* borrowed from the part */
    unsigned log2_slots;
    struct kt_str kept;
};
/* The next block's filter; false: there is none, or it is damaged. */
bool kt_grams_next(struct kt_rd *rd, struct kt_grams_block *ret);
/* Can a filter rule any of these out? Shorter texts have no gram. */
bool kt_grams_help(const struct kt_str *text, unsigned n);
/* May the block hold all of them? `no` is certain. */
bool kt_grams_may(const struct kt_grams_block *b, const struct kt_str *text, unsigned n);
