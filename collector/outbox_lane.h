/*
 * outbox_lane: what the outbox's two sides share: the writer's calls (outbox.c) and the thread
 * (outbox_thread.c). Included by these two only.
 */
#pragma once
#include "collector/courier.h"
#include "collector/outbox.h"
#include "collector/outbox_queue.h"
#include <pthread.h>

struct kt_lane { /* one target */
    struct kt_courier courier;
    struct kt_queue queue; /* the thread's own */
    /* guarded by the lock, as the courier's figures are: */
    unsigned held[KT_SEV_COUNT]; /* rows with their text that were given and have not ended */
    unsigned waiting;            /* all rows that were given and have not ended */
    kt_time_ns oldest;           /* of them, as of the thread's last round; wall, 0: none */
    uint64_t stored;             /* rows that the store holds back */
    kt_time_ns stored_oldest;
    uint64_t sent, dead; /* rows, in this life */
    uint64_t retries;    /* tries that are to be made again, the same */
    bool revive;         /* a person wants it tried again */
};
struct kt_given {
    struct kt_lane *lane;
    struct kt_item *item;
};
struct kt_outbox {
    struct kt_outbox_options o;
    struct kt_lane *lanes;
    unsigned n_lanes;
    struct kt_http *http;
    struct kt_arena arena;
    struct kt_target_request request;
    pthread_t thread;
    bool started;
    int wake_fd, changed_fd;
    pthread_mutex_t lock; /* guards all below */
    struct kt_given *given;
    unsigned n_given;
    uint64_t told, written; /* changes: that the writer was told, that are in the store */
    struct kt_outbox_row *changed;
    unsigned n_changed, changed_at;
    bool stop;
};

/* Runs until o->stop; an argument for pthread_create. */
void *kt_outbox_thread(void *self);
/* Under the lock: the writer is to know this. */
void kt_outbox_tell(struct kt_outbox *o, const struct kt_outbox_row *row);

static inline kt_time_ns kt_outbox_mono(const struct kt_outbox *o)
{
    return o->o.clock.mono(o->o.clock.self);
}

static inline kt_time_ns kt_outbox_wall(const struct kt_outbox *o)
{
    return o->o.clock.wall(o->o.clock.self);
}
