/*
 * rotation: a change-over with two valid values: which version of a secret is current since when,
 * who has fetched it, and who has not, until nobody uses the old one; and what became of all
 * rotations of a window.
 *
 * What a read got: its version where the record has one. A read without one got what was current
 * then (AWS: without a version or a stage, AWSCURRENT), so a fetch after the rotation counts as one
 * of the new value; `by_time` says that this is all the log shows. A reader that fetched and never
 * asks again is no proof that its process uses what it fetched: the answer is about fetches.
 */
#pragma once
#include "core/answer/ask.h"

#define KT_ROTATION_BEFORE      (30 * KT_NS_DAY) /* before it: who reads the secret regularly */
#define KT_ROTATION_READERS_MAX 20000u

/* clang-format off */
#define KT_ROTATION_STATES(X) /* word, does it hold the old value? */                             \
    X(OLD, "uses the old one", true)       /* its newest fetch since the rotation was of it */     \
    X(BOTH, "uses both", true)             /* of both, and lately of the old one too */            \
    X(WAITING, "has not fetched", true)    /* a regular reader without a fetch since */            \
    X(NEW, "has the new one", false)                                                               \
    X(GONE, "read it once", false)         /* before the rotation, and not regularly */
enum kt_rotation_state {
#define X(n, w, old) KT_ROTATION_##n,
    KT_ROTATION_STATES(X)
#undef X
    KT_ROTATION_STATE_COUNT
};
/* clang-format on */
const char *kt_rotation_state_word(enum kt_rotation_state s);
bool kt_rotation_holds_old(enum kt_rotation_state s);

struct kt_rotation_reader {
    struct kt_str actor; /* canonical */
    enum kt_rotation_state state;
    uint64_t before; /* reads in the KT_ROTATION_BEFORE before the rotation */
    uint32_t days;   /* different days of these (UTC) */
    kt_time_ns last_before;
    uint64_t old, fresh;                      /* reads since: of an old value, of the new one */
    kt_time_ns last_old, first_new, last_new; /* of all; 0: none */
    struct kt_str version;                    /* of the newest read that tells one; empty: none */
};
struct kt_rotation {           /* all of it lives until kt_rotation_free */
    struct kt_str secret;      /* its id */
    kt_time_ns at;             /* since when the new value is current; 0: no rotation is known */
    struct kt_str by, current; /* who did it, the new version; empty: not known */
    struct kt_str previous;    /* the version of before, where reads or writes tell it */
    const char *from;   /* "log", "inventory" or "asked" (since was given, nothing says so) */
    kt_time_ns started; /* of one that is under way; 0: none */
    kt_time_ns failed;  /* newest failure after `at`; 0: none */
    kt_time_ns pending; /* a value that waits (AWSPENDING); 0: none */
    bool by_time;       /* no read tells a version */
    struct kt_rotation_reader *reader; /* by state, then newest first */
    unsigned n;
    unsigned count[KT_ROTATION_STATE_COUNT];
    kt_time_ns last_old; /* newest use of an old value since the rotation; 0: none is seen */
    struct kt_str last_old_by;
    bool done; /* a rotation is known, and nobody holds the old value */
};
struct kt_rotation_ask {
    struct kt_str secret; /* an id, or the end of one that fits one secret only */
    kt_time_ns since;     /* the rotation that is meant: the first from then on; 0: the newest */
    kt_time_ns settle; /* a reader of both has the new one when its last old fetch is so long ago */
};
/* The ask's window is no bound here: the newest 400 days are looked at. KT_E_INPUT: no secret fits,
 * or several do. KT_E_LIMIT: more readers than the bound. */
KT_MUST_USE enum kt_status kt_rotation_load(struct kt_ask *a, const struct kt_rotation_ask *what,
                                            struct kt_rotation **ret, struct kt_error *err);
void kt_rotation_free(struct kt_rotation *r);
/* The one sentence: "old version 6: last used 12 minutes ago by deploy-bot; 2 of 7 regular readers
 * have not fetched version 7". */
void kt_rotation_say(const struct kt_rotation *r, kt_time_ns now, struct kt_buf *out);

/* ---- all of them ---- */
/* clang-format off */
#define KT_ROTATION_FATES(X)                                                                       \
    X(FAILED, "failed")         /* and none that succeeded since */                                \
    X(HALF, "half-done")        /* started a day ago or more, or a value waits, and no end */      \
    X(RUNNING, "under way")                                                                        \
    X(OVERDUE, "overdue")       /* its date has passed */                                          \
    X(ROTATED, "rotated")       /* in the window */
enum kt_rotation_fate {
#define X(n, w) KT_FATE_OF_##n,
    KT_ROTATION_FATES(X)
#undef X
    KT_ROTATION_FATE_COUNT
};
/* clang-format on */
const char *kt_rotation_fate_word(enum kt_rotation_fate f);
struct kt_rotation_row { /* a secret has one row: the first fate that fits */
    struct kt_str secret, owner;
    enum kt_rotation_fate fate;
    kt_time_ns at;      /* of the failure, the start, the due date, the rotation */
    kt_time_ns rotated; /* newest that succeeded, whenever that was; 0: none is known */
    kt_time_ns due;     /* 0: no date */
    uint64_t rotations; /* in the window, of the log */
    kt_time_ns done;    /* the newest in the window; 0: none */
    uint64_t done_seq;  /* its record; 0: its store says so, the log does not */
    struct kt_str done_by;
    struct kt_str by;   /* of the event at `at`; empty: not known */
    struct kt_str what; /* its operation */
};
struct kt_rotations {            /* all of it lives until kt_rotations_free */
    struct kt_rotation_row *row; /* by fate, then by time */
    unsigned n;
    unsigned count[KT_ROTATION_FATE_COUNT];
    unsigned snapshots; /* sources that have made one: without, no date is known */
};
/* Over the ask's window; pattern as kt_inventory_load. */
KT_MUST_USE enum kt_status kt_rotations_load(struct kt_ask *a, struct kt_str pattern,
                                             struct kt_rotations **ret, struct kt_error *err);
void kt_rotations_free(struct kt_rotations *r);
