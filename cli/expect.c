/*
 * expect: announces work that is no alarm, for a while: `expect add`, `expect break-glass`,
 * `expect list`, `expect rm`.
 *
 * Owns:  nothing.
 * Calls: core/query/decisions (list, from the file), kt_cli_ask (the rest: the one writer);
 *        stdout.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "core/event/line.h"
#include "core/query/decisions.h"
#include "core/sys/clock.h"
#include "core/sys/proc.h"

struct expect {
    const char *db, *config, *server, *output, *from, *until, *by, *reason;
    const char *actor, *secret, *source, *address, *signature, *ticket, *id;
    bool deploy, all;
    enum kt_output how;
};

static kt_time_ns wall(void)
{
    return kt_clock_real.wall(kt_clock_real.self);
}

/* ---- list ---- */
static const struct kt_column columns[] = {
    { "id", "NAME", 0, false },          { "kind", "KIND", 0, false },
    { "reason", "WHAT FOR", 40, false }, { "actor", "ACTOR", 30, false },
    { "secret", "SECRET", 40, false },   { "source", "SOURCE", 20, false },
    { "address", "ADDRESS", 0, false },  { "signature", NULL, 0, false },
    { "from", "FROM (UTC)", 0, false },  { "until", "UNTIL (UTC)", 0, false },
    { "ticket", "TICKET", 20, false },   { "by", "BY", 20, false },
    { "state", "STATE", 0, false },      { "added", NULL, 0, false },
    { "removed", NULL, 0, false },
};

static const char *kind_of(const struct kt_decision *d)
{
    if (d->what == KT_DECIDE_BREAK_GLASS)
        return "break-glass";
    return d->deploy ? "deploy" : d->signature[0] != '\0' ? d->signature : "expected";
}

static const char *state_of(const struct kt_decided *d, kt_time_ns now)
{
    if (d->removed != 0)
        return "removed";
    return d->d.until < now ? "over" : d->d.from > now ? "to come" : "open";
}

static void print(const struct expect *x, const struct kt_decisions *all)
{
    kt_time_ns now = wall();
    struct kt_rows *rows = kt_rows_new(x->how, columns, KT_ARRAY_LEN(columns), true);
    for (unsigned i = 0; i < all->n; i++) {
        const struct kt_decision *d = &all->at[i].d;
        if (!x->all && !kt_decided_open(&all->at[i], now))
            continue;
        const struct kt_cell cells[] = {
            kt_cell_str(kt_str_of(d->id)),
            kt_cell_str(kt_str_of(kind_of(d))),
            kt_cell_str(kt_str_of(d->reason)),
            kt_cell_str(kt_str_of(d->actor)),
            kt_cell_str(kt_str_of(d->secret)),
            kt_cell_str(kt_str_of(d->source)),
            kt_cell_str(kt_str_of(d->address)),
            kt_cell_str(kt_str_of(d->signature)),
            kt_cell_time(d->from),
            kt_cell_time(d->until),
            kt_cell_str(kt_str_of(d->ticket)),
            kt_cell_str(kt_str_of(d->by)),
            kt_cell_str(kt_str_of(state_of(&all->at[i], now))),
            kt_cell_time(all->at[i].at),
            kt_cell_time(all->at[i].removed),
        };
        kt_rows_add(rows, cells);
    }
    kt_rows_end(rows);
    if (kt_decisions_open(all, now) == 0 && !x->all && x->how == KT_OUT_TABLE)
        fprintf(stderr, "nothing is expected\n");
}

static int list(const struct expect *x)
{
    struct kt_error err = { 0 };
    struct kt_reader *r = NULL;
    struct kt_decisions all = { 0 };
    char path[4096];
    enum kt_status st = kt_cli_store_path(x->db, x->config, path, sizeof path, &err);
    if (st == KT_OK)
        st = kt_reader_open(path, &r, &err);
    if (st == KT_OK)
        st = kt_decisions_load(r, &all, &err);
    if (st == KT_OK)
        print(x, &all);
    kt_decisions_done(&all);
    kt_reader_close(r);
    return st == KT_OK ? KT_EXIT_OK : kt_cli_fail("expect", &err);
}

/* ---- what a new one does and does not ---- */
static void add_selection(const struct kt_decision *d, struct kt_buf *out)
{
    kt_buf_addf(out, " of %s", d->actor[0] != '\0' ? d->actor : d->deploy ? "all services" : "all");
    if (d->secret[0] != '\0')
        kt_buf_addf(out, " on %s", d->secret);
    if (d->source[0] != '\0')
        kt_buf_addf(out, " at %s", d->source);
}

static void say_quiet(const struct kt_decision *d, struct kt_buf *out)
{
    bool outage = d->source[0] != '\0' && d->actor[0] == '\0' && d->secret[0] == '\0';
    if (d->what == KT_DECIDE_BREAK_GLASS)
        kt_buf_addf(out,
                    "break-glass and reads of production by %s are listed with %s and page "
                    "nobody",
                    d->actor, d->ticket);
    else if (d->deploy)
        kt_buf_addz(out, "new secrets and more different secrets");
    else if (d->signature[0] != '\0')
        kt_buf_addf(out, "the signature %s", d->signature);
    else
        kt_buf_addf(out, "unusual volume, new secrets, hours, programs and grants%s%s%s",
                    d->actor[0] != '\0' ? ", failures, a long absence" : "",
                    d->address[0] != '\0' ? ", new networks and travel" : "",
                    outage ? ", silence" : "");
    if (d->what != KT_DECIDE_BREAK_GLASS)
        add_selection(d, out);
    if (d->address[0] != '\0')
        kt_buf_addf(out, " from %s", d->address);
    if (d->deploy)
        kt_buf_addz(out, " count as one rollout");
    else if (d->what == KT_DECIDE_EXPECT)
        kt_buf_addz(out, d->signature[0] != '\0' ? " is listed and pages nobody"
                                                 : " are listed and page nobody");
}

static void say_loud(const struct kt_decision *d, struct kt_buf *out)
{
    if (d->what == KT_DECIDE_BREAK_GLASS || d->deploy || d->signature[0] != '\0') {
        kt_buf_addz(out, "everything else");
        return;
    }
    if (d->address[0] == '\0')
        kt_buf_addz(out, "new networks and travel (no --address), ");
    if (d->actor[0] == '\0')
        kt_buf_addz(out, "failures and absences (no --actor), ");
    kt_buf_addz(out, "a guessed password, each actor's first signature of a kind in 90 days, each "
                     "stopped, canary, unseal, root and opened (no --signature), logs that were "
                     "emptied, and all that is outside of this selection");
}

static void tell(const struct kt_decision *d)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf quiet = { 0 }, loud = { 0 }, safe = { 0 };
    char until[KT_TIME_TEXT_MAX];
    say_quiet(d, &quiet);
    say_loud(d, &loud);
    kt_buf_addf(&safe,
                "%s: until %.16s UTC, " KT_STR_FMT ".\nTold as ever: " KT_STR_FMT
                ".\nIt ends by itself, or with: keytrail expect rm %s\n",
                d->id, kt_time_format_short(d->until, until), KT_STR_ARG(kt_buf_str(&quiet)),
                KT_STR_ARG(kt_buf_str(&loud)), d->id);
    fputs(kt_buf_z(&safe), stdout);
}

/* ---- add, break-glass, rm ---- */
static void add_string(struct kt_buf *out, const char *key, const char *value)
{
    if (value == NULL || value[0] == '\0')
        return;
    kt_buf_addf(out, ",\"%s\":", key);
    kt_json_quote(out, kt_str_of(value));
}

/* A time word; `+4h` is from now on. */
static enum kt_status moment(const char *word, bool is_until, kt_time_ns now, kt_time_ns *ret,
                             struct kt_error *err)
{
    struct kt_str s = kt_str_of(word);
    if (!kt_str_starts(s, KT_STR("+")))
        return kt_time_expr(s, now, kt_local_offset_s(now), is_until, ret, err);
    kt_time_ns d;
    if (kt_duration_parse(kt_str_from_index(s, 1), &d, err) != KT_OK)
        return err->code;
    *ret = now + d;
    return KT_OK;
}

static enum kt_status add_window(const struct expect *x, struct kt_buf *out, struct kt_error *err)
{
    kt_time_ns now = wall(), from = now, until = 0;
    if (x->until == NULL)
        return kt_fail(err, KT_E_CONFIG,
                       "--until is missing: when will it be over? (+4h, 2026-11-30T18:00Z)");
    if (x->from != NULL && moment(x->from, false, now, &from, err) != KT_OK)
        return kt_wrap(err, "--from");
    if (moment(x->until, true, now, &until, err) != KT_OK)
        return kt_wrap(err, "--until");
    kt_buf_addf(out, ",\"from\":%" PRId64 ",\"until\":%" PRId64, from, until);
    return KT_OK;
}

static enum kt_status write_request(const struct expect *x, enum kt_decision_what what,
                                    struct kt_buf *out, struct kt_error *err)
{
    static const char *const words[KT_DECIDE_COUNT] = { [KT_DECIDE_EXPECT] = "expect.add",
                                                        [KT_DECIDE_EXPECT_RM] = "expect.rm",
                                                        [KT_DECIDE_BREAK_GLASS] = "break-glass" };
    kt_buf_addf(out, "{\"do\":\"%s\"", words[what]);
    add_string(out, "id", x->id);
    add_string(out, "reason", x->reason);
    add_string(out, "actor", x->actor);
    add_string(out, "secret", x->secret);
    add_string(out, "source", x->source);
    add_string(out, "address", x->address);
    add_string(out, "signature", x->signature);
    add_string(out, "ticket", x->ticket);
    add_string(out, "by", kt_cli_who(x->by));
    if (x->deploy)
        kt_buf_addz(out, ",\"deploy\":true");
    enum kt_status st = what == KT_DECIDE_EXPECT_RM ? KT_OK : add_window(x, out, err);
    kt_buf_byte(out, '}');
    return st;
}

/* The answer gives the name; what was asked says the rest. */
static void show_answer(const struct expect *x, enum kt_decision_what what, struct kt_str request,
                        struct kt_str answer)
{
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON), *named = kt_json_new(KT_JSON_SIMDJSON);
    struct kt_jval root, name;
    struct kt_decision d;
    unsigned repaired;
    bool read = x->how == KT_OUT_TABLE &&
                kt_json_parse(json, request, &root, &repaired, NULL) == KT_OK &&
                kt_json_parse(named, answer, &name, &repaired, NULL) == KT_OK &&
                kt_decision_read(what, root, &d, NULL) == KT_OK;
    if (!read) {
        printf(KT_STR_FMT "\n", KT_STR_ARG(kt_str_trim(answer)));
    } else if (what == KT_DECIDE_EXPECT_RM) {
        printf("%s: removed; what it kept quiet is told again from now on\n", d.id);
    } else {
        kt_str_copyz(d.id, sizeof d.id, kt_json_str_at(name, "id"));
        tell(&d);
    }
    kt_json_free(json);
    kt_json_free(named);
}

static int change(const struct expect *x, enum kt_decision_what what)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf request = { 0 };
    KT_CLEANUP(kt_buf_done) struct kt_buf answer = { 0 };
    struct kt_error err = { 0 };
    enum kt_status st = write_request(x, what, &request, &err);
    if (st == KT_OK)
        st = kt_cli_ask(x->server, x->config, kt_buf_str(&request), &answer, &err);
    if (st != KT_OK)
        return kt_cli_fail("expect", &err);
    show_answer(x, what, kt_buf_str(&request), kt_buf_str(&answer));
    return KT_EXIT_OK;
}

int kt_cmd_expect(int argc, char **argv)
{
    static const struct kt_verb verbs[] = {
        { "add", "REASON --until TIME", "announces work", NULL, NULL },
        { "break-glass", "--actor NAME --ticket ID --until TIME",
          "announces the use of an account for emergencies", NULL, NULL },
        { "list", "", "what is announced", NULL, NULL },
        { "rm", "EXPECTATION", "takes it back", NULL, NULL },
        { 0 },
    };
    static const struct kt_command cmd = {
        "expect",
        "VERB [options]",
        "announce work that is no alarm: add, break-glass, list, rm",
        "keytrail expect add 'rotate prod db' --actor alice@acme.example --secret 'db/prod/**' "
        "--until +4h --ticket CHG-4711",
        NULL,
        verbs
    };
    struct expect x = { .output = "table" };
    const struct kt_flag flags[] = {
        { "--actor", 0, KT_FLAG_STRING, "GLOB", "whose work it is", &x.actor, NULL },
        { "--secret", 0, KT_FLAG_STRING, "GLOB", "on which secrets; ids, or the end of their path",
          &x.secret, NULL },
        { "--source", 0, KT_FLAG_STRING, "GLOB", "in which source or instance", &x.source, NULL },
        { "--address", 0, KT_FLAG_STRING, "CIDR", "from where; else new networks are told",
          &x.address, NULL },
        { "--signature", 0, KT_FLAG_STRING, "NAME",
          "expects one signature (stopped, root, unseal …), even the first time", &x.signature,
          NULL },
        { "--deploy", 0, KT_FLAG_BOOL, NULL,
          "what is new to services of the selection counts as one rollout", &x.deploy, NULL },
        { "--from", 0, KT_FLAG_STRING, "TIME", "begins (default: now)", &x.from, "--since" },
        { "--until", 0, KT_FLAG_STRING, "TIME", "ends, at most 30 days after (+4h: from now)",
          &x.until, "--to" },
        { "--ticket", 0, KT_FLAG_STRING, "ID", "change or incident", &x.ticket, NULL },
        { "--by", 0, KT_FLAG_STRING, "NAME", "who announces it (default: the user)", &x.by, NULL },
        { "--reason", 0, KT_FLAG_STRING, "WHY", "break-glass, rm: it is in the log", &x.reason,
          NULL },
        { "--all", 0, KT_FLAG_BOOL, NULL, "list: those that are over or removed too", &x.all,
          NULL },
        { "--db", 0, KT_FLAG_STRING, "FILE", "list: the store (or -c: that of a configuration)",
          &x.db, NULL },
        { "--config", 'c', KT_FLAG_STRING, "FILE", "configuration of the collector", &x.config,
          NULL },
        { "--server", 0, KT_FLAG_STRING, "unix:PATH", "the collector's control socket", &x.server,
          NULL },
        { "--output", 'o', KT_FLAG_STRING, "FORM", KT_OUTPUT_WORDS, &x.output, NULL },
        { 0 },
    };
    int n;
    bool done;
    int code = kt_flags_parse(&cmd, flags, argc, argv, &n, &done);
    if (done)
        return code;
    struct kt_str verb = n > 0 ? kt_str_of(argv[1]) : KT_STR_NONE;
    if (kt_output_of(x.output, &x.how)) {
        if (kt_str_is(verb, "list") && n == 1)
            return list(&x);
        if (kt_str_is(verb, "break-glass") && n == 1)
            return change(&x, KT_DECIDE_BREAK_GLASS);
        x.id = n == 2 ? argv[2] : NULL;
        if (kt_str_is(verb, "rm") && n == 2)
            return change(&x, KT_DECIDE_EXPECT_RM);
        x.reason = x.id;
        x.id = NULL;
        if (kt_str_is(verb, "add") && n == 2)
            return change(&x, KT_DECIDE_EXPECT);
    }
    return kt_flags_usage(&cmd);
}
