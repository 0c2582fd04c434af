/*
 * known: numbers of a map's keys, found again by a hash that is quick and not keyed. For whoever
 * asks for the same texts again and again, as walks over dictionaries do: most of kt_map_get there
 * is its keyed hash.
 *
 * Whoever makes texts collide only slows his own question down: a search is bounded, and what is
 * not found is asked of the map.
 */
#pragma once
#include "core/base/map.h"

struct kt_known {
    uint64_t *word; /* 0 = empty, else hash and number + 1 */
    uint32_t used, slots;
};
#define KT_KNOWN_MAX ((1u << 24) - 1) /* numbers from here on are never known */
void kt_known_done(struct kt_known *k);
/* The number of a key of m; KT_MAP_NONE: not known here, though m may have it. */
uint32_t kt_known_get(const struct kt_known *k, const struct kt_map *m, struct kt_str key);
/* From now on it is. m is the same map each time, and is not reset. */
void kt_known_add(struct kt_known *k, struct kt_str key, uint32_t number);
/* As kt_map_put, asked here first. */
uint32_t kt_known_put(struct kt_known *k, struct kt_map *m, struct kt_str key);
/* The same of n keys, as a dictionary has them: their places are fetched ahead. ret: n numbers. */
void kt_known_put_all(struct kt_known *k, struct kt_map *m, const struct kt_str *key, uint32_t n,
                      uint32_t *ret);
/* kt_known_get of n keys. */
void kt_known_get_all(const struct kt_known *k, const struct kt_map *m, const struct kt_str *key,
                      uint32_t n, uint32_t *ret);
