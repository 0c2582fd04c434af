/* merkle: small trees of invented leaves, with heads and proofs by the definitions of RFC 6962. */
#pragma once
#include "core/proof/merkle.h"

struct test_tree;
struct test_tree *test_tree_new(unsigned leaves, uint64_t seed);
/* As the one of `seed` up to leaf `common`, another behind it. */
struct test_tree *test_tree_branch(unsigned leaves, uint64_t seed, unsigned common, uint64_t other);
struct test_tree *test_tree_of(uint8_t (*leaves)[32], unsigned n);
void test_tree_free(struct test_tree *t);
struct kt_head test_tree_head(const struct test_tree *t, uint64_t size);
void test_tree_includes(const struct test_tree *t, uint64_t index, uint64_t size,
                        struct kt_path *ret);
void test_tree_extends(const struct test_tree *t, uint64_t older, uint64_t newer,
                       struct kt_path *ret);
const uint8_t *test_tree_leaf(const struct test_tree *t, uint64_t index);
