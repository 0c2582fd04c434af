/*
 * recovered: somebody makes a way into another's account (a recovery, a password, a lasting key),
 * and that account comes from where it never was, for grant_then_read: each alone is daily work.
 *
 * Owns:  the structs of three tables of grant_then_read: by source instance and name of the
 *        account, by actor, and since when these are known.
 * Calls: detector.h and core only. No clock, no I/O.
 */
#pragma once
#include "detectors/detector.h"

struct kt_recovered { /* one account */
    uint32_t minute, what;
    uint32_t giver; /* its number */
    char by[64];
};
bool kt_recovered_is_sound(const void *state);
/* Tables of grant_then_read: kt_recovered by account; by actor the minute (u32) at which it last
 * made such a way in; the minute (u32) since which such are known. */
enum { KT_RECOVERED_ACCOUNTS = 2, KT_RECOVERED_GIVERS, KT_RECOVERED_SINCE };
/* Of an event of a known actor that is not late. */
void kt_recovered_event(struct kt_scene *s);
/* Of a tick of the collector: from the first one on givers are known. */
void kt_recovered_tick(const struct kt_scene *s);
