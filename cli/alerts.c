/*
 * alerts: what was raised, and what people do about it: the table of verbs, and `alerts list`.
 *
 * Owns:  nothing.
 * Calls: core/store/read.h, exporters/alerts/view (what people did), alert_rows; stdout.
 */
#include "cli/alerts.h"

#include <stdio.h>
#include <string.h>

#include "cli/alert_rows.h"
#include "cli/commands.h"
#include "cli/tune.h"
#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/event/line.h"
#include "core/sys/clock.h"
#include "core/sys/proc.h"
#include "dashboards/api/alerts.h"

enum kt_status kt_alerts_reader(const struct kt_alerts_cli *a, struct kt_reader **ret,
                                struct kt_error *err)
{
    char path[4096];
    if (kt_cli_store_path(a->db, a->config, path, sizeof path, err) != KT_OK)
        return err->code;
    return kt_reader_open(path, ret, err);
}

void kt_alerts_line(const char *head, struct kt_str text)
{
    if (text.len == 0)
        return;
    struct kt_buf safe = { 0 };
    kt_tty_add(&safe, text);
    printf("%-11s" KT_STR_FMT "\n", head, KT_STR_ARG(kt_buf_str(&safe)));
    kt_buf_done(&safe);
}

/* ---- list ---- */

enum { ALL = -1, UNCLOSED = -2 }; /* beside the words of enum kt_life_status */

struct list {
    const struct kt_alerts_cli *a;
    struct kt_alert_view view;
    struct kt_rows *rows;
    kt_time_ns from, now;
    int severity; /* at least; -1: any that is not kept quiet */
    int status;   /* of this walk */
    uint64_t shown, quiet;
};

static bool has_status(const struct list *l, const struct kt_alert *a)
{
    enum kt_life_status status = kt_alert_status(a);
    return l->status == ALL ||
           (l->status == UNCLOSED ? status != KT_LIFE_CLOSED : l->status == (int)status);
}

static bool is_wanted(struct list *l, const struct kt_alert *a)
{
    bool expected = a->suppressed_by.len > 0;
    bool silent =
        kt_alert_status(a) == KT_LIFE_OPEN && kt_alert_view_silence(&l->view, a, l->now) != NULL;
    if (a->last < l->from || !has_status(l, a))
        return false;
    if (l->a->suppressed)
        return expected || silent;
    if (expected && l->severity != KT_SEV_INFO) {
        l->quiet++;
        return false;
    }
    return (int)a->severity >= l->severity;
}

static enum kt_status list_one(void *self, const char *id, struct kt_str json, struct kt_error *err)
{
    struct list *l = self;
    struct kt_alert alert = { 0 };
    KT_CLEANUP(kt_arena_done) struct kt_arena arena = kt_arena_new(KT_LINE_MAX);
    (void)id;
    bool unreadable = kt_alert_read(json, &arena, &alert, err) != KT_OK;
    if (!unreadable)
        kt_alert_view_live(&l->view, &alert);
    if (unreadable ? l->status == KT_LIFE_CLOSED : !is_wanted(l, &alert))
        return KT_OK;
    kt_alert_rows_add(l->rows, json, &l->view, l->now);
    l->shown++;
    return l->a->limit != 0 && l->shown >= l->a->limit ? KT_E_AGAIN : KT_OK;
}

/* People see first what is still to be done; programs get the order of time. */
static enum kt_status walk(struct list *l, struct kt_reader *r, struct kt_error *err)
{
    bool people = kt_rows_for_people(l->rows) && l->status == ALL;
    if (people)
        l->status = UNCLOSED;
    enum kt_status st = kt_reader_alerts(r, list_one, l, err);
    bool full = l->a->limit != 0 && l->shown >= l->a->limit;
    if (st != KT_OK || !people || full)
        return st;
    l->status = KT_LIFE_CLOSED;
    return kt_reader_alerts(r, list_one, l, err);
}

/* -3: no such word. */
static int status_of(const char *word)
{
    int status = word == NULL ? ALL : kt_life_of_word(kt_str_of(word));
    if (word == NULL || strcmp(word, "all") == 0)
        return ALL;
    return status < 0 ? -3 : status;
}

static int severity_of(const char *word)
{
    for (int i = 0; word != NULL && i < KT_SEV_COUNT; i++)
        if (strcmp(word, kt_severity_words[i].word) == 0)
            return i;
    return word == NULL ? -1 : KT_SEV_COUNT;
}

static enum kt_status begin(struct list *l, struct kt_reader **ret, struct kt_error *err)
{
    const struct kt_alerts_cli *a = l->a;
    if (a->n_args > 0)
        return kt_fail(err, KT_E_INPUT, "what is '%s'? `alerts show` takes ids", a->args[0]);
    if (l->status < UNCLOSED)
        return kt_fail(err, KT_E_INPUT, "--status is open, acknowledged, closed or all, not '%s'",
                       a->status);
    if (l->severity == KT_SEV_COUNT)
        return kt_fail(err, KT_E_INPUT,
                       "--severity is info, low, medium, high or critical, not '%s'", a->severity);
    if (a->since != NULL && kt_time_expr(kt_str_of(a->since), l->now, kt_local_offset_s(l->now),
                                         false, &l->from, err) != KT_OK)
        return kt_wrap(err, "--since");
    if (kt_alerts_reader(a, ret, err) != KT_OK)
        return err->code;
    return kt_alert_view_load(*ret, &l->view, err);
}

int kt_alerts_list(const struct kt_alerts_cli *a)
{
    struct kt_error err = { 0 };
    struct kt_reader *r = NULL;
    struct list l = { .a = a,
                      .now = kt_clock_real.wall(kt_clock_real.self),
                      .severity = severity_of(a->severity),
                      .status = status_of(a->status) };
    enum kt_status st = begin(&l, &r, &err);
    if (st == KT_OK) {
        l.rows = kt_alert_rows_new(a->how, true);
        st = walk(&l, r, &err);
        kt_rows_end(l.rows);
    }
    if (st == KT_OK && l.shown == 0 && a->how == KT_OUT_TABLE)
        fprintf(stderr, "%s\n",
                a->suppressed       ? "nothing is kept quiet"
                : a->status != NULL ? "no such alerts"
                                    : "no alerts; `keytrail status` says what is still learning");
    if (l.quiet > 0 && a->how == KT_OUT_TABLE)
        fprintf(stderr, "%llu more, expected and kept quiet: keytrail alerts list --suppressed\n",
                (unsigned long long)l.quiet);
    kt_alert_view_done(&l.view);
    kt_reader_close(r);
    return st == KT_OK ? KT_EXIT_OK : kt_cli_fail("alerts list", &err);
}

/* ---- the verbs ---- */

static const struct {
    const char *name;
    int (*run)(const struct kt_alerts_cli *a);
    bool ids; /* takes alerts */
} verbs[] = {
    { "list", kt_alerts_list, false },       { "show", kt_alerts_show, true },
    { "explain", kt_alerts_explain, true },  { "ack", kt_alerts_ack, true },
    { "assign", kt_alerts_assign, true },    { "close", kt_alerts_close, true },
    { "reopen", kt_alerts_reopen, true },    { "note", kt_alerts_note, true },
    { "silence", kt_alerts_silence, false },
};

static const struct kt_verb words[] = {
    { "list", "", "what was raised", NULL, NULL },
    { "show", "ALERT…", "all there is about them", NULL, NULL },
    { "explain", "ALERT…", "why, and what would have kept them quiet", NULL, NULL },
    { "ack", "ALERT…", "somebody has them", NULL, NULL },
    { "assign", "ALERT… --to NAME", "gives them to somebody", NULL, NULL },
    { "close", "ALERT… --verdict true|false|expected", "what they were", NULL, NULL },
    { "reopen", "ALERT… --note WHY", "they are not over", NULL, NULL },
    { "note", "ALERT… --note TEXT", "adds to their story", NULL, NULL },
    { "silence", "add QUERY --for 2h --note WHY | list | rm SILENCE --note WHY",
      "nobody is called for alerts like these, for some time", NULL, NULL },
    { "link", NULL, "a link that acknowledges one, or the key of links", kt_alerts_link, NULL },
    { "tune", NULL, "settings that would have kept false alerts quiet", kt_alerts_tune, NULL },
    { 0 },
};
static const struct kt_command cmd = {
    "alerts",
    "VERB [options]",
    "alerts: list, show, explain, ack, assign, close, reopen, note, silence, link, "
    "tune",
    "keytrail alerts close 6DYE5B7Q --verdict false --note 'backup job, CHG-12' "
    "-c keytrail.yaml",
    NULL,
    words
};

static int run(struct kt_alerts_cli *a, int n, char **argv)
{
    for (size_t i = 0; n > 0 && i < KT_ARRAY_LEN(verbs); i++) {
        a->args = argv + 2;
        a->n_args = (unsigned)n - 1;
        if (strcmp(argv[1], verbs[i].name) == 0 &&
            (!verbs[i].ids || (a->n_args > 0 && a->n_args <= KT_ALERT_ACT_IDS_MAX)))
            return verbs[i].run(a);
    }
    return kt_flags_usage(&cmd);
}

int kt_cmd_alerts(int argc, char **argv)
{
    struct kt_alerts_cli a = { .output = "table" };
    const struct kt_flag flags[] = {
        { "--db", 0, KT_FLAG_STRING, "FILE", "the store", &a.db, NULL },
        { "--config", 'c', KT_FLAG_STRING, "FILE", "configuration that names store and collector",
          &a.config, NULL },
        { "--server", 0, KT_FLAG_STRING, "unix:PATH",
          "the collector's control socket, for all that changes something", &a.server, NULL },
        { "--status", 0, KT_FLAG_STRING, "STATUS", "list: open, acknowledged, closed, all",
          &a.status, NULL },
        { "--since", 0, KT_FLAG_STRING, "TIME", "list: last evidence from", &a.since, "--from" },
        { "--severity", 0, KT_FLAG_STRING, "SEVERITY",
          "list: at least: info, low, medium, high, critical", &a.severity, NULL },
        { "--limit", 'n', KT_FLAG_UINT, "N", "list: the newest N", &a.limit, NULL },
        { "--suppressed", 0, KT_FLAG_BOOL, NULL, "list: what expectations and silences keep quiet",
          &a.suppressed, NULL },
        { "--verdict", 0, KT_FLAG_STRING, "VERDICT", "close: true, false or expected", &a.verdict,
          NULL },
        { "--to", 0, KT_FLAG_STRING, "NAME", "assign: who takes it", &a.to, NULL },
        { "--note", 0, KT_FLAG_STRING, "TEXT", "why, or the note; it is in the log", &a.note,
          "--reason" },
        { "--by", 0, KT_FLAG_STRING, "NAME", "who does it (default: the user)", &a.by, NULL },
        { "--for", 0, KT_FLAG_STRING, "SPAN", "silence add: how long, at most 30 days", &a.lasts,
          NULL },
        { "--until", 0, KT_FLAG_STRING, "TIME", "silence add: or until when", &a.until, NULL },
        { "--all", 0, KT_FLAG_BOOL, NULL, "silence list: those that are over too", &a.all, NULL },
        { "--output", 'o', KT_FLAG_STRING, "FORM", KT_OUTPUT_WORDS, &a.output, NULL },
        { 0 },
    };
    int n;
    bool done;
    int code;
    if (kt_verb_run(&cmd, argc, argv, &code))
        return code;
    code = kt_flags_parse(&cmd, flags, argc, argv, &n, &done);
    if (done)
        return code;
    return kt_output_of(a.output, &a.how) ? run(&a, n, argv) : kt_flags_usage(&cmd);
}
