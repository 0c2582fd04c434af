/*
 * scan_blocks: one look at 64 bytes: 32 at a time where the processor has AVX2, else a byte at a
 * time.
 *
 * Owns:  nothing.
 * Calls: nothing.
 */
#include "core/event/scan_blocks.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

#define BLOCK 64u

/* ---- a byte at a time ---- */

static bool block_plain(const char *at, const struct kt_scan_set *set, bool inside,
                        struct kt_scan_block *ret)
{
    *ret = (struct kt_scan_block){ 0 };
    for (unsigned i = 0; i < BLOCK; i++) {
        const char c = at[i], folded = (char)(c | 0x20); /* '[' and ']' become '{' and '}' */
        inside ^= c == '"';
        ret->quote |= (uint64_t)(c == '"') << i;
        ret->backslash |= (uint64_t)(c == '\\') << i;
        ret->inside |= (uint64_t)inside << i;
        ret->shape |= (uint64_t)(inside ? c == '\n' : folded == '{' || folded == '}') << i;
        ret->in_set |= (uint64_t)((set->low[c & 15] & set->high[(unsigned char)c >> 4]) != 0) << i;
    }
    return inside;
}

void kt_scan_blocks_plain(const char *at, size_t n, const struct kt_scan_set *set, bool inside,
                          struct kt_scan_block *ret)
{
    for (size_t i = 0; i < n; i++)
        inside = block_plain(at + i * BLOCK, set, inside, &ret[i]);
}

struct kt_scan_text kt_scan_text_plain(const char *at, size_t n, uint64_t *ret_quotes)
{
    struct kt_scan_text t = { false, false, 0 };
    for (size_t b = 0; b < n; b++, at += BLOCK) {
        ret_quotes[b] = 0;
        for (unsigned i = 0; i < BLOCK; i++) {
            const unsigned char c = (unsigned char)at[i];
            ret_quotes[b] |= (uint64_t)(c == '"') << i;
            t.special |= c < 0x20 || c == '\\';
            t.high |= c >= 0x80;
            t.n_quotes += c == '"';
        }
    }
    return t;
}

/* ---- 32 bytes at a time ---- */

#ifdef __x86_64__
#define AVX2 __attribute__((target("avx2,pclmul,popcnt")))

AVX2 static inline __m256i load(const char *at)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)at);
}

AVX2 static inline __m256i is(__m256i v, char c)
{
    return _mm256_cmpeq_epi8(v, _mm256_set1_epi8(c));
}

AVX2 static inline uint64_t bits(__m256i low, __m256i high)
{
    return (uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high)
                                                     << 32;
}

AVX2 static inline __m256i is_bracket(__m256i v)
{
    const __m256i folded = _mm256_or_si256(v, _mm256_set1_epi8(0x20));
    return _mm256_or_si256(is(folded, '{'), is(folded, '}'));
}

AVX2 static inline __m256i half(const unsigned char table[16])
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)table));
}

/* All ones where a byte is none of the set. */
AVX2 static inline __m256i is_not_in(__m256i low, __m256i high, __m256i v)
{
    const __m256i half = _mm256_set1_epi8(15);
    const __m256i by_low = _mm256_shuffle_epi8(low, _mm256_and_si256(v, half));
    const __m256i by_high =
        _mm256_shuffle_epi8(high, _mm256_and_si256(_mm256_srli_epi16(v, 4), half));
    return _mm256_cmpeq_epi8(_mm256_and_si256(by_low, by_high), _mm256_setzero_si256());
}

AVX2 static void blocks_avx2(const char *at, size_t n, const struct kt_scan_set *set, bool inside,
                             struct kt_scan_block *ret)
{
    const __m256i low = half(set->low), high = half(set->high);
    uint64_t before = inside ? UINT64_MAX : 0; /* what the last byte was */
    for (; n > 0; n--, at += BLOCK, ret++) {
        const __m256i a = load(at), b = load(at + 32);
        const uint64_t quote = bits(is(a, '"'), is(b, '"'));
        /* a product without carries by all ones sums up the bits so far */
        const __m128i sums =
            _mm_clmulepi64_si128(_mm_set_epi64x(0, (long long)quote), _mm_set1_epi8((char)0xFF), 0);
        const uint64_t in = (uint64_t)_mm_cvtsi128_si64(sums) ^ before;
        before = (uint64_t)((int64_t)in >> 63);
        *ret = (struct kt_scan_block){
            .quote = quote,
            .backslash = bits(is(a, '\\'), is(b, '\\')),
            .inside = in,
            .shape =
                (bits(is_bracket(a), is_bracket(b)) & ~in) | (bits(is(a, '\n'), is(b, '\n')) & in),
            .in_set = ~bits(is_not_in(low, high, a), is_not_in(low, high, b)),
        };
    }
}

AVX2 static inline __m256i is_special(__m256i v)
{
    const __m256i control = _mm256_cmpeq_epi8(_mm256_min_epu8(v, _mm256_set1_epi8(0x1f)), v);
    return _mm256_or_si256(control, is(v, '\\'));
}

AVX2 static struct kt_scan_text text_avx2(const char *at, size_t n, uint64_t *ret_quotes)
{
    __m256i special = _mm256_setzero_si256(), any = special;
    unsigned n_quotes = 0;
    for (size_t i = 0; i < n; i++, at += BLOCK) {
        const __m256i a = load(at), b = load(at + 32);
        special = _mm256_or_si256(special, _mm256_or_si256(is_special(a), is_special(b)));
        any = _mm256_or_si256(any, _mm256_or_si256(a, b));
        ret_quotes[i] = bits(is(a, '"'), is(b, '"'));
        n_quotes += (unsigned)__builtin_popcountll(ret_quotes[i]);
    }
    return (struct kt_scan_text){ .special = _mm256_movemask_epi8(special) != 0,
                                  .high = _mm256_movemask_epi8(any) != 0,
                                  .n_quotes = n_quotes };
}

static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("pclmul") &&
           __builtin_cpu_supports("popcnt");
}
#else
#define blocks_avx2 kt_scan_blocks_plain
#define text_avx2   kt_scan_text_plain

static bool has_avx2(void)
{
    return false;
}
#endif

/* ---- the door ---- */

void kt_scan_blocks(const char *at, size_t n, const struct kt_scan_set *set, bool inside,
                    struct kt_scan_block *ret)
{
    if (has_avx2())
        blocks_avx2(at, n, set, inside, ret);
    else
        kt_scan_blocks_plain(at, n, set, inside, ret);
}

struct kt_scan_text kt_scan_text(const char *at, size_t n, uint64_t *ret_quotes)
{
    return has_avx2() ? text_avx2(at, n, ret_quotes) : kt_scan_text_plain(at, n, ret_quotes);
}
