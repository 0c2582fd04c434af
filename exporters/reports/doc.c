/*
 * doc: a report as it is written: sections, sentences, figures, and what is said in red.
 *
 * Owns:  the page until it is whole, the names and sums of the files.
 * Calls: core/base (html). What is written goes through kt_doc_out. No clock, no I/O.
 * Holds: every text is escaped by kt_html_text; an alarm is on the cover, too.
 */
#include "exporters/reports/doc.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/alloc.h"
#include "core/base/html.h"
#include "exporters/reports/doc_int.h"

struct kt_doc *kt_doc_new(const struct kt_doc_head *head, const struct kt_doc_out *out)
{
    struct kt_doc *d = kt_alloc(sizeof *d);
    d->head = *head;
    d->out = *out;
    d->to = &d->cover;
    d->section = 1;
    return d;
}

void kt_doc_free(struct kt_doc *d)
{
    if (d == NULL)
        return;
    for (unsigned i = 0; i < d->n_parts; i++)
        kt_free(d->parts[i].title);
    for (unsigned i = 0; i < d->n_alarms; i++)
        kt_free(d->alarms[i].text);
    for (unsigned i = 0; i < d->n_files; i++) {
        kt_free(d->files[i].file);
        kt_free(d->files[i].query);
    }
    kt_free(d->parts);
    kt_free(d->alarms);
    kt_free(d->files);
    kt_buf_done(&d->cover);
    kt_buf_done(&d->body);
    kt_buf_done(&d->late);
    kt_buf_done(&d->line);
    kt_free(d);
}

/* ---- where bytes go ---- */

void kt_doc_out_open(struct kt_doc *d, const char *file)
{
    if (d->err.code == KT_OK)
        (void)!d->out.open(d->out.self, file, &d->err);
}

void kt_doc_out_add(struct kt_doc *d, struct kt_str bytes)
{
    if (d->err.code == KT_OK && bytes.len > 0)
        (void)!d->out.add(d->out.self, bytes, &d->err);
}

void kt_doc_out_close(struct kt_doc *d, const char *file, int64_t rows, const char *query)
{
    struct kt_doc_file f = { .rows = rows };
    if (d->err.code != KT_OK)
        return;
    if (d->out.close(d->out.self, &f.bytes, f.sha256, &d->err) != KT_OK)
        return;
    if (d->n_files == d->cap_files) {
        d->cap_files = d->cap_files == 0 ? 32 : 2 * d->cap_files;
        d->files = kt_realloc_array(d->files, d->cap_files, sizeof *d->files);
    }
    f.file = kt_strdup(file);
    f.query = query == NULL ? NULL : kt_strdup(query);
    d->files[d->n_files++] = f;
}

/* ---- blocks ---- */

void kt_doc_say(struct kt_doc *d, struct kt_str s)
{
    kt_html_text(d->to, s);
}

void kt_doc_block_end(struct kt_doc *d)
{
    assert(d->table == NULL);
    if (d->open == KT_DOC_FIGURES)
        kt_buf_addz(d->to, "</dl>\n");
    d->open = KT_DOC_NO_BLOCK;
}

static void end_section(struct kt_doc *d)
{
    kt_doc_block_end(d);
    if (d->to == &d->body)
        kt_buf_addz(d->to, "</section>\n");
}

void kt_doc_section(struct kt_doc *d, unsigned number, const char *title)
{
    assert(number >= d->section);
    end_section(d);
    if (d->n_parts == d->cap_parts) {
        d->cap_parts = d->cap_parts == 0 ? 32 : 2 * d->cap_parts;
        d->parts = kt_realloc_array(d->parts, d->cap_parts, sizeof *d->parts);
    }
    d->parts[d->n_parts++] = (struct kt_doc_part){ number, kt_strdup(title) };
    d->section = number;
    if (number == 1)
        return;
    d->to = &d->body;
    kt_buf_addf(d->to,
                "<section id=\"s%u\" aria-labelledby=\"h%u\">\n"
                "<h2 id=\"h%u\"><span class=\"no\">%u</span> ",
                number, number, number, number);
    kt_doc_say(d, kt_str_of(title));
    kt_buf_addz(d->to, "</h2>\n");
}

void kt_doc_heading(struct kt_doc *d, const char *title)
{
    kt_doc_block_end(d);
    kt_buf_addz(d->to, "<h3>");
    kt_doc_say(d, kt_str_of(title));
    kt_buf_addz(d->to, "</h3>\n");
}

/* The text of a printf, for kt_free. */
static char *printed(const char *fmt, va_list ap) KT_PRINTF(1, 0);
static char *printed(const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    assert(n >= 0);
    char *text = kt_alloc((size_t)n + 1);
    (void)vsnprintf(text, (size_t)n + 1, fmt, ap);
    return text;
}

void kt_doc_para(struct kt_doc *d, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    KT_CLEANUP(kt_free_ptr) char *text = printed(fmt, ap);
    va_end(ap);
    kt_doc_block_end(d);
    kt_buf_addz(d->to, "<p>");
    kt_doc_say(d, kt_str_of(text));
    kt_buf_addz(d->to, "</p>\n");
}

void kt_doc_alarm(struct kt_doc *d, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *text = printed(fmt, ap);
    va_end(ap);
    if (d->n_alarms == d->cap_alarms) {
        d->cap_alarms = d->cap_alarms == 0 ? 16 : 2 * d->cap_alarms;
        d->alarms = kt_realloc_array(d->alarms, d->cap_alarms, sizeof *d->alarms);
    }
    d->alarms[d->n_alarms++] = (struct kt_doc_alarm_said){ text, d->section };
    if (d->to == &d->cover)
        return; /* it stands in the list there */
    if (d->table == NULL)
        kt_doc_block_end(d);
    struct kt_buf *to = d->table == NULL ? d->to : &d->late; /* not between two rows */
    kt_buf_addf(to, "<p class=\"alarm\" id=\"a%u\"><strong>Open:</strong> ", d->n_alarms);
    kt_html_text(to, kt_str_of(text));
    kt_buf_addz(to, "</p>\n");
}

void kt_doc_figure(struct kt_doc *d, const char *label, const char *value, const char *before)
{
    if (d->open != KT_DOC_FIGURES) {
        kt_doc_block_end(d);
        kt_buf_addz(d->to, "<dl class=\"figures\">\n");
        d->open = KT_DOC_FIGURES;
    }
    kt_buf_addz(d->to, "<div><dt>");
    kt_doc_say(d, kt_str_of(label));
    kt_buf_addz(d->to, "</dt><dd><b>");
    kt_doc_say(d, kt_str_of(value));
    kt_buf_addz(d->to, "</b>");
    if (before != NULL) {
        kt_buf_addz(d->to, "<span>before: ");
        kt_doc_say(d, kt_str_of(before));
        kt_buf_addz(d->to, "</span>");
    }
    kt_buf_addz(d->to, "</dd></div>\n");
}

/* ---- the end ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct kt_doc_file *)a)->file, ((const struct kt_doc_file *)b)->file);
}

enum kt_status kt_doc_end(struct kt_doc *d, struct kt_error *err)
{
    end_section(d);
    d->to = &d->cover;
    kt_doc_page(d);
    if (d->n_files > 0)
        qsort(d->files, d->n_files, sizeof *d->files, by_name);
    if (d->err.code == KT_OK)
        return KT_OK;
    return kt_fail(err, d->err.code, "%s", d->err.text);
}

void kt_doc_files(const struct kt_doc *d,
                  void (*each)(void *self, const char *file, uint64_t bytes, int64_t rows,
                               const uint8_t sha256[32], const char *query),
                  void *self)
{
    for (unsigned i = 0; i < d->n_files; i++) {
        const struct kt_doc_file *f = &d->files[i];
        each(self, f->file, f->bytes, f->rows, f->sha256, f->query);
    }
}

unsigned kt_doc_alarms(const struct kt_doc *d)
{
    return d->n_alarms;
}
