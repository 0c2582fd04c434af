/*
 * facets: the values that the matching records of a window have in some fields, and how often.
 *
 * Countries and networks are those that are known of an address now; where the query itself asks
 * for lines, those in force when the record came.
 */
#pragma once
#include "core/answer/ask.h"

/* clang-format off */
#define KT_FACETS(X)                                                                               \
    X(ACTOR, "actor") X(SECRET, "secret") X(IP, "ip") X(COUNTRY, "country") X(ASN, "asn")          \
    X(SOURCE, "source") X(INSTANCE, "instance") X(ACTION, "action") X(OUTCOME, "outcome")          \
    X(USER_AGENT, "user_agent") X(ACTOR_KIND, "actor_kind")                                        \
    X(OPERATION, "operation") X(CODE, "code") X(HOST, "host")
enum kt_facet {
#define X(n, w) KT_FACET_##n,
    KT_FACETS(X)
#undef X
    KT_FACET_COUNT
};
/* clang-format on */
const char *kt_facet_word(enum kt_facet f); /* as the query language names the field */
bool kt_facet_of(struct kt_str word, enum kt_facet *ret);

#define KT_FACET_VALUES_MAX 500000u /* different ones of a field */
struct kt_facet_value {
    struct kt_str value; /* as a query takes it; actors by their canonical name; asn "3320" */
    uint64_t count;
};
struct kt_facets {
    uint64_t total; /* records */
    /* Most first, then by value; records without a value are in none. */
    struct kt_facet_value *list[KT_FACET_COUNT];
    uint32_t n[KT_FACET_COUNT];
};
/* which: 1 << enum kt_facet. Where columns say all of the query no line is read. KT_E_INPUT: the
 * query is wrong. KT_E_LIMIT: given up, or too many values. */
KT_MUST_USE enum kt_status kt_facets_load(struct kt_ask *a, struct kt_str query, uint32_t which,
                                          struct kt_facets **ret, struct kt_error *err);
void kt_facets_free(struct kt_facets *f);
