/*
 * table: keyed state of a detector.
 *
 * Owns:  a slot for each entry in order of creation, a hash index over them, their order of use,
 *        and the structs that are in memory.
 * Calls: core/base; the backing that was given. No clock, no I/O of its own.
 * Holds: what is seen or saved depends neither on the hash nor on what is in memory; a full table
 *        stays at its maximum; an entry that is in memory is found without an allocation.
 */
#include "detectors/table.h"

#include <assert.h>
#include <string.h>

#include "core/base/alloc.h"
#include "detectors/table_int.h"

#define SLAB_BYTES 8192u

bool kt_key_eq(struct kt_key x, struct kt_key y)
{
    return x.a == y.a && x.b == y.b;
}

/* ---- the hash ---- */
/* A bucket is the first slot of its chain + 1 (0: none), and above that six bits, each for a sixth
 * of all hashes: where a key's is not set, none like it came since the bucket was empty. So for
 * most keys that are not there no slot is looked at, which would be another wait for memory. */
#define FIRST 0x3ffffffu
struct place {
    uint32_t *bucket, bit;
};

/* All bits of a key count. A product hands bits on upwards alone, and an address has its own in the
 * highest: they are folded down before the last one, of which the upper half is taken. */
static inline struct place place_of(const struct kt_table *t, struct kt_key key)
{
    uint64_t h = (key.a ^ t->seed) * UINT64_C(0xbf58476d1ce4e5b9);
    h = ((h ^ (h >> 32)) + key.b) * UINT64_C(0x94d049bb133111eb);
    h = (h ^ (h >> 32)) * UINT64_C(0xbf58476d1ce4e5b9);
    return (struct place){ &t->bucket[(h >> 32) & (t->n_buckets - 1)],
                           1u << (26 + (unsigned)((h >> 58) * 6 >> 6)) };
}

static inline uint32_t first_of(uint32_t bucket)
{
    return (bucket & FIRST) == 0 ? KT_NONE : (bucket & FIRST) - 1;
}

/* In front of its chain. */
static void chain_up(struct kt_table *t, uint32_t i, struct slot *s)
{
    struct place p = place_of(t, s->key);
    assert(i + 1 < FIRST);
    s->chain = first_of(*p.bucket);
    *p.bucket = (*p.bucket & ~FIRST) | p.bit | (i + 1);
}

static void unchain(struct kt_table *t, uint32_t i, const struct slot *s)
{
    uint32_t *bucket = place_of(t, s->key).bucket, at = first_of(*bucket);
    if (at == i) {
        *bucket = s->chain == KT_NONE ? 0 : (*bucket & ~FIRST) | (s->chain + 1);
        return;
    }
    while (kt_slot(t, at)->chain != i)
        at = kt_slot(t, at)->chain;
    kt_slot(t, at)->chain = s->chain;
}

static void rehash(struct kt_table *t, uint32_t n)
{
    t->bucket = kt_realloc_array(t->bucket, n, sizeof *t->bucket);
    t->n_buckets = n;
    memset(t->bucket, 0, (size_t)n * sizeof *t->bucket);
    for (uint32_t i = 0; i < t->n_slots; i++) {
        if (kt_slot(t, i)->flags & SLOT_LIVE)
            chain_up(t, i, kt_slot(t, i));
    }
}

struct kt_table *kt_table_new(const struct kt_table_decl *decl, uint64_t seed)
{
    assert(decl->bytes > 0 && decl->max > 0);
    struct kt_table *t = kt_alloc(sizeof *t);
    t->decl = *decl;
    t->seed = seed;
    t->stride = (decl->bytes + 7u) & ~7u;
    while ((t->stride << (t->slab_shift + 1)) <= SLAB_BYTES)
        t->slab_shift++;
    t->oldest = t->newest = t->mark = KT_NONE;
    rehash(t, 64);
    return t;
}

const struct kt_table_decl *kt_table_declared(const struct kt_table *t)
{
    return &t->decl;
}

void kt_table_free(struct kt_table *t)
{
    if (t == NULL)
        return;
    for (uint32_t i = 0; i < t->n_chunks; i++)
        kt_free(t->slots[i]);
    for (uint32_t i = 0; i < t->n_slabs; i++)
        kt_free(t->slab[i]);
    kt_free(t->slots);
    kt_free(t->slab);
    kt_free(t->bucket);
    kt_free(t->scratch);
    kt_free(t->loaded);
    kt_buf_done(&t->gone);
    kt_buf_done(&t->packed);
    kt_free(t);
}

static bool is_of(const struct slot *s, struct kt_key key)
{
    return s->key.a == key.a && s->key.b == key.b;
}

static uint32_t search(struct kt_table *t, struct kt_key key)
{
    struct place p = place_of(t, key);
    if ((*p.bucket & p.bit) == 0)
        return KT_NONE;
    for (uint32_t i = first_of(*p.bucket); i != KT_NONE;) {
        const struct slot *s = kt_slot(t, i);
        if (is_of(s, key))
            return t->found = i;
        i = s->chain;
    }
    return KT_NONE;
}

/* Whatever has moved since the last time: a live slot of the key is the one. */
static inline uint32_t find(struct kt_table *t, struct kt_key key)
{
    if (t->count == 0)
        return KT_NONE;
    if (t->found < t->n_slots) {
        const struct slot *s = kt_slot(t, t->found);
        if (is_of(s, key) && s->flags & SLOT_LIVE)
            return t->found;
    }
    return search(t, key);
}

uint32_t kt_table_find(struct kt_table *t, struct kt_key key)
{
    return find(t, key);
}

/* ---- structs ---- */
unsigned char *kt_table_body_new(struct kt_table *t, struct slot *s)
{
    uint32_t i = t->free;
    if (i == 0) {
        if (t->used == t->n_slabs << t->slab_shift) {
            t->slab = kt_realloc_array(t->slab, t->n_slabs + 1, sizeof *t->slab);
            t->slab[t->n_slabs++] = kt_alloc_array((size_t)1 << t->slab_shift, t->stride);
        }
        i = ++t->used;
    }
    s->body = i & 0x3ffffffu;
    unsigned char *state = kt_body(t, s);
    if (i == t->free)
        memcpy(&t->free, state, sizeof t->free);
    memset(state, 0, t->stride);
    t->bodies++;
    return state;
}

void kt_table_body_drop(struct kt_table *t, struct slot *s)
{
    if (s->body == 0)
        return;
    memcpy(kt_body(t, s), &t->free, sizeof t->free);
    t->free = s->body;
    s->body = 0;
    t->bodies--;
}

void kt_table_slots(struct kt_table *t, uint32_t n)
{
    while (t->n_chunks * KT_SLOTS < n) {
        t->slots = kt_realloc_array(t->slots, t->n_chunks + 1, sizeof *t->slots);
        t->slots[t->n_chunks++] = kt_alloc_array(KT_SLOTS, sizeof **t->slots);
    }
}

/* false: what the backing has is no struct of this entry. */
static bool load(struct kt_table *t, uint32_t i, unsigned char *ret)
{
    struct kt_key key = kt_slot(t, i)->key;
    kt_buf_reset(&t->packed);
    return t->backing != NULL && t->backing->load(t->backing->self, t->id, key, &t->packed) &&
           kt_table_open(t, key, kt_buf_str(&t->packed), ret);
}

/* ---- the order of use ---- */
static void unlink_use(struct kt_table *t, uint32_t i, const struct slot *s)
{
    if (t->mark == i)
        t->mark = s->older;
    *(s->older == KT_NONE ? &t->oldest : &kt_slot(t, s->older)->newer) = s->newer;
    *(s->newer == KT_NONE ? &t->newest : &kt_slot(t, s->newer)->older) = s->older;
}

static void link_newest(struct kt_table *t, uint32_t i, struct slot *s)
{
    s->older = t->newest;
    s->newer = KT_NONE;
    *(t->newest == KT_NONE ? &t->oldest : &kt_slot(t, t->newest)->newer) = i;
    t->newest = i;
}

static void soil(struct kt_table *t, struct slot *s)
{
    if (s->flags & SLOT_DIRTY)
        return;
    s->flags |= SLOT_DIRTY;
    t->n_dirty++;
}

/* The newest one is already in its place, unless it is taken for written: it changes now. */
static void touch(struct kt_table *t, uint32_t i, struct slot *s)
{
    soil(t, s);
    if (i == t->newest) {
        if (t->mark == i)
            t->mark = s->older;
        return;
    }
    unlink_use(t, i, s);
    link_newest(t, i, s);
}

void kt_table_link(struct kt_table *t, const uint32_t *at, uint32_t n)
{
    t->oldest = t->newest = KT_NONE;
    for (uint32_t i = 0; i < n; i++)
        link_newest(t, at[i], kt_slot(t, at[i]));
    uint32_t buckets = t->n_buckets;
    while (t->count > buckets)
        buckets *= 2;
    rehash(t, buckets);
}

/* ---- coming and going ---- */
static void drop(struct kt_table *t, uint32_t i)
{
    struct slot *s = kt_slot(t, i);
    unchain(t, i, s);
    unlink_use(t, i, s);
    if (s->flags & SLOT_SAVED)
        kt_buf_add_bytes(&t->gone, &s->key, sizeof s->key);
    t->n_dirty -= (s->flags & SLOT_DIRTY) != 0;
    kt_table_body_drop(t, s);
    *s = (struct slot){ .flags = 0 };
    t->count--;
}

void kt_table_remove(struct kt_table *t, struct kt_key key)
{
    uint32_t i = kt_table_find(t, key);
    if (i != KT_NONE)
        drop(t, i);
}

/* A damaged row costs its entry and no other. */
static void *lose(struct kt_table *t, uint32_t i)
{
    drop(t, i);
    t->lost++;
    return NULL;
}

static unsigned char *bring_in(struct kt_table *t, uint32_t i, struct slot *s)
{
    unsigned char *state = kt_table_body_new(t, s);
    return load(t, i, state) ? state : lose(t, i);
}

/* The struct of a slot, brought in when it is not in memory. NULL: it is lost, and the slot gone.
 */
static inline unsigned char *state_of(struct kt_table *t, uint32_t i, struct slot *s)
{
    return s->body != 0 ? kt_body(t, s) : bring_in(t, i, s);
}

const unsigned char *kt_table_glance(struct kt_table *t, uint32_t i)
{
    if (kt_slot(t, i)->body != 0)
        return kt_body(t, kt_slot(t, i));
    if (t->scratch == NULL)
        t->scratch = kt_alloc(t->decl.bytes);
    return load(t, i, t->scratch) ? t->scratch : lose(t, i);
}

/* ---- finding ---- */
static inline void *get(struct kt_table *t, struct kt_key key)
{
    uint32_t i = find(t, key);
    if (i == KT_NONE)
        return NULL;
    struct slot *s = kt_slot(t, i);
    void *state = state_of(t, i, s);
    if (state != NULL)
        touch(t, i, s);
    return state;
}

void *kt_table_get(struct kt_table *t, struct kt_key key)
{
    return get(t, key);
}

const void *kt_table_peek(const struct kt_table *t, struct kt_key key)
{
    struct kt_table *view = (struct kt_table *)(uintptr_t)t; /* what is in it stays the same */
    uint32_t i = find(view, key);
    if (i == KT_NONE)
        return NULL;
    struct slot *s = kt_slot(t, i);
    const void *state = state_of(view, i, s);
    if (state != NULL)
        s->flags |= SLOT_SEEN;
    return state;
}

static void *changed(struct kt_table *t, uint32_t i)
{
    struct slot *s = kt_slot(t, i);
    void *state = state_of(t, i, s);
    if (state == NULL)
        return NULL;
    s->flags |= SLOT_CHANGED | SLOT_SEEN;
    t->walked = true;
    soil(t, s);
    return state;
}

void *kt_table_edit(struct kt_table *t, struct kt_key key)
{
    uint32_t i = kt_table_find(t, key);
    return i == KT_NONE ? NULL : changed(t, i);
}

/* Closes the holes; the order of creation stays. */
static void compact(struct kt_table *t)
{
    uint32_t *order = kt_alloc_array(t->count, sizeof *order);
    uint32_t *moved = kt_alloc_array(t->n_slots, sizeof *moved);
    uint32_t n = 0, k = 0, fresh = KT_NONE;
    for (uint32_t i = 0; i < t->n_slots; i++) {
        if (i >= t->fresh && fresh == KT_NONE)
            fresh = n;
        if (kt_slot(t, i)->flags & SLOT_LIVE)
            moved[i] = n++;
    }
    for (uint32_t i = t->oldest; i != KT_NONE; i = kt_slot(t, i)->newer)
        order[k++] = moved[i];
    if (t->mark != KT_NONE)
        t->mark = moved[t->mark];
    for (uint32_t i = 0; i < t->n_slots; i++) {
        if (kt_slot(t, i)->flags & SLOT_LIVE)
            *kt_slot(t, moved[i]) = *kt_slot(t, i);
    }
    t->fresh = fresh == KT_NONE ? n : fresh;
    t->n_slots = n;
    kt_table_link(t, order, k);
    kt_free(order);
    kt_free(moved);
}

uint32_t kt_table_insert(struct kt_table *t, struct kt_key key)
{
    if (t->n_slots == t->n_chunks * KT_SLOTS && t->count < t->n_slots - t->n_slots / 4)
        compact(t);
    kt_table_slots(t, t->n_slots + 1);
    uint32_t i = t->n_slots++;
    *kt_slot(t, i) = (struct slot){ .key = key, .flags = SLOT_LIVE };
    chain_up(t, i, kt_slot(t, i));
    link_newest(t, i, kt_slot(t, i));
    t->count++;
    if (t->count > t->n_buckets)
        rehash(t, t->n_buckets * 2);
    return i;
}

/* A zeroed entry of a key that has none. */
static void *make(struct kt_table *t, struct kt_key key)
{
    if (t->count >= t->decl.max) {
        t->evicted++;
        if (t->decl.evict == KT_EVICT_REFUSE)
            return NULL;
        drop(t, t->oldest);
    }
    uint32_t i = kt_table_insert(t, key);
    soil(t, kt_slot(t, i));
    return kt_table_body_new(t, kt_slot(t, i));
}

void *kt_table_put(struct kt_table *t, struct kt_key key, bool *ret_new)
{
    void *known = get(t, key);
    if (ret_new != NULL)
        *ret_new = known == NULL;
    return known != NULL ? known : make(t, key);
}

/* ---- figures ---- */
bool kt_table_oldest(const struct kt_table *t, struct kt_key *ret)
{
    if (t->oldest != KT_NONE)
        *ret = kt_slot(t, t->oldest)->key;
    return t->oldest != KT_NONE;
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

size_t kt_table_held(const struct kt_table *t)
{
    return t->stride <= KT_STAYS ? 0 : (size_t)t->bodies * t->stride;
}

size_t kt_table_dirty(const struct kt_table *t)
{
    return t->stride <= KT_STAYS ? 0 : (size_t)t->n_dirty * t->stride;
}

size_t kt_table_bytes(const struct kt_table *t)
{
    return sizeof *t + ((size_t)t->n_slabs << t->slab_shift) * t->stride +
           (size_t)t->n_chunks * KT_SLOTS * sizeof **t->slots +
           (size_t)t->n_buckets * sizeof *t->bucket + t->gone.cap;
}

uint64_t kt_table_lost(const struct kt_table *t)
{
    return t->lost;
}

/* ---- walks ---- */
static uint32_t next_slot(const struct kt_table *t, uint32_t *at, struct kt_key *ret_key)
{
    while (*at < t->n_slots) {
        uint32_t i = (*at)++;
        if (!(kt_slot(t, i)->flags & SLOT_LIVE))
            continue;
        if (ret_key != NULL)
            *ret_key = kt_slot(t, i)->key;
        return i;
    }
    return KT_NONE;
}

void *kt_table_next(struct kt_table *t, uint32_t *at, struct kt_key *ret_key)
{
    uint32_t i;
    void *state = NULL;
    while (state == NULL && (i = next_slot(t, at, ret_key)) != KT_NONE)
        state = changed(t, i);
    return state;
}

const void *kt_table_look(struct kt_table *t, uint32_t *at, struct kt_key *ret_key)
{
    uint32_t i;
    const void *state = NULL;
    while (state == NULL && (i = next_slot(t, at, ret_key)) != KT_NONE)
        state = kt_table_glance(t, i);
    return state;
}

const void *kt_table_each(struct kt_table *t, uint32_t *at, struct kt_key *ret_key)
{
    uint32_t i;
    const void *state = NULL;
    while (state == NULL && (i = next_slot(t, at, ret_key)) != KT_NONE) {
        state = state_of(t, i, kt_slot(t, i));
        if (state != NULL)
            kt_slot(t, i)->flags |= SLOT_SEEN;
    }
    return state;
}
