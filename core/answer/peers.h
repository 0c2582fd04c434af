/* peers: what others of its kind do in the same time, to hold an actor against. */
#pragma once
#include "core/answer/ask.h"

enum kt_peers_of {
    KT_PEERS_EVENTS,
    KT_PEERS_READS,
    KT_PEERS_FAILED,
    KT_PEERS_SECRETS,
    KT_PEERS_COUNT
};
const char *kt_peers_word(enum kt_peers_of of); /* "events", "reads", "failed", "secrets" */

struct kt_peers {
    enum kt_actor_kind kind; /* of the actor, and so of its peers */
    struct kt_str team;      /* its peers are of the same team; empty: any */
    uint32_t n;              /* peers with any event in the window, itself not counted */
    uint64_t own[KT_PEERS_COUNT];
    double median[KT_PEERS_COUNT]; /* of the peers; 0 where there are none */
};
#define KT_PEERS_ACTORS_MAX 500000u
/* Over the ask's window. name: canonical; without an event in it everything is 0. The team is that
 * of the file of identities, when others in the window have it too; lives as long as the ask's
 * identities. KT_E_LIMIT: more actors than KT_PEERS_ACTORS_MAX. */
KT_MUST_USE enum kt_status kt_peers_load(struct kt_ask *a, struct kt_str name, struct kt_peers *ret,
                                         struct kt_error *err);
