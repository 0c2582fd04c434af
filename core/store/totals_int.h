/* totals_int: what `totals` and `together` share. Private to core/store. */
#pragma once
#include "core/store/chunk.h"
#include "core/store/totals.h"

/* When a record of a sealed segment was: a walk over columns says the same. */
static inline kt_time_ns kt_chunk_time(const struct kt_chunk *c, uint32_t row)
{
    kt_time_ns time = c->columns->time[row];
    return time > 0 || !c->untimed ? time : c->arrival[row];
}

struct kt_totals_making;
struct kt_totals_making *kt_totals_making_new(void);
void kt_totals_making_free(struct kt_totals_making *m);
/* The next segment, or n that were merged, whose accesses are picked. Columns: KT_TOTALS_COLUMNS,
 * and times, of all. */
void kt_totals_take(struct kt_totals_making *m, const struct kt_chunk *c,
                    const struct kt_piece *piece, uint32_t n);
#define KT_TOTALS_COLUMNS                                                                          \
    (KT_COLUMN(KT_COL_KIND) | KT_COLUMN(KT_COL_OUTCOME) | KT_COLUMN(KT_COL_ACTOR_KIND) |           \
     KT_COLUMN(KT_COL_INSTANCE) | KT_COLUMN(KT_COL_ACTOR) | KT_ACCESS_COLUMNS)
/* The parts of the stretch of these numbers; an empty one is not kept. */
void kt_totals_write(const struct kt_totals_making *m, uint64_t first_seq, uint64_t last_seq,
                     struct kt_buf part[KT_TOTALS_PARTS]);

#define KT_TOTALS_NAME 40
const char *kt_totals_name(uint64_t first_seq, enum kt_totals_part part, char buf[KT_TOTALS_NAME]);
/* What is behind the head of a part. False: the bytes are none, or another stretch's. */
bool kt_totals_open(struct kt_str bytes, uint64_t first_seq, uint64_t last_seq, struct kt_str *ret);
/* Do two parts of the stretch of these numbers hold the same? What is in their frames counts: the
 * bytes of a frame are another libzstd's choice. */
bool kt_totals_same(enum kt_totals_part part, struct kt_str a, struct kt_str b, uint64_t first_seq,
                    uint64_t last_seq);
/* False: the bytes are no such part. */
bool kt_totals_read_actors(struct kt_totals *s, struct kt_str packed);
bool kt_totals_read_secrets(struct kt_totals *s, struct kt_str packed); /* behind the actors */
