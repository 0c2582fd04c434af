/*
 * helpers: prepares things along a list, in its order, on this thread and a few more that run ahead
 * of it. Private to core/store.
 *
 * Whoever walks takes them one after the other; while the next one is not ready it prepares another
 * itself. What is prepared lies in a room, of which each thread has a few: that bounds the memory.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define KT_HELPERS_MAX      4u /* threads beside the walker's */
#define KT_HELPERS_ROOM_MAX 3u

struct kt_helpers_plan { /* `self` and what the calls look at lives as long as the helpers do */
    void *self;
    uint32_t n;       /* things */
    unsigned threads; /* beside the walker's, at most KT_HELPERS_MAX; one processor has none */
    unsigned room;    /* things of each thread that wait to be taken, at most KT_HELPERS_ROOM_MAX */
    /* What a thread works with, its own: walker: that of whoever walks. NULL: this thread does not
     * help; the walker then does all of it, and says what is wrong. */
    void *(*open)(void *self, bool walker);
    void (*close)(void *door);
    void *(*make)(void); /* a room */
    void (*free)(void *room);
    /* Prepares thing `at`, on any thread. False: nobody has to see it. */
    bool (*prepare)(void *self, void *door, void *room, uint32_t at);
};
struct kt_helpers;
struct kt_helpers *kt_helpers_new(const struct kt_helpers_plan *plan);
void kt_helpers_free(struct kt_helpers *h);
/* The room of the next thing, until the next call; NULL: that was the last. What this thread
 * prepared and nobody has to see comes as well, in no order: whoever walks may want to give up. */
void *kt_helpers_next(struct kt_helpers *h);
/* Each room that nobody is at work in. */
void kt_helpers_each(struct kt_helpers *h, void (*each)(void *self, void *room), void *self);
