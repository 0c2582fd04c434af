/*
 * line: the canonical line's writer, and the one escaping of JSON strings.
 *
 * Owns:  nothing; writes into the caller's buffer.
 * Calls: core/base (buf, ip, str), line_fields, simdjson's UTF-8 check.
 * Holds: whatever it writes, kt_line_read takes.
 */
#include "core/event/line.h"

#include <assert.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/event/json_tree.h"
#include "core/event/line_fields.h"
#include "core/event/scan.h"
#include "core/event/utf8.h"

static void put_escape(struct kt_buf *out, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    char letter = kt_line_short_escape(c);
    const char e[6] = { '\\', letter != 0 ? letter : 'u', '0', '0', hex[c >> 4], hex[c & 15] };
    kt_buf_add_bytes(out, e, letter != 0 ? 2 : 6);
}

/* The inside of a string as it is; false when it needs mending (out is then to be rewound). */
static bool put_plain(struct kt_buf *out, struct kt_str s)
{
    bool high = false;
    for (size_t i = 0; i < s.len;) {
        size_t n = kt_scan_plain(s.at + i, s.len - i, &high);
        kt_buf_add_bytes(out, s.at + i, n);
        i += n;
        if (i < s.len && s.at[i] == '\0')
            return false;
        if (i < s.len)
            put_escape(out, (unsigned char)s.at[i++]);
    }
    return !high || kt_utf8_valid_fast(s);
}

static bool put_special(struct kt_buf *out, struct kt_str s, size_t max)
{
    size_t start = out->len;
    bool same = s.len <= max && put_plain(out, s);
    if (!same) {
        KT_CLEANUP(kt_buf_done) struct kt_buf mended = { 0 };
        kt_utf8_mend(&mended, s, max);
        out->len = start;
        (void)put_plain(out, kt_buf_str(&mended));
    }
    kt_buf_byte(out, '"');
    return same;
}

/* The inside of a string and its closing quote; false when it was mended or cut. */
static inline __attribute__((always_inline)) bool put_string(struct kt_buf *out, struct kt_str s,
                                                             size_t max)
{
    char *to = s.len <= max ? kt_buf_reserve(out, s.len + 1) : NULL;
    if (to == NULL || !kt_scan_copy_plain(to, s.at, s.len))
        return put_special(out, s, max);
    to[s.len] = '"'; /* the usual case */
    out->len += s.len + 1;
    return true;
}

void kt_json_quote(struct kt_buf *out, struct kt_str s)
{
    *kt_buf_reserve(out, s.len + 2) = '"';
    out->len++;
    (void)put_string(out, s, SIZE_MAX);
}

static const void *at_field(const struct kt_event *ev, const struct kt_line_field *f)
{
    return (const char *)ev + f->at;
}

static void put_key(struct kt_buf *out, const struct kt_line_field *f)
{
    memcpy(kt_buf_reserve(out, KT_LINE_KEY_MAX), f->key, KT_LINE_KEY_MAX);
    out->len += f->key_len;
}

/* A string that is not empty. */
static void put_str(struct kt_event *ev, const struct kt_line_field *f, struct kt_buf *out)
{
    const struct kt_str s = *(const struct kt_str *)at_field(ev, f);
    char *to = kt_buf_reserve(out, KT_LINE_KEY_MAX + s.len + 1);
    memcpy(to, f->key, KT_LINE_KEY_MAX);
    out->len += f->key_len;
    to += f->key_len;
    if (s.len > KT_STRING_MAX || !kt_scan_copy_plain(to, s.at, s.len)) {
        if (!put_special(out, s, KT_STRING_MAX))
            ev->flags |= KT_FLAG(REPAIRED);
        return;
    }
    to[s.len] = '"'; /* the usual case */
    out->len += s.len + 1;
}

/* The address as text, and the raw form only where it says more. */
static void put_ip(const struct kt_event *ev, const struct kt_line_field *f, struct kt_buf *out)
{
    char text[KT_IP_TEXT_MAX];
    if (!ev->has_ip)
        return;
    put_key(out, f);
    kt_buf_add(out, kt_line_ip(ev->ip, text));
    kt_buf_byte(out, '"');
}

static bool ip_says_it(const struct kt_event *ev)
{
    char text[KT_IP_TEXT_MAX];
    return ev->ip_raw.len > 0 && ev->has_ip && kt_str_eq(ev->ip_raw, kt_line_ip(ev->ip, text));
}

static void put_list(struct kt_event *ev, const struct kt_line_field *f, struct kt_buf *out)
{
    const struct kt_list *list = at_field(ev, f);
    assert(list->n <= KT_LIST_MAX);
    if (list->n == 0)
        return;
    put_key(out, f);
    for (unsigned i = 0; i < list->n; i++) {
        kt_buf_addz(out, i == 0 ? "\"" : ",\"");
        if (!put_string(out, list->at[i], KT_STRING_MAX))
            ev->flags |= KT_FLAG(REPAIRED);
    }
    kt_buf_byte(out, ']');
}

static void put_flags(const struct kt_event *ev, const struct kt_line_field *f, struct kt_buf *out)
{
    bool first = true;
    for (unsigned i = 0; i < kt_words[KT_WORDS_FLAG].n; i++) {
        if ((ev->flags & (1u << i)) == 0)
            continue;
        if (first)
            put_key(out, f);
        kt_buf_addz(out, first ? "\"" : ",\"");
        kt_buf_add(out, kt_words[KT_WORDS_FLAG].at[i]);
        kt_buf_byte(out, '"');
        first = false;
    }
    if (!first)
        kt_buf_byte(out, ']');
}

static void put_word(const struct kt_event *ev, const struct kt_line_field *f, struct kt_buf *out)
{
    unsigned value;
    memcpy(&value, at_field(ev, f), sizeof value);
    assert(value < kt_words[f->set].n);
    if (value == 0 && !kt_line_wants(ev, f))
        return;
    put_key(out, f);
    kt_buf_add(out, kt_words[f->set].at[value]);
    kt_buf_byte(out, '"');
}

static void put_number(const struct kt_event *ev, const struct kt_line_field *f, struct kt_buf *out)
{
    int64_t value;
    if (f->type == KT_LINE_U32) {
        uint32_t u;
        memcpy(&u, at_field(ev, f), sizeof u);
        value = u;
    } else {
        memcpy(&value, at_field(ev, f), sizeof value);
    }
    if (value == 0)
        return;
    put_key(out, f);
    kt_buf_i64_dec(out, value);
}

static void put_bool(const struct kt_event *ev, const struct kt_line_field *f, struct kt_buf *out)
{
    int value = f->type == KT_LINE_MFA ? ev->mfa : ev->secret_guess;
    if (value == 0)
        return;
    put_key(out, f);
    kt_buf_addz(out, value > 0 ? "true" : "false");
}

static void put_field(struct kt_event *ev, const struct kt_line_field *f, struct kt_buf *out)
{
    switch ((enum kt_line_type)f->type) {
    case KT_LINE_STR:
        if (f->at != offsetof(struct kt_event, ip_raw) || !ip_says_it(ev))
            put_str(ev, f, out);
        return;
    case KT_LINE_U32:
    case KT_LINE_I64:
        put_number(ev, f, out);
        return;
    case KT_LINE_WORD:
        put_word(ev, f, out);
        return;
    case KT_LINE_MFA:
    case KT_LINE_GUESS:
        put_bool(ev, f, out);
        return;
    case KT_LINE_IP:
        put_ip(ev, f, out);
        return;
    case KT_LINE_LIST:
        put_list(ev, f, out);
        return;
    case KT_LINE_FLAGS:
    case KT_LINE_RAW: /* the tail: raw decides on a flag */
        return;
    }
}

static bool is_raw(struct kt_str raw)
{
    const char *end = raw.at + raw.len;
    return kt_line_skip_object(raw.at, end) == end && kt_utf8_valid_fast(raw);
}

/* Flags and raw. A raw that is too long, or not what it should be, is left out. */
static void put_tail(struct kt_event *ev, struct kt_buf *out, size_t start)
{
    const struct kt_line_field *flags = &kt_line_fields[KT_LINE_FIELDS - 2];
    const struct kt_line_field *raw = &kt_line_fields[KT_LINE_FIELDS - 1];
    size_t before = out->len;

    put_flags(ev, flags, out);
    if (ev->raw.len > 0) {
        size_t whole = out->len - start + raw->key_len + ev->raw.len + 1;
        if (whole <= KT_LINE_MAX && (kt_event_raw_is_sound(ev) || is_raw(ev->raw))) {
            put_key(out, raw);
            kt_buf_add(out, ev->raw);
        } else {
            out->len = before;
            ev->raw = KT_STR_NONE;
            ev->flags |= KT_FLAG(INCOMPLETE);
            put_flags(ev, flags, out);
        }
    }
    kt_buf_byte(out, '}');
}

enum kt_status kt_line_write(struct kt_event *ev, struct kt_buf *out, struct kt_error *err)
{
    size_t start = out->len;
    assert(ev->kind < KT_KIND_COUNT);
    kt_buf_addz(out, "{\"v\":1,\"kind\":\"");
    kt_buf_add(out, kt_words[KT_WORDS_KIND].at[ev->kind]);
    kt_buf_byte(out, '"');
    for (const struct kt_line_field *f = kt_line_fields; f < kt_line_fields + KT_LINE_FIELDS; f++) {
        if (f->type == KT_LINE_STR && ((const struct kt_str *)at_field(ev, f))->len == 0)
            continue; /* most are */
        put_field(ev, f, out);
        if (out->len - start > KT_LINE_MAX)
            break;
    }
    if (out->len - start <= KT_LINE_MAX)
        put_tail(ev, out, start);
    if (out->len - start > KT_LINE_MAX) {
        out->len = start;
        return kt_fail(err, KT_E_LIMIT, "line longer than %u bytes", KT_LINE_MAX);
    }
    return KT_OK;
}
