/* str: borrowed byte strings, maybe not NUL-ended, and what one asks of them. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct kt_str {
    const char *at;
    size_t len;
};

#define KT_STR(lit) ((struct kt_str){ "" lit "", sizeof(lit) - 1 })
#define KT_STR_INIT(lit)                                                                           \
    {                                                                                              \
        "" lit "", sizeof(lit) - 1                                                                 \
    } /* for static tables */
#define KT_STR_NONE   ((struct kt_str){ NULL, 0 })
#define KT_STR_FMT    "%.*s"
#define KT_STR_ARG(s) (int)(s).len, (s).at

/* The smallest stand here: with a literal at hand the compiler knows lengths and does the rest. */
static inline struct kt_str kt_str_of(const char *z) /* NULL gives the empty string */
{
    return (struct kt_str){ z, z != NULL ? strlen(z) : 0 };
}
static inline struct kt_str kt_str_from(const void *at, size_t len)
{
    return (struct kt_str){ (const char *)at, len };
}
static inline bool kt_str_eq(struct kt_str a, struct kt_str b)
{
    return a.len == b.len && (a.len == 0 || (a.at[0] == b.at[0] && memcmp(a.at, b.at, a.len) == 0));
}
static inline bool kt_str_is(struct kt_str a, const char *z)
{
    return kt_str_eq(a, kt_str_of(z));
}
static inline bool kt_str_starts(struct kt_str s, struct kt_str prefix)
{
    return s.len >= prefix.len && kt_str_eq(kt_str_from(s.at, prefix.len), prefix);
}
/* Bytes [from, from + len), clamped to s. */
static inline struct kt_str kt_str_sub(struct kt_str s, size_t from, size_t len)
{
    size_t start = from < s.len ? from : s.len, rest = s.len - start;
    return (struct kt_str){ start > 0 ? s.at + start : s.at, len < rest ? len : rest };
}
static inline struct kt_str kt_str_from_index(struct kt_str s, size_t from) /* the rest, clamped */
{
    return kt_str_sub(s, from, SIZE_MAX);
}
bool kt_str_eq_nocase(struct kt_str a, struct kt_str b); /* ASCII only */
int kt_str_cmp(struct kt_str a, struct kt_str b);        /* bytewise, shorter first on a tie */
static inline bool kt_str_ends(struct kt_str s, struct kt_str suffix)
{
    return s.len >= suffix.len &&
           kt_str_eq(kt_str_from(s.at + (s.len - suffix.len), suffix.len), suffix);
}
bool kt_str_starts_nocase(struct kt_str s, struct kt_str prefix);
size_t kt_str_shared(struct kt_str a, struct kt_str b); /* bytes that both begin with */
/* Index of the first occurrence at or after from, or -1. */
ptrdiff_t kt_str_find(struct kt_str s, struct kt_str needle, size_t from);
ptrdiff_t kt_str_find_byte(struct kt_str s, char c, size_t from);
ptrdiff_t kt_str_rfind_byte(struct kt_str s, char c);
bool kt_str_has(struct kt_str s, struct kt_str needle);
bool kt_str_has_all(struct kt_str s, const struct kt_str *needle, unsigned n); /* n 0: true */
struct kt_str kt_str_trim(struct kt_str s); /* ASCII white space at both ends */
/* Takes the part up to sep off *rest into *ret_part; false when *rest is used up. "a,b" = a, b; ""
 * = one "". */
bool kt_str_split(struct kt_str *rest, char sep, struct kt_str *ret_part);
/* Whole string, decimal, no sign (u64) or optional '-' (i64), no leading '+', no overflow. */
bool kt_str_u64(struct kt_str s, uint64_t *ret);
bool kt_str_i64(struct kt_str s, int64_t *ret);
/* Glob: `*` matches within a segment (no '/'), `**` across, everything else literally. Linear time.
 */
bool kt_str_glob(struct kt_str pattern, struct kt_str s);
/* Does the glob name something? false: it is empty, or a `*` is in it and no stretch without one
 * has so many bytes that are none of "/@.": it would mean nearly everybody. */
bool kt_glob_names(struct kt_str glob, unsigned least);
/* Edits between a and b, at most max + 1 (for "did you mean"). Strings over 64 bytes give max + 1.
 */
unsigned kt_str_distance(struct kt_str a, struct kt_str b, unsigned max);
/* The nearest of many names: kt_near_of(want), then kt_near_try() for each; name stays NULL when
 * more than a third of the letters differ from every one: that is another word. */
struct kt_near {
    struct kt_str want;
    const char *name;
    unsigned edits;
};
struct kt_near kt_near_of(struct kt_str want);
void kt_near_try(struct kt_near *near, const char *name);
bool kt_utf8_valid(struct kt_str s);
/* Longest prefix of at most max bytes that ends on a code point. */
struct kt_str kt_utf8_cut(struct kt_str s, size_t max);
/* Copies into dst of size n, cuts, always NUL-ends. */
void kt_str_copyz(char *dst, size_t n, struct kt_str s);
char *kt_str_dup(struct kt_str s); /* NUL-ended heap copy, kt_free */
