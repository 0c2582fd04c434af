/*
 * review: an access review that somebody signed, as a record of kind `decision` of the log,
 * operation `review.sign` (docs/reviews.md). raw:
 *
 *   {"id":…,"kind":"access|leavers|dormant","scope":…,"by":…,"where":…,"reason":…,"since":ns,
 *    "until":ns,"head":n,"rows":n,"keep":n,"remove":n,"digest":"<hex>","sheet":"<hex>"}
 *
 * digest: SHA-256 of what was asked (core/answer/sheet.h); sheet: of the filled file, byte by byte.
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/time.h"
#include "core/event/json.h"

#define KT_REVIEW_OPERATION "review.sign"
#define KT_REVIEW_EVERY     (90 * KT_NS_DAY) /* from one review of a kind to the next */
#define KT_REVIEW_ROWS_MAX  100000u

enum kt_review_kind {
    KT_REVIEW_ACCESS,  /* who may go on reading which secret */
    KT_REVIEW_LEAVERS, /* what those who left could reach after it */
    KT_REVIEW_DORMANT, /* actors that have not come for long */
    KT_REVIEW_COUNT
};
struct kt_review {
    char id[32]; /* "review-7"; empty in a request */
    enum kt_review_kind kind;
    char scope[200];         /* which secrets or actors: a pattern; empty: all */
    kt_time_ns since, until; /* of the accesses that the sheet shows */
    uint64_t head;           /* records of the log that it was made from */
    uint64_t rows, keep, remove;
    uint8_t digest[32], sheet[32];
    char by[80], where[64], reason[400];
    kt_time_ns at; /* arrival of the record; no member of it */
};
const char *kt_review_word(enum kt_review_kind kind);
int kt_review_kind_of(struct kt_str word); /* -1: none */
/* raw of the record, or the members of a request. */
void kt_review_write(const struct kt_review *r, struct kt_buf *out);
/* From a record's raw or a request, where `id` may be absent. KT_E_INPUT says what is missing, too
 * long, or does not add up (keep + remove = rows). */
KT_MUST_USE enum kt_status kt_review_read(struct kt_jval root, struct kt_review *ret,
                                          struct kt_error *err);
