/*
 * segment: a sealed run of batches, as docs/store.md describes it. Private to core/store.
 *
 * One row of table segment (what a question needs to know to leave it closed) and its parts. The
 * lines stand in blocks, by actor and then by number: lines of one actor are alike, so they take
 * less room together, and the answer to a question about one actor lies in few blocks.
 *
 * A merged segment is a run of sealed ones, its pieces, which share a row of table segment,
 * columns, times and the filters that follow from columns; all other parts of a piece stay where
 * they were, below the piece's own number (merge.h).
 */
#pragma once
#include "core/store/columns.h"
#include "core/store/filter.h"
#include "core/store/row.h"

#define KT_SEGMENT_EVENTS     4096u       /* a segment closes at this, or … */
#define KT_SEGMENT_BYTES      (16u << 20) /* … this; whole batches, so it may go over by one */
#define KT_SEGMENT_EVENTS_MAX (KT_SEGMENT_EVENTS + KT_BATCH_EVENTS_MAX)
/* The writer waits from here on: of more than this, not all is held as it was read (held.h), and
 * what is read again takes longer than the wait. */
#define KT_TAIL_EVENTS_MAX   (3 * KT_SEGMENT_EVENTS)
#define KT_TAIL_BYTES_MAX    (3 * KT_SEGMENT_BYTES) /* likewise, of long lines */
#define KT_MERGED_PIECES     16u
#define KT_MERGED_EVENTS_MAX 65535u /* a code has two bytes, and 0 says that a text is absent */
#define KT_BLOCK_LINES       256u
#define KT_BLOCK_BYTES       (1u << 20) /* the line that reaches it is the block's last */

enum kt_part {
    KT_PART_COLUMN = 0, /* + enum kt_col */
    KT_PART_TIME = 32,
    KT_PART_FILTER = 64, /* + enum kt_filter */
    KT_PART_IDS = KT_PART_FILTER + KT_FILTER_ID,
    KT_PART_BATCHES = 80,
    KT_PART_NODES = 81,
    KT_PART_BLOCKS = 82,
    KT_PART_GRAMS = 83,  /* segments of before have none */
    KT_PART_PIECES = 84, /* of a merged segment alone */
    KT_PART_LINES = 128, /* + number of the block */
    KT_PARTS = 256
};

struct kt_segment { /* a row of table segment */
    uint64_t first_seq, last_seq, bytes, packed;
    uint32_t count, untimed, conflicts;
    uint32_t pieces; /* sealed segments that it was merged from; 0: it is a sealed one */
    kt_time_ns min_time, max_time; /* of events with a time; 0, 0: none */
    kt_time_ns min_arrival, max_arrival, min_stored, max_stored;
    struct kt_str days; /* u32 little endian each, days since the epoch that have events, rising */
};
#define KT_SEGMENT_COLUMNS                                                                         \
    "first_seq,last_seq,count,untimed,conflicts,bytes,packed,min_time,max_time,min_arrival,"       \
    "max_arrival,min_stored,max_stored,days"
KT_MUST_USE enum kt_status kt_segment_read(sqlite3_stmt *st, struct kt_segment *ret,
                                           struct kt_error *err);
void kt_segment_bind(sqlite3_stmt *st, const struct kt_segment *seg); /* ?1 to ?14 */
/* May it hold events with a time in [since, until)? 0 = open. Untimed ones always may. */
bool kt_segment_in_time(const struct kt_segment *seg, kt_time_ns since, kt_time_ns until);

/* Sealed segments that it stands for. */
static inline uint32_t kt_segment_pieces(const struct kt_segment *seg)
{
    return seg->pieces == 0 ? 1 : seg->pieces;
}

struct kt_piece {
    struct kt_segment head; /* as its row was, but for what its parts have; days are borrowed */
    uint32_t row;           /* of the merged segment, that is its first */
};
/* The part KT_PART_PIECES, of n rows of sealed segments. */
void kt_pieces_write(const struct kt_segment *head, uint32_t n, struct kt_buf *out);
/* ret: KT_MERGED_PIECES; as many as seg says, whose sums are those of seg. */
KT_MUST_USE enum kt_status kt_pieces_read(const struct kt_segment *seg, struct kt_str bytes,
                                          struct kt_piece *ret, struct kt_error *err);
/* Is the part one that a merged segment has, in place of its pieces? */
bool kt_part_is_merged(unsigned part);

/* Numbers of the records of a segment: batch after batch, in runs without a hole. */
struct kt_runs {
    struct kt_row *row; /* without lines and nodes; borrowed from packed */
    uint32_t n, cap;
    struct kt_buf packed;
};
void kt_runs_done(struct kt_runs *r);
/* Appends what stays of a row when its lines go into the segment. */
void kt_run_pack(const struct kt_row *row, struct kt_buf *out);
/* Takes the unpacked part; checked against the segment's row. */
KT_MUST_USE enum kt_status kt_runs_read(struct kt_runs *r, const struct kt_segment *seg,
                                        struct kt_str bytes, struct kt_error *err);

/* place[i] = where row i of n stands among the lines: by the actor's code, then by number. most:
 * the highest code. */
void kt_segment_order(const uint16_t *actor, uint32_t n, uint32_t most, uint32_t *place);

/* ---- making: pure, on any thread ---- */

struct kt_built {
    struct kt_segment head; /* days borrow from `days` */
    struct kt_buf days, data;
    struct {
        unsigned part;
        size_t from, len; /* in data */
    } part[KT_PARTS];
    unsigned parts;
};
void kt_built_done(struct kt_built *b);

struct kt_builder; /* contexts and buffers, reused */
struct kt_builder *kt_builder_new(void);
void kt_builder_free(struct kt_builder *b);
/* The columns of what was made last, until the next. */
const struct kt_columns *kt_builder_columns(const struct kt_builder *b);
/* Bits a key of the filter of sessions, from now on; at first KT_FILTER_SESSION_BITS. For whoever
 * makes a segment again that was made before these were finer. */
void kt_builder_sessions(struct kt_builder *b, unsigned bits_per_key);
/* Whether filters of grams are made, from now on; at first they are. For the same. */
void kt_builder_grams(struct kt_builder *b, bool made);
/* Whether columns are zstd frames, from now on; at first they are packed (packed.h). The same. */
void kt_builder_zipped(struct kt_builder *b, bool zipped);
/* n rows of the tail, rising, at most KT_SEGMENT_EVENTS_MAX events. KT_E_CORRUPT names what cannot
 * be read. */
KT_MUST_USE enum kt_status kt_builder_run(struct kt_builder *b, const struct kt_row *rows,
                                          uint32_t n, struct kt_built *ret, struct kt_error *err);
/* The same step by step, for lines that are at hand: start, add row after row, end. */
void kt_builder_start(struct kt_builder *b, struct kt_built *out);
KT_MUST_USE enum kt_status kt_builder_add(struct kt_builder *b, const struct kt_row *row,
                                          const struct kt_str *line, const kt_time_ns *arrival,
                                          struct kt_built *out, struct kt_error *err);
void kt_builder_end(struct kt_builder *b, struct kt_built *out);
