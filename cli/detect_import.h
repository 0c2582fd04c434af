/* detect_import: `keytrail detect import`. */
#pragma once
#include "cli/cli.h"

/* Rules of n files and folders into a folder, or, with NULL, only checked. Prints a row each.
 * Returns the exit code: 0 all taken, 1 none, 7 some. */
int kt_detect_import(char **places, int n, const char *into, enum kt_output how);
