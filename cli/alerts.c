/*
 * alerts: list and show what was raised, and say what it was.
 *
 * Owns:  nothing.
 * Calls: core/store/read.h, core/query/decisions (verdicts), exporters/alerts/alert.h,
 *        kt_cli_ask (a new verdict: the one writer); stdout.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/alert_rows.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/tune.h"
#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/event/line.h"
#include "core/query/decisions.h"
#include "core/store/read.h"
#include "core/sys/clock.h"
#include "core/sys/proc.h"
#include "exporters/alerts/alert.h"

struct alerts {
    const char *db, *config, *output, *since, *id, *note, *by, *server;
    uint64_t limit, shown, quiet; /* quiet: left out, kept quiet by an expectation */
    bool suppressed;
    struct kt_decisions decisions;
    kt_time_ns from;
    int min_severity;
    enum kt_output how;
    struct kt_rows *rows;
    bool found;
};

static enum kt_status open_reader(struct alerts *a, struct kt_reader **ret, struct kt_error *err)
{
    char path[4096];
    if (kt_cli_store_path(a->db, a->config, path, sizeof path, err) != KT_OK)
        return err->code;
    return kt_reader_open(path, ret, err);
}

static enum kt_status list_one(void *self, const char *id, struct kt_str json, struct kt_error *err)
{
    struct alerts *a = self;
    struct kt_arena arena = kt_arena_new(KT_LINE_MAX);
    struct kt_alert alert = { 0 };
    bool unreadable = kt_alert_read(json, &arena, &alert, err) != KT_OK;
    bool in_time = unreadable || alert.last >= a->from;
    bool quiet = alert.suppressed_by.len > 0;
    kt_arena_done(&arena);
    if (quiet && !a->suppressed && a->min_severity != KT_SEV_INFO) {
        a->quiet += in_time;
        return KT_OK;
    }
    if (!in_time || (a->suppressed ? !quiet : (int)alert.severity < a->min_severity))
        return KT_OK;
    const struct kt_decided *v = kt_decisions_verdict(&a->decisions, kt_str_of(id));
    kt_alert_rows_add(a->rows, json, v == NULL ? NULL : &v->d);
    a->shown++;
    return a->limit != 0 && a->shown >= a->limit ? KT_E_AGAIN : KT_OK;
}

static void text_line(const char *head, struct kt_str text)
{
    if (text.len == 0)
        return;
    struct kt_buf safe = { 0 };
    kt_tty_add(&safe, text);
    printf("%-11s" KT_STR_FMT "\n", head, KT_STR_ARG(kt_buf_str(&safe)));
    kt_buf_done(&safe);
}

static void show_events(const struct kt_alert *a)
{
    struct kt_buf b = { 0 };
    kt_buf_addf(&b, "%llu", (unsigned long long)a->events_count);
    for (unsigned i = 0; i < a->n_events && i < 6; i++)
        kt_buf_addf(&b, "%s" KT_STR_FMT, i == 0 ? ": " : ", ", KT_STR_ARG(a->events[i]));
    if (a->n_events > 6)
        kt_buf_addz(&b, ", …");
    text_line("events", kt_buf_str(&b));
    kt_buf_reset(&b);
    kt_buf_addf(&b, "%llu", (unsigned long long)a->secrets_count);
    for (unsigned i = 0; i < a->n_secrets; i++)
        kt_buf_addf(&b, "%s" KT_STR_FMT, i == 0 ? ": " : ", ", KT_STR_ARG(a->secrets[i]));
    if (a->secrets_count > 0)
        text_line("secrets", kt_buf_str(&b));
    kt_buf_done(&b);
}

static void show_verdict(const struct kt_decided *v)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };
    char when[KT_TIME_TEXT_MAX];
    if (v == NULL)
        return;
    kt_buf_addf(&b, "%s, by %s, %.16s UTC",
                kt_finding_verdict_word((enum kt_finding_verdict)v->d.verdict), v->d.by,
                kt_time_format_short(v->at, when));
    if (v->d.reason[0] != '\0')
        kt_buf_addf(&b, ": %s", v->d.reason);
    text_line("verdict", kt_buf_str(&b));
}

static void show(const struct kt_alert *a)
{
    char first[KT_TIME_TEXT_MAX], last[KT_TIME_TEXT_MAX], head[200];
    printf("%s  %s  score %d.%02d  %s\n", a->id, kt_severity_words[a->severity].word,
           a->score / 100, a->score % 100, a->state);
    snprintf(head, sizeof head, "%s to %s UTC", kt_time_format_short(a->first, first),
             kt_time_format_short(a->last, last));
    text_line("kept quiet", a->suppressed_by);
    text_line("what", a->title);
    text_line("normal", a->normal);
    text_line("why", a->why);
    for (unsigned i = 0; i < a->n_parts; i++) {
        struct kt_buf b = { 0 };
        kt_buf_addf(&b, "%s %d.%02d  " KT_STR_FMT, a->parts[i].detector, a->parts[i].points / 100,
                    a->parts[i].points % 100, KT_STR_ARG(a->parts[i].text));
        text_line(i == 0 ? "evidence" : "", kt_buf_str(&b));
        kt_buf_done(&b);
    }
    text_line("when", kt_str_of(head));
    text_line("actor", a->actor);
    text_line("in the log", a->actor_written);
    text_line("address", a->ip);
    text_line("network", a->network);
    show_events(a);
    text_line("considered", a->considered);
    text_line("quiet if", a->quiet);
    text_line("look", a->command);
}

static enum kt_status show_one(void *self, const char *id, struct kt_str json, struct kt_error *err)
{
    struct alerts *a = self;
    if (!kt_str_starts_nocase(kt_str_of(id), kt_str_of(a->id)))
        return KT_OK;
    a->found = true;
    if (a->how != KT_OUT_TABLE) {
        printf(KT_STR_FMT "\n", KT_STR_ARG(json));
        return KT_E_AGAIN;
    }
    struct kt_arena arena = kt_arena_new(KT_LINE_MAX);
    struct kt_alert alert = { 0 };
    enum kt_status st = kt_alert_read(json, &arena, &alert, err);
    if (st == KT_OK) {
        show(&alert);
        show_verdict(kt_decisions_verdict(&a->decisions, kt_str_of(id)));
    }
    kt_arena_done(&arena);
    return st == KT_OK ? KT_E_AGAIN : st;
}

static enum kt_status delivery_one(void *self, const struct kt_outbox_row *row,
                                   struct kt_error *err)
{
    struct alerts *a = self;
    (void)err;
    if (!kt_str_starts_nocase(kt_str_of(row->alert), kt_str_of(a->id)))
        return KT_OK;
    struct kt_buf b = { 0 };
    kt_buf_addf(&b, "%s %s: %s", row->target, row->action, row->state);
    if (row->attempts > 0)
        kt_buf_addf(&b, " after %u %s, last answer %d", row->attempts,
                    row->attempts == 1 ? "try" : "tries", row->last_code);
    if (row->last_error[0] != 0)
        kt_buf_addf(&b, " (%s)", row->last_error);
    text_line("sent", kt_buf_str(&b));
    kt_buf_done(&b);
    return KT_OK;
}

static int run_list(struct alerts *a, const char *empty)
{
    struct kt_error err = { 0 };
    struct kt_reader *reader = NULL;
    kt_time_ns now = kt_clock_real.wall(kt_clock_real.self);
    if ((a->since != NULL &&
         kt_time_expr(kt_str_of(a->since), now, 0, false, &a->from, &err) != KT_OK) ||
        open_reader(a, &reader, &err) != KT_OK)
        return kt_cli_fail("alerts list", &err);
    enum kt_status st = kt_decisions_load(reader, &a->decisions, &err);
    if (st == KT_OK) {
        a->rows = kt_alert_rows_new(a->how, true);
        st = kt_reader_alerts(reader, list_one, a, &err);
        kt_rows_end(a->rows);
    }
    if (st == KT_OK && a->shown == 0 && a->how == KT_OUT_TABLE)
        fprintf(stderr, "%s\n", empty);
    if (a->quiet > 0 && a->how == KT_OUT_TABLE)
        fprintf(stderr, "%llu more, expected and kept quiet: keytrail alerts list --suppressed\n",
                (unsigned long long)a->quiet);
    kt_decisions_done(&a->decisions);
    kt_reader_close(reader);
    return st == KT_OK || st == KT_E_AGAIN ? KT_EXIT_OK : kt_cli_fail("alerts list", &err);
}

static int run_show(struct alerts *a)
{
    struct kt_error err = { 0 };
    struct kt_reader *reader = NULL;
    if (open_reader(a, &reader, &err) != KT_OK)
        return kt_cli_fail("alerts show", &err);
    enum kt_status st = kt_decisions_load(reader, &a->decisions, &err);
    if (st == KT_OK)
        st = kt_reader_alerts(reader, show_one, a, &err);
    kt_decisions_done(&a->decisions);
    if ((st == KT_OK || st == KT_E_AGAIN) && a->found && a->how == KT_OUT_TABLE)
        st = kt_reader_outbox(reader, delivery_one, a, &err);
    kt_reader_close(reader);
    if (st != KT_OK && st != KT_E_AGAIN)
        return kt_cli_fail("alerts show", &err);
    if (!a->found) {
        fprintf(stderr, "keytrail alerts show: no alert '%s'\n", a->id);
        return KT_EXIT_NO;
    }
    return KT_EXIT_OK;
}

/* ---- verdict ---- */
/* What follows from it, in the words of DETECTION §5. */
static const char *const follows[KT_FOUND_COUNT] = {
    [KT_FOUND_TRUE] = "nothing of it is learned; its networks and secrets stay suspicious for this "
                      "actor",
    [KT_FOUND_FALSE] = "what was held back is learned, and its marks are taken off",
    [KT_FOUND_EXPECTED] = "its networks and secrets are trusted for this actor, what was held back "
                          "is learned",
};

static void tell_verdict(const struct alerts *a, struct kt_str answer, int verdict)
{
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    struct kt_jval root;
    unsigned repaired;
    if (a->how != KT_OUT_TABLE || kt_json_parse(json, answer, &root, &repaired, NULL) != KT_OK)
        printf(KT_STR_FMT "\n", KT_STR_ARG(kt_str_trim(answer)));
    else if (kt_json_bool(kt_json_at(root, "acts"), false))
        printf(KT_STR_FMT "  %s: %s\n", KT_STR_ARG(kt_json_str_at(root, "alert")),
               kt_finding_verdict_word((enum kt_finding_verdict)verdict), follows[verdict]);
    else
        printf(KT_STR_FMT "  %s: recorded; nothing is held back for it, or no more (90 days)\n",
               KT_STR_ARG(kt_json_str_at(root, "alert")),
               kt_finding_verdict_word((enum kt_finding_verdict)verdict));
    kt_json_free(json);
}

static int run_verdict(struct alerts *a, int verdict)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf request = { 0 };
    KT_CLEANUP(kt_buf_done) struct kt_buf answer = { 0 };
    struct kt_error err = { 0 };
    kt_buf_addz(&request, "{\"do\":\"verdict\",\"id\":");
    kt_json_quote(&request, kt_str_of(a->id));
    kt_buf_addf(&request, ",\"verdict\":\"%s\",\"by\":",
                kt_finding_verdict_word((enum kt_finding_verdict)verdict));
    kt_json_quote(&request, kt_str_of(kt_cli_who(a->by)));
    kt_buf_addz(&request, ",\"reason\":");
    kt_json_quote(&request, kt_str_of(a->note));
    kt_buf_byte(&request, '}');
    if (kt_cli_ask(a->server, a->config, kt_buf_str(&request), &answer, &err) != KT_OK)
        return kt_cli_fail("alerts verdict", &err);
    tell_verdict(a, kt_buf_str(&answer), verdict);
    return KT_EXIT_OK;
}

int kt_cmd_alerts(int argc, char **argv)
{
    static const struct kt_command cmd = { "alerts",
                                           "list | show ID | verdict ID true|false|expected | tune",
                                           "alerts: list, show, verdict, tune",
                                           "keytrail alerts list --db keytrail.db --since 7d",
                                           NULL };
    struct alerts a = { .min_severity = -1 };
    const char *severity = NULL;
    const struct kt_flag flags[] = {
        { "--db", 0, KT_FLAG_STRING, "FILE", "the store", &a.db, NULL },
        { "--config", 'c', KT_FLAG_STRING, "FILE", "configuration that names the store", &a.config,
          NULL },
        { "--since", 0, KT_FLAG_STRING, "TIME", "last evidence from", &a.since, "--from" },
        { "--severity", 0, KT_FLAG_STRING, "WORD", "at least: info, low, medium, high, critical",
          &severity, NULL },
        { "--limit", 'n', KT_FLAG_UINT, "N", "the newest N", &a.limit, NULL },
        { "--suppressed", 0, KT_FLAG_BOOL, NULL, "list: what expectations kept quiet",
          &a.suppressed, NULL },
        { "--note", 0, KT_FLAG_STRING, "TEXT", "verdict: why; it is in the log", &a.note, NULL },
        { "--by", 0, KT_FLAG_STRING, "NAME", "verdict: who decides (default: the user)", &a.by,
          NULL },
        { "--server", 0, KT_FLAG_STRING, "unix:PATH", "verdict: the collector's control socket",
          &a.server, NULL },
        { "--output", 'o', KT_FLAG_STRING, "FORM", KT_OUTPUT_WORDS, &a.output, NULL },
        { 0 },
    };
    int n;
    bool done;
    if (argc > 1 && strcmp(argv[1], "tune") == 0)
        return kt_alerts_tune(argc - 1, argv + 1);
    int code = kt_flags_parse(&cmd, flags, argc, argv, &n, &done);
    if (done)
        return code;
    for (int i = 0; severity != NULL && i < KT_SEV_COUNT; i++) {
        if (strcmp(severity, kt_severity_words[i].word) == 0) {
            a.min_severity = i;
            severity = NULL;
        }
    }
    bool list = n == 1 && strcmp(argv[1], "list") == 0,
         one = n == 2 && strcmp(argv[1], "show") == 0;
    int verdict =
        n == 3 && strcmp(argv[1], "verdict") == 0 ? kt_finding_verdict_of(kt_str_of(argv[3])) : -1;
    if ((!list && !one && verdict < 0) || severity != NULL ||
        !kt_output_of(a.output != NULL ? a.output : "table", &a.how)) {
        fprintf(stderr,
                "usage: keytrail alerts list | show ID | verdict ID true|false|expected | tune "
                "[options]\n"
                "try: keytrail alerts --help\n");
        return KT_EXIT_USAGE;
    }
    if (list)
        return run_list(&a, a.suppressed
                                ? "nothing was kept quiet"
                                : "no alerts; `keytrail status` says what is still learning");
    a.id = argv[2];
    return verdict >= 0 ? run_verdict(&a, verdict) : run_show(&a);
}
