/*
 * keytrail: the program's main: what is no command of people, then the commands.
 *
 * Owns:  nothing.
 * Calls: cli/program.c, cli/printed.c, collector/signer.h.
 */
#include <signal.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/complete_values.h"
#include "collector/signer.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"

int main(int argc, char **argv)
{
    static char version[] = "version";
    signal(SIGPIPE, SIG_DFL); /* a closed pager or head ends us quietly */
    kt_alloc_init();
    kt_hash_init();
    if (argc == 4 && strcmp(argv[1], "signer") == 0) /* the collector starts it, nobody else */
        return kt_signer_main(argv[2], argv[3]);
    if (argc > 1 && strcmp(argv[1], "__complete") == 0) /* what completion reads calls it */
        return kt_complete_keytrail(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "--version") == 0)
        argv[1] = version;
    kt_flags_help_first(argc, argv);
    return kt_printed("keytrail", kt_program_keytrail(argc, argv));
}
