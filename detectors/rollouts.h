/*
 * rollouts: of the secrets that an actor took up within a day, which ones colleagues took up as
 * well (kt_known_rollout): answers that are kept until what they are made of may have changed. No
 * state: each is what the function would say that is spared.
 */
#pragma once
#include "core/base/buf.h"

#define KT_ROLLOUTS_PARTS  8192u /* of all hashes of secrets */
#define KT_ROLLOUTS_ACTORS 512u
#define KT_ROLLOUTS_LIST   128u

enum kt_rollout { KT_ROLLOUT_UNASKED, KT_ROLLOUT_NO, KT_ROLLOUT_YES };
struct kt_rollouts_of {  /* one actor: an answer beside each place of its list */
    uint64_t asked;      /* the newest change that the answers know of */
    uint32_t actor;      /* its number */
    uint32_t kind;       /* of the actor: only those of its kind are colleagues */
    uint32_t oldest_min; /* no minute of the list is before it */
    uint8_t answer[KT_ROLLOUTS_LIST];
};
struct kt_rollouts { /* zeroed: nothing is kept */
    uint64_t changes;
    uint64_t changed[KT_ROLLOUTS_PARTS]; /* the newest change of a secret of that part */
    struct kt_rollouts_of of[KT_ROLLOUTS_ACTORS];
};

/* Who took the secret up lately is told otherwise from now on. */
void kt_rollouts_change(struct kt_rollouts *r, uint64_t secret);
/* The answers beside the actor's list; nothing is asked yet when they were of another actor or
 * kind. */
struct kt_rollouts_of *kt_rollouts_of(struct kt_rollouts *r, uint32_t actor, uint32_t kind);
/* Forgets the answers of the actor: its list is empty. */
void kt_rollouts_begin(struct kt_rollouts_of *of);
/* Is an answer about that secret, asked up to that change, still to be trusted? */
static inline bool kt_rollouts_stand(const struct kt_rollouts *r, uint64_t asked, uint64_t secret)
{
    return r->changed[secret >> 1 & (KT_ROLLOUTS_PARTS - 1)] <= asked; /* lowest bit: always 1 */
}
