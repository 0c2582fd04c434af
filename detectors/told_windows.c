/*
 * told_windows: see the header.
 *
 * Owns:  nothing.
 * Calls: detector.h only. No clock, no I/O.
 */
#include "detectors/told_windows.h"

#define OVER_MIN (6u * 60u) /* evidence that comes later is another incident's */
#define FAILURES (1u << KT_FAMILY_FAILURES)

struct kt_told_windows kt_told_windows(const struct kt_scene *s)
{
    struct kt_told_windows told = { .n = 0 };
    for (unsigned i = 0; i < KT_HELD_MAX; i++) {
        uint32_t from = s->actor->held[i].from_min, until = s->actor->held[i].until_min;
        unsigned of = s->actor->held[i].families;
        if (s->actor->held[i].mark == KT_HELD_EXPECTED || until == 0 || of == FAILURES ||
            until + OVER_MIN >= s->minute)
            continue;
        told.at[told.n].from_min = from;
        told.at[told.n++].until_min = until;
        if (s->actor->held[i].mark == KT_HELD_DISMISSED)
            until = kt_actor_day_begins(s->actor, kt_actor_day(s->actor, until) + 1);
        if (of >> KT_FAMILY_NEW_SECRETS & 1 && until > told.days_min)
            told.days_min = until;
    }
    return told;
}

bool kt_told_before(const struct kt_told_windows *told, uint32_t from_min, uint32_t until_min)
{
    for (unsigned i = 0; i < told->n; i++) {
        if (from_min <= told->at[i].until_min && until_min >= told->at[i].from_min)
            return true;
    }
    return false;
}
