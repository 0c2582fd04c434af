/*
 * report: `keytrail report`: which of its words runs.
 *
 * Owns:  the words beside the reports.
 * Calls: cli/report_*, exporters/reports.
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/report_cmd.h"
#include "exporters/reports/report.h"

/* The reports first: each is made by the same function, which looks at its own name. */
static const struct kt_verb own[] = {
    { "keygen", NULL, "a key that signs packages, and its public half", kt_report_keygen,
      "Beside them" },
    { "sample", NULL, "a sample that anybody can draw again", kt_report_sample, NULL },
    { "verify", NULL, "check a package", kt_report_verify, NULL },
    { 0 },
};

int kt_cmd_report(int argc, char **argv)
{
    struct kt_verb verbs[KT_REPORTS_MAX + KT_ARRAY_LEN(own)];
    size_t n = 0;
    for (; n < KT_REPORTS_MAX && kt_reports[n] != NULL; n++)
        verbs[n] = (struct kt_verb){ kt_reports[n]->name, NULL, kt_reports[n]->summary,
                                     kt_report_make, n == 0 ? "Reports" : NULL };
    memcpy(verbs + n, own, sizeof own);
    const struct kt_command cmd = {
        "report",
        "REPORT --from DAY --to DAY --out DIR [options]",
        "evidence for auditors, as a folder that a stranger can check",
        "keytrail report soc2 --from 2025-10-01 --to 2026-09-30 --out evidence "
        "--key /etc/keytrail/keys/report.key",
        NULL,
        verbs
    };
    return kt_verbs_main(&cmd, argc, argv);
}
