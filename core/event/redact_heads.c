/*
 * redact_heads: the quick look of redact_shapes.
 *
 * A head ("hvs.", "AKIA", "password=", "Cookie:") is known by its last byte and the two before it.
 * For each of the three there is a set of bytes by kind of head, written as a product of nibbles: a
 * byte may stand in a head of a kind when both its halves say so. That takes in a few bytes too
 * many, which redact_shapes turns away, and lets one instruction look up 32 bytes.
 *
 * Owns:  these sets.
 * Calls: core/base (str).
 */
#include "core/event/redact_heads.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

#define BLOCK KT_REDACT_BLOCK

/* Kinds of heads. */
enum {
    TOKEN = 1,   /* gh?_, live_, hv?., dp.sa., xox?-, but what has an s there */
    TOKEN_T = 2, /* a t or an s there: pat_, ops_, ghs_, hvs., dp.?t., glpat-, xoxs- */
    OLD = 4,     /* s. has nothing before it: any byte */
    WORD = 8,    /* AKIA, ASIA, eyJ; Bearer, Basic, BEGIN and their blank */
    PAIR = 16,   /* password=, with a blank before the sign: any byte before that */
    HEADER = 32, /* Cookie: …, 'password': */
    MEMBER = 64, /* "password": */
    URL = 128,   /* x:/, x:% */
    BOTH = TOKEN | TOKEN_T,
    ANY = OLD | PAIR | URL
};
/* Kinds by the low and the high four bits of the last byte and of the one before, by the low ones
 * of the second before. */
static const unsigned char last_low[16] = {
    [0x0] = WORD,        [0x1] = WORD,       [0x5] = URL,        [0xA] = WORD | HEADER | MEMBER,
    [0xD] = BOTH | PAIR, [0xE] = BOTH | OLD, [0xF] = BOTH | URL,
};
static const unsigned char last_high[16] = {
    [0x2] = WORD | BOTH | OLD | URL,
    [0x3] = HEADER | MEMBER | PAIR,
    [0x4] = WORD,
    [0x5] = BOTH,
};
static const unsigned char before_low[16] = {
    [0x0] = TOKEN | PAIR,
    [0x1] = TOKEN,
    [0x2] = TOKEN | MEMBER | WORD,
    [0x3] = TOKEN_T | OLD | WORD,
    [0x4] = TOKEN_T | PAIR,
    [0x5] = TOKEN | PAIR | HEADER,
    [0x7] = PAIR | HEADER,
    [0x9] = WORD | PAIR | HEADER,
    [0xA] = URL,
    [0xE] = PAIR | HEADER | WORD,
    [0xF] = TOKEN,
};
static const unsigned char before_high[16] = {
    [0x2] = PAIR | MEMBER | HEADER,       [0x3] = URL,
    [0x4] = WORD | PAIR | HEADER,         [0x5] = WORD | PAIR | HEADER,
    [0x6] = TOKEN | PAIR | HEADER | WORD, [0x7] = BOTH | OLD | WORD | PAIR | HEADER,
};
static const unsigned char second_low[16] = {
    [0x0] = TOKEN_T,
    [0x1] = TOKEN_T,
    [0x3] = BOTH | WORD,
    [0x4] = HEADER | MEMBER,
    [0x5] = WORD | HEADER | MEMBER,
    [0x6] = BOTH,
    [0x7] = HEADER | MEMBER,
    [0x8] = BOTH,
    [0x9] = WORD | HEADER | MEMBER,
    [0xB] = WORD,
    [0xC] = HEADER | MEMBER,
    [0xE] = HEADER | MEMBER,
    [0xF] = HEADER,
};
/* Letters, digits and _-+/=~; a bit for each high half. */
static const unsigned char code_low[16] = { 0xA8, 0xF8, 0xF8, 0xF8, 0xF8, 0xF8, 0xF8, 0xF8,
                                            0xF8, 0xF8, 0xF0, 0x54, 0x50, 0x5C, 0xD0, 0x74 };
static const unsigned char code_high[16] = {
    [0x2] = 0x04, [0x3] = 0x08, [0x4] = 0x10, [0x5] = 0x20, [0x6] = 0x40, [0x7] = 0x80
};

/* ---- a byte at a time ---- */

/* As the wide instruction looks up: nothing for a byte that is no ASCII. */
static unsigned by_low(const unsigned char table[16], char c)
{
    return (unsigned char)c < 0x80 ? table[c & 15] : 0;
}

static unsigned by_high(const unsigned char table[16], char c)
{
    return table[(unsigned char)c >> 4];
}

/* Does the head of one of these kinds end with the byte at `at`? */
static bool is_head(const char *at, unsigned wanted)
{
    unsigned k = by_low(last_low, *at) & by_high(last_high, *at) & wanted;
    return k != 0 && (k & by_low(before_low, at[-1]) & by_high(before_high, at[-1]) &
                      (by_low(second_low, at[-2]) | ANY)) != 0;
}

/* The places in each of n blocks at `at`; the two bytes before it are looked at too. */
static void heads_plain(const char *at, size_t n, unsigned wanted, uint64_t *ret_bits)
{
    for (size_t block = 0; block < n; block++, at += BLOCK) {
        ret_bits[block] = 0;
        for (unsigned i = 0; i < BLOCK; i++)
            ret_bits[block] |= (uint64_t)is_head(at + i, wanted) << i;
    }
}

static bool is_code(char c)
{
    return (by_low(code_low, c) & by_high(code_high, c)) != 0;
}

/* ---- 32 bytes at a time ---- */

#ifdef __x86_64__
#define AVX2 __attribute__((target("avx2")))

AVX2 static inline __m256i load(const char *at)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)at);
}

AVX2 static inline __m256i low(const unsigned char table[16], __m256i v)
{
    const __m128i once = _mm_loadu_si128((const __m128i *)(const void *)table);
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(once), v);
}

AVX2 static inline __m256i high(const unsigned char table[16], __m256i v)
{
    return low(table, _mm256_and_si256(_mm256_srli_epi16(v, 4), _mm256_set1_epi8(15)));
}

AVX2 static inline uint32_t any(__m256i v)
{
    return ~(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(v, _mm256_setzero_si256()));
}

AVX2 static inline uint32_t heads32(const char *at, __m256i wanted)
{
    const __m256i last = load(at), before = load(at - 1);
    const __m256i second =
        _mm256_or_si256(low(second_low, load(at - 2)), _mm256_set1_epi8((char)ANY));
    __m256i k = _mm256_and_si256(low(last_low, last), high(last_high, last));
    k = _mm256_and_si256(k, _mm256_and_si256(low(before_low, before), high(before_high, before)));
    return any(_mm256_and_si256(k, _mm256_and_si256(second, wanted)));
}

AVX2 static void heads_avx2(const char *at, size_t n, unsigned wanted, uint64_t *ret_bits)
{
    const __m256i all = _mm256_set1_epi8((char)wanted);
    for (size_t block = 0; block < n; block++, at += BLOCK)
        ret_bits[block] = heads32(at, all) | (uint64_t)heads32(at + 32, all) << 32;
}

AVX2 static inline uint32_t others32(const char *at)
{
    const __m256i v = load(at);
    return ~any(_mm256_and_si256(low(code_low, v), high(code_high, v)));
}

/* Of s, which is at least as long as a run. A run that long has all of one half of a block; the
 * last bytes, fewer than a block, are looked at with those before them. */
AVX2 static size_t run_avx2(struct kt_str s, size_t at)
{
    uint32_t before = UINT32_C(1) << 31;
    for (; s.len - at >= KT_REDACT_RUN; at += KT_REDACT_RUN) {
        const uint32_t other = others32(s.at + at);
        if ((uint16_t)other == 0 || before >> 16 == 0) {
            const unsigned n = (unsigned)__builtin_clz(before);
            if (other == 0 || n + (unsigned)__builtin_ctz(other) >= KT_REDACT_RUN)
                return at - n;
        }
        before = other;
    }
    const unsigned n = (unsigned)__builtin_clz(before), left = (unsigned)(s.len - at);
    if (n + left < KT_REDACT_RUN)
        return s.len;
    const uint32_t other = others32(s.at + s.len - KT_REDACT_RUN) >> (KT_REDACT_RUN - left);
    return n + (other != 0 ? (unsigned)__builtin_ctz(other) : left) >= KT_REDACT_RUN ? at - n
                                                                                     : s.len;
}

AVX2 static inline uint32_t capitals32(const char *at)
{
    const __m256i v = load(at);
    return (uint32_t)_mm256_movemask_epi8(
        _mm256_and_si256(_mm256_cmpgt_epi8(v, _mm256_set1_epi8('A' - 1)),
                         _mm256_cmpgt_epi8(_mm256_set1_epi8('Z' + 1), v)));
}

/* Moves *at over the codes in front of it, as long as blocks are whole; true when they end. */
AVX2 static bool end_avx2(struct kt_str s, size_t *at, bool *capital)
{
    for (; s.len - *at >= KT_REDACT_RUN; *at += KT_REDACT_RUN) {
        const uint32_t capitals = capitals32(s.at + *at), other = others32(s.at + *at);
        *capital |= (capitals & (other ^ (other - 1))) != 0; /* those in front of the first other */
        if (other != 0) {
            *at += (unsigned)__builtin_ctz(other);
            return true;
        }
    }
    return false;
}

static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2");
}
#else
#define heads_avx2 heads_plain
static size_t run_avx2(struct kt_str s, size_t at)
{
    (void)at;
    return s.len;
}

static bool end_avx2(struct kt_str s, size_t *at, bool *capital)
{
    (void)s;
    (void)at;
    (void)capital;
    return false;
}

static bool has_avx2(void)
{
    return false;
}
#endif

/* heads_avx2 or heads_plain */
typedef void heads_fn(const char *at, size_t n, unsigned wanted, uint64_t *ret_bits);

/* The block at `at`, where s ends or begins in it, with room around it. */
static __attribute__((noinline)) void at_edge(heads_fn *heads, struct kt_str s, size_t at,
                                              unsigned wanted, uint64_t *ret_bits)
{
    char room[2 + BLOCK] = { 0 };
    size_t from = at < 2 ? 0 : at - 2, to = s.len - at < BLOCK ? s.len : at + BLOCK;
    memcpy(room + 2 - (at - from), s.at + from, to - from);
    heads(room + 2, 1, wanted, ret_bits);
}

/* The bytes from `at`, which are fewer than a block: with those before them, which were looked at.
 */
static void at_end(heads_fn *heads, struct kt_str s, size_t at, unsigned wanted, uint64_t *ret_bits)
{
    heads(s.at + s.len - BLOCK, 1, wanted, ret_bits);
    *ret_bits >>= BLOCK - (s.len - at);
}

bool kt_redact_heads_more(struct kt_redact_heads *h)
{
    const struct kt_str s = h->text;
    const unsigned wanted = h->members ? 0xFF : 0xFF & ~MEMBER;
    heads_fn *const heads = has_avx2() && !h->plain ? heads_avx2 : heads_plain;
    const size_t base = h->base + h->n * BLOCK;
    if (base >= s.len)
        return false;
    const size_t whole = base < 2 ? 0 : (s.len - base) / BLOCK;
    h->base = base;
    h->i = 0;
    h->n = whole < h->most ? (unsigned)whole : h->most;
    h->most = h->most < KT_REDACT_SPAN / 2 ? h->most * 2 : KT_REDACT_SPAN;
    if (h->n > 0)
        heads(s.at + base, h->n, wanted, h->bits);
    else if (base >= 2 && s.len >= BLOCK + 2)
        at_end(heads, s, base, wanted, h->bits);
    else
        at_edge(heads, s, base, wanted, h->bits);
    h->n += h->n == 0;
    return true;
}

size_t kt_redact_code_run(struct kt_str s, size_t from)
{
    size_t run = 0;
    if (s.len - from < KT_REDACT_RUN)
        return s.len;
    if (has_avx2())
        return run_avx2(s, from);
    for (size_t at = from; at < s.len; at++) {
        run = is_code(s.at[at]) ? run + 1 : 0;
        if (run == KT_REDACT_RUN)
            return at + 1 - run;
    }
    return s.len;
}

size_t kt_redact_code_end(struct kt_str s, size_t at, bool *ret_capital)
{
    bool capital = false;
    if (!has_avx2() || !end_avx2(s, &at, &capital))
        for (; at < s.len && is_code(s.at[at]); at++)
            capital |= s.at[at] >= 'A' && s.at[at] <= 'Z';
    *ret_capital = capital;
    return at;
}
