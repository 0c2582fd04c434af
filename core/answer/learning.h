/* learning: what detection still has to learn of an installation, in one sentence. */
#pragma once
#include "core/store/read.h"

#define KT_LEARNING_DAYS 14 /* DETECTION §2.5 */

/* Adds the sentence: the engine's own words, or, for a store that no collector has read, what its
 * span says. *ret_over: nothing is still learning (the sentence says so too); may be NULL. */
KT_MUST_USE enum kt_status kt_learning_say(struct kt_reader *r, const struct kt_store_stats *stats,
                                           struct kt_buf *out, bool *ret_over,
                                           struct kt_error *err);
