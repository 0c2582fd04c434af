/*
 * log_ahead: the log in the order of its numbers, fetched and read on a thread of its own that runs
 * ahead of whoever judges it. What comes, and in which order, does not depend on the threads.
 */
#pragma once
#include "core/store/read.h"

struct kt_log_ahead;
/* What else that thread makes of a record, `bytes` of it; it may look at nothing but the record. */
struct kt_log_prepare {
    void (*make)(const struct kt_record *rec, void *ret); /* NULL: nothing */
    size_t bytes;
};
/* r is the thread's until kt_log_ahead_free; damage, too, which counts what is left out. */
KT_MUST_USE enum kt_status kt_log_ahead_open(struct kt_reader *r, struct kt_damage *damage,
                                             struct kt_log_prepare prepare,
                                             struct kt_log_ahead **ret, struct kt_error *err);
/* The next record, control records included, and what was prepared of it (or NULL); both live until
 * the next call. KT_E_AGAIN: no more. */
KT_MUST_USE enum kt_status kt_log_ahead_next(struct kt_log_ahead *a, struct kt_record **ret,
                                             const void **ret_prepared, struct kt_error *err);
void kt_log_ahead_free(struct kt_log_ahead *a);
