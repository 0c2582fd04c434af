/* pipeline_needles: could a record be about secrets? Asked of its bytes, before any parse. */
#pragma once
#include "core/base/str.h"
#include "core/event/scan.h"

struct needles {
    struct kt_str *at; /* without their quote */
    unsigned n;
    uint32_t head;      /* mask of the first bytes that all of them have */
    bool first[256];    /* first bytes of theirs */
    uint64_t sieve[64]; /* bit set of the heads, hashed */
};
#define KT_NEEDLE_MAX 64u /* bytes of one */

void kt_needles_init(struct needles *n, const char *const *table);
void kt_needles_done(struct needles *n);
/* Could the record be about secrets? */
bool kt_needles_in(const struct needles *n, struct kt_str record);
/* The first bytes of a text as a place in the sieve. */
static inline unsigned kt_needles_place(const struct needles *n, const char *at)
{
    return (kt_scan_4(at) & n->head) * 0x9E3779B1u >> 20;
}
/* May a needle begin here, where four bytes or more are? */
static inline bool kt_needles_may(const struct needles *n, const char *at)
{
    unsigned i = kt_needles_place(n, at);
    return (n->sieve[i / 64] >> i % 64 & 1) != 0;
}
/* Does one? What stands behind a quote. */
bool kt_needles_at(const struct needles *n, struct kt_str rest);
