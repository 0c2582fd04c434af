/*
 * report: `keytrail report`: which of its words runs.
 *
 * Owns:  the table of words.
 * Calls: cli/report_*, exporters/reports.
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/report_cmd.h"
#include "exporters/reports/report.h"

static const struct {
    const char *name, *args, *summary;
    int (*run)(int argc, char **argv);
} words[] = {
    { "keygen", "FILE", "a key that signs packages, and its public half", kt_report_keygen },
    { "sample", "--control NAME --population WHAT …", "a sample that anybody can draw again",
      kt_report_sample },
    { "verify", "DIR [--key PUB] [--checkpoint FILE]", "check a package", kt_report_verify },
};

static void help(FILE *to)
{
    fprintf(to, "keytrail report: evidence for auditors, as a folder that a stranger can check\n\n"
                "usage: keytrail report REPORT --from DAY --to DAY --out DIR [options]\n");
    for (size_t i = 0; i < KT_ARRAY_LEN(words); i++)
        fprintf(to, "       keytrail report %s %s\n", words[i].name, words[i].args);
    fprintf(to, "\n");
    for (unsigned i = 0; kt_reports[i] != NULL; i++)
        fprintf(to, "  %-10s %s\n", kt_reports[i]->name, kt_reports[i]->summary);
    for (size_t i = 0; i < KT_ARRAY_LEN(words); i++)
        fprintf(to, "  %-10s %s\n", words[i].name, words[i].summary);
    fprintf(to, "\nkeytrail report soc2 --help says more.\n"
                "example: keytrail report soc2 --from 2025-10-01 --to 2026-09-30 --out evidence "
                "--key /etc/keytrail/keys/report.key\n");
}

static int unknown(const char *word)
{
    struct kt_near near = kt_near_of(kt_str_of(word));
    for (unsigned i = 0; kt_reports[i] != NULL; i++)
        kt_near_try(&near, kt_reports[i]->name);
    for (size_t i = 0; i < KT_ARRAY_LEN(words); i++)
        kt_near_try(&near, words[i].name);
    fprintf(stderr, "keytrail report: there is no '%s'", word);
    if (near.name != NULL)
        fprintf(stderr, ", did you mean %s?", near.name);
    fprintf(stderr, "\ntry: keytrail report --help\n");
    return KT_EXIT_USAGE;
}

int kt_cmd_report(int argc, char **argv)
{
    if (argc < 2) {
        help(stderr);
        return KT_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        help(stdout);
        return KT_EXIT_OK;
    }
    for (size_t i = 0; i < KT_ARRAY_LEN(words); i++)
        if (strcmp(argv[1], words[i].name) == 0)
            return words[i].run(argc - 1, argv + 1);
    if (kt_report_of(kt_str_of(argv[1])) != NULL)
        return kt_report_make(argc - 1, argv + 1);
    return unknown(argv[1]);
}
