/* line_pair: one line read by line_plain, by the strict reader and over an event that was used, and
 * whether all say the same. */
#pragma once
#include "core/event/line.h"

struct line_pair {
    struct kt_arena arena, over_arena;
    struct kt_event by_plain, by_strict, by_over;
};
void line_pair_open(struct line_pair *p);
void line_pair_done(struct line_pair *p);
/* False when line_plain took a line that the strict reader refuses, or made another event of it, or
 * found another credential in it; or when kt_line_read_over, over an event that is full of
 * something else, does not do as the strict reader does. *ret_plain, *ret_strict: who took it. The
 * line is read from memory that ends where it does. */
bool line_pair_agrees(struct line_pair *p, struct kt_str line, bool *ret_plain, bool *ret_strict);
/* The same in every field of a line. placed: by texts at the same place, which both have of the
 * line; else by texts that say the same. */
bool line_pair_same(const struct kt_event *a, const struct kt_event *b, bool placed);
