/*
 * tree: one RFC 6962 Merkle tree over every stored record (SHA-256). Append-only frontier of at
 * most 64 hashes.
 *
 * leaf   = SHA-256(0x00 ‖ record), node = SHA-256(0x01 ‖ left ‖ right)
 * record = "KTL1" ‖ u64 seq ‖ i64 arrival ‖ i64 stored ‖ u8 origin ‖ u8 flags ‖ u16 len ‖ agent ‖
 *          line hash (32), little endian; flags: 1 = conflict
 *
 * i.e. the line and everything shown or searched beside it that is not re-derived from it
 * (THREATS T1).
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/hash.h"
#include "core/base/time.h"

#define KT_SEQ_MAX (UINT64_C(1) << 54) /* so that a number times 256 is a row id */

struct kt_tree {
    uint64_t size;
    uint8_t frontier[64][32]; /* [k] is set when bit k of size is */
};
struct kt_leaf {
    uint64_t seq; /* = index + 1 */
    kt_time_ns arrival, stored;
    uint8_t origin; /* enum kt_origin */
    bool conflict;
    struct kt_str agent;
    const uint8_t *line_hash; /* 32 */
};
void kt_leaf_hash(const struct kt_leaf *l, uint8_t ret[32]);
/* Adds the record's bytes: what is hashed, for who checks it without us. */
void kt_leaf_record(const struct kt_leaf *l, struct kt_buf *out);
void kt_tree_add(struct kt_tree *t, const uint8_t leaf[32]);
/* A full subtree of 2^level leaves at once; size must be a multiple of 2^level. */
void kt_tree_add_node(struct kt_tree *t, unsigned level, const uint8_t node[32]);
void kt_tree_root(const struct kt_tree *t, uint8_t ret[32]); /* empty tree: SHA-256 of nothing */
void kt_tree_pack(const struct kt_tree *t, struct kt_buf *out);
KT_MUST_USE enum kt_status kt_tree_unpack(struct kt_str s, struct kt_tree *ret,
                                          struct kt_error *err);

/*
 * A cover: the largest full subtrees of the tree that together hold the leaves [first, first + n),
 * from left to right. So records that were sealed or removed stay in the tree with few hashes.
 */
#define KT_COVER_MAX 128u
struct kt_cover {
    uint64_t first, n; /* leaf indexes count from 0: seq - 1 */
    unsigned nodes;
    uint8_t level[KT_COVER_MAX], hash[KT_COVER_MAX][32];
};
void kt_cover_start(struct kt_cover *c, uint64_t first);
/* Puts the full subtree of 2^level leaves behind what is there; level 0: a leaf. */
void kt_cover_add(struct kt_cover *c, unsigned level, const uint8_t hash[32]);
/* Adds all of b, which must begin where c ends. */
void kt_cover_join(struct kt_cover *c, const struct kt_cover *b);
/* The tree must end where the cover begins. */
void kt_tree_add_cover(struct kt_tree *t, const struct kt_cover *c);
/* The hashes alone: first and n tell their levels. */
void kt_cover_pack(const struct kt_cover *c, struct kt_buf *out);
/* Takes its hashes off the reader; rd->bad when they are cut. */
void kt_cover_read(struct kt_rd *rd, uint64_t first, uint64_t n, struct kt_cover *ret);
