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
    (void)argc;
    (void)argv;
    printf("keytrail " KT_VERSION " (wire %u, store schema %u, event line 1)\n",
           KT_WIRE_VERSION_MAX, kt_store_schema());
    return KT_EXIT_OK;
}
