/*
 * deletions: secrets that vanish by the dozen, for volume_spike (docs/decisions/0105). The tables
 * are volume_spike's.
 */
#pragma once
#include "detectors/hour_secrets.h"

struct kt_deletions { /* of one actor */
    struct kt_distinct seen;
    struct kt_maxima best; /* first statistic: the most in an hour of a day, 24 h behind */
};
bool kt_deletions_are_sound(const void *state);

/* The scene deletes a secret, or all of a place: `least` of them say something. `aside`: what
 * volume_spike takes back to kt_deletions_learn() a day later. */
void kt_deletions_judge(struct kt_scene *s, struct kt_deletions *d, struct kt_table *sketches,
                        uint64_t least, uint8_t aside);
void kt_deletions_learn(const struct kt_scene *s, struct kt_deletions *d,
                        const struct kt_pending *p);
