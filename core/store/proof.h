/*
 * proof: proofs that a stranger can check (core/proof/merkle.h), made out of a store's tree.
 *
 * The hashes of full subtrees of 4,096 leaves and more are kept in memory (32 bytes each, 1.6 MB
 * for 100 M records) and grow with the log; what lies below is read from segments, whose lines are
 * hashed again where their own nodes are too large. A range that retention took has only the nodes
 * of its tombstone: a proof that needs one below them is KT_E_AGAIN.
 */
#pragma once
#include "core/proof/merkle.h"
#include "core/store/read.h"

struct kt_proofs;
/* Borrows the reader, which is used by nobody else meanwhile. */
struct kt_proofs *kt_proofs_new(struct kt_reader *r);
void kt_proofs_free(struct kt_proofs *p);
/* Takes in what was committed since. KT_E_CORRUPT: hashes that are kept do not fit their place. */
KT_MUST_USE enum kt_status kt_proofs_grow(struct kt_proofs *p, struct kt_error *err);
uint64_t kt_proofs_size(const struct kt_proofs *p); /* as of the last call of grow */
/* The head at a size of at most kt_proofs_size; KT_E_INPUT beyond. */
KT_MUST_USE enum kt_status kt_proofs_head(struct kt_proofs *p, uint64_t size, struct kt_head *ret,
                                          struct kt_error *err);
/* That the tree of `older` leaves is the beginning of that of `newer`. */
KT_MUST_USE enum kt_status kt_proofs_extends(struct kt_proofs *p, uint64_t older, uint64_t newer,
                                             struct kt_path *ret, struct kt_error *err);
/* That leaf `index` (from 0: seq - 1) is in the tree of `size` leaves. */
KT_MUST_USE enum kt_status kt_proofs_includes(struct kt_proofs *p, uint64_t index, uint64_t size,
                                              struct kt_path *ret, struct kt_error *err);
/* The hash of that leaf: of an event that is still there, SHA-256 over its record (tree.h). */
KT_MUST_USE enum kt_status kt_proofs_leaf(struct kt_proofs *p, uint64_t index, uint8_t ret[32],
                                          struct kt_error *err);
