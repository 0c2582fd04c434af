/*
 * proof: proofs out of the hashes that a store keeps.
 *
 * Owns:  the full subtrees of 4,096 leaves and more of one log, and a few blocks of 4,096 leaves
 *        that were read last.
 * Calls: core/proof, core/store (leaves, tree).
 * Holds: what is sealed never changes, so its subtrees are computed once; what is in the tail is
 *        taken in anew with every call of grow. A hash of zeroes stands for one that nobody knows
 *        any more.
 */
#include "core/store/proof.h"

#include <assert.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/limits.h"
#include "core/store/leaves.h"
#include "core/store/segment.h"

#define BLOCK_LEVEL  12u /* subtrees from here on are kept */
#define BLOCK_LEAVES (1u << BLOCK_LEVEL)
#define LEVELS       (54u - BLOCK_LEVEL + 1) /* KT_SEQ_MAX leaves */
#define BLOCKS       4u
#define LOST_MAX     (UINT64_C(1) << 32) /* leaves that nobody knows: 67 MB say so */
#define TRIES        2 /* retention may take a segment while its hashes are read */

#define ULL(v) ((unsigned long long)(v))

struct level { /* its full subtrees, from left to right */
    uint8_t (*hash)[32];
    uint64_t n, cap;
};
struct block {               /* a heap: [1] is the root, [4096 + i] leaf i; zeroes: not known */
    uint64_t number, leaves; /* leaves 0: empty */
    uint64_t used;
    uint8_t (*hash)[32];
};
struct kt_proofs {
    struct kt_reader *reader;
    struct level level[LEVELS];
    struct kt_tree tree;   /* as far as grow came */
    struct kt_tree sealed; /* as far as segments go */
    uint64_t sealed_n[LEVELS];
    struct block block[BLOCKS];
    uint64_t turn;
    struct kt_leaves *leaves;
};

static const uint8_t nobody[32];

static bool known(const uint8_t hash[32])
{
    return memcmp(hash, nobody, 32) != 0;
}

/* ---- the kept subtrees ---- */

static void keep(struct kt_proofs *p, unsigned level, const uint8_t hash[32])
{
    struct level *l = &p->level[level - BLOCK_LEVEL];
    if (l->n == l->cap) {
        l->cap = l->cap == 0 ? 64 : 2 * l->cap;
        l->hash = kt_realloc_array(l->hash, l->cap, sizeof *l->hash);
    }
    memcpy(l->hash[l->n++], hash, 32);
}

/* As kt_tree_add_node, and every subtree that becomes full is kept. A node that is larger than a
 * block leaves those below it unknown. */
static void add_node(struct kt_proofs *p, unsigned level, const uint8_t node[32])
{
    struct kt_tree *t = &p->tree;
    uint8_t up[32];
    unsigned k = level;
    for (unsigned below = BLOCK_LEVEL; below < level; below++)
        for (uint64_t i = 0; i < UINT64_C(1) << (level - below); i++)
            keep(p, below, nobody);
    memcpy(up, node, 32);
    if (k >= BLOCK_LEVEL)
        keep(p, k, up);
    for (; (t->size >> k) & 1; k++) {
        if (known(t->frontier[k]) && known(up))
            kt_merkle_node(t->frontier[k], up, up);
        else
            memcpy(up, nobody, 32);
        if (k + 1 >= BLOCK_LEVEL)
            keep(p, k + 1, up);
    }
    memcpy(t->frontier[k], up, 32);
    t->size += UINT64_C(1) << level;
}

static enum kt_status take_cover(void *self, const struct kt_cover *cover, struct kt_error *err)
{
    struct kt_proofs *p = self;
    if (cover->n > KT_SEGMENT_EVENTS_MAX) /* no run of a segment has more */
        return kt_fail(err, KT_E_CORRUPT, "one run of %llu records behind record %llu",
                       ULL(cover->n), ULL(cover->first));
    if (cover->first != p->tree.size)
        return kt_fail(err, KT_E_CORRUPT, "the hashes kept for record %llu do not fit its place",
                       ULL(cover->first + 1));
    for (unsigned i = 0; i < cover->nodes; i++)
        add_node(p, cover->level[i], cover->hash[i]);
    return KT_OK;
}

/* Back to what is sealed. */
static void forget_tail(struct kt_proofs *p)
{
    p->tree = p->sealed;
    for (unsigned i = 0; i < LEVELS; i++)
        p->level[i].n = p->sealed_n[i];
}

static void note_sealed(void *self)
{
    struct kt_proofs *p = self;
    p->sealed = p->tree;
    for (unsigned i = 0; i < LEVELS; i++)
        p->sealed_n[i] = p->level[i].n;
}

/* A file that cannot be read: the tree stands on what its successor says of it, and nobody knows
 * what lies below. */
static enum kt_status take_base(void *self, const struct kt_tree *base, struct kt_error *err)
{
    struct kt_proofs *p = self;
    if (base->size < p->tree.size)
        return kt_fail(err, KT_E_CORRUPT, "a file of the log begins before record %llu",
                       ULL(p->tree.size));
    if (base->size == p->tree.size)
        return KT_OK;
    if (base->size - p->tree.size > LOST_MAX)
        return kt_fail(err, KT_E_LIMIT, "%llu records of the log are in no file: no proofs",
                       ULL(base->size - p->tree.size));
    p->tree = *base;
    for (unsigned i = 0; i < LEVELS; i++)
        while (p->level[i].n < base->size >> (BLOCK_LEVEL + i))
            keep(p, BLOCK_LEVEL + i, nobody);
    for (unsigned i = 0; i < LEVELS; i++) /* but for what stands on the frontier */
        if ((base->size >> (BLOCK_LEVEL + i)) & 1)
            memcpy(p->level[i].hash[p->level[i].n - 1], base->frontier[BLOCK_LEVEL + i], 32);
    return KT_OK;
}

enum kt_status kt_proofs_grow(struct kt_proofs *p, struct kt_error *err)
{
    const struct kt_leaves_take take = { take_cover, note_sealed, take_base, p };
    for (unsigned i = 0; i < BLOCKS; i++) /* what was not full may be, or be sealed, by now */
        if (p->block[i].leaves < BLOCK_LEAVES)
            p->block[i].leaves = 0;
    enum kt_status status = KT_E_CORRUPT;
    for (unsigned i = 0; i < TRIES && status == KT_E_CORRUPT; i++) {
        forget_tail(p);
        status = kt_leaves_covers(p->leaves, p->sealed.size, &take, err);
    }
    if (status != KT_OK)
        forget_tail(p);
    return status;
}

/* ---- blocks ---- */

static void set_leaf(void *self, uint64_t index, const uint8_t leaf[32])
{
    struct block *b = self;
    memcpy(b->hash[BLOCK_LEAVES + (index - b->number * BLOCK_LEAVES)], leaf, 32);
}

static void set_node(void *self, uint64_t first, unsigned level, const uint8_t node[32])
{
    struct block *b = self;
    uint64_t at = BLOCK_LEAVES + (first - b->number * BLOCK_LEAVES);
    if (level <= BLOCK_LEVEL)
        memcpy(b->hash[at >> level], node, 32);
}

static enum kt_status fill(struct kt_proofs *p, struct block *b, struct kt_error *err)
{
    const struct kt_leaves_give give = { set_leaf, set_node, b };
    uint64_t first = b->number * BLOCK_LEAVES;
    memset(b->hash, 0, 2 * (size_t)BLOCK_LEAVES * 32);
    if (kt_leaves_read(p->leaves, first, b->leaves, &give, err) != KT_OK)
        return kt_wrap(err, "leaves");
    for (uint32_t i = BLOCK_LEAVES - 1; i > 0; i--)
        if (known(b->hash[2 * i]) && known(b->hash[2 * i + 1]))
            kt_merkle_node(b->hash[2 * i], b->hash[2 * i + 1], b->hash[i]);
    return KT_OK;
}

static enum kt_status block_of(struct kt_proofs *p, uint64_t number, struct block **ret,
                               struct kt_error *err)
{
    struct block *oldest = &p->block[0];
    uint64_t left = p->tree.size - number * BLOCK_LEAVES;
    for (unsigned i = 0; i < BLOCKS; i++) {
        struct block *b = &p->block[i];
        if (b->leaves > 0 && b->number == number) {
            b->used = ++p->turn;
            *ret = b;
            return KT_OK;
        }
        oldest = b->used < oldest->used ? b : oldest;
    }
    if (oldest->hash == NULL)
        oldest->hash = kt_alloc_array(2 * (size_t)BLOCK_LEAVES, 32);
    oldest->number = number;
    oldest->leaves = left < BLOCK_LEAVES ? left : BLOCK_LEAVES;
    oldest->used = ++p->turn;
    if (fill(p, oldest, err) != KT_OK) {
        oldest->leaves = 0;
        return kt_wrap(err, "proof");
    }
    *ret = oldest;
    return KT_OK;
}

/* The full subtree of 2^level leaves that begins at leaf index << level. */
static enum kt_status node_at(struct kt_proofs *p, unsigned level, uint64_t index, uint8_t ret[32],
                              struct kt_error *err)
{
    struct block *b = NULL;
    const uint8_t *hash;
    assert((index + 1) << level <= p->tree.size);
    if (level >= BLOCK_LEVEL) {
        hash = p->level[level - BLOCK_LEVEL].hash[index];
    } else {
        uint64_t first = index << level;
        if (block_of(p, first >> BLOCK_LEVEL, &b, err) != KT_OK)
            return kt_wrap(err, "node");
        hash = b->hash[(BLOCK_LEAVES + (first & (BLOCK_LEAVES - 1))) >> level];
    }
    if (!known(hash))
        return kt_fail(err, KT_E_AGAIN,
                       "records from %llu on were removed, and what is kept of them is too little "
                       "for this proof",
                       ULL((index << level) + 1));
    memcpy(ret, hash, 32);
    return KT_OK;
}

/* ---- heads and proofs ---- */

/* The root over the leaves [first, first + n), which is a subtree of the tree at first + n: its
 * full subtrees from the smallest, right one on. */
static enum kt_status range_root(struct kt_proofs *p, uint64_t first, uint64_t n, uint8_t ret[32],
                                 struct kt_error *err)
{
    uint64_t end = first + n;
    bool some = false;
    for (unsigned k = 0; k < 54; k++) {
        uint8_t left[32];
        if (!((n >> k) & 1))
            continue;
        end -= UINT64_C(1) << k;
        if (node_at(p, k, end >> k, left, err) != KT_OK)
            return err == NULL ? KT_E_AGAIN : err->code;
        if (some)
            kt_merkle_node(left, ret, ret);
        else
            memcpy(ret, left, 32);
        some = true;
    }
    return KT_OK;
}

static enum kt_status in_log(const struct kt_proofs *p, uint64_t size, struct kt_error *err)
{
    return size <= p->tree.size ? KT_OK
                                : kt_fail(err, KT_E_INPUT, "the log has %llu records, not %llu",
                                          ULL(p->tree.size), ULL(size));
}

enum kt_status kt_proofs_head(struct kt_proofs *p, uint64_t size, struct kt_head *ret,
                              struct kt_error *err)
{
    struct kt_head head = { .size = size };
    if (in_log(p, size, err) != KT_OK)
        return KT_E_INPUT;
    if (size == 0)
        kt_sha256_of(NULL, 0, head.root);
    else if (size == p->tree.size)
        kt_tree_root(&p->tree, head.root);
    else if (range_root(p, 0, size, head.root, err) != KT_OK)
        return err == NULL ? KT_E_AGAIN : err->code;
    *ret = head;
    return KT_OK;
}

/* The largest power of two below n, as an exponent; n > 1. */
static unsigned split_of(uint64_t n)
{
    return 63 - (unsigned)__builtin_clzll(n - 1);
}

static enum kt_status add_range(struct kt_proofs *p, uint64_t first, uint64_t n,
                                struct kt_path *path, struct kt_error *err)
{
    assert(path->n < KT_PATH_MAX);
    return range_root(p, first, n, path->hash[path->n++], err);
}

/* The hashes were put down from the root; a path goes up. */
static void turn_round(struct kt_path *path)
{
    for (unsigned a = 0, b = path->n; a + 1 < b; a++) {
        uint8_t swap[32];
        memcpy(swap, path->hash[a], 32);
        memcpy(path->hash[a], path->hash[--b], 32);
        memcpy(path->hash[b], swap, 32);
    }
}

/* RFC 9162 §2.1.4.1, SUBPROOF from the root downwards. */
enum kt_status kt_proofs_extends(struct kt_proofs *p, uint64_t older, uint64_t newer,
                                 struct kt_path *ret, struct kt_error *err)
{
    struct kt_path path = { 0 };
    enum kt_status status = in_log(p, newer, err);
    if (status == KT_OK && older > newer)
        status = kt_fail(err, KT_E_INPUT, "a log of %llu records does not extend one of %llu",
                         ULL(newer), ULL(older));
    uint64_t first = 0, m = older, n = newer;
    bool whole = true; /* the older tree is the subtree at hand: whoever checks has its root */
    while (status == KT_OK && m > 0 && m < n) {
        uint64_t k = UINT64_C(1) << split_of(n);
        if (m <= k) {
            status = add_range(p, first + k, n - k, &path, err);
            n = k;
        } else {
            status = add_range(p, first, k, &path, err);
            first += k;
            m -= k;
            n -= k;
            whole = false;
        }
    }
    if (status == KT_OK && m > 0 && !whole)
        status = add_range(p, first, n, &path, err);
    if (status != KT_OK)
        return status;
    turn_round(&path);
    *ret = path;
    return KT_OK;
}

enum kt_status kt_proofs_includes(struct kt_proofs *p, uint64_t index, uint64_t size,
                                  struct kt_path *ret, struct kt_error *err)
{
    struct kt_path path = { 0 };
    enum kt_status status = in_log(p, size, err);
    if (status == KT_OK && index >= size)
        status = kt_fail(err, KT_E_INPUT, "record %llu is not among the first %llu", ULL(index + 1),
                         ULL(size));
    uint64_t first = 0, at = index, n = size;
    while (status == KT_OK && n > 1) {
        uint64_t k = UINT64_C(1) << split_of(n);
        if (at < k) {
            status = add_range(p, first + k, n - k, &path, err);
            n = k;
        } else {
            status = add_range(p, first, k, &path, err);
            first += k;
            at -= k;
            n -= k;
        }
    }
    if (status != KT_OK)
        return status;
    turn_round(&path);
    *ret = path;
    return KT_OK;
}

enum kt_status kt_proofs_leaf(struct kt_proofs *p, uint64_t index, uint8_t ret[32],
                              struct kt_error *err)
{
    return index < p->tree.size ? node_at(p, 0, index, ret, err) : in_log(p, index + 1, err);
}

/* ---- life ---- */

struct kt_proofs *kt_proofs_new(struct kt_reader *r)
{
    struct kt_proofs *p = kt_alloc(sizeof *p);
    p->reader = r;
    p->leaves = kt_leaves_new(r);
    return p;
}

void kt_proofs_free(struct kt_proofs *p)
{
    if (p == NULL)
        return;
    for (unsigned i = 0; i < LEVELS; i++)
        kt_free(p->level[i].hash);
    for (unsigned i = 0; i < BLOCKS; i++)
        kt_free(p->block[i].hash);
    kt_leaves_free(p->leaves);
    kt_free(p);
}

uint64_t kt_proofs_size(const struct kt_proofs *p)
{
    return p->tree.size;
}
