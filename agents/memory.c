/*
 * memory: the small facts that a source keeps between records (source.h). Losing one is harmless by
 * contract: the source then says less, never something wrong.
 *
 * Owns:  keys and values, at most MEMORY_KEYS, the one longest unused is dropped.
 * Calls: core/base, agents/aged.
 */
#include <string.h>

#include "agents/aged.h"
#include "agents/source.h"
#include "core/base/alloc.h"

#define MEMORY_KEYS   65536u
#define MEMORY_STRING 256u /* longer keys and values are not remembered */

struct fact {
    struct kt_aged_item item; /* key points into bytes */
    struct kt_str value;
    char bytes[];
};
struct kt_source_memory {
    struct kt_aged facts;
};

struct kt_source_memory *kt_source_memory_new(void)
{
    return kt_alloc(sizeof(struct kt_source_memory));
}

static void forget(struct kt_source_memory *m, struct kt_aged_item *item)
{
    kt_aged_remove(&m->facts, item);
    kt_free(item);
}

void kt_source_memory_free(struct kt_source_memory *m)
{
    if (m == NULL)
        return;
    while (m->facts.oldest != NULL)
        forget(m, m->facts.oldest);
    kt_aged_done(&m->facts);
    kt_free(m);
}

struct kt_str kt_source_recall(struct kt_source_memory *m, struct kt_str key)
{
    if (m->facts.n == 0)
        return KT_STR_NONE;
    struct kt_aged_item *found = kt_aged_find(&m->facts, key, kt_aged_hash(key));
    if (found == NULL)
        return KT_STR_NONE;
    kt_aged_touch(&m->facts, found);
    return ((struct fact *)(void *)found)->value;
}

void kt_source_remember(struct kt_source_memory *m, struct kt_str key, struct kt_str value)
{
    if (key.len > MEMORY_STRING || value.len > MEMORY_STRING)
        return;
    const uint64_t hash = kt_aged_hash(key);
    struct kt_aged_item *found = kt_aged_find(&m->facts, key, hash);
    if (found != NULL) {
        if (kt_str_eq(((struct fact *)(void *)found)->value, value)) {
            kt_aged_touch(&m->facts, found);
            return;
        }
        forget(m, found);
    }
    if (m->facts.n >= MEMORY_KEYS)
        forget(m, m->facts.oldest);
    struct fact *f = kt_alloc(sizeof *f + key.len + value.len);
    if (key.len > 0)
        memcpy(f->bytes, key.at, key.len);
    if (value.len > 0)
        memcpy(f->bytes + key.len, value.at, value.len);
    f->item.key = kt_str_from(f->bytes, key.len);
    f->item.hash = hash;
    f->value = kt_str_from(f->bytes + key.len, value.len);
    kt_aged_add(&m->facts, &f->item);
}
