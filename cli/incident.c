/*
 * incident: `keytrail incident`: the emergency runbook, kept in the log: its verbs, and what goes
 * to the collector.
 *
 * Owns:  nothing.
 * Calls: kt_cli_ask (the one writer), core/query/incidents (the store); the files incident_*.c.
 */
#include "cli/incident.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "core/base/log.h"
#include "core/event/line.h"

#define EXAMPLE                                                                                    \
    "keytrail incident open AKIAIOSFODNN7EXAMPLE --reason 'found in a public repository'"

enum kt_status kt_incident_cli_open(struct kt_incident_cli *c, struct kt_error *err)
{
    if (kt_asking_open(&c->asking, 0, err) != KT_OK)
        return err->code;
    return kt_incidents_load(c->asking.ask.reader, &c->incidents, err);
}

enum kt_status kt_incident_cli_named(const struct kt_incident_cli *c,
                                     const struct kt_incident **ret, struct kt_error *err)
{
    *ret = kt_incidents_named(&c->incidents, kt_str_of(c->args[0]));
    if (*ret != NULL)
        return KT_OK;
    return kt_fail(err, KT_E_INPUT, "there is no incident '%s': keytrail incident list",
                   c->args[0]);
}

void kt_incident_cli_author(const struct kt_incident_cli *c, struct kt_incident_act *a)
{
    char host[40] = "";
    kt_str_copyz(a->by, sizeof a->by, kt_str_of(kt_cli_who(c->by)));
    bool named = gethostname(host, sizeof host - 1) == 0 && host[0] != '\0';
    (void)snprintf(a->where, sizeof a->where, named ? "cli on %s" : "cli%s", host);
}

enum kt_status kt_incident_cli_send(const struct kt_incident_cli *c,
                                    const struct kt_incident_act *a, char *ret_id,
                                    struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 }, request = { 0 }, answer = { 0 };
    struct kt_jval root;
    unsigned repaired;
    kt_incident_write(a, &raw);
    kt_buf_addf(&request, "{\"do\":\"%s\",", kt_incident_word(a->what));
    kt_buf_add(&request, kt_str_from_index(kt_buf_str(&raw), 1));
    if (kt_cli_ask(c->server, c->asking.config, kt_buf_str(&request), &answer, err) != KT_OK)
        return err->code;
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    enum kt_status st =
        kt_json_parse(json, kt_str_trim(kt_buf_str(&answer)), &root, &repaired, err);
    if (st == KT_OK && ret_id != NULL)
        kt_str_copyz(ret_id, sizeof((struct kt_incident_act *)0)->id, kt_json_str_at(root, "id"));
    kt_json_free(json);
    return st;
}

/* ---- note, done ---- */

static enum kt_status begin(struct kt_incident_cli *c, enum kt_incident_what what,
                            struct kt_incident_act *a, struct kt_str text, struct kt_error *err)
{
    *a = (struct kt_incident_act){ .what = what };
    kt_incident_cli_author(c, a);
    kt_str_copyz(a->id, sizeof a->id, kt_str_of(c->args[0]));
    if (text.len >= sizeof a->reason)
        return kt_fail(err, KT_E_INPUT, "the text has %zu bytes; at most %zu are kept", text.len,
                       sizeof a->reason - 1);
    kt_str_copyz(a->reason, sizeof a->reason, text);
    return KT_OK;
}

static enum kt_status note(struct kt_incident_cli *c, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    struct kt_incident_act a;
    char id[24];
    for (int i = 1; i < c->n_args; i++)
        kt_buf_addf(&text, "%s%s", i > 1 ? " " : "", c->args[i]);
    if (begin(c, KT_INCIDENT_NOTE, &a, kt_buf_str(&text), err) != KT_OK ||
        kt_incident_cli_send(c, &a, id, err) != KT_OK)
        return err->code;
    printf("%s  noted\n", id);
    return KT_OK;
}

static enum kt_status fix_list(struct kt_incident_cli *c, struct kt_error *err)
{
    const struct kt_incident *i;
    if (kt_incident_cli_open(c, err) != KT_OK || kt_incident_cli_named(c, &i, err) != KT_OK)
        return err->code;
    return kt_incident_fix_list(c, i->id, i->about, i->subject, i->as, i->since, i->until, err);
}

static enum kt_status done(struct kt_incident_cli *c, struct kt_error *err)
{
    struct kt_incident_act a;
    char id[24];
    int step = kt_runbook_of(kt_str_of(c->args[1]));
    if (step < 0)
        return kt_fail(err, KT_E_INPUT,
                       "'%s' is no step: confirm, blast, rotate, deploy, revoke, "
                       "audit, tell, document",
                       c->args[1]);
    if (step == KT_RUNBOOK_BLAST && c->reason == NULL && !c->undo)
        return fix_list(c, err);
    if (c->reason == NULL)
        return kt_fail(err, KT_E_INPUT, "why? --reason says what was done, and how it was seen");
    if (begin(c, KT_INCIDENT_STEP, &a, kt_str_of(c->reason), err) != KT_OK)
        return err->code;
    a.step = step;
    a.undone = c->undo;
    if (kt_incident_cli_send(c, &a, id, err) != KT_OK)
        return err->code;
    printf("%s  %s %s\nnext: keytrail incident show %s\n", id, c->args[1],
           c->undo ? "is open again" : "done", id);
    return KT_OK;
}

/* ---- the command ---- */

static int run(int argc, char **argv);

static const struct kt_verb verbs[] = {
    { "open", "ALERT|CREDENTIAL|SECRET --reason TEXT",
      "opens one, and fixes the list of exposed values", run, NULL },
    { "list", "", "the open ones, or all", run, NULL },
    { "show", "INCIDENT", "each step, what is still open, the next command", run, NULL },
    { "note", "INCIDENT TEXT…", "adds a note", run, NULL },
    { "done", "INCIDENT STEP --reason TEXT",
      "ticks a step by hand; blast without a reason fixes the list anew", run, NULL },
    { "close", "INCIDENT --reason TEXT --out DIR",
      "writes the report; refuses while steps are open, unless --force", run, NULL },
    { 0 },
};
static const struct {
    int least, most; /* words behind the verb */
    enum kt_status (*run)(struct kt_incident_cli *c, struct kt_error *err);
} acts[KT_ARRAY_LEN(verbs) - 1] = {
    { 1, 1, kt_incident_open_it },
    { 0, 0, kt_incident_list_all },
    { 1, 1, kt_incident_show_it },
    { 2, 1000, note },
    { 2, 2, done },
    { 1, 1, kt_incident_close_it },
};

static int run(int argc, char **argv)
{
    size_t which = 0;
    while (strcmp(verbs[which].name, argv[0]) != 0)
        which++; /* it is one of them: kt_verb_run came by it */
    const struct kt_verb *v = &verbs[which];
    char name[32];
    struct kt_incident_cli c = { 0 };
    (void)snprintf(name, sizeof name, "incident %s", v->name);
    const struct kt_command cmd = { name, v->args, v->summary, EXAMPLE, NULL, NULL };
    const struct kt_flag flags[] = {
        { "--reason", 0, KT_FLAG_STRING, "TEXT", "why, or what was done and how it was seen",
          &c.reason, "--note" },
        { "--as", 0, KT_FLAG_STRING, "KIND",
          "open: alert, secret, credential, session, actor or ip, where its form does not tell",
          &c.as, NULL },
        { "--no-list", 0, KT_FLAG_BOOL, NULL, "open: do not fix the list of exposed values yet",
          &c.no_list, NULL },
        { "--undo", 0, KT_FLAG_BOOL, NULL, "done: the step is open again", &c.undo, NULL },
        { "--out", 0, KT_FLAG_STRING, "DIR", "close: where the report goes", &c.out, NULL },
        { "--force", 0, KT_FLAG_BOOL, NULL, "close: although steps are open", &c.force, NULL },
        { "--all", 0, KT_FLAG_BOOL, NULL, "list: closed ones too", &c.all, NULL },
        { "--by", 0, KT_FLAG_STRING, "NAME",
          "who gives the order (the user behind sudo, else the user)", &c.by, NULL },
        { "--server", 0, KT_FLAG_STRING, "unix:PATH", "the collector's control socket", &c.server,
          NULL },
        KT_ASKING_FLAGS(c.asking),
        { 0 },
    };
    struct kt_error err = { 0 };
    bool parsed;
    int code = kt_flags_parse(&cmd, flags, argc, argv, &c.n_args, &parsed);
    if (parsed)
        return code;
    c.args = argv + 1;
    if (c.n_args < acts[which].least || c.n_args > acts[which].most)
        return kt_flags_usage(&cmd);
    c.asking.covered = true; /* the step `audit` says so of the exposure */
    (void)!acts[which].run(&c, &err);
    kt_incidents_done(&c.incidents);
    return kt_asking_end(&c.asking, "incident", &err);
}

int kt_cmd_incident(int argc, char **argv)
{
    static const struct kt_command cmd = {
        "incident",
        "VERB [options]",
        "the emergency runbook: confirm, blast, rotate, deploy, revoke, audit, tell, document",
        EXAMPLE,
        NULL,
        verbs
    };
    return kt_verbs_main(&cmd, argc, argv);
}
