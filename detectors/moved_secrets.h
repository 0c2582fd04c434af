/*
 * moved_secrets: secrets that a machine reads at another path than it did before. Pure; the table
 * is new_secrets'.
 */
#pragma once
#include "detectors/detector.h"

struct kt_moved {    /* one machine and the end of a path */
    uint64_t secret; /* which of its secrets has that end */
};

/* The secret of this machine of which the scene's is the same at another path; 0: of none.
 *
 * Two secrets of one store are the same at two paths when the last two parts of them are, without
 * parts that say prod, stage or dev, which must be the same too, and versions (`v2`). The machine
 * has read the old one for more than a day, and in no incident. Of the new one nobody read
 * anything, or somebody for whom it was that old one: what others work with is theirs, be it called
 * as it will. Each old one stands for one new one. */
uint64_t kt_moved_from(const struct kt_scene *s);
/* The machine has read the scene's secret for the first time, in place of `from` (0: of none). */
void kt_moved_note(struct kt_scene *s, uint64_t from);
