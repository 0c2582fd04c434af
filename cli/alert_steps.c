/*
 * alert_steps: `alerts ack`, `assign`, `close`, `reopen`, `note`: asks the collector, the one
 * writer, and says what came of it, an alert a line.
 *
 * Owns:  nothing.
 * Calls: kt_cli_ask, dashboards/api/alerts (the request), core/event/step (words); stdout.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/alerts.h"
#include "core/base/log.h"
#include "core/event/decision.h"
#include "core/event/line.h"
#include "core/event/step.h"
#include "dashboards/api/alerts.h"

/* What follows from a verdict, in the words of DETECTION §5. */
static const char *const follows[KT_FOUND_COUNT] = {
    [KT_FOUND_TRUE] = "nothing of it is learned; its networks and secrets stay suspicious for this "
                      "actor",
    [KT_FOUND_FALSE] = "what was held back is learned, and its marks are taken off",
    [KT_FOUND_EXPECTED] = "its networks and secrets are trusted for this actor, what was held back "
                          "is learned",
};

static void write_request(const struct kt_alerts_cli *a, const char *verb, struct kt_buf *out)
{
    char where[64] = "cli", host[40] = "";
    struct kt_str ids[KT_ALERT_ACT_IDS_MAX];
    if (gethostname(host, sizeof host - 1) == 0 && host[0] != '\0')
        (void)snprintf(where, sizeof where, "cli on %s", host);
    for (unsigned i = 0; i < a->n_args; i++)
        ids[i] = kt_str_of(a->args[i]);
    const struct kt_alert_act act = { .verb = kt_str_of(verb),
                                      .id = ids,
                                      .n_ids = a->n_args,
                                      .by = kt_str_of(kt_cli_who(a->by)),
                                      .where = kt_str_of(where),
                                      .to = kt_str_of(a->to),
                                      .verdict = kt_str_of(a->verdict),
                                      .reason = kt_str_of(a->note) };
    kt_alert_act_write(&act, out);
}

static void say_close(struct kt_jval root, bool changed, struct kt_buf *out)
{
    struct kt_str word = kt_json_str_at(root, "verdict");
    int v = kt_finding_verdict_of(word);
    kt_buf_addf(out, "%s as " KT_STR_FMT, changed ? "closed" : "is closed", KT_STR_ARG(word));
    if (!changed || v < 0)
        return;
    kt_buf_addf(out, ": %s",
                kt_json_bool(kt_json_at(root, "acts"), false)
                    ? follows[v]
                    : "recorded; nothing is held back for it, or no more (90 days)");
}

static void say_step(enum kt_step_what what, struct kt_jval root, struct kt_buf *out)
{
    static const char *const did[KT_STEP_COUNT] = { [KT_STEP_ACK] = "acknowledged",
                                                    [KT_STEP_ASSIGN] = "assigned to ",
                                                    [KT_STEP_REOPEN] = "open again",
                                                    [KT_STEP_NOTE] = "noted" };
    bool changed = kt_json_bool(kt_json_at(root, "changed"), false);
    struct kt_str by = kt_json_str_at(root, "by"), status = kt_json_str_at(root, "status");
    char when[KT_TIME_TEXT_MAX];
    int64_t at = 0;
    if (what == KT_STEP_CLOSE) {
        say_close(root, changed, out);
    } else if (changed) {
        kt_buf_addz(out, did[what]);
        if (what == KT_STEP_ASSIGN)
            kt_buf_add(out, kt_json_str_at(root, "assignee"));
    } else if (what == KT_STEP_ASSIGN) {
        kt_buf_addz(out, "has that name on it");
    } else {
        kt_buf_addf(out, "is " KT_STR_FMT, KT_STR_ARG(status));
    }
    if (changed || by.len == 0 || !kt_json_i64(kt_json_at(root, "at"), &at))
        return;
    kt_buf_addf(out, " already, by " KT_STR_FMT " %.16s UTC", KT_STR_ARG(by),
                kt_time_format_short(at, when));
}

/* One line of the answer. False: that alert was refused. */
static bool say_one(enum kt_step_what what, enum kt_output how, struct kt_json *json,
                    struct kt_str line)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 }, safe = { 0 };
    struct kt_jval root;
    unsigned repaired;
    if (kt_json_parse(json, line, &root, &repaired, NULL) != KT_OK)
        return false;
    struct kt_str wrong = kt_json_str_at(root, "refused"), alert = kt_json_str_at(root, "alert");
    if (how != KT_OUT_TABLE) {
        printf(KT_STR_FMT "\n", KT_STR_ARG(line));
        return wrong.len == 0;
    }
    if (wrong.len > 0) {
        kt_buf_add(&text, wrong);
    } else {
        kt_buf_addf(&text, KT_STR_FMT "  ", KT_STR_ARG(alert));
        say_step(what, root, &text);
    }
    kt_tty_add(&safe, kt_buf_str(&text));
    fprintf(wrong.len > 0 ? stderr : stdout, "%s" KT_STR_FMT "\n",
            wrong.len > 0 ? "keytrail alerts: " : "", KT_STR_ARG(kt_buf_str(&safe)));
    return wrong.len == 0;
}

static int take(const struct kt_alerts_cli *a, enum kt_step_what what)
{
    static const char *const requests[KT_STEP_COUNT] = { [KT_STEP_ACK] = "ack",
                                                         [KT_STEP_ASSIGN] = "assign",
                                                         [KT_STEP_CLOSE] = "close",
                                                         [KT_STEP_REOPEN] = "reopen",
                                                         [KT_STEP_NOTE] = "note" };
    KT_CLEANUP(kt_buf_done) struct kt_buf request = { 0 }, answer = { 0 };
    struct kt_error err = { 0 };
    struct kt_str line;
    unsigned wrong = 0, all = 0;
    write_request(a, requests[what], &request);
    if (kt_cli_ask(a->server, a->config, kt_buf_str(&request), &answer, &err) != KT_OK)
        return kt_cli_fail("alerts", &err);
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    struct kt_str rest = kt_buf_str(&answer);
    while (kt_str_split(&rest, '\n', &line)) {
        if (line.len == 0)
            continue;
        all++;
        wrong += !say_one(what, a->how, json, line);
    }
    kt_json_free(json);
    return wrong == 0 ? KT_EXIT_OK : wrong < all ? KT_EXIT_PARTIAL : KT_EXIT_NO;
}

static int missing(const char *flag, const char *what)
{
    fprintf(stderr, "keytrail alerts: %s is missing: %s\n", flag, what);
    return KT_EXIT_USAGE;
}

int kt_alerts_ack(const struct kt_alerts_cli *a)
{
    return take(a, KT_STEP_ACK);
}

int kt_alerts_assign(const struct kt_alerts_cli *a)
{
    return a->to == NULL ? missing("--to", "who takes it?") : take(a, KT_STEP_ASSIGN);
}

int kt_alerts_close(const struct kt_alerts_cli *a)
{
    return a->verdict == NULL || kt_finding_verdict_of(kt_str_of(a->verdict)) < 0
               ? missing("--verdict", "true, false or expected")
               : take(a, KT_STEP_CLOSE);
}

int kt_alerts_reopen(const struct kt_alerts_cli *a)
{
    return a->note == NULL ? missing("--note", "why is it opened again?") : take(a, KT_STEP_REOPEN);
}

int kt_alerts_note(const struct kt_alerts_cli *a)
{
    return a->note == NULL ? missing("--note", "what is to be noted?") : take(a, KT_STEP_NOTE);
}
