/*
 * checkpoint_keep: which older checkpoints stay in the store: of the last day the last one of each
 * hour, before it the last one of each day, and of those hours that a witness has cosigned.
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

enum kt_status kt_keeping_pass(struct kt_keeping *k, struct kt_store *store,
                               const struct kt_kept *newest, struct kt_str note, kt_time_ns next,
                               struct kt_error *err)
{
    char name[64];
    if (part(newest->at, KT_NS_HOUR) == part(next, KT_NS_HOUR))
        return KT_OK;
    name_of(newest->size, name);
    enum kt_status st = kt_store_put(store, name, note, err);
    if (st == KT_OK)
        st = thin(k, store, next, err);
    if (st != KT_OK)
        return st;
    k->at[k->n++] = *newest;
    return write_index(k, store, err);
}
