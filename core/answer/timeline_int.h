/* timeline_int: what the parts of a timeline share while it is made. Private to core/answer. */
#pragma once
#include "core/answer/timeline.h"
#include "core/base/map.h"
#include "core/base/texts.h"
#include "core/query/newest.h"

struct kt_telling {
    struct kt_timeline t; /* first: what whoever asked holds */
    struct kt_newest *records;
    struct kt_texts texts; /* strings that live as long as the answer */
    size_t cap;            /* of moments */
    unsigned cap_steps;    /* of steps */
};
struct kt_str kt_telling_keep(struct kt_telling *w, struct kt_str s);
struct kt_moment *kt_telling_add(struct kt_telling *w, enum kt_moment_kind kind, kt_time_ns at);
/* Notes on the moments that are records, which are rising. */
KT_MUST_USE enum kt_status kt_telling_notes(struct kt_telling *w, struct kt_ask *a,
                                            const struct kt_timeline_options *o,
                                            struct kt_error *err);
/* Alerts that the page's accesses are evidence of, or (everything: nothing was asked for) that were
 * raised in its time; and what people did about them then. */
KT_MUST_USE enum kt_status kt_telling_alerts(struct kt_telling *w, struct kt_ask *a,
                                             bool everything, struct kt_error *err);
