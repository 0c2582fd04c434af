/*
 * spool: the agent's durable queue of batches, from accept to acknowledgement, and the inputs'
 * positions.
 *
 * Owns:  segment files below one directory, and reserve, quarantine/ and corrupt/ in it.
 * Calls: core (base, fs, rng, the batch codec). Nothing above. No clock.
 * Holds: a batch is gone only after kt_spool_ack() of its number; acked segments stay for
 * `keep_bytes`, to be sent again to a restored collector. A position is on disk no earlier than the
 * lines before it. A batch is compressed and digested once, when it is appended: the file and the
 * wire share the frame; only the signature is made at sending.
 */
#pragma once
#include "core/base/buf.h"
#include "core/sys/fs.h"
#include "core/sys/rng.h"

struct kt_spool;
struct kt_spool_options {
    struct kt_fs fs;
    struct kt_rng rng; /* incarnation of a new spool */
    const char *dir;
    uint64_t bytes_max;     /* of the folder; KT_E_AGAIN past this: the engine stops reading */
    uint64_t segment_bytes; /* 0 = 16 MiB; at most a quarter of bytes_max */
    uint64_t keep_bytes;    /* of acked data, 0 = 256 MiB; gives way to what is not acked */
};
/* Reads what is there: a torn last record is cut, a damaged one in the middle is counted, kept
 * aside (corrupt/) and skipped; batches lost that way are holes (kt_spool_hole). */
KT_MUST_USE enum kt_status kt_spool_open(const struct kt_spool_options *o, struct kt_spool **ret,
                                         struct kt_error *err);
void kt_spool_close(struct kt_spool *s);
const uint8_t *kt_spool_incarnation(const struct kt_spool *s); /* 16 bytes, random at creation */

/* An input's place: key names the input and file, value is its own text (both at most 65,535
 * bytes). Newest wins; an empty value forgets the key. */
struct kt_spool_position {
    struct kt_str key, value;
};
/* Appends one batch of `count` lines (each ended by '\n') and the positions that become true with
 * it (lines may be empty, then no seq is used). Not yet durable. *ret_seq: the batch's number, from
 * 1, gapless. KT_E_AGAIN: full (or the disk is), nothing was changed. */
KT_MUST_USE enum kt_status kt_spool_append(struct kt_spool *s, struct kt_str lines, uint32_t count,
                                           const struct kt_spool_position *pos, unsigned n_pos,
                                           uint64_t *ret_seq, struct kt_error *err);
struct kt_spool_lines {
    struct kt_str text;
    uint32_t count;
    const uint8_t (*hashes)[32]; /* kt_line_hash of each; NULL: they are made here */
};
KT_MUST_USE enum kt_status kt_spool_append_hashed(struct kt_spool *s,
                                                  const struct kt_spool_lines *lines,
                                                  const struct kt_spool_position *pos,
                                                  unsigned n_pos, uint64_t *ret_seq,
                                                  struct kt_error *err);
/* Makes everything appended durable. After a failure the spool takes nothing more: open it anew. */
KT_MUST_USE enum kt_status kt_spool_sync(struct kt_spool *s, struct kt_error *err);
/* A synced batch as it travels. packed borrows from the buffer given to kt_spool_frame. */
struct kt_spool_frame {
    uint32_t count, raw_bytes;
    uint8_t digest[32];
    struct kt_str packed;
};
/* Both: KT_E_AGAIN when it is not there (dropped, a hole, or not yet synced); KT_E_CORRUPT when the
 * disk gave other bytes than were written. out is reset first. */
KT_MUST_USE enum kt_status kt_spool_frame(struct kt_spool *s, uint64_t seq, struct kt_buf *out,
                                          struct kt_spool_frame *ret, struct kt_error *err);
KT_MUST_USE enum kt_status kt_spool_read(struct kt_spool *s, uint64_t seq, struct kt_buf *out,
                                         uint32_t *ret_count, struct kt_error *err);
/* Everything up to seq is safe at the collector. Written down with the next sync. */
void kt_spool_ack(struct kt_spool *s, uint64_t seq);
/* While it holds, no segment is given up, acknowledged or not: the word of the collector is not
 * believed. A folder that is full then stays full. Not durable. */
void kt_spool_hold(struct kt_spool *s, bool hold);
/* Sends from seq + 1 again (a restored collector): moves the acked mark back as far as kept
 * segments allow and returns it. */
uint64_t kt_spool_rewind(struct kt_spool *s, uint64_t seq);
/* A new incarnation whose number 1 is the oldest batch not acked: for a collector whose mark does
 * not fit this spool (either one was restored from an older copy). Synced. */
KT_MUST_USE enum kt_status kt_spool_renew(struct kt_spool *s, struct kt_error *err);
/* The numbers under which one collector knows this spool. */
struct kt_spool_view {
    uint8_t incarnation[16]; /* zeros: it does not know it */
    uint64_t delta, acked;   /* in the spool's own numbers, which no view changes */
};
struct kt_spool_view kt_spool_view(const struct kt_spool *s);
/* Numbers and mark are those of another collector from here on, written with n_pos positions at
 * once. What `to` does not reach any more (it knows nothing, or its next batch was dropped) becomes
 * a new incarnation whose number 1 is the oldest batch kept: *ret_fresh. Synced. KT_E_AGAIN:
 * nothing was changed. */
KT_MUST_USE enum kt_status kt_spool_turn(struct kt_spool *s, const struct kt_spool_view *to,
                                         const struct kt_spool_position *pos, unsigned n_pos,
                                         bool *ret_fresh, struct kt_error *err);
/* Why a line left its batch. */
struct kt_spool_refusal {
    uint64_t seq;
    uint32_t index;        /* UINT32_MAX: the whole batch */
    const char *reason;    /* a word */
    bool keep;             /* false: the line may hold a value; only place and size are kept */
    struct kt_str instead; /* a line (no newline) that takes its place; empty = none */
};
/* Notes the refused line in quarantine/ and rewrites the batch without it, under the same number.
 * Synced. */
KT_MUST_USE enum kt_status kt_spool_refuse(struct kt_spool *s, const struct kt_spool_refusal *r,
                                           struct kt_error *err);
/* The oldest batch not acked whose bytes were lost to damage; 0 = none. It must be filled before
 * anything behind it can travel. */
uint64_t kt_spool_hole(const struct kt_spool *s);
KT_MUST_USE enum kt_status kt_spool_fill(struct kt_spool *s, uint64_t seq, struct kt_str lines,
                                         uint32_t count, struct kt_error *err);
uint64_t kt_spool_last(const struct kt_spool *s); /* newest synced seq, 0 = none */
uint64_t kt_spool_acked(const struct kt_spool *s);
uint64_t kt_spool_bytes(const struct kt_spool *s); /* not acked */
uint64_t kt_spool_lines(const struct kt_spool *s); /* the same; walks over the batches */
uint64_t kt_spool_disk(const struct kt_spool *s);  /* of all segments */
/* Newest durable value of a position key; empty when none. */
struct kt_str kt_spool_position(const struct kt_spool *s, struct kt_str key);
void kt_spool_each_position(const struct kt_spool *s,
                            void (*each)(void *self, struct kt_str key, struct kt_str value),
                            void *self);
struct kt_spool_counts {
    uint64_t corrupt, torn, refused;
};
struct kt_spool_counts kt_spool_counts(const struct kt_spool *s);
