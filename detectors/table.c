/*
 * table: keyed state of a detector.
 *
 * Owns:  blocks of entries, a hash index over them, the order of use and the order of creation.
 * Calls: core/base. No clock, no I/O.
 * Holds: what is seen or saved never depends on the hash; a full table stays at its maximum.
 */
#include "detectors/table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"

#define BLOCK 64u /* entries allocated at once */
#define NONE  UINT32_MAX

struct entry {
    struct kt_key key;
    uint64_t serial; /* 1, 2, 3 … in order of creation; 0 = free */
    uint32_t older, newer, chain, pad;
    unsigned char state[];
};
struct born { /* order of creation; stale when the entry's serial differs */
    uint64_t serial;
    uint32_t slot;
};
struct kt_table {
    struct kt_table_decl decl;
    uint64_t seed, serial, evicted;
    size_t stride;
    unsigned char **blocks;
    uint32_t n_blocks, used, count, free_list, oldest, newest;
    uint32_t *bucket, n_buckets;
    struct born *born;
    uint32_t n_born, cap_born;
};

bool kt_key_eq(struct kt_key x, struct kt_key y)
{
    return x.a == y.a && x.b == y.b;
}

static struct entry *at(const struct kt_table *t, uint32_t slot)
{
    unsigned char *p = t->blocks[slot / BLOCK] + (size_t)(slot % BLOCK) * t->stride;
    return (struct entry *)(void *)p;
}

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint32_t *bucket_of(const struct kt_table *t, struct kt_key key)
{
    uint64_t h = mix(mix(key.a ^ t->seed) + key.b);
    return &t->bucket[h & (t->n_buckets - 1)];
}

static void rehash(struct kt_table *t, uint32_t n)
{
    t->bucket = kt_realloc_array(t->bucket, n, sizeof *t->bucket);
    t->n_buckets = n;
    memset(t->bucket, 0xff, (size_t)n * sizeof *t->bucket);
    for (uint32_t i = t->oldest; i != NONE; i = at(t, i)->newer) {
        uint32_t *b = bucket_of(t, at(t, i)->key);
        at(t, i)->chain = *b;
        *b = i;
    }
}

struct kt_table *kt_table_new(const struct kt_table_decl *decl, uint64_t seed)
{
    assert(decl->bytes > 0 && decl->max > 0);
    struct kt_table *t = kt_alloc(sizeof *t);
    t->decl = *decl;
    t->seed = seed;
    t->stride = (sizeof(struct entry) + decl->bytes + 7u) & ~(size_t)7u;
    t->free_list = t->oldest = t->newest = NONE;
    rehash(t, 64);
    return t;
}

void kt_table_free(struct kt_table *t)
{
    if (t == NULL)
        return;
    for (uint32_t i = 0; i < t->n_blocks; i++)
        kt_free(t->blocks[i]);
    kt_free(t->blocks);
    kt_free(t->bucket);
    kt_free(t->born);
    kt_free(t);
}

static uint32_t find(const struct kt_table *t, struct kt_key key)
{
    uint32_t i = *bucket_of(t, key);
    while (i != NONE && !kt_key_eq(at(t, i)->key, key))
        i = at(t, i)->chain;
    return i;
}

static void unlink_use(struct kt_table *t, uint32_t i)
{
    struct entry *e = at(t, i);
    *(e->older == NONE ? &t->oldest : &at(t, e->older)->newer) = e->newer;
    *(e->newer == NONE ? &t->newest : &at(t, e->newer)->older) = e->older;
}

static void link_newest(struct kt_table *t, uint32_t i)
{
    struct entry *e = at(t, i);
    e->older = t->newest;
    e->newer = NONE;
    *(t->newest == NONE ? &t->oldest : &at(t, t->newest)->newer) = i;
    t->newest = i;
}

void *kt_table_get(struct kt_table *t, struct kt_key key)
{
    uint32_t i = find(t, key);
    if (i == NONE)
        return NULL;
    if (i != t->newest) {
        unlink_use(t, i);
        link_newest(t, i);
    }
    return at(t, i)->state;
}

const void *kt_table_peek(const struct kt_table *t, struct kt_key key)
{
    uint32_t i = find(t, key);
    return i == NONE ? NULL : at(t, i)->state;
}

static void drop(struct kt_table *t, uint32_t i)
{
    uint32_t *p = bucket_of(t, at(t, i)->key);
    while (*p != i)
        p = &at(t, *p)->chain;
    *p = at(t, i)->chain;
    unlink_use(t, i);
    at(t, i)->serial = 0;
    at(t, i)->chain = t->free_list;
    t->free_list = i;
    t->count--;
}

void kt_table_remove(struct kt_table *t, struct kt_key key)
{
    uint32_t i = find(t, key);
    if (i != NONE)
        drop(t, i);
}

static uint32_t take_slot(struct kt_table *t)
{
    if (t->free_list != NONE) {
        uint32_t i = t->free_list;
        t->free_list = at(t, i)->chain;
        return i;
    }
    if (t->used == t->n_blocks * BLOCK) {
        t->blocks = kt_realloc_array(t->blocks, t->n_blocks + 1, sizeof *t->blocks);
        t->blocks[t->n_blocks++] = kt_alloc_array(BLOCK, t->stride);
    }
    return t->used++;
}

/* Keeps the list of births at most twice as long as the table. */
static void note_birth(struct kt_table *t, uint32_t slot)
{
    if (t->n_born == t->cap_born && t->n_born > 2 * t->count) {
        uint32_t n = 0;
        for (uint32_t i = 0; i < t->n_born; i++) {
            if (at(t, t->born[i].slot)->serial == t->born[i].serial)
                t->born[n++] = t->born[i];
        }
        t->n_born = n;
    }
    if (t->n_born == t->cap_born) {
        t->cap_born = t->cap_born == 0 ? 64 : 2 * t->cap_born;
        t->born = kt_realloc_array(t->born, t->cap_born, sizeof *t->born);
    }
    t->born[t->n_born++] = (struct born){ at(t, slot)->serial, slot };
}

static struct entry *insert(struct kt_table *t, struct kt_key key, uint64_t serial)
{
    uint32_t i = take_slot(t);
    struct entry *e = at(t, i);
    memset(e, 0, t->stride);
    e->key = key;
    e->serial = serial;
    uint32_t *b = bucket_of(t, key);
    e->chain = *b;
    *b = i;
    link_newest(t, i);
    t->count++;
    note_birth(t, i);
    if (t->count > t->n_buckets)
        rehash(t, t->n_buckets * 2);
    return e;
}

void *kt_table_put(struct kt_table *t, struct kt_key key, bool *ret_new)
{
    void *known = kt_table_get(t, key);
    if (ret_new != NULL)
        *ret_new = known == NULL;
    if (known != NULL)
        return known;
    if (t->count >= t->decl.max) {
        t->evicted++;
        if (t->decl.evict == KT_EVICT_REFUSE)
            return NULL;
        drop(t, t->oldest);
    }
    return insert(t, key, ++t->serial)->state;
}

bool kt_table_oldest(const struct kt_table *t, struct kt_key *ret)
{
    if (t->oldest != NONE)
        *ret = at(t, t->oldest)->key;
    return t->oldest != NONE;
}

bool kt_table_full(const struct kt_table *t)
{
    return t->count >= t->decl.max;
}

uint32_t kt_table_count(const struct kt_table *t)
{
    return t->count;
}

uint64_t kt_table_evicted(const struct kt_table *t)
{
    return t->evicted;
}

size_t kt_table_bytes(const struct kt_table *t)
{
    return sizeof *t + (size_t)t->n_blocks * BLOCK * t->stride +
           (size_t)t->n_buckets * sizeof *t->bucket + (size_t)t->cap_born * sizeof *t->born;
}

void *kt_table_next(struct kt_table *t, uint32_t *pos, struct kt_key *ret_key)
{
    while (*pos < t->n_born) {
        struct born b = t->born[(*pos)++];
        struct entry *e = at(t, b.slot);
        if (e->serial != b.serial)
            continue;
        if (ret_key != NULL)
            *ret_key = e->key;
        return e->state;
    }
    return NULL;
}

void kt_table_save(const struct kt_table *t, struct kt_buf *out)
{
    kt_buf_u32(out, t->decl.bytes);
    kt_buf_u32(out, t->decl.version);
    kt_buf_u32(out, t->decl.max);
    kt_buf_u32(out, t->count);
    kt_buf_u64(out, t->serial);
    kt_buf_u64(out, t->evicted);
    for (uint32_t i = t->oldest; i != NONE; i = at(t, i)->newer) {
        const struct entry *e = at(t, i);
        kt_buf_u64(out, e->serial);
        kt_buf_u64(out, e->key.a);
        kt_buf_u64(out, e->key.b);
        kt_buf_add_bytes(out, e->state, t->decl.bytes);
    }
}

static int by_serial(const void *x, const void *y)
{
    const struct born *p = x, *q = y;
    return (p->serial > q->serial) - (p->serial < q->serial);
}

bool kt_table_load(struct kt_table *t, struct kt_rd *in)
{
    assert(t->count == 0 && t->serial == 0);
    bool same = kt_rd_u32(in) == t->decl.bytes;
    same = kt_rd_u32(in) == t->decl.version && same;
    same = kt_rd_u32(in) == t->decl.max && same;
    uint32_t n = kt_rd_u32(in);
    uint64_t serial = kt_rd_u64(in);
    t->evicted = kt_rd_u64(in);
    if (!same || in->bad || n > t->decl.max)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t born = kt_rd_u64(in);
        struct kt_key key = { kt_rd_u64(in), 0 };
        key.b = kt_rd_u64(in);
        struct kt_str state = kt_rd_bytes(in, t->decl.bytes);
        if (in->bad || born == 0 || born > serial || find(t, key) != NONE)
            return false;
        memcpy(insert(t, key, born)->state, state.at, state.len);
    }
    t->serial = serial;
    if (t->n_born > 0)
        qsort(t->born, t->n_born, sizeof *t->born, by_serial);
    return true;
}
