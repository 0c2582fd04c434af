/* table_int: what table.c and table_save.c share. */
#pragma once
#include "detectors/table.h"

#define KT_NONE UINT32_MAX

enum {
    SLOT_LIVE = 1,    /* else the place of an entry that is gone */
    SLOT_SAVED = 2,   /* kt_table_changes has given it */
    SLOT_CHANGED = 4, /* since then, by a walk: its place in the order of use does not say so */
    SLOT_SEEN = 8,    /* looked at since the last trim */
    SLOT_ALL = 63,
    SLOT_DIRTY = 16, /* to be written, for either cause: counted in n_dirty */
};
struct slot { /* 32 bytes an entry, whether its struct is in memory or not */
    struct kt_key key;
    uint32_t older, newer, chain;
    uint32_t body : 26; /* place of the struct + 1; 0: in the backing */
    uint32_t flags : 6;
};
/* Structs no larger than that never leave memory: their keys take as much. */
#define KT_STAYS 40u
#define KT_SLOTS 256u /* allocated at once: no array that grows has to be moved */
struct loaded {       /* a row on its way in */
    uint64_t born, used;
    uint32_t slot;
};
struct kt_table {
    struct kt_table_decl decl;
    uint64_t seed, evicted;
    /* In order of creation, with holes where entries are gone. */
    struct slot **slots;
    uint32_t n_slots, n_chunks, count, oldest, newest;
    uint32_t *bucket, n_buckets;
    uint32_t found; /* the slot that was found last: it is often asked for again */
    /* Structs: slabs of 1 << slab_shift of them; a free one begins with the next free place + 1. */
    unsigned char **slab;
    uint32_t n_slabs, slab_shift, stride, used, free, bodies;
    bool walked;   /* some slot is SLOT_CHANGED */
    uint64_t lost; /* entries whose row was damaged or not there */
    /* what the backing has */
    const struct kt_backing *backing;
    uint32_t id, mark, fresh; /* mark: the newest in use that is written; fresh: first unwritten */
    bool waiting;             /* changes were given, and are not yet said to be saved */
    uint32_t n_dirty;
    uint64_t births, uses; /* last numbers given */
    struct kt_buf gone;    /* keys of written entries that are gone */
    struct kt_buf packed;  /* on its way in or out */
    unsigned char *scratch;
    struct loaded *loaded;
    uint32_t n_loaded, cap_loaded, want; /* want: entries that the head promised */
    bool strange;                        /* of the rows: a key came twice */
};
static inline struct slot *kt_slot(const struct kt_table *t, uint32_t i)
{
    return &t->slots[i / KT_SLOTS][i % KT_SLOTS];
}
/* NULL: in the backing. */
static inline unsigned char *kt_body(const struct kt_table *t, const struct slot *s)
{
    uint32_t i = s->body - 1;
    return s->body == 0 ? NULL
                        : t->slab[i >> t->slab_shift] +
                              (size_t)(i & ((1u << t->slab_shift) - 1)) * t->stride;
}
/* A zeroed struct for a slot that has none; and the end of it. */
unsigned char *kt_table_body_new(struct kt_table *t, struct slot *s);
void kt_table_body_drop(struct kt_table *t, struct slot *s);
/* Makes room for n slots in all. */
void kt_table_slots(struct kt_table *t, uint32_t n);
/* The struct of a slot; one that is not in memory is left in a place that the next call uses again.
 * NULL: it is lost, and the slot gone. */
const unsigned char *kt_table_glance(struct kt_table *t, uint32_t i);
/* The struct of a row, when the row is whole, of this entry, and sound. */
bool kt_table_open(const struct kt_table *t, struct kt_key key, struct kt_str row, void *ret);
/* A new slot at the end of both orders, without a struct. */
uint32_t kt_table_insert(struct kt_table *t, struct kt_key key);
uint32_t kt_table_find(struct kt_table *t, struct kt_key key);
/* The order of use becomes that of the slots in `at`, the hash and the holes are as they must be.
 */
void kt_table_link(struct kt_table *t, const uint32_t *at, uint32_t n);
