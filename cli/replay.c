/*
 * replay: the detectors over the stored log, from empty state, in order of arrival. Same input,
 * same bytes out.
 *
 * Owns:  the alerts as they stand, in order of opening.
 * Calls: collector/detect, cli/log_order; stdout.
 */
#include <stdio.h>
#include <string.h>

#include "cli/alert_rows.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/log_order.h"
#include "collector/detect.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/map.h"

struct replay {
    struct kt_detect *detect;
    struct kt_map *ids; /* alert id -> number in documents */
    char **documents;   /* newest JSON of each alert */
    uint64_t records;
    struct kt_damage damage;
};

static void on_alert(void *self, const struct kt_alert *a, bool is_new)
{
    struct replay *r = self;
    (void)is_new;
    bool fresh;
    uint32_t i = kt_map_put(r->ids, kt_str_of(a->id), &fresh);
    if (fresh)
        r->documents = kt_realloc_array(r->documents, i + 1, sizeof(char *));
    else
        kt_free(r->documents[i]);
    struct kt_buf json = { 0 };
    kt_alert_write(a, &json);
    r->documents[i] = kt_str_dup(kt_buf_str(&json));
    kt_buf_done(&json);
}

static enum kt_status on_record(void *self, const struct kt_record *rec, struct kt_error *err)
{
    struct replay *r = self;
    (void)err;
    kt_detect_record(r->detect, rec);
    r->records++;
    return KT_OK;
}

static enum kt_status run(struct replay *r, const char *db, const char *config,
                          struct kt_conf **conf, struct kt_error *err)
{
    char path[4096];
    struct kt_reader *reader = NULL;
    if (kt_cli_store_path(db, config, path, sizeof path, err) != KT_OK)
        return err->code;
    if (config != NULL && kt_conf_load(config, conf, err) != KT_OK)
        return err->code;
    if (*conf == NULL)
        *conf = kt_conf_defaults();
    struct kt_detect_options o = { .conf = *conf, .alert = on_alert, .self = r, .replay = true };
    if (kt_detect_new(&o, &r->detect, err) != KT_OK || kt_reader_open(path, &reader, err) != KT_OK)
        return err->code;
    enum kt_status st = kt_log_in_order(reader, &r->damage, on_record, r, err);
    kt_reader_close(reader);
    return st;
}

int kt_cmd_replay(int argc, char **argv)
{
    static const struct kt_command cmd = {
        "replay", "--db FILE [-c CONFIG] [options]",
        "run the detectors over the stored log again, from empty state",
        "keytrail replay --db keytrail.db -o ndjson", NULL
    };
    const char *db = NULL, *config = NULL, *output = "table";
    bool digest = false, no_header = false;
    const struct kt_flag flags[] = {
        { "--db", 0, KT_FLAG_STRING, "FILE", "the store", &db, NULL },
        { "--config", 'c', KT_FLAG_STRING, "FILE",
          "configuration: networks, canaries, detectors (default: none)", &config, NULL },
        { "--output", 'o', KT_FLAG_STRING, "FORM", KT_OUTPUT_WORDS, &output, NULL },
        { "--digest", 0, KT_FLAG_BOOL, NULL, "print the digest of the detectors' state on stderr",
          &digest, NULL },
        { "--no-header", 0, KT_FLAG_BOOL, NULL, "no head line", &no_header, NULL },
        { 0 },
    };
    int n;
    bool done;
    int code = kt_flags_parse(&cmd, flags, argc, argv, &n, &done);
    if (done)
        return code;
    enum kt_output how;
    if (!kt_output_of(output, &how) || n > 0) {
        fprintf(stderr, "keytrail replay: takes no arguments; -o takes " KT_OUTPUT_WORDS "\n");
        return KT_EXIT_USAGE;
    }
    struct replay r = { .ids = kt_map_new(0) };
    struct kt_conf *conf = NULL;
    struct kt_error err = { 0 };
    if (run(&r, db, config, &conf, &err) != KT_OK)
        code = kt_cli_fail("replay", &err);
    struct kt_rows *rows = kt_alert_rows_new(how, !no_header);
    for (uint32_t i = 0; code == KT_EXIT_OK && i < kt_map_count(r.ids); i++)
        kt_alert_rows_add(rows, kt_str_of(r.documents[i]));
    kt_rows_end(rows);
    if (digest && code == KT_EXIT_OK) {
        uint8_t state[32];
        char hex[65];
        kt_detect_digest(r.detect, state);
        kt_hex(hex, state, sizeof state);
        fprintf(stderr, "%llu records, state %s\n", (unsigned long long)r.records, hex);
    }
    if (r.damage.places > 0 && code == KT_EXIT_OK) {
        fprintf(stderr, "keytrail replay: %u damaged places were left out: %s\n", r.damage.places,
                r.damage.first.text);
        code = KT_EXIT_STORE;
    }
    for (uint32_t i = 0; i < kt_map_count(r.ids); i++)
        kt_free(r.documents[i]);
    kt_free(r.documents);
    kt_map_free(r.ids);
    kt_detect_free(r.detect);
    kt_conf_free(conf);
    return code;
}
