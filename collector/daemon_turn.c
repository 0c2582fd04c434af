/*
 * daemon_turn: what a turn of the loop does, and the one commit in it.
 *
 * Owns:  the order of a turn.
 * Calls: every part of collector/, core/sys (net, proc).
 * Holds: acks of a group go out before anything slower is done; a store that failed to commit ends
 *        the process before any further ack (D1).
 */
#include "collector/daemon.h"
#include "core/base/log.h"
#include <inttypes.h>
#include <stdio.h>

#define IDLE_MS     1000
#define PENDING_MS  5
#define FDS_MAX     24u
#define ALERT_ARENA (1u << 20)

static kt_time_ns wall(void)
{
    return kt_clock_real.wall(kt_clock_real.self);
}

enum kt_status kt_daemon_commit(struct kt_daemon *d, struct kt_error *err)
{
    if (!kt_ingest_waiting(d->ingest))
        return KT_OK;
    enum kt_status st = kt_ingest_commit(d->ingest, err);
    if (st != KT_OK) {
        d->fatal = *err;
        return st;
    }
    kt_follow_wake(d->follow, kt_store_last_seq(d->store));
    kt_deliver_committed(d->deliver);
    kt_streams_committed(d->streams);
    kt_checkpoints_committed(d->checkpoints);
    kt_showing_turn(d->showing);
    kt_streams_wake(d->streams, kt_store_last_seq(d->store));
    if (d->changes != 0)
        kt_follow_saved(d->follow, d->changes);
    d->changes = 0;
    if (!d->notified)
        return KT_OK;
    d->notified = false;
    st = kt_deliver_hand_over(d->deliver, err);
    if (st != KT_OK)
        d->fatal = *err;
    return st;
}

/* ---- what detection found ---- */

static enum kt_status raise_alerts(struct kt_daemon *d, const struct kt_follow_news *news,
                                   struct kt_error *err)
{
    KT_CLEANUP(kt_arena_done) struct kt_arena arena = kt_arena_new(ALERT_ARENA);
    for (unsigned i = 0; i < news->n_alerts; i++) {
        struct kt_alert a;
        kt_arena_reset(&arena);
        enum kt_status st = kt_alert_read(kt_str_of(news->alerts[i].json), &arena, &a, err);
        if (st == KT_OK)
            st = kt_alerts_raise(d->alerts, &a, news->alerts[i].historic, wall(), err);
        if (st != KT_OK)
            return kt_wrap(err, "alert");
        if (!news->alerts[i].is_new || news->alerts[i].historic)
            continue;
        kt_counts_alert(d->counts, kt_str_of(a.detector), a.severity);
        kt_log(KT_LOG_INFO, "collector: alert id=%s severity=%s detector=%s", a.id,
               kt_severity_words[a.severity].word, a.detector);
    }
    if (news->n_alerts > 0)
        d->notified = true;
    return KT_OK;
}

static enum kt_status write_news(struct kt_daemon *d, const struct kt_follow_news *news,
                                 struct kt_error *err)
{
    char position[24];
    int n = snprintf(position, sizeof position, "%" PRIu64, news->position);
    enum kt_status st = kt_ingest_begin(d->ingest, err);
    if (st == KT_OK)
        st = raise_alerts(d, news, err);
    if (st == KT_OK)
        st = kt_store_put(d->store, "alerts/position", kt_str_from(position, (size_t)n), err);
    if (st == KT_OK)
        st = kt_daemon_write_state(d, news, err);
    if (news->status.len > 0)
        kt_counts_detection(d->counts, kt_buf_str(&news->status));
    if (st == KT_OK && news->status.len > 0)
        st = kt_store_put(d->store, "status/detect", kt_buf_str(&news->status), err);
    return st;
}

enum kt_status kt_daemon_take_news(struct kt_daemon *d, struct kt_error *err)
{
    KT_CLEANUP(kt_follow_news_done) struct kt_follow_news news = { 0 };
    if (!kt_follow_take(d->follow, &news))
        return KT_OK;
    if (news.failed)
        kt_daemon_note(d, "detection.failed", KT_STR("detection"), news.error, NULL);
    enum kt_status st = write_news(d, &news, err);
    if (st == KT_OK && !news.failed)
        st = kt_daemon_over(d, "detection.failed", KT_STR("detection"), err);
    return st;
}

/* ---- the rest of a turn ---- */

static void dead_letter(void *self, const struct kt_outbox_row *row)
{
    char text[200];
    kt_pager_dead(((struct kt_daemon *)self)->pager, row->alert);
    (void)snprintf(text, sizeof text,
                   "did not take an alert for good (%.120s); it is a dead letter", row->last_error);
    kt_daemon_note(self, "delivery.dead", kt_str_of(row->target), text, row->target);
}

static void reload(struct kt_daemon *d)
{
    struct kt_error err = { 0 };
    kt_sd_notify("RELOADING=1");
    enum kt_status st = kt_daemon_reload(d, &err);
    if (st == KT_E_IO || st == KT_E_CORRUPT)
        kt_log(KT_LOG_ERROR, "collector: %s", err.text);
    else if (st != KT_OK)
        kt_log(KT_LOG_WARN, "collector: %s", err.text);
    if (d->next == NULL)
        kt_sd_notify("READY=1");
}

static enum kt_status after_silences(struct kt_daemon *d, struct kt_error *err)
{
    bool any = false;
    if (!kt_alerts_due(d->alerts, wall()))
        return KT_OK;
    enum kt_status st = kt_ingest_begin(d->ingest, err);
    if (st == KT_OK)
        st = kt_alerts_turn(d->alerts, wall(), &any, err);
    d->notified = d->notified || any;
    return st;
}

/* All that is slower than an ack, in one transaction at most. */
static enum kt_status other_work(struct kt_daemon *d, struct kt_error *err)
{
    enum kt_status st = KT_OK;
    kt_signals_poll(&d->signals);
    if (d->signals.reload) {
        d->signals.reload = false;
        reload(d);
    }
    kt_control_turn(d->control);
    if (d->fatal.code != KT_OK) {
        *err = d->fatal;
        return err->code;
    }
    st = kt_daemon_take_news(d, err);
    if (st == KT_OK && kt_deliver_changed(d->deliver)) {
        st = kt_ingest_begin(d->ingest, err);
        if (st == KT_OK)
            st = kt_deliver_take_back(d->deliver, dead_letter, d, err);
    }
    if (st == KT_OK)
        st = kt_daemon_streams_put(d, err);
    if (st == KT_OK)
        kt_outside_turn(d->outside);
    if (st == KT_OK)
        st = kt_daemon_checkpoints(d, err);
    if (st == KT_OK)
        st = after_silences(d, err);
    if (st == KT_OK)
        st = kt_daemon_take_answers(d, err);
    if (st == KT_OK)
        st = kt_daemon_by_the_clock(d, err);
    if (st == KT_OK)
        st = kt_keep_turn(d->keep, &d->keep_more, err);
    if (st == KT_OK)
        st = kt_daemon_write_notes(d, err);
    if (st == KT_OK)
        st = kt_daemon_page(d, err);
    if (st == KT_OK)
        st = kt_daemon_commit(d, err);
    if (st == KT_OK && kt_deliver_behind(d->deliver))
        st = kt_deliver_hand_over(d->deliver, err);
    return st;
}

enum kt_status kt_daemon_turn(struct kt_daemon *d, bool *busy, struct kt_error *err)
{
    int fds[FDS_MAX];
    unsigned n = 0;
    fds[n++] = d->signals.fd;
    fds[n++] = kt_outbox_fd(d->outbox);
    fds[n++] = kt_follow_fd(d->follow);
    fds[n++] = kt_streams_fd(d->streams);
    fds[n++] = kt_checkpoints_fd(d->checkpoints);
    if (d->outside != NULL)
        fds[n++] = kt_outside_fd(d->outside);
    if (d->answers != NULL)
        fds[n++] = kt_answers_fd(d->answers);
    n += kt_control_fds(d->control, fds + n, FDS_MAX - n);
    bool more =
        *busy || d->keep_more || kt_deliver_behind(d->deliver) || kt_pager_due(d->pager, wall());
    int wait_ms = more ? 0 : kt_control_pending(d->control) ? PENDING_MS : IDLE_MS;
    enum kt_status st = kt_net_server_wait(d->server, fds, n, wait_ms, err);
    if (st == KT_OK)
        st = kt_daemon_drain(d, busy, err);
    if (st == KT_OK)
        st = other_work(d, err);
    if (st == KT_OK)
        st = kt_store_housekeep(d->store, !*busy, err);
    return st;
}
