/*
 * commit: see the header.
 *
 * Owns:  one text; the build gives the commit (Makefile, COMMIT).
 * Calls: nothing.
 */
#include "core/base/commit.h"

#ifndef KT_COMMIT /* no checkout */
#define KT_COMMIT "v" KT_VERSION
#endif

const char *kt_commit(void)
{
    return KT_COMMIT;
}
