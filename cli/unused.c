/*
 * unused: `keytrail unused`: secrets that a store lists and that nobody read for long.
 *
 * Owns:  nothing.
 * Calls: core/answer/unused, cli/asking; stdout, stderr.
 */
#include "core/answer/unused.h"

#include <stdio.h>

#include "cli/asking.h"
#include "cli/commands.h"
#include "core/base/alloc.h"

static const struct kt_column columns[] = {
    { "secret", "SECRET", 70, false },
    { "owner", "OWNER", 24, false },
    { "created", "CREATED", 0, false },
    { "last_rotated", "LAST ROTATED", 0, false },
    { "store_last_access", "LAST ACCESS, as its store says", 0, false },
    { "last_changed", NULL, 0, false },
    { "instance", NULL, 0, false },
    { "snapshot", NULL, 0, false },
};

static void add(const struct kt_asking *a, struct kt_rows *rows, const struct kt_inventory_item *it)
{
    const struct kt_cell cells[] = {
        kt_cell_str(it->secret),         kt_cell_str(it->owner),
        kt_asking_cell(a, it->created),  kt_asking_cell(a, it->rotated),
        kt_asking_cell(a, it->accessed), kt_asking_cell(a, it->changed),
        kt_cell_str(it->instance),       kt_asking_cell(a, it->snapshot),
    };
    kt_rows_add(rows, cells);
}

static void say(const struct kt_asking *a, const struct kt_unused *u)
{
    char since[KT_TIME_TEXT_MAX], until[KT_TIME_TEXT_MAX];
    if (u->inventory->n_sources == 0) {
        fprintf(stderr, "no inventory is stored, so nobody says which secrets there are "
                        "(keytrail-agent source add inventory)\n");
        return;
    }
    fprintf(stderr, "%u of %u secrets were not read from %s to %s %s\n", u->n, u->listed,
            kt_asking_when(a, u->since, since), kt_asking_when(a, u->until, until),
            kt_asking_zone(a));
}

static enum kt_status run(struct kt_asking *a, uint64_t days, struct kt_error *err)
{
    struct kt_unused *u = NULL;
    enum kt_status status = kt_asking_open(a, 0, err);
    if (status == KT_OK)
        status = kt_unused_load(&a->ask, (kt_time_ns)days * KT_NS_DAY, &u, err);
    if (status != KT_OK)
        return status;
    struct kt_rows *rows = kt_rows_new(a->how, columns, KT_ARRAY_LEN(columns), !a->no_header);
    for (uint32_t i = 0; i < u->n; i++)
        add(a, rows, u->item[i]);
    kt_rows_end(rows);
    if (!a->quiet)
        say(a, u);
    a->ask.since = u->since; /* coverage of what was asked */
    a->ask.until = u->until;
    kt_unused_free(u);
    return KT_OK;
}

int kt_cmd_unused(int argc, char **argv)
{
    static const struct kt_command cmd = { "unused",
                                           "[options]",
                                           "secrets of the inventory that nobody reads",
                                           "keytrail unused --days 90",
                                           NULL,
                                           NULL };
    struct kt_asking a = { 0 };
    uint64_t days = 90;
    const struct kt_flag flags[] = {
        { "--days", 0, KT_FLAG_UINT, "N", "days without a read (90), to --until or the log's end",
          &days, NULL },
        KT_ASKING_FLAGS(a),
        { 0 },
    };
    struct kt_error err = { 0 };
    int n;
    bool done;
    int code = kt_flags_parse(&cmd, flags, argc, argv, &n, &done);
    if (done)
        return code;
    n = kt_window_take_slack(&a.window, argv, n);
    if (n != 0 || days == 0 || days > 36500) {
        fprintf(stderr, "keytrail unused: takes no argument; --days from 1 to 36500\n");
        return KT_EXIT_USAGE;
    }
    (void)!run(&a, days, &err);
    return kt_asking_end(&a, "unused", &err);
}
