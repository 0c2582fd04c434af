/*
 * collector_cmd: `keytrail collector`; keygen is in log_keys.c.
 *
 * Owns:  nothing.
 * Calls: collector/collector.h.
 */

#include "cli/cli.h"
#include "cli/commands.h"
#include "collector/collector.h"

int kt_cmd_collector(int argc, char **argv)
{
    static const struct kt_verb verbs[] = {
        { "keygen", NULL, "makes the key that signs the log's checkpoints", kt_cmd_collector_keygen,
          NULL },
        { 0 },
    };
    static const struct kt_command cmd = { "collector",
                                           "-c FILE",
                                           "run the collector, in the foreground; make its log key",
                                           "keytrail collector -c /etc/keytrail/keytrail.yaml",
                                           NULL,
                                           verbs };
    const char *config = NULL;
    uint64_t ready_fd = UINT64_MAX;
    const struct kt_flag flags[] = {
        { "--config", 'c', KT_FLAG_STRING, "FILE", "configuration", &config, NULL },
        { "--ready-fd", 0, KT_FLAG_UINT, "FD", "write the bound endpoint here once it listens",
          &ready_fd, NULL },
        { 0 },
    };
    int code;
    if (kt_verb_run(&cmd, argc, argv, &code))
        return code;
    if (!kt_flags_just(&cmd, flags, argc, argv, 0, &code))
        return code;
    if (config == NULL)
        return kt_flags_usage(&cmd);
    return kt_collector_main(config, ready_fd == UINT64_MAX ? -1 : (int)ready_fd);
}
