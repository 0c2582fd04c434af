/* map: byte strings to dense numbers 0, 1, 2 … in order of first appearance. The caller keeps
 * parallel arrays, so every walk is in number order, never in hash order. */
#pragma once
#include "core/base/str.h"

struct kt_map; /* opaque */
#define KT_MAP_NONE UINT32_MAX

/* seed makes hash order unguessable; a fixed one makes runs repeatable. */
struct kt_map *kt_map_new(uint64_t seed);
void kt_map_free(struct kt_map *m);
void kt_map_reset(struct kt_map *m);
/* The number of key, added when new (key bytes are copied; *ret_new may be NULL). */
uint32_t kt_map_put(struct kt_map *m, struct kt_str key, bool *ret_new);
uint32_t kt_map_get(const struct kt_map *m, struct kt_str key); /* KT_MAP_NONE when absent */
struct kt_str kt_map_key(const struct kt_map *m, uint32_t number);
uint32_t kt_map_count(const struct kt_map *m);
size_t kt_map_bytes(const struct kt_map *m); /* memory held, for budgets */
