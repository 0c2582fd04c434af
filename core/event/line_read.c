/*
 * line_read: the canonical line's strict reader: one pass, the fields in the order of the table.
 *
 * Owns:  nothing; strings borrow from the line, unescaped ones go to the caller's arena.
 * Calls: core/base (arena, ip, str), line_fields, line_plain, simdjson's UTF-8 check.
 * Holds: what it takes, kt_line_write writes again byte by byte. So every absent form is refused
 *        when written out: an empty string, a zero, a default word, an address in another notation.
 */
#include <string.h>

#include "core/base/limits.h"
#include "core/event/json_tree.h"
#include "core/event/line.h"
#include "core/event/line_fields.h"
#include "core/event/scan.h"

struct reader {
    const char *p, *end;
    struct kt_arena *arena;
    const char *why; /* what is wrong at p; NULL while nothing is */
};

static bool wrong(struct reader *r, const char *why)
{
    if (r->why == NULL)
        r->why = why;
    return false;
}

static bool take(struct reader *r, const char *at, size_t n)
{
    if ((size_t)(r->end - r->p) < n || memcmp(r->p, at, n) != 0)
        return false;
    r->p += n;
    return true;
}

/* Copies from the opening of a string with escapes, of which the first is n bytes away. */
static bool unescape(struct reader *r, size_t n, struct kt_str *ret)
{
    bool high = false;
    size_t whole = n, step;
    char byte;
    while (r->p + whole < r->end && r->p[whole] == '\\') { /* how long is it? */
        step = kt_line_unescape(r->p + whole, r->end, &byte);
        if (step == 0)
            return wrong(r, "an escape that the writer does not make");
        whole += step;
        whole += kt_scan_plain(r->p + whole, (size_t)(r->end - r->p) - whole, &high);
    }
    char *at = kt_arena_alloc(r->arena, whole);
    if (at == NULL)
        return wrong(r, "more text than the arena holds");
    size_t len = 0;
    for (const char *p = r->p, *end = r->p + whole; p < end; p += step) {
        step = *p == '\\' ? kt_line_unescape(p, end, &at[len]) : 1;
        if (*p != '\\')
            at[len] = *p;
        len++;
    }
    r->p += whole;
    *ret = kt_str_from(at, len);
    return true;
}

/* The inside of a string and its closing quote. */
static inline bool string(struct reader *r, struct kt_str *ret)
{
    bool high = false;
    size_t n = kt_scan_plain(r->p, (size_t)(r->end - r->p), &high);
    if (r->p + n < r->end && r->p[n] == '\\') {
        if (!unescape(r, n, ret))
            return false;
    } else {
        *ret = kt_str_from(r->p, n);
        r->p += n;
    }
    if (r->p == r->end || *r->p != '"')
        return wrong(r, "a string that does not end");
    r->p++;
    return ret->len <= KT_STRING_MAX || wrong(r, "a string over the limit");
}

/* A decimal without sign or leading zeroes, not 0. */
static bool number(struct reader *r, uint64_t max, uint64_t *ret)
{
    const char *p = r->p, *end = r->end - p > 20 ? p + 20 : r->end;
    uint64_t v = 0;
    for (; p < end && *p >= '0' && *p <= '9'; p++)
        v = v * 10 + (uint64_t)(*p - '0'); /* 19 digits fit; what has more is refused */
    if (p == r->p || p - r->p > 19 || r->p[0] == '0')
        return wrong(r, "a number that the writer does not make");
    if (v > max)
        return wrong(r, "a number out of range");
    r->p = p;
    *ret = v;
    return true;
}

static bool take_u32(struct reader *r, void *at)
{
    uint64_t v;
    if (!number(r, UINT32_MAX, &v))
        return false;
    uint32_t u = (uint32_t)v;
    memcpy(at, &u, sizeof u);
    return true;
}

static bool take_i64(struct reader *r, void *at)
{
    uint64_t v;
    bool minus = take(r, "-", 1);
    if (!number(r, (uint64_t)INT64_MAX + minus, &v))
        return false;
    int64_t i = minus ? -(int64_t)(v - 1) - 1 : (int64_t)v;
    memcpy(at, &i, sizeof i);
    return true;
}

static bool take_word(struct reader *r, const struct kt_event *ev, const struct kt_line_field *f,
                      void *at)
{
    struct kt_str text;
    if (!string(r, &text))
        return false;
    int i = kt_words_find((enum kt_words_set)f->set, text);
    if (i < 0 || (i == 0 && !kt_line_wants(ev, f)))
        return wrong(r, "a word that the writer does not make here");
    unsigned value = (unsigned)i;
    memcpy(at, &value, sizeof value);
    return true;
}

static bool take_bool(struct reader *r, struct kt_event *ev, const struct kt_line_field *f)
{
    bool yes = take(r, "true", 4);
    if (f->type == KT_LINE_GUESS) {
        ev->secret_guess = yes;
        return yes || wrong(r, "not true");
    }
    ev->mfa = yes ? 1 : -1;
    return yes || take(r, "false", 5) || wrong(r, "neither true nor false");
}

static bool take_ip(struct reader *r, struct kt_event *ev)
{
    struct kt_str text;
    char again[KT_IP_TEXT_MAX];
    if (!string(r, &text))
        return false;
    if (!kt_ip_parse(text, &ev->ip) || !kt_str_eq(text, kt_line_ip(ev->ip, again)))
        return wrong(r, "an address that the writer does not make");
    ev->has_ip = true;
    return true;
}

static bool take_list(struct reader *r, struct kt_list *list)
{
    do {
        if (list->n == KT_LIST_MAX)
            return wrong(r, "a list over the limit");
        if (!take(r, "\"", 1))
            return wrong(r, "no string");
        if (!string(r, &list->at[list->n]))
            return false;
        list->n++;
    } while (take(r, ",", 1));
    return take(r, "]", 1) || wrong(r, "a list that does not end");
}

static bool take_flags(struct reader *r, struct kt_event *ev)
{
    struct kt_str word;
    do {
        if (!take(r, "\"", 1))
            return wrong(r, "no word");
        if (!string(r, &word))
            return false;
        int i = kt_words_find(KT_WORDS_FLAG, word);
        if (i < 0 || ev->flags >> i != 0)
            return wrong(r, "a flag unknown or out of order");
        ev->flags |= 1u << i;
    } while (take(r, ",", 1));
    return take(r, "]", 1) || wrong(r, "flags that do not end");
}

static bool take_raw(struct reader *r, struct kt_event *ev)
{
    const char *end = kt_line_skip_object(r->p, r->end);
    if (end == NULL)
        return wrong(r, "no compact JSON object");
    ev->raw = kt_str_from(r->p, (size_t)(end - r->p));
    r->p = end;
    return true;
}

static bool take_str(struct reader *r, const struct kt_event *ev, const struct kt_line_field *f,
                     struct kt_str *ret)
{
    char text[KT_IP_TEXT_MAX];
    if (!string(r, ret))
        return false;
    if (ret->len == 0)
        return wrong(r, "an empty string");
    if (f->at == offsetof(struct kt_event, ip_raw) && ev->has_ip &&
        kt_str_eq(*ret, kt_line_ip(ev->ip, text)))
        return wrong(r, "ip_raw that repeats ip");
    return true;
}

static bool take_field(struct reader *r, struct kt_event *ev, const struct kt_line_field *f)
{
    void *at = (char *)ev + f->at;
    switch ((enum kt_line_type)f->type) {
    case KT_LINE_STR:
        return take_str(r, ev, f, at);
    case KT_LINE_U32:
        return take_u32(r, at);
    case KT_LINE_I64:
        return take_i64(r, at);
    case KT_LINE_WORD:
        return take_word(r, ev, f, at);
    case KT_LINE_MFA:
    case KT_LINE_GUESS:
        return take_bool(r, ev, f);
    case KT_LINE_IP:
        return take_ip(r, ev);
    case KT_LINE_LIST:
        return take_list(r, at);
    case KT_LINE_FLAGS:
        return take_flags(r, ev);
    case KT_LINE_RAW:
        return take_raw(r, ev);
    }
    return false;
}

static bool take_head(struct reader *r, struct kt_event *ev)
{
    static const char head[] = "{\"v\":1,\"kind\":\"";
    struct kt_str word;
    if (!take(r, head, sizeof head - 1))
        return wrong(r, "not a line of version 1");
    if (!string(r, &word))
        return false;
    int kind = kt_words_find(KT_WORDS_KIND, word);
    if (kind < 0)
        return wrong(r, "unknown kind");
    ev->kind = (enum kt_kind)kind;
    return true;
}

static bool take_fields(struct reader *r, struct kt_event *ev)
{
    uint32_t name = kt_line_name_at(r->p, r->end), own;
    for (unsigned i = 0; i < KT_LINE_FIELDS; i++) {
        const struct kt_line_field *f = &kt_line_fields[i];
        memcpy(&own, f->key + 2, sizeof own);
        if (own == name && take(r, f->key, f->key_len)) {
            if (!take_field(r, ev, f))
                return false;
            name = kt_line_name_at(r->p, r->end);
        } else if (kt_line_wants(ev, f)) {
            return wrong(r, "no action or outcome");
        }
    }
    if (!take(r, "}", 1))
        return wrong(r, "a field unknown or out of order");
    return r->p == r->end || wrong(r, "bytes behind the line");
}

enum kt_status kt_line_strict_read(struct kt_str line, struct kt_arena *arena, struct kt_event *ret,
                                   struct kt_error *err)
{
    if (line.len == 0)
        return kt_fail(err, KT_E_INPUT, "line: empty");
    struct reader r = { .p = line.at, .end = line.at + line.len, .arena = arena };
    struct kt_event ev;
    kt_event_clear(&ev);
    if (line.len > KT_LINE_MAX)
        return kt_fail(err, KT_E_LIMIT, "line of %zu bytes: the maximum is %u", line.len,
                       KT_LINE_MAX);
    if (!kt_utf8_valid_fast(line))
        return kt_fail(err, KT_E_INPUT, "line: not UTF-8");
    if (!take_head(&r, &ev) || !take_fields(&r, &ev))
        return kt_fail(err, arena->full ? KT_E_LIMIT : KT_E_INPUT, "line: byte %zu: %s",
                       (size_t)(r.p - line.at), r.why);
    kt_event_copy(ret, &ev);
    return KT_OK;
}

enum kt_status kt_line_read(struct kt_str line, struct kt_arena *arena, struct kt_event *ret,
                            struct kt_error *err)
{
    struct kt_event ev;
    kt_event_clear(&ev);
    if (!kt_line_plain_read(line, &ev))
        return kt_line_strict_read(line, arena, ret, err);
    kt_event_copy(ret, &ev);
    return KT_OK;
}

enum kt_status kt_line_read_over(struct kt_str line, struct kt_arena *arena, struct kt_event *ret,
                                 struct kt_error *err)
{
    kt_event_clear(ret);
    return kt_line_plain_read(line, ret) ? KT_OK : kt_line_strict_read(line, arena, ret, err);
}
