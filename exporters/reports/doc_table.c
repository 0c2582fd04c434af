/*
 * doc_table: a table of a report: every row into its CSV file, the first ones into the page.
 *
 * Owns:  nothing.
 * Calls: core/base (csv, html, enc). No clock, no I/O.
 * Holds: the page says of every table how many rows its file has, and the file's SHA-256.
 */
#include <assert.h>
#include <inttypes.h>

#include "core/base/csv.h"
#include "core/base/enc.h"
#include "core/base/html.h"
#include "exporters/reports/doc_int.h"

#define PART_BYTES 28u  /* of a name, on one line */
#define CELL_BYTES 160u /* of a text on the page; the file has it whole */

struct kt_doc_cell kt_doc_text(struct kt_str s)
{
    return (struct kt_doc_cell){ .text = s, .none = s.len == 0 };
}

struct kt_doc_cell kt_doc_number(int64_t n)
{
    return (struct kt_doc_cell){ .number = n };
}

struct kt_doc_cell kt_doc_none(void)
{
    return (struct kt_doc_cell){ .none = true };
}

/* ---- cells for people ---- */

/* 1,234,567 */
static void grouped(int64_t n, struct kt_buf *out)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf digits = { 0 };
    kt_buf_i64_dec(&digits, n);
    size_t sign = n < 0 ? 1 : 0;
    for (size_t i = 0; i < digits.len; i++) {
        if (i > sign && (digits.len - i) % 3 == 0)
            kt_buf_byte(out, ',');
        kt_buf_byte(out, digits.at[i]);
    }
}

void kt_doc_cell_text(enum kt_doc_type type, const struct kt_doc_cell *cell, struct kt_buf *out)
{
    char when[KT_TIME_TEXT_MAX];
    int64_t tenths = cell->number / 1000; /* of a per cent, cut: 99.99 % is not 100 % */
    if (cell->none)
        return;
    switch (type) {
    case KT_DOC_TEXT:
        kt_buf_add(out, cell->text);
        break;
    case KT_DOC_COUNT:
        grouped(cell->number, out);
        break;
    case KT_DOC_TIME:
        kt_buf_addz(out, kt_time_format_short(cell->number, when));
        break;
    case KT_DOC_DAY:
        kt_buf_add(out, kt_str_sub(kt_str_of(kt_time_format_short(cell->number, when)), 0, 10));
        break;
    case KT_DOC_SPAN:
        kt_buf_addz(out, kt_duration_format(cell->number, when));
        break;
    case KT_DOC_SHARE:
        kt_buf_addf(out, "%" PRId64 ".%" PRId64 " %%", tenths / 10, tenths % 10);
        break;
    }
}

/* ---- cells for programs ---- */

/* A number of 10^-places: "5400", "0.25", "-1.5". */
static void decimal(int64_t n, unsigned places, struct kt_buf *out)
{
    int64_t unit = 1;
    char digits[24];
    for (unsigned i = 0; i < places; i++)
        unit *= 10;
    uint64_t size = n < 0 ? -(uint64_t)n : (uint64_t)n, part = size % (uint64_t)unit;
    if (n < 0)
        kt_buf_byte(out, '-');
    kt_buf_u64_dec(out, size / (uint64_t)unit);
    if (part == 0)
        return;
    for (unsigned i = places; i > 0; i--, part /= 10)
        digits[i - 1] = (char)('0' + part % 10);
    while (digits[places - 1] == '0')
        places--;
    kt_buf_byte(out, '.');
    kt_buf_add_bytes(out, digits, places);
}

static void csv_cell(enum kt_doc_type type, const struct kt_doc_cell *cell, struct kt_buf *out)
{
    char when[KT_TIME_TEXT_MAX];
    if (cell->none)
        return;
    switch (type) {
    case KT_DOC_TEXT:
        kt_csv_words(out, cell->text);
        break;
    case KT_DOC_COUNT:
        kt_buf_i64_dec(out, cell->number);
        break;
    case KT_DOC_TIME:
        kt_buf_addz(out, kt_time_format(cell->number, when));
        break;
    case KT_DOC_DAY:
        kt_buf_add(out, kt_str_sub(kt_str_of(kt_time_format(cell->number, when)), 0, 10));
        break;
    case KT_DOC_SPAN:
        decimal(cell->number, 9, out);
        break;
    case KT_DOC_SHARE:
        decimal(cell->number, 6, out);
        break;
    }
}

/* ---- the table ---- */

static bool is_number(enum kt_doc_type type)
{
    return type == KT_DOC_COUNT || type == KT_DOC_SPAN || type == KT_DOC_SHARE;
}

static bool has_text(enum kt_doc_type type)
{
    return type == KT_DOC_TEXT;
}

static void page_head(struct kt_doc *d, const struct kt_doc_table *t)
{
    kt_buf_addz(d->to, "<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"");
    kt_html_add(d->to, kt_str_of(t->title));
    kt_buf_addz(d->to, "\"><table>\n<caption>");
    kt_doc_say(d, kt_str_of(t->title));
    kt_buf_addz(d->to, "</caption>\n<thead><tr>");
    for (unsigned i = 0; i < t->n; i++) {
        if (t->columns[i].title == NULL)
            continue;
        kt_buf_addz(d->to, is_number(t->columns[i].type) ? "<th scope=\"col\" class=\"n\">"
                                                         : "<th scope=\"col\">");
        kt_doc_say(d, kt_str_of(t->columns[i].title));
        kt_buf_addz(d->to, t->columns[i].type == KT_DOC_TIME ? " (UTC)</th>" : "</th>");
    }
    kt_buf_addz(d->to, "</tr></thead>\n<tbody>\n");
}

/* A name may break behind its parts; where a part is too long for that, anywhere. */
static bool is_long(struct kt_str s)
{
    size_t run = 0;
    for (size_t i = 0; i < s.len; i++) {
        run = s.at[i] == ' ' || s.at[i] == '/' || s.at[i] == '@' || s.at[i] == '-' ? 0 : run + 1;
        if (run > PART_BYTES)
            return true;
    }
    return false;
}

/* Bytes of the first part: up to a '/' or '@', with it. */
static size_t part_of(struct kt_str s)
{
    for (size_t i = 0; i + 1 < s.len; i++)
        if ((s.at[i] == '/' || s.at[i] == '@') && s.at[i + 1] != '/')
            return i + 1;
    return s.len;
}

static void say_parts(struct kt_doc *d, struct kt_str s)
{
    while (s.len > 0) {
        size_t n = part_of(s);
        kt_doc_say(d, kt_str_sub(s, 0, n));
        s = kt_str_from_index(s, n);
        kt_buf_addz(d->to, s.len > 0 ? "<wbr>" : "");
    }
}

static const char *open_cell(enum kt_doc_type type, struct kt_str text)
{
    if (is_number(type))
        return "<td class=\"n\">";
    if (!has_text(type))
        return "<td class=\"t\">";
    return is_long(text) ? "<td class=\"w\">" : "<td>";
}

static void page_row(struct kt_doc *d, const struct kt_doc_cell *cells)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    const struct kt_doc_table *t = d->table;
    kt_buf_addz(d->to, "<tr>");
    for (unsigned i = 0; i < t->n; i++) {
        enum kt_doc_type type = t->columns[i].type;
        if (t->columns[i].title == NULL)
            continue;
        kt_buf_reset(&text);
        kt_doc_cell_text(type, &cells[i], &text);
        struct kt_str whole = kt_buf_str(&text), cut = kt_utf8_cut(whole, CELL_BYTES);
        kt_buf_addz(d->to, open_cell(type, cut));
        say_parts(d, cut);
        kt_buf_addz(d->to, cut.len < whole.len ? "…</td>" : "</td>");
    }
    kt_buf_addz(d->to, "</tr>\n");
}

void kt_doc_table(struct kt_doc *d, const struct kt_doc_table *t)
{
    assert(t->n > 0 && t->n <= KT_DOC_COLUMNS_MAX);
    kt_doc_block_end(d);
    d->table = t;
    d->rows = 0;
    kt_doc_out_open(d, t->file);
    kt_buf_reset(&d->line);
    for (unsigned i = 0; i < t->n; i++) {
        kt_buf_addz(&d->line, i > 0 ? "," : "");
        kt_csv_words(&d->line, kt_str_of(t->columns[i].name));
    }
    kt_buf_addz(&d->line, "\r\n");
    kt_doc_out_add(d, kt_buf_str(&d->line));
}

void kt_doc_row(struct kt_doc *d, const struct kt_doc_cell *cells)
{
    const struct kt_doc_table *t = d->table;
    assert(t != NULL);
    kt_buf_reset(&d->line);
    for (unsigned i = 0; i < t->n; i++) {
        kt_buf_addz(&d->line, i > 0 ? "," : "");
        csv_cell(t->columns[i].type, &cells[i], &d->line);
    }
    kt_buf_addz(&d->line, "\r\n");
    kt_doc_out_add(d, kt_buf_str(&d->line));
    if (d->rows == 0 && t->shown > 0)
        page_head(d, t);
    if (d->rows < t->shown)
        page_row(d, cells);
    d->rows++;
}

/* Where the rows are, and how to get them again: "1,204 rows, 50 shown · csv/x.csv · SHA-256 …". */
static void page_source(struct kt_doc *d, const struct kt_doc_table *t)
{
    struct kt_str file = kt_str_of(t->file);
    kt_buf_addz(d->to, "<p class=\"source\">");
    grouped((int64_t)d->rows, d->to);
    kt_buf_addz(d->to, d->rows == 1 ? " row" : " rows");
    if (d->rows > t->shown && t->shown > 0)
        kt_buf_addf(d->to, ", the first %u shown", t->shown);
    kt_buf_addz(d->to, ": <a href=\"");
    kt_html_add(d->to, file);
    kt_buf_addz(d->to, "\">");
    kt_html_add(d->to, file);
    kt_buf_addz(d->to, "</a> · SHA-256 <code>");
    if (d->err.code == KT_OK)
        kt_hex_add(d->to, d->files[d->n_files - 1].sha256, 32);
    kt_buf_addz(d->to, "</code>");
    if (t->query != NULL) {
        kt_buf_addz(d->to, "<br>asked: <code>");
        kt_doc_say(d, kt_str_of(t->query));
        kt_buf_addz(d->to, "</code>");
    }
    kt_buf_addz(d->to, "</p>\n");
}

uint64_t kt_doc_table_end(struct kt_doc *d)
{
    const struct kt_doc_table *t = d->table;
    assert(t != NULL);
    kt_doc_out_close(d, t->file, (int64_t)d->rows, t->query);
    d->table = NULL;
    if (d->rows > 0 && t->shown > 0) {
        kt_buf_addz(d->to, "</tbody></table></div>\n");
    } else {
        kt_buf_addz(d->to, "<p class=\"caption\">");
        kt_doc_say(d, kt_str_of(t->title));
        kt_buf_addz(d->to, "</p>\n");
    }
    if (d->rows == 0 && t->empty != NULL) {
        kt_buf_addz(d->to, "<p>");
        kt_doc_say(d, kt_str_of(t->empty));
        kt_buf_addz(d->to, "</p>\n");
    }
    page_source(d, t);
    kt_buf_add(d->to, kt_buf_str(&d->late));
    kt_buf_reset(&d->late);
    return d->rows;
}
