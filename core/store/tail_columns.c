/*
 * tail_columns: see the header.
 *
 * Owns:  the columns that are kept.
 * Calls: core/base (alloc), core/store (columns, row).
 * Holds: at most so many batches, rows and bytes, and beside them what is in use, which stays where
 *        it is.
 */
#include "core/store/tail_columns.h"

#include <assert.h>
#include <stddef.h>

#include "core/base/alloc.h"
#include "core/store/row.h"

struct kept {
    struct kt_columns columns;
    uint64_t first_seq; /* 0: the place is free */
    uint32_t rows, users;
    struct kt_buf lines; /* packed, as the file has them */
    size_t bytes;
    bool made;
};
struct kt_tail_columns {
    unsigned holders;
    struct kept at[KT_TAIL_KEPT_BATCHES];
};

struct kt_tail_columns *kt_tail_columns_new(void)
{
    struct kt_tail_columns *t = kt_alloc(sizeof *t);
    t->holders = 1;
    return t;
}

struct kt_tail_columns *kt_tail_columns_share(struct kt_tail_columns *t)
{
    t->holders++;
    return t;
}

static void clear(struct kept *k)
{
    kt_columns_done(&k->columns);
    kt_buf_done(&k->lines);
    *k = (struct kept){ 0 };
}

void kt_tail_columns_free(struct kt_tail_columns *t)
{
    if (t == NULL || --t->holders > 0)
        return;
    for (unsigned i = 0; i < KT_TAIL_KEPT_BATCHES; i++)
        clear(&t->at[i]);
    kt_free(t);
}

static struct kept *find(struct kt_tail_columns *t, const struct kt_row *row)
{
    for (unsigned i = 0; i < KT_TAIL_KEPT_BATCHES; i++) {
        struct kept *k = &t->at[i];
        if (k->first_seq == row->first_seq && k->rows == row->count &&
            kt_str_eq(kt_buf_str(&k->lines), row->lines))
            return k;
    }
    return NULL;
}

static size_t bytes_kept(const struct kt_tail_columns *t)
{
    size_t sum = 0;
    for (unsigned i = 0; i < KT_TAIL_KEPT_BATCHES; i++)
        sum += t->at[i].bytes;
    return sum;
}

static struct kept *oldest_unused(struct kt_tail_columns *t)
{
    struct kept *oldest = NULL;
    for (unsigned i = 0; i < KT_TAIL_KEPT_BATCHES; i++) {
        struct kept *k = &t->at[i];
        if (k->first_seq != 0 && k->users == 0 &&
            (oldest == NULL || k->first_seq < oldest->first_seq))
            oldest = k;
    }
    return oldest;
}

/* Room for a batch, where older ones make it: those are sealed first. */
static struct kept *make_room(struct kt_tail_columns *t, const struct kt_row *row)
{
    for (;;) {
        struct kept *place = NULL, *oldest = oldest_unused(t);
        uint32_t rows = row->count;
        for (unsigned i = 0; i < KT_TAIL_KEPT_BATCHES; i++) {
            struct kept *k = &t->at[i];
            rows += k->rows;
            if (k->first_seq == 0)
                place = k;
        }
        if (place != NULL && rows <= KT_TAIL_KEPT_ROWS)
            return place;
        if (oldest == NULL || oldest->first_seq > row->first_seq)
            return NULL;
        clear(oldest);
    }
}

static bool lacks(const struct kept *k, uint32_t wanted)
{
    return !k->made || (wanted & ~k->columns.have) != 0;
}

struct kt_columns *kt_tail_columns_take(struct kt_tail_columns *t, const struct kt_row *row,
                                        uint32_t wanted, uint32_t *ret_make)
{
    assert(wanted != 0);
    *ret_make = wanted;
    if (t == NULL || row->lines.len == 0 || row->lines.len > KT_TAIL_KEPT_BYTES ||
        row->first_seq == 0)
        return NULL;
    struct kept *k = find(t, row);
    if (k != NULL && lacks(k, wanted) && k->users > 0)
        return NULL; /* whoever began it is not done, or reads it */
    if (k == NULL)
        k = make_room(t, row);
    if (k == NULL)
        return NULL;
    *ret_make = !lacks(k, wanted) ? 0 : k->made ? KT_COLUMNS_ALL : wanted;
    k->made = *ret_make == 0;
    k->first_seq = row->first_seq;
    k->rows = row->count;
    if (k->lines.len == 0)
        kt_buf_add(&k->lines, row->lines);
    if (!k->made)
        k->bytes = k->lines.cap;
    k->users++;
    return &k->columns;
}

static struct kept *of(const struct kt_columns *c)
{
    _Static_assert(offsetof(struct kept, columns) == 0, "a place begins with its columns");
    return (struct kept *)(uintptr_t)c;
}

/* Only now is it known how long its names are. */
void kt_tail_columns_made(struct kt_tail_columns *t, const struct kt_columns *c)
{
    struct kept *k = of(c), *oldest;
    if (k->made)
        return;
    kt_columns_settle(&k->columns);
    k->bytes = k->lines.cap + kt_columns_bytes(&k->columns);
    k->made = true;
    while (k->bytes <= KT_TAIL_KEPT_BYTES && bytes_kept(t) > KT_TAIL_KEPT_BYTES &&
           (oldest = oldest_unused(t)) != NULL && oldest->first_seq < k->first_seq)
        clear(oldest);
}

/* What was begun and could not be made is not kept, nor is what there is no room for. */
void kt_tail_columns_leave(struct kt_tail_columns *t, const struct kt_columns *c)
{
    struct kept *k = of(c);
    if (--k->users == 0 && (!k->made || bytes_kept(t) > KT_TAIL_KEPT_BYTES))
        clear(k);
}
