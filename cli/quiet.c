/*
 * quiet: reading from a terminal without an echo.
 *
 * Owns:  the terminal's mode while it reads.
 * Calls: stdin, stderr.
 */
#include "cli/quiet.h"

#include <errno.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#include "core/base/hash.h"

void kt_buf_wipe(struct kt_buf *b)
{
    if (b->at != NULL)
        kt_wipe(b->at, b->cap);
    kt_buf_done(b);
}

enum kt_status kt_read_quietly(const char *prompt, size_t max, struct kt_buf *ret,
                               struct kt_error *err)
{
    struct termios before, quiet;
    bool typed = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &before) == 0;
    if (typed) {
        fprintf(stderr, "%s (it is not shown): ", prompt);
        quiet = before;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    }
    char *to = kt_buf_reserve(ret, max + 3); /* at once: growing would leave copies */
    size_t n = 0;
    ssize_t got = 1;
    while (got > 0 && n < max + 3 && !(typed && n > 0 && to[n - 1] == '\n')) {
        got = read(STDIN_FILENO, to + n, max + 3 - n);
        if (got < 0 && errno == EINTR)
            got = 1;
        else
            n += got > 0 ? (size_t)got : 0;
    }
    if (typed) {
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        fprintf(stderr, "\n");
    }
    if (got < 0)
        return kt_fail_errno(err, "read stdin");
    while (n > 0 && (to[n - 1] == '\n' || to[n - 1] == '\r'))
        n--;
    ret->len = n;
    return n > max ? kt_fail(err, KT_E_LIMIT, "more than %zu bytes", max) : KT_OK;
}
