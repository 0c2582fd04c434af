/*
 * spool: the agent's durable queue of batches, from accept to acknowledgement, and the inputs'
 * positions.
 *
 * Owns:  segment files below one directory.
 * Calls: core (err, buf, hash, fs). Nothing above. No clock.
 * Holds: a batch is gone only after kt_spool_ack() of its number was recorded; acked segments stay
 * for `keep_bytes`, to be sent again to a restored collector. A position is on disk no earlier than
 * the lines before it.
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
    uint64_t bytes_max;     /* KT_E_AGAIN past this: the engine stops reading */
    uint64_t segment_bytes; /* 0 = 16 MiB */
    uint64_t keep_bytes;    /* of acked data, 0 = 256 MiB */
};
/* Reads what is there: a torn last record is cut, a damaged one in the middle is counted, kept
 * aside (.corrupt) and skipped. */
KT_MUST_USE enum kt_status kt_spool_open(const struct kt_spool_options *o, struct kt_spool **ret,
                                         struct kt_error *err);
void kt_spool_close(struct kt_spool *s);
const uint8_t *kt_spool_incarnation(const struct kt_spool *s); /* 16 bytes, random at creation */

/* An input's place: key names the input and file, value is its own text. Newest wins. */
struct kt_spool_position {
    struct kt_str key, value;
};
/* Appends one batch of `count` lines (each ended by '\n') and the positions that become true with
 * it (lines may be empty, then no seq is used). Not yet durable. *ret_seq: the batch's number, from
 * 1, gapless. */
KT_MUST_USE enum kt_status kt_spool_append(struct kt_spool *s, struct kt_str lines, uint32_t count,
                                           const struct kt_spool_position *pos, unsigned n_pos,
                                           uint64_t *ret_seq, struct kt_error *err);
KT_MUST_USE enum kt_status kt_spool_sync(struct kt_spool *s, struct kt_error *err);
/* Lines of a synced batch into out. KT_E_AGAIN: not there (acked and dropped, or not yet synced).
 */
KT_MUST_USE enum kt_status kt_spool_read(struct kt_spool *s, uint64_t seq, struct kt_buf *out,
                                         uint32_t *ret_count, struct kt_error *err);
/* Everything up to seq is safe at the collector. */
KT_MUST_USE enum kt_status kt_spool_ack(struct kt_spool *s, uint64_t seq, struct kt_error *err);
/* Sends from seq + 1 again (a restored collector): moves the acked mark back as far as kept
 * segments allow. */
uint64_t kt_spool_rewind(struct kt_spool *s, uint64_t seq);
/* Moves line index (or the whole batch, UINT32_MAX) of a refused batch into quarantine/ and
 * rewrites that batch without it. */
KT_MUST_USE enum kt_status kt_spool_refuse(struct kt_spool *s, uint64_t seq, uint32_t index,
                                           const char *reason, struct kt_error *err);
uint64_t kt_spool_last(const struct kt_spool *s); /* newest synced seq, 0 = none */
uint64_t kt_spool_acked(const struct kt_spool *s);
uint64_t kt_spool_bytes(const struct kt_spool *s); /* not acked */
/* Newest durable value of a position key; empty when none. */
struct kt_str kt_spool_position(const struct kt_spool *s, struct kt_str key);
void kt_spool_each_position(const struct kt_spool *s,
                            void (*each)(void *self, struct kt_str key, struct kt_str value),
                            void *self);
struct kt_spool_counts {
    uint64_t corrupt, torn, refused;
};
struct kt_spool_counts kt_spool_counts(const struct kt_spool *s);
