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
    UNDER = 1,    /* ghp_ … */
    DOT = 2,      /* hvs. …; "s." has nothing before it: any byte */
    DASH = 4,     /* xoxb- … */
    WORD = 8,     /* AKIA, ASIA, eyJ; Bearer, Basic, BEGIN and their blank */
    PAIR = 16,    /* password=, with a blank before the sign: any byte before that */
    HEADER = 32,  /* Cookie: … */
    MEMBER = 64,  /* "password": */
    QUOTED = 128, /* 'password': */
    ANY = DOT | PAIR,
    NAMED = MEMBER | QUOTED
};
struct bytes {
    unsigned char low[16], high[16]; /* kinds by the byte's low and high four bits */
};
static const struct bytes last = {
    .low = { [0x0] = WORD,
             [0x1] = WORD,
             [0xA] = WORD | HEADER | NAMED,
             [0xD] = DASH | PAIR,
             [0xE] = DOT,
             [0xF] = UNDER },
    .high = { [0x2] = WORD | DASH | DOT,
              [0x3] = HEADER | NAMED | PAIR,
              [0x4] = WORD,
              [0x5] = UNDER },
};
static const struct bytes before = {
    .low = { [0x0] = UNDER | DASH | PAIR,
             [0x1] = DOT | DASH,
             [0x2] = UNDER | DOT | DASH | MEMBER | WORD,
             [0x3] = UNDER | DOT | DASH | WORD,
             [0x4] = UNDER | DOT | DASH | PAIR,
             [0x5] = UNDER | PAIR | HEADER,
             [0x7] = PAIR | QUOTED,
             [0x9] = WORD | PAIR | HEADER,
             [0xE] = PAIR | HEADER | WORD,
             [0xF] = UNDER },
    .high = { [0x2] = PAIR | NAMED,
              [0x4] = WORD | PAIR | HEADER,
              [0x5] = WORD | PAIR | HEADER,
              [0x6] = UNDER | DOT | DASH | PAIR | HEADER | WORD,
              [0x7] = UNDER | DOT | DASH | WORD | PAIR | HEADER },
};
static const struct bytes second = {
    .low = { ANY | UNDER, ANY | UNDER | DASH, ANY, ANY | WORD, ANY | NAMED,
             ANY | WORD | HEADER | NAMED, ANY | UNDER, ANY | NAMED, ANY | UNDER | DASH,
             ANY | WORD | HEADER | NAMED, ANY, ANY | WORD, ANY | NAMED, ANY, ANY | NAMED,
             ANY | HEADER },
    .high = { ANY, ANY, ANY, ANY, ANY | WORD | HEADER | NAMED, ANY | WORD | NAMED,
              ANY | UNDER | DASH | WORD | HEADER | NAMED, ANY | UNDER | DASH | NAMED, ANY, ANY, ANY,
              ANY, ANY, ANY, ANY, ANY },
};
/* Letters, digits and _-+/=~; a bit for each high half. */
static const struct bytes code = {
    .low = { 0xA8, 0xF8, 0xF8, 0xF8, 0xF8, 0xF8, 0xF8, 0xF8, 0xF8, 0xF8, 0xF0, 0x54, 0x50, 0x5C,
             0xD0, 0x74 },
    .high = { [0x2] = 0x04, [0x3] = 0x08, [0x4] = 0x10, [0x5] = 0x20, [0x6] = 0x40, [0x7] = 0x80 },
};

/* ---- a byte at a time ---- */

static unsigned kinds(const struct bytes *set, char c)
{
    return set->low[c & 15] & set->high[(unsigned char)c >> 4];
}

/* Bits of the places among the 64 bytes at `at`; two bytes before and one behind are looked at. */
static uint64_t heads_plain(const char *at, unsigned wanted)
{
    uint64_t bits = 0;
    for (unsigned i = 0; i < BLOCK; i++, at++) {
        unsigned k = kinds(&last, *at) & wanted;
        bool url = *at == ':' && (at[1] == '/' || at[1] == '%');
        if (k != 0 && (url || (k & kinds(&before, at[-1]) & kinds(&second, at[-2])) != 0))
            bits |= UINT64_C(1) << i;
    }
    return bits;
}

static unsigned code_plain(const char *at)
{
    unsigned n = 0;
    while (n < 32 && kinds(&code, at[31 - n]) != 0)
        n++;
    return n;
}

/* ---- 32 bytes at a time ---- */

#ifdef __x86_64__
#define AVX2 __attribute__((target("avx2")))

AVX2 static inline __m256i load(const void *at)
{
    return _mm256_loadu_si256((const __m256i *)at);
}

AVX2 static inline __m256i twice(const unsigned char *at)
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)at));
}

AVX2 static inline __m256i kinds32(const struct bytes *set, __m256i v)
{
    const __m256i half = _mm256_set1_epi8(15);
    __m256i low = _mm256_shuffle_epi8(twice(set->low), _mm256_and_si256(v, half));
    __m256i high =
        _mm256_shuffle_epi8(twice(set->high), _mm256_and_si256(_mm256_srli_epi16(v, 4), half));
    return _mm256_and_si256(low, high);
}

AVX2 static inline __m256i is(__m256i v, char c)
{
    return _mm256_cmpeq_epi8(v, _mm256_set1_epi8(c));
}

AVX2 static inline uint32_t heads32(const char *at, __m256i wanted)
{
    const __m256i v = load(at), next = load(at + 1);
    __m256i k = _mm256_and_si256(kinds32(&last, v), wanted);
    k = _mm256_and_si256(k, kinds32(&before, load(at - 1)));
    k = _mm256_and_si256(k, kinds32(&second, load(at - 2)));
    __m256i url = _mm256_and_si256(is(v, ':'), _mm256_or_si256(is(next, '/'), is(next, '%')));
    return ~(uint32_t)_mm256_movemask_epi8(is(_mm256_or_si256(k, url), 0));
}

AVX2 static uint64_t heads_avx2(const char *at, unsigned wanted)
{
    const __m256i all = _mm256_set1_epi8((char)wanted);
    return heads32(at, all) | (uint64_t)heads32(at + 32, all) << 32;
}

AVX2 static unsigned code_avx2(const char *at)
{
    uint32_t other = (uint32_t)_mm256_movemask_epi8(is(kinds32(&code, load(at)), 0));
    return other == 0 ? 32 : (unsigned)__builtin_clz(other);
}

static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2");
}
#else
#define heads_avx2 heads_plain
#define code_avx2  code_plain
static bool has_avx2(void)
{
    return false;
}
#endif

/* The block at `at`, where s ends or begins in it, with room around it. */
static const char *with_room(struct kt_str s, size_t at, char room[2 + BLOCK + 1])
{
    size_t from = at < 2 ? 0 : at - 2, to = s.len - at < BLOCK + 1 ? s.len : at + BLOCK + 1;
    memset(room, 0, 2 + BLOCK + 1);
    memcpy(room + 2 - (at - from), s.at + from, to - from);
    return room + 2;
}

void kt_redact_heads_more(struct kt_redact_heads *h)
{
    const struct kt_str s = h->text;
    const unsigned wanted = h->members ? 0xFF : 0xFF & ~MEMBER;
    const bool wide = has_avx2() && !h->plain;
    uint64_t (*heads)(const char *at, unsigned wanted) = wide ? heads_avx2 : heads_plain;
    char room[2 + BLOCK + 1];
    for (; h->bits == 0 && h->next < s.len; h->next += BLOCK) {
        bool edge = h->next < 2 || s.len - h->next <= BLOCK;
        h->bits = heads(edge ? with_room(s, h->next, room) : s.at + h->next, wanted);
    }
}

unsigned kt_redact_code_bytes(const char *at)
{
    return has_avx2() ? code_avx2(at) : code_plain(at);
}
