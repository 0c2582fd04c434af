/* fetch: asks for memory before it is needed. What another thread has written is in no near cache,
 * and each first touch of 64 bytes of it would be waited for.
 *
 * A function that does nothing but this has no effect by the compiler's rules: a call of it is left
 * out. So it is always inlined, and so must be whoever only calls it. */
#pragma once
#include "core/base/str.h"

#define KT_CACHE_LINE 64u

#define KT_FETCHES inline __attribute__((always_inline))
static KT_FETCHES void kt_fetch(struct kt_str s)
{
    for (size_t i = 0; i < s.len; i += KT_CACHE_LINE)
        __builtin_prefetch(s.at + i);
}
