/*
 * idset: what the lines of stored batches and segments are, as dedupe asks: by number and by key.
 * The sets used last stay in memory. Private to core/store.
 */
#pragma once
#include "core/store/opened.h"

struct kt_ident { /* what one stored line is */
    uint8_t key[KT_KEY_SIZE], digest[16];
    bool has_key;
};
struct kt_idset; /* the lines of one stored batch or segment; lives until the next kt_idsets_… */
uint64_t kt_idset_last(const struct kt_idset *set);
uint32_t kt_idset_count(const struct kt_idset *set);
/* The line of rank i, in order of numbers. */
const struct kt_ident *kt_idset_nth(const struct kt_idset *set, uint32_t i);
/* The record with that number; NULL when the set has a hole there. */
const struct kt_ident *kt_idset_at(const struct kt_idset *set, uint64_t seq);
/* One line after another that may have the key; *at begins with 0. NULL: no more. */
const struct kt_ident *kt_idset_like(const struct kt_idset *set, const uint8_t key[KT_KEY_SIZE],
                                     uint32_t *at);

struct kt_idsets;
struct kt_idsets *kt_idsets_new(void);
void kt_idsets_free(struct kt_idsets *s);
void kt_idsets_clear(struct kt_idsets *s);
/* Forgets what overlaps these records. */
void kt_idsets_drop(struct kt_idsets *s, uint64_t first_seq, uint64_t last_seq);
/* The set at hand that holds the record, or NULL: no file is asked. */
const struct kt_idset *kt_idsets_peek(struct kt_idsets *s, uint64_t seq);
/* Reads a batch. */
KT_MUST_USE enum kt_status kt_idsets_batch(struct kt_idsets *s, const struct kt_row *row,
                                           const struct kt_idset **ret, struct kt_error *err);
/* The set of a piece of the segment that o was started on, and whose pieces it was asked for: at
 * hand, else read. *ret_read: it was. */
KT_MUST_USE enum kt_status kt_idsets_piece(struct kt_idsets *s, struct kt_opened *o,
                                           const struct kt_piece *piece, uint32_t number,
                                           const struct kt_idset **ret, bool *ret_read,
                                           struct kt_error *err);
