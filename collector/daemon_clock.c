/*
 * daemon_clock: what is looked at by the clock: whether it works, the disk, the -wal file, what is
 * over.
 *
 * Owns:  the intervals.
 * Calls: disk, store, alerts, resend; the daemon's parts that have something to look at.
 */
#include "collector/daemon.h"
#include "collector/resend.h"
#include "core/base/log.h"

#define WAL_ALARM   (256u << 20) /* four times what is checkpointed by force */
#define WATCH_EVERY (5 * KT_NS_S)
#define WATCH_SHARE 100 /* of the writer's time, when very many alerts are open */
#define DISK_EVERY  (100 * KT_NS_MS)
#define GEO_EVERY   (5 * KT_NS_S)

static kt_time_ns wall(void)
{
    return kt_clock_real.wall(kt_clock_real.self);
}

static kt_time_ns mono(void)
{
    return kt_clock_real.mono(kt_clock_real.self);
}

static void check_disk(struct kt_daemon *d)
{
    static const struct {
        const char *code, *sentence;
    } says[] = {
        [KT_DISK_ALERT] = { "disk.alert", "has less than 10 % of its file system left" },
        [KT_DISK_REFUSE] = { "disk.refuse", "has less than 5 % of its file system left: batches "
                                            "are refused, agents keep them in their spools; "
                                            "make room" },
    };
    if (!kt_disk_check(&d->disk))
        return;
    kt_ingest_disk_full(d->ingest, d->disk.level == KT_DISK_REFUSE);
    if (d->disk.level >= KT_DISK_ALERT)
        kt_daemon_note(d, says[d->disk.level].code, kt_str_of(d->conf->store_path),
                       says[d->disk.level].sentence, NULL);
    else
        kt_log(d->disk.level == KT_DISK_WARN ? KT_LOG_WARN : KT_LOG_INFO,
               "collector: disk free=%.0f%% store='%s'", d->disk.free_share * 100,
               d->conf->store_path);
}

static void check_wal(struct kt_daemon *d)
{
    if (kt_store_wal_bytes(d->store) > WAL_ALARM)
        kt_daemon_note(
            d, "wal.held", kt_str_of(d->conf->store_path),
            "has more than 256 MiB in its -wal file: a reader holds a snapshot for long; "
            "find it (fuser) and end it",
            NULL);
}

/* What we told of ourselves, and is no more. */
static enum kt_status check_over(struct kt_daemon *d, struct kt_error *err)
{
    struct kt_str store = kt_str_of(d->conf->store_path);
    enum kt_status st = KT_OK;
    if (kt_store_wal_bytes(d->store) <= WAL_ALARM)
        st = kt_daemon_over(d, "wal.held", store, err);
    if (st == KT_OK && d->disk.level < KT_DISK_ALERT)
        st = kt_daemon_over(d, "disk.alert", store, err);
    if (st == KT_OK && d->disk.level < KT_DISK_REFUSE)
        st = kt_daemon_over(d, "disk.refuse", store, err);
    if (st != KT_OK || !kt_alerts_self_due(d->alerts, wall()))
        return st;
    d->notified = true;
    st = kt_ingest_begin(d->ingest, err);
    return st == KT_OK ? kt_alerts_self_turn(d->alerts, wall(), err) : st;
}

static enum kt_status resend(struct kt_daemon *d, struct kt_error *err)
{
    bool added = false;
    if (!kt_resend_wanted(d->conf))
        return KT_OK;
    enum kt_status st = kt_ingest_begin(d->ingest, err);
    if (st == KT_OK)
        st = kt_resend(d->store, d->conf, wall(), &added, err);
    d->notified = d->notified || added;
    return st;
}

enum kt_status kt_daemon_by_the_clock(struct kt_daemon *d, struct kt_error *err)
{
    kt_time_ns now = mono();
    kt_watchdog_turn(&d->watchdog, kt_ingest_waiting(d->ingest),
                     kt_ingest_counts(d->ingest).commits, now);
    if (now >= d->next_disk) {
        d->next_disk = now + DISK_EVERY;
        check_disk(d);
    }
    if (now >= d->next_watch) {
        if (kt_daemon_watch_answers(d, err) != KT_OK)
            return err->code;
        d->next_watch = mono() + WATCH_EVERY + WATCH_SHARE * (mono() - now);
    }
    if (now >= d->next_geo) {
        d->next_geo = now + GEO_EVERY;
        if (kt_daemon_renew_geo(d, err) != KT_OK)
            return err->code;
    }
    if (now >= d->next_minute) {
        d->next_minute = now + KT_NS_MIN;
        kt_daemon_check_streams(d);
        check_wal(d);
        enum kt_status st = kt_daemon_check_targets(d, err);
        if (st == KT_OK)
            st = check_over(d, err);
        if (st == KT_OK)
            st = resend(d, err);
        if (st != KT_OK)
            return st;
    }
    if (now >= d->next_tally) {
        bool more = false;
        if (kt_daemon_tally(d, &more, err) != KT_OK)
            return err->code;
        d->next_tally = mono() + (more ? KT_NS_S : KT_NS_MIN);
    }
    if (now >= d->next_together) {
        if (kt_daemon_together(d, err) != KT_OK)
            return err->code;
        d->next_together = now + KT_NS_S;
    }
    return kt_ingest_tick(d->ingest, err);
}
