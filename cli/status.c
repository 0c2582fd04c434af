/*
 * status: what is stored, learning, late or broken.
 *
 * Owns:  the sums per source instance during one pass over the store.
 * Calls: core/store/read.h, collector/control (a running collector's own figures); stdout.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/status_log.h"
#include "cli/status_reports.h"
#include "cli/status_targets.h"
#include "cli/stream_lines.h"
#include "core/answer/learning.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/base/map.h"
#include "core/config/config.h"
#include "core/event/json.h"
#include "core/event/line.h"
#include "core/query/decisions.h"
#include "core/store/read.h"
#include "core/sys/clock.h"
#include "core/wire/control_client.h"
#include "exporters/alerts/alert.h"

#define TIMEOUT        "5m"
#define RESTORED_SHOWN (7 * KT_NS_DAY)

struct source_sum {
    uint64_t events, quarantined, redacted;
    kt_time_ns last_time;
    char *agent;
};

struct status {
    enum kt_output how;
    struct kt_store_stats stats;
    struct kt_map *names; /* "source\tinstance" */
    struct source_sum *sums;
    struct kt_source_report *reports; /* as many */
    bool all_reports;                 /* they were looked for to the end */
    struct kt_buf live;               /* a running collector's answer, JSON */
    struct kt_buf detect;             /* the detectors' own words, JSON */
    struct kt_buf learning;           /* what learns and for how long, a sentence */
    struct kt_buf restored;           /* an agent that knows more than the store, JSON */
    struct kt_buf streams, streams_json;
    struct kt_log_head log;
    uint64_t alerts, quiet, waiting, dead; /* quiet: alerts that expectations kept so */
    unsigned expectations;                 /* open, break-glass among them */
    kt_time_ns now;
    const char *timeout;
    kt_time_ns deadline;                                          /* mono */
    enum { NOT_ASKED, ANSWERS, HANGS, ABSENT, DENIED } collector; /* live: its answer */
};

static struct source_sum *sum_of(struct status *s, struct kt_str source, struct kt_str instance)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf key = { 0 };
    bool fresh;
    kt_buf_add(&key, source);
    kt_buf_byte(&key, '\t');
    kt_buf_add(&key, instance);
    uint32_t i = kt_map_put(s->names, kt_buf_str(&key), &fresh);
    if (fresh) {
        s->sums = kt_realloc_array(s->sums, i + 1, sizeof *s->sums);
        s->sums[i] = (struct source_sum){ 0 };
    }
    return &s->sums[i];
}

static void add_record(struct source_sum *sum, enum kt_kind kind, kt_time_ns time)
{
    bool event = kt_kind_of_source(kind) && kind != KT_KIND_AMEND;
    sum->events += event;
    sum->quarantined += kind == KT_KIND_QUARANTINE;
    sum->redacted += kind == KT_KIND_REDACTED;
    if (event && time > sum->last_time)
        sum->last_time = time;
}

/* Runs of records from one source are usual: it is looked up when it changes. */
static void add_view(struct status *s, const struct kt_view *v)
{
    const struct kt_columns *c = v->columns;
    const uint16_t *source = c->text[KT_COL_SOURCE - KT_COL_SMALL].code;
    const uint16_t *instance = c->text[KT_COL_INSTANCE - KT_COL_SMALL].code;
    struct source_sum *sum = NULL;
    uint32_t before = 0;
    for (uint32_t i = 0; i < v->picks; i++) {
        uint32_t row = v->pick[i], which = (uint32_t)source[row] << 16 | instance[row];
        if (sum == NULL || which != before)
            sum = sum_of(s, kt_column_str(c, KT_COL_SOURCE, row),
                         kt_column_str(c, KT_COL_INSTANCE, row));
        before = which;
        add_record(sum, (enum kt_kind)c->small[KT_COL_KIND][row], v->time[row]);
    }
}

static enum kt_status find_agents(struct status *s, struct kt_reader *reader, struct kt_error *err)
{
    for (uint32_t i = 0; i < kt_map_count(s->names); i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf name = { 0 }, agent = { 0 };
        struct kt_str instance = kt_map_key(s->names, i), source;
        (void)kt_str_split(&instance, '\t', &source);
        kt_buf_add(&name, source);
        kt_buf_byte(&name, '/');
        kt_buf_add(&name, instance);
        enum kt_status st = kt_reader_owner(reader, kt_buf_str(&name), &agent, err);
        if (st == KT_E_AGAIN)
            kt_buf_addz(&agent, "import");
        else if (st != KT_OK)
            return st;
        s->sums[i].agent = kt_str_dup(kt_buf_str(&agent));
    }
    return KT_OK;
}

static bool too_late(void *self)
{
    const struct status *s = self;
    return kt_clock_real.mono(kt_clock_real.self) > s->deadline;
}

/* By columns: no line is opened, so that a year is summed in a second. */
static enum kt_status sum_all(struct status *s, struct kt_reader *reader, struct kt_error *err)
{
    struct kt_damage damage = { 0 }; /* said once for all of it, by the line on damage */
    struct kt_scan scan = {
        .records = true, .damage = &damage, .give_up = too_late, .give_up_self = s
    };
    struct kt_columns_scan *c = NULL;
    struct kt_view v;
    uint32_t columns =
        KT_COLUMN(KT_COL_SOURCE) | KT_COLUMN(KT_COL_INSTANCE) | KT_COLUMN(KT_COL_KIND);
    enum kt_status st = kt_columns_open(reader, &scan, columns, true, &c, err);
    while (st == KT_OK && (st = kt_columns_next(c, &v, err)) == KT_OK)
        add_view(s, &v);
    kt_columns_scan_free(c);
    if (st == KT_E_LIMIT && too_late(s))
        return kt_fail(err, KT_E_LIMIT, "the log was not read to its end within %s (--timeout)",
                       s->timeout);
    return st == KT_E_AGAIN ? find_agents(s, reader, err) : st;
}

/* Of sources that an agent reads: an import has no heartbeat. */
static enum kt_status read_reports(struct status *s, struct kt_reader *reader, struct kt_error *err)
{
    uint32_t n = kt_map_count(s->names);
    bool *wanted = kt_alloc_array(n, sizeof *wanted);
    for (uint32_t i = 0; i < n; i++)
        wanted[i] = strcmp(s->sums[i].agent, "import") != 0;
    s->reports = kt_alloc_array(n, sizeof *s->reports);
    enum kt_status st = kt_reports_read(reader, s->names, wanted, s->now, too_late, s, s->reports,
                                        &s->all_reports, err);
    kt_free(wanted);
    return st;
}

static enum kt_status count_alert(void *self, const char *id, struct kt_str json,
                                  struct kt_error *err)
{
    struct status *s = self;
    struct kt_arena arena = kt_arena_new(KT_LINE_MAX);
    struct kt_alert a = { 0 };
    (void)id;
    (void)err;
    s->alerts++;
    s->quiet += kt_alert_read(json, &arena, &a, NULL) == KT_OK && a.suppressed_by.len > 0;
    kt_arena_done(&arena);
    return KT_OK;
}

static enum kt_status count_outbox(void *self, const struct kt_outbox_row *row,
                                   struct kt_error *err)
{
    struct status *s = self;
    (void)err;
    s->waiting += strcmp(row->state, "wait") == 0;
    s->dead += strcmp(row->state, "dead") == 0;
    return KT_OK;
}

static enum kt_status count_expectations(struct status *s, struct kt_reader *reader,
                                         struct kt_error *err)
{
    struct kt_decisions all = { 0 };
    enum kt_status st = kt_decisions_load(reader, &all, err);
    s->expectations = kt_decisions_open(&all, s->now);
    kt_decisions_done(&all);
    return st;
}

static enum kt_status get_optional(struct kt_reader *reader, const char *name, struct kt_buf *ret,
                                   struct kt_error *err)
{
    enum kt_status st = kt_reader_get(reader, name, ret, err);
    return st == KT_E_AGAIN ? KT_OK : st;
}

static enum kt_status gather(struct status *s, const char *path, struct kt_error *err)
{
    struct kt_reader *reader = NULL;
    s->deadline += kt_clock_real.mono(kt_clock_real.self);
    if (kt_reader_open(path, &reader, err) != KT_OK)
        return err->code;
    enum kt_status st = kt_reader_stats(reader, &s->stats, err);
    if (st == KT_OK)
        st = sum_all(s, reader, err);
    if (st == KT_OK)
        st = read_reports(s, reader, err);
    if (st == KT_OK)
        st = kt_reader_alerts(reader, count_alert, s, err);
    if (st == KT_OK)
        st = kt_reader_outbox(reader, count_outbox, s, err);
    if (st == KT_OK)
        st = count_expectations(s, reader, err);
    if (st == KT_OK)
        st = get_optional(reader, "status/detect", &s->detect, err);
    if (st == KT_OK)
        st = kt_learning_say(reader, &s->stats, &s->learning, NULL, err);
    if (st == KT_OK)
        st = get_optional(reader, "status/restored", &s->restored, err);
    if (st == KT_OK)
        st = kt_log_head_read(reader, &s->log, err);
    if (st == KT_OK)
        st = kt_stream_lines_status(reader, s->now, &s->streams, &s->streams_json, err);
    kt_reader_close(reader);
    return st;
}

static void ask_collector(struct status *s, const char *config)
{
    struct kt_conf *conf = NULL;
    struct kt_error err = { 0 };
    if (config == NULL || kt_conf_load(config, &conf, &err) != KT_OK)
        return;
    s->collector = ANSWERS;
    if (kt_control_ask_within(conf->control, KT_STR("{\"do\":\"status\"}"), KT_CONTROL_LOOK_S,
                              &s->live, &err) != KT_OK) {
        s->collector = err.sys_errno == ETIMEDOUT ? HANGS
                       : err.sys_errno == EACCES  ? DENIED
                                                  : ABSENT;
        kt_buf_reset(&s->live);
    }
    kt_conf_free(conf);
}

static void add_time(struct kt_buf *b, kt_time_ns t)
{
    char text[KT_TIME_TEXT_MAX];
    if (t != 0)
        kt_buf_addf(b, "\"%s\"", kt_time_format(t, text));
    else
        kt_buf_addz(b, "null");
}

static void add_array(struct kt_buf *b, const struct kt_buf *array)
{
    kt_buf_add(b, array->len > 0 ? kt_buf_str(array) : KT_STR("[]"));
}

static void print_json(const struct status *s)
{
    static const char *const words[] = { [NOT_ASKED] = "null",
                                         [ANSWERS] = "\"answers\"",
                                         [HANGS] = "\"hangs\"",
                                         [ABSENT] = "\"absent\"",
                                         [DENIED] = "\"denied\"" };
    struct kt_buf b = { 0 };
    char id[KT_ID_TEXT];
    kt_buf_addf(
        &b,
        "{\"log_id\":\"%s\",\"records\":%llu,\"events\":%llu,\"control\":%llu,\"duplicates\":%llu,"
        "\"conflicts\":%llu,\"damaged_files\":%u,\"file_bytes\":%llu,\"alerts\":%llu,\"outbox_"
        "waiting\":%llu,\"outbox_"
        "dead\":%llu,\"expectations\":%u,\"suppressed\":%llu,\"learning\":",
        kt_id_format(s->stats.log_id, id), (unsigned long long)s->stats.records,
        (unsigned long long)s->stats.events, (unsigned long long)s->stats.control,
        (unsigned long long)s->stats.duplicates, (unsigned long long)s->stats.conflicts,
        s->stats.damaged_files, (unsigned long long)s->stats.file_bytes,
        (unsigned long long)s->alerts, (unsigned long long)s->waiting, (unsigned long long)s->dead,
        s->expectations, (unsigned long long)s->quiet);
    kt_json_quote(&b, kt_buf_str(&s->learning));
    kt_buf_addz(&b, ",\"sources\":[");
    for (uint32_t i = 0; i < kt_map_count(s->names); i++) {
        struct kt_str rest = kt_map_key(s->names, i), type;
        (void)kt_str_split(&rest, '\t', &type);
        kt_buf_addz(&b, i > 0 ? ",{\"source\":" : "{\"source\":");
        kt_json_quote(&b, type);
        kt_buf_addz(&b, ",\"instance\":");
        kt_json_quote(&b, rest);
        kt_buf_addz(&b, ",\"agent\":");
        kt_json_quote(&b, kt_str_of(s->sums[i].agent));
        kt_buf_addf(&b, ",\"events\":%llu,\"quarantined\":%llu,\"redacted\":%llu,\"last_event\":",
                    (unsigned long long)s->sums[i].events,
                    (unsigned long long)s->sums[i].quarantined,
                    (unsigned long long)s->sums[i].redacted);
        add_time(&b, s->sums[i].last_time);
        kt_buf_addz(&b, ",\"last_report\":");
        add_time(&b, s->reports[i].at);
        kt_buf_addf(&b, ",\"lag_bytes\":%lld,\"blind\":", (long long)s->reports[i].lag);
        add_array(&b, &s->reports[i].blind);
        kt_buf_addz(&b, ",\"limits\":");
        add_array(&b, &s->reports[i].limits);
        kt_buf_byte(&b, '}');
    }
    kt_buf_addz(&b, "],\"checkpoint\":");
    kt_log_head_json(&s->log, &b);
    kt_buf_addz(&b, ",\"restored\":");
    kt_buf_add(&b, s->restored.len > 0 ? kt_buf_str(&s->restored) : KT_STR("null"));
    kt_buf_addz(&b, ",\"streams\":");
    kt_buf_add(&b, kt_buf_str(&s->streams_json));
    kt_buf_addz(&b, ",\"collector\":");
    kt_buf_add(&b, s->live.len > 0 ? kt_str_trim(kt_buf_str(&s->live)) : KT_STR("null"));
    kt_buf_addf(&b, ",\"collector_state\":%s}\n", words[s->collector]);
    fwrite(b.at, 1, b.len, stdout);
    kt_buf_done(&b);
}

/* How long ago its agent reported; buf holds the text. */
static struct kt_str heard(const struct status *s, uint32_t i, char buf[KT_TIME_TEXT_MAX])
{
    const struct kt_source_report *r = &s->reports[i];
    if (strcmp(s->sums[i].agent, "import") == 0)
        return KT_STR("");
    if (r->at == 0)
        return s->all_reports ? KT_STR("over 1d ago") : KT_STR("?");
    return kt_str_of(kt_duration_format(s->now > r->at ? s->now - r->at : 0, buf));
}

static void print_sources(const struct status *s)
{
    static const struct kt_column columns[] = {
        { "source", "SOURCE", 0, false },
        { "instance", "INSTANCE", 0, false },
        { "agent", "AGENT", 0, false },
        { "events", "EVENTS", 0, true },
        { "quarantined", "QUARANTINED", 0, true },
        { "redacted", "REDACTED", 0, true },
        { "last_event", "LAST EVENT (UTC)", 0, false },
        { "ago", "AGO", 0, true },
        { "reported", "AGENT HEARD", 0, true },
        { "lag", "LAG", 0, true },
    };
    struct kt_rows *rows = kt_rows_new(KT_OUT_TABLE, columns, KT_ARRAY_LEN(columns), true);
    for (uint32_t i = 0; i < kt_map_count(s->names); i++) {
        struct kt_str rest = kt_map_key(s->names, i), type;
        (void)kt_str_split(&rest, '\t', &type);
        const struct source_sum *sum = &s->sums[i];
        char ago[KT_TIME_TEXT_MAX] = "", when[KT_TIME_TEXT_MAX], lag[32] = "";
        if (sum->last_time != 0 && s->now > sum->last_time)
            (void)kt_duration_format(s->now - sum->last_time, ago);
        if (s->reports[i].at != 0)
            (void)snprintf(lag, sizeof lag, "%lld B", (long long)s->reports[i].lag);
        struct kt_cell cells[] = {
            kt_cell_str(type),
            kt_cell_str(rest),
            kt_cell_str(kt_str_of(sum->agent)),
            kt_cell_int((int64_t)sum->events),
            kt_cell_int((int64_t)sum->quarantined),
            kt_cell_int((int64_t)sum->redacted),
            kt_cell_time(sum->last_time),
            kt_cell_str(kt_str_of(ago)),
            kt_cell_str(heard(s, i, when)),
            kt_cell_str(kt_str_of(lag)),
        };
        kt_rows_add(rows, cells);
    }
    kt_rows_end(rows);
}

static void print_collector(const struct status *s)
{
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    struct kt_jval root;
    unsigned repaired;
    bool read = s->live.len > 0 && kt_json_parse(json, kt_str_trim(kt_buf_str(&s->live)), &root,
                                                 &repaired, NULL) == KT_OK;
    if (read) {
        struct kt_str level = kt_json_str_at(root, "disk.level");
        printf("collector  running\n");
        if (kt_str_is(level, "refuse"))
            printf("disk       FULL: batches are refused, agents keep their events; make room\n");
        else if (level.len > 0 && !kt_str_is(level, "fine"))
            printf("disk       little room is left (" KT_STR_FMT ")\n", KT_STR_ARG(level));
    } else if (s->collector == HANGS) {
        printf(
            "collector  HANGS: it runs, and gave no answer in %u s; look at its log and its disk\n",
            KT_CONTROL_LOOK_S);
    } else if (s->collector == DENIED) {
        printf("collector  not asked: its socket is its own; run as the collector's user\n");
    } else if (s->collector != NOT_ASKED) {
        printf("collector  does not answer: not running, or it waits for room on a full disk\n");
    } else {
        printf("collector  not asked (give -c CONFIG)\n");
    }
    printf("\n");
    if (read)
        kt_status_targets(kt_json_at(root, "targets"), s->now);
    kt_json_free(json);
}

/* What was asked for and had no effect. */
static void print_without_effect(const struct status *s)
{
    static const struct {
        const char *member, *says;
    } rows[] = {
        { "verdicts_too_late",
          "verdicts came too late or on what holds nothing back: recorded, no more" },
        { "config_refused",
          "recorded configurations cannot be used; the one before holds: keytrail config check" },
        { "not_learned", "numbers were not learned: too much waits at once" },
    };
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    struct kt_jval root;
    unsigned repaired;
    bool read = s->detect.len > 0 &&
                kt_json_parse(json, kt_buf_str(&s->detect), &root, &repaired, NULL) == KT_OK;
    for (size_t i = 0; read && i < KT_ARRAY_LEN(rows); i++) {
        int64_t n = 0;
        if (kt_json_i64(kt_json_at(root, rows[i].member), &n) && n > 0)
            printf("no effect  %lld %s\n", (long long)n, rows[i].says);
    }
    kt_json_free(json);
}

/* Sentences of the detectors: of sources that are quiet, of detectors that say too much. */
static void print_sentences(const struct status *s, const char *member, const char *label)
{
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    struct kt_jval root, item;
    struct kt_str name;
    unsigned repaired;
    if (s->detect.len > 0 &&
        kt_json_parse(json, kt_buf_str(&s->detect), &root, &repaired, NULL) == KT_OK) {
        struct kt_json_iter it = kt_json_iter(kt_json_at(root, member));
        while (kt_json_next(&it, &name, &item)) {
            KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
            kt_tty_add(&text, kt_json_str(item));
            printf("%-11s%s\n", label, kt_buf_z(&text));
        }
    }
    kt_json_free(json);
}

/* The surprise that a day's largest passes about once in 30 days, by detector: what 4.5 means here.
 */
static void print_levels(const struct status *s)
{
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    struct kt_jval root, item;
    struct kt_str name;
    unsigned repaired;
    if (s->detect.len > 0 &&
        kt_json_parse(json, kt_buf_str(&s->detect), &root, &repaired, NULL) == KT_OK) {
        struct kt_json_iter it = kt_json_iter(kt_json_at(root, "levels"));
        const char *between = "levels     passed on about one day in 30: ";
        while (kt_json_next(&it, &name, &item)) {
            printf("%s" KT_STR_FMT " " KT_STR_FMT, between, KT_STR_ARG(name),
                   KT_STR_ARG(kt_json_text(item)));
            between = ", ";
        }
        printf("%s", between[0] == ',' ? "; 4.5 pages\n" : "");
    }
    kt_json_free(json);
}

/* The newest time that an agent knew more than the store, for a week. */
static void print_restored(const struct status *s)
{
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    struct kt_jval root;
    unsigned repaired;
    int64_t at = 0;
    char when[KT_TIME_TEXT_MAX];
    if (s->restored.len > 0 &&
        kt_json_parse(json, kt_buf_str(&s->restored), &root, &repaired, NULL) == KT_OK &&
        kt_json_i64(kt_json_at(root, "at"), &at) && s->now - at < RESTORED_SHOWN) {
        kt_tty_add(&text, kt_json_str_at(root, "agent"));
        kt_buf_byte(&text, ' ');
        kt_tty_add(&text, kt_json_str_at(root, "what"));
        printf("restored   %s UTC: %s\n", kt_time_format_short(at, when), kt_buf_z(&text));
    }
    kt_json_free(json);
}

static void print_checkpoint(const struct status *s)
{
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    struct kt_jval root = { 0 };
    unsigned repaired;
    if (s->live.len == 0 ||
        kt_json_parse(json, kt_buf_str(&s->live), &root, &repaired, NULL) != KT_OK)
        root = (struct kt_jval){ 0 };
    kt_status_log_print(&s->log, s->stats.records, kt_json_at(root, "checkpoint"), s->now);
    kt_json_free(json);
}

static void print_table(const struct status *s)
{
    char first[KT_TIME_TEXT_MAX], last[KT_TIME_TEXT_MAX], id[KT_ID_TEXT];
    printf("log        %s, %llu records (%llu events), %.1f MiB\n",
           kt_id_format(s->stats.log_id, id), (unsigned long long)s->stats.records,
           (unsigned long long)s->stats.events, (double)s->stats.file_bytes / 1048576.0);
    if (s->stats.damaged_files > 0)
        printf(
            "damage     %u file%s of this log %s damaged: run keytrail verify, restore a backup\n",
            s->stats.damaged_files, s->stats.damaged_files == 1 ? "" : "s",
            s->stats.damaged_files == 1 ? "is" : "are");
    if (s->stats.events > 0)
        printf("span       %s to %s UTC\n", kt_time_format_short(s->stats.first_time, first),
               kt_time_format_short(s->stats.last_time, last));
    printf("dropped    %llu duplicates; %llu conflicts kept\n",
           (unsigned long long)s->stats.duplicates, (unsigned long long)s->stats.conflicts);
    printf("detectors  " KT_STR_FMT "\n", KT_STR_ARG(kt_buf_str(&s->learning)));
    printf("alerts     %llu; outbox: %llu waiting, %llu dead%s\n", (unsigned long long)s->alerts,
           (unsigned long long)s->waiting, (unsigned long long)s->dead,
           s->dead > 0 ? ": keytrail notify dead" : "");
    printf(KT_STR_FMT, KT_STR_ARG(kt_buf_str(&s->streams)));
    if (s->quiet > 0)
        printf("kept quiet %llu of the alerts: keytrail alerts list --suppressed\n",
               (unsigned long long)s->quiet);
    if (s->expectations > 0)
        printf("expected   %u announcement%s of work open: keytrail expect list\n", s->expectations,
               s->expectations == 1 ? "" : "s");
    print_sentences(s, "attention", "silent");
    print_sentences(s, "noisy", "noisy");
    print_levels(s);
    print_without_effect(s);
    print_restored(s);
    print_checkpoint(s);
    print_collector(s);
    print_sources(s);
    kt_reports_print(s->names, s->reports);
}

int kt_cmd_status(int argc, char **argv)
{
    static const struct kt_command cmd = { "status",
                                           "[-c CONFIG | --db FILE] [-o json]",
                                           "what is stored, learning, late or broken",
                                           "keytrail status -c /etc/keytrail/keytrail.yaml",
                                           NULL,
                                           NULL };
    const char *db = NULL, *config = NULL, *output = "table";
    struct status s = { .names = kt_map_new(0),
                        .now = kt_clock_real.wall(kt_clock_real.self),
                        .timeout = TIMEOUT };
    const struct kt_flag flags[] = {
        { "--db", 0, KT_FLAG_STRING, "FILE", "the store", &db, NULL },
        { "--config", 'c', KT_FLAG_STRING, "FILE",
          "configuration: the store and the collector to ask", &config, NULL },
        { "--output", 'o', KT_FLAG_STRING, "FORM", "table or json", &output, NULL },
        { "--timeout", 0, KT_FLAG_STRING, "TIME", "give up after (" TIMEOUT "); exit 7", &s.timeout,
          NULL },
        { 0 },
    };
    int n;
    bool done;
    int code = kt_flags_parse(&cmd, flags, argc, argv, &n, &done);
    if (!done) {
        char path[4096];
        struct kt_error err = { 0 };
        if (kt_duration_parse(kt_str_of(s.timeout), &s.deadline, &err) != KT_OK ||
            kt_cli_store_path(db, config, path, sizeof path, &err) != KT_OK ||
            gather(&s, path, &err) != KT_OK) {
            code = kt_cli_fail("status", &err);
        } else {
            ask_collector(&s, config == NULL && db == NULL ? KT_CONFIG_SYSTEM : config);
            if (strcmp(output, "table") == 0)
                print_table(&s);
            else
                print_json(&s);
        }
    }
    for (uint32_t i = 0; i < kt_map_count(s.names); i++)
        kt_free(s.sums[i].agent);
    if (s.reports != NULL)
        kt_reports_done(s.reports, kt_map_count(s.names));
    kt_free(s.reports);
    kt_free(s.sums);
    kt_map_free(s.names);
    kt_buf_done(&s.live);
    kt_buf_done(&s.detect);
    kt_buf_done(&s.learning);
    kt_buf_done(&s.restored);
    kt_log_head_done(&s.log);
    kt_buf_done(&s.streams);
    kt_buf_done(&s.streams_json);
    return code;
}
