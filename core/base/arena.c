/*
 * arena: bump allocation in fixed memory; one chunk an allocation under AddressSanitizer.
 *
 * Owns:  the memory of kt_arena_new, and the chunks of a sanitized build.
 * Calls: alloc, str.
 * Holds: both builds count alike, so an aligned arena is full at the same allocation in each.
 */
#include "core/base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/alloc.h"

#define ALIGN 16u

#ifdef __SANITIZE_ADDRESS__
#define CHUNKS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CHUNKS 1
#endif
#endif
#ifndef CHUNKS
#define CHUNKS 0
#endif

struct chunk {
    struct chunk *next;
    _Alignas(ALIGN) unsigned char mem[];
};

struct kt_arena kt_arena_new(size_t cap)
{
    /* Not zeroed, which would touch all of it: each allocation is. */
    unsigned char *mem = kt_realloc_array(NULL, CHUNKS ? 1 : cap, 1);
    return (struct kt_arena){ .mem = mem, .cap = cap, .owned = true };
}

void kt_arena_done(struct kt_arena *a)
{
    if (a == NULL)
        return;
    kt_arena_reset(a);
    if (a->owned)
        kt_free(a->mem);
    *a = (struct kt_arena){ 0 };
}

void kt_arena_reset(struct kt_arena *a)
{
    for (struct chunk *c = a->chunks, *next; c != NULL; c = next) {
        next = c->next;
        kt_free(c);
    }
    a->chunks = NULL;
    a->used = 0;
    a->full = false;
}

/* Where an allocation would start: memory of any origin needs its padding. */
static size_t start_of(const struct kt_arena *a, size_t align)
{
    uintptr_t base = CHUNKS ? 0 : (uintptr_t)a->mem;
    return (size_t)((base + a->used + align - 1) / align * align - base);
}

/* n bytes, not zeroed, or NULL. */
static void *take(struct kt_arena *a, size_t n, size_t align)
{
    size_t start = start_of(a, align);
    if (a->full || start > a->cap || n > a->cap - start) {
        a->full = true;
        return NULL;
    }
    a->used = start + n;
    if (!CHUNKS)
        return a->mem + start;
    struct chunk *c = kt_alloc(sizeof *c + n);
    c->next = a->chunks;
    a->chunks = c;
    return c->mem;
}

void *kt_arena_alloc(struct kt_arena *a, size_t n)
{
    void *p = take(a, n, ALIGN);
    if (p != NULL && n > 0)
        memset(p, 0, n);
    return p;
}

static inline char *put(char *to, struct kt_str s)
{
    if (s.len > 0)
        memcpy(to, s.at, s.len);
    return to + s.len;
}

struct kt_str kt_arena_cat3(struct kt_arena *a, struct kt_str x, struct kt_str y, struct kt_str z)
{
    size_t n;
    if (__builtin_add_overflow(x.len, y.len, &n) || __builtin_add_overflow(n, z.len, &n)) {
        a->full = true;
        return KT_STR_NONE;
    }
    if (n == 0)
        return KT_STR("");
    char *to = take(a, n, 1);
    if (to == NULL)
        return KT_STR_NONE;
    put(put(put(to, x), y), z);
    return (struct kt_str){ to, n };
}

struct kt_str kt_arena_cat(struct kt_arena *a, struct kt_str x, struct kt_str y)
{
    return kt_arena_cat3(a, x, y, KT_STR_NONE);
}

struct kt_str kt_arena_str(struct kt_arena *a, struct kt_str s)
{
    return kt_arena_cat3(a, s, KT_STR_NONE, KT_STR_NONE);
}

struct kt_str kt_arena_fmt(struct kt_arena *a, const char *fmt, ...)
{
    char small[256];
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(small, sizeof small, fmt, ap);
    va_end(ap);
    struct kt_str text = KT_STR_NONE;
    if (n >= 0 && (size_t)n < sizeof small) {
        text = kt_arena_str(a, (struct kt_str){ small, (size_t)n });
    } else if (n >= 0) {
        char *to = take(a, (size_t)n + 1, 1);
        if (to != NULL) {
            (void)vsnprintf(to, (size_t)n + 1, fmt, again);
            text = (struct kt_str){ to, (size_t)n };
        }
    } else {
        a->full = true;
    }
    va_end(again);
    return text;
}
