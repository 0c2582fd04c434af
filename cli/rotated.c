/*
 * rotated: the order of the files of a folder. A rotated log is older than the one it came from:
 * audit.log.2.gz, audit.log.1, audit.log. A request and a response that a rotation parted are then
 * read in the order they were written in.
 *
 * Owns:  nothing.
 * Calls: core/base.
 */
#include "cli/rotated.h"

#include <string.h>

#include "core/base/str.h"

struct name_order {
    struct kt_str stem;
    uint64_t number; /* UINT64_MAX: none */
};

static struct name_order order_of(const char *name)
{
    struct kt_str s = kt_str_of(name);
    if (kt_str_ends(s, KT_STR(".gz")))
        s = kt_str_sub(s, 0, s.len - 3);
    struct name_order o = { s, UINT64_MAX };
    ptrdiff_t dot = kt_str_rfind_byte(s, '.');
    if (dot > 0 && kt_str_u64(kt_str_from_index(s, (size_t)dot + 1), &o.number))
        o.stem = kt_str_sub(s, 0, (size_t)dot);
    else
        o.number = UINT64_MAX;
    return o;
}

/* As bytes, but the end of a name stands behind '.' and '-': dated copies come before the log. */
static int compare_stems(struct kt_str a, struct kt_str b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c = memcmp(a.at, b.at, n);
    if (c != 0 || a.len == b.len)
        return c;
    char next = a.len > b.len ? a.at[n] : b.at[n];
    bool longer_first = next == '.' || next == '-';
    return (a.len > b.len) == longer_first ? -1 : 1;
}

int kt_rotated_order(const void *x, const void *y)
{
    const char *const *p = x, *const *q = y;
    struct name_order a = order_of(*p), b = order_of(*q);
    int c = compare_stems(a.stem, b.stem);
    if (c == 0 && a.number != b.number) /* the largest number is the oldest, none the newest */
        c = a.number == UINT64_MAX ? 1 : b.number == UINT64_MAX ? -1 : a.number > b.number ? -1 : 1;
    return c != 0 ? c : strcmp(*p, *q);
}
