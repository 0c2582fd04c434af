/*
 * daemon_open: the parts of a life: opened, and closed the other way round.
 *
 * Owns:  the parts of struct kt_daemon and their order.
 * Calls: every part of collector/, core/sys (geo, proc), core/store.
 * Holds: nothing listens before everything behind it is open.
 */
#include "collector/announced.h"
#include "collector/daemon.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/log.h"
#include "core/event/line.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define GEO_PATHS 8u
#define WAY_BYTES (8u << 20) /* of parsed lines that detection has not taken */

static void on_alarm(void *self, const char *code, struct kt_str agent, const char *sentence)
{
    kt_daemon_note(self, code, agent, sentence, NULL);
}

static void on_claimed(void *self, struct kt_str instance)
{
    kt_daemon_note(self, "source.added", instance, "sends records for the first time", NULL);
}

/* What the configuration names, or where a system has them. */
static struct kt_strings geo_paths(const struct kt_conf *conf, char paths[GEO_PATHS][256],
                                   const char *at[GEO_PATHS])
{
    if (!conf->geoip_auto)
        return conf->geoip;
    unsigned n = kt_geo_system_paths(paths, GEO_PATHS);
    for (unsigned i = 0; i < n; i++)
        at[i] = paths[i];
    return (struct kt_strings){ .at = at, .n = n };
}

enum kt_status kt_daemon_open_geo(const struct kt_conf *conf, struct kt_geo **ret,
                                  struct kt_error *err)
{
    char paths[GEO_PATHS][256];
    const char *at[GEO_PATHS];
    struct kt_strings all = geo_paths(conf, paths, at);
    return kt_geo_open(all.at, all.n, conf->geoip_auto, ret, err);
}

/* A table that was left half written says less of addresses; it must not keep the collector, and
 * with it every record, away. It is left out, and told. */
static enum kt_status open_sound_geo(struct kt_daemon *d, struct kt_error *err)
{
    char paths[GEO_PATHS][256];
    const char *at[GEO_PATHS];
    struct kt_strings all = geo_paths(d->conf, paths, at);
    const char **sound = kt_alloc_array(all.n + 1, sizeof *sound);
    unsigned n = 0;
    for (unsigned i = 0; i < all.n; i++) {
        struct kt_geo *one = NULL;
        bool broken = kt_geo_open(&all.at[i], 1, true, &one, NULL) == KT_E_CORRUPT;
        d->geo_left_out = d->geo_left_out || broken;
        if (broken)
            kt_daemon_note(d, "geoip.broken", kt_str_of(all.at[i]),
                           "is no usable .mmdb file: addresses go without what it says; put a "
                           "whole one there, then systemctl reload keytrail-collector",
                           NULL);
        else
            sound[n++] = all.at[i];
        kt_geo_free(one);
    }
    enum kt_status st = kt_geo_open(sound, n, d->conf->geoip_auto, &d->geo, err);
    kt_free((void *)sound);
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
    struct kt_follow_options o = { .conf = d->conf,
                                   .store_path = d->conf->store_path,
                                   .way = d->way };
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
    d->counts = kt_counts_new();
    d->way = kt_way_new(WAY_BYTES);
    kt_daemon_counts_before(d);
    struct kt_ingest_options io = { .store = d->store,
                                    .auth = d->auth,
                                    .clock = kt_clock_real,
                                    .geo = d->geo,
                                    .store_path = d->conf->store_path,
                                    .reply = kt_daemon_reply,
                                    .alarm = on_alarm,
                                    .claimed = on_claimed,
                                    .about_log = kt_daemon_about_log,
                                    .counts = d->counts,
                                    .way = d->way,
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

static void say_unknown(void *self, const char *source, const char *near)
{
    (void)self;
    kt_log(KT_LOG_WARN, "collector: maintenance: no source or agent '%s' is known here%s%s%s",
           source, near != NULL ? ", did you mean '" : "", near != NULL ? near : "",
           near != NULL ? "'?" : "");
}

/* At the start and after a reload. Nothing but words: what cannot be read is told elsewhere. */
static void look_at_announced(const struct kt_daemon *d)
{
    struct kt_reader *r = NULL;
    if (d->conf->n_maintenance > 0 && kt_reader_open(d->conf->store_path, &r, NULL) == KT_OK)
        (void)!kt_announced_unknown(d->conf, d->auth, r, kt_clock_real.wall(kt_clock_real.self),
                                    say_unknown, NULL, NULL);
    kt_reader_close(r);
}

enum kt_status kt_daemon_open(struct kt_daemon *d, struct kt_error *err)
{
    struct kt_outbox_options oo = { .conf = d->conf, .clock = kt_clock_real, .rng = kt_rng_real };
    struct kt_control_handler handler = kt_daemon_handler(d);
    enum kt_status st = kt_auth_open(d->conf->agents_dir, &d->auth, err);
    if (st == KT_OK)
        st = open_sound_geo(d, err);
    if (st == KT_OK)
        st = open_store(d, err);
    if (st == KT_OK)
        st = open_keep(d, err);
    if (st == KT_OK)
        st = kt_daemon_checkpoints_open(d, err);
    if (st == KT_OK)
        kt_daemon_show(d);
    kt_rng_real.fill(kt_rng_real.self, d->keys_by, sizeof d->keys_by);
    if (st == KT_OK) /* before the parts read them: what changes between is seen by a reload */
        st = kt_daemon_keys(d->conf, d->keys_by, d->keys, err);
    if (st == KT_OK)
        st = kt_daemon_outside_open(d, err);
    if (st == KT_OK)
        st = kt_outbox_open(&oo, &d->outbox, err);
    if (st == KT_OK)
        st = open_streams(d, err);
    if (st == KT_OK)
        st = kt_answers_open(d->conf, kt_clock_real, &d->answers, err);
    if (st == KT_OK)
        st = open_follow(d, err);
    if (st == KT_OK)
        st = kt_rollups_open(d->conf, kt_clock_real, &d->rollups, err);
    if (st == KT_OK)
        st = kt_togethers_open(d->conf->store_path, &d->togethers, err);
    if (st != KT_OK)
        return st;
    d->deliver = kt_deliver_new(d->store, d->outbox);
    kt_disk_init(&d->disk, d->conf->store_path);
    st = kt_daemon_net_open(d, err);
    if (st == KT_OK)
        st = kt_control_open(d->conf->control, d->conf->dashboard.user, &handler, &d->control, err);
    if (st == KT_OK)
        look_at_announced(d);
    return st;
}

void kt_daemon_free(struct kt_daemon *d)
{
    kt_control_close(d->control);
    kt_net_server_free(d->server);
    kt_togethers_close(d->togethers);
    kt_rollups_close(d->rollups);
    kt_outside_close(d->outside);
    kt_showing_free(d->showing);
    kt_checkpoints_close(d->checkpoints);
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
    kt_way_free(d->way);
    kt_counts_free(d->counts);
    kt_store_close(d->store);
    kt_geo_free(d->geo);
    kt_auth_free(d->auth);
    kt_signals_done(&d->signals);
    kt_conf_free(d->next);
    kt_free(d);
}

/* ---- the first words ---- */

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

enum kt_status kt_daemon_record_start(struct kt_daemon *d, struct kt_error *err)
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
        st = kt_deliver_tidy(d->store, d->conf, err);
    if (st == KT_OK)
        st = kt_daemon_commit(d, err);
    return st;
}
