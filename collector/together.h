/*
 * together: makes the kept pairs (core/store/together.h) of what was sealed: a thread with a reader
 * of its own, which yields to ingest (nice). What it made waits until the main loop writes it.
 */
#pragma once
#include "core/store/together.h"

struct kt_togethers;
KT_MUST_USE enum kt_status kt_togethers_open(const char *store_path, struct kt_togethers **ret,
                                             struct kt_error *err);
void kt_togethers_close(struct kt_togethers *t);
/* What was made since the last call, for the caller to write and free; NULL: nothing yet. The next
 * one is made some seconds later, when it is in the store: an older store is gone through slowly.
 */
struct kt_together_made *kt_togethers_take(struct kt_togethers *t);
