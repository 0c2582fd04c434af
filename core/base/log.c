/*
 * log: one write to stderr for one line, and the escaping that keeps strangers' text harmless.
 *
 * Owns:  the level of the process, and what clears its terminal's last line.
 * Calls: buf, str. No clock: whoever collects stderr knows the time.
 */
#include "core/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static _Atomic int level_max = KT_LOG_INFO;
static const char *_Atomic clears;

void kt_log_level_set(enum kt_log_level max)
{
    atomic_store(&level_max, (int)max);
}

/* The code point of the UTF-8 sequence at s, its length in *ret_n; -1 and 1 when there is none. */
static int32_t code_point(struct kt_str s, size_t *ret_n)
{
    unsigned char c = (unsigned char)s.at[0];
    size_t n = c < 0x80 ? 1 : c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : c >= 0xC0 ? 2 : 1;
    *ret_n = 1;
    if (n > s.len || !kt_utf8_valid(kt_str_sub(s, 0, n)))
        return -1;
    *ret_n = n;
    int32_t v = n == 1 ? c : c & (0xFF >> (n + 1));
    for (size_t i = 1; i < n; i++)
        v = v << 6 | ((unsigned char)s.at[i] & 0x3F);
    return v;
}

static bool is_hidden(int32_t c)
{
    static const struct {
        int32_t from, to;
    } hidden[] = {
        { 0x00, 0x1F },     { 0x7F, 0x9F },     { 0xAD, 0xAD },       { 0x61C, 0x61C },
        { 0x180E, 0x180E }, { 0x200B, 0x200F }, { 0x2028, 0x202E },   { 0x2060, 0x206F },
        { 0xFEFF, 0xFEFF }, { 0xFFF9, 0xFFFB }, { 0xE0000, 0xE007F },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(hidden); i++)
        if (c >= hidden[i].from && c <= hidden[i].to)
            return true;
    return false;
}

void kt_tty_add(struct kt_buf *b, struct kt_str s)
{
    while (s.len > 0) {
        size_t plain = 0;
        while (plain < s.len && s.at[plain] >= 0x20 && s.at[plain] < 0x7F)
            plain++;
        kt_buf_add(b, kt_str_sub(s, 0, plain));
        s = kt_str_from_index(s, plain);
        if (s.len == 0)
            return;
        size_t n;
        int32_t c = code_point(s, &n);
        if (c < 0 || (is_hidden(c) && c < 0x80))
            kt_buf_addf(b, "\\x%02x", (unsigned)(unsigned char)s.at[0]);
        else if (is_hidden(c))
            kt_buf_addf(b, "\\u%04x", (unsigned)c);
        else
            kt_buf_add(b, kt_str_sub(s, 0, n));
        s = kt_str_from_index(s, n);
    }
}

void kt_name_add(struct kt_buf *b, struct kt_str s)
{
    for (size_t n; s.len > 0; s = kt_str_from_index(s, n)) {
        int32_t c = code_point(s, &n);
        if (c < 0 || is_hidden(c))
            kt_buf_byte(b, ' ');
        else
            kt_buf_add(b, kt_str_sub(s, 0, n));
    }
}

const char *kt_log_value(const char *s, char ret[KT_LOG_VALUE])
{
    size_t n = 0;
    for (; *s != '\0' && n + 2 < KT_LOG_VALUE; s++) {
        if (*s == '\'' || *s == '\\')
            ret[n++] = '\\';
        ret[n++] = *s;
    }
    ret[n] = '\0';
    return ret;
}

static void write_all(struct kt_str s)
{
    while (s.len > 0) {
        ssize_t n = write(STDERR_FILENO, s.at, s.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        s = kt_str_from_index(s, (size_t)n);
    }
}

/* journald reads "<4>" as the priority and does not show it. */
static const char *prefix_of(enum kt_log_level level)
{
    static const char *const plain[] = { "error: ", "warn: ", "info: ", "debug: " };
    static const char *const journal[] = { "<3>", "<4>", "<6>", "<7>" };
    return (getenv("JOURNAL_STREAM") != NULL ? journal : plain)[level];
}

void kt_log_clears(const char *with)
{
    atomic_store(&clears, with);
}

void kt_log(enum kt_log_level level, const char *fmt, ...)
{
    if ((int)level > atomic_load(&level_max))
        return;
    int saved = errno;
    char text[2048];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    KT_CLEANUP(kt_buf_done) struct kt_buf line = { 0 };
    const char *clear = atomic_exchange(&clears, NULL);
    kt_buf_addz(&line, clear != NULL ? clear : "");
    kt_buf_addz(&line, prefix_of(level));
    kt_tty_add(&line, kt_str_of(text));
    kt_buf_addz(&line, n >= (int)sizeof text ? "…\n" : "\n");
    write_all(kt_buf_str(&line));
    errno = saved;
}
