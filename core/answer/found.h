/* found: the newest records that match a query, a page at a time. */
#pragma once
#include "core/answer/ask.h"
#include "core/query/newest.h"

struct kt_found_options {
    struct kt_str query; /* "" = all accesses */
    size_t limit;        /* on a page; one more is kept: it tells that there are older ones */
    /* The last one of the page before: only what stands behind it. time 0: from the end. */
    kt_time_ns page_time;
    uint64_t page_seq;
};
/* Of the ask's window, up to its until_seq. *ret is sorted, oldest first, and holds limit + 1 at
 * most; kt_newest_get reads them. KT_E_INPUT: the query is wrong. KT_E_LIMIT: given up, or their
 * lines are more than KT_NEWEST_BYTES. */
KT_MUST_USE enum kt_status kt_found_load(struct kt_ask *a, const struct kt_found_options *o,
                                         struct kt_newest **ret, struct kt_error *err);
