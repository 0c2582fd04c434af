/* clock: time comes in as an argument. Engines read it once a turn and hand `now` down. */
#pragma once
#include "core/base/time.h"

struct kt_clock {
    kt_time_ns (*wall)(void *self);
    kt_time_ns (*mono)(void *self);
    void *self;
};
extern const struct kt_clock kt_clock_real;

/* Memory body: both hands stand still until they are moved. */
struct kt_clock_memory {
    kt_time_ns wall, mono;
};
struct kt_clock kt_clock_memory(struct kt_clock_memory *m);
