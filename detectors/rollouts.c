/*
 * rollouts: answers of kt_known_rollout that are kept.
 *
 * Owns:  nothing beyond struct kt_rollouts.
 * Calls: nothing. No clock, no I/O, no allocation.
 * Holds: an answer that stands is what asking would say; whoever changes the readers of a secret,
 *        or makes room among secrets, says kt_rollouts_change before.
 */
#include "detectors/rollouts.h"

#include <string.h>

void kt_rollouts_change(struct kt_rollouts *r, uint64_t secret)
{
    r->changed[secret >> 1 & (KT_ROLLOUTS_PARTS - 1)] = ++r->changes;
}

void kt_rollouts_begin(struct kt_rollouts_of *of)
{
    memset(of->answer, KT_ROLLOUT_UNASKED, sizeof of->answer);
    of->oldest_min = 0;
}

struct kt_rollouts_of *kt_rollouts_of(struct kt_rollouts *r, uint32_t actor, uint32_t kind)
{
    struct kt_rollouts_of *of = &r->of[actor % KT_ROLLOUTS_ACTORS];
    if (of->actor == actor && of->kind == kind)
        return of;
    kt_rollouts_begin(of);
    of->actor = actor;
    of->kind = kind;
    return of;
}
