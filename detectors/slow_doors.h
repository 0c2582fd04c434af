/*
 * slow_doors: somebody tries one secret after the other that it never read, an hour apart, for
 * failed_attempts: no hour has many.
 *
 * Owns:  the struct of a table of failed_attempts, by actor.
 * Calls: baseline, detector.h and core only. No clock, no I/O.
 */
#pragma once
#include "detectors/detector.h"

#define KT_SLOW_DOORS_MAX 32u
struct kt_slow_doors { /* secrets that it never read and was refused, the newest */
    uint64_t secret[KT_SLOW_DOORS_MAX];
    uint32_t minute[KT_SLOW_DOORS_MAX]; /* the first time in 7 days */
    uint32_t n, pad;
};
struct kt_slow_limits {
    unsigned day, week;    /* so many in 24 hours, in 7 days; 0 = none */
    struct kt_gamma usual; /* its refusals an hour, up to a day before */
    double least_a;        /* … of somebody without any */
    double rmax;
};
bool kt_slow_doors_are_sound(const void *state);
/* A refusal of a known actor. Told where they lie in several hours (days): what is set up wrongly
 * is refused at once, and what lost its rights is refused what it did read. */
void kt_slow_doors_refused(struct kt_scene *s, struct kt_table *t, const struct kt_slow_limits *o);
/* A success of a known actor: the door that it opened was given to it, and is none any more. */
void kt_slow_doors_opened(const struct kt_scene *s, struct kt_table *t);
