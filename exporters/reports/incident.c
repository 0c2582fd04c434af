/*
 * incident: the report of one incident. The account (below) speaks in headings, paragraphs and
 * tables; each of them is written to both forms at once.
 *
 * Owns:  nothing.
 * Calls: core/answer/incident, core/base/html, doc_int (the style of reports). No clock, no I/O.
 * Holds: strangers' text is escaped in both forms.
 */
#include "exporters/reports/incident.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/html.h"
#include "core/base/log.h"
#include "exporters/reports/doc_int.h"

#define CELLS_MAX 8u

struct page {
    struct kt_buf *md, *html;
    unsigned cells;
};

/* ---- the two forms ---- */

/* What Markdown or a terminal would obey is escaped; a line end is a blank. */
static void add_md(struct kt_buf *out, struct kt_str s)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf safe = { 0 };
    kt_tty_add(&safe, s);
    for (size_t i = 0; i < safe.len; i++) {
        if (kt_str_find_byte(KT_STR("\\`*_[]<>#|~&!"), safe.at[i], 0) >= 0)
            kt_buf_byte(out, '\\');
        kt_buf_byte(out, safe.at[i] == '\n' ? ' ' : safe.at[i]);
    }
}

static void heading(struct page *p, const char *text)
{
    kt_buf_addf(p->md, "\n## %s\n\n", text);
    kt_buf_addz(p->html, "<h2>");
    kt_html_text(p->html, kt_str_of(text));
    kt_buf_addz(p->html, "</h2>\n");
}

static void para(struct page *p, const char *class, const char *fmt, ...) KT_PRINTF(3, 4);
static void para(struct page *p, const char *class, const char *fmt, ...)
{
    char text[4096]; /* more than the longest subject, reason and coverage together */
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    add_md(p->md, kt_str_of(text));
    kt_buf_addz(p->md, "\n\n");
    kt_buf_addf(p->html, class == NULL ? "<p>" : "<p class=\"%s\">", class);
    kt_html_text(p->html, kt_str_of(text));
    kt_buf_addz(p->html, "</p>\n");
}

static void table(struct page *p, const char *const *heads, unsigned n)
{
    p->cells = n;
    kt_buf_addz(p->html, "<div class=\"wide\"><table><thead><tr>");
    for (unsigned i = 0; i < n; i++) {
        kt_buf_addf(p->md, "| %s ", heads[i]);
        kt_buf_addf(p->html, "<th scope=\"col\">%s</th>", heads[i]);
    }
    kt_buf_addz(p->html, "</tr></thead><tbody>\n");
    kt_buf_addz(p->md, "|\n");
    for (unsigned i = 0; i < n; i++)
        kt_buf_addz(p->md, "| --- ");
    kt_buf_addz(p->md, "|\n");
}

static void row(struct page *p, const struct kt_str *cell)
{
    kt_buf_addz(p->html, "<tr>");
    for (unsigned i = 0; i < p->cells; i++) {
        kt_buf_addz(p->md, "| ");
        add_md(p->md, cell[i]);
        kt_buf_byte(p->md, ' ');
        kt_buf_addz(p->html, i == 0 ? "<th scope=\"row\">" : "<td>");
        kt_html_text(p->html, cell[i]);
        kt_buf_addz(p->html, i == 0 ? "</th>" : "</td>");
    }
    kt_buf_addz(p->md, "|\n");
    kt_buf_addz(p->html, "</tr>\n");
}

static void table_end(struct page *p)
{
    kt_buf_addz(p->md, "\n");
    kt_buf_addz(p->html, "</tbody></table></div>\n");
}

/* ---- the account ---- */

static const char *when(kt_time_ns t, char buf[KT_TIME_TEXT_MAX])
{
    return t == 0 ? "" : kt_time_format_short(t, buf);
}

static void begin(struct page *p, const struct kt_incident_report *r)
{
    const struct kt_incident *i = r->state->of;
    KT_CLEANUP(kt_buf_done) struct kt_buf title = { 0 };
    kt_buf_addf(&title, "%s%sincident report: %s", r->title != NULL ? r->title : "",
                r->title != NULL ? ", " : "", i->id);
    kt_buf_addz(p->md, "# ");
    add_md(p->md, kt_buf_str(&title));
    kt_buf_addz(p->md, "\n\n");
    kt_buf_addz(p->html, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                         "<meta name=\"viewport\" content=\"width=device-width\">\n<title>");
    kt_html_text(p->html, kt_buf_str(&title));
    kt_buf_addf(p->html,
                "</title>\n<style>\n%s@page { margin: 17mm 15mm; }\n</style>\n</head>\n"
                "<body>\n<main>\n<h1>",
                kt_doc_css);
    kt_html_text(p->html, kt_buf_str(&title));
    kt_buf_addz(p->html, "</h1>\n");
}

static void summary(struct page *p, const struct kt_incident_report *r)
{
    char at[KT_TIME_TEXT_MAX], since[KT_TIME_TEXT_MAX], until[KT_TIME_TEXT_MAX],
        written[KT_TIME_TEXT_MAX];
    const struct kt_incident_state *s = r->state;
    const struct kt_incident *i = s->of;
    unsigned open = 0;
    for (unsigned k = 0; k < KT_RUNBOOK_COUNT; k++)
        open += s->open >> k & 1;
    para(p, NULL, "About the %s %s, opened by %s at %s UTC: %s", kt_incident_about_word(i->about),
         i->subject, i->opened.by, when(i->opened.at, at), i->opened.reason);
    para(p, NULL, "Exposure: %s to %s UTC. %u %s exposed, %u still %s.", when(s->since, since),
         when(s->until, until), s->n_values, s->n_values == 1 ? "secret was" : "secrets were",
         s->exposed, s->exposed == 1 ? "is" : "are");
    if (r->by != NULL)
        para(p, NULL, "Closed%s by %s at %s UTC: %s", r->forced ? " by force" : "", r->by,
             when(r->written, written), r->reason);
    else
        para(p, "alarm", "Not closed.");
    if (open > 0)
        para(p, "alarm", "%u of %u steps are open.", open, (unsigned)KT_RUNBOOK_COUNT);
}

static void steps(struct page *p, const struct kt_incident_state *s)
{
    static const char *const heads[] = { "Step", "State", "What is known" };
    static const char *const words[] = { [KT_TICK_OPEN] = "open",
                                         [KT_TICK_HAND] = "done, by hand",
                                         [KT_TICK_LOG] = "done, by the log" };
    heading(p, "Steps");
    table(p, heads, KT_ARRAY_LEN(heads));
    for (unsigned k = 0; k < KT_RUNBOOK_COUNT; k++) {
        const struct kt_str cell[] = { kt_str_of(kt_runbook_title((enum kt_runbook)k)),
                                       kt_str_of(words[s->step[k].tick]), s->step[k].text };
        row(p, cell);
    }
    table_end(p);
}

static void add_versions(const struct kt_incident_exposed *e, struct kt_buf *out)
{
    for (unsigned v = 0; v < e->n_versions; v++)
        kt_buf_addf(out, "%s%s", v > 0 ? ", " : "", e->version[v]);
}

static void values(struct page *p, const struct kt_incident_state *s)
{
    static const char *const heads[] = { "Secret",   "State",          "Since (UTC)",
                                         "Versions", "Reads",          "Last read (UTC)",
                                         "By",       "Readers waiting" };
    heading(p, "Exposed values");
    if (s->n_values == 0) {
        para(p, NULL, "The list is empty%s.", s->of->listed.at == 0 ? ": none was fixed" : "");
        return;
    }
    table(p, heads, KT_ARRAY_LEN(heads));
    for (unsigned k = 0; k < s->n_values; k++) {
        const struct kt_incident_value *v = &s->value[k];
        KT_CLEANUP(kt_buf_done) struct kt_buf versions = { 0 };
        char at[KT_TIME_TEXT_MAX], last[KT_TIME_TEXT_MAX], reads[24], waiting[32];
        add_versions(v->of, &versions);
        (void)snprintf(reads, sizeof reads, "%" PRIu64, v->of->reads);
        (void)snprintf(waiting, sizeof waiting, "%u of %u", v->waiting, v->regular);
        const struct kt_str cell[CELLS_MAX] = {
            kt_str_of(v->of->secret),
            kt_str_of(kt_exposure_word(v->exposure)),
            kt_str_of(when(v->at, at)),
            kt_buf_str(&versions),
            kt_str_of(reads),
            kt_str_of(when(v->of->last, last)),
            v->by,
            kt_str_of(waiting),
        };
        row(p, cell);
    }
    table_end(p);
}

static void alerts(struct page *p, const struct kt_incident_state *s)
{
    static const char *const heads[] = { "Alert", "First evidence (UTC)", "Verdict", "What" };
    heading(p, "Alerts of the exposure");
    if (s->n_alerts == 0) {
        para(p, NULL, "None, of medium or more.");
        return;
    }
    table(p, heads, KT_ARRAY_LEN(heads));
    for (unsigned k = 0; k < s->n_alerts; k++) {
        const struct kt_incident_alert *a = &s->alert[k];
        char first[KT_TIME_TEXT_MAX];
        const struct kt_str cell[] = { a->id, kt_str_of(when(a->first, first)),
                                       a->judged ? a->verdict : KT_STR("none yet"), a->title };
        row(p, cell);
    }
    table_end(p);
}

static void log_of(struct page *p, const struct kt_incident *i)
{
    static const char *const heads[] = { "When (UTC)", "What" };
    heading(p, "Who did what");
    table(p, heads, KT_ARRAY_LEN(heads));
    for (unsigned k = 0; k < i->n_said; k++) {
        char at[KT_TIME_TEXT_MAX];
        const struct kt_str cell[] = { kt_str_of(when(i->said[k].at, at)),
                                       kt_str_of(i->said[k].text) };
        row(p, cell);
    }
    table_end(p);
}

static void basis(struct page *p, const struct kt_incident_report *r)
{
    char at[KT_TIME_TEXT_MAX];
    heading(p, "What this rests on");
    para(p, NULL,
         "The log of keytrail as it was at %s UTC, %" PRIu64
         " records; of the exposure: " KT_STR_FMT ".",
         when(r->written, at), r->records, KT_STR_ARG(r->state->coverage));
    para(p, NULL,
         "What the log shows of a step may change after this report. Its acts are records of kind "
         "decision with operation incident.*; the closing record holds the SHA-256 of this file. "
         "Written by %s.",
         r->program);
}

void kt_incident_report_write(const struct kt_incident_report *r, struct kt_buf *markdown,
                              struct kt_buf *html)
{
    struct page p = { .md = markdown, .html = html };
    begin(&p, r);
    summary(&p, r);
    steps(&p, r->state);
    values(&p, r->state);
    alerts(&p, r->state);
    log_of(&p, r->state->of);
    basis(&p, r);
    kt_buf_addz(html, "</main>\n</body>\n</html>\n");
}
