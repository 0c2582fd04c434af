/*
 * row: one row of table batch and the small formats inside it. Private to core/store.
 *
 * arrivals   zigzag varints, each record's arrival minus the one before; NULL: all the first's
 * dropped    u32 place in the batch as it was signed, 32 bytes line hash, for each line left out
 * conflicts  u32 place among the kept lines, rising
 * leaves     SHA-256 over the leaf hashes of the kept lines: tells verify where a change is
 * nodes      the cover of its leaves (tree.h)
 */
#pragma once
#include "core/base/hash.h"
#include "core/base/zip.h"
#include "core/event/parsed.h"
#include "core/store/db.h"
#include "core/store/tree.h"

struct kt_row { /* borrowed from the statement until its next step */
    uint64_t first_seq, batch_seq;
    uint32_t count;
    uint64_t bytes; /* of the lines, newlines included */
    uint8_t origin;
    kt_time_ns arrival, stored, min_time, max_time;
    struct kt_str agent, incarnation, leaves, digest, signature, arrivals, dropped, conflicts,
        nodes, lines;
    /* Its lines as they were read before, where they are at hand: then `lines` is not asked. */
    struct kt_parsed *parsed;
};
#define KT_ROW_COLUMNS                                                                             \
    "first_seq,count,bytes,agent,incarnation,batch_seq,origin,arrival,stored,min_time,max_time,"   \
    "leaves,digest,signature,arrivals,dropped,conflicts,nodes,lines"

/* Takes KT_ROW_COLUMNS, from column 0 on; lengths and ranges are checked. */
KT_MUST_USE enum kt_status kt_row_read(sqlite3_stmt *st, struct kt_row *ret, struct kt_error *err);
/* Lengths and counts of a row, wherever it comes from. */
KT_MUST_USE enum kt_status kt_row_check(const struct kt_row *row, struct kt_error *err);
/* The cover of its leaves; KT_E_CORRUPT when it is not one of count leaves. */
KT_MUST_USE enum kt_status kt_row_nodes(const struct kt_row *row, struct kt_cover *ret,
                                        struct kt_error *err);
uint64_t kt_row_last(const struct kt_row *row);

struct kt_lines { /* the lines of a row, without their newlines */
    struct kt_buf text;
    struct kt_str *at;
    uint32_t n, cap;
};
void kt_lines_done(struct kt_lines *l);
/* KT_E_CORRUPT names the records. */
KT_MUST_USE enum kt_status kt_row_lines(const struct kt_row *row, struct kt_zip *zip,
                                        struct kt_lines *ret, struct kt_error *err);
/* ret: row->count entries. */
KT_MUST_USE enum kt_status kt_row_arrivals(const struct kt_row *row, kt_time_ns *ret,
                                           struct kt_error *err);
/* Sets ret[i] for each conflicting kept line i; ret: row->count zeroed entries. */
KT_MUST_USE enum kt_status kt_row_conflicts(const struct kt_row *row, bool *ret,
                                            struct kt_error *err);
struct kt_dropped {
    const char *at;
    uint32_t n;
};
#define KT_DROPPED_SIZE 36u
uint32_t kt_dropped_place(const struct kt_dropped *d, uint32_t i);
const uint8_t *kt_dropped_hash(const struct kt_dropped *d, uint32_t i);

/* Appends the arrivals of n records picked by place[]; nothing when all are the same. */
void kt_row_pack_arrivals(const kt_time_ns *arrival, const uint32_t *place, uint32_t n,
                          struct kt_buf *out);
