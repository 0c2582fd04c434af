/*
 * columns_read: columns as segments of before have them, out of their bytes: all rows, some rows,
 * or the rows whose texts are looked for. packed_read.c has today's.
 *
 * Owns:  nothing; fills the arrays inside struct kt_columns.
 * Calls: core/base.
 * Holds: bytes are read as hostile ones (THREATS I6): each way of reading takes the same bytes for
 *        a column, and looks at all of them.
 */
#include <endian.h>
#include <string.h>

#include "core/store/columns_int.h"

#define LANES 16u /* rows that are looked at together */

/* ---- times ---- */

/* A varint of up to eight bytes, of which eight are there; longer ones, and those at the end, are
 * read by kt_rd_varint. Returns how many bytes it has; 0: not this way. How long they are is hard
 * to foresee, so nothing branches on it: the sevens of bits are moved together in three steps. */
static inline unsigned quick_varint(const unsigned char *at, uint64_t *ret)
{
    uint64_t v;
    memcpy(&v, at, sizeof v);
    v = le64toh(v);
    uint64_t ends = ~v & 0x8080808080808080u;
    if (ends == 0)
        return 0;
    v &= ends ^ (ends - 1); /* up to the first byte that ends one */
    v = (v & 0x007f007f007f007fu) | (v & 0x7f007f007f007f00u) >> 1;
    v = (v & 0x00003fff00003fffu) | (v & 0x3fff00003fff0000u) >> 2;
    *ret = (v & 0x000000000fffffffu) | (v & 0x0fffffff00000000u) >> 4;
    return (unsigned)__builtin_ctzll(ends) / 8 + 1;
}

enum kt_status kt_column_unpack_time(struct kt_columns *c, struct kt_str bytes,
                                     struct kt_error *err)
{
    struct kt_rd rd = kt_rd_of(bytes);
    uint64_t at = 0, v = 0;
    for (uint32_t i = 0; i < c->n; i++) {
        unsigned n = rd.left >= sizeof v ? quick_varint(rd.at, &v) : 0;
        rd.at += n;
        rd.left -= n;
        at += n == 0 ? (uint64_t)kt_rd_zigzag(&rd) : v >> 1 ^ (0 - (v & 1));
        c->time[i] = (kt_time_ns)at;
    }
    if (rd.bad || rd.left != 0)
        return kt_fail(err, KT_E_CORRUPT, "the column of times does not hold %u of them", c->n);
    return KT_OK;
}

/* ---- entries of a dictionary ---- */

static bool read_sizes(struct kt_rd *rd, uint32_t rows, uint64_t *ret_n, uint64_t *ret_total)
{
    *ret_n = kt_rd_varint(rd);
    *ret_total = kt_rd_varint(rd);
    return !rd->bad && *ret_n <= rows && *ret_total <= KT_DICT_MAX;
}

static bool read_dict(struct kt_rd *rd, struct kt_text_column *t, uint32_t rows)
{
    uint64_t n, total;
    if (!read_sizes(rd, rows, &n, &total))
        return false;
    kt_buf_reset(&t->bytes);
    char *to = kt_buf_reserve(&t->bytes, (size_t)total + KT_SLACK);
    struct kt_str before = KT_STR_NONE;
    size_t used = 0, shared;
    for (t->n_dict = 0; t->n_dict < n; t->n_dict++) {
        if (!kt_entry_read(rd, before, to + used, (size_t)total - used, &shared,
                           &t->dict[t->n_dict]))
            return false;
        before = t->dict[t->n_dict];
        used += before.len;
    }
    return used == total;
}

/* ---- codes ---- */

static void widen(const unsigned char *at, uint16_t *code, uint32_t rows)
{
    uint32_t i = 0;
    for (; i + LANES <= rows; i += LANES) {
        uint8_t some[LANES];
        memcpy(some, at + i, LANES);
        for (unsigned k = 0; k < LANES; k++)
            code[i + k] = some[k];
    }
    for (; i < rows; i++)
        code[i] = at[i];
}

/* What is left of rd: codes of n entries. */
static bool read_codes(struct kt_rd *rd, struct kt_text_column *t, uint32_t rows, uint64_t n)
{
    unsigned width = kt_rd_u8(rd);
    if (rd->bad || width != kt_column_width(n) || rd->left != (size_t)rows * width)
        return false;
    if (width == 1)
        widen(rd->at, t->code, rows);
    else if (rows > 0)
        memcpy(t->code, rd->at, rd->left);
    for (uint32_t i = 0; i < rows && width == 2; i++)
        t->code[i] = le16toh(t->code[i]);
    return kt_codes_fit(t->code, rows, (uint16_t)n);
}

/* The codes stand at the end, as wide as the number of entries says: so they are read first. */
static bool read_codes_first(struct kt_rd *rd, struct kt_text_column *t, uint32_t rows, uint64_t n)
{
    size_t size = 1 + (size_t)rows * kt_column_width(n);
    if (rd->left < size)
        return false;
    rd->left -= size;
    struct kt_rd codes = { .at = rd->at + rd->left, .left = size };
    return read_codes(&codes, t, rows, n);
}

/* ---- which entries are kept ---- */

struct seek { /* by keys; n 0: those that have a rank */
    const struct kt_sought *key;
    unsigned n, at; /* of the keys: those before `at` are behind */
    enum kt_seek how;
    size_t alike;      /* bytes that the entry before had in common with the key at hand */
    struct kt_ip last; /* of the network at hand */
};

static size_t alike(struct kt_str a, struct kt_str b, size_t from)
{
    size_t n = a.len < b.len ? a.len : b.len;
    while (from < n && a.at[from] == b.at[from])
        from++;
    return from;
}

/* Keys and entries rise. An entry that shares more with the one before than that with the key
 * stands before the key, as that did, for the same reason; one that shares less stands behind. */
static bool is_key(struct seek *s, struct kt_str entry, size_t shared)
{
    if (shared > s->alike)
        return false;
    size_t from = shared;
    bool behind = shared < s->alike;
    for (; s->at < s->n; s->at++, from = 0, behind = false) {
        struct kt_str key = s->key[s->at].text;
        s->alike = behind ? shared : alike(entry, key, from);
        if (behind || (s->alike == key.len && entry.len > key.len))
            continue;
        if (s->alike == entry.len)
            return entry.len == key.len;
        if ((uint8_t)entry.at[s->alike] < (uint8_t)key.at[s->alike])
            return false;
    }
    return false;
}

static inline bool is_behind(const void *ip, const void *other)
{
    uint64_t a[2], b[2];
    memcpy(a, ip, sizeof a);
    memcpy(b, other, sizeof b);
    return a[0] != b[0] ? be64toh(a[0]) > be64toh(b[0]) : be64toh(a[1]) > be64toh(b[1]);
}

/* Networks rise by their first address; one may lie within another. */
static bool is_in_net(struct seek *s, struct kt_str entry)
{
    if (entry.len != sizeof s->last.at)
        return false;
    while (s->at < s->n && is_behind(entry.at, s->last.at))
        if (++s->at < s->n)
            s->last = kt_cidr_last(s->key[s->at].net);
    return s->at < s->n && !is_behind(s->key[s->at].net.ip.at, entry.at);
}

static inline bool keeps(struct seek *s, uint16_t rank, struct kt_str entry, size_t shared)
{
    if (s->n == 0)
        return rank != 0;
    return s->how == KT_SEEK_TEXT     ? is_key(s, entry, shared)
           : s->how == KT_SEEK_FOLDED ? kt_sought_folded(s->key, s->n, entry)
                                      : is_in_net(s, entry);
}

/* Reads past all entries, each over the one before. Those that are kept are the dictionary then,
 * and their ranks say where. */
static bool read_kept(struct kt_columns *c, struct kt_rd entries, struct kt_text_column *t,
                      uint64_t n, size_t total, struct seek *seek)
{
    struct kt_rd *rd = &entries;
    kt_buf_reset(&t->bytes);
    kt_buf_reset(&c->entry);
    char *to = kt_buf_reserve(&t->bytes, total + KT_SLACK);
    struct kt_str entry = { kt_buf_reserve(&c->entry, total + KT_SLACK), 0 };
    size_t used = 0, kept = 0, shared;
    t->n_dict = 0;
    for (uint64_t i = 0; i < n; i++) {
        if (!kt_entry_read(rd, entry, c->entry.at, total - used, &shared, &entry))
            return false;
        used += entry.len;
        if (!keeps(seek, c->rank[i + 1], entry, shared)) {
            c->rank[i + 1] = 0;
            continue;
        }
        kt_copy_short(to + kept, entry.at, entry.len);
        t->dict[t->n_dict++] = kt_str_from(to + kept, entry.len);
        kept += entry.len;
        c->rank[i + 1] = (uint16_t)t->n_dict;
    }
    return used == total && rd->left == 0;
}

/* ---- some rows of a text column ---- */

/* Codes of the picked rows are ranks from now on; all others are absent. */
static void rank_codes(struct kt_columns *c, struct kt_text_column *t, struct kt_picked picked)
{
    for (uint32_t i = 0; i < picked.n; i++)
        c->ranked[i] = c->rank[t->code[picked.row[i]]];
    memset(t->code, 0, c->n * sizeof *t->code);
    for (uint32_t i = 0; i < picked.n; i++)
        t->code[picked.row[i]] = c->ranked[i];
}

static bool unpack_picked(struct kt_columns *c, struct kt_text_column *t, struct kt_str bytes,
                          struct kt_picked picked)
{
    struct kt_rd rd = kt_rd_of(bytes);
    struct seek marked = { 0 };
    uint64_t n, total;
    if (!read_sizes(&rd, c->n, &n, &total) || !read_codes_first(&rd, t, c->n, n))
        return false;
    memset(c->rank, 0, (n + 1) * sizeof *c->rank);
    for (uint32_t i = 0; i < picked.n; i++)
        c->rank[t->code[picked.row[i]]] = 1;
    c->rank[0] = 0; /* absent stays so */
    if (!read_kept(c, rd, t, n, (size_t)total, &marked))
        return false;
    rank_codes(c, t, picked);
    return true;
}

/* Drops the picked rows whose text was not kept. */
static uint32_t drop_rows(const struct kt_columns *c, const struct kt_text_column *t, uint64_t n,
                          uint32_t *pick, uint32_t picks)
{
    uint32_t left = 0;
    if (t->n_dict == 0)
        return 0;
    if (t->n_dict == 1 && picks == c->n) {
        uint16_t code = 1;
        while (code < n && c->rank[code] == 0)
            code++;
        return kt_codes_rows(t->code, c->n, code, code, pick);
    }
    for (uint32_t i = 0; i < picks; i++) {
        uint32_t row = pick[i];
        pick[left] = row;
        left += c->rank[t->code[row]] != 0;
    }
    return left;
}

static bool seek_text(struct kt_columns *c, struct kt_text_column *t, struct kt_str bytes,
                      struct seek *seek, uint32_t *pick, uint32_t *picks)
{
    struct kt_rd rd = kt_rd_of(bytes);
    uint64_t n, total;
    if (!read_sizes(&rd, c->n, &n, &total) || !read_codes_first(&rd, t, c->n, n) ||
        !read_kept(c, rd, t, n, (size_t)total, seek))
        return false;
    c->rank[0] = 0; /* what is absent is no key */
    *picks = drop_rows(c, t, n, pick, *picks);
    rank_codes(c, t, (struct kt_picked){ pick, *picks });
    return true;
}

/* ---- any column ---- */

static bool unpack_text(struct kt_columns *c, struct kt_text_column *t, struct kt_str bytes)
{
    struct kt_rd rd = kt_rd_of(bytes);
    return read_dict(&rd, t, c->n) && read_codes(&rd, t, c->n, t->n_dict);
}

enum kt_status kt_column_filled(struct kt_columns *c, enum kt_col column, bool good,
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
    return kt_column_filled(c, column, unpack_picked(c, kt_column_text(c, column), bytes, picked),
                            err);
}

enum kt_status kt_column_seek(struct kt_columns *c, enum kt_col column, struct kt_str bytes,
                              const struct kt_sought *key, unsigned n, enum kt_seek how,
                              uint32_t *pick, uint32_t *picks, struct kt_error *err)
{
    struct seek seek = { .key = key, .n = n, .how = how };
    if (how == KT_SEEK_NET && n > 0)
        seek.last = kt_cidr_last(key[0].net);
    return kt_column_filled(
        c, column, seek_text(c, kt_column_text(c, column), bytes, &seek, pick, picks), err);
}

enum kt_status kt_column_unpack(struct kt_columns *c, enum kt_col column, struct kt_str bytes,
                                struct kt_error *err)
{
    if (column >= KT_COL_SMALL)
        return kt_column_filled(c, column, unpack_text(c, kt_column_text(c, column), bytes), err);
    bool good = bytes.len == c->n;
    if (good && c->n > 0)
        memcpy(c->small[column], bytes.at, c->n);
    return kt_column_filled(c, column, good, err);
}
