/*
 * line_plain: the usual canonical line, read by the places of its quotes (docs/decisions/0102).
 *
 * Nothing in it is escaped and no byte is a control byte, so a string is its own bytes, from one
 * quote to the next. Whatever is otherwise, or wrong, or long, is not judged here: line_read reads
 * it from its beginning and says what is wrong. So a refusal here costs time, and only what is
 * taken must be right: it is held to line_read's verdict and event by tests/fuzz/line_fuzz.c and
 * tests/unit/event_line_plain_test.c.
 *
 * Owns:  nothing; strings borrow from the line.
 * Calls: core/base (ip, str), line_fields, scan, scan_blocks, simdjson's UTF-8 check.
 * Holds: nothing behind the line is read. Its last byte is '}', so there is another one behind any
 *        byte that was seen to be something else; where it may have been a '}', that is asked.
 */
#include <assert.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/event/json_tree.h"
#include "core/event/line.h"
#include "core/event/line_fields.h"
#include "core/event/scan.h"
#include "core/event/scan_blocks.h"

#define BLOCKS     128u /* a line of 8 KiB; few are longer */
#define DIGITS_MAX 19u  /* fit into 64 bits */

_Static_assert(BLOCKS *KT_SCAN_BLOCK <= KT_STRING_MAX && BLOCKS * KT_SCAN_BLOCK <= KT_LINE_MAX,
               "the limits of strings and lines need not be asked");
_Static_assert(KT_JSON_DEPTH_MAX <= 64, "a bit for each container");

struct quotes {
    const char *line, *end;
    size_t last;         /* block */
    uint64_t at[BLOCKS]; /* up to the last one */
};

/* Notes the quotes; false when the line is none of those that are read here. An even number of
 * quotes means that a string that begins ends, too. */
static bool look(struct quotes *q, struct kt_str line)
{
    const size_t whole = line.len / KT_SCAN_BLOCK, rest = line.len % KT_SCAN_BLOCK;
    if (whole >= BLOCKS || line.len == 0 || line.at[line.len - 1] != '}')
        return false;
    char last[KT_SCAN_BLOCK];
    memset(last, ' ', sizeof last);
    memcpy(last, line.at + whole * KT_SCAN_BLOCK, rest);
    const struct kt_scan_text a = kt_scan_text(line.at, whole, q->at);
    const struct kt_scan_text b = kt_scan_text(last, 1, q->at + whole);
    q->line = line.at;
    q->end = line.at + line.len;
    q->last = whole;
    return !a.special && !b.special && (a.n_quotes + b.n_quotes) % 2 == 0 &&
           (!(a.high || b.high) || kt_utf8_valid_fast(line));
}

/* ---- what follows at a place; each returns the place behind it, NULL when there is none ---- */

static inline const char *take(const char *p, const char *end, const char *what, size_t n)
{
    return (size_t)(end - p) >= n && kt_scan_same(p, what, n) ? p + n : NULL;
}

/* The rest of a string and its last quote. All quotes before were passed by twos but for the
 * string's first one, and there is an even number of them: so there is another. */
static inline const char *string(const char *p, const struct quotes *q, struct kt_str *ret)
{
    size_t i = (size_t)(p - q->line) / KT_SCAN_BLOCK;
    uint64_t quotes = q->at[i] >> (size_t)(p - q->line) % KT_SCAN_BLOCK;
    const char *to = p;
    while (quotes == 0) {
        assert(i < q->last);
        quotes = q->at[++i];
        to = q->line + i * KT_SCAN_BLOCK;
    }
    to += __builtin_ctzll(quotes);
    assert(to < q->end - 1);
    *ret = kt_str_from(p, (size_t)(to - p));
    return to + 1;
}

static inline const char *quoted(const char *p, const struct quotes *q)
{
    struct kt_str s;
    return *p == '"' ? string(p + 1, q, &s) : NULL;
}

/* The value of eight digits, if that is what the bytes at p are. */
static inline bool eight(const char *p, uint64_t *ret)
{
    uint64_t v = kt_scan_8(p);
    if (((v & (v + 0x0606060606060606u)) & 0xF0F0F0F0F0F0F0F0u) != 0x3030303030303030u)
        return false;
    if (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__)
        v = __builtin_bswap64(v);
    v &= 0x0F0F0F0F0F0F0F0Fu; /* neighbours are joined: two digits, four, eight */
    v = (v * 10 + (v >> 8)) & 0x00FF00FF00FF00FFu;
    v = (v * 100 + (v >> 16)) & 0x0000FFFF0000FFFFu;
    *ret = (v * 10000 + (v >> 32)) & 0xFFFFFFFFu;
    return true;
}

static inline const char *number(const char *p, const char *end, uint64_t max, uint64_t *ret)
{
    const char *from = p;
    uint64_t v = 0, digits;
    for (; p - from <= 8 && end - p >= 8 && eight(p, &digits); p += 8)
        v = v * 100000000 + digits;
    for (unsigned digit; (digit = (unsigned char)*p - '0') < 10; p++) {
        if (p - from == DIGITS_MAX)
            return NULL;
        v = v * 10 + digit;
    }
    *ret = v;
    return *from != '0' && p > from && v <= max ? p : NULL;
}

static const char *take_number(const char *p, const char *end, const struct kt_line_field *f,
                               void *at)
{
    const bool is_small = f->type == KT_LINE_U32;
    uint64_t v;
    p = number(p, end, is_small ? UINT32_MAX : (uint64_t)INT64_MAX, &v);
    if (p == NULL)
        return NULL;
    if (is_small) {
        const uint32_t u = (uint32_t)v;
        memcpy(at, &u, sizeof u);
    } else {
        const int64_t i = (int64_t)v;
        memcpy(at, &i, sizeof i);
    }
    return p;
}

static const char *take_word(const char *p, const struct quotes *q, const struct kt_event *ev,
                             const struct kt_line_field *f, void *at)
{
    struct kt_str word;
    p = string(p, q, &word);
    const int i = kt_words_find((enum kt_words_set)f->set, word);
    if (i < 0 || (i == 0 && !kt_line_wants(ev, f)))
        return NULL;
    const unsigned value = (unsigned)i;
    memcpy(at, &value, sizeof value);
    return p;
}

static const char *take_bool(const char *p, const char *end, struct kt_event *ev,
                             const struct kt_line_field *f)
{
    const char *yes = take(p, end, "true", 4);
    if (f->type == KT_LINE_GUESS) {
        ev->secret_guess = yes != NULL;
        return yes;
    }
    ev->mfa = yes != NULL ? 1 : -1;
    return yes != NULL ? yes : take(p, end, "false", 5);
}

/* Of IPv4 there is one notation. */
static const char *take_ip(const char *p, const struct quotes *q, struct kt_event *ev,
                           struct kt_str *ret_text)
{
    char again[KT_IP_TEXT_MAX];
    p = string(p, q, ret_text);
    if (!kt_ip_parse(*ret_text, &ev->ip) || (kt_str_find_byte(*ret_text, ':', 0) >= 0 &&
                                             !kt_str_eq(*ret_text, kt_line_ip(ev->ip, again))))
        return NULL;
    ev->has_ip = true;
    return p;
}

static const char *take_list(const char *p, const struct quotes *q, struct kt_list *list)
{
    do {
        if (list->n == KT_LIST_MAX || *p != '"')
            return NULL;
        p = string(p + 1, q, &list->at[list->n++]);
    } while (*p++ == ',');
    return p[-1] == ']' ? p : NULL;
}

static const char *take_flags(const char *p, const struct quotes *q, struct kt_event *ev)
{
    struct kt_str word;
    do {
        if (*p != '"')
            return NULL;
        p = string(p + 1, q, &word);
        const int i = kt_words_find(KT_WORDS_FLAG, word);
        if (i < 0 || ev->flags >> i != 0)
            return NULL;
        ev->flags |= 1u << i;
    } while (*p++ == ',');
    return p[-1] == ']' ? p : NULL;
}

static inline const char *take_str(const char *p, const struct quotes *q,
                                   const struct kt_line_field *f, struct kt_str ip,
                                   struct kt_str *ret)
{
    p = string(p, q, ret);
    const bool repeats =
        f->at == offsetof(struct kt_event, ip_raw) && ip.len > 0 && kt_str_eq(*ret, ip);
    return ret->len > 0 && !repeats ? p : NULL;
}

/* ---- raw ---- */

static __attribute__((noinline)) const char *other(const char *p, const char *end)
{
    const char *to = take(p, end, "true", 4);
    if (to == NULL)
        to = take(p, end, "false", 5);
    if (to == NULL)
        to = take(p, end, "null", 4);
    const size_t n = to == NULL ? kt_scan_number(p, (size_t)(end - p)) : 0;
    return n > 0 ? p + n : to;
}

struct open {         /* containers */
    uint64_t objects; /* a bit for each, the innermost lowest: it is an object */
    unsigned n;
};

/* What stands behind a value: the ends of containers, and a comma unless the last one ended. */
static inline const char *behind(const char *p, const char *end, struct open *open)
{
    for (; *p != ','; open->objects >>= 1) {
        if (*p++ != ((open->objects & 1) != 0 ? '}' : ']'))
            return NULL;
        if (--open->n == 0)
            return p;
        if (p == end)
            return NULL;
    }
    return p + 1;
}

static const char *skip_raw(const char *p, const struct quotes *q)
{
    struct open open = { 0, 0 };
    if (*p != '{')
        return NULL;
    do {
        if ((open.objects & 1) != 0) { /* a name */
            p = quoted(p, q);
            if (p == NULL || *p++ != ':')
                return NULL;
        }
        const char c = *p;
        if (c == '"') {
            p = quoted(p, q);
        } else if (c == '{' || c == '[') {
            if (open.n++ == KT_JSON_DEPTH_MAX)
                return NULL;
            open.objects = open.objects << 1 | (c == '{');
            if (*++p != (c == '{' ? '}' : ']'))
                continue; /* it is not empty */
        } else {
            p = other(p, q->end);
        }
        if (p == NULL || (p = behind(p, q->end, &open)) == NULL)
            return NULL;
    } while (open.n > 0);
    return p;
}

static const char *take_raw(const char *p, const struct quotes *q, struct kt_str *ret)
{
    const char *to = skip_raw(p, q);
    *ret = kt_str_from(p, to == NULL ? 0 : (size_t)(to - p));
    return to;
}

/* ---- the line ---- */

static inline const char *take_field(const char *p, const struct quotes *q, struct kt_event *ev,
                                     const struct kt_line_field *f, struct kt_str *ip)
{
    void *at = (char *)ev + f->at;
    switch ((enum kt_line_type)f->type) {
    case KT_LINE_STR:
        return take_str(p, q, f, *ip, at);
    case KT_LINE_U32:
    case KT_LINE_I64:
        return take_number(p, q->end, f, at);
    case KT_LINE_WORD:
        return take_word(p, q, ev, f, at);
    case KT_LINE_MFA:
    case KT_LINE_GUESS:
        return take_bool(p, q->end, ev, f);
    case KT_LINE_IP:
        return take_ip(p, q, ev, ip);
    case KT_LINE_LIST:
        return take_list(p, q, at);
    case KT_LINE_FLAGS:
        return take_flags(p, q, ev);
    case KT_LINE_RAW:
        return take_raw(p, q, at);
    }
    return NULL;
}

static const char *take_head(const struct quotes *q, struct kt_event *ev)
{
    static const char head[] = "{\"v\":1,\"kind\":\"";
    const size_t n = sizeof head - 1;
    struct kt_str word;
    if ((size_t)(q->end - q->line) < n || memcmp(q->line, head, n) != 0)
        return NULL;
    const char *p = string(q->line + n, q, &word);
    const int kind = kt_words_find(KT_WORDS_KIND, word);
    ev->kind = (enum kt_kind)kind;
    return kind < 0 ? NULL : p;
}

bool kt_line_plain_read(struct kt_str line, struct kt_event *ev)
{
    struct quotes q;
    struct kt_str ip = KT_STR_NONE; /* as written */
    const char *p = look(&q, line) ? take_head(&q, ev) : NULL;
    if (p == NULL)
        return false;
    const unsigned wants = ev->kind == KT_KIND_ACCESS || ev->kind == KT_KIND_AMEND ? 2 : 0;
    unsigned wanted = 0;
    uint32_t name = kt_line_name_at(p, q.end), own;
    for (unsigned i = 0; i < KT_LINE_FIELDS; i++) {
        const struct kt_line_field *f = &kt_line_fields[i];
        memcpy(&own, f->key + 2, sizeof own);
        if (own != name)
            continue;
        const char *value = take(p, q.end, f->key, f->key_len);
        if (value == NULL)
            continue;
        p = take_field(value, &q, ev, f, &ip);
        if (p == NULL)
            return false;
        wanted += kt_line_wants(ev, f);
        name = kt_line_name_at(p, q.end);
    }
    return wanted == wants && q.end - p == 1; /* the last byte is '}' */
}

/* memmem: none of these bytes is rare, which is what kt_str_find goes by. */
static const char *place_of(struct kt_str line, struct kt_str what)
{
    return memmem(line.at, line.len, what.at, what.len);
}

/* A quote within a string is escaped, and a colon stands behind no string but a name: so these
 * bytes are the field's, or one's within raw, which stands behind it. */
bool kt_line_credential(struct kt_str line, struct kt_str *ret)
{
    const struct kt_str name = KT_STR(",\"credential\":\""), raw = KT_STR(",\"raw\":{");
    const char *at = place_of(line, name);
    *ret = KT_STR_NONE;
    if (at == NULL || place_of(kt_str_from(line.at, (size_t)(at - line.at)), raw) != NULL)
        return true;
    const char *end = line.at + line.len, *from = at + name.len;
    const char *to = memchr(from, '"', (size_t)(end - from));
    if (to == NULL || memchr(from, '\\', (size_t)(to - from)) != NULL)
        return false;
    *ret = kt_str_from(from, (size_t)(to - from));
    return true;
}
