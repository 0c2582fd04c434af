/*
 * columns_codes: codes and keys, as both ways of reading columns look at them.
 *
 * Owns:  nothing.
 * Calls: core/base.
 */
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "core/store/columns_int.h"

bool kt_codes_fit(const uint16_t *code, uint32_t rows, uint16_t most)
{
    uint32_t i = 0;
#ifdef __SSE2__
    __m128i over = _mm_setzero_si128(), limit = _mm_set1_epi16((short)most);
    for (; i + 8 <= rows; i += 8)
        over = _mm_or_si128(
            over, _mm_subs_epu16(_mm_loadu_si128((const __m128i *)(const void *)&code[i]), limit));
    if (_mm_movemask_epi8(_mm_cmpeq_epi16(over, _mm_setzero_si128())) != 0xffff)
        return false;
#endif
    while (i < rows && code[i] <= most)
        i++;
    return i == rows;
}

/* From `first` on there are `span` more: what is before wraps to a large number. */
uint32_t kt_codes_rows(const uint16_t *code, uint32_t rows, uint16_t first, uint16_t last,
                       uint32_t *pick)
{
    const uint16_t span = (uint16_t)(last - first);
    uint32_t n = 0, i = 0;
#ifdef __SSE2__
    const __m128i zero = _mm_setzero_si128(), from = _mm_set1_epi16((short)first),
                  most = _mm_set1_epi16((short)span);
    for (; i + 8 <= rows; i += 8) {
        __m128i some = _mm_loadu_si128((const __m128i *)(const void *)&code[i]);
        __m128i over = _mm_subs_epu16(_mm_sub_epi16(some, from), most);
        unsigned is = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi16(over, zero)); /* two bits each */
        for (; is != 0; is &= is - 1, is &= is - 1)
            pick[n++] = i + (unsigned)__builtin_ctz(is) / 2;
    }
#endif
    for (; i < rows; i++)
        if ((uint16_t)(code[i] - first) <= span)
            pick[n++] = i;
    return n;
}

bool kt_sought_folded(const struct kt_sought *key, unsigned n, struct kt_str entry)
{
    for (unsigned i = 0; i < n; i++)
        if (entry.len == key[i].text.len && kt_str_eq_nocase(entry, key[i].text))
            return true;
    return false;
}
