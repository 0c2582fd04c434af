/*
 * chunk: the records of one segment, or of one batch of the tail, of which a scan picks some.
 * Private to core/store.
 *
 * Bounds: 26 bytes a record beside its columns, up to 65,535 records; of lines those of one batch,
 * of one sealed segment (16 MiB and a batch), or of one piece of a merged one and as much of what
 * is to be shown.
 */
#pragma once
#include "core/store/opened.h"
#include "core/store/read.h"
#include "core/store/steps.h"
#include "core/store/tail_columns.h"

struct kt_chunk {
    uint32_t n;                 /* records */
    bool batched;               /* batches, numbers, arrivals and conflicts of picks are there */
    const struct kt_row **row;  /* n: of which batch */
    uint64_t *seq;              /* n */
    kt_time_ns *arrival;        /* n */
    bool *conflict;             /* n */
    bool untimed;               /* some event may have no time */
    uint32_t *pick, picks;      /* rows that may match, rising */
    struct kt_columns *columns; /* those that were needed */
    /* Records of a merged segment whose lines were not looked at, since those before them are
     * enough at a time, or since they are of other pieces: to be asked for next. 0: none. */
    uint64_t left_from, left_until;
    bool singly;           /* one piece at a time: one of them is damaged, and the others are not */
    struct kt_segment seg; /* that they are of */

    /* private */
    struct kt_opened *opened;
    bool sealed;
    bool lined;         /* the lines of the picks are in memory; of a batch, all lines */
    struct kt_runs own; /* of a batch */
    struct kt_buf own_bytes;
    struct kt_lines lines;
    struct kt_columns made;
    struct kt_tail_columns *tail; /* NULL: those of batches are made each time */
    struct kt_columns *kept;      /* of tail, of the batch at hand; NULL: made has them */
    struct kt_zip *zip;
    struct kt_arena arena;
    uint8_t *verdict; /* of the values of one column */
    uint32_t room;
    uint32_t filtered, opened_segments; /* for kt_scan_cost */
    struct kt_steps steps;
    uint64_t opened_lines;
};
/* It holds nothing, until the next. */
void kt_chunk_clear(struct kt_chunk *c);
/* Adds what was opened in it so far. */
void kt_chunk_cost(const struct kt_chunk *c, struct kt_scan_cost *ret);
/* Is there a span of the scan that touches [low, high]? Without spans: yes. */
bool kt_scan_touches(const struct kt_scan *scan, kt_time_ns low, kt_time_ns high);
/* tail: of the reader whose batches are shown, shared; NULL: none. */
struct kt_chunk *kt_chunk_new(struct kt_tail_columns *tail);
void kt_chunk_free(struct kt_chunk *c);

/* Columns that whoever asks wants to see beside what the sieves need: KT_COLUMN()s, and times. */
struct kt_want {
    uint32_t columns;
    bool time;
    bool runs;  /* batches, arrivals and conflicts */
    bool lines; /* unpacked, and asked for the needles */
    bool one;   /* piece of a merged segment, the first that way; the others are left */
    bool dense; /* of a segment, columns and times of the picks alone, one behind the other; of a
                   batch nothing moves: row i is pick[i] in either case. What else is of rows
                   (batches, lines) is not to be asked for then */
};
/* The records of seg that pass the scan's window, numbers and sieves; picks = 0 when none can.
 * KT_E_CORRUPT of a merged one: when a single piece is damaged, left_from, left_until and singly
 * say how the records of the others are had. */
KT_MUST_USE enum kt_status kt_chunk_segment(struct kt_chunk *c, sqlite3 *db,
                                            const struct kt_segment *seg,
                                            const struct kt_scan *scan, const struct kt_want *want,
                                            struct kt_error *err);
/* The same of a batch. Its sieves are only asked when columns are wanted, since they have to be
 * made from the lines; a line that cannot be read is then KT_E_CORRUPT. */
KT_MUST_USE enum kt_status kt_chunk_batch(struct kt_chunk *c, const struct kt_row *row,
                                          const struct kt_scan *scan, const struct kt_want *want,
                                          struct kt_error *err);
KT_MUST_USE enum kt_status kt_chunk_line(struct kt_chunk *c, uint32_t i, struct kt_str *ret,
                                         struct kt_error *err);
