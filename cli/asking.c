/*
 * asking: see the header.
 *
 * Owns:  the configuration of who is who.
 * Calls: core/answer, core/query/settings, core/config; the clock, stderr.
 */
#include "cli/asking.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "core/answer/coverage.h"
#include "core/base/log.h"
#include "core/query/settings.h"
#include "core/sys/clock.h"
#include "core/sys/proc.h"

#define TIMEOUT     "5m"
#define PATIENCE_MS 1500u

static bool too_late(void *self)
{
    const struct kt_asking *a = self;
    return kt_clock_real.mono(kt_clock_real.self) > a->deadline;
}

/* Who is who: by -c, else as the log of the store has it. */
static enum kt_status read_settings(struct kt_asking *a, struct kt_error *err)
{
    unsigned n;
    enum kt_status status = a->config != NULL
                                ? kt_conf_load(a->config, &a->conf, err)
                                : kt_settings_newest(a->ask.reader, &a->conf, &n, err);
    if (status == KT_OK && a->conf != NULL)
        a->ask.ids = a->conf->identities;
    return status;
}

static enum kt_status choose_window(struct kt_asking *a, kt_time_ns span, struct kt_error *err)
{
    char from[KT_TIME_TEXT_MAX];
    if (kt_window_resolve(&a->window, a->ask.reader, a->ask.now, a->ask.zone_offset_s,
                          &a->ask.since, &a->ask.until, err) != KT_OK)
        return err->code;
    if (a->ask.since != 0 || a->ask.until != 0 || a->window.since != NULL || span == 0)
        return KT_OK;
    a->ask.since = a->ask.now - span;
    if (!a->quiet)
        fprintf(stderr, "window: %s to now, %s; --since and --until choose another\n",
                kt_asking_when(a, a->ask.since, from), kt_asking_zone(a));
    return KT_OK;
}

enum kt_status kt_asking_open(struct kt_asking *a, kt_time_ns span, struct kt_error *err)
{
    char path[4096];
    kt_time_ns timeout, now = kt_clock_real.wall(kt_clock_real.self);
    if (!kt_output_of(a->output != NULL ? a->output : "table", &a->how))
        return kt_fail(err, KT_E_INPUT, "-o takes " KT_OUTPUT_WORDS);
    if (kt_duration_parse(kt_str_of(a->timeout != NULL ? a->timeout : TIMEOUT), &timeout, err) !=
        KT_OK)
        return kt_wrap(err, "--timeout");
    a->deadline = kt_clock_real.mono(kt_clock_real.self) + timeout;
    bool people = isatty(STDOUT_FILENO) && a->how == KT_OUT_TABLE && !a->utc;
    a->zone_offset_s = people ? kt_local_offset_s(now) : 0;
    if (kt_cli_store_path(a->db, a->config, path, sizeof path, err) != KT_OK ||
        kt_ask_open(&a->ask, path, NULL, now, err) != KT_OK)
        return err->code;
    a->ask.zone_offset_s = a->zone_offset_s;
    a->ask.give_up = too_late;
    a->ask.give_up_self = a;
    if (read_settings(a, err) != KT_OK || choose_window(a, span, err) != KT_OK)
        return err->code;
    *err = (struct kt_error){ 0 }; /* where a walk ended is no failure */
    return KT_OK;
}

static void say_cost(const struct kt_scan_cost *c)
{
    fprintf(stderr,
            "opened  %u of %u segments (%u outside the window, %u by filters), %u batches of the "
            "tail, %" PRIu64 " lines; %.1f MiB unpacked\n",
            c->opened, c->segments, c->skipped_time, c->skipped_filter, c->batches, c->lines,
            (double)c->bytes / (1 << 20));
}

static bool patience_ended(void *self)
{
    const kt_time_ns *until = self;
    return kt_clock_real.mono(kt_clock_real.self) > *until;
}

/* Its damage and cost are not the answer's. */
static void add_sentence(const struct kt_ask *a, struct kt_str instance, bool only_missing,
                         unsigned patience_ms, struct kt_buf *out)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf said = { 0 };
    kt_time_ns until = kt_clock_real.mono(kt_clock_real.self) + patience_ms * KT_NS_MS;
    struct kt_ask quick = *a;
    struct kt_coverage *c = NULL;
    struct kt_error err = { 0 };
    quick.give_up = patience_ended;
    quick.give_up_self = &until;
    enum kt_status status = kt_coverage_load(&quick, &c, &err);
    if (status == KT_E_LIMIT)
        kt_buf_addz(&said, "coverage: so long a time is not looked at in passing: keytrail "
                           "coverage with the same window");
    else if (status != KT_OK)
        kt_buf_addf(&said, "coverage not known: %s", err.text);
    else if (!only_missing || c->n_gaps > 0 || c->share < 1)
        kt_coverage_say(c, instance, &said);
    kt_coverage_free(c);
    kt_tty_add(out, kt_buf_str(&said));
}

void kt_coverage_sentence(const struct kt_ask *a, struct kt_str instance, struct kt_buf *out)
{
    add_sentence(a, instance, false, PATIENCE_MS, out);
}

void kt_asking_coverage(struct kt_asking *a, struct kt_str instance, struct kt_buf *out)
{
    a->covered = true;
    kt_coverage_sentence(&a->ask, instance, out);
}

void kt_asking_say_missing(const struct kt_ask *a, unsigned patience_ms)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf said = { 0 };
    add_sentence(a, KT_STR_NONE, true, patience_ms, &said);
    if (said.len > 0)
        fprintf(stderr, "%s\n", kt_buf_z(&said));
}

int kt_asking_end(struct kt_asking *a, const char *cmd, const struct kt_error *err)
{
    int code = KT_EXIT_OK;
    struct kt_error late;
    if (a->explain && a->ask.reader != NULL)
        say_cost(&a->ask.cost);
    if (err->code == KT_E_LIMIT && a->deadline != 0 && too_late(a)) {
        (void)!kt_fail(&late, KT_E_LIMIT, "no more after %s: the answer is not all (--timeout)",
                       a->timeout != NULL ? a->timeout : TIMEOUT);
        code = kt_cli_fail(cmd, &late);
    } else if (err->code != KT_OK) {
        code = kt_cli_fail(cmd, err);
    }
    if (err->code == KT_OK && a->ask.reader != NULL && !a->quiet && !a->covered)
        kt_asking_say_missing(&a->ask, PATIENCE_MS);
    if (a->ask.damage.places > 0) {
        fprintf(stderr, "keytrail %s: %u damaged places were left out: %s\n", cmd,
                a->ask.damage.places, a->ask.damage.first.text);
        code = code == KT_EXIT_OK ? KT_EXIT_STORE : code;
    }
    kt_ask_done(&a->ask);
    kt_conf_free(a->conf);
    a->conf = NULL;
    return code;
}

const char *kt_asking_when(const struct kt_asking *a, kt_time_ns t, char buf[KT_TIME_TEXT_MAX])
{
    return kt_time_format_short(t + a->zone_offset_s * KT_NS_S, buf);
}

struct kt_cell kt_asking_cell(const struct kt_asking *a, kt_time_ns t)
{
    bool people = a->how == KT_OUT_TABLE && t != 0;
    return kt_cell_time(people ? t + a->zone_offset_s * KT_NS_S : t);
}

const char *kt_asking_zone(const struct kt_asking *a)
{
    return a->zone_offset_s == 0 ? "UTC" : "local time";
}
