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

struct kt_peers { /* of all of a kind, or of a team of it, that did anything in the window */
    uint32_t n;
    double median[KT_PEERS_COUNT];
};
#define KT_PEERS_ACTORS_MAX 500000u
/* Over the ask's window. team: of the file of identities; empty: all of the kind. KT_E_LIMIT: more
 * actors than KT_PEERS_ACTORS_MAX. */
KT_MUST_USE enum kt_status kt_peers_load(struct kt_ask *a, enum kt_actor_kind kind,
                                         struct kt_str team, struct kt_peers *ret,
                                         struct kt_error *err);
