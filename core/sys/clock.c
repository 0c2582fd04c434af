/*
 * clock: the machine's two clocks, and two hands that tests move.
 *
 * Owns:  nothing. Calls: clock_gettime. The only reader of the time of day in the tree.
 */
#include "core/sys/clock.h"

#include <assert.h>
#include <time.h>

static kt_time_ns read_clock(clockid_t id)
{
    struct timespec ts;
    int rc = clock_gettime(id, &ts);
    assert(rc == 0); /* both clocks always exist on Linux */
    return (kt_time_ns)ts.tv_sec * KT_NS_S + ts.tv_nsec;
}

static kt_time_ns real_wall(void *self)
{
    (void)self;
    return read_clock(CLOCK_REALTIME);
}

static kt_time_ns real_mono(void *self)
{
    (void)self;
    return read_clock(CLOCK_MONOTONIC);
}

const struct kt_clock kt_clock_real = { .wall = real_wall, .mono = real_mono };

static kt_time_ns memory_wall(void *self)
{
    return ((const struct kt_clock_memory *)self)->wall;
}

static kt_time_ns memory_mono(void *self)
{
    return ((const struct kt_clock_memory *)self)->mono;
}

struct kt_clock kt_clock_memory(struct kt_clock_memory *m)
{
    return (struct kt_clock){ .wall = memory_wall, .mono = memory_mono, .self = m };
}
