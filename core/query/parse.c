/*
 * parse: from the text of a query to its tree, by recursive descent, bounded in every way
 * (THREATS I5).
 *
 *   either = all { "OR" all }
 *   all    = one { [ "AND" ] one }
 *   one    = ( "-" | "NOT " ) one | "(" either ")" | term
 *   term   = field ":" value { "," value } | text
 *
 * Owns:  struct kt_query.
 * Calls: core/base, core/event, core/query.
 * Holds: whatever it takes is matched as written; what it does not know it refuses by name.
 */
#include <string.h>

#include "core/base/alloc.h"
#include "core/event/line.h"
#include "core/query/terms.h"

#define ARENA_SIZE (16 * KT_QUERY_TEXT_MAX)

struct parser {
    struct kt_str text;
    size_t at;
    struct kt_query *q;
    kt_time_ns now; /* 0: relative times have no meaning */
    int zone_offset_s;
    const struct kt_identities *ids; /* aliases of actors; NULL: names mean themselves */
    const struct kt_subject *about;
    unsigned depth;      /* of open parentheses */
    unsigned within;     /* negations at work */
    size_t term;         /* where the newest one begins */
    size_t bad, bad_len; /* where what is wrong begins; 0 bytes: it goes on to `at` */
};

static void blame(struct parser *p, size_t at, size_t len)
{
    p->bad = at;
    p->bad_len = len;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool more(const struct parser *p)
{
    return p->at < p->text.len;
}

static char peek(const struct parser *p)
{
    return more(p) ? p->text.at[p->at] : '\0';
}

static void skip_blanks(struct parser *p)
{
    while (is_space(peek(p)))
        p->at++;
}

/* ---- pieces of text ---- */

/* Bytes from `at` to the closing quote, or to the end. */
static size_t quoted_length(const struct parser *p, size_t at)
{
    size_t end = at;
    while (end < p->text.len && p->text.at[end] != '"')
        end += p->text.at[end] == '\\' ? 2 : 1;
    return (end < p->text.len ? end : p->text.len) - at;
}

/* Behind the opening quote; `\"` and `\\` stand for the second character. */
static enum kt_status take_quoted(struct parser *p, struct kt_str *ret, struct kt_error *err)
{
    size_t opened = p->at++;
    blame(p, opened, 0);
    char *to = kt_arena_alloc(&p->q->arena, quoted_length(p, p->at) + 1);
    if (to == NULL)
        return kt_fail(err, KT_E_LIMIT, "the query is too long");
    size_t n = 0;
    while (more(p) && peek(p) != '"') {
        if (peek(p) == '\\' && p->at + 1 < p->text.len)
            p->at++;
        to[n++] = p->text.at[p->at++];
    }
    if (!more(p))
        return kt_fail(err, KT_E_INPUT, "the quote opened at column %zu is not closed", opened + 1);
    p->at++;
    *ret = kt_str_from(to, n);
    return KT_OK;
}

static struct kt_str take_until(struct parser *p, bool comma_ends)
{
    size_t from = p->at;
    while (more(p) && !is_space(peek(p)) && peek(p) != ')' && !(comma_ends && peek(p) == ','))
        p->at++;
    return kt_str_sub(p->text, from, p->at - from);
}

/* "name:" at the cursor; consumed when it is one. Names are lower-case letters and '_'. */
static bool take_name(struct parser *p, struct kt_str *ret)
{
    size_t end = p->at;
    while (end < p->text.len &&
           ((p->text.at[end] >= 'a' && p->text.at[end] <= 'z') || p->text.at[end] == '_'))
        end++;
    if (end == p->at || end == p->text.len || p->text.at[end] != ':')
        return false;
    *ret = kt_str_sub(p->text, p->at, end - p->at);
    p->at = end + 1;
    return true;
}

/* The word OR, AND or NOT at the cursor, standing alone. */
static bool at_word(const struct parser *p, const char *word)
{
    size_t n = strlen(word), end = p->at + n;
    return kt_str_is(kt_str_sub(p->text, p->at, n), word) &&
           (end >= p->text.len || is_space(p->text.at[end]) || p->text.at[end] == '(' ||
            p->text.at[end] == ')');
}

/* ---- terms ---- */

enum kt_status kt_query_new_node(struct kt_query *q, enum kt_node_type type, unsigned *ret,
                                 struct kt_error *err)
{
    if (q->n_nodes == KT_QUERY_NODES_MAX)
        return kt_fail(err, KT_E_LIMIT, "the query has too many parts");
    *ret = q->n_nodes++;
    q->node[*ret] = (struct kt_node){ .type = type };
    return KT_OK;
}

enum kt_status kt_query_new_value(struct kt_query *q, struct kt_term *t, struct kt_value **ret,
                                  struct kt_error *err)
{
    if (q->n_values == KT_QUERY_VALUES_MAX)
        return kt_fail(err, KT_E_LIMIT, "a query has at most %u values", KT_QUERY_VALUES_MAX);
    *ret = &q->values[q->n_values++];
    t->n++;
    return KT_OK;
}

/* Text is looked for as it stands in the line, where JSON has escaped it. */
static enum kt_status text_term(struct parser *p, struct kt_term *t, struct kt_str text,
                                struct kt_error *err)
{
    struct kt_value *v = NULL;
    if (kt_query_new_value(p->q, t, &v, err) != KT_OK)
        return err->code;
    KT_CLEANUP(kt_buf_done) struct kt_buf json = { 0 };
    kt_json_quote(&json, text);
    v->text = kt_arena_str(&p->q->arena, kt_str_sub(kt_buf_str(&json), 1, json.len - 2));
    return KT_OK;
}

static enum kt_status one_value(struct parser *p, struct kt_term *t, struct kt_error *err)
{
    struct kt_value *v = NULL;
    struct kt_str text;
    bool quoted = peek(p) == '"';
    blame(p, p->at, peek(p) == '(');
    if (peek(p) == '(')
        return kt_fail(err, KT_E_INPUT,
                       "column %zu: write %s:a,b for either, or put the value in quotes", p->at + 1,
                       t->field->name);
    if (kt_query_new_value(p->q, t, &v, err) != KT_OK ||
        (quoted && take_quoted(p, &text, err) != KT_OK))
        return err->code;
    if (!quoted)
        text = take_until(p, true);
    if (text.len == 0 && !quoted) {
        blame(p, p->term, 0);
        return kt_fail(err, KT_E_INPUT, "%s: needs a value", t->field->name);
    }
    return kt_value_fill(p->q, t->field, text, quoted, p->now, p->zone_offset_s, v, err);
}

static enum kt_status field_term(struct parser *p, struct kt_term *t, struct kt_error *err)
{
    do {
        if (one_value(p, t, err) != KT_OK)
            return err->code;
    } while (peek(p) == ',' && p->at++ < p->text.len);
    if (more(p) && !is_space(peek(p)) && peek(p) != ')') {
        blame(p, p->at, 1);
        return kt_fail(err, KT_E_INPUT, "column %zu: a blank or a comma must follow a value",
                       p->at + 1);
    }
    return KT_OK;
}

static enum kt_status unknown_field(const struct parser *p, struct kt_str name,
                                    struct kt_error *err)
{
    const struct kt_field *near = kt_field_near(p->about, name);
    if (near != NULL)
        return kt_fail(err, KT_E_INPUT,
                       "there is no field '" KT_STR_FMT "': did you mean '%s'? To look for it as "
                       "text, put it in quotes",
                       KT_STR_ARG(name), near->name);
    return kt_fail(err, KT_E_INPUT,
                   "there is no field '" KT_STR_FMT "'. To look for it as text, put it in quotes",
                   KT_STR_ARG(name));
}

/* since: and until: are the window of the whole query, no term: *ret_term stays as it was. */
static enum kt_status window_term(struct parser *p, const struct kt_term *t, struct kt_error *err)
{
    if (t->n > 1 || p->within > 0)
        return kt_fail(err, KT_E_INPUT, "%s: takes one time", t->field->name);
    if (p->depth > 0)
        return kt_fail(err, KT_E_INPUT,
                       "%s: is the window of the whole query and stands outside parentheses: "
                       "inside them write time:>… or time:<…",
                       t->field->name);
    p->q->n_terms--;
    return KT_OK;
}

enum kt_status kt_query_new_term(struct kt_query *q, struct kt_term **ret, struct kt_error *err)
{
    if (q->n_terms == KT_QUERY_TERMS_MAX)
        return kt_fail(err, KT_E_LIMIT, "a query has at most %u terms", KT_QUERY_TERMS_MAX);
    *ret = &q->term[q->n_terms++];
    **ret = (struct kt_term){ .value = q->n_values };
    return KT_OK;
}

/* *ret: the term's node, or 0 when it was since: or until:. */
static enum kt_status take_term(struct parser *p, unsigned *ret, struct kt_error *err)
{
    struct kt_query *q = p->q;
    struct kt_term *t = NULL;
    struct kt_str word;
    size_t from = p->at;
    enum kt_status status;
    p->term = from;
    blame(p, from, 0);
    if (kt_query_new_term(q, &t, err) != KT_OK)
        return err->code;
    *ret = 0;
    if (take_name(p, &word)) {
        t->field = kt_field_in(p->about, word);
        if (t->field == NULL)
            return unknown_field(p, word, err);
        q->names_kind = q->names_kind || kt_str_is(word, "kind");
        status = field_term(p, t, err);
        if (status == KT_OK)
            blame(p, from, 0);
        if (status == KT_OK &&
            (t->field->type == KT_FIELD_SINCE || t->field->type == KT_FIELD_UNTIL))
            return window_term(p, t, err);
    } else if (peek(p) == '"') {
        status = take_quoted(p, &word, err);
        if (status == KT_OK)
            status = text_term(p, t, word, err);
    } else {
        status = text_term(p, t, take_until(p, false), err);
    }
    if (status != KT_OK || kt_query_new_node(q, KT_NODE_TERM, ret, err) != KT_OK)
        return err->code;
    q->node[*ret].term = (unsigned)(t - q->term);
    q->node[*ret].text = kt_arena_str(&q->arena, kt_str_sub(p->text, from, p->at - from));
    return p->ids != NULL ? kt_query_expand(q, p->ids, ret, err) : KT_OK;
}

/* ---- the tree ---- */

static enum kt_status take_either(struct parser *p, unsigned node, struct kt_error *err);

void kt_query_adopt(struct kt_query *q, unsigned parent, unsigned child)
{
    unsigned *at = &q->node[parent].first;
    while (*at != 0)
        at = &q->node[*at].next;
    *at = child;
}

static enum kt_status take_group(struct parser *p, unsigned *ret, struct kt_error *err)
{
    size_t opened = p->at++;
    blame(p, opened, 1);
    if (++p->depth > KT_QUERY_DEPTH_MAX)
        return kt_fail(err, KT_E_LIMIT, "parentheses go at most %u deep", KT_QUERY_DEPTH_MAX);
    if (kt_query_new_node(p->q, KT_NODE_AND, ret, err) != KT_OK ||
        take_either(p, *ret, err) != KT_OK)
        return err->code;
    blame(p, opened, 1);
    if (peek(p) != ')')
        return kt_fail(err, KT_E_INPUT, "the parenthesis opened at column %zu is not closed",
                       opened + 1);
    if (p->q->node[*ret].first == 0)
        return kt_fail(err, KT_E_INPUT, "column %zu: nothing stands in the parentheses",
                       opened + 1);
    p->at++;
    p->depth--;
    return KT_OK;
}

static enum kt_status take_one(struct parser *p, unsigned *ret, struct kt_error *err)
{
    size_t from = p->at;
    bool sign = peek(p) == '-', negated = sign || at_word(p, "NOT");
    if (negated)
        p->at += sign ? 1 : 3;
    if (negated && !sign)
        skip_blanks(p);
    blame(p, from, 0);
    if (negated && (!more(p) || is_space(peek(p)) || peek(p) == ')'))
        return kt_fail(err, KT_E_INPUT, "column %zu: nothing follows the '%s'", from + 1,
                       sign ? "-" : "NOT");
    p->within += negated;
    unsigned node = 0;
    enum kt_status status = peek(p) == '(' ? take_group(p, &node, err) : take_term(p, &node, err);
    p->within -= negated;
    *ret = node;
    if (status != KT_OK || !negated)
        return status;
    if (kt_query_new_node(p->q, KT_NODE_NOT, ret, err) != KT_OK)
        return err->code;
    kt_query_adopt(p->q, *ret, node);
    return KT_OK;
}

static bool at_end(const struct parser *p)
{
    return !more(p) || (peek(p) == ')' && p->depth > 0);
}

/* Terms into node, which is an AND, up to OR, ')' or the end. */
static enum kt_status take_all(struct parser *p, unsigned node, struct kt_error *err)
{
    bool joined = false;
    for (skip_blanks(p); !at_end(p) && !at_word(p, "OR"); skip_blanks(p)) {
        unsigned child = 0;
        blame(p, p->at, 1);
        if (peek(p) == ')')
            return kt_fail(err, KT_E_INPUT,
                           "column %zu: no parenthesis was opened; put text with parentheses in "
                           "quotes",
                           p->at + 1);
        if (at_word(p, "AND")) {
            if (joined || p->q->node[node].first == 0)
                break;
            joined = true;
            p->at += 3;
            continue;
        }
        if (take_one(p, &child, err) != KT_OK)
            return err->code;
        joined = false;
        if (child != 0)
            kt_query_adopt(p->q, node, child);
    }
    blame(p, p->at, at_word(p, "AND") ? 3 : 0);
    if (joined || at_word(p, "AND"))
        return kt_fail(err, KT_E_INPUT,
                       "column %zu: AND needs a term on both sides; put the word in quotes to "
                       "look for it",
                       p->at + 1);
    return KT_OK;
}

/* The whole of a query or of a pair of parentheses, into node, an AND: its children are the terms,
 * or one OR of ANDs. */
static enum kt_status take_either(struct parser *p, unsigned node, struct kt_error *err)
{
    struct kt_query *q = p->q;
    if (take_all(p, node, err) != KT_OK)
        return err->code;
    if (!at_word(p, "OR"))
        return KT_OK;
    unsigned either = 0, arm = 0, first = q->node[node].first;
    if (kt_query_new_node(q, KT_NODE_OR, &either, err) != KT_OK ||
        kt_query_new_node(q, KT_NODE_AND, &arm, err) != KT_OK)
        return err->code;
    q->node[node].first = either;
    q->node[either].first = arm;
    q->node[arm].first = first;
    for (;;) {
        blame(p, p->at, at_word(p, "OR") ? 2 : 0);
        if (q->node[arm].first == 0)
            return kt_fail(err, KT_E_INPUT,
                           "column %zu: OR needs a term on both sides; put the word in quotes to "
                           "look for it",
                           p->at + 1);
        if (!at_word(p, "OR"))
            return KT_OK;
        p->at += 2;
        if (kt_query_new_node(q, KT_NODE_AND, &arm, err) != KT_OK)
            return err->code;
        kt_query_adopt(q, either, arm);
        if (take_all(p, arm, err) != KT_OK)
            return err->code;
    }
}

/* The bytes that p found fault with, within the text. */
static struct kt_query_fault fault_of(const struct parser *p)
{
    struct kt_query_fault f = { .at = p->bad < p->text.len ? p->bad : p->text.len };
    size_t end = p->bad_len > 0 ? f.at + p->bad_len : p->at;
    f.len = (end < p->text.len ? end : p->text.len) - f.at;
    return f;
}

/* One text of the query, all of whose terms must hold, into an AND of its own below root: it cannot
 * reach out of it, whatever it says of OR and parentheses. */
static enum kt_status take_text(struct parser *p, unsigned root, struct kt_error *err)
{
    unsigned node = 0;
    if (p->text.len > KT_QUERY_TEXT_MAX)
        return kt_fail(err, KT_E_LIMIT, "a query has at most %u characters", KT_QUERY_TEXT_MAX);
    if (kt_query_new_node(p->q, KT_NODE_AND, &node, err) != KT_OK ||
        take_either(p, node, err) != KT_OK)
        return err->code;
    if (p->q->node[node].first != 0)
        kt_query_adopt(p->q, root, node);
    return KT_OK;
}

static enum kt_status take_query(struct parser p, struct kt_query **ret,
                                 struct kt_query_fault *ret_fault, struct kt_error *err)
{
    struct kt_error why = { 0 };
    enum kt_status status = KT_OK;
    struct kt_query *q = p.q = kt_alloc(sizeof *q);
    unsigned root = 0;
    q->arena = kt_arena_new(ARENA_SIZE);
    q->about = p.about;
    if (p.text.len > KT_QUERY_TEXT_MAX)
        status = kt_fail(&why, KT_E_LIMIT, "a query has at most %u characters", KT_QUERY_TEXT_MAX);
    if (status == KT_OK)
        status = kt_query_new_node(q, KT_NODE_AND, &root, &why);
    if (status == KT_OK)
        status = take_either(&p, root, &why);
    if (status == KT_OK && q->arena.full)
        status = kt_fail(&why, KT_E_LIMIT, "the query is too long");
    if (status != KT_OK) {
        kt_query_free(q);
        if (ret_fault != NULL)
            *ret_fault = fault_of(&p);
        if (err != NULL)
            *err = why;
        return status;
    }
    *ret = q;
    return KT_OK;
}

enum kt_status kt_query_parse_told(struct kt_str text, kt_time_ns now, int zone_offset_s,
                                   const struct kt_identities *ids, struct kt_query **ret,
                                   struct kt_query_fault *ret_fault, struct kt_error *err)
{
    return take_query((struct parser){ .text = text,
                                       .now = now,
                                       .zone_offset_s = zone_offset_s,
                                       .ids = ids,
                                       .about = &kt_record_fields },
                      ret, ret_fault, err);
}

enum kt_status kt_query_parse_within(const struct kt_query_scope *scope, struct kt_str text,
                                     kt_time_ns now, int zone_offset_s,
                                     const struct kt_identities *ids, struct kt_query **ret,
                                     struct kt_error *err)
{
    struct kt_query *q = kt_alloc(sizeof *q);
    struct kt_error why = { 0 };
    unsigned root = 0;
    q->arena = kt_arena_new(ARENA_SIZE);
    q->about = &kt_record_fields;
    struct parser outer = { .text = scope->text,
                            .q = q,
                            .now = now,
                            .ids = scope->ids,
                            .zone_offset_s = zone_offset_s,
                            .about = &kt_record_fields };
    struct parser inner = { .text = text,
                            .q = q,
                            .now = now,
                            .ids = ids,
                            .zone_offset_s = zone_offset_s,
                            .about = &kt_record_fields };
    struct parser kinds = outer;
    kinds.text = kt_str_of(scope->kinds);
    enum kt_status status = kt_query_new_node(q, KT_NODE_AND, &root, &why);
    if (status == KT_OK)
        status = take_text(&kinds, root, &why);
    if (status == KT_OK)
        status = take_text(&outer, root, &why);
    q->names_kind = false;
    if (status == KT_OK)
        status = take_text(&inner, root, &why);
    if (status == KT_OK && q->arena.full)
        status = kt_fail(&why, KT_E_LIMIT, "the query is too long");
    if (status != KT_OK) {
        kt_query_free(q);
        if (err != NULL)
            *err = why;
        return status;
    }
    *ret = q;
    return KT_OK;
}

enum kt_status kt_query_parse_as(struct kt_str text, kt_time_ns now, int zone_offset_s,
                                 const struct kt_identities *ids, struct kt_query **ret,
                                 struct kt_error *err)
{
    return kt_query_parse_told(text, now, zone_offset_s, ids, ret, NULL, err);
}

enum kt_status kt_query_parse_about(struct kt_str text, const struct kt_subject *about,
                                    struct kt_query **ret, struct kt_error *err)
{
    return take_query((struct parser){ .text = text, .about = about }, ret, NULL, err);
}

enum kt_status kt_query_parse_at(struct kt_str text, kt_time_ns now, int zone_offset_s,
                                 struct kt_query **ret, struct kt_error *err)
{
    return kt_query_parse_as(text, now, zone_offset_s, NULL, ret, err);
}

enum kt_status kt_query_parse(struct kt_str text, struct kt_query **ret, struct kt_error *err)
{
    return kt_query_parse_at(text, 0, 0, ret, err);
}

void kt_query_free(struct kt_query *q)
{
    if (q == NULL)
        return;
    kt_arena_done(&q->arena);
    kt_free(q);
}

bool kt_query_names_kind(const struct kt_query *q)
{
    return q->names_kind;
}

void kt_query_window(const struct kt_query *q, kt_time_ns *ret_since, kt_time_ns *ret_until)
{
    *ret_since = q->since;
    *ret_until = q->until;
}
