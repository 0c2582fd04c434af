/* arena: memory with a fixed maximum, released in one reset. Running out is a state, not a crash.
 */
#pragma once
#include "core/base/str.h"

/* {mem, 0, size} makes one over any memory. `full` is sticky until reset: whoever filled the arena
 * asks once at the end and answers KT_E_LIMIT. Under AddressSanitizer each allocation is its own
 * malloc. */
struct kt_arena {
    unsigned char *mem;
    size_t used, cap;
    bool full, owned; /* owned: mem is the arena's to free */
    void *chunks;     /* AddressSanitizer only: kt_arena_done or _reset before it goes away */
};

struct kt_arena kt_arena_new(size_t cap); /* heap memory */
void kt_arena_done(struct kt_arena *a);   /* frees what is its own; zeroed afterwards */
void kt_arena_reset(struct kt_arena *a);
/* n zeroed bytes aligned to 16, or NULL (and full) when they do not fit. */
void *kt_arena_alloc(struct kt_arena *a, size_t n);
/* A copy that lives in the arena; empty (and full) when it does not fit. */
struct kt_str kt_arena_str(struct kt_arena *a, struct kt_str s);
/* Formatted text in the arena. */
struct kt_str kt_arena_fmt(struct kt_arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* a followed by b (…cat3: and c). */
struct kt_str kt_arena_cat(struct kt_arena *a, struct kt_str x, struct kt_str y);
struct kt_str kt_arena_cat3(struct kt_arena *a, struct kt_str x, struct kt_str y, struct kt_str z);
