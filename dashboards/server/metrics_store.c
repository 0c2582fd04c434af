/*
 * metrics_store: a store's figures as JSON.
 *
 * Owns:  the newest verification that the log tells of; the counts of alerts, for a minute.
 * Calls: core/store/read, core/query/lives, exporters/alerts/alert, core/sys/fs (size of the -wal).
 */
#include "dashboards/server/metrics_store.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/histogram.h"
#include "core/base/limits.h"
#include "core/base/map.h"
#include "core/event/json.h"
#include "core/query/lives.h"
#include "core/sys/fs.h"
#include "exporters/alerts/alert.h"

struct taken { /* up, by whoever was first */
    kt_time_ns at;
    int severity;
};
struct counts {
    uint64_t open[KT_SEV_COUNT], waiting[KT_SEV_COUNT];
    struct kt_histogram ack[KT_SEV_COUNT];
    bool doubted; /* an alert about the log's integrity is open */
};
struct kt_metrics_store {
    uint64_t audit_seq; /* the log was read up to here */
    kt_time_ns verified;
    bool verified_ok;
    kt_time_ns next; /* when alerts are counted again */
    struct counts counts;
};

struct kt_metrics_store *kt_metrics_store_new(void)
{
    struct kt_metrics_store *s = kt_alloc(sizeof *s);
    s->verified_ok = true;
    return s;
}

void kt_metrics_store_free(struct kt_metrics_store *s)
{
    kt_free(s);
}

void kt_metrics_store_verified(struct kt_metrics_store *s, kt_time_ns at, bool ok)
{
    if (at < s->verified)
        return;
    s->verified = at;
    s->verified_ok = ok;
}

/* ---- what the log says of verifications ---- */

/* A backup that was verified, a verification by itself: audit records with that outcome. */
static void take_audit(struct kt_metrics_store *s, struct kt_json *json, const struct kt_record *r)
{
    static const struct {
        const char *operation, *member;
    } rows[] = { { "backup", "verified" }, { "verify", "ok" } };
    struct kt_jval root;
    unsigned repaired;
    for (size_t i = 0; i < KT_ARRAY_LEN(rows); i++) {
        if (!kt_str_is(r->ev.operation, rows[i].operation) ||
            kt_json_parse(json, r->ev.raw, &root, &repaired, NULL) != KT_OK)
            continue;
        bool ok = kt_json_bool(kt_json_at(root, rows[i].member), false);
        if (ok || i > 0) /* a backup without a verification says nothing */
            kt_metrics_store_verified(s, r->arrival, ok);
    }
}

static enum kt_status read_audit(struct kt_metrics_store *s, struct kt_reader *r,
                                 struct kt_error *err)
{
    struct kt_damage damage = { 0 };
    const struct kt_scan scan = { .from_seq = s->audit_seq + 1,
                                  .control = true,
                                  .control_kind = KT_KIND_AUDIT,
                                  .damage = &damage };
    struct kt_cursor *c = NULL;
    struct kt_record record;
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    enum kt_status st = kt_cursor_open(r, &scan, &c, err);
    while (st == KT_OK && (st = kt_cursor_next(c, &record, err)) == KT_OK) {
        take_audit(s, json, &record);
        s->audit_seq = record.seq;
    }
    kt_cursor_free(c);
    kt_json_free(json);
    return st == KT_E_AGAIN ? KT_OK : st;
}

/* ---- alerts ---- */

struct walk {
    struct counts *counts;
    struct kt_lives lives;
    struct kt_map *ids; /* of alerts that somebody took up */
    struct taken *taken;
    struct kt_arena arena;
};

static int severity_of(const char *word)
{
    int i = KT_SEV_COUNT;
    while (i-- > 0 && strcmp(kt_severity_words[i].word, word) != 0)
        ;
    return i;
}

/* The first step that takes an alert up, with the severity it had: later ones change nothing, so
 * that what is counted only grows. */
static void note_step(void *self, const struct kt_step *step)
{
    struct walk *w = self;
    bool fresh = false;
    int severity = severity_of(step->severity);
    if ((step->what != KT_STEP_ACK && step->what != KT_STEP_CLOSE) || severity < 0)
        return;
    uint32_t n = kt_map_put(w->ids, kt_str_of(step->alert), &fresh);
    if (!fresh)
        return;
    w->taken = kt_realloc_array(w->taken, n + 1, sizeof *w->taken);
    w->taken[n] = (struct taken){ step->at, severity };
}

/* Does it say that the log is not what it was? */
static bool doubts(const struct kt_alert *a)
{
    static const char *const codes[] = { "integrity.failed", "integrity.contradiction",
                                         "checkpoint.refused" };
    for (size_t i = 0; i < KT_ARRAY_LEN(codes); i++)
        if (a->n_parts > 0 && kt_str_is(a->parts[0].text, codes[i]))
            return kt_alert_is_own(a);
    return false;
}

static enum kt_status count_alert(void *self, const char *id, struct kt_str json,
                                  struct kt_error *err)
{
    struct walk *w = self;
    struct kt_alert a;
    (void)err;
    kt_arena_reset(&w->arena);
    if (kt_alert_read(json, &w->arena, &a, NULL) != KT_OK || a.test || a.suppressed_by.len > 0)
        return KT_OK;
    uint32_t n = kt_map_get(w->ids, kt_str_of(id));
    if (n != KT_MAP_NONE)
        kt_histogram_add(&w->counts->ack[w->taken[n].severity], &kt_buckets_ack,
                         w->taken[n].at - a.raised);
    const struct kt_life *life = kt_lives_of(&w->lives, kt_str_of(id));
    enum kt_life_status at = life == NULL ? KT_LIFE_OPEN : life->status;
    if (kt_alert_is_over(&a) || at == KT_LIFE_CLOSED)
        return KT_OK;
    w->counts->open[a.severity]++;
    w->counts->waiting[a.severity] += at == KT_LIFE_OPEN;
    w->counts->doubted = w->counts->doubted || doubts(&a);
    return KT_OK;
}

static enum kt_status count_alerts(struct kt_reader *r, struct counts *ret, struct kt_error *err)
{
    struct counts fresh = { 0 };
    struct kt_damage damage = { 0 };
    struct walk w = { .counts = &fresh, .ids = kt_map_new(0), .arena = kt_arena_new(KT_LINE_MAX) };
    enum kt_status st = kt_lives_load(r, &w.lives, err);
    if (st == KT_OK)
        st = kt_lives_steps(r, KT_STR_NONE, note_step, &w, &damage, err);
    if (st == KT_OK)
        st = kt_reader_alerts(r, count_alert, &w, err);
    kt_lives_done(&w.lives);
    kt_map_free(w.ids);
    kt_free(w.taken);
    kt_arena_done(&w.arena);
    if (st == KT_OK)
        *ret = fresh;
    return st;
}

/* ---- all of it ---- */

static uint64_t wal_bytes(const char *path)
{
    char wal[4096];
    struct kt_stat there = { 0 };
    int n = snprintf(wal, sizeof wal, "%s-wal", path);
    bool found = n > 0 && (size_t)n < sizeof wal &&
                 kt_fs_real.stat(kt_fs_real.self, wal, &there, NULL) == KT_OK;
    return found ? there.size : 0;
}

static void add_by_severity(struct kt_buf *out, const char *key, const uint64_t *n)
{
    kt_buf_addf(out, ",\"%s\":{", key);
    for (unsigned i = 0; i < KT_SEV_COUNT; i++)
        kt_buf_addf(out, "%s\"%s\":%" PRIu64, i > 0 ? "," : "", kt_severity_words[i].word, n[i]);
    kt_buf_byte(out, '}');
}

static void add_counts(const struct counts *c, struct kt_buf *out)
{
    const char *between = "";
    add_by_severity(out, "alerts_open", c->open);
    add_by_severity(out, "alerts_waiting", c->waiting);
    kt_buf_addz(out, ",\"ack\":{");
    for (unsigned i = 0; i < KT_SEV_COUNT; i++) {
        if (kt_histogram_count(&c->ack[i]) == 0)
            continue;
        kt_buf_addf(out, "%s\"%s\":", between, kt_severity_words[i].word);
        kt_histogram_write(&c->ack[i], &kt_buckets_ack, out);
        between = ",";
    }
    kt_buf_byte(out, '}');
}

enum kt_status kt_metrics_store_figures(struct kt_metrics_store *s, struct kt_reader *r,
                                        const char *path, kt_time_ns now, struct kt_buf *out,
                                        struct kt_error *err)
{
    struct kt_store_stats stats;
    enum kt_status st = kt_reader_stats(r, &stats, err);
    if (st == KT_OK)
        st = read_audit(s, r, err);
    if (st == KT_OK && (now >= s->next || s->next > now + KT_METRICS_STORE_EVERY)) {
        st = count_alerts(r, &s->counts, err);
        s->next = now + KT_METRICS_STORE_EVERY;
    }
    if (st != KT_OK)
        return kt_wrap(err, "figures of the store");
    bool ok = stats.damaged_files == 0 && s->verified_ok && !s->counts.doubted;
    kt_buf_addf(out,
                "{\"size_bytes\":%" PRIu64 ",\"wal_bytes\":%" PRIu64 ",\"events\":%" PRIu64
                ",\"removed_events\":%" PRIu64 ",\"oldest\":%" PRId64 ",\"verified\":%" PRId64
                ",\"integrity_ok\":%s",
                stats.file_bytes, wal_bytes(path), stats.events, stats.removed_events,
                stats.first_time, s->verified, ok ? "true" : "false");
    add_counts(&s->counts, out);
    kt_buf_byte(out, '}');
    return KT_OK;
}
