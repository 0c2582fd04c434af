/*
 * blast: the blast radius of a credential: every secret that was read with it, whether what was
 * read is still good, in the order to rotate, and who will break; what else it did; what grew out
 * of it.
 */
#pragma once
#include "core/answer/counted.h"
#include "core/answer/credential.h"
#include "core/answer/secret_state.h"

enum kt_blast_list {
    KT_BLAST_ADDRESSES,
    KT_BLAST_ACTORS, /* canonical; of an address or a session several */
    KT_BLAST_SOURCES,
    KT_BLAST_CREDENTIALS, /* used; only where lines were read */
    KT_BLAST_NAMES,       /* listed: names, no values */
    KT_BLAST_SETS,        /* read whole; their known members are among the secrets */
    KT_BLAST_FAILED,      /* denied or failed, by target */
    KT_BLAST_DEEDS,       /* changed, granted, issued, revoked: by operation and target */
    KT_BLAST_LISTS,
};
/* Behind the query of a credential: its reads, as search counts them. */
#define KT_BLAST_READS    "outcome:success,unknown " KT_ASK_READS
#define KT_BLAST_LIST_MAX 10000u /* entries of a list */
struct kt_blast_secret {
    const struct kt_secret_state *state;
    int production; /* 1 yes, 0 no, -1 not known */
};
#define KT_BLAST_HOPS_MAX  32u
#define KT_BLAST_DEPTH_MAX 3u
struct kt_blast_hop { /* what was opened with it, and whose reads are among the secrets' */
    struct kt_str name, query, operation;
    kt_time_ns at;
    unsigned depth;          /* 1: by the credential itself */
    uint64_t records, reads; /* of the session since then; each is once in what is told of all */
};
struct kt_blast_leak { /* a scanner's finding of the credential */
    kt_time_ns at;
    struct kt_str where, state, found_by;
};
struct kt_blast {            /* all of it lives until kt_blast_free */
    kt_time_ns since, until; /* 0 = open */
    uint64_t records, reads, failed;
    kt_time_ns first, last; /* of all records; 0: there are none */
    struct kt_counted_list list[KT_BLAST_LISTS];
    struct kt_blast_secret *secret; /* in the order to rotate */
    uint32_t n_secrets, open, open_production;
    uint32_t by_exposure[KT_EXPOSURE_COUNT];
    const struct kt_blast_hop *hop;
    unsigned n_hops, hops_left; /* left: not followed, too many or too deep */
    const struct kt_blast_leak *leak;
    uint32_t n_leaks;
    bool lines; /* each record's line was read: versions, credentials and hops are known */
    uint64_t
        unkeyed; /* records whose credential nobody looked at: older than those that are listed */
    kt_time_ns readers_until;
    struct kt_store_stats head;           /* of the store it was made from */
    const struct kt_inventory *inventory; /* it was made with */
};
struct kt_blast_options {
    /* Is a secret production? NULL: by its name (kt_secret_production). */
    int (*production)(void *self, struct kt_str secret);
    void *production_self;
    bool keys;         /* where lines are not read, the newest are, for their credentials */
    uint32_t list_max; /* entries of a list, for tests: below KT_BLAST_LIST_MAX; 0: so many */
};
/*
 * Over the ask's window; what became of the secrets is told up to now. The order to rotate: what is
 * still good first; then production; then those with the fewest other readers, which break least;
 * then the most read.
 */
KT_MUST_USE enum kt_status kt_blast_load(struct kt_ask *a, const struct kt_credential *of,
                                         const struct kt_blast_options *options,
                                         struct kt_blast **ret, struct kt_error *err);
void kt_blast_free(struct kt_blast *b);
/* The same in steps, for whoever knows of reads outside the window: kt_blast_walk has all but the
 * secrets, kt_blast_later takes one of those reads (records that are none are passed over), which
 * count where secrets are judged and nowhere else, kt_blast_judge has the secrets. */
KT_MUST_USE enum kt_status kt_blast_walk(struct kt_ask *a, const struct kt_credential *of,
                                         const struct kt_blast_options *options,
                                         struct kt_blast **ret, struct kt_error *err);
KT_MUST_USE enum kt_status kt_blast_later(struct kt_blast *b, const struct kt_record *r,
                                          struct kt_error *err);
KT_MUST_USE enum kt_status kt_blast_judge(struct kt_blast *b, struct kt_error *err);

/* ---- in words ---- */
/* "41 reads of 7 secrets; still exposed 4 (2 of production) …": times in that zone. */
void kt_blast_sum(const struct kt_blast *b, int zone_offset_s, struct kt_buf *out);
/* "svc-pay (40), deploy (3), and 2 more". */
void kt_blast_readers(const struct kt_secret_state *st, unsigned most, struct kt_buf *out);
void kt_blast_versions(const struct kt_secret_state *st, struct kt_buf *out);
const char *kt_blast_list_word(enum kt_blast_list which);
