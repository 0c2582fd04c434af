/*
 * told_windows: when somebody was told of an actor, for new_secrets: windows of its incidents that
 * are over. Pure: the header of the actor has them.
 */
#pragma once
#include "detectors/detector.h"

struct kt_told_windows {
    struct {
        uint32_t from_min, until_min;
    } at[KT_HELD_MAX];
    unsigned n;
    uint32_t days_min; /* what lay before the newest of new secrets was told with it */
};

/* Of the scene's actor: somebody was told then, and is not told again. Not of incidents of failed
 * logins alone: anybody may type a name, and cover what its owner's key reads meanwhile. Of a
 * dismissed one all of its days was learned, and nothing is left to tell. */
struct kt_told_windows kt_told_windows(const struct kt_scene *s);
bool kt_told_before(const struct kt_told_windows *told, uint32_t from_min, uint32_t until_min);
