/*
 * aside_index: places of numbers that wait, by their hash.
 *
 * Owns:  a small hash for each of the lists that were asked about lately.
 * Calls: core/base. No clock, no I/O.
 * Holds: at most KEPT_MAX bytes, or one list, where that alone takes more; what is forgotten costs
 * a walk over that list and changes no answer.
 */
#include "collector/aside_index.h"

#include <string.h>

#include "core/base/alloc.h"

#define OWNERS   4096u
#define LEAST    64u
#define KEPT_MAX (8u << 20)

struct kt_aside_index {
    struct kt_aside_places of[OWNERS];
    size_t kept; /* bytes of all at */
};

struct kt_aside_index *kt_aside_index_new(void)
{
    return kt_alloc(sizeof(struct kt_aside_index));
}

void kt_aside_index_empty(struct kt_aside_index *x)
{
    for (unsigned i = 0; i < OWNERS; i++)
        kt_free(x->of[i].at);
    memset(x, 0, sizeof *x);
}

void kt_aside_index_free(struct kt_aside_index *x)
{
    if (x == NULL)
        return;
    kt_aside_index_empty(x);
    kt_free(x);
}

static void forget(struct kt_aside_places *l)
{
    l->n = 0;
    if (l->size > 0)
        memset(l->at, 0, l->size * sizeof *l->at);
}

static struct kt_aside_places *slot_of(struct kt_aside_index *x, struct kt_key owner)
{
    return &x->of[(owner.a ^ owner.b) / 2 % OWNERS]; /* the lowest bit of a name's key is set */
}

void kt_aside_index_drop(struct kt_aside_index *x, struct kt_key owner)
{
    struct kt_aside_places *l = slot_of(x, owner);
    if (l->n > 0 && kt_key_eq(l->owner, owner))
        forget(l);
}

struct kt_aside_places *kt_aside_places(struct kt_aside_index *x, struct kt_key owner)
{
    struct kt_aside_places *l = slot_of(x, owner);
    if (!kt_key_eq(l->owner, owner)) {
        forget(l);
        l->owner = owner;
    }
    return l;
}

static void insert(struct kt_aside_places *l, uint32_t hash, uint32_t place)
{
    uint32_t i = hash & (l->size - 1);
    while (l->at[i].place != 0)
        i = (i + 1) & (l->size - 1);
    l->at[i].hash = hash;
    l->at[i].place = place;
}

/* Twice the room; when all lists together have no more, the others are forgotten. */
static void grow(struct kt_aside_index *x, struct kt_aside_places *l)
{
    struct kt_aside_places old = *l;
    l->size = old.size == 0 ? LEAST : 2 * old.size;
    l->at = kt_alloc_array(l->size, sizeof *l->at);
    for (uint32_t i = 0; i < old.size; i++) {
        if (old.at[i].place != 0)
            insert(l, old.at[i].hash, old.at[i].place);
    }
    kt_free(old.at);
    x->kept += (l->size - old.size) * sizeof *l->at;
    if (x->kept <= KEPT_MAX)
        return;
    struct kt_aside_places kept = *l;
    l->at = NULL;
    kt_aside_index_empty(x);
    *l = kept;
    x->kept = kept.size * sizeof *kept.at;
}

void kt_aside_places_skip(struct kt_aside_places *l)
{
    l->n++;
}

void kt_aside_places_add(struct kt_aside_index *x, struct kt_aside_places *l, uint32_t hash)
{
    if (2 * (l->n + 1) > l->size)
        grow(x, l);
    insert(l, hash, ++l->n);
}

bool kt_aside_places_next(const struct kt_aside_places *l, uint32_t hash, uint32_t *at,
                          uint32_t *ret_place)
{
    for (; l->size > 0; ++*at) {
        uint32_t i = (hash + *at) & (l->size - 1);
        if (l->at[i].place == 0)
            return false;
        if (l->at[i].hash != hash)
            continue;
        *ret_place = l->at[i].place - 1;
        ++*at;
        return true;
    }
    return false;
}
