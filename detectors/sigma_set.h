/*
 * sigma_set: what a set of rules is made of. Included by sigma_set.c and sigma_index.c alone.
 */
#pragma once
#include "detectors/sigma.h"

#define KT_SIGMA_BITS ((KT_RULES_MAX + 1 + 63) / 64)

/* Which rules an event may match: most of them want one of some values in a field that is at hand.
 * An event's values of those fields are looked up, and only the rules found there are evaluated,
 * beside those that want no such value. */
struct kt_sigma_anchor {
    uint64_t hash; /* of the field's number and the value in lower case */
    uint32_t rule, next;
};
struct kt_sigma_index {
    struct {
        struct kt_sigma_field field;
        enum kt_sigma_log log;
    } field[32];
    unsigned n_fields;
    struct kt_sigma_anchor *anchor;
    uint32_t n, cap, mask;
    uint32_t *head; /* by hash & mask: number of an anchor + 1 */
    uint64_t always[KT_SIGMA_LOGS][KT_SIGMA_BITS];
};
void kt_sigma_index_make(struct kt_sigma_index *x, struct kt_sigma_rule *const *rule, unsigned n);
void kt_sigma_index_done(struct kt_sigma_index *x);
void kt_sigma_index_ask(const struct kt_sigma_index *x, struct kt_sigma_view *v,
                        uint64_t ret[KT_SIGMA_BITS]);

struct kt_sigma {
    struct kt_sigma_rule **rule;
    unsigned n, cap, n_files, n_correlations;
    char **file; /* names */
    uint32_t *correlation;
    struct kt_sigma_budget budget;
    struct kt_sigma_index index;
};
