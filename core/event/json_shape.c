/*
 * json_shape: what the records of a source have in common is everything but their strings and
 * numbers: the keys, their order and what stands between. A text that has the same bytes there as
 * one that was read before is JSON as that one is, and has its tree with other values. So it is
 * compared in one go, value by value, and only these are noted.
 *
 * Owns:  a few of the texts and trees that json_plain read, at most SHAPES of some 22 KB, found by
 *        their number of quotes. Their values are blanked: none of a record is kept.
 * Calls: json_tree, scan, core/base.
 * Holds: nothing is taken that json_plain would not take; it differs from a text that was taken in
 *        nothing but strings without quotes, of at most KT_STRING_MAX, and integers.
 */
#include "core/event/json_shape.h"

#include <assert.h>

#include "core/base/alloc.h"

#define SHAPES    64u
#define TEXT_MAX  4096u
#define NODES_MAX 128u
#define ORDERS    16u /* objects whose members are found at once */
#define PATIENCE  4u  /* texts in a row that have another shape, before theirs is learned instead */

/* At most a word of bytes that may not be others, and what stands behind them. */
struct piece {
    const char *bytes;
    uint32_t len, counts; /* counts: a bit for each byte */
    enum { THEN_STRING, THEN_NUMBER, THEN_BYTES, THEN_END } then;
    struct kt_json_node *value; /* the string or number, which may be another */
};

struct shape {
    char *text;                 /* that it was learned of; NULL: none */
    struct kt_json_node *nodes; /* whose keys are in text */
    struct piece *pieces;
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
    kt_free(s->pieces);
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

/* Is the text the same in the piece? Words behind either may be read. */
static inline bool is_same(const struct piece *p, const char *at, const char *end)
{
    return (size_t)(end - at) >= p->len && (kt_scan_differ(at, p->bytes) & p->counts) == 0;
}

/* In front of a string there is an odd number of quotes, as in the text that was learned, and both
 * have the same even number of them: so another one follows. */
static const char *read_string(const struct kt_json_text *text, const char *at,
                               struct kt_json_node *ret)
{
    const char *to = kt_json_quote_at(text, at);
    ret->text = at;
    ret->len = (uint32_t)(to - at);
    return to - at <= (ptrdiff_t)KT_STRING_MAX ? to : NULL;
}

static const char *read_number(const char *at, struct kt_json_node *ret)
{
    ret->text = at;
    ret->len = (uint32_t)kt_json_integer(at);
    return ret->len > 0 ? at + ret->len : NULL;
}

const struct kt_json_node *kt_json_shape_read(struct kt_json_shapes *all,
                                              const struct kt_json_text *text)
{
    struct shape *s = shape_of(all, text);
    const char *at = text->at, *end = text->at + text->len;
    if (s->text == NULL || s->quotes != text->n_quotes)
        return NULL;
    for (const struct piece *p = s->pieces;; p++) {
        if (!is_same(p, at, end))
            return NULL;
        at += p->len;
        if (p->then == THEN_STRING)
            at = read_string(text, at, p->value);
        else if (p->then == THEN_NUMBER)
            at = read_number(at, p->value);
        else if (p->then == THEN_END)
            break;
        if (at == NULL)
            return NULL;
    }
    if (at != end)
        return NULL;
    s->missed = 0;
    return s->nodes;
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

/* The bytes from *at up to `to`, and what stands behind them. */
static struct piece *put_pieces(struct piece *p, const char *at, const char *to,
                                struct kt_json_node *value)
{
    for (; (size_t)(to - at) > KT_SCAN_WORD; at += KT_SCAN_WORD)
        *p++ = (struct piece){ at, KT_SCAN_WORD, UINT32_MAX, THEN_BYTES, NULL };
    const uint32_t len = (uint32_t)(to - at);
    *p++ = (struct piece){ .bytes = at,
                           .len = len,
                           .counts = (uint32_t)((UINT64_C(1) << len) - 1),
                           .then = value == NULL                   ? THEN_END
                                   : value->type == KT_JSON_STRING ? THEN_STRING
                                                                   : THEN_NUMBER,
                           .value = value };
    return p;
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
    s->pieces = kt_alloc_array(n + 1 + text->len / KT_SCAN_WORD, sizeof *s->pieces);
    struct piece *p = s->pieces;
    const char *at = s->text;
    for (struct kt_json_node *v = s->nodes; v < s->nodes + n; v++) {
        if (v->key != NULL)
            v->key = s->text + (v->key - text->at);
        if (v->type != KT_JSON_STRING && v->type != KT_JSON_NUMBER)
            continue;
        char *value = s->text + (v->text - text->at);
        memset(value, ' ', v->len); /* nobody reads it, and it may be a token */
        v->text = value;
        p = put_pieces(p, at, v->text, v);
        at = v->text + v->len;
    }
    p = put_pieces(p, at, s->text + text->len, NULL);
    assert(p <= s->pieces + n + 1 + text->len / KT_SCAN_WORD);
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
