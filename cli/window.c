/*
 * window: from options to a span of event time.
 *
 * Owns:  nothing.
 * Calls: core/base, core/query, core/store/read.h, exporters/alerts/alert.h.
 */
#include "cli/window.h"

#include <string.h>

#include "core/base/enc.h"
#include "core/base/limits.h"
#include "core/query/query.h"
#include "exporters/alerts/alert.h"

#define SLACK (10 * KT_NS_MIN)

int kt_window_take_slack(struct kt_window *w, char **argv, int n)
{
    static const char *const signs[] = { "±", "+-", "+/-" };
    int kept = 0;
    for (int i = 1; i <= n; i++) {
        size_t sign = 0;
        for (size_t k = 0; k < KT_ARRAY_LEN(signs) && sign == 0; k++)
            if (strncmp(argv[i], signs[k], strlen(signs[k])) == 0)
                sign = strlen(signs[k]);
        if (sign > 0)
            w->slack = argv[i] + sign;
        else
            argv[++kept] = argv[i];
    }
    return kept;
}

/* One option that names a whole span, as both of its ends. */
static enum kt_status take_span(const char *option, const char *text, kt_time_ns now, int zone,
                                kt_time_ns *ret_since, kt_time_ns *ret_until, struct kt_error *err)
{
    if (kt_time_expr(kt_str_of(text), now, zone, false, ret_since, err) != KT_OK ||
        kt_time_expr(kt_str_of(text), now, zone, true, ret_until, err) != KT_OK)
        return kt_wrap(err, "%s", option);
    if (*ret_since >= *ret_until)
        return kt_fail(err, KT_E_INPUT, "%s: '%s' is a moment, no span of days: use --around",
                       option, text);
    return KT_OK;
}

/* ---- around something ---- */

struct seek {
    const char *id;
    kt_time_ns time;
};

static enum kt_status match_alert(void *self, const char *id, struct kt_str json,
                                  struct kt_error *err)
{
    struct seek *s = self;
    struct kt_alert a = { 0 };
    if (!kt_str_eq_nocase(kt_str_of(id), kt_str_of(s->id)))
        return KT_OK;
    struct kt_arena arena = kt_arena_new(KT_LINE_MAX);
    enum kt_status status = kt_alert_read(json, &arena, &a, err);
    s->time = a.time;
    kt_arena_done(&arena);
    return status == KT_OK ? KT_E_AGAIN : status;
}

/* When the event with that id happened, or the alert was opened. */
static enum kt_status time_of_id(struct kt_reader *r, const char *id, kt_time_ns *ret,
                                 struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    struct kt_query *q = NULL;
    struct kt_cursor *c = NULL;
    struct kt_record rec;
    struct seek seek = { .id = id };
    kt_buf_addf(&text, "id:%s", id);
    struct kt_scan scan = { .records = true, .newest_first = true };
    enum kt_status status = kt_query_parse(kt_buf_str(&text), &q, err);
    if (status == KT_OK)
        kt_query_plan(q, &scan);
    if (status == KT_OK)
        status = kt_cursor_open(r, &scan, &c, err);
    *ret = 0;
    while (status == KT_OK && *ret == 0 && (status = kt_cursor_next(c, &rec, err)) == KT_OK)
        if (kt_query_matches(q, &rec, NULL))
            *ret = rec.ev.time > 0 ? rec.ev.time : rec.arrival;
    kt_cursor_free(c);
    kt_query_free(q);
    if (status != KT_E_AGAIN)
        return status;
    status = kt_reader_alerts(r, match_alert, &seek, err);
    *ret = seek.time;
    if (status == KT_OK && seek.time == 0)
        return kt_fail(err, KT_E_INPUT, "--around: no event and no alert has the id %s", id);
    return status;
}

static enum kt_status take_around(const struct kt_window *w, struct kt_reader *r, kt_time_ns now,
                                  int zone, kt_time_ns *ret_since, kt_time_ns *ret_until,
                                  struct kt_error *err)
{
    kt_time_ns at, slack = SLACK;
    uint8_t id[16];
    if (w->slack != NULL && kt_duration_parse(kt_str_of(w->slack), &slack, err) != KT_OK)
        return kt_wrap(err, "--around: ±");
    enum kt_status status = kt_id_parse(kt_str_of(w->around), id)
                                ? time_of_id(r, w->around, &at, err)
                                : kt_time_expr(kt_str_of(w->around), now, zone, false, &at, err);
    if (status != KT_OK)
        return kt_wrap(err, "--around");
    *ret_since = at - slack;
    *ret_until = at + slack;
    return KT_OK;
}

enum kt_status kt_window_resolve(const struct kt_window *w, struct kt_reader *r, kt_time_ns now,
                                 int zone_offset_s, kt_time_ns *ret_since, kt_time_ns *ret_until,
                                 struct kt_error *err)
{
    const struct {
        const char *option, *text;
    } spans[] = { { "--on", w->on }, { "--month", w->month }, { "--quarter", w->quarter } };
    int given = (w->around != NULL) + (w->since != NULL || w->until != NULL);
    *ret_since = *ret_until = 0;
    for (size_t i = 0; i < KT_ARRAY_LEN(spans); i++)
        given += spans[i].text != NULL;
    if (given > 1)
        return kt_fail(err, KT_E_INPUT,
                       "one window: --since and --until, or --on, --month, --quarter or --around");
    if (w->slack != NULL && w->around == NULL)
        return kt_fail(err, KT_E_INPUT, "±%s belongs to --around", w->slack);
    if (w->around != NULL)
        return take_around(w, r, now, zone_offset_s, ret_since, ret_until, err);
    for (size_t i = 0; i < KT_ARRAY_LEN(spans); i++)
        if (spans[i].text != NULL)
            return take_span(spans[i].option, spans[i].text, now, zone_offset_s, ret_since,
                             ret_until, err);
    if (w->since != NULL &&
        kt_time_expr(kt_str_of(w->since), now, zone_offset_s, false, ret_since, err) != KT_OK)
        return kt_wrap(err, "--since");
    if (w->until != NULL &&
        kt_time_expr(kt_str_of(w->until), now, zone_offset_s, true, ret_until, err) != KT_OK)
        return kt_wrap(err, "--until");
    return KT_OK;
}
