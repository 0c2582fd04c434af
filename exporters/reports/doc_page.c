/*
 * doc_page: report.html around what was written: style, cover with what is open, contents.
 *
 * Owns:  nothing.
 * Calls: core/base (html, hash, enc). No clock, no I/O.
 * Holds: no script, nothing from elsewhere: the page's own policy forbids both, and admits one
 *        style, by its hash.
 */
#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/base/html.h"
#include "exporters/reports/doc_int.h"

#define COVER_ALARMS 10u /* fit on the cover beside the figures; the others come behind it */

/* The Makefile names report.css as a prerequisite of this object. */
__asm__(".section .rodata\n"
        ".global kt_doc_css\n"
        ".hidden kt_doc_css\n"
        "kt_doc_css:\n"
        ".incbin \"exporters/reports/report.css\"\n"
        ".byte 0\n"
        ".previous\n");

/* Margin boxes of CSS Paged Media: the package and "page x of y" below each printed page. */
static void style(const struct kt_doc *d, struct kt_buf *out)
{
    struct kt_str id = kt_str_of(d->head.package);
    kt_buf_addz(out, "\n");
    kt_buf_addz(out, kt_doc_css);
    kt_buf_addz(out, "@page {\n  margin: 17mm 15mm 18mm;\n  @bottom-left { content: \"package ");
    for (size_t i = 0; i < id.len; i++) {
        char c = id.at[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        kt_buf_byte(out, plain || c == '.' ? c : '-');
    }
    kt_buf_addz(out, "\"; font: 8pt system-ui, sans-serif; color: #4a4f55; }\n"
                     "  @bottom-right { content: \"page \" counter(page) \" of \" counter(pages); "
                     "font: 8pt system-ui, sans-serif; color: #4a4f55; }\n}\n");
}

static void head(struct kt_doc *d, struct kt_buf *out)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf css = { 0 };
    uint8_t hash[32];
    style(d, &css);
    struct kt_str text = kt_buf_str(&css);
    kt_sha256_of(&text, 1, hash);
    kt_buf_addz(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                     "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                     "<meta name=\"referrer\" content=\"no-referrer\">\n"
                     "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                     "style-src 'sha256-");
    kt_base64_add(out, kt_str_from(hash, sizeof hash));
    kt_buf_addz(out, "'; base-uri 'none'; form-action 'none'\">\n<title>");
    kt_html_text(out, kt_str_of(d->head.title));
    kt_buf_addz(out, "</title>\n<style>");
    kt_buf_add(out, text);
    kt_buf_addz(out, "</style>\n</head>\n<body>\n");
}

static void fact(struct kt_buf *out, const char *name, const char *value, bool code)
{
    kt_buf_addf(out, "<dt>%s</dt><dd>%s", name, code ? "<code>" : "");
    kt_html_text(out, kt_str_of(value));
    kt_buf_addz(out, code ? "</code></dd>\n" : "</dd>\n");
}

/* "2025-10-01 to 2026-09-30, whole days, UTC", or with times. */
static void period(const struct kt_doc_head *h, struct kt_buf *out)
{
    char from[KT_TIME_TEXT_MAX], to[KT_TIME_TEXT_MAX];
    bool days = h->since % KT_NS_DAY == 0 && h->until % KT_NS_DAY == 0 && h->until > h->since;
    (void)kt_time_format_short(h->since, from);
    (void)kt_time_format_short(days ? h->until - KT_NS_DAY : h->until, to);
    if (days)
        kt_buf_addf(out, "%.10s to %.10s, both days included, UTC", from, to);
    else
        kt_buf_addf(out, "%s to %s, the end not included, UTC", from, to);
}

static void facts(struct kt_doc *d, struct kt_buf *out)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf when = { 0 };
    const struct kt_doc_head *h = &d->head;
    period(h, &when);
    kt_buf_addz(out, "<dl class=\"facts\">\n");
    fact(out, "Period", kt_buf_z(&when), false);
    fact(out, "Package", h->package, true);
    if (h->key != NULL)
        fact(out, "Signed with key", h->key, true);
    else
        fact(out, "Signature", "none: nothing shows who made this package", false);
    fact(out, "Written by", h->program, false);
    fact(out, "Made when, where, by whom", "manifest.json, which the signature covers", false);
    kt_buf_addz(out, "</dl>\n");
}

static void alarm_items(const struct kt_doc *d, unsigned from, unsigned until, struct kt_buf *out)
{
    kt_buf_addz(out, "<ul>\n");
    for (unsigned i = from; i < until; i++) {
        const struct kt_doc_alarm_said *a = &d->alarms[i];
        kt_buf_addz(out, "<li>");
        kt_html_text(out, kt_str_of(a->text));
        if (a->number > 1)
            kt_buf_addf(out, " (<a href=\"#a%u\">section %u</a>)", i + 1, a->number);
        kt_buf_addz(out, "</li>\n");
    }
    kt_buf_addz(out, "</ul>\n");
}

static void light(const struct kt_doc *d, struct kt_buf *out)
{
    unsigned n = d->n_alarms;
    if (n == 0) {
        kt_buf_addz(out,
                    "<section class=\"light\"><h2>Nothing is open</h2>\n<p>In what this report "
                    "looked at nothing was missing, damaged, partial or not "
                    "verified.</p></section>\n");
        return;
    }
    kt_buf_addf(out, "<section class=\"light red\"><h2>%u open point%s</h2>\n", n,
                n == 1 ? "" : "s");
    alarm_items(d, 0, n < COVER_ALARMS ? n : COVER_ALARMS, out);
    if (n > COVER_ALARMS)
        kt_buf_addf(out, "<p><a href=\"#open-points\">and %u more, behind this page</a></p>",
                    n - COVER_ALARMS);
    kt_buf_addz(out, "</section>\n");
}

static void cover(struct kt_doc *d, struct kt_buf *out)
{
    kt_buf_addz(out, "<header class=\"cover\" id=\"s1\">\n<p class=\"kicker\">");
    kt_html_text(out, kt_str_of(d->head.framework));
    kt_buf_addz(out, "</p>\n<h1>");
    kt_html_text(out, kt_str_of(d->head.title));
    kt_buf_addz(out, "</h1>\n<p class=\"organisation\">");
    kt_html_text(out, kt_str_of(d->head.organisation));
    kt_buf_addz(out, "</p>\n");
    facts(d, out);
    light(d, out);
    kt_buf_add(out, kt_buf_str(&d->cover));
    kt_buf_addz(out, "</header>\n<main>\n");
    if (d->n_alarms > COVER_ALARMS) {
        kt_buf_addf(out,
                    "<section class=\"light red\" id=\"open-points\"><h2>%u more of %u open "
                    "points</h2>\n",
                    d->n_alarms - COVER_ALARMS, d->n_alarms);
        alarm_items(d, COVER_ALARMS, d->n_alarms, out);
        kt_buf_addz(out, "</section>\n");
    }
}

static void contents(const struct kt_doc *d, struct kt_buf *out)
{
    kt_buf_addz(out, "<nav class=\"contents\" aria-label=\"Contents\">\n<h2>Contents</h2>\n<ol>\n");
    for (unsigned i = 0; i < d->n_parts; i++) {
        kt_buf_addf(out, "<li><span class=\"no\">%u</span> <a href=\"#s%u\">", d->parts[i].number,
                    d->parts[i].number);
        kt_html_text(out, kt_str_of(d->parts[i].title));
        kt_buf_addz(out, "</a></li>\n");
    }
    kt_buf_addz(out, "</ol>\n</nav>\n");
}

void kt_doc_page(struct kt_doc *d)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
    head(d, &out);
    cover(d, &out);
    contents(d, &out);
    kt_doc_out_open(d, "report.html");
    kt_doc_out_add(d, kt_buf_str(&out));
    kt_doc_out_add(d, kt_buf_str(&d->body));
    kt_buf_reset(&out);
    kt_buf_addz(&out, "</main>\n<footer>package <code>");
    kt_html_text(&out, kt_str_of(d->head.package));
    kt_buf_addz(&out, "</code></footer>\n</body>\n</html>\n");
    kt_doc_out_add(d, kt_buf_str(&out));
    kt_doc_out_close(d, "report.html", -1, NULL);
}
