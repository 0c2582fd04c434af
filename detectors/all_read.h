/*
 * all_read: different secrets that a young machine read within an hour, with those that are left
 * out of judging, for volume_spike. The tables are volume_spike's.
 */
#pragma once
#include "detectors/detector.h"

/* A read of the actor's. While a machine is young, what many take up within two hours is no spree
 * of its own; but it is what the machine does, and a record without it would make news of the first
 * run at another time (docs/decisions/0139). Returns how many the hour has: `judged` of those that
 * were not left out, or more. t holds struct kt_distinct, sketches struct kt_hll. */
unsigned kt_all_read(struct kt_scene *s, struct kt_table *t, struct kt_table *sketches,
                     unsigned judged);
bool kt_all_read_is_sound(const void *state);
