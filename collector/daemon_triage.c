/*
 * daemon_triage: the control socket's requests about alerts: ack, assign, close, reopen, note, and
 * silences.
 *
 * Owns:  nothing.
 * Calls: triage (what follows from a step), daemon_notes (the record).
 * Holds: a step is on the disk before anybody is told so.
 */
#include "collector/daemon.h"
#include "core/base/log.h"
#include "core/event/decision.h"
#include "core/event/line.h"
#include "core/sys/clock.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define IDS_MAX   100u
#define REMEMBERS (90 * KT_NS_DAY) /* what an incident holds back waits as long for a verdict */

static kt_time_ns wall(void)
{
    return kt_clock_real.wall(kt_clock_real.self);
}

static enum kt_status record(void *self, const char *operation, struct kt_str sentence,
                             struct kt_str raw, struct kt_error *err)
{
    struct kt_daemon *d = self;
    return kt_daemon_record(d, KT_KIND_DECISION, operation, sentence, raw, err);
}

enum kt_status kt_daemon_open_triage(struct kt_daemon *d, struct kt_error *err)
{
    const struct kt_triage_options o = {
        .store = d->store, .store_path = d->conf->store_path, .record = record, .self = d
    };
    return kt_triage_open(&o, &d->triage, err);
}

/* An error of the store ends the process; others are the answer. */
static enum kt_status failed(struct kt_daemon *d, const struct kt_error *err)
{
    if (err->code == KT_E_IO || err->code == KT_E_CORRUPT)
        d->fatal = *err;
    return err->code;
}

/* ---- steps ---- */

static void answer(const struct kt_triage_done *done, enum kt_step_what what, struct kt_buf *out)
{
    const struct kt_life *l = done->life;
    const struct kt_life_mark *mark = l == NULL                     ? NULL
                                      : l->status == KT_LIFE_CLOSED ? &l->closed
                                      : what == KT_STEP_ASSIGN      ? &l->assigned
                                      : l->acked.at != 0            ? &l->acked
                                                                    : &l->reopened;
    kt_buf_addf(out, "{\"alert\":\"%s\",\"changed\":%s,\"status\":\"%s\"", done->alert,
                done->changed ? "true" : "false",
                kt_life_word(l == NULL ? KT_LIFE_OPEN : l->status));
    if (mark != NULL && mark->at != 0) {
        kt_buf_addz(out, ",\"by\":");
        kt_json_quote(out, kt_str_of(mark->by));
        kt_buf_addz(out, ",\"where\":");
        kt_json_quote(out, kt_str_of(mark->where));
        kt_buf_addf(out, ",\"at\":%" PRId64, mark->at);
    }
    if (l != NULL && l->assigned.at != 0) {
        kt_buf_addz(out, ",\"assignee\":");
        kt_json_quote(out, kt_str_of(l->assigned.text));
    }
    if (what == KT_STEP_CLOSE)
        kt_buf_addf(out, ",\"verdict\":\"%s\",\"acts\":%s",
                    kt_finding_verdict_word((enum kt_finding_verdict)l->closed.verdict),
                    !done->own && done->last + REMEMBERS > wall() ? "true" : "false");
    kt_buf_addz(out, "}\n");
}

/* An answer that was given elsewhere: what its author can have known of the alert. */
struct elsewhere {
    int64_t at; /* when it was; 0: here and now, or `saw` says it */
    bool has_saw;
    struct kt_triage_saw saw;
    struct kt_jval told_by; /* types of targets, of which one told him */
};

static enum kt_status read_elsewhere(struct kt_jval args, struct elsewhere *ret,
                                     struct kt_error *err)
{
    struct kt_jval saw = kt_json_at(args, "saw");
    struct kt_str severity = kt_json_str_at(saw, "severity");
    *ret = (struct elsewhere){ .told_by = kt_json_at(args, "told_by") };
    (void)kt_json_i64(kt_json_at(args, "at"), &ret->at);
    ret->has_saw = kt_json_type(saw) != KT_JSON_NONE;
    if (ret->has_saw && (severity.len == 0 || severity.len >= sizeof ret->saw.severity ||
                         !kt_json_i64(kt_json_at(saw, "reopened"), &ret->saw.reopened)))
        return kt_fail(err, KT_E_INPUT, "'saw' says severity and reopened");
    kt_str_copyz(ret->saw.severity, sizeof ret->saw.severity, severity);
    return KT_OK;
}

struct told { /* may he have read what a target was told? */
    const struct kt_conf *conf;
    const struct elsewhere *e;
};

static bool told_him(const struct elsewhere *e, const char *type)
{
    struct kt_json_iter it = kt_json_iter(e->told_by);
    struct kt_str name;
    struct kt_jval item;
    bool found = false;
    while (!found && kt_json_next(&it, &name, &item))
        found = kt_str_is(kt_json_str(item), type);
    return found;
}

/* A target that has another name now, or is gone, was of any type. */
static bool can_be(void *self, const char *target)
{
    const struct told *t = self;
    const struct kt_conf_target *c = kt_daemon_target(t->conf, target);
    return c == NULL || told_him(t->e, c->type);
}

static enum kt_status may_count(struct kt_daemon *d, const char *alert, const struct elsewhere *e,
                                struct kt_error *err)
{
    struct told told = { d->conf, e };
    if (e->has_saw)
        return kt_triage_saw(d->triage, alert, &e->saw, err);
    return e->at == 0 ? KT_OK : kt_triage_answered(d->triage, alert, e->at, can_be, &told, err);
}

/* One of the alerts that were named. What is wrong with one does not stop the others. */
static enum kt_status one(struct kt_daemon *d, const struct kt_step *step, struct kt_str prefix,
                          const struct elsewhere *e, struct kt_buf *out, struct kt_error *err)
{
    struct kt_step s = *step;
    struct kt_triage_done done;
    struct kt_error why = { 0 };
    enum kt_status st = KT_OK;
    char by[KT_LOG_VALUE];
    if (prefix.len >= sizeof s.alert)
        st = kt_fail(&why, KT_E_INPUT, "an alert's id has 26 characters");
    kt_str_copyz(s.alert, sizeof s.alert, prefix);
    if (st == KT_OK)
        st = may_count(d, s.alert, e, &why);
    if (st == KT_OK)
        st = kt_triage_step(d->triage, &s, wall(), &done, &why);
    if (st == KT_OK) {
        answer(&done, s.what, out);
        d->notified = d->notified || done.changed;
        if (done.changed)
            kt_pager_answered(d->pager, done.alert);
        if (done.changed)
            kt_log(KT_LOG_INFO, "collector: %s alert=%s by='%s'", kt_step_word(s.what), done.alert,
                   kt_log_value(s.by, by));
        return KT_OK;
    }
    if (st != KT_E_INPUT) {
        *err = why;
        return st;
    }
    kt_buf_addz(out, "{\"alert\":");
    kt_json_quote(out, prefix);
    kt_buf_addz(out, ",\"refused\":");
    kt_json_quote(out, kt_str_of(why.text));
    kt_buf_addz(out, "}\n");
    return KT_OK;
}

/* The page is believed who did it, but not that it was done elsewhere: "page", "page: slack-sec".
 */
static void from_page(struct kt_step *step)
{
    char said[sizeof step->where];
    kt_str_copyz(said, sizeof said, kt_str_of(step->where));
    bool more = said[0] != '\0' && strcmp(said, "page") != 0;
    (void)snprintf(step->where, sizeof step->where, "page%s%.56s", more ? ": " : "",
                   more ? said : "");
}

static enum kt_status steps(struct kt_daemon *d, enum kt_step_what what, struct kt_jval args,
                            struct kt_buf *out, struct kt_error *err)
{
    struct kt_step step;
    struct kt_str name;
    struct kt_jval id;
    struct elsewhere elsewhere;
    unsigned n = 0;
    struct kt_json_iter it = kt_json_iter(kt_json_at(args, "ids"));
    if (read_elsewhere(args, &elsewhere, err) != KT_OK ||
        kt_step_read(what, args, &step, err) != KT_OK)
        return err->code;
    if (step.alert[0] != '\0' || step.severity[0] != '\0')
        return kt_fail(err, KT_E_INPUT, "name the alerts in 'ids'; their severity is known");
    if (d->for_page)
        from_page(&step);
    enum kt_status st = KT_OK;
    while (st == KT_OK && n < IDS_MAX && kt_json_next(&it, &name, &id)) {
        st = one(d, &step, kt_json_str(id), &elsewhere, out, err);
        n++;
    }
    if (st == KT_OK && n == 0)
        return kt_fail(err, KT_E_INPUT, "which alerts? 'ids' is missing");
    if (st == KT_OK && kt_json_next(&it, &name, &id))
        kt_buf_addf(out, "{\"alert\":\"\",\"refused\":\"only the first %u ids were read\"}\n",
                    IDS_MAX);
    if (st != KT_OK)
        return failed(d, err);
    return kt_daemon_commit(d, err);
}

enum kt_status kt_daemon_ack(struct kt_daemon *d, struct kt_jval args, struct kt_buf *out,
                             struct kt_error *err)
{
    return steps(d, KT_STEP_ACK, args, out, err);
}

enum kt_status kt_daemon_assign(struct kt_daemon *d, struct kt_jval args, struct kt_buf *out,
                                struct kt_error *err)
{
    return steps(d, KT_STEP_ASSIGN, args, out, err);
}

enum kt_status kt_daemon_close(struct kt_daemon *d, struct kt_jval args, struct kt_buf *out,
                               struct kt_error *err)
{
    return steps(d, KT_STEP_CLOSE, args, out, err);
}

enum kt_status kt_daemon_reopen(struct kt_daemon *d, struct kt_jval args, struct kt_buf *out,
                                struct kt_error *err)
{
    return steps(d, KT_STEP_REOPEN, args, out, err);
}

enum kt_status kt_daemon_alert_note(struct kt_daemon *d, struct kt_jval args, struct kt_buf *out,
                                    struct kt_error *err)
{
    return steps(d, KT_STEP_NOTE, args, out, err);
}

/* ---- silences ---- */

enum kt_status kt_daemon_silence_add(struct kt_daemon *d, struct kt_jval args, struct kt_buf *out,
                                     struct kt_error *err)
{
    struct kt_silence s;
    if (kt_silence_read(args, &s, err) != KT_OK)
        return err->code;
    char by[KT_LOG_VALUE];
    if (s.id[0] != '\0')
        return kt_fail(err, KT_E_INPUT, "'id' is given by the collector");
    if (kt_triage_silence(d->triage, &s, wall(), err) != KT_OK)
        return failed(d, err);
    enum kt_status st = kt_daemon_commit(d, err);
    if (st == KT_OK) {
        kt_log(KT_LOG_INFO, "collector: silence id=%s by='%s'", s.id, kt_log_value(s.by, by));
        kt_buf_addf(out, "{\"id\":\"%s\"}\n", s.id);
    }
    return st;
}

enum kt_status kt_daemon_silence_rm(struct kt_daemon *d, struct kt_jval args, struct kt_buf *out,
                                    struct kt_error *err)
{
    struct kt_str id = kt_json_str_at(args, "id");
    if (kt_triage_unsilence(d->triage, id, kt_str_trim(kt_json_str_at(args, "reason")),
                            kt_str_trim(kt_json_str_at(args, "by")), wall(), err) != KT_OK)
        return failed(d, err);
    enum kt_status st = kt_daemon_commit(d, err);
    if (st == KT_OK) {
        kt_log(KT_LOG_INFO, "collector: silence.rm id=" KT_STR_FMT, KT_STR_ARG(id));
        kt_buf_addz(out, "{\"id\":");
        kt_json_quote(out, id);
        kt_buf_addz(out, "}\n");
    }
    return st;
}
