/*
 * terms: what a parsed query is: a tree of AND, OR and NOT over terms. Private to core/query.
 */
#pragma once
#include "core/query/fields.h"

#define KT_QUERY_TEXT_MAX   4096u
#define KT_QUERY_TERMS_MAX  64u
#define KT_QUERY_NODES_MAX  256u
#define KT_QUERY_VALUES_MAX 512u
#define KT_QUERY_DEPTH_MAX  32u /* of parentheses */

struct kt_value {
    struct kt_str text; /* pattern or exact text; of free text: as it stands inside JSON */
    struct kt_str line; /* what each line that fits has; empty: nothing is known */
    bool any;           /* `*` alone: the field has some value */
    bool glob;          /* text has a `*` that is meant as one */
    bool whole;         /* a secret's id with its scheme: no tail of an id fits it */
    int64_t low, high;  /* numbers, times, words */
    struct kt_cidr net; /* ip */
};
struct kt_term {
    const struct kt_field *field; /* NULL: free text */
    unsigned value, n;            /* values[value .. value + n), one of which must match */
};
enum kt_node_type { KT_NODE_AND, KT_NODE_OR, KT_NODE_NOT, KT_NODE_TERM };
struct kt_node {
    enum kt_node_type type;
    unsigned first, next; /* first child and next sibling; 0: none */
    unsigned term;
    struct kt_str text; /* as it was written */
};
/* How a scan uses a part of a query (plan.c). */
enum kt_use {
    KT_USE_LINES,
    KT_USE_NEEDLE,
    KT_USE_FILTER,
    KT_USE_EXACT, /* from here on the scan says all of the part */
    KT_USE_BOUND = KT_USE_EXACT,
    KT_USE_COLUMN,
    KT_USE_FILTER_AND_COLUMN,
};
struct kt_plan_part {
    const struct kt_query *q;
    unsigned node;
    enum kt_use use;
};
struct kt_query {
    struct kt_arena arena;
    const struct kt_subject *about;          /* whose fields it names */
    struct kt_node node[KT_QUERY_NODES_MAX]; /* node[0] is the root, an AND */
    struct kt_term term[KT_QUERY_TERMS_MAX];
    struct kt_value values[KT_QUERY_VALUES_MAX];
    unsigned n_nodes, n_terms, n_values;
    kt_time_ns since, until;
    bool names_kind;

    /* what kt_query_plan lends to scans */
    struct kt_plan_part part[KT_QUERY_TERMS_MAX];
    struct kt_sieve sieve[KT_QUERY_TERMS_MAX + 1]; /* and one on the kind */
    struct kt_sought sought[KT_QUERY_VALUES_MAX];
    struct kt_str needle[KT_QUERY_TERMS_MAX];
    unsigned n_parts, n_sought;
};

/* Fills v from the text of one value of f; quoted: `*` has no meaning. since: and until: set the
 * query's window. now 0: relative times are refused. */
KT_MUST_USE enum kt_status kt_value_fill(struct kt_query *q, const struct kt_field *f,
                                         struct kt_str text, bool quoted, kt_time_ns now,
                                         int zone_offset_s, struct kt_value *v,
                                         struct kt_error *err);

/* Parts of a query, bounded by the maxima above. */
KT_MUST_USE enum kt_status kt_query_new_node(struct kt_query *q, enum kt_node_type type,
                                             unsigned *ret, struct kt_error *err);
KT_MUST_USE enum kt_status kt_query_new_term(struct kt_query *q, struct kt_term **ret,
                                             struct kt_error *err);
/* Of the newest term. */
KT_MUST_USE enum kt_status kt_query_new_value(struct kt_query *q, struct kt_term *t,
                                              struct kt_value **ret, struct kt_error *err);
void kt_query_adopt(struct kt_query *q, unsigned parent, unsigned child);
/* Where the newest term, at node *node, names an actor by its canonical name: *node is then an OR
 * of what its aliases fit. */
KT_MUST_USE enum kt_status kt_query_expand(struct kt_query *q, const struct kt_identities *ids,
                                           unsigned *node, struct kt_error *err);

/* Does a part of the query fit a value of the one column that all its terms are about? */
bool kt_node_fits_value(const struct kt_query *q, unsigned node, struct kt_str text,
                        int64_t number);
/* A part of a query as text again. */
void kt_node_say(const struct kt_query *q, unsigned node, struct kt_buf *out);
