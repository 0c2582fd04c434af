/*
 * email_mime: encoders of mail.
 *
 * Owns:  nothing.
 * Calls: core/base (enc, time). Pure.
 */
#include "exporters/alerts/email_mime.h"

#include "core/base/enc.h"

#define WORD_BYTES 45u /* 60 characters of base64: an encoded word stays under 75 (RFC 2047 §2) */
#define FOLD       70u
#define LINE_BYTES 57u /* 76 characters */

static bool is_plain(struct kt_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] < ' ' || s.at[i] > '~')
            return false;
    return !kt_str_has(s, KT_STR("=?")); /* it would read as an encoded word */
}

static void add_folded(struct kt_buf *out, struct kt_str value, size_t used)
{
    while (value.len > 0) {
        struct kt_str word;
        bool more = kt_str_split(&value, ' ', &word) && value.len > 0;
        kt_buf_add(out, word);
        used += word.len + 1;
        if (more && used > FOLD) {
            kt_buf_addz(out, "\r\n");
            used = 1;
        }
        if (more)
            kt_buf_byte(out, ' ');
    }
}

static void add_encoded(struct kt_buf *out, struct kt_str value)
{
    for (bool first = true; value.len > 0; first = false) {
        struct kt_str piece = kt_utf8_cut(value, WORD_BYTES);
        if (piece.len == 0) /* no UTF-8 at all: any cut is as good */
            piece = kt_str_sub(value, 0, WORD_BYTES);
        kt_buf_addz(out, first ? "=?utf-8?B?" : "\r\n =?utf-8?B?");
        kt_base64_add(out, piece);
        kt_buf_addz(out, "?=");
        value = kt_str_from_index(value, piece.len);
    }
}

void kt_mime_header(struct kt_buf *out, const char *name, struct kt_str value)
{
    kt_buf_addf(out, "%s: ", name);
    if (is_plain(value))
        add_folded(out, value, kt_str_of(name).len + 2);
    else
        add_encoded(out, value);
    kt_buf_addz(out, "\r\n");
}

void kt_mime_date(struct kt_buf *out, kt_time_ns t)
{
    static const char *const days[] = { "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed" };
    static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    char text[KT_TIME_TEXT_MAX]; /* 2026-11-22T20:00:07.… */
    int64_t since = t / KT_NS_DAY % 7;
    uint64_t month = 1;
    kt_time_format(t, text);
    (void)kt_str_u64(kt_str_from(text + 5, 2), &month);
    kt_buf_addf(out, "Date: %s, %.2s %s %.4s %.8s +0000\r\n", days[since < 0 ? since + 7 : since],
                text + 8, months[(month - 1) % 12], text, text + 11);
}

void kt_mime_text(struct kt_buf *out, struct kt_str text)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf whole = { 0 };
    struct kt_str line;
    while (text.len > 0) {
        (void)kt_str_split(&text, '\n', &line);
        kt_buf_add(&whole, line);
        kt_buf_addz(&whole, "\r\n");
    }
    struct kt_str bytes = kt_buf_str(&whole);
    while (bytes.len > 0) {
        line = kt_str_sub(bytes, 0, bytes.len < LINE_BYTES ? bytes.len : LINE_BYTES);
        kt_base64_add(out, line);
        kt_buf_addz(out, "\r\n");
        bytes = kt_str_from_index(bytes, line.len);
    }
}
