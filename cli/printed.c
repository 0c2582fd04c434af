/*
 * printed: the end of a program that printed. A file of its own, as keytrail-agent has nothing else
 * of cli.c.
 *
 * Owns:  nothing.
 * Calls: stdout, stderr.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

int kt_printed(const char *program, int code)
{
    bool lost = ferror(stdout) != 0;
    errno = 0;
    if (fflush(stdout) == 0 && !lost)
        return code;
    fprintf(stderr, "%s: what it printed is not whole: standard output: %s\n", program,
            errno != 0 ? strerror(errno) : "a write failed (is its disk full?)");
    return code == KT_EXIT_OK || code == KT_EXIT_NO ? KT_EXIT_STORE : code;
}
