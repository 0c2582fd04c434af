/*
 * table_save: tables as bytes: the whole of one, and what changed for the backing.
 *
 * Owns:  nothing beyond struct kt_table.
 * Calls: core/base.
 * Holds: entries behind `mark` in the order of use have changed since they were written, all others
 *        only if a walk said so; nothing that is not written leaves memory.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "detectors/table_int.h"

/* ---- the whole ---- */
void kt_table_save(const struct kt_table *t, struct kt_buf *out)
{
    struct kt_table *view = (struct kt_table *)(uintptr_t)t; /* no more than a get would do */
    for (uint32_t i = 0; i < t->n_slots; i++) {
        if (kt_slot(t, i)->flags & SLOT_LIVE)
            (void)kt_table_glance(view, i); /* what is lost is none of it */
    }
    uint32_t *rank = kt_alloc_array((size_t)t->n_slots + 1, sizeof *rank), n = 0;
    for (uint32_t i = 0; i < t->n_slots; i++)
        rank[i] = kt_slot(t, i)->flags & SLOT_LIVE ? ++n : 0;
    kt_buf_u32(out, t->decl.bytes);
    kt_buf_u32(out, t->decl.version);
    kt_buf_u32(out, t->decl.max);
    kt_buf_u32(out, t->count);
    kt_buf_u64(out, t->evicted);
    for (uint32_t i = t->oldest; i != KT_NONE; i = kt_slot(t, i)->newer) {
        kt_buf_u32(out, rank[i]);
        kt_buf_u64(out, kt_slot(t, i)->key.a);
        kt_buf_u64(out, kt_slot(t, i)->key.b);
        kt_buf_add_bytes(out, kt_table_glance(view, i), t->decl.bytes);
    }
    kt_free(rank);
}

bool kt_table_load(struct kt_table *t, struct kt_rd *in)
{
    assert(t->n_slots == 0);
    bool same = kt_rd_u32(in) == t->decl.bytes;
    same = kt_rd_u32(in) == t->decl.version && same;
    same = kt_rd_u32(in) == t->decl.max && same;
    uint32_t n = kt_rd_u32(in);
    t->evicted = kt_rd_u64(in);
    if (!same || in->bad || n > t->decl.max)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t rank = kt_rd_u32(in);
        struct kt_key key = { kt_rd_u64(in), 0 };
        key.b = kt_rd_u64(in);
        struct kt_str state = kt_rd_bytes(in, t->decl.bytes);
        if (in->bad || rank == 0 || rank > n || kt_table_find(t, key) != KT_NONE)
            return false;
        kt_table_add(t, key, rank, i + 1);
        void *to = kt_table_body_new(t, kt_slot(t, t->n_slots - 1));
        memcpy(to, state.at, state.len);
        if (t->decl.sound != NULL && !t->decl.sound(to))
            return false;
    }
    t->want = n;
    if (!kt_table_added(t))
        return false;
    t->mark = KT_NONE; /* nothing of it is in a backing */
    t->fresh = 0;
    t->births = t->uses = 0;
    t->n_dirty = t->n_slots;
    for (uint32_t i = 0; i < t->n_slots; i++)
        kt_slot(t, i)->flags = SLOT_LIVE | SLOT_DIRTY;
    return true;
}

/* ---- changes ---- */
void kt_table_back(struct kt_table *t, uint32_t id, const struct kt_backing *backing)
{
    t->id = id;
    t->backing = backing;
}

static void word_of(const unsigned char *state, uint32_t bytes, uint32_t i, uint64_t *ret)
{
    uint32_t left = bytes - i * 8;
    *ret = 0;
    memcpy(ret, state + (size_t)i * 8, left < 8 ? left : 8);
}

void kt_table_pack(const void *state, uint32_t bytes, struct kt_buf *out)
{
    uint32_t words = (bytes + 7) / 8, bits = (words + 7) / 8;
    unsigned char *map = (unsigned char *)kt_buf_reserve(out, bits + (size_t)words * 8);
    unsigned char *at = map + bits;
    memset(map, 0, bits);
    for (uint32_t i = 0; i < words; i++) {
        uint64_t word;
        word_of(state, bytes, i, &word);
        if (word == 0)
            continue;
        map[i / 8] |= (unsigned char)(1u << i % 8);
        memcpy(at, &word, sizeof word);
        at += sizeof word;
    }
    out->len += (size_t)(at - map);
}

bool kt_table_unpack(struct kt_str packed, void *ret, uint32_t bytes)
{
    uint32_t words = (bytes + 7) / 8, bits = (words + 7) / 8;
    struct kt_rd in = kt_rd_of(packed);
    const unsigned char *map = (const unsigned char *)kt_rd_bytes(&in, bits).at;
    if (in.bad)
        return false;
    memset(ret, 0, bytes);
    for (uint32_t i = 0; i < words; i++) {
        uint32_t left = bytes - i * 8;
        if (!(map[i / 8] >> i % 8 & 1))
            continue;
        struct kt_str word = kt_rd_bytes(&in, 8);
        if (in.bad)
            return false;
        memcpy((unsigned char *)ret + (size_t)i * 8, word.at, left < 8 ? left : 8);
    }
    return in.left == 0;
}

/* A flipped bit is no other entry, and no row can take the place of another. */
static uint32_t row_hash(const struct kt_table *t, struct kt_key key, struct kt_str packed)
{
    uint64_t entry = key.a ^ (key.b << 7 | key.b >> 57) ^ (uint64_t)t->id << 56;
    return (uint32_t)kt_hash64(packed, entry);
}

bool kt_table_open(const struct kt_table *t, struct kt_key key, struct kt_str row, void *ret)
{
    uint32_t hash;
    if (row.len < sizeof hash)
        return false;
    struct kt_str packed = kt_str_sub(row, 0, row.len - sizeof hash);
    memcpy(&hash, row.at + packed.len, sizeof hash);
    return hash == row_hash(t, key, packed) && kt_table_unpack(packed, ret, t->decl.bytes) &&
           (t->decl.sound == NULL || t->decl.sound(ret));
}

void kt_table_row_add(const struct kt_table_row *r, struct kt_buf *out)
{
    kt_buf_u8(out, (uint8_t)r->op);
    kt_buf_u8(out, (uint8_t)r->table);
    kt_buf_add_bytes(out, &r->key, sizeof r->key);
    if (r->op == KT_ROW_REMOVE)
        return;
    kt_buf_u64(out, r->born);
    kt_buf_u64(out, r->used);
    kt_buf_str32(out, r->state);
}

static void add_put(struct kt_table *t, uint32_t i, uint64_t used, struct kt_buf *out)
{
    struct slot *s = kt_slot(t, i);
    kt_buf_reset(&t->packed);
    kt_table_pack(kt_body(t, s), t->decl.bytes, &t->packed);
    uint32_t hash = row_hash(t, s->key, kt_buf_str(&t->packed));
    kt_buf_add_bytes(&t->packed, &hash, sizeof hash);
    const struct kt_table_row r = { .op = KT_ROW_PUT,
                                    .table = t->id,
                                    .key = s->key,
                                    .born =
                                        s->flags & SLOT_SAVED ? 0 : t->births + (i - t->fresh) + 1,
                                    .used = used,
                                    .state = kt_buf_str(&t->packed) };
    kt_table_row_add(&r, out);
    s->flags = (s->flags | SLOT_SAVED) & (SLOT_ALL - SLOT_CHANGED - SLOT_DIRTY);
}

void kt_table_changes(struct kt_table *t, struct kt_buf *out)
{
    struct kt_rd gone = kt_rd_of(kt_buf_str(&t->gone));
    while (gone.left > 0) {
        struct kt_table_row r = { .op = KT_ROW_REMOVE, .table = t->id };
        memcpy(&r.key, kt_rd_bytes(&gone, sizeof r.key).at, sizeof r.key);
        kt_table_row_add(&r, out);
    }
    kt_buf_reset(&t->gone);
    uint32_t from = t->mark == KT_NONE ? t->oldest : kt_slot(t, t->mark)->newer;
    for (uint32_t i = from; i != KT_NONE; i = kt_slot(t, i)->newer)
        add_put(t, i, ++t->uses, out);
    for (uint32_t i = 0; t->walked && i < t->n_slots; i++) {
        if (kt_slot(t, i)->flags & SLOT_CHANGED)
            add_put(t, i, 0, out);
    }
    t->walked = false;
    t->n_dirty = 0;
    t->births += t->n_slots - t->fresh;
    t->fresh = t->n_slots;
    t->mark = t->newest;
    t->waiting = true;
}

bool kt_table_row_read(struct kt_rd *in, struct kt_table_row *ret)
{
    if (in->left == 0)
        return false;
    *ret = (struct kt_table_row){ .op = kt_rd_u8(in) == KT_ROW_PUT ? KT_ROW_PUT : KT_ROW_REMOVE,
                                  .table = kt_rd_u8(in) };
    struct kt_str key = kt_rd_bytes(in, sizeof ret->key);
    if (!in->bad)
        memcpy(&ret->key, key.at, sizeof ret->key);
    if (in->bad || ret->op == KT_ROW_REMOVE)
        return !in->bad;
    ret->born = kt_rd_u64(in);
    ret->used = kt_rd_u64(in);
    ret->state = kt_rd_str32(in);
    return !in->bad;
}

void kt_table_saved(struct kt_table *t)
{
    t->waiting = false;
}

/* Structs from the last slabs take the free places of the first ones, when that empties a quarter
 * of all slabs. */
static void close_ranks(struct kt_table *t)
{
    uint32_t slabs = (t->bodies + (1u << t->slab_shift) - 1) >> t->slab_shift, free_place = 0;
    if (t->n_slabs < 4 || slabs > t->n_slabs - t->n_slabs / 4)
        return;
    uint8_t *taken = kt_alloc((size_t)t->bodies + 1);
    for (uint32_t i = 0; i < t->n_slots; i++) {
        uint32_t place = kt_slot(t, i)->body;
        if (place != 0 && place <= t->bodies)
            taken[place - 1] = 1;
    }
    for (uint32_t i = 0; i < t->n_slots; i++) {
        struct slot *s = kt_slot(t, i);
        if (s->body <= t->bodies)
            continue;
        const unsigned char *from = kt_body(t, s);
        while (taken[free_place])
            free_place++;
        s->body = (free_place++ + 1) & 0x3ffffffu;
        memcpy(kt_body(t, s), from, t->stride);
    }
    for (uint32_t i = slabs; i < t->n_slabs; i++)
        kt_free(t->slab[i]);
    t->n_slabs = slabs;
    t->used = t->bodies;
    t->free = 0;
    kt_free(taken);
}

/* One that was looked at since the last trim stays once more: it is read often, never touched. */
size_t kt_table_trim(struct kt_table *t, size_t want)
{
    size_t freed = 0;
    if (t->waiting || t->mark == KT_NONE || t->stride <= KT_STAYS)
        return 0;
    uint32_t end = kt_slot(t, t->mark)->newer;
    for (uint32_t i = t->oldest; i != end && freed < want; i = kt_slot(t, i)->newer) {
        struct slot *s = kt_slot(t, i);
        bool stays = s->body == 0 || s->flags & (SLOT_CHANGED | SLOT_SEEN);
        s->flags &= SLOT_ALL - SLOT_SEEN;
        if (stays)
            continue;
        kt_table_body_drop(t, s);
        freed += t->stride;
    }
    close_ranks(t);
    return freed;
}

/* ---- from the backing ---- */
void kt_table_head(const struct kt_table *t, struct kt_buf *out)
{
    kt_buf_u32(out, t->count);
    kt_buf_u64(out, t->evicted);
    kt_buf_u64(out, t->births);
    kt_buf_u64(out, t->uses);
}

bool kt_table_head_read(struct kt_table *t, struct kt_rd *in)
{
    t->want = kt_rd_u32(in);
    t->evicted = kt_rd_u64(in);
    t->births = kt_rd_u64(in);
    t->uses = kt_rd_u64(in);
    return !in->bad && t->want <= t->decl.max;
}

void kt_table_add(struct kt_table *t, struct kt_key key, uint64_t born, uint64_t used)
{
    if (t->n_loaded == t->cap_loaded) {
        t->cap_loaded = t->cap_loaded == 0 ? 64 : 2 * t->cap_loaded;
        t->loaded = kt_realloc_array(t->loaded, t->cap_loaded, sizeof *t->loaded);
    }
    t->strange = t->strange || kt_table_find(t, key) != KT_NONE;
    uint32_t i = kt_table_insert(t, key);
    kt_slot(t, i)->flags |= SLOT_SAVED;
    t->loaded[t->n_loaded++] = (struct loaded){ .born = born, .used = used, .slot = i };
}

static int by_birth(const void *x, const void *y)
{
    const struct loaded *p = x, *q = y;
    return (p->born > q->born) - (p->born < q->born);
}

static int by_use(const void *x, const void *y)
{
    const struct loaded *p = x, *q = y;
    return (p->used > q->used) - (p->used < q->used);
}

/* No entry twice, and each with numbers of its own: else it is no state that was written. */
static bool sorted(struct kt_table *t)
{
    for (uint32_t i = 1; i < t->n_loaded; i++) {
        if (t->loaded[i].used <= t->loaded[i - 1].used)
            return false;
    }
    if (t->strange || t->count > t->want || t->want > t->decl.max)
        return false;
    t->lost += t->want - t->count;
    return true;
}

bool kt_table_added(struct kt_table *t)
{
    uint32_t n = t->n_loaded, *order = kt_alloc_array((size_t)n + 1, sizeof *order);
    struct slot *slot = kt_alloc_array((size_t)n + 1, sizeof *slot);
    if (n > 0)
        qsort(t->loaded, n, sizeof *t->loaded, by_birth);
    for (uint32_t i = 0; i < n; i++) {
        slot[i] = *kt_slot(t, t->loaded[i].slot);
        t->loaded[i].slot = i;
    }
    for (uint32_t i = 0; i < n; i++)
        *kt_slot(t, i) = slot[i];
    if (n > 0)
        qsort(t->loaded, n, sizeof *t->loaded, by_use);
    bool good = sorted(t);
    for (uint32_t i = 0; i < n; i++)
        order[i] = t->loaded[i].slot;
    t->fresh = n;
    kt_table_link(t, order, n);
    t->mark = t->newest;
    kt_free(order);
    kt_free(slot);
    kt_free(t->loaded);
    t->loaded = NULL;
    t->n_loaded = t->cap_loaded = 0;
    return good;
}
