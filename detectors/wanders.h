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

#define KT_WANDERS_MAX 12u
#define KT_WANDERS_PATHS                                                                           \
    (3u * KT_WANDERS_MAX) /* whoever has more is not judged: half is too many */
struct kt_wanders {
    struct { /* what it took up, the newest of a fortnight */
        uint64_t secret, path;
        uint32_t minute;
        uint16_t others; /* others had read it */
        uint16_t handed; /* somebody began to write it in the week before */
    } at[KT_WANDERS_MAX];
    struct { /* paths below which it took up secrets */
        uint64_t hash;
        uint32_t first_min, n;
    } path[KT_WANDERS_PATHS];
    uint32_t n, n_paths;
    uint32_t since_min;   /* from here on the paths are known */
    uint32_t release_min; /* it last took up what was made for it; 0 = never */
};
bool kt_wanders_are_sound(const void *state);
/* A machine took up a secret, which new_secrets has noted already. */
void kt_wanders_tell(struct kt_scene *s, const struct kt_habit *h);
