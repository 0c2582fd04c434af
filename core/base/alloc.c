/*
 * alloc: the heap, with an end of the process where memory ends.
 *
 * Owns:  nothing.
 * Calls: libc only.
 */
#include "core/base/alloc.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void out_of_memory(void)
{
    static const char text[] = "keytrail: out of memory\n";
    (void)fwrite(text, 1, sizeof text - 1, stderr);
    abort();
}

static size_t product(size_t count, size_t size)
{
    size_t n;
    if (__builtin_mul_overflow(count, size, &n))
        out_of_memory();
    return n > 0 ? n : 1;
}

void *kt_alloc(size_t n)
{
    return kt_alloc_array(n, 1);
}

void *kt_alloc_array(size_t count, size_t size)
{
    void *p = calloc(product(count, size), 1);
    if (p == NULL)
        out_of_memory();
    return p;
}

void *kt_realloc_array(void *p, size_t count, size_t size)
{
    void *grown = realloc(p, product(count, size));
    if (grown == NULL)
        out_of_memory();
    return grown;
}

void kt_free(void *p)
{
    free(p);
}

void kt_free_ptr(void *pp)
{
    void *p;
    memcpy(&p, pp, sizeof p); /* pp is the address of any kind of pointer */
    free(p);
}

char *kt_strdup(const char *s)
{
    size_t n = strlen(s) + 1;
    char *copy = kt_alloc(n);
    memcpy(copy, s, n);
    return copy;
}

void kt_alloc_init(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, 32 << 20);
    (void)mallopt(M_TRIM_THRESHOLD, 128 << 20);
}
