/*
 * stream_run: one stream, turn by turn: read, announce, send, confirm. No thread of its own and no
 * store to write: what has to be kept goes out through publish(), and comes true when the writer
 * says so.
 */
#pragma once
#include "collector/stream_batch.h"
#include "collector/stream_carry.h"
#include "collector/stream_state.h"
#include "core/sys/rng.h"

struct kt_stream_run;
struct kt_stream_run_options {
    const struct kt_stream_setup *setup; /* borrowed */
    const char *store_path;
    struct kt_clock clock;
    struct kt_rng rng;
    struct kt_carrier carrier; /* the run's from now on */
    struct kt_str state, dead; /* the blobs as they are stored; empty: a new stream */
    /* The state as it must be stored. Returns its number; numbers rise. dead: NULL unless changed.
     */
    uint64_t (*publish)(void *self, const struct kt_stream_state *state, const struct kt_buf *dead);
    void *self;
};
struct kt_stream_run *kt_stream_run_new(const struct kt_stream_run_options *o);
void kt_stream_run_free(struct kt_stream_run *r);
/* What the thread knows at this moment; a turn takes a wish to rewind over into the state. */
struct kt_stream_news {
    uint64_t last_seq; /* committed */
    uint64_t written;  /* the newest publish() that is committed */
    bool rewind;       /* go to `since`, of event time, INT64_MIN = the beginning */
    kt_time_ns since;
    bool stop; /* last turn: say what is not said */
};
/* One step; returns how long nothing is to be done unless there is news (0: turn again at once). */
kt_time_ns kt_stream_turn(struct kt_stream_run *r, struct kt_stream_news *news);
const struct kt_stream_state *kt_stream_run_state(const struct kt_stream_run *r);
