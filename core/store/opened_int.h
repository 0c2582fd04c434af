/* opened_int: what both files of `opened` share. Private to core/store. */
#pragma once
#include "core/store/opened.h"

#define KT_OPENED_BLOCKS (KT_PARTS - KT_PART_LINES)

struct kt_opened_block { /* of the piece whose lines are read */
    struct kt_buf text;
    struct kt_str *line;
    uint32_t cap, first, n; /* places [first, first + n) */
    bool loaded, split;     /* text is there; line is */
    bool failed;            /* it cannot be read: it is not tried again */
};
struct kt_opened_kept { /* a line of a merged segment, of which one piece at a time is open */
    size_t from;        /* in the text of those that are kept */
    uint32_t len;       /* UINT32_MAX: it is lost */
};
struct kt_opened {
    sqlite3 *db;
    sqlite3_stmt *part_at;
    struct kt_zip *zip;
    struct kt_segment seg;
    struct kt_piece piece[KT_MERGED_PIECES];
    uint32_t pieces; /* 0: not asked for yet */
    struct kt_buf piece_bytes;
    struct kt_runs runs[KT_MERGED_PIECES];
    bool have_runs[KT_MERGED_PIECES], have_time;
    struct kt_columns columns;
    struct kt_buf raw;
    uint32_t partial; /* KT_COLUMN()s of which only picked rows are there */
    uint64_t bytes;
    bool of_piece; /* the part that was fetched last is one that a piece keeps */

    /* lines */
    uint32_t at;          /* the piece that is open; UINT32_MAX: none */
    uint16_t *actor;      /* codes of all rows, of which each piece's lines have their order */
    uint32_t most_actors; /* the highest of them */
    bool have_actors;
    uint32_t *place;
    struct kt_opened_block block[KT_OPENED_BLOCKS];
    unsigned n_blocks;
    bool have_order, have_blocks;
    bool ruled_out[KT_MERGED_PIECES]
                  [KT_OPENED_BLOCKS]; /* its filter says: no line has the needles */
    bool ruled;                       /* some are */
    bool sifted;                      /* of a merged segment: lines are kept */
    struct kt_opened_kept *kept;
    struct kt_buf text;
    struct kt_error lost[KT_MERGED_PIECES]; /* of each piece the first line that cannot be read */
};

#define RANGE         "records %llu-%llu: "
#define RANGE_OF(seg) (unsigned long long)(seg)->first_seq, (unsigned long long)(seg)->last_seq

/* A part of the piece that is stored below the number first_seq. The statement stays at its row,
 * which holds the bytes: kt_opened_let_go when done. */
KT_MUST_USE enum kt_status kt_opened_fetch(struct kt_opened *o, uint64_t first_seq, unsigned part,
                                           struct kt_str *ret, struct kt_error *err);
void kt_opened_let_go(struct kt_opened *o);
/* The same, unpacked into `to`. */
KT_MUST_USE enum kt_status kt_opened_unpack(struct kt_opened *o, uint64_t first_seq, unsigned part,
                                            size_t most, struct kt_buf *to, struct kt_error *err);
void kt_opened_close_lines(struct kt_opened *o);
