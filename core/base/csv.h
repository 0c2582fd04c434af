/* csv: one field of RFC 4180 text. The only encoder of it (THREATS O1). */
#pragma once
#include "core/base/buf.h"

/* Appends s, in quotes where it needs them. guard: a field that a spreadsheet would take for a
 * formula gets a leading ' (THREATS O3); false for numbers, and for readers that are programs. */
void kt_csv_add(struct kt_buf *out, struct kt_str s, bool guard);
