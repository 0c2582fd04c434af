/*
 * scan_blocks: where in blocks of 64 bytes the bytes that shape a text of JSON stand, by the widest
 * instructions that the processor has. Bit i is byte i.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kt_scan_block {
    uint64_t quote, backslash;
    uint64_t inside; /* of a string, its first quote included; all quotes count, escaped ones too */
    uint64_t shape;  /* one of {}[] outside of strings, a newline inside of one */
    uint64_t in_set; /* bytes of the set, and perhaps others that have a half of theirs */
};
/* Bytes by their halves: a bit for each high half, of which two may share one. Empty: { 0 }. */
struct kt_scan_set {
    unsigned char low[16], high[16];
};
static inline void kt_scan_set_add(struct kt_scan_set *s, unsigned char c)
{
    const unsigned char bit = (unsigned char)(1u << (c >> 4) % 8);
    s->low[c & 15] |= bit;
    s->high[c >> 4] = bit;
}
/* n blocks of 64 bytes at `at`, which begins inside of a string or outside. */
void kt_scan_blocks(const char *at, size_t n, const struct kt_scan_set *set, bool inside,
                    struct kt_scan_block *ret);
void kt_scan_blocks_plain(const char *at, size_t n, const struct kt_scan_set *set, bool inside,
                          struct kt_scan_block *ret); /* a byte at a time */

struct kt_scan_text {
    bool special; /* there is a control byte or a backslash */
    bool high;    /* a byte that is no ASCII */
    unsigned n_quotes;
};
/* n blocks of 64 bytes at `at`: the quotes of each, and what is in all of them. */
struct kt_scan_text kt_scan_text(const char *at, size_t n, uint64_t *ret_quotes);
struct kt_scan_text kt_scan_text_plain(const char *at, size_t n, uint64_t *ret_quotes);
