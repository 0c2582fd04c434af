/*
 * stream_cmd: where every event goes besides the store: `stream list`, `dead`, `test`, `rewind`,
 * `schema`.
 *
 * Owns:  nothing.
 * Calls: core/store/read (list, dead: from the file), kt_cli_ask (rewind: the one writer),
 *        collector/streams (test), exporters/streams (schema); stdout.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/stream_lines.h"
#include "collector/stream_setup.h"
#include "collector/streams.h"
#include "core/base/alloc.h"
#include "core/event/line.h"
#include "core/store/read.h"
#include "core/sys/proc.h"
#include "exporters/streams/stream.h"

#define CONFIG "/etc/keytrail/keytrail.yaml"

struct stream_args {
    const char *db, *config, *server, *since, *by, *output;
    enum kt_output how;
};

static enum kt_status open_store(const struct stream_args *a, struct kt_reader **ret,
                                 struct kt_error *err)
{
    char path[4096];
    enum kt_status st = kt_cli_store_path(a->db, a->config, path, sizeof path, err);
    return st == KT_OK ? kt_reader_open(path, ret, err) : st;
}

/* ---- list ---- */

static const struct kt_column columns[] = {
    { "stream", "STREAM", 0, false },
    { "state", "STATE", 0, false },
    { "position", NULL, 0, true },
    { "behind", "BEHIND", 0, true },
    { "lag_seconds", "LAG S", 0, true },
    { "delivered", "DELIVERED", 0, true },
    { "batches", NULL, 0, true },
    { "dead", "DEAD", 0, true },
    { "last_success", "LAST TAKEN", 0, false },
    { "last_code", NULL, 0, true },
    { "last_error", "LAST ERROR", 60, false },
};

struct list {
    struct kt_rows *rows;
    unsigned n;
};

static void add_row(void *self, const struct kt_stream_line *l)
{
    struct list *to = self;
    const struct kt_stream_state *s = &l->state;
    const struct kt_cell cells[] = {
        kt_cell_str(kt_str_of(l->name)),       kt_cell_str(kt_str_of(kt_stream_state_word(s))),
        kt_cell_int((int64_t)s->position),     kt_cell_int((int64_t)l->behind),
        kt_cell_int(l->lag / KT_NS_S),         kt_cell_int((int64_t)s->delivered),
        kt_cell_int((int64_t)s->batches),      kt_cell_int((int64_t)s->dead),
        kt_cell_time(s->last_success),         kt_cell_int(s->last_code),
        kt_cell_str(kt_str_of(s->last_error)),
    };
    kt_rows_add(to->rows, cells);
    to->n++;
}

static int list(const struct stream_args *a, const char *unused)
{
    struct kt_error err = { 0 };
    struct kt_reader *r = NULL;
    (void)unused;
    enum kt_status st = open_store(a, &r, &err);
    if (st == KT_OK) {
        struct list to = { .rows = kt_rows_new(a->how, columns, KT_ARRAY_LEN(columns), true) };
        st = kt_stream_lines(r, kt_clock_real.wall(kt_clock_real.self), add_row, &to, &err);
        kt_rows_end(to.rows);
        if (st == KT_OK && to.n == 0 && a->how == KT_OUT_TABLE)
            fprintf(stderr, "no stream has run yet: streams: in keytrail.yaml (docs/streams.md)\n");
    }
    kt_reader_close(r);
    return st == KT_OK ? KT_EXIT_OK : kt_cli_fail("stream", &err);
}

/* ---- dead ---- */

static const struct kt_column dead_columns[] = {
    { "time", "GIVEN UP", 0, false },
    { "seq", "SEQ", 0, true },
    { "id", "ID", 0, false },
    { "reason", "REASON", 100, false },
};

static void print_dead(const struct stream_args *a, struct kt_str letters)
{
    struct kt_rows *rows = kt_rows_new(a->how, dead_columns, KT_ARRAY_LEN(dead_columns), true);
    struct kt_stream_dead d;
    while (kt_stream_dead_next(&letters, &d)) {
        const struct kt_cell cells[] = { kt_cell_time(d.time), kt_cell_int((int64_t)d.seq),
                                         kt_cell_str(kt_str_of(d.id)),
                                         kt_cell_str(kt_str_of(d.reason)) };
        kt_rows_add(rows, cells);
    }
    kt_rows_end(rows);
}

static int dead(const struct stream_args *a, const char *name)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf letters = { 0 };
    struct kt_error err = { 0 };
    struct kt_reader *r = NULL;
    char blob[256];
    (void)snprintf(blob, sizeof blob, "%s%s", KT_STREAM_DEAD_BLOB, name);
    enum kt_status st = open_store(a, &r, &err);
    if (st == KT_OK)
        st = kt_reader_get(r, blob, &letters, &err);
    kt_reader_close(r);
    if (st != KT_OK && st != KT_E_AGAIN)
        return kt_cli_fail("stream", &err);
    print_dead(a, kt_buf_str(&letters));
    return KT_EXIT_OK;
}

/* ---- rewind ---- */

static int rewind_to(const struct stream_args *a, const char *name)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf request = { 0 }, answer = { 0 };
    struct kt_error err = { 0 };
    kt_time_ns now = kt_clock_real.wall(kt_clock_real.self), since = KT_STREAM_SINCE_BEGINNING;
    if (a->since == NULL) {
        fprintf(stderr, "keytrail stream: rewind needs --since TIME, or --since beginning\n");
        return KT_EXIT_USAGE;
    }
    enum kt_status st = KT_OK;
    if (strcmp(a->since, "beginning") != 0)
        st = kt_time_expr(kt_str_of(a->since), now, kt_local_offset_s(now), false, &since, &err);
    kt_buf_addf(&request, "{\"do\":\"stream.rewind\",\"since\":%" PRId64 ",\"name\":", since);
    kt_json_quote(&request, kt_str_of(name));
    kt_buf_addz(&request, ",\"by\":");
    kt_json_quote(&request, kt_str_of(kt_cli_who(a->by)));
    kt_buf_byte(&request, '}');
    if (st == KT_OK)
        st = kt_cli_ask(a->server, a->config, kt_buf_str(&request), &answer, &err);
    if (st != KT_OK)
        return kt_cli_fail("stream", &err);
    printf("%s starts again; see keytrail stream list\n", name);
    return KT_EXIT_OK;
}

/* ---- test, schema ---- */

static int test(const struct stream_args *a, const char *name)
{
    struct kt_error err = { 0 };
    struct kt_conf *conf = NULL;
    struct kt_stream_tested t = { 0 };
    enum kt_status st = kt_conf_load(a->config != NULL ? a->config : CONFIG, &conf, &err);
    if (st == KT_OK)
        st = kt_stream_test(conf, name, &t, &err);
    kt_conf_free(conf);
    if (st != KT_OK)
        return kt_cli_fail("stream", &err);
    printf("stream   %s\nanswer   %d\ntook     %lld ms\nverdict  %s\n", name, t.status,
           (long long)(t.took / KT_NS_MS), t.taken ? "taken" : "not taken");
    if (t.word[0] != '\0')
        printf("word     %s\n", t.word);
    return t.taken ? KT_EXIT_OK : KT_EXIT_UNREACHABLE;
}

/* Of a stream with the names that it says, of a type as it is. */
static enum kt_status print_schema(const struct kt_stream_type *type, const struct kt_conf *conf,
                                   const struct kt_conf_stream *c, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    if (c == NULL || type->write_schema == NULL) {
        fputs(type->schema, stdout);
        return KT_OK;
    }
    KT_CLEANUP(kt_free_ptr) char *options = kt_alloc(type->options_size);
    enum kt_status st = kt_options_fill(conf->yaml, c->node, type->options, options, err);
    if (st == KT_OK && type->check != NULL)
        st = type->check(options, err);
    if (st != KT_OK)
        return st;
    type->write_schema(options, &text);
    fputs(kt_buf_z(&text), stdout);
    return KT_OK;
}

/* By the name of a stream, or of a type. */
static int schema(const struct stream_args *a, const char *name)
{
    const struct kt_stream_type *type = kt_stream_type_find(kt_str_of(name));
    struct kt_error err = { 0 };
    struct kt_conf *conf = NULL;
    const struct kt_conf_stream *c = NULL;
    enum kt_status st = KT_OK;
    if (type == NULL) {
        st = kt_conf_load(a->config != NULL ? a->config : CONFIG, &conf, &err);
        if (st == KT_OK)
            st = kt_stream_named(conf, name, &c, &err);
        type = st == KT_OK ? kt_stream_type_find(kt_str_of(c->type)) : NULL;
    }
    if (st == KT_OK && (type == NULL || type->schema == NULL))
        st = kt_fail(&err, KT_E_CONFIG, "'%s' needs no schema", name);
    if (st == KT_OK)
        st = print_schema(type, conf, c, &err);
    kt_conf_free(conf);
    return st == KT_OK ? KT_EXIT_OK : kt_cli_fail("stream", &err);
}

static const struct {
    const char *verb;
    int names;
    int (*run)(const struct stream_args *a, const char *name);
} verbs[] = {
    { "list", 0, list },        { "dead", 1, dead },     { "test", 1, test },
    { "rewind", 1, rewind_to }, { "schema", 1, schema },
};

int kt_cmd_stream(int argc, char **argv)
{
    static const struct kt_verb words[] = {
        { "list", "", "how far each one is", NULL, NULL },
        { "dead", "STREAM", "events that the other side refused", NULL, NULL },
        { "test", "STREAM", "does the other side answer", NULL, NULL },
        { "rewind", "STREAM --since TIME", "sends what happened since then again", NULL, NULL },
        { "schema", "STREAM", "what the other side needs first", NULL, NULL },
        { 0 },
    };
    static const struct kt_command cmd = {
        "stream",
        "VERB [options]",
        "streams of events to other tools: list, dead, test, rewind, schema",
        "keytrail stream rewind audit-lake --since 2026-10-01",
        NULL,
        words
    };
    struct stream_args a = { .output = "table" };
    const struct kt_flag flags[] = {
        { "--db", 0, KT_FLAG_STRING, "FILE",
          "list, dead: the store (or -c: that of a configuration)", &a.db, NULL },
        { "--config", 'c', KT_FLAG_STRING, "FILE", "configuration that has the stream", &a.config,
          NULL },
        { "--server", 0, KT_FLAG_STRING, "unix:PATH", "rewind: the collector's control socket",
          &a.server, NULL },
        { "--since", 0, KT_FLAG_STRING, "TIME",
          "rewind: send events that happened from then on again; or beginning", &a.since,
          "--from" },
        { "--by", 0, KT_FLAG_STRING, "NAME", "rewind: who decides (default: the user)", &a.by,
          NULL },
        { "--output", 'o', KT_FLAG_STRING, "FORM", KT_OUTPUT_WORDS, &a.output, NULL },
        { 0 },
    };
    int n;
    bool done;
    int code = kt_flags_parse(&cmd, flags, argc, argv, &n, &done);
    if (done)
        return code;
    bool known = kt_output_of(a.output, &a.how);
    for (size_t i = 0; known && n >= 1 && i < KT_ARRAY_LEN(verbs); i++)
        if (strcmp(argv[1], verbs[i].verb) == 0 && n == 1 + verbs[i].names)
            return verbs[i].run(&a, n == 2 ? argv[2] : NULL);
    return kt_flags_usage(&cmd);
}
