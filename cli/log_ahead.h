/*
 * log_ahead: the log in the order of its numbers, fetched and read on a thread of its own that runs
 * ahead of whoever judges it. What comes, and in which order, does not depend on the threads.
 */
#pragma once
#include "core/store/read.h"

struct kt_log_ahead;
/* r is the thread's until kt_log_ahead_free; damage, too, which counts what is left out. */
KT_MUST_USE enum kt_status kt_log_ahead_open(struct kt_reader *r, struct kt_damage *damage,
                                             struct kt_log_ahead **ret, struct kt_error *err);
/* The next record, control records included; it lives until the next call. KT_E_AGAIN: no more. */
KT_MUST_USE enum kt_status kt_log_ahead_next(struct kt_log_ahead *a, struct kt_record **ret,
                                             struct kt_error *err);
void kt_log_ahead_free(struct kt_log_ahead *a);
