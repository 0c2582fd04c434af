/*
 * watchdog: whether systemd is told that the collector works: as long as commits go on, or there is
 * nothing to commit. A loop that turns and stores nothing is no work: it is restarted, and agents
 * send again what was not acknowledged. Pure but for tell().
 */
#pragma once
#include "core/base/time.h"

#define KT_WATCHDOG_EVERY (5 * KT_NS_S)  /* at most: less where WatchdogSec= asks for less */
#define KT_WATCHDOG_STUCK (30 * KT_NS_S) /* something waits for so long, and no commit came */

struct kt_watchdog {
    void (*tell)(void *self, const char *state); /* "WATCHDOG=1" */
    void *self;
    kt_time_ns every;
    /* of this module: */
    kt_time_ns next, progress; /* mono; progress 0: not looked yet */
    uint64_t commits;
    bool stuck;
};
/* asked: WatchdogSec=, 0: nobody waits for a word (it is given all the same). */
void kt_watchdog_init(struct kt_watchdog *w, kt_time_ns asked,
                      void (*tell)(void *self, const char *state), void *self);
/* Each turn: waiting: something is not committed now; commits: how many there were. */
void kt_watchdog_turn(struct kt_watchdog *w, bool waiting, uint64_t commits, kt_time_ns mono);
