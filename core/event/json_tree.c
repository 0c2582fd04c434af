/*
 * json_tree: memory of the tree, and the rules that need a whole object or a whole string.
 *
 * Owns:  the nodes and the table of keys of one parser.
 * Calls: core/base (alloc, hash, str), redact_shapes.
 */
#include "core/event/json_tree.h"

#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/event/redact_shapes.h"
#include "core/event/scan.h"

#define SMALL 32u   /* members that are compared one by one, if their keys look alike */
#define TAIL  512u  /* bytes */
#define SLOTS 4096u /* twice KT_JSON_MEMBERS_MAX, a power of two */

void kt_json_tree_start(struct kt_json_tree *t, size_t text_len, bool marked, bool plain)
{
    /* A value and what separates it from the next, or a container and its end, take two bytes. What
     * opens a container takes one, and json_plain sees whether an end follows only afterwards. */
    uint32_t need = (uint32_t)(text_len / 2 + 2 + KT_JSON_DEPTH_MAX);
    if (need > t->cap) {
        kt_free(t->nodes);
        t->nodes = NULL;
        t->nodes = (struct kt_json_node *)kt_realloc_array(NULL, need, sizeof *t->nodes);
        t->cap = need;
    }
    if (t->number > UINT32_MAX / 2) { /* a document has far fewer containers */
        memset(t->seen_in, 0, sizeof t->seen_in);
        t->number = 0;
    }
    t->above = (struct kt_json_node){ .type = KT_JSON_ARRAY };
    t->parent = &t->above;
    t->next = t->nodes;
    t->depth = 0;
    t->repaired = 0;
    t->marked = marked;
    t->plain = plain;
    t->limit = NULL;
}

void kt_json_tree_done(struct kt_json_tree *t)
{
    kt_free(t->nodes);
    kt_free(t->slots);
    *t = (struct kt_json_tree){ 0 };
}

/* Of a token at the cut a half would stay, which looks like none: the end goes from where the last
 * TAIL bytes may hold one. */
void kt_json_tree_cut(struct kt_json_tree *t, const char *at, size_t *len, size_t max)
{
    struct kt_str kept = kt_utf8_cut(kt_str_from(at, *len), max);
    *len = kt_redact_stop(kept, kept.len > TAIL ? kept.len - TAIL : 0);
    t->repaired++;
}

static bool same_key(const struct kt_json_node *a, const struct kt_json_node *b)
{
    return a->sort == b->sort && a->key_len == b->key_len &&
           kt_scan_same(a->key, b->key, b->key_len);
}

static bool written_before(const struct kt_json_node *object, const struct kt_json_node *c)
{
    for (const struct kt_json_node *other = object + 1; other < c; other += other->span)
        if (same_key(other, c))
            return true;
    return false;
}

static unsigned drop_in_small(struct kt_json_node *object)
{
    uint64_t sorts[KT_JSON_SORTS / 64] = { 0 }; /* of the keys before */
    unsigned dropped = 0, n = 0;
    for (struct kt_json_node *c = object + 1; n < object->len; c += c->span, n++) {
        uint64_t *same = &sorts[c->sort / 64], own = kt_json_sort_bit(c->sort);
        c->dropped = (*same & own) != 0 && written_before(object, c);
        *same |= own;
        dropped += c->dropped;
    }
    return dropped;
}

static bool seen_before(struct kt_json_tree *t, const struct kt_json_node *c, uint64_t seed)
{
    uint64_t hash = kt_hash64(kt_str_from(c->key, c->key_len), seed);
    for (uint32_t i = (uint32_t)hash & (SLOTS - 1);; i = (i + 1) & (SLOTS - 1)) {
        struct kt_json_slot *slot = &t->slots[i];
        if (slot->stamp != t->stamp) {
            *slot = (struct kt_json_slot){ (uint32_t)(c - t->nodes), t->stamp };
            return false;
        }
        if (same_key(&t->nodes[slot->node], c))
            return true;
    }
}

static unsigned drop_in_large(struct kt_json_tree *t, struct kt_json_node *object)
{
    if (t->slots == NULL || ++t->stamp == 0) {
        kt_free(t->slots);
        t->slots = kt_alloc_array(SLOTS, sizeof *t->slots);
        t->stamp = 1;
    }
    uint64_t seed = (uint64_t)(uintptr_t)t->slots; /* unguessable enough; results do not show it */
    unsigned dropped = 0, n = 0;
    for (struct kt_json_node *c = object + 1; n < object->len; c += c->span, n++) {
        c->dropped = seen_before(t, c, seed);
        dropped += c->dropped;
    }
    return dropped;
}

void kt_json_tree_drop(struct kt_json_tree *t, struct kt_json_node *object)
{
    unsigned dropped = object->len <= SMALL ? drop_in_small(object) : drop_in_large(t, object);
    object->len -= dropped;
    t->repaired += dropped;
}
