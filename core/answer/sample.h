/*
 * sample: a draw without replacement that anybody can repeat: of all ids of a population those with
 * the smallest SHA-256(seed ‖ 0x00 ‖ id), so that the order in which they come does not matter and
 * nobody who does not choose the seed chooses the sample.
 *
 * With strata n is divided among them in proportion to their sizes: each gets the whole part of
 * n × size / population, what is left goes to the largest fractions, one each (equal ones: in the
 * order in which the strata appeared). Never more than a stratum has.
 */
#pragma once
#include "core/base/err.h"
#include "core/base/str.h"

#define KT_SAMPLE_MAX        1000u /* drawn */
#define KT_SAMPLE_STRATA_MAX 2000u
#define KT_SAMPLE_ID_MAX     256u /* bytes of an id; longer ones are refused */

struct kt_pick {
    struct kt_str id;
    struct kt_str stratum; /* empty without strata */
    uint8_t rank[32];
    uint64_t place; /* in the population, from 0 */
};
struct kt_sampler;
/* seed is copied. */
struct kt_sampler *kt_sampler_new(struct kt_str seed, uint32_t n);
void kt_sampler_free(struct kt_sampler *s);
/* The next of the population, which comes in the order of its ids; each once. */
KT_MUST_USE enum kt_status kt_sampler_add(struct kt_sampler *s, struct kt_str id,
                                          struct kt_str stratum, struct kt_error *err);
/* What was drawn, by place; owned by s. ret_digest: SHA-256 over all ids, each with "\n" behind. */
const struct kt_pick *kt_sampler_draw(struct kt_sampler *s, uint32_t *ret_n,
                                      uint64_t *ret_population, uint8_t ret_digest[32]);
