/*
 * keep: the allow-list copy of a record.
 *
 * Owns:  nothing.
 * Calls: core/base, core/event (json, line).
 */
#include "agents/sources/keep.h"

#include "core/event/line.h"
#include "core/event/scan.h"

#define KEEP_STRING_MAX 1024u
#define KEEP_LIST_MAX   64u

static bool is_named(const struct kt_keep *row, struct kt_str name)
{
    return row->name.len == name.len && kt_scan_same(row->name.at, name.at, name.len);
}

/* The row of a member. *next: the row behind the one before it, since records and tables mostly
 * have one order. */
static const struct kt_keep *keep_of(const struct kt_keep *table, const struct kt_keep **next,
                                     struct kt_str name)
{
    const struct kt_keep *row = *next;
    while (row->name.at != NULL && !is_named(row, name))
        row++;
    if (row->name.at == NULL) {
        for (row = table; row < *next && !is_named(row, name);)
            row++;
        if (row == *next)
            return NULL;
    }
    *next = row + 1;
    return row;
}

static bool is_scalar(enum kt_json_type t)
{
    return t == KT_JSON_STRING || t == KT_JSON_NUMBER || t == KT_JSON_BOOL;
}

static void write_scalar(struct kt_jval v, enum kt_json_type t, struct kt_buf *out)
{
    struct kt_str text = kt_json_text(v);
    if (t == KT_JSON_STRING)
        kt_json_quote(out, text.len > KEEP_STRING_MAX ? kt_utf8_cut(text, KEEP_STRING_MAX) : text);
    else
        kt_buf_add(out, text);
}

static void write_list(struct kt_jval v, const struct kt_keep *k, struct kt_buf *out,
                       uint64_t *unknown)
{
    bool scalars = k->below == NULL || k->named;
    struct kt_json_iter it = kt_json_iter(v);
    struct kt_str name;
    struct kt_jval item;
    unsigned n = 0;
    kt_buf_byte(out, '[');
    while (n < KEEP_LIST_MAX && kt_json_next(&it, &name, &item)) {
        enum kt_json_type t = kt_json_type(item);
        bool object = k->below != NULL && t == KT_JSON_OBJECT;
        if (!object && !(scalars && is_scalar(t)))
            continue;
        if (n++ > 0)
            kt_buf_byte(out, ',');
        if (object)
            kt_keep_write(item, k->below, out, unknown);
        else
            write_scalar(item, t, out);
    }
    kt_buf_byte(out, ']');
}

/* Where an object is expected a text is none: nobody knows what it says. */
static bool has_value(enum kt_json_type t, const struct kt_keep *k)
{
    return t == KT_JSON_ARRAY || (is_scalar(t) && (k->below == NULL || k->named)) ||
           (t == KT_JSON_OBJECT && k->below != NULL);
}

static void write_kept(struct kt_jval v, enum kt_json_type t, const struct kt_keep *k,
                       struct kt_buf *out, uint64_t *unknown)
{
    if (is_scalar(t))
        write_scalar(v, t, out);
    else if (t == KT_JSON_ARRAY)
        write_list(v, k, out, unknown);
    else
        kt_keep_write(v, k->below, out, unknown);
}

/* `,"name":`; names of tables need no escaping. */
static void write_name(struct kt_str name, bool comma, struct kt_buf *out)
{
    char *to = kt_buf_reserve(out, name.len + 4), *at = to;
    if (comma)
        *at++ = ',';
    *at++ = '"';
    memcpy(at, name.at, name.len);
    at += name.len;
    *at++ = '"';
    *at++ = ':';
    out->len += (size_t)(at - to);
}

/* "{}" or "[]" was written from `body` on. */
static bool says_nothing(const struct kt_buf *out, size_t body)
{
    return out->len == body + 2 && (out->at[body] == '{' || out->at[body] == '[');
}

void kt_keep_write(struct kt_jval v, const struct kt_keep *table, struct kt_buf *out,
                   uint64_t *unknown)
{
    if (kt_json_type(v) != KT_JSON_OBJECT)
        return;
    struct kt_json_iter it = kt_json_iter(v);
    struct kt_str name;
    struct kt_jval item;
    const struct kt_keep *next = table;
    bool first = true;
    kt_buf_byte(out, '{');
    while (kt_json_next(&it, &name, &item)) {
        const struct kt_keep *k = keep_of(table, &next, name);
        if (k == NULL) {
            if (unknown != NULL)
                (*unknown)++;
            continue;
        }
        enum kt_json_type t = kt_json_type(item);
        if (k->drop || !has_value(t, k))
            continue;
        size_t before = out->len;
        write_name(k->name, !first, out);
        size_t body = out->len;
        write_kept(item, t, k, out, unknown);
        if (says_nothing(out, body))
            out->len = before;
        else
            first = false;
    }
    kt_buf_byte(out, '}');
}

void kt_keep_member(struct kt_str name, struct kt_jval v, const struct kt_keep *table,
                    struct kt_buf *out, uint64_t *unknown)
{
    if (kt_json_type(v) != KT_JSON_OBJECT)
        return;
    size_t before = out->len;
    write_name(name, true, out);
    size_t body = out->len;
    kt_keep_write(v, table, out, unknown);
    if (says_nothing(out, body))
        out->len = before;
}
