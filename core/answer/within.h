/*
 * within: the alerts that somebody with a scope may be told of: those of which every record fits
 * it. An alert of other records too is none of theirs, nor is one that names more than its records
 * are found for: it says what an actor does elsewhere, and that it says anything is told by it.
 *
 * An alert is rewritten under its id while it grows, so what is judged, and told, is a document.
 */
#pragma once
#include "core/answer/ask.h"
#include "core/event/json.h"

#define KT_WITHIN_MAX 500u             /* the newest alerts that are proven: each may cost walks */
#define KT_WITHIN_FOR (20 * KT_NS_MIN) /* a verdict holds at most, and half as long at least */

struct kt_within_verdict {
    char id[27];
    bool in;
    uint8_t document[16]; /* BLAKE2b of what was judged */
    kt_time_ns until;     /* then it is judged again */
};
struct kt_within {                /* of one scope and one file of identities; zeroed: none */
    struct kt_within_verdict *at; /* rising by id */
    uint32_t n, proven;           /* proven: so many walks were needed for it */
    struct kt_ask *of;            /* whose `told` this is; NULL: nobody's */
};
/* Nobody is told of its alerts any more: of->told is NULL then. */
void kt_within_done(struct kt_within *w);
/*
 * An alert is in when all of this holds; whatever it says beside that is not looked at, and not to
 * be shown (docs/page-users.md):
 *   - it names each of its records and each of its secrets (it keeps some of many), no other alert
 *     took it over, and it is no test;
 *   - each of those records is found again, and every record that is found by their native ids fits
 *     the scope;
 *   - its actor, its address, its source and each of its secrets are those of such a record.
 * One that by these names alone cannot be in costs no walk and is none of the KT_WITHIN_MAX: how
 * many alerts others have is not to be seen. `before`: verdicts of an earlier time, which save
 * walks; zeroed: none. On failure too *ret has what was judged until then, so that whoever asks
 * again goes on there. a->scope is not empty; its window is not looked at.
 */
KT_MUST_USE enum kt_status kt_within_load(struct kt_ask *a, const struct kt_within *before,
                                          struct kt_within *ret, struct kt_error *err);
#define KT_CANARIES_BY "signatures" /* the detector whose alerts may be about a canary */
/* Is the alert one of these, and is whoever asks not to know the canaries (whoever has a scope, or
 * no_canaries)? Then its sentences and what people wrote are not told, nor which records and
 * secrets it is about: of all such alerts alike, so that none is marked by it. root: its document.
 */
bool kt_within_hides(const struct kt_ask *a, struct kt_jval root);
/* May an answer tell what the document says of the alert? Without a scope of each, with one of
 * a->told. */
bool kt_within_tells(const struct kt_ask *a, struct kt_str id, struct kt_str document);
