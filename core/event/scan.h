/*
 * scan: how far a JSON string goes without anything that needs a look. The inner loop of the line's
 * reader and writer.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

static inline bool kt_scan_is_plain(unsigned char c)
{
    return c >= 0x20 && c != '"' && c != '\\';
}

/* Bytes at `at` before the first quote, backslash or control byte; n when there is none. *high is
 * set when one of them is no ASCII. */
static inline size_t kt_scan_plain(const char *at, size_t n, bool *high)
{
    size_t i = 0;
#ifdef __SSE2__
    for (; i + 16 <= n; i += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(at + i));
        __m128i special = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')),
                                       _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
        __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v);
        unsigned stop = (unsigned)_mm_movemask_epi8(_mm_or_si128(special, control));
        unsigned top = (unsigned)_mm_movemask_epi8(v);
        if (stop != 0) {
            unsigned k = (unsigned)__builtin_ctz(stop);
            *high |= (top & ((1u << k) - 1)) != 0;
            return i + k;
        }
        *high |= top != 0;
    }
#endif
    for (; i < n && kt_scan_is_plain((unsigned char)at[i]); i++)
        *high |= (unsigned char)at[i] >= 0x80;
    return i;
}

static inline size_t kt_scan_digits(const char *at, size_t n)
{
    size_t i = 0;
    while (i < n && at[i] >= '0' && at[i] <= '9')
        i++;
    return i;
}

/* Bytes of the JSON number at `at` (RFC 8259: [ minus ] int [ frac ] [ exp ]), 0 when there is
 * none.
 */
static inline size_t kt_scan_number(const char *at, size_t n)
{
    size_t i = n > 0 && at[0] == '-' ? 1 : 0;
    size_t d = kt_scan_digits(at + i, n - i);
    if (d == 0 || (d > 1 && at[i] == '0'))
        return 0;
    i += d;
    if (i < n && at[i] == '.') {
        d = kt_scan_digits(at + i + 1, n - i - 1);
        if (d == 0)
            return 0;
        i += 1 + d;
    }
    if (i < n && (at[i] == 'e' || at[i] == 'E')) {
        i += i + 1 < n && (at[i + 1] == '+' || at[i + 1] == '-') ? 2 : 1;
        d = kt_scan_digits(at + i, n - i);
        if (d == 0)
            return 0;
        i += d;
    }
    return i;
}
