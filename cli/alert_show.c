/*
 * alert_show: `alerts show`: one alert and its life as a timeline, out of the log's decisions and
 * the outbox: what an auditor copies. `alerts explain`: why it is one.
 *
 * Owns:  nothing.
 * Calls: core/store/read.h, exporters/alerts (view, moments); stdout.
 */
#include <stdio.h>
#include <stdlib.h>

#include "cli/alerts.h"
#include "core/base/alloc.h"
#include "core/base/limits.h"
#include "core/event/line.h"
#include "core/sys/clock.h"
#include "exporters/alerts/moments.h"

/* ---- why it is one ---- */

static void show_events(const struct kt_alert *a)
{
    struct kt_buf b = { 0 };
    kt_buf_addf(&b, "%llu", (unsigned long long)a->events_count);
    for (unsigned i = 0; i < a->n_events && i < 6; i++)
        kt_buf_addf(&b, "%s" KT_STR_FMT, i == 0 ? ": " : ", ", KT_STR_ARG(a->events[i]));
    if (a->n_events > 6)
        kt_buf_addz(&b, ", …");
    kt_alerts_line("events", kt_buf_str(&b));
    kt_buf_reset(&b);
    kt_buf_addf(&b, "%llu", (unsigned long long)a->secrets_count);
    for (unsigned i = 0; i < a->n_secrets; i++)
        kt_buf_addf(&b, "%s" KT_STR_FMT, i == 0 ? ": " : ", ", KT_STR_ARG(a->secrets[i]));
    if (a->secrets_count > 0)
        kt_alerts_line("secrets", kt_buf_str(&b));
    kt_buf_done(&b);
}

static void explain(const struct kt_alert *a)
{
    char first[KT_TIME_TEXT_MAX], last[KT_TIME_TEXT_MAX], head[200];
    snprintf(head, sizeof head, "%s to %s UTC", kt_time_format_short(a->first, first),
             kt_time_format_short(a->last, last));
    kt_alerts_line("kept quiet", a->suppressed_by);
    kt_alerts_line("what", a->title);
    kt_alerts_line("normal", a->normal);
    kt_alerts_line("why", a->why);
    if (kt_alert_is_own(a) && a->n_parts > 0)
        kt_alerts_line("code", a->parts[0].text);
    for (unsigned i = 0; i < a->n_parts && !kt_alert_is_own(a); i++) {
        struct kt_buf b = { 0 };
        kt_buf_addf(&b, "%s %d.%02d  " KT_STR_FMT, a->parts[i].detector, a->parts[i].points / 100,
                    a->parts[i].points % 100, KT_STR_ARG(a->parts[i].text));
        kt_alerts_line(i == 0 ? "evidence" : "", kt_buf_str(&b));
        kt_buf_done(&b);
    }
    kt_alerts_line("when", kt_str_of(head));
    kt_alerts_line(kt_alert_is_own(a) ? "about" : "actor", a->actor);
    kt_alerts_line("in the log", a->actor_written);
    kt_alerts_line("address", a->ip);
    kt_alerts_line("network", a->network);
    if (!kt_alert_is_own(a))
        show_events(a);
    kt_alerts_line("considered", a->considered);
    kt_alerts_line("quiet if", a->quiet);
    kt_alerts_line("look", a->command);
}

/* ---- printing ---- */

static void print_life(const struct kt_alert_moments *l)
{
    for (unsigned i = 0; i < l->n; i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf line = { 0 };
        char when[KT_TIME_TEXT_MAX];
        kt_buf_addf(&line, "%s  ", kt_time_format_short(l->at[i].at, when));
        kt_buf_add(&line, kt_buf_str(&l->at[i].text));
        kt_alerts_line(i == 0 ? "life (UTC)" : "", kt_buf_str(&line));
    }
}

static void print_table(const struct kt_alert *a, const struct kt_alert_moments *l, bool why)
{
    KT_CLEANUP(kt_arena_done) struct kt_arena arena = kt_arena_new(KT_LINE_MAX);
    printf("%s  %s", a->id, kt_severity_words[a->severity].word);
    if (!kt_alert_is_own(a))
        printf("  score %d.%02d", a->score / 100, a->score % 100);
    printf("  %s\n", kt_life_word(kt_alert_status(a)));
    kt_alerts_line("status", kt_alert_life_say(&a->life, &arena));
    explain(a);
    if (!why)
        print_life(l);
}

static void add_json(struct kt_buf *out, const char *key, struct kt_str value)
{
    if (value.len == 0)
        return;
    kt_buf_addf(out, ",\"%s\":", key);
    kt_json_quote(out, value);
}

/* The document with its life, and the timeline behind. */
static void print_json(const struct kt_alert *a, const struct kt_alert_moments *l)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
    kt_alert_write(a, &out);
    out.len--; /* the closing brace */
    add_json(&out, "status", kt_str_of(kt_life_word(kt_alert_status(a))));
    kt_buf_addz(&out, ",\"timeline\":[");
    for (unsigned i = 0; i < l->n; i++) {
        const struct kt_alert_moment *m = &l->at[i];
        kt_buf_addf(&out, "%s{\"at\":%lld", i > 0 ? "," : "", (long long)m->at);
        add_json(&out, "what", kt_str_of(m->what));
        add_json(&out, "by", kt_str_of(m->by));
        add_json(&out, "where", kt_str_of(m->where));
        add_json(&out, "target", kt_str_of(m->row.target));
        if (m->row.last_code != 0)
            kt_buf_addf(&out, ",\"code\":%d", m->row.last_code);
        add_json(&out, "text", kt_buf_str(&m->text));
        kt_buf_byte(&out, '}');
    }
    kt_buf_addz(&out, "]}");
    printf(KT_STR_FMT "\n", KT_STR_ARG(kt_buf_str(&out)));
}

static const struct kt_column columns[] = {
    { "alert", "ALERT", 0, false }, { "at", "AT (UTC)", 0, false },
    { "what", "WHAT", 0, false },   { "by", "BY", 0, false },
    { "where", "WHERE", 0, false }, { "target", "TARGET", 0, false },
    { "code", "CODE", 0, true },    { "text", "TEXT", 0, false },
};

static void print_rows(struct kt_rows *rows, const struct kt_alert *a,
                       const struct kt_alert_moments *l)
{
    for (unsigned i = 0; i < l->n; i++) {
        const struct kt_alert_moment *m = &l->at[i];
        const struct kt_cell cells[] = {
            kt_cell_str(kt_str_of(a->id)),
            kt_cell_time(m->at),
            kt_cell_str(kt_str_of(m->what)),
            kt_cell_str(kt_str_of(m->by)),
            kt_cell_str(kt_str_of(m->where)),
            kt_cell_str(kt_str_of(m->row.target)),
            m->row.last_code != 0 ? kt_cell_int(m->row.last_code)
                                  : (struct kt_cell){ .type = KT_CELL_NULL },
            kt_cell_str(kt_buf_str(&m->text)),
        };
        kt_rows_add(rows, cells);
    }
}

struct show {
    const struct kt_alerts_cli *a;
    struct kt_reader *reader;
    struct kt_alert_view view;
    struct kt_rows *rows; /* CSV, Markdown: the timelines as rows */
    bool why;             /* explain */
};

static enum kt_status show_one(struct show *s, const char *prefix, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf json = { 0 };
    KT_CLEANUP(kt_arena_done) struct kt_arena arena = kt_arena_new(KT_LINE_MAX);
    KT_CLEANUP(kt_alert_moments_done) struct kt_alert_moments l = { 0 };
    struct kt_alert_found found;
    struct kt_alert a;
    if (kt_reader_alert_find(s->reader, kt_str_of(prefix), &json, &found, err) != KT_OK ||
        kt_alert_read(kt_buf_str(&json), &arena, &a, err) != KT_OK)
        return err->code;
    kt_alert_view_live(&s->view, &a);
    if (kt_alert_moments_load(s->reader, &s->view, &a, kt_clock_real.wall(kt_clock_real.self), true,
                              &l, err) != KT_OK)
        return err->code;
    if (l.damage.places > 0)
        fprintf(stderr, "steps may be among %u damaged places of the log: keytrail verify\n",
                l.damage.places);
    if (s->a->how == KT_OUT_TABLE)
        print_table(&a, &l, s->why);
    else if (s->rows != NULL)
        print_rows(s->rows, &a, &l);
    else
        print_json(&a, &l);
    return KT_OK;
}

static int show(const struct kt_alerts_cli *a, bool why)
{
    struct show s = { .a = a, .why = why };
    struct kt_error err = { 0 };
    unsigned wrong = 0;
    if (kt_alerts_reader(a, &s.reader, &err) != KT_OK ||
        kt_alert_view_load(s.reader, &s.view, &err) != KT_OK) {
        kt_reader_close(s.reader);
        return kt_cli_fail("alerts", &err);
    }
    if (a->how == KT_OUT_CSV || a->how == KT_OUT_MD)
        s.rows = kt_rows_new(a->how, columns, KT_ARRAY_LEN(columns), true);
    enum kt_status st = KT_OK;
    for (unsigned i = 0; i < a->n_args && st == KT_OK; i++) {
        if (i > 0 && a->how == KT_OUT_TABLE)
            printf("\n");
        st = show_one(&s, a->args[i], &err);
        if (st != KT_E_INPUT)
            continue;
        fprintf(stderr, "keytrail alerts: %s\n", err.text);
        wrong++;
        st = KT_OK;
    }
    if (s.rows != NULL)
        kt_rows_end(s.rows);
    kt_alert_view_done(&s.view);
    kt_reader_close(s.reader);
    if (st != KT_OK)
        return kt_cli_fail("alerts", &err);
    return wrong == 0 ? KT_EXIT_OK : wrong < a->n_args ? KT_EXIT_PARTIAL : KT_EXIT_NO;
}

int kt_alerts_show(const struct kt_alerts_cli *a)
{
    return show(a, false);
}

int kt_alerts_explain(const struct kt_alerts_cli *a)
{
    return show(a, true);
}
