/*
 * keep: the allow-list copy of a record.
 *
 * Owns:  nothing.
 * Calls: json_tree, line (quoting), core/base.
 */
#include "core/event/keep.h"

#include "core/event/json_tree.h"
#include "core/event/line.h"
#include "core/event/scan.h"

#define KEEP_STRING_MAX 1024u
#define KEEP_LIST_MAX   64u

static bool is_named(const struct kt_keep *row, const struct kt_json_node *member)
{
    return row->name.len == member->key_len &&
           kt_scan_same(row->name.at, member->key, member->key_len);
}

/* The row of a member. *next: the row behind the one before it, since records and tables mostly
 * have one order. */
static const struct kt_keep *keep_of(const struct kt_keep *table, const struct kt_keep **next,
                                     const struct kt_json_node *member)
{
    const struct kt_keep *row = *next;
    while (row->name.at != NULL && !is_named(row, member))
        row++;
    if (row->name.at == NULL) {
        for (row = table; row < *next && !is_named(row, member);)
            row++;
        if (row == *next)
            return NULL;
    }
    *next = row + 1;
    return row;
}

static bool is_scalar(unsigned type)
{
    return type == KT_JSON_STRING || type == KT_JSON_NUMBER || type == KT_JSON_BOOL;
}

static void write_scalar(const struct kt_json_node *v, struct kt_buf *out)
{
    struct kt_str text = kt_str_from(v->text, v->len);
    if (v->type == KT_JSON_STRING)
        kt_json_quote(out, text.len > KEEP_STRING_MAX ? kt_utf8_cut(text, KEEP_STRING_MAX) : text);
    else
        kt_buf_add(out, text);
}

static void write_object(const struct kt_json_node *v, const struct kt_keep *table,
                         struct kt_buf *out, uint64_t *unknown);

static void write_list(const struct kt_json_node *v, const struct kt_keep *k, struct kt_buf *out,
                       uint64_t *unknown)
{
    bool scalars = k->below == NULL || k->named;
    const struct kt_json_node *end = v + v->span;
    unsigned n = 0;
    kt_buf_byte(out, '[');
    for (const struct kt_json_node *c = v + 1; c < end && n < KEEP_LIST_MAX; c += c->span) {
        bool object = k->below != NULL && c->type == KT_JSON_OBJECT;
        if (!object && !(scalars && is_scalar(c->type)))
            continue;
        if (n++ > 0)
            kt_buf_byte(out, ',');
        if (object)
            write_object(c, k->below, out, unknown);
        else
            write_scalar(c, out);
    }
    kt_buf_byte(out, ']');
}

/* Where an object is expected a text is none: nobody knows what it says. */
static bool has_value(unsigned type, const struct kt_keep *k)
{
    return type == KT_JSON_ARRAY || (is_scalar(type) && (k->below == NULL || k->named)) ||
           (type == KT_JSON_OBJECT && k->below != NULL);
}

static void write_kept(const struct kt_json_node *v, const struct kt_keep *k, struct kt_buf *out,
                       uint64_t *unknown)
{
    if (is_scalar(v->type))
        write_scalar(v, out);
    else if (v->type == KT_JSON_ARRAY)
        write_list(v, k, out, unknown);
    else
        write_object(v, k->below, out, unknown);
}

/* `,"name":`; names of tables need no escaping. */
static void write_name(struct kt_str name, bool comma, struct kt_buf *out)
{
    char *to = kt_buf_reserve(out, name.len + 4), *at = to;
    if (comma)
        *at++ = ',';
    *at++ = '"';
    kt_scan_copy(at, name.at, name.len);
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

static void write_object(const struct kt_json_node *v, const struct kt_keep *table,
                         struct kt_buf *out, uint64_t *unknown)
{
    const struct kt_json_node *end = v + v->span;
    const struct kt_keep *next = table;
    bool first = true;
    kt_buf_byte(out, '{');
    for (const struct kt_json_node *c = v + 1; c < end; c += c->span) {
        if (c->dropped)
            continue;
        const struct kt_keep *k = keep_of(table, &next, c);
        if (k == NULL && unknown != NULL)
            (*unknown)++;
        if (k == NULL || k->drop || !has_value(c->type, k))
            continue;
        size_t before = out->len;
        write_name(k->name, !first, out);
        size_t body = out->len;
        write_kept(c, k, out, unknown);
        if (says_nothing(out, body))
            out->len = before;
        else
            first = false;
    }
    kt_buf_byte(out, '}');
}

void kt_keep_write(struct kt_jval v, const struct kt_keep *table, struct kt_buf *out,
                   uint64_t *unknown)
{
    if (kt_json_type(v) == KT_JSON_OBJECT)
        write_object(v.node, table, out, unknown);
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
