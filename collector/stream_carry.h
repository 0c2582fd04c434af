/*
 * stream_carry: the ways out of a stream: HTTP, files, syslog, PostgreSQL. A carrier brings one
 * body to its target and says what came of it; when to try again is the stream's business.
 */
#pragma once
#include "collector/stream_setup.h"
#include "collector/stream_state.h"
#include "core/sys/clock.h"
#include "core/sys/fs.h"

struct kt_stream_sending { /* one try */
    const struct kt_stream_batch *batch;
    /* in: as it was confirmed with the batch before; out, when taken: what to confirm with this */
    char carry[KT_STREAM_CARRY_MAX];
    uint8_t *fate; /* batch->n, zeroed */
    /* out */
    enum kt_stream_verdict verdict; /* never NEXT or AGAIN */
    int status;                     /* HTTP's, 0 = none */
    kt_time_ns retry_after;         /* from now; 0 = not said */
    bool too_slow;                  /* not done in time: perhaps it is too much for the line */
    char word[160];
};
struct kt_carrier {
    void (*send)(void *self, struct kt_stream_sending *s);
    /* Nothing is on its way: a file whose time is over is finished. true: carry has changed. */
    bool (*idle)(void *self, kt_time_ns wall, char carry[KT_STREAM_CARRY_MAX]);
    void (*close)(void *self);
    void *self;
};
struct kt_carrier_options {
    struct kt_stream_setup *setup; /* borrowed; its key files are read anew after a denial */
    struct kt_clock clock;
    struct kt_fs fs;
    int wake_fd; /* readable: give up what is on its way and come back */
};
/* By the type's sink. KT_E_CONFIG: the place cannot be what the options say. */
KT_MUST_USE enum kt_status kt_carrier_open(const struct kt_carrier_options *o,
                                           struct kt_carrier *ret, struct kt_error *err);
KT_MUST_USE enum kt_status kt_carrier_http(const struct kt_carrier_options *o,
                                           struct kt_carrier *ret, struct kt_error *err);
KT_MUST_USE enum kt_status kt_carrier_file(const struct kt_carrier_options *o,
                                           struct kt_carrier *ret, struct kt_error *err);
KT_MUST_USE enum kt_status kt_carrier_syslog(const struct kt_carrier_options *o,
                                             struct kt_carrier *ret, struct kt_error *err);
KT_MUST_USE enum kt_status kt_carrier_postgres(const struct kt_carrier_options *o,
                                               struct kt_carrier *ret, struct kt_error *err);
