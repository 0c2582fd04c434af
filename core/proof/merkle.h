/*
 * merkle: proofs of an RFC 6962 tree (SHA-256), and how a stranger checks them. The other side,
 * which makes them out of a store, is core/store/proof.h.
 *
 * A path is a row of hashes of 32 bytes: for inclusion from the leaf's sibling up (RFC 9162
 * §2.1.3), for consistency as RFC 9162 §2.1.4 orders them.
 */
#pragma once
#include "core/base/buf.h"

#define KT_PATH_MAX 128u /* hashes; a tree of 2^54 leaves has proofs of at most 108 */

struct kt_path {
    unsigned n;
    uint8_t hash[KT_PATH_MAX][32];
};
struct kt_head { /* a tree at one size */
    uint64_t size;
    uint8_t root[32];
};
void kt_merkle_node(const uint8_t left[32], const uint8_t right[32], uint8_t ret[32]);
/* Is the leaf with that hash number `index` (from 0) of the tree? */
bool kt_merkle_includes(const struct kt_head *head, uint64_t index, const uint8_t leaf[32],
                        const struct kt_path *path);
/* Is `older` the tree of the first older->size leaves of `newer`? Size 0 is a prefix of every tree,
 * with an empty path; equal sizes need equal roots and an empty path. */
bool kt_merkle_extends(const struct kt_head *older, const struct kt_head *newer,
                       const struct kt_path *path);
/* As bytes, 32 each, and back; false: no row of at most KT_PATH_MAX hashes. */
void kt_path_pack(const struct kt_path *path, struct kt_buf *out);
bool kt_path_read(struct kt_str bytes, struct kt_path *ret);
