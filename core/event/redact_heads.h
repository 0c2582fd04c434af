/* redact_heads: where in a text a token may begin, many bytes at a time. Private to core/event. */
#pragma once
#include "core/base/str.h"

#define KT_REDACT_BLOCK 64u

/* A walk over the places where the head of a token, or of a name and its value, may end. What is no
 * such place is sure to be none. The first byte of the text is never one. members: also the colons
 * behind a double quote. */
struct kt_redact_heads {
    struct kt_str text;
    bool members, plain; /* plain: a byte at a time, as where there are no wide instructions */
    size_t next;         /* where the block begins that is to be looked at next */
    uint64_t bits;       /* places of the one before that are still to come */
};
/* Places from `at` on. */
static inline struct kt_redact_heads kt_redact_heads_from(struct kt_str text, size_t at,
                                                          bool members)
{
    return (struct kt_redact_heads){ .text = text, .members = members, .next = at > 0 ? at : 1 };
}
/* Looks at the next blocks until one holds a place. */
void kt_redact_heads_more(struct kt_redact_heads *h);
/* The next place, text.len when there is none. */
static inline size_t kt_redact_heads_next(struct kt_redact_heads *h)
{
    if (h->bits == 0)
        kt_redact_heads_more(h);
    if (h->bits == 0)
        return h->text.len;
    size_t at = h->next - KT_REDACT_BLOCK + (unsigned)__builtin_ctzll(h->bits);
    h->bits &= h->bits - 1;
    return at;
}

/* The first place from which 32 bytes are letters, digits or one of _-+/=~, what codes are written
 * with; s.len when there is none. */
#define KT_REDACT_RUN 32u
size_t kt_redact_code_run(struct kt_str s, size_t from);
/* Where the run at `at` ends, and whether a capital is in it. */
size_t kt_redact_code_end(struct kt_str s, size_t at, bool *ret_capital);
