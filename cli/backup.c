/*
 * backup: `keytrail backup`: a second store file that follows the first.
 *
 * Owns:  the folder that it makes.
 * Calls: core/store/backup.h, collector/control (the log notes who made it); stdout.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "core/base/enc.h"
#include "core/base/log.h"
#include "core/event/json.h"
#include "core/event/line.h"
#include "core/store/backup.h"
#include "core/sys/fs.h"
#include "core/wire/control_client.h"

struct backup {
    const char *db, *config, *server, *by, *output;
    bool quick, json;
    char from[4096], to[4096];
    struct kt_backup_result result;
    struct kt_buf problems; /* JSON strings */
    char noted[300];        /* what became of the note in the log */
    uint64_t noted_seq;     /* 0: there is none */
};

static void on_problem(void *self, enum kt_fault fault, const char *sentence)
{
    (void)fault;
    struct backup *b = self;
    if (!b->json)
        printf("problem    %s\n", sentence);
    if (b->problems.len > 0)
        kt_buf_byte(&b->problems, ',');
    kt_json_quote(&b->problems, kt_str_of(sentence));
}

static enum kt_status make_folder(const char *dir, struct kt_error *err)
{
    struct stat st;
    if (mkdir(dir, 0750) == 0) {
        KT_CLEANUP(kt_buf_done) struct kt_buf above = { 0 };
        kt_buf_addf(&above, "%s/..", dir);
        if (chmod(dir, 0750) != 0) /* whatever the umask */
            return kt_fail_errno(err, "chmod 0750 '%s'", dir);
        return kt_fs_real.sync_dir(kt_fs_real.self, kt_buf_z(&above), err);
    }
    if (errno == EEXIST && stat(dir, &st) == 0 && S_ISDIR(st.st_mode))
        return KT_OK;
    if (errno == EEXIST)
        return kt_fail(err, KT_E_INPUT, "'%s' is no folder", dir);
    if (errno == ENOENT)
        return kt_fail(err, KT_E_INPUT,
                       "the folder above '%s' is not there: make it, or mount what it is on", dir);
    return kt_fail_errno(err, "make the folder '%s'", dir);
}

/* ---- the note in the log ---- */

static void write_note(const struct backup *b, struct kt_buf *out)
{
    const struct kt_backup_result *r = &b->result;
    char id[KT_ID_TEXT];
    kt_buf_addf(out, "{\"do\":\"backup\",\"log\":\"%s\",\"by\":", kt_id_format(r->log_id, id));
    kt_json_quote(out, kt_str_of(kt_cli_who(b->by)));
    kt_buf_addz(out, ",\"path\":");
    kt_json_quote(out, kt_str_of(b->to));
    kt_buf_addf(out, ",\"records\":%" PRIu64 ",\"root\":\"", r->records);
    kt_hex_add(out, r->root, sizeof r->root);
    kt_buf_addf(out, "\",\"bytes\":%" PRIu64 ",\"quick\":%s,\"verified\":%s}", r->file_bytes,
                b->quick ? "true" : "false", r->verify.ok ? "true" : "false");
}

/* A backup is worth as much without its note: what hinders the note is only said. */
static void note(struct backup *b)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf request = { 0 }, answer = { 0 };
    struct kt_error err = { 0 };
    char path[4096];
    struct kt_jval root;
    unsigned repaired;
    int64_t seq = 0;
    write_note(b, &request);
    enum kt_status st = kt_cli_control_path(b->server, b->config, path, sizeof path, &err);
    if (st != KT_OK && b->server == NULL && b->config == NULL) {
        (void)snprintf(b->noted, sizeof b->noted, "no collector asked (-c CONFIG)");
        return;
    }
    if (st == KT_OK)
        st = kt_control_ask(path, kt_buf_str(&request), &answer, &err);
    struct kt_json *json = kt_json_new(KT_JSON_JANSSON);
    if (st == KT_OK &&
        kt_json_parse(json, kt_str_trim(kt_buf_str(&answer)), &root, &repaired, NULL) == KT_OK)
        (void)kt_json_i64(kt_json_at(root, "seq"), &seq);
    kt_json_free(json);
    b->noted_seq = seq > 0 ? (uint64_t)seq : 0;
    if (st != KT_OK)
        (void)snprintf(b->noted, sizeof b->noted, "not in the log: %.250s", err.text);
}

/* ---- printing ---- */

static void print_json(const struct backup *b)
{
    const struct kt_backup_result *r = &b->result;
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
    char id[KT_ID_TEXT];
    kt_buf_addf(&out, "{\"ok\":%s,\"quick\":%s,\"path\":", r->verify.ok ? "true" : "false",
                b->quick ? "true" : "false");
    kt_json_quote(&out, kt_str_of(b->to));
    kt_buf_addf(&out,
                ",\"log_id\":\"%s\",\"first\":%s,\"records\":%" PRIu64 ",\"new_records\":%" PRIu64
                ",\"segments\":%" PRIu64 ",\"new_segments\":%" PRIu64
                ",\"removed_segments\":%" PRIu64 ",\"bytes_copied\":%" PRIu64
                ",\"file_bytes\":%" PRIu64 ",\"verified_records\":%" PRIu64 ",\"root\":\"",
                kt_id_format(r->log_id, id), r->first ? "true" : "false", r->records,
                r->records - r->before, r->segments, r->copied, r->dropped, r->bytes, r->file_bytes,
                r->verify.records);
    kt_hex_add(&out, r->root, sizeof r->root);
    kt_buf_addf(&out, "\",\"noted_seq\":%" PRIu64 ",\"problems\":[" KT_STR_FMT "]}\n", b->noted_seq,
                KT_STR_ARG(kt_buf_str(&b->problems)));
    fwrite(out.at, 1, out.len, stdout);
}

static void print_table(const struct backup *b)
{
    const struct kt_backup_result *r = &b->result;
    KT_CLEANUP(kt_buf_done) struct kt_buf path = { 0 }, note = { 0 };
    char id[KT_ID_TEXT], root[65];
    kt_hex(root, r->root, 32);
    kt_tty_add(&path, kt_str_of(b->to));
    kt_tty_add(&note, kt_str_of(b->noted));
    printf("log        %s, %" PRIu64 " records, %" PRIu64 " of them new\n",
           kt_id_format(r->log_id, id), r->records, r->records - r->before);
    printf("segments   %" PRIu64 ", %" PRIu64 " of them new", r->segments, r->copied);
    if (r->dropped > 0)
        printf("; %" PRIu64 " left the backup, as retention took them", r->dropped);
    printf("\ncopied     %.1f MiB\n", (double)r->bytes / 1048576);
    printf("backup     %s, %.1f MiB\n", kt_buf_z(&path), (double)r->file_bytes / 1048576);
    printf("root       %s\n", root);
    if (!r->verify.ok)
        printf("verified   NO: %u problems; restore an older backup, not this one\n",
               r->verify.problems);
    else if (r->verify.records + r->verify.removed < r->records)
        printf("verified   ok: %" PRIu64 " records derived again, the earlier ones by the hashes "
               "kept for them\n",
               r->verify.records);
    else
        printf("verified   ok: every record derived again\n");
    if (b->noted_seq > 0)
        printf("noted      in the log as record %" PRIu64 "\n", b->noted_seq);
    else
        printf("noted      no: %s\n", kt_buf_z(&note));
}

/* ---- the command ---- */

static int run(struct backup *b, const char *dir)
{
    struct kt_error err = { 0 };
    const struct kt_backup_options o = {
        .from = b->from, .to = b->to, .quick = b->quick, .problem = on_problem, .self = b
    };
    int n = snprintf(b->to, sizeof b->to, "%s/keytrail.db", dir);
    enum kt_status st = KT_OK;
    if (n < 0 || (size_t)n >= sizeof b->to)
        st = kt_fail(&err, KT_E_INPUT, "the folder's name is too long");
    if (st == KT_OK)
        st = kt_cli_store_path(b->db, b->config, b->from, sizeof b->from, &err);
    if (st == KT_OK)
        st = make_folder(dir, &err);
    if (st == KT_OK)
        st = kt_backup_run(&o, &b->result, &err);
    if (st != KT_OK) {
        int code = kt_cli_fail("backup", &err);
        return st == KT_E_DENIED || st == KT_E_LIMIT ? KT_EXIT_STORE : code;
    }
    note(b);
    if (b->json)
        print_json(b);
    else
        print_table(b);
    return b->result.verify.ok ? KT_EXIT_OK : KT_EXIT_NO;
}

int kt_cmd_backup(int argc, char **argv)
{
    static const struct kt_command cmd = {
        "backup",
        "[-c CONFIG | --db FILE] [--quick] [-o json] DIR",
        "copy what is new into DIR/keytrail.db, beside a running collector, and verify it",
        "keytrail backup -c /etc/keytrail/keytrail.yaml /srv/backup/keytrail",
        NULL,
        NULL
    };
    struct backup b = { .output = "table" };
    const struct kt_flag flags[] = {
        { "--db", 0, KT_FLAG_STRING, "FILE", "the store", &b.db, NULL },
        { "--config", 'c', KT_FLAG_STRING, "FILE",
          "configuration: the store, and the collector that notes the backup in the log", &b.config,
          NULL },
        { "--server", 0, KT_FLAG_STRING, "unix:PATH", "control socket of that collector", &b.server,
          NULL },
        { "--quick", 0, KT_FLAG_BOOL, NULL, "verify only what is new, and the root", &b.quick,
          NULL },
        { "--by", 0, KT_FLAG_STRING, "NAME", "who makes it (default: the user)", &b.by, NULL },
        { "--output", 'o', KT_FLAG_STRING, "FORM", "table or json", &b.output, NULL },
        { 0 },
    };
    int code;
    if (!kt_flags_just(&cmd, flags, argc, argv, 1, &code))
        return code;
    b.json = strcmp(b.output, "json") == 0;
    if (!b.json && strcmp(b.output, "table") != 0)
        return kt_flags_usage(&cmd);
    code = run(&b, argv[1]);
    kt_buf_done(&b.problems);
    return code;
}
