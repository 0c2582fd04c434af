/*
 * seal: makes segments beside the store's thread. Private to core/store.
 *
 * The store hands over copies of rows of the tail; a thread of its own makes the parts; the store
 * takes them and writes. One segment at a time.
 */
#pragma once
#include "core/store/segment.h"

struct kt_sealer;
/* threaded: false makes the segment inside kt_sealer_start. A segment closes at so many events. */
struct kt_sealer *kt_sealer_new(bool threaded, uint32_t events_max);
/* Do so many events and bytes make a segment? */
bool kt_sealer_full(const struct kt_sealer *s, uint64_t events, uint64_t bytes);
void kt_sealer_free(struct kt_sealer *s); /* waits for the work at hand */
/* Nothing was started, or it was taken. */
bool kt_sealer_free_now(struct kt_sealer *s);
/* Copies a row, and shares what was parsed of it, for the next segment; false when it does not fit
 * any more. */
bool kt_sealer_add(struct kt_sealer *s, const struct kt_row *row);
void kt_sealer_start(struct kt_sealer *s);
void kt_sealer_drop(struct kt_sealer *s); /* what was added, before it is started */
/* KT_E_AGAIN: still at work (wait: until it is not). The result is the sealer's until
 * kt_sealer_taken. */
KT_MUST_USE enum kt_status kt_sealer_result(struct kt_sealer *s, bool wait,
                                            const struct kt_built **ret, struct kt_error *err);
void kt_sealer_taken(struct kt_sealer *s);
