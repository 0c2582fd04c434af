/*
 * inventory_cmd: `keytrail inventory`: each secret, how old its value is, when it is due, and who
 * read it last. Joined from the newest snapshots (lines of kind inventory) and the accesses of the
 * log.
 *
 * Owns:  a row for each secret.
 * Calls: core/query, core/store/read.h, core/event; stdout, stderr.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "core/base/alloc.h"
#include "core/base/map.h"
#include "core/event/json.h"
#include "core/event/secret_id.h"
#include "core/query/query.h"
#include "core/sys/clock.h"

#define SECRETS_MAX 1000000u

struct item {
    bool listed;         /* a snapshot has it */
    kt_time_ns snapshot; /* the newest that has it */
    uint32_t instance;
    kt_time_ns created, changed, rotated, due, expires, deleted, accessed; /* as its store says */
    kt_time_ns period;
    char *owner;
    kt_time_ns read, log_rotated, log_written; /* as the log says */
    char *reader;
};
struct inventory {
    const char *db, *config, *output, *pattern;
    bool all, quiet, no_header;
    enum kt_output how;
    struct kt_reader *reader;
    struct kt_json *json;
    struct kt_map *secrets, *instances;
    struct item *item; /* by number in secrets */
    uint32_t cap;
    kt_time_ns *complete; /* newest complete snapshot by number in instances */
    uint32_t cap_complete;
    kt_time_ns now;
    struct kt_damage damage;
};

/* ---- what is known ---- */

/* NULL: not asked for, or one too many. */
static struct item *item_of(struct inventory *v, struct kt_str secret, struct kt_error *err)
{
    if (!kt_str_glob(kt_str_of(v->pattern), secret))
        return NULL;
    uint32_t n = kt_map_put(v->secrets, secret, NULL);
    if (n >= SECRETS_MAX) {
        (void)!kt_fail(err, KT_E_LIMIT, "more than %u secrets: give a narrower pattern",
                       SECRETS_MAX);
        return NULL;
    }
    if (n >= v->cap) {
        uint32_t cap = v->cap == 0 ? 256 : 2 * v->cap;
        v->item = kt_realloc_array(v->item, cap, sizeof *v->item);
        memset(v->item + v->cap, 0, (cap - v->cap) * sizeof *v->item);
        v->cap = cap;
    }
    return &v->item[n];
}

static uint32_t instance_of(struct inventory *v, struct kt_str name)
{
    uint32_t n = kt_map_put(v->instances, name, NULL);
    if (n >= v->cap_complete) {
        uint32_t cap = v->cap_complete == 0 ? 16 : 2 * v->cap_complete;
        v->complete = kt_realloc_array(v->complete, cap, sizeof *v->complete);
        memset(v->complete + v->cap_complete, 0, (cap - v->cap_complete) * sizeof *v->complete);
        v->cap_complete = cap;
    }
    return n;
}

static void keep_text(char **to, struct kt_str text)
{
    kt_free(*to);
    *to = text.len > 0 ? kt_str_dup(text) : NULL;
}

/* A time, or a date; 0 when it is neither. */
static kt_time_ns time_at(struct kt_jval raw, const char *name)
{
    char text[40];
    kt_time_ns t = 0;
    struct kt_str s = kt_json_str_at(raw, name);
    if (s.len == 10) { /* a date alone */
        (void)snprintf(text, sizeof text, KT_STR_FMT "T00:00:00Z", KT_STR_ARG(s));
        s = kt_str_of(text);
    }
    return s.len > 0 && kt_time_parse(s, &t, NULL) == KT_OK && t > 0 ? t : 0;
}

static void take_secret(struct inventory *v, struct item *it, const struct kt_event *ev,
                        struct kt_jval raw)
{
    kt_time_ns period = 0;
    if (it->listed && it->snapshot > ev->time)
        return;
    it->listed = true;
    it->snapshot = ev->time;
    it->instance = instance_of(v, ev->instance);
    it->created = time_at(raw, "created");
    it->changed = time_at(raw, "last_changed");
    it->rotated = time_at(raw, "last_rotated");
    it->due = time_at(raw, "next_rotation");
    it->expires = time_at(raw, "expires");
    it->deleted = time_at(raw, "deleted");
    it->accessed = time_at(raw, "last_accessed");
    it->period = kt_duration_parse(kt_json_str_at(raw, "rotation_period"), &period, NULL) == KT_OK
                     ? period
                     : 0;
    keep_text(&it->owner, kt_json_str_at(raw, "owner"));
}

static enum kt_status take_record(struct inventory *v, const struct kt_event *ev,
                                  struct kt_error *err)
{
    struct kt_jval raw;
    unsigned repaired;
    if (kt_json_parse(v->json, ev->raw, &raw, &repaired, NULL) != KT_OK)
        return KT_OK;
    if (ev->secret.len == 0) { /* the mark of a snapshot */
        uint32_t n = instance_of(v, ev->instance);
        if (ev->outcome == KT_OUT_SUCCESS && ev->time > v->complete[n])
            v->complete[n] = ev->time;
        return KT_OK;
    }
    *err = (struct kt_error){ 0 };
    struct item *it = item_of(v, ev->secret, err);
    if (it != NULL)
        take_secret(v, it, ev, raw);
    return err->code;
}

/* ---- reading ---- */

static enum kt_status read_snapshots(struct inventory *v, struct kt_error *err)
{
    struct kt_query *q = NULL;
    struct kt_cursor *c = NULL;
    struct kt_record r;
    struct kt_scan scan = { .records = true, .damage = &v->damage };
    enum kt_status st = kt_query_parse(KT_STR("kind:inventory"), &q, err);
    if (st == KT_OK) {
        kt_query_plan(q, &scan);
        st = kt_cursor_open(v->reader, &scan, &c, err);
    }
    while (st == KT_OK) {
        st = kt_cursor_next(c, &r, err);
        if (kt_scan_passes(&scan, st, err))
            st = KT_OK;
        else if (st == KT_OK && r.ev.kind == KT_KIND_INVENTORY)
            st = take_record(v, &r.ev, err);
    }
    kt_cursor_free(c);
    kt_query_free(q);
    return st == KT_E_AGAIN ? KT_OK : st;
}

/* What belongs to a rotation has its action; after these the value may still be the old one. */
static bool ends_rotation(const struct kt_event *ev)
{
    static const char
        *const others[] = {
            "RotateSecret",       "RotationStarted",   "UpdateSecretVersionStage",
            "CancelRotateSecret", "RotationAbandoned", "RotationFailed",
            "RotateKeyOnDemand", /* asked for: RotateKey ends it */
        };
    for (size_t i = 0; i < KT_ARRAY_LEN(others); i++)
        if (kt_str_is(ev->operation, others[i]))
            return false;
    return ev->action == KT_ACT_ROTATE;
}

static void take_access(struct item *it, const struct kt_event *ev, struct kt_str actor)
{
    if (ends_rotation(ev) && ev->time > it->log_rotated)
        it->log_rotated = ev->time;
    if (ev->action == KT_ACT_WRITE && ev->time > it->log_written)
        it->log_written = ev->time;
    if (!kt_event_is_read(ev) || ev->time <= it->read)
        return;
    it->read = ev->time;
    keep_text(&it->reader, actor);
}

static enum kt_status take_view(struct inventory *v, const struct kt_view *view,
                                struct kt_error *err)
{
    const struct kt_columns *c = view->columns;
    *err = (struct kt_error){ 0 };
    for (uint32_t i = 0; i < view->picks && err->code == KT_OK; i++) {
        uint32_t row = view->pick[i];
        const struct kt_event ev = { .kind = KT_KIND_ACCESS,
                                     .action = c->small[KT_COL_ACTION][row],
                                     .operation = kt_column_str(c, KT_COL_OPERATION, row),
                                     .time = view->time[row],
                                     .secret = kt_column_str(c, KT_COL_SECRET, row) };
        if (c->small[KT_COL_KIND][row] != KT_KIND_ACCESS ||
            c->small[KT_COL_OUTCOME][row] != KT_OUT_SUCCESS || ev.secret.len == 0 ||
            kt_str_ends(ev.secret, KT_STR("/*")))
            continue; /* a set says of no secret that it was read */
        struct item *it = item_of(v, ev.secret, err);
        if (it != NULL)
            take_access(it, &ev, kt_column_str(c, KT_COL_ACTOR, row));
    }
    return err->code;
}

static enum kt_status read_accesses(struct inventory *v, struct kt_error *err)
{
    const uint32_t wanted = KT_COLUMN(KT_COL_KIND) | KT_COLUMN(KT_COL_ACTION) |
                            KT_COLUMN(KT_COL_OUTCOME) | KT_COLUMN(KT_COL_SECRET) |
                            KT_COLUMN(KT_COL_ACTOR) | KT_COLUMN(KT_COL_OPERATION);
    struct kt_query *q = NULL;
    struct kt_columns_scan *c = NULL;
    struct kt_view view;
    struct kt_scan scan = { .records = true, .damage = &v->damage };
    enum kt_status st = kt_query_parse(
        KT_STR("action:read,export,issue,use,rotate,write outcome:success"), &q, err);
    if (st == KT_OK) {
        kt_query_plan(q, &scan);
        st = kt_columns_open(v->reader, &scan, wanted, true, &c, err);
    }
    while (st == KT_OK) {
        st = kt_columns_next(c, &view, err);
        if (kt_scan_passes(&scan, st, err))
            st = KT_OK;
        else if (st == KT_OK)
            st = take_view(v, &view, err);
    }
    kt_columns_scan_free(c);
    kt_query_free(q);
    return st == KT_E_AGAIN ? KT_OK : st;
}

/* ---- rows ---- */

struct age {
    kt_time_ns at;     /* 0: nobody says */
    const char *since; /* rotated, changed or created; NULL */
    const char *from;
};

/* The newer of what the store and the log say. */
static struct age newer(const char *since, kt_time_ns inventory, kt_time_ns log)
{
    return log > inventory ? (struct age){ log, since, "log" }
                           : (struct age){ inventory, since, "inventory" };
}

static struct age rotation_of(const struct item *it)
{
    return newer("rotated", it->rotated, it->log_rotated);
}

/* Of the value. A rotation has replaced it; a change need not have, it may have been one of a tag.
 */
static struct age age_of(const struct item *it)
{
    const struct age known[] = { rotation_of(it),
                                 newer("changed", it->changed, it->log_written),
                                 { it->created, "created", "inventory" } };
    for (size_t i = 0; i < KT_ARRAY_LEN(known); i++)
        if (known[i].at != 0)
            return known[i];
    return (struct age){ 0, NULL, it->listed ? "inventory" : "log" };
}

/* The store's own date is none once there was a rotation after it was said. */
static kt_time_ns due_of(const struct item *it)
{
    kt_time_ns due, at = age_of(it).at;
    if (it->due > rotation_of(it).at && it->log_rotated <= it->snapshot)
        return it->due;
    return at != 0 && it->period > 0 && !__builtin_add_overflow(at, it->period, &due) ? due : 0;
}

/* Of a store that keeps the day of the last access alone, the log's read of that day is that one.
 */
static bool is_last_read(const struct item *it)
{
    return it->read != 0 && it->accessed - it->read < KT_NS_DAY;
}

static bool is_gone(const struct inventory *v, const struct item *it)
{
    return it->listed && it->snapshot < v->complete[it->instance];
}

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

static void add_row(struct inventory *v, struct kt_rows *rows, uint32_t n)
{
    const struct item *it = &v->item[n];
    struct kt_str secret = kt_map_key(v->secrets, n);
    struct age age = age_of(it);
    kt_time_ns due = due_of(it);
    struct kt_cell null = { .type = KT_CELL_NULL };
    const struct kt_cell cells[] = {
        kt_cell_str(secret),
        kt_cell_str(kt_secret_store(secret)),
        kt_cell_time(rotation_of(it).at),
        age.at != 0 && age.at <= v->now ? kt_cell_int((v->now - age.at) / KT_NS_DAY) : null,
        age.since != NULL ? kt_cell_str(kt_str_of(age.since)) : null,
        kt_cell_time(due),
        { .type = KT_CELL_BOOL, .i = due != 0 && due < v->now },
        kt_cell_time(it->read > it->accessed ? it->read : it->accessed),
        is_last_read(it) ? kt_cell_str(kt_str_of(it->reader)) : null,
        kt_cell_str(kt_str_of(age.from)),
        kt_cell_str(kt_str_of(it->owner)),
        kt_cell_time(newer(NULL, it->changed, it->log_written).at),
        kt_cell_time(it->expires),
        kt_cell_time(it->deleted),
        { .type = KT_CELL_BOOL, .i = is_gone(v, it) },
        it->listed ? kt_cell_str(kt_map_key(v->instances, it->instance)) : null,
        kt_cell_time(it->snapshot),
    };
    kt_rows_add(rows, cells);
}

static void show(struct inventory *v)
{
    uint32_t n = kt_map_count(v->secrets), shown = 0;
    struct ordered *order = kt_alloc_array(n + 1, sizeof *order);
    for (uint32_t i = 0; i < n; i++)
        if (v->all || !is_gone(v, &v->item[i]))
            order[shown++] = (struct ordered){ age_of(&v->item[i]).at, i };
    qsort(order, shown, sizeof *order, older_first);
    struct kt_rows *rows = kt_rows_new(v->how, columns, KT_ARRAY_LEN(columns), !v->no_header);
    for (uint32_t i = 0; i < shown; i++)
        add_row(v, rows, order[i].number);
    kt_rows_end(rows);
    kt_free(order);
}

/* An answer says what it rests on. */
static void say_basis(const struct inventory *v)
{
    char when[KT_TIME_TEXT_MAX];
    uint32_t n = kt_map_count(v->instances);
    if (n == 0)
        fprintf(stderr, "no snapshot of a store yet: secrets and ages are what the log shows "
                        "(keytrail-agent source add inventory)\n");
    for (uint32_t i = 0; i < n; i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf name = { 0 };
        kt_buf_add(&name, kt_map_key(v->instances, i));
        if (v->complete[i] == 0)
            fprintf(stderr, "snapshot: %s: none is complete\n", kt_buf_z(&name));
        else
            fprintf(stderr, "snapshot: %s: complete at %s UTC\n", kt_buf_z(&name),
                    kt_time_format_short(v->complete[i], when));
    }
}

static enum kt_status run(struct inventory *v, struct kt_error *err)
{
    char path[4096];
    v->now = kt_clock_real.wall(kt_clock_real.self);
    v->json = kt_json_new(KT_JSON_SIMDJSON);
    v->secrets = kt_map_new((uint64_t)v->now);
    v->instances = kt_map_new((uint64_t)v->now);
    if (kt_cli_store_path(v->db, v->config, path, sizeof path, err) != KT_OK ||
        kt_reader_open(path, &v->reader, err) != KT_OK || read_snapshots(v, err) != KT_OK ||
        read_accesses(v, err) != KT_OK)
        return err->code;
    if (!v->quiet)
        say_basis(v);
    show(v);
    if (v->damage.places > 0)
        fprintf(stderr, "keytrail inventory: %u damaged places were left out: %s\n",
                v->damage.places, v->damage.first.text);
    return KT_OK;
}

static void done(struct inventory *v)
{
    for (uint32_t i = 0; i < v->cap; i++) {
        kt_free(v->item[i].owner);
        kt_free(v->item[i].reader);
    }
    kt_free(v->item);
    kt_free(v->complete);
    kt_map_free(v->secrets);
    kt_map_free(v->instances);
    kt_json_free(v->json);
    kt_reader_close(v->reader);
}

int kt_cmd_inventory(int argc, char **argv)
{
    static const struct kt_command cmd = { "inventory", "[PATTERN] [options]",
                                           "each secret: how old, when due, who read it last",
                                           "keytrail inventory 'aws-sm://**' -o csv", NULL };
    struct inventory v = { .pattern = "**", .output = "table" };
    const struct kt_flag flags[] = {
        { "--db", 0, KT_FLAG_STRING, "FILE", "the store (or -c: the one of a configuration)", &v.db,
          NULL },
        { "--config", 'c', KT_FLAG_STRING, "FILE", "configuration that names the store", &v.config,
          NULL },
        { "--output", 'o', KT_FLAG_STRING, "FORM", KT_OUTPUT_WORDS, &v.output, NULL },
        { "--all", 0, KT_FLAG_BOOL, NULL, "those too that their store does not have any more",
          &v.all, NULL },
        { "--no-header", 0, KT_FLAG_BOOL, NULL, "no head line", &v.no_header, NULL },
        { "--quiet", 'q', KT_FLAG_BOOL, NULL, "no talk on stderr", &v.quiet, NULL },
        { 0 },
    };
    struct kt_error err = { 0 };
    int n;
    bool parsed;
    int code = kt_flags_parse(&cmd, flags, argc, argv, &n, &parsed);
    if (parsed)
        return code;
    if (n > 1 || !kt_output_of(v.output, &v.how)) {
        fprintf(stderr, "keytrail inventory: one pattern at most; -o takes " KT_OUTPUT_WORDS "\n");
        return KT_EXIT_USAGE;
    }
    v.pattern = n == 1 ? argv[1] : v.pattern;
    if (run(&v, &err) != KT_OK)
        code = kt_cli_fail("inventory", &err);
    else if (v.damage.places > 0)
        code = KT_EXIT_STORE;
    done(&v);
    return code;
}
