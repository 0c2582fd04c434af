/*
 * exposed_key: one identity that is refused from one operator's network after the other, for
 * failed_attempts: its key is in the hands of many, whether it opens something or not.
 *
 * Owns:  the struct of one table of failed_attempts, by actor.
 * Calls: baseline, detector.h and core only. No clock, no I/O.
 */
#pragma once
#include "detectors/detector.h"

#define KT_EXPOSED_PLACES 8u
struct kt_exposed { /* networks from which an actor was refused that it never worked from */
    struct {
        uint64_t network;
        uint32_t minute;
        uint16_t hosting, got_in; /* got_in: from there, though it is rented */
    } at[KT_EXPOSED_PLACES];
    uint32_t n, pad;
};
bool kt_exposed_is_sound(const void *state);
/* A refusal from outside; those of logins, and of nobody, are passed over. least: networks in 24 h.
 */
void kt_exposed_refused(struct kt_scene *s, struct kt_table *table, unsigned least);
/* It got in: with that operator it was somebody's own mistake, unless the network is rented. */
void kt_exposed_success(const struct kt_scene *s, struct kt_table *table);
