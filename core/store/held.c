/*
 * held: see the header.
 *
 * Owns:  its shares of the batches.
 * Calls: core/base, core/event (parsed).
 */
#include "core/store/held.h"

#include <assert.h>
#include <string.h>

#include "core/base/alloc.h"

void kt_held_done(struct kt_held *h)
{
    kt_held_drop_from(h, 0);
    kt_free(h->at);
    *h = (struct kt_held){ 0 };
}

void kt_held_add(struct kt_held *h, uint64_t first_seq, struct kt_parsed *p)
{
    const size_t bytes = kt_parsed_bytes(p);
    assert(h->n == 0 || h->at[h->n - 1].first_seq < first_seq);
    if (bytes > KT_HELD_BYTES - h->bytes)
        return;
    if (h->n == h->cap) {
        h->cap = h->cap == 0 ? 32 : 2 * h->cap;
        h->at = kt_realloc_array(h->at, h->cap, sizeof *h->at);
    }
    h->at[h->n++] = (struct kt_held_batch){ first_seq, kt_parsed_share(p) };
    h->bytes += bytes;
}

/* How many begin before seq. */
static uint32_t before(const struct kt_held *h, uint64_t seq)
{
    uint32_t low = 0, high = h->n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (h->at[middle].first_seq < seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct kt_parsed *kt_held_find(const struct kt_held *h, uint64_t first_seq)
{
    const uint32_t i = before(h, first_seq);
    return i < h->n && h->at[i].first_seq == first_seq ? h->at[i].parsed : NULL;
}

static void drop(struct kt_held *h, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        h->bytes -= kt_parsed_bytes(h->at[i].parsed);
        kt_parsed_free(h->at[i].parsed);
    }
    if (to < h->n)
        memmove(h->at + from, h->at + to, (h->n - to) * sizeof *h->at);
    h->n -= to - from;
}

void kt_held_drop_to(struct kt_held *h, uint64_t last_seq)
{
    drop(h, 0, before(h, last_seq + 1));
}

void kt_held_drop_from(struct kt_held *h, uint64_t first_seq)
{
    drop(h, before(h, first_seq), h->n);
}
