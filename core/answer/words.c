/*
 * words: see the header.
 *
 * Owns:  its tables.
 * Calls: core/base/alloc.
 */
#include "core/answer/words.h"

#include "core/base/alloc.h"

#define SLOTS_MIN 1024u

static uint32_t home(const struct kt_words *w, uint64_t word)
{
    uint64_t h = word * 0x9e3779b97f4a7c15u;
    return (uint32_t)((h ^ h >> 29) >> 16) & (w->slots - 1);
}

static void place(struct kt_words *w, uint32_t number)
{
    uint32_t s = home(w, w->word[number]);
    while (w->slot[s] != 0)
        s = (s + 1) & (w->slots - 1);
    w->slot[s] = number + 1;
}

static void grow(struct kt_words *w)
{
    kt_free(w->slot);
    w->slots = w->slots == 0 ? SLOTS_MIN : 2 * w->slots;
    w->cap = w->slots / 4 * 3;
    w->slot = kt_alloc_array(w->slots, sizeof *w->slot);
    w->word = kt_realloc_array(w->word, w->cap, sizeof *w->word);
    for (uint32_t i = 0; i < w->n; i++)
        place(w, i);
}

uint32_t kt_words_put(struct kt_words *w, uint64_t word, bool *ret_new)
{
    if (w->n == w->cap)
        grow(w);
    uint32_t s = home(w, word);
    while (w->slot[s] != 0 && w->word[w->slot[s] - 1] != word)
        s = (s + 1) & (w->slots - 1);
    bool new = w->slot[s] == 0;
    if (new) {
        w->word[w->n++] = word;
        w->slot[s] = w->n;
    }
    if (ret_new != NULL)
        *ret_new = new;
    return w->slot[s] - 1;
}

size_t kt_words_bytes(const struct kt_words *w)
{
    return w->cap * sizeof *w->word + w->slots * sizeof *w->slot;
}

void kt_words_done(struct kt_words *w)
{
    kt_free(w->word);
    kt_free(w->slot);
    *w = (struct kt_words){ 0 };
}
