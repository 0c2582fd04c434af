/*
 * sample: see the header.
 *
 * Owns:  for each stratum a heap of the n smallest so far, the largest on top.
 * Calls: core/base (hash, map). No chance, no clock.
 */
#include "core/answer/sample.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/base/map.h"

struct stratum {
    uint64_t size;
    uint32_t n, cap, share;
    struct kt_pick *heap; /* ids are heap copies */
};
struct kt_sampler {
    char *seed;
    size_t seed_len;
    uint32_t n;
    uint64_t population;
    struct kt_sha256 *digest;
    struct kt_map *names;
    struct stratum *at;
    uint32_t n_strata;
    struct kt_pick *drawn;
};

struct kt_sampler *kt_sampler_new(struct kt_str seed, uint32_t n)
{
    struct kt_sampler *s = kt_alloc(sizeof *s);
    *s = (struct kt_sampler){ .seed = kt_str_dup(seed),
                              .seed_len = seed.len,
                              .n = n > KT_SAMPLE_MAX ? KT_SAMPLE_MAX : n,
                              .digest = kt_sha256_new(),
                              .names = kt_map_new(0),
                              .at = kt_alloc_array(KT_SAMPLE_STRATA_MAX, sizeof *s->at) };
    kt_sha256_start(s->digest);
    return s;
}

static void drop(struct kt_pick *p)
{
    kt_free(p->id.len > 0 ? (void *)(uintptr_t)p->id.at : NULL);
}

void kt_sampler_free(struct kt_sampler *s)
{
    if (s == NULL)
        return;
    for (uint32_t i = 0; i < s->n_strata; i++) {
        for (uint32_t k = 0; k < s->at[i].n; k++)
            drop(&s->at[i].heap[k]);
        kt_free(s->at[i].heap);
    }
    kt_sha256_free(s->digest);
    kt_map_free(s->names);
    kt_free(s->at);
    kt_free(s->drawn);
    kt_free(s->seed);
    kt_free(s);
}

/* ---- heaps ---- */

static bool less(const struct kt_pick *a, const struct kt_pick *b)
{
    return memcmp(a->rank, b->rank, sizeof a->rank) < 0;
}

static void swap(struct kt_pick *a, struct kt_pick *b)
{
    struct kt_pick t = *a;
    *a = *b;
    *b = t;
}

static void rise(struct kt_pick *heap, uint32_t i)
{
    for (; i > 0 && less(&heap[(i - 1) / 2], &heap[i]); i = (i - 1) / 2)
        swap(&heap[(i - 1) / 2], &heap[i]);
}

static void sink(struct kt_pick *heap, uint32_t n)
{
    for (uint32_t i = 0, child = 1; child < n; i = child, child = 2 * i + 1) {
        if (child + 1 < n && less(&heap[child], &heap[child + 1]))
            child++;
        if (!less(&heap[i], &heap[child]))
            return;
        swap(&heap[i], &heap[child]);
    }
}

static void keep(struct stratum *t, uint32_t max, const struct kt_pick *pick)
{
    if (max == 0 || (t->n == max && !less(pick, &t->heap[0])))
        return;
    struct kt_pick copy = *pick;
    copy.id = kt_str_from(kt_str_dup(pick->id), pick->id.len);
    if (t->n == max) {
        drop(&t->heap[0]);
        t->heap[0] = copy;
        sink(t->heap, t->n);
        return;
    }
    if (t->n == t->cap) {
        t->cap = t->cap == 0 ? 16 : 2 * t->cap;
        t->heap = kt_realloc_array(t->heap, t->cap, sizeof *t->heap);
    }
    t->heap[t->n] = copy;
    rise(t->heap, t->n++);
}

enum kt_status kt_sampler_add(struct kt_sampler *s, struct kt_str id, struct kt_str stratum,
                              struct kt_error *err)
{
    struct kt_pick pick = { .id = id, .place = s->population };
    const struct kt_str parts[] = { kt_str_from(s->seed, s->seed_len), kt_str_from("", 1), id };
    if (id.len == 0 || id.len > KT_SAMPLE_ID_MAX)
        return kt_fail(err, KT_E_LIMIT, "an id has %zu bytes; 1 to %u can be drawn", id.len,
                       KT_SAMPLE_ID_MAX);
    uint32_t t = kt_map_put(s->names, stratum, NULL);
    if (t >= KT_SAMPLE_STRATA_MAX)
        return kt_fail(err, KT_E_LIMIT, "more than %u strata", KT_SAMPLE_STRATA_MAX);
    s->n_strata = kt_map_count(s->names);
    s->population++;
    s->at[t].size++;
    kt_sha256_add(s->digest, id.at, id.len);
    kt_sha256_add(s->digest, "\n", 1);
    kt_sha256_of(parts, KT_ARRAY_LEN(parts), pick.rank);
    keep(&s->at[t], s->n, &pick);
    return KT_OK;
}

/* ---- drawing ---- */

/* By largest remainder. */
static void divide(struct kt_sampler *s)
{
    uint64_t all = s->population < s->n ? s->population : s->n, given = 0;
    for (uint32_t i = 0; i < s->n_strata; i++) {
        s->at[i].share = (uint32_t)(all * s->at[i].size / s->population);
        given += s->at[i].share;
    }
    for (; given < all; given++) {
        uint32_t best = KT_SAMPLE_STRATA_MAX;
        uint64_t most = 0;
        for (uint32_t i = 0; i < s->n_strata; i++) {
            uint64_t rest = all * s->at[i].size % s->population;
            bool got = s->at[i].share > all * s->at[i].size / s->population;
            if (!got && (best == KT_SAMPLE_STRATA_MAX || rest > most)) {
                best = i;
                most = rest;
            }
        }
        s->at[best].share++;
    }
}

static int by_rank(const void *a, const void *b)
{
    return memcmp(((const struct kt_pick *)a)->rank, ((const struct kt_pick *)b)->rank, 32);
}

static int by_place(const void *pa, const void *pb)
{
    const struct kt_pick *a = pa, *b = pb;
    return a->place < b->place ? -1 : a->place > b->place;
}

const struct kt_pick *kt_sampler_draw(struct kt_sampler *s, uint32_t *ret_n,
                                      uint64_t *ret_population, uint8_t ret_digest[32])
{
    uint32_t n = 0;
    s->drawn = kt_alloc_array(s->n + 1, sizeof *s->drawn);
    if (s->population > 0)
        divide(s);
    for (uint32_t i = 0; i < s->n_strata; i++) {
        struct stratum *t = &s->at[i];
        qsort(t->heap, t->n, sizeof *t->heap, by_rank);
        for (uint32_t k = 0; k < t->share && k < t->n; k++) {
            s->drawn[n] = t->heap[k];
            s->drawn[n++].stratum = kt_map_key(s->names, i);
        }
    }
    qsort(s->drawn, n, sizeof *s->drawn, by_place);
    kt_sha256_end(s->digest, ret_digest);
    *ret_population = s->population;
    *ret_n = n;
    return s->drawn;
}
