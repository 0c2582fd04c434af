/*
 * leaves: what the tree of a whole log is made of, over all of its files: the hashes that are kept,
 * from some record on, and the leaves of a range, hashed again from the lines. Private to
 * core/store.
 */
#pragma once
#include "core/store/read.h"

struct kt_leaves;
struct kt_leaves *kt_leaves_new(struct kt_reader *r); /* borrowed */
void kt_leaves_free(struct kt_leaves *l);

struct kt_leaves_take { /* in the order of the log */
    enum kt_status (*cover)(void *self, const struct kt_cover *cover, struct kt_error *err);
    /* What was given so far never changes any more. */
    void (*sealed)(void *self);
    /* The tree as its next file says that it was: of what lies before, some was not given. */
    enum kt_status (*base)(void *self, const struct kt_tree *base, struct kt_error *err);
    void *self;
};
/* Everything that is committed, from leaf index `from` on: 0, or where `sealed` was called. */
KT_MUST_USE enum kt_status kt_leaves_covers(struct kt_leaves *l, uint64_t from,
                                            const struct kt_leaves_take *take,
                                            struct kt_error *err);

struct kt_leaves_give { /* in no order */
    void (*leaf)(void *self, uint64_t index, const uint8_t leaf[32]);
    /* Of removed or lost records: a full subtree of 2^level leaves, all of them inside the range.
     */
    void (*node)(void *self, uint64_t first, unsigned level, const uint8_t node[32]);
    void *self;
};
/* The leaves [first, first + n), n <= 65,536; what nobody knows any more is left out. */
KT_MUST_USE enum kt_status kt_leaves_read(struct kt_leaves *l, uint64_t first, uint64_t n,
                                          const struct kt_leaves_give *give, struct kt_error *err);
