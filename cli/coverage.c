/*
 * coverage: what the log can speak about: a calendar, the gaps and their causes, what no source
 * tells.
 *
 * Owns:  nothing.
 * Calls: core/answer/coverage, cli/asking; stdout, stderr.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/asking.h"
#include "cli/commands.h"
#include "core/answer/coverage.h"
#include "core/base/log.h"

#define SPAN      (30 * KT_NS_DAY)
#define GAPS_SEEN 20u /* below the calendar; --gaps has all */

struct view {
    struct kt_asking asking;
    struct kt_coverage *c;
    const char *source;
    bool gaps, fail, recount;
};

static bool is_asked(const struct view *v, const struct kt_coverage_source *s)
{
    return v->source == NULL || kt_str_is(s->instance, v->source) ||
           kt_str_is(s->source, v->source);
}

static bool gap_is_asked(const struct view *v, const struct kt_coverage_gap *g)
{
    if (v->source == NULL || g->instance.len == 0)
        return true;
    for (unsigned i = 0; i < v->c->n_sources; i++)
        if (kt_str_eq(v->c->source[i].instance, g->instance) && is_asked(v, &v->c->source[i]))
            return true;
    return false;
}

/* ---- the calendar ---- */

static const char *shade(const struct kt_coverage_day *d)
{
    static const struct {
        unsigned least;
        const char *mark;
    } shades[] = { { 100, "█" }, { 90, "▓" }, { 50, "▒" }, { 1, "░" }, { 0, "x" } };
    unsigned i = 0;
    if (!d->expected)
        return d->events > 0 ? "█" : "·";
    while (d->share < shades[i].least)
        i++;
    return shades[i].mark;
}

/* The first day of the next month, since the epoch. */
static int64_t month_after(struct kt_civil c)
{
    return kt_time_days(c.month == 12 ? c.year + 1 : c.year, c.month == 12 ? 1 : c.month + 1, 1);
}

static void month_of_source(const struct view *v, const struct kt_coverage_source *s, int64_t from,
                            int64_t until, int width, int first)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf name = { 0 };
    unsigned sum = 0, n = 0;
    uint64_t events = 0, quarantined = 0;
    kt_tty_add(&name, s->instance.len > 0 ? s->instance : s->source);
    printf("%-*s  %*s", width, kt_buf_z(&name), first - 1, "");
    for (int64_t day = from; day < until; day++) {
        const struct kt_coverage_day *d = &s->day[day - v->c->first_day];
        fputs(shade(d), stdout);
        events += d->events;
        quarantined += d->quarantined;
        sum += d->expected ? d->share : 0;
        n += d->expected;
    }
    if (n > 0)
        printf("%*s %3u %% %10" PRIu64, 31 - (int)(until - from) - (first - 1), "", sum / n,
               events);
    if (quarantined > 0)
        printf("  %" PRIu64 " quarantined", quarantined);
    printf("\n");
}

static void print_calendar(const struct view *v)
{
    const struct kt_coverage *c = v->c;
    int width = 10;
    for (unsigned i = 0; i < c->n_sources; i++)
        if (is_asked(v, &c->source[i]) && (int)c->source[i].instance.len > width)
            width = c->source[i].instance.len < 40 ? (int)c->source[i].instance.len : 40;
    for (int64_t day = c->first_day, end = day + c->days; day < end;) {
        struct kt_civil when = kt_time_civil(day * KT_NS_DAY);
        int64_t next = month_after(when);
        next = next < end ? next : end;
        printf("%04d-%02d%*s 1...5....10...15...20...25...30.      EVENTS\n", when.year, when.month,
               width - 6, "");
        for (unsigned i = 0; i < c->n_sources; i++)
            if (is_asked(v, &c->source[i]))
                month_of_source(v, &c->source[i], day, next, width, when.day);
        day = next;
    }
    printf("%*s  █ all  ▓ 90 %%  ▒ half  ░ less  x nothing  · not expected; UTC days\n", width, "");
}

/* ---- rows ---- */

static const struct kt_column day_columns[] = {
    { "source", NULL, 0, false },      { "instance", "SOURCE", 40, false },
    { "day", "DAY (UTC)", 0, false },  { "share", "COVERED %", 0, true },
    { "events", "EVENTS", 0, true },   { "quarantined", "QUARANTINED", 0, true },
    { "reports", "REPORTS", 0, true }, { "late_max_s", "LATE s", 0, true },
    { "expected", NULL, 0, false },
};

static void print_days(const struct view *v)
{
    struct kt_rows *rows =
        kt_rows_new(v->asking.how, day_columns, KT_ARRAY_LEN(day_columns), !v->asking.no_header);
    for (unsigned i = 0; i < v->c->n_sources; i++) {
        const struct kt_coverage_source *s = &v->c->source[i];
        for (uint32_t k = 0; is_asked(v, s) && k < v->c->days; k++) {
            const struct kt_coverage_day *d = &s->day[k];
            char day[KT_TIME_TEXT_MAX];
            (void)kt_time_format((v->c->first_day + k) * KT_NS_DAY, day);
            const struct kt_cell null = { .type = KT_CELL_NULL };
            const struct kt_cell cells[] = {
                kt_cell_str(s->source),
                kt_cell_str(s->instance),
                kt_cell_str(kt_str_sub(kt_str_of(day), 0, 10)),
                d->expected ? kt_cell_int(d->share) : null,
                kt_cell_int((int64_t)d->events),
                kt_cell_int((int64_t)d->quarantined),
                kt_cell_int((int64_t)d->reports),
                kt_cell_int(d->lag_max / KT_NS_S),
                { .type = KT_CELL_BOOL, .i = d->expected },
            };
            if (d->expected || d->events + d->quarantined + d->reports > 0)
                kt_rows_add(rows, cells);
        }
    }
    kt_rows_end(rows);
}

static const struct kt_column gap_columns[] = {
    { "from", "FROM", 0, false },         { "until", "TO", 0, false },
    { "seconds", NULL, 0, true },         { "lasted", "LASTED", 0, true },
    { "instance", "SOURCE", 40, false },  { "cause", "CAUSE", 0, false },
    { "filled", NULL, 0, false },         { "filled_at", NULL, 0, false },
    { "backfilled", "FILLED", 0, false }, { "events", "EVENTS", 0, true },
    { "open", NULL, 0, false },           { "found", "HOW IT WAS FOUND", 100, false },
};

static void add_gap(const struct view *v, struct kt_rows *rows, const struct kt_coverage_gap *g)
{
    char from[KT_TIME_TEXT_MAX], until[KT_TIME_TEXT_MAX], span[KT_TIME_TEXT_MAX];
    char filled[KT_TIME_TEXT_MAX];
    bool people = kt_rows_for_people(rows);
    (void)kt_asking_when(&v->asking, g->from, from);
    (void)kt_asking_when(&v->asking, g->until, until);
    (void)kt_asking_when(&v->asking, g->filled_at, filled);
    from[16] = until[16] = filled[16] = '\0'; /* gaps are known to the minute */
    struct kt_str instance = g->instance.len > 0 || !people ? g->instance : KT_STR("every source");
    const struct kt_cell cells[] = {
        people ? kt_cell_str(kt_str_of(from)) : kt_cell_time(g->from),
        people ? kt_cell_str(kt_str_of(until)) : kt_cell_time(g->until),
        kt_cell_int((g->until - g->from) / KT_NS_S),
        kt_cell_str(kt_str_of(kt_coverage_span(g->until - g->from, span))),
        kt_cell_str(instance),
        kt_cell_str(kt_str_of(kt_gap_cause_word(g->cause))),
        { .type = KT_CELL_BOOL, .i = g->filled },
        kt_cell_time(g->filled ? g->filled_at : 0),
        kt_cell_str(g->filled ? kt_str_of(filled) : KT_STR("NO")),
        kt_cell_int((int64_t)g->events),
        { .type = KT_CELL_BOOL, .i = kt_coverage_is_open(g) },
        kt_cell_str(g->text),
    };
    kt_rows_add(rows, cells);
}

/* Of people's eyes the newest few; returns how many were left out. */
static unsigned print_gaps(const struct view *v, unsigned most)
{
    unsigned all = 0, left_out;
    for (unsigned i = 0; i < v->c->n_gaps; i++)
        all += gap_is_asked(v, &v->c->gap[i]);
    left_out = all > most ? all - most : 0;
    struct kt_rows *rows =
        kt_rows_new(v->asking.how, gap_columns, KT_ARRAY_LEN(gap_columns), !v->asking.no_header);
    for (unsigned i = 0, seen = 0; i < v->c->n_gaps; i++)
        if (gap_is_asked(v, &v->c->gap[i]) && seen++ >= left_out)
            add_gap(v, rows, &v->c->gap[i]);
    kt_rows_end(rows);
    return left_out;
}

static void print_blind(const struct view *v)
{
    bool any = false;
    for (unsigned i = 0; i < v->c->n_sources; i++) {
        const struct kt_coverage_source *s = &v->c->source[i];
        for (unsigned k = 0; is_asked(v, s) && k < s->n_blind; k++) {
            KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
            if (!any)
                printf("\nWhat they do not see, as their agents said last:\n");
            any = true;
            kt_tty_add(&text, s->instance);
            kt_buf_addz(&text, ": ");
            kt_tty_add(&text, s->blind[k]);
            printf("  %s\n", kt_buf_z(&text));
        }
    }
}

static void print_head(const struct view *v)
{
    char from[KT_TIME_TEXT_MAX], until[KT_TIME_TEXT_MAX];
    bool whole = (v->c->until + v->asking.zone_offset_s * KT_NS_S) % KT_NS_DAY == 0;
    (void)kt_asking_when(&v->asking, v->c->until - whole, until);
    until[whole ? sizeof "2026-11-22" - 1 : strlen(until)] = '\0'; /* midnight is the next day's */
    printf("COVERAGE  %s to %s%s %s\n\n", kt_asking_when(&v->asking, v->c->since, from),
           whole ? "the end of " : "", until, kt_asking_zone(&v->asking));
}

static void print_end(const struct view *v)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf said = { 0 }, safe = { 0 };
    struct kt_str instance = KT_STR_NONE;
    for (unsigned i = 0; v->source != NULL && i < v->c->n_sources; i++)
        if (is_asked(v, &v->c->source[i]))
            instance = v->c->source[i].instance;
    kt_coverage_say(v->c, instance, &said);
    kt_tty_add(&safe, kt_buf_str(&said));
    printf("\n%s\n", kt_buf_z(&safe));
}

static void print(const struct view *v)
{
    bool people = v->asking.how == KT_OUT_TABLE;
    if (!people) {
        if (v->gaps)
            (void)print_gaps(v, UINT32_MAX);
        else
            print_days(v);
        return;
    }
    print_head(v);
    if (!v->gaps)
        print_calendar(v);
    if (!v->gaps && v->c->n_gaps > 0)
        printf("\n");
    if (v->c->n_gaps > 0) {
        unsigned left_out = print_gaps(v, v->gaps ? UINT32_MAX : GAPS_SEEN);
        if (left_out > 0)
            printf("%u older ones: keytrail coverage --gaps\n", left_out);
    }
    if (v->c->more > 0)
        printf("%u more gaps are not listed: ask for a shorter time\n", v->c->more);
    if (!v->gaps)
        print_blind(v);
    print_end(v);
}

static bool any_open(const struct view *v)
{
    for (unsigned i = 0; i < v->c->n_gaps; i++)
        if (gap_is_asked(v, &v->c->gap[i]) && !v->c->gap[i].filled)
            return true;
    return v->c->more > 0;
}

static enum kt_status check_source(const struct view *v, struct kt_error *err)
{
    struct kt_near near = kt_near_of(kt_str_of(v->source));
    for (unsigned i = 0; i < v->c->n_sources; i++) {
        if (is_asked(v, &v->c->source[i]))
            return KT_OK;
        kt_near_try(&near, v->c->source[i].instance.at);
    }
    if (v->source == NULL)
        return KT_OK;
    return kt_fail(err, KT_E_INPUT, "no source '%s' in this time%s%s", v->source,
                   near.name != NULL ? ", did you mean " : "", near.name != NULL ? near.name : "");
}

int kt_cmd_coverage(int argc, char **argv)
{
    static const struct kt_command cmd = {
        "coverage",
        "[options]",
        "what the log can speak about: days, gaps and their causes",
        "keytrail coverage --gaps --since 90d --fail",
        NULL,
        NULL
    };
    struct view v = { .asking = { .covered = true } };
    const struct kt_flag flags[] = {
        KT_ASKING_FLAGS(v.asking),
        { "--gaps", 0, KT_FLAG_BOOL, NULL, "the gaps alone, all of them", &v.gaps, NULL },
        { "--source", 0, KT_FLAG_STRING, "INSTANCE", "of this source, or of this type of source",
          &v.source, NULL },
        { "--recount", 0, KT_FLAG_BOOL, NULL,
          "by the records alone, without the sums that the collector keeps", &v.recount, NULL },
        { "--fail", 0, KT_FLAG_BOOL, NULL, "exit 1 when a gap was not filled; recounts", &v.fail,
          NULL },
        { 0 },
    };
    struct kt_error err = { 0 };
    int n;
    bool parsed;
    int code = kt_flags_parse(&cmd, flags, argc, argv, &n, &parsed);
    if (parsed)
        return code;
    n = kt_window_take_slack(&v.asking.window, argv, n);
    if (n > 0) {
        fprintf(stderr, "keytrail coverage: takes no '%s'; --source NAME chooses one\n", argv[1]);
        return KT_EXIT_USAGE;
    }
    bool no = false;
    bool opened = kt_asking_open(&v.asking, SPAN, &err) == KT_OK;
    v.asking.ask.recount = v.recount || v.fail; /* what a script relies on trusts no kept sums */
    if (opened && kt_coverage_load(&v.asking.ask, &v.c, &err) == KT_OK &&
        check_source(&v, &err) == KT_OK) {
        print(&v);
        no = v.fail && any_open(&v);
    }
    kt_coverage_free(v.c);
    code = kt_asking_end(&v.asking, "coverage", &err);
    return code == KT_EXIT_OK && no ? KT_EXIT_NO : code;
}
