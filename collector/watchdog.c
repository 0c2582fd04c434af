/*
 * watchdog: the word that systemd waits for.
 *
 * Owns:  when it is given.
 * Calls: core/base (log). No clock, no socket.
 */
#include "collector/watchdog.h"

#include "core/base/log.h"

void kt_watchdog_init(struct kt_watchdog *w, kt_time_ns asked,
                      void (*tell)(void *self, const char *state), void *self)
{
    *w = (struct kt_watchdog){ .tell = tell, .self = self, .every = KT_WATCHDOG_EVERY };
    if (asked > 0 && asked / 3 < w->every) /* sd_watchdog_enabled(3): half, and some to spare */
        w->every = asked / 3;
}

void kt_watchdog_turn(struct kt_watchdog *w, bool waiting, uint64_t commits, kt_time_ns mono)
{
    if (!waiting || commits != w->commits || w->progress == 0) {
        w->progress = mono;
        w->commits = commits;
        w->stuck = false;
    }
    if (mono - w->progress > KT_WATCHDOG_STUCK) {
        if (!w->stuck)
            kt_log(KT_LOG_ERROR,
                   "collector: nothing was committed for %d s though something "
                   "waits: systemd is not told any more that this works",
                   (int)(KT_WATCHDOG_STUCK / KT_NS_S));
        w->stuck = true;
        return;
    }
    if (mono < w->next)
        return;
    w->next = mono + w->every;
    w->tell(w->self, "WATCHDOG=1");
}
