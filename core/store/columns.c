/*
 * columns: making the columns of a run of events, and their bytes; columns_read.c reads them.
 *
 * Owns:  the arrays inside struct kt_columns.
 * Calls: core/base, core/event.
 * Holds: the same events give the same bytes.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/map.h"
#include "core/store/columns_int.h"

#define N_TEXT (KT_COL_COUNT - KT_COL_SMALL)

struct kt_columns_maker {
    struct kt_map *value[N_TEXT];
    uint32_t *order, *rank; /* of one dictionary */
    size_t bytes[N_TEXT];   /* of entries, where columns are appended */
};

/* Entries of what was made here stand in the maker's map. */
static void own_entries(struct kt_text_column *t)
{
    size_t at = 0;
    kt_buf_reset(&t->bytes);
    for (uint32_t i = 0; i < t->n_dict; i++)
        kt_buf_add(&t->bytes, t->dict[i]);
    for (uint32_t i = 0; i < t->n_dict; at += t->dict[i++].len)
        t->dict[i].at = t->bytes.at + at;
}

static void free_maker(struct kt_columns *c)
{
    if (c->maker == NULL)
        return;
    for (unsigned i = 0; i < N_TEXT; i++)
        kt_map_free(c->maker->value[i]);
    kt_free(c->maker->order);
    kt_free(c->maker->rank);
    kt_free(c->maker);
    c->maker = NULL;
}

void kt_columns_settle(struct kt_columns *c)
{
    for (unsigned i = 0; i < N_TEXT && c->maker != NULL; i++)
        own_entries(&c->text[i]);
    free_maker(c);
}

size_t kt_columns_bytes(const struct kt_columns *c)
{
    size_t row = sizeof *c->time + sizeof *c->rank + sizeof *c->ranked + KT_COL_SMALL +
                 N_TEXT * (sizeof(uint16_t) + sizeof(struct kt_str));
    size_t sum = sizeof *c + c->entry.cap + row * c->room;
    for (unsigned i = 0; i < N_TEXT; i++)
        sum += c->text[i].bytes.cap;
    return sum;
}

void kt_columns_done(struct kt_columns *c)
{
    kt_free(c->time);
    for (unsigned i = 0; i < KT_COL_SMALL; i++)
        kt_free(c->small[i]);
    for (unsigned i = 0; i < N_TEXT; i++) {
        kt_free(c->text[i].dict);
        kt_free(c->text[i].code);
        kt_buf_done(&c->text[i].bytes);
    }
    kt_free(c->rank);
    kt_free(c->ranked);
    kt_buf_done(&c->entry);
    free_maker(c);
    *c = (struct kt_columns){ 0 };
}

static void make_room(struct kt_columns *c, uint32_t n)
{
    if (n <= c->room)
        return;
    uint32_t room = c->room == 0 ? 512 : 2 * c->room;
    room = room < n ? n : room;
    c->room = room > KT_COLUMNS_ROWS_MAX / 2 ? KT_COLUMNS_ROWS_MAX : room; /* and no more often */
    c->time = kt_realloc_array(c->time, c->room, sizeof *c->time);
    c->rank = kt_realloc_array(c->rank, c->room + 1, sizeof *c->rank);
    c->ranked = kt_realloc_array(c->ranked, c->room, sizeof *c->ranked);
    for (unsigned i = 0; i < KT_COL_SMALL; i++)
        c->small[i] = kt_realloc_array(c->small[i], c->room, sizeof *c->small[i]);
    for (unsigned i = 0; i < N_TEXT; i++) {
        c->text[i].code = kt_realloc_array(c->text[i].code, c->room, sizeof(uint16_t));
        c->text[i].dict = kt_realloc_array(c->text[i].dict, c->room, sizeof(struct kt_str));
    }
}

/* ---- making ---- */

void kt_columns_begin(struct kt_columns *c, uint32_t columns)
{
    c->n = 0;
    c->have = 0;
    c->making = columns;
    if (c->maker == NULL) {
        c->maker = kt_alloc(sizeof *c->maker);
        for (unsigned i = 0; i < N_TEXT; i++)
            c->maker->value[i] = kt_map_new(0);
    }
    for (unsigned i = 0; i < N_TEXT; i++)
        kt_map_reset(c->maker->value[i]);
    memset(c->maker->bytes, 0, sizeof c->maker->bytes);
}

static struct kt_str ip_bytes(const struct kt_event *ev)
{
    return ev->has_ip ? kt_str_from(ev->ip.at, sizeof ev->ip.at) : KT_STR_NONE;
}

/* Until the dictionaries are closed a code is 1 + the number of its first appearance. */
static void add_text(struct kt_columns *c, enum kt_col column, struct kt_str value)
{
    uint16_t *code = kt_column_text(c, column)->code;
    uint32_t at = c->n;
    if (value.len == 0) {
        code[at] = 0;
        return;
    }
    struct kt_map *map = c->maker->value[column - KT_COL_SMALL];
    if (at > 0 && code[at - 1] != 0 && kt_str_eq(kt_map_key(map, code[at - 1] - 1u), value))
        code[at] = code[at - 1];
    else
        code[at] = (uint16_t)(1 + kt_map_put(map, value, NULL));
}

void kt_columns_add(struct kt_columns *c, const struct kt_event *ev)
{
    assert(c->n < KT_COLUMNS_ROWS_MAX);
    make_room(c, c->n + 1);
    c->time[c->n] = ev->time > 0 ? ev->time : 0;
#define X(name, get) c->small[KT_COL_##name][c->n] = (uint8_t)(get);
    KT_SMALL_COLUMNS(X)
#undef X
#define X(name, get)                                                                               \
    if (c->making & KT_COLUMN(KT_COL_##name))                                                      \
        add_text(c, KT_COL_##name, get);
    KT_TEXT_COLUMNS(X)
#undef X
    c->n++;
}

static size_t entry_bytes(const struct kt_text_column *t)
{
    size_t sum = 0;
    for (uint32_t i = 0; i < t->n_dict; i++)
        sum += t->dict[i].len;
    return sum;
}

size_t kt_columns_texts(const struct kt_columns *c)
{
    size_t sum = 0;
    for (unsigned i = 0; i < N_TEXT; i++)
        if (c->have & KT_COLUMN(KT_COL_SMALL + i))
            sum += entry_bytes(&c->text[i]);
        else if (c->maker != NULL)
            sum += c->maker->bytes[i];
    return sum;
}

static void append_text(struct kt_columns *c, unsigned which, const struct kt_columns *from)
{
    const struct kt_text_column *t = &from->text[which];
    struct kt_map *map = c->maker->value[which];
    uint32_t *code = kt_alloc_array((size_t)t->n_dict + 1, sizeof *code);
    for (uint32_t i = 0; i < t->n_dict; i++) {
        bool is_new;
        code[i + 1] = 1 + kt_map_put(map, t->dict[i], &is_new);
        c->maker->bytes[which] += is_new ? t->dict[i].len : 0;
    }
    for (uint32_t i = 0; i < from->n; i++)
        c->text[which].code[c->n + i] = (uint16_t)code[t->code[i]];
    kt_free(code);
}

bool kt_columns_append(struct kt_columns *c, const struct kt_columns *from)
{
    assert(from->n <= KT_COLUMNS_ROWS_MAX - c->n);
    for (unsigned i = 0; i < N_TEXT; i++)
        if (entry_bytes(&from->text[i]) > KT_DICT_MAX - c->maker->bytes[i])
            return false;
    make_room(c, c->n + from->n);
    memcpy(c->time + c->n, from->time, from->n * sizeof *c->time);
    for (unsigned i = 0; i < KT_COL_SMALL; i++)
        memcpy(c->small[i] + c->n, from->small[i], from->n);
    for (unsigned i = 0; i < N_TEXT; i++)
        append_text(c, i, from);
    c->n += from->n;
    return true;
}

static int by_bytes(const void *a, const void *b, void *map)
{
    return kt_str_cmp(kt_map_key(map, *(const uint32_t *)a), kt_map_key(map, *(const uint32_t *)b));
}

static void close_text(struct kt_columns *c, unsigned which)
{
    struct kt_text_column *t = &c->text[which];
    struct kt_map *map = c->maker->value[which];
    uint32_t *order = c->maker->order, *rank = c->maker->rank;
    t->n_dict = kt_map_count(map);
    for (uint32_t i = 0; i < t->n_dict; i++)
        order[i] = i;
    if (t->n_dict > 1)
        qsort_r(order, t->n_dict, sizeof *order, by_bytes, map);
    for (uint32_t i = 0; i < t->n_dict; i++) {
        rank[order[i]] = i;
        t->dict[i] = kt_map_key(map, order[i]); /* stays until the next reset */
    }
    for (uint32_t i = 0; i < c->n; i++)
        if (t->code[i] != 0)
            t->code[i] = (uint16_t)(1 + rank[t->code[i] - 1]);
}

void kt_columns_close(struct kt_columns *c)
{
    c->maker->order = kt_realloc_array(c->maker->order, c->room + 1, sizeof(uint32_t));
    c->maker->rank = kt_realloc_array(c->maker->rank, c->room + 1, sizeof(uint32_t));
    for (unsigned i = 0; i < N_TEXT; i++) {
        c->text[i].n_dict = 0;
        if (c->making & KT_COLUMN(KT_COL_SMALL + i))
            close_text(c, i);
    }
    c->have = c->making | (KT_COLUMN(KT_COL_SMALL) - 1); /* these cost nothing */
}

/* ---- bytes ---- */

void kt_column_pack_time(const struct kt_columns *c, struct kt_buf *out)
{
    uint64_t before = 0;
    for (uint32_t i = 0; i < c->n; i++) {
        kt_buf_zigzag(out, (int64_t)((uint64_t)c->time[i] - before));
        before = (uint64_t)c->time[i];
    }
}

/* Sorted texts have long beginnings in common: each says how much of the one before it keeps. */
static void pack_dict(const struct kt_text_column *t, struct kt_buf *out)
{
    size_t total = 0;
    for (uint32_t i = 0; i < t->n_dict; i++)
        total += t->dict[i].len;
    kt_buf_varint(out, t->n_dict);
    kt_buf_varint(out, total);
    for (uint32_t i = 0; i < t->n_dict; i++) {
        size_t shared = i == 0 ? 0 : kt_str_shared(t->dict[i - 1], t->dict[i]);
        kt_buf_varint(out, shared);
        kt_buf_varint(out, t->dict[i].len - shared);
        kt_buf_add(out, kt_str_from_index(t->dict[i], shared));
    }
}

void kt_column_pack(const struct kt_columns *c, enum kt_col column, struct kt_buf *out)
{
    if (column < KT_COL_SMALL) {
        kt_buf_add_bytes(out, c->small[column], c->n);
        return;
    }
    const struct kt_text_column *t = &c->text[column - KT_COL_SMALL];
    pack_dict(t, out);
    unsigned width = kt_column_width(t->n_dict);
    kt_buf_u8(out, (uint8_t)width);
    for (uint32_t i = 0; i < c->n; i++) {
        if (width == 2)
            kt_buf_u16(out, t->code[i]);
        else
            kt_buf_u8(out, (uint8_t)t->code[i]);
    }
}

void kt_columns_reset_to(struct kt_columns *c, uint32_t n)
{
    assert(n <= KT_COLUMNS_ROWS_MAX);
    make_room(c, n);
    c->n = n;
    c->have = 0;
}
