/*
 * json_plain: the usual record, read without a library (docs/decisions/0100).
 *
 * Nothing in it is escaped, no byte is a control byte, and its numbers are integers of 64 bits.
 * Then each quote begins or ends a string and a string is its own bytes, so one look for quotes and
 * one walk over what stands between strings read it. Whatever is otherwise, or no JSON, or over a
 * limit, is not judged here: simdjson reads it from its beginning. So a refusal here costs time,
 * and only what is taken must be right: it is held to the same tree as simdjson's by
 * tests/fuzz/json_diff_fuzz.c and, for every short text, by tests/unit/event_json_plain_test.c.
 *
 * Owns:  a padded copy of the text, which the tree points into, and the places of its quotes.
 * Calls: json_tree, scan, scan_blocks, core/base.
 */
#include "core/base/alloc.h"
#include "core/event/json_tree.h"
#include "core/event/scan.h"
#include "core/event/scan_blocks.h"

#define DIGITS_MAX 19u  /* of an integer of 64 bits with a sign, which every library takes */
#define FILL       0x7f /* behind the text: no byte of JSON, so that every walk stops there */
#define AHEAD      8u   /* bytes behind the text that are looked at together with its last one */

struct reader {
    const char *text; /* the copy */
    const char *at;   /* in it */
    const uint64_t *quotes;
};

void kt_json_plain_done(struct kt_json_plain *p)
{
    kt_free(p->text);
    kt_free(p->quotes);
    *p = (struct kt_json_plain){ 0 };
}

/* The copy, in blocks. */
static size_t keep(struct kt_json_plain *p, struct kt_str text)
{
    const size_t blocks = (text.len + AHEAD) / KT_SCAN_BLOCK + 1;
    if (blocks > p->blocks) {
        kt_json_plain_done(p);
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
static bool look(struct kt_json_plain *p, struct kt_str text)
{
    const size_t blocks = keep(p, text);
    const struct kt_scan_text is = kt_scan_text(p->text, blocks, p->quotes);
    return !is.special && !is.odd && (!is.high || kt_utf8_valid_fast(text));
}

/* The byte at r->at, or the first behind the blanks there. */
static inline char sign(struct reader *r)
{
    while (*r->at == ' ')
        r->at++;
    return *r->at;
}

/* The next quote at or behind `at`, of which there is one. */
static inline const char *next_quote(const struct reader *r, const char *at)
{
    size_t i = (size_t)(at - r->text) / KT_SCAN_BLOCK;
    const uint64_t quotes = r->quotes[i] >> (size_t)(at - r->text) % KT_SCAN_BLOCK;
    if (quotes != 0)
        return at + __builtin_ctzll(quotes);
    while (r->quotes[++i] == 0)
        ;
    return r->text + i * KT_SCAN_BLOCK + __builtin_ctzll(r->quotes[i]);
}

/* The string whose first quote is at r->at. All quotes before it were passed by twos, and there is
 * an even number of them: so there is another. */
static inline struct kt_str string(struct reader *r)
{
    const char *from = r->at + 1, *to = next_quote(r, from);
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
    static const char largest[] = "9223372036854775807";
    _Static_assert(sizeof largest - 1 == DIGITS_MAX, "it has the most digits");
    const char *first = at + (*at == '-');
    const size_t n = kt_scan_digits(first, DIGITS_MAX + 1);
    if (n == 0 || n > DIGITS_MAX || (n > 1 && *first == '0') ||
        (n == DIGITS_MAX && memcmp(first, largest, n) > 0))
        return NULL;
    const size_t len = (size_t)(first + n - at);
    return kt_json_tree_add(t, KT_JSON_NUMBER, at, len) ? at + len : NULL;
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

bool kt_json_plain_parse(struct kt_json_plain *p, struct kt_str text, struct kt_json_tree *t)
{
    if (text.len == 0 || !look(p, text))
        return false;
    struct reader r = { p->text, p->text, p->quotes };
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
    return r.at == p->text + text.len;
}
