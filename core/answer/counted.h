/*
 * counted: things, how often each, and when first and last: addresses, actors, targets. Bounded:
 * what comes beyond the maximum is counted without a name.
 */
#pragma once
#include "core/base/buf.h"
#include "core/event/event.h"

struct kt_counted_thing {
    struct kt_str what;    /* an address, an actor, a target … */
    enum kt_action action; /* these two where it matters how: they tell entries apart */
    struct kt_str operation;
    uint64_t n;
    kt_time_ns first, last;
};
struct kt_counted_list { /* lives as long as the tally, until the next kt_counted_add */
    const struct kt_counted_thing *at;
    uint32_t n;
    uint64_t more; /* times of things that are not in the list */
};
struct kt_counted;
struct kt_counted *kt_counted_new(uint32_t max, uint64_t seed);
void kt_counted_free(struct kt_counted *t);
void kt_counted_reset(struct kt_counted *t);
/* one's what, action and operation say which; texts are copied when new. */
void kt_counted_add(struct kt_counted *t, const struct kt_counted_thing *one, kt_time_ns time);
/* The same n times, from first to last. */
void kt_counted_sum(struct kt_counted *t, const struct kt_counted_thing *one);
/* The same by the number that kt_counted_number told: of one thing again and again. KT_MAP_NONE: it
 * had no place, and has none now. */
uint32_t kt_counted_number(struct kt_counted *t, const struct kt_counted_thing *one);
void kt_counted_sum_at(struct kt_counted *t, uint32_t number, const struct kt_counted_thing *one);
/* Is there a place for so many new ones, or for none at all? Then it does not matter in which order
 * they come. */
bool kt_counted_has_room(const struct kt_counted *t, uint32_t n);
/* The most frequent first, then by name. */
struct kt_counted_list kt_counted_sorted(struct kt_counted *t);
