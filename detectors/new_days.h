/*
 * new_days: on how many days a machine took up secrets it had never read. Pure; the habit is
 * new_secrets'.
 */
#pragma once
#include "detectors/secret_habit.h"

struct kt_new_days_limits { /* options of new_secrets */
    uint64_t floor;         /* such days in 14 below which they say nothing */
    double least;           /* surprise below which it is dropped */
};

/* Days count, not secrets: floors are for what a release brings, and that comes at once. What lay
 * before told_min was told. */
void kt_new_days_tell(struct kt_scene *s, const struct kt_habit *h, uint32_t told_min,
                      const struct kt_new_days_limits *o);
