#include "tests/support/shown_log.h"

#include <string.h>

#include "core/base/hash.h"

static uint64_t split_of(uint64_t n)
{
    uint64_t k = 1;
    while (2 * k < n)
        k *= 2;
    return k;
}

static void root_of(const uint8_t (*leaf)[32], uint64_t n, uint8_t ret[32])
{
    uint8_t left[32], right[32];
    if (n == 0)
        kt_sha256_of(NULL, 0, ret);
    if (n == 1)
        memcpy(ret, leaf[0], 32);
    if (n < 2)
        return;
    uint64_t k = split_of(n);
    root_of(leaf, k, left);
    root_of(leaf + k, n - k, right);
    kt_merkle_node(left, right, ret);
}

static void subproof(const uint8_t (*leaf)[32], uint64_t m, uint64_t n, bool whole,
                     struct kt_path *p)
{
    if (m == n) {
        if (!whole)
            root_of(leaf, n, p->hash[p->n++]);
        return;
    }
    uint64_t k = split_of(n);
    if (m <= k) {
        subproof(leaf, m, k, whole, p);
        root_of(leaf + k, n - k, p->hash[p->n++]);
        return;
    }
    subproof(leaf + k, m - k, n - k, false, p);
    root_of(leaf, k, p->hash[p->n++]);
}

void naive_proof(const struct naive_tree *t, uint64_t from, struct kt_path *p)
{
    p->n = 0;
    if (from > 0 && from < t->n)
        subproof((const uint8_t(*)[32])t->leaf, from, t->n, true, p);
}

void naive_root(const struct naive_tree *t, uint64_t size, uint8_t ret[32])
{
    root_of((const uint8_t(*)[32])t->leaf, size, ret);
}

void shown_log_begin(struct shown_log *l, const struct kt_rng *rng)
{
    *l = (struct shown_log){ 0 };
    rng->fill(rng->self, l->log_id, sizeof l->log_id);
    rng->fill(rng->self, l->seed, sizeof l->seed);
    rng->fill(rng->self, l->seed2, sizeof l->seed2);
}

void shown_log_done(struct shown_log *l)
{
    kt_buf_done(&l->note);
    kt_buf_done(&l->keys);
    kt_buf_done(&l->proof);
}

void shown_log_grow(struct shown_log *l, const struct kt_rng *rng, uint64_t n)
{
    for (; n > 0 && l->tree.n < NAIVE_LEAVES; n--)
        rng->fill(rng->self, l->tree.leaf[l->tree.n++], 32);
}

static void sign(struct shown_log *l, const uint8_t seed[32], struct kt_str text, const char *name)
{
    struct kt_note_key k = { .type = KT_NOTE_LOG };
    kt_str_copyz(k.name, sizeof k.name, kt_str_of(name));
    kt_sign_public(seed, k.public_key);
    kt_note_sign(text, name, seed, &l->note);
    kt_note_key_write(&k, &l->keys);
    kt_buf_byte(&l->keys, '\n');
}

static void vouch(struct shown_log *l, const char *name)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    struct kt_note_key k = { .type = KT_NOTE_LOG };
    kt_str_copyz(k.name, sizeof k.name, kt_str_of(name));
    kt_sign_public(l->seed2, k.public_key);
    kt_vouch_text(&k, &text);
    kt_buf_add(&l->keys, kt_buf_str(&text));
    kt_buf_byte(&l->keys, '\n');
    kt_note_sign(kt_buf_str(&text), name, l->seed, &l->keys);
    kt_buf_byte(&l->keys, '\n');
}

void shown_log_sign(struct shown_log *l, uint64_t from)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 }, name = { 0 };
    struct kt_head head = { .size = l->tree.n };
    struct kt_path path;

    naive_root(&l->tree, l->tree.n, head.root);
    kt_checkpoint_text(l->log_id, &head, &text);
    kt_note_origin(l->log_id, &name);
    kt_buf_reset(&l->note);
    kt_buf_reset(&l->keys);
    kt_buf_reset(&l->proof);
    kt_buf_add(&l->note, kt_buf_str(&text));
    kt_buf_byte(&l->note, '\n');
    if (!l->retired)
        sign(l, l->seed, kt_buf_str(&text), kt_buf_z(&name));
    if (l->second)
        sign(l, l->seed2, kt_buf_str(&text), kt_buf_z(&name));
    if (l->second && !l->retired && !l->unvouched)
        vouch(l, name.at);
    naive_proof(&l->tree, from, &path);
    kt_path_pack(&path, &l->proof);
}
