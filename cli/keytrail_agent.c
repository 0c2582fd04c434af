/*
 * keytrail_agent: the agent's main.
 *
 * Owns:  nothing.
 * Calls: cli/program_agent.c, cli/printed.c.
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/complete_values.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/wire/frame.h"

int main(int argc, char **argv)
{
    kt_alloc_init();
    kt_hash_init();
    if (argc > 1 && strcmp(argv[1], "__complete") == 0) /* what completion reads calls it */
        return kt_complete_agent(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "--version") == 0) {
        printf("keytrail-agent " KT_VERSION " (wire %u)\n", KT_WIRE_VERSION_MAX);
        return 0;
    }
    kt_flags_help_first(argc, argv);
    return kt_printed("keytrail-agent", kt_program_agent(argc, argv));
}
