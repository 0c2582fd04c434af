/*
 * packed: making columns of which one row is read alone; packed_read.c reads them.
 *
 * Owns:  nothing.
 * Calls: core/base, core/store (columns).
 * Holds: the same columns give the same bytes.
 */
#include "core/store/packed.h"

#include <endian.h>
#include <string.h>

/* ---- bits ---- */

/* Where n values of some bits go: row after row, the lowest bits first; all of it zero. */
static char *room_for(struct kt_buf *out, uint32_t n, unsigned width)
{
    size_t size = ((size_t)n * width + 7) / 8 + KT_PACKED_SPARE;
    char *at = kt_buf_reserve(out, size);
    memset(at, 0, size);
    out->len += size;
    return at;
}

/* A value of up to KT_PACKED_WIDE bits, or of 64 at a byte's beginning. */
static void put(char *at, uint32_t i, unsigned width, uint64_t value)
{
    size_t bit = (size_t)i * width;
    uint64_t word;
    if (width == 0)
        return;
    memcpy(&word, at + bit / 8, sizeof word);
    word = htole64(le64toh(word) | value << bit % 8);
    memcpy(at + bit / 8, &word, sizeof word);
}

/* ---- texts and small ones ---- */

static void add_entries(const struct kt_text_column *t, struct kt_buf *out)
{
    uint32_t blocks = (t->n_dict + KT_PACKED_ENTRIES - 1) / KT_PACKED_ENTRIES;
    size_t places = out->len;
    for (uint32_t i = 0; i < blocks; i++)
        kt_buf_u32(out, 0);
    size_t from = out->len;
    for (uint32_t i = 0; i < t->n_dict; i++) {
        size_t shared = i % KT_PACKED_ENTRIES == 0 ? 0 : kt_str_shared(t->dict[i - 1], t->dict[i]);
        if (i % KT_PACKED_ENTRIES == 0) {
            uint32_t place = htole32((uint32_t)(out->len - from));
            memcpy(out->at + places + i / KT_PACKED_ENTRIES * sizeof place, &place, sizeof place);
        }
        kt_buf_varint(out, shared);
        kt_buf_varint(out, t->dict[i].len - shared);
        kt_buf_add(out, kt_str_from_index(t->dict[i], shared));
    }
}

static void add_head(struct kt_buf *out, unsigned width, unsigned least, uint32_t n, size_t total)
{
    kt_buf_u8(out, KT_PACKED_FORM);
    kt_buf_u8(out, (uint8_t)width);
    kt_buf_u8(out, (uint8_t)least);
    kt_buf_u16(out, (uint16_t)n);
    kt_buf_u32(out, (uint32_t)total);
}

static void add_text(const struct kt_text_column *t, uint32_t rows, struct kt_buf *out)
{
    unsigned least = 1;
    size_t total = 0;
    for (uint32_t i = 0; i < rows; i++)
        least = t->code[i] < least ? t->code[i] : least;
    for (uint32_t i = 0; i < t->n_dict; i++)
        total += t->dict[i].len;
    unsigned width = kt_packed_code_width(t->n_dict, least, false);
    add_head(out, width, least, t->n_dict, total);
    char *at = room_for(out, rows, width);
    for (uint32_t i = 0; i < rows; i++)
        put(at, i, width, t->code[i] - least);
    add_entries(t, out);
}

/* A dictionary of bytes. */
static void add_small(const uint8_t *value, uint32_t rows, struct kt_buf *out)
{
    uint8_t code[256] = { 0 }, entry[256];
    uint32_t n = 0;
    for (uint32_t i = 0; i < rows; i++)
        code[value[i]] = 1;
    for (unsigned v = 0; v < 256; v++)
        if (code[v] != 0) {
            entry[n] = (uint8_t)v;
            code[v] = (uint8_t)n++;
        }
    unsigned width = kt_packed_code_width(n, 0, true);
    add_head(out, width, 0, n, n);
    char *at = room_for(out, rows, width);
    for (uint32_t i = 0; i < rows; i++)
        put(at, i, width, code[value[i]]);
    kt_buf_add_bytes(out, entry, n);
}

void kt_packed_column(const struct kt_columns *c, enum kt_col column, struct kt_buf *out)
{
    if (column < KT_COL_SMALL)
        add_small(c->small[column], c->n, out);
    else
        add_text(&c->text[column - KT_COL_SMALL], c->n, out);
}

/* ---- times ---- */

/* Most clocks tick in thousands of what is written: the power of 1000, up to a second, that all
 * times are whole numbers of. */
static unsigned thousands_of(const struct kt_columns *c, uint64_t *ret_unit)
{
    unsigned thousands = 3;
    uint64_t unit = 1000000000u;
    for (uint32_t i = 0; i < c->n; i++)
        for (; (uint64_t)c->time[i] % unit != 0; unit /= 1000)
            thousands--;
    *ret_unit = unit;
    return thousands;
}

static void add_times(const kt_time_ns *time, uint32_t n, uint64_t unit, size_t head, size_t from,
                      struct kt_buf *out)
{
    uint64_t least = UINT64_MAX, most = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t t = (uint64_t)time[i] / unit;
        least = t < least ? t : least;
        most = t > most ? t : most;
    }
    unsigned width = kt_packed_width(most - least);
    width = width > KT_PACKED_WIDE ? 64 : width;
    uint64_t first = htole64(least);
    uint32_t place = htole32((uint32_t)(out->len - from));
    memcpy(out->at + head, &first, sizeof first);
    memcpy(out->at + head + 8, &place, sizeof place);
    out->at[head + 12] = (char)width;
    size_t size = ((size_t)n * width + 7) / 8, begin = out->len;
    (void)room_for(out, n, width);
    for (uint32_t i = 0; i < n; i++)
        put(out->at + begin, i, width, (uint64_t)time[i] / unit - least);
    out->len = begin + size; /* what comes next may stand in what is spare */
}

void kt_packed_time(const struct kt_columns *c, struct kt_buf *out)
{
    uint64_t unit;
    uint32_t blocks = (c->n + KT_PACKED_TIMES - 1) / KT_PACKED_TIMES;
    kt_buf_u8(out, KT_PACKED_FORM);
    kt_buf_u8(out, (uint8_t)thousands_of(c, &unit));
    size_t head = out->len, from = head + (size_t)blocks * KT_PACKED_TIME_HEAD;
    (void)kt_buf_reserve(out, from - head);
    out->len = from;
    for (uint32_t i = 0; i < c->n; i += KT_PACKED_TIMES, head += KT_PACKED_TIME_HEAD) {
        uint32_t left = c->n - i;
        add_times(c->time + i, left < KT_PACKED_TIMES ? left : KT_PACKED_TIMES, unit, head, from,
                  out);
    }
    (void)room_for(out, 0, 0);
}
