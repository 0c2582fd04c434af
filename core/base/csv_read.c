/*
 * csv_read: see the header.
 *
 * Owns:  the text of one record's cells.
 * Calls: buf, str.
 */
#include "core/base/csv_read.h"

static bool line_has(struct kt_str text, char wanted)
{
    bool quoted = false;
    for (size_t i = 0; i < text.len && (quoted || text.at[i] != '\n'); i++) {
        if (text.at[i] == '"')
            quoted = !quoted;
        else if (!quoted && text.at[i] == wanted)
            return true;
    }
    return false;
}

void kt_csv_open(struct kt_csv *c, struct kt_str text)
{
    if (kt_str_starts(text, KT_STR("\xEF\xBB\xBF")))
        text = kt_str_from_index(text, 3);
    *c = (struct kt_csv){ .rest = text,
                          .comma = !line_has(text, ',') && line_has(text, ';') ? ';' : ',',
                          .next_line = 1 };
}

void kt_csv_done(struct kt_csv *c)
{
    kt_buf_done(&c->text);
    c->n = 0;
}

static enum kt_status wrong(const struct kt_csv *c, struct kt_error *err, enum kt_status code,
                            const char *what)
{
    return kt_fail(err, code, "line %u, cell %u: %s", c->line, c->n + 1, what);
}

/* The line end at the beginning of s: 0 (none), 1 or 2 bytes. */
static size_t line_end(struct kt_str s)
{
    if (s.len > 0 && s.at[0] == '\n')
        return 1;
    return s.len > 1 && s.at[0] == '\r' && s.at[1] == '\n' ? 2 : 0;
}

static enum kt_status quoted_cell(struct kt_csv *c, size_t *at, struct kt_error *err)
{
    struct kt_str s = c->rest;
    for (size_t i = *at + 1; i < s.len; i++) {
        if (s.at[i] == '"' && i + 1 < s.len && s.at[i + 1] == '"') {
            i++;
        } else if (s.at[i] == '"') {
            *at = i + 1;
            return KT_OK;
        }
        c->next_line += s.at[i] == '\n';
        kt_buf_byte(&c->text, s.at[i]);
    }
    return wrong(c, err, KT_E_INPUT, "the quote is not closed");
}

static enum kt_status plain_cell(struct kt_csv *c, size_t *at, struct kt_error *err)
{
    struct kt_str s = c->rest;
    size_t i = *at;
    for (; i < s.len && s.at[i] != c->comma && line_end(kt_str_from_index(s, i)) == 0; i++) {
        if (s.at[i] == '"')
            return wrong(c, err, KT_E_INPUT, "a quote inside a cell that has none around it");
        if (s.at[i] == '\r')
            return wrong(c, err, KT_E_INPUT, "a return without a newline");
        kt_buf_byte(&c->text, s.at[i]);
    }
    *at = i;
    return KT_OK;
}

static enum kt_status one_cell(struct kt_csv *c, size_t *at, struct kt_error *err)
{
    size_t begin = c->text.len;
    bool quoted = *at < c->rest.len && c->rest.at[*at] == '"';
    enum kt_status st = quoted ? quoted_cell(c, at, err) : plain_cell(c, at, err);
    if (st != KT_OK)
        return st;
    struct kt_str cell = kt_str_from(c->text.at + begin, c->text.len - begin);
    if (cell.len > KT_CSV_CELL_MAX)
        return wrong(c, err, KT_E_LIMIT, "longer than 4,096 bytes");
    if (cell.len > 0 && (kt_str_find_byte(cell, '\0', 0) >= 0 || !kt_utf8_valid(cell)))
        return wrong(c, err, KT_E_INPUT, "it is not UTF-8 text: save the file as CSV UTF-8");
    /* The buffer may move: lengths now, places at the end. */
    c->cell[c->n++] = (struct kt_str){ NULL, cell.len };
    return KT_OK;
}

static enum kt_status cells(struct kt_csv *c, struct kt_error *err)
{
    size_t at = 0;
    for (;;) {
        if (c->n == KT_CSV_CELLS_MAX)
            return wrong(c, err, KT_E_LIMIT, "more than 64 cells");
        enum kt_status st = one_cell(c, &at, err);
        if (st != KT_OK)
            return st;
        size_t end = line_end(kt_str_from_index(c->rest, at));
        if (at < c->rest.len && c->rest.at[at] == c->comma) {
            at++;
            continue;
        }
        if (at < c->rest.len && end == 0)
            return wrong(c, err, KT_E_INPUT, "text behind the closing quote");
        c->next_line += end > 0;
        c->rest = kt_str_from_index(c->rest, at + end);
        return KT_OK;
    }
}

enum kt_status kt_csv_next(struct kt_csv *c, struct kt_error *err)
{
    for (size_t end; (end = line_end(c->rest)) > 0; c->next_line++)
        c->rest = kt_str_from_index(c->rest, end);
    kt_buf_reset(&c->text);
    (void)kt_buf_reserve(&c->text, 1); /* so that empty cells have a place too */
    c->n = 0;
    c->line = c->next_line;
    if (c->rest.len == 0)
        return KT_E_AGAIN;
    enum kt_status st = cells(c, err);
    size_t at = 0;
    for (unsigned i = 0; i < c->n; at += c->cell[i++].len)
        c->cell[i].at = c->text.at + at;
    return st;
}

struct kt_str kt_csv_unguard(struct kt_str cell)
{
    bool guarded = cell.len > 1 && cell.at[0] == '\'' && strchr("=+-@\t\r", cell.at[1]) != NULL;
    return guarded && cell.at[1] != '\0' ? kt_str_from_index(cell, 1) : cell;
}
