/* commit: what this program was built from. */
#pragma once

/* Of a checkout its commit, 12 hexadecimal digits; else "v" and the version of the release. */
const char *kt_commit(void);
