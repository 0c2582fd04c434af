/*
 * store: `keytrail store stats`, `forecast`, `trust-clock`; new-log and rotate-log-key are in
 * store_log.c, pairs in store_pairs.c, merging in store_merge.c.
 *
 * Owns:  the reader while a question is answered.
 * Calls: core/store/figures.h, core/query/holds.h, collector/disk.h (room), collector/control
 *        (trust-clock: the one writer); stdout.
 */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/store_cmd.h"
#include "collector/disk.h"
#include "core/base/alloc.h"
#include "core/config/config.h"
#include "core/event/line.h"
#include "core/sys/clock.h"
#include "core/wire/control_client.h"

/* ---- what the words share ---- */

void kt_store_segments_done(struct kt_store_segments *s)
{
    kt_free(s->at);
    *s = (struct kt_store_segments){ 0 };
}

void kt_store_segments_add(struct kt_store_segments *s, const struct kt_sealed *seg)
{
    if (s->n == s->cap) {
        s->cap = s->cap == 0 ? 256 : 2 * s->cap;
        s->at = kt_realloc_array(s->at, s->cap, sizeof *s->at);
    }
    s->at[s->n++] = *seg;
}

static void take_segment(void *self, const struct kt_sealed *seg)
{
    kt_store_segments_add(self, seg);
}

static enum kt_status count_held(struct kt_reader *r, const struct kt_holds *holds,
                                 struct kt_store_segments *s, struct kt_error *err)
{
    for (unsigned i = 0; i < holds->n; i++)
        s->holds += holds->at[i].removed == 0;
    for (size_t i = 0; i < s->n && s->holds > 0; i++) {
        const struct kt_hold *by = NULL;
        const struct kt_hold_span span = { .first_seq = s->at[i].first_seq,
                                           .last_seq = s->at[i].last_seq,
                                           .min_time = s->at[i].min_time,
                                           .max_time = s->at[i].max_time,
                                           .untimed = s->at[i].untimed };
        if (kt_holds_cover(holds, r, &span, &by, err) != KT_OK)
            return kt_wrap(err, "holds");
        s->held += by != NULL;
    }
    return KT_OK;
}

enum kt_status kt_store_segments_load(struct kt_reader *r, struct kt_store_segments *ret,
                                      struct kt_error *err)
{
    struct kt_holds holds = { 0 };
    enum kt_status st = kt_reader_sealed(r, take_segment, ret, err);
    if (st == KT_OK)
        st = kt_holds_load(r, &holds, err);
    if (st == KT_OK)
        st = count_held(r, &holds, ret, err);
    kt_holds_done(&holds);
    return st;
}

const char *kt_bytes_text(double bytes, char buf[KT_BYTES_TEXT])
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
    size_t u = 0;
    for (; bytes >= 1024 && u + 1 < KT_ARRAY_LEN(units); u++)
        bytes /= 1024;
    (void)snprintf(buf, KT_BYTES_TEXT, u == 0 ? "%.0f %s" : "%.1f %s", bytes, units[u]);
    return buf;
}

const char *kt_count_text(uint64_t n, char buf[KT_COUNT_TEXT])
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n), to = 0;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            buf[to++] = ',';
        buf[to++] = digits[i];
    }
    buf[to] = '\0';
    return buf;
}

void kt_store_disk(const char *path, uint64_t *ret_free, uint64_t *ret_all)
{
    *ret_free = *ret_all = 0;
    (void)kt_disk_statvfs(NULL, path, ret_free, ret_all);
}

void kt_store_print_counts(const struct kt_store_count *all, size_t n, enum kt_output how)
{
    static const struct kt_column columns[] = { { "figure", "FIGURE", 0, false },
                                                { "value", "VALUE", 0, true } };
    struct kt_rows *rows = kt_rows_new(how, columns, KT_ARRAY_LEN(columns), true);
    for (size_t i = 0; i < n; i++) {
        const struct kt_cell cells[] = { kt_cell_str(kt_str_of(all[i].name)),
                                         kt_cell_int((int64_t)all[i].value) };
        kt_rows_add(rows, cells);
    }
    kt_rows_end(rows);
}

/* ---- trust-clock ---- */

static int trust_clock(struct kt_store_args *a)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf request = { 0 }, answer = { 0 };
    struct kt_error err = { 0 };
    char path[4096];
    kt_buf_addz(&request, "{\"do\":\"trust-clock\",\"by\":");
    kt_json_quote(&request, kt_str_of(kt_cli_who(a->by)));
    kt_buf_addz(&request, "}");
    if (kt_cli_control_path(a->server, a->config, path, sizeof path, &err) != KT_OK ||
        kt_control_ask(path, kt_buf_str(&request), &answer, &err) != KT_OK)
        return kt_cli_fail("store trust-clock", &err);
    if (a->how == KT_OUT_TABLE)
        printf("the wall clock is right, says %s: retention goes on; it is in the log\n",
               kt_cli_who(a->by));
    else
        fputs(kt_buf_z(&answer), stdout);
    return KT_EXIT_OK;
}

/* ---- the command ---- */

/* Store and retention: of the options, else of the configuration. */
static enum kt_status open_store(struct kt_store_args *a, struct kt_error *err)
{
    struct kt_conf *conf = NULL;
    if (a->config != NULL && kt_conf_load(a->config, &conf, err) != KT_OK)
        return err->code;
    a->retention = conf != NULL ? conf->retention : 0;
    kt_conf_free(conf);
    if (a->retention_text != NULL &&
        kt_duration_parse(kt_str_of(a->retention_text), &a->retention, err) != KT_OK)
        return kt_wrap(err, "--retention");
    if (kt_cli_store_path(a->db, a->config, a->path, sizeof a->path, err) != KT_OK)
        return err->code;
    return kt_reader_open(a->path, &a->reader, err);
}

static const struct {
    const char *name;
    int (*run)(struct kt_store_args *a);
    bool reads;
} words[] = {
    { "stats", kt_store_stats, true },
    { "forecast", kt_store_forecast, true },
    { "pairs", kt_store_pairs, true },
    { "merge", kt_store_merge, true },
    { "trust-clock", trust_clock, false },
    { "new-log", kt_store_new_log, false },
    { "rotate-log-key", kt_store_rotate_log_key, false },
};

static int run(struct kt_store_args *a, const char *word)
{
    struct kt_error err = { 0 };
    size_t i = 0;
    while (i < KT_ARRAY_LEN(words) && strcmp(words[i].name, word) != 0)
        i++;
    if (i == KT_ARRAY_LEN(words)) {
        fprintf(stderr,
                "keytrail store: no '%s'; there are stats, forecast, merge, pairs, "
                "trust-clock, new-log, rotate-log-key\n",
                word);
        return KT_EXIT_USAGE;
    }
    if (words[i].reads && open_store(a, &err) != KT_OK)
        return kt_cli_fail("store", &err);
    int code = words[i].run(a);
    kt_reader_close(a->reader);
    return code;
}

int kt_cmd_store(int argc, char **argv)
{
    static const struct kt_verb verbs[] = {
        { "stats", "", "what its room is used for", NULL, NULL },
        { "forecast", "", "when it stops growing, and is the disk large enough", NULL, NULL },
        { "merge", "", "makes large segments of small ones, which makes questions quick", NULL,
          NULL },
        { "pairs", "", "makes what is missing of the kept pairs, which make questions quick", NULL,
          NULL },
        { "trust-clock", "", "the wall clock is right: retention goes on after a jump", NULL,
          NULL },
        { "new-log", "--reason WHY", "after a restore: the log goes on under a new id", NULL,
          NULL },
        { "rotate-log-key", "--reason WHY", "exchanges the key that signs checkpoints", NULL,
          NULL },
        { 0 },
    };
    static const struct kt_command cmd = {
        "store",
        "VERB [options]",
        "what the store's room is used for, when it stops growing; a clock that is right, a log "
        "that was restored, its key",
        "keytrail store forecast -c /etc/keytrail/keytrail.yaml",
        NULL,
        verbs
    };
    const char *output = "table";
    struct kt_store_args a = { .now = kt_clock_real.wall(kt_clock_real.self) };
    const struct kt_flag flags[] = {
        { "--db", 0, KT_FLAG_STRING, "FILE", "the store (or -c: that of a configuration)", &a.db,
          NULL },
        { "--config", 'c', KT_FLAG_STRING, "FILE",
          "configuration: the store, its retention, the collector", &a.config, NULL },
        { "--retention", 0, KT_FLAG_STRING, "TIME", "forecast: another retention: 400d",
          &a.retention_text, NULL },
        { "--server", 0, KT_FLAG_STRING, "unix:PATH", "the collector's control socket", &a.server,
          NULL },
        { "--by", 0, KT_FLAG_STRING, "NAME", "who decides it (default: the user)", &a.by, NULL },
        { "--reason", 0, KT_FLAG_STRING, "TEXT",
          "new-log, rotate-log-key: why; it stays in the log", &a.reason, NULL },
        { "--finish", 0, KT_FLAG_BOOL, NULL, "rotate-log-key: the old key signs no more", &a.finish,
          NULL },
        { "--anew", 0, KT_FLAG_BOOL, NULL, "pairs: drops those there are first", &a.anew, NULL },
        { "--output", 'o', KT_FLAG_STRING, "FORM", KT_OUTPUT_WORDS, &output, NULL },
        { 0 },
    };
    int n;
    bool done;
    int code = kt_flags_parse(&cmd, flags, argc, argv, &n, &done);
    if (done)
        return code;
    if (n != 1 || !kt_output_of(output, &a.how)) {
        return kt_flags_usage(&cmd);
    }
    return run(&a, argv[1]);
}
