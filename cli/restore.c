/*
 * restore: `keytrail restore`: a store made of a backup, and what happens next.
 *
 * Owns:  nothing.
 * Calls: core/store/backup.h; stdout.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "core/base/enc.h"
#include "core/base/log.h"
#include "core/event/line.h"
#include "core/store/backup.h"
#include "core/sys/clock.h"

struct restore {
    const char *db, *output;
    bool force, json;
    struct kt_restore_result result;
    struct kt_buf problems; /* JSON strings */
};

static void on_problem(void *self, enum kt_fault fault, const char *sentence)
{
    (void)fault;
    struct restore *r = self;
    if (!r->json)
        printf("problem    %s\n", sentence);
    if (r->problems.len > 0)
        kt_buf_byte(&r->problems, ',');
    kt_json_quote(&r->problems, kt_str_of(sentence));
}

static void print_json(const struct restore *r)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
    const struct kt_restore_result *res = &r->result;
    char id[KT_ID_TEXT], when[KT_TIME_TEXT_MAX];
    kt_buf_addf(&out, "{\"ok\":%s,\"path\":", res->verify.ok ? "true" : "false");
    kt_json_quote(&out, kt_str_of(r->db));
    kt_buf_addz(&out, ",\"aside\":");
    kt_json_quote(&out, kt_str_of(res->aside));
    kt_buf_addf(&out,
                ",\"log_id\":\"%s\",\"records\":%" PRIu64 ",\"bytes\":%" PRIu64
                ",\"newest\":\"%s\","
                "\"root\":\"",
                kt_id_format(res->stats.log_id, id), res->stats.records, res->bytes,
                kt_time_format(res->stats.last_stored, when));
    kt_hex_add(&out, res->verify.root, sizeof res->verify.root);
    kt_buf_addf(&out, "\",\"problems\":[" KT_STR_FMT "]}\n", KT_STR_ARG(kt_buf_str(&r->problems)));
    fwrite(out.at, 1, out.len, stdout);
}

/* Agents go back to the number that the store's mark names, as far as their spools reach. */
static void say_next(const struct restore *r)
{
    char when[KT_TIME_TEXT_MAX];
    printf("\nnext       start the collector: agents send again what the backup does not have; "
           "what it has\n           is dropped as a duplicate, and `keytrail status` says when the "
           "first agent noticed\n");
    if (r->result.stats.last_stored != 0)
        printf("covered    from %s UTC on, as far as each agent's newest 256 MiB of\n           "
               "acknowledged batches reach back; import what is older from the original logs\n",
               kt_time_format_short(r->result.stats.last_stored, when));
}

static void print_table(const struct restore *r)
{
    const struct kt_restore_result *res = &r->result;
    KT_CLEANUP(kt_buf_done) struct kt_buf path = { 0 }, aside = { 0 };
    char id[KT_ID_TEXT], when[KT_TIME_TEXT_MAX], root[65];
    kt_hex(root, res->verify.root, 32);
    kt_tty_add(&path, kt_str_of(r->db));
    kt_tty_add(&aside, kt_str_of(res->aside));
    printf("backup     log %s, %" PRIu64 " records\n", kt_id_format(res->stats.log_id, id),
           res->stats.records);
    if (res->stats.last_stored != 0)
        printf("newest     stored %s UTC\n", kt_time_format_short(res->stats.last_stored, when));
    printf("root       %s\n", root);
    if (!res->verify.ok) {
        printf("verified   NO: %u problems; nothing was restored\n", res->verify.problems);
        return;
    }
    printf("verified   ok: every record derived again\n");
    if (res->aside[0] != '\0')
        printf("old store  moved to %s\n", kt_buf_z(&aside));
    printf("store      %s, %.1f MiB\n", kt_buf_z(&path), (double)res->bytes / 1048576);
    say_next(r);
}

static int run(struct restore *r, const char *dir)
{
    struct kt_error err = { 0 };
    char from[4096];
    struct kt_restore_options o = { .from = from,
                                    .to = r->db,
                                    .force = r->force,
                                    .now = kt_clock_real.wall(kt_clock_real.self),
                                    .problem = on_problem,
                                    .self = r };
    int n = snprintf(from, sizeof from, "%s/keytrail.db", dir);
    enum kt_status st = n > 0 && (size_t)n < sizeof from
                            ? kt_restore_run(&o, &r->result, &err)
                            : kt_fail(&err, KT_E_INPUT, "the folder's name is too long");
    if (st != KT_OK) {
        int code = kt_cli_fail("restore", &err);
        return st == KT_E_DENIED || st == KT_E_LIMIT ? KT_EXIT_STORE : code;
    }
    if (r->json)
        print_json(r);
    else
        print_table(r);
    return r->result.verify.ok ? KT_EXIT_OK : KT_EXIT_NO;
}

int kt_cmd_restore(int argc, char **argv)
{
    static const struct kt_command cmd = {
        "restore",
        "DIR --db FILE [--force] [-o json]",
        "verify the backup in DIR and make the store FILE of it",
        "keytrail restore /srv/backup/keytrail --db /var/lib/keytrail/keytrail.db",
        NULL,
        NULL
    };
    struct restore r = { .output = "table" };
    const struct kt_flag flags[] = {
        { "--db", 0, KT_FLAG_STRING, "FILE", "the store to make; its folder is there", &r.db,
          NULL },
        { "--force", 0, KT_FLAG_BOOL, NULL, "move a store that is there aside; it is kept",
          &r.force, NULL },
        { "--output", 'o', KT_FLAG_STRING, "FORM", "table or json", &r.output, NULL },
        { 0 },
    };
    int code;
    if (!kt_flags_just(&cmd, flags, argc, argv, 1, &code))
        return code;
    r.json = strcmp(r.output, "json") == 0;
    if (r.db == NULL || (!r.json && strcmp(r.output, "table") != 0))
        return kt_flags_usage(&cmd);
    code = run(&r, argv[1]);
    kt_buf_done(&r.problems);
    return code;
}
