/*
 * moved_key: one credential of a machine (an access key, a token) in a network where only the
 * actor's others are used, for unexpected_ip: the network is no news of the actor, but of the key.
 *
 * Owns:  the structs of unexpected_ip's two tables, by credential and by actor.
 * Calls: baseline, detector.h and core only. No clock, no I/O.
 */
#pragma once
#include "detectors/detector.h"

#define KT_MOVED_NETS 4u
enum { KT_MOVED_KEY, KT_MOVED_HABIT }; /* scene.tables of unexpected_ip */
/* What of a network was new to the actor, too, and not listed, when the credential came there. */
enum kt_moved_fresh { KT_MOVED_KNOWN, KT_MOVED_FRESH_NET, KT_MOVED_FRESH_NETWORK };
struct kt_moved_key { /* one credential of one actor */
    struct kt_moved_net {
        uint64_t net, network;        /* kt_where's; 1: inside */
        uint32_t first_min, last_min; /* last_min: half an hour behind at most */
        uint16_t points; /* what it was told with; 0 = it was none of anybody's business */
        uint16_t turned; /* told that it is used elsewhere at the same time */
        uint32_t fresh;  /* enum kt_moved_fresh */
    } at[KT_MOVED_NETS];
    uint16_t n, last_day; /* last_day: counted */
    uint32_t pad;
};
/* The other table holds kt_decay by actor: networks its credentials took up beside their first, on
 * so many days of a credential. */

struct kt_moved_options {
    double alpha, beta, in_turn; /* of the kind's prior; points / 100 added for use in turn */
    double run_alpha, run_beta;  /* of what is in two places: it does not change with the runners */
    uint64_t least_days;         /* of credentials, before which nothing is said */
    bool judged;                 /* else it is only learned: the actor is young */
};
/* Was the credential, which lives for a day at most, used from a network of another operator within
 * the hour, though the actor's credentials stay where they are? Then ret_lam is how often they take
 * up another network, by days of credentials. */
bool kt_moved_key_elsewhere(const struct kt_scene *s, const struct kt_moved_options *o,
                            double *ret_lam);
bool kt_moved_key_is_sound(const void *state);
/* The scene has an actor and an address that the edge saw. */
void kt_moved_key(struct kt_scene *s, const struct kt_moved_options *o);
void kt_moved_key_learn(struct kt_scene *s, const struct kt_pending *p);
