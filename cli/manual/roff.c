/*
 * roff: writes man(7). Source: man(7) and roff(7) of mandoc 1.14, groff_man(7), groff_char(7).
 *
 * Owns:  the text.
 * Calls: core/base.
 */
#include "cli/manual/roff.h"

#include <string.h>

#define COLUMNS 78u

/* What roff or a typesetter would read as something else. */
static const struct {
    char c;
    const char *as;
} special[] = {
    { '\\', "\\e" },  { '-', "\\-" },   { '\'', "\\(aq" }, { '`', "\\(ga" },
    { '^', "\\(ha" }, { '~', "\\(ti" }, { '"', "\\(dq" },
};

static void add_char(struct kt_buf *b, char c)
{
    for (size_t i = 0; i < KT_ARRAY_LEN(special); i++)
        if (special[i].c == c) {
            kt_buf_addz(b, special[i].as);
            return;
        }
    kt_buf_byte(b, c);
}

static void add_plain(struct kt_buf *b, struct kt_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        add_char(b, s.at[i]);
        if (s.at[i] == ',' && i + 1 < s.len && s.at[i + 1] != ' ')
            kt_buf_addz(b, "\\:"); /* a long word may be broken here */
    }
}

/* ---- marks ---- */

struct mark {
    const char *open, *close, *font;
    bool raw; /* no marks inside */
};
static const struct mark marks[] = {
    { "`", "`", "\\fB", true },
    { "**", "**", "\\fB", false },
    { "*", "*", "\\fI", false },
};

static void add_marked(struct kt_buf *b, struct kt_str s);

/* "[text](link)": true when that stands at the begin of s; *ret_len: how long it is. */
static bool add_link(struct kt_buf *b, struct kt_str s, size_t *ret_len)
{
    ptrdiff_t close = s.at[0] == '[' ? kt_str_find(s, KT_STR("]("), 0) : -1;
    ptrdiff_t end = close > 0 ? kt_str_find_byte(s, ')', (size_t)close) : -1;
    if (end < 0)
        return false;
    struct kt_str link = kt_str_sub(s, (size_t)close + 2, (size_t)(end - close) - 2);
    add_marked(b, kt_str_sub(s, 1, (size_t)close - 1));
    if (kt_str_starts(link, KT_STR("https://"))) {
        kt_buf_addz(b, " <");
        add_plain(b, link);
        kt_buf_byte(b, '>');
    }
    *ret_len = (size_t)end + 1;
    return true;
}

/* One mark at the begin of s; 0: none. A lone `*` is a star, as in `actor:a*`. */
static size_t add_mark(struct kt_buf *b, struct kt_str s)
{
    for (size_t i = 0; i < KT_ARRAY_LEN(marks); i++) {
        size_t n = strlen(marks[i].open);
        if (!kt_str_starts(s, kt_str_of(marks[i].open)) || s.len <= n || s.at[n] == ' ')
            continue;
        ptrdiff_t end = kt_str_find(s, kt_str_of(marks[i].close), n);
        if (end <= (ptrdiff_t)n || (!marks[i].raw && s.at[end - 1] == ' '))
            continue;
        struct kt_str inside = kt_str_sub(s, n, (size_t)end - n);
        kt_buf_addz(b, marks[i].font);
        if (marks[i].raw)
            add_plain(b, inside);
        else
            add_marked(b, inside);
        kt_buf_addz(b, "\\fP");
        return (size_t)end + n;
    }
    return 0;
}

static void add_marked(struct kt_buf *b, struct kt_str s)
{
    while (s.len > 0) {
        size_t n = 0;
        if (!add_link(b, s, &n))
            n = add_mark(b, s);
        if (n == 0) {
            bool escaped = s.at[0] == '\\' && s.len > 1 && strchr("|*`[", s.at[1]) != NULL;
            add_char(b, s.at[escaped ? 1 : 0]);
            n = escaped ? 2 : 1;
        }
        s = kt_str_from_index(s, n);
    }
}

/* ---- lines ---- */

static bool is_control(struct kt_str line)
{
    return line.len > 0 && (line.at[0] == '.' || line.at[0] == '\'');
}

/* As mandoc counts: what is no ASCII becomes \[u2026] before it counts. */
static size_t width(struct kt_str word)
{
    size_t n = 0;
    for (size_t i = 0; i < word.len; i++) {
        unsigned char c = (unsigned char)word.at[i];
        n += c < 0x80 ? 1 : c >= 0xc0 ? 8 : 0;
    }
    return n;
}

/* Breaks at blanks; a line of text never begins with what would be a macro. */
static void add_filled(struct kt_roff *r, struct kt_str text)
{
    size_t column = 0;
    struct kt_str word;
    while (kt_str_split(&text, ' ', &word)) {
        if (word.len == 0)
            continue;
        if (column > 0 && column + 1 + width(word) > COLUMNS) {
            kt_buf_byte(&r->out, '\n');
            column = 0;
        } else if (column > 0) {
            kt_buf_byte(&r->out, ' ');
            column++;
        }
        if (column == 0 && is_control(word))
            kt_buf_addz(&r->out, "\\&");
        kt_buf_add(&r->out, word);
        column += width(word);
    }
    if (column > 0)
        kt_buf_byte(&r->out, '\n');
}

static void add_text(struct kt_roff *r, struct kt_str text)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };
    add_marked(&b, text);
    add_filled(r, kt_buf_str(&b));
}

/* One line, for the tag of a list: it is not broken. */
static void add_line(struct kt_roff *r, struct kt_str marked)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };
    add_marked(&b, marked);
    if (is_control(kt_buf_str(&b)))
        kt_buf_addz(&r->out, "\\&");
    kt_buf_add(&r->out, kt_buf_str(&b));
    kt_buf_byte(&r->out, '\n');
}

/* ---- the page ---- */

void kt_roff_begin(struct kt_roff *r, const struct kt_roff_page *page)
{
    kt_buf_addz(&r->out, ".TH \"");
    for (const char *c = page->name; *c != '\0'; c++)
        add_char(&r->out, *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c);
    kt_buf_addf(&r->out, "\" \"%s\" \"%s\" \"keytrail " KT_VERSION "\" \"keytrail manual\"\n",
                page->section, page->date);
    kt_buf_addz(&r->out,
                ".nr HY 0\n.hy 0\n.ad l\n.SH NAME\n"); /* names of commands are not broken */
    KT_CLEANUP(kt_buf_done) struct kt_buf line = { 0 };
    add_plain(&line, kt_str_of(page->name));
    kt_buf_addz(&line, " \\- ");
    add_marked(&line, kt_str_of(page->about));
    add_filled(r, kt_buf_str(&line));
}

void kt_roff_section(struct kt_roff *r, const char *head)
{
    kt_buf_addf(&r->out, ".SH %s\n", head);
    r->fresh = true;
}

void kt_roff_subsection(struct kt_roff *r, struct kt_str head)
{
    kt_buf_addz(&r->out, ".SS ");
    add_line(r, head);
    r->fresh = true;
}

void kt_roff_paragraph(struct kt_roff *r, struct kt_str text)
{
    if (!r->fresh)
        kt_buf_addz(&r->out, ".PP\n");
    r->fresh = false;
    add_text(r, text);
}

void kt_roff_tag(struct kt_roff *r, struct kt_str tag, struct kt_str text)
{
    kt_buf_addz(&r->out, ".TP\n");
    add_line(r, tag);
    add_text(r, text);
    r->fresh = false;
}

void kt_roff_option(struct kt_roff *r, const char *option, const char *value, struct kt_str text)
{
    kt_buf_addz(&r->out, ".TP\n\\fB");
    add_plain(&r->out, kt_str_of(option));
    kt_buf_addz(&r->out, "\\fP");
    if (value != NULL) {
        kt_buf_addz(&r->out, " \\fI");
        add_plain(&r->out, kt_str_of(value));
        kt_buf_addz(&r->out, "\\fP");
    }
    kt_buf_byte(&r->out, '\n');
    add_text(r, text);
    r->fresh = false;
}

void kt_roff_bullet(struct kt_roff *r, struct kt_str text)
{
    kt_buf_addz(&r->out, ".IP \\(bu 2\n");
    add_text(r, text);
    r->fresh = false;
}

void kt_roff_block(struct kt_roff *r, struct kt_str text)
{
    struct kt_str line;
    kt_buf_addz(&r->out, r->fresh ? ".RS 4\n.EX\n" : ".PP\n.RS 4\n.EX\n");
    while (text.len > 0 && kt_str_split(&text, '\n', &line)) {
        if (is_control(line))
            kt_buf_addz(&r->out, "\\&");
        add_plain(&r->out, line);
        kt_buf_byte(&r->out, '\n');
    }
    kt_buf_addz(&r->out, ".EE\n.RE\n");
    r->fresh = false;
}
