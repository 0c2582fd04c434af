/*
 * doc: the one JSON writer of the stream encoders.
 *
 * Owns:  nothing; appends to the caller's buffer.
 * Calls: core/base, core/event (the one escaping). No I/O, no clock.
 * Holds: what is written between an open and its close is one JSON value.
 */
#include "exporters/streams/doc.h"

#include <assert.h>

#include "core/event/line.h"

/* A comma unless this is the first of its container, then the key. */
static void key_of(struct kt_buf *out, const char *key)
{
    char last = out->len > 0 ? out->at[out->len - 1] : '\n';
    if (last != '{' && last != '[' && last != '\n')
        kt_buf_byte(out, ',');
    if (key == NULL)
        return;
    kt_buf_byte(out, '"');
    kt_buf_addz(out, key);
    kt_buf_add(out, KT_STR("\":"));
}

size_t kt_doc_open(struct kt_buf *out, const char *key, char bracket)
{
    assert(bracket == '{' || bracket == '[');
    size_t mark = out->len;
    key_of(out, key);
    kt_buf_byte(out, bracket);
    return mark;
}

void kt_doc_close(struct kt_buf *out, size_t mark)
{
    /* the bracket that was opened is the first one behind the mark: keys have none */
    size_t at = mark;
    while (out->at[at] != '{' && out->at[at] != '[')
        at++;
    if (at + 1 == out->len)
        out->len = mark;
    else
        kt_buf_byte(out, out->at[at] == '{' ? '}' : ']');
}

void kt_doc_str(struct kt_buf *out, const char *key, struct kt_str s)
{
    if (s.len == 0)
        return;
    key_of(out, key);
    kt_json_quote(out, s);
}

void kt_doc_i64(struct kt_buf *out, const char *key, int64_t v)
{
    key_of(out, key);
    kt_buf_i64_dec(out, v);
}

void kt_doc_u64(struct kt_buf *out, const char *key, uint64_t v)
{
    key_of(out, key);
    kt_buf_u64_dec(out, v);
}

void kt_doc_bool(struct kt_buf *out, const char *key, bool v)
{
    key_of(out, key);
    kt_buf_addz(out, v ? "true" : "false");
}

void kt_doc_json(struct kt_buf *out, const char *key, struct kt_str json)
{
    key_of(out, key);
    kt_buf_add(out, json);
}

void kt_doc_time(struct kt_buf *out, const char *key, kt_time_ns t)
{
    char text[KT_TIME_TEXT_MAX];
    struct kt_str s = kt_str_of(kt_time_format(t, text));
    key_of(out, key);
    kt_buf_byte(out, '"');
    kt_buf_add(out, kt_str_sub(s, 0, s.len - 7)); /* of nine digits three stay */
    kt_buf_add(out, KT_STR("Z\""));
}
