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
#define RECENT        8u

struct fact {
    struct kt_aged_item item; /* key points into bytes */
    struct kt_str value;
    char bytes[];
};
struct kt_source_memory {
    struct kt_aged facts;
    /* By the first byte of a key, which says what kind of fact it is: the one that was found last.
     * It is mostly asked for again, and then needs no hash. */
    struct fact *last[RECENT];
};

struct kt_source_memory *kt_source_memory_new(void)
{
    return kt_alloc(sizeof(struct kt_source_memory));
}

static struct fact **last_of(struct kt_source_memory *m, struct kt_str key)
{
    return &m->last[(key.len > 0 ? (unsigned char)key.at[0] : 0) % RECENT];
}

static bool is_last(const struct fact *last, struct kt_str key)
{
    return last != NULL && kt_str_eq(last->item.key, key);
}

/* The fact, as the newest; NULL when there is none. And the hash of its key. */
static struct fact *find(struct kt_source_memory *m, struct kt_str key, uint64_t *ret_hash)
{
    struct fact **last = last_of(m, key);
    if (is_last(*last, key)) {
        *ret_hash = (*last)->item.hash;
    } else {
        *ret_hash = kt_aged_hash(key);
        struct fact *found = (struct fact *)(void *)kt_aged_find(&m->facts, key, *ret_hash);
        if (found == NULL)
            return NULL;
        *last = found;
    }
    kt_aged_touch(&m->facts, &(*last)->item);
    return *last;
}

static void forget(struct kt_source_memory *m, struct kt_aged_item *item)
{
    struct fact **last = last_of(m, item->key);
    if (*last == (struct fact *)(void *)item)
        *last = NULL;
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
    uint64_t hash;
    const struct fact *found = m->facts.n > 0 ? find(m, key, &hash) : NULL;
    return found != NULL ? found->value : KT_STR_NONE;
}

void kt_source_remember(struct kt_source_memory *m, struct kt_str key, struct kt_str value)
{
    if (key.len > MEMORY_STRING || value.len > MEMORY_STRING)
        return;
    uint64_t hash;
    struct fact *found = find(m, key, &hash);
    if (found != NULL && kt_str_eq(found->value, value))
        return;
    if (found != NULL)
        forget(m, &found->item);
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
