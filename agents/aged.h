/* aged: a table of items by key that also knows their age; the base of bounded memories. */
#pragma once
#include "core/base/str.h"

/* First member of whatever is kept; key.at belongs to the owner and must outlive the item. */
struct kt_aged_item {
    struct kt_aged_item *chain, *older, *newer;
    struct kt_str key;
    uint64_t hash;
};
struct kt_aged {
    struct kt_aged_item **buckets, *oldest, *newest;
    size_t n_buckets, n;
};
void kt_aged_done(struct kt_aged *a); /* frees the table, not the items */
/* Of a key; whoever finds and adds needs it once. */
uint64_t kt_aged_hash(struct kt_str key);
struct kt_aged_item *kt_aged_find(const struct kt_aged *a, struct kt_str key, uint64_t hash);
/* Adds as the newest; key and its hash must be set and not yet in the table. */
void kt_aged_add(struct kt_aged *a, struct kt_aged_item *item);
void kt_aged_touch(struct kt_aged *a, struct kt_aged_item *item); /* makes it the newest */
void kt_aged_remove(struct kt_aged *a, struct kt_aged_item *item);
