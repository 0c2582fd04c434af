/*
 * inside_guesses: one private address that tries credential after credential at a mount that never
 * let it in, and names nobody, for failed_attempts: no network and no name tells of it.
 *
 * Owns:  the structs of two tables of failed_attempts, by address and mount.
 * Calls: baseline, detector.h and core only. No clock, no I/O.
 */
#pragma once
#include "detectors/detector.h"

#define KT_GUESSES_MAX KT_DISTINCT_MAX
struct kt_guesses {            /* logins that a mount refused to an address that it never let in */
    struct kt_distinct values; /* hashes of what was tried, where the log tells them apart */
    struct kt_ring tries;      /* all */
    struct kt_ring valued;     /* of them with a value */
    struct kt_ring again;      /* of these with one that the hour had before */
    uint32_t first_min, last_min; /* of tries no two of which lie a day apart */
};
struct kt_guess_limits {
    unsigned values; /* different ones in an hour; 0 = none */
    unsigned blind;  /* tries in an hour where the log does not tell values apart; 0 = none */
};
bool kt_guesses_are_sound(const void *state);
/* Of a login from inside. doors: minute (u32) of the newest success by mount and address, and by
 * mount and /24 (/48); guesses: kt_guesses by mount and address. Returns at once for all else. */
void kt_inside_login(struct kt_scene *s, struct kt_table *doors, struct kt_table *guesses,
                     struct kt_guess_limits least);
