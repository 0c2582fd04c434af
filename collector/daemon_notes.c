/*
 * daemon_notes: the collector's self-audit (THREATS L1) and its alerts about itself.
 *
 * Owns:  nothing; the queue is the daemon's.
 * Calls: self_codes, ingest (control records), alerts, log.
 */
#include "collector/daemon.h"
#include "collector/self_codes.h"
#include "core/base/enc.h"
#include "core/base/log.h"
#include "core/event/line.h"
#include "core/query/settings.h"
#include "core/sys/clock.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Has this been said lately? Remembers it when not; the oldest memory makes room. */
static bool said(struct kt_daemon *d, const char *code, struct kt_str about)
{
    char key[sizeof d->quiet[0].key];
    kt_time_ns now = kt_clock_real.mono(kt_clock_real.self);
    (void)snprintf(key, sizeof key, "%s " KT_STR_FMT, code, KT_STR_ARG(about));
    for (unsigned i = 0; i < KT_NOTES_MAX; i++)
        if (now < d->quiet[i].until && strcmp(d->quiet[i].key, key) == 0)
            return true;
    unsigned at = d->next_quiet++ % KT_NOTES_MAX;
    kt_str_copyz(d->quiet[at].key, sizeof d->quiet[at].key, kt_str_of(key));
    d->quiet[at].until = now + kt_self_code_of(code)->quiet;
    return false;
}

void kt_daemon_unsay(struct kt_daemon *d, const char *code, struct kt_str about)
{
    char key[sizeof d->quiet[0].key];
    (void)snprintf(key, sizeof key, "%s " KT_STR_FMT, code, KT_STR_ARG(about));
    for (unsigned i = 0; i < KT_NOTES_MAX; i++)
        if (strcmp(d->quiet[i].key, key) == 0)
            d->quiet[i].until = 0;
}

void kt_daemon_note(struct kt_daemon *d, const char *code, struct kt_str about,
                    const char *sentence, const char *except)
{
    if (d->n_notes == KT_NOTES_MAX || said(d, code, about))
        return;
    struct kt_note *n = &d->notes[d->n_notes++];
    n->code = code;
    kt_str_copyz(n->about, sizeof n->about, about);
    kt_str_copyz(n->sentence, sizeof n->sentence, kt_str_of(sentence));
    kt_str_copyz(n->except, sizeof n->except, kt_str_of(except));
    enum kt_severity severity = kt_self_code_of(code)->severity;
    kt_log(severity >= KT_SEV_HIGH  ? KT_LOG_ERROR
           : severity > KT_SEV_INFO ? KT_LOG_WARN
                                    : KT_LOG_INFO,
           "collector: %s about='%s': %s", code, n->about, n->sentence);
}

enum kt_status kt_daemon_record(struct kt_daemon *d, enum kt_kind kind, const char *code,
                                struct kt_str sentence, struct kt_str raw, struct kt_error *err)
{
    kt_time_ns now = kt_clock_real.wall(kt_clock_real.self);
    char id[64];
    int n = snprintf(id, sizeof id, "%s-%" PRId64, code, now);
    struct kt_event ev = { .kind = kind,
                           .source = KT_STR("keytrail"),
                           .instance = kt_str_of(d->conf->deployment),
                           .native_id = kt_str_from(id, (size_t)n),
                           .operation = kt_str_of(code),
                           .message = sentence,
                           .time = now,
                           .observed = now,
                           .raw = raw };
    return kt_ingest_control(d->ingest, &ev, err);
}

enum kt_status kt_daemon_over(struct kt_daemon *d, const char *code, struct kt_str about,
                              struct kt_error *err)
{
    if (!kt_alerts_self_open(d->alerts, code, about))
        return KT_OK;
    kt_daemon_unsay(d, code, about);
    enum kt_status st = kt_ingest_begin(d->ingest, err);
    if (st == KT_OK)
        st = kt_alerts_self_over(d->alerts, code, about, kt_clock_real.wall(kt_clock_real.self),
                                 err);
    return st;
}

enum kt_status kt_daemon_over_all(struct kt_daemon *d, const char *code, struct kt_error *err)
{
    size_t n = strlen(code);
    if (!kt_alerts_self_any(d->alerts, code))
        return KT_OK;
    for (unsigned i = 0; i < KT_NOTES_MAX; i++)
        if (strncmp(d->quiet[i].key, code, n) == 0 && d->quiet[i].key[n] == ' ')
            d->quiet[i].until = 0;
    enum kt_status st = kt_ingest_begin(d->ingest, err);
    if (st == KT_OK)
        st = kt_alerts_self_over_all(d->alerts, code, kt_clock_real.wall(kt_clock_real.self), err);
    return st;
}

/* For `status`, which cannot read the log for it. */
static enum kt_status keep_restored(struct kt_daemon *d, const struct kt_note *n,
                                    struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf value = { 0 };
    if (strcmp(n->code, "store.restored") != 0)
        return KT_OK;
    kt_buf_addf(&value, "{\"at\":%" PRId64 ",\"agent\":", kt_clock_real.wall(kt_clock_real.self));
    kt_json_quote(&value, kt_str_of(n->about));
    kt_buf_addz(&value, ",\"what\":");
    kt_json_quote(&value, kt_str_of(n->sentence));
    kt_buf_byte(&value, '}');
    return kt_store_put(d->store, "status/restored", kt_buf_str(&value), err);
}

enum kt_status kt_daemon_write_notes(struct kt_daemon *d, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 };
    for (unsigned i = 0; i < d->n_notes; i++) {
        const struct kt_note *n = &d->notes[i];
        const struct kt_self_code *code = kt_self_code_of(n->code);
        struct kt_alerts_self self = { .code = code,
                                       .about = kt_str_of(n->about),
                                       .sentence = n->sentence,
                                       .except = n->except[0] != '\0' ? n->except : NULL };
        uint64_t opened = kt_alerts_self_opened(d->alerts);
        kt_buf_reset(&raw);
        kt_buf_addz(&raw, "{\"about\":");
        kt_json_quote(&raw, kt_str_of(n->about));
        kt_buf_byte(&raw, '}');
        enum kt_status st = kt_daemon_record(d, KT_KIND_AUDIT, n->code, kt_str_of(n->sentence),
                                             kt_buf_str(&raw), err);
        if (st == KT_OK)
            st = keep_restored(d, n, err);
        kt_time_ns now = kt_clock_real.wall(kt_clock_real.self);
        if (st == KT_OK && code->change)
            st = kt_alerts_change(d->alerts, n->code, self.about, n->sentence, now, err);
        else if (st == KT_OK)
            st = kt_alerts_self(d->alerts, &self, now, err);
        if (st == KT_OK && kt_alerts_self_opened(d->alerts) > opened)
            kt_counts_alert(d->counts, KT_STR("self"), code->severity);
        if (st == KT_OK && strcmp(n->code, "delivery.broken") == 0)
            st = kt_daemon_target_broke(d, n->about, now, err);
        if (st != KT_OK)
            return st;
        d->notified = true;
    }
    d->n_notes = 0;
    return KT_OK;
}

static enum kt_status record_part(void *self, struct kt_str raw, struct kt_error *err)
{
    return kt_daemon_record(self, KT_KIND_CONFIG, "config",
                            KT_STR("effective configuration of the collector"), raw, err);
}

enum kt_status kt_daemon_record_config(struct kt_daemon *d, struct kt_error *err)
{
    return kt_settings_write(d->conf, kt_geo_describe(d->geo), record_part, d, err);
}

enum kt_status kt_daemon_record_agents(struct kt_daemon *d, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 };
    uint8_t digest[32];
    kt_auth_digest(d->auth, digest);
    kt_buf_addz(&raw, "{\"what\":\"agents\",\"digest\":\"");
    kt_hex_add(&raw, digest, sizeof digest);
    kt_buf_addz(&raw, "\",\"names\":[");
    for (unsigned i = 0; i < kt_auth_count(d->auth); i++) {
        if (i > 0)
            kt_buf_byte(&raw, ',');
        kt_json_quote(&raw, kt_str_of(kt_auth_at(d->auth, i)->name));
    }
    kt_buf_addz(&raw, "],\"revoked\":[");
    const char *between = "";
    for (unsigned i = 0; i < kt_auth_count(d->auth); i++) {
        if (!kt_auth_at(d->auth, i)->revoked)
            continue;
        kt_buf_addz(&raw, between);
        kt_json_quote(&raw, kt_str_of(kt_auth_at(d->auth, i)->name));
        between = ",";
    }
    kt_buf_addz(&raw, "]}");
    return kt_daemon_record(d, KT_KIND_CONFIG, "agents", KT_STR("allow-list of agents"),
                            kt_buf_str(&raw), err);
}
