/*
 * tombstone: what stays of records that were removed: the tree nodes over them, in a control record
 * (THREATS T6). Private to core/store.
 *
 * raw of a record of kind tombstone:
 *   {"segment":N,"first":N,"last":N,"events":N,"batches":N,"stored":[from,to],"reason":…,
 *    "runs":[{"first":N,"count":N,"nodes":"hex"} …]}
 */
#pragma once
#include "core/store/segment.h"

struct kt_tombstones { /* every removed run of a store, by number */
    struct kt_gap {
        uint64_t first, n;
        uint8_t *nodes; /* owned */
        size_t len;
    } * at;
    size_t n, cap;
    uint64_t
        segments;   /* that were removed; a large one has several tombstones, one after another */
    int64_t newest; /* segment of the one that was read last */
};
void kt_tombstones_done(struct kt_tombstones *t);
/* Reads all of them again. What is no tombstone is left out: its records are then missing. */
KT_MUST_USE enum kt_status kt_tombstones_load(struct kt_tombstones *t, sqlite3 *db,
                                              struct kt_error *err);
/* The removed run that begins at seq, or NULL. */
const struct kt_gap *kt_tombstones_at(const struct kt_tombstones *t, uint64_t seq);

/* Writes raw for the batches from *at on, as many as fit one line, and moves *at behind them.
 * nodes: what is left of the part KT_PART_NODES. KT_E_CORRUPT when they do not fit the batches. */
KT_MUST_USE enum kt_status kt_tombstone_write(const struct kt_segment *seg,
                                              const struct kt_runs *runs, uint32_t *at,
                                              struct kt_rd *nodes, struct kt_str reason,
                                              struct kt_buf *out, struct kt_error *err);
