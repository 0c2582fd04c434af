/*
 * status_targets: one row a target.
 *
 * Owns:  nothing.
 * Calls: cli (rows), core/event/json; stdout.
 */
#include "cli/status_targets.h"
#include "cli/cli.h"
#include <stdio.h>

static const struct kt_column columns[] = {
    { "target", "TARGET", 20, false },   { "type", "TYPE", 0, false },
    { "state", "STATE", 0, false },      { "waiting", "WAITING", 0, true },
    { "oldest", "OLDEST", 0, true },     { "sent", "SENT", 0, true },
    { "dead", "DEAD", 0, true },         { "code", "LAST CODE", 0, true },
    { "success", "LAST SENT", 0, true }, { "word", "LAST ERROR", 60, false },
};

static struct kt_str state_of(struct kt_jval t)
{
    struct kt_str circuit = kt_json_str_at(t, "circuit");
    int64_t failures = 0;
    (void)kt_json_i64(kt_json_at(t, "failures"), &failures);
    if (kt_str_is(circuit, "disabled"))
        return KT_STR("gone (410)");
    if (kt_str_is(circuit, "open"))
        return KT_STR("away");
    return failures > 0 ? KT_STR("failing") : KT_STR("fine");
}

static int64_t number(struct kt_jval t, const char *name)
{
    int64_t n = 0;
    (void)kt_json_i64(kt_json_at(t, name), &n);
    return n;
}

void kt_status_targets(struct kt_jval targets, kt_time_ns now)
{
    struct kt_json_iter it = kt_json_iter(targets);
    struct kt_rows *rows = NULL;
    struct kt_jval t;
    struct kt_str name;
    while (kt_json_next(&it, &name, &t)) {
        char oldest[KT_TIME_TEXT_MAX] = "", ago[KT_TIME_TEXT_MAX] = "never";
        int64_t waiting = number(t, "waiting"), success = number(t, "last_success"),
                age = number(t, "oldest_age_s");
        if (rows == NULL)
            rows = kt_rows_new(KT_OUT_TABLE, columns, KT_ARRAY_LEN(columns), true);
        if (waiting > 0)
            (void)kt_duration_format(age * KT_NS_S, oldest);
        if (success > 0)
            (void)kt_duration_format(now > success ? now - success : 0, ago);
        const struct kt_cell cells[] = {
            kt_cell_str(name),
            kt_cell_str(kt_json_str_at(t, "type")),
            kt_cell_str(state_of(t)),
            kt_cell_int(waiting),
            kt_cell_str(kt_str_of(oldest)),
            kt_cell_int(number(t, "sent")),
            kt_cell_int(number(t, "dead")),
            number(t, "last_code") != 0 ? kt_cell_int(number(t, "last_code"))
                                        : kt_cell_str(KT_STR_NONE),
            kt_cell_str(kt_str_of(ago)),
            kt_cell_str(kt_json_str_at(t, "last_error")),
        };
        kt_rows_add(rows, cells);
    }
    if (rows == NULL)
        return;
    kt_rows_end(rows);
    printf("\n");
}
