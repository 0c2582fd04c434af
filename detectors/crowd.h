/*
 * crowd: what says of one who is new in a network that it did not come there: its work elsewhere at
 * the same time, the way it always comes (docs/decisions/0034, 0093).
 *
 * Owns:  the struct of a network, which shared_network keeps.
 * Calls: countries, detector.h and core only. No clock, no I/O.
 */
#pragma once
#include "detectors/detector.h"

#define KT_CROWD_MEMBERS 16u
#define KT_CROWD_SHARERS 3u
enum {                         /* kt_crowd_member.signs */
       KT_CROWD_ELSEWHERE = 1, /* at work in another country, sooner than it could be here */
       KT_CROWD_NO_TUNNEL = 2  /* it always comes by the firm's way out, and did not */
};
struct kt_crowd_member {
    uint64_t who;
    uint32_t actor; /* its number; 0 = a name that never succeeded */
    uint32_t minute;
    uint32_t client; /* family that was new for it; 0 = it brought its own */
    uint8_t kind, first_on_asn, success, signs;
};
struct kt_crowd_net {
    struct kt_crowd_member member[KT_CROWD_MEMBERS];
    uint64_t sharer[KT_CROWD_SHARERS]; /* who succeeded from it today */
    uint64_t network;                  /* its operator */
    struct kt_ip ip;                   /* one address of it */
    uint32_t n, day, sharers, shared_days, asn;
    uint32_t hopper, hop_day; /* who came to it like into a tunnel, when last */
    uint16_t country, hop_days;
    uint8_t hosting, pad[3];
};

/* `nets` are the networks by (KT_DIM_NET, net); shared_days the days with three users after which
 * one is shared. The scene's actor, which may be NULL, has got in from s->where. */
struct kt_crowd {
    struct kt_table *nets;
    uint64_t shared_days;
};
/* Where a VPN ends people come within minutes from wherever they are: a day counts on which two of
 * them did. */
void kt_crowd_note_hop(const struct kt_scene *s, struct kt_crowd_net *x);
/* What says that the actor did not come: enum above, or 0. */
uint8_t kt_crowd_signs(const struct kt_scene *s, const struct kt_crowd *c);
/* Is the scene at a place of work of the actor, too far from where it was at `minute` in `country`
 * for anybody to have travelled meanwhile? */
bool kt_crowd_too_far(const struct kt_scene *s, const struct kt_crowd *c, uint32_t minute,
                      uint16_t country);
uint32_t kt_crowd_apart(uint32_t minute, uint32_t other);
