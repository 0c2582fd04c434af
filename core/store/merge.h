/*
 * merge: sealed segments that stand side by side become one, which questions open at the price of
 * one. Made off the writer's thread, written by the one writer in one transaction.
 *
 * What is shared is made anew: columns, times, the filters that follow from columns, and the list
 * of the pieces, some 14 bytes a record. All that is large and no better together stays where it
 * is, below the numbers of the pieces: blocks of lines, their filters, batches, tree nodes, filters
 * of sessions and of ids. So no line is opened, and a piece's lines, batches and nodes are found in
 * the same place before and after.
 *
 * What may be merged: up to KT_MERGED_PIECES neighbours and KT_MERGED_EVENTS_MAX records, without a
 * gap that retention left between them, stored in one month and within KT_MERGE_STORED, whose
 * events are of few days (KT_MERGE_DAYS) or of no more than those of the widest of them, and whose
 * joint dictionaries have no more than KT_MERGED_TEXTS_MAX bytes, so that who sends long texts does
 * not make sixteen times as much of them to be opened and written at a time; never across the end
 * of a stretch of kept pairs (together.h), and none that is held. Fewer than KT_MERGE_LEAST stay as
 * they are. So retention, which takes whole segments, is late by three days at most.
 */
#pragma once
#include "core/store/read.h"

#define KT_MERGES_BLOB      "merges" /* u64: how many there have been in this file */
#define KT_MERGE_LEAST      4u
#define KT_MERGE_STORED     (3 * KT_NS_DAY)
#define KT_MERGE_DAYS       4u
#define KT_MERGED_TEXTS_MAX (8u << 20) /* a busy log's have half a megabyte */

struct kt_store;
struct kt_merge_made; /* a merged segment that waits to be written */
struct kt_merge_run { /* a sealed segment, for who knows of holds */
    uint64_t first_seq, last_seq;
    kt_time_ns min_time, max_time;
    bool untimed; /* some event has no time */
};
struct kt_merge_how {
    /* Records before are left as they are; moves behind what was looked at, so that what was passed
     * over (it is held, cannot be read or be written, has too long texts, or changed meanwhile) is
     * looked at again only by who sets it back. */
    uint64_t from_seq;
    /* Pieces of one at most, days of its events, and the time within which it was stored; 0:
     * KT_MERGED_PIECES, KT_MERGE_DAYS, KT_MERGE_STORED. Tests take few pieces, any two at least. */
    uint32_t pieces, days;
    kt_time_ns stored;
    /* May one of its records be held? Asked of what would be merged; NULL: none is. */
    bool (*held)(void *self, const struct kt_merge_run *run);
    void *held_self;
    /* The newest record of a hold that `held` knows: what is made is not put where there is a newer
     * one. 0: there is none. */
    uint64_t holds_seq;
    bool (*give_up)(void *self); /* asked before each piece; NULL: never */
    void *give_up_self;
};
/* Makes the next one. KT_E_AGAIN: there is nothing to be merged, now. KT_E_LIMIT: given up. What
 * cannot be read is passed over: verify tells of it. */
KT_MUST_USE enum kt_status kt_merge_make(struct kt_reader *r, struct kt_merge_how *how,
                                         struct kt_merge_made **ret, struct kt_error *err);
void kt_merge_made_free(struct kt_merge_made *m);
/* Inside a transaction: puts it in place of its pieces. One that is not as the store is now, since
 * when somebody may hold its records, or of which a stretch of pairs has a part by now, is left
 * out, which is no failure. *ret_added: was it written? An error tears the transaction, in which
 * nothing else should be. KT_E_CORRUPT: a page beside its parts is damaged; the run cannot be
 * merged, the store goes on when the transaction is rolled back: a merge is no reason to leave the
 * file. */
KT_MUST_USE enum kt_status kt_merge_put(struct kt_store *s, const struct kt_merge_made *m,
                                        bool *ret_added, struct kt_error *err);
/* Makes and writes all that there is, a transaction each: for whoever has the store to himself.
 * What cannot be read or be written for a damaged page is passed over. told: after each; NULL:
 * nobody asks. *ret_merged: segments that are no more. */
KT_MUST_USE enum kt_status kt_merge_complete(struct kt_store *s, struct kt_merge_how *how,
                                             void (*told)(void *self, uint64_t merged), void *self,
                                             uint64_t *ret_merged, struct kt_error *err);
