/*
 * json_mend: the byte pass over records that a library refuses, or reads otherwise than the rules.
 *
 * It rewrites strings, keys and numbers into the marked form of json_tree.h and mends what only one
 * field could not hold, because refusing a record would let its author hide. It does not judge
 * structure: what it does not understand it copies, and the library refuses it. Only control bytes
 * between values are refused here: jansson overlooks NUL behind a word.
 *
 * Owns:  nothing.
 * Calls: core/base (buf, str), utf8.h.
 */
#include "core/event/json_tree.h"
#include "core/event/scan.h"
#include "core/event/utf8.h"

static int hex4(const char *at)
{
    int v = 0;
    for (unsigned i = 0; i < 4; i++) {
        char c = at[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        v = v * 16 + digit;
    }
    return v;
}

/* The escape at s (which starts with a backslash): bytes that belong together, and whether they
 * stand for something that no field can hold. */
struct escape {
    size_t len;
    bool mend;
};

static struct escape escape_at(struct kt_str s)
{
    if (s.len < 2 || (unsigned char)s.at[1] >= 0x80)
        return (struct escape){ 1, false };
    int unit = s.at[1] == 'u' && s.len >= 6 ? hex4(s.at + 2) : -1;
    if (unit < 0)
        return (struct escape){ 2, false };
    if (unit < 0xd800 || unit > 0xdfff)
        return (struct escape){ 6, unit == 0 };
    int low =
        unit <= 0xdbff && s.len >= 12 && s.at[6] == '\\' && s.at[7] == 'u' ? hex4(s.at + 8) : -1;
    if (low >= 0xdc00 && low <= 0xdfff)
        return (struct escape){ 12, false };
    return (struct escape){ 6, true };
}

bool kt_json_needs_mending(struct kt_str text)
{
    if (text.len == 0)
        return false;
    const char *end = text.at + text.len;
    const char *p = text.at;
    while (p < end && (p = (const char *)memchr(p, '\\', (size_t)(end - p))) != NULL) {
        struct escape e = escape_at(kt_str_from(p, (size_t)(end - p)));
        if (e.mend)
            return true;
        p += e.len;
    }
    return false;
}

struct pass {
    struct kt_str in;
    size_t at;
    struct kt_buf *out;
    unsigned mended, depth;
    uint64_t keys;
};

static bool is_white(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Is what ends at p->at an object key? */
static bool colon_follows(const struct pass *p)
{
    size_t i = p->at;
    while (i < p->in.len && is_white(p->in.at[i]))
        i++;
    return i < p->in.len && p->in.at[i] == ':';
}

/* One backslash or non-ASCII byte inside a string, mended if need be. */
static void copy_special(struct pass *p)
{
    struct kt_str rest = kt_str_from_index(p->in, p->at);
    struct escape e = { 1, false };
    if (rest.at[0] == '\\') {
        e = escape_at(rest);
    } else {
        size_t step = kt_utf8_step(rest.at, rest.len);
        e = step == 0 ? (struct escape){ 1, true } : (struct escape){ step, false };
    }
    if (e.mend)
        kt_buf_add(p->out, KT_STR(KT_UTF8_MEND));
    else
        kt_buf_add_bytes(p->out, rest.at, e.len);
    p->mended += e.mend;
    p->at += e.len;
}

static void copy_string(struct pass *p)
{
    kt_buf_byte(p->out, '"');
    p->at++;
    while (p->at < p->in.len && p->in.at[p->at] != '"') {
        size_t n = 0;
        while (p->at + n < p->in.len && p->in.at[p->at + n] != '"' && p->in.at[p->at + n] != '\\' &&
               (unsigned char)p->in.at[p->at + n] < 0x80)
            n++;
        kt_buf_add_bytes(p->out, p->in.at + p->at, n);
        p->at += n;
        if (p->at < p->in.len && p->in.at[p->at] != '"')
            copy_special(p);
    }
    if (p->at == p->in.len)
        return; /* never closed: refused by the library */
    p->at++;
    if (colon_follows(p))
        kt_buf_addf(p->out, "\\u%04x%llu", KT_JSON_KEY_MARK, (unsigned long long)p->keys++);
    else
        kt_buf_byte(p->out, KT_JSON_STRING_MARK);
    kt_buf_byte(p->out, '"');
}

/* Does the number fit what JSON libraries take? If not it counts as mended. */
static bool is_large(struct kt_str s)
{
    uint64_t u;
    int64_t i;
    bool integer = true;
    for (size_t k = 0; k < s.len; k++)
        integer = integer && s.at[k] != '.' && s.at[k] != 'e' && s.at[k] != 'E';
    return integer && s.len > 18 && !kt_str_u64(s, &u) && !kt_str_i64(s, &i);
}

static void copy_number(struct pass *p)
{
    size_t n = 0;
    while (p->at + n < p->in.len &&
           (is_digit(p->in.at[p->at + n]) ||
            (p->in.at[p->at + n] != '\0' && strchr("+-.eE", p->in.at[p->at + n]) != NULL)))
        n++;
    struct kt_str number = kt_str_sub(p->in, p->at, n);
    p->at += n;
    if (kt_scan_number(number.at, n) != n || colon_follows(p)) {
        kt_buf_add(p->out, number); /* refused by the library */
        return;
    }
    p->mended += is_large(number);
    kt_buf_byte(p->out, '"');
    kt_buf_add(p->out, number);
    kt_buf_byte(p->out, KT_JSON_NUMBER_MARK);
    kt_buf_byte(p->out, '"');
}

enum kt_status kt_json_mend(struct kt_str text, struct kt_buf *out, unsigned *ret_mended,
                            struct kt_error *err)
{
    struct pass p = { .in = text, .out = out };
    kt_buf_reset(out);
    while (p.at < text.len) {
        char c = text.at[p.at];
        if (c == '"') {
            copy_string(&p);
            continue;
        }
        if (c == '-' || is_digit(c)) {
            copy_number(&p);
            continue;
        }
        if (((unsigned char)c < 0x20 && !is_white(c)) || (unsigned char)c >= 0x7f)
            return kt_fail(err, KT_E_INPUT, "no JSON: byte 0x%02x between values",
                           (unsigned char)c);
        if ((c == '{' || c == '[') && ++p.depth > KT_JSON_DEPTH_MAX)
            return kt_fail(err, KT_E_LIMIT, "JSON nests deeper than %u", KT_JSON_DEPTH_MAX);
        if ((c == '}' || c == ']') && p.depth > 0)
            p.depth--;
        kt_buf_byte(out, c);
        p.at++;
    }
    *ret_mended = p.mended;
    return KT_OK;
}
