/*
 * keep: the allow-list copy of a record.
 *
 * Owns:  nothing.
 * Calls: core/base, core/event (json, line).
 */
#include "agents/sources/keep.h"

#include "core/event/line.h"

#define KEEP_STRING_MAX 1024u
#define KEEP_LIST_MAX   64u

/* The row of a member. *next: the row behind the one before it, since records and tables mostly
 * have one order. */
static const struct kt_keep *keep_of(const struct kt_keep *table, const struct kt_keep **next,
                                     struct kt_str name)
{
    const struct kt_keep *row = *next;
    while (row->name.at != NULL && !kt_str_eq(row->name, name))
        row++;
    if (row->name.at == NULL)
        for (row = table; row < *next && !kt_str_eq(row->name, name);)
            row++;
    if (row->name.at == NULL || !kt_str_eq(row->name, name))
        return NULL;
    *next = row + 1;
    return row;
}

static bool is_scalar(struct kt_jval v)
{
    switch (kt_json_type(v)) {
    case KT_JSON_BOOL:
    case KT_JSON_NUMBER:
    case KT_JSON_STRING:
        return true;
    case KT_JSON_NONE:
    case KT_JSON_NULL:
    case KT_JSON_ARRAY:
    case KT_JSON_OBJECT:
        break;
    }
    return false;
}

static void write_scalar(struct kt_jval v, struct kt_buf *out)
{
    if (kt_json_type(v) == KT_JSON_STRING)
        kt_json_quote(out, kt_utf8_cut(kt_json_str(v), KEEP_STRING_MAX));
    else
        kt_buf_add(out, kt_json_text(v));
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
        bool object = k->below != NULL && kt_json_type(item) == KT_JSON_OBJECT;
        if (!object && !(scalars && is_scalar(item)))
            continue;
        if (n++ > 0)
            kt_buf_byte(out, ',');
        if (object)
            kt_keep_write(item, k->below, out, unknown);
        else
            write_scalar(item, out);
    }
    kt_buf_byte(out, ']');
}

/* Where an object is expected a text is none: nobody knows what it says. */
static bool has_value(struct kt_jval v, const struct kt_keep *k)
{
    enum kt_json_type t = kt_json_type(v);
    return t == KT_JSON_ARRAY || (is_scalar(v) && (k->below == NULL || k->named)) ||
           (t == KT_JSON_OBJECT && k->below != NULL);
}

static void write_kept(struct kt_jval v, const struct kt_keep *k, struct kt_buf *out,
                       uint64_t *unknown)
{
    if (is_scalar(v))
        write_scalar(v, out);
    else if (kt_json_type(v) == KT_JSON_ARRAY)
        write_list(v, k, out, unknown);
    else
        kt_keep_write(v, k->below, out, unknown);
}

/* Names of tables need no escaping. */
static void write_name(struct kt_str name, struct kt_buf *out)
{
    kt_buf_byte(out, '"');
    kt_buf_add(out, name);
    kt_buf_add(out, KT_STR("\":"));
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
        if (k->drop || !has_value(item, k))
            continue;
        size_t before = out->len;
        if (!first)
            kt_buf_byte(out, ',');
        write_name(k->name, out);
        size_t body = out->len;
        write_kept(item, k, out, unknown);
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
    kt_buf_byte(out, ',');
    write_name(name, out);
    size_t body = out->len;
    kt_keep_write(v, table, out, unknown);
    if (says_nothing(out, body))
        out->len = before;
}
