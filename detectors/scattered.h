/*
 * scattered: many names that fail once or twice, each from a network that nobody uses, for
 * failed_attempts: a spray that no address and no account shows.
 *
 * Owns:  the struct of one table of failed_attempts, with two entries for the installation.
 * Calls: baseline, detector.h and core only. No clock, no I/O.
 */
#pragma once
#include "detectors/detector.h"

#define KT_SCATTERED_MAX 64u
enum { KT_SCATTERED_AWAY, KT_SCATTERED_HOME, KT_SCATTERED_SIDES }; /* keys of the table */
struct kt_scattered { /* names that failed on one side in the last hours and did not get in there */
    struct {
        uint64_t who, net, network;
        uint32_t minute;  /* of its newest failure */
        uint32_t counted; /* + 1; the day of which it is one of today; 0: of none */
    } at[KT_SCATTERED_MAX];
    uint32_t n;
    uint32_t day, today;   /* how many came to the list on that day and stayed */
    uint32_t told_day;     /* + 1; what comes after that does not become usual */
    struct kt_decay usual; /* so many by clock hours, of the days before */
};
bool kt_scattered_is_sound(const void *state);
/* A failed login of somebody named, with an address. strange: from outside of all that was
 * configured. least: names in 6 hours. */
void kt_scattered_failed(struct kt_scene *s, struct kt_table *table, bool strange, unsigned least);
/* Got in: there it was somebody's own mistake, if it is not long ago. */
void kt_scattered_success(const struct kt_scene *s, struct kt_table *table, unsigned within_min);
