/*
 * agent_fail: see the header. A file of its own, as keytrail-agent has nothing else of cli.c.
 *
 * Owns:  nothing.
 * Calls: stderr.
 */
#include "cli/agent_fail.h"

#include <stdio.h>

#include "cli/cli.h"

int kt_agent_fail(const char *what, const struct kt_error *err)
{
    fprintf(stderr, "keytrail-agent %s: %s\n", what, err->text);
    switch (err->code) {
    case KT_E_IO:
    case KT_E_CORRUPT:
        return KT_EXIT_STORE;
    case KT_E_DENIED:
        return KT_EXIT_DENIED;
    default:
        return KT_EXIT_CONFIG;
    }
}
