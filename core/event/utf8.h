/* utf8: one code point at a time, for the writers that mend single bytes. */
#pragma once
#include "core/base/buf.h"

#define KT_UTF8_MEND "\xef\xbf\xbd" /* U+FFFD in place of a byte that is no UTF-8 */

/* Bytes of the code point at p (RFC 3629: no surrogates, no overlong forms), 0 when there is none.
 */
static inline size_t kt_utf8_step(const char *at, size_t n)
{
    const unsigned char *p = (const unsigned char *)at;
    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4 || n < 2)
        return 0;
    unsigned char low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
    unsigned char high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
    size_t len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (n < len || p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

/* Appends at most max bytes of s, with U+FFFD for NUL and for every byte that is no UTF-8. */
static inline void kt_utf8_mend(struct kt_buf *out, struct kt_str s, size_t max)
{
    for (size_t i = 0; i < s.len;) {
        size_t step = kt_utf8_step(s.at + i, s.len - i);
        bool good = step > 0 && s.at[i] != '\0';
        size_t n = good ? step : sizeof(KT_UTF8_MEND) - 1;
        if (n > max)
            return;
        max -= n;
        kt_buf_add_bytes(out, good ? s.at + i : KT_UTF8_MEND, n);
        i += step > 0 ? step : 1;
    }
}

/* Appends the code point c, at most U+10FFFF (RFC 3629). */
static inline void kt_utf8_put(struct kt_buf *out, uint32_t c)
{
    if (c < 0x80) {
        kt_buf_byte(out, (char)c);
    } else if (c < 0x800) {
        kt_buf_byte(out, (char)(0xC0 | (c >> 6)));
        kt_buf_byte(out, (char)(0x80 | (c & 63)));
    } else if (c < 0x10000) {
        kt_buf_byte(out, (char)(0xE0 | (c >> 12)));
        kt_buf_byte(out, (char)(0x80 | ((c >> 6) & 63)));
        kt_buf_byte(out, (char)(0x80 | (c & 63)));
    } else {
        kt_buf_byte(out, (char)(0xF0 | (c >> 18)));
        kt_buf_byte(out, (char)(0x80 | ((c >> 12) & 63)));
        kt_buf_byte(out, (char)(0x80 | ((c >> 6) & 63)));
        kt_buf_byte(out, (char)(0x80 | (c & 63)));
    }
}
