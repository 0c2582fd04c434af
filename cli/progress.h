/*
 * progress: how far a long walk over the log is, on one line of a terminal, which goes away when it
 * is over, before a line of the log, and when Ctrl-C or SIGTERM ends the program. Nothing is
 * written where stderr is no terminal, nor by what is done within a second. One at a time.
 *
 * Owns: the line.
 */
#pragma once
#include <stdio.h>

#include "core/base/time.h"
#include "core/sys/clock.h"

struct kt_progress {
    FILE *to; /* NULL: say nothing */
    const struct kt_clock *clock;
    uint64_t total, done;
    kt_time_ns began;
    kt_time_ns counted; /* the first records were done: before them an index may have been made */
    kt_time_ns said;    /* 0: nothing stands there */
};
/* On stderr. total: how many records there will be, about; 0: not known. */
void kt_progress_begin(struct kt_progress *p, uint64_t total);
/* One record more; at: the time that it is of. Cheap. */
void kt_progress_step(struct kt_progress *p, kt_time_ns at);
void kt_progress_end(struct kt_progress *p);
