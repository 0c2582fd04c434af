/*
 * dedupe: has this record been stored before? Exact, for ever (DESIGN §6). Private to core/store.
 */
#pragma once
#include "core/store/db.h"
#include "core/store/directory.h"
#include "core/store/write.h"

struct kt_reader;
struct kt_dedupe;
struct kt_dedupe_options {
    sqlite3 *db;
    const struct kt_directory *directory; /* the writer's, kept up to date by it */
    struct kt_reader *older;              /* the damaged files before this one; NULL: none */
    size_t recent;                        /* ids held in memory; those of the tail are read in */
    uint64_t first_seq, next_seq;         /* of this file, of the log */
    kt_time_ns last_time;                 /* of every event stored in this file so far */
};
/* All of o is borrowed while the object lives. */
KT_MUST_USE enum kt_status kt_dedupe_new(const struct kt_dedupe_options *o, struct kt_dedupe **ret,
                                         struct kt_error *err);
void kt_dedupe_free(struct kt_dedupe *d);

/* Before the lines of one batch; its kept lines will have the numbers next_seq, next_seq + 1 … */
void kt_dedupe_start(struct kt_dedupe *d, const struct kt_store_batch *b, uint64_t next_seq);
/* The fate of line `place`, asked in order. What is not a duplicate counts as kept from here on. */
KT_MUST_USE enum kt_status kt_dedupe_ask(struct kt_dedupe *d, uint32_t place, enum kt_fate *ret,
                                         struct kt_error *err);
/* The transaction was undone: the next record is next_seq again. */
void kt_dedupe_undo(struct kt_dedupe *d, uint64_t next_seq);
/* A segment was removed: nothing of it may be compared with any more. */
void kt_dedupe_drop(struct kt_dedupe *d, const struct kt_segment *seg);
/* What looking into the past has cost since the last call, in kt_store_result's unit. */
uint32_t kt_dedupe_cost(struct kt_dedupe *d);
