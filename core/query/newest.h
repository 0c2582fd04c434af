/* newest: the newest n records by event time, of a walk that comes in another order. */
#pragma once
#include "core/store/read.h"

struct kt_newest;
#define KT_NEWEST_BYTES ((size_t)256 << 20) /* what it keeps at most */
struct kt_newest *kt_newest_new(size_t max);
void kt_newest_free(struct kt_newest *w);
/* Keeps a copy, or drops the oldest. KT_E_LIMIT: their lines are more than KT_NEWEST_BYTES. */
KT_MUST_USE enum kt_status kt_newest_add(struct kt_newest *w, const struct kt_record *r,
                                         struct kt_error *err);
/* What is older than this cannot be among them any more; 0 while there is room. */
kt_time_ns kt_newest_since(const struct kt_newest *w);
size_t kt_newest_count(const struct kt_newest *w);
/* Sorts, oldest first; nothing may be added afterwards. Record i, its event parsed anew; lives
 * until the next call. */
void kt_newest_sort(struct kt_newest *w);
KT_MUST_USE enum kt_status kt_newest_get(struct kt_newest *w, size_t i, struct kt_record *ret,
                                         struct kt_error *err);
/* Event time, else arrival. */
kt_time_ns kt_record_time(const struct kt_record *r);
