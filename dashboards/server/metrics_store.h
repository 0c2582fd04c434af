/*
 * metrics_store: the figures of a store for /metrics, whether or not a collector runs: size, span,
 * integrity, open alerts, how soon people take alerts up.
 *
 * What takes a walk over alerts is kept for a minute, and of the log only what is new is read.
 */
#pragma once
#include "core/store/read.h"

#define KT_METRICS_STORE_EVERY KT_NS_MIN

struct kt_metrics_store;
struct kt_metrics_store *kt_metrics_store_new(void);
void kt_metrics_store_free(struct kt_metrics_store *s);
/* One JSON object for kt_metrics_given.store; path: of the store that r reads. One thread at a
 * time. */
KT_MUST_USE enum kt_status kt_metrics_store_figures(struct kt_metrics_store *s, struct kt_reader *r,
                                                    const char *path, kt_time_ns now,
                                                    struct kt_buf *out, struct kt_error *err);
/* The page has verified the whole log; what the log itself says of verifications counts too. */
void kt_metrics_store_verified(struct kt_metrics_store *s, kt_time_ns at, bool ok);
