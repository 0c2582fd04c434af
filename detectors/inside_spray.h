/*
 * inside_spray: one private address at which one name after the other fails that gets in
 * elsewhere, for failed_attempts: of private addresses no network tells.
 *
 * Owns:  the struct of a table of failed_attempts, by address.
 * Calls: baseline, detector.h and core only. No clock, no I/O.
 */
#pragma once
#include "detectors/detector.h"

#define KT_INSIDE_NAMES 16u
#define KT_INSIDE_USERS 4u
struct kt_inside_spray {              /* one private address */
    uint64_t failed[KT_INSIDE_NAMES]; /* people who failed there and did not get in */
    uint32_t failed_min[KT_INSIDE_NAMES];
    uint64_t in[KT_INSIDE_USERS]; /* people who got in there, the newest */
    uint32_t in_min[KT_INSIDE_USERS];
    uint32_t n, pad;
};
bool kt_inside_spray_is_sound(const void *state);
/* Of a person's login from inside; told from `least` names in 24 hours on (16 at most, 0 = none).
 * Returns at once for all else. */
void kt_inside_spray_login(struct kt_scene *s, struct kt_table *t, unsigned least);
