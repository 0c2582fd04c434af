/*
 * stream_batch: some of the log, as one body for a stream.
 */
#pragma once
#include "collector/stream_life.h"
#include "collector/stream_setup.h"
#include "core/store/read.h"

struct kt_stream_entry { /* one item, kept until the batch is done with */
    enum kt_stream_what what;
    bool conflict;
    uint8_t fate; /* enum kt_stream_fate; RETRY = still to be sent */
    uint64_t seq;
    kt_time_ns arrival, stored;
    size_t at, len; /* its line, in lines */
    char id[KT_ID_TEXT], about[KT_ID_TEXT];
};
struct kt_stream_log { /* a stream's own view of the log */
    const char *path;
    struct kt_reader *reader;
    struct kt_facts *facts;
    struct kt_json *json;
    struct kt_stream_lives lives;
    char id[KT_ID_TEXT]; /* of the log */
};
void kt_stream_log_done(struct kt_stream_log *l);

struct kt_stream_made { /* a batch */
    kt_time_ns now;     /* wall; set before it is encoded */
    struct kt_stream_entry *entries;
    unsigned n, room;
    struct kt_buf lines;
    uint64_t through; /* the log up to here is in it, or not wanted */
    bool cut;         /* there is more of the log behind it */
    struct kt_buf body, packed;
    void *state, *before; /* lent to the encoder, and as it was an item ago */
    struct kt_arena arena;
    struct kt_zip *zip;
    unsigned *live; /* the i-th item of the body is entries[live[i]] */
    struct kt_stream_batch batch;
};
void kt_stream_made_init(struct kt_stream_made *m, const struct kt_stream_setup *s);
void kt_stream_made_done(struct kt_stream_made *m);

struct kt_stream_range {
    uint64_t from;  /* the first number is the one behind */
    uint64_t until; /* inclusive: a batch that has been announced; 0 = as far as it goes */
    uint64_t last;  /* a number that is committed, as the caller knows */
    unsigned items;
};
/* Reads what is wanted of that range, at most `items` items and about the type's bytes. Without
 * `until` it is bounded in time, too: what is left comes with the next call. No items is no error:
 * m->through tells how far that was. */
KT_MUST_USE enum kt_status kt_stream_collect(struct kt_stream_log *l,
                                             const struct kt_stream_setup *s,
                                             const struct kt_stream_range *range,
                                             struct kt_stream_made *m, struct kt_error *err);
/* Makes the body out of the entries whose fate is RETRY, at most `items` of them; entries behind
 * the last that fits are dropped from the batch; an entry of the same record as that one is kept,
 * to be sent behind it. An entry that cannot be written is REFUSED;
 * refused() hears why. m->batch.n may be 0 then. */
void kt_stream_encode(const struct kt_stream_setup *s, const struct kt_stream_log *l,
                      struct kt_stream_made *m, unsigned items,
                      void (*refused)(void *self, const struct kt_stream_entry *e, const char *why),
                      void *self);
/* Number just before the first record whose event time is `since` or later; the end of the log when
 * there is none. */
KT_MUST_USE enum kt_status kt_stream_place(struct kt_stream_log *l, kt_time_ns since, uint64_t *ret,
                                           struct kt_error *err);
