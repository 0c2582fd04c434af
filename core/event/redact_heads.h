/* redact_heads: where in a text a token may begin, many bytes at a time. Private to core/event. */
#pragma once
#include "core/base/str.h"

#define KT_REDACT_BLOCK 64u

#define KT_REDACT_SPAN 32u /* blocks that are looked at together */

/* A walk over the places where the head of a token, or of a name and its value, may end. What is no
 * such place is sure to be none. The first byte of the text is never one. members: also the colons
 * behind a double quote. */
struct kt_redact_heads {
    struct kt_str text;
    bool members, plain; /* plain: a byte at a time, as where there are no wide instructions */
    size_t base;         /* where the first block of these begins */
    unsigned n, i;       /* blocks that were looked at; the one whose places come next */
    unsigned most;       /* blocks to look at next: few where the first place ends the walk */
    uint64_t bits[KT_REDACT_SPAN]; /* of each its places that are still to come */
};
/* Places from `at` on; h->plain is false, and all places are expected to be asked for. */
static inline void kt_redact_heads_from(struct kt_redact_heads *h, struct kt_str text, size_t at,
                                        bool members)
{
    h->text = text;
    h->members = members;
    h->plain = false;
    h->base = at > 0 ? at : 1;
    h->n = h->i = 0;
    h->most = KT_REDACT_SPAN;
}
/* Looks at the next blocks; false when there are none. */
bool kt_redact_heads_more(struct kt_redact_heads *h);
/* The next place, text.len when there is none. */
static inline size_t kt_redact_heads_next(struct kt_redact_heads *h)
{
    do {
        for (; h->i < h->n; h->i++) {
            uint64_t *bits = &h->bits[h->i];
            if (*bits == 0)
                continue;
            size_t at = h->base + h->i * KT_REDACT_BLOCK + (unsigned)__builtin_ctzll(*bits);
            *bits &= *bits - 1;
            return at;
        }
    } while (kt_redact_heads_more(h));
    return h->text.len;
}

/* The first place from which 32 bytes are letters, digits or one of _-+/=~, what codes are written
 * with; s.len when there is none. */
#define KT_REDACT_RUN 32u
size_t kt_redact_code_run(struct kt_str s, size_t from);
/* Where the run at `at` ends, and whether a capital is in it. */
size_t kt_redact_code_end(struct kt_str s, size_t at, bool *ret_capital);
