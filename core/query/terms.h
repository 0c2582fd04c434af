/* terms: what a parsed query is. Private to core/query. */
#pragma once
#include "core/query/fields.h"

#define KT_QUERY_TEXT_MAX   4096u
#define KT_QUERY_TERMS_MAX  64u
#define KT_QUERY_VALUES_MAX 512u

struct kt_value {
    struct kt_str text; /* pattern or exact text; of free text: as it stands inside JSON */
    bool any;           /* `*` alone: the field has some value */
    bool glob;          /* text has a `*` that is meant as one */
    int64_t low, high;  /* numbers, times, words */
    struct kt_cidr net; /* ip */
};
struct kt_term {
    const struct kt_field *field; /* NULL: free text */
    bool negated;
    unsigned value, n; /* values[value .. value + n), one of which must match */
};
struct kt_query {
    struct kt_arena arena;
    struct kt_term term[KT_QUERY_TERMS_MAX];
    struct kt_value values[KT_QUERY_VALUES_MAX];
    unsigned n, n_values;
    kt_time_ns since, until;
    bool names_kind;
};
