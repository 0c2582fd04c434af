/*
 * keep: retention. Decides which segments may go, and takes them out one by one (DESIGN §6, THREATS
 * D5, T6).
 *
 * Nothing goes before its time, whatever the clock does. Age is counted by a time of its own: it
 * runs with the monotonic clock while the collector does, and never faster. So time that the
 * collector was off makes records stay longer, never shorter; a wall clock that jumps removes
 * nothing, it stops removal until somebody says that it is right; and what is stored while it is
 * behind is stamped by that time of its own.
 */
#pragma once
#include "core/query/holds.h"
#include "core/store/write.h"
#include "core/sys/clock.h"

struct kt_keep;
struct kt_keep_options {
    struct kt_store *store;
    const char *store_path;
    kt_time_ns retention; /* after `stored` */
    struct kt_clock clock;
    /* Opens the transaction that kt_keep_turn writes in; whoever turns commits it. */
    enum kt_status (*begin)(void *self, struct kt_error *err);
    /* A control record in it, with the arrival of now. */
    enum kt_status (*record)(void *self, struct kt_event *ev, struct kt_error *err);
    void (*alarm)(void *self, const char *code, const char *sentence);
    void *self;
};
KT_MUST_USE enum kt_status kt_keep_new(const struct kt_keep_options *o, struct kt_keep **ret,
                                       struct kt_error *err);
void kt_keep_free(struct kt_keep *k);
/* At most one segment a call, and nothing most of the time. *ret_more: call again soon. */
KT_MUST_USE enum kt_status kt_keep_turn(struct kt_keep *k, bool *ret_more, struct kt_error *err);

/* Adds (id empty: gets one) or removes a hold, by a record in the log. KT_E_INPUT: no such hold, or
 * a query that means nothing. */
KT_MUST_USE enum kt_status kt_keep_hold(struct kt_keep *k, struct kt_hold *h, bool add,
                                        struct kt_error *err);
/* An operator says that the wall clock is right: removal goes on. What was stored before keeps the
 * age that it has. */
KT_MUST_USE enum kt_status kt_keep_trust_clock(struct kt_keep *k, struct kt_str by,
                                               struct kt_error *err);
/* After the commit of either: reads the log again. */
KT_MUST_USE enum kt_status kt_keep_reload(struct kt_keep *k, struct kt_error *err);
struct kt_keep_state {
    bool stopped;
    const char *why;   /* it is stopped; "" */
    kt_time_ns now;    /* as retention counts it */
    unsigned holds;    /* in force */
    uint64_t held;     /* segments that are old enough and held */
    uint64_t removed;  /* segments, since the start */
    kt_time_ns looked; /* wall, when it last looked for something to remove; 0: not yet */
};
struct kt_keep_state kt_keep_state(const struct kt_keep *k);
