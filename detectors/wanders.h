/*
 * wanders: a machine that read the same few secrets for weeks takes up some of others, fewer than
 * any floor and as many as half of all it has, for new_secrets.
 *
 * Owns:  the struct of a table of new_secrets, by actor.
 * Calls: detector.h, secret_habit and known_secrets only. No clock, no I/O.
 */
#pragma once
#include "detectors/known_secrets.h"
#include "detectors/secret_habit.h"

#define KT_WANDERS_MAX 8u
struct kt_wanders {
    struct { /* secrets of others, the newest */
        uint64_t secret, path;
        uint32_t minute, written; /* written: by anybody in the week before */
    } at[KT_WANDERS_MAX];
    uint32_t n;
    uint32_t release_min; /* it last took up what was made in the week before; 0 = never */
};
bool kt_wanders_are_sound(const void *state);
/* A machine took up a secret, which new_secrets has noted already. */
void kt_wanders_tell(struct kt_scene *s, const struct kt_habit *h);
