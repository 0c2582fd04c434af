/*
 * counted: see the header.
 *
 * Owns:  the entries and their texts.
 * Calls: core/base. No clock.
 */
#include "core/answer/counted.h"

#include <stdlib.h>

#include "core/base/alloc.h"
#include "core/base/known.h"
#include "core/base/map.h"

struct kt_counted {
    struct kt_known known; /* of keys */
    struct kt_map *keys;   /* u8 action ‖ u32 length of the operation ‖ operation ‖ what */
    struct kt_counted_thing *at;   /* by number in keys */
    struct kt_counted_thing *list; /* sorted */
    uint32_t cap, max;
    uint64_t more;
    struct kt_buf key;
};

struct kt_counted *kt_counted_new(uint32_t max, uint64_t seed)
{
    struct kt_counted *t = kt_alloc(sizeof *t);
    *t = (struct kt_counted){ .keys = kt_map_new(seed), .max = max };
    return t;
}

void kt_counted_free(struct kt_counted *t)
{
    if (t == NULL)
        return;
    kt_map_free(t->keys);
    kt_known_done(&t->known);
    kt_free(t->at);
    kt_free(t->list);
    kt_buf_done(&t->key);
    kt_free(t);
}

void kt_counted_reset(struct kt_counted *t)
{
    kt_map_reset(t->keys);
    kt_known_done(&t->known);
    t->more = 0;
}

static uint32_t get(const struct kt_counted *t, struct kt_str key)
{
    uint32_t n = kt_known_get(&t->known, t->keys, key);
    return n != KT_MAP_NONE ? n : kt_map_get(t->keys, key);
}

uint32_t kt_counted_number(struct kt_counted *t, const struct kt_counted_thing *one)
{
    const uint32_t before = kt_map_count(t->keys);
    kt_buf_reset(&t->key);
    kt_buf_u8(&t->key, (uint8_t)one->action);
    kt_buf_str32(&t->key, one->operation);
    kt_buf_add(&t->key, one->what);
    if (before >= t->max)
        return get(t, kt_buf_str(&t->key));
    uint32_t n = kt_known_put(&t->known, t->keys, kt_buf_str(&t->key));
    if (n >= t->cap) {
        t->cap = t->cap == 0 ? 32 : 2 * t->cap;
        t->at = kt_realloc_array(t->at, t->cap, sizeof *t->at);
    }
    if (n >= before) {
        struct kt_str key = kt_map_key(t->keys, n);
        t->at[n] = (struct kt_counted_thing){
            .what = kt_str_from_index(key, 5 + one->operation.len),
            .action = one->action,
            .operation = kt_str_sub(key, 5, one->operation.len),
            .first = INT64_MAX,
            .last = INT64_MIN,
        };
    }
    return n;
}

void kt_counted_sum_at(struct kt_counted *t, uint32_t number, const struct kt_counted_thing *one)
{
    if (number == KT_MAP_NONE) {
        t->more += one->n;
        return;
    }
    struct kt_counted_thing *at = &t->at[number];
    at->n += one->n;
    at->first = one->first < at->first ? one->first : at->first;
    at->last = one->last > at->last ? one->last : at->last;
}

void kt_counted_sum(struct kt_counted *t, const struct kt_counted_thing *one)
{
    kt_counted_sum_at(t, kt_counted_number(t, one), one);
}

void kt_counted_add(struct kt_counted *t, const struct kt_counted_thing *one, kt_time_ns time)
{
    struct kt_counted_thing once = *one;
    once.n = 1;
    once.first = once.last = time;
    kt_counted_sum(t, &once);
}

bool kt_counted_has_room(const struct kt_counted *t, uint32_t n)
{
    const uint32_t used = kt_map_count(t->keys);
    return used >= t->max || n <= t->max - used;
}

static int most_first(const void *x, const void *y)
{
    const struct kt_counted_thing *a = x, *b = y;
    if (a->n != b->n)
        return a->n > b->n ? -1 : 1;
    int c = kt_str_cmp(a->what, b->what);
    if (c == 0)
        c = kt_str_cmp(a->operation, b->operation);
    return c != 0 ? c : (a->action > b->action) - (a->action < b->action);
}

struct kt_counted_list kt_counted_sorted(struct kt_counted *t)
{
    uint32_t n = kt_map_count(t->keys);
    kt_free(t->list);
    t->list = kt_alloc_array(n + 1, sizeof *t->list);
    for (uint32_t i = 0; i < n; i++)
        t->list[i] = t->at[i];
    qsort(t->list, n, sizeof *t->list, most_first);
    return (struct kt_counted_list){ t->list, n, t->more };
}
