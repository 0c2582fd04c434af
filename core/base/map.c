/*
 * map: an open-addressed table of numbers beside an array of keys.
 *
 * Owns:  copies of the keys, in blocks that never move: a key stays valid until reset.
 * Calls: alloc, hash.
 */
#include "core/base/map.h"

#include <assert.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/hash.h"

#define SLOTS_FIRST 16u
#define BLOCK_FIRST 256u
#define BLOCK_MAX   (64u << 10)

struct block {
    struct block *next;
    size_t used, cap;
    char mem[];
};

struct entry {
    const char *at;
    uint32_t len, hash;
};

struct kt_map {
    uint64_t seed;
    uint32_t *slots; /* number + 1, 0 = free; a power of two, at most 3/4 used */
    uint32_t n_slots;
    struct entry *entries;
    uint32_t n, cap;
    struct block *blocks;
    size_t block_bytes;
};

struct kt_map *kt_map_new(uint64_t seed)
{
    struct kt_map *m = kt_alloc(sizeof *m);
    m->seed = seed;
    m->n_slots = SLOTS_FIRST;
    m->slots = kt_alloc_array(m->n_slots, sizeof *m->slots);
    return m;
}

void kt_map_reset(struct kt_map *m)
{
    for (struct block *b = m->blocks, *next; b != NULL; b = next) {
        next = b->next;
        kt_free(b);
    }
    m->blocks = NULL;
    m->block_bytes = 0;
    m->n = 0;
    memset(m->slots, 0, m->n_slots * sizeof *m->slots);
}

void kt_map_free(struct kt_map *m)
{
    if (m == NULL)
        return;
    kt_map_reset(m);
    kt_free(m->slots);
    kt_free(m->entries);
    kt_free(m);
}

static const char *keep(struct kt_map *m, struct kt_str key)
{
    struct block *b = m->blocks;
    if (b == NULL || key.len > b->cap - b->used) {
        size_t cap = b == NULL ? BLOCK_FIRST : b->cap < BLOCK_MAX ? b->cap * 2 : BLOCK_MAX;
        cap = cap < key.len ? key.len : cap;
        b = kt_alloc(sizeof *b + cap);
        *b = (struct block){ .next = m->blocks, .cap = cap };
        m->blocks = b;
        m->block_bytes += sizeof *b + cap;
    }
    char *at = b->mem + b->used;
    if (key.len > 0)
        memcpy(at, key.at, key.len);
    b->used += key.len;
    return at;
}

/* The slot that holds key, or the free one where it belongs. */
static uint32_t slot_of(const struct kt_map *m, struct kt_str key, uint32_t hash)
{
    uint32_t i = hash & (m->n_slots - 1);
    for (; m->slots[i] != 0; i = (i + 1) & (m->n_slots - 1)) {
        const struct entry *e = &m->entries[m->slots[i] - 1];
        if (e->hash == hash && kt_str_eq(key, kt_str_from(e->at, e->len)))
            break;
    }
    return i;
}

static void grow(struct kt_map *m)
{
    kt_free(m->slots);
    assert(m->n_slots <= UINT32_MAX / 2);
    m->n_slots *= 2;
    m->slots = kt_alloc_array(m->n_slots, sizeof *m->slots);
    for (uint32_t number = 0; number < m->n; number++) {
        uint32_t i = m->entries[number].hash & (m->n_slots - 1);
        while (m->slots[i] != 0)
            i = (i + 1) & (m->n_slots - 1);
        m->slots[i] = number + 1;
    }
}

uint32_t kt_map_put(struct kt_map *m, struct kt_str key, bool *ret_new)
{
    assert(key.len <= UINT32_MAX);
    uint32_t hash = (uint32_t)kt_hash64(key, m->seed);
    uint32_t slot = slot_of(m, key, hash);
    if (ret_new != NULL)
        *ret_new = m->slots[slot] == 0;
    if (m->slots[slot] != 0)
        return m->slots[slot] - 1;
    if (m->n >= m->n_slots / 4 * 3) {
        grow(m);
        slot = slot_of(m, key, hash);
    }
    if (m->n == m->cap) {
        m->cap = m->cap > 0 ? m->cap * 2 : 8;
        m->entries = kt_realloc_array(m->entries, m->cap, sizeof *m->entries);
    }
    m->entries[m->n] = (struct entry){ keep(m, key), (uint32_t)key.len, hash };
    m->slots[slot] = ++m->n;
    return m->n - 1;
}

uint32_t kt_map_get(const struct kt_map *m, struct kt_str key)
{
    uint32_t slot = slot_of(m, key, (uint32_t)kt_hash64(key, m->seed));
    return m->slots[slot] != 0 ? m->slots[slot] - 1 : KT_MAP_NONE;
}

struct kt_str kt_map_key(const struct kt_map *m, uint32_t number)
{
    assert(number < m->n);
    return kt_str_from(m->entries[number].at, m->entries[number].len);
}

uint32_t kt_map_count(const struct kt_map *m)
{
    return m->n;
}

size_t kt_map_bytes(const struct kt_map *m)
{
    return sizeof *m + m->n_slots * sizeof *m->slots + m->cap * sizeof *m->entries + m->block_bytes;
}
