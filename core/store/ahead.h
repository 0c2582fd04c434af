/*
 * ahead: prepares the segments of a walk, in its order, on this thread and a few more that run
 * ahead of it. Private to core/store.
 *
 * Preparing is what costs: fetching and unpacking parts, asking sieves, looking for text. Whoever
 * walks takes the chunks one after the other; while the next one is not ready it prepares another
 * itself. Few segments are prepared on this thread alone.
 *
 * Bounds: up to 15 chunks where lines stay closed, six where they do not: of merged segments 12 MB
 * of columns and KT_MERGED_TEXTS_MAX of texts each, of sealed ones 16 MiB and a batch of texts. The
 * bytes of a segment's row say nothing of its texts (most are what sources wrote), so nobody is
 * left out for them.
 */
#pragma once
#include "core/store/chunk.h"

struct kt_reader;
struct kt_ahead_plan { /* borrowed while the walk lasts */
    const struct kt_segment *seg;
    uint32_t n;
    bool down; /* the last one first */
};
struct kt_ahead;
struct kt_ahead *kt_ahead_new(struct kt_reader *r, const struct kt_ahead_plan *plan,
                              const struct kt_scan *scan, const struct kt_want *want);
void kt_ahead_free(struct kt_ahead *a);
/* The next segment, prepared, picks or not; the chunk stays until the next call. KT_E_AGAIN: that
 * was the last. What is damaged is said once; the next call goes on behind it. */
KT_MUST_USE enum kt_status kt_ahead_next(struct kt_ahead *a, struct kt_chunk **ret,
                                         struct kt_error *err);
/* From now on only from since on. */
void kt_ahead_since(struct kt_ahead *a, kt_time_ns since);
/* Adds what was opened so far, in both threads. */
void kt_ahead_cost(struct kt_ahead *a, struct kt_scan_cost *ret);
