/* spool_int: the spool's own records and state, shared by its files only. */
#pragma once
#include "agents/spool/spool.h"
#include "core/base/map.h"
#include "core/base/zip.h"

/*
 * A segment file is a row of records: head (40 bytes) and body, little endian.
 *   magic "KTR1" ‖ u8 type ‖ u8 0 ×3 ‖ u32 body length ‖ u32 count ‖ u64 number ‖ 16 bytes BLAKE2b
 *   over the 24 bytes before and the body
 * Numbers inside are the spool's own and never go back; the wire's number is that minus `delta`.
 */
#define REC_MAGIC     "KTR1"
#define REC_HEAD      40u
#define REC_SUMMED    24u
#define REC_BODY_MAX  (64u << 20)
#define BATCH_HEAD    36u /* u32 raw bytes ‖ digest, then the packed lines */
#define HOLES_MAX     (1u << 20)
#define SEGMENT_BYTES (16u << 20)
#define KEEP_BYTES    (256u << 20)
#define RESERVE_BYTES (64u << 10)

enum rec_type {
    REC_SEGMENT = 1, /* first of each file: incarnation, delta, next number, acked, positions */
    REC_BATCH,
    REC_POSITIONS,
    REC_ACK,   /* number = acked mark; may go back */
    REC_RENEW, /* incarnation, delta, acked mark, positions (before 0.1.0: the first two) */
};
struct rec {
    enum rec_type type;
    uint32_t count;
    uint64_t seq;
    struct kt_str body;
    size_t size; /* head and body */
};
struct segment {
    uint32_t no;
    uint64_t size;
    uint64_t last; /* newest number when it was left */
};
struct ref { /* where batch base + i is */
    uint64_t offset;
    uint32_t no, len, count; /* len 0 = hole */
};
struct place {
    char *durable, *pending; /* pending NULL = unchanged */
};

struct kt_spool {
    struct kt_fs fs;
    struct kt_rng rng;
    char *dir;
    uint64_t bytes_max, segment_bytes, keep_bytes;
    uint8_t incarnation[16];
    uint64_t delta;
    struct segment *segs; /* oldest first; the last one is written to */
    unsigned n_segs, cap_segs;
    struct kt_file *out, *in;
    uint32_t in_no;
    struct ref *refs;
    uint64_t base; /* number of refs[0] */
    size_t n_refs, cap_refs;
    uint64_t last, synced, acked, waiting_bytes;
    uint64_t head_size; /* of the current segment's first record */
    uint64_t reserve;   /* bytes of the file that only holds room (reserve_fill) */
    bool dirty;         /* something that must be synced was appended */
    bool loose;         /* something else was: an ack */
    bool ack_dirty;     /* the mark moved and is not written down */
    bool hold;          /* what is acknowledged stays too */
    bool cut;           /* a half-written record waits to be cut off */
    bool broken;        /* a sync failed: nothing more is taken */
    struct kt_map *keys;
    struct place *places; /* by number of keys */
    uint32_t cap_places;
    struct kt_zip *zip;
    struct kt_buf rec, body, text;
    struct kt_spool_counts counts;
};

/* For what may fail without harm; the comment at the call says why. */
static inline void ignore(enum kt_status st)
{
    (void)st;
}

/* spool_file.c: records, segments, the disk. */
void rec_begin(struct kt_buf *b, enum rec_type type, uint64_t seq, uint32_t count);
void rec_end(struct kt_buf *b, size_t start);
bool rec_parse(struct kt_str text, size_t at, struct rec *ret);
void rec_positions(struct kt_spool *s, struct kt_buf *b);
char *segment_path(const struct kt_spool *s, uint32_t no);
struct segment *segment_add(struct kt_spool *s, uint32_t no);
KT_MUST_USE enum kt_status segment_new(struct kt_spool *s, struct kt_error *err);
void segment_drop_oldest(struct kt_spool *s);
void reserve_fill(struct kt_spool *s);
KT_MUST_USE enum kt_status spool_write(struct kt_spool *s, struct kt_str recs,
                                       struct kt_error *err);
KT_MUST_USE enum kt_status spool_room(struct kt_spool *s, uint64_t need, struct kt_error *err);
bool spool_give_up(struct kt_spool *s);
void ref_push(struct kt_spool *s, struct ref r);
struct ref *ref_of(const struct kt_spool *s, uint64_t seq);
void set_acked(struct kt_spool *s, uint64_t seq);
uint64_t spool_disk(const struct kt_spool *s);

/* spool_open.c */
void place_set(struct kt_spool *s, struct kt_str key, struct kt_str value, bool durable);
