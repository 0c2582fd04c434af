/*
 * packed_codes: a run of codes, sixteen at a time where the processor has AVX2.
 *
 * Owns:  nothing.
 * Calls: nothing.
 * Holds: nothing is read behind the column's room, whatever its bytes say.
 */
#include "core/store/packed_codes.h"

#include <stdbool.h>

#ifdef __x86_64__
#include <immintrin.h>
#endif

#define LANES                                                                                      \
    8u /* rows whose codes are whole bytes together: each begins at the same bit as of the         \
          eight before */

void kt_packed_code_run_plain(const struct kt_packed_codes *c, uint32_t from, uint32_t until,
                              uint16_t *ret)
{
    const unsigned char *at = c->at + (size_t)from * c->width / 8;
    const uint32_t mask = (1u << c->width) - 1;
    unsigned first[LANES], shift[LANES];
    uint32_t i = from;
    for (unsigned k = 0; k < LANES; k++) {
        first[k] = k * c->width / 8;
        shift[k] = k * c->width % 8;
    }
    for (; i + LANES <= until; i += LANES, at += c->width)
        for (unsigned k = 0; k < LANES; k++) {
            uint32_t word;
            memcpy(&word, at + first[k], sizeof word);
            *ret++ = (uint16_t)((le32toh(word) >> shift[k] & mask) + c->least);
        }
    for (; i < until; i++)
        *ret++ = (uint16_t)kt_packed_code(c, i);
}

#ifdef __x86_64__
#define AVX2 __attribute__((target("avx2")))
#define READ 16u /* bytes: eight codes have no more */

struct lanes { /* where the eight codes of `width` bytes stand */
    __m256i bytes, shift, mask;
};

/* A code has bits of up to three bytes; of those behind the sixteenth none is of these codes. */
AVX2 static struct lanes lanes_of(unsigned width)
{
    uint8_t bytes[32];
    uint32_t shift[LANES];
    for (unsigned k = 0; k < LANES; k++) {
        shift[k] = k * width % 8;
        for (unsigned b = 0; b < 4; b++) {
            unsigned at = k * width / 8 + b;
            bytes[4 * k + b] = b < 3 && at < READ ? (uint8_t)at : 0x80; /* 0x80 gives 0 */
        }
    }
    return (struct lanes){ _mm256_loadu_si256((const __m256i *)(const void *)bytes),
                           _mm256_loadu_si256((const __m256i *)(const void *)shift),
                           _mm256_set1_epi32((int)((1u << width) - 1)) };
}

AVX2 static inline __m256i eight(const unsigned char *at, const struct lanes *l)
{
    const __m256i both =
        _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)at));
    return _mm256_and_si256(_mm256_srlv_epi32(_mm256_shuffle_epi8(both, l->bytes), l->shift),
                            l->mask);
}

AVX2 static void run_avx2(const struct kt_packed_codes *c, uint32_t from, uint32_t until,
                          uint16_t *ret)
{
    const struct lanes l = lanes_of(c->width);
    const __m256i least = _mm256_set1_epi16((short)c->least);
    const unsigned step = 2 * c->width;
    size_t at = (size_t)from * c->width / 8;
    uint32_t i = from;
    for (; i + 2 * LANES <= until && at + c->width + READ <= c->room; i += 2 * LANES, at += step) {
        const __m256i a = eight(c->at + at, &l), b = eight(c->at + at + c->width, &l);
        /* what was packed stands in four quarters: a, b, a, b */
        const __m256i both = _mm256_permute4x64_epi64(_mm256_packus_epi32(a, b), 0xd8);
        _mm256_storeu_si256((__m256i *)(void *)ret, _mm256_add_epi16(both, least));
        ret += 2 * LANES;
    }
    kt_packed_code_run_plain(c, i, until, ret);
}

static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2");
}
#else
#define run_avx2 kt_packed_code_run_plain

static bool has_avx2(void)
{
    return false;
}
#endif

void kt_packed_code_run(const struct kt_packed_codes *c, uint32_t from, uint32_t until,
                        uint16_t *ret)
{
    if (has_avx2())
        run_avx2(c, from, until, ret);
    else
        kt_packed_code_run_plain(c, from, until, ret);
}
