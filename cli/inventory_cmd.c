/*
 * inventory_cmd: `keytrail inventory`: each secret, how old its value is, when it is due, and who
 * read it last.
 *
 * Calls: core/answer/inventory, cli/asking; stdout, stderr.
 */
#include <stdio.h>
#include <stdlib.h>

#include "cli/asking.h"
#include "cli/commands.h"
#include "core/answer/inventory.h"
#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/event/secret_id.h"

struct ordered {
    kt_time_ns at;
    uint32_t number;
};

static int older_first(const void *a, const void *b)
{
    const struct ordered *x = a, *y = b;
    if (x->at != y->at)
        return (x->at == 0) != (y->at == 0) ? (x->at == 0 ? 1 : -1) : (x->at < y->at ? -1 : 1);
    return x->number < y->number ? -1 : 1;
}

static const struct kt_column columns[] = {
    { "secret", "SECRET", 70, false },
    { "store", NULL, 0, false },
    { "last_rotated", "LAST ROTATED (UTC)", 0, false },
    { "age_days", "AGE d", 0, true },
    { "age_since", "SINCE", 0, false },
    { "next_due", "NEXT DUE (UTC)", 0, false },
    { "overdue", NULL, 0, false },
    { "last_read", "LAST READ (UTC)", 0, false },
    { "last_read_by", "BY", 36, false },
    { "from", "FROM", 0, false },
    { "owner", "OWNER", 24, false },
    { "last_changed", NULL, 0, false },
    { "expires", NULL, 0, false },
    { "deleted", NULL, 0, false },
    { "gone", NULL, 0, false },
    { "instance", NULL, 0, false },
    { "snapshot", NULL, 0, false },
};

static void add_row(struct kt_rows *rows, const struct kt_inventory_item *it, kt_time_ns now)
{
    struct kt_inventory_age age = kt_inventory_age(it);
    struct kt_str reader;
    kt_time_ns due = kt_inventory_due(it), read = kt_inventory_last_read(it, &reader);
    struct kt_cell null = { .type = KT_CELL_NULL };
    const struct kt_cell cells[] = {
        kt_cell_str(it->secret),
        kt_cell_str(kt_secret_store(it->secret)),
        kt_cell_time(kt_inventory_rotation(it).at),
        age.at != 0 && age.at <= now ? kt_cell_int((now - age.at) / KT_NS_DAY) : null,
        age.since != NULL ? kt_cell_str(kt_str_of(age.since)) : null,
        kt_cell_time(due),
        { .type = KT_CELL_BOOL, .i = due != 0 && due < now },
        kt_cell_time(read),
        kt_cell_str(reader),
        kt_cell_str(kt_str_of(age.from)),
        kt_cell_str(it->owner),
        kt_cell_time(kt_inventory_changed(it)),
        kt_cell_time(it->expires),
        kt_cell_time(it->deleted),
        { .type = KT_CELL_BOOL, .i = it->gone },
        kt_cell_str(it->instance),
        kt_cell_time(it->snapshot),
    };
    kt_rows_add(rows, cells);
}

static void show(const struct kt_asking *a, const struct kt_inventory *v, bool all)
{
    uint32_t shown = 0;
    struct ordered *order = kt_alloc_array(v->n + 1, sizeof *order);
    for (uint32_t i = 0; i < v->n; i++)
        if (all || !v->item[i].gone)
            order[shown++] = (struct ordered){ kt_inventory_age(&v->item[i]).at, i };
    qsort(order, shown, sizeof *order, older_first);
    struct kt_rows *rows = kt_rows_new(a->how, columns, KT_ARRAY_LEN(columns), !a->no_header);
    for (uint32_t i = 0; i < shown; i++)
        add_row(rows, &v->item[order[i].number], a->ask.now);
    kt_rows_end(rows);
    kt_free(order);
}

/* An answer says what it rests on. */
static void say_basis(const struct kt_inventory *v)
{
    char when[KT_TIME_TEXT_MAX];
    if (v->n_sources == 0)
        fprintf(stderr, "no snapshot of a store yet: secrets and ages are what the log shows "
                        "(keytrail-agent source add inventory)\n");
    for (uint32_t i = 0; i < v->n_sources; i++) {
        const struct kt_inventory_source *s = &v->source[i];
        KT_CLEANUP(kt_buf_done) struct kt_buf name = { 0 };
        kt_tty_add(&name, s->instance);
        if (s->complete == 0)
            fprintf(stderr, "snapshot: %s: none is complete\n", kt_buf_z(&name));
        else
            fprintf(stderr, "snapshot: %s: complete at %s UTC\n", kt_buf_z(&name),
                    kt_time_format_short(s->complete, when));
    }
}

int kt_cmd_inventory(int argc, char **argv)
{
    static const struct kt_command cmd = { "inventory",
                                           "[PATTERN] [options]",
                                           "each secret: how old, when due, who read it last",
                                           "keytrail inventory 'aws-sm://**' -o csv",
                                           NULL,
                                           NULL };
    struct kt_asking a = { 0 };
    bool all = false;
    const struct kt_flag flags[] = {
        KT_ASKING_FLAGS(a),
        { "--all", 0, KT_FLAG_BOOL, NULL, "those too that their store does not have any more", &all,
          NULL },
        { 0 },
    };
    struct kt_error err = { 0 };
    struct kt_inventory *v = NULL;
    int n;
    bool parsed;
    int code = kt_flags_parse(&cmd, flags, argc, argv, &n, &parsed);
    if (parsed)
        return code;
    n = kt_window_take_slack(&a.window, argv, n);
    if (n > 1) {
        fprintf(stderr, "keytrail inventory: one pattern at most\n");
        return KT_EXIT_USAGE;
    }
    if (kt_asking_open(&a, 0, &err) == KT_OK &&
        kt_inventory_load(&a.ask, n == 1 ? kt_str_of(argv[1]) : KT_STR_NONE, KT_INVENTORY_ALL, &v,
                          &err) == KT_OK) {
        if (!a.quiet)
            say_basis(v);
        show(&a, v, all);
    }
    kt_inventory_free(v);
    return kt_asking_end(&a, "inventory", &err);
}
