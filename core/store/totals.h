/*
 * totals: what the accesses of a stretch of sealed segments (together.h) come to, kept beside its
 * pairs: of each actor how many they are, the first and the last; of each secret what was done with
 * it, who read it, how often and when last. A question that counts takes a stretch's sums where all
 * of it lies in its window, and walks over the segments at its ends (kt_ask_summed). And which
 * kinds, actions and outcomes each segment has, so that a walk for rare ones opens no other.
 *
 * Each part is a blob, together/<first>/<part>: u32 the low half of SipHash-2-4 of all that
 * follows, u64 first and u64 last number of the stretch; then
 *
 *   values     for each segment a u32 of bits for each small column, of all its records: bit v is
 *              set where one has the value v
 *   actors     a zstd frame: varint n; then for each actor as one instance of a source tells of it,
 *              in the order of first records: actor, source, instance (each: varint length, bytes);
 *              u8 kind, of its newest record that has one; varint accesses, reads; zigzag: time of
 *              its first record in the log, less that of the actor before; varints: so much earlier
 *              is its earliest; so much later than that its latest
 *   secrets    a zstd frame: varint n, u8 bytes of a time, i64 the latest time; for each secret, in
 *              the order of first records: varint length, id; varint of bits: its actions; varint
 *              readers; then those of all secrets, one secret after the other: varints: steps
 *              between their places among the actors, rising; varints: reads that succeeded; their
 *              latest times: so much before the latest, little endian
 *
 * Whatever a stretch cannot hold (KT_TOTALS_*) is not kept: its segments are walked over.
 */
#pragma once
#include "core/store/read.h"

#define KT_TOTALS_ACTORS_MAX  65536u
#define KT_TOTALS_SECRETS_MAX 1000000u
#define KT_TOTALS_READERS_MAX 1000000u
#define KT_TOTALS_TEXT_MAX    (8u << 20) /* bytes of their names */

enum kt_totals_part { KT_TOTALS_VALUES, KT_TOTALS_ACTORS, KT_TOTALS_SECRETS, KT_TOTALS_PARTS };

struct kt_totals_actor {
    struct kt_str actor, source, instance; /* as written; actor may be empty */
    enum kt_actor_kind kind;
    uint64_t accesses, reads;        /* reads: KT_TOTALS_READS, whatever became of them */
    kt_time_ns head, earliest, last; /* head: of the first in the log. Without a time: arrivals */
};
struct kt_totals_reader {
    uint32_t actor; /* place */
    uint32_t reads; /* KT_TOTALS_READS that succeeded */
    kt_time_ns last;
};
struct kt_totals_secret {
    struct kt_str id;
    uint32_t actions; /* 1 << enum kt_action, whatever became of them */
    const struct kt_totals_reader *reader;
    uint32_t n_readers;
};
/* Of shadows the sums of actors and secrets have nothing: they are no accesses of their own.
 * Another rule is another VERSION in together.c. */
#define KT_TOTALS_READS                                                                            \
    (1u << KT_ACT_READ | 1u << KT_ACT_EXPORT | 1u << KT_ACT_ISSUE | 1u << KT_ACT_USE)

struct kt_totals { /* zeroed: empty; what was read lives until the next kt_totals_load */
    struct kt_totals_actor *actor;
    uint32_t n_actors, cap_actors;
    struct kt_totals_secret *secret; /* none unless asked for */
    uint32_t n_secrets, cap_secrets;
    struct kt_totals_reader *reader;
    uint32_t cap_readers;
    struct kt_zip *zip;
    struct kt_buf bytes, text[KT_TOTALS_PARTS];
};
void kt_totals_done(struct kt_totals *s);

struct kt_totals_run {            /* of records, one behind the other */
    uint64_t first_seq, last_seq; /* last 0: and all that follow */
    const struct kt_reader *file; /* whose sums are kept of it; NULL: to be walked over */
};
/* Parts what a scan without sieves goes over, upwards, into stretches of which all is in its window
 * and what is between. *ret is the caller's, to be freed; at least one. */
KT_MUST_USE enum kt_status kt_totals_runs(struct kt_reader *r, const struct kt_scan *scan,
                                          struct kt_totals_run **ret, uint32_t *ret_n,
                                          struct kt_error *err);
/* The sums of a run: actors, and secrets where they are wanted. False: they are not kept, or not
 * any more: it has to be walked over. */
bool kt_totals_load(const struct kt_totals_run *run, bool secrets, struct kt_totals *s);
