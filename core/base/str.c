/*
 * str: comparing, searching, splitting and numbers of borrowed byte strings.
 *
 * Owns:  nothing; kt_str_dup hands its copy out.
 * Calls: alloc.
 * Holds: never reads past len; a NULL `at` goes with len 0.
 */
#include "core/base/str.h"

#include <assert.h>
#include <string.h>

#include "core/base/alloc.h"

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool bytes_eq_nocase(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (lower(a[i]) != lower(b[i]))
            return false;
    return true;
}

bool kt_str_eq_nocase(struct kt_str a, struct kt_str b)
{
    return a.len == b.len && bytes_eq_nocase(a.at, b.at, a.len);
}

int kt_str_cmp(struct kt_str a, struct kt_str b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int order = n > 0 ? memcmp(a.at, b.at, n) : 0;
    if (order != 0)
        return order < 0 ? -1 : 1;
    return (a.len > b.len) - (a.len < b.len);
}

bool kt_str_starts_nocase(struct kt_str s, struct kt_str prefix)
{
    return s.len >= prefix.len && bytes_eq_nocase(s.at, prefix.at, prefix.len);
}

size_t kt_str_shared(struct kt_str a, struct kt_str b)
{
    size_t n = a.len < b.len ? a.len : b.len, i = 0;
    while (i < n && a.at[i] == b.at[i])
        i++;
    return i;
}

/* How common a byte is in what keytrail searches, JSON lines: 0 rare, 3 everywhere. */
static unsigned commonness(unsigned char c)
{
#define BIT(c) (UINT64_C(1) << ((c)&63))
    static const uint64_t everywhere[4] = { BIT('"') | BIT(':') | BIT(','),
                                            BIT('a') | BIT('e') | BIT('i') | BIT('n') | BIT('o') |
                                                BIT('r') | BIT('s') | BIT('t') };
#undef BIT
    if ((everywhere[c >> 6] >> (c & 63) & 1) != 0)
        return 3;
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ? 2
           : c >= 'A' && c <= 'Z'                                                   ? 1
                                                                                    : 0;
}

/* The place of a byte of the needle that is as rare as any of its first 64. */
static size_t rarest(struct kt_str needle)
{
    size_t rare = 0;
    unsigned least = commonness((unsigned char)needle.at[0]);
    for (size_t i = 1; i < needle.len && i < 64 && least > 0; i++) {
        unsigned own = commonness((unsigned char)needle.at[i]);
        if (own < least) {
            least = own;
            rare = i;
        }
    }
    return rare;
}

/* memchr for the needle's rarest byte runs at the speed of memory. Where that byte turns out to be
 * everywhere, memmem, whose time is linear whatever the text, does the rest. */
ptrdiff_t kt_str_find(struct kt_str s, struct kt_str needle, size_t from)
{
    if (from > s.len || needle.len > s.len - from)
        return -1;
    if (needle.len == 0)
        return (ptrdiff_t)from;
    const size_t rare = rarest(needle);
    const char *at = s.at + from, *last = s.at + s.len - needle.len;
    const size_t false_hits_max = 16 + (s.len - from) / 128;
    for (size_t hits = 0; at <= last && hits < false_hits_max; hits++) {
        const char *hit = memchr(at + rare, needle.at[rare], (size_t)(last - at) + 1);
        if (hit == NULL)
            return -1;
        at = hit - rare;
        if (memcmp(at, needle.at, needle.len) == 0)
            return at - s.at;
        at++;
    }
    if (at > last)
        return -1;
    const char *hit = memmem(at, (size_t)(s.at + s.len - at), needle.at, needle.len);
    return hit != NULL ? hit - s.at : -1;
}

ptrdiff_t kt_str_find_byte(struct kt_str s, char c, size_t from)
{
    if (from >= s.len)
        return -1;
    const char *hit = memchr(s.at + from, c, s.len - from);
    return hit != NULL ? hit - s.at : -1;
}

ptrdiff_t kt_str_rfind_byte(struct kt_str s, char c)
{
    if (s.len == 0)
        return -1;
    const char *hit = memrchr(s.at, c, s.len);
    return hit != NULL ? hit - s.at : -1;
}

bool kt_str_has(struct kt_str s, struct kt_str needle)
{
    return kt_str_find(s, needle, 0) >= 0;
}

bool kt_str_has_all(struct kt_str s, const struct kt_str *needle, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (!kt_str_has(s, needle[i]))
            return false;
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct kt_str kt_str_trim(struct kt_str s)
{
    while (s.len > 0 && is_blank(s.at[s.len - 1]))
        s.len--;
    while (s.len > 0 && is_blank(s.at[0])) {
        s.at++;
        s.len--;
    }
    return s;
}

/* A used-up rest has at = NULL; so "" still gives one empty part. */
bool kt_str_split(struct kt_str *rest, char sep, struct kt_str *ret_part)
{
    if (rest->at == NULL)
        return false;
    ptrdiff_t cut = kt_str_find_byte(*rest, sep, 0);
    if (cut < 0) {
        *ret_part = *rest;
        *rest = KT_STR_NONE;
        return true;
    }
    *ret_part = (struct kt_str){ rest->at, (size_t)cut };
    *rest = (struct kt_str){ rest->at + cut + 1, rest->len - (size_t)cut - 1 };
    return true;
}

bool kt_str_u64(struct kt_str s, uint64_t *ret)
{
    if (s.len == 0 || s.len > 20)
        return false;
    uint64_t v = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned)(unsigned char)s.at[i] - '0';
        if (digit > 9 || __builtin_mul_overflow(v, UINT64_C(10), &v) ||
            __builtin_add_overflow(v, (uint64_t)digit, &v))
            return false;
    }
    *ret = v;
    return true;
}

bool kt_str_i64(struct kt_str s, int64_t *ret)
{
    bool negative = s.len > 0 && s.at[0] == '-';
    uint64_t v;
    if (!kt_str_u64(kt_str_from_index(s, negative ? 1 : 0), &v))
        return false;
    if (v > (uint64_t)INT64_MAX + (negative ? 1 : 0))
        return false;
    *ret = negative ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

void kt_str_copyz(char *dst, size_t n, struct kt_str s)
{
    assert(n > 0);
    size_t len = s.len < n - 1 ? s.len : n - 1;
    if (len > 0)
        memcpy(dst, s.at, len);
    dst[len] = '\0';
}

char *kt_str_dup(struct kt_str s)
{
    char *copy = kt_alloc(s.len + 1);
    if (s.len > 0)
        memcpy(copy, s.at, s.len);
    return copy;
}
