/*
 * desk: is a person where it always works, for unusual_time.
 *
 * Owns:  a part of the struct of a table of unusual_time, by person.
 * Calls: detector.h only. No clock, no I/O.
 */
#pragma once
#include "detectors/detector.h"

struct kt_desk {
    uint32_t days; /* on which it was inside, in no incident */
    uint32_t date; /* the newest of them, + 1; 0 = none */
};
/* In an address range (/24, /48) in which it was on three days, or inside, if it was there on three
 * days: who comes with a stolen session from a line of the same operator, or from a host of the
 * firm, is in another place. Without an address it is nowhere. */
bool kt_at_desk(const struct kt_scene *s, const struct kt_desk *d);
/* It was inside on that date, 24 h ago: what an incident held back does not come here. */
void kt_desk_learn(struct kt_desk *d, uint32_t date);
