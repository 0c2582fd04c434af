/*
 * doc_chart: bars and calendars of a report, each a table whose cells hold the drawing beside the
 * numbers: who cannot see the one reads the other.
 *
 * Owns:  nothing.
 * Calls: core/base (html, time). No clock, no I/O.
 * Holds: strangers' text stands in HTML, never in SVG, where it could not be isolated.
 */
#include <inttypes.h>

#include "core/base/html.h"
#include "exporters/reports/doc_int.h"

#define STRIP_DAYS 186u /* of a calendar in one row: half a year */
#define RANGES_MAX 8u   /* named beside a calendar; a gap's own table has all */
#define HEIGHT     14u
#define LABELS     12u /* month names beside each other: none is cut at the end of the strip */

/* parts of whole as "12.345%" */
static void percent(uint64_t part, uint64_t whole, struct kt_buf *out)
{
    uint64_t thousandths = whole == 0 ? 0 : (uint64_t)((double)part / (double)whole * 100000.0);
    kt_buf_addf(out, "%" PRIu64 ".%03" PRIu64 "%%", thousandths / 1000, thousandths % 1000);
}

static void rect(struct kt_doc *d, const char *class, uint64_t from, uint64_t len, uint64_t whole,
                 unsigned height)
{
    if (len == 0 || height == 0)
        return;
    kt_buf_addf(d->to, "<rect class=\"%s\" x=\"", class);
    percent(from, whole, d->to);
    kt_buf_addz(d->to, "\" width=\"");
    percent(len, whole, d->to);
    kt_buf_addf(d->to, "\" y=\"%u\" height=\"%u\"/>", HEIGHT - height, height);
}

static void chart_head(struct kt_doc *d, const char *title, const char *class)
{
    kt_doc_block_end(d);
    d->charts++;
    kt_buf_addf(d->to, "<div class=\"%s\"><table>\n<caption>", class);
    kt_doc_say(d, kt_str_of(title));
    kt_buf_addz(d->to, "</caption>\n<thead><tr><td></td>");
}

static void head_cell(struct kt_doc *d, const char *class, struct kt_str s)
{
    kt_buf_addf(d->to, "<th scope=\"col\" class=\"%s\">", class);
    kt_doc_say(d, s);
    kt_buf_addz(d->to, "</th>");
}

static void row_head(struct kt_doc *d, struct kt_str label)
{
    kt_buf_addz(d->to, "<tr><th scope=\"row\">");
    kt_doc_say(d, label.len > 0 ? label : KT_STR("none"));
    kt_buf_addz(d->to, "</th>");
}

static void count_cell(struct kt_doc *d, int64_t n)
{
    const struct kt_doc_cell cell = { .number = n };
    kt_buf_addz(d->to, "<td class=\"n\">");
    kt_doc_cell_text(KT_DOC_COUNT, &cell, d->to);
    kt_buf_addz(d->to, "</td>");
}

/* ---- bars ---- */

void kt_doc_bars(struct kt_doc *d, const char *title, const char *unit,
                 const struct kt_doc_bar *bars, unsigned n)
{
    uint64_t most = 1;
    bool two = false;
    struct kt_str units = kt_str_of(unit), first = units;
    for (unsigned i = 0; i < n; i++) {
        uint64_t sum = (uint64_t)(bars[i].value > 0 ? bars[i].value : 0) +
                       (uint64_t)(bars[i].second > 0 ? bars[i].second : 0);
        most = sum > most ? sum : most;
        two = two || bars[i].second != 0;
    }
    (void)kt_str_split(&units, '|', &first);
    chart_head(d, title, "chart");
    head_cell(d, "n", first);
    if (two)
        head_cell(d, "n", units);
    kt_buf_addz(d->to, "<th class=\"strip\" aria-hidden=\"true\"></th></tr></thead>\n<tbody>\n");
    for (unsigned i = 0; i < n; i++) {
        uint64_t value = bars[i].value > 0 ? (uint64_t)bars[i].value : 0;
        uint64_t second = bars[i].second > 0 ? (uint64_t)bars[i].second : 0;
        row_head(d, bars[i].label);
        count_cell(d, bars[i].value);
        if (two)
            count_cell(d, bars[i].second);
        kt_buf_addf(d->to,
                    "<td class=\"strip\" aria-hidden=\"true\"><svg width=\"100%%\" height=\"%u\">",
                    HEIGHT);
        rect(d, "value", 0, value, most, HEIGHT);
        rect(d, "second", value, second, most, HEIGHT);
        kt_buf_addz(d->to, "</svg></td></tr>\n");
    }
    kt_buf_addz(d->to, "</tbody></table></div>\n");
}

/* ---- calendar ---- */

struct strip { /* days of one row of the drawing */
    int64_t first_day;
    unsigned from, days, columns; /* columns: of the widest strip, so that all have one scale */
};

static struct kt_civil civil(int64_t day)
{
    return kt_time_civil(day * KT_NS_DAY);
}

static void day_name(int64_t day, struct kt_buf *out)
{
    char when[KT_TIME_TEXT_MAX];
    kt_buf_add(out, kt_str_sub(kt_str_of(kt_time_format_short(day * KT_NS_DAY, when)), 0, 10));
}

static void month_marks(struct kt_doc *d, const struct strip *s, bool names)
{
    for (unsigned i = 0; i < s->days; i++) {
        struct kt_civil c = civil(s->first_day + s->from + i);
        if (c.day != 1 && (!names || i > 0))
            continue;
        if (names && (i == 0 ? c.day < 22 : (s->columns - i) * LABELS > s->columns)) {
            kt_buf_addz(d->to, "<text y=\"11\" x=\"");
            percent(i, s->columns, d->to);
            kt_buf_addf(d->to, "\">%04d-%02d</text>", c.year, c.month);
        } else if (!names) {
            kt_buf_addz(d->to, "<line class=\"month\" y1=\"0\" y2=\"14\" x1=\"");
            percent(i, s->columns, d->to);
            kt_buf_addz(d->to, "\" x2=\"");
            percent(i, s->columns, d->to);
            kt_buf_addz(d->to, "\"/>");
        }
    }
}

/* Days that are alike are one rectangle: a year without a gap is a line, not 365 squares. */
static void draw_days(struct kt_doc *d, const struct strip *s, const uint8_t *share)
{
    kt_buf_addf(d->to,
                "<td class=\"strip\" aria-hidden=\"true\"><svg width=\"100%%\" height=\"%u\">",
                HEIGHT);
    for (unsigned i = 0, j; i < s->days; i = j) {
        for (j = i + 1; j < s->days && share[s->from + j] == share[s->from + i];)
            j++;
        unsigned p = share[s->from + i];
        if (p == 255)
            continue;
        if (p < 100)
            rect(d, "hole", i, j - i, s->columns, HEIGHT);
        rect(d, "value", i, j - i, s->columns, p >= 100 ? HEIGHT : HEIGHT * p / 100);
    }
    month_marks(d, s, false);
    kt_buf_addz(d->to, "</svg></td>");
}

/* The days that are not whole, as words; `more` ranges are not named. */
static void say_holes(struct kt_doc *d, int64_t first_day, const struct strip *s,
                      const uint8_t *share)
{
    unsigned ranges = 0;
    for (unsigned i = s->from, j; i < s->from + s->days; i = j) {
        for (j = i + 1; j < s->from + s->days && share[j] == share[i];)
            j++;
        if (share[i] >= 100)
            continue;
        if (++ranges > RANGES_MAX)
            continue;
        kt_buf_addz(d->to, ranges > 1 ? "; " : "");
        day_name(first_day + i, d->to);
        if (j > i + 1) {
            kt_buf_addz(d->to, " to ");
            day_name(first_day + j - 1, d->to);
        }
        kt_buf_addf(d->to, " %u %%", share[i]);
    }
    if (ranges > RANGES_MAX)
        kt_buf_addf(d->to, "; and %u more", ranges - RANGES_MAX);
    if (ranges == 0)
        kt_buf_addz(d->to, "–");
}

static void strip_rows(struct kt_doc *d, const struct kt_str *rows, unsigned n,
                       const struct strip *s, unsigned days, const uint8_t *share)
{
    kt_buf_addz(d->to, "<tr><td></td><td class=\"strip\" aria-hidden=\"true\"><svg width=\"100%\" "
                       "height=\"14\">");
    month_marks(d, s, true);
    kt_buf_addz(d->to, "</svg></td></tr>\n");
    for (unsigned r = 0; r < n; r++) {
        kt_buf_addz(d->to, "<tr><th>");
        kt_doc_say(d, rows[r]);
        kt_buf_addz(d->to, "</th>");
        draw_days(d, s, share + (size_t)r * days);
        kt_buf_addz(d->to, "</tr>\n");
    }
}

static void words_row(struct kt_doc *d, struct kt_str label, int64_t first_day, unsigned days,
                      const uint8_t *share)
{
    const struct strip all = { first_day, 0, days, days };
    int64_t expected = 0, whole = 0;
    for (unsigned i = 0; i < days; i++) {
        expected += share[i] != 255;
        whole += share[i] != 255 && share[i] >= 100;
    }
    row_head(d, label);
    count_cell(d, expected);
    count_cell(d, whole);
    kt_buf_addz(d->to, "<td>");
    say_holes(d, first_day, &all, share);
    kt_buf_addz(d->to, "</td></tr>\n");
}

void kt_doc_calendar(struct kt_doc *d, const char *title, const struct kt_str *rows, unsigned n,
                     int64_t first_day, unsigned days, const uint8_t *share)
{
    unsigned strips = (days + STRIP_DAYS - 1) / STRIP_DAYS;
    unsigned columns = strips == 0 ? 1 : (days + strips - 1) / strips;
    kt_doc_block_end(d);
    d->charts++;
    kt_buf_addz(d->to, "<div class=\"chart calendar\" aria-hidden=\"true\"><p class=\"caption\">");
    kt_doc_say(d, kt_str_of(title));
    kt_buf_addz(d->to, "</p>\n");
    for (unsigned k = 0; k < strips; k++) {
        unsigned from = k * columns, left = days - from;
        const struct strip s = { first_day, from, left < columns ? left : columns, columns };
        kt_buf_addz(d->to, "<table><tbody>\n");
        strip_rows(d, rows, n, &s, days, share);
        kt_buf_addz(d->to, "</tbody></table>\n");
    }
    kt_buf_addz(d->to, "</div>\n<div class=\"wide\"><table>\n<caption>");
    kt_doc_say(d, kt_str_of(title));
    kt_buf_addz(d->to, ", in words</caption>\n<thead><tr><th scope=\"col\">Row</th>");
    head_cell(d, "n", KT_STR("Days expected"));
    head_cell(d, "n", KT_STR("Whole days"));
    kt_buf_addz(d->to, "<th scope=\"col\">Not whole</th></tr></thead>\n<tbody>\n");
    for (unsigned r = 0; r < n; r++)
        words_row(d, rows[r], first_day, days, share + (size_t)r * days);
    kt_buf_addz(d->to, "</tbody></table></div>\n");
}
