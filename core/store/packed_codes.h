/*
 * packed_codes: the codes of a packed column, each of as many bits. Private to core/store.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <endian.h>

struct kt_packed_codes {
    const unsigned char *at;
    size_t room; /* bytes that may be read at `at`: seven more than the codes have, at least */
    uint32_t rows;
    unsigned width; /* up to 16 */
    uint32_t least; /* 0 or 1: stored as 0 */
};

static inline uint32_t kt_packed_code(const struct kt_packed_codes *c, uint32_t row)
{
    size_t bit = (size_t)row * c->width;
    uint32_t word;
    memcpy(&word, c->at + bit / 8, sizeof word);
    return (le32toh(word) >> bit % 8 & ((1u << c->width) - 1)) + c->least;
}

/* Codes of the rows [from, until), from a multiple of 8 on, by the widest instructions that the
 * processor has. */
void kt_packed_code_run(const struct kt_packed_codes *c, uint32_t from, uint32_t until,
                        uint16_t *ret);
/* The same, a code at a time. */
void kt_packed_code_run_plain(const struct kt_packed_codes *c, uint32_t from, uint32_t until,
                              uint16_t *ret);
