/*
 * pages: see the header.
 *
 * Owns:  nothing.
 * Calls: libc only.
 */
#include "core/base/pages.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

void *kt_pages_new(size_t bytes)
{
    static const char text[] = "keytrail: out of memory\n";
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) {
        (void)fwrite(text, 1, sizeof text - 1, stderr);
        abort();
    }
    (void)madvise(at, bytes, MADV_HUGEPAGE); /* a system without them has small ones */
    return at;
}

void kt_pages_free(void *at, size_t bytes)
{
    if (at != NULL)
        (void)munmap(at, bytes);
}
