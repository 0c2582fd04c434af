/*
 * dashboard: `keytrail dashboard`: runs the page.
 *
 * Owns:  nothing.
 * Calls: dashboards/server/page.h.
 */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/dashboard.h"
#include "dashboards/server/page.h"

int kt_cmd_dashboard(int argc, char **argv)
{
    static const struct kt_verb verbs[] = {
        { "login", NULL, "a one-time link into the running page", kt_dashboard_login, NULL },
        { "user", NULL, "users with passwords: add, passwd, list, rm", kt_dashboard_user, NULL },
        { 0 },
    };
    static const struct kt_command cmd = { "dashboard",
                                           "-c CONFIG | --db FILE  [--listen ADDRESS]",
                                           "serve the page, which only reads the store",
                                           "keytrail dashboard -c /etc/keytrail/keytrail.yaml",
                                           NULL,
                                           verbs };
    uint64_t ready_fd = UINT64_MAX;
    struct kt_page_options o = { .ready_fd = -1 };
    const struct kt_flag flags[] = {
        { "--config", 'c', KT_FLAG_STRING, "FILE", "the collector's configuration", &o.config,
          NULL },
        { "--db", 0, KT_FLAG_STRING, "FILE", "a store alone: nothing can be changed, nothing noted",
          &o.db, NULL },
        { "--listen", 0, KT_FLAG_STRING, "ADDRESS",
          "tcp://127.0.0.1:7430, unix:/path (default: dashboard.listen)", &o.listen, NULL },
        { "--assets", 0, KT_FLAG_STRING, "DIR", "the page's files from a folder, for development",
          &o.assets, NULL },
        { "--ready-fd", 0, KT_FLAG_UINT, "FD", "write the address here once it listens", &ready_fd,
          NULL },
        { 0 },
    };
    int code;
    if (kt_verb_run(&cmd, argc, argv, &code))
        return code;
    if (!kt_flags_just(&cmd, flags, argc, argv, 0, &code))
        return code;
    if (o.config == NULL && o.db == NULL && !kt_cli_no_config())
        o.config = KT_CONFIG_SYSTEM;
    if ((o.config == NULL) == (o.db == NULL))
        return kt_flags_usage(&cmd);
    if (ready_fd != UINT64_MAX)
        o.ready_fd = (int)ready_fd;
    return kt_page_main(&o);
}
