/*
 * filled: items of 1Password that an app typed into the site they belong to within an hour, and
 * nobody saw, for volume_spike. The tables are volume_spike's.
 */
#pragma once
#include "detectors/detector.h"

/* A read of the actor's: what is filled in is noted in t (struct kt_distinct) while it is not among
 * the exact names of `seen`, what is seen after all is taken out again. As many as fit, 32: who
 * fills in dozens is counted on. */
void kt_filled_note(struct kt_scene *s, struct kt_table *t, const struct kt_distinct *seen);
/* Those of the scene's actor that nobody saw, or NULL. */
const struct kt_distinct *kt_filled_of(const struct kt_scene *s, const struct kt_table *t);
bool kt_filled_is_sound(const void *state);
