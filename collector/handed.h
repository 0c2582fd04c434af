/*
 * handed: committed batches of agents on their way to detection, as they were unpacked and checked.
 * So that detection need not read and unpack again what the writer had in memory a moment ago.
 *
 * A batch has one owner at a time: the writer, the way, detection. What finds no room on the way is
 * let go, and whoever is behind reads the log, which has the same records.
 */
#pragma once
#include "core/base/limits.h"
#include "core/event/parsed.h"
#include "core/store/read.h"

struct kt_handed {
    struct kt_handed *next;
    uint64_t first_seq; /* of the first line; all of them are stored, one behind the other */
    kt_time_ns arrival, stored;
    char agent[KT_NAME_MAX + 1];
    struct kt_parsed *parsed; /* which others may have as well */
};
void kt_handed_free(struct kt_handed *b);
/* The next record of b: *at is 0 at first, the number of its line. What of its event is not in the
 * line is in arena, which is emptied before. KT_E_AGAIN: no more. */
KT_MUST_USE enum kt_status kt_handed_next(const struct kt_handed *b, uint32_t *at,
                                          struct kt_arena *arena, struct kt_record *ret,
                                          struct kt_error *err);

struct kt_way;                               /* from the writer's thread to detection's */
struct kt_way *kt_way_new(size_t bytes_max); /* of memory that waits on it, all told */
void kt_way_free(struct kt_way *w);
/* Takes b. Of batches that are given in order, those are kept that came one behind the other while
 * there was room; once one was let go, none until the way is empty. So detection goes from the log
 * to the way and back once, not with each batch. */
void kt_way_give(struct kt_way *w, struct kt_handed *b);
/* The batch that begins behind seq `after`; it is the caller's. NULL: none; *ret_until is the seq
 * before the first one that waits, 0 when none does. What begins earlier is let go. */
struct kt_handed *kt_way_take(struct kt_way *w, uint64_t after, uint64_t *ret_until);
