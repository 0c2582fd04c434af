/*
 * incident: random worlds with a planted incident: secrets of several kinds of stores, each with a
 * story (rotated before, after, partly, failed, moved back; deleted, restored; read in a set …) and
 * what is true of it, written down by hand beside the story: the oracle knows nothing of the code.
 */
#pragma once
#include "core/answer/secret_state.h"
#include "core/sys/rng.h"
#include "tests/support/store_make.h"

#define INCIDENT_T (MAKE_T0 - 10 * KT_NS_DAY) /* reads are in the hour behind it */

#define INCIDENT_LEFT (INCIDENT_T + KT_NS_DAY) /* when the person behind it left */

struct incident_secret {
    char id[160];
    const char *story;
    enum kt_exposure want;
    bool taken;   /* among the answer's secrets */
    bool by_name; /* not through a set */
    unsigned reads, readers;
};
struct incident {
    char folder[64], path[96];
    struct kt_rng_seeded state;
    struct kt_rng rng;
    char credential[64], session[32], actor[64], role[32], ip[32], account[16], arn[160];
    char alias[32], alias_secret[96]; /* of the person: reads it before and after leaving */
    unsigned after; /* reads by the alias after leaving; then one refused and two by its key */
    char hop[96];   /* a secret that was read by a session which it opened, once */
    struct incident_secret secret[400];
    unsigned n, reads, failed, records;
    struct make *make;
    struct kt_event *event; /* in the order in which they were made */
    unsigned n_events, native;
    struct kt_arena arena;
};
/* A store with the world of that seed. */
struct incident *incident_new(uint64_t seed);
void incident_free(struct incident *w);
