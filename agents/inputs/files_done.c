/*
 * files_done: the memory of an input of objects.
 *
 * Owns:  the sets of prints and their text.
 * Calls: core/base.
 */
#include "agents/inputs/files_done.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/base/map.h"
#include <stdio.h>
#include <string.h>

#define SET_SIZE   64u
#define PRINT_TEXT 16u /* base64url of 12 bytes */

struct set {
    uint64_t no;
    uint32_t n;
    struct files_print at[SET_SIZE];
    kt_time_ns seen; /* newest look at which one of its objects was there */
    bool changed;
};
struct files_done {
    struct kt_map *prints; /* print -> number; numbers of dropped sets stay until the next start */
    uint32_t *set_of;      /* number -> index of its set + 1; 0 = dropped */
    uint32_t cap_prints, count;
    struct set **sets; /* by index; NULL = dropped and told */
    uint32_t n_sets, cap_sets;
    uint64_t next_no;
};

struct files_done *files_done_new(void)
{
    struct files_done *d = kt_alloc(sizeof *d);
    d->prints = kt_map_new(0);
    return d;
}

void files_done_free(struct files_done *d)
{
    if (d == NULL)
        return;
    for (uint32_t i = 0; i < d->n_sets; i++)
        kt_free(d->sets[i]);
    kt_map_free(d->prints);
    kt_free(d->sets);
    kt_free(d->set_of);
    kt_free(d);
}

struct files_print files_print(const char *path, const struct kt_stat *st)
{
    const struct kt_str parts[] = { kt_str_of(path), kt_str_from(&st->size, sizeof st->size),
                                    kt_str_from(&st->mtime, sizeof st->mtime) };
    uint8_t sum[16];
    struct files_print p;

    kt_blake2b(parts, KT_ARRAY_LEN(parts), sum, sizeof sum);
    memcpy(p.at, sum, sizeof p.at);
    return p;
}

struct files_print files_print_of(const struct kt_str *parts, size_t n)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    uint8_t sum[16];
    struct files_print p;

    for (size_t i = 0; i < n; i++)
        kt_buf_str32(&text, parts[i]);
    kt_blake2b(&(struct kt_str){ text.at, text.len }, 1, sum, sizeof sum);
    memcpy(p.at, sum, sizeof p.at);
    return p;
}

static uint32_t new_set(struct files_done *d, uint64_t no, kt_time_ns now)
{
    if (d->n_sets == d->cap_sets) {
        d->cap_sets = d->cap_sets == 0 ? 16 : 2 * d->cap_sets;
        d->sets = kt_realloc_array(d->sets, d->cap_sets, sizeof(struct set *));
    }
    struct set *s = kt_alloc(sizeof *s);
    s->no = no;
    s->seen = now;
    d->sets[d->n_sets] = s;
    d->next_no = no >= d->next_no ? no + 1 : d->next_no;
    return d->n_sets++;
}

static void put(struct files_done *d, uint32_t index, const struct files_print *p)
{
    uint32_t number = kt_map_put(d->prints, kt_str_from(p->at, sizeof p->at), NULL);
    struct set *s = d->sets[index];

    if (number >= d->cap_prints) {
        uint32_t cap = d->cap_prints == 0 ? 256 : 2 * d->cap_prints;
        d->set_of = kt_realloc_array(d->set_of, cap, sizeof *d->set_of);
        memset(d->set_of + d->cap_prints, 0, (cap - d->cap_prints) * sizeof *d->set_of);
        d->cap_prints = cap;
    }
    d->set_of[number] = index + 1;
    s->at[s->n++] = *p;
    d->count++;
}

void files_done_load(struct files_done *d, struct kt_str key, struct kt_str value, kt_time_ns now)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 };
    uint64_t no = 0;

    if (!kt_str_starts(key, KT_STR("done/")) || !kt_str_u64(kt_str_from_index(key, 5), &no) ||
        !kt_base64url_decode(value, &raw) || raw.len > SET_SIZE * FILES_PRINT)
        return;
    uint32_t index = new_set(d, no, now);
    for (size_t i = 0; i + FILES_PRINT <= raw.len; i += FILES_PRINT) {
        struct files_print p;
        memcpy(p.at, raw.at + i, sizeof p.at);
        put(d, index, &p);
    }
}

bool files_done_has(struct files_done *d, const struct files_print *p, kt_time_ns now)
{
    uint32_t number = kt_map_get(d->prints, kt_str_from(p->at, sizeof p->at));

    if (number == KT_MAP_NONE || d->set_of[number] == 0)
        return false;
    d->sets[d->set_of[number] - 1]->seen = now;
    return true;
}

bool files_done_add(struct files_done *d, const struct files_print *p, kt_time_ns now)
{
    if (files_done_has(d, p, now))
        return true;
    if (d->count >= FILES_DONE_MAX)
        return false;
    uint32_t index = d->n_sets - 1;
    if (d->n_sets == 0 || d->sets[index] == NULL || d->sets[index]->n == SET_SIZE)
        index = new_set(d, d->next_no, now);
    put(d, index, p);
    d->sets[index]->seen = now;
    d->sets[index]->changed = true;
    return true;
}

void files_done_prune(struct files_done *d, kt_time_ns before)
{
    for (uint32_t i = 0; i < d->n_sets; i++) {
        struct set *s = d->sets[i];
        if (s == NULL || s->n == 0 || s->seen >= before)
            continue;
        for (uint32_t k = 0; k < s->n; k++) {
            uint32_t number = kt_map_get(d->prints, kt_str_from(s->at[k].at, FILES_PRINT));
            d->set_of[number] = 0;
        }
        d->count -= s->n;
        s->n = 0; /* told as an empty value, then forgotten */
        s->changed = true;
    }
}

uint32_t files_done_count(const struct files_done *d)
{
    return d->count;
}

void files_done_positions(struct files_done *d, bool changed_only,
                          void (*each)(void *self, struct kt_str key, struct kt_str value),
                          void *self)
{
    for (uint32_t i = 0; i < d->n_sets; i++) {
        struct set *s = d->sets[i];
        KT_CLEANUP(kt_buf_done) struct kt_buf value = { 0 };
        char key[32];
        if (s == NULL || (changed_only && !s->changed))
            continue;
        (void)snprintf(key, sizeof key, "done/%llu", (unsigned long long)s->no);
        kt_base64url_add(&value, kt_str_from(s->at, (size_t)s->n * sizeof s->at[0]));
        each(self, kt_str_of(key), kt_buf_str(&value));
        s->changed = false;
        if (s->n == 0) {
            kt_free(s);
            d->sets[i] = NULL;
        }
    }
}
