/*
 * incident_close: `incident close`: refuses while steps are open, writes the report, and tells the
 * collector.
 *
 * Owns:  nothing.
 * Calls: core/answer/incident, exporters/reports/incident, incident.c; stdout, files of --out.
 * Holds: no record speaks of a report that was not on the disk.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/incident.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/sys/fs.h"
#include "exporters/reports/incident.h"

void kt_incident_report_of(const struct kt_incident_cli *c, const struct kt_incident_state *s,
                           struct kt_incident_report *ret)
{
    struct kt_store_stats stats = { 0 };
    *ret = (struct kt_incident_report){ .state = s,
                                        .title = c->asking.conf != NULL ? c->asking.conf->deployment
                                                                        : NULL,
                                        .program = "keytrail " KT_VERSION,
                                        .written = c->asking.ask.now };
    if (kt_reader_stats(c->asking.ask.reader, &stats, NULL) == KT_OK)
        ret->records = stats.records;
}

static void sum_of(const struct kt_buf *file, char ret[65])
{
    uint8_t sum[32];
    const struct kt_str text = kt_buf_str(file);
    kt_sha256_of(&text, 1, sum);
    kt_hex(ret, sum, sizeof sum);
}

static enum kt_status refuse(const struct kt_incident_state *s, uint32_t open, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf words = { 0 };
    for (unsigned k = 0; k < KT_RUNBOOK_COUNT; k++)
        if ((open & 1u << k) != 0)
            kt_buf_addf(&words, "%s%s", words.len > 0 ? ", " : "",
                        kt_runbook_word((enum kt_runbook)k));
    return kt_fail(
        err, KT_E_INPUT,
        "%s are open: keytrail incident show %s; --force --reason closes it all the same",
        kt_buf_z(&words), s->of->id);
}

/* The files are there before the record says so, and gone again when it is refused. */
static enum kt_status close_with(struct kt_incident_cli *c, const struct kt_incident_state *s,
                                 struct kt_incident_act *a, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf md = { 0 }, html = { 0 };
    struct kt_incident_report r;
    char path[2][4096];
    kt_incident_report_of(c, s, &r);
    r.by = a->by;
    r.reason = a->reason;
    r.forced = a->forced;
    kt_incident_report_write(&r, &md, &html);
    sum_of(&md, a->markdown);
    sum_of(&html, a->html);
    (void)mkdir(c->out, 0750);
    const struct kt_buf *const file[2] = { &md, &html };
    enum kt_status st = KT_OK;
    for (unsigned k = 0; k < 2 && st == KT_OK; k++) {
        const char *slash = kt_str_ends(kt_str_of(c->out), KT_STR("/")) ? "" : "/";
        (void)snprintf(path[k], sizeof path[k], "%s%s%s.%s", c->out, slash, a->id,
                       k == 0 ? "md" : "html");
        if (access(path[k], F_OK) == 0)
            st = kt_fail(err, KT_E_INPUT, "'%s' is there already: give another --out", path[k]);
        else
            st = kt_fs_write_atomic(path[k], kt_buf_str(file[k]), 0640, err);
    }
    if (st == KT_OK)
        st = kt_incident_cli_send(c, a, NULL, err);
    else
        return st;
    if (st != KT_OK) {
        (void)unlink(path[0]);
        (void)unlink(path[1]);
        return st;
    }
    printf("%s  closed%s\n%s  %s\n%s  %s\n", a->id, a->forced ? " by force" : "", a->markdown,
           path[0], a->html, path[1]);
    return KT_OK;
}

enum kt_status kt_incident_close_it(struct kt_incident_cli *c, struct kt_error *err)
{
    struct kt_incident_act a = { .what = KT_INCIDENT_CLOSE };
    struct kt_incident_standing s = { 0 };
    const struct kt_incident *i;
    if (c->reason == NULL || c->out == NULL)
        return kt_fail(err, KT_E_INPUT, "--reason says how it ended, --out where the report goes");
    if (strlen(c->reason) >= sizeof a.reason)
        return kt_fail(err, KT_E_INPUT, "the reason has more than %zu bytes", sizeof a.reason - 1);
    if (kt_incident_cli_open(c, err) != KT_OK || kt_incident_cli_named(c, &i, err) != KT_OK)
        return err->code;
    if (i->closed.at != 0)
        return kt_fail(err, KT_E_INPUT, "%s is closed already, by %s", i->id, i->closed.by);
    enum kt_status st = kt_incident_stand(c, i, &s, err);
    if (st == KT_OK) {
        a.open = s.state->open & ~(1u << KT_RUNBOOK_DOCUMENT); /* the report is its document */
        a.forced = c->force && a.open != 0;
        kt_incident_cli_author(c, &a);
        memcpy(a.id, i->id, sizeof a.id);
        kt_str_copyz(a.reason, sizeof a.reason, kt_str_of(c->reason));
        struct kt_incident_check *document = &s.state->step[KT_RUNBOOK_DOCUMENT];
        if (document->tick == KT_TICK_OPEN)
            *document =
                (struct kt_incident_check){ .tick = KT_TICK_LOG, .text = KT_STR("this report") };
        s.state->open = a.open;
        st = a.open != 0 && !c->force ? refuse(s.state, a.open, err)
                                      : close_with(c, s.state, &a, err);
    }
    kt_incident_standing_done(&s);
    return st;
}
