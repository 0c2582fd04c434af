/*
 * daemon_requests: what the control socket can ask for.
 *
 * Owns:  nothing.
 * Calls: ingest, auth, outbox, follow for their figures; kt_json to read a request.
 */
#include "collector/daemon.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/log.h"
#include "core/event/json.h"
#include "core/event/line.h"
#include "core/sys/clock.h"
#include <inttypes.h>
#include <string.h>

static kt_time_ns wall(void)
{
    return kt_clock_real.wall(kt_clock_real.self);
}

/* ---- status ---- */

static void add_string(struct kt_buf *b, const char *key, const char *value)
{
    kt_buf_addf(b, "\"%s\":", key);
    kt_json_quote(b, kt_str_of(value));
}

static void add_counts(struct kt_buf *b, const struct kt_ingest_counts *c)
{
    const struct {
        const char *name;
        uint64_t n;
    } all[] = {
        { "batches", c->batches },
        { "events", c->events },
        { "duplicates", c->duplicates },
        { "conflicts", c->conflicts },
        { "resent", c->resent },
        { "refused_batches", c->refused_batches },
        { "refused_lines", c->refused_lines },
        { "revoked", c->revoked },
        { "violations", c->violations },
        { "facts", c->facts },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(all); i++)
        kt_buf_addf(b, "%s\"%s\":%" PRIu64, i > 0 ? "," : "", all[i].name, all[i].n);
}

static void add_retention(struct kt_daemon *d, struct kt_buf *out)
{
    struct kt_keep_state k = kt_keep_state(d->keep);
    kt_buf_addf(out,
                "\"retention\":{\"stopped\":%s,\"holds\":%u,\"held_segments\":%" PRIu64
                ",\"removed_segments\":%" PRIu64 ",",
                k.stopped ? "true" : "false", k.holds, k.held, k.removed);
    add_string(out, "why", k.why);
    kt_buf_addz(out, "},\"targets\":");
}

static enum kt_status do_status(struct kt_daemon *d, struct kt_jval args, struct kt_buf *out,
                                struct kt_error *err)
{
    static const char *const levels[] = { "fine", "warn", "alert", "refuse" };
    struct kt_ingest_counts counts = kt_ingest_counts(d->ingest);
    struct kt_net_counts net = kt_net_server_counts(d->server);
    uint64_t last = kt_store_last_seq(d->store), scored = kt_follow_position(d->follow);
    (void)args;
    (void)err;
    kt_buf_addz(out, "{\"version\":\"" KT_VERSION "\",");
    add_string(out, "deployment", d->conf->deployment);
    kt_buf_byte(out, ',');
    add_string(out, "endpoint", kt_net_server_endpoint(d->server));
    kt_buf_byte(out, ',');
    add_string(out, "ip_data", kt_geo_describe(d->geo));
    kt_buf_addf(out, ",\"ip_data_stale\":%s", kt_geo_is_stale(d->geo) ? "true" : "false");
    kt_buf_addf(out, ",\"started\":%" PRId64 ",\"uptime_s\":%" PRId64 ",\"agents\":%u,\"ingest\":{",
                d->started, (wall() - d->started) / KT_NS_S, kt_auth_count(d->auth));
    add_counts(out, &counts);
    kt_buf_addf(out,
                "},\"net\":{\"accepted\":%" PRIu64 ",\"refused\":%" PRIu64 ",\"messages\":%" PRIu64
                ",\"bytes_in\":%" PRIu64 ",\"bytes_out\":%" PRIu64 "}",
                net.accepted, net.refused, net.messages, net.bytes_in, net.bytes_out);
    kt_buf_addf(out,
                ",\"detection\":{\"last_seq\":%" PRIu64 ",\"scored_seq\":%" PRIu64
                ",\"behind\":%" PRIu64 "},\"disk\":{\"level\":\"%s\",\"free\":%.3f},",
                last, scored, last > scored ? last - scored : 0, levels[d->disk.level],
                d->disk.free_share);
    add_retention(d, out);
    kt_outbox_status(d->outbox, out);
    kt_buf_addz(out, ",\"copies\":");
    kt_outside_status(d->outside, out);
    kt_buf_addz(out, ",\"streams\":");
    kt_streams_status(d->streams, out);
    kt_buf_addz(out, ",\"answers\":");
    kt_answers_status(d->answers, out);
    kt_buf_addz(out, ",\"checkpoint\":");
    kt_checkpoints_status(d->checkpoints, out);
    kt_buf_addz(out, "}\n");
    return KT_OK;
}

static enum kt_status do_agents(struct kt_daemon *d, struct kt_jval args, struct kt_buf *out,
                                struct kt_error *err)
{
    (void)args;
    (void)err;
    for (unsigned i = 0; i < kt_auth_count(d->auth); i++) {
        const struct kt_agent_entry *e = kt_auth_at(d->auth, i);
        kt_buf_byte(out, '{');
        add_string(out, "name", e->name);
        kt_buf_addf(out, ",\"keys\":%u,\"revoked\":%s,\"quota\":%" PRIu64 ",\"sources\":[",
                    e->n_keys, e->revoked ? "true" : "false", e->quota);
        for (unsigned k = 0; k < e->sources.n; k++) {
            if (k > 0)
                kt_buf_byte(out, ',');
            kt_json_quote(out, kt_str_of(e->sources.at[k]));
        }
        kt_buf_addz(out, "]}\n");
    }
    if (kt_auth_count(d->auth) == 0)
        kt_buf_addz(out, "{}\n");
    return KT_OK;
}

/* ---- reload ---- */

static bool is_same(const struct kt_geo *a, const struct kt_geo *b)
{
    return kt_geo_build(a) == kt_geo_build(b) && kt_geo_count(a) == kt_geo_count(b) &&
           strcmp(kt_geo_describe(a), kt_geo_describe(b)) == 0;
}

/* fresh: taken; it has all tables. */
static enum kt_status take_geo(struct kt_daemon *d, struct kt_geo *fresh, struct kt_error *err)
{
    d->geo_left_out = false;
    if (is_same(fresh, d->geo) && !kt_geo_is_stale(d->geo)) {
        kt_geo_free(fresh);
        return KT_OK;
    }
    kt_ingest_take_geo(d->ingest, fresh);
    kt_geo_free(d->geo);
    d->geo = fresh;
    kt_log(KT_LOG_INFO, "collector: tables of addresses opened anew: %s", kt_geo_describe(d->geo));
    return kt_daemon_record_config(d, err); /* it names them */
}

/* They are files that others put there, whatever became of the configuration. One that cannot be
 * read is no reason to refuse the rest. */
static enum kt_status reload_geo(struct kt_daemon *d, struct kt_error *err)
{
    struct kt_geo *fresh = NULL;
    struct kt_error why = { 0 };
    if (kt_daemon_open_geo(d->conf, &fresh, &why) == KT_OK)
        return take_geo(d, fresh, err);
    kt_log(KT_LOG_WARN, "collector: the tables of addresses of before stay in force: %s", why.text);
    return KT_OK;
}

/* Who writes over a table tells nobody. One that is half written yet is tried again. */
enum kt_status kt_daemon_renew_geo(struct kt_daemon *d, struct kt_error *err)
{
    struct kt_str about = KT_STR("geoip.databases");
    struct kt_geo *fresh = NULL;
    struct kt_error why = { 0 };
    if (!kt_geo_is_stale(d->geo))
        return d->geo_left_out ? KT_OK : kt_daemon_over_all(d, "geoip.broken", err);
    if (kt_daemon_open_geo(d->conf, &fresh, &why) == KT_OK) {
        kt_daemon_unsay(d, "geoip.broken", about);
        return take_geo(d, fresh, err);
    }
    KT_CLEANUP(kt_buf_done) struct kt_buf sentence = { 0 };
    kt_buf_addz(&sentence, "were written over and cannot be opened anew: new addresses go without "
                           "facts until they can (put a whole file there): ");
    kt_buf_addz(&sentence, why.text);
    kt_daemon_note(d, "geoip.broken", about, kt_buf_z(&sentence), NULL);
    return KT_OK;
}

/* Nothing but the tables: who fetches them has no say in the configuration. */
static enum kt_status do_geoip_reload(struct kt_daemon *d, struct kt_jval args, struct kt_buf *out,
                                      struct kt_error *err)
{
    struct kt_geo *fresh = NULL;
    (void)args;
    if (kt_daemon_open_geo(d->conf, &fresh, err) != KT_OK)
        return kt_wrap(err, "the tables of addresses of before stay in force");
    if (take_geo(d, fresh, err) != KT_OK)
        return err->code;
    kt_buf_byte(out, '{');
    add_string(out, "ip_data", kt_geo_describe(d->geo));
    kt_buf_addz(out, "}\n");
    return KT_OK;
}

/* A file without a key is whole by itself, and another store, another port and no target at all. */
static enum kt_status load_again(const char *path, struct kt_conf **ret, struct kt_error *err)
{
    struct kt_conf *fresh = NULL;
    if (kt_conf_load(path, &fresh, err) != KT_OK)
        return err->code;
    if (kt_yaml_root(fresh->yaml)->first == NULL) {
        kt_conf_free(fresh);
        return kt_fail(err, KT_E_CONFIG,
                       "'%s' is empty: was it read while somebody wrote it? Reload again", path);
    }
    *ret = fresh;
    return KT_OK;
}

enum kt_status kt_daemon_reload(struct kt_daemon *d, struct kt_error *err)
{
    uint8_t before[32], after[32], keys[32];
    struct kt_conf *fresh = NULL;
    kt_auth_digest(d->auth, before);
    if (kt_auth_reload(d->auth, err) != KT_OK)
        return kt_wrap(err, "reload: the old allow-list stays in force");
    kt_auth_digest(d->auth, after);
    if (memcmp(before, after, sizeof before) != 0) {
        kt_log(KT_LOG_INFO, "collector: allow-list reloaded agents=%u", kt_auth_count(d->auth));
        enum kt_status st = kt_daemon_record_agents(d, err);
        if (st == KT_OK)
            st = kt_daemon_note_changes(d, err);
        if (st != KT_OK)
            return st;
    }
    if (reload_geo(d, err) != KT_OK)
        return err->code;
    if (load_again(d->conf->path, &fresh, err) != KT_OK)
        return kt_wrap(err, "reload: the old configuration stays in force");
    /* The life after this one, and the one that it falls back to, must be able to read them. */
    if (kt_daemon_keys(fresh, d->keys_by, keys, err) != KT_OK) {
        kt_conf_free(fresh);
        return kt_wrap(err, "reload: the old configuration and its keys stay in force");
    }
    bool same = memcmp(fresh->digest, d->conf->digest, sizeof fresh->digest) == 0;
    if (same && memcmp(keys, d->keys, sizeof keys) == 0) {
        kt_log(KT_LOG_INFO, "collector: reload: '%s' and its keys are as before", d->conf->path);
        kt_conf_free(fresh);
        return KT_OK;
    }
    kt_log(KT_LOG_INFO, "collector: %s '%s' has changed: going on with it",
           same ? "a file of keys that is named in" : "the configuration", d->conf->path);
    kt_conf_free(d->next);
    d->next = fresh;
    return KT_OK;
}

static enum kt_status do_reload(struct kt_daemon *d, struct kt_jval args, struct kt_buf *out,
                                struct kt_error *err)
{
    (void)args;
    enum kt_status st = kt_daemon_reload(d, err);
    if (st == KT_OK)
        kt_buf_addf(out, "{\"agents\":%u,\"changed\":%s}\n", kt_auth_count(d->auth),
                    d->next != NULL ? "true" : "false");
    return st;
}

/* ---- holds and the clock of retention ---- */

/* What a person decided is in the log before they are told so. */
static enum kt_status decided(struct kt_daemon *d, struct kt_error *err)
{
    enum kt_status st = kt_daemon_commit(d, err);
    return st == KT_OK ? kt_keep_reload(d->keep, err) : st;
}

static enum kt_status do_hold(struct kt_daemon *d, struct kt_jval args, bool add,
                              struct kt_buf *out, struct kt_error *err)
{
    struct kt_hold h = { .query = kt_str_dup(kt_json_str_at(args, "query")),
                         .reason = kt_str_dup(kt_json_str_at(args, "reason")),
                         .by = kt_str_dup(kt_json_str_at(args, "by")) };
    kt_str_copyz(h.id, sizeof h.id, kt_json_str_at(args, "id"));
    if (!kt_json_i64(kt_json_at(args, "since"), &h.since))
        h.since = 0;
    if (!kt_json_i64(kt_json_at(args, "until"), &h.until))
        h.until = 0;
    enum kt_status st = KT_OK;
    if (h.reason[0] == 0 || h.by[0] == 0)
        st = kt_fail(err, KT_E_INPUT, "a hold needs a reason (--reason) and who says so (--by)");
    if (st == KT_OK)
        st = kt_keep_hold(d->keep, &h, add, err);
    if (st == KT_OK)
        st = decided(d, err);
    if (st == KT_OK) {
        kt_buf_byte(out, '{');
        add_string(out, "id", h.id);
        kt_buf_addz(out, "}\n");
    }
    kt_free(h.query);
    kt_free(h.reason);
    kt_free(h.by);
    return st;
}

static enum kt_status do_hold_add(struct kt_daemon *d, struct kt_jval args, struct kt_buf *out,
                                  struct kt_error *err)
{
    return do_hold(d, args, true, out, err);
}

static enum kt_status do_hold_rm(struct kt_daemon *d, struct kt_jval args, struct kt_buf *out,
                                 struct kt_error *err)
{
    return do_hold(d, args, false, out, err);
}

static enum kt_status do_trust_clock(struct kt_daemon *d, struct kt_jval args, struct kt_buf *out,
                                     struct kt_error *err)
{
    struct kt_str by = kt_json_str_at(args, "by");
    if (by.len == 0)
        return kt_fail(err, KT_E_INPUT, "whose word is it? 'by' is missing");
    enum kt_status st = kt_keep_trust_clock(d->keep, by, err);
    if (st == KT_OK)
        st = decided(d, err);
    if (st == KT_OK)
        kt_buf_addz(out, "{\"trusted\":true}\n");
    return st;
}

/* ---- backups ---- */

/* What a backup says of itself, in one record: it is checked for form, and for the log's name. */
static enum kt_status write_backup(struct kt_daemon *d, struct kt_jval args, struct kt_buf *raw,
                                   struct kt_error *err)
{
    struct kt_str by = kt_json_str_at(args, "by"), root = kt_json_str_at(args, "root");
    uint8_t log_id[16], hash[32];
    char id[KT_ID_TEXT];
    int64_t records = -1, bytes = -1;
    bool quick = kt_json_bool(kt_json_at(args, "quick"), false);
    bool verified = kt_json_bool(kt_json_at(args, "verified"), false);
    kt_store_log_id(d->store, log_id);
    if (!kt_str_is(kt_json_str_at(args, "log"), kt_id_format(log_id, id)))
        return kt_fail(err, KT_E_INPUT, "that is a backup of another log than %s", id);
    if (by.len == 0 || !kt_hex_decode(root, hash, sizeof hash) ||
        !kt_json_i64(kt_json_at(args, "records"), &records) || records < 0 ||
        !kt_json_i64(kt_json_at(args, "bytes"), &bytes) || bytes < 0)
        return kt_fail(err, KT_E_INPUT, "a backup needs by, records, bytes and root");
    kt_buf_addz(raw, "{\"by\":");
    kt_json_quote(raw, by);
    kt_buf_addz(raw, ",\"path\":");
    kt_json_quote(raw, kt_json_str_at(args, "path"));
    kt_buf_addf(raw, ",\"records\":%" PRId64 ",\"bytes\":%" PRId64 ",\"root\":\"", records, bytes);
    kt_hex_add(raw, hash, sizeof hash);
    kt_buf_addf(raw, "\",\"quick\":%s,\"verified\":%s}", quick ? "true" : "false",
                verified ? "true" : "false");
    return KT_OK;
}

static enum kt_status do_backup(struct kt_daemon *d, struct kt_jval args, struct kt_buf *out,
                                struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 };
    enum kt_status st = write_backup(d, args, &raw, err);
    if (st == KT_OK)
        st = kt_daemon_record(d, KT_KIND_AUDIT, "backup", KT_STR("the store was backed up"),
                              kt_buf_str(&raw), err);
    uint64_t seq = kt_store_last_seq(d->store);
    if (st == KT_OK)
        st = kt_daemon_commit(d, err);
    if (st == KT_OK)
        kt_buf_addf(out, "{\"seq\":%" PRIu64 "}\n", seq);
    return st;
}

/* ---- the table ---- */

static const struct {
    const char *name;
    enum kt_status (*run)(struct kt_daemon *d, struct kt_jval args, struct kt_buf *out,
                          struct kt_error *err);
    bool page; /* also for the page's user (THREATS W3): what it shows and what is decided on it */
} requests[] = {
    { "status", do_status, true },
    { "agents", do_agents, false },
    { "metrics", kt_daemon_metrics, true },
    { "viewed", kt_daemon_viewed, true },
    { "reload", do_reload, false },
    { "geoip.reload", do_geoip_reload, false },
    { "hold.add", do_hold_add, false },
    { "hold.rm", do_hold_rm, false },
    { "trust-clock", do_trust_clock, false },
    { "backup", do_backup, false },
    { "expect.add", kt_daemon_expect_add, false },
    { "expect.rm", kt_daemon_expect_rm, false },
    { "break-glass", kt_daemon_break_glass, false },
    { "review.sign", kt_daemon_review_sign, false },
    { "stream.rewind", kt_daemon_stream_rewind, false },
    { "ack", kt_daemon_ack, true },
    { "assign", kt_daemon_assign, true },
    { "close", kt_daemon_close, true },
    { "reopen", kt_daemon_reopen, false },
    { "note", kt_daemon_alert_note, true },
    { "silence.add", kt_daemon_silence_add, true },
    { "silence.rm", kt_daemon_silence_rm, true },
    { "notify.retry", kt_daemon_notify_retry, false },
    { "incident.open", kt_daemon_incident_open, false },
    { "incident.note", kt_daemon_incident_note, false },
    { "incident.step", kt_daemon_incident_step, false },
    { "incident.list", kt_daemon_incident_list, false },
    { "incident.close", kt_daemon_incident_close, false },
    { "new-log", kt_daemon_new_log, false },
    { "log-key", kt_daemon_log_key, false },
};

static enum kt_status request(void *self, bool guest, struct kt_str text, struct kt_buf *answer,
                              struct kt_error *err)
{
    struct kt_daemon *d = self;
    struct kt_json *json = kt_json_new(KT_JSON_JANSSON);
    struct kt_jval root;
    unsigned repaired = 0;
    enum kt_status st = kt_json_parse(json, text, &root, &repaired, err);
    struct kt_str what = st == KT_OK ? kt_json_str_at(root, "do") : KT_STR_NONE;
    size_t i = 0;
    while (st == KT_OK && i < KT_ARRAY_LEN(requests) && !kt_str_is(what, requests[i].name))
        i++;
    if (st == KT_OK && i == KT_ARRAY_LEN(requests))
        st = kt_fail(err, KT_E_INPUT, "there is no request '" KT_STR_FMT "'", KT_STR_ARG(what));
    else if (st == KT_OK && guest && !requests[i].page)
        st = kt_fail(err, KT_E_DENIED, "'%s' is not for the page: ask as the collector's user",
                     requests[i].name);
    d->for_page = guest;
    if (st == KT_OK)
        st = requests[i].run(d, root, answer, err);
    d->for_page = false;
    kt_json_free(json);
    return st;
}

static enum kt_status import(void *self, struct kt_str origin, const struct kt_control_line *lines,
                             uint32_t n, struct kt_buf *answer, struct kt_error *err)
{
    static const char letters[] = {
        [KT_FATE_STORED] = 's', [KT_FATE_DUPLICATE] = 'd', [KT_FATE_CONFLICT] = 'c'
    };
    struct kt_daemon *d = self;
    struct kt_store_result r = { 0 };
    if (d->disk.level == KT_DISK_REFUSE)
        return kt_fail(err, KT_E_AGAIN, "the collector's disk is nearly full");
    struct kt_ingest_line *in = kt_alloc_array(n, sizeof *in);
    for (uint32_t i = 0; i < n; i++)
        in[i] = (struct kt_ingest_line){ lines[i].line, lines[i].arrival };
    enum kt_origin from = kt_str_is(origin, "feed") ? KT_ORIGIN_FEED : KT_ORIGIN_IMPORT;
    enum kt_status st = kt_ingest_lines(d->ingest, from, in, n, &r, err);
    kt_free(in);
    if (st == KT_E_IO || st == KT_E_CORRUPT)
        d->fatal = *err;
    if (st != KT_OK)
        return st;
    kt_buf_addz(answer, "{\"fate\":\"");
    for (uint32_t i = 0; i < n; i++)
        kt_buf_byte(answer, letters[r.fate[i]]);
    kt_buf_addz(answer, "\"}\n");
    return kt_daemon_commit(d, err); /* the answer promises what an ack promises */
}

struct kt_control_handler kt_daemon_handler(struct kt_daemon *d)
{
    return (struct kt_control_handler){ .request = request, .import = import, .self = d };
}
