/*
 * pipeline_needles: the byte search in front of the parser. Every needle is the start of a JSON
 * string, so only what stands behind a quote is looked at.
 *
 * Owns:  the prepared table.
 * Calls: core/base.
 */
#include <assert.h>
#include <string.h>

#include "agents/pipeline_needles.h"
#include "core/base/alloc.h"
#include "core/event/scan.h"

void kt_needles_init(struct needles *n, const char *const *table)
{
    *n = (struct needles){ 0 };
    if (table == NULL)
        return;
    while (table[n->n] != NULL)
        n->n++;
    n->at = kt_alloc_array(n->n, sizeof *n->at);
    size_t least = sizeof n->head;
    for (unsigned i = 0; i < n->n; i++) {
        struct kt_str whole = kt_str_of(table[i]);
        assert(whole.len >= 3 && whole.len <= KT_NEEDLE_MAX && whole.at[0] == '"');
        n->at[i] = kt_str_from_index(whole, 1);
        least = n->at[i].len < least ? n->at[i].len : least;
    }
    memset(&n->head, 0xFF, least);
    for (unsigned i = 0; i < n->n; i++) {
        char head[sizeof n->head] = { 0 };
        memcpy(head, n->at[i].at, least);
        n->first[(unsigned char)head[0]] = true;
        unsigned place = kt_needles_place(n, head);
        n->sieve[place / 64] |= UINT64_C(1) << place % 64;
    }
}

void kt_needles_done(struct needles *n)
{
    kt_free(n->at);
    *n = (struct needles){ 0 };
}

bool kt_needles_at(const struct needles *n, struct kt_str rest)
{
    if (rest.len == 0 || (rest.len >= 4 && !kt_needles_may(n, rest.at)))
        return false;
    for (unsigned i = 0; i < n->n; i++)
        if (n->at[i].at[0] == rest.at[0] && kt_str_starts(rest, n->at[i]))
            return true;
    return false;
}

/* Does a needle stand behind one of the quotes, whose bits count from `at`? */
static bool behind(const struct needles *n, const char *at, const char *end, uint64_t quotes)
{
    for (; quotes != 0; quotes &= quotes - 1) {
        const char *p = at + __builtin_ctzll(quotes) + 1;
        if (p < end && !n->first[(unsigned char)*p])
            continue;
        if (kt_needles_at(n, kt_str_from(p, (size_t)(end - p))))
            return true;
    }
    return false;
}

bool kt_needles_in(const struct needles *n, struct kt_str record)
{
    if (n->n == 0)
        return true;
    const char *at = record.at, *end = record.at + record.len;
    for (; at < end; at += KT_SCAN_BLOCK)
        if (behind(n, at, end, kt_scan_quotes(at, (size_t)(end - at))))
            return true;
    for (at = record.at; (at = memchr(at, '\\', (size_t)(end - at))) != NULL; at += 2) {
        if (end - at < 2)
            return false;
        if (at[1] == 'u') /* a needle could be spelt with it */
            return true;
    }
    return false;
}
