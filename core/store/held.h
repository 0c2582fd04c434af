/*
 * held: batches of the tail as they were parsed, so that sealing need not unpack and read them
 * again. Private to core/store.
 *
 * Only what the writer has at hand anyway and finds room here: the rows of the tail have it all.
 */
#pragma once
#include "core/event/parsed.h"

#define KT_HELD_BYTES (24u << 20) /* three segments of usual lines */

struct kt_held_batch {
    uint64_t first_seq;
    struct kt_parsed *parsed;
};
struct kt_held {
    struct kt_held_batch *at; /* rising */
    uint32_t n, cap;
    size_t bytes;
};
void kt_held_done(struct kt_held *h);
/* Shares p, whose first line is the record first_seq, unless it does not fit any more. In order. */
void kt_held_add(struct kt_held *h, uint64_t first_seq, struct kt_parsed *p);
/* The batch that begins there; NULL: it is not held. */
struct kt_parsed *kt_held_find(const struct kt_held *h, uint64_t first_seq);
void kt_held_drop_to(struct kt_held *h, uint64_t last_seq);    /* that begin there or before */
void kt_held_drop_from(struct kt_held *h, uint64_t first_seq); /* there or later */
