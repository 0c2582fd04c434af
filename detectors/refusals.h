/*
 * refusals: was somebody refused something within a day, in the first days of a log? For
 * volume_spike, whose the table is: also of who never got anything.
 */
#pragma once
#include "detectors/detector.h"

struct kt_refusals {
    struct kt_distinct missing;
    uint32_t newest_min, pad; /* 0 = none */
};
bool kt_refusals_are_sound(const void *state);
/* A login says nothing of what its owner may have: tokens run out. A name that is not there does
 * when it is one of many (`many` in an hour): a program asks for a few that may be absent, a list
 * of guesses for all. What comes late still says it, and takes no newer one back. */
void kt_refusals_note(struct kt_scene *s, struct kt_table *t, uint64_t many);
/* Was it, within a day? */
bool kt_refused_today(const struct kt_scene *s, const struct kt_table *t);
