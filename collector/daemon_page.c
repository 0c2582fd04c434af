/*
 * daemon_page: the pager in the collector's turn.
 *
 * Owns:  nothing; routes and pager are the daemon's.
 * Calls: pager, routes, triage (lives, silences), outbox (which targets are down), ingest (the
 *        transaction).
 */
#include "collector/daemon.h"
#include "core/sys/clock.h"

#define BROKEN_MAX 64u

static const struct kt_life *life(void *self, const char *id)
{
    return kt_triage_life(((const struct kt_daemon *)self)->triage, id);
}

static bool silenced(void *self, const struct kt_alert *a, kt_time_ns now)
{
    return kt_triage_silence_of(((const struct kt_daemon *)self)->triage, a, now) != NULL;
}

enum kt_status kt_daemon_page_open(struct kt_daemon *d, struct kt_error *err)
{
    enum kt_status st = kt_routes_new(d->conf, &d->routes, err);
    if (st != KT_OK)
        return st;
    const struct kt_pager_options o = {
        .store = d->store, .routes = d->routes, .life = life, .silenced = silenced, .self = d
    };
    d->pager = kt_pager_new(&o);
    return KT_OK;
}

enum kt_status kt_daemon_page(struct kt_daemon *d, struct kt_error *err)
{
    const char *broken[BROKEN_MAX];
    kt_time_ns now = kt_clock_real.wall(kt_clock_real.self);
    unsigned rows = 0;
    kt_pager_broken(d->pager, broken, kt_outbox_broken(d->outbox, 0, broken, BROKEN_MAX));
    if (!kt_pager_due(d->pager, now))
        return KT_OK;
    enum kt_status st = kt_ingest_begin(d->ingest, err);
    if (st == KT_OK)
        st = kt_pager_tick(d->pager, now, &rows, err);
    d->notified = d->notified || rows > 0;
    return st;
}
