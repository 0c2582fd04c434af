/*
 * err: fills kt_error and puts context in front of it.
 *
 * Owns:  nothing.
 * Calls: libc only.
 * Holds: text is always NUL-ended and cut at its size; errno survives a call.
 */
#include "core/base/err.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void fill(struct kt_error *err, enum kt_status code, int sys_errno, const char *fmt,
                 va_list ap) KT_PRINTF(4, 0);
static void fill(struct kt_error *err, enum kt_status code, int sys_errno, const char *fmt,
                 va_list ap)
{
    char text[sizeof err->text];
    (void)vsnprintf(text, sizeof text, fmt, ap);
    err->code = code;
    err->sys_errno = sys_errno;
    memcpy(err->text, text, sizeof text); /* through a copy: an argument may be err->text */
}

enum kt_status kt_fail(struct kt_error *err, enum kt_status code, const char *fmt, ...)
{
    assert(code != KT_OK);
    if (err == NULL)
        return code;
    va_list ap;
    va_start(ap, fmt);
    fill(err, code, 0, fmt, ap);
    va_end(ap);
    return code;
}

enum kt_status kt_fail_errno(struct kt_error *err, const char *fmt, ...)
{
    int saved = errno;
    if (err == NULL)
        return KT_E_IO;
    va_list ap;
    va_start(ap, fmt);
    fill(err, KT_E_IO, saved, fmt, ap);
    va_end(ap);
    char buf[128];
    size_t len = strlen(err->text);
    (void)snprintf(err->text + len, sizeof err->text - len, ": %s",
                   strerror_r(saved, buf, sizeof buf));
    errno = saved;
    return KT_E_IO;
}

enum kt_status kt_wrap(struct kt_error *err, const char *fmt, ...)
{
    if (err == NULL)
        return KT_E_IO;
    char inner[sizeof err->text];
    memcpy(inner, err->text, sizeof inner);
    enum kt_status code = err->code != KT_OK ? err->code : KT_E_IO;
    va_list ap;
    va_start(ap, fmt);
    fill(err, code, err->sys_errno, fmt, ap);
    va_end(ap);
    size_t len = strlen(err->text);
    (void)snprintf(err->text + len, sizeof err->text - len, ": %.*s", (int)sizeof inner, inner);
    return code;
}

const char *kt_status_word(enum kt_status code)
{
    switch (code) {
    case KT_OK:
        return "ok";
    case KT_E_AGAIN:
        return "again";
    case KT_E_INPUT:
        return "input";
    case KT_E_LIMIT:
        return "limit";
    case KT_E_CONFIG:
        return "config";
    case KT_E_IO:
        return "io";
    case KT_E_CORRUPT:
        return "corrupt";
    case KT_E_DENIED:
        return "denied";
    }
    return "unknown";
}
