/*
 * secret_fold: the changes of one secret, one after the other: which values became current, which
 * of these replaced another one (a rotation), and what is under way. One rule for every question
 * about rotation (secret_judge, rotation, rotations).
 *
 * A creation is no rotation, and neither is a move back to a version that was current before. A
 * version that is moved to current counts where its making is known, or it was read, or a rotation
 * ends with it; else it may be an old one.
 */
#pragma once
#include "core/answer/secret_change.h"

struct kt_state_change {
    enum kt_secret_change change;
    kt_time_ns time;
    struct kt_str version, by, operation; /* empty: not known, or not asked for */
    uint64_t seq;
};
struct kt_fold_value { /* became current, or another moment; at 0: none */
    kt_time_ns at;
    struct kt_str version, by, operation; /* version empty: not known, and then no other's */
    uint64_t seq;
    bool created, back;
};
#define KT_FOLD_VALUES 64u
struct kt_secret_fold { /* {0} begins */
    const struct kt_str *read;
    unsigned n_read;                            /* versions that were read */
    struct kt_fold_value value[KT_FOLD_VALUES]; /* the newest */
    unsigned n;
    struct kt_fold_value
        born[KT_FOLD_VALUES]; /* versions that were made and wait, or were current */
    unsigned n_born;
    uint64_t values, rotations;   /* of all: that became current; that replaced another one */
    struct kt_fold_value rotated; /* the newest of these */
    struct kt_fold_value started, waiting, moved, failed, unproven, deleted, restored;
};
/* In the order of time. Texts are borrowed. */
void kt_secret_fold_take(struct kt_secret_fold *f, const struct kt_state_change *c);
