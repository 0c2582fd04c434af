/*
 * keep: the allow-list copy of a record.
 *
 * Owns:  nothing.
 * Calls: json_tree, line (quoting), redact_shapes, core/base.
 */
#include "core/event/keep.h"

#include "core/event/json_tree.h"
#include "core/event/line.h"
#include "core/event/redact_shapes.h"
#include "core/event/scan.h"

#define KEEP_STRING_MAX 1024u
#define KEEP_LIST_MAX   64u

_Static_assert(KT_KEEP_NAME_MAX <= KT_REDACT_RUN, "shorter names do not look random");

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

static void came_from(struct kt_kept *k, struct kt_str text)
{
    const char *behind = text.at + text.len;
    if (k->behind == NULL || (uintptr_t)text.at < (uintptr_t)k->first)
        k->first = text.at;
    if ((uintptr_t)behind > (uintptr_t)k->behind)
        k->behind = behind;
}

/* What was written from `from` on says more than the values that it was made of. */
static void is_own(struct kt_kept *k, size_t from)
{
    if (k->own_to == 0 || from < k->own_from)
        k->own_from = from;
    k->own_to = k->out->len;
}

static void write_plain(struct kt_str text, struct kt_buf *out)
{
    char *to = kt_buf_reserve(out, text.len + 2);
    *to = '"';
    kt_scan_copy(to + 1, text.at, text.len);
    to[text.len + 1] = '"';
    out->len += text.len + 2;
}

static void write_string(struct kt_kept *w, const struct kt_json_node *v)
{
    struct kt_str text = kt_str_from(v->text, v->len);
    came_from(w, text);
    w->odd = w->odd || text.len > KEEP_STRING_MAX || kt_redact_is_odd(text);
    if (v->plain && text.len <= KEEP_STRING_MAX)
        write_plain(text, w->out);
    else
        kt_json_quote(w->out,
                      text.len > KEEP_STRING_MAX ? kt_utf8_cut(text, KEEP_STRING_MAX) : text);
}

/* Words and numbers hold nothing that anybody looks for. */
static void write_scalar(struct kt_kept *w, const struct kt_json_node *v)
{
    if (v->type == KT_JSON_STRING)
        write_string(w, v);
    else
        kt_buf_add(w->out, kt_str_from(v->text, v->len));
}

static void write_object(struct kt_kept *w, const struct kt_json_node *v,
                         const struct kt_keep *table);

/* Its members are odd by themselves; what stands before it in the list stays as it is. */
static void write_element(struct kt_kept *w, const struct kt_json_node *v,
                          const struct kt_keep *table)
{
    const bool odd = w->odd;
    w->odd = false;
    write_object(w, v, table);
    w->odd = odd;
}

static void write_list(struct kt_kept *w, const struct kt_json_node *v, const struct kt_keep *k)
{
    bool scalars = k->below == NULL || k->named;
    const struct kt_json_node *end = v + v->span;
    unsigned n = 0;
    kt_buf_byte(w->out, '[');
    for (const struct kt_json_node *c = v + 1; c < end && n < KEEP_LIST_MAX; c += c->span) {
        bool object = k->below != NULL && c->type == KT_JSON_OBJECT;
        if (!object && !(scalars && is_scalar(c->type)))
            continue;
        if (n++ > 0)
            kt_buf_byte(w->out, ',');
        if (object)
            write_element(w, c, k->below);
        else
            write_scalar(w, c);
    }
    kt_buf_byte(w->out, ']');
}

/* Where an object is expected a text is none: nobody knows what it says. */
static bool has_value(unsigned type, const struct kt_keep *k)
{
    return type == KT_JSON_ARRAY || (is_scalar(type) && (k->below == NULL || k->named)) ||
           (type == KT_JSON_OBJECT && k->below != NULL);
}

static void write_kept(struct kt_kept *w, const struct kt_json_node *v, const struct kt_keep *k)
{
    if (is_scalar(v->type))
        write_scalar(w, v);
    else if (v->type == KT_JSON_ARRAY)
        write_list(w, v, k);
    else
        write_object(w, v, k->below);
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

static void write_object(struct kt_kept *w, const struct kt_json_node *v,
                         const struct kt_keep *table)
{
    struct kt_buf *out = w->out;
    const struct kt_json_node *end = v + v->span;
    const struct kt_keep *next = table;
    bool first = true;
    kt_buf_byte(out, '{');
    for (const struct kt_json_node *c = v + 1; c < end; c += c->span) {
        if (c->dropped)
            continue;
        const struct kt_keep *k = keep_of(table, &next, c);
        if (k == NULL && w->unknown != NULL)
            (*w->unknown)++;
        if (k == NULL || k->drop || !has_value(c->type, k))
            continue;
        size_t before = out->len;
        write_name(k->name, !first, out);
        size_t body = out->len;
        write_kept(w, c, k);
        if (says_nothing(out, body)) {
            out->len = before;
            continue;
        }
        first = false;
        if (w->odd || !k->tells_nothing)
            is_own(w, before);
        w->odd = false;
    }
    kt_buf_byte(out, '}');
}

void kt_keep_write(struct kt_jval v, const struct kt_keep *table, struct kt_buf *out,
                   uint64_t *unknown)
{
    struct kt_kept w = { .out = out, .unknown = unknown };
    if (kt_json_type(v) == KT_JSON_OBJECT)
        write_object(&w, v.node, table);
}

/* Nothing when v is no object, or nothing of it is kept. */
static void write_member(struct kt_kept *w, struct kt_str name, bool comma, struct kt_jval v,
                         const struct kt_keep *table)
{
    if (kt_json_type(v) != KT_JSON_OBJECT)
        return;
    size_t before = w->out->len;
    write_name(name, comma, w->out);
    size_t body = w->out->len;
    write_object(w, v.node, table);
    if (says_nothing(w->out, body))
        w->out->len = before;
}

void kt_keep_member(struct kt_str name, struct kt_jval v, const struct kt_keep *table,
                    struct kt_buf *out, uint64_t *unknown)
{
    struct kt_kept w = { .out = out, .unknown = unknown };
    write_member(&w, name, true, v, table);
}

/* Has nobody else written since? */
static void look_behind(struct kt_kept *k)
{
    k->alone = k->alone && k->out->len == k->end;
}

static void close(struct kt_kept *k, struct kt_event *ev)
{
    ev->raw = kt_buf_str(k->out);
    ev->raw_sound = k->alone ? ev->raw : KT_STR_NONE;
    /* of two records these are of two allocations */
    ev->raw_of = kt_str_from(k->first, (uintptr_t)k->behind - (uintptr_t)k->first);
    ev->raw_own = kt_str_sub(ev->raw, k->own_from, k->own_to - k->own_from);
}

void kt_kept_open(struct kt_kept *k, struct kt_buf *out)
{
    *k = (struct kt_kept){ .out = out, .alone = out->len == 0 };
    kt_buf_byte(out, '{');
    k->end = out->len;
}

void kt_kept_text(struct kt_kept *k, struct kt_str name, struct kt_str text)
{
    const size_t before = k->out->len;
    look_behind(k);
    write_name(name, k->end > 1, k->out);
    kt_json_quote(k->out, text);
    is_own(k, before);
    k->end = k->out->len;
}

void kt_kept_member(struct kt_kept *k, struct kt_str name, struct kt_jval v,
                    const struct kt_keep *table, uint64_t *unknown)
{
    look_behind(k);
    k->unknown = unknown;
    write_member(k, name, k->end > 1, v, table);
    k->end = k->out->len;
}

void kt_kept_close(struct kt_kept *k, struct kt_event *ev)
{
    look_behind(k);
    kt_buf_byte(k->out, '}');
    close(k, ev);
}

void kt_kept_whole(struct kt_jval v, const struct kt_keep *table, struct kt_buf *out,
                   uint64_t *unknown, struct kt_event *ev)
{
    struct kt_kept k = { .out = out, .unknown = unknown, .alone = out->len == 0 };
    if (kt_json_type(v) == KT_JSON_OBJECT)
        write_object(&k, v.node, table);
    k.alone = k.alone && out->len > 0;
    close(&k, ev);
}
