/*
 * hour_secrets: different secrets that an actor touched in an hour, for volume_spike: exact up to
 * 32, then by a sketch. The tables are volume_spike's.
 */
#pragma once
#include "detectors/detector.h"

/* An actor's windows, each with a sketch of its own. */
enum kt_hour_of {
    KT_HOUR_NOW,
    KT_HOUR_WORK,    /* announced */
    KT_HOUR_OTHERS,  /* beside what was told */
    KT_HOUR_DELETED, /* not read */
    KT_HOUR_ALL,     /* with what judging leaves out */
    KT_HOUR_KINDS,
};

/* The scene's actor touched the secret of that hash now; `sketches` holds struct kt_hll. */
void kt_hour_note(struct kt_scene *s, struct kt_table *sketches, struct kt_distinct *seen,
                  enum kt_hour_of of, uint64_t hash);
/* In so many minutes up to now: 5 or 60. */
unsigned kt_hour_count(const struct kt_scene *s, const struct kt_table *sketches,
                       const struct kt_distinct *seen, enum kt_hour_of of, unsigned minutes);
