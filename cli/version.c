/*
 * version: what this is.
 *
 * Owns:  nothing.
 * Calls: stdout.
 */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "core/store/read.h"
#include "core/wire/frame.h"

int kt_cmd_version(int argc, char **argv)
{
    static const struct kt_command cmd = {
        "version", "", "versions of program, wire and store", "keytrail version", NULL, NULL
    };
    static const struct kt_flag flags[] = { { 0 } };
    int code;
    if (kt_flags_just(&cmd, flags, argc, argv, 0, &code))
        printf("keytrail " KT_VERSION " (wire %u, store schema %u, event line 1)\n",
               KT_WIRE_VERSION_MAX, kt_store_schema());
    return code;
}
