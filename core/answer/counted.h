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
/* The most frequent first, then by name. */
struct kt_counted_list kt_counted_sorted(struct kt_counted *t);
