/*
 * sigma_condition: "selection and not 1 of filter_*" to a program, and programs at work.
 * Source: sigma-specification, specification/sigma-rules-specification.md, "Condition".
 *
 *   or    = and *( "or" and )
 *   and   = not *( "and" not )
 *   not   = *"not" item
 *   item  = "(" or ")" | ( "1" | "all" ) "of" ( "them" | pattern ) | name
 *
 * Owns:  nothing; a program lives in its rule's YAML.
 * Calls: core, sigma_value. No clock, no I/O.
 * Holds: a program has at most KT_RULE_NODES_MAX nodes and NEST_MAX levels; its evaluation visits
 *        each node at most once.
 */
#include <string.h>

#include "core/base/alloc.h"
#include "detectors/sigma.h"

#define NEST_MAX 32u

struct reader {
    const struct kt_sigma_selection *selection;
    unsigned n;
    struct kt_str rest, word; /* word: the one at hand; empty at the end */
    struct kt_sigma_node *node;
    uint32_t nodes;
    unsigned depth;
    bool *used;
    struct kt_error *err;
};

static bool is_sign(char c)
{
    return c == '(' || c == ')' || c == '|';
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void next(struct reader *r)
{
    r->rest = kt_str_trim(r->rest);
    size_t n = 0;
    if (r->rest.len > 0 && is_sign(r->rest.at[0]))
        n = 1;
    else
        while (n < r->rest.len && !is_sign(r->rest.at[n]) && !is_space(r->rest.at[n]))
            n++;
    r->word = kt_str_sub(r->rest, 0, n);
    r->rest = kt_str_from_index(r->rest, n);
}

static bool is(const struct reader *r, const char *word)
{
    return kt_str_eq_nocase(r->word, kt_str_of(word));
}

static enum kt_status refuse(struct reader *r, const char *what)
{
    return kt_fail(r->err, KT_E_INPUT, "condition: %s%s" KT_STR_FMT "%s", what,
                   r->word.len > 0 ? " at '" : " at its end",
                   KT_STR_ARG(kt_str_sub(r->word, 0, 60)), r->word.len > 0 ? "'" : "");
}

static enum kt_status too_long(struct reader *r)
{
    return kt_fail(r->err, KT_E_INPUT, "condition: written out it has more than %u parts",
                   KT_RULE_NODES_MAX);
}

/* Puts an operator in front of the nodes from `at` on. */
static enum kt_status wrap(struct reader *r, uint32_t at, enum kt_sigma_op op)
{
    if (r->nodes == KT_RULE_NODES_MAX)
        return too_long(r);
    memmove(&r->node[at + 1], &r->node[at], (r->nodes - at) * sizeof *r->node);
    r->nodes++;
    r->node[at] = (struct kt_sigma_node){ .op = op, .size = r->nodes - at };
    return KT_OK;
}

static enum kt_status put_selection(struct reader *r, unsigned i)
{
    const struct kt_sigma_selection *s = &r->selection[i];
    if (s->n > KT_RULE_NODES_MAX - r->nodes)
        return too_long(r);
    memcpy(&r->node[r->nodes], s->node, s->n * sizeof *s->node);
    r->nodes += s->n;
    r->used[i] = true;
    return KT_OK;
}

/* "*" stands for any bytes of a name. */
static bool name_like(struct kt_str name, struct kt_str pattern)
{
    struct kt_str rest = pattern, piece;
    (void)kt_str_split(&rest, '*', &piece);
    if (!kt_str_starts(name, piece))
        return false;
    if (kt_str_find_byte(pattern, '*', 0) < 0)
        return kt_str_eq(name, pattern);
    size_t at = piece.len;
    while (kt_str_find_byte(rest, '*', 0) >= 0) {
        (void)kt_str_split(&rest, '*', &piece);
        ptrdiff_t found = kt_str_find(name, piece, at);
        if (found < 0)
            return false;
        at = (size_t)found + piece.len;
    }
    return kt_str_ends(kt_str_from_index(name, at), rest);
}

static enum kt_status read_of(struct reader *r, enum kt_sigma_op op)
{
    uint32_t at = r->nodes;
    unsigned members = 0;
    next(r);
    if (!is(r, "of"))
        return refuse(r, "'of' is missing");
    next(r);
    bool them = is(r, "them");
    for (unsigned i = 0; i < r->n; i++) {
        struct kt_str name = r->selection[i].name;
        bool meant = them ? !kt_str_starts(name, KT_STR("_")) : name_like(name, r->word);
        if (!meant)
            continue;
        members++;
        if (put_selection(r, i) != KT_OK)
            return KT_E_INPUT;
    }
    if (members == 0)
        return refuse(r, "no selection is meant");
    next(r);
    return wrap(r, at, op);
}

static enum kt_status read_or(struct reader *r);

static enum kt_status read_item(struct reader *r)
{
    if (is(r, "1"))
        return read_of(r, KT_SIGMA_ANY);
    if (is(r, "all"))
        return read_of(r, KT_SIGMA_ALL);
    if (is(r, "(")) {
        next(r);
        if (read_or(r) != KT_OK)
            return KT_E_INPUT;
        if (!is(r, ")"))
            return refuse(r, "')' is missing");
        next(r);
        return KT_OK;
    }
    for (unsigned i = 0; i < r->n; i++) {
        if (!kt_str_eq(r->word, r->selection[i].name))
            continue;
        next(r);
        return put_selection(r, i);
    }
    if (is(r, "|"))
        return refuse(r, "aggregations are Sigma 1: write a correlation");
    if (r->word.len > 0 && r->word.at[0] >= '0' && r->word.at[0] <= '9')
        return refuse(r, "only '1 of' and 'all of' are Sigma");
    return refuse(r, "there is no such selection");
}

static enum kt_status read_not(struct reader *r)
{
    if (!is(r, "not"))
        return read_item(r);
    if (++r->depth > NEST_MAX)
        return refuse(r, "nested too deep");
    uint32_t at = r->nodes;
    next(r);
    if (read_not(r) != KT_OK)
        return KT_E_INPUT;
    r->depth--;
    return wrap(r, at, KT_SIGMA_NOT);
}

static enum kt_status read_and(struct reader *r)
{
    uint32_t at = r->nodes;
    unsigned parts = 1;
    if (read_not(r) != KT_OK)
        return KT_E_INPUT;
    for (; is(r, "and"); parts++) {
        next(r);
        if (read_not(r) != KT_OK)
            return KT_E_INPUT;
    }
    return parts > 1 ? wrap(r, at, KT_SIGMA_ALL) : KT_OK;
}

static enum kt_status read_or(struct reader *r)
{
    uint32_t at = r->nodes;
    unsigned parts = 1;
    if (++r->depth > NEST_MAX)
        return refuse(r, "nested too deep");
    if (read_and(r) != KT_OK)
        return KT_E_INPUT;
    for (; is(r, "or"); parts++) {
        next(r);
        if (read_and(r) != KT_OK)
            return KT_E_INPUT;
    }
    r->depth--;
    return parts > 1 ? wrap(r, at, KT_SIGMA_ANY) : KT_OK;
}

/* A selection that nothing asks for is a slip of the pen: the rule would not do what it says. */
static enum kt_status all_used(const struct reader *r)
{
    for (unsigned i = 0; i < r->n; i++) {
        if (!r->used[i])
            return kt_fail(r->err, KT_E_INPUT, "condition: selection '" KT_STR_FMT "' is not in it",
                           KT_STR_ARG(r->selection[i].name));
    }
    return KT_OK;
}

enum kt_status kt_sigma_condition(const struct kt_yaml *y, struct kt_str text,
                                  const struct kt_sigma_selection *selection, unsigned n,
                                  struct kt_sigma_selection *ret, struct kt_error *err)
{
    struct reader r = { .selection = selection, .n = n, .rest = text, .err = err };
    r.node = kt_alloc_array(KT_RULE_NODES_MAX, sizeof *r.node);
    r.used = kt_alloc_array(n + 1, sizeof *r.used);
    next(&r);
    enum kt_status st = read_or(&r);
    if (st == KT_OK && is(&r, "|"))
        st = refuse(&r, "aggregations are Sigma 1: write a correlation");
    else if (st == KT_OK && r.word.len > 0)
        st = refuse(&r, "'and' or 'or' is missing");
    if (st == KT_OK)
        st = all_used(&r);
    if (st == KT_OK) {
        struct kt_sigma_node *kept = kt_yaml_keep(y, r.nodes * sizeof *kept);
        memcpy(kept, r.node, r.nodes * sizeof *kept);
        *ret = (struct kt_sigma_selection){ .node = kept, .n = r.nodes };
    }
    kt_free(r.node);
    kt_free(r.used);
    return st;
}

/* ---- at work ---- */

static enum kt_sigma_truth turned(enum kt_sigma_truth t)
{
    return t == KT_SIGMA_YES ? KT_SIGMA_NO : t == KT_SIGMA_NO ? KT_SIGMA_YES : KT_SIGMA_MAYBE;
}

enum kt_sigma_truth kt_sigma_eval(struct kt_sigma_view *v, const struct kt_sigma_node *node,
                                  const struct kt_sigma_test *tests)
{
    if (node->op == KT_SIGMA_TEST)
        return kt_sigma_test(v, &tests[node->test]);
    if (node->op == KT_SIGMA_NOT)
        return turned(kt_sigma_eval(v, node + 1, tests));
    bool any = node->op == KT_SIGMA_ANY;
    enum kt_sigma_truth ends = any ? KT_SIGMA_YES : KT_SIGMA_NO, all = turned(ends);
    for (uint32_t at = 1; at < node->size; at += node[at].size) {
        enum kt_sigma_truth one = kt_sigma_eval(v, &node[at], tests);
        if (one == ends)
            return ends;
        all = one == KT_SIGMA_MAYBE ? KT_SIGMA_MAYBE : all;
    }
    return all;
}
