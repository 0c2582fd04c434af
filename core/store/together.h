/*
 * together: which values stand together in one record, kept for stretches of the store: runs of up
 * to 256 sealed segments. For a pair of values (this actor and that secret, this secret and that
 * network, …) a stretch says that no access in it has both, or in which of its segments the
 * earliest is that has. So a walk for two values leaves whole stretches closed, and a walk that
 * only wants the earliest time of each pair (struct kt_scan's `earliest`) opens a segment instead
 * of hundreds, although each value by itself may be everywhere.
 *
 * Derived from the segments and made again from them at will; a store without it answers the same,
 * slower. Made off the writer's thread, written by the one writer, dropped in the transaction
 * in which retention takes the first of its segments.
 *
 *   blob together          u8 4, u32 pairs of a bucket, u32 pairs of a stretch at most, u8 kinds of
 *                          pairs: with another head it is no list of this version's, and is made
 *                          again; 16 bytes, the key of pairs' hashes, chosen by chance with the
 *                          first stretch; then for each stretch, rising: u64 its first and u64 its
 * last number, u32 segments, u32 pairs, u32 buckets, u8 1 where two actors differ by case alone,
 * else 0 blob together/<first>/<bucket>   (16 and 4 hexadecimal digits) u32 the low half of
 * SipHash-2-4 of all that follows (a damaged bucket says nothing, so that its stretch is walked);
 * u8 width of a segment's number in bits; the lengths of 16 parts, varints; the parts, each: varint
 * pairs, then a pair after the other, rising, in bits from the lowest on, filled up to a byte: the
 * difference of its mark to the one before in Rice's code (the difference >> 6 in ones, a zero, its
 * low six bits), the number of the segment, from 0
 *
 * A pair's bucket, part and mark are cut from the 64-bit keyed hash of both keys (kt_key_hash); of
 * n pairs in a part marks are below 64 n, so another pair is taken for one of them once in 64
 * times, which opens a segment in vain. Rice's code: R. F. Rice, "Some practical universal
 * noiseless coding techniques", JPL 79-22, 1979.
 *
 * Bounds: a stretch has 256 segments and is full at KT_TOGETHER_PAIRS_MAX pairs (1.8 to 2 bytes
 * each), beyond which only a merged segment goes that was begun before. Making one takes 50 MB
 * beside a segment, and for its sums, which are made, written, dropped and looked at with its
 * pairs, about 100 bytes for each entry of deeds and places, of which there are a million at most
 * (totals.h). Joining the sums of stretches takes the same for KT_TOTALS_JOINED_MAX entries at
 * most.
 */
#pragma once
#include "core/store/read.h"

#define KT_TOGETHER_BLOB      "together"
#define KT_TOGETHER_SEGMENTS  256u
#define KT_TOGETHER_PAIRS_MAX 700000u
#define KT_TOGETHER_BUCKET    750u /* pairs: 1.3 KB, six of them fill a page of the file */
#define KT_TOGETHER_KINDS     8u   /* of pairs; pairs of one record at most */
#define KT_TOGETHER_JOINED    8u   /* stretches whose sums are joined */

struct kt_together_made; /* a stretch that waits to be written */
/* What cannot be read is tried again, as it may pass: after one turn, two, four, up to so many. */
#define KT_TOGETHER_REST_MAX 64u /* an hour, where a turn is a minute */
struct kt_together_rest {
    uint32_t turns, left; /* until the next try; of them */
};
struct kt_together_rests { /* zeroed: everything is tried */
    struct kt_together_rest joined, sessions;
};
struct kt_together_how {
    uint32_t segments;           /* of a stretch; 0: KT_TOGETHER_SEGMENTS. Tests make small ones */
    uint32_t joined;             /* stretches of a joined one; 0: KT_TOGETHER_JOINED */
    bool (*give_up)(void *self); /* asked before each segment; NULL: never */
    void *give_up_self;
    struct kt_together_rests *rests; /* of whoever asks turn by turn; NULL: it is asked once */
};
/* Makes the stretch that comes behind those there are, or where there are not enough segments for
 * one, joins the sums of the next stretches that are, or where there are not enough of these,
 * copies the filters of sessions of one that has none yet; touches nothing but r. KT_E_AGAIN: there
 * is nothing to be made. KT_E_LIMIT: given up. */
KT_MUST_USE enum kt_status kt_together_make(struct kt_reader *r, const struct kt_together_how *how,
                                            struct kt_together_made **ret, struct kt_error *err);
void kt_together_made_free(struct kt_together_made *m);
/* Inside a transaction: writes it, and drops partial stretches. One that is not as the store is now
 * is left out, which is no failure. *ret_added: was it written? */
KT_MUST_USE enum kt_status kt_together_put(struct kt_store *s, const struct kt_together_made *m,
                                           bool *ret_added, struct kt_error *err);
/* Inside a transaction: drops stretches of which segments were taken. */
KT_MUST_USE enum kt_status kt_together_drop_partial(struct kt_store *s, struct kt_error *err);
/* Inside a transaction: drops all of it. */
KT_MUST_USE enum kt_status kt_together_drop(struct kt_store *s, struct kt_error *err);

/* Makes and writes what is missing, until that is pairs of so many segments (0: all), a transaction
 * a stretch: for whoever has the store to himself. told: after each; NULL: nobody asks. */
struct kt_together_state;
KT_MUST_USE enum kt_status kt_together_complete(struct kt_store *s, uint64_t segments,
                                                void (*told)(void *self,
                                                             const struct kt_together_state *now),
                                                void *self, struct kt_error *err);

struct kt_together_state { /* of the file that is written */
    uint64_t segments, in; /* sealed; in a stretch that is used */
    uint64_t stretches, pairs;
    uint64_t joined; /* stretches whose sums are joined with those of others */
};
KT_MUST_USE enum kt_status kt_together_state(struct kt_reader *r, struct kt_together_state *ret,
                                             struct kt_error *err);
/* Is it cheaper to ask stretch by stretch for so many values than to look at each segment with
 * events in [since, until)? Not where many of these are in no stretch. */
bool kt_together_worth(struct kt_reader *r, kt_time_ns since, kt_time_ns until, uint32_t values);

struct kt_together_checked { /* what is kept, against the segments */
    uint64_t stretches, differ;
    uint64_t first_seq, last_seq; /* of the first that differs */
    unsigned lists;               /* files whose list of stretches is not as it was written */
    unsigned unreadable;          /* earlier files whose pairs could not be looked at */
};
/* Makes all of it again, each stretch in a snapshot of its own. Stretches that nobody uses
 * (retention took segments of them, or another version made them) and those with a segment that
 * cannot be read are passed over. */
KT_MUST_USE enum kt_status kt_together_check(struct kt_reader *r, struct kt_together_checked *ret,
                                             struct kt_error *err);
