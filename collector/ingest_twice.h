/*
 * ingest_twice: one key, two agents at once: a copied machine, or somebody who has the key. Part of
 * ingest (collector/ingest.h): no state but what each connection of an agent said when.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "core/base/time.h"

#define KT_TWICE_PEERS                                                                             \
    4u /* connections of an agent that are remembered; who is silent goes first */

struct kt_ingest_twice { /* of one agent */
    struct kt_twice_peer {
        uint64_t peer;
        kt_time_ns greeted, heard, outlived; /* monotonic; greeted 0: free */
    } at[KT_TWICE_PEERS];
};
/* After each message of an allowed agent; greets: it is a HELLO. mono: now, above 0. A connection
 * that never greeted (a stand-by's PING) says nothing. True when an older connection has gone on
 * for a minute beside a newer one: no agent does that, it drops one before it makes the next. */
bool kt_ingest_twice(struct kt_ingest_twice *tw, uint64_t peer, bool greets, kt_time_ns mono);
