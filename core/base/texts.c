/*
 * texts: see the header.
 *
 * Owns:  the copies.
 * Calls: core/base (map, alloc).
 */
#include "core/base/texts.h"

#include "core/base/alloc.h"

struct kt_str kt_texts_keep(struct kt_texts *t, struct kt_str s)
{
    bool is_new;
    if (t->numbers == NULL)
        t->numbers = kt_map_new(0);
    uint32_t i = kt_map_put(t->numbers, s, &is_new);
    if (i >= t->cap) {
        t->cap = t->cap == 0 ? 64 : 2 * t->cap;
        t->at = kt_realloc_array(t->at, t->cap, sizeof *t->at);
    }
    if (is_new)
        t->at[i] = kt_str_dup(s);
    return kt_str_from(t->at[i], s.len);
}

void kt_texts_done(struct kt_texts *t)
{
    uint32_t n = t->numbers == NULL ? 0 : kt_map_count(t->numbers);
    for (uint32_t i = 0; i < n; i++)
        kt_free(t->at[i]);
    kt_map_free(t->numbers);
    kt_free(t->at);
    *t = (struct kt_texts){ 0 };
}
