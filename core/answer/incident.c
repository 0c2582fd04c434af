/*
 * incident: judging the steps of a runbook by what the log shows.
 *
 * Owns:  the texts of the answer.
 * Calls: core/answer (ask, coverage, credential, credential_use, secret_state). No clock, no
 *        output.
 */
#include "core/answer/incident_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/answer/coverage.h"
#include "core/answer/credential.h"
#include "core/answer/credential_use.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"

#define TEXTS_MAX (8u << 20)
#define ID_SHOWN  8u /* of an alert's id: enough to name it */

struct judge {
    struct kt_incident_state is; /* first: what is handed out */
    struct kt_arena arena;
    struct kt_ask *ask;
    const struct kt_incident *i;
    const struct kt_incident_alert *alert;
    unsigned n_alerts;
};

static void say(struct judge *j, enum kt_runbook step, enum kt_tick tick, const char *fmt, ...)
    KT_PRINTF(4, 5);
static void say(struct judge *j, enum kt_runbook step, enum kt_tick tick, const char *fmt, ...)
{
    char text[1200];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    j->is.step[step].tick = tick;
    j->is.step[step].text = kt_arena_str(&j->arena, kt_utf8_cut(kt_str_of(text), sizeof text));
}

static void next(struct judge *j, enum kt_runbook step, struct kt_buf *command)
{
    j->is.step[step].next = kt_arena_str(&j->arena, kt_buf_str(command));
    kt_buf_done(command);
}

void kt_incident_window(const struct kt_incident *i, kt_time_ns now, kt_time_ns *ret_since,
                        kt_time_ns *ret_until)
{
    kt_time_ns first = i->opened.at;
    for (unsigned k = 0; k < i->n_exposed; k++)
        if (i->exposed[k].first != 0 && i->exposed[k].first < first)
            first = i->exposed[k].first;
    *ret_since = i->since != 0 ? i->since : first;
    *ret_until = i->until != 0 ? i->until : i->closed.at != 0 ? i->closed.at : now;
}

/* ---- confirm ---- */

static void confirm(struct judge *j)
{
    struct kt_buf command = { 0 };
    say(j, KT_RUNBOOK_CONFIRM, KT_TICK_OPEN, "nobody said that it is real");
    if (j->i->about != KT_ABOUT_ALERT)
        return;
    kt_buf_addz(&command, "keytrail alerts close ");
    kt_shell_quote(kt_str_sub(kt_str_of(j->i->subject), 0, ID_SHOWN), &command);
    kt_buf_addz(&command, " --verdict true");
    for (unsigned k = 0; k < j->n_alerts; k++) {
        const struct kt_incident_alert *a = &j->alert[k];
        if (!kt_str_is(a->id, j->i->subject) || !a->judged)
            continue;
        bool real = kt_str_is(a->verdict, "true");
        say(j, KT_RUNBOOK_CONFIRM, real ? KT_TICK_LOG : KT_TICK_OPEN,
            "the alert was closed as " KT_STR_FMT "%s", KT_STR_ARG(a->verdict),
            real ? "" : ": close the incident, or say that it is real all the same");
    }
    next(j, KT_RUNBOOK_CONFIRM, &command);
}

/* ---- blast, rotate, deploy ---- */

static struct kt_str actor_of(const struct judge *j)
{
    for (unsigned k = 0; k < j->n_alerts; k++)
        if (kt_str_is(j->alert[k].id, j->i->subject))
            return j->alert[k].actor;
    return KT_STR_NONE;
}

static enum kt_status blast(struct judge *j, struct kt_error *err)
{
    struct kt_buf command = { 0 };
    uint64_t since;
    const struct kt_incident *i = j->i;
    unsigned versions = 0;
    for (unsigned k = 0; k < i->n_exposed; k++)
        versions += i->exposed[k].n_versions;
    enum kt_status st = kt_incident_reads_since(j->ask, i, actor_of(j), &since, err);
    if (st != KT_OK)
        return st;
    if (i->listed.at == 0)
        say(j, KT_RUNBOOK_BLAST, KT_TICK_OPEN,
            i->parts > 0 ? "the list was begun and is not whole" : "no list is fixed yet");
    else if (since > 0)
        say(j, KT_RUNBOOK_BLAST, KT_TICK_OPEN,
            "%u secrets, listed by %s; %llu %s since that the list does not have: fix it anew",
            i->n_exposed, i->listed.by, (unsigned long long)since, since == 1 ? "read" : "reads");
    else
        say(j, KT_RUNBOOK_BLAST, KT_TICK_LOG, "%u secrets, %u known versions, listed by %s",
            i->n_exposed, versions, i->listed.by);
    kt_buf_addf(&command, "keytrail incident done %s blast", i->id);
    next(j, KT_RUNBOOK_BLAST, &command);
    return KT_OK;
}

static enum kt_status load_values(struct judge *j, struct kt_error *err)
{
    j->is.n_values = j->i->n_exposed;
    enum kt_status st = kt_incident_values(j->ask, j->i, &j->arena, &j->is.value, err);
    for (unsigned k = 0; st == KT_OK && k < j->is.n_values; k++)
        j->is.exposed += kt_exposure_is_open(j->is.value[k].exposure);
    return st;
}

static void rotate(struct judge *j)
{
    struct kt_buf command = { 0 };
    if (j->i->listed.at == 0) {
        say(j, KT_RUNBOOK_ROTATE, KT_TICK_OPEN, "of what, says the list: blast first");
        return;
    }
    if (j->is.exposed == 0) {
        say(j, KT_RUNBOOK_ROTATE, KT_TICK_LOG,
            j->is.n_values == 0 ? "the list is empty" : "no value of the list is good any more");
        return;
    }
    for (unsigned k = 0; k < j->is.n_values && command.len == 0; k++)
        if (kt_exposure_is_open(j->is.value[k].exposure)) {
            kt_buf_addz(&command, "keytrail rotation watch ");
            kt_shell_quote(kt_str_of(j->is.value[k].of->secret), &command);
        }
    say(j, KT_RUNBOOK_ROTATE, KT_TICK_OPEN,
        "%u of %u secrets still have the value that was exposed", j->is.exposed, j->is.n_values);
    next(j, KT_RUNBOOK_ROTATE, &command);
}

static void deploy(struct judge *j)
{
    struct kt_buf command = { 0 };
    unsigned waiting = 0, secrets = 0;
    const struct kt_incident_value *first = NULL;
    for (unsigned k = 0; k < j->is.n_values; k++) {
        const struct kt_incident_value *v = &j->is.value[k];
        waiting += v->waiting;
        secrets += v->waiting > 0;
        if (first == NULL && v->waiting > 0)
            first = v;
    }
    if (first != NULL) {
        say(j, KT_RUNBOOK_DEPLOY, KT_TICK_OPEN,
            "%u regular %s of %u %s %s not fetched the new value, or %s the old one still; "
            "first " KT_STR_FMT " of %s",
            waiting, waiting == 1 ? "reader" : "readers", secrets,
            secrets == 1 ? "secret" : "secrets", waiting == 1 ? "has" : "have",
            waiting == 1 ? "fetches" : "fetch", KT_STR_ARG(first->first), first->of->secret);
        kt_buf_addz(&command, "keytrail rotation watch ");
        kt_shell_quote(kt_str_of(first->of->secret), &command);
        kt_buf_addz(&command, " --follow");
        next(j, KT_RUNBOOK_DEPLOY, &command);
    } else if (j->i->listed.at == 0 || j->is.exposed > 0) {
        say(j, KT_RUNBOOK_DEPLOY, KT_TICK_OPEN, "when all are rotated");
    } else {
        say(j, KT_RUNBOOK_DEPLOY, KT_TICK_LOG,
            "each regular reader has fetched the new value, and no old one for a day");
    }
}

/* ---- revoke ---- */

/* Silence is proof only where the log heard all of it: no open gap, and each source speaks beyond
 * it, by an agent's reports or by what was imported. */
static enum kt_status is_whole(struct judge *j, kt_time_ns since, kt_time_ns until, bool *ret,
                               struct kt_error *err)
{
    struct kt_coverage *c = NULL;
    j->ask->since = since;
    j->ask->until = 0;
    enum kt_status st = kt_coverage_load(j->ask, &c, err);
    if (st != KT_OK)
        return st;
    *ret = c->n_sources > 0 && kt_coverage_open(c) == 0;
    for (unsigned k = 0; k < c->n_sources; k++)
        *ret = *ret && (c->source[k].agent.len > 0 || c->source[k].last >= until);
    kt_coverage_free(c);
    return KT_OK;
}

static enum kt_status judge_quiet(struct judge *j, const struct kt_credential_use *u,
                                  struct kt_error *err)
{
    kt_time_ns opened = j->i->opened.at, now = j->ask->now;
    kt_time_ns quiet = u->last_success > opened ? u->last_success : opened;
    bool whole = false;
    char ago[KT_TIME_TEXT_MAX];
    if (now - quiet >= KT_INCIDENT_QUIET) {
        enum kt_status st = is_whole(j, quiet, quiet + KT_INCIDENT_QUIET, &whole, err);
        if (st != KT_OK)
            return st;
        (void)kt_duration_format(now - quiet, ago);
        say(j, KT_RUNBOOK_REVOKE, whole ? KT_TICK_LOG : KT_TICK_OPEN,
            whole ? "nobody was let in with it for %s, of which the log is whole"
                  : "no use of it is seen for %s, and the log is not whole since: look at its "
                    "issuer whether it is revoked (keytrail coverage --gaps)",
            ago);
    } else if (u->last_success > opened) {
        say(j, KT_RUNBOOK_REVOKE, KT_TICK_OPEN, "it was let in %s ago, by " KT_STR_FMT,
            kt_duration_format(now - u->last_success, ago), KT_STR_ARG(u->last_actor));
    } else {
        say(j, KT_RUNBOOK_REVOKE, KT_TICK_OPEN,
            "not let in since the opening; that is proof after 24 h, or when it is refused as such "
            "(InvalidClientTokenId, ExpiredToken)");
    }
    return KT_OK;
}

static enum kt_status judge_key(struct judge *j, const struct kt_credential_use *u,
                                struct kt_error *err)
{
    char at[KT_TIME_TEXT_MAX];
    if (u->ended != 0 && u->ended >= u->last_success)
        say(j, KT_RUNBOOK_REVOKE, KT_TICK_LOG, "it revoked itself, and was not let in since");
    else if (u->dead > u->last_success)
        say(j, KT_RUNBOOK_REVOKE, KT_TICK_LOG,
            "it was refused as one that is not valid, on %.16s UTC, and not let in since",
            kt_time_format_short(u->dead, at));
    else
        return judge_quiet(j, u, err);
    return KT_OK;
}

static enum kt_status revoke(struct judge *j, struct kt_error *err)
{
    struct kt_credential_use *u = NULL;
    struct kt_credential c = { 0 };
    struct kt_buf command = { 0 };
    const struct kt_incident *i = j->i;
    say(j, KT_RUNBOOK_REVOKE, KT_TICK_OPEN,
        i->about == KT_ABOUT_SECRET ? "say so when the old value lets nobody in any more"
                                    : "say so when its sessions and keys let nobody in any more");
    if (i->about != KT_ABOUT_CREDENTIAL)
        return KT_OK;
    j->ask->since = i->opened.at - KT_READERS_SPAN;
    j->ask->until = 0;
    enum kt_status st =
        kt_credential_find(j->ask, kt_str_of(i->subject), i->as[0] != '\0' ? i->as : NULL, &c, err);
    if (st == KT_OK && c.as == KT_AS_CREDENTIAL)
        st = kt_credential_use_load(j->ask, kt_buf_str(&c.name), &u, err);
    if (u != NULL) {
        st = judge_key(j, u, err);
        kt_buf_addz(&command, "keytrail rotation watch ");
        kt_shell_quote(kt_str_of(i->subject), &command);
        next(j, KT_RUNBOOK_REVOKE, &command);
    }
    kt_credential_use_free(u);
    kt_credential_done(&c);
    return st;
}

/* ---- audit ---- */

static enum kt_status audit(struct judge *j, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf sentence = { 0 };
    struct kt_buf command = { 0 };
    struct kt_coverage *c = NULL;
    unsigned unjudged = 0;
    uint64_t gaps = 0;
    char since[KT_TIME_TEXT_MAX], until[KT_TIME_TEXT_MAX];
    struct kt_store_stats stats;
    const struct kt_incident_alert *first = NULL;
    j->ask->since = j->is.since;
    j->ask->until = j->is.until;
    j->ask->recount = true; /* the log's word closes the step, not that of sums that are kept */
    enum kt_status st = kt_reader_stats(j->ask->reader, &stats, err);
    j->ask->recount = true; /* of sums that are kept nothing is proven */
    if (st == KT_OK)
        st = kt_coverage_load(j->ask, &c, err);
    j->ask->recount = false;
    if (st != KT_OK)
        return st;
    gaps = kt_coverage_open(c) + (c->n_sources == 0 || c->share < 0);
    kt_coverage_say(c, KT_STR_NONE, &sentence);
    kt_coverage_free(c);
    if (stats.first_time == 0 || stats.first_time > j->is.since) {
        gaps++;
        kt_buf_addf(&sentence, "; the exposure began before the log, at %.16s UTC",
                    kt_time_format_short(j->is.since, since));
    }
    j->is.coverage = kt_arena_str(&j->arena, kt_buf_str(&sentence));
    for (unsigned k = 0; k < j->n_alerts; k++) {
        if (j->alert[k].judged)
            continue;
        first = first == NULL ? &j->alert[k] : first;
        unjudged++;
    }
    if (gaps == 0 && unjudged == 0) {
        say(j, KT_RUNBOOK_AUDIT, KT_TICK_LOG,
            j->n_alerts > 0 ? KT_STR_FMT "; each of %u alerts has a verdict"
                            : KT_STR_FMT "; no alert",
            KT_STR_ARG(j->is.coverage), j->n_alerts);
        return KT_OK;
    }
    say(j, KT_RUNBOOK_AUDIT, KT_TICK_OPEN, KT_STR_FMT "; %u of %u alerts have no verdict",
        KT_STR_ARG(j->is.coverage), unjudged, j->n_alerts);
    if (first != NULL) {
        kt_buf_addz(&command, "keytrail alerts show ");
        kt_shell_quote(kt_str_sub(first->id, 0, ID_SHOWN), &command);
    } else {
        kt_buf_addf(&command, "keytrail coverage --since %s --until %s",
                    kt_time_format(j->is.since, since), kt_time_format(j->is.until, until));
    }
    next(j, KT_RUNBOOK_AUDIT, &command);
    return KT_OK;
}

/* ---- all of them ---- */

/* What somebody ticked by hand is ticked, and what the log shows stays beside it. */
static void by_hand(struct judge *j)
{
    static const bool shown[KT_RUNBOOK_COUNT] = { [KT_RUNBOOK_BLAST] = true,
                                                  [KT_RUNBOOK_ROTATE] = true,
                                                  [KT_RUNBOOK_DEPLOY] = true,
                                                  [KT_RUNBOOK_REVOKE] = true,
                                                  [KT_RUNBOOK_AUDIT] = true };
    for (unsigned k = 0; k < KT_RUNBOOK_COUNT; k++) {
        const struct kt_incident_mark *m = &j->i->step[k];
        struct kt_incident_check *c = &j->is.step[k];
        if (m->at != 0 && c->tick == KT_TICK_LOG)
            c->text = kt_arena_fmt(&j->arena, KT_STR_FMT "; and %s: %s", KT_STR_ARG(c->text), m->by,
                                   m->reason);
        else if (m->at != 0)
            c->text = shown[k] ? kt_arena_fmt(&j->arena, "by %s: %s (the log: " KT_STR_FMT ")",
                                              m->by, m->reason, KT_STR_ARG(c->text))
                               : kt_arena_fmt(&j->arena, "by %s: %s", m->by, m->reason);
        if (m->at != 0)
            c->tick = c->tick == KT_TICK_OPEN ? KT_TICK_HAND : c->tick;
        if (c->tick == KT_TICK_OPEN)
            j->is.open |= 1u << k;
        else
            c->next = KT_STR_NONE;
    }
}

static enum kt_status judge(struct judge *j, struct kt_error *err)
{
    kt_incident_window(j->i, j->ask->now, &j->is.since, &j->is.until);
    confirm(j);
    enum kt_status st = blast(j, err);
    if (st == KT_OK)
        st = load_values(j, err);
    if (st != KT_OK)
        return st;
    rotate(j);
    deploy(j);
    st = revoke(j, err);
    if (st == KT_OK)
        st = audit(j, err);
    say(j, KT_RUNBOOK_TELL, KT_TICK_OPEN, "%s", kt_runbook_task(KT_RUNBOOK_TELL));
    say(j, KT_RUNBOOK_DOCUMENT, KT_TICK_OPEN, "closing writes the report");
    if (j->i->markdown[0] != '\0')
        say(j, KT_RUNBOOK_DOCUMENT, KT_TICK_LOG, "the report, SHA-256 %s", j->i->markdown);
    by_hand(j);
    return st;
}

enum kt_status kt_incident_judge(struct kt_ask *a, const struct kt_incident *i,
                                 const struct kt_incident_alert *alerts, unsigned n_alerts,
                                 struct kt_incident_state **ret, struct kt_error *err)
{
    const kt_time_ns since = a->since, until = a->until;
    struct judge *j = kt_alloc(sizeof *j);
    *j = (struct judge){ .is = { .of = i, .alert = alerts, .n_alerts = n_alerts },
                         .arena = kt_arena_new(TEXTS_MAX),
                         .ask = a,
                         .i = i,
                         .alert = alerts,
                         .n_alerts = n_alerts };
    enum kt_status st = judge(j, err);
    if (st == KT_OK && j->arena.full)
        st = kt_fail(err, KT_E_LIMIT, "the texts of this incident take too much memory");
    a->since = since;
    a->until = until;
    if (st != KT_OK)
        kt_incident_state_free(&j->is);
    else
        *ret = &j->is;
    return st;
}

void kt_incident_state_free(struct kt_incident_state *is)
{
    struct judge *j = (struct judge *)is; /* its first member */
    if (j == NULL)
        return;
    kt_free(j->is.value);
    kt_arena_done(&j->arena);
    kt_free(j);
}
