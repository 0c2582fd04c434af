/*
 * together: merges what was sealed (core/store/merge.h), and makes the kept pairs of what has come
 * of it (core/store/together.h): a thread with a reader of its own, which yields to ingest (nice).
 * What it made waits until the main loop writes it. What is held is merged when a collector starts
 * after the hold was lifted.
 */
#pragma once
#include "core/store/merge.h"
#include "core/store/together.h"

struct kt_togethers;
KT_MUST_USE enum kt_status kt_togethers_open(const char *store_path, struct kt_togethers **ret,
                                             struct kt_error *err);
void kt_togethers_close(struct kt_togethers *t);
/* What was made since the last call, for the caller to write and free; false: nothing yet. The next
 * one is made some seconds later, when it is in the store: an older store is gone through slowly.
 */
struct kt_togethers_made { /* one of both */
    struct kt_merge_made *merged;
    struct kt_together_made *pairs;
};
bool kt_togethers_take(struct kt_togethers *t, struct kt_togethers_made *ret);
