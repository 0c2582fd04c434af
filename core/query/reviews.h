/* reviews: the access reviews of a log, in the order in which they were signed. */
#pragma once
#include "core/event/review.h"
#include "core/store/read.h"

struct kt_reviews {
    struct kt_review *at;
    unsigned n, cap;
    struct kt_damage damage; /* some could not be read */
};
void kt_reviews_done(struct kt_reviews *l);
KT_MUST_USE enum kt_status kt_reviews_load(struct kt_reader *r, struct kt_reviews *ret,
                                           struct kt_error *err);
/* The newest of a kind that was signed before `at` (0: any); NULL: none. */
const struct kt_review *kt_reviews_last(const struct kt_reviews *l, enum kt_review_kind kind,
                                        kt_time_ns at);
