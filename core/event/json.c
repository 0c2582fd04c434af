/*
 * json: parsing through one of two bodies, and the view on what they built.
 *
 * Owns:  struct kt_json: the body, the tree, the mended copy of a text.
 * Calls: json_tree, json_plain, json_mend, the bodies, line (quoting), core/base.
 */
#include "core/event/json.h"

#include "core/base/alloc.h"
#include "core/event/json_tree.h"
#include "core/event/line.h"
#include "core/event/scan.h"

#define TEXT_MAX (8u << 20) /* bytes of one document; records have KT_RECORD_MAX */

static const struct body {
    struct kt_json_library *(*make)(void);
    void (*free)(struct kt_json_library *lib);
    enum kt_status (*parse)(struct kt_json_library *lib, struct kt_str text, struct kt_json_tree *t,
                            struct kt_error *err);
    bool reads_plain; /* text that needs no mending; the other reads mended text only, and alone */
} bodies[] = {
    [KT_JSON_SIMDJSON] = { kt_json_simdjson_new, kt_json_simdjson_free, kt_json_simdjson_parse,
                           true },
    [KT_JSON_JANSSON] = { kt_json_jansson_new, kt_json_jansson_free, kt_json_jansson_parse, false },
};

struct kt_json {
    const struct body *body;
    struct kt_json_library *lib;
    struct kt_json_plain plain;
    struct kt_str plain_text; /* in plain; empty: the body read it */
    struct kt_json_tree tree;
    struct kt_buf mended;
};

struct kt_json *kt_json_new(enum kt_json_body body)
{
    struct kt_json *j = kt_alloc(sizeof *j);
    j->body = &bodies[body];
    j->lib = j->body->make();
    return j;
}

void kt_json_free(struct kt_json *j)
{
    if (j == NULL)
        return;
    j->body->free(j->lib);
    kt_json_plain_done(&j->plain);
    kt_json_tree_done(&j->tree);
    kt_buf_done(&j->mended);
    kt_free(j);
}

static enum kt_status parse_plain(struct kt_json *j, struct kt_str text,
                                  const struct kt_json_node **ret_root, struct kt_error *err)
{
    if (!j->body->reads_plain)
        return KT_E_INPUT;
    kt_json_tree_start(&j->tree, text.len, false, true);
    const struct kt_json_node *root = kt_json_plain_parse(&j->plain, text, &j->tree);
    if (root != NULL) {
        j->plain_text = kt_str_from(j->plain.text, text.len);
        *ret_root = root;
        return KT_OK;
    }
    const bool escapes = text.len > 0 && memchr(text.at, '\\', text.len) != NULL;
    if (escapes && kt_json_needs_mending(text))
        return KT_E_INPUT;
    kt_json_tree_start(&j->tree, text.len, false, !escapes);
    return j->body->parse(j->lib, text, &j->tree, err);
}

static enum kt_status parse_mended(struct kt_json *j, struct kt_str text, unsigned *ret_mended,
                                   struct kt_error *err)
{
    enum kt_status s = kt_json_mend(text, &j->mended, ret_mended, err);
    if (s != KT_OK)
        return s;
    kt_json_tree_start(&j->tree, j->mended.len, true, false);
    return j->body->parse(j->lib, kt_buf_str(&j->mended), &j->tree, err);
}

enum kt_status kt_json_parse(struct kt_json *j, struct kt_str text, struct kt_jval *ret_root,
                             unsigned *ret_repaired, struct kt_error *err)
{
    if (text.len > TEXT_MAX)
        return kt_fail(err, KT_E_LIMIT, "JSON of %zu bytes: the maximum is %u", text.len, TEXT_MAX);
    unsigned mended = 0;
    const struct kt_json_node *root = NULL;
    j->plain_text = KT_STR_NONE;
    enum kt_status s = parse_plain(j, text, &root, err);
    if (s == KT_E_INPUT)
        s = parse_mended(j, text, &mended, err);
    if (s != KT_OK)
        return s;
    *ret_root = (struct kt_jval){ root != NULL ? root : j->tree.nodes };
    if (ret_repaired != NULL)
        *ret_repaired = mended + j->tree.repaired;
    return KT_OK;
}

struct kt_str kt_json_plain_text(const struct kt_json *j)
{
    return j->plain_text;
}

static bool is_container(struct kt_jval v)
{
    return kt_json_type(v) == KT_JSON_OBJECT || kt_json_type(v) == KT_JSON_ARRAY;
}

static inline bool is_named(const struct kt_json_node *c, struct kt_str name, uint16_t sort)
{
    return c->sort == sort && c->key_len == name.len && kt_scan_same(c->key, name.at, name.len);
}

struct kt_jval kt_json_member(struct kt_jval v, struct kt_str name, uint16_t sort)
{
    const struct kt_json_node *object = v.node, *end = object + object->span;
    const unsigned at =
        object->order != NULL ? object->order[sort % KT_JSON_ORDER] : KT_JSON_ORDER_MANY;
    if (at != KT_JSON_ORDER_MANY)
        return (struct kt_jval){ at > 0 && is_named(object + at, name, sort) ? object + at : NULL };
    for (const struct kt_json_node *c = object + 1; c < end; c += c->span)
        if (is_named(c, name, sort))
            return (struct kt_jval){ c }; /* a dropped one comes after the one that counts */
    return (struct kt_jval){ NULL };
}

struct kt_jval kt_json_path(struct kt_jval v, const char *path)
{
    if (kt_json_type(v) != KT_JSON_OBJECT)
        return (struct kt_jval){ NULL };
    for (const char *dot; (dot = strchr(path, '.')) != NULL; path = dot + 1)
        v = kt_json_get(v, kt_str_from(path, (size_t)(dot - path)));
    return kt_json_get(v, kt_str_of(path));
}

bool kt_json_i64(struct kt_jval v, int64_t *ret)
{
    return kt_json_type(v) == KT_JSON_NUMBER && kt_str_i64(kt_json_text(v), ret);
}

bool kt_json_bool(struct kt_jval v, bool dflt)
{
    if (kt_json_type(v) != KT_JSON_BOOL && kt_json_type(v) != KT_JSON_STRING)
        return dflt;
    struct kt_str text = kt_json_text(v);
    return kt_str_is(text, "true") ? true : kt_str_is(text, "false") ? false : dflt;
}

struct kt_str kt_json_text(struct kt_jval v)
{
    if (v.node == NULL || is_container(v))
        return KT_STR_NONE;
    return kt_str_from(v.node->text, v.node->len);
}

bool kt_json_next(struct kt_json_iter *it, struct kt_str *ret_name, struct kt_jval *ret_value)
{
    if (!is_container(it->of))
        return false;
    const struct kt_json_node *end = it->of.node + it->of.node->span;
    const struct kt_json_node *c = it->pos != NULL ? it->pos : it->of.node + 1;
    while (c < end && c->dropped)
        c += c->span;
    if (c == end)
        return false;
    it->pos = c + c->span;
    it->index++;
    if (ret_name != NULL)
        *ret_name = kt_str_from(c->key, c->key_len);
    if (ret_value != NULL)
        *ret_value = (struct kt_jval){ c };
    return true;
}

size_t kt_json_count(struct kt_jval v)
{
    return is_container(v) ? v.node->len : 0;
}

static void write_members(struct kt_jval v, struct kt_buf *out)
{
    bool object = kt_json_type(v) == KT_JSON_OBJECT;
    struct kt_json_iter it = kt_json_iter(v);
    struct kt_str name;
    struct kt_jval value;
    kt_buf_byte(out, object ? '{' : '[');
    while (kt_json_next(&it, &name, &value)) {
        if (it.index > 1)
            kt_buf_byte(out, ',');
        if (object) {
            kt_json_quote(out, name);
            kt_buf_byte(out, ':');
        }
        kt_json_write(value, out);
    }
    kt_buf_byte(out, object ? '}' : ']');
}

void kt_json_write(struct kt_jval v, struct kt_buf *out)
{
    switch (kt_json_type(v)) {
    case KT_JSON_OBJECT:
    case KT_JSON_ARRAY:
        write_members(v, out);
        return;
    case KT_JSON_STRING:
        kt_json_quote(out, kt_json_str(v));
        return;
    case KT_JSON_NUMBER:
    case KT_JSON_BOOL:
    case KT_JSON_NULL:
        kt_buf_add(out, kt_json_text(v));
        return;
    case KT_JSON_NONE:
        kt_buf_addz(out, "null");
        return;
    }
}
