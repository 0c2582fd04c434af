/* alloc: small allocations that abort when memory is gone, so that no caller has a half path. */
#pragma once
#include <stddef.h>

/* n zeroed bytes, never NULL (n = 0 gives a unique pointer). The caller frees it with kt_free. */
void *kt_alloc(size_t n) __attribute__((malloc, returns_nonnull));
/* count * size zeroed bytes; aborts on overflow. */
void *kt_alloc_array(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
/* Grows or shrinks to count * size bytes; new bytes are not zeroed; aborts on overflow. */
void *kt_realloc_array(void *p, size_t count, size_t size) __attribute__((returns_nonnull));
void kt_free(void *p);
/* For KT_CLEANUP on any pointer: frees *(void **)pp. */
void kt_free_ptr(void *pp);
char *kt_strdup(const char *s) __attribute__((malloc, returns_nonnull));
/* Tells the C library to keep memory that was freed instead of giving pages back and faulting them
 * in again with every batch: a fifth to a half more events a second (docs/performance-history.md).
 * Once, in main. */
void kt_alloc_init(void);
