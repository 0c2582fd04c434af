/* csv: one field of RFC 4180 text. The only encoder of it (THREATS O1). */
#pragma once
#include "core/base/buf.h"

/* Appends s, in quotes where it needs them. guard: a field that a spreadsheet would take for a
 * formula gets a leading ' (THREATS O3); false for numbers, and for readers that are programs. */
void kt_csv_add(struct kt_buf *out, struct kt_str s, bool guard);
/* The same for words that people read in a spreadsheet: what a terminal would obey is shown as an
 * escape first (kt_tty_add), so a field never holds a line end; formulas get their '. */
void kt_csv_words(struct kt_buf *out, struct kt_str s);
