/*
 * csv_read: records of RFC 4180 text, strictly, out of bytes that strangers wrote: a file that a
 * spreadsheet saved again. CRLF or LF ends a record; a byte order mark is passed over; blank lines
 * are none.
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/err.h"

#define KT_CSV_CELLS_MAX 64u
#define KT_CSV_CELL_MAX  4096u /* bytes of one cell, unquoted */

struct kt_csv {
    struct kt_str rest; /* of the text */
    char comma;
    unsigned line; /* 1-based, on which the last record began */
    unsigned next_line;
    struct kt_str cell[KT_CSV_CELLS_MAX]; /* of the last record; live until the next call */
    unsigned n;
    struct kt_buf text; /* of them */
};
/* Cells are divided by commas, or by semicolons where the first line has them and no comma outside
 * quotes, as spreadsheets in many countries write. text is borrowed. */
void kt_csv_open(struct kt_csv *c, struct kt_str text);
void kt_csv_done(struct kt_csv *c);
/* The next record. KT_E_AGAIN at the end. KT_E_INPUT "line 7: …": a quote that is not closed, bytes
 * behind a closed one, a bare quote or return, a NUL, bytes that are no UTF-8; KT_E_LIMIT: too many
 * cells, too long a cell. */
KT_MUST_USE enum kt_status kt_csv_next(struct kt_csv *c, struct kt_error *err);
/* The ' that kt_csv_add put before what a spreadsheet would take for a formula is taken off. */
struct kt_str kt_csv_unguard(struct kt_str cell);
