/*
 * aged: chained hash table with an age list through its items.
 *
 * Owns:  the bucket array; items belong to the caller.
 * Calls: core/base.
 */
#include "agents/aged.h"

#include "core/base/alloc.h"
#include "core/base/hash.h"

static struct kt_aged_item **bucket(const struct kt_aged *a, uint64_t hash)
{
    return &a->buckets[hash & (a->n_buckets - 1)];
}

void kt_aged_done(struct kt_aged *a)
{
    kt_free(a->buckets);
    *a = (struct kt_aged){ 0 };
}

uint64_t kt_aged_hash(struct kt_str key)
{
    return kt_hash64(key, 0);
}

struct kt_aged_item *kt_aged_find(const struct kt_aged *a, struct kt_str key, uint64_t hash)
{
    if (a->n == 0)
        return NULL;
    for (struct kt_aged_item *i = *bucket(a, hash); i != NULL; i = i->chain)
        if (i->hash == hash && kt_str_eq(i->key, key))
            return i;
    return NULL;
}

static void grow(struct kt_aged *a)
{
    kt_free(a->buckets);
    a->n_buckets = a->n_buckets == 0 ? 64 : a->n_buckets * 2;
    a->buckets = kt_alloc_array(a->n_buckets, sizeof(struct kt_aged_item *));
    for (struct kt_aged_item *i = a->oldest; i != NULL; i = i->newer) {
        i->chain = *bucket(a, i->hash);
        *bucket(a, i->hash) = i;
    }
}

static void append(struct kt_aged *a, struct kt_aged_item *item)
{
    item->older = a->newest;
    item->newer = NULL;
    if (a->newest != NULL)
        a->newest->newer = item;
    else
        a->oldest = item;
    a->newest = item;
}

static void unlink_age(struct kt_aged *a, struct kt_aged_item *item)
{
    if (item->older != NULL)
        item->older->newer = item->newer;
    else
        a->oldest = item->newer;
    if (item->newer != NULL)
        item->newer->older = item->older;
    else
        a->newest = item->older;
}

void kt_aged_add(struct kt_aged *a, struct kt_aged_item *item)
{
    if (a->n >= a->n_buckets)
        grow(a);
    item->chain = *bucket(a, item->hash);
    *bucket(a, item->hash) = item;
    append(a, item);
    a->n++;
}

void kt_aged_touch(struct kt_aged *a, struct kt_aged_item *item)
{
    if (a->newest == item)
        return;
    unlink_age(a, item);
    append(a, item);
}

void kt_aged_remove(struct kt_aged *a, struct kt_aged_item *item)
{
    struct kt_aged_item **at = bucket(a, item->hash);
    while (*at != item)
        at = &(*at)->chain;
    *at = item->chain;
    unlink_age(a, item);
    a->n--;
}
