/*
 * json_pair: the trees of json_plain and simdjson, node by node.
 *
 * Owns:  both readers.
 * Calls: core/event.
 */
#include "tests/support/json_pair.h"

#include "core/base/alloc.h"

void json_pair_open(struct json_pair *p)
{
    *p = (struct json_pair){ .simdjson = kt_json_simdjson_new() };
}

void json_pair_done(struct json_pair *p)
{
    kt_json_plain_done(&p->plain);
    kt_json_simdjson_free(p->simdjson);
    kt_json_tree_done(&p->by_plain);
    kt_json_tree_done(&p->by_simdjson);
}

static bool same_bytes(const char *a, const char *b, size_t n)
{
    return n == 0 || memcmp(a, b, n) == 0;
}

static bool same_node(const struct kt_json_node *a, const struct kt_json_node *b)
{
    if (a->type != b->type || a->len != b->len || a->span != b->span || a->key_len != b->key_len ||
        a->sort != b->sort || a->dropped != b->dropped || a->plain != b->plain)
        return false;
    if (!same_bytes(a->key, b->key, a->key_len))
        return false;
    return a->type == KT_JSON_OBJECT || a->type == KT_JSON_ARRAY
               ? a->keys == b->keys
               : same_bytes(a->text, b->text, a->len);
}

static bool same_tree(const struct kt_json_node *a, const struct kt_json_tree *b)
{
    const size_t n = (size_t)(b->next - b->nodes);
    if (n != a->span)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!same_node(&a[i], &b->nodes[i]))
            return false;
    return true;
}

/* So that a text has as much room as it asks for, not as a longer one did. */
static void forget_room(struct kt_json_tree *t)
{
    kt_free(t->nodes);
    t->nodes = NULL;
    t->cap = 0;
}

bool json_pair_agrees(struct json_pair *p, struct kt_str text, bool *ret_taken)
{
    forget_room(&p->by_plain);
    forget_room(&p->by_simdjson);
    kt_json_tree_start(&p->by_plain, text.len, false, true);
    const struct kt_json_node *root = kt_json_plain_parse(&p->plain, text, &p->by_plain);
    *ret_taken = root != NULL;
    if (!*ret_taken)
        return true;
    kt_json_tree_start(&p->by_simdjson, text.len, false, true);
    return kt_json_simdjson_parse(p->simdjson, text, &p->by_simdjson, NULL) == KT_OK &&
           same_tree(root, &p->by_simdjson) && p->by_plain.repaired == p->by_simdjson.repaired;
}
