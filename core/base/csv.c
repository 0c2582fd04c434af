/*
 * csv: fields of RFC 4180 text.
 *
 * Owns:  nothing.
 * Calls: buf.
 */
#include "core/base/csv.h"

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
