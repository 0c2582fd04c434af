/*
 * looks_around: a machine without a history that asks for all secrets of one place after the other
 * and is refused, for failed_attempts.
 *
 * Owns:  the struct of one table of failed_attempts, by identity.
 * Calls: detector.h and core only. No clock, no I/O.
 */
#pragma once
#include "detectors/detector.h"

#define KT_LOOKS_MAX 16u
struct kt_looks { /* folders, namespaces, regions that were refused as a whole, in an hour */
    uint64_t hash[KT_LOOKS_MAX];
    uint32_t minute[KT_LOOKS_MAX];
    uint32_t n, pad;
};
bool kt_looks_is_sound(const void *state);
/* A refusal; least: different places in an hour. */
void kt_looks_around(struct kt_scene *s, struct kt_table *table, unsigned least);
