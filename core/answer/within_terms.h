/*
 * within_terms: can an alert be one of a scope, by the names that it says its records have? Sorts
 * out, without a look at a record, what of others is not even a candidate.
 */
#pragma once
#include "core/answer/ask.h"

#define KT_WITHIN_SECRETS 8u /* that an alert names */

struct kt_within_names { /* empty: it does not say */
    struct kt_str actor, ip, instance, source;
    struct kt_str secret[KT_WITHIN_SECRETS];
    unsigned n_secrets;
};
struct kt_within_term; /* opaque */
struct kt_within_terms {
    const struct kt_identities *ids;
    struct kt_within_term *at;
    unsigned n;
};
/* The terms of a->scope, which are joined by blanks. Errors as kt_query_parse_as. ret is to be
 * given to kt_within_terms_done in any case. */
KT_MUST_USE enum kt_status kt_within_terms_read(const struct kt_ask *a, struct kt_within_terms *ret,
                                                struct kt_error *err);
void kt_within_terms_done(struct kt_within_terms *t);
/*
 * False: no record that fits the scope has one of the names, so an alert of such records alone
 * would not name it. True where that cannot be told: of a term on another field, and of an actor
 * with aliases that are patterns or for some sources only.
 */
bool kt_within_may(const struct kt_within_terms *t, const struct kt_within_names *n);
