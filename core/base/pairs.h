/*
 * pairs: pairs of dense numbers (a secret and an actor) to dense numbers 0, 1, 2 … in order of
 * first appearance: one step for each row of a walk, where hashing a text would be most of the
 * work.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct kt_pairs { /* zeroed: empty */
    uint64_t *word;
    uint32_t *number, slots, used;
};
void kt_pairs_done(struct kt_pairs *p);
/* Empty again, with the room that it has. */
void kt_pairs_reset(struct kt_pairs *p);
/* The number of (a, b), added when new. a and b are below UINT32_MAX. */
uint32_t kt_pairs_put(struct kt_pairs *p, uint32_t a, uint32_t b, bool *ret_new);
/* kt_pairs_put of (a, b) comes soon: its place is asked for, as the table is larger than the
 * nearest cache. */
void kt_pairs_expect(const struct kt_pairs *p, uint32_t a, uint32_t b);
