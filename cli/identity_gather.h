/* identity_gather: what the log says of each name. Shared by identity_{gather,judge,suggest}.c
 * only. */
#pragma once
#include "cli/identity_names.h"
#include "cli/identity_suggest.h"
#include "core/base/map.h"

#define CLIENTS_MAX 4u

struct seen { /* at that address in that hour since the epoch */
    uint32_t hour, address;
};
struct person {          /* a name of the log */
    struct kt_name name; /* filled when all is gathered */
    const struct kt_identity *identity;
    char *mail, *display, *id;                            /* as its records have them; NULL: none */
    char full[KT_NAME_KEY_MAX], initial[KT_NAME_KEY_MAX]; /* of the display name */
    uint64_t events;
    struct seen *seen;
    uint32_t n_seen, room, kinds, sources; /* bits: kinds of actor; numbers of sources */
    uint32_t client[CLIENTS_MAX], n_client;
};
struct kt_suggest {
    const struct kt_identities *known;
    struct kt_map *actors, *addresses, *pairs, *source_names; /* pairs: (actor, address) */
    struct person *person;                                    /* by number in actors */
    uint32_t *users;                                          /* names, by number in addresses */
    uint32_t room, room_users;
    uint64_t n_seen, lost;
    struct kt_suggestion *made;
    size_t n_made;
};
/* Sorts what was seen, each once, and takes the names apart. */
void kt_gather_close(struct kt_suggest *s);
/* May it be a person? Somebody who is known to be one, or of whom nothing else is known. */
bool kt_gather_is_person(const struct person *p);
bool kt_gather_is_human(const struct person *p);

/* Two names that something relates. */
struct pair {
    uint32_t a, b;
    unsigned reasons;
    int score;
    bool dropped;
    unsigned together_hours, together_addresses, apart_hours, address_users;
};
/* Gives p, whose names and reasons stand, its score: what they were seen to do raises or lowers
 * it. */
void kt_judge_pair(const struct kt_suggest *s, struct pair *p);
