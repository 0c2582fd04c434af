/*
 * markdown: the subset that docs/ is written in, to man(7).
 *
 * Owns:  the paragraph that is being read.
 * Calls: cli/manual/roff.
 */
#include "cli/manual/markdown.h"

#include <string.h>

#include "core/base/enc.h"

enum kind { TEXT, BULLET };
struct reader {
    struct kt_roff *r;
    struct kt_buf text; /* of a paragraph or of an entry of a list, so far */
    enum kind kind;
    bool table; /* inside one: its head is behind us */
    unsigned line;
};

static void flush(struct reader *m)
{
    struct kt_str text = kt_buf_str(&m->text);
    if (text.len > 0 && m->kind == BULLET)
        kt_roff_bullet(m->r, text);
    else if (text.len > 0)
        kt_roff_paragraph(m->r, text);
    kt_buf_reset(&m->text);
    m->kind = TEXT;
    m->table = false;
}

static void take_text(struct reader *m, struct kt_str text)
{
    if (m->text.len > 0)
        kt_buf_byte(&m->text, ' ');
    kt_buf_add(&m->text, text);
}

/* ---- tables ---- */

/* The next cell of "| a | b |"; a bar behind a backslash, or between backquotes, is text. */
static bool next_cell(struct kt_str *row, struct kt_str *ret)
{
    bool code = false;
    if (row->len == 0)
        return false;
    for (size_t i = 0; i < row->len; i++) {
        code = code != (row->at[i] == '`');
        if (row->at[i] != '|' || code || (i > 0 && row->at[i - 1] == '\\'))
            continue;
        *ret = kt_str_trim(kt_str_sub(*row, 0, i));
        *row = kt_str_from_index(*row, i + 1);
        return true;
    }
    return false;
}

static bool is_rule(struct kt_str row)
{
    for (size_t i = 0; i < row.len; i++)
        if (strchr("|-: ", row.at[i]) == NULL)
            return false;
    return true;
}

static void take_row(struct reader *m, struct kt_str line)
{
    struct kt_str row = kt_str_from_index(line, 1), tag, cell;
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    if (!m->table) { /* the head; the tags say it */
        flush(m);
        m->table = true;
        return;
    }
    if (is_rule(line) || !next_cell(&row, &tag))
        return;
    while (next_cell(&row, &cell)) {
        kt_buf_addz(&text, text.len > 0 && cell.len > 0 ? "; " : "");
        kt_buf_add(&text, cell);
    }
    kt_roff_tag(m->r, tag, kt_buf_str(&text));
}

/* ---- lines ---- */

static void take_head(struct reader *m, struct kt_str line)
{
    char head[120];
    flush(m);
    if (kt_str_starts(line, KT_STR("### "))) {
        kt_roff_subsection(m->r, kt_str_from_index(line, 4));
    } else if (kt_str_starts(line, KT_STR("## "))) {
        kt_str_copyz(head, sizeof head, kt_str_from_index(line, 3));
        for (char *c = head; *c != '\0'; c++)
            if (*c >= 'a' && *c <= 'z')
                *c = (char)(*c - 'a' + 'A');
        kt_roff_section(m->r, head);
    }
}

/* Up to the closing fence, or as long as lines are indented by four. */
static void take_block(struct reader *m, struct kt_str *rest, struct kt_str first, bool fenced)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf block = { 0 };
    struct kt_str line = first;
    flush(m);
    if (!fenced)
        kt_buf_addf(&block, KT_STR_FMT "\n", KT_STR_ARG(kt_str_from_index(first, 4)));
    while (rest->len > 0 && (fenced || kt_str_starts(*rest, KT_STR("    ")))) {
        (void)kt_str_split(rest, '\n', &line);
        m->line++;
        if (fenced && kt_str_starts(line, KT_STR("```")))
            break;
        kt_buf_addf(&block, KT_STR_FMT "\n",
                    KT_STR_ARG(fenced ? line : kt_str_from_index(line, 4)));
    }
    kt_roff_block(m->r, kt_buf_str(&block));
}

/* "- " and "* "; what follows it on further lines is its text. */
static bool is_bullet(struct kt_str line)
{
    struct kt_str s = kt_str_trim(line);
    return s.len > 2 && (s.at[0] == '-' || s.at[0] == '*') && s.at[1] == ' ';
}

static bool is_unknown(struct kt_str line)
{
    bool number = line.len > 2 && line.at[0] >= '0' && line.at[0] <= '9' &&
                  (line.at[1] == '.' || line.at[1] == ')') && line.at[2] == ' ';
    return number || kt_str_starts(line, KT_STR("![")) || kt_str_starts(line, KT_STR("<")) ||
           kt_str_starts(line, KT_STR("> ")) || kt_str_starts(line, KT_STR("#### "));
}

static enum kt_status take(struct reader *m, struct kt_str line, struct kt_str *rest,
                           struct kt_error *err)
{
    if (is_unknown(line))
        return kt_fail(err, KT_E_INPUT, "line %u: no text, list, table or block of our pages",
                       m->line);
    if (kt_str_trim(line).len == 0)
        flush(m);
    else if (line.at[0] == '#')
        take_head(m, line);
    else if (kt_str_starts(line, KT_STR("```")))
        take_block(m, rest, line, true);
    else if (m->text.len == 0 && !is_bullet(line) && kt_str_starts(line, KT_STR("    ")))
        take_block(m, rest, line, false);
    else if (line.at[0] == '|')
        take_row(m, line);
    else if (is_bullet(line)) {
        flush(m);
        m->kind = BULLET;
        take_text(m, kt_str_from_index(kt_str_trim(line), 2));
    } else {
        take_text(m, kt_str_trim(line));
    }
    return KT_OK;
}

enum kt_status kt_markdown_add(struct kt_roff *r, struct kt_str page, const char *intro,
                               struct kt_error *err)
{
    struct reader m = { .r = r };
    struct kt_str line;
    enum kt_status st = KT_OK;
    kt_roff_section(r, intro);
    while (st == KT_OK && page.len > 0 && kt_str_split(&page, '\n', &line)) {
        m.line++;
        st = take(&m, line, &page, err);
    }
    flush(&m);
    kt_buf_done(&m.text);
    return st;
}
