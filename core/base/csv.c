/*
 * csv: fields of RFC 4180 text.
 *
 * Owns:  nothing.
 * Calls: buf, log (what is hidden is shown).
 */
#include "core/base/csv.h"

#include "core/base/log.h"

void kt_csv_add(struct kt_buf *out, struct kt_str s, bool guard)
{
    bool formula = guard && s.len > 0 && s.at[0] != '\0' && strchr("=+-@\t\r", s.at[0]) != NULL;
    bool quote = formula;
    for (size_t k = 0; k < s.len && !quote; k++)
        quote = s.at[k] == ',' || s.at[k] == '"' || s.at[k] == '\r' || s.at[k] == '\n';
    if (!quote) {
        kt_buf_add(out, s);
        return;
    }
    kt_buf_addz(out, formula ? "\"'" : "\"");
    for (size_t k = 0; k < s.len; k++) {
        if (s.at[k] == '"')
            kt_buf_byte(out, '"');
        kt_buf_byte(out, s.at[k]);
    }
    kt_buf_byte(out, '"');
}

void kt_csv_words(struct kt_buf *out, struct kt_str s)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf safe = { 0 };
    if (s.len > 0 && (s.at[0] == '\t' || s.at[0] == '\r')) /* the guard would see the escape */
        kt_buf_byte(&safe, '\'');
    kt_tty_add(&safe, s);
    kt_csv_add(out, kt_buf_str(&safe), true);
}
