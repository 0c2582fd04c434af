/*
 * scan: the inner loops of everything that walks over JSON: how far a string goes without anything
 * that needs a look, and where in a block of 64 bytes its quotes are (scan_blocks.h: what else
 * shapes it).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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

/* Is a capital letter among n bytes, 16 at least? */
static inline bool kt_scan_has_capital(const char *at, size_t n)
{
#ifdef __SSE2__
    const __m128i shift = _mm_set1_epi8((char)('A' - 128)), most = _mm_set1_epi8(-128 + 26);
    __m128i any = _mm_setzero_si128();
    for (size_t i = 0; i < n; i += 16) { /* the last ones overlap */
        const char *from = at + (i + 16 < n ? i : n - 16);
        __m128i v = _mm_sub_epi8(_mm_loadu_si128((const __m128i *)(const void *)from), shift);
        any = _mm_or_si128(any, _mm_cmplt_epi8(v, most)); /* as signed numbers */
    }
    return _mm_movemask_epi8(any) != 0;
#else
    bool any = false;
    for (size_t i = 0; i < n; i++)
        any = any || (at[i] >= 'A' && at[i] <= 'Z');
    return any;
#endif
}

static inline uint64_t kt_scan_8(const char *at)
{
    uint64_t v;
    memcpy(&v, at, sizeof v);
    return v;
}

static inline uint32_t kt_scan_4(const char *at)
{
    uint32_t v;
    memcpy(&v, at, sizeof v);
    return v;
}

/* memcmp() == 0 for names, which are shorter than its call is long: by words, the last of which
 * overlaps the one before it. */
static inline bool kt_scan_same(const char *a, const char *b, size_t n)
{
    if (n >= 8) {
        for (size_t i = 0; i < n - 8; i += 8)
            if (kt_scan_8(a + i) != kt_scan_8(b + i))
                return false;
        return kt_scan_8(a + n - 8) == kt_scan_8(b + n - 8);
    }
    if (n >= 4)
        return kt_scan_4(a) == kt_scan_4(b) && kt_scan_4(a + n - 4) == kt_scan_4(b + n - 4);
    return n == 0 || (a[0] == b[0] && a[n / 2] == b[n / 2] && a[n - 1] == b[n - 1]);
}

#define KT_SCAN_WORD 32u
/* A bit for each byte in which two words differ. */
static inline uint32_t kt_scan_differ(const char *a, const char *b)
{
#ifdef __SSE2__
    __m128i v[2], w[2];
    memcpy(v, a, sizeof v);
    memcpy(w, b, sizeof w);
    const uint32_t low = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v[0], w[0]));
    const uint32_t high = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v[1], w[1]));
    return ~(low | high << 16);
#else
    uint32_t r = 0;
    for (unsigned i = 0; i < KT_SCAN_WORD; i++)
        r |= (uint32_t)(a[i] != b[i]) << i;
    return r;
#endif
}

/* memcpy() of a name or the like; to and at do not overlap. */
static inline void kt_scan_copy(char *to, const char *at, size_t n)
{
    if (n >= 16) { /* the last ones overlap */
        for (size_t i = 0; i < n - 16; i += 16)
            memcpy(to + i, at + i, 16);
        memcpy(to + n - 16, at + n - 16, 16);
        return;
    }
    if (n >= 8) {
        const uint64_t head = kt_scan_8(at), tail = kt_scan_8(at + n - 8);
        memcpy(to, &head, 8);
        memcpy(to + n - 8, &tail, 8);
        return;
    }
    if (n >= 4) {
        const uint32_t head = kt_scan_4(at), tail = kt_scan_4(at + n - 4);
        memcpy(to, &head, 4);
        memcpy(to + n - 4, &tail, 4);
        return;
    }
    for (size_t i = 0; i < n; i++)
        to[i] = at[i];
}

#ifdef __SSE2__
/* All ones for each quote, backslash, control byte or byte that is no ASCII. */
static inline __m128i kt_scan_special(__m128i v)
{
    __m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
    __m128i slash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
    __m128i other = _mm_cmplt_epi8(v, _mm_set1_epi8(0x20)); /* as signed numbers */
    return _mm_or_si128(other, _mm_or_si128(quote, slash));
}
#endif

/* kt_scan_copy(), and whether all n bytes are ASCII that a JSON string holds as it is. */
static inline bool kt_scan_copy_plain(char *to, const char *at, size_t n)
{
#ifdef __SSE2__
    if (n >= 16) { /* the last ones overlap */
        __m128i special = _mm_setzero_si128();
        for (size_t i = 0;; i = i + 32 < n ? i + 16 : n - 16) {
            __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(at + i));
            _mm_storeu_si128((__m128i *)(void *)(to + i), v);
            special = _mm_or_si128(special, kt_scan_special(v));
            if (i + 16 == n)
                return _mm_movemask_epi8(special) == 0;
        }
    }
    if (n >= 8) {
        const uint64_t head = kt_scan_8(at), tail = kt_scan_8(at + n - 8);
        memcpy(to, &head, 8);
        memcpy(to + n - 8, &tail, 8);
        const __m128i both = _mm_set_epi64x((int64_t)tail, (int64_t)head);
        return _mm_movemask_epi8(kt_scan_special(both)) == 0;
    }
    if (n >= 4) {
        const uint32_t head = kt_scan_4(at), tail = kt_scan_4(at + n - 4);
        memcpy(to, &head, 4);
        memcpy(to + n - 4, &tail, 4);
        const __m128i both = _mm_set1_epi64x((int64_t)(head | (uint64_t)tail << 32));
        return _mm_movemask_epi8(kt_scan_special(both)) == 0;
    }
#endif
    bool plain = true;
    for (size_t i = 0; i < n; i++) {
        plain = plain && kt_scan_is_plain((unsigned char)at[i]) && (unsigned char)at[i] < 0x80;
        to[i] = at[i];
    }
    return plain;
}

/* A bit for each of the 16 bytes at `at` that is a hexadecimal digit. */
static inline unsigned kt_scan_hex16(const char *at)
{
#ifdef __SSE2__
    __m128i v = _mm_loadu_si128((const __m128i *)(const void *)at);
    __m128i digit = _mm_sub_epi8(v, _mm_set1_epi8('0'));
    __m128i letter = _mm_sub_epi8(_mm_or_si128(v, _mm_set1_epi8(0x20)), _mm_set1_epi8('a'));
    digit = _mm_cmpeq_epi8(_mm_min_epu8(digit, _mm_set1_epi8(9)), digit);
    letter = _mm_cmpeq_epi8(_mm_min_epu8(letter, _mm_set1_epi8(5)), letter);
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(digit, letter));
#else
    unsigned r = 0;
    for (unsigned i = 0; i < 16; i++) {
        unsigned char digit = (unsigned char)(at[i] - '0');
        unsigned char letter = (unsigned char)((at[i] | 0x20) - 'a');
        r |= (unsigned)(digit < 10 || letter < 6) << i;
    }
    return r;
#endif
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

#define KT_SCAN_BLOCK 64u

#ifdef __SSE2__
static inline uint64_t kt_scan_bits(__m128i a, __m128i b, __m128i c, __m128i d)
{
    uint64_t low = (unsigned)_mm_movemask_epi8(a) | (unsigned)_mm_movemask_epi8(b) << 16;
    uint64_t high = (unsigned)_mm_movemask_epi8(c) | (unsigned)_mm_movemask_epi8(d) << 16;
    return low | high << 32;
}

static inline uint64_t kt_scan_equal(const __m128i v[4], char c)
{
    __m128i same = _mm_set1_epi8(c);
    return kt_scan_bits(_mm_cmpeq_epi8(v[0], same), _mm_cmpeq_epi8(v[1], same),
                        _mm_cmpeq_epi8(v[2], same), _mm_cmpeq_epi8(v[3], same));
}
#endif

/* Quotes among the first n bytes at `at` (at most 64 are looked at). */
static inline uint64_t kt_scan_quotes(const char *at, size_t n)
{
    uint64_t r = 0;
#ifdef __SSE2__
    if (n >= KT_SCAN_BLOCK) {
        __m128i v[4];
        memcpy(v, at, sizeof v);
        return kt_scan_equal(v, '"');
    }
#endif
    for (size_t i = 0; i < n && i < KT_SCAN_BLOCK; i++)
        r |= (uint64_t)(at[i] == '"') << i;
    return r;
}
