/*
 * rng: chance from the system, and repeatable chance from a seed.
 *
 * Owns:  nothing. Calls: core/base/hash for system randomness.
 */
#include "core/sys/rng.h"

#include <string.h>

#include "core/base/hash.h"

static void real_fill(void *self, void *buf, size_t n)
{
    (void)self;
    kt_random(buf, n);
}

const struct kt_rng kt_rng_real = { .fill = real_fill };

static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void seeded_fill(void *self, void *buf, size_t n)
{
    struct kt_rng_seeded *s = self;
    unsigned char *at = buf;

    while (n > 0) {
        uint64_t v = splitmix64(&s->state);
        size_t take = n < sizeof v ? n : sizeof v;
        memcpy(at, &v, take);
        at += take;
        n -= take;
    }
}

struct kt_rng kt_rng_seeded(struct kt_rng_seeded *s)
{
    return (struct kt_rng){ .fill = seeded_fill, .self = s };
}

uint64_t kt_rng_u64(const struct kt_rng *r)
{
    uint64_t v;
    r->fill(r->self, &v, sizeof v);
    return v;
}

uint64_t kt_rng_below(const struct kt_rng *r, uint64_t n)
{
    if (n == 0)
        return 0;
    /* Values below 2^64 mod n would make the small results more frequent. */
    uint64_t uneven = (0 - n) % n;
    uint64_t v;
    do
        v = kt_rng_u64(r);
    while (v < uneven);
    return v % n;
}
