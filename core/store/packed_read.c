/*
 * packed_read: one row, some rows or all rows of a packed column.
 *
 * Owns:  nothing; fills the arrays inside struct kt_columns.
 * Calls: core/base, core/store (columns).
 * Holds: bytes are read as hostile ones (THREATS I6). What is read is checked, what is not read is
 *        not: `verify` compares all of it with what the lines give.
 */
#include <endian.h>
#include <string.h>

#include "core/store/columns_int.h"
#include "core/store/packed.h"
#include "core/store/packed_codes.h"

#define HEAD        9u    /* bytes in front of the codes */
#define FEW_OF      8u    /* of so many rows one is picked: then each code is read alone */
#define RUN         2048u /* rows whose codes are read together */
#define ENTRIES_MAX KT_COLUMNS_ROWS_MAX

struct packed {
    struct kt_packed_codes codes;
    uint32_t n;
    size_t total; /* bytes of all entries */
    const unsigned char *place;
    struct kt_str entries;
};

/* A width other than that of its codes is refused: with least, what is wider may wrap to 0, which
 * says that a text is absent. */
static bool open_column(struct packed *p, struct kt_str bytes, uint32_t rows, bool small)
{
    struct kt_rd rd = kt_rd_of(bytes);
    bool known = kt_rd_u8(&rd) == KT_PACKED_FORM;
    *p = (struct packed){ .codes = { .rows = rows, .width = kt_rd_u8(&rd) } };
    p->codes.least = kt_rd_u8(&rd);
    p->n = kt_rd_u16(&rd);
    p->total = kt_rd_u32(&rd);
    size_t codes = ((size_t)rows * p->codes.width + 7) / 8 + KT_PACKED_SPARE;
    size_t places = small ? 0 : 4 * (size_t)((p->n + KT_PACKED_ENTRIES - 1) / KT_PACKED_ENTRIES);
    if (rd.bad || !known || p->codes.least > 1 || p->n > rows || p->n > ENTRIES_MAX ||
        p->codes.width != kt_packed_code_width(p->n, p->codes.least, small) ||
        p->total > KT_DICT_MAX || rd.left < codes + places ||
        (small && (p->codes.least != 0 || p->n != p->total || rd.left != codes + p->n)))
        return false;
    p->codes.at = rd.at;
    p->codes.room = rd.left;
    p->place = rd.at + codes;
    p->entries = kt_str_from(p->place + places, rd.left - codes - places);
    return true;
}

/* ---- codes ---- */

/* Is each a code? Of sixteen bits the highest may have wrapped to 0 by what was added to it. */
static bool codes_fit(const struct packed *p, const uint16_t *code, uint32_t n)
{
    uint32_t i = 0;
    if (p->codes.least > 0 && p->codes.width == 16)
        while (i < n && code[i] != 0)
            i++;
    else
        i = n;
    return i == n && kt_codes_fit(code, n, (uint16_t)p->n);
}

/* All codes; false: one is none. */
static bool read_codes(const struct packed *p, uint16_t *code)
{
    kt_packed_code_run(&p->codes, 0, p->codes.rows, code);
    return codes_fit(p, code, p->codes.rows);
}

/* The rows with a code from first to last: they are looked for where the nearest cache still has
 * the codes. */
static bool find_codes(const struct packed *p, uint16_t first, uint16_t last, uint32_t *pick,
                       uint32_t *ret)
{
    uint16_t code[RUN];
    uint32_t n = 0;
    for (uint32_t from = 0; from < p->codes.rows; from += RUN) {
        uint32_t left = p->codes.rows - from, rows = left < RUN ? left : RUN;
        kt_packed_code_run(&p->codes, from, from + rows, code);
        if (!codes_fit(p, code, rows))
            return false;
        uint32_t found = kt_codes_rows(code, rows, first, last, pick + n);
        for (uint32_t i = n; i < n + found; i++)
            pick[i] += from;
        n += found;
    }
    *ret = n;
    return true;
}

/* Codes of the picked rows, in their order. */
static bool read_some_codes(const struct packed *p, struct kt_picked picked, uint16_t *code)
{
    for (uint32_t i = 0; i < picked.n; i++)
        code[i] = (uint16_t)kt_packed_code(&p->codes, picked.row[i]);
    return codes_fit(p, code, picked.n);
}

/* ---- entries ---- */

struct walk { /* over entries, each read over the one before */
    const struct packed *p;
    struct kt_rd rd;
    uint32_t next;
    char *to;
    size_t room;
    struct kt_str entry; /* number next - 1 */
};

/* Entries are no longer than all of them together. */
static struct walk walk_of(struct kt_columns *c, const struct packed *p)
{
    kt_buf_reset(&c->entry);
    return (struct walk){ .p = p,
                          .next = UINT32_MAX,
                          .to = kt_buf_reserve(&c->entry, p->total + KT_SLACK),
                          .room = p->total };
}

static void walk_to_block(struct walk *w, uint32_t block)
{
    uint32_t place;
    memcpy(&place, w->p->place + 4 * (size_t)block, sizeof place);
    w->rd = kt_rd_of(kt_str_from_index(w->p->entries, le32toh(place)));
    w->next = block * KT_PACKED_ENTRIES;
}

static bool walk_on(struct walk *w)
{
    size_t shared;
    struct kt_str before = w->next % KT_PACKED_ENTRIES == 0 ? KT_STR_NONE : w->entry;
    w->next++;
    return kt_entry_read(&w->rd, before, w->to, w->room, &shared, &w->entry);
}

/* Entry i < n; quickest when i rises. */
static bool walk_to(struct walk *w, uint32_t i)
{
    bool near = w->next <= i && i / KT_PACKED_ENTRIES == w->next / KT_PACKED_ENTRIES;
    if (!near && w->next != i + 1)
        walk_to_block(w, i / KT_PACKED_ENTRIES);
    while (w->next <= i)
        if (!walk_on(w))
            return false;
    return true;
}

/* The first entry that is not before text; n: none. */
static bool not_before(struct walk *w, struct kt_str text, uint32_t *ret)
{
    uint32_t low = 0, high = (w->p->n + KT_PACKED_ENTRIES - 1) / KT_PACKED_ENTRIES;
    while (low < high) { /* blocks that begin before text */
        uint32_t mid = low + (high - low) / 2;
        walk_to_block(w, mid);
        if (!walk_on(w))
            return false;
        if (kt_str_cmp(w->entry, text) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    uint32_t i = low == 0 ? 0 : (low - 1) * KT_PACKED_ENTRIES;
    uint32_t end = low * KT_PACKED_ENTRIES < w->p->n ? low * KT_PACKED_ENTRIES : w->p->n;
    for (; i < end; i++) {
        if (!walk_to(w, i))
            return false;
        if (kt_str_cmp(w->entry, text) >= 0)
            break;
    }
    *ret = i;
    return true;
}

/* ---- which codes are kept ---- */

struct marks { /* a bit a code */
    uint64_t word[ENTRIES_MAX / 64 + 1];
    uint32_t n;
};

static void clear_marks(struct marks *m, const struct packed *p)
{
    memset(m->word, 0, (p->n / 64 + 1) * sizeof m->word[0]);
    m->n = 0;
}

static inline bool is_marked(const struct marks *m, uint32_t code)
{
    return (m->word[code / 64] >> code % 64 & 1) != 0;
}

static inline void mark(struct marks *m, uint32_t code)
{
    m->n += !is_marked(m, code);
    m->word[code / 64] |= UINT64_C(1) << code % 64;
}

/* Entries from a text to another one. */
static bool mark_run(struct walk *w, struct kt_str from, struct kt_str until, struct marks *m)
{
    uint32_t i;
    if (!not_before(w, from, &i))
        return false;
    for (; i < w->p->n; i++) {
        if (!walk_to(w, i))
            return false;
        if (kt_str_cmp(w->entry, until) > 0)
            break;
        mark(m, i + 1);
    }
    return true;
}

static bool mark_folded(struct walk *w, const struct kt_sought *key, unsigned n, struct marks *m)
{
    for (uint32_t i = 0; i < w->p->n; i++) {
        if (!walk_to(w, i))
            return false;
        if (kt_sought_folded(key, n, w->entry))
            mark(m, i + 1);
    }
    return true;
}

static bool mark_keys(struct walk *w, const struct kt_sought *key, unsigned n, enum kt_seek how,
                      struct marks *m)
{
    if (how == KT_SEEK_FOLDED)
        return mark_folded(w, key, n, m);
    for (unsigned k = 0; k < n; k++) {
        struct kt_ip last = kt_cidr_last(key[k].net);
        bool net = how == KT_SEEK_NET;
        struct kt_str from =
            net ? kt_str_from(key[k].net.ip.at, sizeof key[k].net.ip.at) : key[k].text;
        struct kt_str until = net ? kt_str_from(last.at, sizeof last.at) : key[k].text;
        if (!mark_run(w, from, until, m))
            return false;
    }
    return true;
}

/* The marked entries are the dictionary then, and their ranks say where. */
static bool keep_marked(struct kt_columns *c, struct kt_text_column *t, const struct packed *p,
                        struct walk *w, const struct marks *m)
{
    kt_buf_reset(&t->bytes);
    char *to = kt_buf_reserve(&t->bytes, p->total + KT_SLACK);
    size_t kept = 0;
    t->n_dict = 0;
    for (uint32_t at = 0; at <= p->n / 64; at++)
        for (uint64_t word = m->word[at]; word != 0; word &= word - 1) {
            uint32_t code = 64 * at + (uint32_t)__builtin_ctzll(word);
            if (!walk_to(w, code - 1) || w->entry.len > p->total - kept)
                return false;
            kt_copy_short(to + kept, w->entry.at, w->entry.len);
            t->dict[t->n_dict++] = kt_str_from(to + kept, w->entry.len);
            kept += w->entry.len;
            c->rank[code] = (uint16_t)t->n_dict;
        }
    return true;
}

/* ---- rows ---- */

/* c->ranked has the codes of the picked rows. */
static void rank_rows(struct kt_columns *c, struct kt_text_column *t, struct kt_picked picked)
{
    memset(t->code, 0, c->n * sizeof *t->code);
    for (uint32_t i = 0; i < picked.n; i++)
        t->code[picked.row[i]] = c->ranked[i] == 0 ? 0 : c->rank[c->ranked[i]];
}

static bool some_text(struct kt_columns *c, struct kt_text_column *t, const struct packed *p,
                      struct kt_picked picked)
{
    struct marks m;
    clear_marks(&m, p);
    if (!read_some_codes(p, picked, c->ranked))
        return false;
    for (uint32_t i = 0; i < picked.n; i++)
        if (c->ranked[i] != 0)
            mark(&m, c->ranked[i]);
    struct walk w = walk_of(c, p);
    if (!keep_marked(c, t, p, &w, &m))
        return false;
    rank_rows(c, t, picked);
    return true;
}

/* Are the marks one run? A text is one, and so is a network, since entries rise. */
static bool is_run(const struct marks *m, const struct packed *p, uint32_t *ret_first,
                   uint32_t *ret_last)
{
    uint32_t low = 0, high = p->n / 64;
    if (m->n == 0)
        return false;
    while (m->word[low] == 0)
        low++;
    while (m->word[high] == 0)
        high--;
    *ret_first = 64 * low + (uint32_t)__builtin_ctzll(m->word[low]);
    *ret_last = 64 * high + 63 - (uint32_t)__builtin_clzll(m->word[high]);
    return *ret_last - *ret_first + 1 == m->n;
}

/* Of the picked rows those with a marked code; their codes are in c->ranked. */
static bool sift_rows(struct kt_columns *c, struct kt_text_column *t, const struct packed *p,
                      const struct marks *m, uint32_t *pick, uint32_t *picks)
{
    uint32_t left = 0, first, last;
    if (*picks == c->n && is_run(m, p, &first, &last) &&
        !find_codes(p, (uint16_t)first, (uint16_t)last, pick, picks))
        return false;
    bool few = *picks < c->n / FEW_OF;
    if (few ? !read_some_codes(p, (struct kt_picked){ pick, *picks }, c->ranked)
            : !read_codes(p, t->code))
        return false;
    for (uint32_t i = 0; i < *picks; i++) {
        uint16_t code = few ? c->ranked[i] : t->code[pick[i]];
        pick[left] = pick[i];
        c->ranked[left] = code;
        left += is_marked(m, code);
    }
    *picks = left;
    return true;
}

static bool seek_text(struct kt_columns *c, struct kt_text_column *t, const struct packed *p,
                      const struct kt_sought *key, unsigned n, enum kt_seek how, uint32_t *pick,
                      uint32_t *picks)
{
    struct marks m;
    clear_marks(&m, p);
    struct walk w = walk_of(c, p);
    if (!mark_keys(&w, key, n, how, &m) || !keep_marked(c, t, p, &w, &m))
        return false;
    if (m.n == 0)
        *picks = 0;
    else if (!sift_rows(c, t, p, &m, pick, picks))
        return false;
    rank_rows(c, t, (struct kt_picked){ pick, *picks });
    return true;
}

/* All entries, one after the other as they are stored. */
static bool read_dict(struct kt_text_column *t, const struct packed *p)
{
    struct kt_rd rd = kt_rd_of(p->entries);
    kt_buf_reset(&t->bytes);
    char *to = kt_buf_reserve(&t->bytes, p->total + KT_SLACK);
    struct kt_str before = KT_STR_NONE;
    size_t used = 0, shared;
    for (t->n_dict = 0; t->n_dict < p->n; t->n_dict++) {
        struct kt_str *entry = &t->dict[t->n_dict];
        if (!kt_entry_read(&rd, t->n_dict % KT_PACKED_ENTRIES == 0 ? KT_STR_NONE : before,
                           to + used, p->total - used, &shared, entry))
            return false;
        before = *entry;
        used += entry->len;
    }
    return used == p->total && rd.left == 0;
}

static bool all_small(uint8_t *value, const struct packed *p, uint16_t *code)
{
    const unsigned char *entry = (const unsigned char *)p->entries.at;
    if (p->codes.rows == 0)
        return true;
    if (p->codes.width == 0 && p->n == 1) {
        memset(value, entry[0], p->codes.rows);
        return true;
    }
    if (p->n == 0 || !read_codes(p, code))
        return false;
    for (uint32_t i = 0; i < p->codes.rows; i++) {
        if (code[i] >= p->n)
            return false;
        value[i] = entry[code[i]];
    }
    return true;
}

static bool some_small(uint8_t *value, const struct packed *p, struct kt_picked picked)
{
    for (uint32_t i = 0; i < picked.n; i++) {
        uint32_t code = kt_packed_code(&p->codes, picked.row[i]);
        if (code >= p->n)
            return false;
        value[picked.row[i]] = (uint8_t)p->entries.at[code];
    }
    return true;
}

/* ---- doors ---- */

enum kt_status kt_packed_unpack(struct kt_columns *c, enum kt_col column, struct kt_str bytes,
                                struct kt_error *err)
{
    struct packed p;
    bool small = column < KT_COL_SMALL, good = open_column(&p, bytes, c->n, small);
    if (good && small)
        good = all_small(c->small[column], &p, c->ranked);
    else if (good)
        good = read_dict(kt_column_text(c, column), &p) &&
               read_codes(&p, kt_column_text(c, column)->code);
    return kt_column_filled(c, column, good, err);
}

enum kt_status kt_packed_picked(struct kt_columns *c, enum kt_col column, struct kt_str bytes,
                                struct kt_picked picked, struct kt_error *err)
{
    struct packed p;
    bool small = column < KT_COL_SMALL, good = open_column(&p, bytes, c->n, small);
    if (good)
        good = small ? some_small(c->small[column], &p, picked)
                     : some_text(c, kt_column_text(c, column), &p, picked);
    return kt_column_filled(c, column, good, err);
}

enum kt_status kt_packed_seek(struct kt_columns *c, enum kt_col column, struct kt_str bytes,
                              const struct kt_sought *key, unsigned n, enum kt_seek how,
                              uint32_t *pick, uint32_t *picks, struct kt_error *err)
{
    struct packed p;
    bool good = open_column(&p, bytes, c->n, false) &&
                seek_text(c, kt_column_text(c, column), &p, key, n, how, pick, picks);
    return kt_column_filled(c, column, good, err);
}

enum kt_status kt_packed_codes(struct kt_str bytes, uint32_t rows, uint16_t *ret,
                               uint32_t *ret_most, struct kt_error *err)
{
    struct packed p;
    if (!open_column(&p, bytes, rows, false))
        return kt_fail(err, KT_E_CORRUPT, "the column does not hold %u codes", rows);
    if (!read_codes(&p, ret))
        return kt_fail(err, KT_E_CORRUPT, "the column has codes without a text");
    *ret_most = p.n;
    return KT_OK;
}

/* ---- times ---- */

struct times {
    uint64_t unit;
    uint32_t rows;
    struct kt_str heads, packed;
};
struct time_block {
    uint64_t first, mask;
    unsigned width;
    const unsigned char *at;
};

static bool open_times(struct times *t, struct kt_str bytes, uint32_t rows)
{
    static const uint64_t units[] = { 1, 1000, 1000000, 1000000000 };
    struct kt_rd rd = kt_rd_of(bytes);
    bool known = kt_rd_u8(&rd) == KT_PACKED_FORM;
    unsigned thousands = kt_rd_u8(&rd);
    size_t blocks = (rows + KT_PACKED_TIMES - 1) / KT_PACKED_TIMES;
    if (rd.bad || !known || thousands >= KT_ARRAY_LEN(units) ||
        rd.left < blocks * KT_PACKED_TIME_HEAD + KT_PACKED_SPARE)
        return false;
    *t = (struct times){ .unit = units[thousands],
                         .rows = rows,
                         .heads = kt_str_from(rd.at, blocks * KT_PACKED_TIME_HEAD) };
    t->packed = kt_str_from(rd.at + t->heads.len, rd.left - t->heads.len);
    return true;
}

static bool open_time_block(const struct times *t, uint32_t block, struct time_block *ret)
{
    struct kt_rd rd =
        kt_rd_of(kt_str_sub(t->heads, (size_t)block * KT_PACKED_TIME_HEAD, KT_PACKED_TIME_HEAD));
    uint32_t left = t->rows - block * KT_PACKED_TIMES;
    uint32_t n = left < KT_PACKED_TIMES ? left : KT_PACKED_TIMES;
    *ret = (struct time_block){ .first = kt_rd_u64(&rd) };
    size_t place = kt_rd_u32(&rd);
    ret->width = kt_rd_u8(&rd);
    ret->mask = ret->width >= 64 ? UINT64_MAX : (UINT64_C(1) << ret->width) - 1;
    ret->at = (const unsigned char *)t->packed.at + (place < t->packed.len ? place : 0);
    return (ret->width <= KT_PACKED_WIDE || ret->width == 64) && place <= t->packed.len &&
           ((size_t)n * ret->width + 7) / 8 + KT_PACKED_SPARE <= t->packed.len - place;
}

static inline kt_time_ns time_at(const struct times *t, const struct time_block *b, uint32_t i)
{
    if (b->width == 0) /* all are the first: there is nothing to read, and no room for a word */
        return (kt_time_ns)(b->first * t->unit);
    size_t bit = (size_t)i * b->width;
    uint64_t word;
    memcpy(&word, b->at + bit / 8, sizeof word);
    return (kt_time_ns)((b->first + (le64toh(word) >> bit % 8 & b->mask)) * t->unit);
}

enum kt_status kt_packed_times(struct kt_columns *c, struct kt_str bytes, struct kt_picked picked,
                               struct kt_error *err)
{
    struct times t;
    struct time_block b = { 0 };
    uint32_t at = UINT32_MAX;
    bool good = open_times(&t, bytes, c->n);
    for (uint32_t i = 0; good && i < picked.n; i++) {
        uint32_t row = picked.row[i];
        if (row / KT_PACKED_TIMES != at) {
            at = row / KT_PACKED_TIMES;
            good = open_time_block(&t, at, &b);
        }
        if (good)
            c->time[row] = time_at(&t, &b, row % KT_PACKED_TIMES);
    }
    if (!good)
        return kt_fail(err, KT_E_CORRUPT, "the column of times does not hold %u of them", c->n);
    return KT_OK;
}
