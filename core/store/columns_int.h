/*
 * columns_int: what both ways of reading columns share. Private to core/store.
 */
#pragma once
#include <string.h>

#include "core/store/columns.h"

#define KT_DICT_MAX (32u << 20) /* bytes of all entries: a segment's lines are fewer */

/* ---- entries of a dictionary ---- */

/* Copies n bytes, sixteen at a time and at least so many: what is written behind them is written
 * again, and both sides have KT_SLACK bytes to spare. Dictionaries are made of thousands of short
 * pieces. */
#define KT_SLACK 16u
static inline void kt_copy_short(char *to, const char *from, size_t n)
{
    size_t i = 0;
    do {
        char some[KT_SLACK];
        memcpy(some, from + i, KT_SLACK);
        memcpy(to + i, some, KT_SLACK);
    } while ((i += KT_SLACK) < n);
}

/* Most are below 128: one byte. */
static inline uint64_t kt_small_varint(struct kt_rd *rd)
{
    if (rd->left == 0 || rd->at[0] >= 0x80)
        return kt_rd_varint(rd);
    rd->left--;
    return *rd->at++;
}

/* What is shared is all that is: then two entries are in order when the byte behind it is. Read in
 * place, over the one before, the shared bytes are there already. */
static inline bool kt_entry_read(struct kt_rd *rd, struct kt_str before, char *to, size_t room,
                                 size_t *ret_shared, struct kt_str *ret)
{
    uint64_t shared = kt_small_varint(rd), rest = kt_small_varint(rd);
    if (rd->bad || shared > before.len || rest == 0 || rest > rd->left || shared + rest > room)
        return false;
    if (shared < before.len && (uint8_t)before.at[shared] >= rd->at[0])
        return false;
    if (to != before.at && shared > 0)
        kt_copy_short(to, before.at, (size_t)shared);
    if (rd->left - rest >= KT_SLACK)
        kt_copy_short(to + shared, (const char *)rd->at, (size_t)rest);
    else
        memcpy(to + shared, rd->at, (size_t)rest);
    rd->at += rest;
    rd->left -= (size_t)rest;
    *ret_shared = (size_t)shared;
    *ret = kt_str_from(to, (size_t)(shared + rest));
    return true;
}

/* ---- codes ---- */

/* Is none above `most`? */
bool kt_codes_fit(const uint16_t *code, uint32_t rows, uint16_t most);
/* The rows with a code from first to last, rising; returns how many. */
uint32_t kt_codes_rows(const uint16_t *code, uint32_t rows, uint16_t first, uint16_t last,
                       uint32_t *pick);
/* Is the entry one of the keys, upper and lower case of ASCII alike? */
bool kt_sought_folded(const struct kt_sought *key, unsigned n, struct kt_str entry);

/* ---- the end of reading a column ---- */

/* It is there now, where it was good; KT_E_CORRUPT, which names it, where not. */
enum kt_status kt_column_filled(struct kt_columns *c, enum kt_col column, bool good,
                                struct kt_error *err);
