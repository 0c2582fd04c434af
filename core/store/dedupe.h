/*
 * dedupe: has this record been stored before? Exact, for ever (DESIGN §6). Private to core/store.
 */
#pragma once
#include "core/store/db.h"
#include "core/store/span.h"
#include "core/store/write.h"

struct kt_dedupe;
/* recent: ids held in memory. last_time: of every event stored so far. */
KT_MUST_USE enum kt_status kt_dedupe_new(sqlite3 *db, size_t recent, uint64_t next_seq,
                                         kt_time_ns last_time, struct kt_dedupe **ret,
                                         struct kt_error *err);
void kt_dedupe_free(struct kt_dedupe *d);

/* Before the lines of one batch; its kept lines will have the numbers next_seq, next_seq + 1 … */
void kt_dedupe_start(struct kt_dedupe *d, const struct kt_store_batch *b, uint64_t next_seq);
/* The fate of line `place`, asked in order. What is not a duplicate counts as kept from here on. */
KT_MUST_USE enum kt_status kt_dedupe_ask(struct kt_dedupe *d, uint32_t place, enum kt_fate *ret,
                                         struct kt_error *err);
/* Key of the i-th kept line of this batch; NULL when it has none. */
const uint8_t *kt_dedupe_key(const struct kt_dedupe *d, uint32_t i);
/* The transaction was undone: forgets what is in memory; the file has the truth. */
void kt_dedupe_forget(struct kt_dedupe *d, uint64_t next_seq);
