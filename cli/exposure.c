/*
 * exposure: `keytrail exposure [PATTERN]`: what leak scanners found, and who used it since.
 *
 * Owns:  nothing.
 * Calls: core/answer/exposure, cli/asking; stdout, stderr.
 */
#include "core/answer/exposure.h"

#include <stdio.h>
#include <string.h>

#include "cli/asking.h"
#include "cli/commands.h"
#include "core/base/alloc.h"

static const struct kt_column columns[] = {
    { "found", "FOUND", 0, false },
    { "credential", "CREDENTIAL", 24, false },
    { "state", "STATE", 0, false },
    { "uses_since", "USES SINCE", 0, true },
    { "last_use", "LAST USE", 0, false },
    { "secrets_read", "SECRETS READ", 0, true },
    { "secrets_exposed", "EXPOSED", 0, true },
    { "where", "WHERE", 60, false },
    { "rule", NULL, 0, false },
    { "newest", NULL, 0, false },
    { "findings", NULL, 0, true },
    { "reads_since", NULL, 0, true },
    { "failed_since", NULL, 0, true },
    { "uses_before", NULL, 0, true },
    { "first_use", NULL, 0, false },
    { "addresses", NULL, 0, true },
    { "author", NULL, 0, false },
    { "instance", NULL, 0, false },
};

static void add(const struct kt_asking *a, struct kt_rows *rows, const struct kt_exposed *e)
{
    const struct kt_cell cells[] = {
        kt_asking_cell(a, e->found),
        kt_cell_str(e->credential),
        kt_cell_str(e->state),
        e->credential.len > 0 ? kt_cell_int((int64_t)e->uses)
                              : (struct kt_cell){ .type = KT_CELL_NULL },
        kt_asking_cell(a, e->last_use),
        kt_cell_int(e->secrets),
        kt_cell_int(e->open),
        kt_cell_str(e->where),
        kt_cell_str(e->rule),
        kt_asking_cell(a, e->newest),
        kt_cell_int((int64_t)e->findings),
        kt_cell_int((int64_t)e->reads),
        kt_cell_int((int64_t)e->failed),
        kt_cell_int((int64_t)e->uses_before),
        kt_asking_cell(a, e->first_use),
        kt_cell_int(e->addresses),
        kt_cell_str(e->author),
        kt_cell_str(e->instance),
    };
    kt_rows_add(rows, cells);
}

static void say(const struct kt_exposures *x)
{
    unsigned used = 0, named = 0;
    for (uint32_t i = 0; i < x->n; i++) {
        used += x->at[i].uses > 0;
        named += x->at[i].credential.len > 0;
    }
    fprintf(stderr,
            "%u exposures, %u of them with a credential's id, %u used since they were found "
            "(keytrail blast CREDENTIAL says what was read)\n",
            x->n, named, used);
    if (x->not_followed > 0)
        fprintf(stderr, "of %u older ones the use was not looked for: give a pattern or --since\n",
                x->not_followed);
    if (x->more > 0)
        fprintf(stderr, "%llu findings are not listed: give a pattern or --since\n",
                (unsigned long long)x->more);
}

static enum kt_status run(struct kt_asking *a, const char *pattern, struct kt_error *err)
{
    struct kt_exposures *x = NULL;
    enum kt_status status = kt_asking_open(a, 0, err);
    if (status == KT_OK)
        status = kt_exposures_load(&a->ask, kt_str_of(pattern), &x, err);
    if (status != KT_OK)
        return status;
    struct kt_rows *rows = kt_rows_new(a->how, columns, KT_ARRAY_LEN(columns), !a->no_header);
    for (uint32_t i = 0; i < x->n; i++)
        add(a, rows, &x->at[i]);
    kt_rows_end(rows);
    if (!a->quiet)
        say(x);
    kt_exposures_free(x);
    return KT_OK;
}

int kt_cmd_exposure(int argc, char **argv)
{
    static const struct kt_command cmd = {
        "exposure",
        "[PATTERN] [options]",
        "leaked secrets that scanners found, and who used them since",
        "keytrail exposure 'github.com**' --since 90d",
        NULL,
        NULL
    };
    struct kt_asking a = { 0 };
    const struct kt_flag flags[] = { KT_ASKING_FLAGS(a), { 0 } };
    struct kt_error err = { 0 };
    int n;
    bool done;
    int code = kt_flags_parse(&cmd, flags, argc, argv, &n, &done);
    if (done)
        return code;
    n = kt_window_take_slack(&a.window, argv, n);
    if (n > 1) {
        fprintf(stderr, "keytrail exposure: one pattern at most: of the place, the rule or the "
                        "credential\n");
        return KT_EXIT_USAGE;
    }
    (void)!run(&a, n == 1 && strcmp(argv[1], "all") != 0 ? argv[1] : NULL, &err);
    return kt_asking_end(&a, "exposure", &err);
}
