/*
 * html: text inside HTML.
 *
 * Owns:  nothing.
 * Calls: buf, log (what is hidden is shown).
 */
#include "core/base/html.h"

#include "core/base/log.h"

static const struct {
    char c;
    const char *by;
} marks[] = {
    { '&', "&amp;" }, { '<', "&lt;" }, { '>', "&gt;" }, { '"', "&quot;" }, { '\'', "&#39;" }
};

void kt_html_add(struct kt_buf *out, struct kt_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        size_t m = 0;
        while (m < KT_ARRAY_LEN(marks) && marks[m].c != s.at[i])
            m++;
        if (m < KT_ARRAY_LEN(marks))
            kt_buf_addz(out, marks[m].by);
        else
            kt_buf_byte(out, s.at[i]);
    }
}

/* ---- direction ---- */

/* The code point at s, which is UTF-8 (kt_tty_add leaves nothing else), and its length. */
static int32_t code_point(struct kt_str s, size_t *ret_n)
{
    unsigned char c = (unsigned char)s.at[0];
    size_t n = c < 0x80 ? 1 : c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
    int32_t v = n == 1 ? c : c & (0xFF >> (n + 1));
    for (size_t i = 1; i < n && i < s.len; i++)
        v = v << 6 | ((unsigned char)s.at[i] & 0x3F);
    *ret_n = n < s.len ? n : s.len;
    return v;
}

/* Blocks of scripts from right to left (Unicode 15, DerivedBidiClass: the ranges whose default is R
 * or AL). */
static bool turns(int32_t c)
{
    return (c >= 0x590 && c <= 0x8FF) || (c >= 0xFB1D && c <= 0xFDFF) ||
           (c >= 0xFE70 && c <= 0xFEFE) || (c >= 0x10800 && c <= 0x10FFF) ||
           (c >= 0x1E800 && c <= 0x1EFFF);
}

/* Stands between two words of one name. Not '/', '@' or a digit: parts of a path keep their order.
 */
static bool joins(char c)
{
    return c == ' ' || c == '-' || c == '_' || c == '.';
}

/* Bytes of the run that begins at s with such a letter. */
static size_t run_of(struct kt_str s)
{
    size_t end = 0, at = 0, n;
    while (at < s.len) {
        if (turns(code_point(kt_str_from_index(s, at), &n)))
            end = at + n;
        else if (!joins(s.at[at]))
            break;
        at += n;
    }
    return end;
}

void kt_html_text(struct kt_buf *out, struct kt_str s)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf seen = { 0 };
    kt_tty_add(&seen, s);
    struct kt_str rest = kt_buf_str(&seen);
    while (rest.len > 0) {
        size_t plain = 0, n, run;
        while (plain < rest.len && !turns(code_point(kt_str_from_index(rest, plain), &n)))
            plain += n;
        kt_html_add(out, kt_str_sub(rest, 0, plain));
        rest = kt_str_from_index(rest, plain);
        if (rest.len == 0)
            return;
        run = run_of(rest);
        kt_buf_addz(out, "<bdi>");
        kt_html_add(out, kt_str_sub(rest, 0, run));
        kt_buf_addz(out, "</bdi>");
        rest = kt_str_from_index(rest, run);
    }
}
