/* line_pair: one line read by line_plain and by the strict reader, and whether both say the same.
 */
#pragma once
#include "core/event/line.h"

struct line_pair {
    struct kt_arena arena;
    struct kt_event by_plain, by_strict;
};
void line_pair_open(struct line_pair *p);
void line_pair_done(struct line_pair *p);
/* False when line_plain took a line that the strict reader refuses, or made another event of it, or
 * found another credential in it.
 * *ret_plain, *ret_strict: who took it. The line is read from memory that ends where it does. */
bool line_pair_agrees(struct line_pair *p, struct kt_str line, bool *ret_plain, bool *ret_strict);
/* The same in every field of a line. placed: by texts at the same place, which both have of the
 * line; else by texts that say the same. */
bool line_pair_same(const struct kt_event *a, const struct kt_event *b, bool placed);
