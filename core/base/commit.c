/*
 * commit: see the header.
 *
 * Owns:  one text, which the build gives (Makefile, COMMIT).
 * Calls: nothing.
 */
#include "core/base/commit.h"

const char *kt_commit(void)
{
    return KT_COMMIT;
}
