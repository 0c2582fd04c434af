/*
 * lives: the collector goes on, in the same process, when its disk was full, its store damaged or
 * its configuration changed: one life ends cleanly, the next begins from what is stored.
 *
 * Owns:  the configuration of each life.
 * Calls: collector (one life), disk, config.
 * Holds: what was not committed was not acknowledged, so nothing is lost between two lives.
 */
#include "collector/collector.h"
#include "collector/daemon.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include <poll.h>

#define LOOK_MS 1000

enum { EXIT_FINE = 0, EXIT_CONFIG = 3 };

/* false: told to stop. */
static bool wait_for_room(const char *store_path)
{
    struct kt_signals signals = { .fd = -1 };
    struct kt_disk disk;
    kt_disk_init(&disk, store_path);
    kt_log(KT_LOG_ERROR,
           "collector: the file system of '%s' is full: agents keep their events until there is "
           "room; free some, the collector goes on by itself",
           store_path);
    kt_sd_notify("STATUS=the store's file system is full");
    if (kt_signals_open(&signals, NULL) != KT_OK)
        return false;
    do {
        struct pollfd fd = { .fd = signals.fd, .events = POLLIN };
        (void)poll(&fd, 1, LOOK_MS);
        kt_signals_poll(&signals);
        kt_sd_notify("WATCHDOG=1");
        (void)kt_disk_check(&disk);
    } while (!signals.stop && disk.level == KT_DISK_REFUSE);
    bool stop = signals.stop;
    kt_signals_done(&signals);
    return !stop;
}

/* The configuration of the next life, or NULL: that was the last one. *before: what worked. */
static struct kt_conf *choose(enum kt_ending ending, struct kt_conf *conf, struct kt_conf *next,
                              struct kt_conf **before)
{
    switch (ending) {
    case KT_ENDED: /* told to stop in the turn of a reload, perhaps */
        kt_conf_free(next);
        break;
    case KT_ENDED_FULL:
        return wait_for_room(conf->store_path) ? conf : NULL;
    case KT_ENDED_DAMAGED:
        return conf;
    case KT_ENDED_RELOAD:
        kt_conf_free(*before);
        *before = conf;
        return next;
    case KT_ENDED_UNBORN:
        if (*before == NULL)
            break;
        kt_log(KT_LOG_ERROR, "collector: this configuration cannot be used: going on with the one "
                             "before");
        kt_conf_free(conf);
        return KT_TAKE(*before);
    }
    return NULL;
}

int kt_collector_main(const char *config_path, int ready_fd)
{
    struct kt_conf *conf = NULL, *before = NULL;
    struct kt_error err = { 0 };
    kt_hash_init();
    kt_harden();
    if (kt_conf_load(config_path, &conf, &err) != KT_OK) {
        kt_log(KT_LOG_ERROR, "collector: %s", err.text);
        return EXIT_CONFIG;
    }
    for (;;) {
        struct kt_conf *next = NULL;
        enum kt_ending ending;
        int code = kt_daemon_live(conf, ready_fd, &ending, &next);
        struct kt_conf *chosen = choose(ending, conf, next, &before);
        ready_fd = -1;
        if (chosen != NULL) {
            conf = chosen;
            continue;
        }
        kt_conf_free(conf);
        kt_conf_free(before);
        return ending == KT_ENDED_FULL ? EXIT_FINE : code; /* told to stop while it waited */
    }
}
