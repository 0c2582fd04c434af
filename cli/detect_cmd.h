/* detect_cmd: what the files of `keytrail detect` share. */
#pragma once
#include "cli/cli.h"

struct kt_detect_lint { /* where to look; see kt_cli_store_path */
    const char *db, *config;
};
/* Prints what can never fire on what is stored and configured, why, and what to connect. Returns
 * the exit code: 1 when there is such a thing. */
int kt_detect_lint(const struct kt_detect_lint *l, enum kt_output how);
/* Runs the cases in n files and folders, with the settings of config (NULL: defaults). Returns the
 * exit code: 1 when one does not hold, or there is none. */
int kt_detect_test(const char *config, char **paths, int n, enum kt_output how);
