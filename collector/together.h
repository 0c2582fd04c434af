/*
 * together: merges what was sealed (core/store/merge.h), and makes the kept pairs of what has come
 * of it (core/store/together.h): a thread with a reader of its own, which yields to ingest (nice).
 * What it made waits until the main loop writes it. What was passed over (merge.h) is looked at
 * again when a hold came or was lifted, and when a collector starts.
 */
#pragma once
#include "core/store/merge.h"
#include "core/store/together.h"

/* The next merged segment, as kt_merge_make; what is held in r's log is left out. how: kept from
 * one to the next, begins at the first record, and goes back there when holds changed. */
KT_MUST_USE enum kt_status kt_togethers_merge(struct kt_reader *r, struct kt_merge_how *how,
                                              struct kt_merge_made **ret, struct kt_error *err);

struct kt_togethers_made { /* one of both */
    struct kt_merge_made *merged;
    struct kt_together_made *pairs;
};
/* The next of both, of a store that is there (else KT_E_IO); KT_E_AGAIN: there is nothing to do. */
KT_MUST_USE enum kt_status kt_togethers_make(const char *store_path, struct kt_merge_how *merge,
                                             const struct kt_together_how *pairs,
                                             struct kt_togethers_made *ret, struct kt_error *err);

struct kt_togethers;
KT_MUST_USE enum kt_status kt_togethers_open(const char *store_path, struct kt_togethers **ret,
                                             struct kt_error *err);
void kt_togethers_close(struct kt_togethers *t);
/* What was made since the last call, for the caller to write and free; false: nothing yet. The next
 * one is made some seconds later, when it is in the store: an older store is gone through slowly.
 */
bool kt_togethers_take(struct kt_togethers *t, struct kt_togethers_made *ret);
