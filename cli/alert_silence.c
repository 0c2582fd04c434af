/*
 * alert_silence: `alerts silence add`, `list`, `rm`.
 *
 * Owns:  nothing.
 * Calls: core/query/silences (list, from the file), dashboards/api/alerts (requests; a query that
 * is wrong is said before anybody is asked), kt_cli_ask (the one writer); stdout.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/alerts.h"
#include "core/event/line.h"
#include "core/query/silences.h"
#include "core/sys/clock.h"
#include "core/sys/proc.h"
#include "dashboards/api/alerts.h"

static const struct kt_column columns[] = {
    { "id", "NAME", 0, false },           { "state", "STATE", 0, false },
    { "until", "UNTIL (UTC)", 0, false }, { "match", "ALERTS", 60, false },
    { "reason", "WHY", 60, false },       { "by", "BY", 20, false },
    { "from", NULL, 0, false },           { "removed", NULL, 0, false },
};

static const char *state_of(const struct kt_silence *s, kt_time_ns now)
{
    return s->removed != 0 ? "removed" : s->until <= now ? "over" : "open";
}

static void print(const struct kt_alerts_cli *a, const struct kt_silences *all)
{
    kt_time_ns now = kt_clock_real.wall(kt_clock_real.self);
    struct kt_rows *rows = kt_rows_new(a->how, columns, KT_ARRAY_LEN(columns), true);
    unsigned shown = 0;
    for (unsigned i = 0; i < all->n; i++) {
        const struct kt_silence *s = &all->at[i];
        if (!a->all && !kt_silence_open(s, now))
            continue;
        const struct kt_cell cells[] = {
            kt_cell_str(kt_str_of(s->id)),
            kt_cell_str(kt_str_of(state_of(s, now))),
            kt_cell_time(s->until),
            kt_cell_str(kt_str_of(s->match)),
            kt_cell_str(kt_str_of(s->reason)),
            kt_cell_str(kt_str_of(s->by)),
            kt_cell_time(s->from),
            kt_cell_time(s->removed),
        };
        kt_rows_add(rows, cells);
        shown++;
    }
    kt_rows_end(rows);
    if (shown == 0 && a->how == KT_OUT_TABLE)
        fprintf(stderr, "nothing is silenced\n");
}

static int list(const struct kt_alerts_cli *a)
{
    struct kt_error err = { 0 };
    struct kt_reader *r = NULL;
    struct kt_silences all = { 0 };
    enum kt_status st = kt_alerts_reader(a, &r, &err);
    if (st == KT_OK)
        st = kt_silences_load(r, &all, &err);
    if (st == KT_OK)
        print(a, &all);
    kt_silences_done(&all);
    kt_reader_close(r);
    return st == KT_OK ? KT_EXIT_OK : kt_cli_fail("alerts silence", &err);
}

/* ---- add and rm ---- */

static enum kt_status end_of(const struct kt_alerts_cli *a, kt_time_ns now, kt_time_ns *ret,
                             struct kt_error *err)
{
    kt_time_ns lasts = 0;
    if ((a->lasts == NULL) == (a->until == NULL))
        return kt_fail(err, KT_E_INPUT, "how long? give --for 2h, or --until TIME");
    if (a->until != NULL)
        return kt_time_expr(kt_str_of(a->until), now, kt_local_offset_s(now), true, ret, err) ==
                       KT_OK
                   ? KT_OK
                   : kt_wrap(err, "--until");
    if (kt_duration_parse(kt_str_of(a->lasts), &lasts, err) != KT_OK)
        return kt_wrap(err, "--for");
    *ret = now + lasts;
    return KT_OK;
}

static enum kt_status write_add(const struct kt_alerts_cli *a, struct kt_buf *out,
                                struct kt_error *err)
{
    kt_time_ns now = kt_clock_real.wall(kt_clock_real.self), until = 0;
    if (a->n_args != 2)
        return kt_fail(err, KT_E_INPUT,
                       "which alerts? one query: 'detector:volume_spike actor:backup-*'");
    if (a->note == NULL)
        return kt_fail(err, KT_E_INPUT, "--note is missing: why are they silenced?");
    if (end_of(a, now, &until, err) != KT_OK)
        return err->code;
    const struct kt_silence_ask ask = { .match = kt_str_of(a->args[1]),
                                        .reason = kt_str_of(a->note),
                                        .by = kt_str_of(kt_cli_who(a->by)),
                                        .from = now,
                                        .until = until };
    return kt_silence_add_write(&ask, out, err);
}

static enum kt_status write_rm(const struct kt_alerts_cli *a, struct kt_buf *out,
                               struct kt_error *err)
{
    if (a->n_args != 2 || a->note == NULL)
        return kt_fail(err, KT_E_INPUT,
                       "which one, and why? keytrail alerts silence rm NAME --note WHY");
    kt_silence_rm_write(kt_str_of(a->args[1]), kt_str_of(a->note), kt_str_of(kt_cli_who(a->by)),
                        out);
    return KT_OK;
}

static void say(const struct kt_alerts_cli *a, bool added, struct kt_str answer)
{
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    struct kt_jval root;
    unsigned repaired;
    if (a->how != KT_OUT_TABLE || kt_json_parse(json, answer, &root, &repaired, NULL) != KT_OK)
        printf(KT_STR_FMT "\n", KT_STR_ARG(kt_str_trim(answer)));
    else if (added)
        printf(KT_STR_FMT
               ": such alerts are listed and raise no message; what is still open when it "
               "ends is told then.\nIt ends by itself, or with: keytrail alerts silence "
               "rm " KT_STR_FMT " --note WHY\n",
               KT_STR_ARG(kt_json_str_at(root, "id")), KT_STR_ARG(kt_json_str_at(root, "id")));
    else
        printf(KT_STR_FMT ": removed; what it kept quiet and is still open is told now\n",
               KT_STR_ARG(kt_json_str_at(root, "id")));
    kt_json_free(json);
}

static int change(const struct kt_alerts_cli *a, bool add)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf request = { 0 }, answer = { 0 };
    struct kt_error err = { 0 };
    enum kt_status st = add ? write_add(a, &request, &err) : write_rm(a, &request, &err);
    if (st == KT_OK)
        st = kt_cli_ask(a->server, a->config, kt_buf_str(&request), &answer, &err);
    if (st != KT_OK)
        return kt_cli_fail("alerts silence", &err);
    say(a, add, kt_buf_str(&answer));
    return KT_EXIT_OK;
}

int kt_alerts_silence(const struct kt_alerts_cli *a)
{
    const char *verb = a->n_args > 0 ? a->args[0] : "";
    if (strcmp(verb, "list") == 0 && a->n_args == 1)
        return list(a);
    if (strcmp(verb, "add") == 0)
        return change(a, true);
    if (strcmp(verb, "rm") == 0)
        return change(a, false);
    fprintf(stderr,
            "usage: keytrail alerts silence add QUERY --for 2h --note WHY | list [--all] | rm "
            "NAME --note WHY\n");
    return KT_EXIT_USAGE;
}
