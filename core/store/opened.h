/*
 * opened: one segment being read; each part is fetched when it is first asked for. Private to
 * core/store; one a thread.
 *
 * A part that is gone or does not unpack is KT_E_CORRUPT and names the records.
 */
#pragma once
#include "core/store/segment.h"

#define KT_SIFTED_BYTES (8u << 20) /* of lines that are to be shown: what a walk holds, twice */

struct kt_opened;
struct kt_opened *kt_opened_new(void);
void kt_opened_free(struct kt_opened *o);
/* The segment to read from now on, over db. seg is copied, but for its days. */
KT_MUST_USE enum kt_status kt_opened_start(struct kt_opened *o, sqlite3 *db,
                                           const struct kt_segment *seg, struct kt_error *err);
/* Statements over a connection that is about to be closed. */
void kt_opened_forget(struct kt_opened *o);

/* What it was merged from, in order; of a sealed one itself. Until the next start. */
KT_MUST_USE enum kt_status kt_opened_pieces(struct kt_opened *o, const struct kt_piece **ret,
                                            uint32_t *ret_n, struct kt_error *err);
/* The part as it is stored, borrowed until the next call: of the segment, or of one of its pieces,
 * which have been asked for. */
KT_MUST_USE enum kt_status kt_opened_raw(struct kt_opened *o, unsigned part, struct kt_str *ret,
                                         struct kt_error *err);
KT_MUST_USE enum kt_status kt_opened_piece_raw(struct kt_opened *o, uint32_t piece, unsigned part,
                                               struct kt_str *ret, struct kt_error *err);
/* The batches of a piece, until the next start. */
KT_MUST_USE enum kt_status kt_opened_runs(struct kt_opened *o, uint32_t piece,
                                          const struct kt_runs **ret, struct kt_error *err);
KT_MUST_USE enum kt_status kt_opened_column(struct kt_opened *o, enum kt_col column,
                                            struct kt_error *err);
/* The same, of which only some rows will be looked at: texts of the others may be absent, small
 * values of theirs anything. From call to call over a segment rows only drop out. */
KT_MUST_USE enum kt_status kt_opened_picked(struct kt_opened *o, enum kt_col column,
                                            struct kt_picked picked, struct kt_error *err);
/* Of the picked rows those with one of the keys stay (kt_column_seek), of a column that was not
 * asked for yet; false in *ret_done, and nothing is changed: it was. */
KT_MUST_USE enum kt_status kt_opened_seek(struct kt_opened *o, enum kt_col column,
                                          const struct kt_sought *key, unsigned n, enum kt_seek how,
                                          uint32_t *pick, uint32_t *picks, bool *ret_done,
                                          struct kt_error *err);
/* Times of the picked rows; those of others are not there. */
KT_MUST_USE enum kt_status kt_opened_time(struct kt_opened *o, struct kt_picked picked,
                                          struct kt_error *err);
/* What failed last is of one piece of a merged segment: asked for the others alone, it is good. */
bool kt_opened_of_piece(const struct kt_opened *o);
/* What has been asked for so far. */
struct kt_columns *kt_opened_columns(struct kt_opened *o);
/* The line of row i, without its newline; borrowed until one of another piece is asked for, or the
 * next start. */
KT_MUST_USE enum kt_status kt_opened_line(struct kt_opened *o, uint32_t i, struct kt_str *ret,
                                          struct kt_error *err);
/* Asks the filters of the blocks: rows stay of those pieces in which some line may have all of the
 * needles. There, the next kt_opened_sift for the same needles leaves the other blocks closed. A
 * segment of before has no such filters, and damaged ones rule nothing out. */
void kt_opened_rule_out(struct kt_opened *o, const struct kt_str *needle, unsigned needles,
                        uint32_t *pick, uint32_t *picks);
/* Unpacks the lines of the picked rows, and drops the rows whose lines do not have all of the
 * needles. Rows whose lines are damaged stay: asking for one says why. Lines of a merged segment
 * are asked piece by piece, from its end when `down`, and no further when KT_SIFTED_BYTES of them
 * are to be shown: *ret_asked says which pieces were, and rows of others are dropped. From then on
 * lines may be asked for in any order, of the rows that stay. */
struct kt_asked {
    uint32_t first, end; /* of the pieces */
};
KT_MUST_USE enum kt_status kt_opened_sift(struct kt_opened *o, const struct kt_str *needle,
                                          unsigned needles, bool down, uint32_t *pick,
                                          uint32_t *picks, struct kt_asked *ret_asked,
                                          struct kt_error *err);
/* Bytes that were unpacked since the object was made: for --explain and budgets. */
uint64_t kt_opened_bytes(const struct kt_opened *o);
