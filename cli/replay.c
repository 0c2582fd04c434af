/*
 * replay: the detectors over the stored log, from empty state, in order of arrival: with the
 * settings that were recorded ("as then": the alerts that were stored, byte for byte), with others
 * ("what if"), or with two kinds side by side.
 *
 * Owns:  nothing; the sides hold the alerts.
 * Calls: cli/side, cli/replay_compare; stdout.
 */
#include "cli/replay.h"

#include <stdio.h>
#include <string.h>

#include "cli/alert_rows.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/window.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/limits.h"
#include "core/sys/clock.h"

#define LEARNING (14 * KT_NS_DAY) /* DETECTION §2.5 */

struct replay {
    const char *db, *config, *output;
    struct kt_window window;
    struct kt_flag_many sets;
    bool compare, digest, no_header;
    enum kt_output how;
    struct kt_side side[2]; /* compare: two; else [0] as then, for the words, and [1] what if */
    struct kt_sides_run run;
    struct kt_reader *reader;
    kt_time_ns since, until;
};

/* ---- words ---- */

kt_time_ns kt_replay_from(const struct kt_sides_run *run, kt_time_ns since)
{
    if (since == 0)
        return run->first + LEARNING;
    return since > run->first ? since : run->first;
}

double kt_replay_weeks(const struct kt_sides_run *run, kt_time_ns since, kt_time_ns until)
{
    kt_time_ns from = kt_replay_from(run, since);
    kt_time_ns to = until != 0 && until < run->last ? until : run->last;
    return to > from ? (double)(to - from) / (double)(7 * KT_NS_DAY) : 0;
}

bool kt_replay_shown(const struct kt_alert *a, kt_time_ns since, kt_time_ns until)
{
    return a->last >= since && (until == 0 || a->first < until);
}

static void head_line(const struct replay *r, bool what_if)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf name = { 0 }, differ = { 0 };
    const struct kt_side *s = &r->side[what_if];
    if (!what_if && r->run.recorded == 0) {
        fprintf(stderr, "as then: the log records no configuration, so defaults hold\n");
    } else if (!what_if) {
        fprintf(stderr, "as then: with the %u configuration%s that the log records\n",
                r->run.recorded, r->run.recorded == 1 ? "" : "s");
    } else {
        kt_side_name(s, &name);
        kt_sides_differ(&r->side[0], s, &differ);
        fprintf(stderr, "what if: %s; differs from what is recorded: %s\n", kt_buf_z(&name),
                differ.len > 0 ? kt_buf_z(&differ) : "nothing");
    }
}

static unsigned print_alerts(const struct replay *r, const struct kt_side *s)
{
    KT_CLEANUP(kt_arena_done) struct kt_arena arena = kt_arena_new(KT_LINE_MAX);
    struct kt_rows *rows = kt_alert_rows_new(r->how, !r->no_header);
    unsigned paged = 0;
    kt_time_ns now = kt_clock_real.wall(kt_clock_real.self);
    kt_time_ns from = kt_replay_from(&r->run, r->since);
    for (uint32_t i = 0; i < kt_side_count(s); i++) {
        struct kt_alert a = { 0 };
        struct kt_error err = { 0 };
        kt_arena_reset(&arena);
        bool read = kt_alert_read(kt_str_of(s->documents[i]), &arena, &a, &err) == KT_OK;
        if (read && !kt_replay_shown(&a, r->since, r->until))
            continue;
        paged += read && a.severity >= KT_SEV_MEDIUM && a.last >= from;
        kt_alert_rows_add(rows, kt_str_of(s->documents[i]), NULL, now);
    }
    kt_rows_end(rows);
    return paged;
}

static void tail_lines(const struct replay *r, const struct kt_side *s, unsigned paged)
{
    double weeks = kt_replay_weeks(&r->run, r->since, r->until);
    if (!r->no_header && weeks >= 1)
        fprintf(stderr, "%u alerts of medium or more in %.1f weeks%s: %.1f a week to come\n", paged,
                weeks, r->since == 0 ? " after learning" : "", paged / weeks);
    if (!r->digest)
        return;
    uint8_t state[32];
    char hex[65];
    kt_detect_digest(s->detect, state);
    kt_hex(hex, state, sizeof state);
    fprintf(stderr, "%llu records, state %s\n", (unsigned long long)r->run.records, hex);
}

/* ---- the command ---- */

static enum kt_status open_store(struct replay *r, struct kt_error *err)
{
    char path[4096];
    if (kt_cli_store_path(r->db, r->config, path, sizeof path, err) != KT_OK ||
        kt_reader_open(path, &r->reader, err) != KT_OK)
        return err->code;
    kt_time_ns now = kt_clock_real.wall(kt_clock_real.self);
    return kt_window_resolve(&r->window, r->reader, now, 0, &r->since, &r->until, err);
}

static enum kt_status run_one(struct replay *r, struct kt_error *err)
{
    struct kt_side *s = &r->side[1];
    bool what_if = r->config != NULL || r->sets.n > 0;
    s->config = r->config;
    for (unsigned i = 0; i < r->sets.n; i++) {
        if (kt_side_set(s, r->sets.at[i], err) != KT_OK)
            return err->code;
    }
    /* as then runs nothing beside a what if: its settings are there for the words */
    enum kt_status st =
        what_if ? kt_side_look(r->reader, &r->side[0], &r->run.recorded, err) : KT_OK;
    if (st == KT_OK)
        st = kt_sides_run(r->reader, &r->side[what_if], 1, &r->run, err);
    if (st != KT_OK)
        return st;
    if (!r->no_header)
        head_line(r, what_if);
    tail_lines(r, &r->side[what_if], print_alerts(r, &r->side[what_if]));
    return KT_OK;
}

static enum kt_status run_two(struct replay *r, char **words, struct kt_error *err)
{
    for (unsigned i = 0; i < 2; i++) {
        if (kt_side_parse(&r->side[i], words[i], err) != KT_OK)
            return err->code;
    }
    enum kt_status st = kt_sides_run(r->reader, r->side, 2, &r->run, err);
    if (st == KT_OK)
        kt_replay_compare(r->side, &r->run, r->since, r->until, r->how, !r->no_header);
    return st;
}

static int finish(struct replay *r, enum kt_status st, const struct kt_error *err)
{
    int code = st == KT_OK ? KT_EXIT_OK : kt_cli_fail("replay", err);
    if (r->run.damage.places > 0 && code == KT_EXIT_OK) {
        fprintf(stderr, "keytrail replay: %u damaged places were left out: %s\n",
                r->run.damage.places, r->run.damage.first.text);
        code = KT_EXIT_STORE;
    }
    kt_side_done(&r->side[0]);
    kt_side_done(&r->side[1]);
    kt_reader_close(r->reader);
    return code;
}

int kt_cmd_replay(int argc, char **argv)
{
    static const struct kt_command cmd = {
        "replay",
        "--db FILE [options] | --db FILE --compare A B [options]",
        "run the detectors over the stored log again, from empty state: as then, or what if",
        "keytrail replay --db keytrail.db --compare then volume_spike.floor_1h=60",
        NULL,
        NULL
    };
    struct replay r = { .output = "table" };
    const struct kt_flag flags[] = {
        { "--db", 0, KT_FLAG_STRING, "FILE", "the store", &r.db, NULL },
        { "--config", 'c', KT_FLAG_STRING, "FILE",
          "what if: this configuration instead of those recorded", &r.config, NULL },
        { "--set", 0, KT_FLAG_MANY, "DETECTOR.OPTION=VALUE", "what if: with this setting", &r.sets,
          NULL },
        { "--compare", 0, KT_FLAG_BOOL, NULL,
          "two sides: each then, FILE, settings, or FILE,settings", &r.compare, NULL },
        KT_WINDOW_FLAGS(r.window),
        { "--output", 'o', KT_FLAG_STRING, "FORM", KT_OUTPUT_WORDS, &r.output, NULL },
        { "--digest", 0, KT_FLAG_BOOL, NULL, "print the digest of the detectors' state on stderr",
          &r.digest, NULL },
        { "--no-header", 0, KT_FLAG_BOOL, NULL, "no head line", &r.no_header, NULL },
        { 0 },
    };
    int n;
    bool done;
    int code = kt_flags_parse(&cmd, flags, argc, argv, &n, &done);
    if (done)
        return code;
    n = kt_window_take_slack(&r.window, argv, n);
    if (!kt_output_of(r.output, &r.how) || n != (r.compare ? 2 : 0) ||
        (r.compare && (r.sets.n > 0 || r.digest))) {
        fprintf(stderr,
                "keytrail replay: takes no arguments, --compare takes two and neither --set "
                "nor --digest; -o takes " KT_OUTPUT_WORDS "\n");
        return KT_EXIT_USAGE;
    }
    struct kt_error err = { 0 };
    enum kt_status st = open_store(&r, &err);
    if (st == KT_OK)
        st = r.compare ? run_two(&r, argv + 1, &err) : run_one(&r, &err);
    return finish(&r, st, &err);
}
