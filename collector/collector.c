/*
 * collector: one life of the daemon: open everything, turn the loop, leave cleanly.
 *
 * Owns:  the parts of struct kt_daemon and their order.
 * Calls: every part of collector/, core/sys (net, geo, proc), core/config.
 * Holds: one thread writes (this one); an I/O error of the store ends the process before any
 *        further ack (D1); acks of a group go out before anything slower is done.
 */
#include "collector/daemon.h"
#include "collector/resend.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/event/line.h"
#include "core/sys/fs.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DRAIN_TIME  (20 * KT_NS_MS) /* an ack waits no longer than this for its group */
#define IDLE_MS     1000
#define PENDING_MS  5
#define WATCHDOG    (5 * KT_NS_S)
#define FDS_MAX     24u
#define ALERT_ARENA (1u << 20)
#define GEO_PATHS   8u
#define WAL_ALARM   (256u << 20) /* four times what is checkpointed by force */
#define WATCH_EVERY (5 * KT_NS_S)
#define DISK_EVERY  (100 * KT_NS_MS)

enum { EXIT_FINE = 0, EXIT_CONFIG = 3, EXIT_STORE = 4, EXIT_UNREACHABLE = 5, EXIT_DENIED = 6 };

static kt_time_ns wall(void)
{
    return kt_clock_real.wall(kt_clock_real.self);
}

static kt_time_ns mono(void)
{
    return kt_clock_real.mono(kt_clock_real.self);
}

/* ---- what the parts call ---- */

/* ZeroMQ makes routing ids of five bytes; a peer's number is the bytes and their count. */
static bool peer_number(const struct kt_net_peer *p, uint64_t *ret)
{
    uint64_t v = p->len;
    if (p->len == 0 || p->len > 7)
        return false;
    for (unsigned i = 0; i < p->len; i++)
        v = v << 8 | p->id[i];
    *ret = v | (uint64_t)p->len << 56;
    return true;
}

static struct kt_net_peer peer_of(uint64_t number)
{
    struct kt_net_peer p = { .len = (uint8_t)(number >> 56) };
    for (unsigned i = p.len; i-- > 0; number >>= 8)
        p.id[i] = (uint8_t)number;
    return p;
}

static bool allow(void *self, const uint8_t public_key[32], char *ret_user_id, size_t n)
{
    const struct kt_daemon *d = self;
    return kt_auth_allow(d->auth, public_key, wall(), ret_user_id, n);
}

/* An answer that a gone or full peer misses is asked for again after its next hello. */
static void reply(void *self, uint64_t peer, struct kt_str body)
{
    struct kt_daemon *d = self;
    if (kt_net_server_send(d->server, peer_of(peer), body, NULL) != KT_OK)
        kt_log(KT_LOG_DEBUG, "collector: an answer found no peer");
}

static void on_alarm(void *self, const char *code, struct kt_str agent, const char *sentence)
{
    kt_daemon_note(self, code, agent, sentence, NULL);
}

static void on_claimed(void *self, struct kt_str instance)
{
    kt_daemon_note(self, "source.added", instance, "sends records for the first time", NULL);
}

static void dead_letter(void *self, const struct kt_outbox_row *row)
{
    char text[200];
    kt_pager_dead(((struct kt_daemon *)self)->pager, row->alert);
    (void)snprintf(text, sizeof text,
                   "did not take an alert for good (%.120s); it is a dead letter", row->last_error);
    kt_daemon_note(self, "delivery.dead", kt_str_of(row->target), text, row->target);
}

/* ---- opening ---- */

static enum kt_status open_geo(struct kt_daemon *d, struct kt_error *err)
{
    if (!d->conf->geoip_auto)
        return kt_geo_open(d->conf->geoip.at, d->conf->geoip.n, false, &d->geo, err);
    char paths[GEO_PATHS + 1][256];
    const char *at[GEO_PATHS + 1];
    unsigned n = kt_geo_system_paths(paths, GEO_PATHS);
    char self[200];
    if (n == 0 && kt_self_path(self, sizeof self, NULL) == KT_OK) {
        char *slash = strrchr(self, '/');
        if (slash != NULL)
            *slash = '\0';
        (void)snprintf(paths[n++], sizeof paths[0], "%s/../share/keytrail/ip-country.mmdb", self);
    }
    for (unsigned i = 0; i < n; i++)
        at[i] = paths[i];
    return kt_geo_open(at, n, true, &d->geo, err);
}

static enum kt_status open_server(struct kt_daemon *d, struct kt_error *err)
{
    struct kt_key_file file;
    struct kt_net_keys keys;
    struct kt_net_server_options o = {
        .endpoint = d->conf->listen, .keys = &keys, .allow = allow, .self = d
    };
    if (kt_key_file_read(d->conf->key_file, &file, err) != KT_OK)
        return kt_wrap(err, "collector.key_file");
    kt_net_keys_from_secret(file.curve_secret, &keys);
    enum kt_status st = kt_net_server_open(&o, &d->server, err);
    kt_wipe(&file, sizeof file);
    kt_wipe(&keys, sizeof keys);
    return st;
}

static enum kt_status get_blob(struct kt_daemon *d, const char *name, struct kt_buf *ret,
                               struct kt_error *err)
{
    enum kt_status st = kt_store_get(d->store, name, ret, err);
    return st == KT_E_AGAIN ? KT_OK : st;
}

static enum kt_status open_follow(struct kt_daemon *d, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf head = { 0 }, settings = { 0 }, alerted = { 0 };
    struct kt_follow_options o = { .conf = d->conf, .store_path = d->conf->store_path };
    if (get_blob(d, KT_STATE_BLOB, &head, err) != KT_OK ||
        get_blob(d, KT_SETTINGS_BLOB, &settings, err) != KT_OK ||
        get_blob(d, "alerts/position", &alerted, err) != KT_OK)
        return err->code;
    o.head = kt_buf_str(&head);
    o.settings = kt_buf_str(&settings);
    (void)kt_str_u64(kt_buf_str(&alerted), &o.alerted);
    return kt_follow_open(&o, &d->follow, err);
}

static enum kt_status open_store(struct kt_daemon *d, struct kt_error *err)
{
    struct kt_store_options so = { .path = d->conf->store_path, .create = true, .succeed = true };
    if (kt_store_open(&so, &d->store, err) != KT_OK)
        return err->code;
    struct kt_ingest_options io = { .store = d->store,
                                    .auth = d->auth,
                                    .clock = kt_clock_real,
                                    .geo = d->geo,
                                    .store_path = d->conf->store_path,
                                    .reply = reply,
                                    .alarm = on_alarm,
                                    .claimed = on_claimed,
                                    .self = d };
    d->ingest = kt_ingest_new(&io);
    if (kt_daemon_open_triage(d, err) != KT_OK || kt_daemon_page_open(d, err) != KT_OK)
        return err->code;
    d->alerts = kt_alerts_new(d->store, d->conf, d->triage, d->pager);
    return KT_OK;
}

static enum kt_status keep_begin(void *self, struct kt_error *err)
{
    return kt_ingest_begin(((struct kt_daemon *)self)->ingest, err);
}

static enum kt_status keep_record(void *self, struct kt_event *ev, struct kt_error *err)
{
    return kt_ingest_control(((struct kt_daemon *)self)->ingest, ev, err);
}

static void keep_alarm(void *self, const char *code, const char *sentence)
{
    kt_daemon_note(self, code, KT_STR("retention"), sentence, NULL);
}

static enum kt_status open_keep(struct kt_daemon *d, struct kt_error *err)
{
    const struct kt_keep_options o = { .store = d->store,
                                       .store_path = d->conf->store_path,
                                       .retention = d->conf->retention,
                                       .clock = kt_clock_real,
                                       .begin = keep_begin,
                                       .record = keep_record,
                                       .alarm = keep_alarm,
                                       .self = d };
    return kt_keep_new(&o, &d->keep, err);
}

static enum kt_status open_streams(struct kt_daemon *d, struct kt_error *err)
{
    const struct kt_streams_options o = {
        .conf = d->conf, .store = d->store, .clock = kt_clock_real, .rng = kt_rng_real
    };
    return kt_streams_open(&o, &d->streams, err);
}

static enum kt_status open_parts(struct kt_daemon *d, struct kt_error *err)
{
    struct kt_outbox_options oo = { .conf = d->conf, .clock = kt_clock_real, .rng = kt_rng_real };
    struct kt_control_handler handler = kt_daemon_handler(d);
    enum kt_status st = kt_auth_open(d->conf->agents_dir, &d->auth, err);
    if (st == KT_OK)
        st = open_geo(d, err);
    if (st == KT_OK)
        st = open_store(d, err);
    if (st == KT_OK)
        st = open_keep(d, err);
    if (st == KT_OK)
        st = kt_outbox_open(&oo, &d->outbox, err);
    if (st == KT_OK)
        st = open_streams(d, err);
    if (st == KT_OK)
        st = kt_answers_open(d->conf, kt_clock_real, &d->answers, err);
    if (st == KT_OK)
        st = open_follow(d, err);
    if (st != KT_OK)
        return st;
    d->deliver = kt_deliver_new(d->store, d->outbox);
    kt_disk_init(&d->disk, d->conf->store_path);
    st = open_server(d, err);
    if (st == KT_OK)
        st = kt_control_open(d->conf->control, &handler, &d->control, err);
    return st;
}

/* The file before this one was given up: the log and people must know. */
static enum kt_status record_succeeded(struct kt_daemon *d, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 }, raw = { 0 }, sentence = { 0 };
    struct kt_str why, file;
    if (get_blob(d, KT_SUCCEEDED_BLOB, &text, err) != KT_OK)
        return err->code;
    why = kt_buf_str(&text);
    if (why.len == 0 || !kt_str_split(&why, '\n', &file))
        return KT_OK;
    kt_buf_addz(&raw, "{\"file\":");
    kt_json_quote(&raw, file);
    kt_buf_addz(&raw, ",\"why\":");
    kt_json_quote(&raw, why);
    kt_buf_addf(&raw, ",\"records\":%" PRIu64 "}", kt_store_last_seq(d->store));
    kt_buf_addz(&sentence, "is damaged: the log goes on in the next file; run keytrail verify and "
                           "restore a backup: ");
    kt_buf_add(&sentence, why);
    kt_daemon_note(d, "integrity.failed", file, kt_buf_z(&sentence), NULL);
    enum kt_status st = kt_ingest_begin(d->ingest, err);
    if (st == KT_OK)
        st = kt_daemon_record(d, KT_KIND_AUDIT, "succeed",
                              KT_STR("a damaged file was given up: the log goes on in this one"),
                              kt_buf_str(&raw), err);
    if (st == KT_OK)
        st = kt_store_put(d->store, KT_SUCCEEDED_BLOB, KT_STR_NONE, err);
    return st;
}

/* What a start leaves in the log: program, configuration, allow-list. */
static enum kt_status record_start(struct kt_daemon *d, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 };
    uint8_t log_id[16];
    char id[KT_ID_TEXT];
    kt_store_log_id(d->store, log_id);
    kt_buf_addf(&raw, "{\"version\":\"" KT_VERSION "\",\"log\":\"%s\"}", kt_id_format(log_id, id));
    enum kt_status st = record_succeeded(d, err);
    if (st == KT_OK)
        st = kt_daemon_record(d, KT_KIND_AUDIT, "start", KT_STR("collector started"),
                              kt_buf_str(&raw), err);
    if (st == KT_OK)
        st = kt_daemon_record_config(d, err);
    if (st == KT_OK)
        st = kt_daemon_record_agents(d, err);
    if (st == KT_OK)
        st = kt_daemon_note_changes(d, err);
    if (st == KT_OK)
        st = kt_streams_mark_off(d->streams, err);
    if (st == KT_OK)
        st = kt_daemon_commit(d, err);
    return st;
}

static void say_start(const struct kt_daemon *d)
{
    kt_log(KT_LOG_INFO,
           "collector: listening endpoint='%s' agents=%u targets=%u streams=%u "
           "store='%s'",
           kt_net_server_endpoint(d->server), kt_auth_count(d->auth), d->conf->n_targets,
           d->conf->n_streams, d->conf->store_path);
    kt_log(KT_LOG_INFO, "collector: ip data: %s", kt_geo_describe(d->geo));
    for (unsigned i = 0; i < d->conf->not_used_yet.n; i++)
        kt_log(KT_LOG_WARN, "collector: not used yet: %s", d->conf->not_used_yet.at[i]);
}

/* ---- turning ---- */

enum kt_status kt_daemon_commit(struct kt_daemon *d, struct kt_error *err)
{
    if (!kt_ingest_waiting(d->ingest))
        return KT_OK;
    enum kt_status st = kt_ingest_commit(d->ingest, err);
    if (st != KT_OK) {
        d->fatal = *err;
        return st;
    }
    kt_follow_wake(d->follow);
    kt_deliver_committed(d->deliver);
    kt_streams_committed(d->streams);
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

/* Messages until none waits, the group is full or its time is up. *ret_any: there were some. */
static enum kt_status drain(struct kt_daemon *d, bool *ret_any, struct kt_error *err)
{
    kt_time_ns until = mono() + DRAIN_TIME;
    *ret_any = false;
    while (!kt_ingest_full(d->ingest)) {
        struct kt_net_msg m;
        uint64_t peer;
        enum kt_status st = kt_net_server_recv(d->server, &m, err);
        if (st == KT_E_AGAIN)
            break;
        if (st != KT_OK)
            return st;
        *ret_any = true;
        if (m.user_id.len > 0 && peer_number(&m.from, &peer))
            st = kt_ingest_message(d->ingest, peer, m.user_id, m.body, err);
        kt_net_msg_done(&m);
        if (st != KT_OK)
            return st;
        if (mono() > until)
            break;
    }
    return kt_daemon_commit(d, err);
}

static enum kt_status raise_alerts(struct kt_daemon *d, const struct kt_follow_news *news,
                                   struct kt_error *err)
{
    KT_CLEANUP(kt_arena_done) struct kt_arena arena = kt_arena_new(ALERT_ARENA);
    for (unsigned i = 0; i < news->n_alerts; i++) {
        struct kt_alert a;
        kt_arena_reset(&arena);
        enum kt_status st = kt_alert_read(kt_str_of(news->alerts[i].json), &arena, &a, err);
        if (st == KT_OK)
            st = kt_alerts_raise(d->alerts, &a, news->alerts[i].is_new, news->alerts[i].historic,
                                 wall(), err);
        if (st != KT_OK)
            return kt_wrap(err, "alert");
        if (news->alerts[i].is_new && !news->alerts[i].historic)
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
    if (st == KT_OK && news->status.len > 0)
        st = kt_store_put(d->store, "status/detect", kt_buf_str(&news->status), err);
    return st;
}

static enum kt_status take_news(struct kt_daemon *d, struct kt_error *err)
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

static enum kt_status by_the_clock(struct kt_daemon *d, struct kt_error *err)
{
    kt_time_ns now = mono();
    if (now >= d->next_watchdog) {
        d->next_watchdog = now + WATCHDOG;
        kt_sd_notify("WATCHDOG=1");
    }
    if (now >= d->next_disk) {
        d->next_disk = now + DISK_EVERY;
        check_disk(d);
    }
    if (now >= d->next_watch) {
        d->next_watch = now + WATCH_EVERY;
        if (kt_daemon_watch_answers(d, err) != KT_OK)
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
    return kt_ingest_tick(d->ingest, err);
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
    st = take_news(d, err);
    if (st == KT_OK && kt_deliver_changed(d->deliver)) {
        st = kt_ingest_begin(d->ingest, err);
        if (st == KT_OK)
            st = kt_deliver_take_back(d->deliver, dead_letter, d, err);
    }
    if (st == KT_OK)
        st = kt_daemon_streams_put(d, err);
    if (st == KT_OK)
        st = after_silences(d, err);
    if (st == KT_OK)
        st = kt_daemon_take_answers(d, err);
    if (st == KT_OK)
        st = by_the_clock(d, err);
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

static enum kt_status turn(struct kt_daemon *d, bool *busy, struct kt_error *err)
{
    int fds[FDS_MAX];
    unsigned n = 0;
    fds[n++] = d->signals.fd;
    fds[n++] = kt_outbox_fd(d->outbox);
    fds[n++] = kt_follow_fd(d->follow);
    fds[n++] = kt_streams_fd(d->streams);
    if (d->answers != NULL)
        fds[n++] = kt_answers_fd(d->answers);
    n += kt_control_fds(d->control, fds + n, FDS_MAX - n);
    bool more =
        *busy || d->keep_more || kt_deliver_behind(d->deliver) || kt_pager_due(d->pager, wall());
    int wait_ms = more ? 0 : kt_control_pending(d->control) ? PENDING_MS : IDLE_MS;
    enum kt_status st = kt_net_server_wait(d->server, fds, n, wait_ms, err);
    if (st == KT_OK)
        st = drain(d, busy, err);
    if (st == KT_OK)
        st = other_work(d, err);
    if (st == KT_OK)
        st = kt_store_housekeep(d->store, !*busy, err);
    return st;
}

/* ---- closing ---- */

/* The last words of a clean stop: what detection knows, and that it was clean. */
static enum kt_status record_stop(struct kt_daemon *d, struct kt_error *err)
{
    kt_follow_stop(d->follow);
    kt_streams_stop(d->streams);
    enum kt_status st = take_news(d, err);
    if (st == KT_OK)
        st = kt_daemon_streams_put(d, err);
    if (st == KT_OK)
        st = kt_daemon_record(d, KT_KIND_AUDIT, "stop", KT_STR("collector stopped"), KT_STR("{}"),
                              err);
    d->notified = false; /* the next start hands them over */
    return st == KT_OK ? kt_daemon_commit(d, err) : st;
}

static void close_all(struct kt_daemon *d)
{
    kt_control_close(d->control);
    kt_net_server_free(d->server);
    kt_follow_free(d->follow);
    kt_streams_free(d->streams);
    kt_keep_free(d->keep);
    kt_outbox_close(d->outbox);
    kt_answers_close(d->answers);
    kt_deliver_free(d->deliver);
    kt_alerts_free(d->alerts);
    kt_pager_free(d->pager);
    kt_routes_free(d->routes);
    kt_triage_free(d->triage);
    kt_ingest_free(d->ingest);
    kt_store_close(d->store);
    kt_geo_free(d->geo);
    kt_auth_free(d->auth);
    kt_signals_done(&d->signals);
    kt_conf_free(d->next);
    kt_free(d);
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

static enum kt_status start(struct kt_daemon *d, int ready_fd, struct kt_error *err)
{
    enum kt_status st =
        kt_signals_open(&d->signals, err); /* before any thread, which inherits the mask */
    if (st == KT_OK)
        st = open_parts(d, err);
    if (st == KT_OK)
        st = record_start(d, err);
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
    d->started = wall();
    enum kt_status st = start(d, ready_fd, &err);
    bool began = st == KT_OK;
    while (st == KT_OK && !d->signals.stop && d->next == NULL)
        st = turn(d, &busy, &err);
    if (st == KT_OK && d->next == NULL)
        kt_sd_notify("STOPPING=1");
    if (st == KT_OK)
        st = record_stop(d, &err);
    *ret_ending = ending_of(d, began, st, &err);
    if (st != KT_OK)
        kt_log(KT_LOG_ERROR, "collector: %s", err.text);
    else if (*ret_ending == KT_ENDED)
        kt_log(KT_LOG_INFO, "collector: stopped");
    *ret_next = KT_TAKE(d->next);
    int code = exit_code(d, st);
    close_all(d);
    return code;
}
