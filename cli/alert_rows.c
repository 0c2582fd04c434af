/*
 * alert_rows: alerts as rows. NDJSON and JSON carry every key of the document; the table shows what
 * one reads at 03:00.
 *
 * Owns:  nothing.
 * Calls: exporters/alerts/view (what people did), exporters/alerts/alert.h.
 */
#include "cli/alert_rows.h"

#include <stdio.h>

#include "core/base/limits.h"
#include "core/event/line.h"
#include "exporters/alerts/alert.h"

static const struct kt_column columns[] = {
    { "id", "ALERT", 0, false },
    { "time", "FIRST (UTC)", 0, false },
    { "status", "STATUS", 0, false },
    { "raised", "AGE", 0, true },
    { "detector", "DETECTOR", 0, false },
    { "severity", "SEVERITY", 0, false },
    { "score", "SCORE", 0, true },
    { "actor", "ACTOR", 30, false },
    { "ip", "ADDRESS", 40, false },
    { "secret", NULL, 0, false },
    { "instance", NULL, 0, false },
    { "event_ids", NULL, 0, false },
    { "assignee", "ASSIGNEE", 20, false },
    { "verdict", "VERDICT", 0, false },
    { "title", "WHAT", 120, false },
    { "explanation", NULL, 0, false },
    { "detectors", NULL, 0, false },
    { "first", NULL, 0, false },
    { "last", NULL, 0, false },
    { "events", NULL, 0, true },
    { "secrets", NULL, 0, true },
    { "country", NULL, 0, false },
    { "network", NULL, 0, false },
    { "state", NULL, 0, false },
    { "merged_into", NULL, 0, false },
    { "acknowledged_at", NULL, 0, false },
    { "acknowledged_by", NULL, 0, false },
    { "acknowledged_where", NULL, 0, false },
    { "closed_at", NULL, 0, false },
    { "closed_by", NULL, 0, false },
    { "reopened", NULL, 0, true },
    { "note", NULL, 0, false },
    { "suppressed_by", NULL, 0, false },
    { "silenced_by", NULL, 0, false },
};
enum { N_COLUMNS = KT_ARRAY_LEN(columns) };

struct kt_rows *kt_alert_rows_new(enum kt_output how, bool header)
{
    return kt_rows_new(how, columns, N_COLUMNS, header);
}

static struct kt_cell raw(struct kt_buf *b)
{
    return (struct kt_cell){ .type = KT_CELL_RAW, .str = kt_buf_str(b) };
}

static void lists(const struct kt_alert *a, struct kt_buf *events, struct kt_buf *parts)
{
    kt_buf_byte(events, '[');
    for (unsigned i = 0; i < a->n_events; i++) {
        kt_buf_addz(events, i > 0 ? "," : "");
        kt_json_quote(events, a->events[i]);
    }
    kt_buf_byte(events, ']');
    kt_buf_byte(parts, '[');
    for (unsigned i = 0; i < a->n_parts; i++)
        kt_buf_addf(parts, "%s{\"detector\":\"%s\",\"points\":%d.%02d}", i > 0 ? "," : "",
                    a->parts[i].detector, a->parts[i].points / 100, a->parts[i].points % 100);
    kt_buf_byte(parts, ']');
}

void kt_alert_rows_add(struct kt_rows *rows, struct kt_str json, const struct kt_alert_view *view,
                       kt_time_ns now)
{
    struct kt_arena arena = kt_arena_new(KT_LINE_MAX);
    struct kt_buf events = { 0 }, parts = { 0 }, score = { 0 }, text = { 0 };
    struct kt_buf what = { 0 }, quiet = { 0 };
    struct kt_alert a = { 0 };
    struct kt_error err = { 0 };
    char old[KT_TIME_TEXT_MAX];
    if (kt_alert_read(json, &arena, &a, &err) != KT_OK) {
        a = (struct kt_alert){ .detector = "", .state = "unreadable" };
        a.title = kt_str_of(err.text);
    }
    kt_alert_view_live(view, &a);
    const struct kt_silence *silence = kt_alert_view_silence(view, &a, now);
    const struct kt_alert_life *l = &a.life;
    enum kt_life_status status = kt_alert_status(&a);
    bool people = kt_rows_for_people(rows);
    kt_time_ns age = now - a.raised > KT_NS_S ? now - a.raised : KT_NS_S;
    lists(&a, &events, &parts);
    kt_buf_addf(&score, "%d.%02d", a.score / 100, a.score % 100);
    kt_alert_explain(&a, &text);
    if (silence != NULL && status == KT_LIFE_OPEN)
        kt_alert_silence_say(silence, true, &quiet);
    if (a.suppressed_by.len > 0 || quiet.len > 0)
        kt_buf_addf(&what, KT_STR_FMT ": ",
                    KT_STR_ARG(quiet.len > 0 ? kt_buf_str(&quiet) : a.suppressed_by));
    kt_buf_add(&what, a.title);
    struct kt_cell cells[N_COLUMNS] = {
        kt_cell_str(kt_str_of(a.id)),
        kt_cell_time(a.time),
        kt_cell_str(kt_str_of(kt_life_word(status))),
        people ? kt_cell_str(kt_str_of(kt_duration_format(age, old))) : kt_cell_time(a.raised),
        kt_cell_str(kt_str_of(a.detector)),
        kt_cell_str(kt_str_of(kt_severity_words[a.severity].word)),
        raw(&score),
        kt_cell_str(a.actor),
        kt_cell_str(a.ip),
        kt_cell_str(a.secret),
        kt_cell_str(a.instance),
        raw(&events),
        kt_cell_str(l->assignee),
        kt_cell_str(l->verdict),
        kt_cell_str(people ? kt_buf_str(&what) : a.title),
        kt_cell_str(kt_buf_str(&text)),
        raw(&parts),
        kt_cell_time(a.first),
        kt_cell_time(a.last),
        kt_cell_int((int64_t)a.events_count),
        kt_cell_int((int64_t)a.secrets_count),
        kt_cell_str(a.country),
        kt_cell_str(a.network),
        kt_cell_str(kt_str_of(a.state)),
        kt_cell_str(a.merged_into),
        kt_cell_time(l->acknowledged_at),
        kt_cell_str(l->acknowledged_by),
        kt_cell_str(l->acknowledged_where),
        kt_cell_time(l->closed_at),
        kt_cell_str(l->closed_by),
        kt_cell_int(l->reopened),
        kt_cell_str(l->note),
        kt_cell_str(a.suppressed_by),
        kt_cell_str(kt_buf_str(&quiet)),
    };
    kt_rows_add(rows, cells);
    kt_buf_done(&events);
    kt_buf_done(&parts);
    kt_buf_done(&score);
    kt_buf_done(&text);
    kt_buf_done(&what);
    kt_buf_done(&quiet);
    kt_arena_done(&arena);
}
