/*
 * glob: what asks for more than a loop over bytes: patterns, edit distance, UTF-8 (str.h).
 *
 * Owns:  nothing.
 * Calls: libc only.
 * Holds: time of a match is at most pattern length times string length, whatever the two are.
 */
#include <string.h>

#include "core/base/str.h"

/* ---- glob: a set of live pattern positions, moved on by each byte ---- */

#define GLOB_MAX   1024u /* bytes of a pattern; longer ones match nothing */
#define GLOB_WORDS (GLOB_MAX / 64 + 1)

struct positions {
    uint64_t bits[GLOB_WORDS];
};

bool kt_glob_names(struct kt_str glob, unsigned least)
{
    unsigned run = 0, longest = 0;
    for (size_t i = 0; i < glob.len; i++) {
        bool between = glob.at[i] == '/' || glob.at[i] == '@' || glob.at[i] == '.';
        run = glob.at[i] == '*' ? 0 : run + !between;
        longest = run > longest ? run : longest;
    }
    return glob.len > 0 && (longest >= least || kt_str_find_byte(glob, '*', 0) < 0);
}

static size_t star_len(struct kt_str p, size_t j)
{
    if (j >= p.len || p.at[j] != '*')
        return 0;
    return j + 1 < p.len && p.at[j + 1] == '*' ? 2 : 1;
}

/* Position j lives, and so does what comes behind the stars there, which may match nothing. */
static void enter(struct positions *set, struct kt_str p, size_t j)
{
    for (;;) {
        set->bits[j / 64] |= UINT64_C(1) << (j % 64);
        size_t star = star_len(p, j);
        if (star == 0)
            return;
        j += star;
    }
}

static bool step(const struct positions *from, struct positions *to, struct kt_str p, char c)
{
    size_t words = p.len / 64 + 1;
    memset(to->bits, 0, words * sizeof to->bits[0]);
    bool alive = false;
    for (size_t w = 0; w < words; w++) {
        for (uint64_t left = from->bits[w]; left != 0; left &= left - 1) {
            size_t j = w * 64 + (size_t)__builtin_ctzll(left);
            size_t star = star_len(p, j);
            if (star == 2 || (star == 1 && c != '/')) {
                enter(to, p, j);
                alive = true;
            } else if (star == 0 && j < p.len && p.at[j] == c) {
                enter(to, p, j + 1);
                alive = true;
            }
        }
    }
    return alive;
}

bool kt_str_glob(struct kt_str pattern, struct kt_str s)
{
    while (pattern.len > 0 && pattern.at[0] != '*') {
        if (s.len == 0 || s.at[0] != pattern.at[0])
            return false;
        pattern = kt_str_from_index(pattern, 1);
        s = kt_str_from_index(s, 1);
    }
    if (pattern.len == 0)
        return s.len == 0;
    if (pattern.len > GLOB_MAX)
        return false;
    if (pattern.len == 2 && pattern.at[1] == '*')
        return true;

    struct positions sets[2];
    memset(sets[0].bits, 0, (pattern.len / 64 + 1) * sizeof sets[0].bits[0]);
    enter(&sets[0], pattern, 0);
    for (size_t i = 0; i < s.len; i++)
        if (!step(&sets[i % 2], &sets[(i + 1) % 2], pattern, s.at[i]))
            return false;
    return (sets[s.len % 2].bits[pattern.len / 64] >> (pattern.len % 64) & 1) != 0;
}

/* ---- edit distance with swapped neighbours (optimal string alignment) ---- */

#define DISTANCE_MAX 64u

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned ab = a < b ? a : b;
    return ab < c ? ab : c;
}

unsigned kt_str_distance(struct kt_str a, struct kt_str b, unsigned max)
{
    if (a.len > DISTANCE_MAX || b.len > DISTANCE_MAX)
        return max + 1;
    unsigned rows[3][DISTANCE_MAX + 1];
    for (unsigned j = 0; j <= b.len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        const unsigned *before = rows[(i + 1) % 3], *above = rows[(i - 1) % 3];
        unsigned *row = rows[i % 3];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b.len; j++) {
            unsigned change = a.at[i - 1] == b.at[j - 1] ? 0 : 1;
            row[j] = min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + change);
            if (i > 1 && j > 1 && a.at[i - 1] == b.at[j - 2] && a.at[i - 2] == b.at[j - 1] &&
                before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
    }
    unsigned edits = rows[a.len % 3][b.len];
    return edits <= max ? edits : max + 1;
}

struct kt_near kt_near_of(struct kt_str want)
{
    return (struct kt_near){ .want = want, .edits = (unsigned)(want.len / 3) + 2 };
}

void kt_near_try(struct kt_near *near, const char *name)
{
    unsigned edits = kt_str_distance(near->want, kt_str_of(name), near->edits - 1);
    if (edits < near->edits) {
        near->edits = edits;
        near->name = name;
    }
}

/* ---- UTF-8 ---- */

/* Length of the well-formed sequence at p (RFC 3629: no surrogates, no overlong), 0 if none. */
static size_t sequence(const unsigned char *p, size_t left)
{
    if (p[0] < 0x80)
        return 1;
    unsigned low = 0x80, high = 0xBF; /* bounds of the second byte */
    size_t n;
    if (p[0] >= 0xC2 && p[0] <= 0xDF) {
        n = 2;
    } else if (p[0] >= 0xE0 && p[0] <= 0xEF) {
        n = 3;
        low = p[0] == 0xE0 ? 0xA0 : low;
        high = p[0] == 0xED ? 0x9F : high;
    } else if (p[0] >= 0xF0 && p[0] <= 0xF4) {
        n = 4;
        low = p[0] == 0xF0 ? 0x90 : low;
        high = p[0] == 0xF4 ? 0x8F : high;
    } else {
        return 0;
    }
    if (n > left || p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    return n;
}

bool kt_utf8_valid(struct kt_str s)
{
    const unsigned char *p = (const unsigned char *)s.at;
    size_t i = 0;
    while (i < s.len) {
        uint64_t word;
        if (s.len - i >= sizeof word) {
            memcpy(&word, p + i, sizeof word);
            if ((word & UINT64_C(0x8080808080808080)) == 0) {
                i += sizeof word;
                continue;
            }
        }
        size_t n = sequence(p + i, s.len - i);
        if (n == 0)
            return false;
        i += n;
    }
    return true;
}

struct kt_str kt_utf8_cut(struct kt_str s, size_t max)
{
    if (s.len <= max)
        return s;
    size_t end = max;
    while (end > 0 && max - end < 4 && ((unsigned char)s.at[end] & 0xC0) == 0x80)
        end--;
    /* Not UTF-8 at all: a plain cut is as good as any. */
    bool tail = ((unsigned char)s.at[end] & 0xC0) == 0x80;
    return (struct kt_str){ s.at, tail ? max : end };
}
