/*
 * hold: keeps records whatever their age: `hold add`, `hold list`, `hold rm`.
 *
 * Owns:  nothing.
 * Calls: core/query/holds (list, from the file), kt_cli_ask (add, rm: the one writer); stdout.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "core/event/line.h"
#include "core/query/holds.h"
#include "core/sys/clock.h"
#include "core/sys/proc.h"

struct hold_args {
    const char *db, *config, *server, *since, *until, *reason, *by, *output, *id;
    bool all;
};

/* ---- list ---- */

static const struct kt_column columns[] = {
    { "id", "HOLD", 0, false },        { "since", "EVENTS FROM", 0, false },
    { "until", "UNTIL", 0, false },    { "query", "QUERY", 40, false },
    { "reason", "REASON", 40, false }, { "by", "BY", 24, false },
    { "added", "ADDED", 0, false },    { "removed", "REMOVED", 0, false },
};

static void print(const struct hold_args *a, const struct kt_holds *h, enum kt_output how)
{
    struct kt_rows *rows = kt_rows_new(how, columns, KT_ARRAY_LEN(columns), true);
    bool shown = false;
    for (unsigned i = 0; i < h->n; i++) {
        const struct kt_hold *hold = &h->at[i];
        const struct kt_cell cells[] = {
            kt_cell_str(kt_str_of(hold->id)),
            kt_cell_time(hold->since),
            kt_cell_time(hold->until),
            kt_cell_str(kt_str_of(hold->query)),
            kt_cell_str(kt_str_of(hold->reason)),
            kt_cell_str(kt_str_of(hold->by)),
            kt_cell_time(hold->added),
            kt_cell_time(hold->removed),
        };
        if (hold->removed == 0 || a->all) {
            kt_rows_add(rows, cells);
            shown = true;
        }
    }
    kt_rows_end(rows);
    if (!shown && how == KT_OUT_TABLE)
        fprintf(stderr, a->all ? "there never was a hold\n"
                               : "nothing is held (--all shows removed ones)\n");
}

static int list(const struct hold_args *a, enum kt_output how)
{
    struct kt_error err = { 0 };
    struct kt_reader *r = NULL;
    struct kt_holds holds = { 0 };
    char path[4096];
    enum kt_status st = kt_cli_store_path(a->db, a->config, path, sizeof path, &err);
    if (st == KT_OK)
        st = kt_reader_open(path, &r, &err);
    if (st == KT_OK)
        st = kt_holds_load(r, &holds, &err);
    if (st == KT_OK)
        print(a, &holds, how);
    kt_holds_done(&holds);
    kt_reader_close(r);
    return st == KT_OK ? KT_EXIT_OK : kt_cli_fail("hold", &err);
}

/* ---- add and rm ---- */

static void add_string(struct kt_buf *out, const char *key, const char *value)
{
    kt_buf_addf(out, ",\"%s\":", key);
    kt_json_quote(out, kt_str_of(value == NULL ? "" : value));
}

static enum kt_status add_window(const struct hold_args *a, struct kt_buf *out,
                                 struct kt_error *err)
{
    kt_time_ns now = kt_clock_real.wall(kt_clock_real.self), since = 0, until = 0;
    int zone = kt_local_offset_s(now);
    if (a->since != NULL &&
        kt_time_expr(kt_str_of(a->since), now, zone, false, &since, err) != KT_OK)
        return kt_wrap(err, "--since");
    if (a->until != NULL &&
        kt_time_expr(kt_str_of(a->until), now, zone, true, &until, err) != KT_OK)
        return kt_wrap(err, "--until");
    kt_buf_addf(out, ",\"since\":%" PRId64 ",\"until\":%" PRId64, since, until);
    return KT_OK;
}

static void say(const char *id, bool add)
{
    if (add)
        printf("%s: what it selects is kept whatever its age, until: keytrail hold rm %s "
               "--reason WHY\n",
               id, id);
    else
        printf("%s: what it selected ages again\n", id);
}

static int change(const struct hold_args *a, bool add, const char *query, enum kt_output how)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf request = { 0 };
    struct kt_error err = { 0 };
    kt_buf_addf(&request, "{\"do\":\"hold.%s\"", add ? "add" : "rm");
    add_string(&request, "id", a->id);
    add_string(&request, "reason", a->reason);
    add_string(&request, "by", kt_cli_who(a->by));
    enum kt_status st = KT_OK;
    if (add) {
        add_string(&request, "query", query);
        st = add_window(a, &request, &err);
    }
    kt_buf_addz(&request, "}");
    char id[KT_CLI_ID_TEXT];
    if (st == KT_OK)
        st = kt_cli_ask_id(a->server, a->config, kt_buf_str(&request), how, id, &err);
    if (st == KT_OK && id[0] != '\0')
        say(id, add);
    return st == KT_OK ? KT_EXIT_OK : kt_cli_fail("hold", &err);
}

int kt_cmd_hold(int argc, char **argv)
{
    static const struct kt_verb verbs[] = {
        { "add", "[QUERY] --reason WHY", "keeps what matches, and what comes", NULL, NULL },
        { "list", "", "what is held", NULL, NULL },
        { "rm", "HOLD --reason WHY", "lets it age again", NULL, NULL },
        { 0 },
    };
    static const struct kt_command cmd = {
        "hold",
        "VERB [options]",
        "keep records whatever their age: add, list, rm",
        "keytrail hold add 'secret:prod/**' --since 2026-10-01 --until 2026-11-01 --reason CASE-17",
        NULL,
        verbs
    };
    struct hold_args a = { .output = "table" };
    const struct kt_flag flags[] = {
        { "--db", 0, KT_FLAG_STRING, "FILE", "list: the store (or -c: that of a configuration)",
          &a.db, NULL },
        { "--config", 'c', KT_FLAG_STRING, "FILE", "configuration of the collector", &a.config,
          NULL },
        { "--server", 0, KT_FLAG_STRING, "unix:PATH", "add, rm: the collector's control socket",
          &a.server, NULL },
        { "--id", 0, KT_FLAG_STRING, "NAME", "add: its name (default: hold-1, hold-2 …)", &a.id,
          NULL },
        { "--since", 0, KT_FLAG_STRING, "TIME", "add: events from", &a.since, "--from" },
        { "--until", 0, KT_FLAG_STRING, "TIME", "add: events before", &a.until, "--to" },
        { "--reason", 0, KT_FLAG_STRING, "WHY", "add, rm: case or ticket; it is in the log",
          &a.reason, NULL },
        { "--by", 0, KT_FLAG_STRING, "NAME", "add, rm: who decides (default: the user)", &a.by,
          NULL },
        { "--all", 0, KT_FLAG_BOOL, NULL, "list: removed ones too", &a.all, NULL },
        { "--output", 'o', KT_FLAG_STRING, "FORM", KT_OUTPUT_WORDS, &a.output, NULL },
        { 0 },
    };
    int n;
    bool done;
    enum kt_output how;
    int code = kt_flags_parse(&cmd, flags, argc, argv, &n, &done);
    if (done)
        return code;
    bool known = kt_output_of(a.output, &how);
    if (known && n == 1 && strcmp(argv[1], "list") == 0)
        return list(&a, how);
    if (known && n >= 1 && n <= 2 && strcmp(argv[1], "add") == 0)
        return change(&a, true, n == 2 ? argv[2] : "", how);
    if (known && n == 2 && strcmp(argv[1], "rm") == 0) {
        a.id = argv[2];
        return change(&a, false, NULL, how);
    }
    return kt_flags_usage(&cmd);
}
