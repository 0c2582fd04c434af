/*
 * population: all accesses of a period, counted every way an auditor asks, in one walk over
 * columns: control totals by month × source × action × outcome, who, what, from where, what failed
 * and why, who reads which secret. It walks from the first record on: what is new in the period is
 * what was never seen before it, and the period before, of the same length, is counted too.
 *
 * The totals are those of `search --by month,source,action,outcome`, to the row. What KMS does for
 * Secrets Manager (kt_event_is_shadow) is in them, and no access of an actor or of a secret: the
 * one that it was for is.
 */
#pragma once
#include "core/answer/ask.h"
#include "core/base/map.h"

#define KT_POPULATION_NAMES_MAX (1u << 20) /* actors, secrets, addresses: so many of each */
#define KT_POPULATION_PAIRS_MAX (6u << 20) /* of actor and secret, and of what else is paired */
#define KT_BURST_MIN            10u        /* failed accesses of one actor in one hour */
#define KT_POP_MAPS             5u
#define KT_SHARED_MIN           4u /* addresses of one person on one day */

struct kt_tally {           /* of the period */
    uint64_t events;        /* accesses */
    uint64_t failed;        /* denied, failure, not_found */
    uint64_t before;        /* accesses in the period before */
    kt_time_ns first, last; /* 0: none */
    kt_time_ns ever;        /* the first one that is stored at all */
};
struct kt_pop_source {
    struct kt_str source, instance;
    struct kt_tally t;
};
struct kt_pop_actor {
    struct kt_str name;            /* canonical */
    const struct kt_identity *who; /* NULL: as its sources call it */
    enum kt_actor_kind kind;       /* of who, else the newest that a source said */
    struct kt_tally t;
    uint64_t reads,
        changes;            /* reads of values that succeeded; grants, configuration, destruction */
    uint32_t secrets;       /* different ones whose value it read */
    uint32_t addresses_day; /* most different addresses on one day (people and unknown ones) */
    int64_t day;            /* that day, since the epoch */
};
struct kt_pop_secret {
    struct kt_str name;
    struct kt_tally t;
    uint64_t reads;
    uint32_t readers;
    kt_time_ns read; /* the last time its value was read; 0: not in the period */
};
struct kt_pop_address {
    struct kt_ip ip;
    struct kt_tally t;
};
struct kt_pop_total {
    kt_time_ns month; /* begins then, UTC */
    uint32_t source;  /* index of kt_population.source */
    enum kt_action action;
    enum kt_outcome outcome;
    uint64_t events;
};
struct kt_pop_reason {  /* why accesses failed */
    struct kt_str code; /* as the source says; empty: it says none */
    uint32_t source;
    enum kt_outcome outcome;
    uint64_t events;
};
struct kt_pop_burst {
    uint32_t actor;
    kt_time_ns hour;
    uint64_t failed;
};
struct kt_pop_pair { /* one actor reads one secret's value */
    uint32_t actor, secret;
    uint64_t reads;         /* in the period */
    kt_time_ns first, last; /* over all that is stored up to the period's end */
};
struct kt_pop_day {
    int64_t day;
    uint64_t events, failed;
};
struct kt_population { /* all of it lives until kt_population_free, and as long as ask->ids */
    kt_time_ns since, until, before; /* the period before begins there */
    struct kt_tally all;
    uint64_t no_actor, no_secret, no_address; /* accesses that lack it */
    uint64_t shadows;                         /* of all: those that no actor and no secret has */
    struct kt_pop_source *source;             /* by source, instance */
    struct kt_pop_actor *actor;               /* most accesses first, then by name */
    struct kt_pop_secret *secret;             /* the same */
    struct kt_pop_address *address;           /* the same, then by address */
    struct kt_pop_total *total;               /* by month, source, action, outcome */
    struct kt_pop_reason *reason;             /* most first */
    struct kt_pop_burst *burst;               /* by hour, then by actor */
    struct kt_pop_pair *pair;                 /* by secret, then by actor */
    struct kt_pop_day *day;                   /* by day; without those that had no access */
    uint32_t n_sources, n_actors, n_secrets, n_addresses, n_totals, n_reasons, n_bursts, n_pairs,
        n_days;
    uint32_t actors_before, secrets_before; /* different ones in the period before */
    bool before_whole;                /* records reach back to the beginning of the period before */
    struct kt_map *maps[KT_POP_MAPS]; /* the names' bytes */
};
/* Both ends of the ask's window must be set. KT_E_LIMIT: more names than the bounds above, or the
 * ask gave up. */
KT_MUST_USE enum kt_status kt_population_load(struct kt_ask *a, struct kt_population **ret,
                                              struct kt_error *err);
void kt_population_free(struct kt_population *p);
bool kt_pop_is_person(enum kt_actor_kind kind); /* human or root */
