/*
 * daemon_incident: the control socket's requests about incidents. Each becomes one record of kind
 * decision, by the one writer, before it is answered.
 *
 * Owns:  nothing; what is open is read from the log each time.
 * Calls: core/event/incident (form), core/query/incidents and core/store/read (what there is),
 *        daemon_notes (the record).
 * Holds: an act that would change nothing is refused, so that the log has none.
 */
#include "collector/daemon.h"
#include "core/base/log.h"
#include "core/event/line.h"
#include "core/query/incidents.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define INCIDENTS_OPEN_MAX 1000u
#define RAW_MAX            (160u << 10) /* a line has 256 KiB, and the sentence stands beside it */

static enum kt_status load(const struct kt_daemon *d, struct kt_incidents *ret,
                           struct kt_error *err)
{
    struct kt_reader *r = NULL;
    enum kt_status st = kt_reader_open(d->conf->store_path, &r, err);
    if (st == KT_OK)
        st = kt_incidents_load(r, ret, err);
    kt_reader_close(r);
    return st;
}

/* The record is on the disk before anybody is told. */
static enum kt_status write_down(struct kt_daemon *d, const struct kt_incident_act *a,
                                 struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 }, sentence = { 0 };
    const char *word = kt_incident_word(a->what);
    char by[KT_LOG_VALUE];
    kt_incident_write(a, &raw);
    if (raw.len > RAW_MAX)
        return kt_fail(err, KT_E_INPUT,
                       "%zu bytes are too many for one record (%u): send a list "
                       "in more parts",
                       raw.len, RAW_MAX);
    kt_incident_say(a, &sentence);
    enum kt_status st =
        kt_daemon_record(d, KT_KIND_DECISION, word, kt_buf_str(&sentence), kt_buf_str(&raw), err);
    if (st == KT_OK)
        st = kt_daemon_commit(d, err);
    if (st == KT_OK)
        kt_log(KT_LOG_INFO, "collector: %s id='%s' by='%s'", word, a->id, kt_log_value(a->by, by));
    return st;
}

static enum kt_status name_it(const struct kt_incidents *all, struct kt_incident_act *a,
                              struct kt_error *err)
{
    unsigned open = 0, n = 0;
    if (all->damage.places > 0) /* its name may be one of theirs */
        return kt_fail(
            err, KT_E_CORRUPT,
            "incidents may be among %u damaged places of the log: restore a backup first "
            "(keytrail verify)",
            all->damage.places);
    for (unsigned i = 0; i < all->n; i++)
        open += all->at[i]->closed.at == 0;
    if (open >= INCIDENTS_OPEN_MAX)
        return kt_fail(err, KT_E_LIMIT,
                       "%u incidents are open: close some (keytrail incident list)", open);
    do
        (void)snprintf(a->id, sizeof a->id, "incident-%u", ++n);
    while (kt_incidents_named(all, kt_str_of(a->id)) != NULL);
    return KT_OK;
}

enum kt_status kt_daemon_incident_open(struct kt_daemon *d, struct kt_jval args, struct kt_buf *out,
                                       struct kt_error *err)
{
    struct kt_incident_act a;
    struct kt_incidents all = { 0 };
    if (kt_incident_read(KT_INCIDENT_OPEN, args, &a, err) != KT_OK)
        return err->code;
    if (a.id[0] != '\0')
        return kt_fail(err, KT_E_INPUT, "'id' is given by the collector");
    enum kt_status st = load(d, &all, err);
    if (st == KT_OK)
        st = name_it(&all, &a, err);
    kt_incidents_done(&all);
    if (st == KT_OK)
        st = write_down(d, &a, err);
    if (st == KT_OK)
        kt_buf_addf(out, "{\"id\":\"%s\"}\n", a.id);
    return st;
}

/* Would the fold take it? */
static enum kt_status check(const struct kt_incidents *all, struct kt_incident_act *a,
                            struct kt_error *err)
{
    const struct kt_incident *i = kt_incidents_named(all, kt_str_of(a->id));
    if (i == NULL)
        return kt_fail(err, KT_E_INPUT, "there is no incident '%s': keytrail incident list", a->id);
    memcpy(a->id, i->id, sizeof a->id); /* "1" is a way to say it */
    if (i->closed.at != 0 && a->what != KT_INCIDENT_NOTE)
        return kt_fail(err, KT_E_INPUT, "%s is closed; a note can still be added", i->id);
    if (a->what == KT_INCIDENT_STEP && a->undone && i->step[a->step].at == 0)
        return kt_fail(err, KT_E_INPUT, "nobody ticked '%s' by hand",
                       kt_runbook_word((enum kt_runbook)a->step));
    if (a->what == KT_INCIDENT_LIST && a->part != 1 &&
        (a->part != i->parts + 1 || i->listed.at != 0))
        return kt_fail(err, KT_E_INPUT, "part %u does not follow part %u: begin with part 1",
                       a->part, i->parts);
    return KT_OK;
}

static enum kt_status act(struct kt_daemon *d, enum kt_incident_what what, struct kt_jval args,
                          struct kt_buf *out, struct kt_error *err)
{
    struct kt_incident_act a;
    struct kt_incidents all = { 0 };
    if (kt_incident_read(what, args, &a, err) != KT_OK)
        return err->code;
    enum kt_status st = load(d, &all, err);
    if (st == KT_OK)
        st = check(&all, &a, err);
    kt_incidents_done(&all);
    if (st == KT_OK)
        st = write_down(d, &a, err);
    if (st == KT_OK)
        kt_buf_addf(out, "{\"id\":\"%s\"}\n", a.id);
    return st;
}

enum kt_status kt_daemon_incident_note(struct kt_daemon *d, struct kt_jval args, struct kt_buf *out,
                                       struct kt_error *err)
{
    return act(d, KT_INCIDENT_NOTE, args, out, err);
}

enum kt_status kt_daemon_incident_step(struct kt_daemon *d, struct kt_jval args, struct kt_buf *out,
                                       struct kt_error *err)
{
    return act(d, KT_INCIDENT_STEP, args, out, err);
}

enum kt_status kt_daemon_incident_list(struct kt_daemon *d, struct kt_jval args, struct kt_buf *out,
                                       struct kt_error *err)
{
    return act(d, KT_INCIDENT_LIST, args, out, err);
}

enum kt_status kt_daemon_incident_close(struct kt_daemon *d, struct kt_jval args,
                                        struct kt_buf *out, struct kt_error *err)
{
    return act(d, KT_INCIDENT_CLOSE, args, out, err);
}
