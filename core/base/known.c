/*
 * known: see the header. Open addressing, at most half full.
 *
 * Owns:  the table.
 * Calls: core/base (map, alloc).
 */
#include "core/base/known.h"

#include <string.h>

#include "core/base/alloc.h"

#define PROBES      8u
#define NUMBER_BITS 24u
#define TOGETHER    16u /* keys whose places are fetched while others are looked at */

void kt_known_done(struct kt_known *k)
{
    kt_free(k->word);
    *k = (struct kt_known){ 0 };
}

/* 40 bits, never 0. The multipliers are those of MurmurHash3's finalizer. */
static uint64_t hash_of(struct kt_str s)
{
    uint64_t h = s.len * 0x9e3779b97f4a7c15u, word = 0;
    size_t i = 0;
    for (; i + 8 <= s.len; i += 8) {
        memcpy(&word, s.at + i, 8);
        h = (h ^ word) * 0xff51afd7ed558ccdu;
        h ^= h >> 32;
    }
    word = 0;
    if (i < s.len)
        memcpy(&word, s.at + i, s.len - i);
    h = (h ^ word) * 0xc4ceb9fe1a85ec53u;
    return (h ^ h >> 33) >> NUMBER_BITS | 1;
}

static uint32_t find(const struct kt_known *k, const struct kt_map *m, struct kt_str key,
                     uint64_t hash)
{
    uint32_t at = (uint32_t)hash & (k->slots - 1);
    for (unsigned i = 0; i < PROBES && k->slots > 0 && k->word[at] != 0; i++) {
        uint32_t number = (uint32_t)(k->word[at] & KT_KNOWN_MAX) - 1;
        if (k->word[at] >> NUMBER_BITS == hash && kt_str_eq(kt_map_key(m, number), key))
            return number;
        at = (at + 1) & (k->slots - 1);
    }
    return KT_MAP_NONE;
}

uint32_t kt_known_get(const struct kt_known *k, const struct kt_map *m, struct kt_str key)
{
    return find(k, m, key, hash_of(key));
}

static void place(struct kt_known *k, uint64_t word)
{
    uint32_t at = (uint32_t)(word >> NUMBER_BITS) & (k->slots - 1);
    for (unsigned i = 0; i < PROBES; i++, at = (at + 1) & (k->slots - 1))
        if (k->word[at] == 0) {
            k->word[at] = word;
            k->used++;
            return;
        }
}

static void grow(struct kt_known *k)
{
    struct kt_known old = *k;
    k->slots = old.slots == 0 ? 1024 : 2 * old.slots;
    k->used = 0;
    k->word = kt_alloc_array(k->slots, sizeof *k->word);
    for (uint32_t i = 0; i < old.slots; i++)
        if (old.word[i] != 0)
            place(k, old.word[i]);
    kt_free(old.word);
}

void kt_known_add(struct kt_known *k, struct kt_str key, uint32_t number)
{
    if (number >= KT_KNOWN_MAX)
        return;
    if (k->used * 2 >= k->slots)
        grow(k);
    place(k, hash_of(key) << NUMBER_BITS | (number + 1));
}

static uint32_t put(struct kt_known *k, struct kt_map *m, struct kt_str key, uint64_t hash)
{
    uint32_t number = find(k, m, key, hash);
    if (number == KT_MAP_NONE) {
        number = kt_map_put(m, key, NULL);
        kt_known_add(k, key, number);
    }
    return number;
}

uint32_t kt_known_put(struct kt_known *k, struct kt_map *m, struct kt_str key)
{
    return put(k, m, key, hash_of(key));
}

/* The text that the first place of a hash leads to will be compared. */
static void fetch_text(const struct kt_known *k, const struct kt_map *m, uint64_t hash)
{
    uint64_t word = k->word[(uint32_t)hash & (k->slots - 1)];
    if (word >> NUMBER_BITS == hash)
        __builtin_prefetch(kt_map_key(m, (uint32_t)(word & KT_KNOWN_MAX) - 1).at);
}

/* The hashes of up to TOGETHER keys, whose places are on their way. */
static void expect(const struct kt_known *k, const struct kt_map *m, const struct kt_str *key,
                   uint32_t n, uint64_t *hash)
{
    for (uint32_t i = 0; i < n; i++) {
        hash[i] = hash_of(key[i]);
        if (k->slots > 0)
            __builtin_prefetch(&k->word[(uint32_t)hash[i] & (k->slots - 1)]);
    }
    for (uint32_t i = 0; i < n && k->slots > 0; i++)
        fetch_text(k, m, hash[i]);
}

void kt_known_put_all(struct kt_known *k, struct kt_map *m, const struct kt_str *key, uint32_t n,
                      uint32_t *ret)
{
    uint64_t hash[TOGETHER];
    for (uint32_t from = 0; from < n; from += TOGETHER) {
        const uint32_t some = n - from < TOGETHER ? n - from : TOGETHER;
        expect(k, m, &key[from], some, hash);
        for (uint32_t i = 0; i < some; i++)
            ret[from + i] = put(k, m, key[from + i], hash[i]);
    }
}

void kt_known_get_all(const struct kt_known *k, const struct kt_map *m, const struct kt_str *key,
                      uint32_t n, uint32_t *ret)
{
    uint64_t hash[TOGETHER];
    for (uint32_t from = 0; from < n; from += TOGETHER) {
        const uint32_t some = n - from < TOGETHER ? n - from : TOGETHER;
        expect(k, m, &key[from], some, hash);
        for (uint32_t i = 0; i < some; i++)
            ret[from + i] = find(k, m, key[from + i], hash[i]);
    }
}
