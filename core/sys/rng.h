/* rng: chance comes in as an argument. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct kt_rng {
    void (*fill)(void *self, void *buf, size_t n);
    void *self;
};
extern const struct kt_rng kt_rng_real;
/* Memory body: splitmix64 from a seed, for the simulator and tests. */
struct kt_rng_seeded {
    uint64_t state;
};
struct kt_rng kt_rng_seeded(struct kt_rng_seeded *s);
uint64_t kt_rng_u64(const struct kt_rng *r);
/* Uniform in [0, n); 0 when n is 0. */
uint64_t kt_rng_below(const struct kt_rng *r, uint64_t n);
