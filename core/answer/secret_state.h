/*
 * secret_state: secrets that somebody read, and what became of each since: was the value replaced
 * after the last read, or is what was read still good? Who else reads it, and will break when it is
 * rotated? The one engine behind blast, leaver and exposure.
 *
 * The rule. What was read counts as replaced when, after the last read, a new value became current:
 * a write of a value, a rotation's end, a version moved to current, as the log or a newer inventory
 * says. It does not count: a rotation that started and has not ended or failed, a version that
 * waits (AWSPENDING; one that was read while it waited is replaced by the next but one), a move
 * back to a version that was current at the read or was read, a change that may have been one of a
 * tag. Where the versions of all reads are known and the current one is too, they decide.
 */
#pragma once
#include "core/answer/inventory.h"
#include "core/answer/secret_fold.h"

/* clang-format off */
#define KT_EXPOSURES(X) /* word, is what was read still good? */                                   \
    X(CURRENT, "exposed", true)               /* nothing replaced it */                            \
    X(BACK, "moved back", true)               /* it was replaced, and made current again */        \
    X(UNFINISHED, "rotation unfinished", true) /* started, waiting or failed */                    \
    X(UNPROVEN, "perhaps changed", true)      /* changed, and nobody says whether it was the value */ \
    X(LEASE, "lease not revoked", true)       /* issued for a time, and no end of it is known */   \
    X(DELETED, "deleted", false)              /* by its store; where it is used it may be valid */ \
    X(REVOKED, "revoked", false)              /* leases */                                         \
    X(ROTATED, "rotated", false)
enum kt_exposure {
#define X(n, w, open) KT_EXPOSURE_##n,
    KT_EXPOSURES(X)
#undef X
    KT_EXPOSURE_COUNT
};
/* clang-format on */
const char *kt_exposure_word(enum kt_exposure e);
bool kt_exposure_is_open(enum kt_exposure e);

struct kt_secret_reader { /* who reads it besides, over the last KT_READERS_SPAN */
    struct kt_str actor;  /* canonical */
    uint64_t reads;
    kt_time_ns last;
};
#define KT_READERS_SPAN (30 * KT_NS_DAY)

#define KT_STATE_VERSIONS 16u
struct kt_secret_state {
    struct kt_str secret;
    /* what was read of it, as kt_states_read was told */
    uint64_t reads;
    kt_time_ns first, last;
    kt_time_ns last_pending; /* of reads of a version that was not current yet; 0: none */
    uint64_t issued;         /* of reads: credentials made for the reader; judged as leases */
    struct kt_str version[KT_STATE_VERSIONS]; /* that were read, in order of appearance */
    unsigned n_versions;
    bool no_version; /* of some reads the version is not known */
    bool by_set;     /* never named: it lay in a set that was read whole */
    /* what became of it */
    enum kt_exposure exposure;
    kt_time_ns at;         /* of what the exposure says: the rotation, its start, … 0: none */
    struct kt_str by;      /* whoever did that; empty: not known */
    const char *from;      /* "log" or "inventory"; NULL: nothing is known */
    struct kt_str current; /* the current version, where it is known */
    const struct kt_inventory_item *listed; /* what its store says; NULL: no snapshot has it */
    /* the busiest first */
    const struct kt_secret_reader *reader;
    unsigned n_readers;
};

struct kt_states;
/* The ask lives as long; its window is no bound here. Loads the newest inventory. readers: the end
 * of the KT_READERS_SPAN over which readers are counted; 0: of none. */
KT_MUST_USE enum kt_status kt_states_new(struct kt_ask *a, kt_time_ns readers,
                                         struct kt_states **ret, struct kt_error *err);
void kt_states_free(struct kt_states *s);
const struct kt_inventory *kt_states_inventory(const struct kt_states *s);

#define KT_STATE_SECRETS_MAX 100000u
/* The number of a secret, added when new. KT_E_LIMIT: more than KT_STATE_SECRETS_MAX. */
KT_MUST_USE enum kt_status kt_states_put(struct kt_states *s, struct kt_str secret, uint32_t *ret,
                                         struct kt_error *err);
/* A read of it that is asked about. version, stage: empty when not known. */
struct kt_state_read {
    kt_time_ns time;
    struct kt_str version, stage;
    struct kt_str actor; /* canonical: the read is taken off its regular ones; empty: it is none
                            of them */
    bool issued, by_set;
};
void kt_states_read(struct kt_states *s, uint32_t n, const struct kt_state_read *read);
/* Many of one actor, of which no version is known; all before the KT_READERS_SPAN, all within it,
 * or all behind it. */
struct kt_state_reads {
    uint64_t n;
    kt_time_ns first, last;
    struct kt_str actor; /* as of a kt_state_read */
    bool issued;
};
void kt_states_reads(struct kt_states *s, uint32_t n, const struct kt_state_reads *reads);
/* Reads of it as another state counted them: its reads, issued, first, last, last_pending, version,
 * no_version and by_set. */
void kt_states_sum(struct kt_states *s, uint32_t n, const struct kt_secret_state *of);
/* Judges all of them, once. KT_E_LIMIT: they have too many readers, or changes. */
KT_MUST_USE enum kt_status kt_states_judge(struct kt_states *s, struct kt_error *err);
uint32_t kt_states_count(const struct kt_states *s);
const struct kt_secret_state *kt_states_at(const struct kt_states *s, uint32_t n);

/* ---- the rule alone ---- */
/* Fills exposure, at, by, from and current of st from changes in the order of time, and from what
 * its store says (st->listed). */
void kt_secret_judge(struct kt_secret_state *st, const struct kt_state_change *change, size_t n);
/* Of states that are credentials made for their reader and nothing else: was all of the path
 * revoked after the last was made, or as many leases one by one as anybody may have had of it?
 * (Vault: sys/leases/revoke…, check-in.) A lease's end by time leaves no record. */
KT_MUST_USE enum kt_status kt_leases_judge(struct kt_ask *a, struct kt_secret_state *st, uint32_t n,
                                           struct kt_error *err);
