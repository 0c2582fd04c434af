/*
 * order: who gives an order. A file of its own, as keytrail-agent takes orders too and has nothing
 * else of cli.c.
 *
 * Owns:  nothing.
 * Calls: the environment and the list of users.
 */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"

const char *kt_cli_who(const char *by)
{
    static char uid[32];
    const char *const names[] = { by, getenv("SUDO_USER"), getenv("USER"), getenv("LOGNAME") };
    for (size_t i = 0; i < KT_ARRAY_LEN(names); i++)
        if (names[i] != NULL && names[i][0] != '\0')
            return names[i];
    const struct passwd *user = getpwuid(getuid());
    if (user != NULL)
        return user->pw_name;
    (void)snprintf(uid, sizeof uid, "uid %u", (unsigned)getuid());
    return uid;
}
