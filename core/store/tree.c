/*
 * tree: leaves, nodes and the root of the log's RFC 6962 tree.
 *
 * Owns:  nothing; struct kt_tree is plain data of the caller.
 * Calls: core/base (hash, buf).
 * Holds: frontier[k] is the root of a full subtree of 2^k leaves exactly when bit k of size is set.
 */
#include "core/store/tree.h"

#include <assert.h>
#include <string.h>

static void node_hash(const uint8_t left[32], const uint8_t right[32], uint8_t ret[32])
{
    uint8_t pair[65] = { 0x01 };
    memcpy(pair + 1, left, 32);
    memcpy(pair + 33, right, 32);
    struct kt_str part = kt_str_from(pair, sizeof pair);
    kt_sha256_of(&part, 1, ret);
}

static void put_le(uint8_t *dst, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        dst[i] = (uint8_t)(v >> (8 * i));
}

#define LEAF_HEAD 33u /* 0x00, and the record up to its agent */

static void leaf_head(const struct kt_leaf *l, uint8_t ret[LEAF_HEAD])
{
    assert(l->agent.len <= UINT16_MAX);
    memcpy(ret, "\0KTL1", 5);
    put_le(ret + 5, l->seq, 8);
    put_le(ret + 13, (uint64_t)l->arrival, 8);
    put_le(ret + 21, (uint64_t)l->stored, 8);
    ret[29] = l->origin;
    ret[30] = l->conflict;
    put_le(ret + 31, l->agent.len, 2);
}

void kt_leaf_hash(const struct kt_leaf *l, uint8_t ret[32])
{
    uint8_t head[LEAF_HEAD];
    leaf_head(l, head);
    struct kt_str parts[] = { kt_str_from(head, sizeof head), l->agent,
                              kt_str_from(l->line_hash, 32) };
    kt_sha256_of(parts, KT_ARRAY_LEN(parts), ret);
}

void kt_leaf_record(const struct kt_leaf *l, struct kt_buf *out)
{
    uint8_t head[LEAF_HEAD];
    leaf_head(l, head);
    kt_buf_add_bytes(out, head + 1, sizeof head - 1);
    kt_buf_add(out, l->agent);
    kt_buf_add_bytes(out, l->line_hash, 32);
}

void kt_tree_add_node(struct kt_tree *t, unsigned level, const uint8_t node[32])
{
    assert(level < 63 && t->size < UINT64_MAX / 2);
    assert((t->size & ((UINT64_C(1) << level) - 1)) == 0);
    uint8_t up[32];
    memcpy(up, node, 32);
    unsigned k = level;
    for (; (t->size >> k) & 1; k++)
        node_hash(t->frontier[k], up, up);
    memcpy(t->frontier[k], up, 32);
    t->size += UINT64_C(1) << level;
}

void kt_tree_add(struct kt_tree *t, const uint8_t leaf[32])
{
    kt_tree_add_node(t, 0, leaf);
}

void kt_tree_root(const struct kt_tree *t, uint8_t ret[32])
{
    if (t->size == 0) {
        kt_sha256_of(NULL, 0, ret);
        return;
    }
    bool some = false;
    for (unsigned k = 0; k < 64; k++) {
        if (!((t->size >> k) & 1))
            continue;
        if (some)
            node_hash(t->frontier[k], ret, ret);
        else
            memcpy(ret, t->frontier[k], 32);
        some = true;
    }
}

void kt_tree_pack(const struct kt_tree *t, struct kt_buf *out)
{
    kt_buf_u64(out, t->size);
    for (unsigned k = 0; k < 64; k++)
        if ((t->size >> k) & 1)
            kt_buf_add_bytes(out, t->frontier[k], 32);
}

enum kt_status kt_tree_unpack(struct kt_str s, struct kt_tree *ret, struct kt_error *err)
{
    struct kt_rd rd = kt_rd_of(s);
    struct kt_tree t = { .size = kt_rd_u64(&rd) };
    for (unsigned k = 0; k < 64 && !rd.bad; k++) {
        if (!((t.size >> k) & 1))
            continue;
        struct kt_str hash = kt_rd_bytes(&rd, 32);
        if (!rd.bad)
            memcpy(t.frontier[k], hash.at, 32);
    }
    if (rd.bad || rd.left != 0 || t.size > KT_SEQ_MAX)
        return kt_fail(err, KT_E_CORRUPT, "tree frontier has %zu bytes, which fit no size", s.len);
    *ret = t;
    return KT_OK;
}

void kt_cover_start(struct kt_cover *c, uint64_t first)
{
    c->first = first;
    c->n = 0;
    c->nodes = 0;
}

void kt_cover_add(struct kt_cover *c, unsigned level, const uint8_t hash[32])
{
    assert(c->nodes < KT_COVER_MAX && level < 63);
    memcpy(c->hash[c->nodes], hash, 32);
    c->level[c->nodes++] = (uint8_t)level;
    c->n += UINT64_C(1) << level;
    while (c->nodes >= 2) { /* two of a size, the left one where a larger one begins */
        unsigned left = c->nodes - 2, size = c->level[left];
        uint64_t begins = c->first + c->n - (UINT64_C(2) << size);
        if (c->level[left + 1] != size || (begins & ((UINT64_C(2) << size) - 1)) != 0)
            break;
        node_hash(c->hash[left], c->hash[left + 1], c->hash[left]);
        c->level[left]++;
        c->nodes--;
    }
}

void kt_cover_join(struct kt_cover *c, const struct kt_cover *b)
{
    assert(c->first + c->n == b->first);
    for (unsigned i = 0; i < b->nodes; i++)
        kt_cover_add(c, b->level[i], b->hash[i]);
}

void kt_tree_add_cover(struct kt_tree *t, const struct kt_cover *c)
{
    assert(t->size == c->first);
    for (unsigned i = 0; i < c->nodes; i++)
        kt_tree_add_node(t, c->level[i], c->hash[i]);
}

void kt_cover_pack(const struct kt_cover *c, struct kt_buf *out)
{
    kt_buf_add_bytes(out, c->hash, 32 * (size_t)c->nodes);
}

/* The largest full subtree that begins at leaf `at` and has at most n leaves. */
static unsigned level_at(uint64_t at, uint64_t n)
{
    unsigned fits = 63 - (unsigned)__builtin_clzll(n);
    unsigned aligned = at == 0 ? 63 : (unsigned)__builtin_ctzll(at);
    return fits < aligned ? fits : aligned;
}

void kt_cover_read(struct kt_rd *rd, uint64_t first, uint64_t n, struct kt_cover *ret)
{
    kt_cover_start(ret, first);
    while (ret->n < n && !rd->bad) {
        unsigned level = level_at(first + ret->n, n - ret->n);
        struct kt_str hash = kt_rd_bytes(rd, 32);
        if (!rd->bad)
            kt_cover_add(ret, level, (const uint8_t *)hash.at);
    }
}
