/*
 * shown_log: a log as a collector shows it to agents: a tree that is written down naively, by RFC
 * 6962 §2.1 word for word, and its signed checkpoints.
 */
#pragma once
#include "core/proof/note.h"
#include "core/sys/rng.h"

#define NAIVE_LEAVES 600u

struct naive_tree {
    uint8_t leaf[NAIVE_LEAVES][32];
    uint64_t n;
};
void naive_root(const struct naive_tree *t, uint64_t size, uint8_t ret[32]);
/* From a size; empty from 0 and from its own. */
void naive_proof(const struct naive_tree *t, uint64_t from, struct kt_path *ret);

struct shown_log {
    struct naive_tree tree;
    uint8_t log_id[16], seed[32], seed2[32];
    bool second;                     /* the second key signs too, and the first vouches for it */
    bool unvouched;                  /* but the first does not */
    bool retired;                    /* the first one does not any more */
    struct kt_buf note, keys, proof; /* of the newest shown_log_sign */
};
void shown_log_begin(struct shown_log *l, const struct kt_rng *rng);
void shown_log_done(struct shown_log *l);
void shown_log_grow(struct shown_log *l, const struct kt_rng *rng, uint64_t n);
void shown_log_sign(struct shown_log *l, uint64_t from);
