/*
 * checkpoint_keep: which older checkpoints stay in the store: of the last day one of each hour,
 * the last one that a witness has cosigned, else the last one; before it the last one of each day,
 * and those that a witness has cosigned.
 *
 * Owns:  the blob "checkpoints": those of the last day, a line "<size> <seconds> <witnessed>" each.
 * Calls: core/store/write.
 * Holds: hours and days are those of the wall clock in UTC; one that was set back lets an hour have
 *        two checkpoints, and loses none.
 */
#include "collector/checkpoint_int.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define INDEX "checkpoints"

static void name_of(uint64_t size, char ret[64])
{
    (void)snprintf(ret, 64, KT_CHECKPOINT_HISTORY "%" PRIu64, size);
}

static bool take_kept(struct kt_str line, struct kt_kept *ret)
{
    struct kt_str size, at;
    uint64_t seconds;
    if (!kt_str_split(&line, ' ', &size) || !kt_str_split(&line, ' ', &at) ||
        !kt_str_u64(size, &ret->size) || !kt_str_u64(at, &seconds) || seconds > INT64_MAX / KT_NS_S)
        return false;
    ret->at = (kt_time_ns)seconds * KT_NS_S;
    ret->witnessed = kt_str_is(line, "1");
    return true;
}

enum kt_status kt_keeping_load(struct kt_store *store, struct kt_keeping *ret, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    enum kt_status st = kt_store_get(store, INDEX, &text, err);
    struct kt_str rest = kt_buf_str(&text), line;
    ret->n = 0;
    while (st == KT_OK && ret->n < KT_KEPT_MAX && kt_str_split(&rest, '\n', &line))
        ret->n += take_kept(line, &ret->at[ret->n]); /* a line that does not read keeps its blob */
    return st == KT_E_AGAIN ? KT_OK : st;
}

static enum kt_status write_index(const struct kt_keeping *k, struct kt_store *store,
                                  struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    for (unsigned i = 0; i < k->n; i++)
        kt_buf_addf(&text, "%" PRIu64 " %" PRId64 " %d\n", k->at[i].size, k->at[i].at / KT_NS_S,
                    k->at[i].witnessed);
    return kt_store_put(store, INDEX, kt_buf_str(&text), err);
}

static int64_t part(kt_time_ns t, kt_time_ns unit)
{
    return t / unit;
}

/* The oldest of the last day has left it: does it stay for good? */
static bool stays(const struct kt_keeping *k)
{
    const struct kt_kept *first = &k->at[0];
    return first->witnessed || k->n == 1 ||
           part(first->at, KT_NS_DAY) != part(k->at[1].at, KT_NS_DAY);
}

static enum kt_status thin(struct kt_keeping *k, struct kt_store *store, kt_time_ns now,
                           struct kt_error *err)
{
    char name[64];
    enum kt_status st = KT_OK;
    while (st == KT_OK && k->n > 0 && (now - k->at[0].at > KT_NS_DAY || k->n == KT_KEPT_MAX)) {
        name_of(k->at[0].size, name);
        if (!stays(k))
            st = kt_store_put(store, name, KT_STR_NONE, err);
        k->n--;
        memmove(k->at, k->at + 1, k->n * sizeof *k->at);
    }
    return st;
}

struct kt_kept *kt_keeping_find(struct kt_keeping *k, uint64_t size)
{
    for (unsigned i = 0; i < k->n; i++)
        if (k->at[i].size == size)
            return &k->at[i];
    return NULL;
}

enum kt_status kt_keeping_put(struct kt_store *store, uint64_t size, struct kt_str note,
                              struct kt_error *err)
{
    char name[64];
    name_of(size, name);
    return kt_store_put(store, name, note, err);
}

/* By size: one that is cosigned late stands before those that came meanwhile. */
static void insert(struct kt_keeping *k, const struct kt_kept *c)
{
    unsigned i = k->n;
    while (i > 0 && k->at[i - 1].size > c->size)
        i--;
    memmove(k->at + i + 1, k->at + i, (k->n - i) * sizeof *k->at);
    k->at[i] = *c;
    k->n++;
}

/* The one that a witness has cosigned of that hour; NULL: none. */
static struct kt_kept *witnessed_of(struct kt_keeping *k, kt_time_ns at)
{
    struct kt_kept *found = NULL;
    for (unsigned i = 0; i < k->n; i++)
        if (k->at[i].witnessed && part(k->at[i].at, KT_NS_HOUR) == part(at, KT_NS_HOUR))
            found = &k->at[i];
    return found;
}

enum kt_status kt_keeping_witnessed(struct kt_keeping *k, struct kt_store *store, uint64_t size,
                                    kt_time_ns at, struct kt_error *err)
{
    const struct kt_kept c = { .size = size, .at = at, .witnessed = true };
    struct kt_kept *had = kt_keeping_find(k, size), *before = witnessed_of(k, at);
    enum kt_status st = KT_OK;
    if (had != NULL && had->witnessed)
        return KT_OK;
    if (had != NULL) {
        had->witnessed = true;
        return write_index(k, store, err);
    }
    if (before != NULL && before->size < size) {
        st = kt_keeping_put(store, before->size, KT_STR_NONE, err);
        k->n--;
        memmove(before, before + 1, (size_t)(k->at + k->n - before) * sizeof *before);
    }
    if (st == KT_OK)
        st = thin(k, store, at, err);
    if (st != KT_OK)
        return st;
    insert(k, &c);
    return write_index(k, store, err);
}

enum kt_status kt_keeping_pass(struct kt_keeping *k, struct kt_store *store,
                               const struct kt_kept *newest, struct kt_str note, kt_time_ns next,
                               struct kt_error *err)
{
    enum kt_status st = KT_OK;
    if (part(newest->at, KT_NS_HOUR) == part(next, KT_NS_HOUR))
        return KT_OK;
    bool stands = kt_keeping_find(k, newest->size) != NULL || witnessed_of(k, newest->at) != NULL;
    if (!stands)
        st = kt_keeping_put(store, newest->size, note, err);
    if (st == KT_OK)
        st = thin(k, store, next, err);
    if (st != KT_OK)
        return st;
    if (!stands)
        insert(k, newest);
    return write_index(k, store, err);
}
