/*
 * chain: names of a log's files.
 *
 * Owns:  nothing. Calls: core/base.
 */
#include "core/store/chain.h"

#include <unistd.h>

#include "core/base/alloc.h"

const char *kt_chain_name(const char *path, unsigned n, struct kt_buf *buf)
{
    kt_buf_reset(buf);
    kt_buf_addz(buf, path);
    if (n > 1)
        kt_buf_addf(buf, ".%u", n);
    return kt_buf_z(buf);
}

unsigned kt_chain_newest(const char *path)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf name = { 0 };
    for (unsigned n = KT_CHAIN_MAX; n > 1; n--)
        if (access(kt_chain_name(path, n, &name), F_OK) == 0)
            return n;
    return 1;
}
