/* timeline: what the command and its printing share. Private to the command `timeline`. */
#pragma once
#include "cli/asking.h"
#include "core/answer/timeline.h"

struct kt_timeline_view {
    struct kt_asking asking;
    struct kt_timeline *t;
    struct kt_buf query, words; /* what is asked; what the words were taken for */
    const char *page;
    uint64_t limit;
    bool all;
    kt_time_ns hurry; /* mono */
};
/* For people: a line each, a day's head, what to ask next. */
KT_MUST_USE enum kt_status kt_timeline_sentences(const struct kt_timeline_view *v,
                                                 struct kt_error *err);
/* For programs. */
KT_MUST_USE enum kt_status kt_timeline_rows(const struct kt_timeline_view *v, struct kt_error *err);
