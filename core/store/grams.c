/*
 * grams: see the header.
 *
 * Owns:  nothing.
 * Calls: core/base.
 * Holds: the same text gives the same filter; a filter is read as hostile bytes.
 */
#include "core/store/grams.h"

#include <endian.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define LOG2_MAX  16u
#define LOG2_MIN  6u
#define WORDS_MAX (1u << (LOG2_MAX - 6))

_Static_assert(sizeof((struct kt_grams *)0)->slots == 8 * WORDS_MAX, "a bit a slot");

static inline uint32_t slot_at(const char *at)
{
    uint32_t gram;
    memcpy(&gram, at, sizeof gram);
    return le32toh(gram) * 0x9e3779b1u >> (32 - LOG2_MAX);
}

static inline bool begins_gram(char c)
{
    return ((unsigned char)c & 3) == 1;
}

static inline void mark(struct kt_grams *g, uint32_t slot)
{
    g->slots[slot >> 6] |= (uint64_t)1 << (slot & 63);
}

#define AT_ONCE 64u
/* A bit for each of so many bytes that begins a gram. */
static inline uint64_t beginnings(const char *at)
{
    uint64_t bits = 0;
#ifdef __SSE2__
    for (unsigned i = 0; i < AT_ONCE; i += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(at + i));
        __m128i is = _mm_cmpeq_epi8(_mm_and_si128(v, _mm_set1_epi8(3)), _mm_set1_epi8(1));
        bits |= (uint64_t)(unsigned)_mm_movemask_epi8(is) << i;
    }
#else
    for (unsigned i = 0; i < AT_ONCE; i++)
        bits |= (uint64_t)begins_gram(at[i]) << i;
#endif
    return bits;
}

static void take(struct kt_grams *g, struct kt_str text)
{
    size_t i = 0;
    memset(g->slots, 0, sizeof g->slots);
    for (; i + AT_ONCE + KT_GRAM <= text.len; i += AT_ONCE)
        for (uint64_t bits = beginnings(text.at + i); bits != 0; bits &= bits - 1)
            mark(g, slot_at(text.at + i + (unsigned)__builtin_ctzll(bits)));
    for (; i + KT_GRAM <= text.len; i++)
        if (begins_gram(text.at[i]))
            mark(g, slot_at(text.at + i));
}

/* Half as many slots while no more than half of those would be set. */
static unsigned fold(struct kt_grams *g)
{
    unsigned log2 = LOG2_MAX;
    for (; log2 > LOG2_MIN; log2--) {
        size_t half = (size_t)1 << (log2 - 7), set = 0;
        for (size_t i = 0; i < half; i++)
            set += (size_t)__builtin_popcountll(g->slots[i] | g->slots[half + i]);
        if (set > half * 32)
            break;
        for (size_t i = 0; i < half; i++)
            g->slots[i] |= g->slots[half + i];
    }
    return log2;
}

void kt_grams_pack(struct kt_grams *g, struct kt_str text, struct kt_buf *out)
{
    take(g, text);
    unsigned log2 = fold(g);
    size_t words = (size_t)1 << (log2 - 6), most = text.len / KT_GRAMS_TEXT_A_BYTE / 8 + 1;
    words = words < most ? words : most;
    kt_buf_byte(out, (char)log2);
    kt_buf_u32(out, (uint32_t)(8 * words));
    for (size_t i = 0; i < words; i++)
        kt_buf_u64(out, g->slots[i]);
}

bool kt_grams_next(struct kt_rd *rd, struct kt_grams_block *ret)
{
    unsigned log2 = kt_rd_u8(rd);
    struct kt_str kept = kt_rd_str32(rd);
    if (rd->bad || log2 < LOG2_MIN || log2 > LOG2_MAX || kept.len > (size_t)1 << (log2 - 3))
        return false;
    *ret = (struct kt_grams_block){ log2, kept };
    return true;
}

bool kt_grams_help(const struct kt_str *text, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (text[i].len >= KT_GRAM)
            return true;
    return false;
}

static bool has_slot(const struct kt_grams_block *b, uint32_t slot)
{
    return slot / 8 >= b->kept.len || ((uint8_t)b->kept.at[slot / 8] >> slot % 8 & 1);
}

static bool may_hold(const struct kt_grams_block *b, struct kt_str text)
{
    const uint32_t mask = (1u << b->log2_slots) - 1;
    for (size_t i = 0; i + KT_GRAM <= text.len; i++)
        if (begins_gram(text.at[i]) && !has_slot(b, slot_at(text.at + i) & mask))
            return false;
    return true;
}

bool kt_grams_may(const struct kt_grams_block *b, const struct kt_str *text, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (!may_hold(b, text[i]))
            return false;
    return true;
}
