/*
 * collector: one life of the daemon: open everything, turn the loop, leave cleanly.
 *
 * Owns:  why a life ended, and its exit code.
 * Calls: daemon_open, daemon_turn, deliver, follow, streams.
 * Holds: one thread writes (this one); an I/O error of the store ends the process before any
 *        further ack (D1).
 */
#include "collector/daemon.h"
#include "core/base/alloc.h"
#include "core/base/log.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { EXIT_FINE = 0, EXIT_CONFIG = 3, EXIT_STORE = 4, EXIT_UNREACHABLE = 5, EXIT_DENIED = 6 };

static void say_start(const struct kt_daemon *d)
{
    kt_log(KT_LOG_INFO,
           "collector: listening endpoint='%s' agents=%u targets=%u streams=%u "
           "store='%s'",
           kt_net_server_endpoint(d->server), kt_auth_count(d->auth), d->conf->n_targets,
           d->conf->n_streams, d->conf->store_path);
    const char *ip_data = kt_geo_describe(d->geo);
    kt_log(KT_LOG_INFO, "collector: ip data: %s", ip_data);
    if (strstr(ip_data, "asn") == NULL)
        kt_log(KT_LOG_INFO,
               "collector: hint: city and ASN: `keytrail geoip update --provider dbip` "
               "(no account) or `--provider maxmind`");
    for (unsigned i = 0; i < d->conf->not_used_yet.n; i++)
        kt_log(KT_LOG_WARN, "collector: not used yet: %s", d->conf->not_used_yet.at[i]);
}

static void tell_systemd(void *self, const char *state)
{
    (void)self;
    kt_sd_notify(state);
}

static enum kt_status start(struct kt_daemon *d, int ready_fd, struct kt_error *err)
{
    enum kt_status st =
        kt_signals_open(&d->signals, err); /* before any thread, which inherits the mask */
    if (st == KT_OK)
        st = kt_daemon_open(d, err);
    if (st == KT_OK)
        st = kt_daemon_record_start(d, err);
    if (st == KT_OK)
        st = kt_deliver_hand_over(d->deliver, err);
    if (st != KT_OK)
        return st;
    say_start(d);
    kt_sd_notify("READY=1");
    if (ready_fd >= 0)
        (void)dprintf(ready_fd, "%s\n", kt_net_server_endpoint(d->server));
    return KT_OK;
}

/* The last words of a clean stop: what detection knows, and that it was clean. */
static enum kt_status record_stop(struct kt_daemon *d, struct kt_error *err)
{
    kt_follow_stop(d->follow);
    kt_streams_stop(d->streams);
    enum kt_status st = kt_daemon_take_news(d, err);
    if (st == KT_OK)
        st = kt_daemon_streams_put(d, err);
    if (st == KT_OK)
        st = kt_daemon_record(d, KT_KIND_AUDIT, "stop", KT_STR("collector stopped"), KT_STR("{}"),
                              err);
    d->notified = false; /* the next start hands them over */
    return st == KT_OK ? kt_daemon_commit(d, err) : st;
}

static int exit_code(const struct kt_daemon *d, enum kt_status st)
{
    if (st == KT_OK)
        return EXIT_FINE;
    if (st == KT_E_CONFIG || d->auth == NULL)
        return EXIT_CONFIG;
    if (d->store == NULL || st == KT_E_CORRUPT)
        return EXIT_STORE;
    if (st == KT_E_DENIED)
        return EXIT_DENIED;
    return d->control == NULL ? EXIT_UNREACHABLE : EXIT_STORE;
}

/* Why a life ended. A damaged file has its successor when this says so. */
static enum kt_ending ending_of(struct kt_daemon *d, bool began, enum kt_status st,
                                const struct kt_error *err)
{
    struct kt_error why = { 0 };
    if (st == KT_OK)
        return d->next != NULL ? KT_ENDED_RELOAD : KT_ENDED;
    if (st == KT_E_IO && (err->sys_errno == ENOSPC || err->sys_errno == EDQUOT))
        return KT_ENDED_FULL;
    if (st != KT_E_CORRUPT || d->store == NULL)
        return began ? KT_ENDED : KT_ENDED_UNBORN;
    if (kt_store_succeed(d->store, err->text, &why) == KT_OK)
        return KT_ENDED_DAMAGED;
    kt_log(KT_LOG_ERROR, "collector: %s", why.text);
    return KT_ENDED;
}

int kt_daemon_live(struct kt_conf *conf, int ready_fd, enum kt_ending *ret_ending,
                   struct kt_conf **ret_next)
{
    struct kt_daemon *d = kt_alloc(sizeof *d);
    struct kt_error err = { 0 };
    bool busy = false;
    d->conf = conf;
    d->signals.fd = -1;
    d->started = kt_clock_real.wall(kt_clock_real.self);
    kt_watchdog_init(&d->watchdog, kt_sd_watchdog(), tell_systemd, NULL);
    enum kt_status st = start(d, ready_fd, &err);
    bool began = st == KT_OK;
    while (st == KT_OK && !d->signals.stop && d->next == NULL)
        st = kt_daemon_turn(d, &busy, &err);
    if (st == KT_OK && (d->signals.stop || d->next == NULL))
        kt_sd_notify("STOPPING=1");
    if (st == KT_OK)
        st = record_stop(d, &err);
    *ret_ending = ending_of(d, began, st, &err);
    if (d->signals.stop) /* whatever else: the next life would know nothing of it */
        *ret_ending = KT_ENDED;
    if (st != KT_OK)
        kt_log(KT_LOG_ERROR, "collector: %s", err.text);
    else if (*ret_ending == KT_ENDED)
        kt_log(KT_LOG_INFO, "collector: stopped");
    *ret_next = KT_TAKE(d->next);
    int code = exit_code(d, st);
    kt_daemon_free(d);
    return code;
}
