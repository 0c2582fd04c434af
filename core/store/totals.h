/*
 * totals: what the accesses of a stretch of sealed segments (together.h) come to, kept beside its
 * pairs: of each actor how many they are, the first and the last, what it did with which secret and
 * from which addresses, how often, first and last; of each secret what was done with it. A question
 * that counts takes a stretch's sums where all of it lies in its window, and walks over the
 * segments at its ends (kt_ask_summed). And which kinds, actions and outcomes each segment has, so
 * that a walk for rare ones opens no other.
 *
 * Each part is a blob, together/<first>/<part>: u32 the low half of SipHash-2-4 of all that
 * follows, u64 first and u64 last number of the stretch; then, but in `values`, u32 bytes of a zstd
 * frame, and the frame:
 *
 *   values     for each segment a u32 of bits for each small column, of all its records: bit v is
 *              set where one has the value v
 *   actors     varint n; then for each actor as one instance of a source tells of it, in the order
 *              of first records: actor, source, instance (each: varint length, bytes); u8 kind, of
 *              its newest record that has one, + 128: of its shadows alone, which are no accesses
 *              of their own; varint accesses, reads; zigzag: time of its first record in the log,
 *              less that of the actor before; varints: so much earlier is its earliest; so much
 *              later than that its latest; u8 bytes of bits: the segments that have it; varints:
 *              1 where it begins a block of deeds; of places
 *   changes    varint n; for each secret that was changed (KT_TOTALS_CHANGES): varint length, id
 *   secrets    varint n, varint bytes of all ids; for each secret, bytewise rising: varint bytes
 *              shared with the one before, varint length of the rest, the rest; varint m; for each
 *              way: u8 action; u8 outcome, + 128: of shadows; operation; then, for no
 *              secret and for each: varint ways, rising: those are the things that are done
 *   addresses  varint n; the first bytes of all n, the second bytes, … (16)
 *   deeds/<k>  block k of what actors did. In the frame, for each of its actors: varint n; where
 *              there are some: u8 t and u8 width: a time is so many units of 1000^t ns after the
 *              base, little endian, in so many bytes; zigzag the base; varints: steps between the
 *              numbers of things, rising; varints: how often. Behind the frame, for each: the
 *              earliest, and where there are more: so much later the latest
 *   places/<k> the same of addresses
 *
 *   sessions   see together_sessions.c
 *
 * Whatever a stretch cannot hold (KT_TOTALS_*) is not kept: its segments are walked over.
 *
 * Of up to KT_TOGETHER_JOINED stretches that follow each other the sums are kept once more, as one:
 * together/joined/<first>/<part>, the same parts but `values`, from the first number of the first
 * to the last of the last. Who asks about a year meets the same actors, secrets and addresses in
 * each stretch, and then an eighth as often.
 *
 *   blob together/joined   u8 1; then for each, rising: u64 its first and u64 its last number, u32
 *                          segments. One of a single stretch has no parts: it did not fit together
 *                          with the next one
 */
#pragma once
#include "core/store/read.h"

#define KT_TOTALS_ACTORS_MAX  65536u
#define KT_TOTALS_SECRETS_MAX 1000000u /* and things that are done, and addresses */
#define KT_TOTALS_WAYS_MAX    65536u
#define KT_TOTALS_ENTRIES_MAX 1000000u   /* of deeds and places together */
#define KT_TOTALS_JOINED_MAX  1500000u   /* … of joined stretches, of a table as above */
#define KT_TOTALS_TEXT_MAX    (8u << 20) /* bytes of their names */

enum kt_totals_part {
    KT_TOTALS_VALUES,
    KT_TOTALS_ACTORS,
    KT_TOTALS_CHANGED,
    KT_TOTALS_SECRETS,
    KT_TOTALS_ADDRESSES,
    KT_TOTALS_SESSIONS, /* copies of filters: together_sessions.c */
    KT_TOTALS_PARTS
};
enum kt_totals_table { KT_TOTALS_DEEDS, KT_TOTALS_PLACES, KT_TOTALS_TABLES };

struct kt_totals_entry {
    uint32_t of; /* number of the thing, or of the address */
    uint32_t n;
    kt_time_ns first, last; /* without a time: arrivals */
};
struct kt_totals_actor {
    struct kt_str actor, source, instance; /* as written; actor may be empty */
    enum kt_actor_kind kind;
    bool shadows;             /* it stands for these alone: they are no accesses of their own */
    bool wanted;              /* kt_totals_plan.want: its entries are there */
    uint64_t accesses, reads; /* reads: KT_TOTALS_READS, whatever became of them */
    kt_time_ns head, earliest, last; /* head: of the first in the log. Without a time: arrivals */
    struct kt_str segments;          /* bits */
    uint32_t block[KT_TOTALS_TABLES];
    const struct kt_totals_entry *entry[KT_TOTALS_TABLES]; /* where asked for, of the wanted that
                                                              have some */
    uint32_t at[KT_TOTALS_TABLES], n[KT_TOTALS_TABLES];
};
struct kt_totals_secret {
    struct kt_str id;
    bool read; /* KT_TOTALS_READS that succeeded; without shadows */
};
struct kt_totals_way { /* how something was done */
    enum kt_action action;
    enum kt_outcome outcome;
    bool shadow;
    struct kt_str operation;
};
#define KT_TOTALS_NONE UINT32_MAX
struct kt_totals_thing {
    uint32_t secret, way; /* secret: KT_TOTALS_NONE: of none */
};
/* Another rule is another VERSION in together.c. */
#define KT_TOTALS_READS                                                                            \
    (1u << KT_ACT_READ | 1u << KT_ACT_EXPORT | 1u << KT_ACT_ISSUE | 1u << KT_ACT_USE)

/* What may have changed a secret, whatever became of it: KT_SECRET_CHANGES (core/answer). */
#define KT_TOTALS_CHANGES                                                                          \
    (1u << KT_ACT_WRITE | 1u << KT_ACT_ROTATE | 1u << KT_ACT_DELETE | 1u << KT_ACT_DESTROY |       \
     1u << KT_ACT_RESTORE)

struct kt_totals { /* zeroed: empty */
    const struct kt_totals_run *run;
    struct sqlite3 *db; /* where they are read */
    struct kt_totals_actor *actor;
    struct kt_str *changed; /* these, and actors, where they were asked for */
    struct kt_totals_secret *secret;
    struct kt_totals_way *way;
    struct kt_totals_thing *thing;
    struct kt_str addresses; /* byte by byte: kt_totals_address */
    struct kt_totals_entry *entry[KT_TOTALS_TABLES];
    uint32_t n_actors, n_changed, n_secrets, n_ways, n_things, n_addresses;
    uint32_t cap_actors, cap_changed, cap_secrets, cap_ways, cap_things;
    uint32_t used[KT_TOTALS_TABLES], cap_entries[KT_TOTALS_TABLES];
    struct kt_zip *zip;
    struct kt_buf bytes, text[KT_TOTALS_PARTS], ids, block;
};
void kt_totals_done(struct kt_totals *s);
struct kt_ip kt_totals_address(const struct kt_totals *s, uint32_t n);

struct kt_totals_run {            /* of records, one behind the other */
    uint64_t first_seq, last_seq; /* last 0: and all that follow */
    unsigned number; /* of the log's file whose sums are kept of it; 0: to be walked over */
    bool joined;     /* of several stretches: who cannot take it asks for these by themselves */
};
/* Parts what a scan without sieves goes over, upwards, into stretches of which all is in its window
 * and what is between; joined: and into joined ones. *ret is the caller's, to be freed; at least
 * one. */
KT_MUST_USE enum kt_status kt_totals_runs(struct kt_reader *r, const struct kt_scan *scan,
                                          bool joined, struct kt_totals_run **ret, uint32_t *ret_n,
                                          struct kt_error *err);
#define KT_TOTALS_WITH_ACTORS    1u
#define KT_TOTALS_WITH_CHANGES   2u
#define KT_TOTALS_WITH_SECRETS   4u /* and ways and things */
#define KT_TOTALS_WITH_ADDRESSES 8u
#define KT_TOTALS_WITH_DEEDS     16u /* of the wanted; secrets have to be there */
#define KT_TOTALS_WITH_PLACES    32u /* of the wanted; addresses have to be there */

/* ---- one run after the other ---- */

struct kt_totals_plan { /* what it points to lives while the walk lasts */
    const struct kt_totals_run *run;
    uint32_t n;
    unsigned with; /* KT_TOTALS_WITH_ */
    /* Sets `wanted` of all actors, on any thread; how many: where it is none, no more is read.
     * NULL: nobody is. */
    uint32_t (*want)(const void *self, struct kt_totals *s);
    const void *self;
};
enum kt_totals_found {
    KT_TOTALS_UNKNOWN, /* not kept, or not any more: it has to be walked over */
    KT_TOTALS_NOBODY,  /* of those that are wanted; such runs come in no order, or not at all */
    KT_TOTALS_FOUND,
};
struct kt_totals_at {
    enum kt_totals_found found;
    const struct kt_totals_run *run;
    struct kt_totals *sums; /* found: until the next call */
};
/* The sums of runs, in their order; threads unpack what comes next (helpers.h). */
struct kt_totals_walk;
struct kt_totals_walk *kt_totals_walk_new(struct kt_reader *r, const struct kt_totals_plan *plan);
void kt_totals_walk_free(struct kt_totals_walk *w);
/* False: that was the last. */
bool kt_totals_walk_next(struct kt_totals_walk *w, struct kt_totals_at *ret);
/* How many segments of the stretch, as they are now, have accesses of those that are wanted: so
 * many views a walk would meet. */
uint32_t kt_totals_views(const struct kt_totals *s, struct kt_reader *r);
