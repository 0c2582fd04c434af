/*
 * json_plain: the usual record, read without a library (docs/decisions/0100).
 *
 * Nothing in it is escaped, no byte is a control byte, and its numbers are integers of 64 bits.
 * Then each quote begins or ends a string and a string is its own bytes, so one look for quotes and
 * one walk over what stands between strings read it, unless json_shape does. Whatever is otherwise,
 * or no JSON, or over a limit, is not judged here: simdjson reads it from its beginning. So a
 * refusal here costs time, and only what is taken must be right: it is held to the same tree as
 * simdjson's by tests/fuzz/json_diff_fuzz.c and, for every short text, by
 * tests/unit/event_json_plain_test.c.
 *
 * Owns:  a padded copy of the text, which the tree points into, and the places of its quotes.
 * Calls: json_tree, json_shape, scan, scan_blocks, core/base.
 */
#include "core/base/alloc.h"
#include "core/event/json_shape.h"
#include "core/event/scan_blocks.h"

#define DIGITS_MAX 19u  /* of an integer of 64 bits with a sign */
#define FILL       0x7f /* behind the text: no byte of JSON, so that every walk stops there */

struct reader {
    const struct kt_json_text *text; /* the copy */
    const char *at;                  /* in it */
};

void kt_json_plain_done(struct kt_json_plain *p)
{
    kt_free(p->text);
    kt_free(p->quotes);
    kt_json_shapes_free(p->shapes);
    *p = (struct kt_json_plain){ 0 };
}

/* The copy, in blocks. */
static size_t keep(struct kt_json_plain *p, struct kt_str text)
{
    const size_t blocks = (text.len + KT_SCAN_WORD) / KT_SCAN_BLOCK + 1;
    if (blocks > p->blocks) {
        kt_free(p->text);
        kt_free(p->quotes);
        p->blocks = blocks + blocks / 2;
        p->text = kt_alloc_array(p->blocks, KT_SCAN_BLOCK);
        p->quotes = kt_alloc_array(p->blocks, sizeof *p->quotes);
    }
    memcpy(p->text, text.at, text.len);
    memset(p->text + text.len, FILL, blocks * KT_SCAN_BLOCK - text.len);
    return blocks;
}

/* Notes the quotes; false when the text is none of those that are read here. An even number of
 * quotes means that a string that begins ends, too. */
static bool look(struct kt_json_plain *p, struct kt_str text, struct kt_json_text *ret)
{
    const size_t blocks = keep(p, text);
    const struct kt_scan_text is = kt_scan_text(p->text, blocks, p->quotes);
    *ret = (struct kt_json_text){ p->text, text.len, p->quotes, is.n_quotes };
    return !is.special && is.n_quotes % 2 == 0 && (!is.high || kt_utf8_valid_fast(text));
}

/* The byte at r->at, or the first behind the blanks there. */
static inline char sign(struct reader *r)
{
    while (*r->at == ' ')
        r->at++;
    return *r->at;
}

/* The string whose first quote is at r->at. All quotes before it were passed by twos, and there is
 * an even number of them: so there is another. */
static inline struct kt_str string(struct reader *r)
{
    const char *from = r->at + 1, *to = kt_json_quote_at(r->text, from);
    r->at = to + 1;
    return kt_str_from(from, (size_t)(to - from));
}

static inline bool key(struct reader *r, struct kt_json_tree *t)
{
    if (sign(r) != '"')
        return false;
    struct kt_str name = string(r);
    kt_json_tree_name(t, name.at, name.len);
    if (sign(r) != ':')
        return false;
    r->at++;
    return true;
}

size_t kt_json_integer(const char *at)
{
    static const char largest[] = "9223372036854775807";
    _Static_assert(sizeof largest - 1 == DIGITS_MAX, "it has the most digits");
    const char *first = at + (*at == '-');
    const size_t n = kt_scan_digits(first, DIGITS_MAX + 1);
    if (n == 0 || n > DIGITS_MAX || (n > 1 && *first == '0') ||
        (n == DIGITS_MAX && memcmp(first, largest, n) > 0))
        return 0;
    return (size_t)(first + n - at);
}

/* A value that is neither string nor container, which few are; where it ends, or NULL. */
static __attribute__((noinline)) const char *other(const char *at, struct kt_json_tree *t)
{
    static const struct {
        const char *text;
        enum kt_json_type type;
    } words[] = { { "true", KT_JSON_BOOL }, { "false", KT_JSON_BOOL }, { "null", KT_JSON_NULL } };
    for (size_t i = 0; i < KT_ARRAY_LEN(words); i++) {
        const size_t n = strlen(words[i].text);
        if (*at == words[i].text[0] && memcmp(at, words[i].text, n) == 0)
            return kt_json_tree_add(t, words[i].type, words[i].text, n) ? at + n : NULL;
    }
    const size_t len = kt_json_integer(at);
    return len > 0 && kt_json_tree_add(t, KT_JSON_NUMBER, at, len) ? at + len : NULL;
}

/* A value, of a container only what opens it. */
static inline bool value(struct reader *r, struct kt_json_tree *t)
{
    const char c = sign(r);
    if (c == '"') {
        struct kt_str s = string(r);
        return kt_json_tree_text(t, s.at, s.len);
    }
    if (c == '{' || c == '[') {
        r->at++;
        return kt_json_tree_open(t, c == '{' ? KT_JSON_OBJECT : KT_JSON_ARRAY);
    }
    r->at = other(r->at, t);
    return r->at != NULL;
}

/* What stands behind a value: the ends of containers, all of which are closed, and a comma unless
 * the root ended. */
static inline bool behind(struct reader *r, struct kt_json_tree *t)
{
    char c;
    while ((c = sign(r)) != ',') {
        if (c != (t->parent->type == KT_JSON_OBJECT ? '}' : ']'))
            return false;
        r->at++;
        kt_json_tree_close(t);
        if (t->depth == 0)
            return true;
    }
    r->at++;
    return true;
}

static bool walk(const struct kt_json_text *text, struct kt_json_tree *t)
{
    struct reader r = { text, text->at };
    const char root = sign(&r);
    if (root != '{' && root != '[')
        return false;
    do {
        const struct kt_json_node *before = t->parent;
        if (before->type == KT_JSON_OBJECT && !key(&r, t))
            return false;
        if (!value(&r, t))
            return false;
        const struct kt_json_node *in = t->parent;
        if (in != before && sign(&r) != (in->type == KT_JSON_OBJECT ? '}' : ']'))
            continue; /* a container that is not empty */
        if (!behind(&r, t))
            return false;
    } while (t->depth > 0);
    (void)sign(&r);
    return r.at == text->at + text->len;
}

const struct kt_json_node *kt_json_plain_parse(struct kt_json_plain *p, struct kt_str text,
                                               struct kt_json_tree *t)
{
    struct kt_json_text copy;
    if (text.len == 0 || !look(p, text, &copy))
        return NULL;
    if (p->shapes == NULL)
        p->shapes = kt_json_shapes_new();
    const struct kt_json_node *root = kt_json_shape_read(p->shapes, &copy);
    if (root != NULL)
        return root;
    if (!walk(&copy, t))
        return NULL;
    kt_json_shape_learn(p->shapes, &copy, t);
    return t->nodes;
}
