/*
 * within: the alerts that somebody with a scope may be told of: those of which every record fits
 * it. An alert of other records too is none of theirs, nor is one that names more than its records
 * are found for: it says what an actor does elsewhere, and that it says anything is told by it.
 */
#pragma once
#include "core/answer/ask.h"

#define KT_WITHIN_MAX 500u /* the newest alerts that are looked at: each costs a walk */

struct kt_within { /* of the ask's scope; zeroed: none */
    char (*id)[27];
    uint32_t n;
};
void kt_within_done(struct kt_within *w);
/*
 * An alert is in when all of this holds; whatever it says beside that is not looked at, and not to
 * be shown (docs/page-users.md):
 *   - it names each of its records and each of its secrets (it keeps some of many), no other alert
 *     took it over, and it is no test;
 *   - each of those records is found again, and every record that is found by their native ids fits
 *     the scope;
 *   - its actor, its address, its source and each of its secrets are those of such a record.
 * a->scope is not empty; its window is not looked at.
 */
KT_MUST_USE enum kt_status kt_within_load(struct kt_ask *a, struct kt_within *ret,
                                          struct kt_error *err);
/* May an answer tell of the alert? Without a scope of each, with one of a->told. */
bool kt_within_tells(const struct kt_ask *a, struct kt_str id);
