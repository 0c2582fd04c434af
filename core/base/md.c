/*
 * md: see the header.
 *
 * Owns:  nothing.
 * Calls: core/base/log (what a terminal would obey).
 */
#include "core/base/md.h"

#include <string.h>

#include "core/base/log.h"

void kt_md_code(struct kt_buf *out, struct kt_str value)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf safe = { 0 };
    size_t run = 0, most = 0;
    kt_tty_add(&safe, value);
    for (size_t i = 0; i < safe.len; i++) {
        run = safe.at[i] == '`' ? run + 1 : 0;
        most = run > most ? run : most;
    }
    for (size_t i = 0; i <= most; i++)
        kt_buf_byte(out, '`');
    kt_buf_addz(out, most > 0 ? " " : "");
    kt_buf_add(out, kt_buf_str(&safe));
    kt_buf_addz(out, most > 0 ? " " : "");
    for (size_t i = 0; i <= most; i++)
        kt_buf_byte(out, '`');
}

void kt_md_text(struct kt_buf *out, struct kt_str sentence)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf safe = { 0 };
    kt_tty_add(&safe, sentence);
    for (size_t i = 0; i < safe.len; i++) {
        if (memchr("\\`*_[]<>#|", safe.at[i], 10) != NULL)
            kt_buf_byte(out, '\\');
        kt_buf_byte(out, safe.at[i]);
    }
}
