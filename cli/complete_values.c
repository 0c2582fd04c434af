/*
 * complete_values: the values that completion offers: fixed words, what the program knows, and what
 * the store or the configuration that the line names (else the system's) holds.
 *
 * Owns:  nothing.
 * Calls: core/store/read.h and the folds of core/query; detectors, exporters (names).
 */
#include "cli/complete_values.h"

#include <stdio.h>

#include "agents/source.h"
#include "cli/commands.h"
#include "cli/complete.h"
#include "collector/auth.h"
#include "core/base/limits.h"
#include "core/base/map.h"
#include "core/config/config.h"
#include "core/event/line.h"
#include "core/query/decisions.h"
#include "core/query/holds.h"
#include "core/query/incidents.h"
#include "core/query/subject.h"
#include "core/sys/clock.h"
#include "detectors/detector.h"
#include "exporters/alerts/view.h"
#include "exporters/streams/stream.h"

#define ALERTS_MAX  100u
#define RECORDS_MAX 4096u /* the newest, where names are looked for */

static struct kt_reader *open_store(const struct kt_complete *c)
{
    char path[4096];
    struct kt_reader *r = NULL;
    struct kt_error err = { 0 };
    if (kt_cli_store_path(kt_complete_db(c), kt_complete_config(c), path, sizeof path, &err) !=
            KT_OK ||
        kt_reader_open(path, &r, &err) != KT_OK)
        return NULL;
    return r;
}

static struct kt_conf *open_conf(const struct kt_complete *c)
{
    struct kt_conf *conf = NULL;
    const char *path = kt_complete_config(c);
    struct kt_error err = { 0 };
    if (kt_conf_load(path != NULL ? path : KT_CONFIG_SYSTEM, &conf, &err) != KT_OK)
        return NULL;
    return conf;
}

static kt_time_ns wall(void)
{
    return kt_clock_real.wall(kt_clock_real.self);
}

/* ---- what the program knows ---- */

static void detectors(struct kt_complete *c)
{
    for (unsigned i = 0; kt_detectors[i] != NULL; i++)
        (void)kt_complete_offer(c, kt_str_of(kt_detectors[i]->name),
                                kt_str_of(kt_detectors[i]->summary));
}

static void sources(struct kt_complete *c)
{
    for (unsigned i = 0; kt_sources[i] != NULL; i++)
        (void)kt_complete_offer(c, kt_str_of(kt_sources[i]->name),
                                kt_str_of(kt_sources[i]->summary));
}

static void steps(struct kt_complete *c)
{
    for (int i = 0; i < KT_RUNBOOK_COUNT; i++)
        (void)kt_complete_offer(c, kt_str_of(kt_runbook_word((enum kt_runbook)i)), KT_STR_NONE);
}

/* "actor:" to go on from. */
static void query(struct kt_complete *c)
{
    const struct kt_subject *fields = kt_query_fields();
    for (unsigned i = 0; i < fields->n; i++) {
        char text[80];
        (void)snprintf(text, sizeof text, "%s:", fields->field[i].name);
        (void)kt_complete_offer(c, kt_str_of(text), KT_STR_NONE);
    }
}

/* ---- the configuration ---- */

static void targets(struct kt_complete *c)
{
    struct kt_conf *conf = open_conf(c);
    for (unsigned i = 0; conf != NULL && i < conf->n_targets; i++)
        (void)kt_complete_offer(c, kt_str_of(conf->targets[i].name),
                                kt_str_of(conf->targets[i].type));
    kt_conf_free(conf);
}

static void streams(struct kt_complete *c)
{
    struct kt_conf *conf = open_conf(c);
    for (unsigned i = 0; conf != NULL && i < conf->n_streams; i++)
        (void)kt_complete_offer(c, kt_str_of(conf->streams[i].name),
                                kt_str_of(conf->streams[i].type));
    kt_conf_free(conf);
}

static void agents(struct kt_complete *c)
{
    struct kt_conf *conf = open_conf(c);
    struct kt_auth *auth = NULL;
    struct kt_error err = { 0 };
    if (conf != NULL && kt_auth_open(conf->agents_dir, &auth, &err) == KT_OK)
        for (unsigned i = 0; i < kt_auth_count(auth); i++)
            (void)kt_complete_offer(c, kt_str_of(kt_auth_at(auth, i)->name), KT_STR_NONE);
    kt_auth_free(auth);
    kt_conf_free(conf);
}

/* ---- the store ---- */

struct alerts {
    struct kt_complete *c;
    struct kt_alert_view view;
    unsigned n;
};

static enum kt_status alert(void *self, const char *id, struct kt_str json, struct kt_error *err)
{
    struct alerts *a = self;
    struct kt_alert alert = { 0 };
    KT_CLEANUP(kt_arena_done) struct kt_arena arena = kt_arena_new(KT_LINE_MAX);
    KT_CLEANUP(kt_buf_done) struct kt_buf about = { 0 };
    if (kt_alert_read(json, &arena, &alert, err) == KT_OK) {
        kt_alert_view_live(&a->view, &alert);
        kt_buf_addf(&about, "%s, %s: " KT_STR_FMT, kt_severity_words[alert.severity].word,
                    kt_life_word(kt_alert_status(&alert)), KT_STR_ARG(alert.title));
    }
    return ++a->n < ALERTS_MAX && kt_complete_offer(a->c, kt_str_of(id), kt_buf_str(&about))
               ? KT_OK
               : KT_E_AGAIN;
}

static void alerts(struct kt_complete *c)
{
    struct alerts a = { .c = c };
    struct kt_error err = { 0 };
    struct kt_reader *r = open_store(c);
    if (r != NULL && kt_alert_view_load(r, &a.view, &err) == KT_OK)
        (void)!kt_reader_alerts(r, alert, &a, &err);
    kt_alert_view_done(&a.view);
    kt_reader_close(r);
}

static void silences(struct kt_complete *c)
{
    struct kt_silences all = { 0 };
    struct kt_error err = { 0 };
    struct kt_reader *r = open_store(c);
    if (r != NULL && kt_silences_load(r, &all, &err) == KT_OK)
        for (unsigned i = 0; i < all.n; i++)
            if (kt_silence_open(&all.at[i], wall()))
                (void)kt_complete_offer(c, kt_str_of(all.at[i].id), kt_str_of(all.at[i].reason));
    kt_silences_done(&all);
    kt_reader_close(r);
}

static void holds(struct kt_complete *c)
{
    struct kt_holds all = { 0 };
    struct kt_error err = { 0 };
    struct kt_reader *r = open_store(c);
    if (r != NULL && kt_holds_load(r, &all, &err) == KT_OK)
        for (unsigned i = 0; i < all.n; i++)
            if (all.at[i].removed == 0)
                (void)kt_complete_offer(c, kt_str_of(all.at[i].id), kt_str_of(all.at[i].reason));
    kt_holds_done(&all);
    kt_reader_close(r);
}

static void expectations(struct kt_complete *c)
{
    struct kt_decisions all = { 0 };
    struct kt_error err = { 0 };
    struct kt_reader *r = open_store(c);
    if (r != NULL && kt_decisions_load(r, &all, &err) == KT_OK)
        for (unsigned i = 0; i < all.n; i++)
            if (kt_decided_open(&all.at[i], wall()))
                (void)kt_complete_offer(c, kt_str_of(all.at[i].d.id),
                                        kt_str_of(all.at[i].d.reason));
    kt_decisions_done(&all);
    kt_reader_close(r);
}

static void incidents(struct kt_complete *c)
{
    struct kt_incidents all = { 0 };
    struct kt_error err = { 0 };
    struct kt_reader *r = open_store(c);
    if (r != NULL && kt_incidents_load(r, &all, &err) == KT_OK)
        for (unsigned i = 0; i < all.n; i++)
            (void)kt_complete_offer(c, kt_str_of(all.at[i]->id), kt_str_of(all.at[i]->subject));
    kt_incidents_done(&all);
    kt_reader_close(r);
}

/* Names among the newest records: what somebody asks about happened today. */
static void recent(struct kt_complete *c, struct kt_str (*of)(const struct kt_event *ev))
{
    const struct kt_scan scan = { .newest_first = true, .records = true };
    struct kt_reader *r = open_store(c);
    struct kt_cursor *cursor = NULL;
    struct kt_map *seen = kt_map_new(0);
    struct kt_record record;
    struct kt_error err = { 0 };
    enum kt_status st =
        r != NULL ? kt_cursor_open(r, &scan, &cursor, &err) : kt_fail(&err, KT_E_AGAIN, "no store");
    for (unsigned i = 0; st == KT_OK && i < RECORDS_MAX; i++) {
        st = kt_cursor_next(cursor, &record, &err);
        struct kt_str name = st == KT_OK ? of(&record.ev) : KT_STR_NONE;
        bool fresh = false;
        if (name.len > 0)
            (void)kt_map_put(seen, name, &fresh);
        if (fresh && !kt_complete_offer(c, name, KT_STR_NONE))
            break;
        st = st == KT_E_CORRUPT ? KT_OK : st;
    }
    kt_cursor_free(cursor);
    kt_map_free(seen);
    kt_reader_close(r);
}

#define RECENT(name, member)                                                                       \
    static struct kt_str name##_of(const struct kt_event *ev)                                      \
    {                                                                                              \
        return ev->member;                                                                         \
    }                                                                                              \
    static void name(struct kt_complete *c)                                                        \
    {                                                                                              \
        recent(c, name##_of);                                                                      \
    }
RECENT(actors, actor)
RECENT(secrets, secret)
RECENT(instances, instance)
RECENT(sessions, session)
RECENT(credentials, credential)

static const struct kt_values kinds[] = {
    { "DETECTOR", NULL, false, false, detectors },
    { "SOURCE", NULL, false, false, sources },
    { "STEP", NULL, false, false, steps },
    { "QUERY", NULL, false, false, query },
    { "TARGET", NULL, false, false, targets },
    { "STREAM", NULL, false, false, streams },
    { "AGENT", NULL, false, false, agents },
    { "ALERT", NULL, false, false, alerts },
    { "SILENCE", NULL, false, false, silences },
    { "HOLD", NULL, false, false, holds },
    { "EXPECTATION", NULL, false, false, expectations },
    { "INCIDENT", NULL, false, false, incidents },
    { "ACTOR", NULL, false, false, actors },
    { "SECRET", NULL, false, false, secrets },
    { "INSTANCE", NULL, false, false, instances },
    { "CREDENTIAL", NULL, false, false, credentials },
    { "PATTERN", NULL, false, false, secrets },
    { "SESSION", NULL, false, false, sessions },
    KT_VALUES_COMMON,
    { 0 },
};

int kt_complete_keytrail(int argc, char **argv)
{
    return kt_complete_main(kt_program_keytrail, kinds, argc, argv);
}
