/*
 * columns: making the columns of a run of events, and their bytes.
 *
 * Owns:  the arrays inside struct kt_columns.
 * Calls: core/base, core/event.
 * Holds: the same events give the same bytes; bytes are read as hostile ones (THREATS I6).
 */
#include "core/store/columns.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/map.h"

#define N_TEXT   (KT_COL_COUNT - KT_COL_SMALL)
#define DICT_MAX (32u << 20) /* bytes of all entries: a segment's lines are fewer */

struct kt_columns_maker {
    struct kt_map *value[N_TEXT];
    uint32_t *order, *rank; /* of one dictionary */
};

void kt_columns_done(struct kt_columns *c)
{
    kt_free(c->time);
    for (unsigned i = 0; i < KT_COL_SMALL; i++)
        kt_free(c->small[i]);
    for (unsigned i = 0; i < N_TEXT; i++) {
        kt_free(c->text[i].dict);
        kt_free(c->text[i].code);
        kt_buf_done(&c->text[i].bytes);
        if (c->maker != NULL)
            kt_map_free(c->maker->value[i]);
    }
    kt_free(c->rank);
    kt_buf_done(&c->entry);
    if (c->maker != NULL) {
        kt_free(c->maker->order);
        kt_free(c->maker->rank);
        kt_free(c->maker);
    }
    *c = (struct kt_columns){ 0 };
}

static void make_room(struct kt_columns *c, uint32_t n)
{
    if (n <= c->room)
        return;
    uint32_t room = c->room == 0 ? 512 : 2 * c->room;
    c->room = room < n ? n : room;
    c->time = kt_realloc_array(c->time, c->room, sizeof *c->time);
    c->rank = kt_realloc_array(c->rank, c->room + 1, sizeof *c->rank);
    for (unsigned i = 0; i < KT_COL_SMALL; i++)
        c->small[i] = kt_realloc_array(c->small[i], c->room, sizeof *c->small[i]);
    for (unsigned i = 0; i < N_TEXT; i++) {
        c->text[i].code = kt_realloc_array(c->text[i].code, c->room, sizeof(uint16_t));
        c->text[i].dict = kt_realloc_array(c->text[i].dict, c->room, sizeof(struct kt_str));
    }
}

/* ---- making ---- */

void kt_columns_reset(struct kt_columns *c)
{
    c->n = 0;
    c->have = 0;
    if (c->maker == NULL) {
        c->maker = kt_alloc(sizeof *c->maker);
        for (unsigned i = 0; i < N_TEXT; i++)
            c->maker->value[i] = kt_map_new(0);
    }
    for (unsigned i = 0; i < N_TEXT; i++)
        kt_map_reset(c->maker->value[i]);
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
#define X(name, get) add_text(c, KT_COL_##name, get);
    KT_TEXT_COLUMNS(X)
#undef X
    c->n++;
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
    for (unsigned i = 0; i < N_TEXT; i++)
        close_text(c, i);
    c->have = KT_COLUMN(KT_COL_COUNT) - 1;
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

static size_t shared_prefix(struct kt_str a, struct kt_str b)
{
    size_t n = a.len < b.len ? a.len : b.len, i = 0;
    while (i < n && a.at[i] == b.at[i])
        i++;
    return i;
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
        size_t shared = i == 0 ? 0 : shared_prefix(t->dict[i - 1], t->dict[i]);
        kt_buf_varint(out, shared);
        kt_buf_varint(out, t->dict[i].len - shared);
        kt_buf_add(out, kt_str_from_index(t->dict[i], shared));
    }
}

/* Bytes of a code. */
static unsigned width_of(uint64_t entries)
{
    return entries > UINT8_MAX ? 2 : 1;
}

void kt_column_pack(const struct kt_columns *c, enum kt_col column, struct kt_buf *out)
{
    if (column < KT_COL_SMALL) {
        kt_buf_add_bytes(out, c->small[column], c->n);
        return;
    }
    const struct kt_text_column *t = &c->text[column - KT_COL_SMALL];
    pack_dict(t, out);
    unsigned width = width_of(t->n_dict);
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

/* A varint of up to eight bytes, of which ten are left; longer ones, and those at the end, are read
 * by kt_rd_varint. Returns how many bytes it has; 0: not this way. */
static inline unsigned quick_varint(const unsigned char *at, uint64_t *ret)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < 8; i++) {
        v |= (uint64_t)(at[i] & 0x7f) << (7 * i);
        if (at[i] < 0x80) {
            *ret = v;
            return i + 1;
        }
    }
    return 0;
}

enum kt_status kt_column_unpack_time(struct kt_columns *c, struct kt_str bytes,
                                     struct kt_error *err)
{
    struct kt_rd rd = kt_rd_of(bytes);
    uint64_t at = 0, v = 0;
    for (uint32_t i = 0; i < c->n; i++) {
        unsigned n = rd.left >= 10 ? quick_varint(rd.at, &v) : 0;
        rd.at += n;
        rd.left -= n;
        at += n == 0 ? (uint64_t)kt_rd_zigzag(&rd) : v >> 1 ^ (0 - (v & 1));
        c->time[i] = (kt_time_ns)at;
    }
    if (rd.bad || rd.left != 0)
        return kt_fail(err, KT_E_CORRUPT, "the column of times does not hold %u of them", c->n);
    return KT_OK;
}

/* Copies n bytes, sixteen at a time: what is written behind them is written again, and both sides
 * have SLACK bytes to spare. Dictionaries are made of thousands of short pieces. */
#define SLACK 16u
static inline void copy_short(char *to, const char *from, size_t n)
{
    for (size_t i = 0; i < n; i += SLACK) {
        char some[SLACK];
        memcpy(some, from + i, SLACK);
        memcpy(to + i, some, SLACK);
    }
}

/* What is shared is all that is: then two entries are in order when the byte behind it is. Read in
 * place, over the one before, the shared bytes are there already. */
static inline bool read_entry(struct kt_rd *rd, struct kt_str before, char *to, size_t room,
                              struct kt_str *ret)
{
    uint64_t shared = kt_rd_varint(rd), rest = kt_rd_varint(rd);
    if (rd->bad || shared > before.len || rest == 0 || rest > rd->left || shared + rest > room)
        return false;
    if (shared < before.len && (uint8_t)before.at[shared] >= rd->at[0])
        return false;
    if (to != before.at)
        copy_short(to, before.at, (size_t)shared);
    if (rd->left - rest >= SLACK)
        copy_short(to + shared, (const char *)rd->at, (size_t)rest);
    else
        memcpy(to + shared, rd->at, (size_t)rest);
    rd->at += rest;
    rd->left -= (size_t)rest;
    *ret = kt_str_from(to, (size_t)(shared + rest));
    return true;
}

static bool read_sizes(struct kt_rd *rd, uint32_t rows, uint64_t *ret_n, uint64_t *ret_total)
{
    *ret_n = kt_rd_varint(rd);
    *ret_total = kt_rd_varint(rd);
    return !rd->bad && *ret_n <= rows && *ret_total <= DICT_MAX;
}

static bool read_dict(struct kt_rd *rd, struct kt_text_column *t, uint32_t rows)
{
    uint64_t n, total;
    if (!read_sizes(rd, rows, &n, &total))
        return false;
    kt_buf_reset(&t->bytes);
    char *to = kt_buf_reserve(&t->bytes, (size_t)total + SLACK);
    struct kt_str before = KT_STR_NONE;
    size_t used = 0;
    for (t->n_dict = 0; t->n_dict < n; t->n_dict++) {
        if (!read_entry(rd, before, to + used, (size_t)total - used, &t->dict[t->n_dict]))
            return false;
        before = t->dict[t->n_dict];
        used += before.len;
    }
    return used == total;
}

static bool read_codes(struct kt_rd *rd, struct kt_text_column *t, uint32_t rows)
{
    unsigned width = kt_rd_u8(rd);
    if (rd->bad || width != width_of(t->n_dict) || rd->left != (size_t)rows * width)
        return false;
    uint16_t most = 0;
    const unsigned char *at = rd->at;
    for (uint32_t i = 0; i < rows && width == 1; i++)
        t->code[i] = at[i];
    for (uint32_t i = 0; i < rows && width == 2; i++)
        t->code[i] = (uint16_t)(at[2 * i] | at[2 * i + 1] << 8);
    for (uint32_t i = 0; i < rows; i++)
        most = t->code[i] > most ? t->code[i] : most;
    return most <= t->n_dict;
}

static bool unpack_text(struct kt_columns *c, struct kt_text_column *t, struct kt_str bytes)
{
    struct kt_rd rd = kt_rd_of(bytes);
    return read_dict(&rd, t, c->n) && read_codes(&rd, t, c->n);
}

/* ---- some rows of a text column ---- */

/* The codes stand at the end, as wide as the number of entries says: so they are read first. */
static bool read_codes_first(struct kt_rd *rd, struct kt_text_column *t, uint32_t rows, uint64_t n)
{
    size_t size = 1 + (size_t)rows * width_of(n);
    if (rd->left < size)
        return false;
    rd->left -= size;
    struct kt_rd codes = { .at = rd->at + rd->left, .left = size };
    t->n_dict = (uint32_t)n;
    return read_codes(&codes, t, rows);
}

/* Reads past all entries, each over the one before, and keeps those that have a rank. */
static bool read_ranked(struct kt_columns *c, struct kt_rd *rd, struct kt_text_column *t,
                        uint64_t n, size_t total)
{
    kt_buf_reset(&t->bytes);
    kt_buf_reset(&c->entry);
    char *to = kt_buf_reserve(&t->bytes, total + SLACK);
    struct kt_str entry = { kt_buf_reserve(&c->entry, total + SLACK), 0 };
    size_t used = 0, kept = 0;
    t->n_dict = 0;
    for (uint64_t i = 0; i < n; i++) {
        if (!read_entry(rd, entry, c->entry.at, total - used, &entry))
            return false;
        used += entry.len;
        if (c->rank[i + 1] == 0)
            continue;
        copy_short(to + kept, entry.at, entry.len);
        t->dict[t->n_dict++] = kt_str_from(to + kept, entry.len);
        kept += entry.len;
        c->rank[i + 1] = (uint16_t)t->n_dict;
    }
    return used == total && rd->left == 0;
}

static bool unpack_picked(struct kt_columns *c, struct kt_text_column *t, struct kt_str bytes,
                          struct kt_picked picked)
{
    struct kt_rd rd = kt_rd_of(bytes);
    uint64_t n, total;
    if (!read_sizes(&rd, c->n, &n, &total) || !read_codes_first(&rd, t, c->n, n))
        return false;
    memset(c->rank, 0, (n + 1) * sizeof *c->rank);
    for (uint32_t i = 0; i < picked.n; i++)
        c->rank[t->code[picked.row[i]]] = 1;
    c->rank[0] = 0; /* absent stays so */
    if (!read_ranked(c, &rd, t, n, (size_t)total))
        return false;
    uint32_t at = 0;
    for (uint32_t i = 0; i < picked.n; i++) {
        for (; at < picked.row[i]; at++)
            t->code[at] = 0;
        t->code[at] = c->rank[t->code[at]];
        at++;
    }
    for (; at < c->n; at++)
        t->code[at] = 0;
    return true;
}

static enum kt_status unpacked(struct kt_columns *c, enum kt_col column, bool good,
                               struct kt_error *err)
{
    if (!good)
        return kt_fail(err, KT_E_CORRUPT, "column %d does not hold %u records", (int)column, c->n);
    c->have |= KT_COLUMN(column);
    return KT_OK;
}

enum kt_status kt_column_unpack_picked(struct kt_columns *c, enum kt_col column,
                                       struct kt_str bytes, struct kt_picked picked,
                                       struct kt_error *err)
{
    return unpacked(c, column, unpack_picked(c, kt_column_text(c, column), bytes, picked), err);
}

enum kt_status kt_column_unpack(struct kt_columns *c, enum kt_col column, struct kt_str bytes,
                                struct kt_error *err)
{
    if (column >= KT_COL_SMALL)
        return unpacked(c, column, unpack_text(c, kt_column_text(c, column), bytes), err);
    bool good = bytes.len == c->n;
    if (good && c->n > 0)
        memcpy(c->small[column], bytes.at, c->n);
    return unpacked(c, column, good, err);
}
