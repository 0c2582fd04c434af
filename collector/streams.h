/*
 * streams: every configured stream in a thread of its own. None has a store to write: the writer
 * takes what they want kept, and tells them when it is committed.
 */
#pragma once
#include "collector/stream_state.h"
#include "core/config/config.h"
#include "core/store/write.h"
#include "core/sys/clock.h"
#include "core/sys/rng.h"

struct kt_streams;
struct kt_streams_options {
    const struct kt_conf *conf; /* borrowed */
    struct kt_store *store;     /* read once, at the start, in the caller's thread */
    struct kt_clock clock;
    struct kt_rng rng;
};
/* KT_E_CONFIG names the stream and what is wrong. */
KT_MUST_USE enum kt_status kt_streams_open(const struct kt_streams_options *o,
                                           struct kt_streams **ret, struct kt_error *err);
/* Ends the threads, which say their last: take what waits, commit, then free. */
void kt_streams_stop(struct kt_streams *s);
void kt_streams_free(struct kt_streams *s);
/* The log has grown to this committed number. */
void kt_streams_wake(struct kt_streams *s, uint64_t last_seq);
int kt_streams_fd(const struct kt_streams *s); /* readable when kt_streams_put has work */
bool kt_streams_waiting(struct kt_streams *s);
/* Inside a transaction: puts what the threads want kept. dead(): for each stream with new dead
 * letters. */
KT_MUST_USE enum kt_status kt_streams_put(struct kt_streams *s,
                                          void (*dead)(void *self, const char *stream,
                                                       uint64_t count),
                                          void *self, struct kt_error *err);
/* Inside a transaction: marks the streams of the store that are no longer configured, so that
 * nobody waits for them. Their positions stay. */
KT_MUST_USE enum kt_status kt_streams_mark_off(struct kt_streams *s, struct kt_error *err);
void kt_streams_committed(struct kt_streams *s); /* what was put is on the disk */
/* Inside a transaction: starts again at `since`, of event time (INT64_MIN: the beginning), after a
 * crash too. KT_E_INPUT: no such stream. */
KT_MUST_USE enum kt_status kt_streams_rewind(struct kt_streams *s, struct kt_str name,
                                             kt_time_ns since, struct kt_error *err);
/* Streams that have failed for longer than that; names live as long as the configuration. */
unsigned kt_streams_broken(struct kt_streams *s, kt_time_ns longer, const char **names,
                           unsigned max);
/* A JSON object: for each stream what kt_stream_state_write says. */
void kt_streams_status(struct kt_streams *s, struct kt_buf *out);
/* `stream test NAME`: one marked event, right now, in the caller's thread. */
struct kt_stream_tested {
    int status;
    kt_time_ns took;
    bool taken;
    char word[160];
};
KT_MUST_USE enum kt_status kt_stream_test(const struct kt_conf *conf, const char *name,
                                          struct kt_stream_tested *ret, struct kt_error *err);
