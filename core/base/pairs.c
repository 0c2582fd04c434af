/*
 * pairs: see the header. Open addressing, at most half full; Fibonacci hashing (Knuth, The Art of
 * Computer Programming 3, 6.4), whose keys are our own numbers, not a stranger's.
 *
 * Owns:  the table.
 * Calls: core/base/alloc.
 */
#include "core/base/pairs.h"

#include <string.h>

#include "core/base/alloc.h"

void kt_pairs_done(struct kt_pairs *p)
{
    kt_free(p->word);
    kt_free(p->number);
    *p = (struct kt_pairs){ 0 };
}

void kt_pairs_reset(struct kt_pairs *p)
{
    if (p->used > 0)
        memset(p->word, 0, p->slots * sizeof *p->word);
    p->used = 0;
}

static uint64_t word_of(uint32_t a, uint32_t b)
{
    return ((uint64_t)a + 1) << 32 | b;
}

static uint32_t slot_of(const struct kt_pairs *p, uint64_t word)
{
    return (uint32_t)(word * 0x9e3779b97f4a7c15u >> 32) & (p->slots - 1);
}

/* Where the word is, or would be; 0 is an empty place. */
static uint32_t place_of(const struct kt_pairs *p, uint64_t word)
{
    uint32_t at = slot_of(p, word);
    while (p->word[at] != 0 && p->word[at] != word)
        at = (at + 1) & (p->slots - 1);
    return at;
}

static void grow(struct kt_pairs *p)
{
    struct kt_pairs old = *p;
    p->slots = old.slots == 0 ? 1024 : 2 * old.slots;
    p->word = kt_alloc_array(p->slots, sizeof *p->word);
    p->number = kt_alloc_array(p->slots, sizeof *p->number);
    for (uint32_t i = 0; i < old.slots; i++) {
        if (old.word[i] == 0)
            continue;
        uint32_t at = place_of(p, old.word[i]);
        p->word[at] = old.word[i];
        p->number[at] = old.number[i];
    }
    kt_free(old.word);
    kt_free(old.number);
}

uint32_t kt_pairs_put(struct kt_pairs *p, uint32_t a, uint32_t b, bool *ret_new)
{
    uint64_t word = word_of(a, b);
    if (p->used >= p->slots / 2)
        grow(p);
    uint32_t at = place_of(p, word);
    *ret_new = p->word[at] == 0;
    if (*ret_new) {
        p->word[at] = word;
        p->number[at] = p->used++;
    }
    return p->number[at];
}

void kt_pairs_expect(const struct kt_pairs *p, uint32_t a, uint32_t b)
{
    if (p->slots > 0)
        __builtin_prefetch(&p->word[slot_of(p, word_of(a, b))]);
}
