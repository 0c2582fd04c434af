/*
 * words: 64-bit words to dense numbers 0, 1, 2 … in order of first appearance, as kt_map does for
 * texts: for pairs of numbers, where a text would cost four times as much. 16 bytes a word.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kt_words { /* zeroed: empty */
    uint64_t *word;
    uint32_t n, cap;
    uint32_t *slot, slots; /* number + 1; 0 = free */
};
uint32_t kt_words_put(struct kt_words *w, uint64_t word, bool *ret_new); /* ret_new may be NULL */
size_t kt_words_bytes(const struct kt_words *w);
void kt_words_done(struct kt_words *w);
