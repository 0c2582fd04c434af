/*
 * pipeline_needles: the byte search in front of the parser. Every needle is the start of a JSON
 * string, so only what stands behind a quote is looked at.
 *
 * Owns:  the prepared table.
 * Calls: core/base.
 */
#include <assert.h>
#include <string.h>

#include "agents/pipeline_int.h"
#include "core/base/alloc.h"

static void set_bit(uint64_t *bits, char c)
{
    bits[(unsigned char)c >> 6] |= UINT64_C(1) << ((unsigned char)c & 63);
}

static bool has_bit(const uint64_t *bits, char c)
{
    return (bits[(unsigned char)c >> 6] >> ((unsigned char)c & 63) & 1) != 0;
}

void kt_needles_init(struct needles *n, const char *const *table)
{
    *n = (struct needles){ 0 };
    if (table == NULL)
        return;
    while (table[n->n] != NULL)
        n->n++;
    n->at = kt_alloc_array(n->n, sizeof *n->at);
    for (unsigned i = 0; i < n->n; i++) {
        struct kt_str whole = kt_str_of(table[i]);
        assert(whole.len >= 3 && whole.at[0] == '"');
        n->at[i] = kt_str_from_index(whole, 1);
        set_bit(n->first, n->at[i].at[0]);
        set_bit(n->second, n->at[i].at[1]);
    }
}

void kt_needles_done(struct needles *n)
{
    kt_free(n->at);
    *n = (struct needles){ 0 };
}

static bool one_starts(const struct needles *n, struct kt_str rest)
{
    for (unsigned i = 0; i < n->n; i++)
        if (kt_str_starts(rest, n->at[i]))
            return true;
    return false;
}

bool kt_needles_in(const struct needles *n, struct kt_str record)
{
    if (n->n == 0)
        return true;
    const char *at = record.at, *end = record.at + record.len;
    while (at < end && (at = memchr(at, '"', (size_t)(end - at))) != NULL) {
        at++;
        if (end - at >= 2 && has_bit(n->first, at[0]) && has_bit(n->second, at[1]) &&
            one_starts(n, kt_str_from(at, (size_t)(end - at))))
            return true;
    }
    for (at = record.at; (at = memchr(at, '\\', (size_t)(end - at))) != NULL; at += 2) {
        if (end - at < 2)
            return false;
        if (at[1] == 'u') /* a needle could be spelt with it */
            return true;
    }
    return false;
}
