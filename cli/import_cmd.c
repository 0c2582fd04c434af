/*
 * import_cmd: the command `keytrail import`: options, sink, and what it prints.
 *
 * Owns:  nothing.
 * Calls: cli/import, collector/control; stdout, stderr.
 */
#include <stdio.h>
#include <string.h>

#include "agents/source_file.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/import.h"
#include "core/base/alloc.h"
#include "core/base/limits.h"
#include "core/config/tree.h"
#include "core/event/json.h"
#include "core/event/line.h"
#include "core/wire/control_client.h"

/* ---- sink: a running collector ---- */

struct remote {
    struct kt_control_client *client;
    struct kt_json *json;
    struct kt_buf request, answer;
};

/* One request a batch: {"do":"import","origin":"feed","n":2} and then n lines
 * {"arrival":ns,"line":…}; the answer has "fate":"sd…" with a letter a line (docs/control.md). */
static enum kt_status remote_store(void *self, enum kt_origin origin,
                                   const struct kt_ingest_line *lines, uint32_t n, uint8_t *fate,
                                   struct kt_error *err)
{
    struct remote *r = self;
    kt_buf_reset(&r->request);
    kt_buf_addf(&r->request, "{\"do\":\"import\",\"origin\":\"%s\",\"lines\":[",
                origin == KT_ORIGIN_FEED ? "feed" : "import");
    for (uint32_t i = 0; i < n; i++) {
        kt_buf_addf(&r->request, "%s{\"arrival\":%lld,\"line\":", i > 0 ? "," : "",
                    (long long)lines[i].arrival);
        kt_json_quote(&r->request, lines[i].line);
        kt_buf_byte(&r->request, '}');
    }
    kt_buf_addz(&r->request, "]}");
    kt_buf_reset(&r->answer);
    if (kt_control_call(r->client, kt_buf_str(&r->request), &r->answer, err) != KT_OK)
        return err->code;
    struct kt_jval root;
    unsigned repaired;
    if (kt_json_parse(r->json, kt_str_trim(kt_buf_str(&r->answer)), &root, &repaired, err) != KT_OK)
        return kt_wrap(err, "the collector's answer");
    struct kt_str fates = kt_json_str_at(root, "fate");
    if (fates.len != n)
        return kt_fail(err, KT_E_DENIED, "the collector refused the lines: " KT_STR_FMT,
                       KT_STR_ARG(kt_json_str_at(root, "error")));
    for (uint32_t i = 0; i < n; i++)
        fate[i] = fates.at[i] == 'd' ? KT_FATE_DUPLICATE
                                     : (fates.at[i] == 'c' ? KT_FATE_CONFLICT : KT_FATE_STORED);
    return KT_OK;
}

static enum kt_status remote_end(void *self, struct kt_error *err)
{
    (void)self;
    (void)err;
    return KT_OK;
}

static enum kt_status through_collector(const char *server, const struct kt_import_options *o,
                                        struct kt_import_counts *ret, struct kt_error *err)
{
    if (strncmp(server, "unix:", 5) != 0)
        return kt_fail(err, KT_E_INPUT, "--server takes unix:PATH, the collector's control socket");
    struct remote r = { 0 };
    if (kt_control_connect(server + 5, &r.client, err) != KT_OK)
        return err->code;
    r.json = kt_json_new(KT_JSON_SIMDJSON);
    struct kt_import_sink sink = { .store = remote_store, .end = remote_end, .self = &r };
    enum kt_status st = kt_import_run(o, &sink, ret, err);
    kt_control_client_free(r.client);
    kt_json_free(r.json);
    kt_buf_done(&r.request);
    kt_buf_done(&r.answer);
    return st;
}

/* ---- what it prints ---- */

static void print_json(const struct kt_import_counts *c)
{
    printf(
        "{\"read\":%llu,\"stored\":%llu,\"duplicate\":%llu,\"skipped\":%llu,\"quarantined\":%llu,"
        "\"records\":%llu,\"repaired\":%llu,\"redactions\":%llu,\"conflicts\":%llu,\"files\":%llu,"
        "\"broken_files\":%llu,\"skipped_by\":{",
        (unsigned long long)c->read, (unsigned long long)c->stored,
        (unsigned long long)c->duplicate, (unsigned long long)c->skipped,
        (unsigned long long)c->quarantined, (unsigned long long)c->records,
        (unsigned long long)c->repaired, (unsigned long long)c->redactions,
        (unsigned long long)c->conflicts, (unsigned long long)c->files,
        (unsigned long long)c->broken_files);
    for (unsigned i = 0; i < KT_ARRAY_LEN(c->skip) && c->skip[i].reason != NULL; i++)
        printf("%s\"%s\":%llu", i > 0 ? "," : "", c->skip[i].reason,
               (unsigned long long)c->skip[i].n);
    printf("}}\n");
}

static void print_table(const struct kt_import_counts *c)
{
    const struct {
        const char *word;
        uint64_t n;
        const char *says;
    } rows[] = {
        { "read", c->read, "records, and events of records that hold several" },
        { "stored", c->stored, "events" },
        { "duplicate", c->duplicate, "were already there" },
        { "skipped", c->skipped, "gave no event of their own" },
        { "quarantined", c->quarantined, "broken: kept by shape, see search kind:quarantine" },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(rows); i++)
        printf("%-12s %10llu  %s\n", rows[i].word, (unsigned long long)rows[i].n, rows[i].says);
    for (unsigned i = 0; i < KT_ARRAY_LEN(c->skip) && c->skip[i].reason != NULL; i++)
        printf("  skipped    %10llu  %s\n", (unsigned long long)c->skip[i].n, c->skip[i].reason);
    if (c->conflicts > 0)
        printf("conflicts    %10llu  same id as an earlier event, other content: both kept\n",
               (unsigned long long)c->conflicts);
    if (c->broken_files > 0)
        printf("broken files %10llu  read up to the damage\n", (unsigned long long)c->broken_files);
}

struct args {
    const char *db, *config, *server, *source, *mapping, *instance, *cluster, *output;
    struct kt_flag_many feeds;
    bool quiet, json;
};

static int usage(void)
{
    fprintf(stderr,
            "keytrail import: give --source TYPE and PATHs, or --feed PATH (-o table or json)\n"
            "try: keytrail import --help\n");
    return KT_EXIT_USAGE;
}

static enum kt_status into_store(const struct args *a, const struct kt_import_options *o,
                                 struct kt_import_counts *ret, struct kt_error *err)
{
    char path[4096];
    struct kt_import_store *store = NULL;
    struct kt_import_sink sink;
    if (kt_cli_store_path(a->db, a->config, path, sizeof path, err) != KT_OK ||
        kt_import_store_open(path, a->config, a->quiet, &store, &sink, err) != KT_OK)
        return err->code;
    enum kt_status st = kt_import_run(o, &sink, ret, err);
    kt_import_store_close(store);
    return st;
}

static int run(const struct args *a, const struct kt_import_options *o)
{
    struct kt_error err = { 0 };
    struct kt_import_counts counts = { 0 };
    enum kt_status st = a->server != NULL ? through_collector(a->server, o, &counts, &err)
                                          : into_store(a, o, &counts, &err);
    if (st == KT_E_DENIED && a->server == NULL) {
        fprintf(stderr,
                "keytrail import: %s\n"
                "try: keytrail import --server unix:PATH … (the collector's control socket)\n",
                err.text);
        return KT_EXIT_STORE;
    }
    if (st != KT_OK)
        return kt_cli_fail("import", &err);
    if (a->json)
        print_json(&counts);
    else
        print_table(&counts);
    return counts.broken_files > 0 ? KT_EXIT_PARTIAL : KT_EXIT_OK;
}

static int parse(struct args *a, int argc, char **argv, int *ret_n, bool *ret_done)
{
    static const struct kt_command cmd = {
        "import",
        "--db FILE --source SOURCE FILE|DIR… | --db FILE --feed FILE",
        "decode files or a feed into a store",
        "keytrail import --db keytrail.db --source cloudtrail --instance aws-main ./AWSLogs",
        NULL,
        NULL
    };
    const struct kt_flag flags[] = {
        { "--db", 0, KT_FLAG_STRING, "FILE", "the store, created if missing", &a->db, NULL },
        { "--server", 0, KT_FLAG_STRING, "unix:PATH",
          "hand the lines to the collector that listens there", &a->server, NULL },
        { "--config", 'c', KT_FLAG_STRING, "FILE",
          "configuration that names the geo databases (and the store)", &a->config, NULL },
        { "--source", 0, KT_FLAG_STRING, "SOURCE",
          "vault, cloudtrail … (keytrail-agent source list)", &a->source, NULL },
        { "--mapping", 0, KT_FLAG_STRING, "FILE",
          "names the fields of the records of --source mapping", &a->mapping, NULL },
        { "--instance", 0, KT_FLAG_STRING, "NAME",
          "name of the source instance (default: the type)", &a->instance, NULL },
        { "--cluster", 0, KT_FLAG_STRING, "NAME",
          "label in secret ids where records do not name their store (default: the instance)",
          &a->cluster, NULL },
        { "--feed", 0, KT_FLAG_MANY, "PATH|-",
          "NDJSON with arrival times: received_ns, source, instance, record (the raw text of one), "
          "cluster where several instances are of one",
          &a->feeds, NULL },
        { "--output", 'o', KT_FLAG_STRING, "FORM", "table or json", &a->output, NULL },
        { "--quiet", 'q', KT_FLAG_BOOL, NULL, "no talk on stderr", &a->quiet, NULL },
        { 0 },
    };
    return kt_flags_parse(&cmd, flags, argc, argv, ret_n, ret_done);
}

int kt_cmd_import(int argc, char **argv)
{
    struct args a = { .output = "table" };
    int n;
    bool done;
    int code = parse(&a, argc, argv, &n, &done);
    if (done)
        return code;
    bool feed = a.feeds.n > 0;
    a.json = strcmp(a.output, "json") == 0 || strcmp(a.output, "ndjson") == 0;
    if (feed == (n > 0) || (!feed && a.source == NULL) ||
        (!a.json && strcmp(a.output, "table") != 0))
        return usage();
    if (!feed && kt_source_find(kt_str_of(a.source)) == NULL) {
        fprintf(stderr, "keytrail import: unknown source type '%s'; there are: %s\n", a.source,
                kt_import_source_names());
        return KT_EXIT_USAGE;
    }
    if (a.instance != NULL && !kt_conf_name_ok(kt_str_of(a.instance))) {
        fprintf(stderr, "keytrail import: --instance: " KT_IMPORT_NAME_RULE "\n", KT_NAME_MAX);
        return KT_EXIT_USAGE;
    }
    struct kt_source_file file = { 0 };
    struct kt_error err = { 0 };
    if ((!feed || a.mapping != NULL) &&
        kt_source_file_open(feed ? "mapping" : a.source, a.mapping, &file, &err) != KT_OK)
        return kt_cli_fail("import", &err);
    const char **paths = kt_alloc_array(feed ? a.feeds.n : (size_t)n, sizeof *paths);
    for (unsigned i = 0; i < (feed ? a.feeds.n : (unsigned)n); i++)
        paths[i] = feed ? a.feeds.at[i] : argv[i + 1];
    struct kt_import_options o = { .feed = feed,
                                   .source = a.source,
                                   .instance = a.instance != NULL ? a.instance : a.source,
                                   .paths = paths,
                                   .n_paths = feed ? a.feeds.n : (unsigned)n,
                                   .described = file.source,
                                   .quiet = a.quiet };
    o.cluster = a.cluster != NULL ? a.cluster : o.instance;
    code = run(&a, &o);
    kt_free(paths);
    kt_source_file_done(&file);
    return code;
}
