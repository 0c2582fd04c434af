/* together_int: what the files of `together` share. Private to core/store. */
#pragma once
#include "core/store/reader.h"
#include "core/store/together.h"
#include "core/store/totals_int.h"

struct kt_stretch {
    uint64_t first_seq, last_seq;
    uint32_t segments; /* sealed ones, merged since or not: what is merged has whole stretches */
    uint32_t pairs, buckets;
    bool cased; /* two actors in it differ by case alone: of what is folded the earliest is not
                   known */
};
struct kt_pairs_key { /* of the hashes of pairs: chosen by chance with the first stretch */
    uint64_t of[2];
};
struct kt_stretches { /* rising, apart */
    struct kt_pairs_key key;
    struct kt_stretch *at;
    uint32_t n;
    bool other; /* they are cut by another version's figures: nobody uses them, n is 0, and all is
                   made again */
};
void kt_stretches_done(struct kt_stretches *s);
/* False: the bytes are no list; then s is empty. */
bool kt_stretches_read(struct kt_stretches *s, struct kt_str bytes);
void kt_stretches_write(const struct kt_stretches *s, struct kt_buf *out);
/* Of a file. KT_E_CORRUPT: there is a list, and it is none; s is empty then, as where none is. */
KT_MUST_USE enum kt_status kt_stretches_load(sqlite3 *db, struct kt_stretches *s,
                                             struct kt_error *err);
/* Are all of its segments there? *ret: where they stand in the directory. */
struct kt_stretch_place {
    uint32_t at, n;
};
bool kt_stretch_whole(const struct kt_stretch *s, const struct kt_directory *d,
                      struct kt_stretch_place *ret);
/* The number, among the segments of a stretch, of the first that entry `at` of the directory is or
 * was merged from. */
static inline uint32_t kt_stretch_number(const struct kt_stretch_place *p,
                                         const struct kt_directory *d, uint32_t at)
{
    return (uint32_t)kt_directory_pieces(d, p->at, at - p->at);
}

#define KT_STRETCH_NAME 40
const char *kt_stretch_name(const struct kt_stretch *s, uint32_t bucket, char buf[KT_STRETCH_NAME]);

/* Hash of two keys, whichever is named first. */
uint64_t kt_pair_hash(const struct kt_pairs_key *key, uint64_t a, uint64_t b);
/* The four bytes that stand before a bucket, of all that follows in it. */
uint32_t kt_bucket_sum(struct kt_str bytes);
/* Which of the stretch's buckets. */
uint32_t kt_pair_bucket(uint64_t hash, uint32_t buckets);

/* n pairs of one bucket, rising: the low half of the hash << 8 | number of the segment, of so many.
 */
void kt_bucket_write(const uint64_t *pair, uint32_t n, uint32_t segments, struct kt_buf *out);
/* Sets the bit of each segment that may have the earliest of this pair. False: the bytes are no
 * bucket; nothing is known. */
bool kt_bucket_find(struct kt_str bucket, uint64_t hash, uint8_t set[KT_TOGETHER_SEGMENTS / 8]);

struct kt_together_made {
    struct kt_stretch stretch;
    struct kt_pairs_key key;
    struct kt_buf bytes; /* bucket after bucket */
    size_t *end;         /* of each, in bytes */
    struct kt_totals_blobs sums;
    bool joined;   /* sums of the stretches from its first to its last number, and no pairs */
    bool sessions; /* the stretch's KT_TOTALS_SESSIONS alone */
};
/* Is it time to try again? A turn has passed. */
bool kt_rest_is_over(struct kt_together_rest *rest);
/* failed: what was tried then could not be read. */
void kt_rest_after(struct kt_together_rest *rest, bool failed);
/* Are the sums that were made kept so? */
bool kt_sums_are(sqlite3 *db, const struct kt_together_made *m);
/* The stretch that comes behind those there are, as kt_together_make. */
KT_MUST_USE enum kt_status kt_stretch_make_next(struct kt_reader *r,
                                                const struct kt_together_how *how,
                                                struct kt_together_made **ret,
                                                struct kt_error *err);
/* Makes the stretch of entries [at, at + n) of the directory, or as many of them as there is room
 * for. KT_E_CORRUPT: the first cannot be read; a later one ends the stretch. */
KT_MUST_USE enum kt_status kt_stretch_make(struct kt_reader *r, uint32_t at, uint32_t n,
                                           const struct kt_pairs_key *key,
                                           const struct kt_together_how *how,
                                           struct kt_together_made **ret, struct kt_error *err);

/* ---- joined ones (together_joined.c) ---- */

/* Those that are listed, each from the first of its stretches to the last. False: there is a list,
 * and it is none; s is empty then, as where none is or another version's. */
bool kt_joined_load(sqlite3 *db, struct kt_stretches *s);
/* The one that begins with this stretch; NULL: none. */
const struct kt_stretch *kt_joined_find(const struct kt_stretches *joined,
                                        const struct kt_stretch *first);
/* How many stretches it is of, from number `at` on; 0: it is not of these. */
uint32_t kt_joined_count(const struct kt_stretch *one, const struct kt_stretches *all, uint32_t at);
KT_MUST_USE enum kt_status kt_joined_make_next(struct kt_reader *r,
                                               const struct kt_together_how *how,
                                               struct kt_together_made **ret, struct kt_error *err);
/* Inside a transaction, of the stretches that there are, after kt_joined_drop_partial. */
KT_MUST_USE enum kt_status kt_joined_put(struct kt_store *s, const struct kt_stretches *all,
                                         const struct kt_together_made *m, bool *ret_added,
                                         struct kt_error *err);
/* Inside a transaction: those of which not all of these stretches are there; all where there is no
 * list, or it is none. */
KT_MUST_USE enum kt_status kt_joined_drop_partial(struct kt_store *s,
                                                  const struct kt_stretches *all,
                                                  struct kt_error *err);
KT_MUST_USE enum kt_status kt_joined_check(struct kt_reader *r, struct kt_together_checked *sum,
                                           struct kt_error *err);

/* ---- filters of sessions, side by side (together_sessions.c) ---- */

/* Bytes of one: of as many events as a segment may have, each with a session and a credential. Of
 * the blob: no more than 9.4 MB. */
#define KT_SESSIONS_FILTER_MAX (1 + KT_SEGMENT_EVENTS_MAX * 2 * KT_FILTER_SESSION_BITS / 8)
#define KT_SESSIONS_BLOB_MAX   (20 + KT_TOGETHER_SEGMENTS * (4 + KT_SESSIONS_FILTER_MAX))
/* Of so many filters, one behind the other: sets the bit of each that may have what the scan asks
 * for. False: the bytes are not so many. */
bool kt_sessions_find(struct kt_str filters, uint32_t segments, const struct kt_scan *scan,
                      uint8_t set[KT_TOGETHER_SEGMENTS / 8]);

KT_MUST_USE enum kt_status kt_sessions_make_next(struct kt_reader *r,
                                                 const struct kt_together_how *how,
                                                 struct kt_together_made **ret,
                                                 struct kt_error *err);
/* Inside a transaction, of the stretches that there are. */
KT_MUST_USE enum kt_status kt_sessions_put(struct kt_store *s, const struct kt_stretches *all,
                                           const struct kt_together_made *m, bool *ret_added,
                                           struct kt_error *err);
/* Are they the segments' own, where there are some? */
KT_MUST_USE enum kt_status kt_sessions_drop(struct kt_store *s, const struct kt_stretch *one,
                                            struct kt_error *err);
bool kt_sessions_are(struct kt_reader *r, const struct kt_stretch *s,
                     const struct kt_stretch_place *p);
/* False: it is no help to ask them. */
bool kt_sessions_wanted(const struct kt_scan *scan);

/* ---- plans ---- */

/* Are all records of the segment within the scan's bounds? */
bool kt_segment_within(const struct kt_segment *seg, const struct kt_scan *scan);
struct kt_values { /* of each small column, those that a scan lets through */
    uint32_t bits[KT_COL_SMALL];
};
/* False: it is no help to ask which segments have them. */
bool kt_values_wanted(const struct kt_scan *scan, struct kt_values *ret);
/* Of the planned ones [from, end), all in the stretch, those stay that are wanted: from `to` on.
 * Returns where they end. */
typedef uint32_t kt_plan_keep(void *self, const struct kt_stretch *s, struct kt_segment *plan,
                              uint32_t from, uint32_t end, uint32_t to);
/* Asks of each stretch that has some of the plan (rising), until the scan gives up; what is in none
 * stays. Returns how many stay. */
uint32_t kt_plan_by_stretch(const struct kt_scan *scan, const struct kt_stretches *all,
                            struct kt_segment *plan, uint32_t n, kt_plan_keep *keep, void *self);
/* As kt_together_narrow, by values alone. get: of a blob's value. Returns how many stay. */
uint32_t kt_values_narrow(const struct kt_values *v, sqlite3_stmt *get, const struct kt_scan *scan,
                          const struct kt_directory *d, const struct kt_stretches *all,
                          struct kt_segment *plan, uint32_t n);
/* Leaves segments out of a plan (rising) that have nothing for the scan. Returns how many. */
uint32_t kt_together_narrow(struct kt_reader *r, const struct kt_scan *scan,
                            struct kt_segment *plan, uint32_t *n);
struct kt_plan_door {
    sqlite3_stmt *get, *part; /* value of a blob; a part of a segment */
};
/* As kt_together_narrow, by filters of sessions alone, behind all else that narrows it. */
uint32_t kt_sessions_narrow(const struct kt_plan_door *door, const struct kt_scan *scan,
                            const struct kt_directory *d, const struct kt_stretches *all,
                            struct kt_segment *plan, uint32_t n);
/* Of a planned segment, `entry` of the directory or what was left of it, which was merged from
 * those from `number` of its stretch on: the pieces from the first to the last whose bit is set;
 * all, where it cannot be said where they begin. False: none is. */
bool kt_plan_keep_pieces(sqlite3_stmt *part, const uint8_t set[KT_TOGETHER_SEGMENTS / 8],
                         uint32_t number, const struct kt_segment *entry, struct kt_segment *seg);
