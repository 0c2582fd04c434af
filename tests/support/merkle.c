/*
 * merkle: MTH, PATH and SUBPROOF as RFC 6962 §2.1 defines them: slow, and easy to believe.
 *
 * Owns:  the leaves of a tree. Calls: core/base, core/proof (one node's hash).
 */
#include "tests/support/merkle.h"

#include <string.h>

#include "core/base/alloc.h"
#include "core/base/hash.h"

struct test_tree {
    unsigned n;
    uint8_t (*leaf)[32];
};

struct test_tree *test_tree_branch(unsigned leaves, uint64_t seed, unsigned common, uint64_t other)
{
    struct test_tree *t = kt_alloc(sizeof *t);
    t->n = leaves;
    t->leaf = kt_alloc_array(leaves, sizeof *t->leaf);
    for (unsigned i = 0; i < leaves; i++) {
        uint64_t text[2] = { i, i < common ? seed : other };
        const struct kt_str parts[] = { KT_STR("\0"), kt_str_from(text, sizeof text) };
        kt_sha256_of(parts, 2, t->leaf[i]);
    }
    return t;
}

struct test_tree *test_tree_new(unsigned leaves, uint64_t seed)
{
    return test_tree_branch(leaves, seed, leaves, 0);
}

struct test_tree *test_tree_of(uint8_t (*leaves)[32], unsigned n)
{
    struct test_tree *t = test_tree_new(n, 0);
    memcpy(t->leaf, leaves, n * sizeof *t->leaf);
    return t;
}

void test_tree_free(struct test_tree *t)
{
    if (t == NULL)
        return;
    kt_free(t->leaf);
    kt_free(t);
}

static uint64_t split_of(uint64_t n) /* the largest power of two below n */
{
    uint64_t k = 1;
    while (2 * k < n)
        k *= 2;
    return k;
}

static void mth(const struct test_tree *t, uint64_t from, uint64_t n, uint8_t ret[32])
{
    uint8_t left[32], right[32];
    if (n == 0) {
        kt_sha256_of(NULL, 0, ret);
    } else if (n == 1) {
        memcpy(ret, t->leaf[from], 32);
    } else {
        uint64_t k = split_of(n);
        mth(t, from, k, left);
        mth(t, from + k, n - k, right);
        kt_merkle_node(left, right, ret);
    }
}

struct kt_head test_tree_head(const struct test_tree *t, uint64_t size)
{
    struct kt_head h = { .size = size };
    mth(t, 0, size, h.root);
    return h;
}

static void add(const struct test_tree *t, struct kt_path *p, uint64_t from, uint64_t n)
{
    mth(t, from, n, p->hash[p->n++]);
}

static void path_of(const struct test_tree *t, uint64_t m, uint64_t from, uint64_t n,
                    struct kt_path *p)
{
    if (n == 1)
        return;
    uint64_t k = split_of(n);
    path_of(t, m < k ? m : m - k, m < k ? from : from + k, m < k ? k : n - k, p);
    add(t, p, m < k ? from + k : from, m < k ? n - k : k);
}

void test_tree_includes(const struct test_tree *t, uint64_t index, uint64_t size,
                        struct kt_path *ret)
{
    ret->n = 0;
    path_of(t, index, 0, size, ret);
}

static void subproof(const struct test_tree *t, uint64_t m, uint64_t from, uint64_t n, bool whole,
                     struct kt_path *p)
{
    if (m == n) {
        if (!whole)
            add(t, p, from, n);
        return;
    }
    uint64_t k = split_of(n);
    subproof(t, m <= k ? m : m - k, m <= k ? from : from + k, m <= k ? k : n - k, m <= k && whole,
             p);
    add(t, p, m <= k ? from + k : from, m <= k ? n - k : k);
}

void test_tree_extends(const struct test_tree *t, uint64_t older, uint64_t newer,
                       struct kt_path *ret)
{
    ret->n = 0;
    subproof(t, older, 0, newer, true, ret);
}

const uint8_t *test_tree_leaf(const struct test_tree *t, uint64_t index)
{
    return t->leaf[index];
}
