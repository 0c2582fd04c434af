/*
 * rows: see the header.
 *
 * Owns:  the first rows of a table, for the widths.
 * Calls: core/base, core/event (JSON strings). No output of its own.
 */
#include "core/answer/rows.h"

#include <string.h>

#include "core/base/alloc.h"
#include "core/base/csv.h"
#include "core/base/log.h"
#include "core/event/line.h"

struct kt_rows {
    enum kt_output how;
    const struct kt_column *columns;
    unsigned n;
    bool header;
    kt_rows_put *put;
    void *self;
    uint64_t rows;
    struct kt_buf out;
    /* table: cells as text, row by row */
    char **text;
    size_t texts, texts_cap;
    unsigned *width; /* once some rows are printed */
};

#define TABLE_ROWS 10000u /* widths are known then: what comes behind is printed as it comes */

bool kt_rows_for_people(const struct kt_rows *r)
{
    return r->how == KT_OUT_TABLE || r->how == KT_OUT_MD;
}

bool kt_output_of(const char *word, enum kt_output *ret)
{
    static const char *const words[] = { "table", "json", "ndjson", "csv", "md" };
    for (unsigned i = 0; i < KT_ARRAY_LEN(words); i++) {
        if (word != NULL && strcmp(word, words[i]) == 0) {
            *ret = (enum kt_output)i;
            return true;
        }
    }
    return false;
}

static void csv_field(struct kt_buf *out, struct kt_str s, bool words)
{
    if (words)
        kt_csv_words(out, s);
    else
        kt_csv_add(out, s, false);
}

/* `|` and line ends in what stands in a cell are escaped. */
static void md_cell(struct kt_buf *out, struct kt_str s)
{
    kt_buf_addz(out, "| ");
    for (size_t k = 0; k < s.len; k++) {
        if (s.at[k] == '|')
            kt_buf_byte(out, '\\');
        kt_buf_byte(out, s.at[k] == '\n' ? ' ' : s.at[k]);
    }
    kt_buf_byte(out, ' ');
}

static void md_head(struct kt_rows *r)
{
    for (unsigned i = 0; i < r->n; i++)
        if (r->columns[i].title != NULL)
            md_cell(&r->out, kt_str_of(r->columns[i].title));
    kt_buf_addz(&r->out, "|\n");
    for (unsigned i = 0; i < r->n; i++)
        if (r->columns[i].title != NULL)
            kt_buf_addz(&r->out, r->columns[i].right ? "|--:" : "|---");
    kt_buf_addz(&r->out, "|\n");
}

struct kt_rows *kt_rows_to(enum kt_output how, const struct kt_column *columns, unsigned n,
                           bool header, kt_rows_put *put, void *self)
{
    struct kt_rows *r = kt_alloc(sizeof *r);
    r->put = put;
    r->self = self;
    r->how = how;
    r->columns = columns;
    r->n = n;
    r->header = header;
    if (how == KT_OUT_JSON)
        kt_buf_addz(&r->out, "[");
    if (how == KT_OUT_CSV && header) {
        for (unsigned i = 0; i < n; i++) {
            kt_buf_addz(&r->out, i > 0 ? "," : "");
            csv_field(&r->out, kt_str_of(columns[i].name), true);
        }
        kt_buf_addz(&r->out, "\r\n");
    }
    if (how == KT_OUT_MD)
        md_head(r);
    return r;
}

struct kt_cell kt_cell_str(struct kt_str s)
{
    return (struct kt_cell){ .type = s.len > 0 ? KT_CELL_STR : KT_CELL_NULL, .str = s };
}

struct kt_cell kt_cell_int(int64_t i)
{
    return (struct kt_cell){ .type = KT_CELL_INT, .i = i };
}

struct kt_cell kt_cell_time(kt_time_ns t)
{
    return (struct kt_cell){ .type = t != 0 ? KT_CELL_TIME : KT_CELL_NULL, .i = t };
}

static void cell_json(struct kt_buf *out, const struct kt_cell *c)
{
    char when[KT_TIME_TEXT_MAX];
    switch (c->type) {
    case KT_CELL_NULL:
        kt_buf_addz(out, "null");
        break;
    case KT_CELL_STR:
        kt_json_quote(out, c->str);
        break;
    case KT_CELL_INT:
        kt_buf_i64_dec(out, c->i);
        break;
    case KT_CELL_TIME:
        kt_buf_addf(out, "\"%s\"", kt_time_format(c->i, when));
        break;
    case KT_CELL_BOOL:
        kt_buf_addz(out, c->i != 0 ? "true" : "false");
        break;
    case KT_CELL_RAW:
        kt_buf_add(out, c->str);
        break;
    }
}

static void cell_text(struct kt_buf *out, const struct kt_cell *c, bool short_time)
{
    char when[KT_TIME_TEXT_MAX];
    switch (c->type) {
    case KT_CELL_NULL:
        break;
    case KT_CELL_STR:
    case KT_CELL_RAW:
        kt_buf_add(out, c->str);
        break;
    case KT_CELL_INT:
        kt_buf_i64_dec(out, c->i);
        break;
    case KT_CELL_TIME:
        kt_buf_addz(out,
                    short_time ? kt_time_format_short(c->i, when) : kt_time_format(c->i, when));
        break;
    case KT_CELL_BOOL:
        kt_buf_addz(out, c->i != 0 ? "yes" : "no");
        break;
    }
}

static void add_json(struct kt_rows *r, const struct kt_cell *cells)
{
    if (r->how == KT_OUT_JSON && r->rows > 0)
        kt_buf_addz(&r->out, ",\n");
    for (unsigned i = 0; i < r->n; i++) {
        kt_buf_byte(&r->out, i == 0 ? '{' : ',');
        kt_json_quote(&r->out, kt_str_of(r->columns[i].name));
        kt_buf_byte(&r->out, ':');
        cell_json(&r->out, &cells[i]);
    }
    kt_buf_addz(&r->out, r->how == KT_OUT_JSON ? "}" : "}\n");
}

static void add_csv(struct kt_rows *r, const struct kt_cell *cells)
{
    struct kt_buf text = { 0 };
    for (unsigned i = 0; i < r->n; i++) {
        kt_buf_reset(&text);
        cell_text(&text, &cells[i], false);
        kt_buf_addz(&r->out, i > 0 ? "," : "");
        csv_field(&r->out, kt_buf_str(&text), cells[i].type == KT_CELL_STR);
    }
    kt_buf_addz(&r->out, "\r\n");
    kt_buf_done(&text);
}

static void add_table(struct kt_rows *r, const struct kt_cell *cells)
{
    for (unsigned i = 0; i < r->n; i++) {
        struct kt_buf raw = { 0 }, safe = { 0 };
        cell_text(&raw, &cells[i], true);
        kt_tty_add(&safe, kt_buf_str(&raw));
        struct kt_str s = kt_buf_str(&safe);
        unsigned max = r->columns[i].width_max;
        if (max > 0 && s.len > max) {
            struct kt_str cut = kt_utf8_cut(s, max - 1);
            kt_buf_reset(&raw);
            kt_buf_add(&raw, cut);
            kt_buf_addz(&raw, "…");
            s = kt_buf_str(&raw);
        }
        if (r->texts == r->texts_cap) {
            r->texts_cap = r->texts_cap == 0 ? 256 : 2 * r->texts_cap;
            r->text = kt_realloc_array(r->text, r->texts_cap, sizeof *r->text);
        }
        r->text[r->texts++] = kt_str_dup(s);
        kt_buf_done(&raw);
        kt_buf_done(&safe);
    }
}

static void flush(struct kt_rows *r)
{
    if (r->out.len > 0)
        r->put(r->self, kt_buf_str(&r->out));
    kt_buf_reset(&r->out);
}

/* The columns of the table, as Markdown has them. */
static void add_md(struct kt_rows *r, const struct kt_cell *cells)
{
    struct kt_buf raw = { 0 }, safe = { 0 };
    for (unsigned i = 0; i < r->n; i++) {
        if (r->columns[i].title == NULL)
            continue;
        kt_buf_reset(&raw);
        kt_buf_reset(&safe);
        cell_text(&raw, &cells[i], true);
        kt_tty_add(&safe, kt_buf_str(&raw));
        md_cell(&r->out, kt_buf_str(&safe));
    }
    kt_buf_addz(&r->out, "|\n");
    kt_buf_done(&raw);
    kt_buf_done(&safe);
}

/* Code points, which is what a terminal counts for nearly all names. */
static unsigned columns_of(const char *s)
{
    unsigned n = 0;
    for (; *s != 0; s++)
        n += ((unsigned char)*s & 0xC0) != 0x80;
    return n;
}

static void pad(struct kt_buf *out, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        kt_buf_byte(out, ' ');
}

static void table_line(struct kt_rows *r, const unsigned *width, const char *const *text, bool head)
{
    unsigned spaces = 0; /* held back, so that no line ends in blanks */
    for (unsigned i = 0; i < r->n; i++) {
        if (r->columns[i].title == NULL)
            continue;
        const char *s = head ? r->columns[i].title : text[i];
        unsigned w = columns_of(s), gap = width[i] > w ? width[i] - w : 0;
        if (r->columns[i].right)
            spaces += gap;
        if (w > 0) {
            pad(&r->out, spaces);
            kt_buf_addz(&r->out, s);
            spaces = 0;
        }
        spaces += (r->columns[i].right ? 0 : gap) + 2;
    }
    kt_buf_byte(&r->out, '\n');
}

static void drop_texts(struct kt_rows *r)
{
    for (size_t k = 0; k < r->texts; k++)
        kt_free(r->text[k]);
    r->texts = 0;
}

/* Prints the rows at hand; the first time their widths become those of the table. */
static void print_table(struct kt_rows *r)
{
    bool first = r->width == NULL;
    if (r->texts == 0)
        return;
    if (first)
        r->width = kt_alloc_array(r->n, sizeof *r->width);
    for (unsigned i = 0; first && r->header && i < r->n; i++)
        r->width[i] = r->columns[i].title != NULL ? columns_of(r->columns[i].title) : 0;
    for (size_t k = 0; first && k < r->texts; k++) {
        unsigned w = columns_of(r->text[k]);
        if (w > r->width[k % r->n])
            r->width[k % r->n] = w;
    }
    if (first && r->header)
        table_line(r, r->width, NULL, true);
    for (size_t k = 0; k < r->texts; k += r->n)
        table_line(r, r->width, (const char *const *)&r->text[k], false);
    drop_texts(r);
}

void kt_rows_add(struct kt_rows *r, const struct kt_cell *cells)
{
    switch (r->how) {
    case KT_OUT_JSON:
    case KT_OUT_NDJSON:
        add_json(r, cells);
        break;
    case KT_OUT_CSV:
        add_csv(r, cells);
        break;
    case KT_OUT_TABLE:
        add_table(r, cells);
        if (r->width != NULL || r->texts == (size_t)TABLE_ROWS * r->n)
            print_table(r);
        break;
    case KT_OUT_MD:
        add_md(r, cells);
        break;
    }
    r->rows++;
    if (r->out.len > 1 << 16)
        flush(r);
}

void kt_rows_end(struct kt_rows *r)
{
    if (r->how == KT_OUT_JSON)
        kt_buf_addz(&r->out, "]\n");
    if (r->how == KT_OUT_TABLE)
        print_table(r);
    flush(r);
    drop_texts(r);
    kt_free(r->text);
    kt_free(r->width);
    kt_buf_done(&r->out);
    kt_free(r);
}
