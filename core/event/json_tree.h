/*
 * json_tree: the values of one document as both bodies of kt_json build them, and the rules that
 * hold for either (json.h). Private to core/event; also read by C++.
 *
 * A tree is one array of nodes in document order. A container's first child is the node behind it,
 * the next sibling is `span` nodes further. Text points into the body's memory.
 */
#pragma once
#include <assert.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif
#include "core/base/buf.h"
#include "core/base/limits.h"
#include "core/event/json.h"

/* By the low bits of a sort: the node of the member that has them, counted from the object's; 0:
 * none has, KT_JSON_ORDER_MANY: several have. */
#define KT_JSON_ORDER      256u
#define KT_JSON_ORDER_MANY 255u

struct kt_json_slot {
    uint32_t node, stamp;
};

struct kt_json_tree {
    struct kt_json_node *nodes;
    struct kt_json_node *next;   /* the node of the value that comes next */
    struct kt_json_node *parent; /* the innermost open container; `above` outside of the root */
    struct kt_json_node above;
    uint32_t cap;
    struct kt_json_node *open[KT_JSON_DEPTH_MAX];
    unsigned depth;
    unsigned repaired;
    bool marked;                /* the text went through kt_json_mend */
    bool plain;                 /* nothing in it is escaped */
    const char *limit;          /* which bound was hit; NULL while none was */
    struct kt_json_slot *slots; /* to find twice-written keys of large objects */
    uint32_t stamp;
    /* Containers are numbered as they open, through all documents. A key is like one before in its
     * object only where its sort was last seen in that object, or in one that opened later. */
    uint32_t number;
    uint32_t seen_in[KT_JSON_SORTS]; /* by sort: the object that had such a key last */
    uint64_t alike;                  /* by depth: such a key was in the object */
};

/* The mended text ends each key with KT_JSON_KEY_MARK and a number, so that no library sees a key
 * twice, and writes numbers as strings that end with KT_JSON_NUMBER_MARK, since no library keeps
 * the text of a number or takes every number. Strings end with KT_JSON_STRING_MARK. */
#define KT_JSON_KEY_MARK    '\x01'
#define KT_JSON_NUMBER_MARK 'n'
#define KT_JSON_STRING_MARK 's'

/* Ready for a text of text_len bytes. */
void kt_json_tree_start(struct kt_json_tree *t, size_t text_len, bool marked, bool plain);
void kt_json_tree_done(struct kt_json_tree *t);
/* Drops the members of an object whose key came before. */
void kt_json_tree_drop(struct kt_json_tree *t, struct kt_json_node *object);

/* A value; of an object its key was given before. The fixed text has at most one way to be wrong
 * here: a bound. Then false, and t->limit says. */
static inline bool kt_json_tree_add(struct kt_json_tree *t, enum kt_json_type type,
                                    const char *text, size_t len)
{
    struct kt_json_node *node = t->next++, *parent = t->parent;
    assert(node <
           t->nodes + t->cap); /* kt_json_tree_start made room for all that a text can hold */
    if (parent->type != KT_JSON_OBJECT) {
        node->key = NULL;
        node->key_len = 0;
        node->sort = 0;
    } else if (parent->len == KT_JSON_MEMBERS_MAX) {
        t->limit = "members of one object";
        return false;
    }
    parent->len++;
    node->text = text;
    node->len = (uint32_t)len;
    node->span = 1;
    node->type = (uint8_t)type;
    node->dropped = false;
    node->plain = t->plain;
    return true;
}

static inline bool kt_json_tree_open(struct kt_json_tree *t, enum kt_json_type type)
{
    struct kt_json_node *node = t->next;
    if (t->depth == KT_JSON_DEPTH_MAX) {
        t->limit = "depth";
        return false;
    }
    if (!kt_json_tree_add(t, type, NULL, 0))
        return false;
    node->keys = 0;
    node->order = NULL;
    node->span = ++t->number;
    t->alike &= ~(UINT64_C(1) << t->depth);
    t->parent = t->open[t->depth++] = node;
    return true;
}

/* Ends the innermost container. */
static inline void kt_json_tree_close(struct kt_json_tree *t)
{
    struct kt_json_node *node = t->parent;
    node->span = (uint32_t)(t->next - node);
    t->parent = --t->depth > 0 ? t->open[t->depth - 1] : &t->above;
    if ((t->alike >> t->depth & 1) != 0)
        kt_json_tree_drop(t, node);
}

void kt_json_tree_cut(struct kt_json_tree *t, const char *at, size_t *len, size_t max);

/* The key of the value that comes next, without its mark. */
static inline void kt_json_tree_name(struct kt_json_tree *t, const char *at, size_t len)
{
    if (len > KT_KEY_MAX)
        kt_json_tree_cut(t, at, &len, KT_KEY_MAX);
    struct kt_json_node *node = t->next, *parent = t->parent;
    const uint16_t sort = kt_json_sort(kt_str_from(at, len));
    node->key = at;
    node->key_len = (uint16_t)len;
    node->sort = sort;
    t->alike |= (uint64_t)(t->seen_in[sort] >= parent->span) << (t->depth - 1);
    t->seen_in[sort] = parent->span;
    parent->keys |= kt_json_sort_bit(sort);
}

static inline void kt_json_tree_key(struct kt_json_tree *t, const char *at, size_t len)
{
    if (t->marked)
        while (at[--len] != KT_JSON_KEY_MARK)
            ;
    kt_json_tree_name(t, at, len);
}

/* A string without its mark. */
static inline bool kt_json_tree_text(struct kt_json_tree *t, const char *at, size_t len)
{
    if (len > KT_STRING_MAX)
        kt_json_tree_cut(t, at, &len, KT_STRING_MAX);
    return kt_json_tree_add(t, KT_JSON_STRING, at, len);
}

static inline bool kt_json_tree_string(struct kt_json_tree *t, const char *at, size_t len)
{
    if (t->marked && at[--len] == KT_JSON_NUMBER_MARK)
        return kt_json_tree_add(t, KT_JSON_NUMBER, at, len);
    return kt_json_tree_text(t, at, len);
}

/* Would a library see or refuse what the rules mend: \u0000 or half a surrogate pair? Invalid
 * UTF-8 and large numbers it refuses by itself. */
bool kt_json_needs_mending(struct kt_str text);
/* Writes text in the marked form above, with every value mended that the rules mend (counted in
 * *ret_mended). What is no JSON stays none, or is KT_E_INPUT; KT_E_LIMIT when it nests too deeply.
 */
KT_MUST_USE enum kt_status kt_json_mend(struct kt_str text, struct kt_buf *out,
                                        unsigned *ret_mended, struct kt_error *err);

/* A body: parses text and fills t, which was started for it. KT_E_INPUT when it is no JSON document
 * with a container as root; KT_E_LIMIT with t->limit set. */
struct kt_json_library;
struct kt_json_library *kt_json_simdjson_new(void);
void kt_json_simdjson_free(struct kt_json_library *lib);
KT_MUST_USE enum kt_status kt_json_simdjson_parse(struct kt_json_library *lib, struct kt_str text,
                                                  struct kt_json_tree *t, struct kt_error *err);
struct kt_json_library *kt_json_jansson_new(void);
void kt_json_jansson_free(struct kt_json_library *lib);
KT_MUST_USE enum kt_status kt_json_jansson_parse(struct kt_json_library *lib, struct kt_str text,
                                                 struct kt_json_tree *t, struct kt_error *err);

/* The usual record without a library: the root of its tree, which is t, started for it before, or
 * one that lives until the next parse. NULL says nothing about the text: t is to be started again
 * and the body asked. Of what it takes it builds the tree that the body would build. */
struct kt_json_shapes;
struct kt_json_plain {
    char *text;
    uint64_t *quotes; /* of each block of text */
    size_t blocks;    /* of 64 bytes: room in both */
    struct kt_json_shapes *shapes;
};
const struct kt_json_node *kt_json_plain_parse(struct kt_json_plain *p, struct kt_str text,
                                               struct kt_json_tree *t);
void kt_json_plain_done(struct kt_json_plain *p);

/* kt_utf8_valid for long text: simdjson's. */
bool kt_utf8_valid_fast(struct kt_str s);

#ifdef __cplusplus
}
#endif
