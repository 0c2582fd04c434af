/*
 * json_shape: what the records of a source have in common is everything but their strings and
 * numbers: the keys, their order and what stands between. A text that has the same bytes there as
 * one that was read before is JSON as that one is, and has its tree with other values. So it is
 * compared in one go, value by value, and only these are noted.
 *
 * Owns:  a few of the texts and trees that json_plain read, at most SHAPES, found by their number
 *        of quotes.
 * Calls: json_tree, scan, core/base.
 * Holds: nothing is taken that json_plain would not take; it differs from a text that was taken in
 *        nothing but strings without quotes, of at most KT_STRING_MAX, and integers.
 */
#include "core/event/json_shape.h"

#include "core/base/alloc.h"

#define SHAPES    64u
#define TEXT_MAX  4096u
#define NODES_MAX 128u
#define ORDERS    16u /* objects whose members are found at once */
#define PATIENCE  4u  /* texts in a row that have another shape, before theirs is learned instead */

/* A value that may be another, or the end; and the bytes in front of it, which may not. */
struct hole {
    const char *gap;
    size_t len;
    struct kt_json_node *value; /* NULL: the end */
};

struct shape {
    char *text;                 /* that it was learned of; NULL: none */
    struct kt_json_node *nodes; /* whose keys are in text */
    struct hole *holes;
    uint8_t (*orders)[KT_JSON_ORDER];
    unsigned quotes, missed;
};

struct kt_json_shapes {
    struct shape at[SHAPES];
};

struct kt_json_shapes *kt_json_shapes_new(void)
{
    return kt_alloc(sizeof(struct kt_json_shapes));
}

static void forget(struct shape *s)
{
    kt_free(s->text);
    kt_free(s->nodes);
    kt_free(s->holes);
    kt_free(s->orders);
    *s = (struct shape){ 0 };
}

void kt_json_shapes_free(struct kt_json_shapes *all)
{
    for (size_t i = 0; all != NULL && i < SHAPES; i++)
        forget(&all->at[i]);
    kt_free(all);
}

static struct shape *shape_of(struct kt_json_shapes *all, const struct kt_json_text *text)
{
    return &all->at[text->n_quotes / 2 % SHAPES];
}

/* Words behind either may be read. */
static inline bool is_same(const char *at, const char *gap, size_t n)
{
    for (; n > KT_SCAN_WORD; n -= KT_SCAN_WORD, at += KT_SCAN_WORD, gap += KT_SCAN_WORD)
        if (!kt_scan_is_word(at, gap, KT_SCAN_WORD))
            return false;
    return kt_scan_is_word(at, gap, (unsigned)n);
}

/* In front of a string hole there is an odd number of quotes, as in the text that was learned, and
 * both have the same even number of them: so another one follows. */
const struct kt_json_node *kt_json_shape_read(struct kt_json_shapes *all,
                                              const struct kt_json_text *text)
{
    struct shape *s = shape_of(all, text);
    const char *at = text->at, *end = text->at + text->len;
    if (s->text == NULL || s->quotes != text->n_quotes)
        return NULL;
    for (const struct hole *h = s->holes;; h++) {
        if ((size_t)(end - at) < h->len || !is_same(at, h->gap, h->len))
            return NULL;
        at += h->len;
        if (h->value == NULL)
            break;
        const bool is_text = h->value->type == KT_JSON_STRING;
        const size_t len =
            is_text ? (size_t)(kt_json_quote_at(text, at) - at) : kt_json_integer(at);
        if (is_text ? len > KT_STRING_MAX : len == 0)
            return NULL;
        h->value->text = at;
        h->value->len = (uint32_t)len;
        at += len;
    }
    s->missed = 0;
    return at == end ? s->nodes : NULL;
}

_Static_assert(NODES_MAX < KT_JSON_ORDER_MANY, "each node of a shape has a number");

static void order(const struct kt_json_node *object, uint8_t *ret)
{
    for (const struct kt_json_node *c = object + 1; c < object + object->span; c += c->span) {
        uint8_t *at = &ret[c->sort % KT_JSON_ORDER];
        *at = *at == 0 ? (uint8_t)(c - object) : KT_JSON_ORDER_MANY;
    }
}

static void order_all(struct shape *s, size_t n)
{
    unsigned used = 0;
    s->orders = kt_alloc_array(ORDERS, sizeof *s->orders);
    for (struct kt_json_node *v = s->nodes; v < s->nodes + n && used < ORDERS; v++) {
        if (v->type != KT_JSON_OBJECT)
            continue;
        order(v, s->orders[used]);
        v->order = s->orders[used++];
    }
}

static void learn(struct shape *s, const struct kt_json_text *text, const struct kt_json_node *root)
{
    const size_t n = root->span;
    forget(s);
    s->quotes = text->n_quotes;
    s->text = kt_alloc(text->len + KT_SCAN_WORD);
    memcpy(s->text, text->at, text->len);
    s->nodes = kt_alloc_array(n, sizeof *s->nodes);
    memcpy(s->nodes, root, n * sizeof *s->nodes);
    s->holes = kt_alloc_array(n + 1, sizeof *s->holes);
    struct hole *h = s->holes;
    const char *gap = text->at;
    for (struct kt_json_node *v = s->nodes; v < s->nodes + n; v++) {
        if (v->key != NULL)
            v->key = s->text + (v->key - text->at);
        if (v->type != KT_JSON_STRING && v->type != KT_JSON_NUMBER)
            continue;
        *h++ = (struct hole){ s->text + (gap - text->at), (size_t)(v->text - gap), v };
        gap = v->text + v->len;
    }
    *h = (struct hole){ s->text + (gap - text->at), (size_t)(text->at + text->len - gap), NULL };
    order_all(s, n);
}

void kt_json_shape_learn(struct kt_json_shapes *all, const struct kt_json_text *text,
                         const struct kt_json_tree *tree)
{
    struct shape *s = shape_of(all, text);
    if (text->len > TEXT_MAX || tree->nodes->span > NODES_MAX || tree->repaired > 0)
        return;
    if (s->text == NULL || ++s->missed == PATIENCE)
        learn(s, text, tree->nodes);
}
