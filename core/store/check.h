/* check: the state of one verification, shared by the verify*.c files. Private to core/store. */
#pragma once
#include <stdarg.h>

#include "core/base/map.h"
#include "core/store/merge_int.h"
#include "core/store/opened.h"
#include "core/store/reader.h"
#include "core/store/store.h"
#include "core/store/tombstone.h"

struct spool { /* newest batch seen of one agent's spool */
    uint64_t seq;
    uint8_t digest[32];
};
struct alert_seen {
    char digest[2 * 32 + 1]; /* hex */
    bool row;
};
struct seen { /* a sealed segment that was read, by itself or as a piece of a merged one */
    uint64_t first_seq, last_seq;
    unsigned parts, kept; /* that it has by itself, and that it keeps when it is merged */
    struct kt_sums sums;
};
struct check {
    struct kt_reader *reader;
    const struct kt_verify_options *o;
    unsigned next_head; /* of o->heads: those before are done */
    struct kt_verify_result result;

    sqlite3_stmt *control_at, *batch_at, *mark_at, *place_at;
    struct kt_zip *zip;
    struct kt_sha256 *sha;
    struct kt_arena arena;
    struct kt_lines lines;
    struct kt_cover cover;
    struct kt_buf text, nodes;
    kt_time_ns *arrival;
    bool *conflict;
    uint8_t (*hash)[32], (*all)[32];
    kt_time_ns min_time, max_time; /* of the lines of one batch */

    /* the segment at hand, and what its lines give */
    struct kt_opened *opened;
    struct kt_builder *builder;
    struct kt_built built, merged;
    struct kt_merger *merger;
    struct kt_columns columns; /* of a piece that was seen before it was merged */
    struct kt_buf days;
    uint64_t packed; /* bytes of the parts that were looked at */
    struct kt_str *line;
    struct kt_buf unpacked[2];
    uint64_t parts;

    struct kt_tree tree, recorded;
    /* What the records give: of the file so far, of the segment or batch at hand. Segments stay
     * apart until the end: retention may take one that was read. */
    struct kt_sums sums, one, recorded_sums;
    struct seen *seen;
    uint32_t n_seen, cap_seen;
    uint64_t removed_before; /* in files before the one at hand */
    uint64_t want;           /* number that must come next */
    bool partly;             /* it began behind the first record */
    struct kt_tombstones tombstones;
    struct kt_map *spools; /* agent, NUL, incarnation */
    struct spool *spool;
    uint32_t spool_room;
    struct kt_map
        *senders;          /* "type/instance" that came live, and with LF and the agent behind it */
    struct kt_buf sender;  /* the last one */
    struct kt_map *alerts; /* id -> what its newest record says of its row */
    struct alert_seen *alert;
    uint32_t alert_room;
    uint8_t log_id[16];
    /* What the records say that the log is called, so far; 0: nothing yet. */
    uint8_t name[16];
    uint64_t named; /* record that said it */
};

#define RANGE       "records %llu-%llu: "
#define RANGE_OF(r) (unsigned long long)(r)->first_seq, (unsigned long long)kt_row_last(r)
#define ULL(v)      ((unsigned long long)(v))

void kt_check_say(struct check *c, const char *fmt, ...) KT_PRINTF(2, 3);  /* it is another */
void kt_check_lost(struct check *c, const char *fmt, ...) KT_PRINTF(2, 3); /* nobody can read it */
/* Fills the heads up to a tree: of those that lie before its size nobody knows a root. */
void kt_check_heads(struct check *c, const struct kt_tree *t);
/* Control records and removed ones up to number `first`; then [first, last] are there. */
void kt_check_reach(struct check *c, uint64_t first, uint64_t last);
/* ---- verify_batch.c: everything about one batch but where it stands ---- */
/* Leaves its nodes in c->nodes, and adds them to the tree. */
void kt_check_batch(struct check *c, const struct kt_row *row, const struct kt_str *line);
/* ---- verify_segment.c ---- */
#define KT_MERGED_PARTS (KT_COL_COUNT + 1 + KT_FILTER_COUNT - 1 + 1) /* kt_part_is_merged */
void kt_check_segment(struct check *c, const struct kt_segment *seg);
