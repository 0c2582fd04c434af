/*
 * dormant: `keytrail dormant`: who has been silent for long, who came back, who never came.
 *
 * Owns:  nothing.
 * Calls: core/answer/dormant, cli/asking; stdout, stderr.
 */
#include "core/answer/dormant.h"

#include <stdio.h>

#include "cli/asking.h"
#include "cli/commands.h"
#include "core/base/alloc.h"

static const struct kt_column columns[] = {
    { "actor", "ACTOR", 44, false },
    { "kind", "KIND", 0, false },
    { "state", "STATE", 0, false },
    { "last_access", "LAST ACCESS", 0, false },
    { "silent_days", "SILENT d", 0, true },
    { "back_at", "CAME BACK", 0, false },
    { "first_access", NULL, 0, false },
    { "accesses", "ACCESSES", 0, true },
    { "reads", NULL, 0, true },
    { "silent_since", NULL, 0, false },
    { "granted_at", "GRANTED", 0, false },
    { "granted_by", NULL, 0, false },
    { "granted_what", NULL, 0, false },
};

static void add(const struct kt_asking *a, struct kt_rows *rows, const struct kt_dormants *d,
                const struct kt_dormant *one)
{
    bool back = one->state == KT_DORMANT_BACK;
    kt_time_ns silent = back ? one->back - one->silent_since
                             : d->as_of - (one->last != 0 ? one->last : one->granted);
    const struct kt_cell cells[] = {
        kt_cell_str(one->actor),
        kt_cell_str(kt_str_of(kt_actor_kind_word(one->kind))),
        kt_cell_str(kt_str_of(kt_dormant_word(one->state))),
        kt_asking_cell(a, one->last),
        kt_cell_int(silent / KT_NS_DAY),
        kt_asking_cell(a, back ? one->back : 0),
        kt_asking_cell(a, one->first),
        kt_cell_int((int64_t)one->records),
        kt_cell_int((int64_t)one->reads),
        kt_asking_cell(a, back ? one->silent_since : 0),
        kt_asking_cell(a, one->granted),
        kt_cell_str(one->by),
        kt_cell_str(one->what),
    };
    kt_rows_add(rows, cells);
}

static enum kt_status run(struct kt_asking *a, uint64_t days, struct kt_error *err)
{
    struct kt_dormants *d = NULL;
    char at[KT_TIME_TEXT_MAX];
    enum kt_status status = kt_asking_open(a, 0, err);
    if (status == KT_OK)
        status = kt_dormants_load(&a->ask, (kt_time_ns)days * KT_NS_DAY, &d, err);
    if (status != KT_OK)
        return status;
    struct kt_rows *rows = kt_rows_new(a->how, columns, KT_ARRAY_LEN(columns), !a->no_header);
    for (uint32_t i = 0; i < d->n; i++)
        add(a, rows, d, &d->at[i]);
    kt_rows_end(rows);
    if (!a->quiet)
        fprintf(stderr, "%u of %u actors; %llu days of silence, as of %s %s\n", d->n, d->actors,
                (unsigned long long)days, kt_asking_when(a, d->as_of, at), kt_asking_zone(a));
    kt_dormants_free(d);
    return KT_OK;
}

int kt_cmd_dormant(int argc, char **argv)
{
    static const struct kt_command cmd = {
        "dormant",
        "[options]",
        "actors that are silent for long, and those that came back",
        "keytrail dormant --days 90 -o csv",
        NULL,
        NULL
    };
    struct kt_asking a = { 0 };
    uint64_t days = 90;
    const struct kt_flag flags[] = {
        { "--days", 0, KT_FLAG_UINT, "N", "days of silence (90)", &days, NULL },
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
        fprintf(stderr, "keytrail dormant: takes no argument; --days from 1 to 36500\n");
        return KT_EXIT_USAGE;
    }
    (void)!run(&a, days, &err);
    return kt_asking_end(&a, "dormant", &err);
}
