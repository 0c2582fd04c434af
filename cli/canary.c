/*
 * canary: `keytrail canary`: who touched the canaries of the configuration, and when each was last
 * tested.
 *
 * Owns:  nothing.
 * Calls: core/answer/canary, cli/asking; stdout, stderr.
 */
#include "core/answer/canary.h"

#include <stdio.h>

#include "cli/asking.h"
#include "cli/commands.h"
#include "core/base/alloc.h"

static const struct kt_column columns[] = {
    { "canary", "CANARY", 60, false },
    { "state", "STATE", 0, false },
    { "touches", "TOUCHES", 0, true },
    { "last_touch", "LAST TOUCH", 0, false },
    { "last_touch_by", "BY", 36, false },
    { "first_touch", NULL, 0, false },
    { "failed", NULL, 0, true },
    { "last_test", "LAST TEST", 0, false },
    { "tested_by", "TESTED BY", 30, false },
    { "tests", NULL, 0, true },
    { "allowed", "MAY TOUCH IT", 40, false },
    { "actors", NULL, 0, false },
};

static const char *state_of(const struct kt_canary *c)
{
    return c->touches > 0 ? "touched" : c->last_test == 0 ? "untouched, never tested" : "untouched";
}

static void add(const struct kt_asking *a, struct kt_rows *rows, const struct kt_canary *c)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf allowed = { 0 }, actors = { 0 };
    for (unsigned i = 0; i < c->allow.n; i++)
        kt_buf_addf(&allowed, "%s%s", i > 0 ? ", " : "", c->allow.at[i]);
    for (uint32_t i = 0; i < c->actor.n; i++)
        kt_buf_addf(&actors, "%s" KT_STR_FMT " (%llu)", i > 0 ? ", " : "",
                    KT_STR_ARG(c->actor.at[i].what), (unsigned long long)c->actor.at[i].n);
    const struct kt_cell cells[] = {
        kt_cell_str(kt_str_of(c->secret)),
        kt_cell_str(kt_str_of(state_of(c))),
        kt_cell_int((int64_t)c->touches),
        kt_asking_cell(a, c->last),
        kt_cell_str(c->by),
        kt_asking_cell(a, c->first),
        kt_cell_int((int64_t)c->failed),
        kt_asking_cell(a, c->last_test),
        kt_cell_str(c->tested_by),
        kt_cell_int((int64_t)c->tests),
        kt_cell_str(kt_buf_str(&allowed)),
        kt_cell_str(kt_buf_str(&actors)),
    };
    kt_rows_add(rows, cells);
}

static enum kt_status run(struct kt_asking *a, struct kt_error *err)
{
    struct kt_canaries *c = NULL;
    unsigned touched = 0;
    enum kt_status status = kt_asking_open(a, 0, err);
    if (status == KT_OK)
        status = kt_canaries_load(&a->ask, a->conf, &c, err);
    if (status != KT_OK)
        return status;
    struct kt_rows *rows = kt_rows_new(a->how, columns, KT_ARRAY_LEN(columns), !a->no_header);
    for (unsigned i = 0; i < c->n; i++) {
        add(a, rows, &c->at[i]);
        touched += c->at[i].touches > 0;
    }
    kt_rows_end(rows);
    if (!a->quiet && c->n == 0)
        fprintf(stderr, "no canaries are configured: canaries: in keytrail.yaml (-c names it; else "
                        "the log's newest configuration counts)\n");
    else if (!a->quiet)
        fprintf(stderr, "%u canaries, %u touched by somebody who may not\n", c->n, touched);
    kt_canaries_free(c);
    return KT_OK;
}

int kt_cmd_canary(int argc, char **argv)
{
    static const struct kt_command cmd = { "canary",
                                           "[options]",
                                           "canaries: who touched them, and when they were tested",
                                           "keytrail canary --since 90d",
                                           NULL,
                                           NULL };
    struct kt_asking a = { 0 };
    const struct kt_flag flags[] = { KT_ASKING_FLAGS(a), { 0 } };
    struct kt_error err = { 0 };
    int n;
    bool done;
    int code = kt_flags_parse(&cmd, flags, argc, argv, &n, &done);
    if (done)
        return code;
    n = kt_window_take_slack(&a.window, argv, n);
    if (n != 0) {
        fprintf(stderr, "keytrail canary: takes no argument\n");
        return KT_EXIT_USAGE;
    }
    (void)!run(&a, &err);
    return kt_asking_end(&a, "canary", &err);
}
