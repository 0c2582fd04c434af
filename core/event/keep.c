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

static void write_plain(struct kt_str text, struct kt_buf *out)
{
    char *to = kt_buf_reserve(out, text.len + 2);
    *to = '"';
    kt_scan_copy(to + 1, text.at, text.len);
    to[text.len + 1] = '"';
    out->len += text.len + 2;
}

static void write_scalar(const struct kt_json_node *v, struct kt_buf *out)
{
    struct kt_str text = kt_str_from(v->text, v->len);
    if (v->type == KT_JSON_STRING && v->plain && text.len <= KEEP_STRING_MAX)
        write_plain(text, out);
    else if (v->type == KT_JSON_STRING)
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

/* Nothing when v is no object, or nothing of it is kept. */
static void write_member(struct kt_str name, bool comma, struct kt_jval v,
                         const struct kt_keep *table, struct kt_buf *out, uint64_t *unknown)
{
    if (kt_json_type(v) != KT_JSON_OBJECT)
        return;
    size_t before = out->len;
    write_name(name, comma, out);
    size_t body = out->len;
    write_object(v.node, table, out, unknown);
    if (says_nothing(out, body))
        out->len = before;
}

void kt_keep_member(struct kt_str name, struct kt_jval v, const struct kt_keep *table,
                    struct kt_buf *out, uint64_t *unknown)
{
    write_member(name, true, v, table, out, unknown);
}

/* Has nobody else written since? */
static void look_behind(struct kt_kept *k)
{
    k->alone = k->alone && k->out->len == k->end;
}

void kt_kept_open(struct kt_kept *k, struct kt_buf *out)
{
    *k = (struct kt_kept){ .out = out, .alone = out->len == 0 };
    kt_buf_byte(out, '{');
    k->end = out->len;
}

void kt_kept_text(struct kt_kept *k, struct kt_str name, struct kt_str text)
{
    look_behind(k);
    write_name(name, k->end > 1, k->out);
    kt_json_quote(k->out, text);
    k->end = k->out->len;
}

void kt_kept_member(struct kt_kept *k, struct kt_str name, struct kt_jval v,
                    const struct kt_keep *table, uint64_t *unknown)
{
    look_behind(k);
    write_member(name, k->end > 1, v, table, k->out, unknown);
    k->end = k->out->len;
}

void kt_kept_close(struct kt_kept *k, struct kt_event *ev)
{
    look_behind(k);
    kt_buf_byte(k->out, '}');
    ev->raw = kt_buf_str(k->out);
    ev->raw_sound = k->alone ? ev->raw : KT_STR_NONE;
}

void kt_kept_whole(struct kt_jval v, const struct kt_keep *table, struct kt_buf *out,
                   uint64_t *unknown, struct kt_event *ev)
{
    const bool alone = out->len == 0;
    kt_keep_write(v, table, out, unknown);
    ev->raw = kt_buf_str(out);
    ev->raw_sound = alone && out->len > 0 ? ev->raw : KT_STR_NONE;
}
