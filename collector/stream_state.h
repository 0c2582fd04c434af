/*
 * stream_state: how far a stream is, as bytes of the blob "stream/<name>", and its dead letters, in
 * "stream-dead/<name>". Written by the collector's one writer, read by everyone.
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/enc.h"
#include "core/base/time.h"

#define KT_STREAM_BLOB      "stream/"
#define KT_STREAM_DEAD_BLOB "stream-dead/"
#define KT_STREAM_DEAD_KEPT 1000u /* newest dead letters that are listed; all are counted */
#define KT_STREAM_CARRY_MAX 256u

struct kt_stream_state {
    bool placed;                       /* a first position was chosen */
    bool off;                          /* no longer configured: it rests where it was */
    uint64_t position;                 /* all up to this number is taken, dead, or not wanted */
    uint64_t delivered, batches, dead; /* items, requests that were taken, dead letters */
    kt_time_ns last_success;           /* wall; 0 = never */
    kt_time_ns failing_since;          /* wall; 0 = it is not failing */
    bool rewind;                       /* somebody wants it to start again, */
    kt_time_ns rewind_to;              /* at this event time; INT64_MIN = the beginning */
    unsigned failures;                 /* in a row */
    int last_code;
    char last_error[160];
    /* The batch that is on its way: made again with these bounds after a crash, so that its digest
     * is the same. n = 0: none. */
    struct {
        uint64_t first, last;
        unsigned n;
        char digest[65];
    } pending;
    char carry[KT_STREAM_CARRY_MAX]; /* the carrier's own: which file, and how long it is */
};
void kt_stream_state_write(const struct kt_stream_state *s, struct kt_buf *out);
/* false: these are no such bytes; *ret is zeroed then. */
bool kt_stream_state_read(struct kt_str bytes, struct kt_stream_state *ret);

struct kt_stream_dead { /* the event itself stays in the log, under seq */
    kt_time_ns time;    /* when it was given up, wall */
    uint64_t seq;
    char id[KT_ID_TEXT];
    char reason[160];
};
/* Appends a line; the oldest go when there are more than KT_STREAM_DEAD_KEPT. false: the newest of
 * this number is there already. */
bool kt_stream_dead_add(struct kt_buf *letters, const struct kt_stream_dead *d);
/* Takes the first line off *letters; false at the end. Lines that are none are passed over. */
bool kt_stream_dead_next(struct kt_str *letters, struct kt_stream_dead *ret);
