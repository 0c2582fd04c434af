/*
 * follow_rows: changed rows of the state on their way to the store.
 *
 * Owns:  the rows, one behind the other as detectors/table.h forms them, and a hash over the newest
 *        one of each entry.
 * Calls: detectors/table, core/base. No clock, no I/O.
 * Holds: one row an entry; those that it replaced take no more than as much room again.
 */
#include "collector/follow_rows.h"

#include <assert.h>
#include <endian.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/limits.h"

#define SLOTS_FIRST 1024u
/* Address space: so much comes from the system and goes back to it (core/base/alloc); a buffer that
 * grows would leave its former places as holes between the structs of the state. */
#define ROOM     (KT_DETECT_ROWS_MAX + (8u << 20))
#define ROW_HEAD 18u /* operation, table, key */

struct kt_changed {
    atomic_uint refs;
    struct kt_buf bytes;
    size_t replaced;  /* of bytes: rows that others took the place of */
    uint32_t *slot;   /* places + 1, 0 = free; n_slots is a power of two, at most half used */
    uint32_t *sorted; /* n places */
    uint32_t n, n_slots;
};

struct kt_changed *kt_changed_new(void)
{
    struct kt_changed *r = kt_alloc(sizeof *r);
    atomic_init(&r->refs, 1);
    r->n_slots = SLOTS_FIRST;
    r->slot = kt_alloc_array(r->n_slots, sizeof *r->slot);
    (void)kt_buf_reserve(&r->bytes, ROOM);
    return r;
}

struct kt_changed *kt_changed_share(struct kt_changed *r)
{
    (void)atomic_fetch_add(&r->refs, 1);
    return r;
}

void kt_changed_free(struct kt_changed *r)
{
    if (r == NULL || atomic_fetch_sub(&r->refs, 1) != 1)
        return;
    kt_buf_done(&r->bytes);
    kt_free(r->slot);
    kt_free(r->sorted);
    kt_free(r);
}

static struct kt_table_row row_at(const struct kt_changed *r, uint32_t at)
{
    struct kt_rd in = kt_rd_of(kt_str_from(r->bytes.at + at, r->bytes.len - at));
    struct kt_table_row row = { .table = 0 };
    bool good = kt_table_row_read(&in, &row);
    assert(good);
    (void)good;
    return row;
}

static size_t length(const struct kt_table_row *row)
{
    return row->op == KT_ROW_REMOVE ? ROW_HEAD : ROW_HEAD + 8 + 8 + 4 + row->state.len;
}

static uint64_t mix(uint64_t z) /* all bits of a key count: an address has its own at one end */
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Of a row as it lies here: most rows are looked at for no more than that. */
static bool is_of(const char *row, uint32_t table, struct kt_key key)
{
    return (unsigned char)row[1] == table && memcmp(row + 2, &key, sizeof key) == 0;
}

/* The slot of an entry, or the free one that it would take. */
static uint32_t *slot_of(const struct kt_changed *r, uint32_t table, struct kt_key key)
{
    for (uint64_t i = mix(mix(key.a ^ table) + key.b);; i++) {
        uint32_t *slot = &r->slot[i & (r->n_slots - 1)];
        if (*slot == 0)
            return slot;
        if (is_of(r->bytes.at + *slot - 1, table, key))
            return slot;
    }
}

static void more_slots(struct kt_changed *r)
{
    uint32_t *old = r->slot;
    uint32_t n = r->n_slots;
    r->n_slots *= 2;
    r->slot = kt_alloc_array(r->n_slots, sizeof *r->slot);
    for (uint32_t i = 0; i < n; i++) {
        if (old[i] == 0)
            continue;
        struct kt_table_row row = row_at(r, old[i] - 1);
        *slot_of(r, row.table, row.key) = old[i];
    }
    kt_free(old);
}

/* The newest rows only. */
static void pack(struct kt_changed *r)
{
    struct kt_buf kept = { 0 };
    (void)kt_buf_reserve(&kept, ROOM);
    for (uint32_t i = 0; i < r->n_slots; i++) {
        if (r->slot[i] == 0)
            continue;
        struct kt_table_row row = row_at(r, r->slot[i] - 1);
        kt_buf_add_bytes(&kept, r->bytes.at + r->slot[i] - 1, length(&row));
        r->slot[i] = (uint32_t)(kept.len - length(&row) + 1);
    }
    kt_buf_done(&r->bytes);
    r->bytes = kept;
    r->replaced = 0;
}

static void take(struct kt_changed *r, struct kt_table_row row)
{
    uint32_t *slot = slot_of(r, row.table, row.key);
    assert(r->bytes.len < UINT32_MAX); /* a slice of the log behind KT_DETECT_ROWS_MAX at most */
    if (*slot == 0) {
        r->n++;
    } else {
        struct kt_table_row was = row_at(r, *slot - 1);
        r->replaced += length(&was);
        bool goes_on = was.op == KT_ROW_PUT && row.op == KT_ROW_PUT;
        row.born = goes_on && row.born == 0 ? was.born : row.born;
        row.used = goes_on && row.used == 0 ? was.used : row.used;
    }
    *slot = (uint32_t)r->bytes.len + 1;
    kt_table_row_add(&row, &r->bytes);
    if (2 * r->n > r->n_slots)
        more_slots(r);
}

void kt_changed_take(struct kt_changed *r, struct kt_str changes)
{
    struct kt_rd in = kt_rd_of(changes);
    struct kt_table_row row;
    while (kt_table_row_read(&in, &row))
        take(r, row);
    assert(!in.bad);
    if (r->replaced > r->bytes.len / 2)
        pack(r);
}

void kt_changed_give(struct kt_changed *to, const struct kt_changed *later)
{
    kt_changed_take(to, kt_buf_str(&later->bytes));
}

enum kt_changed_known kt_changed_find(const struct kt_changed *r, uint32_t table, struct kt_key key,
                                      struct kt_buf *ret)
{
    uint32_t at = *slot_of(r, table, key);
    if (at == 0)
        return KT_CHANGED_NOTHING;
    struct kt_table_row row = row_at(r, at - 1);
    if (row.op == KT_ROW_REMOVE)
        return KT_CHANGED_REMOVED;
    kt_buf_add(ret, row.state);
    return KT_CHANGED_PUT;
}

uint32_t kt_changed_count(const struct kt_changed *r)
{
    return r->n;
}

size_t kt_changed_bytes(const struct kt_changed *r)
{
    return r->bytes.len + r->n_slots * sizeof *r->slot;
}

/* ---- in order ---- */
struct place {
    uint64_t a, b; /* the key, as numbers that compare as its bytes do */
    uint32_t at, table;
};

static int by_key(const void *x, const void *y)
{
    const struct place *p = x, *q = y;
    if (p->a != q->a)
        return p->a < q->a ? -1 : 1;
    if (p->b != q->b)
        return p->b < q->b ? -1 : 1;
    return (p->table > q->table) - (p->table < q->table);
}

void kt_changed_sort(struct kt_changed *r)
{
    struct place *place = kt_alloc_array((size_t)r->n + 1, sizeof *place);
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->n_slots; i++) {
        if (r->slot[i] == 0)
            continue;
        struct kt_table_row row = row_at(r, r->slot[i] - 1);
        place[n++] = (struct place){ .a = be64toh(row.key.a),
                                     .b = be64toh(row.key.b),
                                     .at = r->slot[i] - 1,
                                     .table = row.table };
    }
    qsort(place, n, sizeof *place, by_key);
    r->sorted = kt_realloc_array(r->sorted, (size_t)n + 1, sizeof *r->sorted);
    for (uint32_t i = 0; i < n; i++)
        r->sorted[i] = place[i].at;
    kt_free(place);
}

bool kt_changed_next(const struct kt_changed *r, uint32_t *at, struct kt_table_row *ret)
{
    if (*at == r->n)
        return false;
    *ret = row_at(r, r->sorted[(*at)++]);
    return true;
}
